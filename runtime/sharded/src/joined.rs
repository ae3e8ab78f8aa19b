//! What a block did, and what it cost, of what its shards tell.

use lockstep_runtime::{
    bank::Bank, block::Outcome, execute::ExecutedBlock, prepare::PreparedBlock, threads::Threads,
};
use lockstep_scheduler::{AccessMode, AccessTable, TransactionIndex};

use crate::{
    Figures, ShardError,
    message::{Report, received},
    place::{EVERYWHERE, Layout},
    route::{Kind, Route},
};

/// What the block did, by what its shards did; `None` if a result depends on the order of credits.
pub(crate) fn join(
    bank: &Bank,
    prepared: &PreparedBlock<'_>,
    reports: Vec<Report>,
    pool: &Threads,
) -> Result<Option<(ExecutedBlock, Figures)>, ShardError> {
    // An account that one shard lacks is often the fault of another, which stopped earlier, and a
    // block that is given up for its credits lacks some too.
    if reports.iter().any(|report| report.depends_on_order) {
        return Ok(None);
    }
    let failed = |shard: u32, reason: &str| ShardError::Failed {
        shard,
        reason: reason.to_owned(),
    };
    let failures = (0..).zip(&reports);
    let failures = failures.filter_map(|(shard, report)| Some((report.failure.as_ref()?, shard)));
    if let Some(((_, reason), shard)) = failures.min_by_key(|((step, _), shard)| (*step, *shard)) {
        return Err(failed(shard, reason));
    }
    let count = reports.len();
    let mut figures = Figures::default();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; prepared.table().transaction_count()];
    let reports = pool.map_each(reports, |mut report| {
        let lists = [&mut report.changed, &mut report.moved].map(std::mem::take);
        let lists = lists.map(|list| {
            list.into_iter()
                .map(received)
                .collect::<Result<Vec<_>, _>>()
        });
        (report, lists)
    });
    let (mut changed, mut moved) = (Vec::new(), Vec::new());
    for (shard, (report, lists)) in (0..).zip(reports) {
        figures.add(shard as usize, count, report.work);
        for (index, told) in report.outcomes {
            let outcome = told
                .outcome()
                .map_err(|_| failed(shard, "an outcome is malformed"))?;
            match outcomes.get_mut(index as usize) {
                Some(place @ None) => *place = Some(outcome),
                _ => {
                    return Err(failed(
                        shard,
                        "it tells of a transaction that it was not given",
                    ));
                }
            }
        }
        for (all, list) in [&mut changed, &mut moved].into_iter().zip(lists) {
            all.extend(list.map_err(|_| failed(shard, "an account is malformed"))?);
        }
    }
    let missing = outcomes.iter().position(Option::is_none);
    if let Some(missing) = missing {
        return Err(failed(
            0,
            &format!("no shard tells of transaction {missing}"),
        ));
    }
    let outcomes = outcomes.into_iter().flatten().collect();
    let executed = ExecutedBlock::joined(bank, prepared, changed, moved, outcomes)?;
    let mut neighbours = executed.changes().windows(2);
    if let Some([(twice, _), _]) = neighbours.find(|pair| pair[0].0 == pair[1].0) {
        return Err(failed(0, &format!("two shards have the account {twice}")));
    }
    Ok(Some((executed, figures)))
}

/// Transactions that write accounts which live on several shards.
pub(crate) fn crossing(table: &AccessTable, layout: &Layout) -> usize {
    let crosses = |index: &TransactionIndex| {
        let accesses = table.accesses(*index).iter();
        let written = accesses.filter(|access| access.mode() == AccessMode::Write);
        let homes = written.map(|access| layout.homes[access.account().index()]);
        let mut homes = homes.filter(|home| *home != EVERYWHERE);
        let first = homes.next();
        homes.any(|home| Some(home) != first)
    };
    table.transactions().filter(crosses).count()
}

/// Accounts that moved, that were copied, and of which sums were sent.
pub(crate) fn count(route: &Route) -> [usize; 3] {
    let all = |kind: Kind| {
        let messages = route.messages.iter().flatten();
        messages.filter(|message| message.kind == kind).count()
    };
    [all(Kind::Move), all(Kind::Copy), all(Kind::Sum)]
}
