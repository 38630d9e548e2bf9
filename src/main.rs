//! The binary: arguments, exit codes, nothing else.

fn main() {}
