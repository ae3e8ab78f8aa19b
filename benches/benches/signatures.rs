//! What signatures of each scheme cost: processor time to verify one, and transfers a second that
//! are verified and executed on two threads, state root included. 10,000 wallets, seed 1.
//!
//! Rounds take the schemes in turn and the least time of each counts, so that the ratios hold on a
//! machine that does other things beside. Keys of Falcon take some seconds to make.
#![allow(
    clippy::float_arithmetic,
    clippy::print_stdout,
    reason = "figures are printed"
)]

use std::num::NonZeroUsize;

use lockstep_benches::runner::{RunOptions, Runner, cpu_seconds, rate};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_runtime::verify::Verifier;
use lockstep_runtime::wire::TransactionView;
use lockstep_scheduler::{Auto, Mode};

const SIGNATURES: [&str; 4] = ["ed25519", "falcon", "mldsa", "mixed"];
/// Transactions that are verified at once, as many as one sum of ed25519 has.
const VERIFIED: usize = 2_048;
const ROUNDS: usize = 7;
/// Transactions that are executed, and those of a block.
const EXECUTED: usize = 40_000;
const BLOCK_SIZE: usize = 5_000;
const REASON: &str = "the benchmark's own load is sound";

fn workload(signatures: &str, transaction_count: usize) -> Workload {
    let shape = StreamShape {
        transaction_count,
        block_size: BLOCK_SIZE,
    };
    let spec = format!("transfers:accounts=10000:signatures={signatures}");
    let threads = NonZeroUsize::new(2).expect(REASON);
    Workload::new(&spec.parse().expect(REASON), 1, shape, threads).expect(REASON)
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn main() {
    let blocks = SIGNATURES.map(|signatures| workload(signatures, VERIFIED).block(0, [3; 32]));
    let mut least = [f64::MAX; SIGNATURES.len()];
    for _ in 0..ROUNDS {
        for (block, least) in blocks.iter().zip(&mut least) {
            let views = block.iter().map(TransactionView::parse);
            let views: Vec<_> = views.collect::<Result<_, _>>().expect(REASON);
            let verifier = Verifier::new(0);
            let start = cpu_seconds();
            let verdicts = verifier.verify(&views);
            let taken = cpu_seconds() - start;
            assert_eq!(verdicts, vec![true; VERIFIED]);
            *least = least.min(taken / VERIFIED as f64);
        }
    }
    for (signatures, (block, taken)) in SIGNATURES.iter().zip(blocks.iter().zip(least)) {
        println!(
            "signatures::verify/{signatures}: {:.2} us, {:.2} times ed25519, {} bytes a transfer",
            taken * 1e6,
            taken / least[0],
            block.size() / VERIFIED
        );
    }
    for signatures in SIGNATURES {
        let workload = workload(signatures, EXECUTED);
        let options = RunOptions {
            strategy: &Auto,
            mode: Mode::Produce,
            threads: NonZeroUsize::new(2).expect(REASON),
            credits: true,
            verify: true,
            state_root: true,
            checks: true,
        };
        let mut runner = Runner::open(&workload, options).expect(REASON);
        let indexes: Vec<usize> = (0..workload.block_count()).collect();
        runner.run(&workload, &indexes, &|| ()).expect(REASON);
        let measured = runner.measured();
        assert_eq!(measured.mismatch, None);
        assert_eq!(measured.counts.succeeded, EXECUTED);
        println!(
            "signatures::run/{signatures}: {:.0} tx/s by the clock, {:.0} by two processors' time",
            rate(EXECUTED, measured.seconds.total),
            rate(EXECUTED, measured.cpu_seconds / 2.0),
        );
    }
}
