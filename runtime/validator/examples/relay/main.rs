//! A relayer between two networks of validators.
//!
//! ```text
//! cargo run --example relay -- --key relayer.json \
//!     --network a/network.json --url http://127.0.0.1:8899 --bridge ADDRESS --client ADDRESS \
//!     --network b/network.json --url http://127.0.0.1:9899 --bridge ADDRESS --client ADDRESS
//! ```
//! Both halves of the bridge are open. The first values belong to the one network, the second ones
//! to the other. The networks' members are those of their files; the nodes are not trusted.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "an example counts small numbers, and says what it does"
)]

mod relayer;

use std::{collections::BTreeMap, error::Error, path::PathBuf, thread, time::Duration};

use clap::Parser;
use lockstep_interface::Address;
use lockstep_messages::relay::End;
use lockstep_node::keys::read_key;
use lockstep_validator::prove::trusted;

use relayer::{Relayer, Side};

/// The time between two rounds.
const PAUSE: Duration = Duration::from_millis(500);

/// Carries messages of a bridge between two networks
#[derive(Debug, Parser)]
struct Arguments {
    /// The key that pays fees and rent on both chains
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A network's file, whose members and genesis are trusted
    #[arg(long, value_name = "FILE", required = true)]
    network: Vec<PathBuf>,
    /// JSON-RPC of a node of it, which is not trusted
    #[arg(long, value_name = "URL", required = true)]
    url: Vec<String>,
    /// Its half of the bridge
    #[arg(long, value_name = "ADDRESS", required = true)]
    bridge: Vec<Address>,
    /// The client on it that follows the other network
    #[arg(long, value_name = "ADDRESS", required = true)]
    client: Vec<Address>,
}

impl Arguments {
    fn side(&self, place: usize) -> Result<Side, Box<dyn Error>> {
        let missing = "expected every option but --key twice, once for each network";
        let network = trusted(self.network.get(place).ok_or(missing)?)?;
        let bridge = *self.bridge.get(place).ok_or(missing)?;
        let client = *self.client.get(place).ok_or(missing)?;
        Ok(Side {
            urls: vec![self.url.get(place).ok_or(missing)?.clone()],
            network,
            passages: BTreeMap::new(),
            end: End::new(bridge, client),
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut relayer = Relayer {
        sides: [arguments.side(0)?, arguments.side(1)?],
        key: read_key(&arguments.key)?,
        settled: [0, 0],
    };
    loop {
        match relayer.round() {
            Ok(open) => println!("settled {:?}, open {open}", relayer.settled),
            Err(error) => eprintln!("relay: {error}"),
        }
        thread::sleep(PAUSE);
    }
}
