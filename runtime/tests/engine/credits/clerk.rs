//! A program that counts in accounts of its own, and declares what the instruction tells it to.

use lockstep_interface::{
    AccountMeta, Address, Counters, Instruction, InstructionError, InvokeContext, Positions,
    Program,
};

use super::deed_data;
use crate::common::program::OnPurpose;

/// The address of the program.
pub(super) const ADDRESS: Address = Address::new_from_array([0xce; 32]);
/// Bytes of its accounts: two counters, and a name that deeds read.
pub(super) const SIZE: usize = 24;
/// Where the name is.
const NAME: std::ops::Range<usize> = 16..24;

/// What an instruction does with account 0, which counts. Amounts are its argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    /// Adds to the first counter.
    Count,
    /// Adds to the first counter, and one to the second.
    CountBoth,
    /// Adds to the first counter if the name is zero, else fails.
    CountUnnamed,
    /// Tries to read the first counter, goes on if that fails, and adds.
    Peep,
    /// Adds what is missing to the largest number less the amount, goes on if that fails, and
    /// adds one.
    Overfill,
    /// Copies the first counter to the second.
    Copy,
    /// Writes the name.
    Name,
    /// Has itself count, with the declaration.
    Forward,
    /// Has itself count with another declaration.
    Betray,
    /// Counts and fails.
    Fail,
    /// Counts and panics.
    Panic,
    /// Shortens the account to the first counter.
    Shrink,
    /// Takes lamports of the account for the signer, which is account 1.
    Withdraw,
}

impl Deed {
    pub(super) const ALL: [Self; 13] = [
        Self::Count,
        Self::CountBoth,
        Self::CountUnnamed,
        Self::Peep,
        Self::Overfill,
        Self::Copy,
        Self::Name,
        Self::Forward,
        Self::Betray,
        Self::Fail,
        Self::Panic,
        Self::Shrink,
        Self::Withdraw,
    ];

    /// The instruction on these accounts. `declared`: bit 0, that it only adds to account 0; bits 1
    /// and 2, to which of its counters; bit 3, that it only credits account 2, and bit 4, that it
    /// adds to the second counter of that.
    pub(super) fn instruction(
        self,
        accounts: Vec<AccountMeta>,
        declared: u8,
        amount: u64,
    ) -> Instruction {
        Instruction {
            program: ADDRESS,
            accounts,
            data: deed_data(&Self::ALL, &self, declared, amount),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Clerk;

impl Program for Clerk {
    fn address(&self) -> Address {
        ADDRESS
    }

    fn name(&self) -> &'static str {
        "clerk"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let data = context.data();
        let deed = Deed::ALL[usize::from(data[0])];
        let declared = data[1];
        let amount = u64::from_le_bytes(*data[2..].first_chunk().expect("made with an amount"));
        match deed {
            Deed::Count => context.add(0, 0, amount),
            Deed::CountBoth => {
                context.add(0, 0, amount)?;
                context.add(0, 8, 1)
            }
            Deed::CountUnnamed => {
                let is_unnamed = context.stable(0)?.read(NAME)?.iter().all(|byte| *byte == 0);
                if !is_unnamed {
                    return Err(InstructionError::Custom(1));
                }
                context.add(0, 0, amount)
            }
            Deed::Peep => {
                let account = context.stable(0)?;
                let mut copy = [0; SIZE];
                account.copy_to(&mut copy, 0)?;
                let first = account.read(0..8).map(<[u8]>::to_vec);
                let seen = first.map(|bytes| bytes[0] % 2).unwrap_or(copy[0] % 2 + 3);
                drop(account);
                context.add(0, 0, amount.saturating_add(u64::from(seen)))
            }
            Deed::Overfill => match context.fits(0, 0, u64::MAX - amount) {
                Ok(()) => Err(InstructionError::Custom(2)),
                Err(InstructionError::ArithmeticOverflow) => context.add(0, 0, 1),
                Err(error) => Err(error),
            },
            Deed::Copy => {
                let mut account = context.account_mut(0)?;
                account.data_mut()?.copy_within(0..8, 8);
                Ok(())
            }
            Deed::Name => {
                let mut account = context.account_mut(0)?;
                account.data_mut()?[NAME].copy_from_slice(&amount.to_le_bytes());
                Ok(())
            }
            Deed::Forward => count_again(context, declared, amount),
            Deed::Betray => count_again(context, declared ^ 0b110, amount),
            Deed::Fail => {
                context.add(0, 0, amount)?;
                Err(InstructionError::Custom(3))
            }
            Deed::Panic => {
                context.add(0, 0, amount)?;
                std::panic::panic_any(OnPurpose)
            }
            Deed::Shrink => context.account_mut(0)?.resize(8),
            Deed::Withdraw => {
                context.account_mut(0)?.debit(amount)?;
                context.credit(1, amount)
            }
        }
    }

    fn credit_only(&self, data: &[u8], _: usize) -> Positions {
        let declared = data.get(1).copied().unwrap_or_default();
        [(0b1, 0), (0b1000, 2)]
            .into_iter()
            .filter(|(bit, _)| declared & bit > 0)
            .fold(Positions::NONE, |positions, (_, position)| {
                positions.union(Positions::only(position))
            })
    }

    fn counters(&self, data: &[u8], position: usize) -> Counters {
        let declared = data.get(1).copied().unwrap_or_default();
        let named = match position {
            0 => declared & 0b110,
            _ => declared >> 2 & 0b100,
        };
        match named {
            0b000 => Counters::NONE,
            0b010 => Counters::at(&[0]),
            0b100 => Counters::at(&[8]),
            _ => Counters::at(&[0, 8]),
        }
    }
}

fn count_again(
    context: &mut InvokeContext<'_, '_>,
    declared: u8,
    amount: u64,
) -> Result<(), InstructionError> {
    let account = AccountMeta::writable(*context.address(0)?, false);
    context.invoke(&Deed::Count.instruction(vec![account], declared, amount))
}
