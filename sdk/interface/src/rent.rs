//! The rent-exempt minimum, in integers.

/// Bytes that every account is charged for besides its data (`ACCOUNT_STORAGE_OVERHEAD`).
pub const ACCOUNT_OVERHEAD: u64 = 128;

/// Rent parameters, as the Rent sysvar carries them.
///
/// The sysvar stores the exemption threshold as an IEEE double. It is kept here as its bits and
/// multiplied with integer arithmetic that gives what the double product, rounded to nearest
/// and cut to an integer, gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rent {
    /// Lamports per byte; per byte and year where the threshold is 2.0 years.
    pub lamports_per_byte: u64,
    /// Bits of the threshold: years of rent that make an account exempt.
    pub exemption_threshold_bits: u64,
    /// Per cent of collected rent that was burnt; of no effect today.
    pub burn_percent: u8,
}

/// The bits of the double 1.0.
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
/// The bits of the double 2.0.
const TWO_BITS: u64 = 0x4000_0000_0000_0000;
/// Stored significand bits of a double.
const SIGNIFICAND_BITS: u32 = 52;

impl Rent {
    /// 3,480 lamports per byte and year, two years: what main networks use.
    pub const MAINNET: Self = Self {
        lamports_per_byte: 3_480,
        exemption_threshold_bits: TWO_BITS,
        burn_percent: 50,
    };

    /// Lamports that an account with `size` bytes of data needs to be rent-exempt.
    ///
    /// ```
    /// assert_eq!(lockstep_interface::Rent::MAINNET.minimum_balance(0), 890_880);
    /// ```
    pub fn minimum_balance(&self, size: usize) -> u64 {
        let bytes = u64::try_from(size)
            .unwrap_or(u64::MAX)
            .saturating_add(ACCOUNT_OVERHEAD);
        let yearly = bytes.wrapping_mul(self.lamports_per_byte);
        match self.exemption_threshold_bits {
            ONE_BITS => yearly,
            TWO_BITS if yearly < 1 << 53 => yearly.saturating_mul(2),
            bits => multiply_by_double(yearly, bits),
        }
    }

    /// True if `lamports` make an account with `size` bytes of data rent-exempt.
    pub fn is_exempt(&self, lamports: u64, size: usize) -> bool {
        lamports >= self.minimum_balance(size)
    }

    /// Decodes the 17 bytes of the Rent sysvar.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (lamports_per_byte, rest) = bytes.split_first_chunk::<8>()?;
        let (threshold, rest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            lamports_per_byte: u64::from_le_bytes(*lamports_per_byte),
            exemption_threshold_bits: u64::from_le_bytes(*threshold),
            burn_percent: *rest.first()?,
        })
    }

    /// The bytes of the Rent sysvar.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.lamports_per_byte.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.exemption_threshold_bits.to_le_bytes());
        bytes.push(self.burn_percent);
        bytes
    }
}

/// `(integer as f64 * f64::from_bits(bits)) as u64` for a finite double, in integers.
///
/// Negative values, NaN and what rounds below one give 0; what exceeds `u64` gives its maximum.
fn multiply_by_double(integer: u64, bits: u64) -> u64 {
    let exponent_bits = (bits >> SIGNIFICAND_BITS) & 0x7ff;
    let fraction = bits & ((1 << SIGNIFICAND_BITS) - 1);
    let is_negative = bits >> 63 != 0;
    let is_nan = exponent_bits == 0x7ff && fraction != 0;
    if is_negative || is_nan || integer == 0 {
        return 0;
    }
    if exponent_bits == 0x7ff {
        return u64::MAX;
    }
    // A subnormal threshold times any u64 is far below one.
    if exponent_bits == 0 {
        return 0;
    }
    let (left, left_exponent) = round_to_double(u128::from(integer));
    let right = u128::from(fraction | 1 << SIGNIFICAND_BITS);
    let (product, shift) = round_to_double(left.saturating_mul(right));
    let exponent = i64::try_from(exponent_bits)
        .unwrap_or_default()
        .saturating_sub(1_075)
        .saturating_add(i64::from(left_exponent))
        .saturating_add(i64::from(shift));
    let magnitude = u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX);
    if exponent < 0 {
        return u64::try_from(product.checked_shr(magnitude).unwrap_or(0)).unwrap_or(u64::MAX);
    }
    if magnitude > product.leading_zeros() {
        return u64::MAX;
    }
    u64::try_from(product.checked_shl(magnitude).unwrap_or(u128::MAX)).unwrap_or(u64::MAX)
}

/// The nearest number with 53 significant bits, ties to even, as significand and binary exponent.
fn round_to_double(value: u128) -> (u128, u32) {
    let length = 128u32.saturating_sub(value.leading_zeros());
    let shift = length.saturating_sub(SIGNIFICAND_BITS.saturating_add(1));
    if shift == 0 {
        return (value, 0);
    }
    let kept = value >> shift;
    let half = 1u128 << shift.saturating_sub(1);
    let rest = value & half.saturating_mul(2).saturating_sub(1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    (kept.saturating_add(u128::from(up)), shift)
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the hardware's doubles are the judge here"
    )]
    use super::*;

    #[test]
    fn integer_product_equals_the_double_product() {
        let thresholds = [
            0.0, 1e-320, 1e-9, 0.3, 1.0, 1.5, 2.0, 7.77, 1e9, 1e30, 1e300, -2.0,
        ];
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for round in 0..10_000u32 {
            seed = seed.rotate_left(7).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ u64::from(round);
            let integer = seed >> (round % 64);
            let random = f64::from_bits(seed.rotate_left(31));
            for threshold in thresholds
                .into_iter()
                .chain([random, f64::NAN, f64::INFINITY])
            {
                assert_eq!(
                    multiply_by_double(integer, threshold.to_bits()),
                    (integer as f64 * threshold) as u64,
                    "{integer} * {threshold:e}"
                );
            }
        }
    }

    #[test]
    fn sysvar_bytes_round_trip() {
        assert_eq!(Rent::decode(&Rent::MAINNET.encode()), Some(Rent::MAINNET));
        assert_eq!(Rent::decode(&Rent::MAINNET.encode()[..16]), None);
    }
}
