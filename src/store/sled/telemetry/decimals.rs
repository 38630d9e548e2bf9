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
    let (integer, power) = match number.abs() < LIMIT / 1e4 {
        true => thousandths(number)?,
        false => {
            let mut powers = POWERS.iter().zip(0u64..4);
            powers.find_map(|(by, power)| Some((scaled(number, *by)?, power)))?
        }
    };
    let folded = ((integer << 1) ^ (integer >> 63)) as u64;
    Some(folded << 2 | power)
}

/// The integer under the least power of ten, of four, and that power: what is an integer under a
/// lower power is one under a higher, and a try costs a division.
fn thousandths(number: f64) -> Option<(i64, u64)> {
    let (mut integer, mut power) = (scaled(number, 1e3)?, 3);
    while power > 0 && integer % 10 == 0 {
        integer /= 10;
        power -= 1;
    }
    Some((integer, power))
}

/// The number that [`short`] has made `short` of.
pub fn long(short: u64) -> f64 {
    let (folded, power) = (short >> 2, POWERS[(short & 3) as usize]);
    let integer = ((folded >> 1) as i64) ^ -((folded & 1) as i64);
    integer as f64 / power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Power by power.
    fn tried(number: f64) -> Option<u64> {
        let mut powers = POWERS.iter().zip(0u64..4);
        let (integer, power) =
            powers.find_map(|(by, power)| Some((scaled(number, *by)?, power)))?;
        Some((((integer << 1) ^ (integer >> 63)) as u64) << 2 | power)
    }

    proptest! {
        #[test]
        fn a_short_number_is_found_as_if_each_power_had_been_tried(
            integer in prop_oneof![-2_000i64..2_000, -(1i64 << 54)..1 << 54],
            power in 0usize..5,
            bits in any::<u64>(),
            nudge in -1i64..2,
        ) {
            let decimal = integer as f64 / POWERS[power];
            let near = f64::from_bits((decimal.to_bits() as i64).wrapping_add(nudge) as u64);
            for number in [decimal, near, f64::from_bits(bits), -0.0, 0.0, f64::NAN] {
                prop_assert_eq!(short(number), tried(number), "{}", number);
                if let Some(short) = short(number) {
                    prop_assert_eq!(long(short).to_bits(), number.to_bits());
                }
            }
        }
    }
}
