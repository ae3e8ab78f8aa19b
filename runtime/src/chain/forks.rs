//! The blocks that are not final, as a tree above the newest final one, and the views of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

use lockstep_interface::Hash;

use super::{
    error::UnknownBlock,
    log::Entry,
    view::{Standpoint, View},
};
use crate::{bank::FrozenBank, block::Receipt};

/// A block that may become final.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) bank: Arc<FrozenBank>,
    /// Its entry in the log.
    pub(super) entry: Entry,
    /// What became of its transactions, in the order of its body.
    pub(super) receipts: Arc<Vec<Receipt>>,
}

/// All known blocks.
#[derive(Debug)]
pub(super) struct Forks {
    head: Arc<FrozenBank>,
    nodes: BTreeMap<Hash, Node>,
    standpoints: Vec<Weak<Standpoint>>,
    /// The child of the head that is becoming final, or that failed to. Meanwhile the head's state
    /// is that of both.
    elected: Option<Hash>,
    /// True once a commit failed.
    is_stopped: bool,
}

impl Forks {
    pub(super) fn new(head: Arc<FrozenBank>) -> Self {
        Self {
            head,
            nodes: BTreeMap::new(),
            standpoints: Vec::new(),
            elected: None,
            is_stopped: false,
        }
    }

    /// The newest committed bank.
    pub(super) fn head(&self) -> &Arc<FrozenBank> {
        &self.head
    }

    /// Number of known blocks that are not final.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Number of known blocks that are not final and have no child.
    pub(super) fn tip_count(&self) -> usize {
        let nodes = self.nodes.values();
        let parents: BTreeSet<Hash> = nodes.map(|node| node.bank.header().parent_id).collect();
        let ids = self.nodes.keys();
        ids.filter(|id| !parents.contains(*id)).count()
    }

    /// Slots from the newest committed block to the newest known one.
    pub(super) fn lag(&self) -> u64 {
        let slots = self.nodes.values().map(|node| node.bank.slot());
        let newest = slots.max().unwrap_or_else(|| self.head.slot());
        newest.saturating_sub(self.head.slot())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// True if a block is final: the head, or one of the blocks before it whose ids are the
    /// blockhashes that its children may refer to.
    pub(super) fn is_committed(&self, id: &Hash) -> bool {
        self.head.blockhashes().contains(id)
    }

    /// True if a block need not be executed any more.
    pub(super) fn is_known(&self, id: &Hash) -> bool {
        self.nodes.contains_key(id) || self.is_committed(id)
    }

    /// The bank of a block that is known.
    pub(super) fn bank(&self, id: &Hash) -> Result<Arc<FrozenBank>, UnknownBlock> {
        if *id == self.head.block_hash() {
            return Ok(Arc::clone(&self.head));
        }
        let node = self.nodes.get(id).ok_or(UnknownBlock(*id))?;
        Ok(Arc::clone(&node.bank))
    }

    /// The bank of a block that may get children.
    pub(super) fn parent(&self, id: &Hash) -> Result<Arc<FrozenBank>, UnknownBlock> {
        if self.is_unsettled(id) {
            return Err(UnknownBlock(*id));
        }
        self.bank(id)
    }

    /// True of the head while a child of it becomes final, and for good if that fails.
    pub(super) fn is_unsettled(&self, id: &Hash) -> bool {
        self.elected.is_some() && *id == self.head.block_hash()
    }

    /// Adds a block, unless its parent is no longer known. A block that is known already stays,
    /// since its children hold its bank.
    pub(super) fn insert(&mut self, node: Node) -> Result<(), UnknownBlock> {
        let id = node.bank.block_hash();
        if !self.is_known(&id) {
            self.parent(&node.bank.header().parent_id)?;
            self.nodes.insert(id, node);
        }
        Ok(())
    }

    /// The blocks above the head up to this one, oldest first.
    pub(super) fn path(&self, id: &Hash) -> Result<Vec<Node>, UnknownBlock> {
        let mut path = Vec::new();
        let mut next = *id;
        while next != self.head.block_hash() {
            let node = self.nodes.get(&next).ok_or(UnknownBlock(*id))?;
            next = node.bank.header().parent_id;
            path.push(node.clone());
        }
        path.reverse();
        Ok(path)
    }

    /// Forgets a block and all that descend from it. Gives them, by slot.
    pub(super) fn discard(&mut self, id: &Hash) -> Result<Vec<Node>, UnknownBlock> {
        if !self.nodes.contains_key(id) {
            return Err(UnknownBlock(*id));
        }
        Ok(self.drop_unless(|nodes, node| !descends(nodes, node, id)))
    }

    /// Forgets all blocks that do not descend from this one, before it becomes final. Gives them,
    /// by slot.
    pub(super) fn elect(&mut self, id: &Hash) -> Vec<Node> {
        self.elected = Some(*id);
        self.drop_unless(|nodes, node| descends(nodes, node, id))
    }

    /// Makes the elected block, which has become final, the head.
    pub(super) fn advance(&mut self, id: &Hash) {
        self.elected = None;
        if let Some(node) = self.nodes.remove(id) {
            self.head = node.bank;
        }
    }

    /// Keeps the blocks of which `keeps` is true, marks the views of others as dropped, and gives
    /// the others.
    fn drop_unless(&mut self, keeps: impl Fn(&BTreeMap<Hash, Node>, &Hash) -> bool) -> Vec<Node> {
        let ids = self.nodes.keys();
        let lost: Vec<Hash> = ids.filter(|id| !keeps(&self.nodes, id)).copied().collect();
        let mut nodes = Vec::with_capacity(lost.len());
        for id in lost {
            nodes.extend(self.nodes.remove(&id));
            for standpoint in self.standpoints() {
                if standpoint.id() == id {
                    standpoint.lose();
                }
            }
        }
        nodes.sort_by_key(|node| node.bank.slot());
        nodes
    }

    /// The standpoints that views still hold.
    pub(super) fn standpoints(&mut self) -> Vec<Arc<Standpoint>> {
        self.standpoints
            .retain(|standpoint| standpoint.strong_count() > 0);
        self.standpoints.iter().filter_map(Weak::upgrade).collect()
    }

    /// Looks at the state after the head.
    pub(super) fn head_view(&mut self) -> View {
        let head = self.head.block_hash();
        self.view(&head).expect("the head is known")
    }

    /// Looks at the state after a block.
    pub(super) fn view(&mut self, at: &Hash) -> Result<View, UnknownBlock> {
        let bank = self.bank(at)?;
        let is_unsettled = self.is_unsettled(at);
        let standpoint = Arc::new(Standpoint::new(bank, is_unsettled));
        // Standpoints without a view are removed here, and when a block is committed.
        if self.standpoints.len() == self.standpoints.capacity() {
            drop(self.standpoints());
        }
        self.standpoints.push(Arc::downgrade(&standpoint));
        Ok(View::new(standpoint))
    }
}

/// True if a block is this one or descends from it.
fn descends(nodes: &BTreeMap<Hash, Node>, id: &Hash, from: &Hash) -> bool {
    let mut next = *id;
    while next != *from {
        match nodes.get(&next) {
            Some(node) => next = node.bank.header().parent_id,
            None => return false,
        }
    }
    true
}
