//! Calls that calculate with points of the curve BN254, alias `alt_bn128`, as Ethereum has them,
//! and the same in little endian bytes.

use solana_bn254::{
    AltBn128Error,
    compression::prelude::{
        AltBn128CompressionError, alt_bn128_g1_compress_be, alt_bn128_g1_compress_le,
        alt_bn128_g1_decompress_be, alt_bn128_g1_decompress_le, alt_bn128_g2_compress_be,
        alt_bn128_g2_compress_le, alt_bn128_g2_decompress_be, alt_bn128_g2_decompress_le,
    },
    versioned::{
        Endianness, VersionedG1Addition, VersionedG1Multiplication, VersionedG2Addition,
        VersionedG2Multiplication, VersionedPairing, alt_bn128_versioned_g1_addition,
        alt_bn128_versioned_g1_multiplication, alt_bn128_versioned_g2_addition,
        alt_bn128_versioned_g2_multiplication, alt_bn128_versioned_pairing,
    },
};

use super::{Arguments, BASE, hash, size_of};
use crate::{fault::Fault, vm::Guest};

/// The numbers of operations, for big endian bytes.
const ADD: u64 = 0;
const MULTIPLY: u64 = 2;
const PAIR: u64 = 3;
const ADD_SECOND: u64 = 4;
const MULTIPLY_SECOND: u64 = 6;
const COMPRESS: u64 = 0;
const DECOMPRESS: u64 = 1;
const COMPRESS_SECOND: u64 = 2;
const DECOMPRESS_SECOND: u64 = 3;
/// What the numbers have besides for little endian bytes (SIMD-0284).
const LITTLE_ENDIAN: u64 = 0x80;
/// Bytes of a point of each group, and of a pair.
const POINT: u64 = 64;
const SECOND: u64 = 128;
const PAIR_SIZE: u64 = POINT + SECOND;
/// Bytes of what a pairing gives.
const PAIRED: u64 = 32;
/// What a pairing costs besides its bytes, and each pair behind the first.
const PAIR_COST: u64 = 36_364;
const FURTHER_PAIR_COST: u64 = 12_121;
/// The result of a call whose input is none.
const INVALID: u64 = 1;

/// The number of an operation for big endian bytes, and the order of its bytes.
fn split(operation: u64) -> (u64, Endianness) {
    match operation & LITTLE_ENDIAN {
        0 => (operation, Endianness::BE),
        _ => (operation ^ LITTLE_ENDIAN, Endianness::LE),
    }
}

/// `sol_alt_bn128_group_op(operation, input, size, result)`: 1 if the input is none.
pub(super) fn operate(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    let [operation, _, size, ..] = arguments;
    let (kind, order) = split(operation);
    let (cost, result_size) = match kind {
        ADD => (334, POINT),
        ADD_SECOND => (535, SECOND),
        MULTIPLY => (3_840, POINT),
        MULTIPLY_SECOND => (15_670, SECOND),
        PAIR => (pairing_cost(size), PAIRED),
        _ => return unknown(operation),
    };
    call(guest, arguments, cost, result_size, |input| {
        calculate(kind, order, input).ok()
    })
}

fn pairing_cost(size: u64) -> u64 {
    let count = size.checked_div(PAIR_SIZE).unwrap_or(0);
    FURTHER_PAIR_COST
        .saturating_mul(count.saturating_sub(1))
        .saturating_add(PAIR_COST)
        .saturating_add(hash::BEGIN)
        .saturating_add(size)
        .saturating_add(PAIRED)
}

fn calculate(kind: u64, order: Endianness, input: &[u8]) -> Result<Vec<u8>, AltBn128Error> {
    match kind {
        ADD => alt_bn128_versioned_g1_addition(VersionedG1Addition::V0, input, order),
        ADD_SECOND => alt_bn128_versioned_g2_addition(VersionedG2Addition::V0, input, order),
        MULTIPLY => {
            alt_bn128_versioned_g1_multiplication(VersionedG1Multiplication::V1, input, order)
        }
        MULTIPLY_SECOND => {
            alt_bn128_versioned_g2_multiplication(VersionedG2Multiplication::V0, input, order)
        }
        _ => alt_bn128_versioned_pairing(VersionedPairing::V1, input, order),
    }
}

/// `sol_alt_bn128_compression(operation, input, size, result)`: 1 if the input is none.
pub(super) fn compress(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    let [operation, ..] = arguments;
    let (kind, order) = split(operation);
    let (cost, result_size) = match kind {
        COMPRESS => (30, POINT >> 1),
        DECOMPRESS => (398, POINT),
        COMPRESS_SECOND => (86, SECOND >> 1),
        DECOMPRESS_SECOND => (13_610, SECOND),
        _ => return unknown(operation),
    };
    let cost = BASE.saturating_add(cost);
    call(guest, arguments, cost, result_size, |input| {
        convert(kind, order, input).ok()
    })
}

fn convert(
    kind: u64,
    order: Endianness,
    input: &[u8],
) -> Result<Vec<u8>, AltBn128CompressionError> {
    Ok(match (kind, order) {
        (COMPRESS, Endianness::BE) => alt_bn128_g1_compress_be(input)?.to_vec(),
        (COMPRESS, Endianness::LE) => alt_bn128_g1_compress_le(input)?.to_vec(),
        (DECOMPRESS, Endianness::BE) => alt_bn128_g1_decompress_be(input)?.to_vec(),
        (DECOMPRESS, Endianness::LE) => alt_bn128_g1_decompress_le(input)?.to_vec(),
        (COMPRESS_SECOND, Endianness::BE) => alt_bn128_g2_compress_be(input)?.to_vec(),
        (COMPRESS_SECOND, Endianness::LE) => alt_bn128_g2_compress_le(input)?.to_vec(),
        (_, Endianness::BE) => alt_bn128_g2_decompress_be(input)?.to_vec(),
        (_, Endianness::LE) => alt_bn128_g2_decompress_le(input)?.to_vec(),
    })
}

/// Spends what a call costs, and writes what it makes of its input.
fn call(
    guest: &mut Guest,
    [_, input, size, result, _]: Arguments,
    cost: u64,
    result_size: u64,
    work: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<u64, Fault> {
    guest.spend(cost)?;
    guest.bytes_mut(result, result_size)?;
    let Some(found) = work(guest.bytes(input, size)?) else {
        return Ok(INVALID);
    };
    let size = size_of(&found);
    guest.bytes_mut(result, size)?.copy_from_slice(&found);
    Ok(0)
}

fn unknown(operation: u64) -> Result<u64, Fault> {
    Fault::refused(format!("operation {operation}, which is none"))
}
