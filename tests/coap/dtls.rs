//! CoAP under DTLS with pre-shared keys: who comes in, and how associations begin, go on and end.

use crate::dtls_peer::{keyed, secure_door, shake, unshaken, Secure, Wire, PATIENCE};
use crate::house::House;
use crate::peer::{below, code, metric, text};
use crate::wait::until;
use industryos_iot::config::Config;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::model::units::Period;
use industryos_iot::model::value::Value;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

const KEY: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";
const TELEMETRY: &str = "api/v1/telemetry";

pub fn with_keys(change: impl FnOnce(&mut Config)) -> House {
    House::with(|config| {
        config.coap.dtls.pre_shared_keys = true;
        change(config);
    })
}

fn associations(house: &House) -> u64 {
    metric(house, "dtls_associations")
}

/// A hello as a client sends it first, without a cookie.
pub fn hello() -> Vec<u8> {
    let nowhere = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let wire = Wire::to(nowhere.local_addr().expect("address"));
    let mut stream = unshaken(&keyed("dev", KEY), wire, None);
    let _ = stream.connect();
    stream.get_mut().sent.remove(0)
}

#[test]
fn a_device_with_a_pre_shared_key_needs_no_token() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    let mut peer = Secure::open(&house, &keyed("dev", KEY)).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":21.5}")), "2.01");
    let stored = house.latest_of(device);
    assert_eq!(stored, [(String::from("t"), Value::Double(21.5))]);
    let links = peer.packets.request("0.01", ".well-known/core", b"");
    assert!(text(&peer.ask(&links)).contains("</api/v1/telemetry>"));
}

#[test]
fn one_socket_shakes_hands_over_ipv4_and_ipv6_and_sends_from_where_it_was_spoken_to() {
    let house = with_keys(|config| config.coap.dtls.bind = "0.0.0.0:0".into());
    let device = house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut live: Vec<Secure> = ["127.0.0.1", "127.0.0.2", "::1"]
        .map(|host| {
            let ip: IpAddr = host.parse().expect("an address");
            let wire = Wire::to((ip, secure_door(&house).port()).into());
            Secure::over(&house, &context, wire, None).expect("a handshake")
        })
        .into();
    for (n, peer) in live.iter_mut().enumerate() {
        let body = format!("{{\"t\":{n}}}");
        assert_eq!(code(&peer.post(TELEMETRY, &body)), "2.01", "{n}");
        let stored = house.latest_of(device);
        assert_eq!(stored, [(String::from("t"), Value::Long(n as i64))]);
    }
    assert_eq!(associations(&house), 3);
    assert_eq!(code(&live[2].observe(b"six")), "2.05");
    house.share_with(device, &[("a", 1)]);
    let change = live[2].next().expect("a notification");
    assert_eq!(text(&change), "{\"a\":1}");
    live[2].acknowledge(&change);
}

#[test]
fn who_has_an_identity_speaks_for_no_other_device() {
    let house = with_keys(|_| {});
    house.add_keyed("dev", KEY);
    let mut peer = Secure::open(&house, &keyed("dev", KEY)).expect("a handshake");
    let other = below("telemetry");
    assert_eq!(code(&peer.post(&other, "{\"t\":1}")), "4.01");
    assert_eq!(
        code(&peer.post("api/v1/dev/telemetry", "{\"t\":1}")),
        "4.01"
    );
    assert!(house.latest().is_empty());
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
}

#[test]
fn a_wrong_key_and_an_unknown_identity_end_alike_and_are_told_apart_for_operators_only() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    let tries = [
        keyed("dev", OTHER),
        keyed("nobody", KEY),
        keyed("A1_TEST_TOKEN", KEY),
    ];
    let ends: Vec<(String, Option<usize>)> = tries
        .iter()
        .map(|context| {
            let mut stream = unshaken(context, Wire::to(secure_door(&house)), None);
            let said = shake(&mut stream, PATIENCE).expect_err("no handshake");
            (said, stream.get_ref().received.last().map(Vec::len))
        })
        .collect();
    assert!(ends[0].0.contains("decrypt error"), "{}", ends[0].0);
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    house.wait_for_rejected(Transport::Coap, Reason::CredentialsUnknown, 2);
    assert_eq!(house.refusals_of(device), [Reason::PasswordWrong]);
    assert!(
        house.refusals().is_empty(),
        "an access token is no identity"
    );
    until("nothing is kept", || associations(&house) == 0);
}

#[test]
fn a_disabled_device_is_refused_and_what_it_had_ends() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut quiet = Secure::open(&house, &context).expect("a handshake");
    assert_eq!(code(&quiet.post(TELEMETRY, "{\"t\":1}")), "2.01");
    let mut observer = Secure::open(&house, &context).expect("a handshake");
    assert_eq!(code(&observer.observe(b"att")), "2.05");
    house.disable(device, true);
    assert_eq!(code(&observer.next().expect("told")), "4.01");
    assert_eq!(observer.next(), None, "a goodbye");
    assert_eq!(code(&quiet.post(TELEMETRY, "{\"t\":2}")), "4.01");
    assert_eq!(quiet.next(), None, "a goodbye");
    assert!(Secure::open(&house, &context).is_err());
    let told = house.refusals_of(device);
    assert!(!told.is_empty() && told.iter().all(|one| *one == Reason::DeviceDisabled));
    until("nothing is kept", || associations(&house) == 0);
    house.disable(device, false);
    let mut again = Secure::open(&house, &context).expect("a handshake");
    assert_eq!(code(&again.post(TELEMETRY, "{\"t\":3}")), "2.01");
}

#[test]
fn a_changed_key_ends_the_association_and_its_session_cannot_be_resumed() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut peer = Secure::open(&house, &context).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
    let session = peer.stream.ssl().session().expect("a session").to_owned();
    house.rekey(device, "dev", OTHER, Duration::ZERO);
    // Back before anything was said in it: the session is still known, its key is not.
    let wire = Wire::to(secure_door(&house));
    let mut back = Secure::over(&house, &context, wire, Some(&session)).expect("resumed");
    assert!(back.stream.ssl().session_reused());
    assert_eq!(code(&back.post(TELEMETRY, "{\"t\":2}")), "4.01");
    assert_eq!(back.next(), None, "a goodbye");
    let wire = Wire::to(secure_door(&house));
    assert!(Secure::over(&house, &context, wire, Some(&session)).is_err());
    let mut new = Secure::open(&house, &keyed("dev", OTHER)).expect("a handshake");
    assert_eq!(code(&new.post(TELEMETRY, "{\"t\":3}")), "2.01");
}

#[test]
fn a_key_that_is_accepted_for_a_while_longer_opens_at_the_second_try() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    house.rekey(device, "dev", OTHER, Duration::from_secs(600));
    assert!(Secure::open(&house, &keyed("dev", KEY)).is_err());
    let mut old = Secure::open(&house, &keyed("dev", KEY)).expect("the second try");
    assert_eq!(code(&old.post(TELEMETRY, "{\"t\":1}")), "2.01");
    let mut new = Secure::open(&house, &keyed("dev", OTHER)).expect("the new one at once");
    assert_eq!(code(&new.post(TELEMETRY, "{\"t\":2}")), "2.01");
}

#[test]
fn an_association_by_a_rotated_key_ends_with_the_overlap_however_often_it_speaks() {
    let house = with_keys(|config| config.coap.known_for.0 = Duration::from_secs(86_400));
    let device = house.add_keyed("dev", KEY);
    let mut old = Secure::open(&house, &keyed("dev", KEY)).expect("a handshake");
    assert_eq!(code(&old.post(TELEMETRY, "{\"t\":1}")), "2.01");
    house.rekey(device, "dev", OTHER, Duration::from_secs(3));
    assert_eq!(code(&old.post(TELEMETRY, "{\"t\":2}")), "2.01");
    until("the overlap has ended", || {
        code(&old.post(TELEMETRY, "{\"t\":3}")) == "4.01"
    });
    assert_eq!(old.next(), None, "a goodbye");
    assert_eq!(house.refusals_of(device), [Reason::CredentialsChanged]);
}

#[test]
fn a_hello_is_answered_with_a_cookie_and_nothing_is_remembered() {
    let house = with_keys(|_| {});
    house.add_keyed("dev", KEY);
    let wire = Wire::to(secure_door(&house));
    let hello = hello();
    wire.socket.send(&hello).expect("send");
    let mut answer = [0; 2048];
    wire.socket
        .set_read_timeout(Some(PATIENCE))
        .expect("patience");
    let length = wire.socket.recv(&mut answer).expect("an answer");
    // Record type 22, handshake type 3: HelloVerifyRequest (RFC 6347, section 4.2.1).
    assert_eq!((answer[0], answer[13]), (22, 3));
    assert!(length <= 3 * hello.len(), "{length} for {}", hello.len());
    assert_eq!(associations(&house), 0);
    // Another's cookie is good for nothing: it gets one of its own.
    let cookie = answer[13 + 12 + 3..length].to_vec();
    let mut stolen = hello.clone();
    let at = 13 + 12 + 2 + 32 + 1;
    assert_eq!(stolen[at], 0, "the hello has no cookie");
    stolen.splice(at..=at, [vec![cookie.len() as u8], cookie.clone()].concat());
    let grown = |bytes: &mut [u8], by: usize| {
        let length = usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        bytes[..2].copy_from_slice(&((length + by) as u16).to_be_bytes());
    };
    grown(&mut stolen[11..13], cookie.len());
    grown(&mut stolen[15..17], cookie.len());
    grown(&mut stolen[23..25], cookie.len());
    // The second message of its handshake.
    stolen[18] = 1;
    let thief = Wire::to(secure_door(&house));
    thief
        .socket
        .set_read_timeout(Some(PATIENCE))
        .expect("patience");
    thief.socket.send(&stolen).expect("send");
    thief.socket.recv(&mut answer).expect("an answer");
    assert_eq!((answer[0], answer[13]), (22, 3));
    assert_eq!(associations(&house), 0);
    // Its owner begins an association with the very same bytes.
    wire.socket.send(&stolen).expect("send");
    wire.socket.recv(&mut answer).expect("an answer");
    assert_eq!((answer[0], answer[13]), (22, 2), "ServerHello");
    until("one is half open", || associations(&house) == 1);
}

#[test]
fn a_client_that_began_anew_on_its_port_gets_in_at_once_and_ends_what_was() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut old = Secure::open(&house, &context).expect("a handshake");
    old.observe(b"att");
    // A hello alone changes nothing: it may be anybody's.
    old.socket().send(&hello()).expect("send");
    assert_eq!(code(&old.post(TELEMETRY, "{\"t\":1}")), "2.01");
    let wire = Wire::over(old.socket());
    let mut new = Secure::over(&house, &context, wire, None).expect("a handshake");
    assert_eq!(code(&new.post(TELEMETRY, "{\"t\":2}")), "2.01");
    until("its session has ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0
    });
    assert_eq!(associations(&house), 1);
    assert_eq!(code(&new.observe(b"new")), "2.05");
    house.share_with(device, &[("a", 1)]);
    let change = new.next().expect("a notification");
    assert_eq!(change.get_token(), b"new");
    new.acknowledge(&change);
}

#[test]
fn a_resumed_session_keeps_its_observation_under_another_address() {
    let house = with_keys(|_| {});
    let device = house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut old = Secure::open(&house, &context).expect("a handshake");
    assert_eq!(code(&old.observe(b"att")), "2.05");
    let session = old.stream.ssl().session().expect("a session").to_owned();
    let wire = Wire::to(secure_door(&house));
    let mut new = Secure::over(&house, &context, wire, Some(&session)).expect("a handshake");
    assert!(new.stream.ssl().session_reused());
    house.share_with(device, &[("a", 1)]);
    let change = new.next().expect("a notification");
    assert_eq!(
        (change.get_token(), text(&change).as_str()),
        (&b"att"[..], "{\"a\":1}")
    );
    new.acknowledge(&change);
    assert_eq!(associations(&house), 1);
    assert_eq!(code(&new.post(TELEMETRY, "{\"t\":1}")), "2.01");
    // And once more, from there.
    let wire = Wire::over(new.socket());
    let mut third = Secure::over(&house, &context, wire, Some(&session)).expect("a handshake");
    assert!(third.stream.ssl().session_reused());
    house.share_with(device, &[("a", 2)]);
    assert_eq!(text(&third.next().expect("a notification")), "{\"a\":2}");
}

#[test]
fn a_goodbye_ends_the_association_and_its_observations() {
    let house = with_keys(|_| {});
    house.add_keyed("dev", KEY);
    let mut peer = Secure::open(&house, &keyed("dev", KEY)).expect("a handshake");
    peer.observe(b"att");
    until("the session is open", || {
        metric(&house, "connections{transport=\"coap\"}") == 1
    });
    let _ = peer.stream.shutdown();
    until("both have ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0 && associations(&house) == 0
    });
}

#[test]
fn who_is_silent_and_observes_nothing_is_dropped_with_a_goodbye() {
    let house = with_keys(|config| {
        config.coap.dtls.idle_after = Period(Duration::from_millis(300));
    });
    house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut observer = Secure::open(&house, &context).expect("a handshake");
    observer.observe(b"att");
    let mut silent = Secure::open(&house, &context).expect("a handshake");
    assert_eq!(silent.next(), None, "a goodbye");
    assert_eq!(associations(&house), 1, "who observes stays");
    assert_eq!(code(&observer.post(TELEMETRY, "{\"t\":1}")), "2.01");
}

#[test]
fn after_a_restart_a_client_shakes_hands_anew() {
    let mut house = with_keys(|_| {});
    house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut peer = Secure::open(&house, &context).expect("a handshake");
    let session = peer.stream.ssl().session().expect("a session").to_owned();
    house.stop();
    assert_eq!(peer.next(), None, "a goodbye");
    let house = House::over(house.store.reopened(), |config| {
        config.coap.dtls.pre_shared_keys = true;
    });
    // What is left of the old association is noise.
    let lost = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let sealed = peer.stream.get_ref().sent.last().expect("a record").clone();
    lost.send_to(&sealed, secure_door(&house)).expect("send");
    house.wait_for_rejected(Transport::Coap, Reason::ProtocolViolation, 1);
    let wire = Wire::to(secure_door(&house));
    let mut peer = Secure::over(&house, &context, wire, Some(&session)).expect("a handshake");
    assert!(!peer.stream.ssl().session_reused());
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
}
