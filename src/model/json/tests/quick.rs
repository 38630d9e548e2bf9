//! The path by hand against the streaming visitors, which are the oracle: what it does not give up
//! on must come out the same, bit for bit.

use super::super::attributes::object;
use super::super::quick;
use super::super::telemetry::message;
use super::super::value::Conversion;
use super::*;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

fn how(rules: &Rules) -> Conversion<'_> {
    Conversion { rules, cast: false }
}

#[test]
fn what_devices_send_is_read_by_hand() {
    for body in [
        r#"{"temperature":25.5,"on":true,"off":false,"name":"küche","n":-7}"#,
        r#" { "pos" : { "lat" : 1.5, "tags": [ "a b", null ] } , "list" : [1,2] } "#,
        r#"{"ts":1451649600512,"values":{"t":25,"ts":1,"values":2}}"#,
        r#"[{"a":1},{"ts":-5,"values":{"b":1e3,"c":0.12345678901234567}},{},{"d":null}]"#,
        "{}",
        "[]",
        r#"{"ts":1,"values":{}}"#,
    ] {
        let rules = rules();
        let by_hand = quick::telemetry(body, NOW, how(&rules));
        assert!(by_hand.is_some(), "{body}");
        assert_eq!(by_hand, message(body, NOW, how(&rules)).ok(), "{body}");
    }
    let flat: Vec<String> = (0..200).map(|n| format!("\"k{n}\":{n}")).collect();
    let flat = format!("{{{}}}", flat.join(","));
    let rules = rules();
    assert!(quick::telemetry(&flat, NOW, how(&rules)).is_some());
    assert!(quick::attributes(&flat, how(&rules)).is_some());
}

#[test]
fn a_vector_of_values_is_as_long_as_needed() {
    let rules = rules();
    let body = r#"{"a":1,"b":null,"c":3,"d":4,"e":5}"#;
    let (values, nulls) = quick::attributes(body, how(&rules)).expect("plain");
    assert_eq!((values.len(), values.capacity(), nulls), (4, 4, 1));
}

#[test]
fn it_agrees_with_the_visitors_on_whatever_it_takes() {
    let taken = compare(20_000, 7);
    assert!(taken > 4_000, "took only {taken}: this proves nothing");
}

/// `cargo test --release --lib json::tests::quick -- --ignored`
#[test]
#[ignore = "two million documents take a while"]
fn it_agrees_with_the_visitors_on_two_million_documents() {
    let taken = compare(2_000_000, rand::random());
    assert!(taken > 400_000, "took only {taken}: this proves nothing");
}

/// Compares `count` documents; returns how many were read by hand.
fn compare(count: usize, seed: u64) -> usize {
    println!("seed {seed}");
    let mut maker = Maker(StdRng::seed_from_u64(seed));
    let mut taken = 0;
    for _ in 0..count {
        let text = maker.document();
        let rules = Rules {
            max_depth: *maker.one(&[32, 32, 32, 32, 32, 1, 2, 3, 4]),
            max_key: *maker.one(&[255, 255, 255, 255, 255, 255, 255, 3]),
            max_points: *maker.one(&[1000, 1000, 1000, 1000, 1000, 1000, 1, 6]),
            lenient: false,
        };
        let cast = maker.0.random_bool(0.2);
        let how = Conversion {
            rules: &rules,
            cast,
        };
        if let Some(by_hand) = quick::telemetry(&text, NOW, how) {
            let visited = message(&text, NOW, how);
            assert_eq!(by_hand, visited.expect(&text), "{text}");
            taken += 1;
        }
        if let Some(by_hand) = quick::attributes(&text, how) {
            let visited = object(&text, how);
            assert_eq!(by_hand, visited.expect(&text), "{text}");
        }
    }
    taken
}

/// Documents that are nearly right, or right, or were.
struct Maker(StdRng);

impl Maker {
    fn one<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        from.choose(&mut self.0).expect("not empty")
    }

    fn often(&mut self) -> bool {
        self.0.random_bool(0.9)
    }

    fn document(&mut self) -> String {
        let mut text = self.space();
        text += &match self.0.random_range(0..10) {
            0..6 => self.row(),
            6..9 => self.list('[', ']', 4, Self::row),
            _ => self.value(3),
        };
        text += &self.space();
        if self.0.random_bool(0.3) {
            let mut chars: Vec<char> = text.chars().collect();
            for _ in 0..self.0.random_range(1..4) {
                self.spoil(&mut chars);
            }
            text = chars.into_iter().collect();
        }
        text
    }

    fn spoil(&mut self, chars: &mut Vec<char>) {
        let all: Vec<char> = "{}[],:\"\\ 0123456789.eE+-ntfu\n\u{1}\u{c}\u{7f}é€"
            .chars()
            .collect();
        let at = self.0.random_range(0..=chars.len());
        match self.0.random_range(0..4) {
            0 => chars.insert(at, *self.one(&all)),
            1 if at < chars.len() => drop(chars.remove(at)),
            2 if at < chars.len() => chars[at] = *self.one(&all),
            3 if self.0.random_bool(0.3) => chars.truncate(at),
            _ => {
                let end = self.0.random_range(at..=chars.len());
                let part = chars[at..end].to_vec();
                chars.splice(at..at, part);
            }
        }
    }

    fn row(&mut self) -> String {
        if self.0.random_bool(0.7) {
            return self.members();
        }
        let ts = match self.often() {
            true => self.0.random_range(-5i64..2_000_000_000_000).to_string(),
            false => self.value(1),
        };
        let (values, space) = (self.members(), self.space());
        match self.0.random_range(0..10) {
            0 => format!("{{\"values\":{values},\"ts\":{ts}}}"),
            1 => format!("{{\"ts\":{ts},\"values\":{values},\"a\":1}}"),
            2 => format!("{{\"a\":1,\"ts\":{ts},\"values\":{values}}}"),
            3 => format!("{{\"ts\":{ts},\"values\":{values},\"ts\":3}}"),
            _ => format!("{{{space}\"ts\":{space}{ts},{space}\"values\":{values}{space}}}"),
        }
    }

    fn members(&mut self) -> String {
        let most = *self.one(&[6, 6, 6, 6, 20, 70]);
        // Few names in a long object: some stand twice.
        self.list('{', '}', most, |maker| {
            let (name, before, behind) = (maker.name(), maker.space(), maker.space());
            let value = maker.value(3);
            format!("\"{name}\"{before}:{behind}{value}")
        })
    }

    fn list(
        &mut self,
        open: char,
        close: char,
        most: usize,
        item: fn(&mut Self) -> String,
    ) -> String {
        let count = self.0.random_range(0..=most);
        let items: Vec<String> = (0..count).map(|_| item(self) + &self.space()).collect();
        format!("{open}{}{}{close}", self.space(), items.join(","))
    }

    fn space(&mut self) -> String {
        let spaces = [
            "", "", "", "", "", "", " ", "\n  ", "\t\r\n", "\u{c}", "\u{a0}",
        ];
        match self.often() {
            true => (*self.one(&spaces[..9])).to_string(),
            false => (*self.one(&spaces)).to_string(),
        }
    }

    fn name(&mut self) -> String {
        const ODD: [&str; 18] = [
            "ts",
            "values",
            "",
            " ",
            "\\t",
            "\u{a0}",
            "<b>",
            "a<b",
            "{{x}}",
            "{{",
            "é",
            "Ключ",
            "\\u0061",
            "a",
            "<",
            "{",
            "long name of a key that is long",
            "</",
        ];
        match self.0.random_range(0..100) {
            0..3 => (*self.one(&ODD)).to_string(),
            3..40 => format!("k{}", self.0.random_range(0..1000)),
            _ => {
                let length = self.0.random_range(1..16);
                (0..length)
                    .map(|_| self.0.random_range('a'..='z'))
                    .collect()
            }
        }
    }

    fn value(&mut self, depth: usize) -> String {
        match self.0.random_range(0..20) {
            0..9 => self.number(),
            9..13 => self.text(),
            13 | 14 => "true".to_string(),
            15 => "false".to_string(),
            16 => "null".to_string(),
            17 if depth > 0 => self.list('[', ']', 3, |maker| maker.value(1)),
            18 if depth > 0 => self.members(),
            _ => (*self.one(&["True", "nul", "NaN", "'a'", "-", "1e400", "5", "[[[[1]]]]"]))
                .to_string(),
        }
    }

    fn number(&mut self) -> String {
        let digits = |maker: &mut Self, most: usize| -> String {
            let length = maker.0.random_range(1..=most);
            (0..length)
                .map(|_| maker.0.random_range('0'..='9'))
                .collect()
        };
        let most = *self.one(&[3, 3, 6, 12, 21]);
        let sign = *self.one(&["", "", "", "-"]);
        let whole = match self.often() {
            true => digits(self, most).trim_start_matches('0').to_string(),
            false => digits(self, 3),
        };
        let whole = if whole.is_empty() {
            "0".to_string()
        } else {
            whole
        };
        let mut number = format!("{sign}{whole}");
        if self.0.random_bool(0.5) {
            number = format!("{number}.{}", digits(self, most));
        }
        if self.0.random_bool(0.1) {
            let (e, sign) = (*self.one(&["e", "E"]), *self.one(&["", "+", "-"]));
            number = format!("{number}{e}{sign}{}", digits(self, 2));
        }
        number
    }

    fn text(&mut self) -> String {
        const ODD: [&str; 10] = [
            "\\n", "\\\"", "\\u00e9", "\\ud800", "\u{1}", "\u{7f}", "é", "€", "{[,:]}", "  ",
        ];
        let length = *self.one(&[0usize, 2, 5, 9, 30]);
        let mut text = String::from("\"");
        for _ in 0..length {
            match self.0.random_range(0..200) {
                0..3 => {
                    let odd = *self.one(&ODD);
                    text.push_str(odd);
                }
                3..60 => text.push(self.0.random_range('0'..='9')),
                60 => text.push_str(".-"),
                _ => text.push(self.0.random_range('a'..='z')),
            }
        }
        text.push('"');
        text
    }
}
