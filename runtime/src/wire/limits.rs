//! The numbers that bound a transaction's bytes. Each names its range, its unit and whose rule it
//! is; the limits that a bank sets (locks, instruction count, compute units) are not wire rules
//! and live elsewhere.

/// Bytes of a whole legacy or v0 transaction, in [0, 1232].
///
/// Solana's `PACKET_DATA_SIZE`: the smallest IPv6 MTU, 1280, less 40 bytes of IPv6 header and 8
/// bytes of fragment header. Consensus.
pub const PACKET_SIZE_MAX: usize = 1232;

/// Bytes of a whole v1 transaction, in [0, 4096].
///
/// `MAX_TRANSACTION_SIZE` of SIMD-0385. Consensus.
pub const V1_SIZE_MAX: usize = 4096;

/// Accounts that a message may name, static and looked up together, in [1, 256].
///
/// Instructions name accounts by one byte. Consensus.
pub const ACCOUNT_COUNT_MAX: usize = 256;

/// Bytes of an ed25519 signature.
pub const SIGNATURE_SIZE: usize = 64;

/// Bytes of an account address and of a blockhash.
pub const ADDRESS_SIZE: usize = 32;

/// Bytes of one v1 instruction header: program index, account count, data size as a
/// little-endian u16.
pub const V1_INSTRUCTION_HEADER_SIZE: usize = 4;

/// First byte of a v0 message: the version bit, version 0.
pub const V0_PREFIX: u8 = 0x80;

/// First byte of a v1 transaction: the version bit, version 1.
pub const V1_PREFIX: u8 = 0x81;

/// The bit that tells a version prefix from a count. A legacy message starts with its signature
/// count, which is therefore below 128.
pub const VERSION_BIT: u8 = 0x80;

// Frames keep offsets in 16 bits.
const _: () = assert!(V1_SIZE_MAX <= u16::MAX as usize);
const _: () = assert!(PACKET_SIZE_MAX <= V1_SIZE_MAX);
