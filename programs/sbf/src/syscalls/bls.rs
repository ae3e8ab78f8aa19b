//! Calls that calculate with points of BLS12-381 (SIMD-0388), in big or in little endian bytes.
//!
//! Points are not compressed, 96 bytes of the first group and 192 of the second one.

use solana_bls12_381_syscall::{
    Endianness, PodG1Compressed, PodG1Point, PodG2Compressed, PodG2Point, PodScalar, Version,
    bls12_381_g1_addition_unchecked, bls12_381_g1_decompress, bls12_381_g1_multiplication,
    bls12_381_g1_point_validation, bls12_381_g1_subtraction_unchecked,
    bls12_381_g2_addition_unchecked, bls12_381_g2_decompress, bls12_381_g2_multiplication,
    bls12_381_g2_point_validation, bls12_381_g2_subtraction_unchecked, bls12_381_pairing_map,
};

use super::{
    Arguments,
    curve::{ADD, INVALID, MULTIPLY, SUBTRACT, unknown},
};
use crate::{fault::Fault, vm::Guest};

/// The numbers of the pairing and of the two groups, for little endian bytes.
const PAIRING: u64 = 4;
const FIRST: u64 = 5;
const SECOND: u64 = 6;
/// What the numbers have besides for big endian bytes.
const BIG_ENDIAN: u64 = 0x80;
/// What a pairing costs, and each pair behind the first.
const PAIR: u64 = 25_445;
const FURTHER_PAIR: u64 = 13_023;

/// What calls on a group cost.
struct Costs {
    validate: u64,
    decompress: u64,
    add: u64,
    subtract: u64,
    multiply: u64,
}

/// One of the two groups.
trait Group {
    const COSTS: Costs;
    type Point: Bytes;
    type Compressed: Bytes;

    fn is_member(point: &Self::Point, order: Endianness) -> bool;

    fn decompress(point: &Self::Compressed, order: Endianness) -> Option<Self::Point>;

    fn add(left: &Self::Point, right: &Self::Point, order: Endianness) -> Option<Self::Point>;

    fn subtract(left: &Self::Point, right: &Self::Point, order: Endianness) -> Option<Self::Point>;

    fn multiply(scalar: &PodScalar, point: &Self::Point, order: Endianness) -> Option<Self::Point>;
}

/// A value of a known number of bytes in memory.
trait Bytes: Sized {
    const SIZE: u64;

    fn of(bytes: &[u8]) -> Option<Self>;

    fn bytes(&self) -> &[u8];
}

macro_rules! bytes {
    ($($type:ident, $size:literal;)*) => {
        $(impl Bytes for $type {
            const SIZE: u64 = $size;

            fn of(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk::<$size>().map(|bytes| Self(*bytes))
            }

            fn bytes(&self) -> &[u8] {
                &self.0
            }
        })*
    };
}

bytes! {
    PodG1Point, 96;
    PodG1Compressed, 48;
    PodG2Point, 192;
    PodG2Compressed, 96;
    PodScalar, 32;
}

/// The group of the curve itself.
struct G1;

impl Group for G1 {
    const COSTS: Costs = Costs {
        validate: 1_565,
        decompress: 2_100,
        add: 128,
        subtract: 129,
        multiply: 4_627,
    };
    type Point = PodG1Point;
    type Compressed = PodG1Compressed;

    fn is_member(point: &PodG1Point, order: Endianness) -> bool {
        bls12_381_g1_point_validation(Version::V0, point, order)
    }

    fn decompress(point: &PodG1Compressed, order: Endianness) -> Option<PodG1Point> {
        bls12_381_g1_decompress(Version::V0, point, order)
    }

    fn add(left: &PodG1Point, right: &PodG1Point, order: Endianness) -> Option<PodG1Point> {
        bls12_381_g1_addition_unchecked(Version::V0, left, right, order)
    }

    fn subtract(left: &PodG1Point, right: &PodG1Point, order: Endianness) -> Option<PodG1Point> {
        bls12_381_g1_subtraction_unchecked(Version::V0, left, right, order)
    }

    fn multiply(scalar: &PodScalar, point: &PodG1Point, order: Endianness) -> Option<PodG1Point> {
        bls12_381_g1_multiplication(Version::V0, point, scalar, order)
    }
}

/// The group of its twist.
struct G2;

impl Group for G2 {
    const COSTS: Costs = Costs {
        validate: 1_968,
        decompress: 3_050,
        add: 203,
        subtract: 204,
        multiply: 8_255,
    };
    type Point = PodG2Point;
    type Compressed = PodG2Compressed;

    fn is_member(point: &PodG2Point, order: Endianness) -> bool {
        bls12_381_g2_point_validation(Version::V0, point, order)
    }

    fn decompress(point: &PodG2Compressed, order: Endianness) -> Option<PodG2Point> {
        bls12_381_g2_decompress(Version::V0, point, order)
    }

    fn add(left: &PodG2Point, right: &PodG2Point, order: Endianness) -> Option<PodG2Point> {
        bls12_381_g2_addition_unchecked(Version::V0, left, right, order)
    }

    fn subtract(left: &PodG2Point, right: &PodG2Point, order: Endianness) -> Option<PodG2Point> {
        bls12_381_g2_subtraction_unchecked(Version::V0, left, right, order)
    }

    fn multiply(scalar: &PodScalar, point: &PodG2Point, order: Endianness) -> Option<PodG2Point> {
        bls12_381_g2_multiplication(Version::V0, point, scalar, order)
    }
}

/// The number of a curve for little endian bytes, and the order of its bytes.
fn split(curve: u64) -> (u64, Endianness) {
    match curve & BIG_ENDIAN {
        0 => (curve, Endianness::LE),
        _ => (curve ^ BIG_ENDIAN, Endianness::BE),
    }
}

/// `sol_curve_validate_point` of this curve: 1 if the point is none of the group.
pub(super) fn validate(guest: &mut Guest, curve: u64, point: u64) -> Result<u64, Fault> {
    match split(curve) {
        (FIRST, order) => validate_in::<G1>(guest, order, point),
        (SECOND, order) => validate_in::<G2>(guest, order, point),
        _ => unknown("curve", curve),
    }
}

fn validate_in<G: Group>(guest: &mut Guest, order: Endianness, point: u64) -> Result<u64, Fault> {
    guest.spend(G::COSTS.validate)?;
    let is_member = G::is_member(&read(guest, point)?, order);
    Ok(u64::from(!is_member))
}

/// `sol_curve_decompress(curve, point, result)`: 1 if it is none.
pub(super) fn decompress(
    guest: &mut Guest,
    [curve, point, result, ..]: Arguments,
) -> Result<u64, Fault> {
    match split(curve) {
        (FIRST, order) => decompress_in::<G1>(guest, order, point, result),
        (SECOND, order) => decompress_in::<G2>(guest, order, point, result),
        _ => unknown("curve", curve),
    }
}

fn decompress_in<G: Group>(
    guest: &mut Guest,
    order: Endianness,
    point: u64,
    result: u64,
) -> Result<u64, Fault> {
    guest.spend(G::COSTS.decompress)?;
    let found = G::decompress(&read(guest, point)?, order);
    write(guest, found.as_ref().map(Bytes::bytes), result)
}

/// `sol_curve_group_op` of this curve: 1 if an operand is none.
pub(super) fn operate(
    guest: &mut Guest,
    curve: u64,
    operation: u64,
    operands: [u64; 3],
) -> Result<u64, Fault> {
    match split(curve) {
        (FIRST, order) => operate_in::<G1>(guest, order, operation, operands),
        (SECOND, order) => operate_in::<G2>(guest, order, operation, operands),
        _ => unknown("curve", curve),
    }
}

fn operate_in<G: Group>(
    guest: &mut Guest,
    order: Endianness,
    operation: u64,
    [left, right, result]: [u64; 3],
) -> Result<u64, Fault> {
    guest.spend(match operation {
        ADD => G::COSTS.add,
        SUBTRACT => G::COSTS.subtract,
        MULTIPLY => G::COSTS.multiply,
        _ => return unknown("operation", operation),
    })?;
    let found = match operation {
        MULTIPLY => {
            let scalar = read(guest, left)?;
            G::multiply(&scalar, &read(guest, right)?, order)
        }
        ADD => {
            let left = read(guest, left)?;
            G::add(&left, &read(guest, right)?, order)
        }
        _ => {
            let left = read(guest, left)?;
            G::subtract(&left, &read(guest, right)?, order)
        }
    };
    write(guest, found.as_ref().map(Bytes::bytes), result)
}

/// `sol_curve_pairing_map(curve, count, first, second, result)`: 1 if a point is none.
pub(super) fn pair(
    guest: &mut Guest,
    [curve, count, first, second, result]: Arguments,
) -> Result<u64, Fault> {
    let (PAIRING, order) = split(curve) else {
        return unknown("curve", curve);
    };
    let further = FURTHER_PAIR.saturating_mul(count.saturating_sub(1));
    guest.spend(PAIR.saturating_add(further))?;
    let first: Vec<PodG1Point> = read_all(guest, first, count)?;
    let second: Vec<PodG2Point> = read_all(guest, second, count)?;
    let found = bls12_381_pairing_map(Version::V0, &first, &second, order);
    write(guest, found.as_ref().map(|found| &found.0[..]), result)
}

fn read<B: Bytes>(guest: &mut Guest, at: u64) -> Result<B, Fault> {
    match B::of(guest.bytes(at, B::SIZE)?) {
        Some(value) => Ok(value),
        None => Fault::refused("memory that ends within a point"),
    }
}

fn read_all<B: Bytes>(guest: &mut Guest, at: u64, count: u64) -> Result<Vec<B>, Fault> {
    let size = usize::try_from(B::SIZE).unwrap_or(usize::MAX);
    let bytes = guest.bytes(at, count.saturating_mul(B::SIZE))?;
    Ok(bytes.chunks_exact(size).filter_map(B::of).collect())
}

fn write(guest: &mut Guest, found: Option<&[u8]>, result: u64) -> Result<u64, Fault> {
    let Some(found) = found else {
        return Ok(INVALID);
    };
    let size = super::size_of(found);
    guest.bytes_mut(result, size)?.copy_from_slice(found);
    Ok(0)
}
