//! SQLite in WAL mode with every commit synced (`synchronous=FULL`), in this process. Only with the
//! feature `bench-peers`; without it, the reason stands in the table.

use super::scan::{Hour, Seen};

#[derive(Clone, Copy, Debug)]
pub enum Layout {
    /// A table and an index on (device, key, ts), as asked.
    Indexed,
    /// The table is the index (`WITHOUT ROWID`): the best that SQLite has for this.
    Clustered,
}

pub const LAYOUTS: [Layout; 2] = [Layout::Indexed, Layout::Clustered];

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Layout::Indexed => "SQLite, WAL, index on (device, key, ts)",
            Layout::Clustered => "SQLite, WAL, WITHOUT ROWID table",
        }
    }

    /// Scans: at least this many times as fast.
    pub fn asked(self) -> f64 {
        match self {
            Layout::Indexed => 3.0,
            Layout::Clustered => 0.0,
        }
    }
}

/// The filled database and the points a second of each slice; or why there is none.
pub type Filled = Result<(Sqlite, Vec<f64>), String>;

#[cfg(not(feature = "bench-peers"))]
pub struct Sqlite;

#[cfg(not(feature = "bench-peers"))]
pub fn ingest(
    _: &std::path::Path,
    _: Layout,
    _: &[Vec<Hour>],
) -> Result<(Sqlite, Vec<f64>), String> {
    Err("built without the feature bench-peers".into())
}

#[cfg(not(feature = "bench-peers"))]
impl Sqlite {
    pub fn scan(&mut self, _devices: usize) -> (f64, Seen) {
        (0.0, Seen::default())
    }
}

#[cfg(feature = "bench-peers")]
pub use built::{ingest, Sqlite};

#[cfg(feature = "bench-peers")]
mod built {
    use super::{Filled, Hour, Layout, Seen};
    use crate::meters::KEYS;
    use crate::parts::scan::points;
    use industryos_iot::model::telemetry::Point;
    use industryos_iot::model::value::Value;
    use rusqlite::types::ValueRef;
    use rusqlite::{params, Connection, Result};
    use std::path::Path;
    use std::time::Instant;

    pub struct Sqlite(Connection);

    /// Points a second of each slice, a transaction an hour of a device.
    pub fn ingest(folder: &Path, layout: Layout, slices: &[Vec<Hour>]) -> Filled {
        let path = folder.join(format!("{layout:?}.sqlite"));
        fill(&path, layout, slices).map_err(|error| error.to_string())
    }

    fn fill(path: &Path, layout: Layout, slices: &[Vec<Hour>]) -> Result<(Sqlite, Vec<f64>)> {
        let mut db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        // Devices and keys by number: the least that SQLite can be asked to store.
        let columns =
            "device INTEGER NOT NULL, key INTEGER NOT NULL, ts INTEGER NOT NULL, value NOT NULL";
        db.execute_batch(&match layout {
            Layout::Indexed => format!(
                "CREATE TABLE points({columns});
                 CREATE UNIQUE INDEX points_by_time ON points(device, key, ts)"
            ),
            Layout::Clustered => format!(
                "CREATE TABLE points({columns}, PRIMARY KEY(device, key, ts)) WITHOUT ROWID"
            ),
        })?;
        let mut rates = Vec::new();
        for slice in slices {
            let begun = Instant::now();
            for hour in slice {
                commit(&mut db, hour)?;
            }
            rates.push(points(slice) as f64 / begun.elapsed().as_secs_f64());
        }
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        drop(db);
        Ok((Sqlite(Connection::open(path)?), rates))
    }

    fn commit(db: &mut Connection, hour: &Hour) -> Result<()> {
        let transaction = db.transaction()?;
        {
            // An upsert, as ours is.
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO points VALUES (?1, ?2, ?3, ?4)")?;
            for row in &hour.rows {
                for (key, (_, value)) in row.values.iter().enumerate() {
                    let (device, key) = (hour.device as i64, key as i64);
                    match value {
                        Value::Long(value) => {
                            insert.execute(params![device, key, row.ts, value])?
                        }
                        Value::Bool(value) => {
                            insert.execute(params![device, key, row.ts, value])?
                        }
                        Value::Double(value) => {
                            insert.execute(params![device, key, row.ts, value])?
                        }
                        _ => 0,
                    };
                }
            }
        }
        transaction.commit()
    }

    impl Sqlite {
        /// As the store is scanned: series by series, oldest first, into the same points.
        pub fn scan(&mut self, devices: usize) -> (f64, Seen) {
            let (begun, mut seen) = (Instant::now(), Seen::default());
            for device in 0..devices {
                for key in 0..KEYS.len() {
                    let points = self.series(device, key).expect("SQLite");
                    seen.add(&points);
                }
            }
            (seen.a_second(begun), seen)
        }

        fn series(&self, device: usize, key: usize) -> Result<Vec<Point>> {
            let mut query = self.0.prepare_cached(
                "SELECT ts, value FROM points WHERE device = ?1 AND key = ?2 AND ts >= ?3 AND ts < ?4 ORDER BY ts",
            )?;
            let mut rows = query.query(params![device as i64, key as i64, 0, i64::MAX])?;
            let mut points = Vec::new();
            while let Some(row) = rows.next()? {
                let value = match row.get_ref(1)? {
                    ValueRef::Integer(value) => Value::Long(value),
                    ValueRef::Real(value) => Value::Double(value),
                    _ => continue,
                };
                points.push(Point {
                    ts: row.get(0)?,
                    value,
                });
            }
            Ok(points)
        }
    }
}
