//! What a block cost over shards: counted, so that it is the same on every machine.

/// What the shards did in one round.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoundFigures {
    /// Transactions of each shard.
    pub transactions: Vec<u32>,
    /// Compute units that they used.
    pub compute_units: Vec<u64>,
    /// Bytes that each shard sent to others afterwards.
    pub bytes: Vec<u64>,
}

/// What a block cost over shards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// Its times, the first and the last of which only send or receive.
    pub rounds: Vec<RoundFigures>,
    /// Accounts that moved, that were copied, and of which sums were sent.
    pub messages: [usize; 3],
    /// Transactions that write accounts which live on several shards.
    pub crossing: usize,
    /// How often the block was run, at most 3: again where a result would depend on the order of
    /// credits.
    pub attempts: u32,
}

impl Figures {
    /// Compute units of all shards.
    pub fn compute_units(&self) -> u64 {
        let all = self.rounds.iter().flat_map(|round| &round.compute_units);
        all.fold(0, |sum, units| sum.saturating_add(*units))
    }

    /// Compute units on the critical path: of each round those of the shard with most.
    pub fn critical_units(&self) -> u64 {
        let longest = self
            .rounds
            .iter()
            .map(|round| round.compute_units.iter().max());
        longest
            .flatten()
            .fold(0, |sum, units| sum.saturating_add(*units))
    }

    /// Transactions on the critical path, likewise.
    pub fn critical_transactions(&self) -> u64 {
        let longest = self
            .rounds
            .iter()
            .map(|round| round.transactions.iter().max());
        longest
            .flatten()
            .fold(0, |sum, count| sum.saturating_add(u64::from(*count)))
    }

    /// How many times less compute units are on the critical path than in all, in thousandths.
    pub fn gain_per_mille(&self) -> u64 {
        let all = self.compute_units().saturating_mul(1_000);
        all.checked_div(self.critical_units()).unwrap_or(1_000)
    }

    /// Bytes between shards.
    pub fn bytes(&self) -> u64 {
        let all = self.rounds.iter().flat_map(|round| &round.bytes);
        all.fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Adds what one shard did.
    pub(crate) fn add(&mut self, shard: usize, count: usize, work: Vec<(u32, u64, u64)>) {
        if self.rounds.len() < work.len() {
            let empty = RoundFigures {
                transactions: vec![0; count],
                compute_units: vec![0; count],
                bytes: vec![0; count],
            };
            self.rounds.resize(work.len(), empty);
        }
        for (round, (transactions, units, bytes)) in self.rounds.iter_mut().zip(work) {
            round.transactions[shard] = transactions;
            round.compute_units[shard] = units;
            round.bytes[shard] = bytes;
        }
    }
}
