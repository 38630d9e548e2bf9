//! Sentences about much: many devices, many points, many keys.

use super::devices::page;
use super::{both_lives, double, long, named, origin, Bench};
use crate::model::ids::DeviceId;
use crate::model::query::{Aggregation, HistoryQuery, Order, SortBy};
use crate::model::telemetry::Row;
use crate::model::value::Key;
use crate::store::{Batch, Change};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

pub(crate) async fn ten_thousand_devices_are_paged_without_loss_or_repetition(bench: Bench) {
    let mut batches: BTreeMap<u8, Vec<Change>> = BTreeMap::new();
    for n in 0..10_000 {
        let mut device = named(&format!("device {n:05}"));
        device.created = n / 10;
        let partition = device.id.partition().0;
        batches
            .entry(partition)
            .or_default()
            .push(Change::DevicePut(device));
    }
    for (_, changes) in batches {
        let partition = match &changes[0] {
            Change::DevicePut(device) => device.id.partition(),
            _ => unreachable!("only devices were put"),
        };
        bench
            .store
            .commit(Batch { partition, changes })
            .await
            .unwrap();
    }
    both_lives!(bench, {
        for sort in [SortBy::CreatedTime, SortBy::Name] {
            let mut seen = BTreeSet::new();
            for number in 0..11 {
                let mut request = page(1_000, number);
                request.sort = sort;
                let found = bench.store.devices(&request, None).await.unwrap();
                assert_eq!(found.total, 10_000);
                assert_eq!(found.rows.len(), if number < 10 { 1_000 } else { 0 });
                let expected = number as i64 * 100;
                assert!(found.rows.first().is_none_or(|row| row.created == expected));
                seen.extend(found.rows.into_iter().map(|row| row.id));
            }
            assert_eq!(seen.len(), 10_000);
        }
        let mut request = page(9, 0);
        request.text = Some("DEVICE 0999".into());
        assert_eq!(bench.store.devices(&request, None).await.unwrap().total, 10);
    });
}

pub(crate) async fn a_hundred_thousand_points_of_one_series_are_all_there(bench: Bench) {
    const POINTS: i64 = 100_000;
    let device = DeviceId::new();
    let start = 1_700_000_000_000;
    for (n, first) in (0..POINTS).step_by(2_500).enumerate() {
        let points: Vec<_> = (first..first + 2_500)
            .map(|i| (start + i * 1_000, double(20.0 + (i % 100) as f64 / 10.0)))
            .collect();
        bench.points(device, n as u64 + 1, &points).await;
    }
    both_lives!(bench, {
        let all = bench.all(device, "t").await;
        assert_eq!(all.len(), POINTS as usize);
        for (i, (ts, value)) in all.into_iter().enumerate() {
            assert_eq!(ts, start + i as i64 * 1_000);
            assert_eq!(value, double(20.0 + (i % 100) as f64 / 10.0));
        }
        let query = HistoryQuery {
            range: start + 50_000_000..start + 50_010_000,
            order: Order::Descending,
            limit: 3,
        };
        let window = bench.store.history(device, "t", &query).await.unwrap();
        let times: Vec<i64> = window
            .iter()
            .map(|point| (point.ts - start) / 1_000)
            .collect();
        assert_eq!(times, [50_009, 50_008, 50_007]);
        let day: Vec<Range<i64>> = (0..100)
            .map(|n| start + n * 1_000_000..start + (n + 1) * 1_000_000)
            .collect();
        let counts = bench
            .store
            .aggregate(device, "t", &day, Aggregation::Count)
            .await
            .unwrap();
        assert_eq!(counts.len(), 100);
        assert!(counts.iter().all(|point| point.value == long(1_000)));
        let most = bench
            .store
            .aggregate(device, "t", &day, Aggregation::Max)
            .await
            .unwrap();
        assert!(most.iter().all(|point| point.value == double(29.9)));
        let newest = Some((start + (POINTS - 1) * 1_000, double(29.9)));
        assert_eq!(bench.latest(device, "t").await, newest);
    });
}

pub(crate) async fn many_keys_in_one_row_are_all_there(bench: Bench) {
    let device = DeviceId::new();
    let names: Vec<Key> = (0..1_000).map(|n| format!("key {n:04}").into()).collect();
    for ts in 0..5 {
        let value = |(n, key): (usize, &Key)| (key.clone(), long(n as i64 + ts));
        let values = names.iter().enumerate().map(value).collect();
        let change = Change::Telemetry {
            device,
            origin: origin(ts as u64 + 1),
            rows: vec![Row { ts, values }].into(),
        };
        bench.change(device, vec![change]).await;
    }
    both_lives!(bench, {
        assert_eq!(bench.store.telemetry_keys(device).await, Ok(names.clone()));
        let latest = bench.store.latest(device, None).await.unwrap();
        assert_eq!(latest.len(), names.len());
        for (n, (key, point)) in latest.into_iter().enumerate() {
            assert_eq!((key, point.value), (names[n].clone(), long(n as i64 + 4)));
        }
        for n in [0, 499, 999] {
            let expected: Vec<_> = (0..5).map(|ts| (ts, long(n as i64 + ts))).collect();
            assert_eq!(bench.all(device, &names[n]).await, expected);
        }
    });
}

pub(crate) async fn many_devices_with_one_point_each_are_all_there(bench: Bench) {
    let devices: Vec<DeviceId> = (0..2_000).map(|_| DeviceId::new()).collect();
    for chunk in devices.chunks(100) {
        let points = [(1, long(1))];
        let commits = chunk.iter().map(|device| bench.points(*device, 1, &points));
        futures_util::future::join_all(commits).await;
    }
    both_lives!(bench, {
        for device in &devices {
            assert_eq!(bench.all(*device, "t").await, [(1, long(1))]);
            assert_eq!(bench.latest(*device, "t").await, Some((1, long(1))));
        }
    });
}
