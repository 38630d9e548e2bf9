//! Each endpoint does what contract/http.md 1 and 4 to 6 say.

use crate::house::{House, TOKEN};
use crate::raw::{ask, request, to};
use industryos_iot::model::rpc::RpcAnswer;
use industryos_iot::model::value::Value;
use std::time::Duration;

#[test]
fn telemetry_is_stored_with_its_types_before_the_empty_200() {
    let house = House::open();
    let body = r#"{"temperature":42,"humidity":73.0,"on":true,"s":"007","o":{"b":[1, 2]}}"#;
    let answer = ask(&house, request("POST", "telemetry", body));
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let expected = [
        ("humidity", Value::Double(73.0)),
        ("o", Value::Json("{\"b\":[1,2]}".into())),
        ("on", Value::Bool(true)),
        ("s", Value::Text("007".into())),
        ("temperature", Value::Long(42)),
    ];
    let latest = house.latest();
    for (key, value) in expected {
        assert!(
            latest.contains(&(key.to_string(), value)),
            "{key} in {latest:?}"
        );
    }
}

#[test]
fn every_shape_of_telemetry_is_taken() {
    let house = House::open();
    for body in [
        r#"{"ts":1451649600512,"values":{"a":1}}"#,
        r#"[{"a":1},{"ts":1451649600512,"values":{"b":2}}]"#,
        "[]",
        "{}",
        "{temperature:25}",
        r#"{"n":null}"#,
    ] {
        let answer = ask(&house, request("POST", "telemetry", body));
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{body}");
    }
}

#[test]
fn any_content_type_will_do() {
    let house = House::open();
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=utf-8",
        "x",
    ] {
        let body = "{\"a\":1}";
        let text = format!(
            "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 7\r\n\r\n{body}"
        );
        assert_eq!(ask(&house, text).status, 200, "{kind}");
    }
}

#[test]
fn attributes_are_posted_and_read_back_by_scope_and_key() {
    let house = House::open();
    let posted = ask(
        &house,
        request("POST", "attributes", r#"{"fw":"1.2","n":1,"m":{"x":1.50}}"#),
    );
    assert_eq!((posted.status, posted.body.as_str()), (200, ""));
    house.share(&[("target", 20), ("other", 1)]);
    for (query, expected) in [
        (
            "?clientKeys=fw&sharedKeys=target,none",
            r#"{"client":{"fw":"1.2"},"shared":{"target":20}}"#,
        ),
        ("?sharedKeys=target", r#"{"shared":{"target":20}}"#),
        ("?clientKeys=m", r#"{"client":{"m":{"x":1.50}}}"#),
        ("?clientKeys=none", "{}"),
        ("?clientKeys=%20fw", "{}"),
        ("?clientKeys=&sharedKeys=other", r#"{"shared":{"other":1}}"#),
    ] {
        let answer = ask(&house, request("GET", &format!("attributes{query}"), ""));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{query}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    for query in ["", "?", "?clientKeys=&sharedKeys=", "?client_keys=fw"] {
        let all = ask(&house, request("GET", &format!("attributes{query}"), "")).json();
        assert_eq!(all["client"]["n"], 1, "{query}");
        assert_eq!(all["shared"]["other"], 1, "{query}");
    }
}

#[test]
fn a_device_without_attributes_gets_an_empty_object() {
    let house = House::open();
    let answer = ask(&house, request("GET", "attributes", ""));
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
}

#[test]
fn a_client_rpc_is_answered() {
    let house = House::open();
    let answer = ask(
        &house,
        request("POST", "rpc", r#"{"method":"getTime","params":{}}"#),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        answer.body.contains("17") || answer.body.contains("18"),
        "{answer:?}"
    );
    let answer = ask(
        &house,
        request("POST", "rpc", r#"{"method":"nobodyKnows"}"#),
    );
    assert_eq!(answer.status, 200);
    assert!(answer.json()["error"].is_string(), "{answer:?}");
}

#[test]
fn a_polled_rpc_is_replied_to_by_its_id() {
    let house = House::open();
    let reply = house.rpc(House::order("setGpio", "{\"pin\":1}", false, false));
    let polled = ask(&house, request("GET", "rpc?timeout=20000", ""));
    assert_eq!(polled.status, 200);
    let id = polled.json()["id"].as_i64().expect("an id");
    assert_eq!(
        polled.body,
        format!(r#"{{"id":{id},"method":"setGpio","params":{{"pin":1}}}}"#)
    );
    let answer = ask(&house, request("POST", &format!("rpc/{id}"), "[not json"));
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let reply = reply
        .recv_timeout(Duration::from_secs(20))
        .expect("a reply");
    assert_eq!(reply, RpcAnswer::Reply("[not json".into()));
}

#[test]
fn a_reply_to_an_unknown_id_and_an_empty_reply_are_200() {
    let house = House::open();
    for (id, body) in [("12345", "{}"), ("-1", "x"), ("7", "")] {
        let answer = ask(&house, request("POST", &format!("rpc/{id}"), body));
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{id}");
    }
}

#[test]
fn tokens_are_percent_decoded() {
    let house = House::open();
    let odd = house.add_device("a/b c%é");
    assert_eq!(house.credentials_of(odd), "a/b c%é");
    let path = "/api/v1/a%2Fb%20c%25%C3%A9/telemetry";
    assert_eq!(ask(&house, to(path, "POST", "{\"a\":1}")).status, 200);
    assert_eq!(
        ask(
            &house,
            to("/api/v1/a/b%20c%25%C3%A9/telemetry", "POST", "{}")
        )
        .status,
        404
    );
}

#[test]
fn an_ordinary_client_is_served() {
    let house = House::open();
    let url = format!("http://{}/api/v1/{TOKEN}/telemetry", house.http);
    let answer = ureq::post(&url).send("{\"a\":1.5}").expect("200");
    assert_eq!(answer.status(), 200);
    let chunked = ureq::post(&url).send(ureq::SendBody::from_reader(&mut "{\"b\":2}".as_bytes()));
    assert_eq!(chunked.expect("200").status(), 200);
    assert!(house.latest().contains(&("b".to_string(), Value::Long(2))));
}
