//! Ranges that hold for many keys alike: counts that may not be 0, threads, durations.

use super::super::Config;
use super::Rule;
use std::time::Duration;

/// More threads than this no machine has a use for; the operating system would refuse them.
const THREADS: usize = 1_024;
/// A hundred years: beyond it, sums with the clock could overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What would refuse everything, or divide by nothing, at 0.
pub(super) fn positive(config: &Config) -> impl Iterator<Item = Rule> {
    let (http, mqtt, api) = (&config.http, &config.mqtt, &config.api);
    let coap = &config.coap;
    let (device, registry, admin) = (&config.device, &config.registry, &config.admin);
    [
        ("http.max_body", http.max_body.bytes()),
        ("http.max_rpc_body", http.max_rpc_body.bytes()),
        ("http.max_connections", http.max_connections),
        ("http.tls.max_handshakes", http.tls.max_handshakes),
        (
            "http.tls.max_handshakes_per_address",
            http.tls.max_handshakes_per_address,
        ),
        ("http.tls.max_issuers", http.tls.max_issuers),
        ("mqtt.tls.max_issuers", mqtt.tls.max_issuers),
        (
            "http.max_connections_per_address",
            http.max_connections_per_address,
        ),
        ("mqtt.max_connections", mqtt.max_connections),
        ("mqtt.tls.max_handshakes", mqtt.tls.max_handshakes),
        (
            "mqtt.tls.max_handshakes_per_address",
            mqtt.tls.max_handshakes_per_address,
        ),
        (
            "mqtt.max_unauthenticated_per_address",
            mqtt.max_unauthenticated_per_address,
        ),
        ("mqtt.receive_maximum", usize::from(mqtt.receive_maximum)),
        ("mqtt.inflight_window", usize::from(mqtt.inflight_window)),
        ("mqtt.max_subscriptions", mqtt.max_subscriptions),
        ("coap.max_message", coap.max_message.bytes()),
        ("coap.max_body", coap.max_body.bytes()),
        ("coap.max_rpc_body", coap.max_rpc_body.bytes()),
        ("coap.max_options", coap.max_options),
        ("coap.transfers_per_peer", coap.transfers_per_peer),
        ("coap.requests_per_peer", coap.requests_per_peer),
        ("coap.requests", coap.requests),
        ("coap.answers_per_peer", coap.answers_per_peer),
        ("coap.nstart", coap.nstart),
        ("coap.observations", coap.observations),
        ("coap.observations_per_peer", coap.observations_per_peer),
        ("coap.notifications", coap.notifications),
        ("coap.dtls.max_handshakes", coap.dtls.max_handshakes),
        (
            "coap.dtls.max_handshakes_per_address",
            coap.dtls.max_handshakes_per_address,
        ),
        ("coap.dtls.max_associations", coap.dtls.max_associations),
        ("payload.max_points", config.payload.max_points),
        ("store.retention_slice", config.store.retention_slice),
        ("admin.login_attempts", admin.login_attempts as usize),
        ("admin.login_subjects", admin.login_subjects),
        ("admin.max_operators", admin.max_operators),
        ("admin.audit_rows", admin.audit_rows),
        ("admin.known_tokens", admin.known_tokens),
        ("registry.queued_calls", registry.queued_calls),
        ("registry.addresses", registry.addresses),
        (
            "registry.event_listener_queue",
            registry.event_listener_queue,
        ),
        ("device.sessions", device.sessions),
        ("device.pending_rpcs", device.pending_rpcs),
        ("device.pending_polls", device.pending_polls),
        ("api.max_body", api.max_body.bytes()),
        ("api.max_rpc_body", api.max_rpc_body.bytes()),
        ("api.max_login_body", api.max_login_body.bytes()),
        ("api.max_page_size", api.max_page_size),
        ("api.max_intervals", api.max_intervals),
        ("api.max_history_points", api.max_history_points),
    ]
    .into_iter()
    .map(|(key, value)| Rule {
        key,
        holds: value > 0,
        why: "must be at least 1",
    })
}

pub(super) fn threads(config: &Config) -> impl Iterator<Item = Rule> {
    [
        ("http.workers", config.http.workers),
        ("mqtt.workers", config.mqtt.workers),
        ("registry.arbiters", config.registry.arbiters),
    ]
    .into_iter()
    .map(|(key, value)| Rule {
        key,
        holds: value <= THREADS,
        why: "must be at most 1024 threads; 0 = one a core",
    })
}

/// None may be 0: a time limit of nothing refuses everything.
pub(super) fn periods(config: &Config) -> impl Iterator<Item = Rule> {
    let (http, mqtt, api) = (&config.http, &config.mqtt, &config.api);
    let coap = &config.coap;
    let (device, registry, admin) = (&config.device, &config.registry, &config.admin);
    [
        ("http.header_timeout", http.header_timeout),
        ("http.body_timeout", http.body_timeout),
        ("http.body_wait", http.body_wait),
        ("http.keep_alive", http.keep_alive),
        ("http.default_poll", http.default_poll),
        ("http.max_poll", http.max_poll),
        ("http.tls.handshake_timeout", http.tls.handshake_timeout),
        ("http.tls.ticket_life", http.tls.ticket_life),
        ("http.tls.look_every", http.tls.look_every),
        ("mqtt.tls.handshake_timeout", mqtt.tls.handshake_timeout),
        ("mqtt.tls.ticket_life", mqtt.tls.ticket_life),
        ("mqtt.tls.look_every", mqtt.tls.look_every),
        ("mqtt.connect_timeout", mqtt.connect_timeout),
        ("mqtt.write_timeout", mqtt.write_timeout),
        ("coap.block_timeout", coap.block_timeout),
        ("coap.piggyback", coap.piggyback),
        ("coap.answer_timeout", coap.answer_timeout),
        ("coap.exchange_lifetime", coap.exchange_lifetime),
        ("coap.ack_timeout", coap.ack_timeout),
        ("coap.observe_check", coap.observe_check),
        ("coap.known_for", coap.known_for),
        ("coap.dtls.handshake_timeout", coap.dtls.handshake_timeout),
        ("coap.dtls.idle_after", coap.dtls.idle_after),
        ("coap.dtls.session_life", coap.dtls.session_life),
        ("coap.dtls.look_every", coap.dtls.look_every),
        ("admin.token_life", admin.token_life),
        ("admin.refresh_life", admin.refresh_life),
        ("admin.login_window", admin.login_window),
        ("admin.audit_age", admin.audit_age),
        ("registry.call_timeout", registry.call_timeout),
        ("registry.failure_window", registry.failure_window),
        ("registry.refuse_for", registry.refuse_for),
        ("registry.takeover_timeout", registry.takeover_timeout),
        ("registry.stop_timeout", registry.stop_timeout),
        ("device.idle_after", device.idle_after),
        ("device.inactivity_timeout", device.inactivity_timeout),
        ("device.activity_report_every", device.activity_report_every),
        ("device.rpc_ack_timeout", device.rpc_ack_timeout),
        ("api.body_timeout", api.body_timeout),
    ]
    .into_iter()
    .map(|(key, period)| Rule {
        key,
        holds: !period.0.is_zero() && period.0 <= LONGEST,
        why: "must be more than nothing and at most 100 years",
    })
    .chain(
        [
            ("device.max_session_expiry", device.max_session_expiry),
            ("store.retention", config.store.retention),
            ("http.tls.expiry_warning", http.tls.expiry_warning),
            ("coap.dtls.expiry_warning", coap.dtls.expiry_warning),
            ("mqtt.tls.expiry_warning", mqtt.tls.expiry_warning),
            ("admin.login_delay", admin.login_delay),
            ("registry.slow_by", registry.slow_by),
            ("admin.max_rotation_overlap", admin.max_rotation_overlap),
        ]
        .map(|(key, period)| Rule {
            key,
            holds: period.0 <= LONGEST,
            why: "must be at most 100 years",
        }),
    )
}
