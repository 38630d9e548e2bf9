//! Filters that devices may subscribe to, by exact text (contract/mqtt.md 4).

use super::Form;

/// What a filter lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// SHARED attribute changes: sent to subscribers only.
    AttributeUpdates,
    /// Server-side RPC: sent to subscribers only.
    RpcRequests,
    /// Answers: sent in any case; the filter settles their QoS.
    AttributeResponses,
    RpcResponses,
    /// Granted because devices ask for it; the platform has nothing to send there.
    Nothing,
    /// As `Nothing`, but the device would wait for Protobuf in vain, so its operator is told.
    Protobuf,
}

/// One of the filters we serve: an index into [`SERVED`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter(u8);

const SERVED: &[(&str, Kind, Form)] = &[
    (
        "v1/devices/me/attributes",
        Kind::AttributeUpdates,
        Form::Long,
    ),
    (
        "v1/devices/me/attributes/response/+",
        Kind::AttributeResponses,
        Form::Long,
    ),
    ("v1/devices/me/rpc/request/+", Kind::RpcRequests, Form::Long),
    (
        "v1/devices/me/rpc/response/+",
        Kind::RpcResponses,
        Form::Long,
    ),
    ("v2/a", Kind::AttributeUpdates, Form::Short),
    ("v2/a/j", Kind::AttributeUpdates, Form::ShortJson),
    ("v2/a/res/+", Kind::AttributeResponses, Form::Short),
    ("v2/a/res/j/+", Kind::AttributeResponses, Form::ShortJson),
    ("v2/r/req/+", Kind::RpcRequests, Form::Short),
    ("v2/r/req/j/+", Kind::RpcRequests, Form::ShortJson),
    ("v2/r/res/+", Kind::RpcResponses, Form::Short),
    ("v2/r/res/j/+", Kind::RpcResponses, Form::ShortJson),
    ("v2/a/p", Kind::Protobuf, Form::Short),
    ("v2/a/res/p/+", Kind::Protobuf, Form::Short),
    ("v2/r/req/p/+", Kind::Protobuf, Form::Short),
    ("v2/r/res/p/+", Kind::Protobuf, Form::Short),
    ("v2/fw/response/+/chunk/+", Kind::Nothing, Form::Short),
    ("v2/fw/error", Kind::Nothing, Form::Short),
    ("v2/sw/response/+/chunk/+", Kind::Nothing, Form::Short),
    ("v2/sw/error", Kind::Nothing, Form::Short),
    ("v1/gateway/attributes", Kind::Nothing, Form::Long),
    ("v1/gateway/attributes/response", Kind::Nothing, Form::Long),
    ("v1/gateway/rpc", Kind::Nothing, Form::Long),
];

impl Filter {
    /// `None`: a filter that nobody here serves.
    pub fn parse(text: &str) -> Option<Self> {
        let index = SERVED.iter().position(|(served, ..)| *served == text)?;
        u8::try_from(index).ok().map(Self)
    }

    fn row(self) -> &'static (&'static str, Kind, Form) {
        // An index is only ever made by `parse`; the first row stands in for the impossible.
        SERVED.get(usize::from(self.0)).unwrap_or(&SERVED[0])
    }

    pub fn text(self) -> &'static str {
        self.row().0
    }

    pub fn kind(self) -> Kind {
        self.row().1
    }

    pub fn form(self) -> Form {
        self.row().2
    }

    /// Every filter we grant, for tests and documents.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).take(SERVED.len()).map(Self)
    }
}
