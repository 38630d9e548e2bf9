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
    // Frames that are the same and take no bits are counted together.
    let mut run: Option<(Plan, i64, u32)> = None;
    for frame in rest.chunks(FRAME) {
        let differences = Differences::of(frame, state);
        let plan = differences.plan();
        let last = state.value;
        state = differences.end;
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
                    plan.put_numbers(out, differences.order(plan.order));
                }
            }
        }
    }
    if let Some((held, last, count)) = run {
        held.put_header(out, last, count);
    }
}

/// A frame's values, differences and second differences.
struct Differences {
    orders: [[i64; FRAME]; 3],
    count: usize,
    end: State,
}

impl Differences {
    fn of(frame: &[i64], state: State) -> Self {
        let mut orders = [[0i64; FRAME]; 3];
        let [values, steps, seconds] = &mut orders;
        let mut state = state;
        let places = values.iter_mut().zip(steps).zip(seconds);
        for (number, ((value, step), second)) in frame.iter().zip(places) {
            *value = *number;
            *step = number.wrapping_sub(state.value);
            *second = step.wrapping_sub(state.step);
            let (value, step) = (*number, *step);
            state = State { value, step };
        }
        Self {
            orders,
            count: frame.len().min(FRAME),
            end: state,
        }
    }

    fn order(&self, order: u8) -> &[i64] {
        let numbers = self.orders.get(usize::from(order));
        numbers.map_or(&[], |n| n.get(..self.count).unwrap_or(n))
    }

    fn plan(&self) -> Plan {
        let mut best: Option<Plan> = None;
        for order in [2, 1, 0] {
            let plan = plan(order, self.order(order));
            if best.is_none_or(|best| plan.bits < best.bits) {
                best = Some(plan);
            }
            // Nothing is smaller.
            if plan.width == 0 && !plan.exceptions {
                break;
            }
        }
        best.unwrap_or_else(|| plan(0, &[]))
    }
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
fn plan(order: u8, numbers: &[i64]) -> Plan {
    let least = numbers.iter().copied().min().unwrap_or(0);
    let most = numbers.iter().copied().max().unwrap_or(0);
    let spread = width_of(most.wrapping_sub(least) as u64);
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
    let based = based.with_exceptions(numbers.iter().map(|n| n.wrapping_sub(least) as u64));
    let widest = width_of(folded(least).max(folded(most)));
    let folded_plan = Plan {
        folded: true,
        base: 0,
        width: widest,
        bits: widest * numbers.len() as u32,
        exceptions: false,
        ..based
    };
    let folded_plan = folded_plan.with_exceptions(numbers.iter().map(|n| folded(*n)));
    if folded_plan.bits < based.bits {
        folded_plan
    } else {
        based
    }
}

impl Plan {
    /// A smaller width, when that pays.
    fn with_exceptions(self, numbers: impl Iterator<Item = u64>) -> Plan {
        let mut widths = [0u32; 65];
        let mut count = 0;
        for number in numbers {
            widths[width_of(number) as usize] += 1;
            count += 1;
        }
        let (mut best, mut wider) = (self, 0u32);
        // Bits above `width` of all that are wider.
        let mut above = 0u32;
        for width in (0..self.width).rev() {
            wider += widths[width as usize + 1];
            above += wider;
            // A place, and varints with an eighth and a half byte of loss.
            let exceptions = 8 + wider * 12 + above + above / 7;
            let bits = width * count + exceptions + (self.bits - self.width * count);
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
        let mut unsigned = [0u64; FRAME];
        for (place, number) in unsigned.iter_mut().zip(numbers) {
            *place = match self.folded {
                true => folded(*number),
                false => number.wrapping_sub(self.base) as u64,
            };
        }
        let unsigned = unsigned.get(..numbers.len()).unwrap_or(&unsigned);
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
