//! Bytes, instructions and messages as C gives them.
#![allow(unsafe_code, reason = "lists inside structs of C are read here")]

use lockstep_interface as interface;

use super::pointer::{Grows, bytes, list};
use crate::{
    status::Failure,
    types::{AccountFields, Address, Hash},
};

/// Bytes of the caller's, such as one transaction.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The first; may be NULL if there is none.
    pub data: *const u8,
    /// How many.
    pub size: usize,
}

/// An account of an instruction and the access that is declared for it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AccountMeta {
    /// The account.
    pub address: Address,
    /// Not 0 if the account has to sign.
    pub is_signer: u32,
    /// Not 0 if the instruction may change it.
    pub is_writable: u32,
}

/// A call of a program.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    /// The program.
    pub program: Address,
    /// The accounts, in the order in which the program expects them.
    pub accounts: *const AccountMeta,
    /// How many.
    pub account_count: usize,
    /// The program's own encoding of what to do.
    pub data: *const u8,
    /// Its bytes.
    pub data_size: usize,
}

/// Seeds of an address that the running program derives and signs for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The seeds.
    pub parts: *const Bytes,
    /// How many.
    pub part_count: usize,
}

/// A transaction to be written and signed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// sizeof(lockstep_message).
    pub size: usize,
    /// The account that pays the fee, and signs.
    pub payer: Address,
    /// The id of a recent block.
    pub blockhash: Hash,
    /// The instructions.
    pub instructions: *const Instruction,
    /// How many.
    pub instruction_count: usize,
    /// The secret keys (ed25519 seeds) of all signers, 32 bytes each, in any order.
    pub keys: *const Hash,
    /// How many.
    pub key_count: usize,
}

// SAFETY: `repr(C)`, the size first, integers, arrays of bytes and pointers, no padding at the end.
unsafe impl Grows for Message {
    const NAME: &'static str = "lockstep_message";
    const SIZE_MIN: usize = size_of::<Self>();
}

/// Lists of bytes as Rust has them.
///
/// # Safety
/// That of the module, for the list and for the bytes of each entry.
pub(crate) unsafe fn slices<'a>(
    pointer: *const Bytes,
    count: usize,
    name: &str,
) -> Result<Vec<&'a [u8]>, Failure> {
    // SAFETY: that of this function.
    let entries = unsafe { list(pointer, count, name) }?;
    let mut slices = Vec::with_capacity(count);
    for entry in entries {
        // SAFETY: that of this function.
        slices.push(unsafe { bytes(entry.data, entry.size, name) }?);
    }
    Ok(slices)
}

/// Lists of seeds.
///
/// # Safety
/// That of the module, for the list, the seeds of each entry and their bytes.
pub(crate) unsafe fn seeds<'a>(
    pointer: *const Seeds,
    count: usize,
) -> Result<Vec<Vec<&'a [u8]>>, Failure> {
    // SAFETY: that of this function.
    let entries = unsafe { list(pointer, count, "signers") }?;
    let mut seeds = Vec::with_capacity(count);
    for entry in entries {
        // SAFETY: that of this function.
        seeds.push(unsafe { slices(entry.parts, entry.part_count, "parts of seeds") }?);
    }
    Ok(seeds)
}

impl Instruction {
    /// The instruction with copies of its lists.
    ///
    /// # Safety
    /// That of the module, for its accounts and data.
    pub(crate) unsafe fn read(&self) -> Result<interface::Instruction, Failure> {
        // SAFETY: that of this function.
        let (accounts, data) = unsafe {
            let accounts = list(self.accounts, self.account_count, "accounts")?;
            (accounts, bytes(self.data, self.data_size, "data")?)
        };
        let accounts = accounts.iter().map(|meta| interface::AccountMeta {
            address: meta.address.into(),
            is_signer: meta.is_signer != 0,
            is_writable: meta.is_writable != 0,
        });
        Ok(interface::Instruction {
            program: self.program.into(),
            accounts: accounts.collect(),
            data: data.to_vec(),
        })
    }
}

/// The instructions of a message, and its keys.
///
/// # Safety
/// That of the module, for all its lists.
pub(crate) unsafe fn message<'a>(
    message: &Message,
) -> Result<(Vec<interface::Instruction>, &'a [Hash]), Failure> {
    // SAFETY: that of this function.
    let (instructions, keys) = unsafe {
        let count = message.instruction_count;
        let instructions = list(message.instructions, count, "instructions")?;
        (instructions, list(message.keys, message.key_count, "keys")?)
    };
    // SAFETY: that of this function.
    let instructions = instructions.iter().map(|one| unsafe { one.read() });
    let instructions: Result<Vec<_>, _> = instructions.collect();
    Ok((instructions?, keys))
}

impl AccountFields {
    /// The account with a copy of its data.
    ///
    /// # Safety
    /// That of the module, for its data.
    pub(crate) unsafe fn read(&self) -> Result<interface::Account, Failure> {
        // SAFETY: that of this function.
        let data = unsafe { bytes(self.data, self.data_size, "data of the account") }?;
        let most = interface::limits::ACCOUNT_DATA_SIZE_MAX;
        if data.len() > most {
            let found = format!(
                "an account has {} bytes of data, at most {most} fit",
                data.len()
            );
            return Err(Failure::new(crate::status::Status::BadSize, found));
        }
        Ok(interface::Account {
            lamports: self.lamports,
            data: data.into(),
            owner: self.owner.into(),
            executable: self.executable != 0,
        })
    }
}
