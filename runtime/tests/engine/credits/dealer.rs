//! A program that moves lamports and declares what the instruction tells it to, truly or not.

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError, InvokeContext, Positions, Program,
};
use lockstep_programs::system::instruction as system;

use super::deed_data;
use crate::common::program::OnPurpose;

/// The address of the program.
pub(super) const ADDRESS: Address = Address::new_from_array([0xdd; 32]);

/// What an instruction does with account 0, a vault of the program, account 1, the target, and
/// account 2, a signer. Amounts are its argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    /// Takes from the vault, gives to the target.
    Pay,
    /// Gives to the target first, and takes from the vault then.
    PayBackwards,
    /// Gives too much, goes on if that fails, and pays one lamport.
    Overfill,
    /// Writes the target's balance into the vault.
    Look,
    /// Tries to look at the target, goes on if that fails, and pays.
    Peep,
    /// Has the System program pay the signer's lamports to the target.
    Forward,
    /// Hands the target to a deed of its own that declares nothing.
    Betray,
    /// Pays and fails.
    Fail,
    /// Pays and panics.
    Panic,
    /// Pays twice.
    PayTwice,
}

impl Deed {
    pub(super) const ALL: [Self; 10] = [
        Self::Pay,
        Self::PayBackwards,
        Self::Overfill,
        Self::Look,
        Self::Peep,
        Self::Forward,
        Self::Betray,
        Self::Fail,
        Self::Panic,
        Self::PayTwice,
    ];

    /// The instruction, on these accounts; `declared` are the positions it claims only to credit.
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
pub(super) struct Dealer;

impl Program for Dealer {
    fn address(&self) -> Address {
        ADDRESS
    }

    fn name(&self) -> &'static str {
        "dealer"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let data = context.data();
        let deed = Deed::ALL[usize::from(data[0])];
        let amount = u64::from_le_bytes(*data[2..].first_chunk().expect("made with an amount"));
        match deed {
            Deed::Pay => pay(context, amount),
            Deed::PayBackwards => {
                context.credit(1, amount)?;
                context.account_mut(0)?.debit(amount)
            }
            Deed::Overfill => match context.credit(1, u64::MAX - amount) {
                Ok(()) => Err(InstructionError::Custom(1)),
                Err(InstructionError::ArithmeticOverflow) => pay(context, 1),
                Err(error) => Err(error),
            },
            Deed::Look => {
                let balance = context.account(1)?.lamports.to_le_bytes();
                let mut vault = context.account_mut(0)?;
                vault.data_mut()?[..8].copy_from_slice(&balance);
                Ok(())
            }
            Deed::Peep => {
                // What it may not see is an error; it must not be a number.
                let seen = context.account(1).map(|target| target.lamports % 2);
                pay(context, amount + seen.unwrap_or(7))
            }
            Deed::Forward => {
                let (signer, target) = (*context.address(2)?, *context.address(1)?);
                context.invoke(&system::transfer(&signer, &target, amount))
            }
            Deed::Betray => {
                let metas = [0, 1].map(|position| {
                    let address = context.address(position)?;
                    Ok(AccountMeta::writable(*address, false))
                });
                let metas = metas
                    .into_iter()
                    .collect::<Result<Vec<_>, InstructionError>>()?;
                context.invoke(&Deed::Look.instruction(metas, 0, 0))
            }
            Deed::Fail => {
                pay(context, amount)?;
                Err(InstructionError::Custom(2))
            }
            Deed::Panic => {
                pay(context, amount)?;
                std::panic::panic_any(OnPurpose)
            }
            Deed::PayTwice => {
                pay(context, amount)?;
                pay(context, amount)
            }
        }
    }

    fn credit_only(&self, data: &[u8], _: usize) -> Positions {
        let declared = data.get(1).copied().unwrap_or_default();
        (0..8)
            .filter(|bit| declared >> bit & 1 == 1)
            .fold(Positions::NONE, |positions, position| {
                positions.union(Positions::only(position))
            })
    }
}

fn pay(context: &InvokeContext<'_, '_>, amount: u64) -> Result<(), InstructionError> {
    context.account_mut(0)?.debit(amount)?;
    context.credit(1, amount)
}
