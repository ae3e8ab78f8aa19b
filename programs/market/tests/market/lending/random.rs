//! Random users of two reserves, in blocks that run in parallel and serially.

use std::cell::Cell;

use lockstep_market::{
    debt::SHARES_LOCKED,
    lend::lending::{Flashed, Liquidated, Loan, Reserve, call},
};
use lockstep_sdk::prelude::Mint;
use lockstep_testing::{Call, Sequences, explore};
use proptest::prelude::*;

use super::{GOLD, House, IRON, User, pledge, refusals::position};
use crate::sequences;

/// What a random user does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Deposit(usize, u64),
    Withdraw(usize, u64),
    Pledge(u64),
    Release(u64),
    Borrow(u64),
    Repay(u64),
    /// The next user's loan.
    Liquidate(u64),
    /// An amount, and what is missing of amount and fee.
    Flash(u64, u64),
    /// A loan of the next user.
    BorrowAs(u64),
    /// The next user's shares.
    Rob(u64),
    /// Tokens for the vault, past the program.
    Donate(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let amount = || prop_oneof![1..20_u64, 1..5_000_u64, 1..200_000_u64];
    prop_oneof![
        3 => (0..2_usize, amount()).prop_map(|(side, amount)| Action::Deposit(side, amount)),
        3 => (0..2_usize, amount()).prop_map(|(side, shares)| Action::Withdraw(side, shares)),
        3 => amount().prop_map(Action::Pledge),
        2 => amount().prop_map(Action::Release),
        5 => amount().prop_map(Action::Borrow),
        3 => prop_oneof![amount(), Just(u64::MAX)].prop_map(Action::Repay),
        4 => prop_oneof![amount(), Just(u64::MAX)].prop_map(Action::Liquidate),
        2 => (amount(), 0..2_u64).prop_map(|(amount, missing)| Action::Flash(amount, missing)),
        1 => amount().prop_map(Action::BorrowAs),
        1 => amount().prop_map(Action::Rob),
        1 => (1..50_u64).prop_map(Action::Donate),
    ]
}

fn taken(house: &House, users: &[User], index: usize, action: Action) -> Call {
    let (own, next) = (users[index], users[(index + 1) % users.len()]);
    match action {
        Action::Deposit(side, amount) => house.deposit(&own, side, amount),
        Action::Withdraw(side, shares) => house.withdraw(&own, side, shares),
        Action::Pledge(shares) => pledge(&own, shares),
        Action::Release(shares) => house.release(&own, shares),
        Action::Borrow(amount) => house.borrow(&own, amount),
        Action::Repay(amount) => house.repay(&own, &own, amount),
        Action::Liquidate(amount) => house.liquidate(&own, &next, amount),
        Action::Flash(amount, missing) => {
            let fee = (u128::from(amount) * 9).div_ceil(10_000) as u64;
            house.flash(&own, amount, amount + fee - missing)
        }
        Action::BorrowAs(amount) => {
            let mut stolen = house.borrow_of(&own);
            stolen.loan = next.loan;
            call::borrow(&stolen, amount).into()
        }
        Action::Rob(shares) => {
            let mut call = call::withdraw(&house.bank(&own, IRON), shares, 0);
            let supply = position(&call, &own.supplies[IRON]);
            call.accounts[supply].address = next.supplies[IRON];
            call.into()
        }
        Action::Donate(amount) => {
            use lockstep_programs::token::instruction::transfer;
            let vault = house.desks[IRON].vault;
            transfer(&own.purses[IRON], &vault, &own.wallet, amount).into()
        }
    }
}

/// Tokens are conserved, vaults cover liquidity, shares and debts add up, and a reserve owes its
/// depositors no more than it has and is owed.
fn check_invariants(house: &House, users: &[User], supplies: [u64; 2]) {
    let slot = house.chain.slot();
    for side in [GOLD, IRON] {
        let reserve = house.reserve(side);
        let vault = house.chain.balance(&house.desks[side].vault);
        let held: u64 = users
            .iter()
            .map(|user| house.chain.balance(&user.purses[side]))
            .sum();
        assert_eq!(held + vault, supplies[side], "tokens are conserved");
        assert!(vault >= reserve.liquidity.get());
        let mut owners: Vec<u64> = users.iter().map(|user| house.shares(user, side)).collect();
        let loans: Vec<Loan> = users.iter().map(|user| house.loan(user)).collect();
        let books = reserve.books(slot);
        let mut owed = 0;
        if side == GOLD {
            owners.extend(loans.iter().map(|loan| loan.shares.get()));
            assert_eq!(books.debt_shares, 0);
        } else {
            let debts: u64 = loans.iter().map(|loan| loan.debt_shares.get()).sum();
            assert_eq!(debts, books.debt_shares, "debts add up");
            owed = loans
                .iter()
                .map(|loan| books.owed(loan.debt_shares.get()))
                .sum();
        }
        let shares: u64 = owners.iter().sum();
        assert_eq!(shares + SHARES_LOCKED, books.shares, "shares add up");
        let worth: u128 = owners
            .iter()
            .map(|shares| books.worth(*shares).expect("it is small"))
            .sum();
        assert!(
            worth + books.cushion <= u128::from(books.liquidity) + owed,
            "a reserve is solvent: {books:?}"
        );
    }
}

/// Neither the worth of a share nor an index falls, but for a loss above the cushion.
fn check_worth(before: &[Reserve; 2], house: &House, slot: u64, losses: u128) {
    for side in [GOLD, IRON] {
        let (old, new) = (before[side].books(slot), house.reserve(side).books(slot));
        assert!(new.index >= old.index);
        let [old, new] = [old, new].map(|books| (books.assets(), u128::from(books.shares)));
        let is_borne = side == IRON && losses > 0;
        assert!(
            new.0 * old.1 >= old.0 * new.1 || is_borne,
            "{old:?} {new:?}"
        );
    }
}

#[test]
fn random_borrowers_change_no_invariant() {
    let (mut house, bank, user) = House::stocked();
    let mut users = vec![bank, user];
    users.extend(["x", "y"].map(|name| house.user(name)));
    for user in &users {
        let calls = [house.deposit(user, GOLD, 20_000), pledge(user, 10_000)];
        for call in calls {
            house.chain.run(call).all_ok();
        }
        house.set_prices([50, 2]);
        let borrow = house.borrow(user, 100_000);
        house.chain.run(borrow).all_ok();
    }
    let supplies = house.mints.map(|mint| {
        let mint: Mint = house.chain.state(&mint);
        mint.supply.get()
    });
    let (done, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let [liquidated, lost, lent] = [const { Cell::new(0_usize) }; 3];
    explore(
        &mut house,
        sequences(Sequences {
            seed: 16,
            count: 44,
            length_max: 18,
        }),
        (
            prop_oneof![0..3_u64, 0..3_000_u64],
            (prop_oneof![40..60_u64, 1..60_u64], 1..4_u64),
            prop::collection::vec((0..4_usize, action()), 1..16),
        ),
        |house, (slots, prices, actions)| {
            house.pass(*slots);
            house.set_prices([prices.0, prices.1]);
            let before = [GOLD, IRON].map(|side| house.reserve(side));
            let slot = house.chain.slot();
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(house, &users, *index, *action))
                .collect();
            let block = house.chain.run_block(calls);
            for ((_, action), call) in actions.iter().zip(block.executed()) {
                let count = if call.is_ok() { &done } else { &refused };
                count.set(count.get() + 1);
                let is_theft = match action {
                    Action::BorrowAs(_) | Action::Rob(_) => true,
                    Action::Flash(_, missing) => *missing > 0,
                    _ => false,
                };
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
            let told = block.events::<Liquidated>();
            let losses = told.iter().map(|told| told.loss).sum();
            liquidated.set(liquidated.get() + told.len());
            lost.set(lost.get() + told.iter().filter(|told| told.loss > 0).count());
            lent.set(lent.get() + block.events::<Flashed>().len());
            check_worth(&before, house, slot, losses);
        },
        |house| check_invariants(house, &users, supplies),
    );
    println!(
        "lending: {} actions succeeded, {} were refused; {} liquidations, {} with a loss, {} flash \
         loans",
        done.get(),
        refused.get(),
        liquidated.get(),
        lost.get(),
        lent.get()
    );
    assert!(done.get() > 100 && refused.get() > 20);
    assert!(liquidated.get() > 5 && lent.get() > 5);
}
