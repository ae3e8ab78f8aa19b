//! `lockstep node`: a single-node chain over Solana's JSON-RPC; and its clients.

pub(crate) mod activate;
mod compiled;
pub(crate) mod follow;
pub(crate) mod load;
pub(crate) mod program;

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use compiled::Compiled;
use lockstep_interface::Address;
use lockstep_market::with_market;
use lockstep_node::genesis::GenesisFile;
use lockstep_node::keys::read_key;
use lockstep_node::{
    Ledger, LedgerError, LedgerOptions, NodeError, NodeOptions, Pace, Place, Ready, ServerOptions,
    install_figures, serve,
};
use lockstep_sbf::with_loaders;
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::ledger::{keep_genesis, linked_programs};
use crate::memory::Memory;
use crate::source::all_cores;
use crate::terminal;
use crate::text;

/// Slots that a ledger on disk keeps: half a day of 100 ms.
const KEEP_SLOTS_DISK: u64 = 432_000;
/// Slots that a ledger in memory keeps: some minutes.
const KEEP_SLOTS_MEMORY: u64 = 3_000;

/// Run a single-node chain that Solana's clients and tools talk to
///
/// It serves Solana's JSON-RPC on 127.0.0.1:8899 and its subscriptions on port 8900. Blocks are
/// durable before a client hears of them. SIGINT and SIGTERM end it in order.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The ledger's directory, which is made if it is missing; by default `lockstep/ledger` in the
    /// user's data directory
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    ledger: Option<PathBuf>,
    /// Keep the ledger in memory, and forget it at the end
    #[arg(long)]
    memory: bool,
    /// JSON file with what a new ledger begins with
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Programs of a new ledger whose genesis file names none
    #[arg(long, value_name = "SET", value_enum, default_value_t = ProgramSet::Usual)]
    programs: ProgramSet,
    /// Compiled program that a new ledger begins with, an ELF file, in place of a native one that
    /// has its address; needs `--programs loaders`
    #[arg(long, value_name = "ADDRESS=FILE")]
    elf: Vec<Compiled>,
    /// What may upgrade the programs of `--elf`; by default nothing may
    #[arg(long, value_name = "ADDRESS", requires = "elf")]
    elf_authority: Option<Address>,
    /// File with the secret key of the faucet, as Solana's tools write it; by default a new ledger
    /// makes its own
    #[arg(long, value_name = "FILE")]
    faucet: Option<PathBuf>,
    /// Address to listen on; any but loopback lets other machines in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Port of HTTP; 0 for one that is free
    #[arg(long, value_name = "PORT", default_value_t = 8899)]
    port: u16,
    /// Port of the WebSocket; by default the one behind that of HTTP
    #[arg(long, value_name = "PORT")]
    socket_port: Option<u16>,
    /// Origin whose pages may ask from a browser, `*` for all; by default none
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<String>,
    /// Milliseconds of a slot
    #[arg(long, value_name = "MS", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=60_000))]
    slot_ms: u64,
    /// Of empty blocks, make one in this number of slots
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    empty_every: u64,
    /// Slots whose blocks and history are kept, 0 for all; by default 432000, in memory 3000
    #[arg(long, value_name = "N")]
    keep_slots: Option<u64>,
    /// MiB of a ledger's accounts to keep in memory
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    cache_mib: u64,
    #[command(flatten)]
    bound: Memory,
    /// MiB of blocks and results that are kept, the oldest go first; 0 for no bound
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=1_073_741_824))]
    keep_mib: u64,
    /// Tokens a second of one client: a request takes 1, 4 if it computes, 16 if it goes through
    /// much; 0 for no bound
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    client_rate: u64,
    /// Milliseconds that a request, or a batch of them, may take
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    request_ms: u64,
    /// Worker threads; one for each core if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_024))]
    threads: Option<u64>,
    /// Offer methods for tests: setAccount, profileTransaction, warpSlot, timeTravel
    #[arg(long)]
    dev: bool,
    /// Print one JSON object once the node is there
    #[arg(long)]
    json: bool,
    /// Print nothing
    #[arg(long)]
    quiet: bool,
}

/// Programs that a ledger begins with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProgramSet {
    /// The built-in ones, and those that this command was built with
    Usual,
    /// And those of the market: amm, governance, collection
    Market,
    /// And the loaders, so that compiled Solana programs can be deployed
    Loaders,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Started {
    http: String,
    socket: String,
    slot: u64,
    genesis: String,
    faucet: Option<String>,
    ledger: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    let options = ledger_options(arguments, catalogue)?;
    let ledger = Ledger::open(&options).map_err(opening)?;
    let path = match &options.place {
        Place::Disk(path) => {
            keep_genesis(&ledger.chain, path)?;
            Some(path.display().to_string())
        }
        Place::Memory => None,
    };
    let keep_slots = arguments.keep_slots.unwrap_or(match path {
        Some(_) => KEEP_SLOTS_DISK,
        None => KEEP_SLOTS_MEMORY,
    });
    let node = NodeOptions {
        pace: Pace {
            slot_time: Duration::from_millis(arguments.slot_ms),
            empty_every: arguments.empty_every,
        },
        keep_slots,
        keep_bytes: arguments.keep_mib.saturating_mul(1 << 20),
        is_dev: arguments.dev,
    };
    let server = ServerOptions {
        bind: arguments.bind,
        port: arguments.port,
        socket_port: arguments.socket_port,
        cors: arguments.cors.clone(),
        figures: Some(install_figures().map_err(Failure::other)?),
        rate: arguments.client_rate,
        patience: Duration::from_millis(arguments.request_ms),
    };
    let mut shown = Ok(());
    serve(ledger, node, server, |ready| {
        shown = show(arguments, path, ready);
    })
    .map_err(|error| match error {
        NodeError::System { .. } => Failure::usage(error),
        error => Failure::other(error),
    })?;
    shown?;
    Ok(ExitCode::SUCCESS)
}

fn ledger_options(arguments: &Arguments, catalogue: &Catalogue) -> Result<LedgerOptions, Failure> {
    let place = match (&arguments.ledger, arguments.memory) {
        (_, true) => Place::Memory,
        (Some(path), _) => Place::Disk(path.clone()),
        (None, false) => Place::Disk(data_folder()?.join("lockstep").join("ledger")),
    };
    let genesis = arguments.genesis.as_deref().map(GenesisFile::read);
    let mut genesis = genesis.transpose().map_err(Failure::usage)?;
    if !arguments.elf.is_empty() {
        let file = genesis.get_or_insert_default();
        compiled::add(file, &arguments.elf, arguments.elf_authority)?;
    }
    let faucet = arguments.faucet.as_deref().map(|path| {
        read_key(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    });
    let threads = arguments
        .threads
        .and_then(|count| usize::try_from(count).ok());
    Ok(LedgerOptions {
        place,
        programs: linked_programs(),
        new_programs: match arguments.programs {
            ProgramSet::Usual => catalogue.programs.clone(),
            ProgramSet::Market => with_market(catalogue.programs.clone()),
            ProgramSet::Loaders => with_loaders(catalogue.programs.clone()),
        },
        genesis,
        faucet: faucet.transpose()?,
        threads: threads.unwrap_or_else(|| all_cores().get()),
        disk: arguments.bound.disk_options(),
        cache_size: arguments.bound.cache_size(arguments.cache_mib << 20),
    })
}

/// Where programs keep a user's data.
fn data_folder() -> Result<PathBuf, Failure> {
    if let Some(folder) = env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home = env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"));
    let home = home.ok_or_else(|| {
        Failure::usage("no directory of the user is known: name one with --ledger, or use --memory")
    })?;
    Ok(PathBuf::from(home).join(".local").join("share"))
}

/// The exit code for a ledger that cannot be opened.
fn opening(error: LedgerError) -> Failure {
    match error {
        LedgerError::Threads(_) => Failure::other(error),
        error => Failure::usage(error),
    }
}

fn show(arguments: &Arguments, path: Option<String>, ready: &Ready) -> Result<(), Failure> {
    if arguments.json {
        return text::print_json(&Started {
            http: format!("http://{}", ready.http),
            socket: format!("ws://{}", ready.socket),
            slot: ready.slot,
            genesis: ready.genesis.clone(),
            faucet: ready.faucet.map(|faucet| faucet.to_string()),
            ledger: path,
        });
    }
    if !arguments.quiet {
        let ledger = path.unwrap_or_else(|| "in memory".to_owned());
        terminal::note(&format!(
            "node: http://{}, ws://{}, slot {}, ledger {ledger}",
            ready.http, ready.socket, ready.slot
        ));
        if !arguments.bind.is_loopback() {
            terminal::note(
                "note: other machines can reach the node; it has no TLS and no passwords, \
                 put a proxy in front of it",
            );
        }
    }
    Ok(())
}
