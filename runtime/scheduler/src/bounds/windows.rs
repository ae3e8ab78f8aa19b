//! What no plan in block order can beat on a number of workers, looked at window by window.
//!
//! Work over workers and the critical path miss what lies between: while a heavy chain begins,
//! there may be nothing to do beside it, and what it frees comes too late for the workers that
//! stood idle. If the block is to end by `T`, a transaction starts no earlier than the chain before
//! it allows, and no later than the chain behind it does. So some of it lies in a window of time
//! wherever it starts in between:
//!
//! ```text
//! window                 [----------]
//! as early as it may   [======]              min(early, late, window, cost)
//! as late as it may            [======]      of it lies within in any case
//! ```
//!
//! Where that work exceeds what the workers do in a window, `T` is too early by the excess over the
//! workers: the bound of Fernandez and Bussell (1973), here with the work of energetic reasoning.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "times are at most the work of the block, whose sums saturate, and places few"
)]

use std::num::NonZeroU32;

use super::Bounds;
use crate::dependencies::Dependencies;
use crate::request::Mode;
use crate::table::AccessTable;

/// Times at which windows begin and end, of which each pair is looked at, in [8, 48]: as many as
/// take this number of steps, about a nanosecond each.
const TIMES: (usize, usize) = (8, 48);
const STEPS: usize = 1 << 22;

/// When a transaction may run, if all others keep within the bound.
struct Span {
    cost: u64,
    earliest_end: u64,
    latest_start: u64,
}

/// The lower bound of the makespan in block order with as many workers: at least
/// [`Bounds::lower_bound`] of [`Mode::Replay`], in cost units, synchronisation left out.
///
/// O(accesses + accounts + n log n), and some milliseconds for the windows whatever the block. A
/// block whose work takes more than 56 bits has no tighter bound.
///
/// ```
/// use std::num::NonZeroU32;
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Bounds, Mode, replay_bound};
///
/// // Three transactions read what the first one wrote: nothing can run beside that.
/// let account = AccountIndex(0);
/// let mut table = AccessTable::new();
/// table.push([Access::write(account)], 100);
/// for _ in 0..3 {
///     table.push([Access::read(account)], 100);
/// }
/// let workers = NonZeroU32::new(2).expect("two is not zero");
/// assert_eq!(Bounds::of(&table).lower_bound(Mode::Replay, workers), 200);
/// assert_eq!(replay_bound(&table, workers), 250);
/// ```
pub fn replay_bound(table: &AccessTable, workers: NonZeroU32) -> u64 {
    let bound = Bounds::of(table).lower_bound(Mode::Replay, workers);
    if table.total_cost() > u64::MAX >> 8 {
        return bound;
    }
    let spans = spans(table, bound);
    let times = times(&spans);
    let workers = u64::from(workers.get());
    let mut excess = 0;
    let mut begun: Vec<(u64, &Span)> = Vec::with_capacity(spans.len());
    for (place, &start) in times.iter().enumerate() {
        // What has ended before a window in one case lies in it in none.
        let within = spans.iter().filter(|span| span.earliest_end > start);
        begun.clear();
        begun.extend(within.map(|span| (span.cost.min(span.earliest_end - start), span)));
        for &end in &times[place + 1..] {
            let room = workers.saturating_mul(end - start);
            let work = begun.iter().fold(0_u64, |work, (early, span)| {
                let late = end.saturating_sub(span.latest_start);
                work.saturating_add((*early).min(late).min(end - start))
            });
            excess = excess.max(work.saturating_sub(room).div_ceil(workers));
        }
    }
    bound.saturating_add(excess)
}

/// When each transaction may run if the block ends by `bound`.
fn spans(table: &AccessTable, bound: u64) -> Vec<Span> {
    let dependencies = Dependencies::of(table);
    let chains = dependencies.chains(table);
    let mut spans: Vec<Span> = Vec::with_capacity(chains.len());
    for transaction in table.transactions() {
        let befores = dependencies.of_transaction(transaction).iter();
        let starts = befores.map(|before| spans[before.index()].earliest_end);
        let cost = table.cost(transaction);
        spans.push(Span {
            cost,
            earliest_end: starts.max().unwrap_or(0) + cost,
            latest_start: bound - chains[transaction.index()],
        });
    }
    spans
}

/// Some of the times at which a transaction starts at the earliest or ends at the latest, in
/// ascending order.
fn times(spans: &[Span]) -> Vec<u64> {
    let mut times: Vec<u64> = spans
        .iter()
        .flat_map(|span| [span.earliest_end - span.cost, span.latest_start + span.cost])
        .collect();
    times.sort_unstable();
    times.dedup();
    let count = (STEPS / spans.len().max(1)).isqrt().clamp(TIMES.0, TIMES.1);
    if times.len() <= count {
        return times;
    }
    let last = times.len() - 1;
    let chosen = (0..count).map(|place| times[place * last / (count - 1)]);
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::ids::{AccountIndex, TransactionIndex};

    fn workers(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).expect("tests ask for at least one worker")
    }

    /// The least makespan over all orders in which idle workers may be given transactions, and all
    /// pauses that end with a transaction.
    fn shortest(table: &AccessTable, worker_count: usize) -> u64 {
        let dependencies = Dependencies::of(table);
        let mut best = u64::MAX;
        let mut ends = vec![None; table.transaction_count()];
        place_next(
            table,
            &dependencies,
            &mut ends,
            &mut vec![0; worker_count],
            &mut best,
        );
        best
    }

    /// Places each of the transactions that may come next, on each worker, as early as can be.
    fn place_next(
        table: &AccessTable,
        dependencies: &Dependencies,
        ends: &mut Vec<Option<u64>>,
        free: &mut Vec<u64>,
        best: &mut u64,
    ) {
        if ends.iter().all(Option::is_some) {
            *best = (*best).min(free.iter().copied().max().unwrap_or(0));
            return;
        }
        for one in 0..ends.len() {
            let transaction = TransactionIndex(u32::try_from(one).expect("few"));
            let befores = dependencies.of_transaction(transaction).iter();
            let releases: Option<Vec<u64>> = befores.map(|before| ends[before.index()]).collect();
            let (None, Some(releases)) = (ends[one], releases) else {
                continue;
            };
            for worker in 0..free.len() {
                let before = free[worker];
                let release = releases.iter().copied().max().unwrap_or(0);
                let end = release.max(before) + table.cost(transaction);
                (ends[one], free[worker]) = (Some(end), end);
                place_next(table, dependencies, ends, free, best);
                (ends[one], free[worker]) = (None, before);
            }
        }
    }

    #[test]
    fn no_plan_of_a_small_block_beats_it() {
        let mut state = 3_u64;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33).checked_rem(below).expect("not below 0")
        };
        let mut tighter = 0;
        for round in 0..150 {
            let mut table = AccessTable::new();
            for _ in 0..5 {
                let account = AccountIndex(u32::try_from(draw(1 + round % 2)).expect("few"));
                let access = match draw(4) {
                    0 => Access::write(account),
                    _ => Access::read(account),
                };
                table.push([access], 1 + draw(9));
            }
            for count in [2, 3] {
                let bound = replay_bound(&table, workers(count));
                let simple = Bounds::of(&table).lower_bound(Mode::Replay, workers(count));
                let found = shortest(&table, count as usize);
                assert!(
                    simple <= bound && bound <= found,
                    "{simple} {bound} {found}"
                );
                tighter += u32::from(bound > simple);
            }
        }
        assert!(tighter > 10, "{tighter}");
    }

    #[test]
    fn nothing_takes_no_time_and_sums_do_not_overflow() {
        assert_eq!(replay_bound(&AccessTable::new(), workers(2)), 0);
        let mut table = AccessTable::new();
        table.push([], u64::MAX);
        table.push([], u64::MAX);
        assert_eq!(replay_bound(&table, workers(2)), u64::MAX);
    }
}
