//! Random input: what is written reads back the same, the streaming parser agrees with a tree,
//! and no bytes make it panic.

use super::*;
use proptest::prelude::*;

fn key() -> impl Strategy<Value = Key> {
    proptest::string::string_regex("[a-zA-Z0-9_.é\"\\\\ ]{0,12}k")
        .expect("a valid pattern")
        .prop_map(Key::from)
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e15..1e15).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|members| { serde_json::Value::Object(members.into_iter().collect()) }),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Long),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::Double),
        any::<String>().prop_map(|text| Value::Text(text.into())),
        tree()
            .prop_filter("nested", |tree| tree.is_object() || tree.is_array())
            .prop_map(|tree| Value::Json(tree.to_string().into())),
    ]
}

/// The same conversion, by way of a tree.
fn reference(tree: &serde_json::Value) -> Option<Value> {
    Some(match tree {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(value) => Value::Long(value),
            None => Value::Double(number.as_f64()?),
        },
        serde_json::Value::String(value) => Value::Text(value.into()),
        nested => Value::Json(nested.to_string().into()),
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(
        entries in proptest::collection::hash_map(key(), value(), 0..12),
        ts in any::<i64>(),
    ) {
        let entries: Vec<_> = entries.into_iter().collect();
        let mut body = String::new();
        write_object(&entries, &mut body);
        let (back, nulls) = attributes(body.as_bytes(), &strict_rules(), PLAIN).unwrap();
        prop_assert_eq!(&back, &entries);
        prop_assert_eq!(nulls, 0);
        let timed = format!("{{\"ts\":{ts},\"values\":{body}}}");
        let rows = telemetry(timed.as_bytes(), NOW, &strict_rules(), PLAIN).unwrap().rows;
        let rows: Vec<_> = rows.iter().collect();
        if entries.is_empty() {
            prop_assert!(rows.is_empty());
        } else {
            prop_assert_eq!((rows[0].ts, &rows[0].values), (ts, &entries));
        }
    }

    #[test]
    fn the_streaming_parser_agrees_with_a_tree(
        members in proptest::collection::vec((key(), tree()), 0..8),
        pretty in any::<bool>(),
    ) {
        let object: serde_json::Map<_, _> =
            members.into_iter().map(|(key, tree)| (key.to_string(), tree)).collect();
        let expected: Vec<_> = object
            .iter()
            .filter_map(|(key, tree)| Some((Key::from(key.as_str()), reference(tree)?)))
            .collect();
        let tree = serde_json::Value::Object(object);
        let body = if pretty {
            serde_json::to_string_pretty(&tree).unwrap()
        } else {
            tree.to_string()
        };
        let (entries, _) = attributes(body.as_bytes(), &strict_rules(), PLAIN).unwrap();
        prop_assert_eq!(entries, expected);
    }

    #[test]
    fn lenient_reading_of_strict_json_changes_nothing(
        entries in proptest::collection::vec((key(), value()), 0..8),
    ) {
        let mut body = String::new();
        write_object(&entries, &mut body);
        let strict = attributes(body.as_bytes(), &strict_rules(), PLAIN).unwrap();
        // A trailing comma makes it JSON5 without touching anything else.
        if !entries.is_empty() {
            let body = format!("{},}}", &body[..body.len() - 1]);
            let lenient = attributes(body.as_bytes(), &rules(), PLAIN).unwrap();
            let same = |value: &Value| match value {
                Value::Json(text) => serde_json::from_str(text).unwrap(),
                _ => serde_json::Value::Null,
            };
            prop_assert_eq!(strict.0.len(), lenient.0.len());
            for ((key, a), (other, b)) in strict.0.iter().zip(&lenient.0) {
                prop_assert_eq!(key, other);
                prop_assert!(a == b || same(a).is_array() || same(a).is_object(), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_text_of_json_like_characters_makes_it_panic(
        text in "[{}\\[\\]:,\"'/*\\\\u0-9eE+.a-f \n-]{0,64}",
    ) {
        let _ = read(&text);
        let _ = attribute_request(text.as_bytes(), &rules());
        let _ = rpc_call(text.as_bytes(), &rules());
        let _ = rpc_order(text.as_bytes(), true, NOW, 5, &rules());
    }
}
