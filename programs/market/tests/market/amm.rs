//! Pools on the real runtime: their way, what they refuse, what runs beside what, and what random
//! traders cannot change.

use std::cell::Cell;

use lockstep_market::{
    curve::{SHARES_LOCKED, stable::worth},
    router::router::{self, HopAddresses, RouterProgram, SellAddresses},
    swap::amm::*,
};
use lockstep_sdk::{
    interface::{Address, InstructionError, context::Rule},
    prelude::Mint,
};
use lockstep_testing::{Block, Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::sequences;

const FEE: u16 = 30;
const TOKENS: u64 = 1_000_000;

/// A chain with a pool.
struct Floor {
    chain: Chain,
    amplification: u16,
    /// By address.
    mints: [Address; 2],
    vaults: VaultsAddresses,
    share_mint: Address,
}

/// A wallet and its token accounts: of both mints, and of shares.
#[derive(Clone, Copy)]
struct Party {
    wallet: Address,
    purses: [Address; 2],
    shares: Address,
}

/// A pool of two mints in a chain, with nothing in it.
fn open(
    chain: &mut Chain,
    names: [&str; 2],
    amplification: u16,
) -> ([Address; 2], VaultsAddresses, Address) {
    let mut mints = names.map(|name| chain.mint(name, 6));
    mints.sort_unstable();
    let [mint_a, mint_b] = mints;
    let creator = chain.wallet("creator");
    let create = call::create(
        &CreateAddresses {
            creator,
            mint_a,
            mint_b,
        },
        FEE,
        amplification,
    );
    chain.run(create).access_is_minimal();
    let vaults = VaultsAddresses::of(&mint_a, &mint_b, FEE, amplification);
    let (share_mint, _) = Create::share_mint_address(&vaults.pool);
    (mints, vaults, share_mint)
}

impl Floor {
    /// An empty pool.
    fn new() -> Self {
        Self::curved(0)
    }

    /// An empty pool of an amplification.
    fn curved(amplification: u16) -> Self {
        let mut chain = Chain::builder()
            .program(AmmProgram)
            .program(RouterProgram)
            .build();
        let (mints, vaults, share_mint) = open(&mut chain, ["gold", "iron"], amplification);
        Self {
            chain,
            amplification,
            mints,
            vaults,
            share_mint,
        }
    }

    /// A pool to which a provider has given these amounts.
    fn stocked(amounts: [u64; 2]) -> (Self, Party) {
        Self::new().stock(amounts)
    }

    fn stock(self, amounts: [u64; 2]) -> (Self, Party) {
        let mut floor = self;
        let provider = floor.party("provider");
        let deposit = floor.deposit(&provider, amounts, 0);
        floor.chain.run(deposit).access_is_minimal();
        (floor, provider)
    }

    fn party(&mut self, name: &str) -> Party {
        let wallet = self.chain.wallet(name);
        Party {
            wallet,
            purses: self
                .mints
                .map(|mint| self.chain.tokens(&wallet, &mint, TOKENS)),
            shares: self.chain.tokens(&wallet, &self.share_mint, 0),
        }
    }

    fn provide(&self, party: &Party) -> ProvideAddresses {
        let [purse_a, purse_b] = party.purses;
        ProvideAddresses {
            provider: party.wallet,
            vaults: self.vaults.clone(),
            share_mint: self.share_mint,
            purse_a,
            purse_b,
            purse_shares: party.shares,
        }
    }

    fn trade(&self, party: &Party, sells_a: bool) -> TradeAddresses {
        let [a, b] = party.purses;
        let (source, target) = if sells_a { (a, b) } else { (b, a) };
        TradeAddresses {
            trader: party.wallet,
            vaults: self.vaults.clone(),
            source,
            target,
        }
    }

    fn deposit(&self, party: &Party, [a, b]: [u64; 2], shares_min: u64) -> Call {
        call::deposit(&self.provide(party), a, b, shares_min).into()
    }

    fn withdraw(&self, party: &Party, shares: u64, [a, b]: [u64; 2]) -> Call {
        call::withdraw(&self.provide(party), shares, a, b).into()
    }

    fn sell(&self, party: &Party, sells_a: bool, paid: u64, got_min: u64) -> Call {
        call::sell(&self.trade(party, sells_a), sells_a, paid, got_min).into()
    }

    fn buy(&self, party: &Party, sells_a: bool, got: u64, paid_max: u64) -> Call {
        call::buy(&self.trade(party, sells_a), sells_a, got, paid_max).into()
    }

    fn pool(&self) -> Pool {
        self.chain.state(&self.vaults.pool)
    }

    fn held(&self, party: &Party) -> [u64; 2] {
        party.purses.map(|purse| self.chain.balance(&purse))
    }

    fn in_vaults(&self) -> [u64; 2] {
        [self.vaults.vault_a, self.vaults.vault_b].map(|vault| self.chain.balance(&vault))
    }
}

impl Scene for Floor {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

#[test]
fn a_pool_goes_its_way() {
    let (mut floor, provider) = Floor::stocked([40_000, 90_000]);
    assert_eq!(
        floor.chain.balance(&provider.shares),
        60_000 - SHARES_LOCKED
    );
    let trader = floor.party("trader");
    let sell = floor.sell(&trader, true, 1_000, 2_188);
    let block = floor.chain.run(sell);
    assert_eq!(block.access_is_minimal().returned::<u64>(0), 2_188);
    let traded = &block.events::<Traded>()[0];
    assert_eq!(
        (traded.sells_a, traded.paid, traded.got),
        (true, 1_000, 2_188)
    );
    let buy = floor.buy(&trader, false, 500, 1_100);
    let block = floor.chain.run(buy);
    let paid = block.access_is_minimal().returned::<u64>(0);
    assert_eq!(floor.held(&trader), [TOKENS - 500, TOKENS + 2_188 - paid]);
    let deposit = floor.deposit(&trader, [8_100, TOKENS], 12_000);
    let block = floor.chain.run(deposit);
    let shares = block.access_is_minimal().returned::<u64>(0);
    assert_eq!(floor.chain.balance(&trader.shares), shares);
    let withdraw = floor.withdraw(&trader, shares, [8_000, 17_000]);
    let block = floor.chain.run(withdraw);
    assert_eq!(
        block.access_is_minimal().events::<Provided>()[0].shares,
        shares
    );
    let all = floor.chain.balance(&provider.shares);
    let withdraw = floor.withdraw(&provider, all, [0, 0]);
    floor.chain.run(withdraw).access_is_minimal();
    let pool = floor.pool();
    assert_eq!(pool.shares.get(), SHARES_LOCKED, "what is locked stays");
    assert!(pool.reserve_a.get() > 0 && pool.reserve_b.get() > 0);
    assert_eq!(floor.in_vaults(), pool.holdings().reserves);
    assert_eq!(floor.chain.state::<Mint>(&floor.share_mint).supply.get(), 0);
}

#[test]
fn unrelated_pools_share_nothing() {
    let mut chain = Chain::builder().program(AmmProgram).build();
    let (gold, shop) = (chain.mint("gold", 6), chain.wallet("shop"));
    let till = chain.tokens(&shop, &gold, 0);
    let [mut trades, mut payments] = [Vec::new(), Vec::new()];
    // All pools have gold on one side: a mint joins nothing.
    for name in ["iron", "salt", "silk", "rice"] {
        let (mints, vaults, share_mint) = open(&mut chain, ["gold", name], 0);
        let mut floor = Floor {
            chain,
            amplification: 0,
            mints,
            vaults,
            share_mint,
        };
        let [provider, trader] = ["provider", name].map(|name| floor.party(name));
        let deposit = floor.deposit(&provider, [100_000, 100_000], 1);
        floor.chain.run(deposit).all_ok();
        trades.push(floor.sell(&trader, true, 1_000, 1));
        let buys_gold = mints[1] == gold;
        let mut payment = floor.trade(&trader, buys_gold);
        payment.target = till;
        payments.push(call::buy(&payment, buys_gold, 500, 600).into());
        chain = floor.chain;
    }
    let one_batch = [vec![vec![0], vec![1], vec![2], vec![3]]];
    chain.parallel_equals_serial::<Call>(trades.clone());
    let block = chain.run_block(trades);
    block.access_is_minimal();
    assert_eq!(block.batches(), one_batch);
    // Nor does one account that all of them pay.
    chain.parallel_equals_serial::<Call>(payments.clone());
    let block = chain.run_block(payments);
    block.access_is_minimal();
    assert_eq!(block.batches(), one_batch);
    assert_eq!(chain.balance(&till), 2_000);
}

/// Trades of one pool run one after the other, in the order of the block.
#[test]
fn one_pool_is_one_lane() {
    let (mut floor, _) = Floor::stocked([100_000, 100_000]);
    let trades: Vec<Call> = (0..6)
        .map(|number| {
            let trader = floor.party(&format!("{number}"));
            floor.sell(&trader, true, 1_000, 1)
        })
        .collect();
    floor.chain.parallel_equals_serial(trades.clone());
    let block = floor.chain.run_block(trades);
    block.all_ok();
    let got: Vec<u64> = (0..6).map(|call| block.returned(call)).collect();
    assert!(
        got.is_sorted_by(|earlier, later| earlier > later),
        "{got:?}"
    );
    let mut batches = block.batches().iter();
    assert!(
        batches.all(|lanes| lanes.len() == 1),
        "{:?}",
        block.batches()
    );
}

#[test]
fn limits_hold() {
    let (mut floor, provider) = Floor::stocked([40_000, 90_000]);
    let [trader, front] = ["trader", "front"].map(|name| floor.party(name));
    // A sandwich: what is sold in front moves the price beyond the trader's limit.
    let sandwich = [
        floor.sell(&front, true, 5_000, 1),
        floor.sell(&trader, true, 1_000, 2_188),
    ];
    let block = floor.chain.run_block(sandwich);
    block.fails(1, AmmError::Slippage);
    let refused = [
        (floor.buy(&trader, true, 2_000, 1_000), AmmError::Slippage),
        (
            floor.buy(&trader, true, 90_000, u64::MAX),
            AmmError::NotEnough,
        ),
        (floor.buy(&trader, true, 0, u64::MAX), AmmError::Dust),
        (floor.sell(&trader, false, 1, 0), AmmError::Dust),
        (floor.sell(&trader, true, u64::MAX, 0), AmmError::Overflow),
        (floor.deposit(&trader, [100, 300], 200), AmmError::Slippage),
        (floor.deposit(&trader, [0, 300], 0), AmmError::Dust),
        (floor.deposit(&trader, [u64::MAX; 2], 0), AmmError::Overflow),
        (
            floor.withdraw(&provider, 600, [600, 900]),
            AmmError::Slippage,
        ),
        (floor.withdraw(&provider, 0, [0, 0]), AmmError::Dust),
        (
            floor.withdraw(&provider, 59_001, [0, 0]),
            AmmError::NotEnough,
        ),
    ];
    let before = floor.pool();
    for (call, error) in refused {
        floor.chain.run(call).fails(0, error);
    }
    assert_eq!(floor.pool().holdings(), before.holdings());
}

#[test]
fn an_empty_pool_trades_nothing() {
    let mut floor = Floor::new();
    let trader = floor.party("trader");
    let refused = [
        (floor.sell(&trader, true, 5, 0), AmmError::NoLiquidity),
        (floor.buy(&trader, true, 5, 9), AmmError::NoLiquidity),
        (floor.withdraw(&trader, 0, [0, 0]), AmmError::NoLiquidity),
        (
            floor.deposit(&trader, [999, 999], 0),
            AmmError::DepositTooSmall,
        ),
        (floor.deposit(&trader, [1_000, 1_000], 0), AmmError::Dust),
    ];
    for (call, error) in refused {
        floor.chain.run(call).fails(0, error);
    }
}

#[test]
fn a_pool_is_created_once_and_in_order() {
    let mut floor = Floor::new();
    let creator = floor.chain.wallet("another");
    let [mint_a, mint_b] = floor.mints;
    let create = |mint_a, mint_b, fee| {
        call::create(
            &CreateAddresses {
                creator,
                mint_a,
                mint_b,
            },
            fee,
            0,
        )
    };
    let block = floor.chain.run(create(mint_a, mint_b, FEE));
    let failure = block.fails(0, InstructionError::AccountAlreadyInitialized);
    failure.at("pool").at_address(&floor.vaults.pool);
    for (mints, fee, error) in [
        ([mint_b, mint_a], FEE, AmmError::MintOrder),
        ([mint_a, mint_a], FEE, AmmError::MintOrder),
        ([mint_a, mint_b], 1_001, AmmError::FeeTooHigh),
    ] {
        let block = floor.chain.run(create(mints[0], mints[1], fee));
        block.fails(0, error);
    }
    floor.chain.run(create(mint_a, mint_b, 5)).all_ok();
}

/// Runs a trade of a thief with one account replaced.
fn trade_with(floor: &mut Floor, change: impl FnOnce(&mut TradeAddresses)) -> Block {
    let thief = floor.party("thief");
    let mut addresses = floor.trade(&thief, true);
    change(&mut addresses);
    floor.chain.run(call::sell(&addresses, true, 1_000, 0))
}

#[test]
fn thieves_get_nothing() {
    let (mut floor, provider) = Floor::stocked([40_000, 90_000]);
    let before = floor.pool().holdings();
    let authority = InstructionError::IncorrectAuthority;
    // Tokens of another owner.
    let block = trade_with(&mut floor, |trade| trade.source = provider.purses[0]);
    block
        .fails(0, authority.clone())
        .at("source")
        .saying("as `authority`");
    // Another mint, on each side.
    let thief = floor.party("thief");
    let block = trade_with(&mut floor, |trade| trade.source = thief.shares);
    block.fails(0, AmmError::WrongMint);
    let block = trade_with(&mut floor, |trade| trade.target = thief.shares);
    block.fails(0, AmmError::WrongMint);
    // A token account that looks like a vault, and vaults in each other's place.
    let block = trade_with(&mut floor, |trade| {
        trade.vaults.vault_a = provider.purses[0]
    });
    let failure = block.fails(0, InstructionError::InvalidArgument);
    failure.at("vaults.vault_a").rule(Rule::Address);
    let block = trade_with(&mut floor, |trade| {
        std::mem::swap(&mut trade.vaults.vault_a, &mut trade.vaults.vault_b);
    });
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("vaults.vault_a");
    // One account in two places.
    let block = trade_with(&mut floor, |trade| trade.target = trade.vaults.vault_b);
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    let block = trade_with(&mut floor, |trade| trade.target = trade.source);
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    // Something else as a pool.
    let block = trade_with(&mut floor, |trade| trade.vaults.pool = provider.purses[0]);
    let failure = block.fails(0, InstructionError::InvalidAccountOwner);
    failure.at("vaults.pool").rule(Rule::Owner);
    // A trade that its trader did not sign.
    let mut unsigned = floor.sell(&provider, true, 1_000, 0);
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = floor.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("trader");
    // Shares of another mint, and of another owner.
    let mut addresses = floor.provide(&thief);
    addresses.share_mint = floor.mints[0];
    let block = floor.chain.run(call::withdraw(&addresses, 10, 0, 0));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("share_mint");
    let mut addresses = floor.provide(&thief);
    addresses.purse_shares = provider.shares;
    let block = floor.chain.run(call::withdraw(&addresses, 10, 0, 0));
    block.fails(0, authority.clone()).at("purse_shares");
    let mut addresses = floor.provide(&thief);
    let salt = floor.chain.mint("salt", 0);
    addresses.purse_shares = floor.chain.tokens(&thief.wallet, &salt, 0);
    let block = floor.chain.run(call::deposit(&addresses, 10, 10, 0));
    block
        .fails(0, authority)
        .at("purse_shares")
        .saying("as `mint`");
    assert_eq!(floor.pool().holdings(), before);
    assert_eq!(floor.in_vaults(), before.reserves);
}

/// The vaults of one pool do not pay for the trades of another, of the same mints.
#[test]
fn pools_do_not_pay_for_each_other() {
    let (mut floor, _) = Floor::stocked([40_000, 90_000]);
    let [mint_a, mint_b] = floor.mints;
    let creator = floor.chain.wallet("thief");
    let mints = CreateAddresses {
        creator,
        mint_a,
        mint_b,
    };
    floor.chain.run(call::create(&mints, 0, 0)).all_ok();
    let other = VaultsAddresses::of(&mint_a, &mint_b, 0, 0);
    let block = trade_with(&mut floor, |trade| trade.vaults.pool = other.pool);
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("vaults.vault_a");
}

#[test]
fn a_thousand_small_trades_drain_nothing() {
    let (mut floor, _) = Floor::stocked([1_009, 4_001]);
    let trader = floor.party("trader");
    let before = floor.pool().holdings();
    let mut product = before.product();
    for round in 0..20_u64 {
        let calls: Vec<Call> = (0..50)
            .map(|number| floor.sell(&trader, number % 2 == 0, 1 + (round + number) % 7, 0))
            .collect();
        let block = floor.chain.run_block(calls);
        for (index, _) in block
            .executed()
            .iter()
            .enumerate()
            .filter(|(_, call)| !call.is_ok())
        {
            block.fails(index, AmmError::Dust);
        }
        let after = floor.pool().holdings();
        assert!(after.product() >= product, "{after:?}");
        product = after.product();
    }
    let gained = floor
        .held(&trader)
        .map(|held| i128::from(held) - i128::from(TOKENS));
    assert!(gained[0] <= 0 || gained[1] <= 0, "{gained:?}");
}

/// What a random party does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Deposit([u64; 2]),
    Withdraw(u64),
    Sell(bool, u64),
    Buy(bool, u64),
    /// Tokens for a vault, past the program.
    Donate(bool, u64),
    /// A trade paid by the next party.
    Steal(bool, u64),
    /// A withdrawal of the next party's shares.
    Rob(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let amount = || prop_oneof![1..20_u64, 1..5_000_u64, 1..2 * TOKENS];
    prop_oneof![
        2 => [amount(), amount()].prop_map(Action::Deposit),
        2 => amount().prop_map(Action::Withdraw),
        3 => (any::<bool>(), amount()).prop_map(|(side, paid)| Action::Sell(side, paid)),
        3 => (any::<bool>(), amount()).prop_map(|(side, got)| Action::Buy(side, got)),
        1 => (any::<bool>(), 1..900_u64).prop_map(|(side, given)| Action::Donate(side, given)),
        1 => (any::<bool>(), amount()).prop_map(|(side, paid)| Action::Steal(side, paid)),
        1 => amount().prop_map(Action::Rob),
    ]
}

fn taken(floor: &Floor, parties: &[Party], index: usize, action: Action) -> Call {
    let (own, next) = (parties[index], parties[(index + 1) % parties.len()]);
    match action {
        Action::Deposit(amounts) => floor.deposit(&own, amounts, 0),
        Action::Withdraw(shares) => floor.withdraw(&own, shares, [0, 0]),
        Action::Sell(side, paid) => floor.sell(&own, side, paid, 0),
        Action::Buy(side, got) => floor.buy(&own, side, got, u64::MAX),
        Action::Donate(side, given) => {
            let VaultsAddresses {
                vault_a, vault_b, ..
            } = floor.vaults;
            let vault = if side { vault_a } else { vault_b };
            let purse = own.purses[usize::from(!side)];
            use lockstep_programs::token::instruction::transfer;
            transfer(&purse, &vault, &own.wallet, given).into()
        }
        Action::Steal(side, paid) => {
            let mut trade = floor.trade(&next, side);
            trade.trader = own.wallet;
            call::sell(&trade, side, paid, 0).into()
        }
        Action::Rob(shares) => {
            let mut provide = floor.provide(&own);
            provide.purse_shares = next.shares;
            call::withdraw(&provide, shares, 0, 0).into()
        }
    }
}

/// Tokens are conserved, vaults cover the reserves, a share is never worth less than before, and
/// no theft succeeds, in blocks of actions that run in parallel and serially.
fn explore_pool(amplification: u16, count: u32) {
    let (mut floor, provider) = Floor::curved(amplification).stock([50_000, 70_000]);
    let mut parties = vec![provider];
    parties.extend(["x", "y", "z"].map(|name| floor.party(name)));
    let [supply_a, supply_b] = floor.mints.map(|mint| {
        let mint: Mint = floor.chain.state(&mint);
        mint.supply.get()
    });
    let (done, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    explore(
        &mut floor,
        sequences(Sequences {
            seed: 16,
            count,
            length_max: 12,
        }),
        prop::collection::vec((0..4_usize, action()), 1..8),
        |floor, actions| {
            let before = floor.pool().holdings();
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(floor, &parties, *index, *action))
                .collect();
            let block = floor.chain.run_block(calls);
            for ((_, action), call) in actions.iter().zip(block.executed()) {
                let count = if call.is_ok() { &done } else { &refused };
                count.set(count.get() + 1);
                let is_theft = matches!(action, Action::Steal(..) | Action::Rob(_));
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
            let after = floor.pool().holdings();
            let [old, new] = [before, after].map(|pool| u128::from(pool.shares).pow(2));
            // Reserves stay below 2^24, shares below 2^25.
            if floor.amplification == 0 {
                assert!(
                    after.product() * old >= before.product() * new,
                    "{before:?} {after:?}"
                );
            } else {
                // What is rounded up to a whole number may have been less by one.
                let worth = [before, after]
                    .map(|pool| worth(pool.reserves, floor.amplification).expect("it is sound"));
                let shares = [before, after].map(|pool| u128::from(pool.shares));
                assert!(worth[1] * shares[0] >= (worth[0] - 1) * shares[1]);
            }
        },
        |floor| {
            let pool = floor.pool().holdings();
            let vaults = floor.in_vaults();
            let mut sums = vaults;
            for held in parties.iter().map(|party| floor.held(party)) {
                sums = [sums[0] + held[0], sums[1] + held[1]];
            }
            assert_eq!(sums, [supply_a, supply_b], "tokens are conserved");
            assert!(vaults[0] >= pool.reserves[0] && vaults[1] >= pool.reserves[1]);
            let supply = floor.chain.state::<Mint>(&floor.share_mint).supply.get();
            assert_eq!(pool.shares, supply + SHARES_LOCKED);
        },
    );
    println!(
        "amm, amplification {amplification}: {} actions succeeded, {} were refused",
        done.get(),
        refused.get()
    );
    assert!(done.get() > 100 && refused.get() > 20);
}

#[test]
fn random_traders_change_no_invariant() {
    explore_pool(0, 90);
}

#[test]
fn random_traders_of_stable_pools_change_no_invariant() {
    explore_pool(100, 90);
}

#[test]
fn a_stable_pool_trades_near_one_for_one() {
    let (mut floor, provider) = Floor::curved(100).stock([500_000, 500_000]);
    let trader = floor.party("trader");
    let sell = floor.sell(&trader, true, 10_000, 9_900);
    let got = floor.chain.run(sell).access_is_minimal().returned::<u64>(0);
    assert!((9_965..=9_970).contains(&got), "the fee is 30: {got}");
    let buy = floor.buy(&trader, false, 10_000, 10_100);
    let block = floor.chain.run(buy);
    let paid = block.access_is_minimal().returned::<u64>(0);
    assert!((10_020..=10_035).contains(&paid), "{paid}");
    let refused = [
        (
            floor.buy(&trader, true, 600_000, u64::MAX),
            AmmError::NotEnough,
        ),
        (floor.sell(&trader, false, 1, 0), AmmError::Dust),
        (floor.sell(&trader, true, u64::MAX, 0), AmmError::Overflow),
    ];
    for (call, error) in refused {
        floor.chain.run(call).fails(0, error);
    }
    let all = floor.chain.balance(&provider.shares);
    let withdraw = floor.withdraw(&provider, all, [498_000, 498_000]);
    floor.chain.run(withdraw).access_is_minimal();
    // Pools of other curves have other addresses, and their limits.
    let [mint_a, mint_b] = floor.mints;
    let creator = floor.chain.wallet("creator");
    let mut mints = CreateAddresses {
        creator,
        mint_a,
        mint_b,
    };
    let block = floor.chain.run(call::create(&mints, FEE, 10_001));
    block.fails(0, AmmError::AmplificationTooHigh);
    floor.chain.run(call::create(&mints, FEE, 10_000)).all_ok();
    let other = floor.chain.mint("of other decimals", 9);
    let mut pair = [mint_a, other];
    pair.sort_unstable();
    [mints.mint_a, mints.mint_b] = pair;
    let block = floor.chain.run(call::create(&mints, FEE, 100));
    block.fails(0, AmmError::Decimals);
    floor.chain.run(call::create(&mints, FEE, 0)).all_ok();
}

/// A chain with pools of gold and iron, and of iron and salt, and a trader with all three.
fn crossroads() -> (Floor, SellAddresses, [bool; 2]) {
    let (mut floor, _) = Floor::stocked([100_000, 100_000]);
    let first = floor.vaults.clone();
    let (gold, iron) = (floor.chain.mint("gold", 6), floor.chain.mint("iron", 6));
    let sells_gold = floor.mints[0] == gold;
    let (mints, vaults, share_mint) = open(&mut floor.chain, ["iron", "salt"], 0);
    let before = std::mem::replace(&mut floor.mints, mints);
    floor.vaults = vaults.clone();
    floor.share_mint = share_mint;
    let provider = floor.party("provider");
    let deposit = floor.deposit(&provider, [100_000, 100_000], 1);
    floor.chain.run(deposit).all_ok();
    let sells_iron = mints[0] == iron;
    let salt = mints[usize::from(sells_iron)];
    let trader = floor.chain.wallet("traveller");
    let [source, middle, target] =
        [gold, iron, salt].map(|mint| floor.chain.tokens(&trader, &mint, 5_000));
    floor.mints = before;
    let sell = SellAddresses {
        trader,
        first: HopAddresses::from(first),
        second: HopAddresses::from(vaults),
        source,
        middle,
        target,
    };
    (floor, sell, [sells_gold, sells_iron])
}

#[test]
fn a_route_is_two_trades() {
    let (mut floor, sell, sides) = crossroads();
    let block = floor
        .chain
        .run(router::call::sell(&sell, sides, 1_000, 978));
    block.fails(0, AmmError::Slippage).in_program(&ID);
    let route = router::call::sell(&sell, sides, 1_000, 974);
    floor.chain.parallel_equals_serial([route.clone()]);
    let block = floor.chain.run(route);
    let got = block.all_ok().access_is_minimal().returned::<u64>(0);
    assert_eq!(block.events::<Traded>().len(), 2);
    let held = [sell.source, sell.middle, sell.target].map(|purse| floor.chain.balance(&purse));
    assert_eq!(held, [4_000, 5_000, 5_000 + got]);
}

#[test]
fn a_route_lends_no_rights() {
    let (mut floor, sell, sides) = crossroads();
    let thief = floor.chain.wallet("thief");
    let gold = floor.chain.mint("gold", 6);
    let own = floor.chain.tokens(&thief, &gold, 5_000);
    let run = |floor: &mut Floor, change: &dyn Fn(&mut SellAddresses)| {
        let mut stolen = sell.clone();
        change(&mut stolen);
        floor
            .chain
            .run(router::call::sell(&stolen, sides, 1_000, 0))
    };
    let authority = InstructionError::IncorrectAuthority;
    // Tokens of another owner on the way, and at the start.
    let block = run(&mut floor, &|stolen| {
        (stolen.trader, stolen.source) = (thief, own)
    });
    block.fails(0, authority.clone()).at("middle");
    let block = run(&mut floor, &|stolen| stolen.source = own);
    block.fails(0, authority).at("source").in_program(&ID);
    // Vaults that are none, one pool twice, and the pools in each other's place.
    let block = run(&mut floor, &|stolen| stolen.first.vault_a = own);
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("vaults.vault_a");
    let block = run(&mut floor, &|stolen| stolen.second = stolen.first.clone());
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    let block = run(&mut floor, &|stolen| {
        std::mem::swap(&mut stolen.first, &mut stolen.second);
    });
    block.fails(0, AmmError::WrongMint).in_program(&ID);
    let mut unsigned = router::call::sell(&sell, sides, 1_000, 0);
    unsigned.accounts[0].is_signer = false;
    let block = floor.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("trader");
}
