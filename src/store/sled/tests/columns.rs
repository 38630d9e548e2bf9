//! The block format: every column comes back bit for bit, in few bytes, and any bytes are taken.

use super::super::telemetry::block::{self, Block};
use super::super::telemetry::codec;
use super::super::telemetry::head::Head;
use super::super::telemetry::rows::Rows;
use crate::model::ids::{Epoch, Origin};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use proptest::prelude::*;

/// A series as devices make them, and as no device should.
#[derive(Clone, Debug)]
struct Series {
    /// Of ten rows so many have it.
    share: u64,
    pattern: u8,
}

#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }
}

const PATTERNS: u8 = 18;

const DOUBLES: [u64; 14] = [
    0,
    0x8000_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff8_0000_0000_0123,
    0xfff0_0000_0000_0001,
    1,
    0x8000_0000_0000_0001,
    0x7fef_ffff_ffff_ffff,
    0x4330_0000_0000_0000,
    0x4320_0000_0000_0000,
    0x3fb9_9999_9999_999a,
    0x3fd3_3333_3333_3334,
];

fn value(pattern: u8, row: i64, random: &mut Random) -> Value {
    let double = |bits| Value::Double(f64::from_bits(bits));
    match pattern {
        0 => Value::Long(7),
        1 => Value::Long(row * 17),
        2 => Value::Long(row * 17 + random.below(9) as i64),
        3 => Value::Long(random.next() as i64),
        4 => Value::Long(random.of(&[i64::MIN, i64::MAX, 0, -1, 1, i64::MIN + 1])),
        // Mostly quiet.
        5 => Value::Long(if random.below(40) == 0 {
            random.next() as i64
        } else {
            3
        }),
        6 => Value::Double((2_000 + row % 31) as f64 / 100.0),
        7 => Value::Double((row as f64 / 9.0).sin()),
        8 => double(random.next()),
        9 => double(random.of(&DOUBLES)),
        10 => match random.below(30) {
            0 => double(random.of(&DOUBLES)),
            _ => Value::Double(random.below(100_000) as f64 / 1000.0),
        },
        11 => Value::Double(random.below(1 << 24) as f32 as f64 / 3.0),
        12 => Value::Double(f64::from(random.below(1 << 24) as f32 / 3.0)),
        13 => Value::Bool(row / 50 % 2 == 0),
        14 => Value::Bool(random.below(2) == 0),
        15 => Value::Text(random.of(&["on", "off", "", "größer"]).into()),
        16 => Value::Json(format!("{{\"n\":{}}}", random.below(200)).into()),
        _ => {
            let other = random.below(u64::from(PATTERNS) - 1) as u8;
            value(other, row, random)
        }
    }
}

fn series() -> impl Strategy<Value = Vec<Series>> {
    let one = (0u64..=10, 0..PATTERNS).prop_map(|(share, pattern)| Series { share, pattern });
    proptest::collection::vec(one, 1..5)
}

fn rows(series: &[Series], count: i64, times: u8, seed: u64) -> Rows {
    let mut random = Random(seed | 1);
    let mut rows = Rows::default();
    let mut ts = 1_700_000_000_000i64;
    let mut origin = Origin {
        epoch: Epoch(1 << 32),
        sequence: 1,
    };
    for row in 0..count {
        ts = match times {
            0 => ts + 60_000,
            1 => ts + 60_000 - 20 + random.below(40) as i64,
            2 => random.next() as i64,
            3 => random.below(50) as i64,
            _ => random.of(&[i64::MIN, i64::MAX, -1, 0, 1]),
        };
        origin.sequence += 1 + u64::from(random.below(20) == 0);
        if random.below(100) == 0 {
            origin.epoch = Epoch(random.next());
        }
        let has = series.iter().zip(0..);
        let has: Vec<_> = has
            .filter(|(one, _)| random.below(10) < one.share)
            .collect();
        let values = has.into_iter().map(|(one, number)| {
            let key = Key::from(format!("key {number}"));
            (key, value(one.pattern, row, &mut random))
        });
        rows.push(ts, origin, &values.collect::<Vec<_>>());
    }
    rows.normalise();
    rows
}

/// The same before they were put in order, through a head.
fn through_head(rows: &Rows) -> Rows {
    let mut head = Head::new(1);
    for row in rows.iter() {
        let named = |(key, value)| (rows.keys.keys()[key as usize].clone(), Value::from(value));
        let (ts, values) = (row.ts, row.values().map(named).collect());
        head.push(1, row.origin, &vec![Row { ts, values }].into());
    }
    head.rows()
}

type Listed = Vec<(i64, Origin, Vec<(Key, Value)>)>;

/// All that rows hold, in their order.
fn listed(rows: &Rows) -> Listed {
    let named = |(key, value)| {
        let key: Key = rows.keys.keys()[key as usize].clone();
        (key, Value::from(value))
    };
    let row = rows.iter().map(|row| {
        let mut values: Vec<_> = row.values().map(named).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        (row.ts, row.origin, values)
    });
    row.collect()
}

/// With a right checksum, so that the decoder itself is reached.
fn framed(version: u8, body: &[u8]) -> Vec<u8> {
    let mut framed = vec![version];
    framed.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    framed.extend_from_slice(body);
    framed
}

/// Whatever it says, it says it without a panic and within bounds.
fn look_at_all(bytes: &[u8]) {
    let Some(block) = Block::read(bytes) else {
        return;
    };
    if let Some(rows) = block.rows() {
        assert!(rows.len() <= 1 << 16 && rows.values() <= (1 << 20) + bytes.len());
    }
    for key in ["key 0", "key 1", "key 2"] {
        let _ = block.series(key);
        let _ = block.summary(key);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_column_comes_back_bit_for_bit(
        series in series(), count in 1i64..420, times in 0u8..5, seed in any::<u64>(),
    ) {
        let rows = rows(&series, count, times, seed);
        prop_assert_eq!(listed(&through_head(&rows)), listed(&rows));
        let block = Block::read(&block::encode(&rows)).unwrap();
        prop_assert_eq!(listed(&block.rows().unwrap()), listed(&rows));
        for key in rows.keys.keys() {
            let wanted: Vec<_> = listed(&rows).into_iter().flat_map(|(ts, origin, values)| {
                let found = values.into_iter().find(|(held, _)| held == key);
                found.map(|(_, value)| (ts, origin, value))
            }).collect();
            prop_assert_eq!(block.series(key).unwrap(), wanted);
        }
        prop_assert_eq!(block.series("no such key").unwrap(), vec![]);
    }

    #[test]
    fn a_summary_is_what_the_values_add_up_to(
        series in series(), count in 1i64..420, seed in any::<u64>(),
    ) {
        let rows = rows(&series, count, 0, seed);
        let block = Block::read(&block::encode(&rows)).unwrap();
        for key in rows.keys.keys() {
            let summary = block.summary(key).unwrap();
            let values: Vec<Value> = block.series(key).unwrap().into_iter().map(|p| p.2).collect();
            let longs: Vec<i64> = values.iter().filter_map(|v| match v {
                Value::Long(number) => Some(*number),
                _ => None,
            }).collect();
            let mut doubles: Vec<f64> = values.iter().filter_map(|v| match v {
                Value::Double(number) => Some(*number),
                _ => None,
            }).collect();
            doubles.sort_by(f64::total_cmp);
            let texts = values.iter().filter(|v| matches!(v, Value::Text(_))).count();
            prop_assert_eq!(summary.values, values.len() as u64);
            prop_assert_eq!(summary.texts, texts as u64);
            prop_assert_eq!(summary.longs, longs.len() as u64);
            prop_assert_eq!(summary.long_sum, longs.iter().map(|n| i128::from(*n)).sum::<i128>());
            let extremes = longs.iter().min().copied().zip(longs.iter().max().copied());
            prop_assert_eq!(summary.long_extremes, extremes);
            prop_assert_eq!(summary.doubles, doubles.len() as u64);
            let bits = |(least, most): (f64, f64)| (least.to_bits(), most.to_bits());
            let extremes = doubles.first().copied().zip(doubles.last().copied());
            prop_assert_eq!(summary.double_extremes.map(bits), extremes.map(bits));
        }
    }

    #[test]
    fn a_damaged_body_with_a_right_checksum_is_taken(
        series in series(), count in 1i64..300, times in 0u8..5, seed in any::<u64>(),
    ) {
        let whole = block::encode(&rows(&series, count, times, seed));
        let body = &whole[5..];
        let mut random = Random(seed | 1);
        for _ in 0..60 {
            let mut damaged = body.to_vec();
            for _ in 0..=random.below(3) {
                // The first bytes say most.
                let end = random.of(&[body.len(), body.len(), body.len().min(40)]);
                damaged[random.below(end as u64) as usize] = random.next() as u8;
            }
            if random.below(4) == 0 {
                damaged.truncate(random.below(body.len() as u64) as usize);
            }
            look_at_all(&framed(block::VERSION, &damaged));
        }
    }

    #[test]
    fn reading_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        look_at_all(&bytes);
        for version in 0..=block::VERSION {
            look_at_all(&framed(version, &bytes));
            let mut packed = vec![];
            codec::put_varint(&mut packed, bytes.len() as u64);
            packed.extend_from_slice(&lz4_flex::block::compress(&bytes));
            look_at_all(&framed(version, &packed));
        }
    }
}

#[test]
fn a_body_cut_anywhere_is_refused_or_damaged() {
    let series: Vec<Series> = (0..PATTERNS)
        .map(|pattern| Series { share: 8, pattern })
        .collect();
    let whole = block::encode(&rows(&series, 150, 1, 5));
    for at in 5..whole.len() {
        assert!(
            Block::read(&framed(block::VERSION, &whole[5..at])).is_none(),
            "cut at {at}"
        );
    }
}

#[test]
fn few_bytes_that_claim_too_many_rows_are_refused() {
    // Zeros: first, difference, then frames of second differences that take no bits.
    let column = |rows: u64| {
        let mut column = vec![0, 0, 0, 2 | 31 << 3];
        codec::put_varint(&mut column, (rows - 2).div_ceil(128) - 32);
        column.push(0);
        column
    };
    let block = |rows: u64| {
        let mut body = vec![];
        codec::put_varint(&mut body, rows);
        body.extend([0, 0]);
        let column = column(rows);
        body.extend([column.len() as u8; 3]);
        body.extend([&column[..], &column, &column].concat());
        Block::read(&framed(block::VERSION, &body))
    };
    assert_eq!(block(1 << 16).unwrap().rows().unwrap().len(), 1 << 16);
    for rows in [(1 << 16) + 1, 1 << 30, 1 << 60] {
        assert!(block(rows).is_none(), "{rows} rows");
    }
}

#[test]
fn a_text_that_is_not_in_its_block_is_damage() {
    let mut rows = Rows::default();
    for (ts, text) in (0..).zip(["a", "b", "a"]) {
        let values = [("t".into(), Value::Text(text.into()))];
        rows.push(ts, Origin::default(), &values);
    }
    let mut body = block::encode(&rows).split_off(5);
    let series = |body: &[u8]| {
        Block::read(&framed(block::VERSION, body))
            .unwrap()
            .series("t")
    };
    assert_eq!(series(&body).unwrap().len(), 3);
    // The last byte is the last second difference: -2 leads to the first text, 1 behind the last.
    assert_eq!(body.pop(), Some(3));
    body.push(2);
    assert_eq!(series(&body), None);
}

#[test]
fn a_series_of_every_length_comes_back() {
    for pattern in 0..PATTERNS {
        for count in (1..10).chain(125..135).chain(254..262) {
            let rows = rows(&[Series { share: 10, pattern }], count, 0, 9);
            let block = Block::read(&block::encode(&rows)).unwrap();
            assert_eq!(
                listed(&block.rows().unwrap()),
                listed(&rows),
                "{pattern} {count}"
            );
        }
    }
}

#[test]
fn regular_rows_take_hardly_a_byte_and_all_of_them_are_read() {
    let mut rows = Rows::default();
    for n in 0..10_000i64 {
        let origin = Origin {
            epoch: Epoch(5),
            sequence: n as u64,
        };
        let values = [
            ("a".into(), Value::Long(n * 5)),
            ("b".into(), Value::Bool(n < 7_000)),
        ];
        rows.push(n * 60_000 + if n > 5_000 { 7 } else { 0 }, origin, &values);
    }
    let encoded = block::encode(&rows);
    assert!(encoded.len() < 120, "{} bytes", encoded.len());
    let read = Block::read(&encoded).unwrap().rows().unwrap();
    assert_eq!(listed(&read), listed(&rows));
}

#[test]
fn a_smart_meter_takes_less_than_half_a_byte_a_point() {
    let mut random = Random(88_172_645_463_325_252);
    let mut rows = Rows::default();
    let (mut energy, mut temperature) = (1_234_567, 2_150);
    for n in 0..1_440i64 {
        energy += 20 + random.below(30) as i64;
        temperature += random.below(5) as i64 - 2;
        let values = [
            ("energy".into(), Value::Long(energy)),
            ("relay".into(), Value::Bool(n / 300 % 2 == 0)),
            (
                "battery".into(),
                Value::Double(80.0 - (n / 60) as f64 / 2.0),
            ),
            (
                "temperature".into(),
                Value::Double(temperature as f64 / 100.0),
            ),
        ];
        rows.push(1_700_000_000_000 + n * 60_000, Origin::default(), &values);
    }
    let a_point = block::encode(&rows).len() as f64 / rows.values() as f64;
    assert!(a_point < 0.5, "{a_point} bytes");
}
