//! Sessions of one device over two protocols: neither ends the other (`device.sessions` counts
//! each protocol's own), and each request goes to exactly one of them.

use crate::house::{House, TOKEN};
use crate::peer::{code, metric, text, Peer};
use crate::wait::until;
use coap_lite::MessageType;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An MQTT 3.1.1 client, byte by byte: connected and subscribed to attributes and requests.
struct Mqtt(TcpStream);

impl Mqtt {
    fn of(house: &House) -> Self {
        let mut stream = TcpStream::connect(house.mqtt).expect("connect");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("timeout");
        let mut connect = b"\x00\x04MQTT\x04\x82\x00\x3c\x00\x01m\x00".to_vec();
        connect.push(TOKEN.len() as u8);
        connect.extend_from_slice(TOKEN.as_bytes());
        send(&mut stream, 0x10, &connect);
        let mut mqtt = Mqtt(stream);
        assert_eq!(mqtt.packet(), (0x20, vec![0, 0]));
        for (id, filter) in [
            (1, "v1/devices/me/attributes"),
            (2, "v1/devices/me/rpc/request/+"),
        ] {
            let mut subscribe = vec![0, id, 0, filter.len() as u8];
            subscribe.extend_from_slice(filter.as_bytes());
            subscribe.push(0);
            send(&mut mqtt.0, 0x82, &subscribe);
            assert_eq!(mqtt.packet(), (0x90, vec![0, id, 0]));
        }
        mqtt
    }

    /// The next packet; none of these is long.
    fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a packet");
        let mut body = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut body).expect("its body");
        (head[0], body)
    }

    /// The next message: topic and payload.
    fn message(&mut self) -> String {
        let (first, body) = self.packet();
        assert_eq!(first, 0x30, "{body:?}");
        String::from_utf8_lossy(&body[2..]).into_owned()
    }

    /// It is served: nothing but the answer to its ping comes.
    fn ping(&mut self) {
        send(&mut self.0, 0xc0, &[]);
        assert_eq!(self.packet(), (0xd0, vec![]));
    }
}

fn send(stream: &mut TcpStream, first: u8, body: &[u8]) {
    let mut bytes = vec![first, body.len() as u8];
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).expect("send");
}

#[test]
fn a_coap_observation_leaves_the_devices_mqtt_session_alone() {
    let house = House::open();
    let mut mqtt = Mqtt::of(&house);
    let mut peer = Peer::of(&house);
    let request = peer.observing("attributes", b"att", 0);
    assert_eq!(code(&peer.ask(&request)), "2.05");
    mqtt.ping();
    assert_eq!(metric(&house, "connections{transport=\"mqtt\"}"), 1);
    assert_eq!(metric(&house, "connections{transport=\"coap\"}"), 1);
    house.share(&[("a", 1)]);
    let change = peer.hear();
    peer.acknowledge(&change);
    assert_eq!(text(&change), "{\"a\":1}");
    assert!(mqtt.message().ends_with("{\"a\":1}"));
}

#[test]
fn an_mqtt_session_leaves_the_devices_coap_observation_alone() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.observing("attributes", b"att", 0);
    assert_eq!(code(&peer.ask(&request)), "2.05");
    let mut mqtt = Mqtt::of(&house);
    house.share(&[("a", 1)]);
    let change = peer.hear();
    peer.acknowledge(&change);
    assert_eq!(
        (code(&change).as_str(), text(&change).as_str()),
        ("2.05", "{\"a\":1}")
    );
    assert!(mqtt.message().ends_with("{\"a\":1}"));
}

#[test]
fn a_request_goes_to_the_newest_session_and_to_the_other_when_that_has_gone() {
    let house = House::open();
    let mut mqtt = Mqtt::of(&house);
    let mut peer = Peer::of(&house);
    let request = peer.observing("rpc", b"rpc", 0);
    assert_eq!(code(&peer.ask(&request)), "2.03");
    let _first = house.rpc(House::order("first", "1", false, false));
    let asked = peer.hear();
    assert!(text(&asked).contains("first"), "{}", text(&asked));
    mqtt.ping();
    peer.empty(MessageType::Reset, asked.header.message_id);
    until("the observation has ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0
    });
    // What the observer did not take is the other session's, and so is what follows.
    let _second = house.rpc(House::order("second", "2", true, false));
    let heard = mqtt.message() + &mqtt.message();
    assert!(
        heard.contains("first") && heard.contains("second"),
        "{heard}"
    );
}

#[test]
fn a_second_mqtt_session_still_takes_over_the_first() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.observing("attributes", b"att", 0);
    peer.ask(&request);
    let mut old = Mqtt::of(&house);
    let mut new = Mqtt::of(&house);
    let ended = old.0.read(&mut [0; 16]);
    let closed = match ended {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(closed);
    new.ping();
    assert_eq!(metric(&house, "connections{transport=\"coap\"}"), 1);
}
