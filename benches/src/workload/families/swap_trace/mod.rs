//! `swap-trace`: a recorded day of an AMM on ours. Each trade is one of the day: its pools,
//! directions and amounts, sent by a stand-in of the recorded payer. A stream that is longer than
//! the day begins again with it.
//!
//! The pools begin with what the recorded vaults held. The recorded curve is another one, so that
//! prices differ and slippage is not limited.

mod day;

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use lockstep_interface::{Account, Address, Instruction};
use lockstep_market::swap::amm::{self, TradeAddresses};
use lockstep_programs::compute_budget::instruction::set_compute_unit_limit;
use lockstep_programs::token::TokenAccount;
use rand_chacha::ChaCha8Rng;

use super::market::swaps::{COST, PoolSite};
use super::market::token_account;
use super::{Family, FamilySpec, replay};
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::lookup::derived_address;
use crate::workload::options::SpecError;
use day::{Day, Swap, Trade};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "swap-trace",
    about: "a recorded day of an AMM: its pools, directions and amounts",
    options: &[],
    build: |_, seed| Ok(Box::new(SwapTrace::new(seed)?)),
};

/// The file in the folder of traces.
const FILE: &str = "traces/amm-whirlpool-2022-04-06-a.jsonl.zst";
/// What each payer has of each mint: two payers make most trades, of all that the vaults hold.
const BALANCE: u64 = 1 << 60;
/// What a transaction asks for at least; its place tells it apart from another one like it.
const UNITS: u32 = 300_000;
/// Places that are told apart, more than any two that have one blockhash are from each other.
const PLACES: u32 = 1_000_000;

#[derive(Debug)]
struct SwapTrace {
    keys: Keyring,
    day: Day,
    pools: Vec<Pool>,
    seed: u64,
}

/// A pool of ours. Its mints are ordered by address, the recorded ones were as well.
#[derive(Debug)]
struct Pool {
    site: PoolSite,
    mints: [Address; 2],
    reserves: [u64; 2],
}

/// The folder of recorded data: `LOCKSTEP_DATA`, or `../shared` beside the workspace that the
/// process works in.
fn data_folder() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let workspace = here
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists());
    let beside = workspace.unwrap_or(&here).join("../shared");
    env::var_os("LOCKSTEP_DATA").map_or(beside, PathBuf::from)
}

impl SwapTrace {
    fn new(seed: u64) -> Result<Self, SpecError> {
        let day = Day::read(&data_folder().join(FILE)).map_err(|error| SpecError::Data {
            workload: SPEC.name,
            cause: error.to_string(),
        })?;
        let mints = replay::addresses(b"trace mint", day.pools.len().saturating_mul(2), seed);
        let pools = mints.as_chunks().0.iter().zip(&day.pools);
        let pools = pools.map(|(mints, reserves)| {
            let mut mints: [Address; 2] = *mints;
            mints.sort_unstable();
            Pool {
                site: PoolSite::of(mints),
                mints,
                reserves: *reserves,
            }
        });
        Ok(Self {
            keys: Keyring::stand_ins(&day.payers),
            pools: pools.collect(),
            day,
            seed,
        })
    }

    /// A payer's token accounts for the mints of a pool.
    fn purses(&self, payer: usize, pool: usize) -> [Address; 2] {
        let pools = self.pools.len();
        let first = payer.saturating_mul(pools).saturating_add(pool);
        let first = first.saturating_mul(2);
        [first, first.saturating_add(1)].map(|number| {
            let number = u64::try_from(number).expect("a length fits u64");
            derived_address(b"trace purse", number, self.seed)
        })
    }

    fn instruction(&self, payer: usize, swap: &Swap) -> Instruction {
        let [a, b] = self.purses(payer, swap.pool);
        let (source, target) = if swap.sells_a { (a, b) } else { (b, a) };
        let trade = TradeAddresses {
            trader: self.keys.address(payer),
            vaults: self.pools[swap.pool].site.vaults.clone(),
            source,
            target,
        };
        match swap.is_sale {
            true => amm::call::sell(&trade, swap.sells_a, swap.amount, 0),
            false => amm::call::buy(&trade, swap.sells_a, swap.amount, u64::MAX),
        }
    }

    fn trade(&self, place: Place) -> &Trade {
        let number = place.number.checked_rem(self.day.trades.len());
        &self.day.trades[number.unwrap_or(0)]
    }
}

impl Family for SwapTrace {
    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let payers = self.keys.addresses().iter();
        let payers = payers.map(|&address| (address, Account::wallet(PAYER_BALANCE)));
        let pools = self.pools.iter();
        let pools = pools.flat_map(|pool| pool.site.accounts(pool.reserves));
        let trades = self.day.trades.iter();
        let used = trades.flat_map(|trade| trade.swaps.iter().map(|swap| (trade.payer, swap.pool)));
        let used: BTreeSet<(usize, usize)> = used.collect();
        let purses = used.into_iter().flat_map(move |(payer, pool)| {
            let purses = self.purses(payer, pool).into_iter();
            purses
                .zip(self.pools[pool].mints)
                .map(move |(purse, mint)| {
                    let tokens = TokenAccount::new(mint, self.keys.address(payer), BALANCE);
                    (purse, token_account(&tokens))
                })
        });
        Box::new(payers.chain(pools).chain(purses))
    }

    fn draft(&self, place: Place, _: &mut ChaCha8Rng) -> Draft {
        let trade = self.trade(place);
        let limit = UNITS.saturating_add(place.tag() % PLACES);
        let mut instructions = vec![set_compute_unit_limit(limit)];
        let swaps = trade.swaps.iter();
        instructions.extend(swaps.map(|swap| self.instruction(trade.payer, swap)));
        let swap_count = u64::try_from(trade.swaps.len()).expect("a length fits u64");
        Draft {
            payer: trade.payer,
            instructions,
            tables: None,
            cost: COST.saturating_mul(swap_count),
        }
    }
}
