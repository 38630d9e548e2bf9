//! A yes or no for each row: which rows have a key, and what a BOOL was. The smallest of three.
//!
//! ```text
//!  0 | bits, lowest first
//!  1 | lengths of runs, no and yes by turns, varints, the first of no (2: of yes), together all
//!  3 | how many are yes, varint | their places as `integers`
//! ```

use super::super::codec::{self, Reader};
use super::integers;

const BITS: u8 = 0;
const RUNS: u8 = 1;
const RUNS_FROM_YES: u8 = 2;
const PLACES: u8 = 3;

/// Writes `count` flags, of which those at `places` (ascending) are yes.
pub fn encode(out: &mut Vec<u8>, count: usize, places: &[i64]) {
    let bits = count.div_ceil(8);
    let mut best = runs(count, places, bits);
    if places.len() < count / 4 {
        let mut listed = vec![PLACES];
        codec::put_varint(&mut listed, places.len() as u64);
        integers::encode(&mut listed, places);
        if best.as_ref().is_none_or(|best| listed.len() < best.len()) {
            best = Some(listed);
        }
    }
    match best {
        Some(best) if best.len() <= bits => out.extend_from_slice(&best),
        _ => {
            out.push(BITS);
            let start = out.len();
            out.resize(start + bits, 0);
            for place in places {
                let place = *place as usize;
                if let Some(byte) = out.get_mut(start + place / 8) {
                    *byte |= 1 << (place % 8);
                }
            }
        }
    }
}

/// `None` when they would take more than `most` bytes.
fn runs(count: usize, places: &[i64], most: usize) -> Option<Vec<u8>> {
    let from_yes = places.first() == Some(&0);
    let mut out = vec![if from_yes { RUNS_FROM_YES } else { RUNS }];
    // The first row behind what is written, and behind the run of yes under way.
    let (mut written, mut end) = (0, 0);
    let ends = [count as i64];
    for place in places.iter().chain(&ends) {
        if *place == end && *place != count as i64 {
            end += 1;
            continue;
        }
        if end > written {
            codec::put_varint(&mut out, (end - written) as u64);
        }
        if *place > end {
            codec::put_varint(&mut out, (place - end) as u64);
        }
        (written, end) = (*place, *place + 1);
        if out.len() > most {
            return None;
        }
    }
    Some(out)
}

/// The places that are yes, of `count`, which the caller has bounded.
pub fn decode(reader: &mut Reader<'_>, count: usize) -> Option<Vec<u32>> {
    let kind = reader.byte()?;
    match kind {
        BITS => {
            let bytes = reader.take(count.div_ceil(8))?;
            let mut places = Vec::with_capacity(count);
            for (at, byte) in (0u32..).step_by(8).zip(bytes) {
                let mut left = *byte;
                while left != 0 {
                    places.push(at + left.trailing_zeros());
                    left &= left - 1;
                }
            }
            let fits = places.last().is_none_or(|last| (*last as usize) < count);
            fits.then_some(places)
        }
        RUNS | RUNS_FROM_YES => {
            let mut places = Vec::new();
            let (mut at, mut yes) = (0, kind == RUNS_FROM_YES);
            while at < count {
                let length = reader.count(count - at)?;
                if length == 0 {
                    return None;
                }
                if yes {
                    places.extend(at as u32..(at + length) as u32);
                }
                (at, yes) = (at + length, !yes);
            }
            Some(places)
        }
        PLACES => {
            let yes = reader.count(count)?;
            let mut places = Vec::new();
            integers::decode(reader, yes, &mut places)?;
            let ascend = places.windows(2).all(|two| two[0] < two[1]);
            let first = places.first().is_none_or(|first| *first >= 0);
            let last = places.last().is_none_or(|last| *last < count as i64);
            (ascend && first && last).then(|| places.iter().map(|p| *p as u32).collect())
        }
        _ => None,
    }
}
