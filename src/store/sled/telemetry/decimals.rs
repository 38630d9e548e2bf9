//! Doubles as integers under a power of ten, for those that were short decimals once.

pub const POWERS: [f64; 16] = [
    1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// One and a half times 2^52: adding it leaves the nearest integer in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Below this, rounding by [`ROUND`] is right.
const LIMIT: f64 = 2_251_799_813_685_248.0;

/// The integer that stands for a number under a power of ten, if it comes back bit for bit.
/// Both are exact below 2^51, so the division rounds to what the decimal text means.
pub fn scaled(number: f64, power: f64) -> Option<i64> {
    let product = number * power;
    let shifted = product + ROUND;
    let integer = (shifted.to_bits() as i64).wrapping_sub(ROUND.to_bits() as i64);
    let back = (shifted - ROUND) / power;
    let exact = product.abs() < LIMIT && back.to_bits() == number.to_bits();
    exact.then_some(integer)
}

/// A number of at most three decimals in one small integer; `None` for the others.
pub fn short(number: f64) -> Option<u64> {
    let mut powers = POWERS.iter().zip(0u64..4);
    let (integer, power) = powers.find_map(|(by, power)| Some((scaled(number, *by)?, power)))?;
    let folded = ((integer << 1) ^ (integer >> 63)) as u64;
    Some(folded << 2 | power)
}

/// The number that [`short`] has made `short` of.
pub fn long(short: u64) -> f64 {
    let (folded, power) = (short >> 2, POWERS[(short & 3) as usize]);
    let integer = ((folded >> 1) as i64) ^ -((folded & 1) as i64);
    integer as f64 / power
}
