//! A value too long for one record stands in chunks (see `keys`): sled puts 16 values on a page and
//! moves pages over 128 KiB into files of their own, which cost a sync each.
//!
//! ```text
//!  short value:  version 1 ... | bytes        (version below 0xF0)
//!  long value:   0xF0 | chunks u32 le | crc32 u32 le      the bytes are in the chunks
//! ```

use super::keys;

/// Longest value in one record: 16 of them and some keys stay below 128 KiB.
pub const LONGEST: usize = 7 << 10;
/// First byte of the record that stands for a long value.
const LONG: u8 = 0xf0;

type Stored = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// (chunks, crc32) when the record stands for a long value.
pub fn header(value: &[u8]) -> Option<(u32, u32)> {
    let (first, rest) = value.split_first()?;
    if *first != LONG {
        return None;
    }
    let (chunks, rest) = rest.split_first_chunk::<4>()?;
    let (crc, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*chunks), u32::from_le_bytes(*crc)))
}

/// The value as its record is to have it, and how many chunks it takes, which are put to `stored`.
pub fn cut(key: &[u8], value: Vec<u8>, stored: &mut Stored) -> (Vec<u8>, u32) {
    let is_long = value.len() > LONGEST || value.first().is_some_and(|first| *first == LONG);
    if !is_long {
        return (value, 0);
    }
    let mut chunks = 0;
    for part in value.chunks(LONGEST) {
        stored.push((keys::chunk(key, chunks), Some(part.to_vec())));
        chunks += 1;
    }
    let mut header = vec![LONG];
    header.extend_from_slice(&chunks.to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
    (header, chunks)
}

/// Removes the chunks of the `old` record that are not among the `kept` first ones.
pub fn remove_chunks(key: &[u8], old: Option<&[u8]>, kept: u32, stored: &mut Stored) {
    let old = old.and_then(header).map_or(0, |(chunks, _)| chunks);
    stored.extend((kept..old).map(|number| (keys::chunk(key, number), None)));
}
