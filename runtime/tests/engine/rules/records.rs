//! Logs, return data and events at their limits.

use lockstep_interface::{
    InstructionError,
    context::LogEntry,
    limits::{EVENT_SIZE_MAX, LOG_SIZE_MAX, RETURN_DATA_SIZE_MAX},
};
use lockstep_runtime::block::Details;

use super::{ADDRESS, EMIT, LOG, RETURN, chain, nothing, on, payer};
use crate::common::run::{Fate, SUCCEEDED, failed_at, verdict};

fn details(fate: Fate) -> Details {
    *fate
        .expect("it is included")
        .details
        .expect("all is recorded")
}

#[test]
fn the_log_is_cut_at_its_limit() {
    // Lines are left out one by one, and shorter ones that follow may have room again.
    let [call, success] = ["invoke [1]", "success"].map(|end| {
        let line = format!("Program {ADDRESS} {end}");
        line.len() as u64
    });
    let most = LOG_SIZE_MAX as u64 - 1 - call - "Program log: ".len() as u64;
    let kind = |entry: &LogEntry| match entry {
        LogEntry::Invoke { .. } => 'i',
        LogEntry::Success { .. } => 's',
        LogEntry::Failure { .. } => 'f',
        LogEntry::Message(_) => 'm',
        LogEntry::Data(_) => 'd',
        LogEntry::Line(_) => 'l',
        LogEntry::Truncated => 't',
    };
    for (size, expected) in [
        (0, "imsims"),
        (most - success, "imst"),
        (most - success + 1, "imtm"),
        (most, "imt"),
        (most + 1, "itsims"),
        (100_000, "itsims"),
    ] {
        let mut chain = chain();
        let fate = chain.send(payer(), &[on(LOG, &[], &[size]), on(LOG, &[], &[0])]);
        assert_eq!(verdict(&fate), SUCCEEDED, "a long log fails nothing");
        let found: String = details(fate).logs.iter().map(kind).collect();
        assert_eq!(found, expected, "{size}");
    }
}

#[test]
fn return_data_has_a_limit() {
    let most = RETURN_DATA_SIZE_MAX as u64;
    let mut chain = chain();
    let fate = chain.send(payer(), &[on(RETURN, &[], &[most])]);
    assert_eq!(verdict(&fate), SUCCEEDED);
    let left = details(fate).return_data;
    assert_eq!(
        (left.program, left.data),
        (ADDRESS, vec![7; RETURN_DATA_SIZE_MAX])
    );

    let fate = chain.send(payer(), &[on(RETURN, &[], &[most + 1])]);
    assert_eq!(
        verdict(&fate),
        failed_at(0, InstructionError::ProgramFailedToComplete)
    );

    let fate = chain.send(payer(), &[on(RETURN, &[], &[9]), nothing()]);
    let left = details(fate).return_data;
    assert_eq!(
        (left.program, left.data),
        (ADDRESS, vec![]),
        "the next instruction clears it"
    );
}

#[test]
fn return_data_of_one_transaction_does_not_reach_the_next() {
    let mut chain = chain();
    let mut unknown = nothing();
    unknown.program = crate::common::ledger::address(777);
    let blockhash = chain.blockhash();
    let transaction =
        |instruction| crate::common::ledger::transaction(payer(), blockhash, &[instruction]);
    let fates = chain.run(&[transaction(on(RETURN, &[], &[9])), transaction(unknown)]);
    let mut left = fates.into_iter().map(|fate| details(fate).return_data);
    assert_eq!(left.next().map(|left| left.program), Some(ADDRESS));
    assert_eq!(
        left.next(),
        Some(lockstep_interface::context::ReturnData::default())
    );
}

#[test]
fn events_have_a_limit_for_the_whole_transaction() {
    let most = EVENT_SIZE_MAX as u64;
    let mut chain = chain();
    let fate = chain.send(payer(), &[on(EMIT, &[], &[most - 1]), on(EMIT, &[], &[1])]);
    assert_eq!(verdict(&fate), SUCCEEDED);
    assert_eq!(details(fate).events.len(), 2);
    let fate = chain.send(payer(), &[on(EMIT, &[], &[most]), on(EMIT, &[], &[1])]);
    assert_eq!(
        verdict(&fate),
        failed_at(1, InstructionError::ProgramFailedToComplete)
    );
}

#[test]
fn balances_are_those_before_the_fee_and_after_it() {
    use crate::common::ledger::{FEE, RICH};
    let mut chain = chain();
    let fate = chain.send(payer(), &[nothing()]);
    let details = details(fate);
    assert_eq!(details.balances_before, [RICH, 1]);
    assert_eq!(details.balances_after, [RICH - FEE, 1]);
}

#[test]
fn a_failure_is_explained_in_its_receipt_and_a_success_is_not() {
    let most = RETURN_DATA_SIZE_MAX as u64;
    let mut chain = chain();
    let fate = chain.send(payer(), &[nothing(), on(RETURN, &[], &[most + 1])]);
    let diagnostic = details(fate).diagnostic.expect("the failure is explained");
    assert_eq!(diagnostic.error, InstructionError::ProgramFailedToComplete);
    assert_eq!(diagnostic.path.len(), 1);
    assert_eq!(diagnostic.path[0].index, 1);
    assert_eq!(diagnostic.program(), Some(&ADDRESS));
    let fate = chain.send(payer(), &[nothing()]);
    assert_eq!(details(fate).diagnostic, None);
}
