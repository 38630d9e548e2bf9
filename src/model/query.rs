//! Questions to the store: pages, history, aggregation.

use super::Millis;
use std::ops::Range;

/// One page of a list (contract/admin-rest.md 3).
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// Rows a page, 1 to the configured maximum.
    pub size: usize,
    /// Zero-based.
    pub page: usize,
    /// Case-insensitive substring of the name.
    pub text: Option<String>,
    pub sort: SortBy,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SortBy {
    #[default]
    CreatedTime,
    Name,
    Label,
    Type,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Rows over all pages.
    pub total: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    Ascending,
    #[default]
    Descending,
}

/// Points of one series by time.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryQuery {
    /// Start inclusive, end exclusive.
    pub range: Range<Millis>,
    pub order: Order,
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    Min,
    Max,
    Avg,
    Sum,
    Count,
}

impl Aggregation {
    /// `None` for `NONE` and for unknown words: the caller tells them apart.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "MIN" => Self::Min,
            "MAX" => Self::Max,
            "AVG" => Self::Avg,
            "SUM" => Self::Sum,
            "COUNT" => Self::Count,
            _ => return None,
        })
    }
}
