//! The rules of a transaction, each at its edge and one past it, through the engine.

mod budget;
mod instructions;
mod locks;
mod lookup;
mod nonce;
mod payer;
mod records;
mod result;

use lockstep_interface::{AccountMeta, Address, Instruction, InstructionError, InvokeContext};
use lockstep_programs::system::instruction as system;

use crate::common::{
    ledger::{Ledger, address, data_account},
    program::{ADDRESS, Behaviour, TestProgram, argument, arguments, call},
    run::Chain,
};

/// A second program with the same behaviours.
const OTHER: Address = Address::new_from_array([0xfd; 32]);
/// The payer where it does not matter.
const PAYER: u64 = 0;
/// An account of the test program with 100 bytes.
const OWNED: u64 = 100;

const NOTHING: u8 = 0;
const CONSUME: u8 = 1;
const RESIZE: u8 = 2;
const REPEAT: u8 = 3;
const RECURSE: u8 = 4;
const BOUNCE: u8 = 5;
const LOG: u8 = 6;
const RETURN: u8 = 7;
const EMIT: u8 = 8;
const CREDIT: u8 = 9;
const MOVE: u8 = 10;
const ALLOCATE: u8 = 11;

/// In the order of the numbers above. Numbers are arguments, positions are accounts.
const BEHAVIOURS: &[Behaviour] = &[
    |_| Ok(()),
    |context| context.consume(argument(context, 0)),
    |context| {
        let size = size(context, 0);
        context.account_mut(0)?.resize(size)
    },
    repeat,
    recurse,
    bounce,
    |context| {
        let size = size(context, 0);
        context.log(|| "x".repeat(size));
        Ok(())
    },
    |context| context.set_return_data(&vec![7; size(context, 0)]),
    |context| context.emit(vec![7; size(context, 0)]),
    |context| {
        let lamports = argument(context, 0);
        context.account_mut(0)?.credit(lamports)
    },
    |context| {
        let lamports = argument(context, 0);
        context.account_mut(0)?.debit(lamports)?;
        context.account_mut(1)?.credit(lamports)
    },
    |context| {
        let allocation = system::allocate(context.address(0)?, argument(context, 0));
        context.invoke(&allocation)
    },
];

fn size(context: &InvokeContext<'_, '_>, place: usize) -> usize {
    usize::try_from(argument(context, place)).expect("tests ask for small sizes")
}

/// Invokes the program itself as often as the first argument says.
fn repeat(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    for _ in 0..argument(context, 0) {
        context.invoke(&call(NOTHING, Vec::new(), &[]))?;
    }
    Ok(())
}

/// Invokes itself until the depth is the first argument.
fn recurse(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let depth = argument(context, 0);
    if context.depth() as u64 == depth {
        return Ok(());
    }
    let itself = AccountMeta::readonly(ADDRESS, false);
    context.invoke(&call(RECURSE, vec![itself], &arguments(&[depth])))
}

/// The two programs invoke each other until the depth is the first argument.
fn bounce(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let depth = argument(context, 0);
    if context.depth() as u64 == depth {
        return Ok(());
    }
    let both = [ADDRESS, OTHER].map(|address| AccountMeta::readonly(address, false));
    let mut next = call(BOUNCE, both.to_vec(), &arguments(&[depth]));
    if *context.program() == ADDRESS {
        next.program = OTHER;
    }
    context.invoke(&next)
}

/// Wallets 0 to 9, an account of the test program, and two programs.
fn ledger() -> Ledger {
    let mut ledger = Ledger::with_wallets(0..10)
        .with_program(TestProgram::new(BEHAVIOURS))
        .with_program(TestProgram {
            address: OTHER,
            behaviours: BEHAVIOURS,
        });
    ledger.put(address(OWNED), data_account(ADDRESS, vec![0; 100]));
    ledger
}

fn chain() -> Chain {
    Chain::new(ledger().open())
}

fn payer() -> Address {
    address(PAYER)
}

fn nothing() -> Instruction {
    call(NOTHING, Vec::new(), &[])
}

/// A behaviour on writable accounts of these numbers, with number arguments.
fn on(behaviour: u8, accounts: &[u64], numbers: &[u64]) -> Instruction {
    let metas = accounts
        .iter()
        .map(|number| AccountMeta::writable(address(*number), false));
    call(behaviour, metas.collect(), &arguments(numbers))
}

/// A behaviour that is handed its own program, to invoke itself.
fn on_itself(behaviour: u8, numbers: &[u64]) -> Instruction {
    let both = [ADDRESS, OTHER].map(|address| AccountMeta::readonly(address, false));
    call(behaviour, both.to_vec(), &arguments(numbers))
}
