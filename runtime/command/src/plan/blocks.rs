//! The blocks of a load as planners see them: numbered, under a policy, at estimated costs.

use lockstep_benches::access::AccessList;
use lockstep_benches::estimates::estimates;
use lockstep_benches::planning::InternedBlock;
use lockstep_benches::runner::RunOptions;
use lockstep_benches::trace::TraceTransaction;
use lockstep_scheduler::{Layered, Policy};

use super::Arguments;
use crate::failure::Failure;
use crate::source::{Load, all_cores};

/// The blocks to plan, by position.
pub(super) struct Blocks<'a> {
    arguments: &'a Arguments,
    load: &'a Load,
    indexes: &'a [usize],
    /// What strategies are told of each block; `None` if that is the truth.
    estimates: Option<Vec<Vec<u64>>>,
}

impl<'a> Blocks<'a> {
    /// Runs the load where its costs are to be learned.
    pub(super) fn of(
        arguments: &'a Arguments,
        load: &'a Load,
        indexes: &'a [usize],
    ) -> Result<Self, Failure> {
        let options = RunOptions {
            strategy: &Layered,
            mode: arguments.mode,
            threads: all_cores(),
            credits: !arguments.no_credits,
            verify: false,
            state_root: false,
            checks: false,
        };
        let estimates = match load {
            Load::Generated(workload) => estimates(workload, indexes, arguments.costs, options),
            Load::Recorded { .. } => Ok(None),
        };
        let blocks = Self {
            arguments,
            load,
            indexes,
            estimates: estimates.map_err(Failure::other)?,
        };
        blocks.check_estimates()?;
        Ok(blocks)
    }

    /// Refuses blocks of which some transactions have no estimate.
    fn check_estimates(&self) -> Result<(), Failure> {
        let (Load::Generated(workload), Some(estimates)) = (self.load, &self.estimates) else {
            return Ok(());
        };
        for (&index, estimates) in self.indexes.iter().zip(estimates) {
            let refused = workload.block_size(index).saturating_sub(estimates.len());
            if refused > 0 {
                return Err(Failure::usage(format!(
                    "--costs {} needs blocks that an engine takes whole, and {refused} transactions \
                     of block {index} are refused",
                    self.arguments.costs
                )));
            }
        }
        Ok(())
    }

    /// The number of blocks to plan. Without any block, an empty one shows what strategies make of
    /// it.
    pub(super) fn count(&self) -> usize {
        self.indexes.len().max(1)
    }

    /// What a block declares, and the block.
    pub(super) fn get(&self, position: usize) -> (Vec<AccessList>, InternedBlock) {
        let Some(&index) = self.indexes.get(position) else {
            return (Vec::new(), InternedBlock::new(&[]));
        };
        let lists = self.access_lists(index);
        let mut block = InternedBlock::new(&lists);
        if self.arguments.policy == Policy::Priority {
            block = block.with_priorities(self.priority_fees(index));
        }
        if let Load::Recorded { trace, .. } = self.load {
            let transactions = trace.blocks[index].transactions.iter();
            block = block.with_names(transactions.flat_map(|known| known.names.iter().cloned()));
        }
        if let Some(estimates) = &self.estimates {
            block = block.with_estimates(estimates[position].clone());
        }
        (lists, block)
    }

    /// What the transactions of a block declare: as recorded, or as generated.
    fn access_lists(&self, index: usize) -> Vec<AccessList> {
        let mut lists = match self.load {
            Load::Generated(workload) => workload.access_lists(index),
            Load::Recorded { trace, .. } => {
                let transactions = trace.blocks[index].transactions.iter();
                transactions.map(TraceTransaction::access_list).collect()
            }
        };
        if self.arguments.no_credits {
            lists.iter_mut().for_each(|list| list.credits.clear());
        }
        lists
    }

    /// What the transactions of a block offer for being early, in micro-lamports.
    fn priority_fees(&self, index: usize) -> Vec<u64> {
        match self.load {
            Load::Generated(workload) => workload.priority_fees(index),
            Load::Recorded { trace, .. } => {
                let transactions = trace.blocks[index].transactions.iter();
                transactions.map(TraceTransaction::priority_fee).collect()
            }
        }
    }
}
