//! Columns of texts: each text once, in the order in which they appear, and for each value which.
//!
//! ```text
//!  texts varint | length of all, packed with lz4: * 2 + 1, varint (packed: unpacked length varint)
//!  | length varint, bytes ... | which as `integers`, unless all differ
//! ```

use super::super::cells::Texts;
use super::super::codec::{self, Reader};
use super::integers;
use ahash::AHashMap;

/// Most bytes that packed texts may claim to have: guards the decoder.
const MOST: usize = 64 << 20;
/// lz4 does not pack tighter than that, to one.
const TIGHTEST: usize = 255;
/// Shorter than that packing cannot pay.
const SHORT: usize = 32;

/// `bits` are the numbers of the texts.
pub fn encode(out: &mut Vec<u8>, texts: &Texts, bits: &[i64]) {
    let mut numbers: AHashMap<&str, i64> = AHashMap::new();
    let (mut plain, mut which) = (Vec::new(), Vec::with_capacity(bits.len()));
    // Most often the text is the one before.
    let mut last: Option<(i64, &str, i64)> = None;
    for bits in bits {
        if let Some((_, _, number)) = last.filter(|(held, ..)| held == bits) {
            which.push(number);
            continue;
        }
        let text = texts.get(*bits as u64).unwrap_or_default();
        let number = match last {
            Some((_, held, number)) if held == text => number,
            _ => {
                let next = numbers.len() as i64;
                *numbers.entry(text).or_insert_with(|| {
                    codec::put_bytes(&mut plain, text.as_bytes());
                    next
                })
            }
        };
        last = Some((*bits, text, number));
        which.push(number);
    }
    codec::put_varint(out, numbers.len() as u64);
    put_packed(out, &plain);
    if numbers.len() < which.len() {
        integers::encode(out, &which);
    }
}

/// Bytes, packed when that is smaller.
pub fn put_packed(out: &mut Vec<u8>, plain: &[u8]) {
    if plain.len() >= SHORT {
        let packed = lz4_flex::block::compress(plain);
        if packed.len() + 4 < plain.len() {
            codec::put_varint(out, packed.len() as u64 * 2 + 1);
            codec::put_varint(out, plain.len() as u64);
            return out.extend_from_slice(&packed);
        }
    }
    codec::put_varint(out, plain.len() as u64 * 2);
    out.extend_from_slice(plain);
}

/// What [`put_packed`] has written.
pub fn packed<'a>(reader: &mut Reader<'a>) -> Option<std::borrow::Cow<'a, [u8]>> {
    let length = reader.varint()?;
    let bytes = usize::try_from(length / 2).ok()?;
    if length % 2 == 0 {
        return reader.take(bytes).map(Into::into);
    }
    let plain = reader.count(MOST)?;
    let packed = reader.take(bytes)?;
    if plain / TIGHTEST > packed.len() {
        return None;
    }
    let unpacked = lz4_flex::block::decompress(packed, plain).ok()?;
    Some(unpacked.into())
}

/// Reads `count` texts, which the caller has bounded: the number in `texts` of each.
pub fn decode(
    reader: &mut Reader<'_>,
    count: usize,
    texts: &mut Texts,
    out: &mut Vec<i64>,
) -> Option<()> {
    let distinct = reader.count(count)?;
    let plain = packed(reader)?;
    let mut plain = Reader(&plain);
    let first = texts.len() as i64;
    for _ in 0..distinct {
        texts.push(plain.text()?);
    }
    let start = out.len();
    if distinct == count {
        out.extend(first..first + distinct as i64);
        return Some(());
    }
    integers::decode(reader, count, out)?;
    let known = 0..distinct as i64;
    for which in out.get_mut(start..)? {
        if !known.contains(which) {
            return None;
        }
        *which += first;
    }
    Some(())
}
