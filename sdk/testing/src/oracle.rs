//! The serial executor as the judge of the parallel one.

use lockstep_runtime::execute::ExecutedBlock;
use lockstep_scheduler::Strategy;

/// Fails with the first difference from the serial run, if there is one.
#[track_caller]
pub(crate) fn assert_same(
    strategy: &dyn Strategy,
    threads: usize,
    parallel: &ExecutedBlock,
    serial: &ExecutedBlock,
) {
    let difference = difference(parallel, serial);
    assert!(
        difference.is_none(),
        "strategy {} on {threads} threads differs from the serial run: {}",
        strategy.name(),
        difference.unwrap_or_default()
    );
}

fn difference(parallel: &ExecutedBlock, serial: &ExecutedBlock) -> Option<String> {
    let pairs = parallel.outcomes().iter().zip(serial.outcomes());
    for (index, (found, expected)) in pairs.enumerate() {
        if found != expected {
            return Some(format!("call {index}: {found:?}, serially {expected:?}"));
        }
    }
    let (found, expected) = (parallel.changes(), serial.changes());
    if found != expected {
        let mut pairs = found.iter().zip(expected);
        let first = pairs.find(|(found, expected)| found != expected);
        let counts = (found.len(), expected.len());
        return Some(format!("changed accounts: {first:?}, {counts:?} in all"));
    }
    None
}
