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

use std::sync::Arc;

use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use serde_json::{Value, json};

use self::{error::Answer, params::Arguments};
use crate::node::Node;

/// The release of Solana's that the answers are shaped after.
const API_VERSION: &str = "3.0.0";

/// Methods on their way into a module.
struct Methods(RpcModule<Node>);

impl Methods {
    /// Adds a method that answers from memory.
    fn quick(
        &mut self,
        name: &'static str,
        answer: fn(&Node, &mut Arguments<'_>) -> Answer,
    ) -> Result<(), RegisterMethodError> {
        self.0.register_method(name, move |params, node, _| {
            run(answer, node, &params).map_err(ErrorObjectOwned::from)
        })?;
        Ok(())
    }

    /// Adds a method that reads the store or computes.
    fn slow(
        &mut self,
        name: &'static str,
        answer: fn(&Node, &mut Arguments<'_>) -> Answer,
    ) -> Result<(), RegisterMethodError> {
        self.0
            .register_blocking_method(name, move |params, node, _| {
                run(answer, &node, &params).map_err(ErrorObjectOwned::from)
            })?;
        Ok(())
    }
}

fn run(
    answer: fn(&Node, &mut Arguments<'_>) -> Answer,
    node: &Node,
    params: &Params<'_>,
) -> Answer {
    answer(node, &mut Arguments::new(params))
}

/// All methods and subscriptions of a node.
///
/// # Errors
/// If a name is given twice, which is a bug.
pub(crate) fn methods(node: Arc<Node>) -> Result<RpcModule<Node>, RegisterMethodError> {
    let is_dev = node.options.is_dev;
    let mut methods = Methods(RpcModule::from_arc(node));
    chain::register(&mut methods)?;
    cluster::register(&mut methods)?;
    accounts::register(&mut methods)?;
    tokens::register(&mut methods)?;
    blocks::register(&mut methods)?;
    transactions::register(&mut methods)?;
    send::register(&mut methods)?;
    own::register(&mut methods)?;
    subscriptions::register(&mut methods)?;
    stream::register(&mut methods)?;
    if is_dev {
        dev::register(&mut methods)?;
    }
    Ok(methods.0)
}

/// A value with the slot that it is of.
fn in_context(slot: u64, value: impl Into<Value>) -> Value {
    json!({
        "context": { "apiVersion": API_VERSION, "slot": slot },
        "value": value.into(),
    })
}
