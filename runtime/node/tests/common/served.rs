//! A node in this process, on ports that are free.

use std::{path::Path, time::Duration};

use lockstep_interface::ProgramTable;
use lockstep_node::{
    Ledger, LedgerOptions, NodeOptions, Pace, Place, Running, Server, ServerOptions,
    genesis::GenesisFile,
};
use lockstep_programs::builtin_programs;
use lockstep_store::DiskOptions;

/// How nodes of tests work.
pub(crate) const OPTIONS: NodeOptions = NodeOptions {
    pace: Pace {
        slot_time: Duration::from_millis(100),
        empty_every: 1,
    },
    keep_slots: 0,
    keep_bytes: 0,
    is_dev: true,
};

/// A node that is there.
pub(crate) struct Served {
    pub(crate) running: Running,
    pub(crate) server: Server,
}

impl Served {
    /// On a ledger in a directory, or in memory.
    pub(crate) fn start(path: Option<&Path>) -> Self {
        Self::with(path, builtin_programs(), OPTIONS)
    }

    /// The same with these programs, in this way.
    pub(crate) fn with(path: Option<&Path>, programs: ProgramTable, options: NodeOptions) -> Self {
        Self::bounded(path, programs, options, 0, Duration::from_secs(30))
    }

    /// In memory, from a genesis of its own.
    pub(crate) fn of_genesis(genesis: GenesisFile) -> Self {
        let patience = Duration::from_secs(30);
        let programs = builtin_programs();
        Self::opened(None, Some(genesis), programs, OPTIONS, 0, patience)
    }

    /// The same with a bound on the requests of a client, and on their time.
    pub(crate) fn bounded(
        path: Option<&Path>,
        programs: ProgramTable,
        options: NodeOptions,
        rate: u64,
        patience: Duration,
    ) -> Self {
        Self::opened(path, None, programs, options, rate, patience)
    }

    fn opened(
        path: Option<&Path>,
        genesis: Option<GenesisFile>,
        programs: ProgramTable,
        options: NodeOptions,
        rate: u64,
        patience: Duration,
    ) -> Self {
        let place = path.map_or(Place::Memory, |path| Place::Disk(path.to_owned()));
        let ledger = Ledger::open(&LedgerOptions {
            place,
            new_programs: programs.clone(),
            programs,
            genesis,
            faucet: None,
            threads: 2,
            disk: DiskOptions::default(),
            cache_size: 8 << 20,
        })
        .expect("the node starts and ends");
        let running = Running::start(ledger, options).expect("the node starts and ends");
        let server = Server::start(
            &running.node,
            ServerOptions {
                bind: [127, 0, 0, 1].into(),
                port: 0,
                socket_port: None,
                cors: None,
                figures: None,
                rate,
                patience,
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
