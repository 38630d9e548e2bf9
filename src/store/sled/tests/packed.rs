//! Small records in leaves: a map is asked the same questions, beside writers and drains, after
//! damage, and after a start with tables of an older form.

use crate::observability::Metrics;
use crate::store::sled::engine::Engine;
use crate::store::sled::table::Table;
use crate::store::sled::{keys, packed};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::TempDir;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn engine(directory: &TempDir) -> Engine {
    // Threads of one just dropped may hold its file a moment longer.
    let db = loop {
        match sled::open(directory.path().join("sled")) {
            Err(error) if error.to_string().contains("acquire lock") => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    let table = Table::new(db, Metrics::new());
    table.finish_drain().unwrap();
    Engine::new(table, 1 << 20, 1 << 20).unwrap()
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }

    /// Some tables, a few hundred keys in each, some of them the beginning of others.
    fn key(&mut self) -> Vec<u8> {
        let table = [[0, b'S'], [3, b'a'], [3, b'd'], [63, b'v'], [0x80, b'n']];
        let table = table[self.below(5) as usize];
        let name = format!("name {:x}", self.below(300));
        let cut = if self.below(4) == 0 { 6 } else { name.len() };
        [&table, &name.as_bytes()[..cut]].concat()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = match self.below(40) {
            0 => 20_000,
            1..=3 => 1_500 + self.below(2_000),
            _ => self.below(60),
        };
        // What begins like the record of a long value is none.
        vec![
            if self.below(9) == 0 {
                0xf0
            } else {
                self.below(250) as u8
            };
            length as usize
        ]
    }

    fn range(&mut self) -> Range<Vec<u8>> {
        let (one, other) = (self.key(), self.key());
        one.clone().min(other.clone())..one.max(other)
    }
}

fn rows(table: &Table, range: Range<Vec<u8>>, backwards: bool) -> Rows {
    let rows = table.rows(range);
    let rows = if backwards { rows.backwards() } else { rows };
    rows.map(|row| row.map(|(key, value)| (key, value.to_vec())).unwrap())
        .collect()
}

fn compare(table: &Table, map: &Map, dice: &mut Dice) {
    let key = dice.key();
    let found = table.get(&key).unwrap().map(|value| value.to_vec());
    assert_eq!(found.as_ref(), map.get(&key));
    let range = dice.range();
    let mut expected: Rows = map
        .range(range.clone())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    assert_eq!(rows(table, range.clone(), false), expected);
    expected.reverse();
    assert_eq!(rows(table, range, true), expected);
    let prefix = dice.key();
    let with = |key: &&Vec<u8>| key.starts_with(&prefix);
    let expected: Vec<&Vec<u8>> = map.keys().filter(with).collect();
    let found: Result<Vec<_>, _> = table.rows_with(&prefix).keys().collect();
    assert_eq!(found.unwrap().iter().collect::<Vec<_>>(), expected);
}

fn gather(engine: &Engine, map: &mut Map, dice: &mut Dice) {
    let mut changes = BTreeMap::new();
    for _ in 0..dice.below(40) {
        let value = (dice.below(3) > 0).then(|| dice.value());
        changes.insert(dice.key(), value);
    }
    for (key, value) in &changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
    engine.table.gathered.write().take(changes);
}

#[test]
fn records_in_leaves_answer_as_a_map_does_whatever_is_changed_drained_and_opened_again() {
    for seed in 0..4 {
        let directory = TempDir::new().unwrap();
        let (mut dice, mut map) = (Dice(seed), Map::new());
        let mut store = engine(&directory);
        for round in 0..300 {
            gather(&store, &mut map, &mut dice);
            match dice.below(12) {
                // On its way to sled, and newer changes over it.
                0..=3 => drop(store.table.gathered.write().freeze(round)),
                4..=7 => drop(store.drain_changes().unwrap()),
                8 => {
                    store.drain_changes().unwrap();
                    drop(store);
                    store = engine(&directory);
                }
                _ => {}
            }
            compare(&store.table, &map, &mut dice);
        }
        let all = map.keys().cloned().map(|key| (key, None)).collect();
        store.table.gathered.write().take(all);
        store.drain_changes().unwrap();
        store.drain_changes().unwrap();
        assert_eq!(left(&store), 0, "leaves, chunks or parts are left");
    }
}

/// Records of sled's that small ones are made of.
fn left(store: &Engine) -> usize {
    let count = |first: u8| store.table.tree().scan_prefix([first]).count();
    count(keys::LEAF) + count(keys::CHUNK) + count(keys::DRAIN)
}

fn named(number: u64) -> Vec<u8> {
    format!("\u{3}anumber {number:05}").into_bytes()
}

/// Version in front, then as long as it likes.
fn versioned(version: u64) -> Vec<u8> {
    let mut value = version.to_be_bytes().to_vec();
    value.resize(8 + (version % 7 * 13) as usize, 1);
    value
}

fn version(value: &[u8]) -> u64 {
    u64::from_be_bytes(value[..8].try_into().unwrap())
}

#[test]
fn whoever_reads_beside_changes_and_drains_misses_nothing_that_was_there_before() {
    const RECORDS: u64 = 2_000;
    let directory = TempDir::new().unwrap();
    let store = engine(&directory);
    let put = |numbers: &mut dyn Iterator<Item = u64>, version: u64| {
        let changes = numbers.map(|n| (named(n), Some(versioned(version))));
        store.table.gathered.write().take(changes.collect());
    };
    put(&mut (0..RECORDS), 0);
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let read = |backwards: bool| {
        let mut scans = 0;
        while !done.load(Ordering::SeqCst) || scans < 3 {
            let before = written.load(Ordering::SeqCst);
            let mut found = rows(&store.table, named(0)..named(RECORDS), backwards);
            if backwards {
                found.reverse();
            }
            assert_eq!(found.len(), RECORDS as usize, "records are missing");
            let ordered = found.iter().zip(0..).all(|((key, _), n)| *key == named(n));
            assert!(ordered, "in another order");
            // Every record is written in its turn, a tenth of them in each.
            for (n, (_, value)) in (0..RECORDS).zip(&found) {
                let last = before.saturating_sub((before + 10 - n % 10) % 10);
                let version = version(value);
                assert!(version >= last.min(before), "{n}: {version} of {last}");
            }
            scans += 1;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| read(false));
        scope.spawn(|| read(true));
        for round in 1..150 {
            put(&mut (0..RECORDS).filter(|n| n % 10 == round % 10), round);
            written.store(round, Ordering::SeqCst);
            store.drain_changes().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn what_is_read_stands_in_its_range_while_the_leaf_before_it_is_split_into_many() {
    let directory = TempDir::new().unwrap();
    let store = engine(&directory);
    let row = |n: u64| [&[0, b'A'][..], &n.to_be_bytes()].concat();
    let kept = (vec![0, b'F', 1], vec![1]);
    let write = |rows: Vec<_>| store.table.write(rows).unwrap();
    write(vec![(kept.0.clone(), Some(kept.1.clone()))]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let found = store.table.rows_with(&[0, b'F']).map(Result::unwrap);
                let found: Rows = found.map(|(key, value)| (key, value.to_vec())).collect();
                assert_eq!(found, std::slice::from_ref(&kept));
            }
        });
        for n in 0..300 {
            write(
                (0..100)
                    .map(|m| (row(n * 100 + m), Some(vec![7; 90])))
                    .collect(),
            );
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn whoever_reads_either_way_misses_nothing_while_leaves_are_split() {
    let directory = TempDir::new().unwrap();
    let store = engine(&directory);
    let write = |numbers: &mut dyn Iterator<Item = u64>| {
        let rows = numbers.map(|n| (named(n), Some(vec![3; 40])));
        store.table.write(rows.collect()).unwrap();
    };
    const END: u64 = 90_000;
    write(&mut (0..END).step_by(90));
    let done = AtomicBool::new(false);
    let read = |backwards: bool| {
        while !done.load(Ordering::SeqCst) {
            let found = rows(&store.table, named(0)..named(END), backwards);
            let first = found.iter().filter(|(key, _)| {
                let number: u64 = String::from_utf8_lossy(&key[9..]).parse().unwrap();
                number.is_multiple_of(90)
            });
            assert_eq!(first.count() as u64, END / 90, "backwards: {backwards}");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| read(false));
        scope.spawn(|| read(true));
        let mut dice = Dice(3);
        for _ in 0..400 {
            let from = dice.below(END);
            write(&mut (0..40).map(|_| (from + dice.below(2_000)) % END));
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn leaves_hold_dozens_of_records_and_take_hardly_more_than_their_bytes() {
    let directory = TempDir::new().unwrap();
    let store = engine(&directory);
    let mut dice = Dice(9);
    for _ in 0..20 {
        let numbers = (0..500).map(|_| dice.below(1 << 40));
        let changes = numbers.map(|n| (named(n), Some(vec![7; 20])));
        store.table.gathered.write().take(changes.collect());
        store.drain_changes().unwrap();
    }
    let leaves = store.table.tree().scan_prefix([keys::LEAF]);
    let bytes: usize = leaves.map(|leaf| leaf.unwrap().1.len()).sum();
    let records = store.table.rows_with(&[3, b'a']).keys().count();
    assert_eq!(records, 10_000);
    assert!(left(&store) < records / 15, "{} leaves", left(&store));
    assert!(bytes < records * 36, "{bytes} bytes");
}

#[test]
fn a_damaged_leaf_is_reported_and_costs_its_own_records_only() {
    let directory = TempDir::new().unwrap();
    let store = engine(&directory);
    let changes = (0..500).map(|n| (named(n), Some(versioned(n))));
    store.table.gathered.write().take(changes.collect());
    store.drain_changes().unwrap();
    let tree = store.table.tree();
    let (name, leaf) = tree.scan_prefix([keys::LEAF]).nth(3).unwrap().unwrap();
    tree.insert(&name, &[&[0x7f], &leaf[1..]].concat()[..])
        .unwrap();
    let damaged = || {
        let text = store.table.metrics.render();
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("damaged_blocks_total "));
        count.unwrap().parse::<u64>().unwrap()
    };
    let found = rows(&store.table, named(0)..named(500), false).len();
    assert!((420..499).contains(&found), "{found} records");
    assert_eq!(damaged(), 1);
    // The one it begins with: there, and not to be read.
    assert_eq!(
        store.table.get(&name[1..]).unwrap().as_deref(),
        Some(&[][..])
    );
    assert_eq!(damaged(), 2);
    // The log goes on, and what comes next is served.
    let changes = [(name[1..].to_vec(), Some(versioned(9_999)))];
    store.table.gathered.write().take(changes.into());
    store.drain_changes().unwrap();
    let value = store.table.get(&name[1..]).unwrap().unwrap();
    assert_eq!(version(&value), 9_999);
}

#[test]
fn tables_of_the_first_form_move_into_leaves_also_when_a_start_was_cut_short() {
    let directory = TempDir::new().unwrap();
    let store = engine(&directory);
    let mut dice = Dice(5);
    let map: Map = (0..2_000).map(|_| (dice.key(), dice.value())).collect();
    let tree = store.table.tree();
    for (key, value) in &map {
        let mut stored = Vec::new();
        let (record, _) = crate::store::sled::long::cut(key, value.clone(), &mut stored);
        stored.push((key.clone(), Some(record)));
        for (key, value) in stored {
            tree.insert(key, value.unwrap()).unwrap();
        }
    }
    // Of no small table.
    tree.insert([3, b's', 1], &[5]).unwrap();
    // Some had moved.
    let some = map.iter().filter(|(key, _)| key[0] == 3).take(40);
    let some: Rows = some
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    store.table.move_into_leaves(some).unwrap();
    packed::complete(&store.table).unwrap();
    drop(tree);
    drop(store);
    let store = engine(&directory);
    let everything = rows(&store.table, vec![0]..vec![0x81], false);
    assert!(everything.into_iter().eq(map));
    let tree = store.table.tree();
    let others = tree
        .iter()
        .keys()
        .map(|key| key.unwrap())
        .filter(|key| key[0] <= 0x80);
    assert_eq!(others.collect::<Vec<_>>(), [&[3, b's', 1][..]]);
    // Once.
    tree.insert([3, b'a', 1], &[5]).unwrap();
    packed::complete(&store.table).unwrap();
    assert!(tree.contains_key([3, b'a', 1]).unwrap());
}
