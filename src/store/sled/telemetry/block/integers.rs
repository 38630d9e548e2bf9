//! Columns of integers, in frames of 128 that each take what suits them: the values, their
//! differences or the differences of those, without their least (or folded to and fro around
//! zero), bit-packed, and the few that are too wide for the rest written behind.
//!
//! ```text
//!  v0 | v1 - v0 | frame ...                      signed varints; the frames hold v2 and on
//!  frame:  +---------+--------------+--------+-----------+------------------------------+
//!          | width   | how          | base   | packed    | exceptions                   |
//!          | u8      | u8           | signed | n * width | count u8 | place u8 ...      |
//!          | bit 7:  | 0-1 order    | varint | bits      | what is above width, varints |
//!          | there   | 2 folded     | unless |           |                              |
//!          | are     | 3-7 frames   | folded |           |                              |
//!          | excep-  | more just so |        |           |                              |
//!          | tions   |              |        |           |                              |
//!          +---------+--------------+--------+-----------+------------------------------+
//! ```
//! "Frames more" only with width 0 and without exceptions; 31 says that a varint of further ones
//! follows. A base of order 0 is relative to the value before the frame.

use super::super::codec::{self, Reader};
use super::packing::{self, FRAME};

const EXCEPTIONS: u8 = 0x80;
const FOLDED: u8 = 4;
const MORE: u32 = 3;
const MANY: u8 = 31;

/// How a frame is written, and what that costs.
#[derive(Clone, Copy, PartialEq)]
struct Plan {
    order: u8,
    folded: bool,
    base: i64,
    width: u32,
    exceptions: bool,
    bits: u32,
}

/// The last value and the last difference.
#[derive(Clone, Copy)]
struct State {
    value: i64,
    step: i64,
}

pub fn encode(out: &mut Vec<u8>, values: &[i64]) {
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    codec::put_signed(out, *first);
    let Some((second, rest)) = rest.split_first() else {
        return;
    };
    let step = second.wrapping_sub(*first);
    codec::put_signed(out, step);
    let value = *second;
    let mut state = State { value, step };
    let mut planner = Planner::default();
    // Frames that are the same and take no bits are counted together.
    let mut run: Option<(Plan, i64, u32)> = None;
    for frame in rest.chunks(FRAME) {
        let plan = planner.plan(frame, state);
        let last = state.value;
        match &mut run {
            Some((held, _, count)) if *held == plan && plan.repeats() => *count += 1,
            _ => {
                if let Some((held, last, count)) = run.take() {
                    held.put_header(out, last, count);
                }
                if plan.repeats() {
                    run = Some((plan, last, 0));
                } else {
                    plan.put_header(out, last, 0);
                    plan.put_numbers(out, planner.numbers(plan.order, frame));
                }
            }
        }
        state = state.behind(frame);
    }
    if let Some((held, last, count)) = run {
        held.put_header(out, last, count);
    }
}

impl State {
    fn behind(self, frame: &[i64]) -> Self {
        let numbers = frame.iter().rev().copied();
        let mut numbers = numbers.chain([self.value]);
        let (value, before) = (numbers.next(), numbers.next());
        let value = value.unwrap_or(self.value);
        let step = before.map_or(self.step, |before| value.wrapping_sub(before));
        State { value, step }
    }
}

/// Finds out how to write frames.
struct Planner {
    steps: [i64; FRAME],
    seconds: [i64; FRAME],
    rooms: Rooms,
}

/// Where numbers are tried.
struct Rooms {
    wide: [u64; FRAME],
    narrow: [u32; FRAME],
}

impl Default for Planner {
    fn default() -> Self {
        let (steps, seconds) = ([0; FRAME], [0; FRAME]);
        let (wide, narrow) = ([0; FRAME], [0; FRAME]);
        let rooms = Rooms { wide, narrow };
        Self {
            steps,
            seconds,
            rooms,
        }
    }
}

impl Planner {
    fn plan(&mut self, frame: &[i64], state: State) -> Plan {
        let mut best: Option<Plan> = None;
        let steps = differences(&mut self.steps, frame, state.value);
        let seconds = differences(&mut self.seconds, steps, state.step);
        for (order, numbers) in [(2, seconds), (1, steps), (0, frame)] {
            let plan = plan(&mut self.rooms, order, numbers);
            if best.is_none_or(|best| plan.bits < best.bits) {
                best = Some(plan);
            }
            // Nothing is smaller.
            if plan.repeats() {
                break;
            }
        }
        best.unwrap_or_else(|| plan(&mut self.rooms, 0, &[]))
    }

    /// Values (order 0) of the frame that was planned last, their differences, or the differences
    /// of those.
    fn numbers<'a>(&'a self, order: u8, frame: &'a [i64]) -> &'a [i64] {
        let made = match order {
            0 => return frame,
            1 => &self.steps,
            _ => &self.seconds,
        };
        made.get(..frame.len()).unwrap_or_default()
    }
}

fn differences<'a>(room: &'a mut [i64; FRAME], numbers: &[i64], before: i64) -> &'a [i64] {
    let Some((first, _)) = numbers.split_first() else {
        return &[];
    };
    let (out, _) = room.split_at_mut(numbers.len().min(FRAME));
    if let Some((place, places)) = out.split_first_mut() {
        *place = first.wrapping_sub(before);
        for (place, pair) in places.iter_mut().zip(numbers.windows(2)) {
            *place = pair[1].wrapping_sub(pair[0]);
        }
    }
    out
}

fn width_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unfolded(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

/// The cheapest way to write these numbers as they are.
fn plan(rooms: &mut Rooms, order: u8, numbers: &[i64]) -> Plan {
    let least = least(numbers);
    let Rooms { wide, narrow } = rooms;
    // All bits together are as wide as the widest.
    let (made, all) = unsigned(wide, numbers, |n| n.wrapping_sub(least) as u64);
    let spread = width_of(all);
    let base_bits = 8 * (width_of(folded(least)).max(1).div_ceil(7));
    let based = Plan {
        order,
        folded: false,
        base: least,
        width: spread,
        exceptions: false,
        bits: spread * numbers.len() as u32 + base_bits,
    };
    if spread == 0 {
        return based;
    }
    let based = based.with_exceptions(made, narrow);
    let (made, all) = unsigned(wide, numbers, folded);
    let widest = width_of(all);
    let folded_plan = Plan {
        folded: true,
        base: 0,
        width: widest,
        bits: widest * numbers.len() as u32,
        exceptions: false,
        ..based
    };
    let folded_plan = folded_plan.with_exceptions(made, narrow);
    if folded_plan.bits < based.bits {
        folded_plan
    } else {
        based
    }
}

/// 0 of none.
fn least(numbers: &[i64]) -> i64 {
    let first = numbers.first().copied().unwrap_or(0);
    // Side by side: one comparison need not wait for the one before.
    let mut lanes = [first; 4];
    let fours = numbers.chunks_exact(lanes.len());
    let rest = fours.remainder().iter().copied();
    for four in fours {
        for (lane, number) in lanes.iter_mut().zip(four) {
            *lane = (*lane).min(*number);
        }
    }
    lanes.into_iter().chain(rest).min().unwrap_or(0)
}

/// The numbers made so, and the bits of all of them together.
fn unsigned<'a>(
    room: &'a mut [u64; FRAME],
    numbers: &[i64],
    as_unsigned: impl Fn(i64) -> u64,
) -> (&'a [u64], u64) {
    let (made, _) = room.split_at_mut(numbers.len().min(FRAME));
    let mut all = 0;
    for (place, number) in made.iter_mut().zip(numbers) {
        *place = as_unsigned(*number);
        all |= *place;
    }
    (made, all)
}

impl Plan {
    /// A smaller width, when that pays.
    fn with_exceptions(self, numbers: &[u64], room: &mut [u32; FRAME]) -> Plan {
        let count = numbers.len() as u32;
        if self.width > u32::BITS {
            let wider = |width| numbers.iter().map(|n| u32::from(n >> width != 0)).sum();
            return self.narrower(count, wider);
        }
        // Twice as many fit into a register.
        let (small, _) = room.split_at_mut(numbers.len().min(FRAME));
        for (place, number) in small.iter_mut().zip(numbers) {
            *place = *number as u32;
        }
        let wider = |width| small.iter().map(|n| u32::from(n >> width != 0)).sum();
        self.narrower(count, wider)
    }

    /// The same of `count` numbers, given how many are wider than a width.
    fn narrower(self, count: u32, wider: impl Fn(u32) -> u32) -> Plan {
        let (mut best, base_bits) = (self, self.bits - self.width * count);
        // Bits above `width` of all that are wider.
        let mut above = 0u32;
        for width in (0..self.width).rev() {
            let wider = wider(width);
            above += wider;
            // A place, and varints with an eighth and a half byte of loss.
            let exceptions = 8 + wider * 12 + above + above / 7;
            let bits = width * count + exceptions + base_bits;
            if bits < best.bits {
                best = Plan {
                    width,
                    bits,
                    exceptions: true,
                    ..self
                };
            }
            if wider > count / 4 {
                break;
            }
        }
        best
    }

    fn repeats(&self) -> bool {
        self.width == 0 && !self.exceptions
    }

    fn put_header(&self, out: &mut Vec<u8>, last: i64, more: u32) {
        out.push(self.width as u8 | if self.exceptions { EXCEPTIONS } else { 0 });
        let few = more.min(u32::from(MANY)) as u8;
        out.push(self.order | if self.folded { FOLDED } else { 0 } | few << MORE);
        if few == MANY {
            codec::put_varint(out, u64::from(more - u32::from(MANY)));
        }
        if !self.folded {
            let origin = if self.order == 0 { last } else { 0 };
            codec::put_signed(out, self.base.wrapping_sub(origin));
        }
    }

    fn put_numbers(&self, out: &mut Vec<u8>, numbers: &[i64]) {
        let mut room = [0u64; FRAME];
        let (unsigned, _) = match self.folded {
            true => unsigned(&mut room, numbers, folded),
            false => unsigned(&mut room, numbers, |n| n.wrapping_sub(self.base) as u64),
        };
        packing::pack(out, unsigned, self.width);
        if !self.exceptions {
            return;
        }
        let above = |number: &u64| number.checked_shr(self.width).unwrap_or(0);
        let places = (0u8..).zip(unsigned).filter(|(_, n)| above(n) != 0);
        out.push(places.clone().count() as u8);
        out.extend(places.clone().map(|(place, _)| place));
        places.for_each(|(_, number)| codec::put_varint(out, above(number)));
    }
}

/// Reads `count` integers, which the caller has bounded, behind what `out` holds.
pub fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    out.reserve(count);
    if count == 0 {
        return Some(());
    }
    let value = reader.signed()?;
    out.push(value);
    if count == 1 {
        return Some(());
    }
    let step = reader.signed()?;
    let value = value.wrapping_add(step);
    out.push(value);
    let mut state = State { value, step };
    let mut left = count - 2;
    while left > 0 {
        left = left.checked_sub(frames(reader, left, &mut state, out)?)?;
    }
    Some(())
}

/// Reads a frame, or several that are the same; returns how many values that were.
fn frames(
    reader: &mut Reader<'_>,
    left: usize,
    state: &mut State,
    out: &mut Vec<i64>,
) -> Option<usize> {
    let (width, how) = (reader.byte()?, reader.byte()?);
    let exceptions = width & EXCEPTIONS != 0;
    let width = u32::from(width & !EXCEPTIONS);
    let mut more = usize::from(how >> MORE);
    if more == usize::from(MANY) {
        more += reader.count(left)?;
    }
    let is_folded = how & FOLDED != 0;
    let order = how & (FOLDED - 1);
    let base = match (is_folded, order) {
        (true, _) => 0,
        (false, 0) => reader.signed()?.wrapping_add(state.value),
        (false, _) => reader.signed()?,
    };
    if width > 64 || order > 2 || (more > 0 && (width > 0 || exceptions)) {
        return None;
    }
    let values = left.min(FRAME * (more + 1));
    if left.div_ceil(FRAME) <= more {
        return None;
    }
    if width == 0 && !exceptions {
        undo(order, std::iter::repeat_n(base, values), state, out);
        return Some(values);
    }
    let mut numbers = [0u64; FRAME];
    let numbers = numbers.get_mut(..values)?;
    let packed = reader.take(packing::length(values, width))?;
    packing::unpack(packed, numbers, width);
    if exceptions {
        let places = reader.byte()?;
        for place in reader.take(usize::from(places))? {
            let above = reader.varint()?.checked_shl(width)?;
            *numbers.get_mut(usize::from(*place))? |= above;
        }
    }
    let numbers = numbers.iter().copied();
    match is_folded {
        true => undo(order, numbers.map(unfolded), state, out),
        false => {
            let numbers = numbers.map(|n| base.wrapping_add(n as i64));
            undo(order, numbers, state, out);
        }
    }
    Some(values)
}

/// From differences of an order back to values.
fn undo(order: u8, numbers: impl Iterator<Item = i64>, state: &mut State, out: &mut Vec<i64>) {
    let State {
        mut value,
        mut step,
    } = *state;
    match order {
        0 => out.extend(numbers.inspect(|number| {
            step = number.wrapping_sub(value);
            value = *number;
        })),
        1 => out.extend(numbers.map(|number| {
            step = number;
            value = value.wrapping_add(step);
            value
        })),
        _ => out.extend(numbers.map(|number| {
            step = step.wrapping_add(number);
            value = value.wrapping_add(step);
            value
        })),
    }
    *state = State { value, step };
}
