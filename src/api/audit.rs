//! `/api/audit/logs`: who changed what, for administrators.

use super::endpoint::{get, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::paging;
use super::params::Params;
use super::ApiState;
use crate::model::audit::{AuditRow, Via};
use crate::model::Millis;
use actix_web::web::Data;
use actix_web::HttpResponse;
use serde_json::{json, Value};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "audit",
        vec![get("/api/audit/logs", logs)
            .says("A page of the audit log, newest first: every change, and failed logins")
            .needs("pageSize", "rows a page, 1 to api.max_page_size")
            .needs("page", "number of the page, from 0")
            .asks("startTime", "epoch ms of the first rows, inclusive")
            .asks("endTime", "epoch ms of the last rows, exclusive")
            .gives("PageOfAuditLogs")
            .fails(&[400])],
    )
}

async fn logs(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    let page = paging::request(&params, state.config.max_page_size)?;
    if page.text.is_some() {
        return Err(ApiError::bad("textSearch is not served here"));
    }
    let start: Millis = params.value("startTime")?.unwrap_or(Millis::MIN);
    let end: Millis = params.value("endTime")?.unwrap_or(Millis::MAX);
    let skip = page.page.saturating_mul(page.size);
    let found = state.auth.audit().read(start..end, skip, page.size).await?;
    let rows = found.rows.iter().map(show).collect();
    Ok(HttpResponse::Ok().json(paging::answer(rows, found.total, &page)))
}

/// A row, with ThingsBoard's names where it has one.
pub fn show(row: &AuditRow) -> Value {
    let key = match row.via {
        Via::ApiKey(id) => json!(id.to_string()),
        Via::Password | Via::Console => Value::Null,
    };
    json!({
        "id": {"id": row.id.to_string()},
        "createdTime": row.at,
        "userId": row.operator.map(|id| id.to_string()),
        "userName": row.username,
        "via": match row.via {
            Via::Password => "PASSWORD",
            Via::ApiKey(_) => "API_KEY",
            Via::Console => "CONSOLE",
        },
        "apiKeyId": key,
        "from": row.from.map(|from| from.to_string()),
        "action": row.action,
        "entity": row.entity,
        "actionStatus": if row.status < 400 { "SUCCESS" } else { "FAILURE" },
        "status": row.status,
        "detail": row.detail,
    })
}
