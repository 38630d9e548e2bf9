//! Points: open in memory per device (`head`), sealed into blocks in sled (`block`, `seal`), read
//! as one (`walk`). The journal holds what is not sealed yet.
//!
//! Each device's series state says up to which sequence its points are sealed, in the same sled
//! batch as the blocks. So a replay knows exactly which changes of a device it has to take again.

pub mod block;
pub mod by_time;
pub mod cells;
pub mod codec;
pub mod columns;
pub mod decimals;
pub mod delete;
pub mod dictionary;
pub mod directory;
pub mod head;
pub mod latest;
pub mod merge;
pub mod rows;
pub mod runs;
pub mod seal;
pub mod series;
pub mod todo;
pub mod vocabulary;
pub mod walk;
