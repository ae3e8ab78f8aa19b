//! The rules of a transaction, one file a rule, under the name that Agave has for it.
//!
//! ```text
//! schemes  schemes of signatures besides ed25519          the message, and what is activated
//! budget   compute-budget requests, limits and price     the message alone
//! lookup   addresses out of lookup tables                an account and a slot
//! locks    how many accounts, which of them for writing  addresses
//! cost     what is taken of a block's limits             instructions and a budget
//! nonce    durable nonces in place of blockhashes        an account and a blockhash
//! fee      whether the payer can pay                     an account and an amount
//! fee_policy  what becomes of a block's fees             numbers and an account
//! loaded   what is loaded, and whether programs can run  accounts
//! rent     what balance an account may be left with      numbers
//! ```
//!
//! A rule is a pure function of accounts and numbers. It knows no bank, no store and no thread;
//! the stages that judge a transaction ([`prepare`](crate::prepare) before anything runs,
//! [`execute`](crate::execute) while it does) call the rules in Agave's order.

use lockstep_interface::{RuleSet, TransactionError};

use crate::wire::TransactionView;

pub(crate) mod budget;
pub(crate) mod cost;
pub(crate) mod fee;
pub(crate) mod fee_policy;
pub(crate) mod loaded;
pub(crate) mod locks;
pub(crate) mod lookup;
pub(crate) mod nonce;
pub(crate) mod rent;
pub(crate) mod schemes;

pub use budget::Budget;
pub use cost::Cost;
pub(crate) use fee_policy::receive_share;
pub use fee_policy::{FEE_PARTS, FeePolicy, FeePolicyError, FeeSplit};
pub use locks::AccountKey;
pub use lookup::TABLE_HEADER_SIZE;
pub(crate) use schemes::{check_schemes, signature_count};

/// What a transaction asks for and pays, by the rules, going by its message alone.
///
/// # Errors
/// The rule that its requests break.
pub fn budget_of(view: &TransactionView<'_>, rules: RuleSet) -> Result<Budget, TransactionError> {
    let mut requests = budget::Requests::new(rules, view.version());
    let mut sums = cost::CostSums::new(rules, 0);
    for instruction in view.instructions() {
        let program = view.static_key(usize::from(instruction.program_index));
        let program = program.expect("the parser has checked that programs are static keys");
        requests.add(&program, instruction.data);
        sums.add(&program, instruction.data);
    }
    requests.budget(view, sums.signatures())
}

/// What a transaction with this budget takes of its block's limits, going by its message alone.
pub fn cost_of(view: &TransactionView<'_>, budget: &Budget, rules: RuleSet) -> Cost {
    let keys = 0..view.static_keys().len();
    let own = keys.filter(|key| view.is_writable_static(*key)).count();
    let locks = own.saturating_add(view.writable_lookup_count());
    let mut sums = cost::CostSums::new(rules, locks);
    for instruction in view.instructions() {
        let program = view.static_key(usize::from(instruction.program_index));
        let program = program.expect("the parser has checked that programs are static keys");
        sums.add(&program, instruction.data);
    }
    sums.cost(signature_count(view), budget)
}
