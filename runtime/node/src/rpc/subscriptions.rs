//! Subscriptions: what clients are told of each durable block.
//!
//! Each has a task that gets the blocks with its topic and picks what it is about. A subscriber
//! that is further behind than blocks wait, or whose connection takes no notifications, is dropped:
//! it holds up neither the chain nor the others.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use lockstep_interface::{Account, Address};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::to_raw_value};

use super::{
    Methods,
    accounts::{Condition, Filter, ProgramConfig},
    blocks::{BlockConfig, show},
    encode::{AccountConfig, Encoder},
    error::RpcError,
    params::{Arguments, address},
    transaction::signature_text,
    transactions::status,
};
use crate::{
    content::account_keys,
    leader::{Published, unix_millis},
    limits::SUBSCRIPTION_COUNT_MAX,
    node::Node,
    subscribers::{Subscription, Topic},
};

/// How long a notification may wait for a connection that takes none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a subscription says of a block, and whether it ends with that.
struct Notes {
    values: Vec<Value>,
    is_last: bool,
}

impl Notes {
    fn of(values: Vec<Value>) -> Self {
        Self {
            values,
            is_last: false,
        }
    }
}

/// Picks of a block what a subscription is about.
type Picker = Box<dyn FnMut(&Node, &Published) -> Result<Notes, RpcError> + Send>;

/// The blocks that a subscription is about, and what it says of them.
type Wish = (Topic, Picker);

/// Reads the parameters of a subscription.
type Reader = fn(&mut Arguments<'_>) -> Result<Wish, RpcError>;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    let kinds: [(&'static str, &'static str, &'static str, Reader); 9] = [
        (
            "accountSubscribe",
            "accountNotification",
            "accountUnsubscribe",
            account,
        ),
        (
            "programSubscribe",
            "programNotification",
            "programUnsubscribe",
            program,
        ),
        ("logsSubscribe", "logsNotification", "logsUnsubscribe", logs),
        ("slotSubscribe", "slotNotification", "slotUnsubscribe", slot),
        ("rootSubscribe", "rootNotification", "rootUnsubscribe", root),
        (
            "blockSubscribe",
            "blockNotification",
            "blockUnsubscribe",
            block,
        ),
        (
            "slotsUpdatesSubscribe",
            "slotsUpdatesNotification",
            "slotsUpdatesUnsubscribe",
            slots_updates,
        ),
        ("voteSubscribe", "voteNotification", "voteUnsubscribe", vote),
        (
            "signatureSubscribe",
            "signatureNotification",
            "signatureUnsubscribe",
            signature,
        ),
    ];
    for (subscribe, notification, unsubscribe, read) in kinds {
        methods.module.register_subscription(
            subscribe,
            notification,
            unsubscribe,
            move |params, pending, node, _| serve(params, pending, node, read),
        )?;
    }
    Ok(())
}

/// One of the subscriptions that there may be.
#[derive(Debug)]
pub(super) struct Seat<'n>(&'n AtomicUsize);

impl<'n> Seat<'n> {
    pub(super) fn take(node: &'n Node) -> Option<Self> {
        let taken = node.subscriptions.fetch_add(1, Ordering::Relaxed);
        let seat = Self(&node.subscriptions);
        (taken < SUBSCRIPTION_COUNT_MAX).then_some(seat)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    node: Arc<Node>,
    read: Reader,
) {
    let refuse = |error: RpcError| ErrorObjectOwned::from(error);
    let Some(_seat) = Seat::take(&node) else {
        let text = format!("all {SUBSCRIPTION_COUNT_MAX} subscriptions are in use");
        return pending.reject(refuse(RpcError::Unhealthy(text))).await;
    };
    let (topic, picker) = match read(&mut Arguments::new(&params)) {
        Ok(wanted) => wanted,
        Err(error) => return pending.reject(refuse(error)).await,
    };
    let subscription = node.subscribers.subscribe(topic);
    if let Ok(sink) = pending.accept().await {
        feed(&node, &sink, subscription, picker).await;
    }
}

/// Tells a subscriber of blocks until it goes, or can not follow.
async fn feed(
    node: &Node,
    sink: &SubscriptionSink,
    mut subscription: Subscription<'_>,
    mut pick: Picker,
) {
    loop {
        let block = tokio::select! {
            () = sink.closed() => return,
            block = subscription.blocks.recv() => block,
        };
        let Some(block) = block else {
            return;
        };
        let notes = match pick(node, &block) {
            Ok(notes) => notes,
            Err(error) => {
                tracing::debug!(%error, "a notification could not be made");
                continue;
            }
        };
        for value in &notes.values {
            if !tell(sink, value).await {
                return;
            }
        }
        if notes.is_last {
            return;
        }
    }
}

/// Sends a notification; false if the connection takes none.
pub(super) async fn tell(sink: &SubscriptionSink, value: &impl Serialize) -> bool {
    match to_raw_value(value) {
        Ok(raw) => sink.send_timeout(raw, PATIENCE).await.is_ok(),
        Err(_) => false,
    }
}

/// A value of a block, as notifications have it.
fn of_block(block: &Published, value: Value) -> Value {
    json!({ "context": { "slot": block.content.slot() }, "value": value })
}

fn account(arguments: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let address = arguments.address()?;
    let config: AccountConfig = arguments.or_default()?;
    let pick = move |node: &Node, block: &Published| {
        let place = block
            .changes
            .binary_search_by_key(&address, |(known, _)| *known);
        let Ok(place) = place else {
            return Ok(Notes::of(Vec::new()));
        };
        let account = shown(&block.changes[place].1);
        let view = node.view()?;
        let mut encoder = Encoder::new(&view, config);
        let value = encoder.account(&address, &account)?;
        Ok(Notes::of(vec![of_block(block, value)]))
    };
    Ok((Topic::Account(address), Box::new(pick)))
}

/// An account as it is shown: one that is gone has no owner and no data.
fn shown(account: &Account) -> Account {
    if account.exists() {
        account.clone()
    } else {
        Account::default()
    }
}

fn program(arguments: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let program = arguments.address()?;
    let config: ProgramConfig = arguments.or_default()?;
    let conditions = Filter::read_all(config.filters.as_deref())?;
    let pick = move |node: &Node, block: &Published| {
        let is_wanted = |account: &Account| {
            account.owner == program && conditions.iter().all(|one: &Condition| one.admits(account))
        };
        let changes = block.changes.iter();
        let mut changes = changes.filter(|(_, account)| is_wanted(account)).peekable();
        if changes.peek().is_none() {
            return Ok(Notes::of(Vec::new()));
        }
        let view = node.view()?;
        let mut encoder = Encoder::new(&view, config.account);
        let values = changes.map(|(address, account)| {
            let value = encoder.keyed(address, account)?;
            Ok(of_block(block, value))
        });
        Ok(Notes::of(values.collect::<Result<_, RpcError>>()?))
    };
    Ok((Topic::Program(program), Box::new(pick)))
}

/// Whose logs, or which blocks, are wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Wanted {
    /// All of them.
    All,
    /// All of them, votes included, of which there are none.
    AllWithVotes,
    /// Those of transactions that name an account.
    Mentions(Vec<String>),
    /// The same for blocks.
    MentionsAccountOrProgram(String),
}

impl Wanted {
    /// The account that has to be named; `None` if everything is wanted.
    fn mention(&self) -> Result<Option<Address>, RpcError> {
        match self {
            Self::All | Self::AllWithVotes => Ok(None),
            Self::MentionsAccountOrProgram(text) => address(text).map(Some),
            Self::Mentions(texts) => match &texts[..] {
                [text] => address(text).map(Some),
                _ => Err(RpcError::params(
                    "Invalid Request: Only 1 address supported",
                )),
            },
        }
    }
}

fn logs(arguments: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let wanted: Wanted = arguments.required("\"all\" or mentions")?;
    let mention = wanted.mention()?;
    let topic = mention.map_or(Topic::Every, Topic::Mention);
    let pick = move |_: &Node, block: &Published| {
        let mut values = Vec::new();
        for (view, meta) in block.content.iter() {
            let is_meant = mention.is_none_or(|one| account_keys(&view, meta).contains(&one));
            if is_meant {
                let value = json!({
                    "signature": signature_text(&view),
                    "err": meta.error_value(),
                    "logs": meta.logs,
                });
                values.push(of_block(block, value));
            }
        }
        Ok(Notes::of(values))
    };
    Ok((topic, Box::new(pick)))
}

fn slot(_: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let pick = |_: &Node, block: &Published| {
        let slot = block.content.slot();
        Ok(Notes::of(vec![json!({
            "slot": slot, "parent": block.content.parent_slot, "root": slot,
        })]))
    };
    Ok((Topic::Every, Box::new(pick)))
}

fn root(_: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let pick = |_: &Node, block: &Published| Ok(Notes::of(vec![block.content.slot().into()]));
    Ok((Topic::Every, Box::new(pick)))
}

fn slots_updates(_: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let pick = |_: &Node, block: &Published| {
        let content = &block.content;
        let (slot, timestamp) = (content.slot(), unix_millis());
        let failed = content.metas.iter().filter(|meta| meta.error.is_some());
        let (count, failed) = (content.metas.len(), failed.count());
        Ok(Notes::of(vec![
            json!({
                "type": "createdBank", "slot": slot, "timestamp": timestamp,
                "parent": content.parent_slot,
            }),
            json!({
                "type": "frozen", "slot": slot, "timestamp": timestamp,
                "stats": {
                    "numTransactionEntries": content.plan.batch_count(),
                    "numSuccessfulTransactions": count.saturating_sub(failed),
                    "numFailedTransactions": failed,
                    "maxTransactionsPerEntry": count,
                },
            }),
            json!({ "type": "root", "slot": slot, "timestamp": timestamp }),
        ]))
    };
    Ok((Topic::Every, Box::new(pick)))
}

/// There are no votes.
fn vote(_: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    Ok((Topic::Vote, Box::new(|_, _| Ok(Notes::of(Vec::new())))))
}

fn block(arguments: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let wanted: Wanted = arguments.required("\"all\" or mentionsAccountOrProgram")?;
    let config: BlockConfig = arguments.or_default()?;
    let mention = wanted.mention()?;
    let topic = mention.map_or(Topic::Every, Topic::Mention);
    let pick = move |node: &Node, block: &Published| {
        let content = &block.content;
        let is_meant = mention.is_none_or(|one| {
            let mut transactions = content.iter();
            transactions.any(|(view, meta)| account_keys(&view, meta).contains(&one))
        });
        if !is_meant {
            return Ok(Notes::of(Vec::new()));
        }
        let shown = show(node, content, &config)?;
        Ok(Notes::of(vec![of_block(
            block,
            json!({ "slot": content.slot(), "block": shown, "err": null }),
        )]))
    };
    Ok((topic, Box::new(pick)))
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignatureConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    enable_received_notification: bool,
}

/// Told once: when the transaction is durable, which it may be already.
fn signature(arguments: &mut Arguments<'_>) -> Result<Wish, RpcError> {
    let signature = arguments.signature()?;
    let config: SignatureConfig = arguments.or_default()?;
    // What is done already is found at the first block, in the history too.
    let mut searches = true;
    let mut is_received = config.enable_received_notification;
    let pick = move |node: &Node, block: &Published| {
        let known = status(node, &signature, mem::take(&mut searches))?;
        let mut values = Vec::new();
        if mem::take(&mut is_received) {
            values.push(of_block(block, "receivedSignature".into()));
        }
        let is_last = known.is_some();
        if let Some((slot, error)) = &known {
            values.push(json!({
                "context": { "slot": slot }, "value": { "err": error },
            }));
        }
        Ok(Notes { values, is_last })
    };
    Ok((Topic::Signature(signature), Box::new(pick)))
}
