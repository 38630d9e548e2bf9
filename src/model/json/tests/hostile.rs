//! Bytes of peers that mean harm, or that lost half of what they had to say.

use super::*;

#[test]
fn nesting_is_bounded_and_deep_input_is_cheap() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(31)).is_ok());
    assert_eq!(refused(nested(32)).0, Reason::TooDeep);
    assert_eq!(refused(nested(100_000)).0, Reason::TooDeep);
    let timed = |depth: usize| format!("[{{\"ts\":1,\"values\":{}}}]", nested(depth));
    assert!(read(timed(29)).is_ok());
    assert_eq!(refused(timed(30)).0, Reason::TooDeep);
    for bomb in ["[", "{\"a\":", "{a:", "[{\"a\":"] {
        let (reason, _) = refused(bomb.repeat(100_000));
        assert!(
            matches!(reason, Reason::TooDeep | Reason::BadShape | Reason::BadJson),
            "{bomb}: {reason:?}"
        );
        let no = attributes(bomb.repeat(100_000).as_bytes(), &strict_rules(), PLAIN).unwrap_err();
        assert!(
            matches!(no.reason, Reason::BadShape | Reason::BadJson),
            "{bomb}: {no}"
        );
    }
}

#[test]
fn the_lenient_parser_is_never_let_too_deep_whatever_the_rules() {
    const DEEP: usize = 30_000;
    let deep_rules = Rules {
        max_depth: usize::MAX,
        ..rules()
    };
    let body = format!("{{a:{}{}}}", "[".repeat(DEEP), "]".repeat(DEEP));
    let no = attributes(body.as_bytes(), &deep_rules, PLAIN).unwrap_err();
    assert_eq!(no.reason, Reason::TooDeep);
    let strict = body.replace("a:", "\"a\":");
    assert!(attributes(strict.as_bytes(), &deep_rules, PLAIN).is_ok());
}

#[test]
fn brackets_hidden_in_strings_and_comments_neither_count_nor_hide_others() {
    let quiet = "[".repeat(500);
    for body in [
        format!("{{a:'{quiet}'}}"),
        format!("{{a:\"\\\"{quiet}\"}}"),
        format!("{{a:1/*{quiet}*/}}"),
        format!("{{a:1//{quiet}\n}}"),
    ] {
        assert!(read(&body).is_ok(), "{body}");
    }
    let loud = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    for body in [
        format!("{{a:'\\'',b:{loud}}}"),
        format!("{{a:1/*'*/,b:{loud}}}"),
        format!("{{a:1//\"\n,b:{loud}}}"),
        format!("{{a:1/**//*/*/,b:{loud}}}"),
    ] {
        assert_eq!(refused(&body).0, Reason::TooDeep, "{body}");
    }
}

#[test]
fn a_message_truncated_at_any_byte_is_refused_or_whole() {
    let body = r#"[{"ts":"1451649600512","values":{"t":-25.5e1,"s":"a\u00e9\"","o":{"x":[1,null]}}},{"ü":true}]"#;
    assert!(read(body).is_ok());
    for end in 0..body.len() {
        let (reason, detail) = refused(&body.as_bytes()[..end]);
        assert_eq!(reason, Reason::BadJson, "cut at {end}: {detail}");
    }
}

#[test]
fn trailing_garbage_is_refused() {
    for body in ["{}x", "{} {}", "{\"a\":1},", "[]]", "{\"a\":1}\0", "{a:1}b"] {
        assert_eq!(refused(body).0, Reason::BadJson, "{body:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    assert_eq!(
        refused(b"{\"a\":\"\xff\"}"),
        (Reason::BadJson, "not UTF-8 at byte 7".to_string())
    );
    for body in [
        &b"\xc3\x28"[..],
        b"\xed\xa0\x80",
        b"{\"\xf0\x9f\":1}",
        b"\xff\xfe{\0}\0",
    ] {
        assert_eq!(refused(body).0, Reason::BadJson);
    }
}

#[test]
fn empty_payloads_are_refused() {
    for body in ["", " ", "\r\n\t"] {
        assert_eq!(
            refused(body),
            (Reason::BadJson, "the payload is empty".to_string())
        );
    }
}

#[test]
fn lone_surrogates_are_no_characters_wherever_they_stand() {
    for body in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\ud800"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"\ud800":1}"#,
        r#"{"a":["\ud800"]}"#,
        r#"{"a":{"\udc00":1}}"#,
        r#"{"a":["\ud83d\u0041"]}"#,
    ] {
        assert_eq!(refused(body).0, Reason::BadJson, "{body}");
    }
    assert!(read(r#"{"a":["\ud83d\ude00"],"b":"\ud83d\ude00"}"#).is_ok());
}

#[test]
fn syntax_errors_name_line_and_column_and_echo_nothing() {
    let (reason, detail) = refused("{\n  \"secret\": \"token-4711\",\n  \"b\" 5\n}");
    assert_eq!(reason, Reason::BadJson);
    assert!(detail.contains("line 3 column 7"), "{detail}");
    assert!(!detail.contains("4711"), "{detail}");
}

#[test]
fn serde_jsons_private_names_are_ordinary_keys() {
    for name in [
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
    ] {
        assert_eq!(
            rows(&format!("{{\"{name}\":\"5\"}}")),
            [(NOW, vec![entry(name, text("5"))])]
        );
        let nested = format!("{{\"{name}\":\"5\"}}");
        assert_eq!(
            rows(&format!("{{\"a\":{nested}}}"))[0].1,
            [entry("a", json(&nested))]
        );
    }
}

#[test]
fn huge_numbers_take_neither_long_nor_much() {
    let digits = "9".repeat(1_000_000);
    assert_eq!(
        rows(&format!("{{\"a\":{digits}}}"))[0].1,
        [entry("a", text(&digits))]
    );
    assert_eq!(
        rows(&format!("{{\"a\":0.{digits}}}"))[0].1,
        [entry("a", double(1.0))]
    );
    assert_eq!(
        refused(format!("{{\"a\":{digits}e{digits}}}")).0,
        Reason::BadValue
    );
    assert_eq!(
        rows(&format!("{{\"a\":1e-{digits}}}"))[0].1,
        [entry("a", double(0.0))]
    );
}
