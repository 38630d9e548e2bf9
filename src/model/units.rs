//! Durations and sizes as `config.toml` writes them: `"10m"`, `"64KiB"`.

use serde::{de, Deserialize, Deserializer};
use std::time::Duration;

/// A duration with its unit: `"250ms"`, `"10s"`, `"5m"`, `"1h30m"`, `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Period).map_err(|_| {
            de::Error::custom(format!(
                "`{text}` is not a duration; write it like \"10s\", \"5m\" or \"250ms\""
            ))
        })
    }
}

/// A size in bytes with its unit: `"512B"`, `"64KiB"`, `"16MiB"`, `"1GiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// As a length in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// `None` when the text is no whole number with one of the four units.
    pub fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(split);
        let factor: u64 = match unit.trim() {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number
            .parse::<u64>()
            .ok()?
            .checked_mul(factor)
            .map(ByteSize)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ByteSize::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not a size; write it like \"512B\", \"64KiB\", \"16MiB\" or \"1GiB\""
            ))
        })
    }
}
