//! What stands behind `--strategy` and `--workload`: names into strategies and kinds of load; and
//! the programs of new chains.

use std::sync::Arc;

use lockstep_benches::workload::{Families, WorkloadSpec};
use lockstep_interface::ProgramTable;
use lockstep_programs::builtin_programs;
use lockstep_scheduler::{Registry, Strategy};

use crate::failure::Failure;

/// The strategies and the kinds of load that the command knows by name, and the programs that its
/// node serves.
///
/// ```no_run
/// use lockstep::Catalogue;
/// # use lockstep_scheduler::Serial as MyStrategy;
///
/// fn main() -> std::process::ExitCode {
///     let mut catalogue = Catalogue::default();
///     catalogue.strategies.register(MyStrategy);
///     lockstep::cli(&catalogue)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The strategies; the default holds the built-in ones.
    pub strategies: Registry,
    /// The kinds of load; the default holds the built-in ones.
    pub families: Families,
    /// The programs of a new ledger of the node, which all commands for ledgers know; the default
    /// holds the built-in ones.
    pub programs: ProgramTable,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            strategies: Registry::default(),
            families: Families::default(),
            programs: builtin_programs(),
        }
    }
}

impl Catalogue {
    /// The strategies of a list of names; `all` stands for every one.
    pub(crate) fn strategies(&self, names: &[String]) -> Result<Vec<Arc<dyn Strategy>>, Failure> {
        let mut found: Vec<Arc<dyn Strategy>> = Vec::new();
        for name in names {
            let more = match name.as_str() {
                "all" => self.strategies.iter().cloned().collect(),
                name => vec![self.strategy(name)?],
            };
            for strategy in more {
                if found.iter().all(|known| known.name() != strategy.name()) {
                    found.push(strategy);
                }
            }
        }
        Ok(found)
    }

    /// The strategy of this name.
    pub(crate) fn strategy(&self, name: &str) -> Result<Arc<dyn Strategy>, Failure> {
        self.strategies.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.strategies.iter().map(|known| known.name()).collect();
            Failure::usage(format!(
                "unknown strategy {name:?}, expected one of {}",
                names.join(", ")
            ))
        })
    }

    /// The workload of this name, options in the name included.
    pub(crate) fn workload(&self, text: &str) -> Result<WorkloadSpec, Failure> {
        self.families.parse(text).map_err(Failure::usage)
    }
}
