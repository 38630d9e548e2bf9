//! Every row of contract/data-model.md 2, over the posts of telemetry and of attributes alike.

use super::*;

fn both(input: &str, profile: ProfileOptions) -> Result<Option<Value>, Rejection> {
    let body = format!("{{\"k\":{input}}}");
    let rules = rules();
    let row = telemetry(body.as_bytes(), NOW, &rules, profile);
    let entries = attributes(body.as_bytes(), &rules, profile);
    match (row, entries) {
        (Ok(telemetry), Ok((entries, nulls))) => {
            assert_eq!(telemetry.nulls_skipped, nulls);
            let values = telemetry.rows.iter().flat_map(|row| row.values);
            assert_eq!(values.collect::<Vec<_>>(), entries, "{input}");
            Ok(entries.into_iter().next().map(|(_, value)| value))
        }
        (Err(a), Err(b)) => {
            assert_eq!(a, b);
            Err(a)
        }
        (a, b) => panic!("{input}: {a:?} and {b:?}"),
    }
}

fn table(rows: &[(&str, Value)], profile: ProfileOptions) {
    for (input, expected) in rows {
        let value = both(input, profile).unwrap_or_else(|no| panic!("{input}: {no}"));
        assert_eq!(value.as_ref(), Some(expected), "{input}");
    }
}

#[test]
fn whole_numbers_are_long() {
    let rows = [
        ("73", long(73)),
        ("-5", long(-5)),
        ("0", long(0)),
        ("-0", long(0)),
        ("9223372036854775807", long(i64::MAX)),
        ("-9223372036854775808", long(i64::MIN)),
    ];
    table(&rows, PLAIN);
    table(&rows, CAST);
}

#[test]
fn a_dot_makes_a_double_even_if_integral() {
    let rows = [
        ("42.0", double(42.0)),
        ("1.1", double(1.1)),
        ("-0.5", double(-0.5)),
        ("-0.0", double(-0.0)),
        (
            "12345678901234567890.5",
            double(12_345_678_901_234_567_890.5),
        ),
        ("0.12345678901234567", double(0.123_456_789_012_345_67)),
        (
            "0.1234567890123456789012345678901234567890",
            double(0.123_456_789_012_345_68),
        ),
    ];
    table(&rows, PLAIN);
    table(&rows, CAST);
}

#[test]
fn an_exponent_makes_a_long_when_the_value_is_integral() {
    let rows = [
        ("1E+1", long(10)),
        ("1e3", long(1000)),
        ("1.5e1", long(15)),
        ("-1.5e1", long(-15)),
        ("100e-2", long(1)),
        ("10.00e-1", long(1)),
        ("0e0", long(0)),
        ("-0.0e999999999999999999999", long(0)),
        ("9.223372036854775807e18", long(i64::MAX)),
        ("101E-1", double(10.1)),
        ("1e-20", double(1e-20)),
        ("1.25e1", double(12.5)),
        ("5e-324", double(5e-324)),
        ("1e-999999999999999999999", double(0.0)),
    ];
    table(&rows, PLAIN);
    table(&rows, CAST);
}

#[test]
fn whole_numbers_outside_64_bits_are_strings_of_plain_digits() {
    let rows = [
        ("99701010061400066001", text("99701010061400066001")),
        ("9.9701010061400066E19", text("99701010061400066000")),
        ("1E19", text("10000000000000000000")),
        ("-1E19", text("-10000000000000000000")),
        ("9223372036854775808", text("9223372036854775808")),
        ("-9223372036854775809", text("-9223372036854775809")),
    ];
    table(&rows, PLAIN);
    table(&rows, CAST);
}

#[test]
fn numbers_that_no_type_holds_are_refused() {
    let long = format!("{}.0", "9".repeat(400));
    for input in [
        "1e400",
        "-1e400",
        "1.5e309",
        "1e99999999999999999999",
        &long,
    ] {
        let no = both(input, PLAIN).unwrap_err();
        assert_eq!(no.reason, Reason::BadValue, "{input}");
        assert!(no.detail.contains("k: "), "{no}");
    }
    for input in ["NaN", "Infinity", "-Infinity", "+Infinity"] {
        assert_eq!(
            both(input, PLAIN).unwrap_err().reason,
            Reason::BadValue,
            "{input}"
        );
    }
}

#[test]
fn strings_stay_strings_unless_the_profile_casts() {
    for input in [
        "25", "-7", "007", "25.5", ".5", "1e3", "true", "", "0012345", " 25",
    ] {
        table(&[(&format!("\"{input}\""), text(input))], PLAIN);
    }
}

#[test]
fn numeric_strings_become_numbers_when_the_profile_casts() {
    let rows = [
        ("\"25\"", long(25)),
        ("\"-7\"", long(-7)),
        ("\"007\"", long(7)),
        ("\"-007\"", long(-7)),
        ("\"25.5\"", double(25.5)),
        ("\"3.0\"", double(3.0)),
        ("\".5\"", double(0.5)),
        ("\"\\u0032\\u0035\"", long(25)),
    ];
    table(&rows, CAST);
}

#[test]
fn what_is_no_plain_number_stays_a_string_when_the_profile_casts() {
    let stays = [
        "1e3",
        "25.",
        " 25",
        "25 ",
        "+5",
        "0x1F",
        "",
        "12 V",
        "-",
        ".",
        "-.5",
        "1.2.3",
        "--1",
        "99701010061400066001",
        "true",
        "NaN",
        "٣",
    ];
    for input in stays {
        table(&[(&format!("\"{input}\""), text(input))], CAST);
    }
    let huge = format!("{}.0", "9".repeat(400));
    table(&[(&format!("\"{huge}\""), text(&huge))], CAST);
}

#[test]
fn booleans_and_strings_keep_their_type() {
    let rows = [
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("\"true\"", text("true")),
        ("\"\"", text("")),
        ("\"a\\u00e9\\n\\\"\\ud83d\\ude00\"", text("aé\n\"😀")),
    ];
    table(&rows, PLAIN);
    table(&rows, CAST);
}

#[test]
fn objects_and_arrays_become_compact_json_in_their_own_order_and_spelling() {
    let rows = [
        ("{}", json("{}")),
        ("[]", json("[]")),
        ("[ 1 , 2,3 ]", json("[1,2,3]")),
        (
            "{ \"z\" : 1.50 ,\n\t\"a\" : { \"b c\" : [ true , null ] , \"n\":1E+2 } }",
            json("{\"z\":1.50,\"a\":{\"b c\":[true,null],\"n\":1E+2}}"),
        ),
        (
            "[\" a \\\" b \", \"\\\\\", \"\\ud83d\\ude00 \\u00e9\"]",
            json("[\" a \\\" b \",\"\\\\\",\"\\ud83d\\ude00 \\u00e9\"]"),
        ),
        ("[\"25\"]", json("[\"25\"]")),
    ];
    table(&rows, PLAIN);
    table(&rows, CAST);
}

#[test]
fn null_is_skipped_and_counted() {
    assert_eq!(both("null", PLAIN), Ok(None));
    let telemetry = read(r#"[{"a":null,"b":1,"c":null},{"a":null}]"#).unwrap();
    assert_eq!(telemetry.nulls_skipped, 3);
    assert_eq!(telemetry.rows.len(), 1);
}

#[test]
fn of_a_repeated_key_the_last_one_counts() {
    assert_eq!(
        rows(r#"{"a":1,"b":2,"a":3}"#)[0].1,
        [entry("b", long(2)), entry("a", long(3))]
    );
    let telemetry = read(r#"{"a":1,"a":null}"#).unwrap();
    assert_eq!((telemetry.rows.len(), telemetry.nulls_skipped), (0, 1));
    let telemetry = read(r#"{"a":null,"a":"x"}"#).unwrap();
    assert_eq!((telemetry.points(), telemetry.nulls_skipped), (1, 0));
    let many: Vec<String> = (0..400).map(|n| format!("\"k{}\":{n}", n % 200)).collect();
    let values = rows(&format!("{{{}}}", many.join(",")))[0].1.clone();
    assert_eq!(values.len(), 200);
    assert!(values.contains(&entry("k7", long(207))));
}
