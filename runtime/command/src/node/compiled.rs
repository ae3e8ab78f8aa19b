//! `--elf ADDRESS=FILE`: compiled programs that a new ledger begins with.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr};

use lockstep_interface::{Address, Rent};
use lockstep_node::genesis::GenesisFile;
use lockstep_sbf::program_accounts;

use super::program::read;
use crate::failure::Failure;

/// A program's address, and its ELF file.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    address: Address,
    path: PathBuf,
}

impl FromStr for Compiled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, path) = text
            .split_once('=')
            .ok_or("expected the program's address, `=` and the path of an ELF file")?;
        let address = address
            .parse()
            .map_err(|_| format!("expected an address, 32 bytes in base58, found {address:?}"))?;
        Ok(Self {
            address,
            path: path.into(),
        })
    }
}

/// Adds the programs to a genesis. A file that the machine does not take is refused, as is an
/// address that is named twice.
pub(super) fn add(
    genesis: &mut GenesisFile,
    compiled: &[Compiled],
    authority: Option<Address>,
) -> Result<(), Failure> {
    let mut named = BTreeSet::new();
    for Compiled { address, path } in compiled {
        if !named.insert(address) {
            let twice = format!("--elf {address}: expected each address once, found it twice");
            return Err(Failure::usage(twice));
        }
        let elf = read(path)?;
        let accounts = program_accounts(address, &elf, authority, &Rent::MAINNET);
        genesis.add_compiled(*address, accounts);
    }
    Ok(())
}
