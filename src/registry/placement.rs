//! Which arbiter a device lives on: by its stable hash.
