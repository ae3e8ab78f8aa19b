//! What a chain's activations add to what its genesis decided, slot by slot.

use lockstep_interface::{
    Address, Environment, ProgramTable, RuleSet, SignatureScheme,
    activation::{Activation, SCHEDULE, Schedule},
};
use lockstep_store::Change;
use thiserror::Error;

use super::program_account;
use crate::verify::is_linked;

/// A feature that a chain has activated, and that is not linked in here.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "from slot {slot} on the chain needs {name} ({feature}), which this release lacks: use one that \
     has it"
)]
pub struct MissingFeature {
    /// The program, the rule set, or the scheme of signatures.
    pub feature: Address,
    /// What the schedule calls it.
    pub name: String,
    /// The first slot in which it is needed.
    pub slot: u64,
}

impl From<&Activation> for MissingFeature {
    fn from(activation: &Activation) -> Self {
        Self {
            feature: activation.feature,
            name: activation.name.clone(),
            slot: activation.slot,
        }
    }
}

/// Adds features to an environment; gives the accounts of the programs that they bring.
///
/// # Errors
/// Names the first that is not linked in.
pub(super) fn activate<'a>(
    features: impl Iterator<Item = &'a Activation>,
    environment: &mut Environment,
    linked: &ProgramTable,
) -> Result<Vec<Change>, MissingFeature> {
    let mut accounts = Vec::new();
    for activation in features {
        let feature = &activation.feature;
        if let Some(rules) = RuleSet::of_feature(feature) {
            environment.rules = rules;
            continue;
        }
        // A bank takes those that hold from the schedule.
        if SignatureScheme::of_feature(feature).is_some_and(is_linked) {
            continue;
        }
        let program = linked.get(feature).ok_or(activation)?;
        accounts.push((*feature, program_account(program.name())));
        environment.programs = environment.programs.clone().with_of(linked, feature);
    }
    Ok(accounts)
}

/// True if a release has what a feature stands for.
pub(crate) fn has_feature(feature: &Address, linked: &ProgramTable) -> bool {
    RuleSet::of_feature(feature).is_some()
        || SignatureScheme::of_feature(feature).is_some_and(is_linked)
        || linked.get(feature).is_some()
}

/// The schedule among accounts in ascending order of addresses; `None` if it is not one of them.
pub(super) fn schedule_in(accounts: &[Change]) -> Option<Schedule> {
    let place = accounts.binary_search_by_key(&SCHEDULE, |(address, _)| *address);
    let (_, account) = &accounts[place.ok()?];
    Some(Schedule::from_account(account).unwrap_or_default())
}
