//! `industryos-iot admin reset-password`: for who has lost it, on a stopped server.

use crate::common::operator::{agent, request};
use crate::common::server::{Server, ADMIN, PASSWORD};
use crate::common::Operator;
use serde_json::json;
use std::path::Path;
use std::process::Output;

fn reset(folder: &Path, user: &[&str]) -> Output {
    let mut command = Server::command(folder, "", &[]);
    let command = command.args(["admin", "reset-password"]).args(user);
    command.output().expect("run")
}

fn login(base: &str, password: &str) -> u16 {
    let body = json!({"username": ADMIN, "password": password}).to_string();
    request(
        &agent(),
        "POST",
        &format!("{base}/api/auth/login"),
        &[],
        &body,
    )
    .status
}

#[test]
fn a_password_is_reset_on_a_stopped_server_and_all_that_the_user_held_is_void() {
    let server = Server::start();
    let operator = Operator::login(&server.http(), ADMIN, PASSWORD);
    let key = operator.post("/api/apiKey", &json!({})).json["value"].clone();
    let key = format!("ApiKey {}", key.as_str().expect("a key"));

    let running = reset(server.folder.path(), &[]);
    let said = String::from_utf8_lossy(&running.stderr).into_owned();
    assert!(!running.status.success(), "it holds the data directory");
    assert!(said.contains("another process"), "{said}");
    assert_eq!(login(&server.http(), PASSWORD), 200, "nothing was changed");

    let (_, folder) = server.terminate();
    let unknown = reset(folder.path(), &["nobody"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && said.contains(ADMIN), "{said}");
    let done = reset(folder.path(), &[ADMIN]);
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let password = shown
        .lines()
        .find_map(|line| line.strip_prefix("Password (shown only now):"))
        .expect("a password")
        .trim();
    assert_eq!(password.len(), 24, "{shown}");

    let server = Server::start_in(folder, "", &[]);
    let base = server.http();
    assert_eq!(login(&base, PASSWORD), 401);
    assert_eq!(login(&base, password), 200);
    for header in [key, format!("Bearer {}", operator.token)] {
        let headers = [("X-Authorization", header.as_str())];
        let url = format!("{base}/api/auth/user");
        let answer = request(&agent(), "GET", &url, &headers, "");
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
}

#[test]
fn a_folder_without_data_is_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let refused = reset(folder.path(), &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("no data directory"),
        "{said}"
    );
    assert!(!folder.path().join("data").exists());
}
