//! Transactions of clients on their way to the other members.
//!
//! ```text
//! client -> this member's pool -> batch -> all members, the next leaders among them -> pools
//!
//! message   (size u16, little-endian | bytes) for each transaction
//!           nothing: which transactions wait?
//! ```
//! A transaction goes one hop: the member that a client gave it to tells all others, and they pass
//! it on no further. A member that starts asks all others for what waits, so that a transaction
//! outlives every member that has it as long as one with it is up. Blocks refuse what was included
//! before, so a transaction in several pools runs once.

use std::{
    collections::BTreeMap,
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
use lockstep_runtime::mempool::Mempool;

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
    ending: &AtomicBool,
) {
    let mut left = None;
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
        for transaction in accepted.try_iter() {
            if !push(&mut message, &transaction) {
                left = Some(transaction);
                break;
            }
        }
        // A member that takes nothing misses the message.
        let _ = sender.send(Recipients::All, message, false);
    }
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
    let mut messages = vec![Vec::new()];
    let mut count = 0usize;
    for candidate in pool.waiting() {
        let mut transactions = candidate.transactions();
        let (Some(transaction), None) = (transactions.next(), transactions.next()) else {
            continue;
        };
        if messages
            .last_mut()
            .is_none_or(|last| !push(last, transaction))
        {
            let mut next = Vec::new();
            push(&mut next, transaction);
            messages.push(next);
        }
        count = count.saturating_add(1);
        if count == ANSWER_COUNT_MAX {
            break;
        }
    }
    messages.retain(|message| !message.is_empty());
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
    fn a_pool_that_is_empty_has_no_answer() {
        let pool = Mempool::new(lockstep_runtime::mempool::MempoolLimits::STANDARD);
        assert_eq!(waiting(&pool), Vec::<Vec<u8>>::new());
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
