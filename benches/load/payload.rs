//! Telemetry as devices of several kinds send it. Every row of a device has a time stamp of its
//! own, so that each acknowledged point is a point the store must have.
//!
//! Values wander, as measured ones do; nothing here is drawn from a pool of ready messages.

use std::time::{SystemTime, UNIX_EPOCH};

/// What one message of a device looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// About 100 bytes with five values, the same keys in each message, no time stamp: what most
    /// devices send.
    Plain,
    /// The same length with five values of other keys from message to message, in three spellings;
    /// one of three with a time stamp of a clock that does not go as the platform's does.
    Five,
    /// One value, no time stamp.
    One,
    /// 100 points; rows of 1, 5 or 20 keys or with texts, by device.
    Array,
    /// The same, all devices of one kind.
    ArrayOf(Kind),
    /// Messages of one row of any kind, by device.
    Row,
}

/// What a device measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Single,
    FiveKeys,
    TwentyKeys,
    Texts,
}

pub const KINDS: [Kind; 4] = [Kind::Single, Kind::FiveKeys, Kind::TwentyKeys, Kind::Texts];
/// Points of an array.
const ARRAY: u64 = 100;
/// Milliseconds between two rows of a device.
const STEP: u64 = 100;

const FIVE_KEYS: [&str; 5] = ["temperature", "humidity", "running", "pressure", "energy"];
const TEXT_KEYS: [&str; 5] = ["state", "operator", "message", "code", "speed"];
const STATES: [&str; 5] = ["running", "idle", "fault", "maintenance", "stopped"];

impl Kind {
    pub fn keys(self) -> Vec<String> {
        match self {
            Kind::Single => vec!["flow".into()],
            Kind::FiveKeys => FIVE_KEYS.map(String::from).into(),
            Kind::TwentyKeys => (0..20).map(|n| format!("sensor_{n:02}")).collect(),
            Kind::Texts => TEXT_KEYS.map(String::from).into(),
        }
    }

    fn width(self) -> u64 {
        match self {
            Kind::Single => 1,
            Kind::FiveKeys | Kind::Texts => 5,
            Kind::TwentyKeys => 20,
        }
    }
}

impl Shape {
    /// What this device measures; `None` for messages without times of their own.
    pub fn kind(self, device: u64) -> Option<Kind> {
        match self {
            Shape::Plain | Shape::Five | Shape::One => None,
            Shape::Array | Shape::Row => Some(KINDS[(device % 4) as usize]),
            Shape::ArrayOf(kind) => Some(kind),
        }
    }

    /// Rows of each message of a device.
    pub fn rows(self, device: u64) -> u64 {
        match (self, self.kind(device)) {
            (Shape::Array | Shape::ArrayOf(_), Some(kind)) => ARRAY / kind.width(),
            _ => 1,
        }
    }

    pub fn points(self, device: u64) -> u64 {
        match (self, self.kind(device)) {
            (Shape::Plain | Shape::Five, _) => 5,
            (_, Some(kind)) => self.rows(device) * kind.width(),
            (_, None) => 1,
        }
    }

    /// Appends message `n` of a device.
    pub fn write(self, out: &mut Vec<u8>, start: u64, device: u64, n: u64) {
        let Some(kind) = self.kind(device) else {
            return match self {
                Shape::Plain => plain(out, device, n),
                Shape::Five => five(out, start, device, n),
                _ => one(out, device, n),
            };
        };
        let rows = self.rows(device);
        out.push(b'[');
        for index in n * rows..(n + 1) * rows {
            if index > n * rows {
                out.push(b',');
            }
            text(out, "{\"ts\":");
            number(out, start + index * STEP);
            text(out, ",\"values\":{");
            row(out, kind, device, index);
            text(out, "}}");
        }
        out.push(b']');
    }
}

/// Now, in milliseconds: where the time stamps of a run begin.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

fn row(out: &mut Vec<u8>, kind: Kind, device: u64, n: u64) {
    match kind {
        Kind::Single => {
            text(out, "\"flow\":");
            decimal(out, 4_000 + wander(device, n, 200), 2);
        }
        Kind::FiveKeys => {
            text(out, "\"temperature\":");
            decimal(out, 2_000 + wander(device, n, 80), 2);
            text(out, ",\"humidity\":");
            number(out, 40 + wander(device + 1, n, 12) / 4);
            text(out, ",\"running\":");
            text(
                out,
                if n / 50 % 7 == device % 7 {
                    "false"
                } else {
                    "true"
                },
            );
            text(out, ",\"pressure\":");
            decimal(out, 9_900 + wander(device + 2, n, 30), 1);
            text(out, ",\"energy\":");
            number(out, 100_000 + n * 7 + noise(device ^ n) % 7);
        }
        Kind::TwentyKeys => {
            for key in 0..20 {
                text(out, if key == 0 { "\"sensor_" } else { ",\"sensor_" });
                out.extend([b'0' + key / 10, b'0' + key % 10, b'"', b':']);
                let key = u64::from(key);
                let value = wander(device * 31 + key, n, 20 + 30 * key);
                match key % 4 {
                    3 => number(out, value),
                    digits => decimal(out, 1_000 * key + value, digits as usize),
                }
            }
        }
        Kind::Texts => {
            let draw = noise(device.wrapping_mul(97) + n);
            text(out, "\"state\":\"");
            text(out, STATES[(n / 20 % 5) as usize]);
            text(out, "\",\"operator\":\"operator ");
            number(out, device % 40);
            text(out, "\",\"message\":\"part ");
            number(out, n);
            text(out, " measured, grade ");
            number(out, draw % 9);
            text(out, "\",\"code\":\"E-");
            number(out, draw % 1_000);
            text(out, "\",\"speed\":");
            number(out, 900 + wander(device, n, 60));
        }
    }
}

/// Two decimals, an integer, a boolean and a counter.
fn plain(out: &mut Vec<u8>, device: u64, n: u64) {
    text(out, "{\"temperature\":");
    decimal(out, 2_000 + wander(device, n, 80), 2);
    text(out, ",\"humidity\":");
    number(out, 40 + wander(device + 1, n, 12) / 4);
    text(out, ",\"pump_running\":");
    let stands = n / 50 % 7 == device % 7;
    text(out, if stands { "false" } else { "true" });
    text(out, ",\"pressure\":");
    decimal(out, 101_000 + wander(device + 2, n, 90), 2);
    text(out, ",\"energy_total\":");
    number(out, 100_000 + n * 7 + noise(device ^ n) % 7);
    text(out, "}");
}

/// Five values of changing shape, about 100 bytes.
fn five(out: &mut Vec<u8>, start: u64, device: u64, n: u64) {
    let v = device * 7919 + n;
    match v % 3 {
        0 => {
            text(out, "{");
            row(out, Kind::FiveKeys, device, n);
        }
        1 => {
            text(out, "{\"ts\":");
            number(out, start + n);
            text(out, ",\"values\":{\"flow\":");
            decimal(out, v % 500, 1);
            text(out, ",\"valve\":\"open\",\"level\":");
            number(out, v % 1000);
            text(out, ",\"alarm\":false,\"count\":");
            number(out, v);
            text(out, "}");
        }
        _ => {
            text(out, "[{\"voltage\":");
            decimal(out, 2_200 + v % 200, 1);
            text(out, "},{\"current\":");
            decimal(out, v % 16_000, 3);
            text(out, ",\"phase\":");
            number(out, v % 3);
            text(out, ",\"state\":\"ok\",\"power\":");
            number(out, 1000 + v % 3000);
            text(out, "}]");
            return;
        }
    }
    text(out, "}");
}

fn one(out: &mut Vec<u8>, device: u64, n: u64) {
    text(out, "{\"temperature\":");
    decimal(out, 2_000 + wander(device, n, 80), 2);
    text(out, "}");
}

/// A slow triangle with noise on it, between 0 and a few `reach`.
fn wander(seed: u64, n: u64, reach: u64) -> u64 {
    let slow = (n / 8 + seed * 13) % (2 * reach);
    let triangle = if slow < reach { slow } else { 2 * reach - slow };
    triangle + noise(seed.wrapping_mul(0x9e37) ^ n) % (reach / 8 + 2)
}

/// SplitMix64: the same for the same number.
pub fn noise(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `value` is scaled by ten to the `digits`.
pub fn decimal(out: &mut Vec<u8>, value: u64, digits: usize) {
    if digits == 0 {
        return number(out, value);
    }
    let scale = 10u64.pow(digits as u32);
    number(out, value / scale);
    out.push(b'.');
    let mut rest = value % scale;
    let end = out.len() + digits;
    out.resize(end, b'0');
    for place in out[end - digits..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}
