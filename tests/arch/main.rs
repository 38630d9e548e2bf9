//! Holds the house together: reads the sources under `src/` and checks who names whom (design.md 3),
//! what the pure parts keep out, and that nothing panics on purpose.
//!
//! `source` turns a text into facts, `rules` judges them; here they meet the tree, and texts that
//! break each rule once: a checker that cannot fail holds nothing.

mod rules;
mod source;

use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_source_keeps_the_rules_of_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 50, "the sources were not found");
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&root).unwrap();
        let name = name.to_str().unwrap().replace('\\', "/");
        source::Source::read(&name, &std::fs::read_to_string(path).unwrap())
    };
    let sources: Vec<source::Source> = paths.iter().map(read).collect();
    let faults = rules::check(&sources);
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Foreign functions of OpenSSL's DTLS, which the crate has no safe form of.
const UNSAFE: &str = "transport/dtls/foreign.rs";

#[test]
fn unsafe_code_has_one_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let has_unsafe = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or(line));
        code.into_iter()
            .any(|line| line.contains("unsafe") && !line.contains("#![deny("))
    };
    let rooms: Vec<PathBuf> = paths.into_iter().filter(has_unsafe).collect();
    assert_eq!(rooms, [root.join(UNSAFE)]);
}

fn faults(path: &str, text: &str) -> Vec<String> {
    rules::check(&[source::Source::read(path, &format!("//! Head.\n{text}"))])
}

/// Each text breaks one rule in one place; the fault must say so.
#[test]
fn the_checker_finds_each_kind_of_fault() {
    let table = [
        // Arrows, in every spelling.
        (
            "model/a.rs",
            "use crate::store::Batch;",
            "model may not name store",
        ),
        (
            "model/a.rs",
            "fn f() { crate::store::x(); }",
            "model may not name store",
        ),
        (
            "store/a.rs",
            "use crate::{model::ids, auth::Auth};",
            "store may not name auth",
        ),
        (
            "auth/a/b.rs",
            "use super::super::super::device::X;",
            "auth may not name device",
        ),
        (
            "auth/mod.rs",
            "use super::registry;",
            "auth may not name registry",
        ),
        (
            "auth/a.rs",
            "mod m { use super::super::super::api::X; }",
            "auth may not name api",
        ),
        (
            "device/a.rs",
            "pub use crate::registry::*;",
            "device may not name registry",
        ),
        (
            "device/a.rs",
            "type S = Box<dyn Fn(crate::auth::Auth)>;",
            "device may not name auth",
        ),
        (
            "registry/a.rs",
            "use crate::transport::mqtt;",
            "registry may not name transport",
        ),
        (
            "registry/a.rs",
            "use crate::store::Change;",
            "registry may not name store",
        ),
        (
            "transport/mqtt/a.rs",
            "use crate::store::SharedStore;",
            "transport may not name store",
        ),
        (
            "transport/mqtt/a.rs",
            "use crate::auth::Auth;",
            "transport may not name auth",
        ),
        (
            "transport/mqtt/a.rs",
            "use crate::device::Snapshot;",
            "transport may not name device",
        ),
        (
            "api/a.rs",
            "use crate::device::Snapshot;",
            "api may not name device",
        ),
        (
            "config/a.rs",
            "use crate::store::SharedStore;",
            "config may not name store",
        ),
        (
            "store/a.rs",
            "#[test] fn t() { crate::api::x(); }",
            "store may not name api",
        ),
        (
            "auth/a.rs",
            "fn f() { m!(crate::device::X); }",
            "auth may not name device",
        ),
        // Protocols and engines.
        (
            "transport/mqtt/a.rs",
            "use crate::transport::http::X;",
            "mqtt may not name http",
        ),
        (
            "transport/http/a/b.rs",
            "use super::super::super::mqtt::X;",
            "http may not name mqtt",
        ),
        (
            "transport/coap/a.rs",
            "use crate::transport::{lwm2m};",
            "coap may not name lwm2m",
        ),
        (
            "store/journal/a.rs",
            "use sled::Db;",
            "the crate sled belongs to store/sled",
        ),
        (
            "store/memory/a.rs",
            "fn f(d: ::sled::Db) {}",
            "the crate sled belongs to store/sled",
        ),
        (
            "store/memory/a.rs",
            "use sled as s;",
            "the crate sled belongs to store/sled",
        ),
        (
            "auth/a.rs",
            "use crate::store::sled::Engine;",
            "auth may not name the engine sled",
        ),
        (
            "device/a.rs",
            "use crate::store::memory::X;",
            "device may not name the engine memory",
        ),
        (
            "auth/a.rs",
            "use actix_web::web;",
            "auth may not name the crate actix_web",
        ),
        (
            "store/a.rs",
            "fn f() { actix::spawn(g()); }",
            "store may not name the crate actix",
        ),
        (
            "device/a.rs",
            "use rmqtt_codec::v5;",
            "device may not name the crate rmqtt_codec",
        ),
        (
            "model/a.rs",
            "pub struct MqttThing;",
            "a type named MqttThing",
        ),
        (
            "registry/a.rs",
            "enum SledMode { A }",
            "a type named SledMode",
        ),
        // Purity.
        (
            "transport/mqtt/codec/a.rs",
            "use tokio::net::TcpStream;",
            "no tokio",
        ),
        (
            "transport/mqtt/session.rs",
            "fn f() { tokio::time::sleep(d); }",
            "no tokio",
        ),
        (
            "transport/mqtt/session/a.rs",
            "use std::net::TcpStream;",
            "no TcpStream",
        ),
        (
            "transport/mqtt/session/a.rs",
            "use std::{net::UdpSocket};",
            "no UdpSocket",
        ),
        (
            "transport/mqtt/session/a.rs",
            "fn f() { Instant::now(); }",
            "no clock",
        ),
        (
            "device/state.rs",
            "fn f() { std::time::SystemTime::now(); }",
            "no clock",
        ),
        ("device/state/a.rs", "use actix::prelude::*;", "no actix"),
        ("model/a.rs", "fn f() { std::fs::read(p); }", "no std::fs"),
        // Panics.
        ("api/a.rs", "fn f() { x.unwrap(); }", "unwrap"),
        ("api/a.rs", "fn f() { m!(x.expect(\"y\")); }", "expect"),
        ("api/a.rs", "fn f() { x.map(Option::unwrap); }", "unwrap"),
        ("api/a.rs", "fn f() { panic!(\"no\") }", "panic!"),
        ("api/a.rs", "fn f() { todo!() }", "todo!"),
        (
            "api/a.rs",
            "fn f() { std::unimplemented!() }",
            "unimplemented!",
        ),
        (
            "api/a.rs",
            "#[cfg(not(test))] fn f() { x.unwrap(); }",
            "unwrap",
        ),
        (
            "api/a.rs",
            "#[test] fn t() {} fn f() { x.unwrap(); }",
            "unwrap",
        ),
        ("app.rs", "fn f() { assert!(x); }", "assert!"),
    ];
    for (path, text, expected) in table {
        let found = faults(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}\n{found:?}");
        assert!(found[0].contains(expected), "{path}: {text}\n{found:?}");
        assert!(
            found[0].starts_with(&format!("src/{path}:2: ")),
            "{found:?}"
        );
    }
}

#[test]
fn the_checker_is_silent_on_what_is_allowed() {
    let table = [
        (
            "auth/a.rs",
            "use crate::store::SharedStore; use super::clock; use crate::model::*;",
        ),
        (
            "auth/a/b.rs",
            "use super::super::c; mod m { use super::super::super::c; }",
        ),
        (
            "auth/a.rs",
            "/// A `crate::device::X` may be told of. \n// crate::device\nfn f() {}",
        ),
        (
            "auth/a.rs",
            "const S: &str = \"crate::device::X x.unwrap() panic!\";",
        ),
        (
            "auth/a.rs",
            "#[cfg(test)] mod tests { use crate::store::memory::MemoryStore; }",
        ),
        (
            "registry/a.rs",
            "use crate::store::{SharedStore, batch::DeleteSelection};",
        ),
        (
            "registry/a.rs",
            "#[cfg(test)] mod tests { use crate::store::memory::MemoryStore; }",
        ),
        ("transport/lwm2m/a.rs", "use crate::transport::coap::X;"),
        (
            "transport/mqtt/a.rs",
            "use crate::transport::mqtt::codec; use tokio::net::TcpListener;",
        ),
        (
            "transport/mqtt/session/a.rs",
            "use std::net::IpAddr; fn f(now: Instant) {}",
        ),
        (
            "store/sled/a.rs",
            "use sled::Db; use super::super::batch::Batch;",
        ),
        (
            "store/a.rs",
            "use crate::store::sled::Engine; use super::sled::Engine;",
        ),
        (
            "config/a.rs",
            "use crate::store::Config; struct C { m: crate::transport::mqtt::Config }",
        ),
        (
            "app.rs",
            "use crate::{api, auth::Auth, store::sled::Engine, transport::mqtt};",
        ),
        (
            "api/a.rs",
            "fn f() { x.unwrap_or(1); x.unwrap_or_default(); self.expect_two(); }",
        ),
        (
            "api/a.rs",
            "#[test] fn t() { x.unwrap(); assert!(y); panic!(); }",
        ),
        (
            "api/a.rs",
            "#[cfg(test)] mod tests { fn f() { x.unwrap(); } }",
        ),
        (
            "api/a.rs",
            "#[cfg(feature = \"panic-injection\")] fn f() { panic!(\"asked for\"); }",
        ),
        ("api/a.rs", "#[tokio::test] async fn t() { x.unwrap(); }"),
        (
            "model/a.rs",
            "enum Kind { Mqtt, Http } fn f(a: u8) -> bool { a != 1 && !(a == 2) }",
        ),
    ];
    for (path, text) in table {
        assert_eq!(faults(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn a_file_behind_cfg_test_counts_as_test_also_when_it_is_another_file() {
    let parent = "//! Head.\n#[cfg(test)]\nmod tests;\n#[cfg(test)] mod checks;\nmod plain;";
    let body = "//! Head.\nfn f() { x.unwrap(); }";
    let read = |path, text| source::Source::read(path, text);
    let all = [
        read("api/mod.rs", parent),
        read("api/tests/mod.rs", body),
        read("api/tests/deep/a.rs", body),
        read("api/checks.rs", body),
        read("api/plain.rs", body),
    ];
    let found = rules::check(&all);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src/api/plain.rs:2: "));
}

#[test]
fn a_file_without_head_or_end_is_a_fault() {
    let headless = source::Source::read("api/a.rs", "fn f() {}\n");
    assert!(rules::check(&[headless])[0].contains("first line"));
    let endless = format!("//! Head.\n{}", "// line\n".repeat(500));
    let endless = source::Source::read("api/a.rs", &endless);
    assert!(rules::check(&[endless])[0].contains("501 lines"));
}

/// Where they are compared byte by byte, the time that it takes tells how much of a guess is right.
#[test]
fn secrets_are_compared_in_one_place_and_in_constant_time() {
    let secret = r"\w*(password|secret|signature|guess|presented)\w*";
    let what = format!(r"\b{secret}(\.\w+\(\)|\[\.\.\])* [!=]= |[!=]= [&*]*(\w+\.)*{secret}\b");
    let compared = regex::Regex::new(&what).expect("a pattern");
    let mut found = Vec::new();
    for room in ["src/auth", "src/api", "src/registry", "src/transport"] {
        sources(Path::new(room), &mut found);
    }
    let mut faults = Vec::new();
    for file in found
        .iter()
        .filter(|file| !file.to_string_lossy().contains("tests"))
    {
        let text = std::fs::read_to_string(file).expect("a source");
        let shipped = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        for line in shipped.lines().filter(|line| compared.is_match(line)) {
            // A mask is no secret; of two hashes that are ours nobody guesses one.
            if !line.contains("MASK") && !line.contains("password_hash") {
                faults.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    let material = std::fs::read_to_string("src/auth/material.rs").expect("a source");
    assert!(material.contains("stored.ct_eq(&presented).into()"));
    for line in [
        "if password == given {",
        "a.secret != b",
        "x == *self.password",
        "guess.as_bytes() == y",
        "stored_password == given",
    ] {
        assert!(compared.is_match(line), "{line}");
    }
}
