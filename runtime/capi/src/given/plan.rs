//! Access lists and plans as C gives them.
#![allow(unsafe_code, reason = "lists inside structs of C are read here")]

use lockstep_scheduler::{
    Access as PackedAccess, AccessMode, AccessTable, Dispatch, Interner, Plan, PlanBuilder,
    TransactionIndex,
};

use super::pointer::list;
use crate::{
    status::{Failure, Status, unknown_number},
    types::Address,
};

/// One account as one transaction uses it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The account.
    pub address: Address,
    /// LOCKSTEP_ACCESS_READ, _WRITE or _CREDIT.
    pub mode: u32,
}

/// What one transaction accesses.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AccessList {
    /// The accounts; one that is named twice counts once, in the stronger mode.
    pub accesses: *const Access,
    /// How many.
    pub access_count: usize,
    /// What it is expected to cost, in compute units; about a nanosecond each.
    pub cost: u64,
}

/// A transaction that may not start before another has finished.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlanWait {
    /// The one that waits.
    pub transaction: u32,
    /// The one that it waits for, in another lane of the same batch.
    pub after: u32,
}

/// A plan as lists of numbers. The lanes of a batch run in parallel, each in its own order; all
/// transactions of a batch have finished before the next batch begins.
///
/// Lane i holds `items` from `lane_ends[i - 1]` (0 for the first lane) up to `lane_ends[i]`; batch
/// i holds lanes likewise.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PlanLayout {
    /// The transactions, batch by batch, lane by lane.
    pub items: *const u32,
    /// How many.
    pub item_count: usize,
    /// Where each lane ends in `items`, ascending.
    pub lane_ends: *const u32,
    /// How many.
    pub lane_count: usize,
    /// Where each batch ends in `lane_ends`, ascending.
    pub batch_ends: *const u32,
    /// How many.
    pub batch_count: usize,
    /// The waits; in ascending order of the waiting transaction's place where they are a result.
    pub waits: *const PlanWait,
    /// How many.
    pub wait_count: usize,
    /// LOCKSTEP_DISPATCH_STATIC, _QUEUED or _RANKED: how transactions get to workers.
    pub dispatch: u32,
    /// 0.
    pub reserved: u32,
}

/// Transactions and accesses of one block together.
const ACCESS_COUNT_MAX: usize = 1 << 29;

/// The access lists of transactions, with numbers for accounts.
///
/// # Safety
/// That of the module, for the list and for the accesses of each entry.
pub(crate) unsafe fn access_table(
    pointer: *const AccessList,
    count: usize,
) -> Result<AccessTable, Failure> {
    // SAFETY: that of this function.
    let entries = unsafe { list(pointer, count, "transactions") }?;
    let mut access_count = count;
    let mut interner = Interner::new();
    let mut table = AccessTable::new();
    let mut row = Vec::new();
    for entry in entries {
        // SAFETY: that of this function.
        let accesses = unsafe { list(entry.accesses, entry.access_count, "accesses") }?;
        access_count = access_count.saturating_add(accesses.len());
        if access_count > ACCESS_COUNT_MAX {
            let found = format!("at most {ACCESS_COUNT_MAX} transactions and accesses fit");
            return Err(Failure::new(Status::BadSize, found));
        }
        row.clear();
        for access in accesses {
            let mode = match access.mode {
                0 => AccessMode::Read,
                1 => AccessMode::Write,
                2 => AccessMode::Credit,
                mode => {
                    let names = ["read", "write", "credit"];
                    return Err(unknown_number("an access mode", mode, &names));
                }
            };
            let key = &access.address.bytes;
            let hash = interner.hash(key);
            row.push(PackedAccess::new(interner.intern(key, hash), mode));
        }
        table.push(row.iter().copied(), entry.cost);
    }
    Ok(table)
}

/// The plan of a layout, unchecked but for its own lists.
///
/// # Safety
/// That of the module, for all its lists.
pub(crate) unsafe fn plan_of(layout: &PlanLayout) -> Result<Plan, Failure> {
    // SAFETY: that of this function.
    let (items, lane_ends, batch_ends, waits) = unsafe {
        (
            list(layout.items, layout.item_count, "items")?,
            list(layout.lane_ends, layout.lane_count, "lane_ends")?,
            list(layout.batch_ends, layout.batch_count, "batch_ends")?,
            list(layout.waits, layout.wait_count, "waits")?,
        )
    };
    let dispatch = match layout.dispatch {
        0 => Dispatch::Static,
        1 => Dispatch::Queued,
        2 => Dispatch::Ranked,
        number => {
            let names = ["static", "queued", "ranked"];
            return Err(unknown_number("dispatch", number, &names));
        }
    };
    let mut waits: Vec<PlanWait> = waits.to_vec();
    waits.sort_unstable_by_key(|wait| (wait.transaction, wait.after));
    let mut used = 0usize;
    let lanes = parts(lane_ends, items.len(), "lane_ends", "items")?;
    let mut builder = PlanBuilder::with_capacity(items.len());
    for batch in parts(batch_ends, lanes.len(), "batch_ends", "lane_ends")? {
        for lane in &lanes[batch] {
            for item in &items[lane.clone()] {
                builder.push(TransactionIndex(*item));
                let first = waits.partition_point(|wait| wait.transaction < *item);
                let own = waits[first..].iter();
                for wait in own.take_while(|wait| wait.transaction == *item) {
                    builder.wait(TransactionIndex(wait.after));
                    used = used.saturating_add(1);
                }
            }
            builder.end_lane();
        }
        builder.end_batch();
    }
    if used != waits.len() {
        let found = format!(
            "{} waits, of which {used} are of transactions of items",
            waits.len()
        );
        return Err(Failure::new(Status::Plan, found));
    }
    Ok(builder.finish().with_dispatch(dispatch))
}

/// The ranges between ends that ascend and reach to the end of `whole` entries.
fn parts(
    ends: &[u32],
    whole: usize,
    name: &str,
    of: &str,
) -> Result<Vec<std::ops::Range<usize>>, Failure> {
    let mut start = 0usize;
    let mut parts = Vec::with_capacity(ends.len());
    for end in ends {
        let end = *end as usize;
        if end <= start || end > whole {
            let found = format!(
                "{name} must ascend within the {whole} entries of {of}: found {end} behind {start}"
            );
            return Err(Failure::new(Status::Plan, found));
        }
        parts.push(start..end);
        start = end;
    }
    if start != whole {
        let found = format!("{name} ends at {start}, expected the {whole} entries of {of}");
        return Err(Failure::new(Status::Plan, found));
    }
    Ok(parts)
}
