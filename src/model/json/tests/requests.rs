//! Attribute requests, client-side RPC and the operator's RPC order.

use super::*;
use crate::model::attributes::AttributeRequest;
use crate::model::ids::RpcId;

fn asked(body: &str) -> AttributeRequest {
    attribute_request(body.as_bytes(), &rules()).unwrap_or_else(|no| panic!("{body}: {no}"))
}

fn keys(keys: &[&str]) -> Option<Vec<Key>> {
    Some(keys.iter().copied().map(Key::from).collect())
}

#[test]
fn attribute_requests_split_at_commas_without_trimming() {
    assert_eq!(
        asked(r#"{"clientKeys":"a,b","sharedKeys":"c"}"#),
        AttributeRequest {
            client: keys(&["a", "b"]),
            shared: keys(&["c"]),
        }
    );
    assert_eq!(asked(r#"{"sharedKeys":"a, b"}"#).shared, keys(&["a", " b"]));
    assert_eq!(asked(r#"{"clientKeys":""}"#).client, keys(&[""]));
    assert_eq!(asked("{clientKeys:'a'}").client, keys(&["a"]));
}

#[test]
fn a_request_that_names_nothing_asks_for_everything() {
    for body in ["{}", r#"{"other":1}"#, r#"{"clientKeys":null}"#] {
        assert_eq!(asked(body), AttributeRequest::default(), "{body}");
    }
}

#[test]
fn malformed_attribute_requests_are_refused() {
    for (body, reason) in [
        ("", Reason::BadJson),
        ("{", Reason::BadJson),
        ("[]", Reason::BadShape),
        ("5", Reason::BadShape),
        (r#"{"clientKeys":["a"]}"#, Reason::BadShape),
        (r#"{"sharedKeys":5}"#, Reason::BadShape),
    ] {
        let no = attribute_request(body.as_bytes(), &rules()).unwrap_err();
        assert_eq!(no.reason, reason, "{body}: {no}");
    }
    let many = format!("{{\"clientKeys\":\"{}\"}}", ",".repeat(1000));
    let no = attribute_request(many.as_bytes(), &rules()).unwrap_err();
    assert_eq!(no.reason, Reason::TooLarge);
}

#[test]
fn a_client_rpc_has_a_method_and_perhaps_params() {
    let call = |body: &str| rpc_call(body.as_bytes(), &rules());
    let of = |method: &str, params: &str| Ok((method.to_string(), Box::from(params)));
    assert_eq!(
        call(r#"{"method":"getTime","params":{}}"#),
        of("getTime", "{}")
    );
    assert_eq!(
        call(r#"{"params": { "a" : "b c" },"method":"m"}"#),
        of("m", "{\"a\":\"b c\"}")
    );
    assert_eq!(call(r#"{"method":"m"}"#), of("m", "null"));
    assert_eq!(call("{method:'m',params:'x'}"), of("m", "\"x\""));
    for body in [
        "{}",
        r#"{"method":5}"#,
        r#"{"method":null}"#,
        r#"{"method":""}"#,
        "[]",
        "7",
    ] {
        assert_eq!(call(body).unwrap_err().reason, Reason::BadShape, "{body}");
    }
    let deep = format!(
        "{{\"method\":\"m\",\"params\":{}{}}}",
        "[".repeat(40),
        "]".repeat(40)
    );
    assert_eq!(call(&deep).unwrap_err().reason, Reason::TooDeep);
}

#[test]
fn an_rpc_order_has_the_contracts_defaults() {
    let order = rpc_order(br#"{"method":"m"}"#, true, NOW, 5, &rules()).unwrap();
    assert_eq!((order.method.as_str(), &*order.params), ("m", "null"));
    assert!(order.oneway && !order.persistent);
    assert_eq!(
        (order.created, order.expires, order.retries),
        (NOW, NOW + 10_000, 5)
    );
    assert_eq!(order.additional_info, None);
}

#[test]
fn an_rpc_order_takes_every_member() {
    let body = br#"{"method":"setGpio","params":{"pin": 7,"value":"12"},"timeout":"8000",
        "persistent":true,"retries":2,"additionalInfo":{"a": 1},
        "requestUUID":"784f394c-42b6-435a-983c-b7beff2784f9"}"#;
    let order = rpc_order(body, false, NOW, 5, &rules()).unwrap();
    assert_eq!(&*order.params, r#"{"pin":7,"value":"12"}"#);
    assert_eq!(
        (order.expires, order.persistent, order.retries),
        (NOW + 8000, true, 2)
    );
    assert_eq!(order.additional_info.as_deref(), Some("{\"a\":1}"));
    assert_eq!(
        Some(order.id),
        RpcId::parse("784f394c-42b6-435a-983c-b7beff2784f9")
    );
}

#[test]
fn an_rpc_orders_life_is_at_least_5_seconds_unless_it_names_its_end() {
    let expires = |body: &str| {
        let order = rpc_order(body.as_bytes(), false, NOW, 5, &rules()).unwrap();
        (order.expires - NOW, order.retries)
    };
    assert_eq!(expires(r#"{"method":"m","timeout":1}"#).0, 5000);
    assert_eq!(expires(r#"{"method":"m","timeout":-9}"#).0, 5000);
    assert_eq!(
        expires(r#"{"method":"m","timeout":9223372036854775807}"#).0,
        i64::MAX - NOW
    );
    let soon = format!(
        "{{\"method\":\"m\",\"timeout\":60000,\"expirationTime\":{}}}",
        NOW + 10
    );
    assert_eq!(expires(&soon).0, 10);
    assert_eq!(expires(r#"{"method":"m","retries":99}"#).1, 5);
}

#[test]
fn malformed_rpc_orders_are_refused_by_name() {
    for (body, name) in [
        (r#"{"params":{}}"#, "method"),
        (r#"{"method":"m","timeout":"soon"}"#, "timeout"),
        (r#"{"method":"m","timeout":1.5}"#, "timeout"),
        (r#"{"method":"m","expirationTime":true}"#, "expirationTime"),
        (r#"{"method":"m","persistent":"yes"}"#, "persistent"),
        (r#"{"method":"m","retries":-1}"#, "retries"),
        (r#"{"method":"m","requestUUID":"x"}"#, "requestUUID"),
        ("[]", "expected an object"),
    ] {
        let no = rpc_order(body.as_bytes(), true, NOW, 5, &rules()).unwrap_err();
        assert_eq!(no.reason, Reason::BadShape, "{body}");
        assert!(no.detail.starts_with(name), "{body}: {no}");
    }
}
