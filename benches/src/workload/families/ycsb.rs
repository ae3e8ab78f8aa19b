//! `ycsb`: transactions that read and update records drawn by popularity.
//!
//! The core workloads: A is `reads=50%`, B `reads=95%`, C `reads=100%`; a read-modify-write (F)
//! locks what an update locks. A transaction takes several records, as the studies of concurrency
//! control do, since a single one is all that the original has.
//!
//! Sources: B. Cooper, A. Silberstein, E. Tam, R. Ramakrishnan and R. Sears, Benchmarking cloud
//! serving systems with YCSB, SoCC 2010; X. Yu, G. Bezerra, A. Pavlo, S. Devadas and
//! M. Stonebraker, Staring into the abyss, VLDB 2014, for several records a transaction.

use lockstep_interface::{Account, AccountMeta, Address};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::replay::{self, COST, PAYERS, Replay, read, write};
use super::{Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::{OptionSpec, WorkloadSpec};
use crate::workload::sample::Zipf;

/// Most records of a transaction: so many addresses fit a legacy message.
const OPERATIONS_MAX: u64 = 24;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "ycsb",
    about: "YCSB: records drawn by popularity, read or updated",
    options: &[
        PAYERS,
        replay::count("accounts", 100_000, 64, "records"),
        OptionSpec {
            default: 990,
            ..super::zipf::EXPONENT
        },
        replay::percent("reads", 50, "operations that only read: A 50, B 95, C 100"),
        OptionSpec {
            max: OPERATIONS_MAX,
            ..replay::count("operations", 4, 1, "records of a transaction")
        },
        COST,
    ],
    build: |spec, seed| Ok(Box::new(Ycsb::new(spec, seed))),
};

#[derive(Debug)]
struct Ycsb {
    replay: Replay,
    records: Vec<Address>,
    popularity: Zipf,
    reads: u64,
    operations: usize,
}

impl Ycsb {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let count = spec.count("accounts");
        Self {
            replay: Replay::new(spec, seed),
            records: replay::addresses(b"record", count, seed),
            popularity: Zipf::new(count, spec.value("exponent")),
            reads: spec.value("reads"),
            operations: spec.count("operations"),
        }
    }

    /// Different records, by popularity.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(self.operations);
        while drawn.len() < self.operations {
            let mut record = self.popularity.sample(rng);
            // There are more records than operations, so this ends.
            while drawn.contains(&record) {
                record = rng.random_range(0..self.records.len());
            }
            drawn.push(record);
        }
        drawn
    }
}

impl Family for Ycsb {
    fn keys(&self) -> &Keyring {
        self.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.replay.genesis(&self.records)
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.replay.payer(rng);
        let records = self.draw(rng).into_iter();
        let metas: Vec<AccountMeta> = records
            .map(|record| {
                let is_read = rng.random_range(0..100) < self.reads;
                let lock = if is_read { read } else { write };
                lock(&self.records[record])
            })
            .collect();
        self.replay.draft(place, payer, metas)
    }
}
