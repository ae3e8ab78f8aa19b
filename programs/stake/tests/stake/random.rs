//! Random owners, operators and offenders, epoch after epoch: sums are sums, and no reward comes
//! out of nothing.

use std::cell::Cell;

use lockstep_sdk::interface::{Address, Rent};
use lockstep_sdk::prelude::StateData;
use lockstep_stake::{
    REWARDS,
    reward::{earned, index_at, oldest},
    staking::{Deposit, Stake},
    votes::VoteKind,
};
use lockstep_testing::{Block, SOL, Sequences, explore};
use proptest::prelude::*;

use super::{EPOCH, Net, evidence};

/// Three, and the two founders, whose stakes are delegated from the first epoch on.
const OWNERS: usize = 5;
const VALIDATORS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Action {
    Deposit(usize, u64),
    Delegate(usize, usize),
    Deactivate(usize),
    Collect(usize),
    Release(usize),
    Withdraw(usize),
    Fees(u64),
    /// Some slots go by.
    Wait(u64),
    Advance,
    Roll(usize),
    CatchUp,
    Report(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let owner = || 0..OWNERS;
    let amount = prop_oneof![1..1_000_u64, SOL / 2..9 * SOL];
    prop_oneof![
        3 => (owner(), amount).prop_map(|(owner, amount)| Action::Deposit(owner, amount)),
        6 => (owner(), 0..VALIDATORS).prop_map(|(owner, place)| Action::Delegate(owner, place)),
        2 => owner().prop_map(Action::Deactivate),
        5 => owner().prop_map(Action::Collect),
        4 => owner().prop_map(Action::Release),
        2 => owner().prop_map(Action::Withdraw),
        4 => (1..5_000_000_u64).prop_map(Action::Fees),
        6 => (1..2 * EPOCH).prop_map(Action::Wait),
        2 => Just(Action::Advance),
        2 => (0..VALIDATORS).prop_map(Action::Roll),
        9 => Just(Action::CatchUp),
        1 => (0..VALIDATORS).prop_map(Action::Report),
    ]
}

struct Totals {
    done: Cell<u32>,
    jailed: Cell<u32>,
    came_in: Cell<u64>,
    paid: Cell<u64>,
}

/// The validator that an owner's stake is delegated to, by place; 0 if to none.
fn place_of(net: &Net, stake: &Address) -> usize {
    let account = net.chain.account(stake);
    let validator = account.map(|_| net.stake(stake).validator);
    let mut places = 0..net.keys.len();
    places
        .find(|place| Some(net.validator(*place)) == validator)
        .unwrap_or(0)
}

fn take(net: &mut Net, owners: &[Address], action: Action, totals: &Totals) {
    let stake = |owner: usize| Deposit::stake_address(&owners[owner], 0).0;
    let note = |block: Block| {
        if block.call(0).is_ok() {
            totals.done.set(totals.done.get() + 1);
        }
    };
    match action {
        Action::Deposit(owner, amount) => {
            let deposit = lockstep_stake::staking::DepositAddresses {
                owner: owners[owner],
            };
            note(net.run(lockstep_stake::staking::call::deposit(&deposit, 0, amount)));
        }
        Action::Delegate(owner, place) => note(net.delegate(&owners[owner], &stake(owner), place)),
        Action::Deactivate(owner) => {
            let place = place_of(net, &stake(owner));
            note(net.deactivate(&owners[owner], &stake(owner), place));
        }
        Action::Collect(owner) => {
            let place = place_of(net, &stake(owner));
            let block = net.collect(&owners[owner], &stake(owner), place);
            if block.call(0).is_ok() {
                totals
                    .paid
                    .set(totals.paid.get() + block.returned::<u64>(0));
            }
            note(block);
        }
        Action::Release(owner) => {
            let place = place_of(net, &stake(owner));
            let before = net.in_vault(place);
            let block = net.release(&owners[owner], &stake(owner), place);
            if block.call(0).is_ok() {
                totals
                    .paid
                    .set(totals.paid.get() + before - net.in_vault(place));
                totals
                    .came_in
                    .set(totals.came_in.get() + block.returned::<u64>(0));
            }
            note(block);
        }
        Action::Withdraw(owner) => note(net.withdraw(&owners[owner], &stake(owner))),
        Action::Fees(lamports) => {
            net.chain.airdrop(&REWARDS, lamports);
            totals.came_in.set(totals.came_in.get() + lamports);
        }
        Action::Wait(slots) => net.chain.warp_to_slot(net.chain.slot() + slots),
        Action::Advance => note(net.advance()),
        Action::Roll(place) => note(net.roll(place)),
        Action::CatchUp => net.catch_up(),
        Action::Report(place) => {
            let at = (net.now(), 9);
            let votes =
                [1, 2].map(|digest| evidence::vote(net, place, VoteKind::Notarize, digest, at));
            let block = evidence::report(net, place, at, votes);
            if block.call(0).is_ok() {
                totals.jailed.set(totals.jailed.get() + 1);
            }
            note(block);
        }
    }
}

/// All stakes: the founders are owners.
fn stakes(net: &Net, owners: &[Address]) -> Vec<(Address, Stake)> {
    let all = owners
        .iter()
        .map(|owner| Deposit::stake_address(owner, 0).0);
    let there = all.filter(|stake| net.chain.account(stake).is_some());
    there.map(|stake| (stake, net.stake(&stake))).collect()
}

fn check(net: &Net, owners: &[Address], totals: &Totals) {
    let rent = Rent::MAINNET.minimum_balance(Stake::SIZE);
    let course = net.epochs();
    let all = stakes(net, owners);
    let mut sum = 0;
    for place in 0..net.keys.len() {
        let state = net.state(place);
        let (epoch, active) = (state.epoch.get(), state.active.get());
        let own = all
            .iter()
            .filter(|(_, stake)| stake.validator == net.validator(place));
        let is_active = |stake: &Stake| (stake.since.get()..stake.until.get()).contains(&epoch);
        let expected: u64 = own
            .clone()
            .filter(|(_, stake)| is_active(stake))
            .map(|(_, stake)| stake.amount.get())
            .sum();
        if !state.is_jailed.get() {
            assert_eq!(
                active, expected,
                "the stake of validator {place} in epoch {epoch}"
            );
        }
        sum += active;
        // What all its stakes could collect now is in the vault.
        let owed: u64 = own
            .map(|(_, stake)| {
                let end = stake.until.get().min(epoch);
                if end <= stake.paid.get() {
                    return 0;
                }
                let since = index_at(&state.indexes, epoch, stake.since.get());
                let start = match stake.paid.get() > stake.since.get() {
                    true => stake.index.get(),
                    false => since.unwrap_or(oldest(&state.indexes, epoch)),
                };
                let index = index_at(&state.indexes, epoch, end).unwrap_or(start);
                earned(stake.amount.get(), index.wrapping_sub(start)).unwrap()
            })
            .sum();
        assert!(
            owed <= net.in_vault(place),
            "{owed} of {}",
            net.in_vault(place)
        );
    }
    let are_level = (0..net.keys.len()).all(|place| net.state(place).epoch == course.epoch);
    if are_level {
        assert_eq!(sum, course.active.get(), "the stake of all");
    }
    assert!(course.owed.get() <= net.pot());
    for (address, stake) in &all {
        assert_eq!(net.chain.lamports(address), rent + stake.amount.get());
    }
    assert!(
        totals.paid.get() <= totals.came_in.get(),
        "rewards out of nothing"
    );
}

#[test]
fn sums_are_sums_and_no_reward_comes_out_of_nothing() {
    let mut net = Net::new();
    net.bind().all_ok();
    net.register("third", 500);
    let others = ["a", "b", "c"].map(|name| net.chain.wallet(name));
    let owners = [&net.identities[..2], &others].concat();
    let full = std::env::var_os("LOCKSTEP_FULL").is_some();
    let sequences = Sequences {
        seed: 17,
        count: if full { 8_000 } else { 48 },
        length_max: 60,
    };
    let totals = Totals {
        done: Cell::new(0),
        jailed: Cell::new(0),
        came_in: Cell::new(0),
        paid: Cell::new(0),
    };
    explore(
        &mut net,
        sequences,
        action(),
        |net, action| take(net, &owners, *action, &totals),
        |net| check(net, &owners, &totals),
    );
    let (done, paid) = (totals.done.get(), totals.paid.get());
    eprintln!(
        "{done} calls took effect, {} jailed, {paid} lamports paid",
        totals.jailed.get()
    );
    assert!(done > 150 && paid > 1_000_000 && totals.jailed.get() > 0);
}
