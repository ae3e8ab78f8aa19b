//! What a chain starts from.

use lockstep_interface::Program as _;
use lockstep_programs::builtin_programs;
use lockstep_runtime::block;
use lockstep_store::sync::Shared;

use super::error::free;
use crate::{
    given::{BlockLimits, Program, one, options, out, place, text},
    guard::{brief, call},
    handle,
    kinds::{Error, Genesis, GenesisParts},
    program::NativeProgram,
    status::{Failure, Status},
    types::{AccountFields, Address},
};

/// Makes a genesis without accounts, with the standard programs (System, Compute Budget, Token,
/// Associated Token Account, Memo, Address Lookup Table, ed25519) and the limits of Solana's main
/// network. It can serve several chains and is not changed by them.
///
/// Threads: any. The caller frees the genesis.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_genesis_new(
    genesis: *mut *mut Genesis,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (genesis, error) = unsafe { (place(genesis), out(error)) };
    call(error, || {
        let genesis = genesis.required("genesis")?;
        genesis.set(handle::put::<Genesis>(Shared::new(GenesisParts {
            accounts: Vec::new(),
            programs: builtin_programs(),
            linked: builtin_programs(),
            limits: block::BlockLimits::MAINNET,
            slot: 0,
        })));
        Ok(())
    })
}

/// Adds an account; of several of one address the last counts, and one without lamports is none.
///
/// Threads: any. Address and account are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_genesis_add_account(
    genesis: *mut Genesis,
    address: *const Address,
    account: *const AccountFields,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (address, account, error) = unsafe {
        let account = one(account, "account").and_then(|account| account.read());
        (one(address, "address"), account, out(error))
    };
    call(error, || {
        let genesis = handle::get(genesis)?;
        let change = ((*address?).into(), account?);
        genesis.write().accounts.push(change);
        Ok(())
    })
}

/// A program that C gives, and its name.
///
/// # Safety
/// That of `given`.
unsafe fn native(pointer: *const Program) -> Result<NativeProgram, Failure> {
    // SAFETY: that of this function.
    let (program, name) = unsafe {
        let program = options(pointer)?;
        (program, text(program.name, "name of lockstep_program")?)
    };
    NativeProgram::new(&program, name.unwrap_or_default())
}

/// Adds a native program that the chain begins with; one of the same address is replaced. All nodes
/// of a network must have the same programs, which do the same.
///
/// Threads: any. The struct is copied; `user` stays the caller's until `release` is called. If the
/// call fails, `release` is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_genesis_add_program(
    genesis: *mut Genesis,
    program: *const Program,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || {
        let genesis = handle::get(genesis)?;
        // SAFETY: the contract of `given`.
        let program = unsafe { native(program) }?;
        let address = program.address();
        let mut parts = genesis.write();
        parts.programs = std::mem::take(&mut parts.programs).with(program);
        let linked = std::mem::take(&mut parts.linked);
        parts.linked = linked.with_of(&parts.programs, &address);
        Ok(())
    })
}

/// Adds a native program that the chain does not begin with, and that it can activate in a slot of
/// its schedule; else as lockstep_genesis_add_program.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_genesis_link_program(
    genesis: *mut Genesis,
    program: *const Program,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || {
        let genesis = handle::get(genesis)?;
        // SAFETY: the contract of `given`.
        let program = unsafe { native(program) }?;
        let mut parts = genesis.write();
        parts.linked = std::mem::take(&mut parts.linked).with(program);
        Ok(())
    })
}

/// Sets what blocks may hold, in place of the limits of Solana's main network.
///
/// Threads: any. The struct is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_genesis_set_limits(
    genesis: *mut Genesis,
    limits: *const BlockLimits,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (limits, error) = unsafe { (options(limits), out(error)) };
    call(error, || {
        let genesis = handle::get(genesis)?;
        let given = limits?;
        let usual = block::BlockLimits::MAINNET;
        let or = |given: u64, usual: u64| if given == 0 { usual } else { given };
        let or_count = |given: u32, usual: u32| if given == 0 { usual } else { given };
        genesis.write().limits = block::BlockLimits {
            compute_units_max: or(given.compute_units_max, usual.compute_units_max),
            account_compute_units_max: or(
                given.account_compute_units_max,
                usual.account_compute_units_max,
            ),
            allocated_size_max: or(given.allocated_size_max, usual.allocated_size_max),
            transaction_bytes_max: or(given.transaction_bytes_max, usual.transaction_bytes_max),
            transaction_count_max: or_count(
                given.transaction_count_max,
                usual.transaction_count_max,
            ),
            wait_count_max: or_count(given.wait_count_max, usual.wait_count_max),
            slot_gap_max: or(given.slot_gap_max, usual.slot_gap_max),
        };
        Ok(())
    })
}

/// Sets the slot of the first block; 0 otherwise.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_genesis_set_slot(
    genesis: *mut Genesis,
    slot: u64,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || {
        handle::get(genesis)?.write().slot = slot;
        Ok(())
    })
}

/// Frees a genesis; NULL is nothing to free. Chains that were opened with it go on.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_genesis_free(genesis: *mut Genesis) -> Status {
    brief(|| free(genesis))
}
