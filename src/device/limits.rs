//! How much a device, and all devices together, may send. Every transport's uplinks pass here.
//!
//! Where nothing is limited this costs one comparison a message. What is refused is counted each
//! time, and told in the device's stream once a second at most, so that a flood does not flush it.

use crate::model::device::ProfileRates;
use crate::model::rates::{Buckets, NoRoom, Rates, SharedBuckets};
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::Uplink;
use crate::model::Millis;

/// Rows about refusals are at least so far apart.
const ROW_EVERY: Millis = 1_000;

/// What all devices of the node share.
#[derive(Debug)]
pub struct ServerLimits {
    messages: SharedBuckets,
    points: SharedBuckets,
    /// Of each device whose profile says nothing.
    device: ProfileRates,
    device_limited: bool,
    limited: bool,
}

impl ServerLimits {
    pub fn new(messages: Rates, points: Rates, device: &super::Config) -> Self {
        Self {
            limited: !messages.is_unlimited() || !points.is_unlimited(),
            device_limited: !device.message_rate.is_unlimited()
                || !device.point_rate.is_unlimited(),
            messages: SharedBuckets::new(messages),
            points: SharedBuckets::new(points),
            device: ProfileRates {
                messages: Some(device.message_rate.clone()),
                points: Some(device.point_rate.clone()),
            },
        }
    }

    /// Whether all devices together have a limit.
    pub fn is_limited(&self) -> bool {
        self.limited
    }

    fn take(&self, cost: Cost, now: Millis) -> Result<(), Refused> {
        let told = |kind| move |no: NoRoom| Refused { kind, no };
        let messages = self.messages.take(1, now);
        messages.map_err(told("messages of all devices"))?;
        let points = self.points.take(cost.points, now);
        points.map_err(|no| {
            self.messages.give_back(1);
            told("data points of all devices")(no)
        })
    }
}

/// What an uplink takes out of the buckets, beside one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    points: u64,
}

impl Cost {
    /// `None`: it is free, because it is small, or answers something of ours.
    pub fn of(uplink: &Uplink) -> Option<Self> {
        let points = match uplink {
            Uplink::Telemetry(telemetry) => telemetry.points(),
            Uplink::Attributes { entries, .. } => entries.len(),
            Uplink::AttributeRequest(_)
            | Uplink::RpcReply { .. }
            | Uplink::RpcCall { .. }
            | Uplink::Refused(_) => 0,
            Uplink::Subscribe(_) | Uplink::Delivery { .. } | Uplink::Activity => return None,
        };
        Some(Self {
            points: points as u64,
        })
    }
}

/// Which bucket had no room.
struct Refused {
    kind: &'static str,
    no: NoRoom,
}

impl Refused {
    fn rejection(self) -> Rejection {
        let Refused { kind, no } = self;
        match no.wait {
            Some(wait) => {
                let detail = format!("more {kind} than {}: room again in {wait} ms", no.rate);
                Rejection::new(Reason::RateLimited, detail).retry_after(wait)
            }
            None => {
                let detail = format!(
                    "more {kind} in one message than {} ever lets through: send fewer at once",
                    no.rate
                );
                Rejection::new(Reason::RateLimited, detail)
            }
        }
    }
}

/// A refusal, and what of it belongs into the stream.
pub struct Over {
    pub rejection: Rejection,
    /// `None`: there was a row about it just now.
    pub row: Option<String>,
}

/// One device's buckets.
#[derive(Debug)]
pub struct Limits {
    messages: Buckets,
    points: Buckets,
    /// The device's profile has said something.
    profiled: bool,
    last_row: Option<Millis>,
    untold: u64,
}

impl Limits {
    /// Without limits of its own: for what the others' leave it.
    pub fn none() -> Self {
        Self {
            messages: Buckets::new(Rates::default()),
            points: Buckets::new(Rates::default()),
            profiled: false,
            last_row: None,
            untold: 0,
        }
    }

    /// What the profile says, and what it does not from the settings. `None`: there is no limit.
    /// Buckets whose rate stays go on as they are.
    pub fn set(
        present: Option<Box<Self>>,
        profile: Option<&ProfileRates>,
        server: &ServerLimits,
    ) -> Option<Box<Self>> {
        if present.is_none() && profile.is_none() && !server.device_limited {
            return None;
        }
        let or_default = |of: fn(&ProfileRates) -> &Option<Rates>| {
            let own = profile.and_then(|rates| of(rates).clone());
            own.or_else(|| of(&server.device).clone())
                .unwrap_or_default()
        };
        let messages = or_default(|rates| &rates.messages);
        let points = or_default(|rates| &rates.points);
        if messages.is_unlimited() && points.is_unlimited() && !server.limited {
            return None;
        }
        let mut limits = present.unwrap_or_else(|| Box::new(Self::none()));
        limits.messages.set(&messages);
        limits.points.set(&points);
        limits.profiled = profile.is_some();
        Some(limits)
    }

    /// Takes what the uplink costs out of every bucket, or nothing of any.
    pub fn take(&mut self, cost: Cost, server: &ServerLimits, now: Millis) -> Result<(), Over> {
        self.try_take(cost, server, now).map_err(|refused| {
            let rejection = refused.rejection();
            let row = self.row(&rejection, now);
            Over { rejection, row }
        })
    }

    fn try_take(&mut self, cost: Cost, server: &ServerLimits, now: Millis) -> Result<(), Refused> {
        let told = |kind| move |no: NoRoom| Refused { kind, no };
        let messages = self.messages.take(1, now);
        messages.map_err(told("messages of the device"))?;
        if let Err(no) = self.points.take(cost.points, now) {
            self.messages.give_back(1);
            return Err(told("data points of the device")(no));
        }
        if let Err(refused) = server.take(cost, now) {
            self.messages.give_back(1);
            self.points.give_back(cost.points);
            return Err(refused);
        }
        Ok(())
    }

    fn row(&mut self, rejection: &Rejection, now: Millis) -> Option<String> {
        let lately = |last: Millis| (0..ROW_EVERY).contains(&now.saturating_sub(last));
        if self.last_row.is_some_and(lately) {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.last_row = Some(now);
        Some(match std::mem::take(&mut self.untold) {
            0 => rejection.detail.to_string(),
            untold => format!("{}; {untold} refused since the last row", rejection.detail),
        })
    }

    /// Whether they are what a profile said when it was last asked.
    pub fn profiled(&self) -> bool {
        self.profiled
    }

    /// When the buckets are as good as new: until then they are not to be forgotten.
    pub fn full_at(&self) -> Millis {
        self.messages.full_at().max(self.points.full_at())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::telemetry::{Row, Telemetry};
    use crate::model::value::Value;

    const T: Millis = 1_700_000_000_000;

    fn server(messages: &str, points: &str) -> ServerLimits {
        ServerLimits {
            messages: SharedBuckets::new(Rates::parse(messages).unwrap()),
            points: SharedBuckets::new(Rates::parse(points).unwrap()),
            device: ProfileRates::default(),
            device_limited: true,
            limited: !messages.is_empty() || !points.is_empty(),
        }
    }

    fn device(messages: &str, points: &str, server: &ServerLimits) -> Box<Limits> {
        let rates = ProfileRates {
            messages: Some(Rates::parse(messages).unwrap()),
            points: Some(Rates::parse(points).unwrap()),
        };
        Limits::set(None, Some(&rates), server).unwrap()
    }

    fn cost(points: usize) -> Cost {
        let values = (0..points).map(|n| (n.to_string().into(), Value::Long(1)));
        let row = Row {
            ts: 1,
            values: values.collect(),
        };
        Cost::of(&Uplink::Telemetry(Telemetry {
            rows: vec![row].into(),
            nulls_skipped: 0,
        }))
        .unwrap()
    }

    fn refusal(taken: Result<(), Over>) -> (String, u32) {
        let rejection = taken.err().unwrap().rejection;
        assert_eq!(rejection.reason, Reason::RateLimited);
        (rejection.detail.to_string(), rejection.retry_ms)
    }

    #[test]
    fn each_refusal_names_its_bucket_and_when_there_is_room() {
        let all = server("5:1s", "50:1s");
        let mut one = device("2:1s", "10:1s", &all);
        assert!(one.take(cost(1), &all, T).is_ok() && one.take(cost(1), &all, T).is_ok());
        let (detail, wait) = refusal(one.take(cost(1), &all, T));
        assert_eq!(
            detail,
            "more messages of the device than 2:1s: room again in 500 ms"
        );
        assert_eq!(wait, 500);
        let (detail, _) = refusal(device("9:1s", "3:1s", &all).take(cost(4), &all, T));
        assert!(detail.starts_with("more data points of the device in one message than 3:1s"));
        let mut other = device("9:1s", "99:1s", &all);
        assert!(other.take(cost(40), &all, T).is_ok());
        let (detail, _) = refusal(other.take(cost(40), &all, T));
        assert!(
            detail.starts_with("more data points of all devices than 50:1s"),
            "{detail}"
        );
        for _ in 0..2 {
            assert!(
                other.take(cost(0), &all, T).is_ok(),
                "a refusal took nothing"
            );
        }
        let (detail, _) = refusal(other.take(cost(0), &all, T));
        assert!(
            detail.starts_with("more messages of all devices than 5:1s"),
            "{detail}"
        );
    }

    #[test]
    fn what_one_bucket_refuses_takes_nothing_out_of_the_others() {
        let all = server("", "");
        let mut one = device("2:1h", "3:1h", &all);
        for _ in 0..5 {
            assert!(one.take(cost(4), &all, T).is_err(), "too many points");
        }
        assert!(one.take(cost(1), &all, T).is_ok() && one.take(cost(1), &all, T).is_ok());
        for (messages, points) in [("1:1h", ""), ("", "1:1h")] {
            let all = server(messages, points);
            assert!(device("9:1h", "9:1h", &all).take(cost(1), &all, T).is_ok());
            let mut one = device("2:1h", "2:1h", &all);
            for _ in 0..5 {
                assert!(one.take(cost(1), &all, T).is_err(), "the others took all");
            }
            let nobody = server("", "");
            let mut both = || one.take(cost(1), &nobody, T).is_ok();
            assert!(both() && both() && !both());
        }
    }

    #[test]
    fn a_flood_of_refusals_gets_a_row_a_second() {
        let all = server("", "");
        let mut one = device("1:1h", "", &all);
        let mut rows = Vec::new();
        for n in 0..3_000 {
            if let Err(over) = one.take(cost(1), &all, T + n) {
                rows.extend(over.row);
            }
        }
        assert_eq!(rows.len(), 3);
        assert!(
            rows[1].ends_with("999 refused since the last row"),
            "{}",
            rows[1]
        );
    }

    #[test]
    fn the_profile_wins_over_the_settings_and_an_empty_rate_lifts_the_limit() {
        let mut all = server("", "");
        let rates = |text| Some(Rates::parse(text).unwrap());
        all.device.messages = rates("5:1s");
        assert_eq!(Limits::set(None, None, &all).unwrap().messages.full_at(), 0);
        let lifted = ProfileRates {
            messages: rates(""),
            points: None,
        };
        assert!(Limits::set(None, Some(&lifted), &all).is_none());
        let own = ProfileRates {
            messages: rates("1:1h"),
            points: None,
        };
        let mut limits = Limits::set(None, Some(&own), &all);
        assert!(limits.as_mut().unwrap().take(cost(1), &all, T).is_ok());
        let mut limits = Limits::set(limits, Some(&own), &all);
        let again = limits.as_mut().unwrap().take(cost(1), &all, T);
        assert!(
            again.is_err(),
            "the next session goes on with the same bucket"
        );
    }

    #[test]
    fn pings_deliveries_and_subscriptions_are_free() {
        for free in [Uplink::Activity, Uplink::Subscribe(Default::default())] {
            assert_eq!(Cost::of(&free), None);
        }
        let asks = Uplink::AttributeRequest(Default::default());
        assert_eq!(Cost::of(&asks), Some(Cost { points: 0 }));
    }
}
