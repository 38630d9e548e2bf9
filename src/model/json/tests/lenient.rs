//! JSON5 habits: accepted after strict parsing failed, if the rules allow it.

use super::*;

#[test]
fn habits_of_old_devices_are_understood() {
    let expected = [(NOW, vec![entry("temperature", long(25))])];
    for body in [
        "{temperature:25}",
        "{'temperature':25}",
        "{\"temperature\":25,}",
        "{\"temperature\":+25}",
        "{temperature:0x19}",
        "{/* c */ temperature: 25 // d\n}",
        "\u{feff}{\"temperature\":25}",
    ] {
        assert_eq!(rows(body), expected, "{body}");
    }
    assert_eq!(
        rows("[{ts:5,values:{a:'it\\'s \"x\"',b:.5,c:-0x10,d:[1,{e:null}],f:null}}]"),
        [(
            5,
            vec![
                entry("a", text("it's \"x\"")),
                entry("b", double(0.5)),
                entry("c", long(-16)),
                entry("d", json("[1,{\"e\":null}]")),
            ]
        )]
    );
}

#[test]
fn numbers_keep_their_type_except_exponents_and_very_large_ones() {
    let values = rows("{a:42.0,b:42,c:9223372036854775807,d:18446744073709551615,e:1e3}");
    let expected = [
        entry("a", double(42.0)),
        entry("b", long(42)),
        entry("c", long(i64::MAX)),
        entry("d", text("18446744073709551615")),
        entry("e", double(1000.0)),
    ];
    assert_eq!(values[0].1, expected);
}

#[test]
fn a_setting_turns_it_off() {
    for body in ["{temperature:25}", "{'a':1}", "{\"a\":1,}", "{\"a\":NaN}"] {
        let no = telemetry(body.as_bytes(), NOW, &strict_rules(), PLAIN).unwrap_err();
        assert_eq!(no.reason, Reason::BadJson, "{body}");
        assert!(no.detail.contains("line 1 column"), "{no}");
    }
}

#[test]
fn the_rules_hold_there_too() {
    assert_eq!(refused("{'':1}").0, Reason::BadKey);
    assert_eq!(refused("{ts:'x',values:{a:1}}").0, Reason::BadTimestamp);
    assert_eq!(refused("'text'").0, Reason::BadShape);
    assert_eq!(refused("{a:Infinity}").0, Reason::BadValue);
    assert_eq!(refused("{a:[NaN]}").0, Reason::BadValue);
    assert_eq!(refused("{a:1e999}").0, Reason::BadValue);
    assert_eq!(refused("{a:'\\ud800'}").0, Reason::BadJson);
}

#[test]
fn what_is_neither_is_reported_as_the_strict_parser_saw_it() {
    for body in [
        "hello", "{a}", "{a:}", "{:1}", "<xml/>", "a=1&b=2", "{a:01}", "{a:tru}", "//",
    ] {
        let (reason, detail) = refused(body);
        assert_eq!(reason, Reason::BadJson, "{body}");
        assert!(detail.starts_with("not valid JSON: "), "{body}: {detail}");
    }
}

#[test]
fn only_short_text_is_tried() {
    let body = |length: usize| format!("{{a:'{}'}}", "x".repeat(length - 6));
    assert!(read(body(64 << 10)).is_ok());
    assert_eq!(refused(body((64 << 10) + 1)).0, Reason::BadJson);
}
