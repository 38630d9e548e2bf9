//! One suite of tests that every engine passes.
