//! contract/admin-rest.md 1: login, refresh, logout, who am I, change of password.

use crate::common::operator::Operator;
use crate::harness::{assert_error, ok, ok_empty, start, start_with, ADMIN, PASSWORD};
use industryos_iot::model::units::Period;
use serde_json::json;
use std::time::Duration;

fn credentials(password: &str) -> String {
    json!({"username": ADMIN, "password": password}).to_string()
}

#[test]
fn a_login_gives_two_tokens_and_either_header_takes_the_first() {
    let api = start();
    let pair = ok(api.anonymous("POST", "/api/auth/login", &credentials(PASSWORD)));
    assert!(pair["refreshToken"].is_string());
    let bearer = format!("Bearer {}", pair["token"].as_str().unwrap());
    for header in ["X-Authorization", "Authorization"] {
        let user = ok(api.with_headers("GET", "/api/auth/user", &[(header, &bearer)], ""));
        assert_eq!(user["email"], ADMIN);
        assert_eq!(user["authority"], "TENANT_ADMIN");
        assert_eq!(
            user["customerId"]["id"],
            "13814000-1dd2-11b2-8080-808080808080"
        );
        assert_eq!(user["id"]["entityType"], "USER");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
    let api = start();
    let wrong = api.anonymous("POST", "/api/auth/login", &credentials("no"));
    assert_error(&wrong, 401, 10, "Invalid username or password");
    let unknown = json!({"username": "who@localhost", "password": PASSWORD}).to_string();
    let unknown = api.anonymous("POST", "/api/auth/login", &unknown);
    assert_error(&unknown, 401, 10, "Invalid username or password");
}

#[test]
fn login_takes_json_of_the_right_shape_and_only_by_post() {
    let api = start();
    for body in ["", "{", "[]", "{}", r#"{"username":1,"password":"s3cret"}"#] {
        let answer = api.anonymous("POST", "/api/auth/login", body);
        assert_error(&answer, 400, 31, "Invalid request body");
        assert!(!answer.text.contains("s3cret"), "{}", answer.text);
    }
    let get = api.anonymous("GET", "/api/auth/login", "");
    assert_error(&get, 401, 10, "Authentication method not supported");
}

#[test]
fn too_many_wrong_logins_are_refused_with_429_and_retry_after() {
    let api = start_with(|config| config.admin.login_attempts = 3);
    for _ in 0..3 {
        let answer = api.anonymous("POST", "/api/auth/login", &credentials("no"));
        assert_error(&answer, 401, 10, "Invalid username or password");
    }
    let refused = api.anonymous("POST", "/api/auth/login", &credentials(PASSWORD));
    assert_error(&refused, 429, 33, "Too many");
    let path = "/api/auth/login";
    let wait = api.header("POST", path, &credentials(PASSWORD), "retry-after");
    let seconds: u64 = wait.expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    // Who is logged in already is not locked out.
    ok(api.get("/api/auth/user"));
}

#[test]
fn without_a_valid_token_everything_is_401_with_code_10() {
    let api = start();
    let schemes = [
        ("X-Authorization", "Bearer x.y.z".to_owned()),
        ("X-Authorization", "Bearer ".to_owned()),
        ("X-Authorization", format!("ApiKey {}", api.token)),
        ("Authorization", format!("Basic {}", api.token)),
        ("Authorization", api.token.clone()),
    ];
    for (name, value) in &schemes {
        let answer = api.with_headers("GET", "/api/auth/user", &[(name, value)], "");
        assert_error(&answer, 401, 10, "Authentication failed");
    }
    let none = api.anonymous("GET", "/api/auth/user", "");
    assert_error(&none, 401, 10, "Authentication failed");
}

#[test]
fn an_expired_token_is_told_apart_by_code_11() {
    let api = start_with(|config| config.admin.token_life = Period(Duration::from_secs(1)));
    let answer = crate::common::wait_for("the token to expire", || {
        let answer = api.get("/api/auth/user");
        (answer.status == 401).then_some(answer)
    });
    assert_error(&answer, 401, 11, "Token has expired");
}

#[test]
fn a_refresh_token_is_good_once_and_no_access_token() {
    let api = start();
    let first = ok(api.anonymous("POST", "/api/auth/login", &credentials(PASSWORD)));
    let refresh = json!({"refreshToken": first["refreshToken"]}).to_string();
    let second = ok(api.anonymous("POST", "/api/auth/token", &refresh));
    let bearer = format!("Bearer {}", second["token"].as_str().unwrap());
    let headers = [("X-Authorization", bearer.as_str())];
    ok(api.with_headers("GET", "/api/auth/user", &headers, ""));

    let again = api.anonymous("POST", "/api/auth/token", &refresh);
    assert_error(&again, 401, 10, "Authentication failed");
    let access = json!({"refreshToken": api.token}).to_string();
    let access = api.anonymous("POST", "/api/auth/token", &access);
    assert_error(&access, 401, 10, "Authentication failed");
    let bearer = format!("Bearer {}", second["refreshToken"].as_str().unwrap());
    let headers = [("X-Authorization", bearer.as_str())];
    let answer = api.with_headers("GET", "/api/auth/user", &headers, "");
    assert_error(&answer, 401, 10, "Authentication failed");
    let bad = api.anonymous("POST", "/api/auth/token", "{}");
    assert_error(&bad, 400, 31, "Invalid request body");
}

#[test]
fn logout_ends_one_session_with_its_refresh_token_and_no_other() {
    let api = start();
    let mine = ok(api.anonymous("POST", "/api/auth/login", &credentials(PASSWORD)));
    let bearer = format!("Bearer {}", mine["token"].as_str().unwrap());
    let headers = [("X-Authorization", bearer.as_str())];
    ok_empty(api.with_headers("POST", "/api/auth/logout", &headers, ""));

    let answer = api.with_headers("GET", "/api/auth/user", &headers, "");
    assert_error(&answer, 401, 10, "Authentication failed");
    let refresh = json!({"refreshToken": mine["refreshToken"]}).to_string();
    let answer = api.anonymous("POST", "/api/auth/token", &refresh);
    assert_error(&answer, 401, 10, "Authentication failed");
    ok(api.get("/api/auth/user"));
}

#[test]
fn a_changed_password_voids_every_older_token() {
    let api = start();
    let other = Operator::login(&api.base, ADMIN, PASSWORD);
    let wrong = json!({"currentPassword": "no", "newPassword": "another-password"});
    let answer = api.post("/api/auth/changePassword", &wrong);
    assert_error(&answer, 400, 31, "Current password doesn't match!");
    let short = json!({"currentPassword": PASSWORD, "newPassword": "short"});
    let answer = api.post("/api/auth/changePassword", &short);
    assert_error(&answer, 400, 31, "8 characters");

    let change = json!({"currentPassword": PASSWORD, "newPassword": "another-password"});
    let pair = ok(api.post("/api/auth/changePassword", &change));
    assert_eq!(other.get("/api/auth/user").status, 401);
    assert_eq!(api.get("/api/auth/user").status, 401);
    let bearer = format!("Bearer {}", pair["token"].as_str().unwrap());
    let headers = [("X-Authorization", bearer.as_str())];
    ok(api.with_headers("GET", "/api/auth/user", &headers, ""));
    let old = api.anonymous("POST", "/api/auth/login", &credentials(PASSWORD));
    assert_error(&old, 401, 10, "Invalid username or password");
    Operator::login(&api.base, ADMIN, "another-password");
}
