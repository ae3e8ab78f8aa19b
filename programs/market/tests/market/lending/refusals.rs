//! What reserves refuse: flash loans that are not paid, thefts, foreign reserves, and what is there
//! already.

use lockstep_market::{
    debt::PARTS,
    lend::{
        accounts::*,
        lending::{Flashed, ID, LendError, Rules, call},
    },
};
use lockstep_sdk::{
    interface::{AccountMeta, Address, Instruction, InstructionError, context::Rule},
    prelude::{U16, U64},
};
use lockstep_testing::{Block, Call};

use super::{GOLD, House, IRON, RULES, TOKENS, desk_of, found_feed, pledge, receiver, set_price};

#[test]
fn flash_loans_come_back_with_their_fee() {
    let (mut house, bank, user) = House::stocked();
    let before = house.reserve(IRON).liquidity.get();
    let flash = house.flash(&user, 100_000, 100_090);
    let block = house.chain.run(&flash);
    let told = &block.all_ok().events::<Flashed>()[0];
    assert_eq!((told.amount, told.fee), (100_000, 90));
    assert_eq!(house.reserve(IRON).liquidity.get(), before + 90);
    assert_eq!(house.chain.balance(&user.purses[IRON]), TOKENS - 90);
    let unpaid = [
        house.flash(&user, 100_000, 100_089),
        house.flash(&user, 1, 1),
        house.flash(&user, before, 0),
    ];
    for call in unpaid {
        house.chain.run(call).fails(0, LendError::Unpaid);
    }
    let all = house.reserve(IRON).liquidity.get();
    let too_much = house.flash(&user, all + 1, all);
    house
        .chain
        .run(too_much)
        .fails(0, LendError::NotEnoughLiquidity);
    house
        .chain
        .run(house.flash(&user, 0, 0))
        .fails(0, LendError::Dust);
    // A receiver that deposits what it was lent, to have it back twice.
    let deposit = call::deposit(&house.bank(&user, IRON), 50_000);
    let mut data = vec![1];
    data.extend_from_slice(deposit.program.as_array());
    data.extend_from_slice(&(deposit.data.len() as u32).to_le_bytes());
    data.extend_from_slice(&deposit.data);
    let mut flash = house.flash_with(&user, receiver::ID, 50_000, data);
    flash.accounts.extend_from_slice(&deposit.accounts);
    flash.accounts.push(AccountMeta::readonly(ID, false));
    let (owner, repeated) = (
        user.wallet,
        flash.accounts.len() - deposit.accounts.len() - 1,
    );
    // The owner stands in the list already.
    assert_eq!(flash.accounts[repeated].address, owner);
    flash.accounts.remove(repeated);
    let block = house.chain.run(flash);
    assert_eq!(
        refused(&block),
        Some(InstructionError::ReentrancyNotAllowed)
    );
    // The program itself as the receiver.
    let itself = house.flash_with(&user, ID, 50_000, deposit.data.clone());
    house.chain.run(itself).fails(0, LendError::Reentry);
    // Tokens of another purse, whose owner has not signed.
    let mut stolen = house.flash(&user, 1_000, 1_001);
    stolen.instructions[0].accounts[3].address = bank.purses[IRON];
    let block = house.chain.run(stolen);
    assert_eq!(
        refused(&block),
        Some(InstructionError::Custom(4)),
        "the owner differs"
    );
    assert_eq!(house.reserve(IRON).liquidity.get(), all);
    assert_eq!(house.chain.balance(&house.desks[IRON].vault), all);
}

/// The error of the first call of a block.
fn refused(block: &Block) -> Option<InstructionError> {
    let diagnostic = block.call(0).diagnostic();
    diagnostic.map(|diagnostic| diagnostic.error.clone())
}

#[test]
fn thieves_get_nothing() {
    let (mut house, bank, user) = House::stocked();
    let thief = house.user("thief");
    house.set_prices([50, 2]);
    house.chain.run(house.borrow(&user, 1_000)).all_ok();
    let authority = InstructionError::IncorrectAuthority;
    let (seeds, argument) = (
        InstructionError::InvalidSeeds,
        InstructionError::InvalidArgument,
    );
    let at = |house: &mut House, call: Instruction, error: &InstructionError, field: &str| {
        house.chain.run(call).fails(0, error.clone()).at(field);
    };
    // Another depositor's shares.
    let mut call = call::withdraw(&house.bank(&thief, IRON), 10, 0);
    let supply = position(&call, &thief.supplies[IRON]);
    call.accounts[supply].address = bank.supplies[IRON];
    at(&mut house, call, &seeds, "supply");
    let stolen = PledgeAddresses {
        owner: thief.wallet,
        supply: user.supplies[GOLD],
        loan: thief.loan,
    };
    at(&mut house, call::pledge(&stolen, 10), &authority, "supply");
    // Another borrower's loan.
    let stolen = PledgeAddresses {
        supply: thief.supplies[GOLD],
        loan: user.loan,
        ..stolen
    };
    at(&mut house, call::pledge(&stolen, 0), &authority, "loan");
    let mut stolen = house.borrow_of(&thief);
    stolen.loan = user.loan;
    at(&mut house, call::borrow(&stolen, 10), &authority, "loan");
    let mut stolen = house.release_of(&thief);
    stolen.loan = user.loan;
    at(&mut house, call::release(&stolen, 10), &authority, "loan");
    let (owner, loan) = (thief.wallet, user.loan);
    at(
        &mut house,
        call::end(&EndAddresses { owner, loan }),
        &authority,
        "loan",
    );
    // Tokens of another owner, of another mint, and the vault in their place.
    let mut stolen = house.bank(&thief, IRON);
    stolen.purse = bank.purses[IRON];
    at(&mut house, call::deposit(&stolen, 10), &authority, "purse");
    stolen.purse = thief.purses[GOLD];
    at(&mut house, call::deposit(&stolen, 10), &authority, "purse");
    let mut stolen = house.repay_of(&thief, &user);
    stolen.purse = bank.purses[IRON];
    at(&mut house, call::repay(&stolen, 10), &authority, "purse");
    let mut stolen = house.borrow_of(&user);
    stolen.purse = house.desks[IRON].vault;
    let block = house.chain.run(call::borrow(&stolen, 10));
    block.fails(0, argument.clone()).rule(Rule::Distinct);
    // The vault of another reserve, or a token account that looks like one.
    let mut stolen = house.bank(&thief, IRON);
    stolen.desk.vault = house.desks[GOLD].vault;
    at(
        &mut house,
        call::deposit(&stolen, 10),
        &argument,
        "desk.vault",
    );
    stolen.desk.vault = bank.purses[IRON];
    at(
        &mut house,
        call::withdraw(&stolen, 10, 0),
        &argument,
        "desk.vault",
    );
    // Something else as a reserve or a feed.
    let mut stolen = house.bank(&thief, IRON);
    stolen.desk.reserve = bank.purses[IRON];
    let call = call::deposit(&stolen, 10);
    at(
        &mut house,
        call,
        &InstructionError::InvalidAccountOwner,
        "desk.reserve",
    );
    let mut stolen = house.borrow_of(&user);
    (stolen.feed, stolen.collateral_feed) = (stolen.collateral_feed, stolen.feed);
    at(&mut house, call::borrow(&stolen, 10), &argument, "feed");
    let own = found_feed(&mut house.chain, thief.wallet, 7);
    set_price(&mut house.chain, &own, 1_000_000, 0);
    let mut stolen = house.borrow_of(&user);
    stolen.collateral_feed = own;
    at(
        &mut house,
        call::borrow(&stolen, 10),
        &argument,
        "collateral_feed",
    );
    // A call that its owner did not sign.
    let mut unsigned = house.borrow(&user, 10);
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = house.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("owner");
}

pub(super) fn position(call: &Instruction, address: &Address) -> usize {
    let found = call
        .accounts
        .iter()
        .position(|meta| meta.address == *address);
    found.expect("the account is there")
}

/// Reserves of a thief's own, with a mint of its own and a price of its own, are no collateral
/// among another curator's.
#[test]
fn reserves_of_different_curators_do_not_lend_to_each_other() {
    let (mut house, _, user) = House::stocked();
    let thief = house.chain.wallet("thief");
    let mint = house.chain.mint("worthless", 0);
    let feed = found_feed(&mut house.chain, thief, 0);
    set_price(&mut house.chain, &feed, u64::MAX, 0);
    let open = OpenAddresses {
        curator: thief,
        mint,
        feed,
    };
    house.chain.run(call::open(&open, RULES)).all_ok();
    let own = desk_of(&thief, &mint);
    let reserve = house.desks[IRON].reserve;
    for (collateral, reserve) in [(own.reserve, reserve), (reserve, reserve)] {
        let begin = BeginAddresses {
            owner: thief,
            collateral,
            reserve,
        };
        house
            .chain
            .run(call::begin(&begin))
            .fails(0, LendError::BadPair);
    }
    // A loan among the thief's reserves, with the honest one in their place.
    let second = house.chain.mint("second", 0);
    let open = OpenAddresses {
        mint: second,
        ..open
    };
    house.chain.run(call::open(&open, RULES)).all_ok();
    let other = desk_of(&thief, &second);
    let begin = BeginAddresses {
        owner: thief,
        collateral: own.reserve,
        reserve: other.reserve,
    };
    house.chain.run(call::begin(&begin)).all_ok();
    let (loan, _) = Begin::loan_address(&thief, &own.reserve, &other.reserve);
    let mut borrow = house.borrow_of(&user);
    (borrow.owner, borrow.loan) = (thief, loan);
    let block = house.chain.run(call::borrow(&borrow, 10));
    let failure = block.fails(0, InstructionError::IncorrectAuthority);
    failure.at("loan").rule(Rule::HasOne);
    // Shares of the worthless reserve for a loan against gold.
    let owner = user.wallet;
    house
        .chain
        .run(call::join(&JoinAddresses { owner }, own.reserve))
        .all_ok();
    let pledge = PledgeAddresses {
        owner,
        supply: Join::supply_address(own.reserve, &owner).0,
        loan: user.loan,
    };
    let block = house.chain.run(call::pledge(&pledge, 0));
    block.fails(0, LendError::BadPair).at("loan");
}

#[test]
fn accounts_are_made_once_and_limits_hold() {
    let (mut house, bank, user) = House::stocked();
    let initialized = InstructionError::AccountAlreadyInitialized;
    let curator = house.curator;
    let open = |side: usize, house: &House| OpenAddresses {
        curator,
        mint: house.mints[side],
        feed: house.feeds[side],
    };
    let again = call::open(&open(GOLD, &house), RULES);
    house
        .chain
        .run(again)
        .fails(0, initialized.clone())
        .at("reserve");
    let owner = user.wallet;
    let join = call::join(&JoinAddresses { owner }, house.desks[GOLD].reserve);
    house
        .chain
        .run(join)
        .fails(0, initialized.clone())
        .at("supply");
    let begin = BeginAddresses {
        owner,
        collateral: house.desks[GOLD].reserve,
        reserve: house.desks[IRON].reserve,
    };
    let begin = call::begin(&begin);
    house.chain.run(&begin).fails(0, initialized).at("loan");
    let end = call::end(&EndAddresses {
        owner,
        loan: user.loan,
    });
    house.chain.run(&end).fails(0, LendError::InUse).at("loan");
    // Ended and begun again in one transaction: nothing is left of it.
    house.chain.run(house.release(&user, 1_000)).all_ok();
    house.chain.run(Call::new([end, begin])).all_ok();
    assert_eq!(house.loan(&user).shares.get(), 0);
    // Rules that contradict each other.
    let salt = house.chain.mint("salt", 0);
    let mut addresses = open(GOLD, &house);
    addresses.mint = salt;
    let bad = [
        Rules {
            kink: U16::new(0),
            ..RULES
        },
        Rules {
            kink: U16::new(PARTS),
            ..RULES
        },
        Rules {
            rates: [3, 2, 9].map(U64::new),
            ..RULES
        },
        Rules {
            rates: [1, 2, u64::MAX].map(U64::new),
            ..RULES
        },
        Rules {
            loan_max: RULES.threshold,
            ..RULES
        },
        Rules {
            threshold: U16::new(9_524),
            ..RULES
        },
        Rules {
            close_max: U16::new(0),
            ..RULES
        },
        Rules {
            cushion: U16::new(PARTS + 1),
            ..RULES
        },
        Rules {
            deposits_max: U64::new(u64::MAX),
            ..RULES
        },
    ];
    for rules in bad {
        let block = house.chain.run(call::open(&addresses, rules));
        block.fails(0, LendError::BadRules);
    }
    let rules = Rules {
        deposits_max: U64::new(2_000),
        ..RULES
    };
    house.chain.run(call::open(&addresses, rules)).all_ok();
    (house.desks[GOLD], house.mints[GOLD]) = (desk_of(&curator, &salt), salt);
    let user = house.user("another");
    for (amount, error) in [
        (999, LendError::DepositTooSmall),
        (1_000, LendError::Dust),
        (2_001, LendError::Full),
    ] {
        let deposit = house.deposit(&user, GOLD, amount);
        house.chain.run(deposit).fails(0, error);
    }
    house.chain.run(house.deposit(&user, GOLD, 2_000)).all_ok();
    let refused = [
        (house.deposit(&user, GOLD, 1), LendError::Full),
        (house.deposit(&user, GOLD, 0), LendError::Dust),
        (
            house.withdraw(&user, GOLD, 1_001),
            LendError::NotEnoughShares,
        ),
        (house.withdraw(&user, GOLD, 0), LendError::Dust),
        (pledge(&user, 1_001), LendError::NotEnoughShares),
        (house.release(&user, 1), LendError::NotEnoughShares),
        (house.repay(&user, &bank, 1), LendError::NoDebt),
        (house.borrow(&user, 0), LendError::Dust),
    ];
    for (call, error) in refused {
        house.chain.run(call).fails(0, error);
    }
    let limited = call::withdraw(&house.bank(&user, GOLD), 500, 501);
    house.chain.run(limited).fails(0, LendError::Slippage);
}
