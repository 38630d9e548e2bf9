//! The README's tour, pasted: only the address is this test's own.

use crate::clients::run;
use crate::common::Server;
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// The block of shell lines that holds `mark`.
fn block(mark: &str) -> &'static str {
    let blocks = README.split("```sh\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.contains(mark)).expect("a block")
}

#[test]
fn the_readmes_tour_shows_what_it_promises() {
    let host = "127.83.1.3";
    let folder = tempfile::tempdir().expect("temporary folder");
    let (http, mqtt) = (format!("{host}:8080"), format!("{host}:1883"));
    let environment = [
        ("INDUSTRYOS__HTTP__BIND", http.as_str()),
        ("INDUSTRYOS__MQTT__BIND", mqtt.as_str()),
        ("INDUSTRYOS__ADMIN__PASSWORD", "change-me-please"),
    ];
    let _server = Server::start_in(folder, "", &environment);
    let tour = block("# Log in").replace("HOST=127.0.0.1", &format!("HOST={host}"));
    let said = run(Command::new("bash").args(["-c", &tour])).ok().stdout;
    for promised in [
        "received PUBACK",
        r#""temperature":[{"ts":"#,
        r#""humidity":[{"ts":"#,
        r#"device got {"id":0,"method":"setSpeed","params":{"rpm":900}}"#,
        r#"{"done":true}"#,
        r#""kind":"telemetry_saved""#,
    ] {
        assert!(said.contains(promised), "no {promised} in: {said}");
    }
}

#[test]
fn the_readme_names_the_scripts_that_exist() {
    for script in ["scripts/start", "scripts/test", "scripts/bench"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        assert!(README.contains(script) && path.exists(), "{script}");
    }
}
