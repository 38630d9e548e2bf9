//! Paging of lists (contract/admin-rest.md 3): `pageSize` and `page` are required.

use super::error::ApiError;
use super::params::Params;
use crate::model::query::{PageRequest, SortBy};
use serde_json::{json, Value};

/// Reads `pageSize`, `page`, `textSearch`, `sortProperty` and `sortOrder`.
/// `maximum`: `api.max_page_size`.
pub fn request(params: &Params, maximum: usize) -> Result<PageRequest, ApiError> {
    let size: i64 = params.required("pageSize")?;
    let page: i64 = params.required("page")?;
    if size < 1 {
        return Err(ApiError::bad(format!(
            "Incorrect page link page size '{size}'. Page size must be greater than zero."
        )));
    }
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size <= maximum)
        .ok_or_else(|| ApiError::bad(format!("Page size is limited to {maximum}")))?;
    let page = usize::try_from(page).map_err(|_| {
        ApiError::bad(format!(
            "Incorrect page link page '{page}'. Page must be positive integer."
        ))
    })?;
    Ok(PageRequest {
        size,
        page,
        text: params.text("textSearch").map(str::to_owned),
        sort: sort_property(params.text("sortProperty"))?,
        descending: descending(params.text("sortOrder"))?,
    })
}

fn sort_property(name: Option<&str>) -> Result<SortBy, ApiError> {
    match name {
        None | Some("createdTime") => Ok(SortBy::CreatedTime),
        Some("name") => Ok(SortBy::Name),
        Some("label") => Ok(SortBy::Label),
        Some("type" | "deviceProfileName") => Ok(SortBy::Type),
        Some(other) => Err(ApiError::bad(format!(
            "Unsupported sort property '{other}'! Only 'createdTime', 'name', 'label' and 'type' are allowed."
        ))),
    }
}

fn descending(order: Option<&str>) -> Result<bool, ApiError> {
    match order {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("ASC") => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("DESC") => Ok(true),
        Some(other) => Err(ApiError::bad(format!(
            "Unsupported sort order '{other}'! Only 'ASC' or 'DESC' types are allowed."
        ))),
    }
}

/// `{"data":[...],"totalPages":3,"totalElements":25,"hasNext":true}`.
pub fn answer(rows: Vec<Value>, total: usize, page: &PageRequest) -> Value {
    let pages = total.div_ceil(page.size.max(1));
    json!({
        "data": rows,
        "totalPages": pages,
        "totalElements": total,
        "hasNext": page.page.saturating_add(1) < pages,
    })
}

/// Cuts one page out of rows that are all at hand.
pub fn cut<T>(rows: Vec<T>, page: &PageRequest) -> (Vec<T>, usize) {
    let total = rows.len();
    let skip = page.page.saturating_mul(page.size);
    (rows.into_iter().skip(skip).take(page.size).collect(), total)
}
