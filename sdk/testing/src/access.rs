//! What a call declared about its accounts, and what its programs did with them.

use std::fmt;

use lockstep_sdk::interface::{Address, Instruction, context::AccountUse};

use crate::block::Block;

/// One account of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Access {
    /// The account.
    pub address: Address,
    /// Whether it signs.
    pub is_signer: bool,
    /// Whether the call may change it, after programs and sysvars became read-only.
    pub is_writable: bool,
    /// Whether the call only adds lamports to it, at the same time as others that do.
    pub is_credit: bool,
    /// What was done with it.
    pub used: AccountUse,
}

impl Access {
    /// True if less would have done: the account was not changed though it could be, or no
    /// program looked into it and it does not sign. Checking a signature looks into no account.
    pub fn is_in_vain(&self) -> bool {
        match self.used {
            AccountUse::Written => false,
            AccountUse::Read => self.is_writable,
            AccountUse::Untouched => self.is_writable || !self.is_signer,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let declared = match self.is_writable {
            true => "writable",
            false => "read-only",
        };
        let used = match self.used {
            AccountUse::Untouched => "untouched",
            AccountUse::Read => "read",
            AccountUse::Written => "written",
        };
        write!(
            formatter,
            "{} is declared {declared} and was {used}",
            self.address
        )
    }
}

/// An account that a call declared and had no need of, which makes other calls wait for nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InVain {
    /// Which call of the block.
    pub call: usize,
    /// Which instruction of the call names the account first.
    pub instruction: usize,
    /// The name of that instruction's program, or its address.
    pub program: String,
    /// The instruction's name, if its program has one for it.
    pub instruction_name: Option<&'static str>,
    /// At which position the instruction names the account.
    pub position: usize,
    /// The name of the account in the instruction, if its program has one for it.
    pub account_name: Option<String>,
    /// What was declared, and what was done.
    pub access: Access,
}

impl fmt::Display for InVain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            call,
            instruction,
            program,
            position,
            ..
        } = self;
        write!(
            formatter,
            "call {call}, instruction {instruction} of {program}"
        )?;
        if let Some(name) = self.instruction_name {
            write!(formatter, " (`{name}`)")?;
        }
        write!(formatter, ", account {position}")?;
        if let Some(name) = &self.account_name {
            write!(formatter, " (`{name}`)")?;
        }
        write!(formatter, ": {}", self.access)
    }
}

/// What [`Chain::infer`](crate::Chain::infer) found out. It holds for the path that the call took:
/// another state or other arguments may need more.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// The instructions with every account writable that was changed, and no other.
    pub instructions: Vec<Instruction>,
    /// The dry run. If its call failed, it may not have come as far as a use.
    pub block: Block,
}

impl Inferred {
    pub(crate) fn new(mut instructions: Vec<Instruction>, block: Block) -> Self {
        let accesses = &block.call(0).accesses;
        let metas = instructions.iter_mut();
        for meta in metas.flat_map(|instruction| &mut instruction.accounts) {
            let access = accesses
                .iter()
                .find(|access| access.address == meta.address);
            meta.is_writable = access.is_some_and(|access| access.used == AccountUse::Written);
        }
        Self {
            instructions,
            block,
        }
    }

    /// What was done with each account, the payer left out unless an instruction names it.
    pub fn accesses(&self) -> impl Iterator<Item = &Access> {
        let accesses = self.block.call(0).accesses.iter();
        accesses.filter(|access| {
            let mut metas = self.instructions.iter().flat_map(|call| &call.accounts);
            metas.any(|meta| meta.address == access.address)
        })
    }
}
