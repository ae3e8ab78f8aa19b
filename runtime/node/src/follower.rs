//! A node whose blocks are decided on elsewhere, by a network of validators: it serves what they
//! have made final.
//!
//! ```text
//! built or executed -> Content -> keep: noted beside the block -> (commit) -> publish: recent,
//!                                                                 history, subscribers
//! clients -> intake -> pool -> accepted: passed on to the other validators
//! ```

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender},
};

use lockstep_interface::Hash;
use lockstep_runtime::mempool::Mempool;
use lockstep_store::{Change, sync::Shared};

use crate::{
    content::Content,
    history::Logged,
    leader::{LeaderError, PRUNE_INTERVAL},
    ledger::Ledger,
    node::{Following, Node, NodeError, NodeOptions, Running},
};

/// What tells a node of its blocks. Calls come one after the other.
#[derive(Debug)]
pub struct Follower {
    node: Arc<Node>,
    to_history: Sender<Logged>,
}

impl Follower {
    /// Starts a node on a ledger, whose blocks are told to the follower. The pace of the options
    /// is of no meaning. Gives also the transactions of clients that were let into the pool, for
    /// the other validators.
    ///
    /// # Errors
    /// If the history cannot be opened, or the system refuses a thread.
    pub fn start(
        ledger: Ledger,
        options: NodeOptions,
    ) -> Result<(Running, Self, Receiver<Vec<u8>>), NodeError> {
        let Following {
            running,
            to_history,
            accepted,
        } = Running::follow(ledger, options)?;
        let follower = Self {
            node: Arc::clone(&running.node),
            to_history,
        };
        Ok((running, follower, accepted))
    }

    /// The node.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The pool of transactions that wait.
    pub fn pool(&self) -> &Shared<Mempool> {
        &self.node.pool
    }

    /// Keeps the results of a known block beside it, so that they become durable with it.
    ///
    /// # Errors
    /// If the block is not known, or its results cannot be written.
    pub fn keep(&self, content: &Content) -> Result<(), LeaderError> {
        let note = content.note()?;
        self.node.chain.attach(&content.id, &note)?;
        Ok(())
    }

    /// Tells of a block that has become durable, with the accounts that it changed in ascending
    /// order of addresses.
    ///
    /// # Errors
    /// If the log cannot be cut.
    pub fn publish(&self, content: Arc<Content>, changes: Vec<Change>) -> Result<(), LeaderError> {
        let (height, id) = (content.height, content.id);
        let size = content.transactions.size();
        let publisher = self.node.publisher(self.to_history.clone());
        publisher.publish(content, changes, size);
        self.advance_tip(&id);
        if !self.node.keeps_all() && height.is_multiple_of(PRUNE_INTERVAL) {
            // The history forgets first.
            self.node.chain.prune(self.node.history.oldest())?;
        }
        Ok(())
    }

    /// From now on transactions are judged by what a child of this block could include, if it is
    /// newer than the block that they are judged by so far, or that one has lost. It need not be
    /// final: clients of other validators may know it already.
    pub fn advance_tip(&self, id: &Hash) {
        let chain = &self.node.chain;
        if let Ok(bank) = chain.bank(id) {
            let mut tip = self.node.tip.write();
            if bank.slot() > tip.slot() || chain.bank(&tip.header().id()).is_err() {
                *tip = bank;
            }
        }
    }
}
