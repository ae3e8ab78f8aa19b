//! A node in this process, on ports that are free.
#![allow(dead_code, reason = "no test calls all of it")]

use std::{path::Path, time::Duration};

use lockstep_node::{
    Ledger, LedgerOptions, NodeOptions, Pace, Place, Running, Server, ServerOptions,
};

/// A node that is there.
pub(crate) struct Served {
    pub(crate) running: Running,
    pub(crate) server: Server,
}

impl Served {
    /// On a ledger in a directory, or in memory.
    pub(crate) fn start(path: Option<&Path>) -> Self {
        let place = path.map_or(Place::Memory, |path| Place::Disk(path.to_owned()));
        let ledger = Ledger::open(&LedgerOptions {
            place,
            genesis: None,
            faucet: None,
            threads: 2,
            cache_size: 8 << 20,
        })
        .expect("the node starts and ends");
        let pace = Pace {
            slot_time: Duration::from_millis(100),
            empty_every: 1,
        };
        let options = NodeOptions {
            pace,
            keep_slots: 0,
            is_dev: true,
        };
        let running = Running::start(ledger, options).expect("the node starts and ends");
        let server = Server::start(
            &running.node,
            ServerOptions {
                bind: [127, 0, 0, 1].into(),
                port: 0,
                socket_port: None,
                cors: None,
                figures: None,
            },
        )
        .expect("the node starts and ends");
        Self { running, server }
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.server.http)
    }

    pub(crate) fn socket(&self) -> String {
        format!("ws://{}", self.server.socket)
    }

    /// Ends it in order.
    pub(crate) fn stop(self) {
        self.server.stop();
        self.running.stop().expect("the node starts and ends");
    }
}
