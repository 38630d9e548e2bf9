//! How the binary starts, and how it refuses to.

use crate::common::server::{Server, ADMIN};
use crate::common::{wait_for, Operator};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs a start that must fail; returns what it said on standard error.
fn refused(folder: &std::path::Path, settings: &str, environment: &[(&str, &str)]) -> String {
    let mut child = Server::command(folder, settings, environment)
        .spawn()
        .expect("start");
    let status = wait_for("the start to fail", || child.try_wait().expect("wait"));
    let output = child.wait_with_output().expect("output");
    assert!(!status.success(), "it started");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One line, naming every word, and no panic.
#[track_caller]
fn says(line: &str, words: &[&str]) {
    assert!(!line.contains("panicked"), "{line}");
    for word in words {
        assert!(line.contains(word), "no `{word}` in: {line}");
    }
}

#[test]
fn an_unknown_key_stops_the_start_with_its_line_and_the_nearest_key() {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(folder.path(), "[store]\n\npaht = \"x\"\n", &[]);
    says(&said, &["config.toml:3", "paht", "store.path"]);
}

#[test]
fn a_taken_port_stops_the_start_with_its_address() {
    // Another test may have the UDP port of the same number.
    let both = || {
        let streams = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
        let datagrams = std::net::UdpSocket::bind(streams.local_addr().ok()?).ok()?;
        Some((streams, datagrams))
    };
    let (taken, _datagrams) = (0..100).find_map(|_| both()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    for (variable, door) in [
        ("INDUSTRYOS__MQTT__BIND", "mqtt"),
        ("INDUSTRYOS__HTTP__BIND", "http"),
        ("INDUSTRYOS__COAP__BIND", "coap"),
    ] {
        let said = refused(folder.path(), "", &[(variable, &address)]);
        says(&said, &[door, &address, "in use"]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn all_threads_are_scheduled_as_the_setting_says() {
    // proc(5), field 41: 0 is SCHED_OTHER, 3 SCHED_BATCH. The allocator's own thread is there before
    // anything is read.
    let policies = |process: &str| -> Vec<String> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let stat = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("stat"));
        // One that has ended meanwhile has none.
        let stats = threads.filter_map(|thread| stat(thread.unwrap()).ok());
        let stats = stats.filter(|stat| !stat.contains("jemalloc"));
        let policy = |stat: String| {
            stat.rsplit(')')
                .next()?
                .split(' ')
                .nth(39)
                .map(String::from)
        };
        let mut policies: Vec<String> = stats.filter_map(policy).collect();
        policies.sort();
        policies.dedup();
        policies
    };
    let batch = Server::start();
    assert_eq!(policies(&batch.pid().to_string()), ["3"]);
    let normal = "[registry]\nscheduling = \"normal\"\n";
    let normal = Server::start_with(normal);
    assert_eq!(policies(&normal.pid().to_string()), policies("self"));
}

#[test]
fn a_missing_configuration_file_stops_the_start() {
    let missing = ["--config", "/nowhere/config.toml"];
    let output = Command::new(env!("CARGO_BIN_EXE_industryos-iot"))
        .args(missing)
        .output()
        .unwrap();
    assert!(!output.status.success());
    says(
        &String::from_utf8_lossy(&output.stderr),
        &["/nowhere/config.toml"],
    );
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    let said = refused(server.folder.path(), "", &[]);
    says(&said, &["another process", "data"]);
    assert_eq!(server.operator().get("/readyz").status, 200);
}

#[test]
fn a_data_path_that_is_a_file_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "not a folder").unwrap();
    let named = folder.path().join("data");
    let said = refused(folder.path(), "", &[]);
    says(&said, &["store", &named.to_string_lossy()]);
}

#[test]
fn a_variable_that_is_no_text_is_refused_by_name() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let output = Server::command(folder.path(), "", &[])
        .env(
            "INDUSTRYOS__STORE__PATH",
            std::ffi::OsStr::from_bytes(b"d\xff"),
        )
        .args(["config", "check"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    says(&said, &["INDUSTRYOS__STORE__PATH", "UTF-8"]);
}

#[test]
fn a_password_that_cannot_be_shown_ends_the_start_in_order_and_the_next_one_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let generate = [("INDUSTRYOS__ADMIN__PASSWORD", "")];
    let full = std::fs::File::options().write(true).open("/dev/full");
    let output = Server::command(folder.path(), "", &generate)
        .stdout(full.unwrap())
        .output()
        .unwrap();
    assert!(!output.status.success(), "nobody saw the password");
    let said = String::from_utf8_lossy(&output.stderr);
    says(&said, &["password cannot be shown"]);
    let server = Server::start_in(folder, "", &generate);
    assert!(server.stdout().contains("Password (shown only now):"));
}

#[test]
fn config_check_tells_good_from_bad_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let check = |settings: &str| {
        let output = Server::command(folder.path(), settings, &[])
            .args(["config", "check"])
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert!(check("[log]\nformat = \"json\"\n").0);
    let (good, said) = check("[log]\nformat = \"xml\"\n");
    assert!(!good);
    says(&said, &["config.toml:2", "log.format"]);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn version_and_help_are_told() {
    let tell = |flag: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_industryos-iot"))
            .arg(flag)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(
        tell("--version").trim(),
        concat!("industryos-iot ", env!("CARGO_PKG_VERSION"))
    );
    says(&tell("--help"), &["--config", "serve", "config"]);
}

#[test]
fn the_first_start_shows_a_password_once_and_it_opens_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let generate = [("INDUSTRYOS__ADMIN__PASSWORD", "")];
    let server = Server::start_in(folder, "", &generate);
    let printed = server.stdout();
    let password = printed
        .lines()
        .find_map(|line| line.strip_prefix("Password (shown only now):"))
        .expect("a password")
        .trim()
        .to_owned();
    assert!(password.len() >= 20, "{password}");
    Operator::login(&server.http(), ADMIN, &password);
    assert!(
        !server.stderr().contains(&password),
        "the log holds the password"
    );
    let (_, folder) = server.terminate();
    let found = Command::new("grep")
        .args(["-r", "-l", "-a", &password])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "",
        "the password is on disk"
    );

    let again = Server::start_in(folder, "", &generate);
    assert!(!again.stdout().contains("Password"), "shown twice");
    Operator::login(&again.http(), ADMIN, &password);
}

#[test]
fn the_data_directory_belongs_to_its_owner_alone() {
    let server = Server::start();
    let mode = std::fs::metadata(server.data())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn operators_stay_logged_in_over_a_restart() {
    let server = Server::start();
    let token = server.operator().token;
    let (status, folder) = server.terminate();
    assert!(status.success());
    let server = Server::start_in(folder, "", &[]);
    let mut operator = server.operator();
    operator.token = token;
    assert_eq!(operator.get("/api/auth/user").status, 200);
}

#[test]
fn health_answers_get_and_head_and_nothing_else() {
    let server = Server::start();
    for path in ["/livez", "/readyz", "/metrics"] {
        let url = format!("{}{path}", server.http());
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        assert_eq!(agent.get(&url).call().unwrap().status(), 200, "{path}");
        assert_eq!(agent.head(&url).call().unwrap().status(), 200, "{path}");
        let posted = agent.post(&url).send_empty().unwrap();
        assert_eq!(posted.status(), 405, "{path}");
    }
}

#[test]
fn it_answers_livez_readyz_and_metrics_without_a_login() {
    let server = Server::start();
    let mut operator = server.operator();
    operator.token = "none".to_owned();
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            (operator.get(path).status, operator.get(path).text),
            (200, "ok".to_owned()),
            "{path}"
        );
    }
    assert!(operator.get("/metrics").text.contains("# EOF"));
}

#[test]
fn logs_are_one_json_object_a_line_when_asked() {
    let server = Server::start_with("[log]\nformat = \"json\"\nlevel = \"trace\"\n");
    server.operator().create_device("quiet");
    let log = server.stderr();
    assert!(!log.is_empty());
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn it_is_ready_soon_and_small() {
    let begin = Instant::now();
    let server = Server::start();
    // Generous for a debug build on a noisy machine; the real figure is in the README.
    assert!(begin.elapsed() < Duration::from_secs(20));
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    let kilobytes: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    assert!(kilobytes < 200_000, "{kilobytes} kB at rest");
}
