//! The wiring: opens the store, starts the registry, then the doors; stops in reverse.
