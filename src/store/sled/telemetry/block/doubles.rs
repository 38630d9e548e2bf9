//! Columns of doubles, bit for bit: as integers under a power of ten where they are short
//! decimals, else as integers made of their bits.
//!
//! ```text
//!  0x00-0x0f  power of ten | integers
//!  0x80-0x8f  power of ten | exceptions varint | place - previous varint, bits u64 le ... | integers
//!  0x40-0x7f  zero bits that all end with, cut off | integers that sort as the numbers do
//! ```

use super::super::codec::{self, Reader};
use super::super::decimals::{scaled, POWERS};
use super::integers;

const EXCEPTIONS: u8 = 0x80;
const BITS: u8 = 0x40;
/// So many numbers tell, most often, what all need.
const FIRST: usize = 16;

/// `bits` are those of the numbers.
pub fn encode(out: &mut Vec<u8>, bits: &[i64]) {
    let start = out.len();
    if !decimals(out, bits) {
        out.truncate(start);
        return whole(out, bits);
    }
    // Long decimals may take more than the bits themselves, and exceptions may.
    let exceptions = out.get(start).is_some_and(|form| form & EXCEPTIONS != 0);
    if exceptions || out.len() - start > bits.len() * 4 {
        let mut other = Vec::new();
        whole(&mut other, bits);
        if other.len() < out.len() - start {
            out.truncate(start);
            out.extend_from_slice(&other);
        }
    }
}

/// `false` when too many are not short decimals.
fn decimals(out: &mut Vec<u8>, bits: &[i64]) -> bool {
    let mut integers = Vec::with_capacity(bits.len());
    if let Some(exponent) = at_once(bits, &mut integers) {
        out.push(exponent);
        integers::encode(out, &integers);
        return true;
    }
    integers.clear();
    let Some((exponent, power)) = exponent(bits) else {
        return false;
    };
    let mut exceptions = Vec::new();
    let mut last = 0;
    for (place, bits) in bits.iter().enumerate() {
        match scaled(f64::from_bits(*bits as u64), power) {
            Some(integer) => last = integer,
            None => exceptions.push((place, *bits)),
        }
        integers.push(last);
    }
    out.push(exponent | if exceptions.is_empty() { 0 } else { EXCEPTIONS });
    if !exceptions.is_empty() {
        codec::put_varint(out, exceptions.len() as u64);
        let mut next = 0;
        for (place, bits) in exceptions {
            codec::put_varint(out, (place - next) as u64);
            out.extend_from_slice(&bits.to_le_bytes());
            next = place + 1;
        }
    }
    integers::encode(out, &integers);
    true
}

/// As [`exponent`], if all are integers under the power that the first few need.
fn at_once(bits: &[i64], integers: &mut Vec<i64>) -> Option<u8> {
    let (exponent, power) = exponent(bits.get(..FIRST).unwrap_or(bits))?;
    for bits in bits {
        integers.push(scaled(f64::from_bits(*bits as u64), power)?);
    }
    Some(exponent)
}

/// The least power of ten under which all but a few are integers.
fn exponent(bits: &[i64]) -> Option<(u8, f64)> {
    let (mut exponent, mut failed) = (0usize, 0usize);
    for (seen, bits) in bits.iter().enumerate() {
        let number = f64::from_bits(*bits as u64);
        let mut tries = POWERS.iter().enumerate().skip(exponent);
        match tries.find(|(_, power)| scaled(number, **power).is_some()) {
            Some((found, _)) => exponent = found,
            None => failed += 1,
        }
        if failed > 4 + seen / 8 {
            return None;
        }
    }
    let power = POWERS.get(exponent)?;
    Some((exponent as u8, *power))
}

fn whole(out: &mut Vec<u8>, bits: &[i64]) {
    let all = bits.iter().fold(0, |all, bits| all | bits);
    let shift = all.trailing_zeros().min(63);
    out.push(BITS | shift as u8);
    let integers: Vec<i64> = bits.iter().map(|bits| sorting(bits >> shift)).collect();
    integers::encode(out, &integers);
}

/// Bits to integers that sort as the numbers do, and back: negative ones are turned around.
fn sorting(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Reads the bits of `count` doubles, which the caller has bounded.
pub fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    let form = reader.byte()?;
    let start = out.len();
    if form & EXCEPTIONS == 0 && form & BITS != 0 {
        let shift = form & 0x3f;
        integers::decode(reader, count, out)?;
        let made = out.get_mut(start..)?;
        made.iter_mut()
            .for_each(|integer| *integer = sorting(*integer) << shift);
        return Some(());
    }
    let power = *POWERS.get(usize::from(form & !EXCEPTIONS))?;
    let mut exceptions = Vec::new();
    if form & EXCEPTIONS != 0 {
        let mut next = 0usize;
        for _ in 0..reader.count(count)? {
            let place = next.checked_add(reader.count(count)?)?;
            let bits = reader.take(8)?.first_chunk::<8>()?;
            exceptions.push((place, i64::from_le_bytes(*bits)));
            next = place + 1;
        }
    }
    integers::decode(reader, count, out)?;
    let made = out.get_mut(start..)?;
    for integer in made.iter_mut() {
        *integer = (*integer as f64 / power).to_bits() as i64;
    }
    for (place, bits) in exceptions {
        *made.get_mut(place)? = bits;
    }
    Some(())
}
