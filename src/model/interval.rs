//! Cuts a time range into the intervals of an aggregation (contract/admin-rest.md 5).
