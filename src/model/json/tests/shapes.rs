//! The shapes of contract/mqtt.md 6 and 7, and what is none of them.

use super::*;

const TS: i64 = 1_451_649_600_512;

#[test]
fn an_object_is_one_row_of_now() {
    let expected = vec![
        entry("temperature", double(25.5)),
        entry("on", Value::Bool(true)),
        entry("name", text("x")),
        entry("pos", json("{\"lat\":1.5}")),
        entry("list", json("[1,2]")),
    ];
    let body = r#"{"temperature":25.5,"on":true,"name":"x","pos":{"lat":1.5},"list":[1,2]}"#;
    assert_eq!(rows(body), [(NOW, expected)]);
}

#[test]
fn the_timed_form_needs_ts_and_values_in_whatever_order() {
    let timed = [(TS, vec![entry("t", long(25))])];
    assert_eq!(rows(r#"{"ts":1451649600512,"values":{"t":25}}"#), timed);
    assert_eq!(rows(r#"{"values":{"t":25},"ts":1451649600512}"#), timed);
    assert_eq!(rows(r#"{"values":{"t":25},"ts":"1451649600512"}"#), timed);
    assert_eq!(
        rows(r#"{"x":1,"values":{"t":25},"y":2,"ts":1451649600512}"#),
        timed
    );
    assert_eq!(
        rows(r#"{"ts":1,"values":{"q":1},"values":{"t":25},"ts":1451649600512}"#),
        timed
    );
}

#[test]
fn large_values_may_come_before_ts() {
    let members: Vec<String> = (0..900).map(|n| format!("\"k{n}\":{n}")).collect();
    let values = members.join(",");
    let before = rows(&format!("{{\"values\":{{{values}}},\"ts\":5}}"));
    assert_eq!(
        before,
        rows(&format!("{{\"ts\":5,\"values\":{{{values}}}}}"))
    );
    assert_eq!((before[0].0, before[0].1.len()), (5, 900));
}

#[test]
fn ts_alone_and_values_alone_are_ordinary_keys() {
    assert_eq!(
        rows(r#"{"ts":5,"a":1}"#),
        [(NOW, vec![entry("a", long(1)), entry("ts", long(5))])]
    );
    assert_eq!(
        rows(r#"{"values":{"a":1}}"#),
        [(NOW, vec![entry("values", json("{\"a\":1}"))])]
    );
}

#[test]
fn an_array_mixes_both_forms_and_shares_the_receive_time() {
    let body = r#" [ {"a":1} , {"ts":1451649600512,"values":{"b":2}} , {}, {"c":3} ] "#;
    let expected = [
        (NOW, vec![entry("a", long(1))]),
        (TS, vec![entry("b", long(2))]),
        (NOW, vec![entry("c", long(3))]),
    ];
    assert_eq!(rows(body), expected);
}

#[test]
fn empty_objects_and_arrays_are_accepted_and_hold_nothing() {
    for body in ["{}", "[]", "[{}]", r#"{"ts":1,"values":{}}"#] {
        assert_eq!(read(body), Ok(Telemetry::default()), "{body}");
    }
}

#[test]
fn timestamps_are_any_64_bits_of_milliseconds() {
    for (ts, expected) in [
        ("0", 0),
        ("-1", -1),
        ("9223372036854775807", i64::MAX),
        ("\"-5\"", -5),
        ("1.451649600512e12", TS),
        ("1451649600512.0", TS),
    ] {
        let body = format!("{{\"ts\":{ts},\"values\":{{\"a\":1}}}}");
        assert_eq!(rows(&body)[0].0, expected, "{ts}");
    }
    for ts in [
        "null",
        "true",
        "\"\"",
        "\"-\"",
        "\"now\"",
        "\"1.5\"",
        "\"+5\"",
        "1.5",
        "1e400",
        "{}",
        "[1]",
        "9223372036854775808",
        "\"9223372036854775808\"",
    ] {
        for body in [
            format!("{{\"ts\":{ts},\"values\":{{\"a\":1}}}}"),
            format!("{{\"values\":{{\"a\":1}},\"ts\":{ts}}}"),
        ] {
            let (reason, detail) = refused(&body);
            assert_eq!(reason, Reason::BadTimestamp, "{body}");
            assert!(detail.starts_with("ts: "), "{detail}");
        }
    }
}

#[test]
fn other_shapes_are_refused_with_the_place() {
    for (body, place) in [
        ("5", "expected an object, or an array"),
        ("\"text\"", "expected an object, or an array"),
        ("true", "expected an object, or an array"),
        ("null", "expected an object, or an array"),
        ("[1]", "[0]: expected an object"),
        ("[{\"a\":1},[{\"a\":1}]]", "[1]: expected an object"),
        (
            "[{\"ts\":1,\"values\":[1]}]",
            "[0].values: expected an object",
        ),
        (
            "[{\"values\":null,\"ts\":1}]",
            "[0].values: expected an object",
        ),
        ("{\"values\":5,\"ts\":1}", "values: expected an object"),
    ] {
        let (reason, detail) = refused(body);
        assert_eq!(reason, Reason::BadShape, "{body}: {detail}");
        assert!(detail.contains(place), "{body}: {detail}");
        assert!(detail.contains("line 1, column"), "{body}: {detail}");
        assert!(!detail.contains("text"), "echoes the value: {detail}");
    }
}

#[test]
fn attributes_are_one_object_where_ts_and_values_are_plain_keys() {
    let (entries, nulls) =
        attributes(br#"{"ts":1,"values":{"a":2},"n":null}"#, &rules(), PLAIN).unwrap();
    assert_eq!(
        entries,
        [entry("ts", long(1)), entry("values", json("{\"a\":2}"))]
    );
    assert_eq!(nulls, 1);
    for body in ["[]", "[{\"a\":1}]", "7", "\"x\"", "null"] {
        let no = attributes(body.as_bytes(), &rules(), PLAIN).unwrap_err();
        assert_eq!(no.reason, Reason::BadShape, "{body}");
    }
}

#[test]
fn keys_are_not_blank_not_too_long_and_no_markup() {
    let longest = "é".repeat(255);
    assert_eq!(rows(&format!("{{\"{longest}\":1}}"))[0].1[0].0, longest);
    let too_long = "é".repeat(256);
    for key in [
        "",
        " ",
        "\\t\\u00a0",
        &too_long,
        "<b>",
        "a</a>",
        "x{{y}}",
        "<!-- -->",
    ] {
        let (reason, detail) = refused(format!("[{{\"ts\":1,\"values\":{{\"{key}\":1}}}}]"));
        assert_eq!(reason, Reason::BadKey, "{key}");
        assert!(detail.starts_with("[0].values: the key \""), "{detail}");
        assert!(detail.len() < 160, "{detail}");
    }
    for key in ["a<b", "1 < 2", "{{", "}}{{", "a,b", "Ключ", "\\u0000", "-"] {
        assert_eq!(rows(&format!("{{\"{key}\":1}}"))[0].1.len(), 1, "{key}");
    }
}

#[test]
fn details_name_the_path_of_a_bad_value() {
    let (_, detail) = refused(r#"[{"a":1},{"ts":1,"values":{"temp":1e400}}]"#);
    assert_eq!(
        detail,
        "[1].values.temp: the number is too large for any type"
    );
    let (_, detail) = refused("{\"a\\nb\":1e400}");
    assert!(detail.starts_with("a\\nb: "), "{detail}");
}

#[test]
fn more_points_than_allowed_are_too_large() {
    let members = |n: usize| {
        let all: Vec<String> = (0..n).map(|n| format!("\"k{n}\":null")).collect();
        all.join(",")
    };
    assert!(read(format!("{{{}}}", members(1000))).is_ok());
    assert_eq!(
        refused(format!("{{{}}}", members(1001))).0,
        Reason::TooLarge
    );
    let rows = vec!["{\"a\":1}"; 1001].join(",");
    assert_eq!(refused(format!("[{rows}]")).0, Reason::TooLarge);
}
