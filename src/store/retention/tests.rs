//! The keeper on the memory engine, with the time in the test's hand.

use super::{Doomed, Keeper};
use crate::model::ids::{DeviceId, ProfileId};
use crate::model::operator::RevokedSession;
use crate::model::units::{ByteSize, Period};
use crate::model::value::Value;
use crate::model::Millis;
use crate::observability::Metrics;
use crate::store::contract::devices::profile;
use crate::store::contract::{named, telemetry};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Change, Config, Log, OperatorStore, TimeseriesStore};
use std::sync::Arc;
use std::time::Duration;

const DAY: Millis = 86_400_000;
const NOW: Millis = 1_000 * DAY;

struct House {
    store: MemoryStore,
    metrics: Metrics,
    keeper: Keeper,
}

fn house(retention: Millis, slice: usize, max_size: u64) -> House {
    let store = MemoryStore::new();
    let metrics = Metrics::new();
    let config = Config {
        path: "data".into(),
        reserve: ByteSize(0),
        journal_segment: ByteSize(0),
        journal_size: ByteSize(0),
        memory: ByteSize(0),
        queue_bytes: ByteSize(0),
        cache: ByteSize(0),
        head_memory: ByteSize(0),
        change_memory: ByteSize(0),
        retention: Period(Duration::from_millis(retention as u64)),
        retention_slice: slice,
        max_size: ByteSize(max_size),
        compact_above: ByteSize(0),
        stuck_after: Period(Duration::from_secs(60)),
    };
    let keeper = Keeper::new(Arc::new(store.clone()), metrics.clone(), &config);
    House {
        store,
        metrics,
        keeper,
    }
}

impl House {
    /// A device with a point a day, from `NOW - days` to `NOW`.
    async fn device(&self, profile: ProfileId, days: i64) -> DeviceId {
        let mut device = named("");
        device.name = device.id.to_string();
        device.profile = profile;
        let id = device.id;
        let times: Vec<(Millis, Value)> = (0..=days)
            .map(|n| (NOW - n * DAY, Value::Long(n)))
            .collect();
        let changes = vec![Change::DevicePut(device), telemetry(id, 1, "t", &times)];
        let batch = Batch::of_device(id, changes);
        self.store.commit(batch).await.unwrap();
        id
    }

    async fn profile(&self, name: &str, retention: Option<u64>) -> ProfileId {
        let mut made = profile(ProfileId::new(), name);
        made.retention = retention;
        let id = made.id;
        let batch = Batch::of_system(vec![Change::ProfilePut(made)]);
        self.store.commit(batch).await.unwrap();
        id
    }

    /// A tick in which nothing fails.
    async fn done(&mut self, now: Millis) -> Vec<Doomed> {
        let ticked = self.keeper.tick(now).await;
        assert_eq!(ticked.failed, None);
        ticked.dropped
    }

    async fn points(&self, device: DeviceId) -> usize {
        let whole = Millis::MIN..Millis::MAX;
        let count = crate::model::query::Aggregation::Count;
        let found = self.store.aggregate(device, "t", &[whole], count).await;
        match found.unwrap().pop().map(|point| point.value) {
            Some(Value::Long(count)) => count as usize,
            _ => 0,
        }
    }

    fn metric(&self, sample: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(sample));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

#[tokio::test]
async fn profiles_keep_points_as_long_as_they_say_and_others_as_the_default_says() {
    let mut house = house(10 * DAY, 100, 0);
    let ever = house.profile("ever", Some(0)).await;
    let short = house.profile("short", Some(2 * 86_400)).await;
    let plain = house.profile("plain", None).await;
    let mut devices = Vec::new();
    for profile in [ever, short, plain, ProfileId::new()] {
        devices.push(house.device(profile, 20).await);
    }
    house.done(NOW).await;
    let mut counts = Vec::new();
    for device in &devices {
        counts.push(house.points(*device).await);
    }
    // The point exactly as old as the retention stays.
    assert_eq!(counts, [21, 3, 11, 11]);
    assert_eq!(house.metric("expiries_total{cause=\"age\"}"), 3);
    assert_eq!(
        house.metric("expired_rows_total{cause=\"age\"}"),
        18 + 10 + 10
    );
    let latest = house.store.latest(devices[1], None).await.unwrap();
    assert_eq!(latest[0].1.ts, NOW);
}

#[tokio::test]
async fn nothing_is_touched_before_a_24th_of_the_retention_has_passed() {
    let mut house = house(24 * DAY, 100, 0);
    let device = house.device(ProfileId::new(), 24).await;
    let commits = house.store.commits();
    house.done(NOW + DAY).await;
    assert_eq!(house.store.commits(), commits);
    house.done(NOW + DAY + 600_001).await;
    assert_eq!(house.store.commits(), commits + 1);
    assert_eq!(house.points(device).await, 23);
}

#[tokio::test]
async fn a_pass_goes_slice_by_slice_and_reaches_every_device_once() {
    let mut house = house(DAY, 3, 0);
    let mut devices = Vec::new();
    for _ in 0..10 {
        devices.push(house.device(ProfileId::new(), 5).await);
    }
    let before = house.store.commits();
    for tick in 1..=4 {
        house.done(NOW + tick).await;
        let expected = u64::min(3 * tick as u64, 10);
        assert_eq!(house.store.commits() - before, expected, "tick {tick}");
    }
    for device in &devices {
        assert_eq!(house.points(*device).await, 1);
    }
    // The next pass begins after its pause, and finds nothing.
    house.done(NOW + 5).await;
    assert_eq!(house.store.commits() - before, 10);
}

#[tokio::test]
async fn without_any_retention_nothing_is_ever_written() {
    let mut house = house(0, 100, 0);
    let device = house.device(ProfileId::new(), 999).await;
    let before = house.store.commits();
    assert!(house.done(NOW * 2).await.is_empty());
    assert_eq!(house.store.commits(), before);
    assert_eq!(house.points(device).await, 1_000);
}

#[tokio::test]
async fn above_the_cap_the_oldest_points_of_all_devices_go_and_are_named() {
    // 100 rows of 16 bytes; the points' share is 1,400 bytes, and a tenth of that goes with them.
    let mut house = house(0, 100, 7_000);
    let old = house.device(ProfileId::new(), 79).await;
    assert!(house.done(NOW).await.is_empty());
    let new = house.device(ProfileId::new(), 19).await;
    let dropped = house.done(NOW + 1).await;
    assert_eq!(dropped.len(), 1);
    assert_eq!((dropped[0].device, dropped[0].extent.rows), (old, 22));
    assert_eq!(dropped[0].before, NOW - 58 * DAY + 1);
    assert_eq!((house.points(old).await, house.points(new).await), (58, 20));
    assert_eq!(house.metric("expired_bytes_total{cause=\"size\"}"), 352);
    assert_eq!(house.metric("data_bytes "), 1_600);
    assert!(house.done(NOW + 2).await.is_empty());
}

#[tokio::test]
async fn a_refused_commit_is_an_error_and_comes_up_again() {
    let mut house = house(DAY, 100, 0);
    let device = house.device(ProfileId::new(), 5).await;
    house
        .store
        .fail_commits(Some(crate::store::StoreError::Full));
    assert!(house.keeper.tick(NOW).await.failed.is_some());
    house.store.fail_commits(None);
    house.done(NOW).await;
    assert_eq!(house.points(device).await, 2);
}

/// Devices of 60 rows of 16 bytes, under a cap of so many bytes that they have a little more than
/// their share.
async fn crowd(count: usize, retention: Millis) -> (House, Vec<DeviceId>) {
    let house = house(retention, 100, count as u64 * 4_750);
    let mut devices = Vec::new();
    for _ in 0..count {
        devices.push(house.device(ProfileId::new(), 59).await);
    }
    (house, devices)
}

#[tokio::test]
async fn what_the_cap_took_is_told_although_a_later_step_fails() {
    let (mut house, devices) = crowd(1, DAY).await;
    // The cap's expiry passes, that of age is refused.
    house
        .store
        .fail_commits_after(1, Some(crate::store::StoreError::Full));
    let ticked = house.keeper.tick(NOW).await;
    assert_eq!(ticked.failed, Some(crate::store::StoreError::Full));
    let told: Vec<_> = ticked.dropped.iter().map(|one| one.device).collect();
    assert_eq!(told, devices);
    assert_eq!(house.points(devices[0]).await, 53);
    assert_eq!(ticked.dropped[0].extent.rows, 7);
    assert_eq!(house.metric("expired_rows_total{cause=\"size\"}"), 7);
}

#[tokio::test]
async fn of_a_pass_that_fails_half_way_what_was_committed_is_told_and_the_rest_comes_up_again() {
    // 40 devices go in groups of 16: the second group fails in its midst.
    let (mut house, devices) = crowd(40, 0).await;
    house
        .store
        .fail_commits_after(20, Some(crate::store::StoreError::Full));
    let ticked = house.keeper.tick(NOW).await;
    assert_eq!(ticked.failed, Some(crate::store::StoreError::Full));
    assert_eq!(ticked.dropped.len(), 20);
    for one in &ticked.dropped {
        assert_eq!(house.points(one.device).await, 53);
    }
    assert_eq!(house.metric("expired_rows_total{cause=\"size\"}"), 20 * 7);
    house.store.fail_commits(None);
    let rest = house.done(NOW + 1).await;
    assert_eq!(rest.len(), 20);
    assert!(rest.iter().all(|one| !ticked.dropped.contains(one)));
    for device in devices {
        assert_eq!(house.points(device).await, 53);
    }
    assert!(house.done(NOW + 2).await.is_empty());
}

#[tokio::test]
async fn revocations_are_forgotten_when_their_tokens_have_ended() {
    let mut house = house(0, 100, 0);
    let revoke = |session: &str, until| {
        let session = session.to_owned();
        Change::SessionRevoked(RevokedSession { session, until })
    };
    let changes = vec![revoke("old", NOW - 1), revoke("new", NOW + 1)];
    let batch = Batch::of_system(changes);
    house.store.commit(batch).await.unwrap();
    house.done(NOW).await;
    let left = house.store.revoked_sessions(Millis::MIN).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].session, "new");
    let commits = house.store.commits();
    house.done(NOW + 1).await;
    assert_eq!(house.store.commits(), commits);
}
