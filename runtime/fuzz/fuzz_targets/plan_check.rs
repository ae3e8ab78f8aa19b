//! Bytes make a small block and a plan: every strategy's plan must pass the checker and the
//! pairwise definition of a valid plan, and the checker must agree with that definition on a
//! plan of arbitrary shape.
#![no_main]

use std::num::NonZeroU32;

use libfuzzer_sys::fuzz_target;
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Bounds, Colouring, CostModel, Mode, Plan, PlanRequest,
    TransactionIndex, Wait, check, predict, strategies,
};

#[path = "../../scheduler/tests/common/oracle.rs"]
mod oracle;

/// Takes bytes from the front; zeros once they are used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }
}

fn block(bytes: &mut Bytes<'_>) -> AccessTable {
    let mut table = AccessTable::new();
    let account_count = bytes.take() % 24 + 1;
    for _ in 0..bytes.take() % 40 {
        let shape = bytes.take();
        let accesses: Vec<Access> = (0..shape % 5)
            .map(|_| {
                let byte = bytes.take();
                let account = AccountIndex(u32::from((byte >> 2) % account_count));
                match byte & 3 {
                    0 => Access::read(account),
                    1 => Access::credit(account),
                    _ => Access::write(account),
                }
            })
            .collect();
        table.push(accesses, u64::from(shape / 5) * 1_000);
    }
    table
}

fn plan(bytes: &mut Bytes<'_>, transaction_count: u8) -> Plan {
    let mut batches: Vec<Vec<Vec<TransactionIndex>>> = vec![vec![Vec::new()]];
    let length = transaction_count
        .saturating_add(bytes.take() % 3)
        .saturating_sub(1);
    for position in 0..length {
        let byte = bytes.take();
        if byte & 0x80 != 0 {
            batches.push(vec![Vec::new()]);
        }
        let lanes = batches.last_mut().expect("there is a batch");
        let lane = usize::from(byte % 4);
        if lanes.len() <= lane {
            lanes.resize(lane + 1, Vec::new());
        }
        // Mostly in order, now and then any number.
        let number = if byte & 0x70 == 0x70 {
            bytes.take()
        } else {
            position
        };
        lanes[lane].push(TransactionIndex(u32::from(number)));
    }
    let waits = (0..bytes.take() % 16).map(|_| Wait {
        transaction: TransactionIndex(u32::from(bytes.take() % transaction_count.max(1))),
        after: TransactionIndex(u32::from(bytes.take() % transaction_count.max(1))),
    });
    Plan::from_nested(batches, waits.collect())
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let workers = NonZeroU32::new(u32::from(bytes.take() % 9) + 1).expect("it is at least one");
    let table = block(&mut bytes);
    let count = u8::try_from(table.transaction_count()).expect("the block is small");
    let arbitrary = plan(&mut bytes, count);
    let bounds = Bounds::of(&table);
    for mode in Mode::ALL {
        // The tabu search takes the same steps however small the block is: a few must do.
        let mut all = strategies();
        all.retain(|strategy| strategy.name() != "iterated");
        all.push(Box::new(Colouring::Iterated { step_count_max: 50 }));
        for strategy in all {
            let request = PlanRequest::new(mode, workers);
            let plan = strategy.plan(&table, &request).expect("the block is small");
            let name = strategy.name();
            assert_eq!(
                oracle::verdict(&plan, &table, mode),
                Ok(()),
                "{name} {mode}\n{plan}"
            );
            let makespan = predict(&plan, &table, workers, &CostModel::FREE);
            assert!(
                makespan >= bounds.lower_bound(mode, workers),
                "{name} {mode}\n{plan}"
            );
            if let Err(refused) = check(plan, &table, mode) {
                panic!("{name} {mode}: {refused}\n{}", refused.plan);
            }
        }
        let expected = oracle::verdict(&arbitrary, &table, mode);
        let found = check(arbitrary.clone(), &table, mode);
        assert_eq!(
            found.is_ok(),
            expected.is_ok(),
            "{mode} {expected:?} {found:?}"
        );
    }
});
