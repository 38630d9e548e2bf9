//! What the types of single keys cannot tell: addresses, ranges, and keys that must fit together.

mod ranges;

use super::error::ConfigError;
use super::layer::Layers;
use super::Config;
use std::net::SocketAddr;
use std::time::Duration;

/// One rule: the key to blame, what must hold, and what to say when it does not.
struct Rule {
    key: &'static str,
    holds: bool,
    why: &'static str,
}

/// Checks everything; the first rule that is broken is the error.
pub fn check(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    match rules(config).into_iter().find(|rule| !rule.holds) {
        None => Ok(()),
        Some(rule) => Err(ConfigError::BadValue {
            place: layers.place_of(rule.key),
            key: rule.key.to_owned(),
            why: rule.why.to_owned(),
        }),
    }
}

/// Reads the files that settings name: certificates and keys.
pub fn check_files(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    let doors = [
        ("mqtt.tls", config.mqtt.tls.check()),
        ("http.tls", config.http.tls.check()),
        ("coap.dtls", config.coap.dtls.check()),
    ];
    for (section, checked) in doors {
        if let Err(error) = checked {
            let key = format!("{section}.{}", error.key);
            let why = match error.file.as_os_str().is_empty() {
                true => error.why,
                false => format!("{}: {}", error.file.display(), error.why),
            };
            return Err(ConfigError::BadValue {
                place: layers.place_of(&key),
                key,
                why,
            });
        }
    }
    Ok(())
}

fn rules(config: &Config) -> Vec<Rule> {
    let mut rules = addresses(config);
    rules.extend(limits(config));
    rules.extend(ranges::positive(config));
    rules.extend(ranges::threads(config));
    rules.extend(ranges::periods(config));
    rules
}

fn addresses(config: &Config) -> Vec<Rule> {
    const ADDRESS: &str =
        "not an address with a port; write it like \"0.0.0.0:1883\" or \"[::]:1883\"";
    let is_address = |text: &str| text.parse::<SocketAddr>().is_ok();
    let both = config.http.enabled && config.mqtt.enabled;
    vec![
        Rule {
            key: "http.bind",
            holds: is_address(&config.http.bind),
            why: ADDRESS,
        },
        Rule {
            key: "mqtt.bind",
            holds: is_address(&config.mqtt.bind),
            why: ADDRESS,
        },
        Rule {
            key: "mqtt.bind",
            holds: !both
                || config.mqtt.bind != config.http.bind
                || config.mqtt.bind.ends_with(":0"),
            why: "the same address as http.bind",
        },
        Rule {
            key: "coap.bind",
            holds: is_address(&config.coap.bind),
            why: ADDRESS,
        },
        Rule {
            key: "http.tls.bind",
            holds: is_address(&config.http.tls.bind),
            why: ADDRESS,
        },
        Rule {
            key: "mqtt.tls.bind",
            holds: is_address(&config.mqtt.tls.bind),
            why: ADDRESS,
        },
        Rule {
            key: "coap.dtls.bind",
            holds: is_address(&config.coap.dtls.bind),
            why: ADDRESS,
        },
        Rule {
            key: "mqtt.enabled",
            holds: config.mqtt.enabled || config.http.enabled || config.coap.enabled,
            why: "every door is closed",
        },
    ]
}

fn limits(config: &Config) -> Vec<Rule> {
    const NO_PROXY: &str = "keeps nobody away without proxy_protocol = true";
    let (mqtt, http) = (&config.mqtt, &config.http);
    vec![
        Rule {
            key: "mqtt.proxy_from",
            holds: mqtt.proxy_from.is_empty() || mqtt.proxy_protocol,
            why: NO_PROXY,
        },
        Rule {
            key: "http.proxy_from",
            holds: http.proxy_from.is_empty() || http.proxy_protocol,
            why: NO_PROXY,
        },
        Rule {
            key: "mqtt.max_packet",
            holds: (256..=256 << 20).contains(&mqtt.max_packet.0),
            why: "must be from 256B to 256MiB",
        },
        Rule {
            key: "mqtt.max_keepalive",
            holds: (1..=65_535).contains(&mqtt.max_keepalive.0.as_secs()),
            why: "must be from 1s to 65535s, the range of the protocol's field",
        },
        Rule {
            key: "mqtt.outstanding_bytes",
            holds: mqtt.outstanding_bytes >= mqtt.max_packet,
            why: "must be at least mqtt.max_packet, or the largest packet could never be taken",
        },
        Rule {
            key: "coap.max_message",
            holds: (64..=64 << 10).contains(&config.coap.max_message.0),
            why: "must be from 64B to 64KiB",
        },
        Rule {
            key: "coap.block_size",
            holds: (16..=1024).contains(&config.coap.block_size.0),
            why: "must be from 16B to 1KiB, the sizes of the protocol",
        },
        Rule {
            key: "coap.body_memory",
            holds: config.coap.body_memory >= config.coap.max_body,
            why: "must be at least coap.max_body, or the largest body could never be taken",
        },
        Rule {
            key: "coap.max_body",
            holds: config.coap.max_body.0 <= 1 << 30,
            why: "must be at most 1GiB, what blocks can number",
        },
        Rule {
            key: "payload.max_depth",
            holds: (1..=128).contains(&config.payload.max_depth),
            why: "must be from 1 to 128",
        },
        Rule {
            key: "payload.max_key",
            holds: (1..=65_535).contains(&config.payload.max_key),
            why: "must be from 1 to 65535",
        },
        Rule {
            key: "store.journal_segment",
            holds: (1 << 20..=1 << 30).contains(&config.store.journal_segment.0),
            why: "must be from 1MiB to 1GiB",
        },
        Rule {
            key: "store.journal_size",
            holds: config.store.journal_size.0 / 4 >= config.store.journal_segment.0,
            why: "must be at least four times store.journal_segment: it shrinks by whole files",
        },
        Rule {
            key: "store.queue_bytes",
            holds: config.store.queue_bytes.0 == 0 || config.store.queue_bytes.0 >= 1 << 20,
            why: "must be at least 1MiB, the size of the largest batch, or 0 for its share of store.memory",
        },
        Rule {
            key: "store.memory",
            holds: config.store.memory.0 >= 32 << 20,
            why: "must be at least 32MiB",
        },
        Rule {
            key: "store.memory",
            holds: config.store.parts_of_memory() <= config.store.memory.0,
            why: "must hold queue_bytes, head_memory, change_memory and eight times cache",
        },
        Rule {
            key: "store.max_size",
            holds: config.store.max_size.0 == 0
                || config.store.max_size.0 >= 128 << 20
                    && config.store.max_size.0 / 8 >= config.store.journal_size.0,
            why: "must be 0B (no cap) or at least 128MiB and 8 times store.journal_size: journal and sled need some of it",
        },
        Rule {
            key: "store.stuck_after",
            holds: config.store.stuck_after.0 >= Duration::from_secs(1),
            why: "must be at least 1s: a commit takes some time",
        },
        Rule {
            key: "store.path",
            holds: !config.store.path.as_os_str().is_empty(),
            why: "must not be empty: the data directory is a directory of its own",
        },
        Rule {
            key: "log.level",
            holds: config.log.filter().is_ok(),
            why: "not a log filter; write it like \"info\" or \"info,industryos_iot::transport=debug\"",
        },
        Rule {
            key: "http.body_memory",
            holds: config.http.body_memory >= config.http.max_body,
            why: "must be at least http.max_body, or the largest body could never be taken",
        },
        Rule {
            key: "registry.in_flight",
            holds: config.registry.in_flight.0 >= 1 << 20,
            why: "must be at least 1MiB",
        },
        Rule {
            key: "http.max_poll",
            holds: config.http.max_poll >= config.http.default_poll,
            why: "must be at least http.default_poll",
        },
        Rule {
            key: "admin.rotation_overlap",
            holds: config.admin.rotation_overlap <= config.admin.max_rotation_overlap,
            why: "must be at most admin.max_rotation_overlap",
        },
        Rule {
            key: "admin.username",
            holds: !config.admin.username.trim().is_empty(),
            why: "must not be empty",
        },
        Rule {
            key: "admin.password",
            holds: config.admin.password.is_empty() || config.admin.password.chars().count() >= 8,
            why: "must have at least 8 characters, or be empty to have one generated",
        },
    ]
}
