//! Numbers of one width, bit behind bit, lowest first. Every width from 0 to 64.

/// Most numbers that are packed in one go.
pub const FRAME: usize = 128;

/// Bytes that `count` numbers of `width` bits take.
pub fn length(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

fn mask(width: u32) -> u64 {
    match width {
        0 => 0,
        width => u64::MAX >> (64 - width),
    }
}

/// Adds the low `width` bits of each number.
pub fn pack(out: &mut Vec<u8>, numbers: &[u64], width: u32) {
    let (mask, end) = (mask(width), out.len() + length(numbers.len(), width));
    // What is not written yet: below 64 bits of it.
    let (mut held, mut filled) = (0u64, 0u32);
    for number in numbers {
        let number = number & mask;
        held |= number << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&held.to_le_bytes());
            filled -= 64;
            // What did not fit; a shift by all 64 bits leaves nothing.
            held = number.checked_shr(width - filled).unwrap_or(0);
        }
    }
    let left = end.saturating_sub(out.len());
    out.extend(held.to_le_bytes().iter().take(left));
}

/// The opposite, for at most [`FRAME`] numbers; `packed` has [`length`] bytes.
pub fn unpack(packed: &[u8], numbers: &mut [u64], width: u32) {
    // Behind the packed bytes stand enough others to read eight (and one) from any place.
    let mut bytes = [0u8; FRAME * 8 + 16];
    let Some(place) = bytes.get_mut(..packed.len()) else {
        return;
    };
    place.copy_from_slice(packed);
    let mask = mask(width);
    let mut bit = 0usize;
    for number in numbers.iter_mut() {
        let (byte, shift) = (bit / 8, bit % 8);
        let word = bytes.get(byte..).and_then(|rest| rest.first_chunk::<8>());
        let mut found = word.map_or(0, |word| u64::from_le_bytes(*word)) >> shift;
        if width > 56 && shift > 0 {
            let ninth = bytes.get(byte + 8).copied().unwrap_or(0);
            found |= u64::from(ninth) << (64 - shift);
        }
        *number = found & mask;
        bit += width as usize;
    }
}
