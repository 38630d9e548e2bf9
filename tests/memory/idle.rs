//! What a device costs that is connected and says nothing: everything that the platform allocates
//! for it, over a store in memory, whose records of it count too.

use super::child::{self, say};
use super::common::house::House;
use super::shapes::Shape;
use crate::ALLOCATED;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const DEVICES: u64 = 500;
/// Bytes of a device with an idle MQTT session, and with an observer of its attributes over CoAP. To
/// be lowered with what they take; raising them is a decision.
const MQTT: u64 = 1_950;
const COAP: u64 = 2_050;
/// What is there only while somebody comes is soon gone.
const SOON: Duration = Duration::from_secs(60);

/// The child's side: so many devices connect and rest.
pub fn rest(task: &str, shape: Shape) {
    let house = House::with(|config| {
        config.mqtt.max_unauthenticated_per_address = 4_000;
    });
    let tokens: Vec<String> = (0..shape.devices)
        .map(|n| format!("token-{n:04}"))
        .collect();
    for token in &tokens {
        house.add_device(token);
    }
    // The doors have their buffers and tables before, as far as these do not grow with the devices.
    let (first, others) = tokens.split_first().unwrap();
    let most = if task == "mqtt" { MQTT } else { COAP };
    let mut tcp = Vec::with_capacity(tokens.len());
    let mut udp = Vec::with_capacity(tokens.len());
    let mut open = |token: &str| match task {
        "mqtt" => tcp.push(connected(&house, token)),
        _ => udp.push(observing(&house, token)),
    };
    open(first);
    let before = ALLOCATED.current_usage() as u64;
    for token in others {
        open(token);
    }
    let (mut each, until) = (u64::MAX, Instant::now() + SOON);
    while each > most && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
        let taken = (ALLOCATED.current_usage() as u64).saturating_sub(before);
        each = each.min(taken / others.len() as u64);
    }
    say("each", each);
    std::process::exit(0);
}

fn connected(house: &House, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(house.mqtt).unwrap();
    let mut packet = vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b1000_0010, 0, 60];
    for text in ["client", token] {
        packet.extend([0, text.len() as u8]);
        packet.extend(text.bytes());
    }
    packet[1] = packet.len() as u8 - 2;
    stream.write_all(&packet).unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    stream
}

fn observing(house: &House, token: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(house.coap).unwrap();
    // A confirmable GET with a token of one byte, Observe 0 and the path.
    let mut request = vec![0x41, 0x01, 0, 1, 7, 0x60];
    for (number, part) in (0..).zip(["api", "v1", token, "attributes"]) {
        let delta = if number == 0 { 5 } else { 0 };
        request.push(delta << 4 | part.len() as u8);
        request.extend(part.bytes());
    }
    socket.send(&request).unwrap();
    let mut answer = [0; 64];
    socket.set_read_timeout(Some(SOON)).unwrap();
    while socket.recv(&mut answer).unwrap() < 4 || answer[1] != 0x45 {
        assert_eq!(answer[1], 0, "an answer of another code");
    }
    socket
}

fn measure(task: &str, most: u64) {
    let shape = Shape {
        devices: DEVICES,
        keys: 1,
        points: 1,
    };
    let directory = tempfile::tempdir().unwrap();
    let said = child::run(task, shape, directory.path());
    println!("{task}: {} bytes each of at most {most}", said["each"]);
    assert!(said["each"] <= most);
}

#[test]
fn a_device_that_is_connected_and_rests_takes_little_memory() {
    measure("mqtt", MQTT);
}

#[test]
fn a_device_that_is_observed_over_coap_takes_little_memory() {
    measure("coap", COAP);
}
