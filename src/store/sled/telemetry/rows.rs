//! Rows of one device in flat memory: their keys written once, a stamp for each row, one list of
//! cells, one text with all texts. No allocation belongs to a single row or value.
//!
//! ```text
//!  stamps  ts, origin, end ──┐            texts: ends ──┐
//!  cells   key, tag, bits ◀──┘            arena  ...  ◀─┘
//!          bits: the number; of a text its place in `ends`
//! ```

use super::cells::{is_text, value, Cell, Texts};
use super::codec::FALSE;
use super::dictionary::Dictionary;
use crate::model::ids::Origin;
use crate::model::value::{Key, Value, ValueRef};
use crate::model::Millis;

#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub keys: Dictionary,
    stamps: Vec<Stamp>,
    cells: Vec<Cell>,
    texts: Texts,
}

/// When and whence a row came, and where its cells end.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    ts: Millis,
    origin: Origin,
    end: usize,
}

/// A row as it is looked at.
#[derive(Clone, Copy)]
pub struct RowRef<'a> {
    pub ts: Millis,
    pub origin: Origin,
    pub cells: &'a [Cell],
    texts: &'a Texts,
}

impl<'a> RowRef<'a> {
    /// Number in [`Rows::keys`] and value.
    pub fn values(self) -> impl DoubleEndedIterator<Item = (u32, ValueRef<'a>)> {
        let texts = self.texts;
        let cells = self.cells.iter();
        cells.map(move |cell| (cell.key, value(texts, cell)))
    }
}

impl Rows {
    /// No rows yet, of these keys.
    pub fn of(keys: Dictionary) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// Rows out of columns: for each key the rows that have a value (`None` = all), ascending, and
    /// the values. `None` when the columns do not fit their keys and rows.
    pub fn of_columns(
        keys: Dictionary,
        stamps: &[(Millis, Origin)],
        columns: Vec<(Option<Vec<u32>>, Vec<Cell>)>,
        texts: Texts,
    ) -> Option<Self> {
        // First how many cells each row has, then where they begin; the filling moves that to
        // where they end.
        let mut ends = vec![0usize; stamps.len()];
        for (rows, _) in &columns {
            match rows {
                None => ends.iter_mut().for_each(|count| *count += 1),
                Some(rows) => rows.iter().try_for_each(|row| {
                    *ends.get_mut(*row as usize)? += 1;
                    Some(())
                })?,
            }
        }
        let mut sum = 0;
        for place in &mut ends {
            sum += std::mem::replace(place, sum);
        }
        let (key, tag, bits) = (0, FALSE, 0);
        let mut cells = vec![Cell { key, tag, bits }; sum];
        if keys.len() != columns.len() {
            return None;
        }
        for (rows, column) in columns {
            let count = rows.as_ref().map_or(stamps.len(), Vec::len);
            if column.len() != count {
                return None;
            }
            for (at, cell) in column.into_iter().enumerate() {
                let row = rows.as_ref().map_or(at, |rows| rows[at] as usize);
                let place = &mut ends[row];
                cells[*place] = cell;
                *place += 1;
            }
        }
        let stamps = stamps.iter().zip(ends);
        let stamps = stamps.map(|((ts, origin), end)| Stamp {
            ts: *ts,
            origin: *origin,
            end,
        });
        Some(Self {
            keys,
            stamps: stamps.collect(),
            cells,
            texts,
        })
    }

    /// Number of values.
    pub fn values(&self) -> usize {
        self.cells.len()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.stamps.len()
    }

    /// Times of the first and the last row.
    pub fn ends(&self) -> Option<(Millis, Millis)> {
        Some((self.stamps.first()?.ts, self.stamps.last()?.ts))
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RowRef<'_>> + ExactSizeIterator {
        (0..self.stamps.len()).map(|at| self.row(at))
    }

    /// `at` is below [`Rows::len`].
    fn row(&self, at: usize) -> RowRef<'_> {
        let stamp = &self.stamps[at];
        RowRef {
            ts: stamp.ts,
            origin: stamp.origin,
            cells: &self.cells[self.start(at)..stamp.end],
            texts: &self.texts,
        }
    }

    /// Where the cells of row `at` begin.
    fn start(&self, at: usize) -> usize {
        let before = at.checked_sub(1).and_then(|before| self.stamps.get(before));
        before.map_or(0, |stamp| stamp.end)
    }

    /// Room for so many more rows and values.
    pub fn reserve(&mut self, rows: usize, values: usize) {
        self.stamps.reserve_exact(rows);
        self.cells.reserve_exact(values);
    }

    /// Adds a value to the row under way, which [`Rows::end_row`] ends. `key` is a number in `keys`.
    pub fn put(&mut self, key: u32, value: ValueRef<'_>) {
        debug_assert!((key as usize) < self.keys.len());
        self.cells.push(Cell::of(key, value, &mut self.texts));
    }

    pub fn end_row(&mut self, ts: Millis, origin: Origin) {
        let end = self.cells.len();
        self.stamps.push(Stamp { ts, origin, end });
    }

    /// Adds a row that arrived after all the others.
    pub fn push(&mut self, ts: Millis, origin: Origin, values: &[(Key, Value)]) {
        let mut guess = 0;
        for (key, value) in values {
            let number = self.keys.number_at(guess, key);
            guess = number + 1;
            self.put(number, value.as_ref());
        }
        self.end_row(ts, origin);
    }

    /// Adds rows that arrived after all of these.
    pub fn append(&mut self, later: Rows) {
        let theirs = later.keys.keys().iter();
        let numbers: Vec<u32> = theirs.map(|key| self.keys.number(key)).collect();
        let texts = self.texts.append(&later.texts);
        let cells = self.cells.len();
        let moved = later.cells.iter().map(|cell| Cell {
            key: numbers[cell.key as usize],
            bits: cell.bits + if is_text(cell.tag) { texts } else { 0 },
            ..*cell
        });
        self.cells.extend(moved);
        let moved = later.stamps.iter().map(|stamp| Stamp {
            end: cells + stamp.end,
            ..*stamp
        });
        self.stamps.extend(moved);
    }

    /// Sorts by time and origin and keeps one value for each (time, key): that of the highest
    /// origin, among equals the last to arrive. Keys without a value are left out.
    pub fn normalise(&mut self) {
        if let Some(used) = self.used_if_normal() {
            return self.drop_unused_keys(&used);
        }
        let mut order: Vec<u32> = (0..self.stamps.len() as u32).collect();
        order.sort_by_key(|at| {
            let stamp = &self.stamps[*at as usize];
            (stamp.ts, stamp.origin)
        });
        let keep = self.winners(&order);
        let old = std::mem::take(&mut self.cells);
        let stamps = std::mem::take(&mut self.stamps);
        self.cells.reserve(old.len());
        for at in order {
            let at = at as usize;
            let start = at.checked_sub(1).map_or(0, |before| stamps[before].end);
            let range = start..stamps[at].end;
            let kept = old[range.clone()].iter().zip(&keep[range]);
            let kept = kept.filter_map(|(cell, keep)| keep.then_some(*cell));
            let before = self.cells.len();
            self.cells.extend(kept);
            if self.cells.len() > before {
                self.end_row(stamps[at].ts, stamps[at].origin);
            }
        }
        self.drop_unused_keys(&self.used());
    }

    /// For each key whether it is used, if times and, in each row, keys ascend.
    fn used_if_normal(&self) -> Option<Vec<bool>> {
        let mut used = vec![false; self.keys.len()];
        let (mut last, mut start) = (None, 0);
        for stamp in &self.stamps {
            if last.is_some_and(|last| stamp.ts <= last) || start == stamp.end {
                return None;
            }
            let mut next = 0;
            for cell in &self.cells[start..stamp.end] {
                if cell.key < next {
                    return None;
                }
                next = cell.key + 1;
                used[cell.key as usize] = true;
            }
            (last, start) = (Some(stamp.ts), stamp.end);
        }
        Some(used)
    }

    /// For each cell whether it is the one of its time and key; `order` is that of the rows.
    fn winners(&self, order: &[u32]) -> Vec<bool> {
        let mut keep = vec![false; self.cells.len()];
        // For each key the number of the last group of equal times that has it.
        let mut seen = vec![0u32; self.keys.len()];
        let mut group = 0u32;
        let mut last = None;
        for at in order.iter().rev() {
            let at = *at as usize;
            let stamp = &self.stamps[at];
            if last != Some(stamp.ts) {
                last = Some(stamp.ts);
                group += 1;
            }
            // What stands behind wins.
            for place in (self.start(at)..stamp.end).rev() {
                let seen = &mut seen[self.cells[place].key as usize];
                keep[place] = std::mem::replace(seen, group) != group;
            }
        }
        keep
    }

    /// Keeps the values of (time, key number) that pass; whether any went. Rows may become empty,
    /// which [`Rows::normalise`] mends.
    pub fn retain(&mut self, mut keep: impl FnMut(Millis, u32) -> bool) -> bool {
        let before = self.cells.len();
        let (mut start, mut kept) = (0, 0);
        for stamp in &mut self.stamps {
            for at in start..stamp.end {
                if keep(stamp.ts, self.cells[at].key) {
                    self.cells[kept] = self.cells[at];
                    kept += 1;
                }
            }
            start = std::mem::replace(&mut stamp.end, kept);
        }
        self.cells.truncate(kept);
        kept < before
    }

    /// For each key whether it is used.
    fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.keys.len()];
        self.cells.iter().for_each(|c| used[c.key as usize] = true);
        used
    }

    fn drop_unused_keys(&mut self, used: &[bool]) {
        if used.iter().all(|used| *used) {
            return;
        }
        let old = std::mem::take(&mut self.keys);
        let kept = old.keys().iter().zip(used);
        let numbers: Vec<u32> = kept
            .map(|(key, used)| if *used { self.keys.number(key) } else { 0 })
            .collect();
        for cell in &mut self.cells {
            cell.key = numbers[cell.key as usize];
        }
    }
}
