//! What tests of whole blocks share: a small ledger, a program whose behaviour a test chooses,
//! generated blocks, plans that no strategy makes, and runs that must agree.

pub(crate) mod choices;
pub(crate) mod failing;
pub(crate) mod fuzzed;
pub(crate) mod generate;
pub(crate) mod ledger;
pub(crate) mod plans;
pub(crate) mod program;
pub(crate) mod run;
