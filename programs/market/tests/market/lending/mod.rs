//! Reserves on the real runtime: their way, what they refuse, what runs beside what, and what
//! random borrowers cannot change.

use lockstep_market::{
    debt::SHARES_LOCKED,
    lend::{accounts::*, lending::*},
    oracle::price_oracle::{self as oracle, Feed, PriceOracleProgram},
};
use lockstep_sdk::{
    interface::{Account, Address, Instruction},
    prelude::U64,
    state::to_account,
};
use lockstep_testing::{Call, Chain, Scene};

mod random;
mod refusals;

const TOKENS: u64 = 1_000_000;
/// Interest of a slot in the tests: a hundred-thousandth where all is lent.
const RULES: Rules = Rules {
    rates: [
        U64::new(1_000),
        U64::new(1_000_000_000),
        U64::new(10_000_000_000),
    ],
    age_max: U64::new(20),
    ..CAREFUL
};
const GOLD: usize = 0;
const IRON: usize = 1;

/// A program that is lent tokens within a transaction.
#[lockstep_sdk::program(id = "Receiver11111111111111111111111111111111111")]
mod receiver {
    use lockstep_sdk::{
        interface::{AccountMeta, InstructionRef},
        prelude::*,
        token,
    };

    /// What the lender gives, and the owner of the purse.
    #[derive(Accounts, Debug)]
    pub(super) struct Receive<'a> {
        /// The lender's.
        pub(super) vault: Mut<State<'a, TokenAccount>>,
        /// Holds what was lent.
        pub(super) purse: Mut<State<'a, TokenAccount>>,
        /// Moves tokens.
        pub(super) token: Program<'a, Token>,
        /// The owner of the purse.
        pub(super) owner: Signer<'a>,
        /// For a call of another program.
        pub(super) others: Rest<'a, Unchecked<'a>, 16>,
    }

    /// Gives tokens back.
    #[instruction(0)]
    fn give_back(accounts: &Receive<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Receive {
            vault,
            purse,
            owner,
            ..
        } = accounts;
        token::transfer(purse, vault, owner, amount).invoke(context)
    }

    /// Calls a program with the other accounts.
    #[instruction(1)]
    fn call_back(
        accounts: &Receive<'_>,
        context: &mut Context<'_, '_>,
        program: Address,
        data: Vec<u8>,
    ) -> Result {
        let mut metas = Vec::new();
        for other in accounts.others.iter() {
            metas.push(AccountMeta {
                address: *other.address(),
                is_signer: context.is_signer(other.position())?,
                is_writable: context.is_writable(other.position())?,
            });
        }
        context.invoke(InstructionRef {
            program: &program,
            accounts: &metas,
            data: &data,
        })
    }
}

/// A chain with two reserves of one curator.
struct House {
    chain: Chain,
    curator: Address,
    mints: [Address; 2],
    feeds: [Address; 2],
    desks: [DeskAddresses; 2],
}

/// A wallet with tokens, supplies, and a loan of iron against gold.
#[derive(Clone, Copy)]
struct User {
    wallet: Address,
    purses: [Address; 2],
    supplies: [Address; 2],
    loan: Address,
}

/// A feed in which publishers have made a price; put in place, since the oracle has its own tests.
fn with_price(chain: &Chain, feed: &Address, price: u64, confidence: u64) -> (Address, Account) {
    let bump = chain.account(feed).expect("there is a feed").data[1];
    let mut state: Feed = chain.state(feed);
    state.price.set(price);
    state.confidence.set(confidence);
    state.slot.set(chain.slot());
    let account = to_account(&state, bump).expect("a feed has one size");
    (*feed, account)
}

fn set_price(chain: &mut Chain, feed: &Address, price: u64, confidence: u64) {
    let account = with_price(chain, feed, price, confidence);
    chain.set_accounts([account]);
}

fn found_feed(chain: &mut Chain, authority: Address, number: u64) -> Address {
    let rules = oracle::Rules {
        quotes_min: 1,
        age_max: 10,
    };
    let found = oracle::call::found(&oracle::FoundAddresses { authority }, number, 0, rules);
    chain.run(found).all_ok();
    oracle::Found::feed_address(&authority, number).0
}

fn desk_of(curator: &Address, mint: &Address) -> DeskAddresses {
    let (reserve, _) = Open::reserve_address(curator, mint);
    let (vault, _) = Open::vault_address(&reserve);
    DeskAddresses { reserve, vault }
}

impl House {
    /// Gold at 50, iron at 2, and nothing deposited.
    fn new() -> Self {
        let mut chain = Chain::builder()
            .program(LendingProgram)
            .program(PriceOracleProgram)
            .program(receiver::ReceiverProgram)
            .build();
        let curator = chain.wallet("curator");
        let mints = ["gold", "iron"].map(|name| chain.mint(name, 0));
        let feeds = [0, 1].map(|number| found_feed(&mut chain, curator, number));
        for side in [GOLD, IRON] {
            let open = OpenAddresses {
                curator,
                mint: mints[side],
                feed: feeds[side],
            };
            chain.run(call::open(&open, RULES)).access_is_minimal();
        }
        let desks = mints.map(|mint| desk_of(&curator, &mint));
        let mut house = Self {
            chain,
            curator,
            mints,
            feeds,
            desks,
        };
        house.set_prices([50, 2]);
        house
    }

    fn set_prices(&mut self, prices: [u64; 2]) {
        let accounts =
            [GOLD, IRON].map(|side| with_price(&self.chain, &self.feeds[side], prices[side], 0));
        self.chain.set_accounts(accounts);
    }

    fn user(&mut self, name: &str) -> User {
        let owner = self.chain.wallet(name);
        let purses = self
            .mints
            .map(|mint| self.chain.tokens(&owner, &mint, TOKENS));
        let reserves = [GOLD, IRON].map(|side| self.desks[side].reserve);
        for reserve in reserves {
            let join = call::join(&JoinAddresses { owner }, reserve);
            self.chain.run(join).access_is_minimal();
        }
        let begin = BeginAddresses {
            owner,
            collateral: reserves[GOLD],
            reserve: reserves[IRON],
        };
        self.chain.run(call::begin(&begin)).access_is_minimal();
        User {
            wallet: owner,
            purses,
            supplies: reserves.map(|reserve| Join::supply_address(reserve, &owner).0),
            loan: Begin::loan_address(&owner, &reserves[GOLD], &reserves[IRON]).0,
        }
    }

    /// A house whose bank has supplied both, and a user with pledged gold.
    fn stocked() -> (Self, User, User) {
        let mut house = Self::new();
        let [bank, user] = ["bank", "user"].map(|name| house.user(name));
        for side in [GOLD, IRON] {
            let deposit = house.deposit(&bank, side, 500_000);
            house.chain.run(deposit).access_is_minimal();
        }
        let calls = [house.deposit(&user, GOLD, 2_000), pledge(&user, 1_000)];
        for call in calls {
            house.chain.run(call).access_is_minimal();
        }
        house.set_prices([50, 2]);
        (house, bank, user)
    }

    fn bank(&self, user: &User, side: usize) -> BankAddresses {
        BankAddresses {
            owner: user.wallet,
            desk: self.desks[side].clone(),
            purse: user.purses[side],
        }
    }

    fn deposit(&self, user: &User, side: usize, amount: u64) -> Call {
        call::deposit(&self.bank(user, side), amount).into()
    }

    fn withdraw(&self, user: &User, side: usize, shares: u64) -> Call {
        call::withdraw(&self.bank(user, side), shares, 0).into()
    }

    fn release_of(&self, user: &User) -> ReleaseAddresses {
        ReleaseAddresses {
            owner: user.wallet,
            loan: user.loan,
            reserve: self.desks[IRON].reserve,
            feed: self.feeds[IRON],
            collateral: self.desks[GOLD].reserve,
            collateral_feed: self.feeds[GOLD],
        }
    }

    fn release(&self, user: &User, shares: u64) -> Call {
        call::release(&self.release_of(user), shares).into()
    }

    fn borrow_of(&self, user: &User) -> BorrowAddresses {
        BorrowAddresses {
            owner: user.wallet,
            loan: user.loan,
            desk: self.desks[IRON].clone(),
            feed: self.feeds[IRON],
            collateral: self.desks[GOLD].reserve,
            collateral_feed: self.feeds[GOLD],
            purse: user.purses[IRON],
        }
    }

    fn borrow(&self, user: &User, amount: u64) -> Call {
        call::borrow(&self.borrow_of(user), amount).into()
    }

    fn repay_of(&self, payer: &User, user: &User) -> RepayAddresses {
        RepayAddresses {
            payer: payer.wallet,
            loan: user.loan,
            desk: self.desks[IRON].clone(),
            purse: payer.purses[IRON],
        }
    }

    fn repay(&self, payer: &User, user: &User, amount_max: u64) -> Call {
        call::repay(&self.repay_of(payer, user), amount_max).into()
    }

    fn liquidation_of(&self, liquidator: &User, user: &User) -> LiquidateAddresses {
        LiquidateAddresses {
            liquidator: liquidator.wallet,
            loan: user.loan,
            desk: self.desks[IRON].clone(),
            feed: self.feeds[IRON],
            collateral: self.desks[GOLD].reserve,
            collateral_feed: self.feeds[GOLD],
            purse: liquidator.purses[IRON],
        }
    }

    fn liquidate(&self, liquidator: &User, user: &User, repay_max: u64) -> Call {
        call::liquidate(&self.liquidation_of(liquidator, user), repay_max, 0).into()
    }

    /// A loan of iron within a transaction, of which the receiver gives `back`.
    fn flash(&self, user: &User, amount: u64, back: u64) -> Call {
        let data = [&[0][..], &back.to_le_bytes()].concat();
        self.flash_with(user, receiver::ID, amount, data).into()
    }

    fn flash_with(
        &self,
        user: &User,
        receiver: Address,
        amount: u64,
        data: Vec<u8>,
    ) -> Instruction {
        let addresses = FlashAddresses {
            desk: self.desks[IRON].clone(),
            purse: user.purses[IRON],
            receiver,
            others: vec![user.wallet],
        };
        let mut flash = call::flash(&addresses, amount, data);
        let signer = flash.accounts.last_mut().expect("the owner is there");
        signer.is_signer = true;
        flash
    }

    fn reserve(&self, side: usize) -> Reserve {
        self.chain.state(&self.desks[side].reserve)
    }

    fn loan(&self, user: &User) -> Loan {
        self.chain.state(&user.loan)
    }

    fn owed(&self, user: &User) -> u128 {
        let books = self.reserve(IRON).books(self.chain.slot());
        books.owed(self.loan(user).debt_shares.get())
    }

    fn shares(&self, user: &User, side: usize) -> u64 {
        let supply: Supply = self.chain.state(&user.supplies[side]);
        supply.shares.get()
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

impl Scene for House {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

fn pledge(user: &User, shares: u64) -> Call {
    let addresses = PledgeAddresses {
        owner: user.wallet,
        supply: user.supplies[GOLD],
        loan: user.loan,
    };
    call::pledge(&addresses, shares).into()
}

#[test]
fn a_loan_goes_its_way() {
    let (mut house, bank, user) = House::stocked();
    // 1,000 of gold at 50 carry 18,750 of iron at 2, one of which is lost to rounding.
    let too_much = house.borrow(&user, 18_750);
    house
        .chain
        .run(too_much)
        .fails(0, LendError::TooLittleCollateral);
    let borrow = house.borrow(&user, 18_749);
    house.chain.run(borrow).access_is_minimal();
    assert_eq!(house.chain.balance(&user.purses[IRON]), TOKENS + 18_749);
    let release = house.release(&user, 1);
    house
        .chain
        .run(&release)
        .fails(0, LendError::TooLittleCollateral);
    // Reading changes nothing, whatever the slot; debts grow with it, and so do shares.
    let before = house.reserve(IRON);
    house.pass(100_000);
    assert_eq!(house.reserve(IRON).slot, before.slot);
    let owed = house.owed(&user);
    assert!(owed > 18_750, "{owed}");
    house.set_prices([50, 2]);
    let part = house.repay(&user, &user, 8_000);
    let block = house.chain.run(part);
    assert_eq!(block.access_is_minimal().returned::<u64>(0), 8_000);
    house.chain.run(&release).access_is_minimal();
    assert_eq!(house.loan(&user).shares.get(), 999);
    let rest = house.repay(&user, &user, u64::MAX);
    let block = house.chain.run(rest);
    assert!(u128::from(block.access_is_minimal().returned::<u64>(0)) >= owed - 8_000);
    assert_eq!(house.loan(&user).debt_shares.get(), 0);
    // Without debt no price is asked for.
    house.pass(1_000);
    let release = house.release(&user, 999);
    house.chain.run(release).all_ok();
    let owner = user.wallet;
    let end = call::end(&EndAddresses {
        owner,
        loan: user.loan,
    });
    house.chain.run(end).access_is_minimal();
    assert!(house.chain.account(&user.loan).is_none());
    let withdraw = house.withdraw(&user, GOLD, 2_000);
    let block = house.chain.run(withdraw);
    assert_eq!(block.access_is_minimal().returned::<u64>(0), 2_000);
    // Depositors of iron have got the interest, besides the cushion's part.
    let all = house.shares(&bank, IRON);
    assert_eq!(all, 500_000 - SHARES_LOCKED);
    let withdraw = house.withdraw(&bank, IRON, all);
    let block = house.chain.run(withdraw);
    assert!(block.all_ok().returned::<u64>(0) > all);
    let reserve = house.reserve(IRON);
    assert!(reserve.cushion.get() > 0);
    assert_eq!(
        house.chain.balance(&house.desks[IRON].vault),
        reserve.liquidity.get()
    );
}

/// Loans against one collateral and of different reserves share nothing.
#[test]
fn users_of_different_reserves_share_nothing() {
    let (mut house, bank, user) = House::stocked();
    let other = house.user("other");
    house.chain.run(house.deposit(&other, GOLD, 2_000)).all_ok();
    // Pledges of one reserve, a deposit in another, and a new depositor.
    let owner = house.chain.wallet("new");
    let calls = [
        pledge(&user, 10),
        pledge(&other, 10),
        house.deposit(&bank, IRON, 5),
        call::join(&JoinAddresses { owner }, house.desks[IRON].reserve).into(),
    ];
    house.chain.parallel_equals_serial(calls.clone());
    let block = house.chain.run_block(calls);
    let one_batch = [vec![vec![0], vec![1], vec![2], vec![3]]];
    assert_eq!(block.access_is_minimal().batches(), one_batch);
    // Two reserves besides, with the same gold as collateral.
    let mut calls = vec![house.borrow(&user, 100)];
    for name in ["salt", "silk"] {
        let mint = house.chain.mint(name, 0);
        let curator = house.curator;
        let feed = house.feeds[IRON];
        let open = OpenAddresses {
            curator,
            mint,
            feed,
        };
        house.chain.run(call::open(&open, RULES)).all_ok();
        let before = (house.desks.clone(), house.mints);
        (house.desks[IRON], house.mints[IRON]) = (desk_of(&curator, &mint), mint);
        let owner = house.chain.wallet(&format!("{name} owner"));
        let gold = house.desks[GOLD].reserve;
        house
            .chain
            .run(call::join(&JoinAddresses { owner }, gold))
            .all_ok();
        let reserve = house.desks[IRON].reserve;
        house
            .chain
            .run(call::join(&JoinAddresses { owner }, reserve))
            .all_ok();
        let begin = BeginAddresses {
            owner,
            collateral: gold,
            reserve,
        };
        house.chain.run(call::begin(&begin)).all_ok();
        let user = User {
            wallet: owner,
            purses: house
                .mints
                .map(|mint| house.chain.tokens(&owner, &mint, TOKENS)),
            supplies: [gold, reserve].map(|reserve| Join::supply_address(reserve, &owner).0),
            loan: Begin::loan_address(&owner, &gold, &reserve).0,
        };
        house.chain.run(house.deposit(&user, IRON, 50_000)).all_ok();
        house.chain.run(house.deposit(&user, GOLD, 1_000)).all_ok();
        house.chain.run(pledge(&user, 500)).all_ok();
        calls.push(house.borrow(&user, 100));
        (house.desks, house.mints) = before;
    }
    house.set_prices([50, 2]);
    house.chain.parallel_equals_serial(calls.clone());
    let block = house.chain.run_block(calls);
    let one_batch = [vec![vec![0], vec![1], vec![2]]];
    assert_eq!(block.access_is_minimal().batches(), one_batch);
}

#[test]
fn loans_that_fall_short_are_liquidated() {
    let (mut house, bank, user) = House::stocked();
    house.chain.run(house.borrow(&user, 18_749)).all_ok();
    let liquidate = house.liquidate(&bank, &user, u64::MAX);
    house.chain.run(&liquidate).fails(0, LendError::Healthy);
    let none = house.liquidate(&user, &bank, 5);
    house.chain.run(none).fails(0, LendError::NoDebt);
    // At 80 % of the collateral's worth: still held.
    house.set_prices([48, 2]);
    house.chain.run(&liquidate).fails(0, LendError::Healthy);
    house.set_prices([45, 2]);
    let limited = call::liquidate(&house.liquidation_of(&bank, &user), 1_000, 47);
    house.chain.run(limited).fails(0, LendError::Slippage);
    let dust = house.liquidate(&bank, &user, 0);
    house.chain.run(dust).fails(0, LendError::Dust);
    // 1,000 of iron at 2, and 5 %: 46 of gold at 45.
    let part = house.liquidate(&bank, &user, 1_000);
    let block = house.chain.run(part);
    let told = &block.access_is_minimal().events::<Liquidated>()[0];
    assert_eq!((told.repaid, told.shares, told.loss), (1_000, 46, 0));
    let owed = house.owed(&user);
    let block = house.chain.run(&liquidate);
    let told = &block.all_ok().events::<Liquidated>()[0];
    assert_eq!(
        u128::from(told.repaid),
        owed.div_ceil(2),
        "half of the debt"
    );
    // At 20 the debt exceeds all that is left: the liquidator gets it, and the rest is lost.
    house.set_prices([20, 2]);
    let before = house.reserve(IRON);
    let left = house.loan(&user).shares.get();
    let held = house.shares(&bank, GOLD);
    let block = house.chain.run(&liquidate);
    let told = &block.all_ok().events::<Liquidated>()[0];
    let covered = (u128::from(left) * 20 * 10_000)
        .div_ceil(10_500)
        .div_ceil(2);
    assert!(u128::from(told.repaid).abs_diff(covered) <= 1, "{told:?}");
    assert!(told.loss > 0);
    assert_eq!(house.shares(&bank, GOLD), held + left);
    let loan = house.loan(&user);
    assert_eq!((loan.shares.get(), loan.debt_shares.get()), (0, 0));
    let after = house.reserve(IRON);
    assert_eq!(after.debt_shares.get(), 0);
    let slot = after.slot.get();
    let borne = told.loss - before.books(slot).cushion.min(told.loss);
    let fell = before.books(slot).assets() - after.books(slot).assets();
    assert!(fell.abs_diff(borne) <= 1, "{told:?}");
}

#[test]
fn prices_that_are_stale_or_unsure_are_refused() {
    let (mut house, bank, user) = House::stocked();
    house.chain.run(house.borrow(&user, 10_000)).all_ok();
    let calls = [
        house.borrow(&user, 1),
        house.release(&user, 1),
        house.liquidate(&bank, &user, 1),
    ];
    let refuse = |house: &mut House, error: LendError| {
        for call in &calls {
            house.chain.run(call).fails(0, error);
        }
    };
    // A confidence of 2 % is what the rules allow.
    for side in [GOLD, IRON] {
        house.set_prices([50, 2]);
        let feed = house.feeds[side];
        set_price(&mut house.chain, &feed, 10_000, 201);
        refuse(&mut house, LendError::UnsurePrice);
        house.set_prices([50, 2]);
        set_price(&mut house.chain, &feed, 0, 0);
        refuse(&mut house, LendError::StalePrice);
    }
    house.set_prices([50, 2]);
    house.pass(RULES.age_max.get() + 1);
    refuse(&mut house, LendError::StalePrice);
    // One fresh price of two is too few.
    let feed = house.feeds[GOLD];
    set_price(&mut house.chain, &feed, 50, 0);
    refuse(&mut house, LendError::StalePrice);
    house.set_prices([50, 2]);
    house.chain.run(&calls[0]).all_ok();
    // The worse ends count: gold at 4,900 at least, iron at 204 at most.
    set_price(&mut house.chain, &feed, 5_000, 100);
    let feed = house.feeds[IRON];
    set_price(&mut house.chain, &feed, 200, 4);
    let most = 4_900 * 1_000 * 3 / 4 / 204;
    let room = most - u64::try_from(house.owed(&user)).unwrap();
    let calls = [house.borrow(&user, room + 1), house.borrow(&user, room - 1)];
    house
        .chain
        .run(&calls[0])
        .fails(0, LendError::TooLittleCollateral);
    house.chain.run(&calls[1]).all_ok();
    // Paying back asks for no price.
    house.pass(1_000);
    house
        .chain
        .run(house.repay(&bank, &user, u64::MAX))
        .all_ok();
}

/// What is lent cannot be withdrawn or lent again.
#[test]
fn a_reserve_lends_what_it_has() {
    let (mut house, bank, user) = House::stocked();
    house.set_prices([1_000_000, 2]);
    let all = house.reserve(IRON).liquidity.get();
    let too_much = house.borrow(&user, all + 1);
    house
        .chain
        .run(too_much)
        .fails(0, LendError::NotEnoughLiquidity);
    house.chain.run(house.borrow(&user, all)).all_ok();
    let withdraw = house.withdraw(&bank, IRON, 10);
    house
        .chain
        .run(withdraw)
        .fails(0, LendError::NotEnoughLiquidity);
    let flash = house.flash(&user, 1, 2);
    house
        .chain
        .run(flash)
        .fails(0, LendError::NotEnoughLiquidity);
    // With an index above its unit, a token may be too little for a share of the debt.
    house.pass(200_000);
    let dust = house.repay(&user, &user, 1);
    house.chain.run(dust).fails(0, LendError::Dust);
}
