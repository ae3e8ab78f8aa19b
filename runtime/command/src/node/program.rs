//! `lockstep program`: deploys compiled programs on a chain, shows them, and closes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::{Args, Subcommand};
use lockstep_interface::{Address, Instruction, Rent};
use lockstep_node::keys::{address_of, random_key, read_key, write_key};
use lockstep_runtime::wire::{MessageBuilder, SigningKey};
use lockstep_sbf::loader::instruction::{close, create_buffer, deploy, extend, upgrade, write};
use lockstep_sbf::{FILE_HEAD_SIZE, LoaderState, SbfProgram, file_address};
use serde::Serialize;
use serde_json::{Value, json};

use super::activate::Node;
use crate::failure::Failure;
use crate::text;

/// Bytes of a file that one transaction of 1,232 bytes writes.
const PART_SIZE: usize = 960;
/// Transactions that are sent before the first of them is waited for.
const SENT_MAX: usize = 64;
/// Bytes by which a file's account grows at least.
const EXTENSION_SIZE_MIN: usize = 10_240;

/// Deploy, show or close compiled Solana programs on the chain of a node
///
/// The chain's genesis has to have the loaders: `lockstep node --programs loaders`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The node's HTTP
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8899",
        global = true
    )]
    url: String,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Deploy an ELF file, or put it in place of a program's file
    Deploy {
        /// The ELF file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Secret key of the authority, which pays, a JSON file
        #[arg(long, value_name = "KEY")]
        authority: PathBuf,
        /// Secret key of the new program's address, a JSON file; by default a new one, which is
        /// not kept
        #[arg(long, value_name = "KEY", conflicts_with = "upgrade")]
        program: Option<PathBuf>,
        /// The program whose file is to be replaced
        #[arg(long, value_name = "ADDRESS")]
        upgrade: Option<Address>,
        /// Write the secret key of the new program's address to a JSON file
        #[arg(long, value_name = "KEY", conflicts_with_all = ["program", "upgrade"])]
        keep: Option<PathBuf>,
    },
    /// Show a program: the size of its file, when it was deployed, and what may change it
    Show {
        /// The program
        #[arg(value_name = "ADDRESS")]
        program: Address,
    },
    /// Close a program for good; the lamports of its file's account go to the authority
    Close {
        /// The program
        #[arg(value_name = "ADDRESS")]
        program: Address,
        /// Secret key of the authority, a JSON file
        #[arg(long, value_name = "KEY")]
        authority: PathBuf,
    },
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    program: String,
    /// What was done or found.
    state: &'static str,
    /// Bytes of room for the file.
    size: Option<usize>,
    /// The slot of the last change.
    slot: Option<u64>,
    /// What may change the program; null if nothing may.
    authority: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let node = Node(&arguments.url);
    let report = match &arguments.action {
        Action::Deploy {
            file,
            authority,
            program,
            upgrade,
            keep,
        } => {
            let authority = key(authority)?;
            let elf = read(file)?;
            match upgrade {
                Some(program) => replace(&node, &elf, &authority, program)?,
                None => {
                    let program = match program {
                        Some(path) => key(path)?,
                        None => random_key().map_err(Failure::other)?,
                    };
                    if let Some(path) = keep {
                        write_key(path, &program).map_err(Failure::other)?;
                    }
                    place(&node, &elf, &authority, &program)?
                }
            }
        }
        Action::Show { program } => show(&node, program, "deployed")?,
        Action::Close { program, authority } => {
            let authority = key(authority)?;
            let payer = address_of(&authority);
            let call = close(program, &payer, &payer);
            node.run(&[call], &[&authority])?;
            Report {
                program: program.to_string(),
                state: "closed",
                size: None,
                slot: None,
                authority: None,
            }
        }
    };
    print(arguments, &report)
}

/// A file that the machine takes, so that no lamport is spent on another.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let elf = fs::read(path).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    let loaded = SbfProgram::load_interpreted(Address::default(), "new", &elf);
    loaded.map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    Ok(elf)
}

fn key(path: &Path) -> Result<SigningKey, Failure> {
    read_key(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Deploys a new program.
fn place(
    node: &Node<'_>,
    elf: &[u8],
    authority: &SigningKey,
    program: &SigningKey,
) -> Result<Report, Failure> {
    let buffer = fill(node, elf, authority)?;
    let (payer, address) = (address_of(authority), address_of(program));
    let rent = node.rent()?;
    let calls = deploy(&payer, &address, &buffer, &payer, elf.len(), &rent);
    node.run(&calls, &[authority, program])?;
    show(node, &address, "deployed")
}

/// Puts a file in place of a program's, which gets more room if need be.
fn replace(
    node: &Node<'_>,
    elf: &[u8],
    authority: &SigningKey,
    program: &Address,
) -> Result<Report, Failure> {
    let payer = address_of(authority);
    let (_, size) = file_of(node, program)?;
    if let Some(missing) = elf.len().checked_sub(size).filter(|missing| *missing > 0) {
        let added = u32::try_from(missing.max(EXTENSION_SIZE_MIN)).map_err(Failure::other)?;
        node.run(&[extend(program, &payer, added)], &[authority])?;
        // A program changes once in a slot.
        node.wait_for_slot()?;
    }
    let buffer = fill(node, elf, authority)?;
    let call = upgrade(program, &buffer, &payer, &payer);
    node.run(&[call], &[authority])?;
    show(node, program, "upgraded")
}

/// Writes a file into a new buffer.
fn fill(node: &Node<'_>, elf: &[u8], authority: &SigningKey) -> Result<Address, Failure> {
    let key = random_key().map_err(Failure::other)?;
    let (payer, buffer) = (address_of(authority), address_of(&key));
    let calls = create_buffer(&payer, &buffer, &payer, elf.len(), &node.rent()?);
    node.run(&calls, &[authority, &key])?;
    let parts: Vec<(u32, &[u8])> = (0..)
        .step_by(PART_SIZE)
        .zip(elf.chunks(PART_SIZE))
        .collect();
    for group in parts.chunks(SENT_MAX) {
        let blockhash = node.blockhash()?;
        let mut sent = Vec::with_capacity(group.len());
        for (offset, part) in group {
            let call = write(&buffer, &payer, *offset, part);
            sent.push(node.send_signed(&[call], &[authority], blockhash)?);
        }
        for signature in sent {
            node.wait(&signature)?;
        }
    }
    Ok(buffer)
}

/// The state of a program's file, and the bytes of its room.
fn file_of(node: &Node<'_>, program: &Address) -> Result<(LoaderState, usize), Failure> {
    let nothing = || {
        Failure::usage(format!(
            "{program}: expected a deployed program, found none"
        ))
    };
    let head = node.data(program)?.ok_or_else(nothing)?;
    match LoaderState::decode(&head) {
        Some(LoaderState::Program { file }) if file == file_address(program) => {}
        _ => return Err(nothing()),
    }
    let data = node.data(&file_address(program))?;
    let data = data.ok_or_else(|| Failure::usage(format!("{program}: it was closed")))?;
    let state = LoaderState::decode(&data).ok_or_else(nothing)?;
    Ok((state, data.len().saturating_sub(FILE_HEAD_SIZE)))
}

fn show(node: &Node<'_>, program: &Address, state: &'static str) -> Result<Report, Failure> {
    let (file, size) = file_of(node, program)?;
    let (slot, authority) = match file {
        LoaderState::File { slot, authority } => (Some(slot), authority),
        _ => (None, None),
    };
    Ok(Report {
        program: program.to_string(),
        state,
        size: Some(size),
        slot,
        authority: authority.map(|authority| authority.to_string()),
    })
}

fn print(arguments: &Arguments, report: &Report) -> Result<ExitCode, Failure> {
    if arguments.json {
        text::print_json(report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut facts = vec![
        ("program", report.program.clone()),
        ("state", report.state.into()),
    ];
    if let Some(size) = report.size {
        facts.push(("room", format!("{} bytes", text::thousands(size))));
        let authority = report.authority.clone();
        facts.push(("authority", authority.unwrap_or_else(|| "none".to_owned())));
    }
    if let Some(slot) = report.slot {
        facts.push(("changed in slot", text::thousands(slot)));
    }
    text::print(&text::facts(&facts))?;
    Ok(ExitCode::SUCCESS)
}

impl Node<'_> {
    /// Sends a transaction of these instructions, which the first key pays, and waits for its
    /// block.
    fn run(&self, calls: &[Instruction], keys: &[&SigningKey]) -> Result<(), Failure> {
        let signature = self.send_signed(calls, keys, self.blockhash()?)?;
        self.wait(&signature)
    }

    fn send_signed(
        &self,
        calls: &[Instruction],
        keys: &[&SigningKey],
        blockhash: lockstep_interface::Hash,
    ) -> Result<String, Failure> {
        let payer = keys.first().map(|key| address_of(key)).unwrap_or_default();
        let message = MessageBuilder::new(payer, blockhash.to_bytes(), calls).compile();
        let signed = message.and_then(|message| message.sign(keys));
        self.send(&signed.map_err(Failure::other)?)
    }

    /// The data of an account; `None` if there is none.
    fn data(&self, address: &Address) -> Result<Option<Vec<u8>>, Failure> {
        let params = json!([address.to_string(), { "encoding": "base64" }]);
        let answer = self.call("getAccountInfo", &params)?;
        let account = &answer["value"];
        if account.is_null() {
            return Ok(None);
        }
        let data = account["data"][0].as_str().unwrap_or_default();
        let data = BASE64_STANDARD.decode(data);
        Ok(Some(data.map_err(Failure::other)?))
    }

    /// The rent that the chain asks for.
    fn rent(&self) -> Result<Rent, Failure> {
        let sysvar = lockstep_interface::address::sysvar_ids::RENT;
        let rent = self.data(&sysvar)?;
        Ok(rent
            .and_then(|data| Rent::decode(&data))
            .unwrap_or(Rent::MAINNET))
    }

    /// Waits until the chain is in another slot than now.
    fn wait_for_slot(&self) -> Result<(), Failure> {
        let slot = || -> Result<Value, Failure> { self.call("getSlot", &json!([])) };
        let now = slot()?;
        while slot()? == now {
            std::thread::sleep(super::activate::POLL_TIME);
        }
        Ok(())
    }
}
