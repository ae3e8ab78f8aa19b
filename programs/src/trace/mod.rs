//! The trace program: replays an access list that was recorded elsewhere, without the program
//! that made it.
//!
//! It reads every account it is given into a 64-bit state, works for as long as the recorded
//! compute units ask, and then changes every account it was given as writable by a function of
//! that state and of the account. So a run that misses a conflict, or swaps two conflicting
//! transactions, ends in other accounts than the serial run.

mod instruction;

use lockstep_interface::{
    Account, Address, InstructionError, InvokeContext, Program, address::program_ids,
};

use lockstep_sdk::idl::ProgramDescription;

pub use instruction::{TraceInstruction, instruction};

use crate::{
    describe::{BYTES_TO_END, READ, U8, U32, field, instruction as described, named, program},
    system,
};

/// The address of the trace program.
pub const ADDRESS: Address = Address::from_str_const("Trace11111111111111111111111111111111111111");

/// Bytes of a trace account's data that are read and written.
const WORD_SIZE: usize = 8;
/// The largest credit to an account whose data the program cannot write, in lamports.
const CREDIT_MAX: u64 = 1_000;
/// Where the state begins: the fraction of the golden ratio.
const STATE_START: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the trace program can be asked to do: accounts have the rights that were recorded.
///
/// ```
/// let json = lockstep_programs::trace::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"replay\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "trace",
    ADDRESS,
    &[described(
        "replay",
        &[
            "Replays a recorded transaction.",
            "Flag 1: it fails with the code. Flag 2: two more bytes follow, the numbers of accounts \
             that are not written and not touched.",
        ],
        &[],
        &[named("accounts", READ.repeated(u8::MAX))],
        &[
            field("cost", U32),
            field("flags", U8),
            field("code", U32),
            field("rest", BYTES_TO_END),
        ],
    )],
    &[],
);

/// The trace program.
///
/// Accounts it was given as writable change like this, in the order of the instruction:
///
/// - its own with at least 8 bytes of data: the first 8 become a mix of state, the bytes before,
///   and position;
/// - its own with less data, and wallets: credited 1 to 1,000 lamports, of which the mix decides.
///   The first other writable account of its own pays, if it stays rent-exempt. Where none can,
///   the signer at position 0 pays by an invoke of the System program (150 compute units on top
///   of the recorded ones), if the instruction names that program and the payer stays
///   rent-exempt. Otherwise the account stays as it is;
/// - accounts of other programs stay as they are, since only their owner may change them.
///
/// Accounts that the instruction says are not written or not touched are left out of this.
#[derive(Clone, Copy, Debug)]
pub struct TraceProgram;

impl Program for TraceProgram {
    fn address(&self) -> Address {
        ADDRESS
    }

    fn name(&self) -> &'static str {
        "trace"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let instruction = TraceInstruction::decode(context.data())
            .ok_or(InstructionError::InvalidInstructionData)?;
        context.consume(u64::from(instruction.cost))?;
        // The last accounts are untouched, those before them are not written.
        let count = context.account_count();
        let touched = count.saturating_sub(usize::from(instruction.untouched));
        let written = touched.saturating_sub(usize::from(instruction.unwritten));
        let state = work(read_accounts(context, touched)?, instruction.cost);
        write_accounts(context, written, state)?;
        match instruction.failure {
            None => Ok(()),
            Some(code) => Err(InstructionError::Custom(code)),
        }
    }
}

/// Folds the first accounts into one state; any difference in one of them, or in their order, gives
/// another state.
fn read_accounts(context: &InvokeContext<'_, '_>, count: usize) -> Result<u64, InstructionError> {
    let mut state = STATE_START;
    for position in 0..count {
        state = read_account(state, &*context.account(position)?);
    }
    Ok(state)
}

fn read_account(mut state: u64, account: &Account) -> u64 {
    state = mix(state, account.lamports);
    for word in account.owner.as_array().as_chunks().0 {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let size = u64::try_from(account.data.len()).unwrap_or(u64::MAX);
    mix(mix(state, size), first_word(&account.data))
}

/// The first eight bytes of data; what is missing counts as zero.
fn first_word(data: &[u8]) -> u64 {
    let mut word = [0; WORD_SIZE];
    let size = data.len().min(WORD_SIZE);
    word[..size].copy_from_slice(&data[..size]);
    u64::from_le_bytes(word)
}

/// Spends about a nanosecond per compute unit on a chain of multiplications that a processor
/// cannot shorten: each needs the one before.
fn work(mut state: u64, cost: u32) -> u64 {
    for round in 0..cost {
        state = state.wrapping_mul(0xd134_2543_de82_ef95) ^ u64::from(round);
    }
    state
}

/// Changes those of the first accounts that are writable.
fn write_accounts(
    context: &mut InvokeContext<'_, '_>,
    count: usize,
    state: u64,
) -> Result<(), InstructionError> {
    for position in 0..count {
        if !context.is_writable(position)? {
            continue;
        }
        let place = u64::try_from(position).unwrap_or(u64::MAX);
        let seed = mix(state, place);
        let mut account = context.account_mut(position)?;
        let is_own = account.is_owned_by_program();
        let size = account.data.len();
        if is_own && size >= WORD_SIZE {
            let word = mix(seed, first_word(&account.data));
            account.data_mut()?[..WORD_SIZE].copy_from_slice(&word.to_le_bytes());
        } else if is_own || account.owner == program_ids::SYSTEM {
            let share = mix(seed, account.lamports).checked_rem(CREDIT_MAX);
            drop(account);
            let lamports = share.unwrap_or_default().saturating_add(1);
            credit(context, count, position, lamports)?;
        }
    }
    Ok(())
}

/// Credits the account at `target`, if the payer or one of the first accounts can pay.
fn credit(
    context: &mut InvokeContext<'_, '_>,
    count: usize,
    target: usize,
    lamports: u64,
) -> Result<(), InstructionError> {
    if let Some(source) = paying_account(context, count, target, lamports)? {
        context.account_mut(source)?.debit(lamports)?;
        return context.account_mut(target)?.credit(lamports);
    }
    if !payer_can_pay(context, target, lamports)? {
        return Ok(());
    }
    let (payer, target) = (*context.address(0)?, *context.address(target)?);
    context.invoke(&system::instruction::transfer(&payer, &target, lamports))
}

/// The first writable account of the program, of so many and other than `target`, that can pay.
fn paying_account(
    context: &InvokeContext<'_, '_>,
    count: usize,
    target: usize,
    lamports: u64,
) -> Result<Option<usize>, InstructionError> {
    let receiver = context.address(target)?;
    for position in 0..count {
        if context.is_writable(position)? && context.address(position)? != receiver {
            let account = context.account(position)?;
            if account.owner == ADDRESS && can_pay(context, &account, lamports) {
                return Ok(Some(position));
            }
        }
    }
    Ok(None)
}

/// True if the account at position 0 is a wallet that signed, is not the receiver itself, and
/// can pay through the System program.
fn payer_can_pay(
    context: &InvokeContext<'_, '_>,
    target: usize,
    lamports: u64,
) -> Result<bool, InstructionError> {
    let payer = context.account(0)?;
    if !payer.is_signer() || !payer.is_writable() || payer.address() == context.address(target)? {
        return Ok(false);
    }
    let is_wallet = payer.owner == program_ids::SYSTEM && payer.data.is_empty();
    if !is_wallet || !can_pay(context, &payer, lamports) {
        return Ok(false);
    }
    for position in 0..context.account_count() {
        if *context.address(position)? == program_ids::SYSTEM {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if the account stays rent-exempt; where the bank has no rent, if it stays alive.
fn can_pay(context: &InvokeContext<'_, '_>, account: &Account, lamports: u64) -> bool {
    let rent = context.sysvars().rent.as_ref();
    let kept = rent.map_or(1, |rent| rent.minimum_balance(account.data.len()));
    let needed = kept.checked_add(lamports);
    needed.is_some_and(|needed| account.lamports >= needed)
}

/// A permutation of 64 bits for each `word`, and of `word` for each state (the finalizer of
/// SplitMix64): one different bit in either gives a different result.
fn mix(state: u64, word: u64) -> u64 {
    let mut mixed = state.wrapping_add(STATE_START) ^ word;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
