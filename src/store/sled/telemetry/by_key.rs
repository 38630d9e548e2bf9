//! Cells by key: what columns are made of.

use super::cells::Cell;
use super::rows::Rows;

pub struct ByKey {
    /// Where each key's cells end.
    ends: Vec<usize>,
    /// With the number of its row, ascending.
    cells: Vec<(u32, Cell)>,
}

impl ByKey {
    pub fn of(rows: &Rows) -> Self {
        // First how many cells each key has, then where they begin; the filling moves that to
        // where they end.
        let mut ends = vec![0usize; rows.keys.len()];
        let all = rows.iter().flat_map(|row| row.cells);
        all.for_each(|cell| ends[cell.key as usize] += 1);
        let mut sum = 0;
        for place in &mut ends {
            sum += std::mem::replace(place, sum);
        }
        let (key, tag, bits) = (0, 0, 0);
        let mut cells = vec![(0, Cell { key, tag, bits }); rows.values()];
        for (at, row) in rows.iter().enumerate() {
            for cell in row.cells {
                let place = &mut ends[cell.key as usize];
                cells[*place] = (at as u32, *cell);
                *place += 1;
            }
        }
        Self { ends, cells }
    }

    /// Cells of one key with their rows.
    pub fn cells(&self, key: usize) -> &[(u32, Cell)] {
        let start = key.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start..self.ends[key]]
    }
}
