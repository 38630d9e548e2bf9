//! Topics and filters, read and written (contract/mqtt.md 3 and 4).

use super::topic::Topic;
use super::{Filter, Form, Kind};

#[test]
fn every_topic_of_the_table_is_read_in_its_three_forms() {
    let cases = [
        ("v1/devices/me/telemetry", Topic::Telemetry),
        ("v2/t", Topic::Telemetry),
        ("v2/t/j", Topic::Telemetry),
        ("v1/devices/me/attributes", Topic::Attributes),
        ("v2/a", Topic::Attributes),
        ("v2/a/j", Topic::Attributes),
        (
            "v1/devices/me/attributes/request/1",
            Topic::AttributeRequest(Form::Long, Some(1)),
        ),
        (
            "v2/a/req/-1",
            Topic::AttributeRequest(Form::Short, Some(-1)),
        ),
        (
            "v2/a/req/j/0",
            Topic::AttributeRequest(Form::ShortJson, Some(0)),
        ),
        (
            "v1/devices/me/rpc/request/5",
            Topic::RpcCall(Form::Long, Some(5)),
        ),
        ("v2/r/req/5", Topic::RpcCall(Form::Short, Some(5))),
        ("v2/r/req/j/5", Topic::RpcCall(Form::ShortJson, Some(5))),
        (
            "v1/devices/me/rpc/response/-2147483648",
            Topic::RpcReply(Some(i32::MIN)),
        ),
        ("v2/r/res/2147483647", Topic::RpcReply(Some(i32::MAX))),
        ("v2/r/res/j/9", Topic::RpcReply(Some(9))),
        ("v2/a/req/5/6", Topic::AttributeRequest(Form::Short, None)),
        ("v2/r/req/j/", Topic::RpcCall(Form::ShortJson, None)),
        ("v1/gateway/telemetry", Topic::Gateway),
        ("v1/gateway/xyz", Topic::Gateway),
    ];
    for (name, expected) in cases {
        assert_eq!(Topic::parse(name), expected, "{name}");
    }
}

#[test]
fn what_is_no_topic_of_ours_is_unknown_and_shown_in_part() {
    for name in [
        "V1/devices/me/telemetry",
        "v1/devices/me/telemetry/",
        "v1/devices/other/telemetry",
        "v1/devices/me/attributes/response/1",
        "v2/",
        "v2/t/p",
        "v2/a/p",
        "v2/a/res/1",
        "v2/r/req/p/1",
        "v1/gateway",
        " ",
    ] {
        assert_eq!(Topic::parse(name), Topic::Unknown(name.into()), "{name}");
    }
    let long = "ü".repeat(60_000);
    match Topic::parse(&long) {
        Topic::Unknown(shown) => assert_eq!(shown.chars().count(), 80),
        other => panic!("{other:?}"),
    }
}

#[test]
fn filters_are_known_by_their_exact_text() {
    for filter in Filter::all() {
        assert_eq!(Filter::parse(filter.text()), Some(filter));
        assert_eq!(Filter::parse(&format!("{}/", filter.text())), None);
        assert_eq!(Filter::parse(&filter.text().to_uppercase()), None);
    }
    let known = Filter::parse("v2/r/req/j/+").unwrap();
    assert_eq!(
        (known.kind(), known.form()),
        (Kind::RpcRequests, Form::ShortJson)
    );
}
