//! The points of one key out of a block, by time.

use super::super::cells::{self, Cell, Texts};
use crate::model::ids::Origin;
use crate::model::value::ValueRef;
use crate::model::Millis;

#[derive(Default)]
pub struct Points {
    /// As many as cells.
    pub(super) stamps: Vec<(Millis, Origin)>,
    pub(super) cells: Vec<Cell>,
    pub(super) texts: Texts,
}

impl Points {
    pub(super) fn push(&mut self, ts: Millis, origin: Origin, value: ValueRef<'_>) {
        self.stamps.push((ts, origin));
        self.cells.push(Cell::of(0, value, &mut self.texts));
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Millis, Origin, ValueRef<'_>)> {
        let points = self.stamps.iter().zip(&self.cells);
        points.map(|((ts, origin), cell)| (*ts, *origin, cells::value(&self.texts, cell)))
    }
}
