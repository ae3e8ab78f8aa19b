//! The rules of a transaction, one file a rule, under the name that Agave has for it.
//!
//! ```text
//! budget   compute-budget requests, limits and price     the message alone
//! lookup   addresses out of lookup tables                an account and a slot
//! locks    how many accounts, which of them for writing  addresses
//! cost     what is taken of a block's limits             instructions and a budget
//! nonce    durable nonces in place of blockhashes        an account and a blockhash
//! fee      whether the payer can pay                     an account and an amount
//! loaded   what is loaded, and whether programs can run  accounts
//! rent     what balance an account may be left with      numbers
//! ```
//!
//! A rule is a pure function of accounts and numbers. It knows no bank, no store and no thread;
//! the stages that judge a transaction ([`prepare`](crate::prepare) before anything runs,
//! [`execute`](crate::execute) while it does) call the rules in Agave's order.

pub(crate) mod budget;
pub(crate) mod cost;
pub(crate) mod fee;
pub(crate) mod loaded;
pub(crate) mod locks;
pub(crate) mod lookup;
pub(crate) mod nonce;
pub(crate) mod rent;

pub use budget::Budget;
pub use cost::Cost;
pub use locks::AccountKey;
pub use lookup::TABLE_HEADER_SIZE;
