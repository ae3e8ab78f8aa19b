//! Streams of transactions: recorded blocks spread over time, and synthetic ones.

use std::collections::HashMap;

use lockstep_interface::Address;
use lockstep_scheduler::{Access, AccountIndex};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::trace::{Trace, TraceTransaction};
use crate::workload::Zipf;

/// Lamports of a signature.
const BASE_FEE: u64 = 5_000;
/// Accounts that everything reads: programs.
const PROGRAMS: u32 = 4;

/// A transaction of a stream.
#[derive(Clone, Debug, Default)]
pub struct StreamTransaction {
    /// When it comes, in nanoseconds.
    pub arrival: u64,
    /// The accounts that it uses.
    pub accesses: Vec<Access>,
    /// Lamports that it pays.
    pub fee: u64,
    /// Compute units that it asks for.
    pub limit: u64,
    /// Compute units that it uses.
    pub units: u64,
}

impl StreamTransaction {
    /// Fee per compute unit asked for, in millionths.
    pub fn priority(&self) -> u64 {
        self.fee.saturating_mul(1_000_000) / self.limit.max(1)
    }

    /// Bytes on the wire, about.
    pub fn size(&self) -> u64 {
        150 + 33 * self.accesses.len() as u64
    }

    /// Whether the two may not run at once.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.accesses.iter().any(|mine| {
            let others = other.accesses.iter();
            let mut same = others.filter(|other| other.account() == mine.account());
            same.any(|other| mine.is_write() || other.is_write())
        })
    }
}

/// A stream, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct StreamLoad {
    /// What it is called in tables.
    pub name: String,
    /// The transactions.
    pub transactions: Vec<StreamTransaction>,
    /// Above the number of every account.
    pub account_count: usize,
}

impl StreamLoad {
    /// The load, by increasing arrival.
    fn new(name: &str, mut transactions: Vec<StreamTransaction>) -> Self {
        transactions.sort_by_key(|transaction| transaction.arrival);
        let accesses = transactions
            .iter()
            .flat_map(|transaction| &transaction.accesses);
        let account_count = accesses.map(|access| access.account().index() + 1).max();
        Self {
            name: name.to_owned(),
            transactions,
            account_count: account_count.unwrap_or(0),
        }
    }

    /// A synthetic stream over `duration` nanoseconds whose compute units add up to `units`.
    ///
    /// | name | what it is |
    /// |---|---|
    /// | `uniform` | payments between accounts that nothing else uses |
    /// | `zipf` | payments to 2,000 accounts, popular ones far more often |
    /// | `hot` | payments, 30 in 100 to one account |
    /// | `pools` | swaps over 50 pools, popular ones more often, one in five over two of them |
    /// | `oracle` | swaps that read one of 20 prices, which are written now and then |
    /// | `burst` | payments, and mints of one collection that all come within a tenth of the time |
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn synthetic(name: &str, duration: u64, units: u64, seed: u64) -> Self {
        let mut draw = Draw {
            rng: ChaCha8Rng::seed_from_u64(seed),
            duration,
            next: 10_000,
        };
        let zipf = Zipf::new(if name == "pools" { 50 } else { 2_000 }, 1_000);
        let mut transactions = Vec::new();
        let mut sum = 0;
        while sum < units {
            let transaction = match name {
                "uniform" => draw.payment(None),
                "zipf" => {
                    let to = draw.popular(&zipf);
                    draw.payment(Some(to))
                }
                "hot" => {
                    let is_hot = draw.rng.random_ratio(3, 10);
                    draw.payment(is_hot.then_some(0))
                }
                "pools" => draw.swap(&zipf),
                "oracle" => draw.priced_swap(),
                "burst" => draw.mint_or_payment(),
                _ => panic!("unknown load {name:?}"),
            };
            sum += transaction.units;
            transactions.push(transaction);
        }
        Self::new(name, transactions)
    }

    /// A recorded stream: the transactions of a trace, drawn at random over `duration` until their
    /// compute units add up to `units`. What one transaction of its block alone writes is another
    /// account each time, so that what is hot stays as hot and nothing else becomes so. Where no
    /// compute units or fees are recorded they are drawn, the same each time for one transaction.
    pub fn recorded(name: &str, trace: &Trace, duration: u64, units: u64, seed: u64) -> Self {
        let recorded: Vec<&TraceTransaction> = trace
            .blocks
            .iter()
            .flat_map(|block| &block.transactions)
            .collect();
        let mut uses: HashMap<Address, u32> = HashMap::new();
        for transaction in &recorded {
            for address in transaction.writes.iter().chain(&transaction.reads) {
                *uses.entry(*address).or_default() += 1;
            }
        }
        let mut numbers: HashMap<Address, u32> = HashMap::new();
        let mut draw = Draw {
            rng: ChaCha8Rng::seed_from_u64(seed),
            duration,
            next: 0,
        };
        let costs: Vec<StreamTransaction> = recorded
            .iter()
            .map(|transaction| draw.recorded_costs(transaction))
            .collect();
        let (mut transactions, mut sum) = (Vec::new(), 0);
        while sum < units && !recorded.is_empty() {
            let drawn = draw.rng.random_range(0..recorded.len());
            let mut transaction = costs[drawn].clone();
            transaction.arrival = draw.arrival();
            let source = recorded[drawn];
            let mut number = |draw: &mut Draw, address: &Address| match uses[address] {
                1 => draw.fresh(),
                _ => *numbers.entry(*address).or_insert_with(|| draw.fresh()),
            };
            let writes = source.writes.iter().map(|address| (address, true));
            for (address, is_write) in writes.chain(source.reads.iter().map(|a| (a, false))) {
                let account = AccountIndex(number(&mut draw, address));
                transaction.accesses.push(match is_write {
                    true => Access::write(account),
                    false => Access::read(account),
                });
            }
            sum += transaction.units;
            transactions.push(transaction);
        }
        Self::new(name, transactions)
    }
}

/// What loads are drawn from.
struct Draw {
    rng: ChaCha8Rng,
    duration: u64,
    next: u32,
}

impl Draw {
    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn arrival(&mut self) -> u64 {
        self.rng.random_range(0..self.duration)
    }

    /// Most pay little more than the base fee, few pay a hundred times as much.
    fn fee(&mut self) -> u64 {
        let exponent = self.rng.random_range(0..1_000u64) * self.rng.random_range(0..1_000u64);
        BASE_FEE + (1 << (exponent * 20 / 1_000_000).min(20)) + self.rng.random_range(0..2_000)
    }

    fn popular(&mut self, zipf: &Zipf) -> u32 {
        PROGRAMS + u32::try_from(zipf.sample(&mut self.rng)).expect("a rank is small")
    }

    fn transaction(&mut self, writes: &[u32], reads: &[u32], units: u64) -> StreamTransaction {
        let mut accesses = vec![Access::write(AccountIndex(self.fresh()))];
        accesses.extend(
            writes
                .iter()
                .map(|account| Access::write(AccountIndex(*account))),
        );
        accesses.extend(
            reads
                .iter()
                .map(|account| Access::read(AccountIndex(*account))),
        );
        // Limits are set with a margin, if at all.
        let limit = units + units * self.rng.random_range(0..50) / 100;
        StreamTransaction {
            arrival: self.arrival(),
            accesses,
            fee: self.fee(),
            limit,
            units,
        }
    }

    fn payment(&mut self, to: Option<u32>) -> StreamTransaction {
        let to = to.map_or_else(|| self.fresh(), |to| to + PROGRAMS);
        let units = self.rng.random_range(3_000..15_000);
        self.transaction(&[to], &[0], units)
    }

    fn swap(&mut self, zipf: &Zipf) -> StreamTransaction {
        let first = self.popular(zipf);
        let mut pools = vec![first];
        if self.rng.random_ratio(1, 5) {
            let second = self.popular(zipf);
            if second != first {
                pools.push(second);
            }
        }
        // A pool has a state and two vaults.
        let accounts: Vec<u32> = pools
            .iter()
            .flat_map(|pool| [0, 1, 2].map(|part| pool * 3 + part))
            .collect();
        let units = self.rng.random_range(40_000..120_000) * pools.len() as u64;
        let mut swap = self.transaction(&accounts, &[0, 1], units);
        if pools.len() > 1 {
            swap.fee += 3 * self.fee();
        }
        swap
    }

    fn priced_swap(&mut self) -> StreamTransaction {
        let price = PROGRAMS + self.rng.random_range(0..20);
        if self.rng.random_ratio(1, 25) {
            return self.transaction(&[price], &[2], 8_000);
        }
        let pool = PROGRAMS + 20 + self.rng.random_range(0..400);
        let units = self.rng.random_range(40_000..120_000);
        self.transaction(&[pool], &[0, 1, price], units)
    }

    fn mint_or_payment(&mut self) -> StreamTransaction {
        if self.rng.random_ratio(3, 4) {
            return self.payment(None);
        }
        let units = self.rng.random_range(30_000..60_000);
        let mut mint = self.transaction(&[PROGRAMS], &[3], units);
        mint.arrival = self.duration * 2 / 5 + mint.arrival / 10;
        mint.fee += self.fee();
        mint
    }

    fn recorded_costs(&mut self, source: &TraceTransaction) -> StreamTransaction {
        let drawn = self.rng.random_range(10_000..150_000);
        let units = source
            .cu
            .or(source.cu_limit)
            .unwrap_or(drawn)
            .clamp(1_000, 1_400_000);
        let limit = source.cu_limit.unwrap_or(units).max(units);
        let fee = match (source.fee, source.cu_price) {
            (Some(fee), _) if fee > BASE_FEE => fee,
            _ => self.fee(),
        };
        StreamTransaction {
            fee,
            limit,
            units,
            ..StreamTransaction::default()
        }
    }
}
