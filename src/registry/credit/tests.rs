//! The line: never over its limit, in order, nobody starved, nothing given back twice. The credit:
//! what its holders see of that.

use super::line::{Line, Number};
use super::{Budget, Credit, SMALL};
use crate::observability::{BudgetMeter, Metrics};
use futures_util::task::noop_waker;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

const LIMIT: usize = 1000;

/// What happens next; numbers pick among those it can happen to.
#[derive(Clone, Debug)]
enum Step {
    Come(usize),
    GiveBack(usize),
    GiveUp(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Some want more than there is at all.
    let step = prop_oneof![
        4 => (1..400_usize).prop_map(Step::Come),
        1 => (900..1500_usize).prop_map(Step::Come),
        4 => any::<usize>().prop_map(Step::GiveBack),
        1 => any::<usize>().prop_map(Step::GiveUp),
    ];
    proptest::collection::vec(step, 1..200)
}

/// Everybody who ever came, by name, beside the line that is tested.
#[derive(Default)]
struct World {
    holders: Vec<usize>,
    waiting: VecDeque<(Number, usize, usize)>,
    names: usize,
}

impl World {
    fn come(&mut self, line: &mut Line<usize>, wanted: usize) {
        self.names += 1;
        if line.has(wanted) {
            line.change(0, wanted);
            self.holders.push(wanted);
        } else {
            let number = line.wait(wanted, self.names);
            self.waiting.push_back((number, wanted, self.names));
        }
    }

    /// Grants must come in the order of coming.
    fn grants(&mut self, line: &mut Line<usize>) {
        while let Some(name) = line.grant() {
            let (number, wanted, first) = self.waiting.pop_front().expect("somebody waited");
            assert_eq!(name, first);
            assert!(line.is_granted(number));
            self.holders.push(wanted);
        }
    }

    fn check(&self, line: &Line<usize>) {
        let held: usize = self.holders.iter().sum();
        assert_eq!((line.used(), line.length()), (held, self.waiting.len()));
        assert!(held <= LIMIT || self.holders.len() == 1, "{held} held");
        if let Some((number, wanted, _)) = self.waiting.front() {
            assert!(!line.is_granted(*number));
            assert!(held + wanted > LIMIT && held > 0, "the first waits in vain");
        }
    }
}

proptest! {
    #[test]
    fn nobody_gets_more_than_there_is_and_everybody_gets_it_in_his_turn(steps in steps()) {
        let (mut line, mut world) = (Line::new(LIMIT), World::default());
        for step in steps {
            match step {
                Step::Come(wanted) => world.come(&mut line, wanted),
                Step::GiveBack(pick) if !world.holders.is_empty() => {
                    let pick = pick % world.holders.len();
                    let held = world.holders.swap_remove(pick);
                    line.change(held, 0);
                }
                Step::GiveUp(pick) if !world.waiting.is_empty() => {
                    let pick = pick % world.waiting.len();
                    let (number, ..) = world.waiting.remove(pick).expect("in range");
                    assert!(line.leave(number));
                    assert!(!line.leave(number), "twice");
                }
                _ => {}
            }
            world.grants(&mut line);
            world.check(&line);
        }
        while let Some(held) = world.holders.pop() {
            line.change(held, 0);
            world.grants(&mut line);
            world.check(&line);
        }
        prop_assert_eq!((line.used(), line.length()), (0, 0));
    }
}

fn budget(limit: usize) -> (Budget, BudgetMeter) {
    let meter = Metrics::new().budget("test");
    (Budget::new(limit, meter.clone()), meter)
}

fn takes(credit: &mut Credit, wanted: usize) -> bool {
    let waker = noop_waker();
    credit
        .poll_take(wanted, &mut Context::from_waker(&waker))
        .is_ready()
}

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_is_called_has_what_he_waited_for_and_returns_it_once() {
    let (budget, meter) = budget(3 * SMALL);
    let mut holder = budget.credit();
    holder.hold(3 * SMALL);
    let calls = Arc::new(Calls::default());
    let waker = Waker::from(calls.clone());
    let mut context = Context::from_waker(&waker);
    let mut first = budget.credit();
    let mut second = budget.credit();
    assert_eq!(first.poll_take(2 * SMALL, &mut context), Poll::Pending);
    assert_eq!(second.poll_take(SMALL, &mut context), Poll::Pending);
    assert_eq!(meter.waiting(), 2);
    holder.hold(2 * SMALL);
    assert_eq!(
        calls.0.load(Ordering::SeqCst),
        0,
        "nobody goes past the first"
    );
    holder.hold(SMALL);
    assert_eq!(calls.0.load(Ordering::SeqCst), 1);
    assert_eq!(meter.bytes(), 3 * SMALL);
    // Called, but gone before he came: it is the next one's.
    drop(first);
    assert_eq!(calls.0.load(Ordering::SeqCst), 2);
    assert_eq!(meter.bytes(), 2 * SMALL);
    assert_eq!(second.poll_take(SMALL, &mut context), Poll::Ready(()));
    second.hold(5);
    assert_eq!(meter.bytes(), SMALL + 5);
    drop((holder, second));
    assert_eq!(
        (meter.bytes(), meter.waiting(), meter.peak()),
        (0, 0, 3 * SMALL)
    );
}

#[test]
fn who_gives_up_in_the_line_returns_nothing_and_lets_the_others_pass() {
    let (budget, meter) = budget(2 * SMALL);
    let mut holder = budget.credit();
    holder.hold(SMALL);
    let mut large = budget.credit();
    let mut small = budget.credit();
    assert!(!takes(&mut large, 2 * SMALL));
    assert!(!takes(&mut small, 10), "it stands behind the large one");
    let mut past = budget.credit();
    assert!(!past.try_hold(2 * SMALL));
    assert!(past.try_hold(SMALL), "what is there is had past the line");
    drop(past);
    large.give_up();
    large.give_up();
    assert!(takes(&mut small, 10) && takes(&mut large, 10));
    drop((large, small));
    assert_eq!((meter.bytes(), meter.waiting()), (SMALL, 0));
}

#[test]
fn what_is_larger_than_everything_passes_alone() {
    let (budget, meter) = budget(2 * SMALL);
    let mut holder = budget.credit();
    holder.hold(1);
    let mut large = budget.credit();
    assert!(!takes(&mut large, 9 * SMALL));
    holder.hold(0);
    assert!(takes(&mut large, 9 * SMALL));
    assert!(!takes(&mut holder, 1));
    drop(large);
    assert!(takes(&mut holder, 1));
    assert_eq!(meter.peak(), 9 * SMALL);
}
