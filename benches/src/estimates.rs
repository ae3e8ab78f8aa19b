//! What an engine takes transactions to cost before it runs them, block by block.
//!
//! A plan is as good as its planner's costs. Recorded costs are the truth, which an engine learns
//! only afterwards: it plans with what it has learned from the blocks before, and with the limits
//! that transactions ask for where it has learned nothing.

use std::fmt;
use std::str::FromStr;

use crate::runner::{RunError, RunOptions, Runner};
use crate::workload::Workload;

/// The costs that a strategy is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Costs {
    /// What transactions use when they run, as recorded or generated.
    #[default]
    Recorded,
    /// What an engine has learned from the blocks of the load before.
    Learned,
    /// The compute-unit limits: what an engine that has learned nothing goes by.
    Limit,
}

impl Costs {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Recorded, Self::Learned, Self::Limit];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Learned => "learned",
            Self::Limit => "limit",
        }
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Costs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|costs| costs.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown costs {text:?}, expected one of {names}")
        })
    }
}

/// The costs of the transactions of some blocks, given by index, as an engine estimates them;
/// `None` for [`Costs::Recorded`], which no engine knows. What is learned comes from running all
/// blocks up to the last of these. Transactions that a block refuses have no estimate.
///
/// # Errors
/// See [`RunError`].
pub fn estimates(
    workload: &Workload,
    indexes: &[usize],
    costs: Costs,
    options: RunOptions<'_>,
) -> Result<Option<Vec<Vec<u64>>>, RunError> {
    let mut found = Vec::new();
    let mut run = |indexes: &[usize]| {
        let mut runner = Runner::open(workload, options)?;
        runner.run_and_show(workload, indexes, &|| (), &mut |block| {
            let table = &block.schedule.table;
            found.push(
                table
                    .transactions()
                    .map(|index| table.cost(index))
                    .collect(),
            );
        })
    };
    match costs {
        Costs::Recorded => return Ok(None),
        // A chain that has just begun has learned nothing.
        Costs::Limit => indexes.iter().try_for_each(|index| run(&[*index]))?,
        Costs::Learned => {
            let end = indexes.last().map_or(0, |last| last.saturating_add(1));
            run(&(0..end).collect::<Vec<_>>())?;
            found = indexes
                .iter()
                .map(|&index| std::mem::take(&mut found[index]))
                .collect();
        }
    }
    Ok(Some(found))
}
