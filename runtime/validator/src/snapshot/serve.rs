//! Answers what peers ask of snapshots, and of past sets of members.

use std::sync::Arc;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Spawner;

use super::{message::Message, partial::read_chunk, shelf::Shelf};
use crate::{application::blocking, epochs::Epochs};

/// Answers peers until the network ends.
pub(crate) async fn serve<E, S, R>(
    context: E,
    (mut sender, mut receiver): (S, R),
    (shelf, epochs): (Arc<Shelf>, Epochs),
) where
    E: Spawner,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    while let Ok((peer, message)) = receiver.recv().await {
        let message = Message::decode(message.as_ref());
        let answer = match message {
            Some(Message::AskTip) => Message::Tip(shelf.tip()),
            Some(Message::AskOffer { at_least }) => match shelf.ask(&peer, at_least) {
                Some(ready) => Message::Offer(ready.encoded.clone()),
                None => Message::Tip(shelf.tip()),
            },
            Some(Message::AskChunk { height, index }) => {
                let shelf = Arc::clone(&shelf);
                let chunk = blocking(&context, move || chunk(&shelf, height, index)).await;
                let gone = Message::Gone { height };
                chunk.flatten().unwrap_or(gone)
            }
            Some(Message::AskPassage { epoch }) => match epochs.passage(epoch) {
                Some(passage) => Message::Passage(passage.to_vec()),
                None => continue,
            },
            // Answers to an earlier process, or none of ours.
            _ => continue,
        };
        // A peer that takes nothing asks again.
        let _ = sender.send(Recipients::One(peer), answer.encode(), false);
    }
}

fn chunk(shelf: &Shelf, height: u64, index: u32) -> Option<Message> {
    let ready = shelf.get(height)?;
    let place = usize::try_from(index).ok()?;
    let bytes = read_chunk(&ready.file, &ready.offer, place).ok()?;
    Some(Message::Chunk {
        height,
        index,
        bytes,
    })
}
