//! Blocks: built, read, executed, and what is in them.

use lockstep_runtime::{
    block::Recording,
    chain::{self, BuildRequest},
    engine,
};
use lockstep_scheduler::Strategy;

use super::error::free;
use crate::{
    given::{self, BuildOptions, bytes, out, place, places, slices, text},
    guard::{brief, call},
    handle,
    kinds::{AnyBlock, AnyReceipts, Block, Cancel, Chain, Error, Plan, PlanParts, Receipts},
    plan::{GivenPlan, mode_of, strategy_of},
    source::{Selector, parsed},
    status::{Failure, Status},
    types::{Hash, Header, Refused},
};

/// Receipts carry the log.
pub const RECORD_LOGS: u32 = 1;

/// What receipts carry, by flags.
pub(super) fn recording_of(flags: u32) -> Result<Recording, Failure> {
    if flags & !RECORD_LOGS != 0 {
        let found = format!("recording is {flags:#x}, expected flags within {RECORD_LOGS:#x}");
        return Err(Failure::new(Status::BadValue, found));
    }
    Ok(Recording {
        logs: flags & RECORD_LOGS != 0,
        ..Recording::NONE
    })
}

/// What a cancel handle names; one of its own for NULL.
fn cancel_of(cancel: *mut Cancel) -> Result<engine::Cancel, Failure> {
    if cancel.is_null() {
        return Ok(engine::Cancel::default());
    }
    Ok((*handle::get(cancel)?).clone())
}

/// The strategy or the plan that is asked for.
fn planner(given: &BuildOptions, name: Option<&str>) -> Result<Box<dyn Strategy>, Failure> {
    match (given.plan.is_null(), name) {
        (true, name) => strategy_of(name),
        (false, None) => Ok(Box::new(GivenPlan(handle::get(given.plan)?.plan.clone()))),
        (false, Some(_)) => {
            let found = "strategy and plan are both set, expected one of them at most";
            Err(Failure::new(Status::BadValue, found))
        }
    }
}

/// Builds a block of the transactions, or of what `select` gives: by the strategy's plan, or by a
/// given one. The block is known afterwards, and touches no storage before it is committed.
/// Transactions that break a rule, or that there is no room for, are left out and named
/// (lockstep_block_refused); signatures are verified before.
///
/// Threads: any; `select` is called on the caller's. Blocks are built and executed one at a time.
/// `cancel` may be NULL. The transactions are copied, and the caller frees the block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_build(
    chain: *mut Chain,
    options: *const BuildOptions,
    cancel: *mut Cancel,
    block: *mut *mut Block,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (wanted, block, error) = unsafe {
        let wanted = given::options(options).and_then(|wanted| {
            let name = text(wanted.strategy, "strategy")?;
            let count = wanted.transaction_count;
            Ok((
                wanted,
                name,
                slices(wanted.transactions, count, "transactions")?,
            ))
        });
        (wanted, place(block), out(error))
    };
    call(error, || {
        let block = block.required("block")?;
        let chain = &handle::get(chain)?.chain;
        let (wanted, name, transactions) = wanted?;
        let cancel = cancel_of(cancel)?;
        let strategy = planner(&wanted, name)?;
        let request = BuildRequest {
            parent: wanted.parent.into(),
            slot: wanted.slot,
            unix_timestamp: wanted.unix_timestamp,
            strategy: &*strategy,
            mode: mode_of(wanted.mode)?,
            recording: recording_of(wanted.recording)?,
        };
        let built = match wanted.select {
            None => {
                let mut source = parsed(transactions.iter().copied(), chain.options());
                chain.build(&request, &mut source, &cancel)?
            }
            Some(_) if !transactions.is_empty() || !wanted.plan.is_null() => {
                let found = "select is set beside transactions or plan, expected it alone";
                return Err(Failure::new(Status::BadValue, found));
            }
            Some(select) => {
                let mut source = Selector::new(select, wanted.user, chain.options());
                let built = chain.build(&request, &mut source, &cancel)?;
                if let Some(failure) = source.failure() {
                    chain.discard(&built.id)?;
                    return Err(failure);
                }
                built
            }
        };
        block.set(handle::put::<Block>(AnyBlock::Built(Box::new(built))));
        Ok(())
    })
}

/// Reads the bytes of a block and verifies what needs no parent: encoding, sizes, that transactions
/// and plan are those of the header, all signatures.
///
/// LOCKSTEP_STATUS_WRONG_BYTES says nothing about the block that the header names;
/// LOCKSTEP_STATUS_INVALID_BLOCK does.
///
/// Threads: any, also while other blocks are executed. The bytes are copied, and the caller frees
/// the block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_read(
    chain: *mut Chain,
    data: *const u8,
    size: usize,
    block: *mut *mut Block,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (data, block, error) = unsafe { (bytes(data, size, "data"), place(block), out(error)) };
    call(error, || {
        let block = block.required("block")?;
        let chain = handle::get(chain)?;
        let read = chain.chain.read(data?.into())?;
        block.set(handle::put::<Block>(AnyBlock::Read(Box::new(read))));
        Ok(())
    })
}

/// Executes a block that was read on its parent, by its own plan, and holds every root of its
/// header against the outcome. The block is known afterwards.
///
/// LOCKSTEP_STATUS_INVALID_BLOCK: it is invalid for ever. LOCKSTEP_STATUS_PARENT_MISSING and
/// LOCKSTEP_STATUS_EARLY_BLOCK: it may be right later.
///
/// Threads: any. `cancel` may be NULL. `receipts` may be NULL; else it gets the receipts, which the
/// caller frees, or NULL if the block was known already and has not been executed again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_execute(
    chain: *mut Chain,
    block: *mut Block,
    cancel: *mut Cancel,
    receipts: *mut *mut Receipts,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (receipts, error) = unsafe { (place(receipts), out(error)) };
    call(error, || {
        let chain = &handle::get(chain)?.chain;
        let cancel = cancel_of(cancel)?;
        let block = handle::get(block)?;
        let accepted = match &*block {
            AnyBlock::Read(block) => chain.execute(block, &cancel)?,
            // Its signatures were verified here, and are again: the other chain is another node.
            AnyBlock::Built(built) => execute_built(chain, built, &cancel)?,
        };
        if let Some(found) = accepted.receipts.filter(|_| receipts.is_wanted()) {
            receipts.set(handle::put::<Receipts>(AnyReceipts::Block(found)));
        }
        Ok(())
    })
}

/// Executes a block that was built by this chain or another one.
fn execute_built(
    chain: &chain::Chain,
    built: &chain::BuiltBlock,
    cancel: &engine::Cancel,
) -> Result<chain::AcceptedBlock, Failure> {
    let read = chain.read(built.bytes().into())?;
    Ok(chain.execute(&read, cancel)?)
}

/// Gives id and header of a block; either place may be NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_block_header(
    block: *mut Block,
    id: *mut Hash,
    header: *mut Header,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (id, header, error) = unsafe { (out(id), out(header), out(error)) };
    call(error, || {
        let block = handle::get(block)?;
        id.set(block.id().into());
        header.set(block.header().into());
        Ok(())
    })
}

/// Gives the bytes of a block, as lockstep_chain_read takes them.
///
/// Threads: any. The bytes are valid until the block is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_block_bytes(
    block: *mut Block,
    data: *mut *const u8,
    size: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (data, size, error) = unsafe { (out(data), out(size), out(error)) };
    call(error, || {
        let (data, size) = (data.required("data")?, size.required("size")?);
        let block = handle::get(block)?;
        data.set(block.bytes().as_ptr());
        size.set(block.bytes().len());
        Ok(())
    })
}

/// Gives the receipts of a block that was built, in the order of the block.
///
/// Threads: any. The caller frees the receipts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_block_receipts(
    block: *mut Block,
    receipts: *mut *mut Receipts,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (receipts, error) = unsafe { (place(receipts), out(error)) };
    call(error, || {
        let receipts = receipts.required("receipts")?;
        let block = handle::get(block)?;
        let AnyBlock::Built(built) = &*block else {
            let found = "the block was read: lockstep_chain_execute gives its receipts";
            return Err(Failure::new(Status::BadValue, found));
        };
        let found = AnyReceipts::Block(built.receipts.clone());
        receipts.set(handle::put::<Receipts>(found));
        Ok(())
    })
}

/// Gives the plan of a block, over its transactions in the order of the block.
///
/// Threads: any. The caller frees the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_block_plan(
    block: *mut Block,
    plan: *mut *mut Plan,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (plan, error) = unsafe { (place(plan), out(error)) };
    call(error, || {
        let plan = plan.required("plan")?;
        let block = handle::get(block)?;
        plan.set(handle::put::<Plan>(PlanParts::new(block.plan().clone())));
        Ok(())
    })
}

/// Writes the transactions of the source that are not in a block that was built to `list`, as many
/// as `capacity`, and their number to `count`. With a capacity of 0, `list` may be NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_block_refused(
    block: *mut Block,
    list: *mut Refused,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (places, count, error) = unsafe {
        let places = places(list, capacity, "list");
        (places, out(count), out(error))
    };
    call(error, || {
        let places = places?;
        let block = handle::get(block)?;
        let refused = block.refused();
        for (place, refused) in places.zip(refused) {
            place.set(Refused::of(refused));
        }
        count.set(refused.len());
        Ok(())
    })
}

/// Frees a block; NULL is nothing to free. The chain that knows it goes on to do so.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_block_free(block: *mut Block) -> Status {
    brief(|| free(block))
}

/// Makes a handle by which another thread can end a call: at the end of the stage that is under
/// way, in time linear in the size of its block.
///
/// Threads: any. The caller frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_cancel_new(
    cancel: *mut *mut Cancel,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (cancel, error) = unsafe { (place(cancel), out(error)) };
    call(error, || {
        let cancel = cancel.required("cancel")?;
        cancel.set(handle::put::<Cancel>(engine::Cancel::default()));
        Ok(())
    })
}

/// Asks all calls that have the handle to end with LOCKSTEP_STATUS_CANCELLED, those to come too.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_cancel_ask(
    cancel: *mut Cancel,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || {
        handle::get(cancel)?.cancel();
        Ok(())
    })
}

/// Frees a cancel handle; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_cancel_free(cancel: *mut Cancel) -> Status {
    brief(|| free(cancel))
}
