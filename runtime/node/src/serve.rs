//! A node from its start to its orderly end.

use std::{net::SocketAddr, time::Duration};

use lockstep_interface::Address;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    keys::address_of,
    ledger::Ledger,
    node::{NodeError, NodeOptions, Running},
    server::{Server, ServerOptions},
};

/// How often it is looked whether the leader has given up.
const WATCH: Duration = Duration::from_millis(200);

/// What a node says once it is there.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where HTTP is.
    pub http: SocketAddr,
    /// Where the WebSocket is.
    pub socket: SocketAddr,
    /// The newest slot.
    pub slot: u64,
    /// Id of the genesis block.
    pub genesis: String,
    /// Where airdrops come from.
    pub faucet: Option<Address>,
}

/// Allows this process as many open files as the system lets it have: each connection is one.
pub fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With the limit as it is there are fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Runs a node until the process gets SIGINT or SIGTERM: requests are finished, the last block is
/// made durable and indexed.
///
/// # Errors
/// If it cannot start, or the leader gives up.
pub fn serve(
    ledger: Ledger,
    node_options: NodeOptions,
    server_options: ServerOptions,
    ready: impl FnOnce(&Ready),
) -> Result<(), NodeError> {
    let running = Running::start(ledger, node_options)?;
    serve_running(running, server_options, ready, || ())
}

/// The same for a node that has been started. `end` is called when no more requests are answered,
/// and has to drop the node's [`Follower`](crate::Follower), if it has one.
///
/// # Errors
/// If a port cannot be listened on, or the node gives up.
pub fn serve_running(
    running: Running,
    server_options: ServerOptions,
    ready: impl FnOnce(&Ready),
    end: impl FnOnce(),
) -> Result<(), NodeError> {
    raise_file_limit();
    let faucet = running.node.faucet.as_ref().map(address_of);
    let server = match Server::start(&running.node, server_options) {
        Ok(server) => server,
        Err(error) => {
            end();
            running.stop()?;
            return Err(error);
        }
    };
    let signals = server.block_on(async { Signals::new() });
    let mut signals = signals.map_err(|source| NodeError::System {
        what: "cannot wait for signals".to_owned(),
        source,
    })?;
    ready(&Ready {
        http: server.http,
        socket: server.socket,
        slot: running.node.head().slot,
        genesis: running.node.genesis_hash.to_string(),
        faucet,
    });
    server.block_on(async {
        loop {
            tokio::select! {
                () = signals.any() => return,
                () = tokio::time::sleep(WATCH) => {}
            }
            if running.has_failed() {
                return;
            }
        }
    });
    tracing::info!("ending");
    server.stop();
    end();
    running.stop()
}

/// The signals that end a node.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, std::io::Error> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
