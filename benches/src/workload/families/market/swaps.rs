//! Swaps in pools of the AMM, for `dex` and `city`. A market is three mints and two pools between
//! them: its traders swap in the first pool, or sell through both.
//!
//! ```text
//! trader --+-- swap:  two purses, pool, two vaults (written)
//!          +-- route: three purses, both pools, four vaults (written)
//! ```

use lockstep_interface::{Account, Address, Instruction};
use lockstep_market::router::router::{self, HopAddresses, SellAddresses};
use lockstep_market::swap::amm::{self, Create, Pool, TradeAddresses, VaultsAddresses};
use lockstep_programs::token::TokenAccount;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Quarter, Users, draft, number, state_account, token_account};
use crate::workload::draft::Draft;
use crate::workload::families::replay;
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

/// Compute units of a swap.
pub(in crate::workload::families) const COST: u64 = 14_000;
/// Compute units of one through two pools.
const ROUTE_COST: u64 = 32_000;
/// What pools begin with of both mints, and purses of theirs.
const BALANCE: u64 = 1 << 40;
/// The least amount of a swap.
const PAID_MIN: u64 = 1_000;
/// Of pools, in ten-thousandths.
const FEE: u16 = 30;
/// Mints of a market, and token accounts of its traders.
const MINTS: usize = 3;
/// Token accounts of each trader for the hot pool.
const HOT_MINTS: usize = 2;
/// Markets of a city at most.
const CITY_MARKETS: usize = 2_000;
/// Routes of a city, of 100 swaps.
const CITY_ROUTES: u64 = 10;

/// A pool at its address.
#[derive(Debug)]
pub(in crate::workload::families) struct PoolSite {
    bump: u8,
    mints: [Address; 2],
    pub(in crate::workload::families) vaults: VaultsAddresses,
}

impl PoolSite {
    /// The pool of two mints, of which the first has the smaller address.
    pub(in crate::workload::families) fn of([mint_a, mint_b]: [Address; 2]) -> Self {
        let (pool, bump) = Create::pool_address(&mint_a, &mint_b, FEE, 0);
        Self {
            bump,
            mints: [mint_a, mint_b],
            vaults: VaultsAddresses {
                pool,
                vault_a: Create::vault_a_address(&pool).0,
                vault_b: Create::vault_b_address(&pool).0,
            },
        }
    }

    /// Pool and vaults. No trade looks at the mints.
    pub(in crate::workload::families) fn accounts(
        &self,
        reserves: [u64; 2],
    ) -> [(Address, Account); 3] {
        let VaultsAddresses {
            pool,
            vault_a,
            vault_b,
        } = self.vaults;
        let [mint_a, mint_b] = self.mints;
        let [reserve_a, reserve_b] = reserves;
        let state = Pool {
            mint_a,
            mint_b,
            vault_a,
            vault_b,
            share_mint: Create::share_mint_address(&pool).0,
            reserve_a: reserve_a.into(),
            reserve_b: reserve_b.into(),
            shares: reserve_a.midpoint(reserve_b).into(),
            fee: FEE.into(),
            amplification: 0.into(),
        };
        let vault_a_state = TokenAccount::new(mint_a, pool, reserve_a);
        let vault_b_state = TokenAccount::new(mint_b, pool, reserve_b);
        [
            (pool, state_account(&state, self.bump)),
            (vault_a, token_account(&vault_a_state)),
            (vault_b, token_account(&vault_b_state)),
        ]
    }
}

/// Mints by address, with a pool of the first two and one of the last two.
#[derive(Debug)]
struct Market {
    mints: [Address; MINTS],
    pools: [PoolSite; 2],
}

impl Market {
    fn new(mut mints: [Address; MINTS]) -> Self {
        mints.sort_unstable();
        let [first, middle, last] = mints;
        Self {
            mints,
            pools: [PoolSite::of([first, middle]), PoolSite::of([middle, last])],
        }
    }
}

/// Traders, each with purses for the mints of its market.
#[derive(Debug)]
pub(super) struct Swaps {
    users: Users,
    markets: Vec<Market>,
    purses: Vec<[Address; MINTS]>,
    /// Empty if the hot pool is not used.
    hot_purses: Vec<[Address; HOT_MINTS]>,
    routes: u64,
    hot_share: u64,
}

impl Swaps {
    /// See [`super::Build`].
    pub(super) fn build(
        _: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let (markets, routes) = (spec.count("markets"), spec.value("routes"));
        Box::new(Self::new(
            users,
            markets,
            routes,
            spec.value("hot-share"),
            seed,
        ))
    }

    /// With a market for each user, up to a number that is more than a block has swaps.
    pub(super) fn of_city(
        _: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let hot_share = spec.value("hot-share");
        Box::new(Self::new(users, CITY_MARKETS, CITY_ROUTES, hot_share, seed))
    }

    fn new(users: Users, markets: usize, routes: u64, hot_share: u64, seed: u64) -> Self {
        let markets = markets.min(users.count);
        let mints = groups(b"mint", markets, seed);
        let hot_count = if hot_share > 0 { users.count } else { 0 };
        Self {
            users,
            markets: mints.into_par_iter().map(Market::new).collect(),
            purses: groups(b"purse", users.count, seed),
            hot_purses: groups(b"hot purse", hot_count, seed),
            routes,
            hot_share,
        }
    }

    fn market(&self, place: usize) -> &Market {
        let number = place.checked_rem(self.markets.len()).unwrap_or(0);
        &self.markets[number]
    }

    /// Through both pools of the trader's market, in the order of their mints or the other one.
    fn route(&self, trader: Address, place: usize, is_forth: bool, paid: u64) -> Instruction {
        let hops = self.market(place).pools.each_ref();
        let [first, second] = hops.map(|pool| HopAddresses::from(pool.vaults.clone()));
        let [source, middle, target] = self.purses[place];
        let mut sell = SellAddresses {
            trader,
            first,
            second,
            source,
            middle,
            target,
        };
        if !is_forth {
            std::mem::swap(&mut sell.first, &mut sell.second);
            std::mem::swap(&mut sell.source, &mut sell.target);
        }
        router::call::sell(&sell, [is_forth; 2], paid, 1)
    }

    /// In the first pool of the trader's market, or in the one that is hot.
    fn swap(&self, trader: Address, place: usize, is_hot: bool, paid: (bool, u64)) -> Instruction {
        let (sells_a, paid) = paid;
        let [a, b, _] = self.purses[place];
        let [a, b] = if is_hot {
            self.hot_purses[place]
        } else {
            [a, b]
        };
        let market = if is_hot { 0 } else { place };
        let (source, target) = if sells_a { (a, b) } else { (b, a) };
        let trade = TradeAddresses {
            trader,
            vaults: self.market(market).pools[0].vaults.clone(),
            source,
            target,
        };
        amm::call::sell(&trade, sells_a, paid, 1)
    }
}

impl Quarter for Swaps {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let pools = self.markets.iter().flat_map(|market| &market.pools);
        let pools = pools.flat_map(|pool| pool.accounts([BALANCE; 2]));
        let purses = self.users.all().enumerate().flat_map(move |(place, user)| {
            let own = self.purses[place].into_iter().zip(self.market(place).mints);
            let hot = self.hot_purses.get(place).into_iter().flatten().copied();
            let all = own.chain(hot.zip(self.market(0).mints));
            all.map(move |(purse, mint)| {
                let tokens = TokenAccount::new(mint, keys.address(user), BALANCE);
                (purse, token_account(&tokens))
            })
        });
        Box::new(pools.chain(purses))
    }

    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let (trader, place) = (keys.address(payer), payer.saturating_sub(self.users.first));
        let mut drawn = |share: u64| rng.random_range(0..100) < share;
        let (is_forth, is_hot) = (drawn(50), drawn(self.hot_share));
        // Tells it apart from the one of another lap.
        let paid = number(self.users.lap(turn)).saturating_add(PAID_MIN);
        if !is_hot && drawn(self.routes) {
            return draft(payer, self.route(trader, place, is_forth, paid), ROUTE_COST);
        }
        let swap = self.swap(trader, place, is_hot, (is_forth, paid));
        draft(payer, swap, COST)
    }
}

/// As many groups of addresses of a kind.
fn groups<const SIZE: usize>(kind: &[u8], count: usize, seed: u64) -> Vec<[Address; SIZE]> {
    let addresses = replay::addresses(kind, count.saturating_mul(SIZE), seed);
    addresses.as_chunks().0.to_vec()
}
