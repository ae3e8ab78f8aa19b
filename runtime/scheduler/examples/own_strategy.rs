//! A strategy of one's own: it cuts the block wherever a transaction conflicts with one since the
//! last cut. It is registered, plans a block, and its plan is checked like any other.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Mode, Plan, PlanRequest, Registry, Strategy, StrategyError,
    check,
};

/// Each batch is a run of neighbours without conflict.
#[derive(Debug)]
struct Runs;

impl Strategy for Runs {
    fn name(&self) -> &str {
        "runs"
    }

    fn plan(&self, table: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        // By account: the batch that last used it, and the one that last wrote it.
        let mut used = vec![None; table.account_count()];
        let mut written = used.clone();
        let mut batch_of: Vec<u32> = Vec::new();
        for transaction in table.transactions() {
            let accesses = table.accesses(transaction);
            let now = batch_of.last().copied().unwrap_or(0);
            let is_cut = accesses.iter().any(|access| {
                let earlier = if access.is_write() { &used } else { &written };
                earlier[access.account().index()] == Some(now)
            });
            let batch = now.saturating_add(u32::from(is_cut));
            for access in accesses {
                used[access.account().index()] = Some(batch);
                if access.is_write() {
                    written[access.account().index()] = Some(batch);
                }
            }
            batch_of.push(batch);
        }
        Ok(Plan::from_colours(&batch_of))
    }
}

fn main() {
    let mut table = AccessTable::new();
    for accounts in [[0, 1], [2, 3], [1, 4], [5, 6], [3, 2]] {
        table.push(accounts.map(|id| Access::write(AccountIndex(id))), 1_000);
    }
    let mut registry = Registry::new();
    registry.register(Runs);
    let strategy = registry.get("runs").expect("it was registered");
    let request = PlanRequest::new(Mode::Replay, 4.try_into().expect("four is not zero"));
    let plan = strategy.plan(&table, &request).expect("it takes any block");
    let checked = check(plan, &table, request.mode).expect("a cut parts what conflicts");
    print!("{}", checked.plan());
}
