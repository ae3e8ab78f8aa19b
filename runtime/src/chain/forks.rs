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
    /// The nodes by parent, of those that have any; the head among the parents.
    children: BTreeMap<Hash, BTreeSet<Hash>>,
    /// Slot and id of each node.
    slots: BTreeSet<(u64, Hash)>,
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
            children: BTreeMap::new(),
            slots: BTreeSet::new(),
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
        let parents = self.children.len();
        let is_head_one = self.children.contains_key(&self.head.block_hash());
        let parents = parents.saturating_sub(usize::from(is_head_one));
        self.nodes.len().saturating_sub(parents)
    }

    /// Slots from the newest committed block to the newest known one.
    pub(super) fn lag(&self) -> u64 {
        let newest = self.slots.last().map_or(0, |(slot, _)| *slot);
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
            let parent = node.bank.header().parent_id;
            self.parent(&parent)?;
            self.children.entry(parent).or_default().insert(id);
            self.slots.insert((node.bank.slot(), id));
            self.nodes.insert(id, node);
        }
        Ok(())
    }

    /// Replaces the log entry of a block that is not final.
    pub(super) fn replace_entry(
        &mut self,
        id: &Hash,
        replace: impl FnOnce(&Entry) -> Entry,
    ) -> Result<(), UnknownBlock> {
        let node = self.nodes.get_mut(id).ok_or(UnknownBlock(*id))?;
        node.entry = replace(&node.entry);
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
        Ok(self.drop_trees(vec![*id]))
    }

    /// Forgets all blocks that do not descend from this child of the head, before it becomes final.
    /// Gives them, by slot.
    pub(super) fn elect(&mut self, id: &Hash) -> Vec<Node> {
        self.elected = Some(*id);
        let rivals = self.children.get(&self.head.block_hash());
        let rivals = rivals.into_iter().flatten().filter(|rival| *rival != id);
        let rivals = rivals.copied().collect();
        self.drop_trees(rivals)
    }

    /// Makes the elected block, which has become final, the head.
    pub(super) fn advance(&mut self, id: &Hash) {
        self.elected = None;
        if let Some(node) = self.remove(id) {
            self.head = node.bank;
        }
    }

    /// Takes out a block, and leaves its children.
    fn remove(&mut self, id: &Hash) -> Option<Node> {
        let node = self.nodes.remove(id)?;
        self.slots.remove(&(node.bank.slot(), *id));
        let parent = node.bank.header().parent_id;
        if let Some(siblings) = self.children.get_mut(&parent) {
            siblings.remove(id);
            if siblings.is_empty() {
                self.children.remove(&parent);
            }
        }
        Some(node)
    }

    /// Takes out these blocks and all that descend from them, marks the views of them as dropped,
    /// and gives them by slot.
    fn drop_trees(&mut self, mut ids: Vec<Hash>) -> Vec<Node> {
        let mut lost = BTreeSet::new();
        let mut nodes = Vec::new();
        while let Some(id) = ids.pop() {
            nodes.extend(self.remove(&id));
            ids.extend(self.children.remove(&id).into_iter().flatten());
            lost.insert(id);
        }
        if !lost.is_empty() {
            for standpoint in self.standpoints() {
                if lost.contains(&standpoint.id()) {
                    standpoint.lose();
                }
            }
        }
        nodes.sort_by_key(|node| (node.bank.slot(), node.bank.block_hash()));
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
