//! Clients of a node: one that asks once, one that prints its stream, and one that puts it under
//! load.

mod call;
mod follow;
mod load;

pub use call::{CallError, call};
pub use follow::{FollowError, follow};
pub use load::{Latency, LoadError, LoadOptions, LoadReport, Workload, load};

use jsonrpsee::{
    core::{ClientError, client::Subscription, client::SubscriptionClientT},
    rpc_params,
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde_json::{Value, json};

use crate::limits::RESPONSE_SIZE_MAX;

/// Notes that wait for this process at the most.
const WAITING_MAX: usize = 1_024;

/// Connects to the WebSocket of a node.
async fn connect(url: &str) -> Result<WsClient, ClientError> {
    WsClientBuilder::default()
        .max_response_size(RESPONSE_SIZE_MAX)
        .max_buffer_capacity_per_subscription(WAITING_MAX)
        .build(url)
        .await
}

/// Begins to read the stream of a node.
async fn stream(
    client: &WsClient,
    from_slot: Option<u64>,
    details: &str,
) -> Result<Subscription<Value>, ClientError> {
    let config = json!({ "fromSlot": from_slot, "transactionDetails": details });
    let (subscribe, unsubscribe) = ("streamSubscribe", "streamUnsubscribe");
    client
        .subscribe(subscribe, rpc_params![config], unsubscribe)
        .await
}
