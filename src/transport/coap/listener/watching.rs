//! Observers' sessions: opened with the first observation of a device, closed with its last;
//! downlinks go out as notifications, and their fate goes back.

use super::serve::{content, Job};
use super::standing::is_final;
use super::tasks::{self, Listening};
use super::watch::{Note, Observer, Watch};
use super::worker::Worker;
use crate::model::downlink::{Downlink, DownlinkBody};
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::uplink::{DeliveryStep, Outcome, Uplink};
use crate::registry::{Connected, DownlinkReceiver};
use crate::transport::coap::codec::Code;
use crate::transport::coap::error;
use crate::transport::coap::mapping::{everything, parts, shared, Resource, Speaker};
use crate::transport::coap::session::{Answer, Ended, Notice, ObservationId, Step};

impl Worker {
    pub(super) fn watch(&mut self, device: DeviceId, speaker: &Speaker, job: Job) {
        if let Some(watch) = self.watches.all.get_mut(&device) {
            if watch.handle.is_none() {
                watch.waiting.push(job);
                return;
            }
            return self.register(device, job);
        }
        self.watches.sessions += 1;
        let mut watch = Box::new(Watch::new(self.watches.sessions));
        let request = self.connect_request(speaker, &job);
        watch.waiting.push(job);
        self.watches.all.insert(device, watch);
        let registry = self.room.registry.clone();
        let room = self.room.config.notifications;
        self.tasks
            .push(tasks::open(registry, device, request, room));
    }

    pub(super) fn opened(
        &mut self,
        device: DeviceId,
        result: Result<(Connected, DownlinkReceiver), Rejection>,
    ) {
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        let jobs = watch.waiting.take();
        match result {
            Ok((connected, line)) => {
                watch.handle = Some(connected.handle);
                watch.line = Some(line);
                self.room.metrics.connection_opened(Transport::Coap);
                for job in jobs {
                    self.register(device, job);
                }
            }
            Err(rejection) => {
                self.watches.all.remove(&device);
                for job in jobs {
                    self.refuse(&job, &rejection);
                }
            }
        }
    }

    /// An observer of a device whose session is open.
    fn register(&mut self, device: DeviceId, job: Job) {
        let now = self.now();
        let Some(id) = self.endpoint.observe(job.request.exchange, now) else {
            return self.no_room(device, &job);
        };
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        let observer = Observer {
            id,
            format: job.format,
        };
        let old = watch.place(job.resource).replace(observer);
        watch.answering += 1;
        let mut uplinks = vec![Uplink::Subscribe(watch.subscriptions())];
        if job.resource == Resource::GetAttributes {
            uplinks.push(Uplink::AttributeRequest(everything()));
        }
        if let Some(handle) = &watch.handle {
            let count = uplinks.len();
            let ticket = handle.submit(uplinks);
            let patience = self.room.config.answer_timeout.0;
            let task = tasks::observed(device, ticket, count, job, patience);
            self.tasks.push(task);
        }
        self.watches.by_observation.insert(id, device);
        if let Some(old) = old.filter(|old| old.id != id) {
            // It observes elsewhere now, perhaps under another address.
            self.watches.by_observation.remove(&old.id);
            let deleted = Answer::empty(Code::DELETED);
            self.endpoint.end(old.id, Some(&deleted), &mut self.fx);
            self.notes_failed(device, old.id);
        }
    }

    fn no_room(&mut self, device: DeviceId, job: &Job) {
        let rejection = Rejection::new(Reason::QueueFull, "too many observations");
        self.refuse(job, &rejection);
        if let Some(watch) = self.watches.all.get(&device) {
            if let Some(handle) = &watch.handle {
                drop(handle.submit(vec![Uplink::Refused(rejection)]));
            }
            if watch.observers().next().is_none() && watch.answering == 0 {
                self.end_watch(device, Reason::QueueFull);
            }
        }
    }

    /// What an observer's first answer is made of has come.
    pub(super) fn observed(&mut self, device: DeviceId, job: Job, outcomes: Vec<Outcome>) {
        let refused = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Refused(rejection) => Some(rejection.clone()),
            _ => None,
        });
        let Some(watch) = self.watches.all.get_mut(&device) else {
            let gone = Rejection::new(Reason::TakenOver, "the session has ended");
            return self.refuse(&job, &refused.unwrap_or(gone));
        };
        watch.answering = watch.answering.saturating_sub(1);
        if let Some(rejection) = refused {
            let reason = rejection.reason;
            self.end_watch(device, reason);
            return self.refuse(&job, &rejection);
        }
        let answer = match (job.resource, outcomes.into_iter().next_back()) {
            (Resource::GetAttributes, Some(Outcome::Attributes(reply))) => {
                content(job.format, shared(&reply))
            }
            _ => Answer::empty(Code::VALID),
        };
        self.answer(&job.request, answer);
        self.go_on(device);
    }

    /// Takes up the next downlink when no first answer is under way and few notifications are.
    fn go_on(&mut self, device: DeviceId) {
        let window = self.room.config.notifications;
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        if watch.answering > 0 {
            return;
        }
        if let Some((downlink, line)) = watch.held.take() {
            let session = watch.session;
            return self.downlink(device, session, downlink, line);
        }
        if watch.notes.len() < window {
            if let Some(line) = watch.line.take() {
                let session = watch.session;
                self.lines.push(Listening::new(device, session, line));
            }
        }
    }

    pub(super) fn downlink(
        &mut self,
        device: DeviceId,
        session: u64,
        downlink: Option<Box<Downlink>>,
        line: DownlinkReceiver,
    ) {
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        if watch.session != session {
            return;
        }
        if watch.answering > 0 {
            watch.held = Some((downlink, line));
            return;
        }
        watch.line = Some(line);
        let Some(downlink) = downlink else {
            return self.end_watch(device, Reason::Internal);
        };
        if let DownlinkBody::Close(reason) = downlink.body {
            return self.end_watch(device, reason);
        }
        match watch.observer_of(&downlink.body) {
            Some(observer) => self.notify(device, observer, &downlink),
            None => self.deliver(device, downlink.id, DeliveryStep::Failed),
        }
        self.go_on(device);
    }

    fn notify(&mut self, device: DeviceId, observer: Observer, downlink: &Downlink) {
        let now = self.now();
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        let notices: Vec<Notice> = parts(&downlink.body)
            .into_iter()
            .map(|text| {
                watch.next_note += 1;
                watch.notes.push(Note {
                    note: watch.next_note,
                    of: observer.id,
                    downlink: downlink.id,
                });
                Notice {
                    note: watch.next_note,
                    answer: content(observer.format, text),
                }
            })
            .collect();
        for notice in &notices {
            self.endpoint.notify(observer.id, notice, now, &mut self.fx);
        }
    }

    /// What became of a notification.
    pub(super) fn noted(&mut self, id: ObservationId, note: u64, step: Step) {
        let Some((device, watch)) = self.watches.of(id) else {
            return;
        };
        let Some(at) = watch.notes.iter().position(|known| known.note == note) else {
            return;
        };
        let downlink = watch.notes.get(at).map_or(0, |note| note.downlink);
        let of_it = |known: &Note| known.downlink == downlink;
        let step = match step {
            Step::Sent => Some(DeliveryStep::Sent),
            Step::Delivered => {
                watch.notes.remove(at);
                let whole = !watch.notes.iter().any(of_it);
                whole.then_some(DeliveryStep::Delivered)
            }
            Step::Failed => {
                watch.notes.retain(|known| !of_it(known));
                Some(DeliveryStep::Failed)
            }
        };
        if let Some(step) = step {
            self.deliver(device, downlink, step);
        }
        self.go_on(device);
    }

    fn deliver(&mut self, device: DeviceId, id: u64, step: DeliveryStep) {
        let watch = self.watches.all.get(&device);
        if let Some(handle) = watch.and_then(|watch| watch.handle.as_ref()) {
            // Nobody waits for the outcome of this.
            drop(handle.submit(vec![Uplink::Delivery { id, step }]));
        }
    }

    fn notes_failed(&mut self, device: DeviceId, id: ObservationId) {
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        let mut failed = Vec::new();
        watch.notes.retain(|note| {
            if note.of == id && !failed.contains(&note.downlink) {
                failed.push(note.downlink);
            }
            note.of != id
        });
        for downlink in failed {
            self.deliver(device, downlink, DeliveryStep::Failed);
        }
    }

    /// An observer does not observe any more.
    pub(super) fn unobserved(&mut self, id: ObservationId, why: Ended) {
        let Some(device) = self.watches.by_observation.remove(&id) else {
            return;
        };
        self.notes_failed(device, id);
        let Some(watch) = self.watches.all.get_mut(&device) else {
            return;
        };
        if watch.forget(id) {
            if let Some(handle) = &watch.handle {
                let rest = Uplink::Subscribe(watch.subscriptions());
                drop(handle.submit(vec![rest]));
            }
            return self.go_on(device);
        }
        let reason = match why {
            Ended::Cancelled => "observation cancelled",
            Ended::Reset => "observation reset by the client",
            Ended::Unanswered => "notifications were not acknowledged",
            Ended::Gone => "the DTLS association ended",
        };
        self.close_watch(device, reason);
    }

    /// The platform ends it: the observers hear why.
    pub(super) fn end_watch(&mut self, device: DeviceId, reason: Reason) {
        let Some(watch) = self.watches.all.get(&device) else {
            return;
        };
        let mut last = Answer::empty(error::code(reason));
        last.max_age = (last.code == Code::UNAVAILABLE).then_some(5);
        for observer in watch.observers().collect::<Vec<_>>() {
            let peer = self.endpoint.observer(observer.id);
            if let Some(peer) = peer.filter(|peer| peer.association != 0 && is_final(reason)) {
                self.ask_who(peer.association, peer.address.ip().to_canonical());
            }
            self.watches.by_observation.remove(&observer.id);
            self.endpoint.end(observer.id, Some(&last), &mut self.fx);
        }
        self.close_watch(device, reason.label());
    }

    fn close_watch(&mut self, device: DeviceId, reason: &'static str) {
        let Some(mut watch) = self.watches.all.remove(&device) else {
            return;
        };
        if let Some(handle) = watch.handle.take() {
            self.room.metrics.connection_closed(Transport::Coap);
            self.tasks.push(tasks::close(handle, reason));
        }
        let gone = Rejection::new(Reason::TakenOver, "the session has ended");
        for job in watch.waiting.take() {
            self.refuse(&job, &gone);
        }
    }
}
