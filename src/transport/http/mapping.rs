//! Queries to words of the model, and the model's answers to bodies (contract/http.md 4 to 6).
//! Pure.

use super::Config;
use crate::model::attributes::AttributeRequest;
use crate::model::downlink::DownlinkBody;
use crate::model::json;
use crate::model::reject::{Reason, Rejection};
use crate::model::value::Key;
use std::time::Duration;

/// Parameters as sent, decoded, in order.
type Parameters = Vec<(String, String)>;

/// A query's parameters. `+` is a space, bytes that are no UTF-8 are replaced, as forms do it.
pub(super) fn parameters(query: &str) -> Parameters {
    actix_web::web::Query::<Parameters>::from_query(query)
        .map(actix_web::web::Query::into_inner)
        .unwrap_or_default()
}

/// All values of one name, empty ones counting as not given; repeated ones are one list.
fn given(parameters: &Parameters, name: &str) -> Option<String> {
    let values: Vec<&str> = parameters
        .iter()
        .filter(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// `clientKeys` and `sharedKeys`; keys split at commas, untrimmed; unknown parameters ignored.
pub(super) fn attribute_request(query: &str) -> AttributeRequest {
    let parameters = parameters(query);
    let keys = |name| {
        let list = given(&parameters, name)?;
        Some(list.split(',').map(Key::from).collect())
    };
    AttributeRequest {
        client: keys("clientKeys"),
        shared: keys("sharedKeys"),
    }
}

/// How long a poll waits: `timeout` in milliseconds, absent or 0 = the default, cut to the
/// longest allowed.
///
/// # Errors
/// `BadShape` when it is negative or no whole number.
pub(super) fn poll_timeout(query: &str, config: &Config) -> Result<Duration, Rejection> {
    let asked = match given(&parameters(query), "timeout") {
        None => 0,
        Some(text) => millis(&text)?,
    };
    Ok(match asked {
        0 => config.default_poll.0,
        asked => Duration::from_millis(asked).min(config.max_poll.0),
    })
}

fn millis(text: &str) -> Result<u64, Rejection> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(Rejection::new(
            Reason::BadShape,
            "the parameter `timeout` is not a whole number of milliseconds, 0 or more",
        ));
    }
    // More digits than fit are longer than any maximum.
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// What a poll is answered with. A change of attributes that was merged from updates and
/// deletions is one object with both, `{"k":1,"deleted":["x"]}`, so that a device loses neither.
/// (Only a shared attribute that is itself named `deleted` would then be hidden by the list.)
///
/// # Errors
/// The reason for which the device's sessions must end.
pub(super) fn polled(body: &DownlinkBody) -> Result<String, Rejection> {
    let mut out = String::new();
    match body {
        DownlinkBody::AttributesChanged {
            updated, deleted, ..
        } => match (updated.is_empty(), deleted.is_empty()) {
            (_, true) => json::write_object(updated, &mut out),
            (true, false) => json::write_deleted(deleted, &mut out),
            (false, false) => {
                json::write_object(updated, &mut out);
                out.pop();
                out.push(',');
                let mut tail = String::new();
                json::write_deleted(deleted, &mut tail);
                out.push_str(tail.strip_prefix('{').unwrap_or(&tail));
            }
        },
        DownlinkBody::Rpc {
            request_id,
            method,
            params,
            ..
        } => json::write_rpc(Some(*request_id), method, params, &mut out),
        DownlinkBody::Close(reason) => {
            return Err(Rejection::new(*reason, "the poll was ended"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::{ByteSize, Period};
    use crate::model::value::Value;

    fn config() -> Config {
        Config {
            enabled: true,
            bind: String::new(),
            workers: 1,
            max_body: ByteSize(1),
            max_rpc_body: ByteSize(1),
            body_memory: ByteSize(1),
            body_wait: Period(Duration::ZERO),
            max_connections: 1,
            max_connections_per_address: 1,
            header_timeout: Period(Duration::from_secs(1)),
            body_timeout: Period(Duration::from_secs(1)),
            keep_alive: Period(Duration::from_secs(1)),
            default_poll: Period(Duration::from_secs(60)),
            max_poll: Period(Duration::from_secs(300)),
            proxy_protocol: false,
            proxy_from: Default::default(),
            tls: crate::transport::tls::Config::off(),
        }
    }

    fn keys(keys: &[&str]) -> Option<Vec<Key>> {
        Some(keys.iter().copied().map(Key::from).collect())
    }

    #[test]
    fn keys_split_at_commas_untrimmed_and_empty_means_not_given() {
        let request = attribute_request("clientKeys=a,%20b&sharedKeys=");
        assert_eq!((request.client, request.shared), (keys(&["a", " b"]), None));
        let request = attribute_request("sharedKeys=x%2Cy+z&client_keys=q&sharedKeys=w");
        assert_eq!(
            (request.client, request.shared),
            (None, keys(&["x", "y z", "w"]))
        );
        for query in ["", "&&==", "clientKeys", "shared_keys=a", "%zz=%zz"] {
            assert_eq!(
                attribute_request(query),
                AttributeRequest::default(),
                "{query}"
            );
        }
    }

    #[test]
    fn timeouts_are_milliseconds_with_a_default_and_a_maximum() {
        for (query, seconds) in [
            ("", 60.0),
            ("timeout=", 60.0),
            ("timeout=0", 60.0),
            ("timeout=20000", 20.0),
            ("timeout=1", 0.001),
            ("timeout=300001", 300.0),
            ("timeout=99999999999999999999", 300.0),
        ] {
            let timeout = poll_timeout(query, &config()).unwrap();
            assert_eq!(timeout, Duration::from_secs_f64(seconds), "{query}");
        }
    }

    #[test]
    fn timeouts_that_are_no_number_or_negative_are_refused() {
        for query in [
            "timeout=-1",
            "timeout=soon",
            "timeout=1.5",
            "timeout=%2B1",
            "timeout=1s",
        ] {
            let no = poll_timeout(query, &config()).unwrap_err();
            assert_eq!(no.reason, Reason::BadShape, "{query}");
        }
    }

    #[test]
    fn a_merged_change_is_one_object_with_both_halves() {
        let change = |updated: &[(&str, i64)], deleted: &[&str]| {
            polled(&DownlinkBody::AttributesChanged {
                revision: 5,
                updated: updated
                    .iter()
                    .map(|(key, n)| (Key::from(*key), Value::Long(*n)))
                    .collect(),
                deleted: deleted.iter().copied().map(Key::from).collect(),
            })
        };
        assert_eq!(change(&[("k", 1)], &[]).unwrap(), r#"{"k":1}"#);
        assert_eq!(change(&[], &["k"]).unwrap(), r#"{"deleted":["k"]}"#);
        assert_eq!(
            change(&[("k", 1)], &["x", "y"]).unwrap(),
            r#"{"k":1,"deleted":["x","y"]}"#
        );
    }

    #[test]
    fn an_rpc_carries_its_id_in_the_body() {
        let rpc = DownlinkBody::Rpc {
            request_id: 7,
            method: "setGpio".into(),
            params: "{\"pin\":1}".into(),
            redelivery: false,
        };
        assert_eq!(
            polled(&rpc).unwrap(),
            r#"{"id":7,"method":"setGpio","params":{"pin":1}}"#
        );
        let close = DownlinkBody::Close(Reason::DeviceDisabled);
        assert_eq!(polled(&close).unwrap_err().reason, Reason::DeviceDisabled);
    }
}
