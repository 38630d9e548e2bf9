//! What the platform writes.

use super::*;
use crate::model::attributes::AttributeReply;

fn written(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

#[test]
fn doubles_have_the_shortest_digits_and_a_fraction() {
    for (value, expected) in [
        (42.0, "42.0"),
        (-0.5, "-0.5"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e16, "10000000000000000.0"),
        (0.00001, "0.00001"),
        (0.000_001, "1.0e-6"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5.0e-324"),
    ] {
        assert_eq!(written(&double(value)), expected);
    }
}

#[test]
fn strings_are_escaped() {
    assert_eq!(
        written(&text("a\"b\\c\n\r\t\u{0}\u{1f} é😀/")),
        "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f é😀/\""
    );
    assert_eq!(written(&text("")), "\"\"");
}

#[test]
fn other_values_are_written_as_they_are() {
    assert_eq!(written(&long(i64::MIN)), "-9223372036854775808");
    assert_eq!(written(&Value::Bool(true)), "true");
    assert_eq!(written(&json("{\"a\":[1.50]}")), "{\"a\":[1.50]}");
}

#[test]
fn attribute_replies_leave_out_sections_without_a_hit() {
    let reply = |client: Vec<_>, shared: Vec<_>| {
        let mut out = String::new();
        write_attribute_reply(&AttributeReply { client, shared }, &mut out);
        out
    };
    let a = || vec![entry("a", long(1)), entry("b", text("x"))];
    let c = || vec![entry("c\"", Value::Bool(true))];
    assert_eq!(
        reply(a(), c()),
        r#"{"client":{"a":1,"b":"x"},"shared":{"c\"":true}}"#
    );
    assert_eq!(reply(vec![], c()), r#"{"shared":{"c\"":true}}"#);
    assert_eq!(reply(vec![], vec![]), "{}");
}

#[test]
fn changes_and_deletions_are_two_messages() {
    let mut out = String::new();
    write_object(
        &[entry("targetTemp", long(21)), entry("mode", text("eco"))],
        &mut out,
    );
    assert_eq!(out, r#"{"targetTemp":21,"mode":"eco"}"#);
    out.clear();
    write_deleted(&["targetTemp".into(), "m\"".into()], &mut out);
    assert_eq!(out, r#"{"deleted":["targetTemp","m\""]}"#);
}

#[test]
fn server_rpc_has_exactly_its_fields_in_order() {
    let mut out = String::new();
    write_rpc(None, "getValue", "true", &mut out);
    assert_eq!(out, r#"{"method":"getValue","params":true}"#);
    out.clear();
    write_rpc(Some(7), "set\"", "{\"pin\":1}", &mut out);
    assert_eq!(out, r#"{"id":7,"method":"set\"","params":{"pin":1}}"#);
}
