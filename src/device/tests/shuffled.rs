//! Seeded shuffles of whatever network, operators and clock may do, and what holds after each.

use super::*;
use crate::device::messages::{CommandReply, Poll, SessionEnd};
use crate::device::rpcs::request_id_of;
use crate::device::state::WaitingPoll;
use crate::model::attributes::AttributeChanges;
use crate::model::downlink::DownlinkBody;
use crate::model::reject::Reason;
use crate::model::rpc::RpcAnswer;
use crate::model::uplink::DeliveryStep;
use crate::model::value::Value;
use crate::store::Change;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug)]
enum Event {
    Claim {
        client: u8,
        clean: bool,
        expiry: u8,
    },
    Withdraw(u8),
    Close(u8),
    Subscribe {
        session: u8,
        attributes: bool,
        rpc: bool,
    },
    Order {
        oneway: bool,
        persistent: bool,
        life: u16,
    },
    /// On some downlink that was ever handed out, by some session that ever was.
    Delivery {
        session: u8,
        downlink: u8,
        step: u8,
    },
    Reply {
        request: u8,
    },
    Poll {
        rpc: bool,
        life: u16,
    },
    Written {
        poll: u8,
        written: bool,
    },
    SharedChange,
    EndAll,
    /// Also backwards.
    Clock(i32),
    Room(u8),
}

fn event() -> impl Strategy<Value = Event> {
    use Event::*;
    prop_oneof![
        (0..3u8, any::<bool>(), 0..3u8).prop_map(|(client, clean, expiry)| Claim {
            client,
            clean,
            expiry
        }),
        any::<u8>().prop_map(Withdraw),
        any::<u8>().prop_map(Close),
        (any::<u8>(), any::<bool>(), any::<bool>()).prop_map(|(session, attributes, rpc)| {
            Subscribe {
                session,
                attributes,
                rpc,
            }
        }),
        (any::<bool>(), any::<bool>(), 0..30_000u16).prop_map(|(oneway, persistent, life)| Order {
            oneway,
            persistent,
            life
        }),
        (any::<u8>(), any::<u8>(), 0..3u8).prop_map(|(session, downlink, step)| Delivery {
            session,
            downlink,
            step
        }),
        any::<u8>().prop_map(|request| Reply { request }),
        (any::<bool>(), 0..30_000u16).prop_map(|(rpc, life)| Poll { rpc, life }),
        (any::<u8>(), any::<bool>()).prop_map(|(poll, written)| Written { poll, written }),
        Just(SharedChange),
        Just(EndAll),
        (-5_000..20_000i32).prop_map(Clock),
        (0..6u8).prop_map(Room),
    ]
}

struct World {
    state: State,
    now: Millis,
    lines: Lines,
    claimed: Vec<SessionId>,
    epochs: Vec<Epoch>,
    seen: usize,
    answers: HashMap<RpcId, usize>,
    lightweight: HashSet<RpcId>,
    finals: HashSet<RpcId>,
    polls: HashMap<PollId, usize>,
    last_poll: PollId,
    last_activity: Millis,
}

fn pick<T: Copy>(list: &[T], at: u8) -> Option<T> {
    (!list.is_empty()).then(|| list[usize::from(at) % list.len()])
}

impl World {
    fn new() -> Self {
        Self {
            state: state(|c| {
                c.sessions = 2;
                c.pending_rpcs = 5;
                c.pending_polls = 3;
            }),
            now: 1_000_000,
            lines: Lines {
                room: 4,
                ..Lines::default()
            },
            claimed: Vec::new(),
            epochs: Vec::new(),
            seen: 0,
            answers: HashMap::new(),
            lightweight: HashSet::new(),
            finals: HashSet::new(),
            polls: HashMap::new(),
            last_poll: 0,
            last_activity: 0,
        }
    }

    fn happen(&mut self, event: Event) {
        let mut fx = Effects::default();
        self.apply(event, &mut fx);
        self.due(&mut fx);
        self.check_effects(fx);
        self.offer();
        self.check_state();
    }

    fn apply(&mut self, event: Event, fx: &mut Effects) {
        let (state, now) = (&mut self.state, self.now);
        match event {
            Event::Claim {
                client,
                clean,
                expiry,
            } => {
                let claim = claim(&format!("c{client}"), clean, Millis::from(expiry) * 10_000);
                self.claimed.push(claim.session);
                state.claim(claim, now, fx);
            }
            Event::Withdraw(at) => {
                if let Some(session) = pick(&self.claimed, at) {
                    state.withdraw(session);
                }
            }
            Event::Close(at) => {
                if let Some(epoch) = pick(&self.epochs, at) {
                    state.close((epoch, false), SessionEnd::default(), now, fx);
                }
            }
            Event::Subscribe {
                session,
                attributes,
                rpc,
            } => {
                if let Some(epoch) = pick(&self.epochs, session) {
                    state.subscribe(epoch, subscriptions(attributes, rpc), now, fx);
                }
            }
            Event::Order {
                oneway,
                persistent,
                life,
            } => {
                let order = order(oneway, persistent, now + Millis::from(life));
                if !persistent {
                    self.lightweight.insert(order.id);
                }
                state.order(order, now, fx);
            }
            Event::Delivery {
                session,
                downlink,
                step,
            } => {
                let ids: Vec<u64> = self.lines.taken.iter().map(|t| t.2.id).collect();
                let step = [
                    DeliveryStep::Sent,
                    DeliveryStep::Delivered,
                    DeliveryStep::Failed,
                ][usize::from(step)];
                if let (Some(epoch), Some(id)) = (pick(&self.epochs, session), pick(&ids, downlink))
                {
                    state.delivery(epoch, id, step, now, fx);
                }
            }
            Event::Reply { request } => {
                let body = bytes::Bytes::from_static(b"{}");
                state.rpc_reply(i32::from(request % 16), body, Transport::Mqtt, now, fx);
            }
            Event::Poll { rpc, life } => {
                self.last_poll += 1;
                let poll = WaitingPoll {
                    id: self.last_poll,
                    kind: if rpc { Poll::Rpc } else { Poll::Attributes },
                    deadline: now + Millis::from(life),
                };
                self.polls.insert(poll.id, 0);
                state.poll(poll, Transport::Http, now, fx);
            }
            Event::Written { poll, written } => {
                let id = u32::from(poll) % (self.last_poll + 1);
                state.poll_written(id, written, now, fx);
            }
            Event::SharedChange => state.shared_revision += 1,
            Event::EndAll => state.end_all(Reason::CredentialsChanged, now, fx),
            Event::Clock(by) => self.now += Millis::from(by),
            Event::Room(room) => self.lines.room = usize::from(room),
        }
    }

    fn due(&mut self, fx: &mut Effects) {
        self.state.end_overdue(self.now, fx);
        self.state.expire_polls(self.now, fx);
        self.state.evaluate_activity(self.now, fx);
        self.state.expire_rpcs(self.now, fx);
    }

    fn offer(&mut self) {
        let changes = |revision| AttributeChanges {
            revision,
            updated: vec![("k".into(), Value::Long(1))],
            deleted: Vec::new(),
            truncated: false,
        };
        let revision = self.state.shared_revision;
        for (epoch, since) in self.state.behind() {
            assert!(since < revision);
            if let Some(downlink) = self.state.attributes_downlink(epoch, changes(revision)) {
                if self.lines.session(epoch, downlink) {
                    self.state.attributes_offered(epoch, revision);
                }
            }
        }
        if self.state.polls_behind().is_some() {
            self.state.answer_polls(changes(revision), &mut self.lines);
        }
        self.state.offer_rpcs(self.now, &mut self.lines);
        self.check_offers();
    }

    /// Whatever is handed out goes to a live session that wants it; a second time only marked.
    fn check_offers(&mut self) {
        for at in self.seen..self.lines.taken.len() {
            let (epoch, poll, downlink) = self.lines.taken[at].clone();
            if let Some(epoch) = epoch {
                let session = self.state.sessions.iter().find(|s| s.epoch == epoch);
                let session = session.expect("a live session");
                assert!(session.ending.is_none());
            }
            if let Some(poll) = poll {
                *self.polls.get_mut(&poll).unwrap() += 1;
            }
            if let DownlinkBody::Rpc { redelivery, .. } = downlink.body {
                let earlier = &self.lines.taken[..at];
                let by_session = |t: &&(Option<Epoch>, _, Downlink)| {
                    t.0.is_some() && request_id_of(t.2.id) == request_id_of(downlink.id)
                };
                if earlier.iter().any(|t| by_session(&t)) {
                    assert!(redelivery, "given out twice without a mark");
                }
            }
        }
        self.seen = self.lines.taken.len();
        for poll in self.lines.gone.drain(..) {
            *self.polls.get_mut(&poll).unwrap() += 1;
        }
    }

    fn check_effects(&mut self, fx: Effects) {
        for admission in &fx.admitted {
            let newest = self.epochs.last().copied().unwrap_or_default();
            assert!(admission.epoch > newest, "epochs only grow");
            self.epochs.push(admission.epoch);
        }
        for (id, reply) in &fx.answers {
            let count = self.answers.entry(*id).or_default();
            *count += 1;
            assert_eq!(*count, 1, "answered twice: {reply:?}");
            let accepted = matches!(reply, CommandReply::Rpc(RpcAnswer::Accepted(_)));
            assert!(!(accepted && self.lightweight.contains(id)));
        }
        for (poll, _) in &fx.polls {
            *self.polls.get_mut(poll).unwrap() += 1;
        }
        for change in fx.changes {
            if let Change::RpcPut(record) = change {
                let id = record.order.id;
                assert!(!self.finals.contains(&id), "changed after its end");
                if record.state.is_final(record.order.oneway) {
                    self.finals.insert(id);
                }
            }
        }
    }

    fn check_state(&mut self) {
        let state = &self.state;
        assert!(state.sessions.len() <= 2);
        assert!(state.rpcs.len() <= 5);
        assert!(state.polls().waiting.len() <= 3);
        assert!(state.activity.last >= self.last_activity, "time moved back");
        self.last_activity = state.activity.last;
        for session in &state.sessions {
            assert!(session.acknowledged <= state.shared_revision);
            assert!(session.offered <= state.shared_revision);
        }
        for count in self.polls.values() {
            assert!(*count <= 1, "a poll was answered twice");
        }
    }

    /// In the end everybody has heard.
    fn end(mut self) {
        for epoch in self.epochs.clone() {
            self.happen(Event::Close(0));
            let mut fx = Effects::default();
            let end = SessionEnd::default();
            self.state.close((epoch, false), end, self.now, &mut fx);
            self.check_effects(fx);
        }
        self.now += 10_000_000;
        let mut fx = Effects::default();
        self.due(&mut fx);
        self.check_effects(fx);
        assert!(self.state.rpcs.is_empty());
        for id in &self.lightweight {
            assert_eq!(self.answers.get(id), Some(&1), "a caller never heard");
        }
        for (poll, count) in &self.polls {
            assert_eq!(*count, 1, "poll {poll} never ended");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_in_whatever_order_the_promises_hold(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
        }
        world.end();
    }
}
