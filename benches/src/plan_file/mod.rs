//! Plans as files that other programs can write, read, execute and check: JSON into a [`Plan`]
//! and back.
//!
//! ```text
//! {"strategy": "waits", "mode": "replay", "workers": 2,
//!  "dispatch": ["static"],
//!  "batches": [[[0, 2], [1]]],
//!  "waits": [{"tx": 1, "after": 0}]}
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | `strategy` | the planner's name, for people |
//! | `mode` | `produce`: the plan fixes the order; `replay`: the order of the block is kept |
//! | `workers` | workers that the plan is shaped for; it is right for any other number |
//! | `dispatch` | for each batch the way its lanes are run: `static`, `queued` or `ranked` |
//! | `batches` | batches in order, each a list of lanes, each a list of transactions by their
//! index |
//! | `waits` | `tx` may not start before `after` has finished; both are in one batch |
//!
//! Without `strategy` a plan is called `file`; without `dispatch` every batch is static; without
//! `waits` there are none. What the three kinds of dispatch mean is told by [`Dispatch`]. A file is
//! only a claim: whether it is a plan of some block is for [`lockstep_scheduler::check`] to say.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;

use lockstep_scheduler::{
    AccessTable, Dispatch, Mode, Plan, PlanRequest, Strategy, StrategyError, TransactionIndex, Wait,
};
use serde::{Deserialize, Serialize};

use crate::text_file::FileError;

/// A plan, and what it was made for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlanFile {
    /// Name of the planner.
    pub strategy: String,
    /// What fixes the order of conflicting transactions.
    pub mode: Mode,
    /// Workers that the plan is shaped for.
    pub workers: NonZeroU32,
    /// The plan.
    pub plan: Plan,
}

/// A file that holds no plan.
pub type PlanFileError = FileError<PlanFileCause>;

/// Why it holds none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFileCause {
    /// The file cannot be read.
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
    /// The file is not JSON with the fields of a plan.
    #[error("not a plan: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no such mode.
    #[error("mode is {0:?}, expected \"produce\" or \"replay\"")]
    Mode(String),
    /// The list of dispatch does not go with the batches.
    #[error("dispatch names {found} batches, expected one name for each of the {batches}")]
    DispatchCount {
        /// Names.
        found: usize,
        /// Batches.
        batches: usize,
    },
    /// There is no such dispatch, or it is another than in the first batch.
    #[error("dispatch of batch {batch} is {found:?}, expected {expected}")]
    Dispatch {
        /// The batch, from 0.
        batch: usize,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: String,
    },
}

/// The fields as they stand in the file.
#[derive(Serialize, Deserialize)]
struct Fields {
    #[serde(default = "unnamed")]
    strategy: String,
    workers: NonZeroU32,
    mode: String,
    dispatch: Option<Vec<String>>,
    batches: Vec<Vec<Vec<u32>>>,
    #[serde(default)]
    waits: Vec<WaitFields>,
}

#[derive(Serialize, Deserialize)]
struct WaitFields {
    tx: u32,
    after: u32,
}

fn unnamed() -> String {
    "file".to_owned()
}

/// Kinds of dispatch that a file can name.
const DISPATCHES: [Dispatch; 3] = [Dispatch::Static, Dispatch::Queued, Dispatch::Ranked];

impl PlanFile {
    /// The plan as a file has it.
    ///
    /// # Errors
    /// If it is no JSON, which it always is.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let batches = self.plan.batches();
        let dispatch = batches.map(|batch| batch.dispatch().name().to_owned());
        let numbers = |lane: Vec<TransactionIndex>| lane.into_iter().map(|tx| tx.0).collect();
        let batches = self.plan.to_nested().into_iter();
        let waits = self.plan.waits().iter().map(|wait| WaitFields {
            tx: wait.transaction.0,
            after: wait.after.0,
        });
        let fields = Fields {
            strategy: self.strategy.clone(),
            workers: self.workers,
            mode: self.mode.name().to_owned(),
            dispatch: Some(dispatch.collect()),
            batches: batches
                .map(|lanes| lanes.into_iter().map(numbers).collect())
                .collect(),
            waits: waits.collect(),
        };
        serde_json::to_string(&fields)
    }

    /// Reads a plan from a file.
    ///
    /// # Errors
    /// [`PlanFileError`], which names the file and the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, PlanFileError> {
        let at_file = |cause| FileError::new(path, cause);
        let bytes = fs::read(path).map_err(|error| at_file(error.into()))?;
        Self::parse(&bytes).map_err(at_file)
    }

    fn parse(bytes: &[u8]) -> Result<Self, PlanFileCause> {
        let fields: Fields = serde_json::from_slice(bytes)?;
        let mode = fields.mode.parse();
        let mode = mode.map_err(|_| PlanFileCause::Mode(fields.mode.clone()))?;
        let dispatch = dispatch(fields.dispatch.as_deref(), fields.batches.len())?;
        let lane = |lane: Vec<u32>| lane.into_iter().map(TransactionIndex).collect();
        let batches = fields.batches.into_iter();
        let batches = batches.map(|lanes| lanes.into_iter().map(lane).collect());
        let waits = fields.waits.into_iter().map(|wait| Wait {
            transaction: TransactionIndex(wait.tx),
            after: TransactionIndex(wait.after),
        });
        let plan = Plan::from_nested(batches.collect(), waits.collect());
        Ok(Self {
            strategy: fields.strategy,
            mode,
            workers: fields.workers,
            plan: plan.with_dispatch(dispatch),
        })
    }
}

/// The dispatch of all batches: a [`Plan`] has one.
fn dispatch(names: Option<&[String]>, batch_count: usize) -> Result<Dispatch, PlanFileCause> {
    let Some(names) = names else {
        return Ok(Dispatch::Static);
    };
    if names.len() != batch_count {
        return Err(PlanFileCause::DispatchCount {
            found: names.len(),
            batches: batch_count,
        });
    }
    let wrong = |batch: usize, found: &String, expected: String| PlanFileCause::Dispatch {
        batch,
        found: found.clone(),
        expected,
    };
    let Some(first) = names.first() else {
        return Ok(Dispatch::Static);
    };
    let known = DISPATCHES.into_iter().find(|known| known.name() == first);
    let dispatch = known.ok_or_else(|| {
        let known = DISPATCHES.map(Dispatch::name).join(", ");
        wrong(0, first, format!("one of {known}"))
    })?;
    match names.iter().position(|name| name != first) {
        None => Ok(dispatch),
        Some(batch) => Err(wrong(
            batch,
            &names[batch],
            format!("{first}, that of the first batch"),
        )),
    }
}

/// Gives the plan of the file, whatever the block.
impl Strategy for PlanFile {
    fn name(&self) -> &str {
        &self.strategy
    }

    fn plan(&self, _: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        Ok(self.plan.clone())
    }
}

#[cfg(test)]
mod tests;
