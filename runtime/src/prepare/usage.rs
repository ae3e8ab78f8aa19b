//! Counts the demands of transactions against the limits of a block: one by one for a producer, all
//! at once for a verifier.
//!
//! ```text
//! limits -> BlockUsage -> admit -> admit -> refuse -> admit ..
//! ```
//!
//! A transaction counts by the [`Cost`](crate::rules::Cost) of what it requests, not of what it
//! then uses: a producer knows it before it runs anything, and so does a verifier.

use std::{collections::HashMap, fmt};

use ahash::RandomState;
use lockstep_interface::Address;
use lockstep_scheduler::{AccountIndex, Plan, Wait};

use super::PreparedBlock;
use crate::block::BlockLimits;

/// The parts that a block is divided into where shares of it are counted.
pub const BLOCK_PARTS: u64 = 1_000_000_000_000;

/// What a transaction, or a bundle of them, asks of a block.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a, A> {
    /// Transactions: 1, or those of a bundle.
    pub transaction_count: u32,
    /// Compute units by [`Cost`](crate::rules::Cost); of a bundle the sum of them.
    pub compute_units: u64,
    /// Bytes of accounts that it allocates.
    pub allocated_size: u64,
    /// Bytes on the wire, signatures included.
    pub size: usize,
    /// The accounts that it may write, each once. One that it may only credit is among them. All
    /// compute units of a bundle count for each account that one of its transactions may write.
    pub writes: &'a [A],
}

/// What a limit is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Resource<A> {
    /// [`BlockLimits::compute_units_max`].
    ComputeUnits,
    /// [`BlockLimits::account_compute_units_max`], used up for this account.
    AccountComputeUnits(A),
    /// [`BlockLimits::allocated_size_max`].
    AllocatedBytes,
    /// [`BlockLimits::transaction_bytes_max`].
    TransactionBytes,
    /// [`BlockLimits::transaction_count_max`].
    TransactionCount,
    /// [`BlockLimits::wait_count_max`].
    WaitCount,
}

impl<A: fmt::Display> fmt::Display for Resource<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ComputeUnits => write!(f, "compute units"),
            Self::AccountComputeUnits(account) => {
                write!(f, "compute units of the writers of account {account}")
            }
            Self::AllocatedBytes => write!(f, "allocated bytes"),
            Self::TransactionBytes => write!(f, "bytes"),
            Self::TransactionCount => write!(f, "transactions"),
            Self::WaitCount => write!(f, "waits"),
        }
    }
}

/// A transaction needs more than a limit leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "transaction {transaction} does not fit: it needs {asked} more, with {used} of {limit} {resource} used"
)]
pub struct LimitExceeded<A: fmt::Debug + fmt::Display> {
    /// The transaction, or the first of a bundle, by its place among those of the block.
    pub transaction: u32,
    /// The resource that runs out.
    pub resource: Resource<A>,
    /// The limit of all transactions together.
    pub limit: u64,
    /// The part that those before it use.
    pub used: u64,
    /// The part that it needs.
    pub asked: u64,
}

/// What accounts are told apart by: [`AccountIndex`] where they have been numbered, else
/// [`Address`].
pub trait AccountName: Copy + fmt::Debug + fmt::Display {
    /// Compute units by account.
    type Units: Clone + fmt::Debug + Default;

    /// The units of this account.
    fn units(self, units: &Self::Units) -> u64;

    /// The place of this account's units.
    fn units_mut(self, units: &mut Self::Units) -> &mut u64;
}

impl AccountName for AccountIndex {
    type Units = Vec<u64>;

    fn units(self, units: &Vec<u64>) -> u64 {
        units.get(self.index()).copied().unwrap_or(0)
    }

    fn units_mut(self, units: &mut Vec<u64>) -> &mut u64 {
        let place = self.index();
        if place >= units.len() {
            units.resize(place.saturating_add(1), 0);
        }
        &mut units[place]
    }
}

impl AccountName for Address {
    type Units = HashMap<Address, u64, RandomState>;

    fn units(self, units: &Self::Units) -> u64 {
        units.get(&self).copied().unwrap_or(0)
    }

    fn units_mut(self, units: &mut Self::Units) -> &mut u64 {
        units.entry(self).or_default()
    }
}

/// How much of a block's limits its transactions take so far.
///
/// ```
/// use lockstep_runtime::block::BlockLimits;
/// use lockstep_runtime::prepare::{BlockUsage, Demand};
/// use lockstep_scheduler::AccountIndex;
///
/// let limits = BlockLimits {
///     account_compute_units_max: 500_000,
///     ..BlockLimits::MAINNET
/// };
/// let mut usage = BlockUsage::new(limits);
/// let demand = Demand {
///     transaction_count: 1,
///     compute_units: 300_000,
///     allocated_size: 0,
///     size: 215,
///     writes: &[AccountIndex(0), AccountIndex(7)],
/// };
/// assert!(usage.admit(&demand).is_ok());
/// let refused = usage.admit(&demand).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "transaction 1 does not fit: it needs 300000 more, with 300000 of 500000 compute units of \
///      the writers of account 0 used"
/// );
/// // Nothing was taken, and others still fit.
/// assert_eq!(usage.compute_units(), 300_000);
/// assert!(usage.admit(&Demand { writes: &[AccountIndex(1)], ..demand }).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct BlockUsage<A: AccountName> {
    limits: BlockLimits,
    compute_units: u64,
    allocated_size: u64,
    transaction_bytes: u64,
    transaction_count: u32,
    units: A::Units,
}

impl<A: AccountName> BlockUsage<A> {
    /// An empty block under these limits.
    pub fn new(limits: BlockLimits) -> Self {
        Self {
            limits,
            compute_units: 0,
            allocated_size: 0,
            transaction_bytes: 0,
            transaction_count: 0,
            units: A::Units::default(),
        }
    }

    /// Says whether there is room for what is asked. O(writes).
    ///
    /// # Errors
    /// The first limit that does not leave enough: transactions, bytes, compute units, allocated
    /// bytes, compute units of each written account.
    pub fn check(&self, demand: &Demand<'_, A>) -> Result<(), LimitExceeded<A>> {
        let used = [
            u64::from(self.transaction_count),
            self.transaction_bytes,
            self.compute_units,
            self.allocated_size,
        ];
        let whole = self.limits.whole(demand).into_iter().zip(used);
        let whole = whole.map(|((resource, limit, asked), used)| (resource, limit, used, asked));
        let by_account = demand.writes.iter().map(|&account| {
            let limit = self.limits.account_compute_units_max;
            let (used, asked) = (account.units(&self.units), demand.compute_units);
            (Resource::AccountComputeUnits(account), limit, used, asked)
        });
        for (resource, limit, used, asked) in whole.chain(by_account) {
            if used.checked_add(asked).is_none_or(|sum| sum > limit) {
                return Err(LimitExceeded {
                    transaction: self.transaction_count,
                    resource,
                    limit,
                    used,
                    asked,
                });
            }
        }
        Ok(())
    }

    /// Takes all of it in, or changes nothing. O(writes).
    ///
    /// # Errors
    /// Those of [`BlockUsage::check`].
    pub fn admit(&mut self, demand: &Demand<'_, A>) -> Result<(), LimitExceeded<A>> {
        const REASON: &str = "the sum was held against its limit";
        self.check(demand)?;
        let add = |used: u64, asked: u64| used.checked_add(asked).expect(REASON);
        self.compute_units = add(self.compute_units, demand.compute_units);
        self.allocated_size = add(self.allocated_size, demand.allocated_size);
        self.transaction_bytes = add(self.transaction_bytes, demand.size as u64);
        let count = self.transaction_count;
        self.transaction_count = count.checked_add(demand.transaction_count).expect(REASON);
        for account in demand.writes {
            let units = account.units_mut(&mut self.units);
            *units = add(*units, demand.compute_units);
        }
        Ok(())
    }

    /// All that was taken, but by account.
    fn taken(&self) -> Demand<'_, A> {
        Demand {
            transaction_count: self.transaction_count,
            compute_units: self.compute_units,
            allocated_size: self.allocated_size,
            size: usize::try_from(self.transaction_bytes).unwrap_or(usize::MAX),
            writes: &[],
        }
    }

    /// True if some resource of the whole block is used up.
    pub fn is_full(&self) -> bool {
        let whole = self.limits.whole(&self.taken());
        whole.iter().any(|(_, limit, taken)| taken >= limit)
    }

    /// What is left of the resource of which least is left, in [`BLOCK_PARTS`], rounded up.
    pub fn left(&self) -> u64 {
        let lefts = self.limits.whole(&self.taken()).map(|(_, limit, taken)| {
            let left = u128::from(limit.saturating_sub(taken));
            let parts = left.saturating_mul(u128::from(BLOCK_PARTS));
            let parts = parts.div_ceil(u128::from(limit.max(1)));
            u64::try_from(parts).unwrap_or(u64::MAX)
        });
        lefts.into_iter().fold(BLOCK_PARTS, u64::min)
    }

    /// The limits.
    pub fn limits(&self) -> &BlockLimits {
        &self.limits
    }

    /// Compute units of all transactions so far.
    pub fn compute_units(&self) -> u64 {
        self.compute_units
    }

    /// Compute units of those that may write an account.
    pub fn account_compute_units(&self, account: A) -> u64 {
        account.units(&self.units)
    }

    /// Bytes of accounts that they allocate.
    pub fn allocated_size(&self) -> u64 {
        self.allocated_size
    }

    /// Bytes of all transactions so far.
    pub fn transaction_bytes(&self) -> u64 {
        self.transaction_bytes
    }

    /// Transactions so far.
    pub fn transaction_count(&self) -> u32 {
        self.transaction_count
    }
}

impl BlockUsage<AccountIndex> {
    /// What the transactions of a prepared block take, in its order; refused ones take nothing.
    /// O(accesses).
    ///
    /// # Errors
    /// For the first transaction, by index, that there is no room for.
    pub fn of(
        block: &PreparedBlock<'_>,
        limits: BlockLimits,
    ) -> Result<Self, LimitExceeded<AccountIndex>> {
        let mut usage = Self::new(limits);
        usage.admit_all(block, |_, exceeded| Err(exceeded))?;
        Ok(usage)
    }

    /// The transactions of a prepared block that there is no room for once those before them
    /// that there is room for are in: positions in the wire block, and why. O(accesses); nothing
    /// where there is no limit.
    pub fn excess(
        block: &PreparedBlock<'_>,
        limits: BlockLimits,
    ) -> Vec<(u32, LimitExceeded<AccountIndex>)> {
        let mut excess = Vec::new();
        if limits != BlockLimits::UNLIMITED {
            let pass_over = |position, exceeded| {
                excess.push((position, exceeded));
                Ok::<(), std::convert::Infallible>(())
            };
            let Ok(()) = Self::new(limits).admit_all(block, pass_over);
        }
        excess
    }

    fn admit_all<E>(
        &mut self,
        block: &PreparedBlock<'_>,
        mut refuse: impl FnMut(u32, LimitExceeded<AccountIndex>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut writes = Vec::new();
        for (index, transaction) in block.table().transactions().zip(block.transactions()) {
            writes.clear();
            let accesses = block.accesses(index).iter().enumerate();
            let writable = transaction.writable;
            writes.extend(
                accesses
                    .filter(|(position, _)| writable.contains(*position))
                    .map(|(_, access)| access.account()),
            );
            let admitted = self.admit(&Demand {
                transaction_count: 1,
                compute_units: transaction.cost.compute_units,
                allocated_size: transaction.cost.allocated_size,
                size: transaction.view.bytes().len(),
                writes: &writes,
            });
            if let Err(exceeded) = admitted {
                refuse(transaction.position, exceeded)?;
            }
        }
        Ok(())
    }
}

impl BlockLimits {
    /// What a demand asks of each resource of the whole block, and the limit on it: what is
    /// checked first when a block is filled, and what [`share`](Self::share) is a share of.
    fn whole<A>(&self, demand: &Demand<'_, A>) -> [(Resource<A>, u64, u64); 4] {
        let count = u64::from(demand.transaction_count);
        let count_max = u64::from(self.transaction_count_max);
        let size = demand.size as u64;
        [
            (Resource::TransactionCount, count_max, count),
            (Resource::TransactionBytes, self.transaction_bytes_max, size),
            (
                Resource::ComputeUnits,
                self.compute_units_max,
                demand.compute_units,
            ),
            (
                Resource::AllocatedBytes,
                self.allocated_size_max,
                demand.allocated_size,
            ),
        ]
    }

    /// The share of an empty block that a demand takes, of the resource that it takes most of: in
    /// parts of which a block has [`BLOCK_PARTS`], rounded up, at least 1. O(1).
    ///
    /// ```
    /// use lockstep_runtime::block::BlockLimits;
    /// use lockstep_runtime::prepare::{BLOCK_PARTS, Demand};
    ///
    /// let demand = Demand::<u32> {
    ///     transaction_count: 1,
    ///     compute_units: 600_000,
    ///     allocated_size: 0,
    ///     size: 215,
    ///     writes: &[],
    /// };
    /// assert_eq!(BlockLimits::MAINNET.share(&demand), BLOCK_PARTS / 100);
    /// ```
    pub fn share<A>(&self, demand: &Demand<'_, A>) -> u64 {
        let shares = self.whole(demand).map(|(_, limit, asked)| {
            let parts = u128::from(asked).saturating_mul(u128::from(BLOCK_PARTS));
            let share = parts.div_ceil(u128::from(limit.max(1)));
            u64::try_from(share).unwrap_or(u64::MAX)
        });
        shares.into_iter().fold(1, u64::max)
    }

    /// Whether a plan has no more waits than a block may have.
    ///
    /// # Errors
    /// Names the transaction, by its number in the plan, whose waits are too many.
    pub fn check_waits(&self, plan: &Plan) -> Result<(), LimitExceeded<AccountIndex>> {
        let limit = self.wait_count_max as usize;
        let Some(first) = plan.waits().get(limit) else {
            return Ok(());
        };
        let transaction = first.transaction;
        let own = |waits: &[Wait]| {
            let own = waits.iter().filter(|wait| wait.transaction == transaction);
            own.count() as u64
        };
        let before = &plan.waits()[..limit];
        Err(LimitExceeded {
            transaction: transaction.0,
            resource: Resource::WaitCount,
            limit: limit as u64,
            used: (limit as u64).saturating_sub(own(before)),
            asked: own(plan.waits()),
        })
    }
}
