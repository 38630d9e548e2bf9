//! Method and path to what is asked for (contract/http.md 1 and 2). Pure.

use crate::model::reject::{Reason, Rejection};
use std::fmt;

/// One request for the device API, understood.
#[derive(PartialEq, Eq)]
pub(super) struct Route {
    /// Percent-decoded. A secret: never in logs, errors or `Debug`.
    pub token: String,
    pub resource: Resource,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({:?})", self.resource)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resource {
    PostTelemetry,
    PostAttributes,
    GetAttributes,
    PollAttributes,
    PollRpc,
    CallRpc,
    ReplyRpc { request_id: i32 },
}

/// Why a request has no route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NoRoute {
    NotFound(&'static str),
    /// The methods that the resource takes.
    Method(&'static str),
    Malformed(&'static str),
    RequestId,
}

impl NoRoute {
    pub fn rejection(&self) -> Rejection {
        match self {
            NoRoute::NotFound(what) => Rejection::new(Reason::UnknownTopic, *what),
            NoRoute::Method(allowed) => {
                let detail = format!("this resource takes {allowed} only");
                Rejection::new(Reason::ProtocolViolation, detail)
            }
            NoRoute::Malformed(what) => Rejection::new(Reason::ProtocolViolation, *what),
            NoRoute::RequestId => Rejection::new(
                Reason::BadRequestId,
                "the request id in the path is not a 32-bit integer",
            ),
        }
    }
}

const NOTHING_HERE: NoRoute = NoRoute::NotFound("the path names nothing here");
const NOT_YET: NoRoute = NoRoute::NotFound("this resource is not available yet");

/// What `method` on the raw (still escaped) path asks for. The path's segments are compared after
/// decoding, exactly: a doubled or trailing slash names nothing.
pub(super) fn route(method: &str, path: &str) -> Result<Route, NoRoute> {
    let mut segments = Vec::with_capacity(6);
    for raw in path.split('/').skip(1) {
        // The longest path has six segments; what is longer names nothing.
        if segments.len() == 6 {
            return Err(NOTHING_HERE);
        }
        segments.push(decoded(raw).ok_or(NoRoute::Malformed("the path holds an invalid escape"))?);
    }
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["api", "v1", rest @ ..] = words.as_slice() else {
        return Err(NOTHING_HERE);
    };
    let (token, resource) = match rest {
        [token, resource @ ..] if !token.is_empty() => (*token, resource),
        _ => return Err(NOTHING_HERE),
    };
    Ok(Route {
        resource: self::resource(method, token, resource)?,
        token: token.to_string(),
    })
}

fn resource(method: &str, token: &str, words: &[&str]) -> Result<Resource, NoRoute> {
    use Resource::*;
    match (words, method) {
        (["telemetry"], "POST") => Ok(PostTelemetry),
        (["telemetry"], _) => Err(NoRoute::Method("POST")),
        (["attributes"], "POST") => Ok(PostAttributes),
        (["attributes"], "GET") => Ok(GetAttributes),
        (["attributes"], _) => Err(NoRoute::Method("GET, POST")),
        (["attributes", "updates"], "GET") => Ok(PollAttributes),
        (["attributes", "updates"], _) => Err(NoRoute::Method("GET")),
        (["rpc"], "GET") => Ok(PollRpc),
        (["rpc"], "POST") => Ok(CallRpc),
        (["rpc"], _) => Err(NoRoute::Method("GET, POST")),
        (["rpc", id], "POST") => {
            let request_id = id.parse().map_err(|_| NoRoute::RequestId)?;
            Ok(ReplyRpc { request_id })
        }
        (["rpc", _], _) => Err(NoRoute::Method("POST")),
        (["claim"], "POST") | (["firmware" | "software"], "GET") => Err(NOT_YET),
        (["claim"], _) => Err(NoRoute::Method("POST")),
        (["firmware" | "software"], _) => Err(NoRoute::Method("GET")),
        ([], "POST") if token == "provision" => Err(NOT_YET),
        ([], _) if token == "provision" => Err(NoRoute::Method("POST")),
        _ => Err(NOTHING_HERE),
    }
}

/// A path segment without its escapes; `None` when an escape is broken or no UTF-8 comes out.
fn decoded(raw: &str) -> Option<String> {
    if !raw.contains('%') {
        return Some(raw.to_string());
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    loop {
        rest = match rest {
            [] => break,
            [b'%', high, low, tail @ ..] => {
                bytes.push(hex(*high)? << 4 | hex(*low)?);
                tail
            }
            [b'%', ..] => return None,
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, path: &str) -> Result<(String, Resource), NoRoute> {
        route(method, path).map(|route| (route.token, route.resource))
    }

    #[test]
    fn every_endpoint_has_its_route() {
        use Resource::*;
        for (method, path, resource) in [
            ("POST", "telemetry", PostTelemetry),
            ("POST", "attributes", PostAttributes),
            ("GET", "attributes", GetAttributes),
            ("GET", "attributes/updates", PollAttributes),
            ("GET", "rpc", PollRpc),
            ("POST", "rpc", CallRpc),
            ("POST", "rpc/7", ReplyRpc { request_id: 7 }),
            (
                "POST",
                "rpc/-2147483648",
                ReplyRpc {
                    request_id: i32::MIN,
                },
            ),
        ] {
            let path = format!("/api/v1/T/{path}");
            assert_eq!(of(method, &path), Ok(("T".to_string(), resource)), "{path}");
        }
    }

    #[test]
    fn tokens_are_decoded_and_resources_too() {
        let token = |path: &str| of("POST", path).map(|(token, _)| token);
        assert_eq!(
            token("/api/v1/a%2Fb%20c%c3%A9/telemetry"),
            Ok("a/b cé".to_string())
        );
        assert_eq!(token("/api/v1/a+b/telemetry"), Ok("a+b".to_string()));
        assert_eq!(
            token("/api/v1/provision/telemetry"),
            Ok("provision".to_string())
        );
        assert_eq!(token("/%61pi/v1/T/tele%6Detry"), Ok("T".to_string()));
        assert_eq!(token("/api/v1/../telemetry"), Ok("..".to_string()));
    }

    #[test]
    fn broken_escapes_are_malformed() {
        for path in ["%", "%4", "%zz", "%ff", "%+1", "a%c3/telemetry"] {
            let result = of("POST", &format!("/api/v1/{path}/telemetry"));
            assert!(
                matches!(result, Err(NoRoute::Malformed(_))),
                "{path}: {result:?}"
            );
        }
    }

    #[test]
    fn other_methods_are_told_what_is_allowed() {
        for (path, allowed) in [
            ("telemetry", "POST"),
            ("attributes", "GET, POST"),
            ("attributes/updates", "GET"),
            ("rpc", "GET, POST"),
            ("rpc/5", "POST"),
            ("claim", "POST"),
            ("firmware", "GET"),
        ] {
            for method in ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "FOO"] {
                let result = of(method, &format!("/api/v1/T/{path}"));
                assert_eq!(result, Err(NoRoute::Method(allowed)), "{method} {path}");
            }
        }
    }

    #[test]
    fn what_is_no_endpoint_is_not_found() {
        for path in [
            "",
            "/",
            "/api/v1",
            "/api/v1/",
            "/api/v1/T",
            "/api/v1/T/",
            "/api/v1//telemetry",
            "//api/v1/T/telemetry",
            "/api/v1/T/telemetry/",
            "/api/v1/T//telemetry",
            "/api/v1/T/telemetry/x",
            "/api/v2/T/telemetry",
            "/api/v1/T/rpc/5/6",
            "/api/v1/T/Telemetry",
            "/api/v1/T/attributes/update",
            "/api/v1/a/b/c/d/e/f/g",
        ] {
            assert!(
                matches!(of("POST", path), Err(NoRoute::NotFound(_))),
                "{path}"
            );
        }
    }

    #[test]
    fn what_comes_later_says_so() {
        for (method, path) in [
            ("POST", "/api/v1/T/claim"),
            ("GET", "/api/v1/T/firmware"),
            ("GET", "/api/v1/T/software"),
            ("POST", "/api/v1/provision"),
        ] {
            assert_eq!(of(method, path), Err(NOT_YET), "{path}");
        }
    }

    #[test]
    fn request_ids_are_32_bit_integers() {
        for id in ["x", "", "1.5", "2147483648", "99999999999999999999"] {
            let result = of("POST", &format!("/api/v1/T/rpc/{id}"));
            assert_eq!(result, Err(NoRoute::RequestId), "{id}");
        }
    }

    #[test]
    fn a_route_never_shows_its_token() {
        let route = route("POST", "/api/v1/SECRET/telemetry").unwrap();
        assert!(!format!("{route:?}").contains("SECRET"));
    }

    proptest::proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "(/|api|v1|%|[0-9a-f]|\\PC){0,30}") {
            let _ = route("POST", &path);
        }
    }
}
