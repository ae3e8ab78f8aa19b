//! Subscribers by what they want of a block, so that a block wakes those alone that it concerns.
//!
//! ```text
//! block -> the topics in it that are subscribed to -> queues of subscribers (BLOCKS_WAITING_MAX)
//! ```
//! With 10,000 subscriptions to accounts that do not change, a block costs a look-up for each
//! account that it changes, and no subscriber is woken.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    sync::Arc,
};

use ahash::RandomState;
use lockstep_interface::Address;
use lockstep_store::sync::Shared;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc::{Receiver, Sender, channel, error::TrySendError},
};

use crate::{
    content::{account_keys, signature_of},
    leader::Published,
    limits::BLOCKS_WAITING_MAX,
};

/// Subscribers that are woken before other tasks get a turn.
const WOKEN_TOGETHER: usize = 64;

/// What of a block a subscriber wants.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Topic {
    /// Every block.
    Every,
    /// Blocks that change an account.
    Account(Address),
    /// Blocks that change an account of a program.
    Program(Address),
    /// Blocks with a transaction that names an account.
    Mention(Address),
    /// The block with a transaction, and the next block, whatever is in it: the transaction may
    /// have been there before.
    Signature([u8; 64]),
    /// Votes, of which there are none.
    Vote,
}

/// A subscriber among those of its topic.
#[derive(Clone, Copy, Debug)]
struct Place {
    topic: Topic,
    number: u64,
}

type Queue = Sender<Arc<Published>>;

/// All subscribers.
#[derive(Debug, Default)]
pub struct Subscribers(Shared<Board>);

#[derive(Debug, Default)]
struct Board {
    /// Subscribers so far.
    count: u64,
    /// For look-up only.
    topics: HashMap<Topic, BTreeMap<u64, Queue>, RandomState>,
    /// Topics of each kind, so that a block is searched for those alone that are wanted.
    kinds: HashMap<mem::Discriminant<Topic>, usize, RandomState>,
    /// Those that get the next block whatever is in it.
    new: Vec<(Place, Queue)>,
}

/// A subscriber's queue of blocks. The queue ends if the subscriber is too far behind.
#[derive(Debug)]
pub(crate) struct Subscription<'s> {
    pub(crate) blocks: Receiver<Arc<Published>>,
    place: Place,
    subscribers: &'s Subscribers,
}

impl Subscribers {
    /// Adds a subscriber. It gets the blocks that are published from now on.
    pub(crate) fn subscribe(&self, topic: Topic) -> Subscription<'_> {
        let (queue, blocks) = channel(BLOCKS_WAITING_MAX);
        let mut board = self.0.write();
        let place = Place {
            topic,
            number: board.count,
        };
        board.count = board.count.saturating_add(1);
        if matches!(topic, Topic::Signature(_)) {
            board.new.push((place, queue.clone()));
        }
        board.add(place, queue);
        Subscription {
            blocks,
            place,
            subscribers: self,
        }
    }

    /// Hands blocks to the subscribers until there are no more.
    pub(crate) async fn feed(&self, mut blocks: broadcast::Receiver<Arc<Published>>) {
        loop {
            match blocks.recv().await {
                Ok(block) => self.hand_out(&block).await,
                // Blocks are missing, of which all subscribers have to know.
                Err(RecvError::Lagged(_)) => *self.0.write() = Board::default(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn hand_out(&self, block: &Arc<Published>) {
        let concerned = self.0.write().concerned(block);
        for some in concerned.chunks(WOKEN_TOGETHER) {
            for (place, queue) in some {
                if let Err(TrySendError::Full(_)) = queue.try_send(Arc::clone(block)) {
                    self.0.write().remove(*place);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.subscribers.0.write().remove(self.place);
    }
}

impl Board {
    fn add(&mut self, place: Place, queue: Queue) {
        let those = self.topics.entry(place.topic).or_default();
        if those.is_empty() {
            let topics = self.kinds.entry(mem::discriminant(&place.topic));
            let topics = topics.or_default();
            *topics = topics.saturating_add(1);
        }
        those.insert(place.number, queue);
    }

    fn remove(&mut self, place: Place) {
        let Some(those) = self.topics.get_mut(&place.topic) else {
            return;
        };
        if those.remove(&place.number).is_some() && those.is_empty() {
            self.topics.remove(&place.topic);
            let topics = self.kinds.get_mut(&mem::discriminant(&place.topic));
            if let Some(topics) = topics {
                *topics = topics.saturating_sub(1);
            }
        }
    }

    /// Whether any topic of this one's kind is subscribed to.
    fn has_kind(&self, topic: Topic) -> bool {
        let topics = self.kinds.get(&mem::discriminant(&topic));
        topics.is_some_and(|topics| *topics > 0)
    }

    /// The subscribers that a block concerns.
    ///
    /// Complexity: linear in the changes and transactions of the block, if they matter to any.
    fn concerned(&mut self, block: &Published) -> Vec<(Place, Queue)> {
        let mut concerned = mem::take(&mut self.new);
        let mut add = |topic: Topic| {
            let those = self.topics.get(&topic).into_iter().flatten();
            concerned.extend(those.map(|(number, queue)| {
                let number = *number;
                (Place { topic, number }, queue.clone())
            }));
        };
        add(Topic::Every);
        let any = Address::default();
        if self.has_kind(Topic::Account(any)) {
            let changed = block.changes.iter();
            changed.for_each(|(address, _)| add(Topic::Account(*address)));
        }
        let mut seen = HashSet::with_hasher(RandomState::new());
        if self.has_kind(Topic::Program(any)) {
            let owners = block.changes.iter().map(|(_, account)| account.owner);
            let owners = owners.filter(|owner| seen.insert(*owner));
            owners.for_each(|owner| add(Topic::Program(owner)));
        }
        seen.clear();
        if self.has_kind(Topic::Mention(any)) {
            let transactions = block.content.iter();
            let named = transactions.flat_map(|(view, meta)| account_keys(&view, meta));
            let named = named.filter(|address| seen.insert(*address));
            named.for_each(|address| add(Topic::Mention(address)));
        }
        if self.has_kind(Topic::Signature([0; 64])) {
            let transactions = block.content.iter();
            transactions.for_each(|(view, _)| add(Topic::Signature(signature_of(&view))));
        }
        concerned
    }
}

#[cfg(test)]
mod tests {
    use lockstep_interface::{Account, Hash};
    use lockstep_programs::system::instruction::transfer;
    use lockstep_runtime::{
        block::BlockHeader,
        wire::{MessageBuilder, SigningKey},
    };
    use lockstep_scheduler::Plan;
    use tokio::{runtime::Builder, sync::mpsc::error::TryRecvError};

    use super::*;
    use crate::{
        content::{Content, TransactionMeta},
        keys::address_of,
    };

    const OWNER: Address = Address::new_from_array([7; 32]);

    /// A block in which a key pays an address, which OWNER owns and which alone has changed.
    fn block(key: &SigningKey, target: Address) -> Arc<Published> {
        let source = address_of(key);
        let pay = [transfer(&source, &target, 1)];
        let message = MessageBuilder::new(source, [1; 32], &pay).compile();
        let bytes = message.unwrap().sign(&[key]).unwrap();
        let zero = Hash::default();
        let account = Account {
            owner: OWNER,
            ..Account::wallet(1)
        };
        Arc::new(Published {
            content: Arc::new(Content {
                id: zero,
                header: BlockHeader {
                    parent_id: zero,
                    slot: 1,
                    unix_timestamp: 0,
                    transaction_count: 1,
                    transaction_root: zero,
                    receipts_root: zero,
                    delta_root: zero,
                    state_root: None,
                    plan_digest: zero,
                },
                height: 0,
                parent_slot: 0,
                transactions: [bytes].into_iter().collect(),
                metas: vec![TransactionMeta::default()],
                plan: Plan::new(),
            }),
            changes: vec![(target, account)],
        })
    }

    #[test]
    fn a_block_reaches_those_that_it_concerns() {
        let key = SigningKey::from([5; 32]);
        let (source, target) = (address_of(&key), Address::new_from_array([9; 32]));
        let block = block(&key, target);
        let signature = block.content.signatures().next().unwrap();
        let subscribers = Subscribers::default();
        let mut table = [
            (Topic::Every, true),
            (Topic::Account(target), true),
            (Topic::Account(source), false),
            (Topic::Program(OWNER), true),
            (Topic::Program(target), false),
            (Topic::Mention(source), true),
            (Topic::Mention(OWNER), false),
            (Topic::Signature(signature), true),
            (Topic::Vote, false),
        ]
        .map(|(topic, gets)| (topic, gets, subscribers.subscribe(topic)));
        let runtime = Builder::new_current_thread().build().unwrap();
        // The first block is one more for new subscribers of signatures.
        let other = Topic::Signature([3; 64]);
        let mut new = subscribers.subscribe(other);
        runtime.block_on(subscribers.hand_out(&block));
        assert!(new.blocks.try_recv().is_ok());
        for (topic, gets, subscription) in &mut table {
            assert_eq!(subscription.blocks.try_recv().is_ok(), *gets, "{topic:?}");
        }
        runtime.block_on(subscribers.hand_out(&block));
        assert!(new.blocks.try_recv().is_err());
        drop((table, new));
        let board = subscribers.0.read();
        assert!(board.topics.is_empty() && !board.has_kind(other));
    }

    #[test]
    fn one_too_far_behind_gets_what_waits_and_then_the_end() {
        let block = block(&SigningKey::from([5; 32]), OWNER);
        let subscribers = Subscribers::default();
        let mut slow = subscribers.subscribe(Topic::Every);
        let runtime = Builder::new_current_thread().build().unwrap();
        for _ in 0..=BLOCKS_WAITING_MAX {
            runtime.block_on(subscribers.hand_out(&block));
        }
        for _ in 0..BLOCKS_WAITING_MAX {
            assert!(slow.blocks.try_recv().is_ok());
        }
        assert_eq!(
            slow.blocks.try_recv().err(),
            Some(TryRecvError::Disconnected)
        );
    }
}
