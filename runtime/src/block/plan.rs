//! A plan as bytes, and its digest.
//!
//! ```text
//! dispatch      u8         0 static, 1 queued, 2 ranked
//! batch sizes   list u32   lanes of each batch
//! lane sizes    list u32   transactions of each lane
//! lane order    list u32   the transactions, lane by lane; empty if that is 0, 1, 2, ..
//! waits         list       pairs of u32: the waiting transaction, the awaited one
//! ```
//!
//! A plan without waits over transactions in canonical order has an empty lane order.

use lockstep_interface::{Address, Hash};
use lockstep_scheduler::{AccountIndex, Dispatch, Plan, PlanBuilder, TransactionIndex};
use sha2::{Digest, Sha256};

use super::{
    codec::{Cursor, List, put, put_list},
    error::BlockDecodeError,
    limits::BlockLimits,
};

/// What is hashed before a plan, so that no other hash is a plan's digest.
const DIGEST_TAG: &[u8] = b"lockstep plan";

/// SHA-256 over a fixed tag and what a block without a leader holds of its plan: the plan's
/// encoding and that of the shared accounts. Two plans with one digest are equal.
/// O(transactions + waits).
pub fn plan_digest(plan: &Plan, shared_accounts: &[AccountIndex]) -> Hash {
    digest(plan, shared_accounts, None)
}

/// The same for a block that may name a leader.
pub(crate) fn digest(
    plan: &Plan,
    shared_accounts: &[AccountIndex],
    leader: Option<&Address>,
) -> Hash {
    let mut bytes = DIGEST_TAG.to_vec();
    write(plan, shared_accounts, leader, &mut bytes);
    Hash::new_from_array(Sha256::digest(bytes).into())
}

/// Appends a plan, the shared accounts and a leader.
pub(super) fn write(
    plan: &Plan,
    shared_accounts: &[AccountIndex],
    leader: Option<&Address>,
    out: &mut Vec<u8>,
) {
    put(out, &number_of(plan.dispatch()));
    let length = |count: usize| u32::try_from(count).expect("a plan has fewer than 2^32 of all");
    put_list(out, plan.batches().map(|batch| length(batch.lane_count())));
    // An iterator over the lanes of all batches does not know its own length.
    put(out, &length(plan.lane_count()));
    for lane in plan.batches().flat_map(|batch| batch.lanes()) {
        put(out, &length(lane.len()));
    }
    let listed = if is_ascending(plan.lane_order().iter().map(|item| item.0)) {
        &[]
    } else {
        plan.lane_order()
    };
    put_list(out, listed.iter().map(|transaction| transaction.0));
    let waits = plan.waits().iter();
    put_list(out, waits.map(|wait| (wait.transaction.0, wait.after.0)));
    put_list(out, shared_accounts.iter().map(|account| account.0));
    out.extend(leader.iter().flat_map(|leader| leader.as_array()));
}

/// The most bytes that [`write`] appends.
pub(super) fn size_max(plan: &Plan, shared_accounts: &[AccountIndex]) -> usize {
    let counts = [
        plan.batch_count(),
        plan.lane_count(),
        plan.transaction_count(),
        plan.waits().len().saturating_mul(2),
        shared_accounts.len(),
    ];
    let lists = counts.len();
    let numbers = counts.into_iter().fold(lists, usize::saturating_add);
    numbers.saturating_mul(size_of::<u32>()).saturating_add(1)
}

/// Reads the plan of a block of `transaction_count` transactions. The caller checks the plan.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    transaction_count: usize,
    limits: &BlockLimits,
) -> Result<Plan, BlockDecodeError> {
    let dispatch = read_dispatch(cursor)?;
    let count = transaction_count as u64;
    let batches: List<'_, 4> = cursor.list("batch sizes", count)?;
    let lanes: List<'_, 4> = cursor.list("lane sizes", count)?;
    batches.check_sizes(lanes.entries.len())?;
    lanes.check_sizes(transaction_count)?;
    let order = lane_order(cursor, transaction_count)?;
    let waits = cursor.list("waits", limits.wait_count_max.into())?;
    let mut waits = Waits {
        list: waits,
        next: 0,
    };

    let mut builder = PlanBuilder::with_capacity(transaction_count);
    let mut order = order.into_iter();
    let mut lanes = lanes.numbers();
    for lane_count in batches.numbers() {
        for lane_size in lanes.by_ref().take(lane_count as usize) {
            for transaction in order.by_ref().take(lane_size as usize) {
                builder.push(transaction);
                waits.give(transaction, &mut builder)?;
            }
            builder.end_lane();
        }
        builder.end_batch();
    }
    waits.finish()?;
    Ok(builder.finish().with_dispatch(dispatch))
}

/// The transactions lane by lane.
fn lane_order(
    cursor: &mut Cursor<'_>,
    transaction_count: usize,
) -> Result<Vec<TransactionIndex>, BlockDecodeError> {
    let listed: List<'_, 4> = cursor.list("lane order", transaction_count as u64)?;
    let listed_count = listed.entries.len();
    if listed_count == 0 {
        let count = u32::try_from(transaction_count).expect("the count was read as 32 bits");
        return Ok((0..count).map(TransactionIndex).collect());
    }
    if listed_count != transaction_count {
        return Err(listed.unexpected(transaction_count, listed_count));
    }
    if is_ascending(listed.numbers()) {
        return Err(listed.not_canonical(0, 0));
    }
    Ok(listed.numbers().map(TransactionIndex).collect())
}

/// Whether these are 0, 1, 2, ..
fn is_ascending(numbers: impl Iterator<Item = u32>) -> bool {
    (0..).zip(numbers).all(|(place, number)| place == number)
}

/// Waits on their way into a plan.
struct Waits<'a> {
    list: List<'a, 8>,
    next: usize,
}

impl Waits<'_> {
    /// Makes the transaction pushed last wait as the next entries say. Each transaction's are in
    /// strictly ascending order.
    fn give(
        &mut self,
        transaction: TransactionIndex,
        builder: &mut PlanBuilder,
    ) -> Result<(), BlockDecodeError> {
        let mut before = None;
        while let Some((waiting, after)) = self.list.pair(self.next) {
            if waiting != transaction.0 {
                break;
            }
            if before >= Some(after) {
                return Err(self.list.not_canonical(self.next, after));
            }
            builder.wait(TransactionIndex(after));
            before = Some(after);
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    /// Refuses entries that are left: out of order, or of a transaction that is not in the plan.
    fn finish(self) -> Result<(), BlockDecodeError> {
        match self.list.pair(self.next) {
            Some((waiting, _)) => Err(self.list.not_canonical(self.next, waiting)),
            None => Ok(()),
        }
    }
}

fn number_of(dispatch: Dispatch) -> u8 {
    match dispatch {
        Dispatch::Static => 0,
        Dispatch::Queued => 1,
        Dispatch::Ranked => 2,
    }
}

fn read_dispatch(cursor: &mut Cursor<'_>) -> Result<Dispatch, BlockDecodeError> {
    Ok(match cursor.byte("dispatch", 2)? {
        0 => Dispatch::Static,
        1 => Dispatch::Queued,
        _ => Dispatch::Ranked,
    })
}
