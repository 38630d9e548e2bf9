//! Which blocks of a device to merge next. Pure: the directory in, a plan out.
//!
//! Each point is rewritten a bounded number of times: small main blocks are joined when the result
//! is at least twice as long as the longest of them; side blocks are joined with the main blocks
//! they overlap when a handful of them holds a quarter as much, or when nothing late has come for a
//! while. One that lies across many main blocks is halved first, so that few are rewritten for it.
//!
//! Values of one time and origin are told apart by rank. A merged block takes the highest rank of
//! its parts, so a plan must not lift a part over a block that stays outside, overlaps it, and
//! ranks between.

use super::block::ROWS;
use super::directory::BlockRange;
use super::seal::BLOCK;
use std::collections::BTreeSet;

/// So many blocks are a handful.
pub const FAN: usize = 4;
/// Most blocks of one plan: bounds its memory and the time it takes.
const MOST: usize = 32;
/// Entries promoted at once.
const PROMOTED: usize = 512;

pub type Entry = (u32, BlockRange);

#[derive(Debug, PartialEq)]
pub enum Plan {
    /// Side blocks that overlap no main block are main blocks.
    Promote(Vec<u32>),
    /// To write as one run of blocks.
    Join { numbers: Vec<u32>, side: bool },
    /// A side block to write as two.
    Halve(u32),
}

/// Far from what a block should be, in bytes and, as regular rows take hardly any, in rows.
pub fn is_small(range: &BlockRange) -> bool {
    length(range) < BLOCK / 2 && range.rows as usize <= ROWS / 2
}

fn length(range: &BlockRange) -> usize {
    match range.bytes {
        // Not known: as if it were in between.
        0 => BLOCK / 2,
        bytes => bytes as usize,
    }
}

/// `next_block`: number of the device's next block. `quiet`: no late data came for a while.
pub fn plan(blocks: &[Entry], next_block: u32, quiet: bool) -> Option<Plan> {
    let map = Map::of(blocks);
    map.promotable()
        .or_else(|| map.late(next_block, quiet))
        .or_else(|| map.sides_alone())
        .or_else(|| map.small_run())
}

struct Map {
    /// By time; disjoint.
    main: Vec<Entry>,
    /// By rank.
    sides: Vec<Entry>,
}

impl Map {
    fn of(blocks: &[Entry]) -> Self {
        let (mut sides, mut main): (Vec<Entry>, Vec<Entry>) =
            blocks.iter().partition(|(_, range)| range.side);
        main.sort_unstable_by_key(|(_, range)| range.min);
        sides.sort_unstable_by_key(|(number, range)| (range.rank, *number));
        Self { main, sides }
    }

    fn promotable(&self) -> Option<Plan> {
        let mut promoted: Vec<Entry> = Vec::new();
        for side in &self.sides {
            let free = self.main_across(&side.1).is_empty()
                && !promoted.iter().any(|other| other.1.overlaps(&side.1));
            if free && promoted.len() < PROMOTED {
                promoted.push(*side);
            }
        }
        let numbers: Vec<u32> = promoted.into_iter().map(|(number, _)| number).collect();
        (!numbers.is_empty()).then_some(Plan::Promote(numbers))
    }

    /// Side blocks with the main blocks they overlap.
    fn late(&self, next_block: u32, quiet: bool) -> Option<Plan> {
        for side in &self.sides {
            let Some(parts) = self.closed(vec![*side]) else {
                if quiet && side.1.rows > 1 {
                    return Some(Plan::Halve(side.0));
                }
                continue;
            };
            let parts = self.with_neighbours(parts);
            let sum = |side: bool| -> usize {
                let of_kind = parts.iter().filter(|part| part.1.side == side);
                of_kind.map(|part| length(&part.1)).sum()
            };
            let few = parts.iter().filter(|part| !part.1.side).count() <= FAN;
            let newest = parts.iter().filter(|part| part.1.side).map(|part| part.0);
            let age = next_block.saturating_sub(newest.max().unwrap_or(0));
            let aged = age as usize > 2 * FAN;
            let sides = parts.iter().filter(|part| part.1.side).count();
            let handful = sides >= FAN || aged || quiet;
            if handful && sum(true) * 4 >= sum(false) || few && (aged || quiet) {
                return Some(join(parts, false));
            }
            if quiet && side.1.rows > 1 {
                return Some(Plan::Halve(side.0));
            }
            if quiet {
                return Some(join(parts, false));
            }
        }
        None
    }

    /// These with the other side blocks for which the same main blocks would be written again.
    fn with_neighbours(&self, mut parts: Vec<Entry>) -> Vec<Entry> {
        let main = |parts: &[Entry]| parts.iter().filter(|part| !part.1.side).count();
        let most = main(&parts).max(FAN);
        for side in &self.sides {
            let is_part = parts.iter().any(|part| part.0 == side.0);
            let mut across = parts.iter().filter(|part| !part.1.side);
            if is_part || !across.any(|part| part.1.overlaps(&side.1)) {
                continue;
            }
            let with = parts.iter().chain([side]).copied().collect();
            let with = self.closed(with).filter(|with| main(with) <= most);
            parts = with.unwrap_or(parts);
        }
        parts
    }

    /// A handful of small side blocks that overlap each other.
    fn sides_alone(&self) -> Option<Plan> {
        let small: Vec<Entry> = self
            .sides
            .iter()
            .filter(|e| is_small(&e.1))
            .copied()
            .collect();
        for seed in &small {
            let near = small.iter().filter(|other| other.1.overlaps(&seed.1));
            let near: Vec<Entry> = near.take(MOST).copied().collect();
            if grows(&near) && self.between(&near).is_none() {
                return Some(join(near, true));
            }
        }
        None
    }

    /// A handful of small main blocks in a row.
    fn small_run(&self) -> Option<Plan> {
        for run in self.main.split(|entry| !is_small(&entry.1)) {
            for start in 0..run.len() {
                let longest = run.len().min(start + MOST);
                for end in (start + FAN..=longest).rev() {
                    let parts = run.get(start..end).unwrap_or_default();
                    if grows(parts) && self.between(parts).is_none() {
                        return Some(join(parts.to_vec(), false));
                    }
                }
            }
        }
        None
    }

    fn main_across(&self, range: &BlockRange) -> &[Entry] {
        let from = self.main.partition_point(|e| e.1.max < range.min);
        let to = self.main.partition_point(|e| e.1.min <= range.max);
        self.main.get(from..to).unwrap_or_default()
    }

    /// These with all that must go with them; `None` when that is too much.
    fn closed(&self, mut parts: Vec<Entry>) -> Option<Vec<Entry>> {
        loop {
            let held: BTreeSet<u32> = parts.iter().map(|part| part.0).collect();
            let sides = parts.iter().filter(|part| part.1.side);
            let across = sides.flat_map(|part| self.main_across(&part.1));
            let mut more: Vec<Entry> = across.filter(|e| !held.contains(&e.0)).copied().collect();
            more.extend(self.between(&parts));
            more.sort_unstable_by_key(|part| part.0);
            more.dedup_by_key(|part| part.0);
            if more.is_empty() {
                return Some(parts);
            }
            parts.append(&mut more);
            if parts.len() > MOST {
                return None;
            }
        }
    }

    /// A block over which a part would be lifted.
    fn between(&self, parts: &[Entry]) -> Option<Entry> {
        let highest = parts.iter().map(|part| part.1.rank).max()?;
        let first = parts.iter().map(|part| part.1.min).min()?;
        let last = parts.iter().map(|part| part.1.max).max()?;
        let hull = BlockRange {
            min: first,
            max: last,
            ..parts.first()?.1
        };
        let mut others = self.main_across(&hull).iter().chain(&self.sides);
        let is_between = |other: &&Entry| {
            let outside = parts.iter().all(|part| part.0 != other.0);
            let lifted = |part: &Entry| part.1.rank < other.1.rank && part.1.overlaps(&other.1);
            outside && other.1.rank < highest && parts.iter().any(lifted)
        };
        others.find(is_between).copied()
    }
}

/// Whether it is worth joining them: the longest becomes at least twice as long.
fn grows(parts: &[Entry]) -> bool {
    let lengths = parts.iter().map(|part| length(&part.1));
    let (sum, longest) = (lengths.clone().sum::<usize>(), lengths.max().unwrap_or(0));
    parts.len() >= FAN && longest * 2 <= sum
}

fn join(parts: Vec<Entry>, side: bool) -> Plan {
    let numbers = parts.into_iter().map(|part| part.0).collect();
    Plan::Join { numbers, side }
}
