//! Requests to uplinks, outcomes to answers.

use super::guests::{GuestId, Standing};
use super::tasks;
use super::worker::Worker;
use crate::model::device::ProfileOptions;
use crate::model::json;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::uplink::{Outcome, Uplink};
use crate::registry::{ConnectRequest, Connected};
use crate::transport::coap::codec::Code;
use crate::transport::coap::error;
use crate::transport::coap::mapping::{
    accepts_links, attributes_asked, cbor_from_json, cbor_to_json, links, route, Format,
    FormatError, Resource, Route, Speaker,
};
use crate::transport::coap::session::{Answer, Request};
use bytes::Bytes;

/// A request that is being served.
pub(super) struct Job {
    pub request: Request,
    pub resource: Resource,
    /// Of the answer.
    pub format: Format,
    /// Its device has been looked up anew for it.
    pub again: bool,
}

/// A request's uplink, or the code and reason for which there is none.
type Understood = Result<Uplink, (Code, Rejection)>;

impl Worker {
    pub(super) fn serve(&mut self, request: Request) {
        let options = request.options();
        let association = request.peer.association;
        let routed = match route(request.method, &options, association) {
            Ok(Route::Device(speaker, resource)) => Format::of_answer(&options)
                .map(|format| (speaker, resource, format))
                .map_err(|no| (no.code, no.rejection)),
            Ok(Route::Core) => match accepts_links(&options) {
                Ok(()) => {
                    let text = links(association != 0);
                    let answer = Answer::content(Code::CONTENT, Format::LINKS, text);
                    return self.answer(&request, answer);
                }
                Err(no) => Err((no.code, no.rejection)),
            },
            Err(none) => Err((none.code(), none.rejection())),
        };
        match routed {
            Ok((speaker, resource, format)) => {
                let job = Job {
                    request,
                    resource,
                    format,
                    again: false,
                };
                match speaker {
                    Speaker::Token(_) if association != 0 => {
                        self.by_token_in(association, speaker, job);
                    }
                    speaker => self.let_in(speaker, job),
                }
            }
            Err((code, rejection)) => {
                let peer = request.peer.address.ip().to_canonical();
                self.room
                    .registry
                    .refuse_stranger(Transport::Coap, peer, &rejection);
                self.answer(&request, error::with_code(code, &rejection));
            }
        }
    }

    pub(super) fn answer(&mut self, request: &Request, answer: Answer) {
        let now = self.now();
        self.endpoint
            .answer(request.exchange, answer, now, &mut self.fx);
    }

    pub(super) fn refuse(&mut self, job: &Job, rejection: &Rejection) {
        self.answer(&job.request, error::refusal(rejection));
    }

    pub(super) fn let_in(&mut self, speaker: Speaker, job: Job) {
        let now = self.now();
        let oldest = now.saturating_sub(self.room.config.known_for.0);
        let version = self.room.registry.directory_version();
        let id = match self.guests.find(&speaker, oldest, version) {
            Some(id) => id,
            None => self.look_up(speaker, &job, version),
        };
        let Some(guest) = self.guests.get(id) else {
            return;
        };
        guest.open += 1;
        match &mut guest.standing {
            Standing::Asked(waiting) => waiting.push(job),
            Standing::In(_, profile) => {
                let profile = *profile;
                self.deal_with(id, job, profile);
            }
        }
    }

    fn look_up(&mut self, speaker: Speaker, job: &Job, version: Option<u64>) -> GuestId {
        let now = self.now();
        let id = self.guests.add(speaker.clone(), now, version);
        let request = self.connect_request(&speaker, job);
        let registry = self.room.registry.clone();
        self.tasks.push(tasks::connect(registry, id, request));
        id
    }

    /// A single request's; a session's is made of it.
    pub(super) fn connect_request(&self, speaker: &Speaker, job: &Job) -> ConnectRequest {
        ConnectRequest {
            presented: self.presented(speaker),
            transport: Transport::Coap,
            peer: job.request.peer.address.ip().to_canonical(),
            session: None,
        }
    }

    pub(super) fn connected(&mut self, id: GuestId, result: Result<Connected, Rejection>) {
        match result {
            Ok(connected) => {
                let profile = connected.profile;
                let Some(guest) = self.guests.get(id) else {
                    return;
                };
                let standing = Standing::In(connected.handle, profile);
                let before = std::mem::replace(&mut guest.standing, standing);
                if connected.brief {
                    self.guests.leave(id);
                }
                if let Standing::Asked(jobs) = before {
                    for job in jobs {
                        self.deal_with(id, job, profile);
                    }
                }
            }
            Err(rejection) => {
                let guest = self.guests.remove(id);
                if let Some(Speaker::Association(number)) = guest.as_ref().map(|one| &one.speaker) {
                    self.vouched(*number, Some(&rejection));
                }
                if let Some(Standing::Asked(jobs)) = guest.map(|guest| guest.standing) {
                    for (n, job) in jobs.iter().enumerate() {
                        // The registry has counted the one that it was asked for.
                        if n > 0 {
                            let peer = job.request.peer.address.ip().to_canonical();
                            self.room
                                .registry
                                .refuse_stranger(Transport::Coap, peer, &rejection);
                        }
                        self.refuse(job, &rejection);
                    }
                }
            }
        }
    }

    /// An authenticated request.
    fn deal_with(&mut self, id: GuestId, job: Job, profile: ProfileOptions) {
        let watches = job.request.observe == Some(0)
            && matches!(job.resource, Resource::GetAttributes | Resource::ServerRpc);
        if watches {
            let handle = self.guests.get(id).and_then(|guest| match &guest.standing {
                Standing::In(handle, _) => Some((handle.clone(), guest.speaker.clone())),
                Standing::Asked(_) => None,
            });
            if let Some((handle, speaker)) = handle {
                self.watch(handle.device(), &speaker, job);
            }
            // Most observers do nothing but wait: only the session is kept of them.
            return self.guests.answered(id, 1, 0);
        }
        match self.understand(&job, profile) {
            Ok(uplink) => self.batch(id, job, uplink),
            Err((code, rejection)) => {
                let mut answer = error::with_code(code, &rejection);
                if code == Code::TOO_LARGE && job.resource.is_rpc() {
                    let most = self.room.config.max_rpc_body.bytes();
                    answer.size1 = Some(u32::try_from(most).unwrap_or(u32::MAX));
                }
                self.answer(&job.request, answer);
                // Counted, and in the device's stream.
                if let Some(guest) = self.guests.get(id) {
                    if let Standing::In(handle, _) = &guest.standing {
                        drop(handle.submit(vec![Uplink::Refused(rejection)]));
                    }
                }
                self.guest_answered(id, 1);
            }
        }
    }

    pub(super) fn guest_answered(&mut self, id: GuestId, requests: usize) {
        let most = self.room.config.known_devices;
        self.guests.answered(id, requests, most);
    }

    fn batch(&mut self, id: GuestId, job: Job, uplink: Uplink) {
        let Some(guest) = self.guests.get(id) else {
            return;
        };
        let first = guest.batch.is_empty();
        guest.batch.push((job, uplink));
        if first {
            self.guests.waiting.push(id);
        }
    }

    /// All uplinks of one device in one message.
    pub(super) fn submit(&mut self) {
        let patience = self.room.config.answer_timeout.0;
        for id in std::mem::take(&mut self.guests.waiting) {
            let Some(guest) = self.guests.get(id) else {
                continue;
            };
            let batch = std::mem::take(&mut guest.batch);
            if let Standing::In(handle, _) = &guest.standing {
                let (jobs, uplinks): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                let ticket = handle.submit(uplinks);
                self.tasks.push(tasks::served(id, ticket, jobs, patience));
            }
        }
    }

    fn understand(&self, job: &Job, profile: ProfileOptions) -> Understood {
        let rules = &self.room.rules;
        let plain = |rejection: Rejection| (error::code(rejection.reason), rejection);
        match job.resource {
            Resource::PostTelemetry => {
                let body = self.body(&job.request, usize::MAX)?;
                json::telemetry(&body, self.wall(), rules, profile)
                    .map(Uplink::Telemetry)
                    .map_err(plain)
            }
            Resource::PostAttributes => {
                let body = self.body(&job.request, usize::MAX)?;
                let (entries, nulls_skipped) =
                    json::attributes(&body, rules, profile).map_err(plain)?;
                Ok(Uplink::Attributes {
                    entries,
                    nulls_skipped,
                })
            }
            Resource::GetAttributes => Ok(Uplink::AttributeRequest(attributes_asked(
                &job.request.options(),
            ))),
            // The end of an observation is answered; without Observe there is nothing to be had.
            Resource::ServerRpc if job.request.observe == Some(1) => Ok(Uplink::Activity),
            // The rest of a notification that is no longer known: there is no other way to it.
            Resource::ServerRpc if job.request.is_for_a_later_block() => Err((
                Code::INCOMPLETE,
                Rejection::new(
                    Reason::Expired,
                    "the rest of this notification is no longer known",
                ),
            )),
            Resource::ServerRpc => Err(plain(Rejection::new(
                Reason::ProtocolViolation,
                "requests are observed: GET rpc needs the option Observe",
            ))),
            Resource::CallRpc => {
                let body = self.body(&job.request, self.room.config.max_rpc_body.bytes())?;
                let (method, params) = json::rpc_call(&body, rules).map_err(plain)?;
                Ok(Uplink::RpcCall { method, params })
            }
            Resource::ReplyRpc { request_id } => {
                let body = self.body(&job.request, self.room.config.max_rpc_body.bytes())?;
                Ok(Uplink::RpcReply { request_id, body })
            }
        }
    }

    /// The payload as JSON text (or whatever the client sent as such).
    fn body(&self, request: &Request, most: usize) -> Result<Bytes, (Code, Rejection)> {
        if request.payload.len() > most {
            let what = format!("more than {most} bytes");
            return Err((Code::TOO_LARGE, Rejection::new(Reason::TooLarge, what)));
        }
        let format = Format::of_payload(&request.options());
        match format.map_err(|FormatError { code, rejection }| (code, rejection))? {
            Format::Json => Ok(request.payload.clone()),
            Format::Cbor => cbor_to_json(&request.payload, self.room.rules.max_depth)
                .map(Bytes::from)
                .map_err(|rejection| (error::code(rejection.reason), rejection)),
        }
    }

    pub(super) fn outcomes(&mut self, id: GuestId, jobs: Vec<Job>, outcomes: Vec<Outcome>) {
        let count = jobs.len();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Refused(no) if ended(no.reason) && !job.again => self.once_more(id, job),
                outcome => {
                    let answer = answer_of(&job, outcome);
                    self.answer(&job.request, answer);
                }
            }
        }
        self.guest_answered(id, count);
    }

    /// The right to speak has ended: perhaps the device was disabled, perhaps it has been enabled
    /// again meanwhile. It is looked up anew, once.
    fn once_more(&mut self, id: GuestId, mut job: Job) {
        let speaker = match self.guests.get(id).map(|guest| guest.speaker.clone()) {
            Some(speaker) => {
                self.guests.remove(id);
                Some(speaker)
            }
            // Removed for the request before this one.
            None => match route(
                job.request.method,
                &job.request.options(),
                job.request.peer.association,
            ) {
                Ok(Route::Device(speaker, _)) => Some(speaker),
                _ => None,
            },
        };
        job.again = true;
        if let Some(speaker) = speaker {
            self.let_in(speaker, job);
        }
    }
}

/// The reasons for which an actor hears a guest no longer.
fn ended(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::DeviceDisabled
            | Reason::CredentialsChanged
            | Reason::DeviceDeleted
            | Reason::StaleEpoch
            | Reason::TakenOver
    )
}

fn answer_of(job: &Job, outcome: Outcome) -> Answer {
    match (job.resource, outcome) {
        (_, Outcome::Refused(rejection)) => error::refusal(&rejection),
        (Resource::GetAttributes, Outcome::Attributes(reply)) => {
            let nothing = reply.client.is_empty() && reply.shared.is_empty();
            if nothing && job.request.observe != Some(1) {
                return Answer::empty(Code::NOT_FOUND);
            }
            let mut text = String::new();
            json::write_attribute_reply(&reply, &mut text);
            content(job.format, text)
        }
        (Resource::CallRpc, Outcome::RpcResult(text)) => content(job.format, text.into()),
        (Resource::ServerRpc, _) => Answer::empty(Code::VALID),
        _ => Answer::empty(Code::CREATED),
    }
}

/// JSON text of ours in the format that is asked for.
pub(super) fn content(format: Format, text: String) -> Answer {
    if format == Format::Cbor {
        if let Some(cbor) = cbor_from_json(&text) {
            return Answer::content(Code::CONTENT, Format::Cbor.number(), cbor);
        }
    }
    Answer::content(Code::CONTENT, Format::Json.number(), text)
}
