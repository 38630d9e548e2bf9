//! `/api/user`, `/api/users`: operators and what they may do, for administrators.
//!
//! As ThingsBoard's tools know users, with a `role` of ours beside the `authority`: VIEWER is a
//! CUSTOMER_USER, OPERATOR and ADMINISTRATOR are a TENANT_ADMIN. Who saves a user without `role`
//! gets the least that the authority says.

use super::auth::show;
use super::body;
use super::devices::EntityRef;
use super::endpoint::{delete, get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::paging;
use super::params::{self, Params};
use super::ApiState;
use crate::auth::OperatorOrder;
use crate::model::ids::OperatorId;
use crate::model::operator::{Operator, Role};
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{json, Value};
use zeroize::Zeroizing;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "users",
        vec![
            get("/api/users", users)
                .says("A page of users, by name")
                .needs("pageSize", "rows a page, 1 to api.max_page_size")
                .needs("page", "number of the page, from 0")
                .asks("textSearch", "part of the name, in any case")
                .gives("PageOfUsers")
                .fails(&[400]),
            get("/api/user/{userId}", read)
                .says("One user")
                .gives("User")
                .fails(&[400, 404]),
            post("/api/user", save)
                .says(
                    "Create a user, or change name and role of the one that `id` names. A new one \
                     without `password` gets a generated one, shown in this answer only",
                )
                .takes("SaveUser")
                .gives("SavedUser")
                .fails(&[400, 404, 413]),
            delete("/api/user/{userId}", remove)
                .says("Delete a user with its API keys; at least one administrator must remain")
                .fails(&[400, 404]),
            post("/api/user/{userId}/userCredentialsEnabled", enable)
                .says("Let a user in, or no more; its tokens are void then")
                .asks("userCredentialsEnabled", "true (default) or false")
                .fails(&[400, 404]),
            post("/api/user/{userId}/password", set_password)
                .says("Give a user another password; its tokens are void then")
                .takes("SetPassword")
                .fails(&[400, 404, 413]),
        ],
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Save {
    id: Option<EntityRef>,
    email: Option<String>,
    role: Option<String>,
    authority: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    password: Option<String>,
}

impl Save {
    /// `None` = not named.
    fn role(&self) -> Result<Option<Role>, ApiError> {
        let unknown = || {
            ApiError::bad("Unknown role")
                .detail("known roles are VIEWER, OPERATOR and ADMINISTRATOR")
        };
        if let Some(word) = &self.role {
            return Role::parse(word).map(Some).ok_or_else(unknown);
        }
        match &self.authority {
            Some(word) => Role::of_authority(word).map(Some).ok_or_else(unknown),
            None => Ok(None),
        }
    }
}

async fn save(guard: Guard, state: Data<ApiState>, payload: Payload) -> Answer {
    let asked: Save = body::json(payload, &state).await?;
    let named = asked.role()?;
    let id = asked.id.as_ref();
    let id = id
        .map(|id| params::id(&id.id, OperatorId::parse))
        .transpose()?;
    let operators = state.auth.operators();
    let before = match id {
        Some(id) => Some(one(&state, id)?),
        None => None,
    };
    // The authority of an administrator that is read and written back is no demotion.
    let kept = before.as_ref().map(|before| before.role);
    let kept = kept.filter(|kept| {
        asked.role.is_none() && asked.authority.as_deref() == Some(kept.authority())
    });
    let role = kept.or(named).or(before.as_ref().map(|before| before.role));
    let role = role.ok_or_else(|| ApiError::bad("User authority should be specified!"))?;
    let order = OperatorOrder {
        username: asked.email.unwrap_or_default(),
        role,
        first_name: asked.first_name,
        last_name: asked.last_name,
        password: asked.password.map(Zeroizing::new),
    };
    let (record, generated) = match id {
        Some(_) if order.password.is_some() => {
            return Err(ApiError::bad(
                "password is for new users; change it with POST /api/user/{userId}/password",
            ));
        }
        Some(id) => (operators.update(id, order).await?, None),
        None => {
            let saved = operators.create(order).await?;
            (saved.record, saved.generated)
        }
    };
    guard.about(
        "USER",
        record.id,
        &format!("{} {}", record.username, record.role.name()),
    );
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(saved(&record, generated.as_ref().map(|text| text.as_str()))))
}

/// The answer to `POST /api/user`.
pub fn saved(record: &Operator, generated: Option<&str>) -> Value {
    let mut user = show(record);
    if let Some(object) = user.as_object_mut() {
        object.insert("generatedPassword".to_owned(), json!(generated));
    }
    user
}

async fn users(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    let page = paging::request(&params, state.config.max_page_size)?;
    let mut found = state.auth.operators().list();
    if let Some(text) = page.text.as_ref().map(|text| text.to_lowercase()) {
        found.retain(|user| user.username.to_lowercase().contains(&text));
    }
    let (rows, total) = paging::cut(found, &page);
    let rows = rows.iter().map(show).collect();
    Ok(HttpResponse::Ok().json(paging::answer(rows, total, &page)))
}

async fn read(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, OperatorId::parse)?;
    Ok(HttpResponse::Ok().json(show(&one(&state, id)?)))
}

fn one(state: &ApiState, id: OperatorId) -> Result<Operator, ApiError> {
    let found = state.auth.operators().operator(id);
    found.ok_or_else(|| ApiError::no_such("User", id))
}

async fn remove(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, OperatorId::parse)?;
    let gone = state.auth.operators().delete(id).await?;
    guard.about("USER", id, &gone.username);
    Ok(HttpResponse::Ok().finish())
}

async fn enable(guard: Guard, state: Data<ApiState>, path: Path<String>, params: Params) -> Answer {
    let id = params::id(&path, OperatorId::parse)?;
    let enabled = params.flag("userCredentialsEnabled", true)?;
    let user = state.auth.operators().set_disabled(id, !enabled).await?;
    let word = if enabled { "enabled" } else { "disabled" };
    guard.about("USER", id, &format!("{} {word}", user.username));
    Ok(HttpResponse::Ok().finish())
}

#[derive(Deserialize)]
struct SetPassword {
    password: String,
}

async fn set_password(
    guard: Guard,
    state: Data<ApiState>,
    path: Path<String>,
    payload: Payload,
) -> Answer {
    let id = params::id(&path, OperatorId::parse)?;
    let asked: SetPassword = body::json(payload, &state).await?;
    guard.about("USER", id, &one(&state, id)?.username);
    let operators = state.auth.operators();
    operators.set_password(id, &asked.password).await?;
    Ok(HttpResponse::Ok().finish())
}
