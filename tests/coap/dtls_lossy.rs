//! Handshakes over a network that loses, repeats and reorders datagrams, by seed.

use crate::dtls::with_keys;
use crate::dtls_peer::{keyed, Fate, Secure};
use crate::peer::code;
use crate::wait::until;

const KEY: &str = "0123456789abcdef";
/// Handshakes; each flight that is lost costs a second or more.
const SEEDS: u64 = 12;

fn fates(seed: u64) -> impl FnMut() -> Fate {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state >> 32 & 7 {
            0 => Fate::Lost,
            1 => Fate::Twice,
            2 => Fate::Late,
            _ => Fate::Arrives,
        }
    }
}

#[test]
fn handshakes_come_to_their_end_over_a_network_that_loses_repeats_and_reorders() {
    let house = with_keys(|_| {});
    house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    std::thread::scope(|scope| {
        for seed in 1..=SEEDS {
            let (house, context) = (&house, &context);
            scope.spawn(move || {
                let peer = Secure::through(house, context, fates(seed));
                let mut peer = peer.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
                let answer = peer.post("api/v1/telemetry", "{\"t\":1}");
                assert_eq!(code(&answer), "2.01", "seed {seed}");
                let _ = peer.stream.shutdown();
            });
        }
    });
    until("all have gone", || {
        crate::peer::metric(&house, "dtls_associations") == 0
    });
}
