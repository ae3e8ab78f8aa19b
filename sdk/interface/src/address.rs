//! Addresses: the well-known ones, and those derived from a program and seeds.

use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha256};
pub use solana_address::Address;
use thiserror::Error;

use crate::limits::{SEED_SIZE_MAX, SEEDS_MAX};

/// Domain separator of derived addresses (Solana: `PDA_MARKER`).
const DERIVED_ADDRESS_MARKER: &[u8] = b"ProgramDerivedAddress";

macro_rules! well_known {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Address = Address::from_str_const($text);)*
    };
}

/// Addresses of native programs.
pub mod program_ids {
    use super::Address;
    well_known! {
        /// The Activation program: says from which slot on programs and rules hold.
        ACTIVATION = "Activation111111111111111111111111111111111";
        /// The System program: creates accounts and moves lamports.
        SYSTEM = "11111111111111111111111111111111";
        /// The Compute Budget program: sets limits and the priority price of a transaction.
        COMPUTE_BUDGET = "ComputeBudget111111111111111111111111111111";
        /// The owner of built-in programs.
        NATIVE_LOADER = "NativeLoader1111111111111111111111111111111";
        /// The loader whose presence keeps invoked programs writable.
        UPGRADEABLE_LOADER = "BPFLoaderUpgradeab1e11111111111111111111111";
        /// The second loader of bytecode programs.
        LOADER_2 = "BPFLoader2111111111111111111111111111111111";
        /// The first loader of bytecode programs.
        LOADER_1 = "BPFLoader1111111111111111111111111111111111";
        /// The fourth loader of bytecode programs.
        LOADER_4 = "LoaderV411111111111111111111111111111111111";
        /// The Address Lookup Table program.
        ADDRESS_LOOKUP_TABLE = "AddressLookupTab1e1111111111111111111111111";
        /// The Vote program.
        VOTE = "Vote111111111111111111111111111111111111111";
        /// The Stake program.
        STAKE = "Stake11111111111111111111111111111111111111";
        /// The Config program.
        CONFIG = "Config1111111111111111111111111111111111111";
        /// The Feature gate program.
        FEATURE = "Feature111111111111111111111111111111111111";
        /// The Token program (SPL).
        TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
        /// The Associated Token Account program (SPL).
        ASSOCIATED_TOKEN = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";
        /// The Memo program (SPL), third version.
        MEMO = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";
        /// The Ed25519 signature precompile.
        ED25519 = "Ed25519SigVerify111111111111111111111111111";
        /// The secp256k1 signature precompile.
        SECP256K1 = "KeccakSecp256k11111111111111111111111111111";
        /// The secp256r1 signature precompile.
        SECP256R1 = "Secp256r1SigVerify1111111111111111111111111";
        /// The ElGamal proof program.
        ZK_ELGAMAL_PROOF = "ZkE1Gama1Proof11111111111111111111111111111";
        /// The older token proof program.
        ZK_TOKEN_PROOF = "ZkTokenProof1111111111111111111111111111111";
    }
}

/// The address whose account may be left below the rent-exempt minimum: lamports sent here are
/// burnt.
pub const INCINERATOR: Address =
    Address::from_str_const("1nc1nerator11111111111111111111111111111111");

/// Addresses of sysvars.
pub mod sysvar_ids {
    use super::Address;
    well_known! {
        /// The owner of all sysvars.
        OWNER = "Sysvar1111111111111111111111111111111111111";
        /// Slot and time of the block.
        CLOCK = "SysvarC1ock11111111111111111111111111111111";
        /// Rent parameters.
        RENT = "SysvarRent111111111111111111111111111111111";
        /// The most recent blockhashes.
        RECENT_BLOCKHASHES = "SysvarRecentB1ockHashes11111111111111111111";
        /// Hashes of recent slots.
        SLOT_HASHES = "SysvarS1otHashes111111111111111111111111111";
        /// Which recent slots hold a block.
        SLOT_HISTORY = "SysvarS1otHistory11111111111111111111111111";
        /// The instructions of the running transaction.
        INSTRUCTIONS = "Sysvar1nstructions1111111111111111111111111";
        /// Epoch lengths.
        EPOCH_SCHEDULE = "SysvarEpochSchedu1e111111111111111111111111";
        /// Fees (deprecated).
        FEES = "SysvarFees111111111111111111111111111111111";
        /// Staking rewards (deprecated).
        REWARDS = "SysvarRewards111111111111111111111111111111";
        /// Stake activation history.
        STAKE_HISTORY = "SysvarStakeHistory1111111111111111111111111";
        /// Progress of the epoch's reward payments.
        EPOCH_REWARDS = "SysvarEpochRewards1111111111111111111111111";
        /// The slot of the last restart.
        LAST_RESTART_SLOT = "SysvarLastRestartS1ot1111111111111111111111";
    }
}

/// Addresses that no transaction may lock for writing: built-in programs and sysvars.
///
/// Source: the reserved account keys of Agave (`reserved-account-keys/src/lib.rs`).
pub const RESERVED: [Address; 30] = [
    program_ids::SYSTEM,
    program_ids::COMPUTE_BUDGET,
    program_ids::NATIVE_LOADER,
    program_ids::UPGRADEABLE_LOADER,
    program_ids::LOADER_2,
    program_ids::LOADER_1,
    program_ids::LOADER_4,
    program_ids::ADDRESS_LOOKUP_TABLE,
    program_ids::VOTE,
    program_ids::STAKE,
    program_ids::CONFIG,
    program_ids::FEATURE,
    program_ids::ED25519,
    program_ids::SECP256K1,
    program_ids::SECP256R1,
    program_ids::ZK_ELGAMAL_PROOF,
    program_ids::ZK_TOKEN_PROOF,
    sysvar_ids::OWNER,
    sysvar_ids::CLOCK,
    sysvar_ids::RENT,
    sysvar_ids::RECENT_BLOCKHASHES,
    sysvar_ids::SLOT_HASHES,
    sysvar_ids::SLOT_HISTORY,
    sysvar_ids::INSTRUCTIONS,
    sysvar_ids::EPOCH_SCHEDULE,
    sysvar_ids::FEES,
    sysvar_ids::REWARDS,
    sysvar_ids::STAKE_HISTORY,
    sysvar_ids::EPOCH_REWARDS,
    sysvar_ids::LAST_RESTART_SLOT,
];

/// Why an address could not be derived. The numbers are Solana's `PubkeyError`.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[repr(u32)]
pub enum DeriveError {
    /// A seed is longer than 32 bytes, or there are more than 16.
    #[error("a seed is longer than {SEED_SIZE_MAX} bytes, or there are more than {SEEDS_MAX}")]
    SeedTooLong = 0,
    /// The result lies on the curve, so that a private key might exist for it.
    #[error("the derived address lies on the curve")]
    OnCurve = 1,
    /// The owner ends in the marker of derived addresses, which would allow a forgery.
    #[error("the owner ends in the marker of derived addresses")]
    IllegalOwner = 2,
}

/// The address that `program` controls under `seeds` (Solana: `create_program_address`).
///
/// # Errors
/// [`DeriveError::SeedTooLong`], or [`DeriveError::OnCurve`] for about half of all seeds.
///
/// ```
/// use lockstep_interface::address::{create_program_address, find_program_address, Address};
/// let program = Address::new_from_array([7; 32]);
/// let (vault, bump) = find_program_address(&[b"vault"], &program);
/// assert_eq!(create_program_address(&[b"vault", &[bump]], &program), Ok(vault));
/// ```
pub fn create_program_address(seeds: &[&[u8]], program: &Address) -> Result<Address, DeriveError> {
    check_seeds(seeds)?;
    let bytes = finish_derivation(begin_derivation(seeds), program);
    if is_on_curve(&bytes) {
        return Err(DeriveError::OnCurve);
    }
    Ok(Address::new_from_array(bytes))
}

/// True if `address` is what `program` derives from `seeds` and a bump seed. One hash, without the
/// curve test that makes up most of [`create_program_address`]'s time: no client can choose seeds
/// that hash to an address of which it holds the key.
pub fn is_derived_from(address: &Address, seeds: &[&[u8]], bump: u8, program: &Address) -> bool {
    if seeds.len() >= SEEDS_MAX || check_seeds(seeds).is_err() {
        return false;
    }
    let hasher = begin_derivation(seeds).chain_update([bump]);
    finish_derivation(hasher, program) == *address.as_array()
}

fn check_seeds(seeds: &[&[u8]]) -> Result<(), DeriveError> {
    if seeds.len() > SEEDS_MAX || seeds.iter().any(|seed| seed.len() > SEED_SIZE_MAX) {
        return Err(DeriveError::SeedTooLong);
    }
    Ok(())
}

fn begin_derivation(seeds: &[&[u8]]) -> Sha256 {
    let mut hasher = Sha256::new();
    for seed in seeds {
        hasher.update(seed);
    }
    hasher
}

fn finish_derivation(hasher: Sha256, program: &Address) -> [u8; 32] {
    let hasher = hasher.chain_update(program.as_array());
    hasher
        .chain_update(DERIVED_ADDRESS_MARKER)
        .finalize()
        .into()
}

/// The first derived address off the curve, trying bump seeds from 255 down, and its bump.
///
/// # Panics
/// If a seed is too long, or there are more than 15; or if no bump works, which happens once in
/// 2^256 tries.
pub fn find_program_address(seeds: &[&[u8]], program: &Address) -> (Address, u8) {
    assert!(
        seeds.len() < SEEDS_MAX,
        "too many seeds of a derived address"
    );
    if let Err(error) = check_seeds(seeds) {
        panic!("seeds of a derived address: {error}");
    }
    let hasher = begin_derivation(seeds);
    for bump in (0..=u8::MAX).rev() {
        let bytes = finish_derivation(hasher.clone().chain_update([bump]), program);
        if !is_on_curve(&bytes) {
            return (Address::new_from_array(bytes), bump);
        }
    }
    panic!("no bump seed gives an address off the curve")
}

/// The address of `base`, a text seed and the owner (Solana: `create_with_seed`).
///
/// # Errors
/// [`DeriveError::SeedTooLong`] or [`DeriveError::IllegalOwner`].
pub fn create_with_seed(
    base: &Address,
    seed: &[u8],
    owner: &Address,
) -> Result<Address, DeriveError> {
    if seed.len() > SEED_SIZE_MAX {
        return Err(DeriveError::SeedTooLong);
    }
    if owner.as_array().ends_with(DERIVED_ADDRESS_MARKER) {
        return Err(DeriveError::IllegalOwner);
    }
    let digest = Sha256::new()
        .chain_update(base.as_array())
        .chain_update(seed)
        .chain_update(owner.as_array())
        .finalize();
    Ok(Address::new_from_array(digest.into()))
}

pub(crate) fn is_on_curve(bytes: &[u8; 32]) -> bool {
    CompressedEdwardsY(*bytes).decompress().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_addresses_are_recognised_by_one_hash() {
        let program = Address::new_from_array([7; 32]);
        let (address, bump) = find_program_address(&[b"vault"], &program);
        assert!(is_derived_from(&address, &[b"vault"], bump, &program));
        assert!(!is_derived_from(&address, &[b"vault"], bump ^ 1, &program));
        assert!(!is_derived_from(&address, &[b"vault"], bump, &address));
        let created = create_program_address(&[b"vault", &[bump]], &program);
        assert_eq!(created, Ok(address));
        let long = [0; SEED_SIZE_MAX + 1];
        assert!(!is_derived_from(&address, &[&long], bump, &program));
    }
}
