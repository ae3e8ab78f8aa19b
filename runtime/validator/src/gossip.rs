//! Transactions of clients on their way to the other members.
//!
//! ```text
//! client -> this member's pool -> batch -> all members, the next leaders among them -> pools
//!
//! message   (size u16, little-endian | bytes) for each transaction
//!           nothing: which transactions wait?
//! ```
//! A transaction goes one hop: the member that a client gave it to tells all others, and they pass
//! it on no further. While it is not final it is told again, since a peer may not have been there,
//! or the member not have been connected itself. A member that starts asks all others for what
//! waits, so that a transaction outlives every member that has it as long as one with it is up.
//! Blocks refuse what was included before, so a transaction in several pools runs once.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver as Queue, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use lockstep_node::Node;
use lockstep_runtime::{mempool::Mempool, wire::TransactionView};

/// Bytes of a message, at most.
pub const MESSAGE_SIZE_MAX: usize = 256 << 10;
/// How often it is looked whether the member ends.
const PATIENCE: Duration = Duration::from_millis(100);
/// When a member that starts asks for what waits, after its start: its peers connect meanwhile.
const ASKED_AFTER: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(1_500),
    Duration::from_millis(6_000),
];
/// When a transaction that is not final is told again, after it was told before.
const TOLD_AGAIN: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];
/// Transactions that may have to be told again.
const UNFINAL_COUNT_MAX: usize = 8_192;
/// Time in which a peer gets one answer.
const ANSWER_INTERVAL: Duration = Duration::from_millis(250);
/// Transactions of an answer.
const ANSWER_COUNT_MAX: usize = 16_384;
/// Bytes of a size.
const SIZE_BYTES: usize = 2;

/// Sends what clients have given this member, until it ends, and asks for what waits at the start.
/// Blocks its thread.
pub fn send(
    mut sender: impl Sender<PublicKey = PublicKey>,
    accepted: &Queue<Vec<u8>>,
    node: &Node,
    ending: &AtomicBool,
) {
    let mut left = None;
    let mut told = Told::default();
    let start = Instant::now();
    let mut questions = ASKED_AFTER.iter().peekable();
    while !ending.load(Ordering::Relaxed) {
        if questions
            .next_if(|after| start.elapsed() >= **after)
            .is_some()
        {
            // Peers that are not there yet are asked by the next one.
            let _ = sender.send(Recipients::All, Vec::<u8>::new(), false);
        }
        for message in told.again(node) {
            // The next time is another chance.
            let _ = sender.send(Recipients::All, message, false);
        }
        let first = match left
            .take()
            .map_or_else(|| accepted.recv_timeout(PATIENCE), Ok)
        {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut message = Vec::new();
        push(&mut message, &first);
        told.note(first);
        for transaction in accepted.try_iter() {
            if !push(&mut message, &transaction) {
                left = Some(transaction);
                break;
            }
            told.note(transaction);
        }
        // A member that takes nothing misses the message.
        let _ = sender.send(Recipients::All, message, false);
    }
}

/// Transactions that were told, for each time that they may be told again.
#[derive(Debug, Default)]
struct Told([VecDeque<(Instant, Vec<u8>)>; TOLD_AGAIN.len()]);

impl Told {
    fn note(&mut self, transaction: Vec<u8>) {
        let [first, ..] = &mut self.0;
        if first.len() < UNFINAL_COUNT_MAX {
            first.push_back((Instant::now(), transaction));
        }
    }

    /// The messages that have what is due and not final.
    fn again(&mut self, node: &Node) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        let mut next: Vec<(Instant, Vec<u8>)> = Vec::new();
        for (queue, patience) in self.0.iter_mut().zip(TOLD_AGAIN) {
            let room = UNFINAL_COUNT_MAX.saturating_sub(queue.len());
            queue.extend(next.drain(..).take(room));
            while let Some((since, _)) = queue.front()
                && since.elapsed() >= patience
                && let Some((_, transaction)) = queue.pop_front()
            {
                if !is_final(node, &transaction) {
                    due.push(transaction.clone());
                    next.push((Instant::now(), transaction));
                }
            }
        }
        pack(due.iter().map(Vec::as_slice))
    }
}

/// Whether a block that is final has a transaction.
fn is_final(node: &Node, transaction: &[u8]) -> bool {
    let view = TransactionView::parse(transaction).ok();
    let signature = view.and_then(|view| view.signatures().first().copied());
    signature.is_none_or(|signature| node.recent.status(&signature).is_some())
}

/// Puts what other members send into the pool of this one, and tells them what waits if they ask.
pub async fn receive(
    mut receiver: impl Receiver<PublicKey = PublicKey>,
    mut sender: impl Sender<PublicKey = PublicKey>,
    node: Arc<Node>,
) {
    let mut answered: BTreeMap<PublicKey, Instant> = BTreeMap::new();
    while let Ok((peer, message)) = receiver.recv().await {
        if message.as_ref().is_empty() {
            let last = answered.insert(peer.clone(), Instant::now());
            if last.is_none_or(|last| last.elapsed() >= ANSWER_INTERVAL) {
                for answer in waiting(&node.pool().read()) {
                    // What is lost is in this pool still.
                    let _ = sender.send(Recipients::One(peer.clone()), answer, false);
                }
            }
            continue;
        }
        for transaction in split(message.as_ref()) {
            // A queue that is full drops them; their first member still has them.
            if node.intake.relay(transaction.to_vec()).is_err() {
                break;
            }
        }
    }
}

/// The messages that have what waits in a pool. Bundles stay where they are.
fn waiting(pool: &Mempool) -> Vec<Vec<u8>> {
    let single = pool.waiting().filter_map(|candidate| {
        let mut transactions = candidate.transactions();
        transactions.next().filter(|_| transactions.len() == 0)
    });
    pack(single.take(ANSWER_COUNT_MAX))
}

/// As few messages as have these transactions.
fn pack<'t>(transactions: impl Iterator<Item = &'t [u8]>) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for transaction in transactions {
        let last = messages.last_mut();
        if !last.is_some_and(|last| push(last, transaction)) {
            let mut next = Vec::new();
            push(&mut next, transaction);
            messages.push(next);
        }
    }
    messages
}

/// Appends a transaction, unless the message is full.
fn push(message: &mut Vec<u8>, transaction: &[u8]) -> bool {
    let size = message.len().saturating_add(transaction.len());
    let Ok(prefix) = u16::try_from(transaction.len()) else {
        // Longer than any transaction is, so that it is dropped.
        return true;
    };
    if size.saturating_add(SIZE_BYTES) > MESSAGE_SIZE_MAX {
        return false;
    }
    message.extend_from_slice(&prefix.to_le_bytes());
    message.extend_from_slice(transaction);
    true
}

/// The transactions of a message, up to the first that is cut off.
fn split(mut message: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, rest) = message.split_first_chunk::<SIZE_BYTES>()?;
        let (transaction, rest) = rest.split_at_checked(u16::from_le_bytes(*size).into())?;
        message = rest;
        Some(transaction)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_transactions_take_few_messages_and_none_takes_none() {
        let transactions = vec![vec![7; 1_232]; 500];
        let messages = pack(transactions.iter().map(Vec::as_slice));
        assert_eq!(messages.len(), 3);
        let found = messages.iter().flat_map(|message| split(message));
        assert!(found.eq(transactions.iter().map(Vec::as_slice)));
        assert!(pack(std::iter::empty()).is_empty());
    }

    #[test]
    fn transactions_survive_a_message_and_what_is_cut_off_ends_it() {
        let mut message = Vec::new();
        let transactions = [vec![1; 200], Vec::new(), vec![2; 1_232]];
        for transaction in &transactions {
            assert!(push(&mut message, transaction));
        }
        assert!(split(&message).eq(transactions.iter().map(Vec::as_slice)));
        for end in 0..message.len() {
            assert!(split(&message[..end]).count() < 3);
        }
        while push(&mut message, &transactions[2]) {}
        assert!(message.len() <= MESSAGE_SIZE_MAX);
    }
}
