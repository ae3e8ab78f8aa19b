//! Taking a block apart and putting it together again as a dishonest producer would.

use std::collections::BTreeSet;

use lockstep_interface::{Address, Hash};
use lockstep_runtime::{
    block::{
        Block, BlockBody, BlockDecodeError, BlockHeader, BlockLimits, BodyError, plan_digest,
        transaction_root,
    },
    chain::{BlockError, Chain, InvalidBlock, OtherRoot, ReadError, WrongBytes},
    engine::{Cancel, Engine, EngineError},
    prepare::ShareError,
    threads::Threads,
    verify::Refusal,
    wire::TransactionView,
};
use lockstep_scheduler::PlanError;

use crate::layout::Layout;

/// A block in parts that need not fit.
#[derive(Clone, Debug)]
pub(crate) struct Forgery {
    pub(crate) header: BlockHeader,
    pub(crate) body: Layout,
}

impl Forgery {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let block = Block::decode(bytes, &BlockLimits::UNLIMITED).unwrap();
        Self {
            header: block.header,
            body: Layout::of(&bytes[BlockHeader::SIZE..]),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.header.encode()[..], &self.body.encode()].concat()
    }

    pub(crate) fn transactions(&self) -> Vec<Vec<u8>> {
        let mut rest = &self.body.bytes[..];
        let sizes = self.body.sizes.iter();
        let transactions = sizes.map(|size| {
            let (one, more) = rest.split_at(usize::from(*size));
            rest = more;
            one.to_vec()
        });
        transactions.collect()
    }

    pub(crate) fn set_transactions(&mut self, transactions: &[Vec<u8>]) {
        let sizes = transactions.iter().map(Vec::len);
        self.body.sizes = sizes.map(|size| u16::try_from(size).unwrap()).collect();
        self.body.bytes = transactions.concat();
    }

    /// Appends a transaction in a batch of its own.
    pub(crate) fn append(&mut self, transaction: Vec<u8>) {
        let mut transactions = self.transactions();
        if !self.body.lane_order.is_empty() {
            self.body
                .lane_order
                .push(u32::try_from(transactions.len()).unwrap());
        }
        transactions.push(transaction);
        self.set_transactions(&transactions);
        self.body.batch_sizes.push(1);
        self.body.lane_sizes.push(1);
    }

    /// Makes the header fit the body as far as that needs no execution.
    pub(crate) fn seal(&mut self) {
        let transactions = self.transactions();
        self.header.transaction_count = u32::try_from(transactions.len()).unwrap();
        let hashes = transactions.iter();
        let hashes: Option<Vec<Hash>> = hashes
            .map(|bytes| Some(TransactionView::parse(bytes).ok()?.message_hash()))
            .collect();
        if let Some(hashes) = hashes {
            self.header.transaction_root = transaction_root(&hashes, &Threads::new(1).unwrap());
        }
        if let Ok(body) = self.decode() {
            self.header.plan_digest = plan_digest(body.plan(), body.shared_accounts());
        }
    }

    pub(crate) fn decode(&self) -> Result<BlockBody, BlockDecodeError> {
        self.body.decode()
    }
}

/// The accounts of each transaction and whether it writes them, except those whose credits the
/// block shares: what makes transactions conflict.
pub(crate) struct Conflicts(Vec<Vec<(Address, bool)>>);

impl Conflicts {
    pub(crate) fn of(chain: &Chain, forgery: &Forgery) -> Self {
        let engine = Engine::new(1).unwrap();
        let parent = chain.bank(&forgery.header.parent_id).unwrap();
        let bank = parent.child(forgery.header.slot, 0);
        let body = forgery.decode().unwrap();
        let parsed = crate::setting::trusted(body.transactions().clone());
        let prepared = engine.prepare(&bank, &parsed).unwrap();
        let shared = body.shared_accounts().iter();
        let shared: BTreeSet<Address> = shared
            .map(|account| prepared.addresses()[account.0 as usize])
            .collect();
        let lists = prepared.table().transactions().map(|index| {
            let accounts = prepared.access_list(index);
            let accounts = accounts.filter(|(address, _)| !shared.contains(address));
            accounts.collect()
        });
        Self(lists.collect())
    }

    pub(crate) fn conflict(&self, one: usize, other: usize) -> bool {
        self.0[one].iter().any(|(address, writes)| {
            let same = self.0[other].iter().filter(|(key, _)| key == address);
            same.into_iter()
                .any(|(_, other_writes)| *writes || *other_writes)
        })
    }

    /// Whether any of some transactions conflicts with any of others.
    pub(crate) fn any(
        &self,
        some: impl IntoIterator<Item = usize>,
        others: impl Iterator<Item = usize> + Clone,
    ) -> bool {
        some.into_iter()
            .any(|one| others.clone().any(|other| self.conflict(one, other)))
    }
}

/// Reads a block and executes it; `Err` names the rule that it breaks.
pub(crate) fn judge(chain: &Chain, bytes: &[u8]) -> Result<Hash, String> {
    let block = chain.read(bytes.into()).map_err(|error| match error {
        ReadError::Bytes(error) => name_of_bytes(&error),
        ReadError::Invalid { reason, .. } => name(&reason),
        error => panic!("{error}"),
    })?;
    let executed = chain.execute(&block, &Cancel::default());
    let executed = executed.map_err(|error| match error {
        BlockError::Invalid { id, reason } => {
            assert_eq!(id, block.id());
            name(&reason)
        }
        BlockError::ParentMissing { id, .. } => {
            assert_eq!(id, block.id());
            "ParentMissing".to_owned()
        }
        error => panic!("no fault of the block's: {error}"),
    });
    executed.map(|executed| executed.id)
}

/// What is wrong with bytes, which says nothing of the block that their header names.
fn name_of_bytes(error: &WrongBytes) -> String {
    match error {
        WrongBytes::Encoding(error) => format!("Bytes.Encoding.{}", name_of_encoding(error)),
        WrongBytes::TransactionCount { .. } => "Bytes.TransactionCount".to_owned(),
        WrongBytes::Root(OtherRoot { root, .. }) => format!("Bytes.Root.{root:?}"),
        WrongBytes::Signature { .. } => "Bytes.Signature".to_owned(),
        WrongBytes::Malformed { .. } => "Bytes.Malformed".to_owned(),
        error => panic!("{error}"),
    }
}

fn name(error: &InvalidBlock) -> String {
    match error {
        InvalidBlock::Root(OtherRoot { root, .. }) => format!("Root.{root:?}"),
        InvalidBlock::Limit(exceeded) => {
            let resource = format!("{:?}", exceeded.resource);
            format!("Limit.{}", resource.split('(').next().unwrap())
        }
        InvalidBlock::Slot { .. } => "Slot".to_owned(),
        InvalidBlock::Time { .. } => "Time".to_owned(),
        InvalidBlock::Content(error) => name_of_content(error),
        error => panic!("{error}"),
    }
}

fn name_of_encoding(error: &BlockDecodeError) -> &'static str {
    match error {
        BlockDecodeError::Truncated { .. } => "Truncated",
        BlockDecodeError::TooLarge { .. } => "TooLarge",
        BlockDecodeError::Unexpected { .. } => "Unexpected",
        BlockDecodeError::NotCanonical { .. } => "NotCanonical",
        BlockDecodeError::TrailingBytes { .. } => "TrailingBytes",
        BlockDecodeError::Body { error, .. } => match error {
            BodyError::TransactionSize { .. } => "TransactionSize",
            BodyError::PlanOrder { .. } => "PlanOrder",
            BodyError::Wait { .. } => "Wait",
            BodyError::SharedAccountOrder { .. } => "SharedAccountOrder",
            BodyError::SharedAccount { .. } => "SharedAccount",
            error => panic!("{error}"),
        },
        error => panic!("{error}"),
    }
}

fn name_of_content(error: &EngineError) -> String {
    match error {
        EngineError::Refused { refusal, .. } => match refusal {
            Refusal::Rule(error) => format!("Refused.{error:?}"),
            Refusal::Malformed(error) => panic!("it was read: {error}"),
        },
        EngineError::Given(error) => {
            let name = match error {
                PlanError::Conflict { .. } => "Conflict",
                PlanError::WaitInsideLane { .. } => "WaitInsideLane",
                PlanError::WaitAcrossBatches { .. } => "WaitAcrossBatches",
                PlanError::WaitCircle { .. } => "WaitCircle",
                error => panic!("{error}"),
            };
            format!("Plan.{name}")
        }
        EngineError::Share(ShareError::Order { .. }) => "Share.Order".to_owned(),
        EngineError::Share(ShareError::NotCreditable { .. }) => "Share.NotCreditable".to_owned(),
        EngineError::CreditsDependOnOrder => "CreditsDependOnOrder".to_owned(),
        error => panic!("no fault of the block's: {error}"),
    }
}
