//! What the peer of an association may say. One that is known speaks for its own device and no
//! other: a token in its paths is refused. One that has shown nothing, or a certificate that is
//! nobody's, is let in by the token in the path, as in the clear (contract/coap.md 6).

use super::serve::Job;
use super::tasks;
use super::worker::Worker;
use crate::model::credentials::Presented;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::registry::ConnectRequest;
use crate::transport::coap::mapping::Speaker;
use std::net::IpAddr;

/// Of a peer with a certificate.
pub(super) enum Standing {
    /// Whose it is is being asked; requests by token wait.
    Asked(Vec<(Speaker, Job)>),
    Known,
    Stranger,
}

impl Worker {
    /// An association has opened, or goes on.
    pub(super) fn introduced(&mut self, number: u64, ip: IpAddr) {
        let Presented::Certificate(_) = self.shown_in(number) else {
            return;
        };
        if let Some(secure) = &mut self.secure {
            let standing = secure.standings.entry(number);
            standing.or_insert_with(|| Standing::Asked(Vec::new()));
        }
        self.ask_who(number, ip);
    }

    /// Asks whether the peer of an association is still whom it has proved to be.
    pub(super) fn ask_who(&mut self, number: u64, peer: IpAddr) {
        let secure = self.secure.as_ref();
        let shown = secure.and_then(|secure| secure.table.presented(number));
        if let Some(presented) = shown {
            let request = ConnectRequest {
                presented,
                transport: Transport::Coap,
                peer,
                session: None,
            };
            let registry = self.room.registry.clone();
            self.tasks.push(tasks::vouch(registry, number, request));
        }
    }

    /// A request with a token in its path, over an association.
    pub(super) fn by_token_in(&mut self, number: u64, speaker: Speaker, job: Job) {
        let shown = self.shown_in(number);
        let Some(secure) = &mut self.secure else {
            return self.let_in(speaker, job);
        };
        match (secure.standings.get_mut(&number), shown) {
            (Some(Standing::Asked(waiting)), _) => waiting.push((speaker, job)),
            (Some(Standing::Known), _) | (None, Presented::PreSharedKey { .. }) => {
                self.not_its_own(&job);
            }
            // The last answer was none; who it is is asked again.
            (None, Presented::Certificate(_)) => {
                let ip = job.request.peer.address.ip().to_canonical();
                let waiting = Standing::Asked(vec![(speaker, job)]);
                secure.standings.insert(number, waiting);
                self.ask_who(number, ip);
            }
            (Some(Standing::Stranger) | None, _) => self.let_in(speaker, job),
        }
    }

    fn not_its_own(&mut self, job: &Job) {
        let what = "a token in the path, and the association is another device's";
        let rejection = Rejection::new(Reason::CredentialsUnknown, what);
        let peer = job.request.peer.address.ip().to_canonical();
        let registry = &self.room.registry;
        registry.refuse_stranger(Transport::Coap, peer, &rejection);
        self.refuse(job, &rejection);
    }

    /// Whether the peer of an association is whom it has proved to be; `refused`: why not.
    pub(super) fn vouched(&mut self, number: u64, refused: Option<&Rejection>) {
        let unknown = |no: &Rejection| no.reason == Reason::CertificateUnknown;
        let Some(secure) = &mut self.secure else {
            return;
        };
        let before = match refused {
            None => secure
                .standings
                .get_mut(&number)
                .map(|standing| std::mem::replace(standing, Standing::Known)),
            Some(no) if unknown(no) => secure
                .standings
                .get_mut(&number)
                .map(|standing| std::mem::replace(standing, Standing::Stranger)),
            Some(_) => secure.standings.remove(&number),
        };
        if refused.is_some_and(|no| is_final(no.reason)) {
            secure.ending.push(number);
        }
        let Some(Standing::Asked(jobs)) = before else {
            return;
        };
        for (speaker, job) in jobs {
            match refused {
                None => self.not_its_own(&job),
                Some(no) if unknown(no) => self.let_in(speaker, job),
                Some(no) => self.refuse(&job, no),
            }
        }
    }

    /// The association has ended.
    pub(super) fn forgotten(&mut self, number: u64) {
        let secure = self.secure.as_mut();
        let standing = secure.and_then(|secure| secure.standings.remove(&number));
        if let Some(Standing::Asked(jobs)) = standing {
            let gone = Rejection::new(Reason::HandshakeFailed, "the association has ended");
            for (_, job) in jobs {
                self.refuse(&job, &gone);
            }
        }
    }
}

/// Who is refused for this is not let in later either: the association is of no use any more.
pub(super) fn is_final(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CredentialsUnknown
            | Reason::CredentialsChanged
            | Reason::CertificateExpired
            | Reason::CertificateNotYetValid
            | Reason::CertificateRevoked
            | Reason::DeviceDisabled
            | Reason::DeviceDeleted
    )
}
