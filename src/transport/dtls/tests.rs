//! The table without sockets: a client of OpenSSL beside it, and time as an argument.

use super::effects::{Address, Effects, Why};
use super::{Associations, Config, Security};
use crate::model::credentials::{SharedKey, SharedKeys};
use crate::model::ids::DeviceId;
use crate::model::reject::Reason;
use crate::model::units::Period;
use crate::observability::Metrics;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Duration;

const KEY: &[u8] = b"0123456789abcdef";

#[derive(Debug, Default)]
struct Queue {
    input: VecDeque<Vec<u8>>,
    output: Vec<Vec<u8>>,
}

impl Read for Queue {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let next = self.input.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        into[..next.len()].copy_from_slice(&next);
        Ok(next.len())
    }
}

impl Write for Queue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config() -> Config {
    let period = |seconds| Period(Duration::from_secs(seconds));
    Config {
        bind: String::new(),
        pre_shared_keys: true,
        certificate: "".into(),
        private_key: "".into(),
        client_ca: "".into(),
        client_crl: "".into(),
        handshake_timeout: period(30),
        max_handshakes: 2,
        max_handshakes_per_address: 2,
        max_associations: 3,
        idle_after: period(600),
        sessions: 10,
        session_life: period(3600),
        look_every: period(5),
        expiry_warning: period(0),
    }
}

fn table() -> Associations {
    let security = Security::open("test", config(), Metrics::default()).unwrap();
    let keys = SharedKeys {
        device: DeviceId::new(),
        keys: vec![SharedKey {
            bytes: KEY.to_vec().into(),
            digest: [1; 32],
        }],
    };
    let known = move |_, identity: &str| (identity == "dev").then(|| keys.clone());
    Associations::new(security, Box::new(known)).unwrap()
}

fn client() -> SslStream<Queue> {
    let mut builder = SslContext::builder(SslMethod::dtls_client()).unwrap();
    builder
        .set_cipher_list("PSK-AES128-CCM8:@SECLEVEL=0")
        .unwrap();
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder.set_psk_client_callback(|_, _, identity, key| {
        identity[..4].copy_from_slice(b"dev\0");
        key[..KEY.len()].copy_from_slice(KEY);
        Ok(KEY.len())
    });
    let mut ssl = Ssl::new(&builder.build()).unwrap();
    ssl.set_connect_state();
    ssl.set_mtu(1200).unwrap();
    SslStream::new(ssl, Queue::default()).unwrap()
}

fn at(port: u16) -> Address {
    Address {
        remote: ([127, 0, 0, 1], port).into(),
        local: None,
    }
}

const fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One step of the client, and what the table does with what it says.
fn step(table: &mut Associations, client: &mut SslStream<Queue>, now: Duration) -> Effects {
    let mut fx = Effects::default();
    if let Err(error) = client.connect() {
        assert_eq!(error.code(), ErrorCode::WANT_READ, "{error}");
    }
    for datagram in std::mem::take(&mut client.get_mut().output) {
        table.datagram(at(1), &datagram, now, &mut fx);
    }
    let answers = fx.send.drain(..).map(|(_, bytes)| bytes);
    client.get_mut().input.extend(answers);
    fx
}

fn open(table: &mut Associations, now: Duration) -> (SslStream<Queue>, u64) {
    let mut client = client();
    loop {
        let fx = step(table, &mut client, now);
        if let Some((number, _)) = fx.opened.first() {
            client.connect().unwrap();
            return (client, *number);
        }
    }
}

fn said(client: &mut SslStream<Queue>, text: &[u8]) -> Vec<u8> {
    client.ssl_write(text).unwrap();
    client.get_mut().output.pop().unwrap()
}

#[test]
fn nothing_is_kept_of_a_hello_and_a_late_handshake_is_given_up() {
    let mut table = table();
    let mut client = client();
    step(&mut table, &mut client, second(0));
    assert!(table.is_empty() && table.deadline().is_none());
    step(&mut table, &mut client, second(1));
    assert_eq!(table.len(), 1);
    let mut fx = Effects::default();
    table.tick(second(30), &mut fx);
    assert_eq!(table.len(), 1, "a second before its time");
    table.tick(second(31), &mut fx);
    assert_eq!(table.len(), 0);
    assert_eq!(fx.failed[0].rejection.reason, Reason::HandshakeFailed);
    assert!(table.deadline().is_none());
}

#[test]
fn silence_is_counted_from_the_last_message_and_garbage_is_none() {
    let mut table = table();
    let (mut client, number) = open(&mut table, second(0));
    let mut fx = Effects::default();
    let message = said(&mut client, b"hello");
    table.datagram(at(1), &message, second(300), &mut fx);
    assert_eq!(&fx.heard[0].2[..], b"hello");
    // The same again is ignored, and so is what is spoilt.
    let mut spoilt = said(&mut client, b"again");
    *spoilt.last_mut().unwrap() ^= 1;
    for bytes in [&message, &spoilt] {
        table.datagram(at(1), bytes, second(500), &mut fx);
    }
    assert_eq!(fx.heard.len(), 1);
    table.tick(second(899), &mut fx);
    assert!(fx.silent.is_empty());
    table.tick(second(900), &mut fx);
    assert_eq!(fx.silent, [(number, at(1))]);
    table.keep(number, second(900));
    fx.silent.clear();
    table.tick(second(1499), &mut fx);
    assert!(fx.silent.is_empty());
    table.tick(second(1500), &mut fx);
    table.close(number, false, &mut fx);
    assert_eq!(fx.closed, [(number, at(1), Why::Ours)]);
    assert!(table.is_empty() && table.deadline().is_none() && table.places.is_empty());
}

#[test]
fn the_old_association_is_heard_until_the_new_one_stands() {
    let mut table = table();
    let (mut old, number) = open(&mut table, second(0));
    let mut new = client();
    step(&mut table, &mut new, second(50));
    step(&mut table, &mut new, second(50));
    assert_eq!(table.len(), 2, "the new one has passed the cookie");
    let mut fx = Effects::default();
    table.datagram(at(1), &said(&mut old, b"still me"), second(50), &mut fx);
    assert_eq!(fx.heard[0].1, number);
    assert_eq!(table.len(), 2, "it was no wrong key of the new one");
    let fx = step(&mut table, &mut new, second(51));
    assert_eq!(fx.closed, [(number, at(1), Why::Replaced)]);
    let mut fx = Effects::default();
    table.datagram(at(1), &said(&mut old, b"me?"), second(51), &mut fx);
    assert!(fx.heard.is_empty());
    assert_eq!(table.len(), 1);
}

#[test]
fn a_number_is_never_given_to_another() {
    let mut table = table();
    let (_, first) = open(&mut table, second(0));
    let mut fx = Effects::default();
    table.close(first, true, &mut fx);
    assert!(table.deadline().is_none(), "its timer has gone with it");
    let (_, second_one) = open(&mut table, second(1));
    assert_ne!(first, second_one);
    assert!(table.presented(first).is_none() && table.presented(second_one).is_some());
    fx.send.clear();
    table.send(first, b"nobody there", &mut fx);
    assert!(fx.send.is_empty());
}
