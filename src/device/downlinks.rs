//! A session's line of downlinks: bounded, the actor at one end, the session at the other.
//!
//! Most sessions are idle and there are many, so an idle line is one small allocation: tokio's
//! channel takes 800 bytes before the first message (a block of 32 places, padded cache lines).

use crate::model::downlink::Downlink;
use crate::model::scarce::Scarce;
use parking_lot::Mutex;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The actor's end. Dropping it closes the line behind what is in it.
pub struct DownlinkSender(Arc<Mutex<Line>>);

/// The session's end. Dropping it forgets what is in the line.
pub struct DownlinkReceiver(Arc<Mutex<Line>>);

struct Line {
    /// Gives its memory back when it is empty.
    waiting: Scarce<Box<Downlink>>,
    room: u32,
    /// Said by `end_with`; it comes behind all others.
    last: Option<Box<Downlink>>,
    closed: bool,
    deserted: bool,
    listener: Option<Waker>,
}

/// A line in which at most `room` downlinks wait.
pub fn downlink_line(room: usize) -> (DownlinkSender, DownlinkReceiver) {
    let line = Arc::new(Mutex::new(Line {
        waiting: Scarce::default(),
        room: u32::try_from(room.max(1)).unwrap_or(u32::MAX),
        last: None,
        closed: false,
        deserted: false,
        listener: None,
    }));
    (DownlinkSender(line.clone()), DownlinkReceiver(line))
}

impl Line {
    fn take(&mut self) -> Option<Box<Downlink>> {
        let next = self.waiting.remove(0);
        next.or_else(|| self.last.take())
    }
}

impl DownlinkSender {
    /// False: the line is full, or at its end.
    pub fn offer(&self, downlink: Box<Downlink>) -> bool {
        self.put(|line| {
            let room = line.waiting.len() < line.room as usize;
            let room = room && line.last.is_none() && !line.deserted;
            if room {
                line.waiting.push(downlink);
            }
            room
        })
    }

    /// For the last word there is always room. Only the first one counts.
    pub fn end_with(&self, downlink: Box<Downlink>) {
        self.put(|line| {
            if !line.deserted {
                line.last.get_or_insert(downlink);
            }
        });
    }

    /// Wakes outside the lock.
    fn put<T>(&self, change: impl FnOnce(&mut Line) -> T) -> T {
        let mut line = self.0.lock();
        let result = change(&mut line);
        let listener = line.listener.take();
        drop(line);
        if let Some(listener) = listener {
            listener.wake();
        }
        result
    }
}

impl DownlinkReceiver {
    /// The next downlink; `None` at the end of the line.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Downlink>>> {
        let mut line = self.0.lock();
        if let Some(next) = line.take() {
            return Poll::Ready(Some(next));
        }
        if line.closed {
            return Poll::Ready(None);
        }
        match &mut line.listener {
            Some(known) => known.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub async fn recv(&mut self) -> Option<Box<Downlink>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What is in the line now.
    pub fn try_recv(&mut self) -> Option<Box<Downlink>> {
        self.0.lock().take()
    }

    /// Nothing is added any more.
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

impl Drop for DownlinkSender {
    fn drop(&mut self) {
        self.put(|line| line.closed = true);
    }
}

impl Drop for DownlinkReceiver {
    fn drop(&mut self) {
        let mut line = self.0.lock();
        line.deserted = true;
        line.listener = None;
        let forgotten = (std::mem::take(&mut line.waiting), line.last.take());
        drop(line);
        drop(forgotten);
    }
}

impl fmt::Debug for DownlinkSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownlinkSender").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::downlink::DownlinkBody;
    use crate::model::reject::Reason;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    fn downlink(id: u64) -> Box<Downlink> {
        let body = DownlinkBody::Close(Reason::Internal);
        Box::new(Downlink { id, body })
    }

    fn ids(line: &mut DownlinkReceiver) -> Vec<u64> {
        std::iter::from_fn(|| line.try_recv().map(|next| next.id)).collect()
    }

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_full_line_takes_nothing_but_one_last_word_behind_all_others() {
        let (sender, mut line) = downlink_line(2);
        assert!(sender.offer(downlink(1)) && sender.offer(downlink(2)));
        assert!(!sender.offer(downlink(3)));
        sender.end_with(downlink(8));
        sender.end_with(downlink(9));
        assert_eq!(line.try_recv().map(|next| next.id), Some(1));
        assert!(!sender.offer(downlink(4)), "nothing behind the last word");
        drop(sender);
        assert!(line.is_closed());
        assert_eq!(ids(&mut line), [2, 8]);
    }

    #[test]
    fn whoever_waits_is_woken_by_a_downlink_and_by_the_end() {
        let (sender, mut line) = downlink_line(2);
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(line.poll_recv(&mut cx).is_pending());
        assert!(sender.offer(downlink(1)));
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        assert!(matches!(line.poll_recv(&mut cx), Poll::Ready(Some(_))));
        assert!(line.poll_recv(&mut cx).is_pending());
        drop(sender);
        assert_eq!(bell.0.load(Ordering::SeqCst), 2);
        assert!(matches!(line.poll_recv(&mut cx), Poll::Ready(None)));
    }

    #[test]
    fn nothing_is_offered_to_a_session_that_has_gone() {
        let (sender, line) = downlink_line(2);
        assert!(sender.offer(downlink(1)));
        drop(line);
        assert!(!sender.offer(downlink(2)));
        assert!(sender.0.lock().waiting.is_empty());
    }

    #[test]
    fn an_idle_line_is_small() {
        let size = std::mem::size_of::<Mutex<Line>>();
        assert!(size <= 48, "{size} bytes");
    }
}
