//! The store's memory, measured: in a process of its own for each figure, under the default settings.

mod budget;
mod child;
mod figures;
mod heads;
mod shapes;

/// The malloc beneath, as in the binary: glibc's keeps far more of what was freed.
use tikv_jemallocator as _;

/// Counts what is allocated, beside what the system says.
#[global_allocator]
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
