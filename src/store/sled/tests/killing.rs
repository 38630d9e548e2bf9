//! kill -9 of a real process, at any moment and above all while it starts, again and again.

use super::{config, counts, cramped, message, open, put};
use crate::model::attributes::Scope;
use crate::model::ids::DeviceId;
use crate::model::value::Value;
use crate::store::{AttributeStore, Change};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";
const DEVICE: DeviceId = DeviceId(uuid::Uuid::from_u128(77));

/// Not a test: the process that `killed_while_starting...` kills. Says what was acknowledged.
#[test]
#[ignore = "the child of another test"]
fn child() {
    let path = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(&cramped(&path));
        let mut next = counts(&store, DEVICE).await.len() as i64;
        loop {
            let note = Change::AttributesPut {
                device: DEVICE,
                scope: Scope::Client,
                at: next,
                entries: vec![("n".into(), Value::Long(next))],
            };
            put(&store, DEVICE, vec![message(DEVICE, next), note]).await;
            println!("acknowledged {next}");
            next += 1;
        }
    });
}

/// When the child is killed.
enum Until {
    /// After so long, wherever it is then: mostly while it starts.
    Time(Duration),
    /// After so many commits of this life.
    Commits(usize),
}

/// Runs the child and kills it; returns the last acknowledged number.
fn run_and_kill(path: &std::path::Path, until: Until) -> Option<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sled::tests::killing::child"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (said, heard) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let number = line.split_once("acknowledged ");
            if let Some(number) = number.and_then(|(_, n)| n.trim().parse::<i64>().ok()) {
                said.send(number).unwrap();
            }
        }
    });
    let mut last = None;
    match until {
        // How long it lives is what is tried out here.
        Until::Time(life) => std::thread::sleep(life),
        Until::Commits(count) => {
            for _ in 0..count {
                last = Some(heard.recv_timeout(Duration::from_secs(60)).unwrap());
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The channel ends with the pipe: all that was said is heard.
    let last = heard.iter().last().or(last);
    reader.join().unwrap();
    last
}

#[tokio::test]
async fn killed_while_starting_and_while_writing_again_and_again_nothing_acknowledged_is_lost() {
    let directory = TempDir::new().unwrap();
    let mut acknowledged = -1;
    // From "hardly begun" to "has written for a while".
    for round in 0..48 {
        let until = match round % 4 {
            0 => Until::Commits(1 + round),
            _ => Until::Time(Duration::from_millis(2 + (round as u64 * 37) % 90)),
        };
        if let Some(last) = run_and_kill(directory.path(), until) {
            assert!(
                last > acknowledged,
                "the child went on behind {acknowledged}"
            );
            acknowledged = last;
        }
    }
    let store = open(&config(directory.path()));
    let found = counts(&store, DEVICE).await;
    assert!(found.len() as i64 > acknowledged);
    assert_eq!(found, (0..found.len() as i64).collect::<Vec<_>>());
    let written = found.len() as u64;
    assert_eq!(store.revision(DEVICE, Scope::Client).await, Ok(written));
}
