//! Query parameters and path ids, with errors that name the parameter.

use super::error::{code, ApiError};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{web, FromRequest, HttpRequest};
use std::future::{ready, Ready};
use std::str::FromStr;

/// The decoded query of a request, in the order it was written; names may repeat.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl FromRequest for Params {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

impl Params {
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        web::Query::<Vec<(String, String)>>::from_query(query)
            .map(|query| Self(query.into_inner()))
            .map_err(|_| ApiError::bad("The query string cannot be read"))
    }

    /// The first value of this name, also when empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The first value of this name unless it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Every value of a name that may repeat.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// `None` when absent or empty; 400 when it is no such value.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::bad(format!("Invalid value of parameter '{name}'")))
            })
            .transpose()
    }

    /// 400 when absent.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T, ApiError> {
        self.value(name)?.ok_or_else(|| {
            ApiError::bad(format!(
                "Required request parameter '{name}' is not present"
            ))
        })
    }

    /// `true` or `false` in any case: Python's clients send `True`.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let word = self.text(name).map(str::to_ascii_lowercase);
        match word.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::bad(format!(
                "Invalid value of parameter '{name}'"
            ))),
        }
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        Ok(self.boolean(name)?.unwrap_or(default))
    }
}

/// Parses an id of the path or body; 400 with ThingsBoard's text when it is no UUID.
pub fn id<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, ApiError> {
    parse(text).ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            code::PARAMETERS,
            "Invalid UUID string",
        )
        .detail("ids look like 784f394c-42b6-435a-983c-b7beff2784f9")
    })
}
