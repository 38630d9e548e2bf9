//! Single steps with a clock that jumps.

use super::*;
use crate::device::messages::{CommandReply, Poll, SessionEnd};
use crate::device::rpcs::downlink_id;
use crate::device::state::WaitingPoll;
use crate::model::reject::Reason;
use crate::model::rpc::{RpcAnswer, RpcState};
use crate::model::uplink::DeliveryStep;
use crate::store::Change;

fn records(fx: &Effects) -> Vec<RpcState> {
    let changes = fx.changes.iter();
    changes
        .filter_map(|change| match change {
            Change::RpcPut(record) => Some(record.state),
            _ => None,
        })
        .collect()
}

#[test]
fn a_claim_beyond_the_limit_tells_the_oldest_to_end_and_no_other() {
    let mut state = state(|c| c.sessions = 2);
    let oldest = connect(&mut state, claim("a", true, 0), 1).unwrap();
    connect(&mut state, claim("b", true, 0), 2).unwrap();
    let mut fx = Effects::default();
    state.claim(claim("c", true, 0), 3, &mut fx);
    assert_eq!(fx.closes, [(oldest, Reason::TakenOver)]);
    assert!(fx.admitted.is_empty());
    let mut fx = Effects::default();
    state.end_overdue(2_002, &mut fx);
    assert!(fx.ended.is_empty());
    state.end_overdue(2_003, &mut fx);
    assert_eq!(fx.ended, [oldest]);
    assert_eq!(fx.admitted.len(), 1);
    assert!(fx.admitted[0].epoch > oldest);
}

#[test]
fn sessions_of_one_protocol_neither_end_nor_hold_up_those_of_another() {
    let mut state = state(|c| c.sessions = 1);
    let observer = |id| Claim {
        transport: Transport::Coap,
        ..claim(id, true, 0)
    };
    let mqtt = connect(&mut state, claim("m", true, 0), 1).unwrap();
    let coap = connect(&mut state, observer("c"), 2).unwrap();
    let mut fx = Effects::default();
    state.claim(observer("d"), 3, &mut fx);
    assert_eq!(fx.closes, [(coap, Reason::TakenOver)]);
    assert!(fx.admitted.is_empty());
    // The other protocol's place is given on though a claim of the first still waits.
    state.close((mqtt, false), SessionEnd::default(), 4, &mut fx);
    assert!(connect(&mut state, claim("n", true, 0), 5).is_some());
    state.close((coap, false), SessionEnd::default(), 6, &mut fx);
    assert_eq!(state.sessions.len(), 2);
}

#[test]
fn one_session_replacing_another_gives_no_pair_of_disconnect_and_connect() {
    let mut state = state(|_| ());
    let first = connect(&mut state, claim("a", true, 0), 10).unwrap();
    state.note_presence(0, 10);
    connect(&mut state, claim("b", true, 0), 20);
    let mut fx = Effects::default();
    state.close((first, false), SessionEnd::default(), 30, &mut fx);
    assert_eq!(state.sessions.len(), 1);
    let activity = state.activity;
    assert_eq!((activity.last_connect, activity.last_disconnect), (10, 0));
}

#[test]
fn the_expiry_of_an_rpc_that_was_written_is_not_that_of_one_that_was_not() {
    let mut state = state(|_| ());
    let mut fx = Effects::default();
    let (written, waiting) = (order(false, false, 100), order(true, false, 100));
    let (written_id, waiting_id) = (written.id, waiting.id);
    state.order(written, 0, &mut fx);
    let epoch = connect(&mut state, claim("a", true, 0), 1).unwrap();
    state.subscribe(epoch, subscriptions(false, true), 2, &mut fx);
    let mut lines = Lines {
        room: 1,
        ..Lines::default()
    };
    state.offer_rpcs(3, &mut lines);
    state.order(waiting, 4, &mut fx);
    state.offer_rpcs(5, &mut lines);
    let mut fx = Effects::default();
    state.expire_rpcs(99, &mut fx);
    assert!(fx.answers.is_empty());
    state.expire_rpcs(100, &mut fx);
    assert_eq!(
        fx.answers,
        [
            (written_id, CommandReply::Rpc(RpcAnswer::NoReply)),
            (waiting_id, CommandReply::Rpc(RpcAnswer::NotConnected)),
        ]
    );
}

#[test]
fn retries_count_from_zero_so_that_the_one_after_the_last_fails() {
    let mut state = state(|_| ());
    let epoch = connect(&mut state, claim("a", true, 0), 1).unwrap();
    let mut fx = Effects::default();
    state.subscribe(epoch, subscriptions(false, true), 1, &mut fx);
    state.order(order(true, true, 1_000_000), 1, &mut fx);
    for (now, ends_as) in [(10, RpcState::Timeout), (20_010, RpcState::Failed)] {
        let mut lines = Lines {
            room: 1,
            ..Lines::default()
        };
        state.offer_rpcs(now, &mut lines);
        let id = lines.taken[0].2.id;
        let mut fx = Effects::default();
        state.delivery(epoch, id, DeliveryStep::Sent, now, &mut fx);
        assert_eq!(records(&fx), [RpcState::Sent]);
        let mut fx = Effects::default();
        state.expire_rpcs(now + 9_999, &mut fx);
        assert!(fx.changes.is_empty());
        state.expire_rpcs(now + 10_000, &mut fx);
        assert_eq!(records(&fx), [ends_as]);
    }
    assert!(state.rpcs.is_empty());
}

#[test]
fn the_acknowledgement_of_a_message_that_a_resumed_transport_sent_again_counts() {
    let mut state = state(|_| ());
    let mut fx = Effects::default();
    let first = connect(&mut state, claim("a", false, 60_000), 1).unwrap();
    state.subscribe(first, subscriptions(true, true), 1, &mut fx);
    let wanted = order(true, true, 1_000_000);
    state.order(wanted, 1, &mut fx);
    let mut lines = Lines {
        room: 1,
        ..Lines::default()
    };
    state.offer_rpcs(2, &mut lines);
    let id = lines.taken[0].2.id;
    assert_eq!(id, downlink_id(0, 0));
    state.delivery(first, id, DeliveryStep::Sent, 3, &mut fx);
    state.close((first, false), SessionEnd::default(), 4, &mut fx);
    let second = connect(&mut state, claim("a", false, 60_000), 5).unwrap();
    let mut fx = Effects::default();
    state.delivery(second, id, DeliveryStep::Delivered, 6, &mut fx);
    assert_eq!(records(&fx), [RpcState::Delivered]);
    state.shared_revision = 9;
    state.delivery(second, 5, DeliveryStep::Delivered, 7, &mut fx);
    assert_eq!(state.sessions[0].acknowledged, 5);
    state.delivery(second, 77, DeliveryStep::Delivered, 8, &mut fx);
    assert_eq!(state.sessions[0].acknowledged, 9, "not beyond the truth");
}

#[test]
fn a_request_that_began_before_the_device_was_disabled_may_not_speak_and_a_later_one_may() {
    let mut state = state(|_| ());
    let mut fx = Effects::default();
    state.visit(SessionId::new(), Transport::Http, 1, &mut fx);
    state.end_all(Reason::DeviceDisabled, 2, &mut fx);
    state.visit(SessionId::new(), Transport::Http, 3, &mut fx);
    let may: Vec<bool> = fx
        .admitted
        .iter()
        .map(|admission| {
            let speaker = crate::device::messages::Speaker {
                session: admission.session,
                epoch: admission.epoch,
                transport: admission.transport,
                visitor: true,
            };
            state.may_speak(&speaker).is_ok()
        })
        .collect();
    assert_eq!(may, [false, true]);
}

#[test]
fn a_poll_ends_at_its_time_and_not_before() {
    let mut state = state(|_| ());
    let mut fx = Effects::default();
    let poll = WaitingPoll {
        id: 1,
        kind: Poll::Rpc,
        deadline: 50,
    };
    state.poll(poll, Transport::Http, 10, &mut fx);
    state.expire_polls(49, &mut fx);
    assert!(fx.polls.is_empty());
    state.expire_polls(50, &mut fx);
    assert_eq!(fx.polls, [(1, Ok(()))]);
}
