//! Each sentence holds one promise of the configuration.

use super::error::{ConfigError, Place};
use super::{load, Config};
use std::path::{Path, PathBuf};

fn load_text(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[])
}

fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    load(Some(&file), environment, Path::new("/elsewhere"))
}

fn line_of(error: &ConfigError) -> usize {
    match error {
        ConfigError::UnknownKey {
            place: Place::Line { line, .. },
            ..
        }
        | ConfigError::BadValue {
            place: Place::Line { line, .. },
            ..
        }
        | ConfigError::Syntax {
            place: Place::Line { line, .. },
            ..
        } => *line,
        other => panic!("no line in {other}"),
    }
}

#[test]
fn the_shipped_file_is_valid_and_equals_the_defaults() {
    let shipped = load(Some(Path::new("config.toml")), [], Path::new(".")).unwrap();
    let defaults = load(None, [], Path::new(".")).unwrap();
    assert_eq!(shipped.mqtt.bind, "0.0.0.0:1883");
    assert_eq!(shipped.mqtt.max_packet, defaults.mqtt.max_packet);
    assert_eq!(shipped.http.bind, defaults.http.bind);
}

#[test]
fn every_key_of_the_shipped_file_says_why_in_a_comment() {
    for (number, line) in super::DEFAULTS.lines().enumerate() {
        let is_setting = line.contains(" = ") && !line.starts_with('#');
        let described = line.contains('#');
        assert!(
            !is_setting || described,
            "line {} has no comment: {line}",
            number + 1
        );
    }
}

#[test]
fn an_absent_section_leaves_its_defaults() {
    let config = load_text("[http]\nbind = \"127.0.0.1:9\"\n").unwrap();
    assert_eq!(config.http.bind, "127.0.0.1:9");
    assert_eq!(config.mqtt.bind, "0.0.0.0:1883");
}

#[test]
fn an_empty_file_and_an_empty_section_are_the_defaults() {
    assert!(load_text("").is_ok());
    assert!(load_text("[mqtt]\n").is_ok());
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_key() {
    let error = load_text("# note\n[mqtt]\nbnid = \"0.0.0.0:1\"\n")
        .err()
        .unwrap();
    assert_eq!(line_of(&error), 3);
    assert!(
        error.to_string().contains("did you mean `mqtt.bind`?"),
        "{error}"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_pointed_to_the_right_one() {
    let error = load_text("[http]\nmax_packet = \"1KiB\"\n").err().unwrap();
    assert!(
        error
            .to_string()
            .contains("did you mean `mqtt.max_packet`?"),
        "{error}"
    );
}

#[test]
fn an_unknown_section_is_refused_with_its_line() {
    let error = load_text("[http]\n\n[mqqt]\nbind = \"0.0.0.0:1\"\n")
        .err()
        .unwrap();
    assert!(matches!(error, ConfigError::UnknownKey { .. }), "{error}");
    assert!(line_of(&error) >= 3, "{error}");
    let empty = load_text("[http]\n[mqqt]\n").err().unwrap();
    assert_eq!(line_of(&empty), 2);
}

#[test]
fn a_value_without_its_unit_is_refused_with_its_line() {
    let error = load_text("[mqtt]\nmax_packet = \"64\"\n").err().unwrap();
    assert_eq!(line_of(&error), 2);
    assert!(error.to_string().contains("64KiB"), "{error}");
    let number = load_text("[mqtt]\nconnect_timeout = 10\n").err().unwrap();
    assert_eq!(line_of(&number), 2);
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    let error = load_text("[mqtt]\nbind = \n").err().unwrap();
    assert_eq!(line_of(&error), 2);
}

#[test]
fn a_file_that_is_missing_is_named() {
    let error = load(Some(Path::new("/nowhere/config.toml")), [], Path::new("."))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("/nowhere/config.toml"),
        "{error}"
    );
}

#[test]
fn environment_wins_over_the_file_in_the_keys_own_type() {
    let config = load_with(
        "[mqtt]\nbind = \"127.0.0.1:1\"\nenabled = true\n",
        &[
            ("INDUSTRYOS__MQTT__BIND", "127.0.0.1:2"),
            ("INDUSTRYOS__MQTT__RECEIVE_MAXIMUM", "7"),
            ("INDUSTRYOS__MQTT__ENABLED", "false"),
        ],
    )
    .unwrap();
    assert_eq!(config.mqtt.bind, "127.0.0.1:2");
    assert_eq!(config.mqtt.receive_maximum, 7);
    assert!(!config.mqtt.enabled);
}

#[test]
fn an_unknown_or_unreadable_variable_is_refused_by_name() {
    let unknown = load_with("", &[("INDUSTRYOS__MQTT__BINDD", "x")])
        .err()
        .unwrap();
    assert!(
        unknown.to_string().contains("INDUSTRYOS__MQTT__BINDD"),
        "{unknown}"
    );
    assert!(unknown.to_string().contains("mqtt.bind"), "{unknown}");
    let number = load_with("", &[("INDUSTRYOS__HTTP__WORKERS", "many")])
        .err()
        .unwrap();
    assert!(
        number.to_string().contains("INDUSTRYOS__HTTP__WORKERS"),
        "{number}"
    );
}

#[test]
fn other_peoples_variables_are_ignored() {
    assert!(load_with("", &[("PATH", "/bin"), ("INDUSTRYOS", "x")]).is_ok());
}

#[test]
fn a_relative_path_is_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[store]\npath = \"here/data\"\n").unwrap();
    let config = load(Some(&file), [], Path::new("/elsewhere")).unwrap();
    assert_eq!(config.store.path, folder.path().join("here/data"));
    let variable = [("INDUSTRYOS__STORE__PATH".to_owned(), "there".to_owned())];
    let config = load(Some(&file), variable, Path::new("/elsewhere")).unwrap();
    assert_eq!(config.store.path, PathBuf::from("/elsewhere/there"));
}

#[test]
fn settings_that_cannot_work_together_are_refused_with_the_key() {
    for (text, key) in [
        ("[mqtt]\nbind = \"somewhere\"\n", "mqtt.bind"),
        ("[mqtt]\nbind = \"0.0.0.0:8080\"\n", "mqtt.bind"),
        ("[mqtt]\nmax_packet = \"1B\"\n", "mqtt.max_packet"),
        ("[mqtt]\nmax_packet = \"1MiB\"\n", "mqtt.outstanding_bytes"),
        ("[mqtt]\nmax_keepalive = \"2d\"\n", "mqtt.max_keepalive"),
        ("[payload]\nmax_depth = 0\n", "payload.max_depth"),
        ("[admin]\npassword = \"short\"\n", "admin.password"),
    ] {
        let error = load_text(text)
            .err()
            .unwrap_or_else(|| panic!("accepted {text}"));
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn settings_that_would_refuse_everything_or_break_the_start_are_refused_with_the_key() {
    for (key, value) in [
        ("http.max_body", "\"0B\""),
        ("http.max_connections", "0"),
        ("http.header_timeout", "\"0s\""),
        ("http.keep_alive", "\"200000d\""),
        ("http.max_poll", "\"1s\""),
        ("http.body_memory", "\"1MiB\""),
        ("http.body_wait", "\"0s\""),
        ("registry.in_flight", "\"1KiB\""),
        ("http.workers", "100000"),
        ("mqtt.workers", "100000"),
        ("registry.arbiters", "1000000"),
        ("mqtt.connect_timeout", "\"0ms\""),
        ("admin.login_attempts", "0"),
        ("admin.token_life", "\"0s\""),
        ("device.pending_polls", "0"),
        ("api.max_body", "\"0B\""),
        ("store.path", "\"\""),
        ("log.level", "\"a=[[\""),
    ] {
        let text = format!("{key} = {value}\n");
        let error = load_text(&text)
            .err()
            .unwrap_or_else(|| panic!("accepted {text}"));
        let error = error.to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
        assert!(error.contains(":1:"), "names the line: {error}");
    }
}

#[test]
fn an_error_never_shows_the_password() {
    let error = load_text("[admin]\npassword = \"s3cr3t\"\n").err().unwrap();
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    let wrong_type = load_text("[admin]\npassword = 19283746\n").err().unwrap();
    assert!(!wrong_type.to_string().contains("19283746"), "{wrong_type}");
}
