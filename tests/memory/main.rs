//! Memory, measured in a process of its own for each figure, under the default settings: the store's,
//! and that of devices that are connected and rest.

mod budget;
mod child;
#[path = "../common/mod.rs"]
mod common;
mod figures;
mod heads;
mod idle;
mod shapes;

/// The malloc beneath, as in the binary: glibc's keeps far more of what was freed.
use tikv_jemallocator as _;

/// Counts what is allocated, beside what the system says.
#[global_allocator]
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
