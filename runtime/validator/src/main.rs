//! The command of a validator network.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command prints")]

mod connect;

mod begin;

mod run;

use std::{env, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use lockstep_node::install_figures;
use lockstep_validator::{config::MemberFile, prove::prove, testnet::Testnet};
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
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let done = match Command::parse().action {
        Action::Validator { config } => validate(&config),
        Action::Testnet(arguments) => testnet(&arguments),
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
    let file = MemberFile::read(config)?;
    let figures = install_figures()?;
    run(&file, Some(figures), |ready| {
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

fn testnet(arguments: &TestnetArguments) -> Result<(), Box<dyn std::error::Error>> {
    let testnet = Testnet {
        directory: arguments.directory.clone(),
        validator_count: arguments.validators,
        rpc_port: arguments.rpc_port,
        peer_port: arguments.peer_port,
        block_millis: arguments.block_ms,
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
