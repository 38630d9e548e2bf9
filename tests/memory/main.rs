//! The store's memory, measured: in a process of its own for each figure, under the default settings.

mod budget;
mod child;
mod figures;
mod heads;
mod shapes;

/// Counts what is allocated, beside what the system says.
#[global_allocator]
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
