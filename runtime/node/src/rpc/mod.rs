//! Solana's JSON-RPC methods, one file a group, and those of our own.

mod accounts;
mod blocks;
mod chain;
mod cluster;
mod dev;
mod encode;
mod error;
mod own;
mod params;
mod send;
mod stream;
mod subscriptions;
mod tokens;
mod transaction;
mod transactions;

use std::{collections::HashMap, io, sync::Arc};

use ahash::RandomState;
use jsonrpsee::{
    MethodCallback, RpcModule,
    core::{
        RegisterMethodError,
        server::{Extensions, IntoResponse as _, MethodResponse},
    },
    types::{ErrorCode, ErrorObjectOwned, Id, Params},
};
use serde_json::{Value, json};

use self::{error::Answer, params::Arguments};
use crate::{
    limits::{QUICK_TOKENS, READER_COUNT, SCAN_TOKENS, SCANNER_COUNT, SLOW_TOKENS},
    node::Node,
    workers::{Peer, Priority, Workers},
};

/// The release of Solana's that the answers are shaped after.
const API_VERSION: &str = "3.0.0";

/// Makes the answer to a request.
type Answerer = fn(&Node, &mut Arguments<'_>) -> Answer;

/// What requests cost, by method.
#[derive(Debug, Default)]
pub(crate) struct Prices(HashMap<&'static str, u64, RandomState>);

impl Prices {
    /// The tokens that a request takes of its client's rate.
    pub(crate) fn of(&self, method: &str) -> u64 {
        self.0.get(method).copied().unwrap_or(QUICK_TOKENS)
    }
}

/// Methods on their way into a module.
struct Methods {
    module: RpcModule<Node>,
    node: Arc<Node>,
    /// Compute, or read a little.
    readers: Arc<Workers>,
    /// Go through much.
    scanners: Arc<Workers>,
    prices: Prices,
}

impl Methods {
    fn new(node: Arc<Node>) -> io::Result<Self> {
        let readers = Workers::new("node-reader", READER_COUNT, Priority::Normal)?;
        let scanners = Workers::new("node-scanner", SCANNER_COUNT, Priority::Low)?;
        Ok(Self {
            module: RpcModule::from_arc(Arc::clone(&node)),
            node,
            readers: Arc::new(readers),
            scanners: Arc::new(scanners),
            prices: Prices::default(),
        })
    }

    /// Adds a method that answers from memory.
    fn quick(&mut self, name: &'static str, answer: Answerer) -> Result<(), RegisterMethodError> {
        self.module.register_method(name, move |params, node, _| {
            run(answer, node, &params).map_err(ErrorObjectOwned::from)
        })?;
        Ok(())
    }

    /// Adds a method that computes, or reads a little of the store.
    fn slow(&mut self, name: &'static str, answer: Answerer) -> Result<(), RegisterMethodError> {
        let readers = Arc::clone(&self.readers);
        self.beside(name, readers, SLOW_TOKENS, answer)
    }

    /// Adds a method that goes through many accounts, or through whole blocks.
    fn scan(&mut self, name: &'static str, answer: Answerer) -> Result<(), RegisterMethodError> {
        let scanners = Arc::clone(&self.scanners);
        self.beside(name, scanners, SCAN_TOKENS, answer)
    }

    /// Adds a method whose answers are made, down to their bytes, beside the server's threads.
    fn beside(
        &mut self,
        name: &'static str,
        workers: Arc<Workers>,
        tokens: u64,
        answer: Answerer,
    ) -> Result<(), RegisterMethodError> {
        let node = Arc::clone(&self.node);
        self.prices.0.insert(name, tokens);
        let callback = move |id: Id<'static>, params: Params<'static>, _, size_max, extensions| {
            let (node, workers) = (Arc::clone(&node), Arc::clone(&workers));
            Box::pin(async move {
                let answered = id.clone();
                let work = move || {
                    let answer = run(answer, &node, &params).map_err(ErrorObjectOwned::from);
                    MethodResponse::response(answered, answer.into_response(), size_max)
                };
                let done = workers.run(Peer::of(&extensions), work).await;
                done.unwrap_or_else(|error| {
                    tracing::error!(%error, "a method failed");
                    MethodResponse::error(id, ErrorCode::InternalError)
                })
            }) as _
        };
        let callback = MethodCallback::Async(Arc::new(callback));
        self.module.verify_and_insert(name, callback)?;
        Ok(())
    }

    /// Adds a method that waits for others.
    fn waiting<F: Future<Output = Answer> + Send + 'static>(
        &mut self,
        name: &'static str,
        answer: fn(Arc<Node>, Arc<Workers>, Peer, &mut Arguments<'_>) -> F,
    ) -> Result<(), RegisterMethodError> {
        self.prices.0.insert(name, SLOW_TOKENS);
        let readers = Arc::clone(&self.readers);
        let callback = move |params: Params<'static>, node, extensions: Extensions| {
            let peer = Peer::of(&extensions);
            let answer = answer(
                node,
                Arc::clone(&readers),
                peer,
                &mut Arguments::new(&params),
            );
            async move { answer.await.map_err(ErrorObjectOwned::from) }
        };
        self.module.register_async_method(name, callback)?;
        Ok(())
    }
}

fn run(answer: Answerer, node: &Node, params: &Params<'_>) -> Answer {
    answer(node, &mut Arguments::new(params))
}

/// All methods and subscriptions of a node, and what requests cost.
///
/// # Errors
/// If the system refuses what threads wait on.
///
/// # Panics
/// If a name is given twice, which is a bug.
pub(crate) fn methods(node: Arc<Node>) -> io::Result<(RpcModule<Node>, Prices)> {
    let mut methods = Methods::new(node)?;
    register(&mut methods).expect("each method has a name of its own");
    Ok((methods.module, methods.prices))
}

fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    chain::register(methods)?;
    cluster::register(methods)?;
    accounts::register(methods)?;
    tokens::register(methods)?;
    blocks::register(methods)?;
    transactions::register(methods)?;
    send::register(methods)?;
    own::register(methods)?;
    subscriptions::register(methods)?;
    stream::register(methods)?;
    if methods.node.options.is_dev {
        dev::register(methods)?;
    }
    Ok(())
}

/// A value with the slot that it is of.
fn in_context(slot: u64, value: impl Into<Value>) -> Value {
    json!({
        "context": { "apiVersion": API_VERSION, "slot": slot },
        "value": value.into(),
    })
}
