//! A network that drops, repeats and reorders, by seed: every request is served exactly once, every
//! client has its answer in the end, and every observer each change, in order. These are the ETSI
//! CoAP plugtest's scenarios in a lossy context (cabo/td-coap4); the others are in `tests/coap`.

use super::*;
use crate::transport::coap::codec::tests::Draw;
use std::collections::BTreeMap;

const CLIENTS: u16 = 3;
const REQUESTS: u16 = 20;
/// Changes that an observer is told of.
const NOTES: u64 = 12;

struct Network {
    draw: Draw,
    /// By arrival: (time, drawn order) → (to the server, client, bytes).
    under_way: BTreeMap<(Duration, u64), (bool, u16, Bytes)>,
}

impl Network {
    fn carry(&mut self, now: Duration, up: bool, client: u16, bytes: &Bytes) {
        // A fifth is lost, a fifth comes twice.
        let copies = [0, 1, 1, 1, 2][self.draw.below(5)];
        for _ in 0..copies {
            let delay = Duration::from_millis(self.draw.below(900) as u64);
            let at = (now + delay, self.draw.next());
            self.under_way.insert(at, (up, client, bytes.clone()));
        }
    }
}

/// A client that sends one confirmable request after the other and repeats what is not answered.
struct Client {
    next: u16,
    again: Duration,
}

fn run(seed: u64) {
    // Of so many messages one would else be lost five times in a row.
    let mut table = Table::with(|settings| settings.retransmissions = 8);
    let mut network = Network {
        draw: Draw(seed),
        under_way: BTreeMap::new(),
    };
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|_| Client {
            next: 0,
            again: table.now,
        })
        .collect();
    let mut served: BTreeMap<(u16, u16), u32> = BTreeMap::new();
    let mut slow: Vec<(Duration, Request)> = Vec::new();
    let end = table.now + secs(3600);
    while clients.iter().any(|client| client.next < REQUESTS) {
        assert!(table.now < end, "seed {seed}");
        table.now += Duration::from_millis(50);
        let now = table.now;
        for (n, client) in clients.iter_mut().enumerate() {
            if client.next < REQUESTS && client.again <= now {
                let bytes = request(
                    Kind::Con,
                    Code::POST,
                    client.next,
                    &client.next.to_be_bytes(),
                    &[],
                    &client.next.to_be_bytes(),
                );
                network.carry(now, true, n as u16, &bytes.into());
                client.again = now + secs(2);
            }
        }
        table.endpoint.tick(now, &mut table.fx);
        while let Some((at, (up, client, bytes))) = network.under_way.pop_first() {
            if at.0 > now {
                network.under_way.insert(at, (up, client, bytes));
                break;
            }
            if up {
                table.send(peer(client), &bytes);
                continue;
            }
            let message = read(&bytes);
            if message.kind == Kind::Con {
                let ack = Writer::empty(Kind::Ack, message.id).into();
                network.carry(now, true, client, &ack);
            }
            let own = &mut clients[usize::from(client)];
            let answers = message.token.as_slice() == own.next.to_be_bytes();
            if message.code == Code::CREATED && answers && own.next < REQUESTS {
                own.next += 1;
                own.again = now;
            }
        }
        for request in std::mem::take(&mut table.fx.requests) {
            let options = request.options();
            assert_eq!(options.all(number::URI_PATH).count(), 4);
            slow.push((
                now + Duration::from_millis(network.draw.below(1500) as u64),
                request,
            ));
        }
        let (ready, rest): (Vec<_>, Vec<_>) = slow.into_iter().partition(|(at, _)| *at <= now);
        slow = rest;
        for (_, request) in ready {
            let client = request.peer.address.port();
            let number = u16::from_be_bytes([request.payload[0], request.payload[1]]);
            *served.entry((client, number)).or_default() += 1;
            table.answer(&request, done());
        }
        for (to, bytes) in std::mem::take(&mut table.fx.send) {
            network.carry(now, false, to.address.port(), &bytes);
        }
    }
    for client in 0..CLIENTS {
        for number in 0..REQUESTS {
            assert_eq!(served.get(&(client, number)), Some(&1), "seed {seed}");
        }
    }
}

#[test]
fn td_coap_core_15_and_16_over_a_bad_network_each_request_is_served_once_and_answered() {
    for seed in 1..=40 {
        run(seed * 0x9e37_79b9);
    }
}

/// An observer's changes over such a network: those that it heard, without repetitions.
fn observe_over(seed: u64) -> Vec<u64> {
    let mut table = Table::with(|settings| settings.retransmissions = 8);
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    let mut network = Network {
        draw: Draw(seed),
        under_way: BTreeMap::new(),
    };
    for note in 1..=NOTES {
        table.notify(id, note, &note.to_string());
    }
    let (mut heard, mut last_id) = (Vec::new(), None);
    let mut delivered = 0;
    while delivered < NOTES {
        table.wait(Duration::from_millis(50));
        assert!(table.fx.ended.is_empty(), "seed {seed}");
        assert!(
            table.endpoint.load().unacknowledged <= 1,
            "never several under way"
        );
        for (_, note, step) in std::mem::take(&mut table.fx.notes) {
            if step == Step::Delivered {
                delivered += 1;
                assert_eq!(note, delivered, "seed {seed}");
            }
        }
        for bytes in table.sent() {
            network.carry(table.now, false, 1, &bytes);
        }
        while let Some(entry) = network.under_way.first_entry() {
            if entry.key().0 > table.now {
                break;
            }
            let (up, client, bytes) = entry.remove();
            if up {
                table.send(trusted(client), &bytes);
                continue;
            }
            let note = read(&bytes);
            if last_id != Some(note.id) {
                let text = std::str::from_utf8(note.payload).expect("text");
                heard.push(text.parse().expect("a number"));
                last_id = Some(note.id);
            }
            let acknowledgement = Writer::empty(Kind::Ack, note.id).into();
            network.carry(table.now, true, client, &acknowledgement);
        }
    }
    heard
}

#[test]
fn td_coap_obs_11_over_a_bad_network_each_change_arrives_in_order_one_at_a_time() {
    for seed in 1..=40 {
        let mut heard = observe_over(seed * 0x9e37_79b9);
        // A copy of an earlier one may come late: its number tells (RFC 7641 section 3.4).
        let mut newest = 0;
        heard.retain(|note| {
            let newer = *note > newest;
            newest = newest.max(*note);
            newer
        });
        assert_eq!(heard, (1..=NOTES).collect::<Vec<_>>(), "seed {seed}");
    }
}
