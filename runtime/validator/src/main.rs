//! The command of a validator network.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command prints")]

mod connect;

mod begin;

mod chores;

mod run;

use std::{env, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use lockstep_node::install_figures;
use lockstep_validator::{
    limits::EPOCH_SLOTS_MIN, prove::prove, stake::Operator, testnet::Testnet,
};
use mimalloc::MiMalloc;

use crate::run::run;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Validators of a Lockstep network
#[derive(Debug, Parser)]
#[command(name = "lockstep-validator", version, max_term_width = 100)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run one member of a network, until SIGINT or SIGTERM
    Validator {
        /// JSON file of the member; how it looks: runtime/docs/operating.md
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Run a network of local processes, and show what each is doing
    Testnet(TestnetArguments),
    /// Stake lamports with one's own validator, which is registered if it is new
    Stake {
        /// Lamports of the wallet of the key
        #[arg(value_name = "LAMPORTS")]
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        lamports: u64,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Take back all stake with one's own validator
    Unstake {
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Ask a node for an account with the signatures of the members, and check them
    Prove {
        /// The account
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// The network's file, whose members and genesis are trusted
        #[arg(long, value_name = "FILE")]
        network: PathBuf,
        /// The node's JSON-RPC, which is not trusted
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8899")]
        url: String,
    },
}

#[derive(Args, Debug)]
struct OperatorArguments {
    /// The validator's key, whose wallet pays
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A node's JSON-RPC
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8899")]
    url: String,
}

#[derive(Args, Debug)]
struct TestnetArguments {
    /// Members of a new network
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    validators: u16,
    /// Directory of the network; one that is there goes on
    #[arg(long, value_name = "DIR", default_value = "testnet")]
    directory: PathBuf,
    /// The first member's port of JSON-RPC; the next member's is 10 higher
    #[arg(long, value_name = "PORT", default_value_t = 8899)]
    rpc_port: u16,
    /// The first member's port for other members; the next member's is 10 higher
    #[arg(long, value_name = "PORT", default_value_t = 9899)]
    peer_port: u16,
    /// Milliseconds between blocks that are not full
    #[arg(long, value_name = "MS", default_value_t = 250)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=60_000))]
    block_ms: u64,
    /// Slots of an epoch of a new network, after which its members may change
    #[arg(long, value_name = "N", default_value_t = 1_200)]
    #[arg(value_parser = clap::value_parser!(u64).range(EPOCH_SLOTS_MIN..))]
    epoch_slots: u64,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let done = match Command::parse().action {
        Action::Validator { config } => validate(&config),
        Action::Testnet(arguments) => testnet(&arguments),
        Action::Stake { lamports, operator } => stake(lamports, &operator),
        Action::Unstake { operator } => unstake(&operator),
        Action::Prove {
            address,
            network,
            url,
        } => show_proof(&address, &network, &url),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockstep-validator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn validate(config: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let figures = install_figures()?;
    run(config, Some(figures), |ready| {
        println!(
            "JSON-RPC on http://{}, sockets on ws://{}",
            ready.http, ready.socket
        );
        println!("slot {}, genesis {}", ready.slot, ready.genesis);
    })?;
    Ok(())
}

fn show_proof(
    address: &str,
    network: &std::path::Path,
    url: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let proven = prove(address, network, url)?;
    println!("{}", serde_json::to_string_pretty(&proven)?);
    Ok(())
}

fn stake(lamports: u64, arguments: &OperatorArguments) -> Result<(), Box<dyn std::error::Error>> {
    let operator = Operator::new(&arguments.key, &arguments.url)?;
    let (stake, signature) = operator.stake(lamports)?;
    println!("stake {stake} of {lamports} lamports, by transaction {signature}");
    println!("it counts from the next epoch on, and for the members of the one after that");
    Ok(())
}

fn unstake(arguments: &OperatorArguments) -> Result<(), Box<dyn std::error::Error>> {
    let operator = Operator::new(&arguments.key, &arguments.url)?;
    let (stakes, signature) = operator.unstake()?;
    for stake in stakes {
        println!("stake {stake} is active up to the end of the epoch");
    }
    println!("transaction {signature}");
    Ok(())
}

fn testnet(arguments: &TestnetArguments) -> Result<(), Box<dyn std::error::Error>> {
    let testnet = Testnet {
        directory: arguments.directory.clone(),
        validator_count: arguments.validators,
        rpc_port: arguments.rpc_port,
        peer_port: arguments.peer_port,
        block_millis: arguments.block_ms,
        epoch_slots: arguments.epoch_slots,
    };
    testnet.prepare()?;
    let urls = testnet.urls()?;
    println!(
        "faucet {} in {}",
        testnet.faucet()?,
        testnet.directory.display()
    );
    let mut processes = testnet.start(&env::current_exe()?)?;
    processes.show(&urls, |line| println!("{line}"));
    Ok(())
}
