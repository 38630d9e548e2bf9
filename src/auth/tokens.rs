//! Operators' tokens: JWTs signed with HS512 and the claims that ThingsBoard's tools read
//! (contract/admin-rest.md 1). Pure but for the random ids.

use super::operators::{OperatorError, TokenPair};
use crate::model::ids::OperatorId;
use crate::model::operator::{Operator, NO_CUSTOMER_ID, TENANT_ID};
use crate::model::Millis;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ISSUER: &str = "thingsboard.io";
const REFRESH: &str = "REFRESH_TOKEN";

/// Signs and reads tokens. Holds the key: no `Debug`.
pub(super) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// Lives in seconds.
    token_life: i64,
    refresh_life: i64,
}

/// Which of the two a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Refresh,
}

/// What a token that is ours says.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub operator: OperatorId,
    pub session: String,
    /// Names this one token among those of its session.
    pub id: String,
    /// Epoch ms.
    pub issued: Millis,
    pub expires: Millis,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    sub: String,
    user_id: String,
    scopes: Vec<String>,
    session_id: String,
    /// Seconds, as JWT wants them.
    exp: i64,
    iat: i64,
    /// Milliseconds: a password change must tell tokens of one second apart.
    iat_ms: Millis,
    iss: String,
    jti: String,
    first_name: Option<String>,
    last_name: Option<String>,
    enabled: bool,
    is_public: bool,
    tenant_id: String,
    customer_id: String,
}

impl Tokens {
    /// `key`: 64 random bytes. Lives in ms.
    pub(super) fn new(key: &[u8], token_life: Millis, refresh_life: Millis) -> Self {
        let mut validation = Validation::new(Algorithm::HS512);
        // The end is checked below, against a clock that tests can set.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[ISSUER]);
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            validation,
            token_life: token_life / 1000,
            refresh_life: refresh_life / 1000,
        }
    }

    /// Epoch ms when every token issued until `now` has ended.
    pub(super) fn all_ended(&self, now: Millis) -> Millis {
        let life = self.token_life.max(self.refresh_life);
        now.saturating_add(life.saturating_mul(1000))
    }

    /// A pair for one session. `None` when signing fails, which it does not with a proper key.
    pub(super) fn issue(
        &self,
        operator: &Operator,
        session: &str,
        now: Millis,
    ) -> Option<TokenPair> {
        let sign = |kind, life| {
            let claims = claims(operator, session, scope(kind, operator), now, life);
            jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &self.encoding).ok()
        };
        Some(TokenPair {
            token: sign(Kind::Access, self.token_life)?,
            refresh_token: sign(Kind::Refresh, self.refresh_life)?,
        })
    }

    /// Checks signature, kind and end. Errors: `TokenInvalid`, `TokenExpired`.
    pub(super) fn read(&self, token: &str, kind: Kind, now: Millis) -> Result<Read, OperatorError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| OperatorError::TokenInvalid)?
            .claims;
        // What the operator may do is looked up, and not believed.
        if (claims.scopes == [REFRESH]) != (kind == Kind::Refresh) {
            return Err(OperatorError::TokenInvalid);
        }
        let expires = claims.exp.saturating_mul(1000);
        if now >= expires {
            return Err(OperatorError::TokenExpired);
        }
        let operator = OperatorId::parse(&claims.user_id).ok_or(OperatorError::TokenInvalid)?;
        Ok(Read {
            operator,
            session: claims.session_id,
            id: claims.jti,
            issued: claims.iat_ms,
            expires,
        })
    }
}

fn claims(operator: &Operator, session: &str, scope: &str, now: Millis, life: i64) -> Claims {
    let seconds = now.div_euclid(1000);
    Claims {
        sub: operator.username.clone(),
        user_id: operator.id.to_string(),
        scopes: vec![scope.to_owned()],
        session_id: session.to_owned(),
        exp: seconds.saturating_add(life),
        iat: seconds,
        iat_ms: now,
        iss: ISSUER.to_owned(),
        jti: Uuid::new_v4().to_string(),
        first_name: operator.first_name.clone(),
        last_name: operator.last_name.clone(),
        enabled: !operator.disabled,
        is_public: false,
        tenant_id: TENANT_ID.to_string(),
        customer_id: NO_CUSTOMER_ID.to_string(),
    }
}

fn scope(kind: Kind, operator: &Operator) -> &'static str {
    match kind {
        Kind::Access => operator.role.authority(),
        Kind::Refresh => REFRESH,
    }
}
