//! The stream for indexers: blocks in their order, from any slot that is kept, then live.
//!
//! ```text
//! log, from the slot asked for -> memory -> as blocks become durable
//! ```
//! The reader sets the pace: what it has not taken yet is read again from the log. It falls out
//! where the log was cut meanwhile, which a note of its own says, and the stream goes on behind
//! the gap. The format is described in `runtime/docs/node.md`.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use lockstep_interface::Address;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::to_raw_value};
use tokio::sync::broadcast::error::RecvError;

use super::{
    Methods, error::RpcError, own::accesses, params::Arguments, subscriptions::Seat,
    transaction::signature_text,
};
use crate::{
    content::{Content, TransactionMeta},
    node::Node,
    workers::{Peer, Workers},
};

/// The version of the format.
const VERSION: u8 = 1;
/// Blocks that are looked up at a time.
const PAGE: usize = 32;
/// How long a reader may take for one note.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    let readers = Arc::clone(&methods.readers);
    methods.module.register_subscription(
        "streamSubscribe",
        "streamNotification",
        "streamUnsubscribe",
        move |params, pending, node, extensions| {
            let readers = Arc::clone(&readers);
            serve(params, pending, node, readers, Peer::of(&extensions))
        },
    )?;
    Ok(())
}

/// How much of each transaction is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Details {
    /// Signature and error.
    Signatures,
    /// Bytes, results, and the balances of the accounts that it wrote.
    #[default]
    Full,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StreamConfig {
    from_slot: Option<u64>,
    #[serde(default, deserialize_with = "super::params::or_default")]
    transaction_details: Details,
}

async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    node: Arc<Node>,
    readers: Arc<Workers>,
    peer: Peer,
) {
    let Some(_seat) = Seat::take(&node) else {
        let error = RpcError::Unhealthy("all subscriptions are in use".to_owned());
        return pending.reject(ErrorObjectOwned::from(error)).await;
    };
    let config: Result<StreamConfig, RpcError> = Arguments::new(&params).or_default();
    let config = match config {
        Ok(config) => config,
        Err(error) => return pending.reject(ErrorObjectOwned::from(error)).await,
    };
    if let Ok(sink) = pending.accept().await {
        let reader = Reader {
            next: config
                .from_slot
                .unwrap_or(node.head().slot.saturating_add(1)),
            node: Arc::clone(&node),
            readers,
            peer,
            details: config.transaction_details,
        };
        reader.run(&sink).await;
    }
}

/// A reader of the stream.
struct Reader {
    node: Arc<Node>,
    readers: Arc<Workers>,
    peer: Peer,
    /// The slot from which on blocks are to come.
    next: u64,
    details: Details,
}

impl Reader {
    async fn run(mut self, sink: &SubscriptionSink) {
        let mut blocks = self.node.published.subscribe();
        loop {
            let notes = match self.notes().await {
                Ok(notes) => notes,
                Err(error) => {
                    tracing::warn!(%error, "the stream cannot go on");
                    return;
                }
            };
            let is_behind = !notes.is_empty();
            for note in notes {
                let Ok(raw) = to_raw_value(&note) else {
                    return;
                };
                if sink.send_timeout(raw, PATIENCE).await.is_err() {
                    return;
                }
            }
            if is_behind {
                continue;
            }
            tokio::select! {
                () = sink.closed() => return,
                block = blocks.recv() => if matches!(block, Err(RecvError::Closed)) {
                    return;
                },
            }
        }
    }

    /// The next blocks; none if all have been sent.
    async fn notes(&mut self) -> Result<Vec<Value>, RpcError> {
        let (node, next, details) = (Arc::clone(&self.node), self.next, self.details);
        if next > node.head().slot {
            return Ok(Vec::new());
        }
        let read = self
            .readers
            .run(self.peer, move || read(&node, next, details));
        let read = read.await;
        let (next, notes) = read.map_err(|error| RpcError::Internal(error.to_string()))??;
        self.next = next;
        Ok(notes)
    }
}

/// The blocks from a slot on, at most a page of them, and the slot behind the last.
fn read(node: &Node, mut next: u64, details: Details) -> Result<(u64, Vec<Value>), RpcError> {
    let mut notes = Vec::new();
    let first = super::blocks::first(node);
    if next < first {
        notes.push(json!({
            "version": VERSION, "type": "gap", "fromSlot": next, "nextSlot": first,
        }));
        next = first;
    }
    let slots = match next <= node.history.cursor() {
        true => node.history.slots(next, node.head().slot, PAGE)?,
        false => {
            let recent = node.recent.blocks().into_iter();
            let slots = recent.map(|block| block.slot());
            slots.filter(|slot| *slot >= next).take(PAGE).collect()
        }
    };
    for slot in slots {
        if let Some(content) = node.block(slot)? {
            notes.push(note(&content, details));
        }
        next = slot.saturating_add(1);
    }
    Ok((next, notes))
}

fn note(content: &Content, details: Details) -> Value {
    let transactions = content.iter().zip(0u32..).map(|((view, meta), index)| {
        let mut shown = Map::new();
        let mut add = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        add("index", index.into());
        add("signature", signature_text(&view).into());
        add("err", meta.error_value());
        if details == Details::Full {
            add("transaction", BASE64_STANDARD.encode(view.bytes()).into());
            add("fee", meta.fee.into());
            add("computeUnits", meta.compute_units.into());
            add("logs", meta.logs.clone().into());
            add("writes", writes(&accesses(&view, meta), meta));
        }
        Value::from(shown)
    });
    json!({
        "version": VERSION,
        "type": "block",
        "slot": content.slot(),
        "parentSlot": content.parent_slot,
        "blockHeight": content.height,
        "blockhash": content.id.to_string(),
        "previousBlockhash": content.header.parent_id.to_string(),
        "blockTime": content.header.unix_timestamp,
        "transactions": transactions.collect::<Vec<_>>(),
    })
}

/// The accounts that a transaction may have written, with their balances afterwards.
fn writes(accesses: &[(Address, bool)], meta: &TransactionMeta) -> Value {
    let written = accesses.iter().enumerate();
    let written = written.filter(|(_, (_, is_written))| *is_written);
    let shown = written.map(|(place, (address, _))| {
        let mut tokens = meta.tokens_after.iter();
        let token = tokens.find(|token| usize::from(token.account) == place);
        let token = token.map(|token| {
            json!({
                "mint": Address::new_from_array(token.mint).to_string(),
                "owner": Address::new_from_array(token.owner).to_string(),
                "amount": token.amount.to_string(),
            })
        });
        json!({
            "address": address.to_string(),
            "lamportsBefore": meta.balances_before.get(place),
            "lamports": meta.balances_after.get(place),
            "token": token,
        })
    });
    shown.collect::<Vec<_>>().into()
}
