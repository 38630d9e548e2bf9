//! Writes every change into the audit log: who asked for what, about what, from where, and what
//! became of it.
//!
//! A change runs to its end and is written down also when its client hangs up meanwhile.

use super::error::ApiError;
use super::extract::Peer;
use super::ApiState;
use crate::auth::Speaker;
use crate::model::audit::{AuditRow, Via};
use crate::model::ids::AuditId;
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use std::cell::RefCell;
use std::fmt::Display;
use std::future::{ready, Ready};
use std::rc::Rc;

/// Failed logins are told; whoever fails otherwise before it is known is only counted.
const LOGIN: &str = "/api/auth/login";
/// Changes nothing but the tokens themselves.
const REFRESH: &str = "/api/auth/token";

/// What a request tells of itself while it is dealt with.
#[derive(Clone, Default)]
pub struct Trace(Rc<RefCell<Told>>);

#[derive(Default)]
struct Told {
    speaker: Option<Speaker>,
    username: Option<String>,
    entity: String,
}

impl Trace {
    pub fn of(request: &HttpRequest) -> Self {
        let found = request.extensions().get::<Trace>().cloned();
        found.unwrap_or_default()
    }

    pub fn speaker(&self, speaker: &Speaker) {
        self.0.borrow_mut().speaker = Some(speaker.clone());
    }

    /// The name that somebody logs in under.
    pub fn username(&self, name: &str) {
        self.0.borrow_mut().username = Some(name.to_owned());
    }

    /// What the change is about; never a secret.
    pub fn about(&self, kind: &str, id: impl Display, name: &str) {
        self.0.borrow_mut().entity = format!("{kind} {id} {name}").trim_end().to_owned();
    }
}

impl FromRequest for Trace {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// Around every call.
pub async fn record<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let pattern = request.match_pattern().unwrap_or_default();
    let state = request.app_data::<Data<ApiState>>().cloned();
    let (Some(state), false) = (state, is_quiet(request.method(), &pattern)) else {
        return next.call(request).await;
    };
    let trace = Trace::default();
    request.extensions_mut().insert(trace.clone());
    let asked = Asked {
        from: Peer::of(request.request()),
        action: format!("{} {pattern}", request.method()),
        // The path's parameters, unless the handler tells more.
        entity: parameters(request.request()),
        is_login: pattern == LOGIN,
    };
    let work = async move {
        let answer = next.call(request).await?;
        let (status, error) = (answer.status(), answer.response().error());
        let detail = error.map(ToString::to_string).unwrap_or_default();
        asked.write(&state, &trace, status, detail).await;
        Ok(answer)
    };
    let finished = actix_web::rt::spawn(work).await;
    finished.unwrap_or_else(|_| Err(ApiError::internal("Internal error").into()))
}

fn is_quiet(method: &Method, pattern: &str) -> bool {
    method == Method::GET || pattern == REFRESH
}

fn parameters(request: &HttpRequest) -> String {
    let all = request.match_info().iter();
    let all: Vec<String> = all.map(|(name, value)| format!("{name} {value}")).collect();
    all.join(", ")
}

struct Asked {
    from: Peer,
    action: String,
    entity: String,
    is_login: bool,
}

impl Asked {
    async fn write(self, state: &ApiState, trace: &Trace, status: StatusCode, detail: String) {
        let told = std::mem::take(&mut *trace.0.borrow_mut());
        let audit = state.auth.audit();
        let mut row = AuditRow {
            id: AuditId::new(),
            at: 0,
            operator: None,
            username: String::new(),
            via: Via::Password,
            from: Some(self.from.0),
            action: self.action,
            entity: match told.entity.is_empty() {
                true => self.entity,
                false => told.entity,
            },
            status: status.as_u16(),
            detail,
        };
        if let Some(speaker) = told.speaker {
            row.operator = Some(speaker.operator);
            row.username = speaker.username;
            row.via = speaker.key.map_or(Via::Password, Via::ApiKey);
            return audit.record(row).await;
        }
        if !self.is_login {
            return;
        }
        // Only a name that exists: what else is typed there may be a password.
        let named = told.username.unwrap_or_default();
        let operator = state.auth.operators().named(&named);
        if let Some(operator) = operator {
            row.operator = status.is_success().then_some(operator.id);
            row.username = operator.username;
        }
        match status.is_success() {
            true => audit.record(row).await,
            false => audit.record_stranger(row).await,
        }
    }
}
