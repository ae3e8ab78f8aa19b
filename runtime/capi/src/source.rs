//! Transactions for a block, out of lists or of the embedder's function.

use std::ffi::c_void;

use lockstep_interface::Address;
use lockstep_runtime::{
    bank::FrozenBank,
    block::BlockLimits,
    chain::{ChainOptions, TransactionSource},
    prepare::BlockUsage,
    verify::ParsedBlock,
    wire::WireBlock,
};

use crate::{
    given::User,
    kinds::Sink,
    sink::fill,
    status::{Failure, Status},
    types::Header,
};

type Select = extern "C" fn(*mut c_void, *const Header, u32, *mut Sink) -> u32;

/// The embedder's function as a source. A failure of it makes an empty selection, and is kept for
/// the end of the call.
#[derive(Debug)]
pub(crate) struct Selector<'c> {
    select: Select,
    user: User,
    options: &'c ChainOptions,
    parent: Option<Header>,
    round: u32,
    failure: Option<Failure>,
}

impl<'c> Selector<'c> {
    pub(crate) fn new(select: Select, user: *mut c_void, options: &'c ChainOptions) -> Self {
        Self {
            select,
            user: User::new(user),
            options,
            parent: None,
            round: 0,
            failure: None,
        }
    }

    /// Why the embedder's function failed, if it did.
    pub(crate) fn failure(self) -> Option<Failure> {
        self.failure
    }

    fn next(&mut self) -> ParsedBlock {
        let (Some(parent), None) = (&self.parent, &self.failure) else {
            return ParsedBlock::default();
        };
        let (select, user) = (self.select, self.user.get());
        let given = fill(|sink| select(user, &raw const *parent, self.round, sink));
        self.round = self.round.saturating_add(1);
        let given =
            given.map_err(|number| format!("the source of transactions gave {number}, expected 0"));
        let given = given.and_then(|entries| {
            let entries: Option<Vec<Vec<u8>>> = entries.into_iter().collect();
            entries.ok_or_else(|| "a source of transactions cannot skip one".to_owned())
        });
        match given {
            Ok(transactions) => parsed(transactions.iter().map(Vec::as_slice), self.options),
            Err(found) => {
                self.failure = Some(Failure::new(Status::Callback, found));
                ParsedBlock::default()
            }
        }
    }
}

impl TransactionSource for Selector<'_> {
    fn select(&mut self, parent: &FrozenBank, _limits: &BlockLimits) -> ParsedBlock {
        self.parent = Some(parent.header().into());
        self.next()
    }

    fn refill(&mut self, _state: &FrozenBank, _usage: &BlockUsage<Address>) -> ParsedBlock {
        self.next()
    }
}

/// Transactions, parsed, and verified if the chain does so.
pub(crate) fn parsed<'b>(
    transactions: impl ExactSizeIterator<Item = &'b [u8]> + Clone,
    options: &ChainOptions,
) -> ParsedBlock {
    let size = transactions
        .clone()
        .map(<[u8]>::len)
        .fold(0, usize::saturating_add);
    let mut wire = WireBlock::with_capacity(transactions.len(), size);
    for transaction in transactions {
        wire.push(transaction);
    }
    ParsedBlock::new(wire, options.signatures(), &options.reader_threads)
}
