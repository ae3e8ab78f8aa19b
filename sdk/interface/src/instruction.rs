//! What a transaction asks for, before any of it is compiled into indexes: a program, the accounts
//! that it may touch and how, and the bytes that tell it what to do.
//!
//! Knows no transaction, no limits and no wire format.

use solana_address::Address;

/// One account of an [`Instruction`] and the access that is declared for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountMeta {
    /// The account.
    pub address: Address,
    /// Whether the account has to sign the transaction.
    pub is_signer: bool,
    /// Whether the instruction may write to the account.
    pub is_writable: bool,
}

impl AccountMeta {
    /// An account that the instruction may write to.
    pub const fn writable(address: Address, is_signer: bool) -> Self {
        Self {
            address,
            is_signer,
            is_writable: true,
        }
    }

    /// An account that the instruction only reads.
    pub const fn readonly(address: Address, is_signer: bool) -> Self {
        Self {
            address,
            is_signer,
            is_writable: false,
        }
    }
}

/// A call of a program, with every account that it may touch named in advance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// The program to run.
    pub program: Address,
    /// The accounts handed to the program, in the order in which it expects them. An account may
    /// appear more than once.
    pub accounts: Vec<AccountMeta>,
    /// The program's own encoding of what to do.
    pub data: Vec<u8>,
}

/// An [`Instruction`] whose parts lie elsewhere, so that calling a program needs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstructionRef<'i> {
    /// The program to run.
    pub program: &'i Address,
    /// The accounts handed to the program.
    pub accounts: &'i [AccountMeta],
    /// The program's own encoding of what to do.
    pub data: &'i [u8],
}

impl<'i> From<&'i Instruction> for InstructionRef<'i> {
    fn from(instruction: &'i Instruction) -> Self {
        Self {
            program: &instruction.program,
            accounts: &instruction.accounts,
            data: &instruction.data,
        }
    }
}
