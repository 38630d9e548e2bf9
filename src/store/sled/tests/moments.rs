//! kill -9 in the midst of seals, merges, checkpoints, trims of the journal and starts: the child
//! stops at the moment that is wanted and says so, so that the kill lands there and nowhere else.

use super::{counts, cramped, message, open, put};
use crate::model::attributes::Scope;
use crate::model::ids::DeviceId;
use crate::model::value::{Key, Value};
use crate::store::moments::{AT, STOP};
use crate::store::sled::SledStore;
use crate::store::{AttributeStore, Change};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";
const LIFE: &str = "STORE_TEST_LIFE";

/// Lines that a child may say before it comes to its moment.
const LONGEST: usize = 20_000;

/// Each life writes to a device of its own.
fn device(life: usize) -> DeviceId {
    DeviceId(uuid::Uuid::from_u128(1_000 + life as u128))
}

/// The number that the n-th batch writes: every other sixteen come backwards, so that there are late
/// points, side blocks and merges of all kinds.
fn place(n: i64) -> i64 {
    if n / 16 % 2 == 0 {
        n
    } else {
        n ^ 15
    }
}

/// An attribute that the n-th batch writes, one of a few.
fn several(n: i64) -> Key {
    format!("one of several: {}", n * n % 11).into()
}

/// Not a test: the process that is killed. Says what was acknowledged.
#[test]
#[ignore = "the child of another test"]
fn child() {
    let path = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let life: usize = std::env::var(LIFE).unwrap().parse().unwrap();
    let device = device(life);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(&cramped(&path));
        for n in 0.. {
            let entries = vec![("n".into(), Value::Long(n)), (several(n), Value::Long(n))];
            let note = Change::AttributesPut {
                device,
                scope: Scope::Client,
                at: n,
                entries,
            };
            put(&store, device, vec![message(device, place(n)), note]).await;
            println!("\n#acknowledged {n}");
        }
    });
}

/// Runs a life until it stops at the moment, and kills it there. Returns how many batches of it
/// were acknowledged.
fn kill_at(directory: &Path, life: usize, moment: &str) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sled::tests::moments::child"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(LIFE, life.to_string())
        .env(STOP, moment)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (said, heard) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            said.send(line).unwrap();
        }
    });
    let (mut acknowledged, mut lines) = (0, 0);
    let mut take = |line: &str| {
        if let Some(n) = line.strip_prefix("#acknowledged ") {
            acknowledged = n.parse::<i64>().unwrap() + 1;
        }
    };
    loop {
        let line = heard.recv_timeout(Duration::from_secs(60));
        let came = line.as_ref().is_ok_and(|line| line.starts_with(AT));
        let lost = line.is_err() || lines > LONGEST;
        if came || lost {
            // Also when it goes on for ever.
            child.kill().unwrap();
            assert!(came, "it never came to {moment:?}");
            break;
        }
        lines += 1;
        take(&line.unwrap());
    }
    let ended = child.wait().unwrap();
    assert_eq!(ended.signal(), Some(9), "it ended by itself at {moment:?}");
    heard.iter().for_each(|line| take(&line));
    reader.join().unwrap();
    acknowledged
}

/// All that was acknowledged is there, and nothing that was never written.
async fn check(store: &SledStore, lives: &[i64], moment: &str) {
    for (life, acknowledged) in lives.iter().enumerate() {
        let device = device(life);
        let found: BTreeSet<i64> = counts(store, device).await.into_iter().collect();
        let written = found.len() as i64;
        let what = format!("of life {life} after a kill at {moment:?}");
        assert!(
            (*acknowledged..=acknowledged + 1).contains(&written),
            "{written} of {acknowledged} are there {what}"
        );
        assert_eq!(found, (0..written).map(place).collect(), "{what}");
        let revision = store.revision(device, Scope::Client).await;
        assert_eq!(revision, Ok(written as u64), "{what}");
        let mut expected = BTreeMap::new();
        for n in 0..written {
            expected.insert(Key::from("n"), Value::Long(n));
            expected.insert(several(n), Value::Long(n));
        }
        let found = store.attributes(device, Scope::Client, None).await.unwrap();
        let found = found.into_iter().map(|one| (one.key, one.value));
        assert!(found.eq(expected), "attributes {what}");
    }
}

/// Kills a life at each moment, one after the other in one directory; every other life is looked at
/// by the next one alone.
async fn survive(moments: &[&str]) {
    let directory = TempDir::new().unwrap();
    let mut lives = Vec::new();
    for moment in moments {
        let life = lives.len();
        lives.push(kill_at(directory.path(), life, moment));
        if life % 2 == 0 || life + 1 == moments.len() {
            check(&open(&cramped(directory.path())), &lives, moment).await;
        }
    }
    let total: i64 = lives.iter().sum();
    println!("{total} acknowledged batches survived kills at {moments:?}");
}

#[tokio::test]
async fn killed_while_heads_become_blocks_nothing_acknowledged_is_lost() {
    let (encoded, in_sled) = ("seal: encoded", "seal: in sled");
    survive(&[
        encoded,
        in_sled,
        "seal: encoded@7+",
        "seal: in sled@9+",
        in_sled,
    ])
    .await;
}

#[tokio::test]
async fn killed_while_blocks_are_merged_nothing_acknowledged_is_lost() {
    let (anew, in_sled) = ("merge: written anew+", "merge: in sled+");
    survive(&[
        anew,
        in_sled,
        "merge: written anew@6+",
        "merge: in sled@11+",
        "merge: in sled@5",
    ])
    .await;
}

#[tokio::test]
async fn killed_while_changes_go_into_the_tables_nothing_acknowledged_is_lost() {
    let (written, slice, done) = ("drain: written down", "drain: a slice", "drain: done");
    survive(&[
        written,
        slice,
        "drain: written down+",
        "drain: a slice@2+",
        "drain: a slice@7+",
        done,
        "drain: a slice@3",
        "drain: done@4+",
        // What it left is gone on with, and that is cut short too.
        "drain: a slice@2+",
        "start: sled open",
        "drain: a slice+",
    ])
    .await;
}

#[tokio::test]
async fn killed_during_a_checkpoint_nothing_acknowledged_is_lost() {
    survive(&[
        "checkpoint: sealed",
        "checkpoint: settled",
        "checkpoint: flushed",
        "checkpoint: synced",
        "checkpoint: settled@3+",
        "checkpoint: sealed@2+",
        "checkpoint: flushed@2",
    ])
    .await;
}

#[tokio::test]
async fn killed_while_the_journal_is_trimmed_or_begins_a_segment_nothing_acknowledged_is_lost() {
    survive(&[
        "trim: a segment gone",
        "trim: a segment gone@2",
        "trim: unsynced",
        "roll: another segment",
        "trim: a segment gone@5",
        "roll: another segment@12",
    ])
    .await;
}

#[tokio::test]
async fn killed_in_the_midst_of_a_start_nothing_acknowledged_is_lost() {
    survive(&[
        "start: sled made",
        "start: identity raised",
        "start: sled open",
        "start: journal begun",
        // A journal to replay.
        "roll: another segment@6",
        "start: replaying",
        "start: replaying@20",
        "start: replayed",
        "start: replayed+",
        "start: journal begun",
        "checkpoint: synced",
        "start: replaying@3",
        // Sealing on the way.
        "seal: in sled+",
        "start: identity raised",
    ])
    .await;
}

#[tokio::test]
async fn killed_while_a_new_file_takes_the_place_of_the_old_one_nothing_acknowledged_is_lost() {
    survive(&[
        "compaction: Begun",
        "compaction: Slice",
        "compaction: Synced",
        "compaction: Pointed",
        "compaction: Exchanged",
        "compaction: Done",
        "compaction: Pointed@2",
        "compaction: Exchanged@3",
        "compaction: Synced@2",
        "compaction: Slice@5",
    ])
    .await;
}
