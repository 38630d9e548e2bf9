//! A series streamed: stretches are read aside, the next one while the last is being used. Between
//! two stretches nothing is held but what the walk needs to go on: no thread, no place in line.

use super::super::engine::Engine;
use super::super::telemetry::walk::Walk;
use super::aside::Asides;
use crate::model::telemetry::Point;
use crate::store::error::StoreError;
use crate::store::stream::{PointStream, CHUNK};
use async_trait::async_trait;
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;

type Result<T> = std::result::Result<T, StoreError>;

pub struct Points {
    asides: Arc<Asides>,
    /// A reader that dawdles does not keep a closed store open.
    engine: Weak<Engine>,
    coming: Option<oneshot::Receiver<Stretch>>,
}

/// A walk that has come further, and what it found.
struct Stretch {
    walk: Walk,
    left: usize,
    found: Result<Vec<Point>>,
}

impl Points {
    /// Starts reading at most `limit` points.
    pub fn start(asides: Arc<Asides>, engine: &Arc<Engine>, walk: Walk, limit: usize) -> Self {
        let mut points = Self {
            asides,
            engine: Arc::downgrade(engine),
            coming: None,
        };
        points.go_on(walk, limit);
        points
    }

    fn go_on(&mut self, walk: Walk, left: usize) {
        self.coming = match self.engine.upgrade() {
            _ if left == 0 || walk.is_done() => None,
            Some(engine) => Some(
                self.asides
                    .run(engine, move |engine| stretch(engine, walk, left)),
            ),
            None => Some(oneshot::channel().1),
        };
    }
}

fn stretch(engine: &Engine, mut walk: Walk, left: usize) -> Stretch {
    let mut points = Vec::new();
    let done = walk.fill(engine, left.min(CHUNK), &mut points);
    Stretch {
        walk,
        left: left - points.len(),
        found: done.map(|()| points),
    }
}

#[async_trait]
impl PointStream for Points {
    async fn next(&mut self) -> Result<Option<Vec<Point>>> {
        while let Some(coming) = &mut self.coming {
            let found = coming.await;
            self.coming = None;
            let Stretch { walk, left, found } = found.map_err(|_| StoreError::Closed)?;
            let found = found?;
            self.go_on(walk, left);
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
