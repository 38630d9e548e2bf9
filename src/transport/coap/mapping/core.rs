//! `/.well-known/core` (RFC 6690): what this door offers.

use coap_lite::link_format::LinkFormatWrite;

/// In link format. A device that is known by its association needs no token in its paths.
pub fn links(association: bool) -> String {
    let mut text = String::new();
    let mut writer = LinkFormatWrite::new(&mut text);
    if association {
        writer.link("/api/v1/telemetry").attr_quoted("ct", "50 60");
        for observed in ["/api/v1/attributes", "/api/v1/rpc"] {
            writer
                .link(observed)
                .attr_quoted("ct", "50 60")
                .attr("obs", "");
        }
    }
    writer
        .link("/api/v1")
        .attr_quoted("ct", "50 60")
        .attr_quoted(
            "title",
            "/{token}/telemetry, /{token}/attributes, /{token}/rpc",
        );
    writer.link("/.well-known/core").attr("ct", "40");
    // Writing into a String cannot fail.
    let _ = writer.finish();
    text
}
