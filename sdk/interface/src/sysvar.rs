//! Sysvars: facts about the block that programs read without naming or locking an account.

use std::sync::Arc;

use solana_hash::Hash;
use solana_instruction_error::InstructionError;

use crate::{Account, Address, Rent, address::sysvar_ids};

/// Entries of the RecentBlockhashes account (Solana: `MAX_ENTRIES`).
pub const RECENT_BLOCKHASHES_MAX: usize = 150;

/// Bytes of the RecentBlockhashes account, however many it shows (Solana: `SysvarSize::size_of`).
pub const RECENT_BLOCKHASHES_SIZE: usize = 8 + RECENT_BLOCKHASHES_MAX * 40;

/// Entries of the SlotHashes account (Solana: `MAX_ENTRIES`).
pub const SLOT_HASHES_MAX: usize = 512;

/// Bytes of the SlotHashes account, however many entries it has (Solana: `SysvarSize::size_of`).
pub const SLOT_HASHES_SIZE: usize = 8 + SLOT_HASHES_MAX * 40;

/// Slot and time of the block.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Clock {
    /// The slot.
    pub slot: u64,
    /// Time of the epoch's first slot, in seconds since 1970.
    pub epoch_start_timestamp: i64,
    /// The epoch.
    pub epoch: u64,
    /// The epoch for which the leader schedule is known.
    pub leader_schedule_epoch: u64,
    /// Time of the block, in seconds since 1970.
    pub unix_timestamp: i64,
}

impl Clock {
    /// The 40 bytes of the Clock account.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.slot.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.epoch_start_timestamp.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.leader_schedule_epoch.to_le_bytes());
        bytes.extend_from_slice(&self.unix_timestamp.to_le_bytes());
        bytes
    }

    /// Decodes the bytes of the Clock account.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = bytes.as_chunks::<8>().0.iter();
        let mut next = || fields.next();
        Some(Self {
            slot: u64::from_le_bytes(*next()?),
            epoch_start_timestamp: i64::from_le_bytes(*next()?),
            epoch: u64::from_le_bytes(*next()?),
            leader_schedule_epoch: u64::from_le_bytes(*next()?),
            unix_timestamp: i64::from_le_bytes(*next()?),
        })
    }
}

/// A blockhash and what a signature cost when it was the newest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecentBlockhash {
    /// The hash.
    pub blockhash: Hash,
    /// Lamports per signature.
    pub lamports_per_signature: u64,
}

/// A slot that holds a block, and the block's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotHash {
    /// The slot.
    pub slot: u64,
    /// The id.
    pub hash: Hash,
}

/// What programs may ask about the block they run in.
///
/// A value is `None` where the bank lacks the sysvar; programs then see
/// [`InstructionError::UnsupportedSysvar`].
#[derive(Clone, Debug, Default)]
pub struct Sysvars {
    /// Slot and time.
    pub clock: Option<Clock>,
    /// Rent parameters.
    pub rent: Option<Rent>,
    /// The blockhashes a program may see, newest first, at most 150.
    pub recent_blockhashes: Option<Arc<Vec<RecentBlockhash>>>,
    /// The slots before this one that hold a block, newest first, at most 512.
    pub slot_hashes: Option<Arc<Vec<SlotHash>>>,
    /// The blockhash that durable nonces advance to, and the fee stored with them.
    pub environment_blockhash: Option<RecentBlockhash>,
}

impl Sysvars {
    /// Slot and time.
    ///
    /// # Errors
    /// [`InstructionError::UnsupportedSysvar`] where the bank has no clock.
    pub fn clock(&self) -> Result<&Clock, InstructionError> {
        self.clock
            .as_ref()
            .ok_or(InstructionError::UnsupportedSysvar)
    }

    /// Rent parameters.
    ///
    /// # Errors
    /// [`InstructionError::UnsupportedSysvar`] where the bank has none.
    pub fn rent(&self) -> Result<&Rent, InstructionError> {
        self.rent
            .as_ref()
            .ok_or(InstructionError::UnsupportedSysvar)
    }

    /// Recent blockhashes, newest first.
    ///
    /// # Errors
    /// [`InstructionError::UnsupportedSysvar`] where the bank has none.
    pub fn recent_blockhashes(&self) -> Result<&[RecentBlockhash], InstructionError> {
        self.recent_blockhashes
            .as_ref()
            .map(|list| list.as_slice())
            .ok_or(InstructionError::UnsupportedSysvar)
    }

    /// The slots before this one that hold a block, newest first.
    ///
    /// # Errors
    /// [`InstructionError::UnsupportedSysvar`] where the bank has none.
    pub fn slot_hashes(&self) -> Result<&[SlotHash], InstructionError> {
        self.slot_hashes
            .as_ref()
            .map(|list| list.as_slice())
            .ok_or(InstructionError::UnsupportedSysvar)
    }

    /// True if `slot` is one of the 512 before this one that hold a block.
    ///
    /// # Errors
    /// [`InstructionError::UnsupportedSysvar`] where the bank does not know them.
    pub fn is_recent_slot(&self, slot: u64) -> Result<bool, InstructionError> {
        let known = self.slot_hashes()?;
        Ok(known.iter().any(|entry| entry.slot == slot))
    }

    /// The accounts of Clock, Rent and RecentBlockhashes as clients and programs can read them, of
    /// those that are set. SlotHashes has an account on some chains only:
    /// [`slot_hashes_account`](Self::slot_hashes_account).
    pub fn accounts(&self) -> Vec<(Address, Account)> {
        let mut accounts = Vec::new();
        if let Some(clock) = &self.clock {
            accounts.push((sysvar_ids::CLOCK, account(clock.encode())));
        }
        if let Some(rent) = &self.rent {
            accounts.push((sysvar_ids::RENT, account(rent.encode())));
        }
        if let Some(recent) = &self.recent_blockhashes {
            let data = encode_recent_blockhashes(recent);
            accounts.push((sysvar_ids::RECENT_BLOCKHASHES, account(data)));
        }
        accounts
    }

    /// The account of SlotHashes, if it is set: on chains with loaders, whose compiled programs
    /// read it.
    pub fn slot_hashes_account(&self) -> Option<Account> {
        let list = self.slot_hashes.as_ref()?;
        Some(account(encode_slot_hashes(list)))
    }
}

/// The account of a sysvar.
fn account(data: Vec<u8>) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.into(),
        owner: sysvar_ids::OWNER,
        executable: false,
    }
}

/// The bytes of the RecentBlockhashes account: a `u64` count, then hash and fee in lamports of each
/// entry, and zeros up to [`RECENT_BLOCKHASHES_SIZE`]. Entries behind the first
/// [`RECENT_BLOCKHASHES_MAX`] are left out.
pub fn encode_recent_blockhashes(list: &[RecentBlockhash]) -> Vec<u8> {
    let list = &list[..list.len().min(RECENT_BLOCKHASHES_MAX)];
    let count = u64::try_from(list.len()).expect("at most 150 entries");
    let mut bytes = Vec::with_capacity(RECENT_BLOCKHASHES_SIZE);
    bytes.extend_from_slice(&count.to_le_bytes());
    for entry in list {
        bytes.extend_from_slice(entry.blockhash.as_ref());
        bytes.extend_from_slice(&entry.lamports_per_signature.to_le_bytes());
    }
    bytes.resize(RECENT_BLOCKHASHES_SIZE, 0);
    bytes
}

/// The bytes of the SlotHashes account: a `u64` count, then slot and hash of each entry, and zeros
/// up to [`SLOT_HASHES_SIZE`]. Entries behind the first [`SLOT_HASHES_MAX`] are left out.
pub fn encode_slot_hashes(list: &[SlotHash]) -> Vec<u8> {
    let list = &list[..list.len().min(SLOT_HASHES_MAX)];
    let count = u64::try_from(list.len()).expect("at most 512 entries");
    let mut bytes = Vec::with_capacity(SLOT_HASHES_SIZE);
    bytes.extend_from_slice(&count.to_le_bytes());
    for entry in list {
        bytes.extend_from_slice(&entry.slot.to_le_bytes());
        bytes.extend_from_slice(entry.hash.as_ref());
    }
    bytes.resize(SLOT_HASHES_SIZE, 0);
    bytes
}

/// Decodes the RecentBlockhashes account; `None` if the bytes end early. Trailing bytes are
/// ignored.
pub fn decode_recent_blockhashes(bytes: &[u8]) -> Option<Vec<RecentBlockhash>> {
    let (count, rest) = bytes.split_first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let entries = rest.as_chunks::<40>().0.get(..count)?;
    let entry = |bytes: &[u8; 40]| {
        let (hash, fee) = bytes.split_first_chunk::<32>()?;
        Some(RecentBlockhash {
            blockhash: Hash::new_from_array(*hash),
            lamports_per_signature: u64::from_le_bytes(*fee.first_chunk::<8>()?),
        })
    };
    entries.iter().map(entry).collect()
}
