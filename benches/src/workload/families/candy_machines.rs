//! `candy-machines`: the owners of candy machines, accounts of a compiled Anchor program, change
//! the fee or the authority of theirs and pay for it. A transaction conflicts with those of the
//! same machine alone.
//!
//! The program is Metaplex's candy machine, whose file cargo's registry holds as a part of a crate.
//! Machines begin as the program's `initialize` leaves them, without lines.

use std::path::{Path, PathBuf};
use std::{env, fs};

use lockstep_interface::{Account, AccountMeta, Address, Instruction, ProgramTable, Rent};
use lockstep_market::market_programs;
use lockstep_sbf::{program_accounts, with_loaders};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::{Family, FamilySpec, replay};
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::{SpecError, WorkloadSpec};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "candy-machines",
    about: "calls of a compiled Anchor program, each of a machine drawn uniformly",
    options: &[
        replay::count(
            "machines",
            10_000,
            2,
            "machines, each with an owner that pays",
        ),
        replay::percent("hot-share", 0, "transactions of one machine"),
    ],
    build: |spec, seed| Ok(Box::new(CandyMachines::new(spec, seed)?)),
};

const PROGRAM: Address = Address::from_str_const("CndyV3LdqHUfDLmE5naZjVN8rBZz4tqhdefbAnjHG3JR");
/// The crate that the program's file is a part of.
const CRATE: &str = "trident-svm@0.3.0-rc.4";
/// The file in the crate's folder.
const FILE: &str = "src/solana-program-library/metaplex-candy-machine-v3.so";

/// Compute units that calls take.
const SET_AUTHORITY_COST: u64 = 5_721;
const UPDATE_COST: u64 = 10_099;
/// The symbol of items, filled up as machines keep it.
const SYMBOL: &str = "CNDY\0\0\0\0\0\0";
/// Items of a machine, and bytes of the name and of the address of each.
const ITEMS: u64 = 2;
const LINE_SIZES: [u32; 2] = [4, 8];
/// Bytes of a machine: 850 before its lines, the count of lines and the lines, a byte with a bit
/// for each, and the number of each.
const MACHINE_SIZE: usize = 850 + 4 + 2 * 12 + 1 + 2 * 4;
/// The fee that machines begin with, and the highest that is drawn, in hundredths of a per cent.
const FEE: u16 = 500;
const FEE_MAX: u16 = 1_000;

#[derive(Debug)]
struct CandyMachines {
    /// The owner of machine m stands at m.
    owners: Keyring,
    machines: Vec<Address>,
    collections: Vec<Address>,
    hot_share: u64,
    elf: Vec<u8>,
    /// One table for all chains, so that the file is compiled once.
    programs: ProgramTable,
}

impl CandyMachines {
    fn new(spec: &WorkloadSpec, seed: u64) -> Result<Self, SpecError> {
        let elf = program_file().ok_or(SpecError::Program {
            workload: SPEC.name,
            file: FILE,
            holder: CRATE,
        })?;
        let count = spec.count("machines");
        Ok(Self {
            owners: Keyring::generate(seed, count),
            machines: replay::addresses(b"candy machine", count, seed),
            collections: replay::addresses(b"candy collection", count, seed),
            hot_share: spec.value("hot-share"),
            elf,
            programs: with_loaders(market_programs()),
        })
    }

    /// Machine `number` as `initialize` leaves it.
    fn machine(&self, number: usize) -> Account {
        let owner = self.owners.address(number);
        let mut data = tag("account:CandyMachine").to_vec();
        // No features.
        data.extend_from_slice(&[0; 8]);
        data.extend_from_slice(owner.as_array());
        // The authority that mints, its owner as well.
        data.extend_from_slice(owner.as_array());
        data.extend_from_slice(self.collections[number].as_array());
        // Items that were sold.
        data.extend_from_slice(&[0; 8]);
        data.extend(settings(&owner, FEE));
        data.resize(MACHINE_SIZE, 0);
        Account {
            lamports: Rent::MAINNET.minimum_balance(MACHINE_SIZE),
            data: data.into(),
            owner: PROGRAM,
            executable: false,
        }
    }
}

/// The bytes of the program; `None` where no registry of cargo holds them.
fn program_file() -> Option<Vec<u8>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    let file = Path::new(&CRATE.replace('@', "-")).join(FILE);
    let mut registries = registries.flatten();
    registries.find_map(|registry| fs::read(registry.path().join(&file)).ok())
}

/// The first bytes of Anchor's instructions and accounts.
fn tag(name: &str) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(name).into();
    let [tag, ..] = hash.as_chunks().0 else {
        unreachable!("a hash has 32 bytes")
    };
    *tag
}

/// A text behind its length.
fn text(text: &str) -> Vec<u8> {
    let size = u32::try_from(text.len()).expect("texts are short");
    [&size.to_le_bytes(), text.as_bytes()].concat()
}

/// What a machine sells: a creator that gets all of the fee, and items drawn by chance.
fn settings(creator: &Address, fee: u16) -> Vec<u8> {
    let [name_size, uri_size] = LINE_SIZES.map(u32::to_le_bytes);
    let parts = [
        &ITEMS.to_le_bytes()[..],
        &text(SYMBOL),
        &fee.to_le_bytes(),
        // No limit of editions; items can be changed.
        &[0; 8],
        &[1],
        // One creator, verified, with 100 %.
        &1_u32.to_le_bytes(),
        creator.as_array(),
        &[1, 100],
        // Lines: what all names and addresses begin with, and sizes of the rest.
        &[1],
        &text("Sweet "),
        &name_size,
        &text("https://example.org/"),
        &uri_size,
        // Not in order, and nothing is hidden.
        &[0, 0],
    ];
    parts.concat()
}

impl Family for CandyMachines {
    fn keys(&self) -> &Keyring {
        &self.owners
    }

    fn programs(&self) -> ProgramTable {
        self.programs.clone()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let owners = self.owners.addresses().iter();
        let owners = owners.map(|&address| (address, Account::wallet(PAYER_BALANCE)));
        let machines = self.machines.iter().enumerate();
        let machines = machines.map(|(number, &address)| (address, self.machine(number)));
        let program = program_accounts(&PROGRAM, &self.elf, None, &Rent::MAINNET);
        Box::new(owners.chain(machines).chain(program))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let is_hot = rng.random_range(0..100) < self.hot_share;
        let machine = match is_hot {
            true => 0,
            false => rng.random_range(0..self.machines.len()),
        };
        let owner = self.owners.address(machine);
        let (name, arguments, cost) = match rng.random() {
            true => (
                "set_authority",
                owner.as_array().to_vec(),
                SET_AUTHORITY_COST,
            ),
            false => {
                let fee = rng.random_range(0..=FEE_MAX);
                ("update", settings(&owner, fee), UPDATE_COST)
            }
        };
        // Anchor leaves what follows the arguments; it tells the call apart from another one of
        // its block.
        let place = place.tag().to_le_bytes();
        let call = Instruction {
            program: PROGRAM,
            accounts: vec![
                AccountMeta::writable(self.machines[machine], false),
                AccountMeta::writable(owner, true),
            ],
            data: [&tag(&format!("global:{name}"))[..], &arguments, &place].concat(),
        };
        Draft {
            payer: machine,
            instructions: vec![call],
            tables: None,
            cost,
        }
    }
}
