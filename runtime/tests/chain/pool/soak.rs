//! A pool under a load of which 95 % means harm: blocks keep the fees that the honest part alone
//! would have paid, and no honest candidate waits longer than the bound.
//!
//! `SOAK_BLOCKS=5000 SEED=7 cargo test -p lockstep-runtime --test chain soak` runs longer, and from
//! another seed.

use std::collections::BTreeMap;

use lockstep_interface::{Account, Address, Hash, Instruction, nonce::durable_nonce};
use lockstep_programs::{
    compute_budget::instruction::{set_compute_unit_limit, set_compute_unit_price},
    system::instruction::{advance_nonce_account, transfer},
};
use lockstep_runtime::{
    block::BlockLimits,
    chain::Chain,
    mempool::{Candidate, Fairness, Mempool, MempoolLimits},
    verify::Signatures,
    wire::{TransactionView, WireBlock},
};
use lockstep_store::sync::Shared;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{advance, body, limited};
use crate::{
    common::ledger::{Ledger, RICH, address, nonce_account, rent_exempt, transaction},
    setting::head,
};

/// A tenth of Solana's blocks.
const BLOCK: BlockLimits = BlockLimits {
    compute_units_max: 6_000_000,
    account_compute_units_max: 2_400_000,
    transaction_bytes_max: 3_355_443,
    transaction_count_max: 20_000,
    ..BlockLimits::UNLIMITED
};
/// A tenth of what a transaction may ask for.
const MOST: u32 = 140_000;
const LIMITS: MempoolLimits = MempoolLimits {
    block: BLOCK,
    candidates: 2_000,
    blocks: 4,
    per_payer: 64,
    per_account: 300,
    blocks_per_account: 1,
    fairness: Fairness {
        crowd: 8,
        patience: 4,
        aged_per_mille: 250,
        aged_account_per_mille: 100,
    },
    ..MempoolLimits::STANDARD
};
/// Selections by the formula of the pool's documentation, for a candidate of one contended account:
/// 4 + 1 + 4 / (0.25 - 0.0234) + 1 / (0.1 - 0.0234).
const BOUND: u64 = 5 + 18 + 14;

/// Honest transactions that come in each block: about as many as fit.
const HONEST: u64 = 100;
/// Hostile ones for each.
const HOSTILE: u64 = 19;
/// Where the numbers of accounts begin.
const HONEST_WALLETS: u64 = 0;
const HOSTILE_WALLETS: u64 = 100_000;
const SHOPS: u64 = 200_000;
const NONCES: u64 = 300_000;
const NEW: u64 = 400_000;
/// How many there are.
const WALLET_COUNT: u64 = 2_000;
const SHOP_COUNT: u64 = 40;
const NONCE_COUNT: u64 = 16;
const NONCE_HASH: Hash = Hash::new_from_array([9; 32]);

fn genesis() -> Ledger {
    let mut ledger = Ledger::with_wallets(HONEST_WALLETS..HONEST_WALLETS + WALLET_COUNT);
    for number in 0..WALLET_COUNT {
        // Every other one can pay a fee or two.
        let funds = if number % 2 == 0 {
            RICH
        } else {
            rent_exempt(0) + 20_000
        };
        ledger.put(address(HOSTILE_WALLETS + number), Account::wallet(funds));
    }
    for number in 0..SHOP_COUNT {
        ledger.put(address(SHOPS + number), Account::wallet(RICH));
    }
    for number in 0..NONCE_COUNT {
        let authority = address(HOSTILE_WALLETS + 2 * number);
        let nonce = nonce_account(authority, &NONCE_HASH, RICH);
        ledger.put(address(NONCES + number), nonce);
    }
    ledger
}

/// Makes transactions for the next block.
struct Load<'c> {
    random: ChaCha8Rng,
    chain: &'c Chain,
    /// Makes transactions differ.
    count: u64,
}

impl Load<'_> {
    fn priced(&self, payer: Address, units: u32, price: u64, rest: &[Instruction]) -> Vec<u8> {
        let mut all = vec![set_compute_unit_limit(units), set_compute_unit_price(price)];
        all.extend_from_slice(rest);
        transaction(payer, head(self.chain), &all)
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// A payment to a shop; one in five offers next to nothing.
    fn honest(&mut self) -> Vec<u8> {
        let payer = address(HONEST_WALLETS + self.random.random_range(0..WALLET_COUNT));
        let shop = address(SHOPS + self.random.random_range(0..SHOP_COUNT));
        let price = match self.random.random_ratio(1, 5) {
            true => self.random.random_range(0..1_000),
            false => self.random.random_range(10_000..2_000_000),
        };
        let units = *[20_000, 40_000, 60_000, 90_000]
            .choose(&mut self.random)
            .unwrap();
        let pay = transfer(&payer, &shop, self.next());
        self.priced(payer, units, price, &[pay])
    }

    /// One or several hostile transactions, and whether they are a bundle.
    fn hostile(&mut self) -> (Vec<Vec<u8>>, bool) {
        let high = 3_000_000;
        let number = self.random.random_range(0..WALLET_COUNT);
        let payer = address(HOSTILE_WALLETS + number);
        let pay = transfer(&payer, &payer, self.next());
        match self.random.random_range(0..6) {
            // Many for a nonce.
            0 => {
                let nonce = self.random.random_range(0..NONCE_COUNT);
                let authority = address(HOSTILE_WALLETS + 2 * nonce);
                let advance = advance_nonce_account(&address(NONCES + nonce), &authority);
                let limits = [set_compute_unit_limit(MOST), set_compute_unit_price(high)];
                let all = [vec![advance], limits.to_vec(), vec![pay]].concat();
                (
                    vec![transaction(payer, durable_nonce(&NONCE_HASH), &all)],
                    false,
                )
            }
            // More than its payer can pay.
            1 => {
                let payer = address(HOSTILE_WALLETS + number / 2 * 2 + 1);
                let pay = transfer(&payer, &payer, self.next());
                (vec![self.priced(payer, MOST, 100_000, &[pay])], false)
            }
            // Its payer is drained by the first, and those after it cannot pay. The lamports go to
            // and fro between two wallets.
            2 => {
                let pair =
                    [number / 4 * 4, number / 4 * 4 + 2].map(|one| address(HOSTILE_WALLETS + one));
                let bank = self.chain.bank(&head(self.chain)).unwrap();
                let [one, other] =
                    pair.map(|one| bank.get(&one).unwrap().map_or(0, |it| it.lamports));
                let (payer, heir, all) = match one > other {
                    true => (pair[0], pair[1], one),
                    false => (pair[1], pair[0], other),
                };
                let drain = transfer(&payer, &heir, all - 5_000 - 2 * high / 1_000);
                let mut several = vec![self.priced(payer, 1_000, 2 * high, &[drain])];
                for _ in 0..8 {
                    let pay = transfer(&payer, &payer, self.next());
                    several.push(self.priced(payer, MOST, high, &[pay]));
                }
                (several, false)
            }
            // A bundle that fails.
            3 => {
                let fail = transfer(&payer, &payer, u64::MAX);
                let pair = [pay, fail].map(|one| self.priced(payer, MOST / 2, high, &[one]));
                (pair.into(), true)
            }
            // It asks for all and pays little.
            4 => (vec![self.priced(payer, MOST, 10, &[pay])], false),
            // It crowds shops by the way, at the lowest price.
            _ => {
                let shop = self.random.random_range(0..SHOP_COUNT);
                let shops = [0, 1, 2].map(|next| address(SHOPS + (shop + next) % SHOP_COUNT));
                let pays = shops.map(|shop| transfer(&payer, &shop, 1 + self.count));
                (vec![self.priced(payer, MOST / 4, 1, &pays)], false)
            }
        }
    }
}

/// Runs blocks. Gives the fees that they were paid.
fn run(seed: u64, blocks: u64, hostile: u64) -> u64 {
    let chain = limited(genesis().genesis(), 1, BLOCK);
    let pool = Shared::new(Mempool::new(LIMITS));
    let mut load = Load {
        random: ChaCha8Rng::seed_from_u64(seed),
        chain: &chain,
        count: NEW,
    };
    // Another source of chance, so that the honest part is the same in both runs.
    let mut harm = Load {
        random: ChaCha8Rng::seed_from_u64(!seed),
        chain: &chain,
        count: 2 * NEW,
    };
    // By message, the block at which an honest candidate came.
    let mut since: BTreeMap<Hash, u64> = BTreeMap::new();
    let mut fees = 0;
    for block in 0..blocks {
        let bank = chain.bank(&head(&chain)).unwrap();
        let bank = bank.child(bank.slot() + 1, 0);
        let mut submit = |batch: &WireBlock, is_honest: bool| {
            let threads = &chain.options().threads;
            let candidates = Candidate::read_batch(batch, &bank, Signatures::Trusted, threads);
            for candidate in candidates.unwrap().into_iter().flatten() {
                let hash = *candidate.message_hashes().next().unwrap();
                let Ok(accepted) = pool.write().submit(candidate) else {
                    continue;
                };
                if is_honest {
                    since.insert(hash, block);
                }
                for evicted in &accepted.evicted {
                    evicted.message_hashes().for_each(|hash| {
                        since.remove(hash);
                    });
                }
            }
        };
        for _ in 0..HONEST {
            let mut batch = WireBlock::from_iter([load.honest()]);
            submit(&batch, true);
            batch = WireBlock::default();
            let mut bundles = Vec::new();
            let mut count = 0;
            while count < hostile {
                let (transactions, is_bundle) = harm.hostile();
                if is_bundle {
                    bundles.push(u32::try_from(batch.len()).unwrap());
                }
                count += transactions.len() as u64;
                transactions.iter().for_each(|one| batch.push(one));
            }
            bundles
                .iter()
                .for_each(|start| batch.bundle(*start, 2).unwrap());
            submit(&batch, false);
        }
        let (built, settled) = advance(&chain, &pool);
        let receipts = built.receipts.iter();
        let paid = receipts.map(|receipt| receipt.signature_fee + receipt.priority_fee);
        fees += paid.sum::<u64>();
        assert!(settled.unfit.is_empty());
        for bytes in body(&built) {
            let view = TransactionView::parse(&bytes).unwrap();
            since.remove(&view.message_hash());
        }
        let refused = settled.refused.iter().map(|(candidate, _)| candidate);
        for candidate in refused.chain(&settled.expired) {
            candidate.message_hashes().for_each(|hash| {
                since.remove(hash);
            });
        }
        let oldest = since.values().min().copied().unwrap_or(block);
        assert!(
            block - oldest < BOUND,
            "SEED={seed}: one waits since block {oldest}"
        );
    }
    fees
}

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn soak() {
    let (first, blocks) = (number("SEED", 1), number("SOAK_BLOCKS", 60));
    for seed in first..first + 2 {
        let alone = run(seed, blocks, 0);
        let besieged = run(seed, blocks, HOSTILE);
        let share = besieged * 1_000 / alone;
        eprintln!("SEED={seed}: fees alone {alone}, besieged {besieged}, {share} per mille");
        assert!(
            share >= 900,
            "SEED={seed}: {share} per mille of {alone} are left"
        );
    }
}
