//! `staking`: stake that is delegated to the validators of a network, their members by stake, and
//! rewards out of the fees of blocks.
//!
//! Time goes by in *epochs* of a fixed number of slots. What is delegated or taken back counts from
//! the next epoch on. The stakers' share of fees gathers in the [`REWARDS`] account; once an epoch
//! is over it is divided among all stake that was active in it, and each validator's part between
//! a commission and its delegators. The account layouts are this program's own, not those of
//! Solana's Stake program.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `bind` | epochs | | |
//! | `advance` | epochs | | rewards |
//! | `register` | identity, validator and vault (both new) | | key, epochs |
//! | `set_commission` | validator | | identity |
//! | `roll` | epochs, validator, vault, rewards, members | | |
//! | `take` | identity, validator | | |
//! | `deposit` | owner, stake | | |
//! | `delegate`, `deactivate` | stake | epochs, validator | owner |
//! | `collect` | owner, stake, vault | | epochs, validator |
//! | `release` | owner, stake, vault | rewards | epochs, validator |
//! | `withdraw` | owner, stake (ends) | | |
//! | `report` | validator, members | epochs | |
//!
//! # Contention
//!
//! Delegators of one validator share nothing that they write: a stake is an account of its owner's,
//! which holds its lamports, and the sums over stakes, of a validator and of all, are tallies.
//! Where these accounts are only read, it is without their counters, so that nothing waits for an
//! addition. Rewards are paid out of a vault for each validator; calls that collect from one vault
//! take turns. What every validator has in common is written once an epoch: `advance` for all, then
//! `roll` for each validator, in any order, by any payer.
//!
//! # Epochs
//!
//! Additions of two epochs in a row are kept apart, so that epoch n + 1 may go on while what
//! changed in epoch n is not rolled yet. With a validator that is further behind, a stake neither
//! begins nor ends until `advance` and `roll` have caught up. Indexes of the last
//! [`HISTORY`](reward::HISTORY) epochs are kept: rewards of a stake that is not collected within
//! that many epochs after it began or ended, or of a validator that is not rolled for as long, are
//! forfeited and stay where they are.
//!
//! Every division rounds down, and the rest stays with the account that pays: rewards never exceed
//! what came in.
//!
//! # Members
//!
//! The [`MEMBERS`] account lists the validators with the most stake, in ascending order of keys, as
//! far as they have been rolled; it is meant to be read at the end of an epoch for the next one. A
//! validator that signs two blocks in one view is jailed for ever by `report`: it is a member no
//! more, and every stake that was active in the epoch of the offence loses a part, which goes to
//! the rewards of the others.
//!
//! # A client
//!
//! ```
//! use lockstep_stake::{Terms, genesis, staking::{self, *}};
//! use lockstep_testing::{Chain, SOL};
//!
//! let mut chain = Chain::builder().program(StakingProgram).build();
//! let terms = Terms { epoch_slots: 10, cooldown_epochs: 2, slash_parts: 500, stake_min: SOL };
//! chain.set_accounts(genesis(&terms, &[]).unwrap());
//! let [identity, key, owner] = ["identity", "key", "owner"].map(|name| chain.wallet(name));
//!
//! let register = RegisterAddresses { identity, key };
//! chain.run(staking::call::register(&register, 1_000)).all_ok();
//! let (validator, _) = Register::validator_address(&key);
//! chain.run(staking::call::deposit(&DepositAddresses { owner }, 0, 5 * SOL)).all_ok();
//! let (stake, _) = Deposit::stake_address(&owner, 0);
//! let delegate = DelegateAddresses { owner, stake, validator };
//! chain.run(staking::call::delegate(&delegate)).all_ok();
//!
//! chain.warp_to_slot(10);
//! chain.run(staking::call::advance(&AdvanceAddresses {})).all_ok();
//! let (vault, _) = Register::vault_address(&validator);
//! chain.run(staking::call::roll(&RollAddresses { validator, vault })).all_ok();
//! assert_eq!(chain.state::<Validator>(&validator).active.get(), 5 * SOL);
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "small numbers of test cases"
    )
)]

mod course;
mod genesis;
pub mod members;
pub mod program;
pub mod reward;
pub mod votes;

use lockstep_interface::Address;

pub use genesis::{Founder, Terms, genesis};
pub use program::staking;

/// The account of terms, epochs and sums.
pub const EPOCHS: Address = Address::from_str_const("StakingEpochs111111111111111111111111111111");
/// The account that the stakers' share of fees goes to. It has no data, and belongs to the program.
pub const REWARDS: Address = Address::from_str_const("StakingRewards11111111111111111111111111111");
/// The account that lists the members.
pub const MEMBERS: Address = Address::from_str_const("StakingMembers11111111111111111111111111111");
