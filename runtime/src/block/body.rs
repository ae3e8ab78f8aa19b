//! A block's body: transactions in canonical order, their plan, the accounts whose credits the plan
//! treats as commutative, and a leader, where a chain pays leaders.

use lockstep_interface::{Address, Hash};
use lockstep_scheduler::{AccountIndex, Plan, TransactionIndex};

use super::{
    codec::{Cursor, List, put, put_list},
    error::{BlockDecodeError, BodyError},
    header::BlockHeader,
    limits::BlockLimits,
    plan,
};
use crate::{
    limits::ACCOUNT_LOCKS_MAX,
    wire::{WireBlock, limits::V1_SIZE_MAX},
};

/// The version of the encoding of a body that names no leader.
const VERSION: u8 = 1;
/// The version of one that does.
const LED_VERSION: u8 = 2;
/// Bytes of the version and of the two numbers that count transactions and their bytes.
const COUNTS_SIZE: usize = 9;

/// A block. That its header fits its body is a claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// What it says of itself.
    pub header: BlockHeader,
    /// What is in it.
    pub body: BlockBody,
}

impl Block {
    /// The block's bytes: the header's, then the body's.
    pub fn encode(&self) -> Vec<u8> {
        self.body.as_parts().encode_block(&self.header)
    }

    /// Reads a block that takes all of `bytes`. One block has one encoding.
    ///
    /// Nothing is allocated before the count that asks for it has been held against `limits` and
    /// against the bytes that are left. Compute units are not looked at, and the header is not
    /// compared with the body.
    ///
    /// # Errors
    /// If `bytes` are not exactly what [`Block::encode`] gives for some block within the limits.
    pub fn decode(bytes: &[u8], limits: &BlockLimits) -> Result<Self, BlockDecodeError> {
        let mut cursor = Cursor::new(bytes);
        let header = BlockHeader::read(&mut cursor)?;
        let body = BlockBody::read(&mut cursor, limits)?;
        cursor.finish()?;
        Ok(Self { header, body })
    }
}

/// The transactions of a block, in the canonical order of their plan, and that plan.
///
/// The plan names transactions by their place in the body, each once. Whether it may run is not
/// known: it is a claim of the block's producer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BlockBody {
    transactions: WireBlock,
    plan: Plan,
    shared_accounts: Vec<AccountIndex>,
    leader: Option<Address>,
}

impl BlockBody {
    /// A body of these parts, see [`BodyParts::new`].
    ///
    /// # Errors
    /// Those of [`BodyParts::new`].
    pub fn new(
        transactions: WireBlock,
        plan: Plan,
        shared_accounts: Vec<AccountIndex>,
    ) -> Result<Self, BodyError> {
        BodyParts::new(&transactions, &plan, &shared_accounts)?;
        Ok(Self {
            transactions,
            plan,
            shared_accounts,
            leader: None,
        })
    }

    /// The same body with this leader, or none.
    #[must_use]
    pub fn with_leader(self, leader: Option<Address>) -> Self {
        Self { leader, ..self }
    }

    /// The account that gets the leader's share of the block's fees.
    pub fn leader(&self) -> Option<Address> {
        self.leader
    }

    /// What the header states of plan, shared accounts and leader; [`plan_digest`] if none leads.
    ///
    /// [`plan_digest`]: super::plan_digest
    pub fn plan_digest(&self) -> Hash {
        plan::digest(&self.plan, &self.shared_accounts, self.leader.as_ref())
    }

    /// The transactions in canonical order.
    pub fn transactions(&self) -> &WireBlock {
        &self.transactions
    }

    /// The plan over their positions.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The accounts whose credits the plan treats as commutative, in ascending order. Accounts are
    /// numbered by their first appearance in the body, each transaction's in message order.
    pub fn shared_accounts(&self) -> &[AccountIndex] {
        &self.shared_accounts
    }

    /// The parts, borrowed.
    pub fn as_parts(&self) -> BodyParts<'_> {
        BodyParts {
            transactions: &self.transactions,
            plan: &self.plan,
            shared_accounts: &self.shared_accounts,
            leader: self.leader.as_ref(),
        }
    }

    /// The parts, given away.
    pub fn into_parts(self) -> (WireBlock, Plan, Vec<AccountIndex>) {
        (self.transactions, self.plan, self.shared_accounts)
    }

    /// Reads a body that takes all of `bytes`, as [`Block::decode`] does.
    ///
    /// # Errors
    /// If `bytes` are not exactly what [`BodyParts::encode`] gives for some body within the limits.
    pub fn decode(bytes: &[u8], limits: &BlockLimits) -> Result<Self, BlockDecodeError> {
        let mut cursor = Cursor::new(bytes);
        let body = Self::read(&mut cursor, limits)?;
        cursor.finish()?;
        Ok(body)
    }

    fn read(cursor: &mut Cursor<'_>, limits: &BlockLimits) -> Result<Self, BlockDecodeError> {
        let mut ahead = *cursor;
        let version = cursor.byte("body version", LED_VERSION)?;
        if version < LED_VERSION {
            ahead.expect_byte("body version", VERSION)?;
        }
        let count_max = limits.transaction_count_max.into();
        let sizes: List<'_, 2> = cursor.list("transaction sizes", count_max)?;
        let transactions = read_transactions(cursor, &sizes, limits)?;
        let plan_offset = cursor.offset();
        let plan = plan::read(cursor, transactions.len(), limits)?;
        let account_count_max = account_count_max(transactions.len()) as u64;
        let shared: List<'_, 4> = cursor.list("shared accounts", account_count_max)?;
        let shared_accounts = shared.numbers().map(AccountIndex).collect();
        let leader = match version {
            LED_VERSION => Some(Address::new_from_array(cursor.array("leader")?)),
            _ => None,
        };
        let body = Self::new(transactions, plan, shared_accounts);
        body.map(|body| body.with_leader(leader)).map_err(|error| {
            let offset = match error {
                BodyError::TransactionSize { position, .. } => sizes.offset_of(position),
                BodyError::SharedAccountOrder { position, .. }
                | BodyError::SharedAccount { position, .. } => shared.offset_of(position),
                BodyError::TooLarge { .. } => sizes.offset_of(0),
                BodyError::PlanLength { .. }
                | BodyError::PlanOrder { .. }
                | BodyError::Wait { .. } => plan_offset,
            };
            BlockDecodeError::Body { offset, error }
        })
    }
}

fn read_transactions(
    cursor: &mut Cursor<'_>,
    sizes: &List<'_, 2>,
    limits: &BlockLimits,
) -> Result<WireBlock, BlockDecodeError> {
    let field = "transaction bytes";
    let offset = cursor.offset();
    let found = cursor.number(field, limits.transaction_bytes_max)?;
    let mut end = 0usize;
    let ends = sizes.numbers().map(|size| {
        end = end.saturating_add(usize::from(size));
        end
    });
    let ends: Vec<usize> = ends.collect();
    if end != found as usize {
        return Err(BlockDecodeError::Unexpected {
            field,
            offset,
            expected: end as u64,
            found: found.into(),
        });
    }
    let bytes = cursor.bytes(field, end)?;
    Ok(WireBlock::from_parts(bytes.to_vec(), ends))
}

/// The most accounts that this number of transactions can name.
fn account_count_max(transaction_count: usize) -> usize {
    let named = transaction_count.saturating_mul(ACCOUNT_LOCKS_MAX);
    named.min(AccountIndex::MAX.index())
}

/// What a [`BlockBody`] is made of, borrowed, for a caller that has the parts and needs the bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyParts<'a> {
    transactions: &'a WireBlock,
    plan: &'a Plan,
    shared_accounts: &'a [AccountIndex],
    leader: Option<&'a Address>,
}

impl<'a> BodyParts<'a> {
    /// Checks the parts against the rules of every body. O(transactions + waits).
    ///
    /// [`Plan::relabelled`] makes a plan over positions, and gives the order of the transactions.
    ///
    /// # Errors
    /// If a transaction has no bytes or more than any transaction can have; if the plan's
    /// canonical order is not that of the transactions; if a wait names none of them; if the
    /// shared accounts are not in strictly ascending order, or one has a number that the
    /// transactions cannot lead to.
    ///
    /// ```
    /// use lockstep_runtime::block::{BlockBody, BlockLimits, BodyParts};
    /// use lockstep_runtime::wire::WireBlock;
    /// use lockstep_scheduler::{Plan, TransactionIndex};
    ///
    /// // Two transactions came in, and the plan turns them around.
    /// let wire: WireBlock = [b"one", b"two"].iter().collect();
    /// let lanes = vec![vec![TransactionIndex(1)], vec![TransactionIndex(0)]];
    /// let plan = Plan::from_nested(vec![lanes], vec![]);
    ///
    /// let (plan, order) = plan.relabelled()?;
    /// let in_order = order.iter().filter_map(|one| wire.get(one.index()));
    /// let transactions: WireBlock = in_order.collect();
    /// let bytes = BodyParts::new(&transactions, &plan, &[])?.encode();
    /// let body = BlockBody::decode(&bytes, &BlockLimits::MAINNET)?;
    /// assert_eq!(body.transactions().get(0), Some(b"two".as_slice()));
    /// assert_eq!(body.plan(), &plan);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        transactions: &'a WireBlock,
        plan: &'a Plan,
        shared_accounts: &'a [AccountIndex],
    ) -> Result<Self, BodyError> {
        check_transactions(transactions)?;
        check_plan(plan, transactions.len())?;
        check_shared_accounts(shared_accounts, transactions.len())?;
        Ok(Self {
            transactions,
            plan,
            shared_accounts,
            leader: None,
        })
    }

    /// The same parts with this leader, or none.
    #[must_use]
    pub fn with_leader(self, leader: Option<&'a Address>) -> Self {
        Self { leader, ..self }
    }

    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size_max());
        self.write(&mut bytes);
        bytes
    }

    /// The bytes of a block of this header and body.
    pub fn encode_block(&self, header: &BlockHeader) -> Vec<u8> {
        let size = self.size_max().saturating_add(BlockHeader::SIZE);
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(&header.encode());
        self.write(&mut bytes);
        bytes
    }

    /// The most bytes that the body takes.
    fn size_max(&self) -> usize {
        let sizes = self.transactions.len().saturating_mul(size_of::<u16>());
        let leader = self.leader.map_or(0, |_| size_of::<Address>());
        [COUNTS_SIZE, sizes, self.transactions.size(), leader]
            .into_iter()
            .fold(
                plan::size_max(self.plan, self.shared_accounts),
                usize::saturating_add,
            )
    }

    fn write(&self, out: &mut Vec<u8>) {
        let version = self.leader.map_or(VERSION, |_| LED_VERSION);
        put(out, &version);
        let size = |bytes: &[u8]| u16::try_from(bytes.len()).expect("each fits 16 bits");
        put_list(out, self.transactions.iter().map(size));
        put(out, self.transactions.bytes());
        plan::write(self.plan, self.shared_accounts, self.leader, out);
    }
}

// Sizes of transactions are encoded in 16 bits.
const _: () = assert!(V1_SIZE_MAX <= u16::MAX as usize);

fn check_transactions(transactions: &WireBlock) -> Result<(), BodyError> {
    let limit = u32::MAX as usize;
    let totals = [
        ("transactions", transactions.len()),
        ("bytes", transactions.size()),
    ];
    for (what, found) in totals {
        if found > limit {
            return Err(BodyError::TooLarge { what, found, limit });
        }
    }
    let limit = V1_SIZE_MAX;
    for (position, bytes) in transactions.iter().enumerate() {
        let found = bytes.len();
        if found == 0 || found > limit {
            return Err(BodyError::TransactionSize {
                position,
                found,
                limit,
            });
        }
    }
    Ok(())
}

fn check_plan(plan: &Plan, transaction_count: usize) -> Result<(), BodyError> {
    if plan.transaction_count() != transaction_count {
        return Err(BodyError::PlanLength {
            expected: transaction_count,
            found: plan.transaction_count(),
        });
    }
    let order = plan.order().iter().enumerate();
    for (position, &found) in order {
        if found.index() != position {
            return Err(BodyError::PlanOrder { position, found });
        }
    }
    let is_known = |transaction: TransactionIndex| transaction.index() < transaction_count;
    for &wait in plan.waits() {
        if !is_known(wait.transaction) || !is_known(wait.after) {
            return Err(BodyError::Wait {
                wait,
                transaction_count,
            });
        }
    }
    Ok(())
}

fn check_shared_accounts(
    shared_accounts: &[AccountIndex],
    transaction_count: usize,
) -> Result<(), BodyError> {
    let limit = account_count_max(transaction_count);
    let mut before = None;
    for (position, &found) in shared_accounts.iter().enumerate() {
        if before >= Some(found) {
            return Err(BodyError::SharedAccountOrder { position, found });
        }
        if found.index() >= limit {
            return Err(BodyError::SharedAccount {
                position,
                found,
                limit,
            });
        }
        before = Some(found);
    }
    Ok(())
}
