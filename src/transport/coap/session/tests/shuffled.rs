//! A network that drops, repeats and reorders, by seed: every request is served exactly once, and
//! every client has its answer in the end.

use super::*;
use crate::transport::coap::codec::tests::Draw;
use std::collections::BTreeMap;

const CLIENTS: u16 = 3;
const REQUESTS: u16 = 20;

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
fn over_a_bad_network_each_request_is_served_once_and_answered() {
    for seed in 1..=40 {
        run(seed * 0x9e37_79b9);
    }
}
