//! What the Address Lookup Table program can be asked to do, from and to bytes, and the calls that
//! clients make.
//!
//! Layout (bincode with fixed-width integers): the kind as `u32`, then the fields in order, little
//! endian; a list is its length in a `u64` and its items. What follows is ignored.

use lockstep_interface::{
    AccountMeta, Address, Instruction,
    address::{find_program_address, program_ids},
};

use crate::{reader::Reader, system::INSTRUCTION_SIZE_MAX};

/// A decoded instruction. Addresses are borrowed from the instruction data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LookupTableInstruction<'a> {
    /// Creates a table at an address derived from its authority and a recent slot. Accounts: table
    /// (writable), authority, payer (writable, signer), System program.
    Create {
        /// One of the slots whose hash is still known.
        recent_slot: u64,
        /// The bump seed of the table's address.
        bump: u8,
    },
    /// Makes the table unchangeable for ever. Accounts: table (writable), authority (signer).
    Freeze,
    /// Adds addresses. Accounts: table (writable), authority (signer), and if lamports are missing
    /// for rent payer (writable, signer) and System program.
    Extend {
        /// The addresses.
        addresses: &'a [[u8; 32]],
    },
    /// Makes the table unusable after some 500 slots. Accounts: as for `Freeze`.
    Deactivate,
    /// Deletes a table that cannot be used any longer. Accounts: table (writable), authority
    /// (signer), receiver of its lamports (writable).
    Close,
}

impl<'a> LookupTableInstruction<'a> {
    /// Decodes instruction data; `None` if it is none of the program's. O(1).
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes.get(..INSTRUCTION_SIZE_MAX).unwrap_or(bytes));
        Some(match reader.kind()? {
            0 => Self::Create {
                recent_slot: reader.integer()?,
                bump: reader.byte()?,
            },
            1 => Self::Freeze,
            2 => Self::Extend {
                addresses: reader.addresses()?,
            },
            3 => Self::Deactivate,
            4 => Self::Close,
            _ => return None,
        })
    }

    /// The instruction data, as [`LookupTableInstruction::decode`] reads it.
    pub fn encode(&self) -> Vec<u8> {
        let kind = |kind: u32| kind.to_le_bytes().to_vec();
        match *self {
            Self::Create { recent_slot, bump } => {
                let slot = recent_slot.to_le_bytes();
                [kind(0), slot.to_vec(), vec![bump]].concat()
            }
            Self::Freeze => kind(1),
            Self::Extend { addresses } => {
                let count = u64::try_from(addresses.len()).expect("a length fits in 64 bits");
                let count = count.to_le_bytes().to_vec();
                [kind(2), count, addresses.concat()].concat()
            }
            Self::Deactivate => kind(3),
            Self::Close => kind(4),
        }
    }

    fn call(&self, accounts: Vec<AccountMeta>) -> Instruction {
        Instruction {
            program: program_ids::ADDRESS_LOOKUP_TABLE,
            accounts,
            data: self.encode(),
        }
    }
}

/// The address of the table that `authority` creates with this slot, and its bump seed.
pub fn table_address(authority: &Address, recent_slot: u64) -> (Address, u8) {
    let seeds: [&[u8]; 2] = [authority.as_array(), &recent_slot.to_le_bytes()];
    find_program_address(&seeds, &program_ids::ADDRESS_LOOKUP_TABLE)
}

/// Creates the table at [`table_address`], paid by `payer`.
pub fn create(authority: &Address, payer: &Address, recent_slot: u64) -> Instruction {
    let (table, bump) = table_address(authority, recent_slot);
    LookupTableInstruction::Create { recent_slot, bump }.call(vec![
        AccountMeta::writable(table, false),
        AccountMeta::readonly(*authority, false),
        AccountMeta::writable(*payer, true),
        AccountMeta::readonly(program_ids::SYSTEM, false),
    ])
}

/// Adds addresses, at most 30 in one transaction for want of space; `payer` pays the rent.
pub fn extend(
    table: &Address,
    authority: &Address,
    payer: &Address,
    addresses: &[Address],
) -> Instruction {
    let addresses: Vec<[u8; 32]> = addresses.iter().map(Address::to_bytes).collect();
    let addresses = addresses.as_slice();
    LookupTableInstruction::Extend { addresses }.call(vec![
        AccountMeta::writable(*table, false),
        AccountMeta::readonly(*authority, true),
        AccountMeta::writable(*payer, true),
        AccountMeta::readonly(program_ids::SYSTEM, false),
    ])
}

/// Makes the table unchangeable.
pub fn freeze(table: &Address, authority: &Address) -> Instruction {
    LookupTableInstruction::Freeze.call(table_and_authority(table, authority))
}

/// Makes the table unusable after some 500 slots.
pub fn deactivate(table: &Address, authority: &Address) -> Instruction {
    LookupTableInstruction::Deactivate.call(table_and_authority(table, authority))
}

/// Deletes a table that cannot be used any longer.
pub fn close(table: &Address, authority: &Address, receiver: &Address) -> Instruction {
    let mut accounts = table_and_authority(table, authority);
    accounts.push(AccountMeta::writable(*receiver, false));
    LookupTableInstruction::Close.call(accounts)
}

fn table_and_authority(table: &Address, authority: &Address) -> Vec<AccountMeta> {
    vec![
        AccountMeta::writable(*table, false),
        AccountMeta::readonly(*authority, true),
    ]
}
