//! Recorded blocks as transactions that can run: the trace program replays each access list,
//! signed by a key pair that stands in for the recorded fee payer.
//!
//! ```text
//! w: [payer, a, b]  r: [c, System]      recorded
//!      |
//!      v
//! stand-in of payer, a, b written, c, System read    named by the one replay instruction
//! ```
//!
//! An address that pays a fee anywhere in the file is replaced by its stand-in everywhere. A
//! message that is too large for the wire becomes a v0 message with lookup tables.

use std::collections::{HashMap, HashSet};

use lockstep_interface::address::RESERVED;
use lockstep_interface::{Account, AccountMeta, Address, Instruction};
use lockstep_programs::compute_budget::instruction as compute_budget;
use lockstep_programs::trace;
use lockstep_runtime::limits::ACCOUNT_LOCKS_MAX;
use lockstep_runtime::wire::LookupTable;
use lockstep_runtime::wire::limits::PACKET_SIZE_MAX;
use rand_chacha::ChaCha8Rng;

use super::Family;
use crate::access::AccessList;
use crate::trace::{Trace, TraceTransaction};
use crate::workload::accounts::{PAYER_BALANCE, read_account, written_account};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::{Keyring, SIGNATURE_SIZE};
use crate::workload::lookup::{TABLE_SIZE_MAX, derived_address, table};

/// Compute units of a compute-budget instruction, and of a credit that the payer has to pay.
const BUILTIN_UNITS: u64 = 150;
/// Compute units that a transaction may use without asking.
const COMPUTE_UNITS_UNASKED: u64 = 200_000;
const COMPUTE_UNITS_MAX: u64 = 1_400_000;
/// The custom error of a recorded failure that was none.
const FAILURE_CODE_DEFAULT: u32 = 1;

/// Bytes of a written account.
const WRITTEN_SIZE: usize = 64;

/// The blocks of a trace.
#[derive(Debug)]
pub struct RecordedBlocks {
    keys: Keyring,
    blocks: Vec<Vec<Recorded>>,
    left_out: usize,
    tables: Vec<LookupTable>,
    /// Each once, in the order of first appearance; true if written anywhere.
    accounts: Vec<(Address, bool)>,
}

#[derive(Debug)]
struct Recorded {
    draft: Draft,
    access_list: AccessList,
}

impl RecordedBlocks {
    /// Prepares the transactions of a trace, without those that lock more accounts than a
    /// transaction on the wire may, once the programs that replay them are among them.
    pub fn new(trace: Trace) -> Self {
        let payers = Payers::of(&trace);
        let mut cast = Cast {
            payers: &payers,
            tables: Tables::default(),
            accounts: Accounts::default(),
        };
        let mut left_out = trace.left_out;
        let mut blocks = Vec::with_capacity(trace.blocks.len());
        for block in &trace.blocks {
            let recorded = block.transactions.iter();
            let recorded = recorded.filter_map(|transaction| cast.transaction(transaction));
            let recorded: Vec<Recorded> = recorded.collect();
            let missing = block.transactions.len().saturating_sub(recorded.len());
            left_out = left_out.saturating_add(missing);
            blocks.push(recorded);
        }
        let Cast {
            tables, accounts, ..
        } = cast;
        Self {
            blocks,
            left_out,
            tables: tables.tables,
            accounts: accounts.list,
            keys: payers.keys,
        }
    }

    /// Transactions of the trace that are in no block, votes not counted.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The sizes of all blocks.
    pub fn block_sizes(&self) -> Vec<usize> {
        self.blocks.iter().map(Vec::len).collect()
    }

    fn at(&self, place: Place) -> &Recorded {
        &self.blocks[place.block][place.index]
    }
}

impl Family for RecordedBlocks {
    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let payers = self.keys.addresses().iter();
        let payers = payers.map(|&address| (address, Account::wallet(PAYER_BALANCE)));
        let others = self.accounts.iter().map(|&(address, is_written)| {
            (
                address,
                if is_written {
                    written_account(WRITTEN_SIZE)
                } else {
                    read_account(&address)
                },
            )
        });
        Box::new(payers.chain(others))
    }

    fn tables(&self) -> &[LookupTable] {
        &self.tables
    }

    fn draft(&self, place: Place, _: &mut ChaCha8Rng) -> Draft {
        self.at(place).draft.clone()
    }

    /// The recorded lists, which lack the trace program.
    fn access_list(&self, place: Place, _: &mut ChaCha8Rng) -> AccessList {
        self.at(place).access_list.clone()
    }
}

/// The keys that sign instead of the recorded payers.
struct Payers {
    /// Number of the key pair by recorded address.
    numbers: HashMap<Address, usize>,
    stand_ins: HashSet<Address>,
    keys: Keyring,
}

impl Payers {
    fn of(trace: &Trace) -> Self {
        let mut numbers = HashMap::new();
        let mut originals = Vec::new();
        for transaction in trace.blocks.iter().flat_map(|block| &block.transactions) {
            let payer = payer_of(transaction);
            numbers.entry(payer).or_insert_with(|| {
                originals.push(payer);
                originals.len().saturating_sub(1)
            });
        }
        let keys = Keyring::stand_ins(&originals);
        Self {
            numbers,
            stand_ins: keys.addresses().iter().copied().collect(),
            keys,
        }
    }

    fn stand_in(&self, address: Address) -> Address {
        let number = self.numbers.get(&address);
        number.map_or(address, |&number| self.keys.address(number))
    }
}

/// The first written account; a transaction that writes nothing gets a payer of its own.
fn payer_of(transaction: &TraceTransaction) -> Address {
    let first = transaction.writes.first().copied();
    first.unwrap_or_else(|| derived_address(b"payer", transaction.slot, transaction.index))
}

/// Turns recorded transactions into drafts, and collects tables and accounts on the way.
struct Cast<'a> {
    payers: &'a Payers,
    tables: Tables,
    accounts: Accounts,
}

impl Cast<'_> {
    /// The transaction as it can run; `None` if it locks too many accounts.
    fn transaction(&mut self, recorded: &TraceTransaction) -> Option<Recorded> {
        let payer = self.payers.numbers[&payer_of(recorded)];
        let mut metas = vec![AccountMeta::writable(self.payers.keys.address(payer), true)];
        for &address in recorded.writes.iter().skip(1) {
            metas.push(AccountMeta::writable(self.payers.stand_in(address), false));
        }
        for &address in &recorded.reads {
            metas.push(AccountMeta::readonly(self.payers.stand_in(address), false));
        }
        let mut draft = Draft {
            payer,
            instructions: instructions(recorded, metas.clone()),
            tables: None,
            cost: recorded.cost(),
        };
        if draft.access_list(&self.payers.keys).len() > ACCOUNT_LOCKS_MAX {
            return None;
        }
        for meta in &metas {
            self.accounts.add(meta, self.payers);
        }
        self.tables.fit(&mut draft, &self.payers.keys);
        Some(Recorded {
            draft,
            access_list: recorded.access_list(),
        })
    }
}

/// The replay, after the compute-budget instructions that it needs or that were recorded.
fn instructions(recorded: &TraceTransaction, metas: Vec<AccountMeta>) -> Vec<Instruction> {
    let units = recorded.cost().min(COMPUTE_UNITS_MAX);
    // A wallet that no account of the trace program can credit is credited by the payer.
    let credits = metas.iter().skip(1).filter(|meta| meta.is_writable).count();
    let credits = u64::try_from(credits).expect("a length fits u64");
    let units_with_credits = units.saturating_add(BUILTIN_UNITS.saturating_mul(credits));
    let has_limit = recorded.cu_limit.is_some() || units_with_credits > COMPUTE_UNITS_UNASKED;
    let count = u64::from(has_limit).saturating_add(u64::from(recorded.cu_price.is_some()));
    let budget_units = BUILTIN_UNITS.saturating_mul(count);
    let cost = units.saturating_sub(budget_units);

    let mut instructions = Vec::new();
    if has_limit {
        let needed = units_with_credits.max(budget_units.saturating_add(cost));
        let asked = recorded
            .cu_limit
            .unwrap_or(0)
            .max(needed)
            .min(COMPUTE_UNITS_MAX);
        let limit = u32::try_from(asked).expect("units are limited");
        instructions.push(compute_budget::set_compute_unit_limit(limit));
    }
    if let Some(price) = recorded.cu_price {
        instructions.push(compute_budget::set_compute_unit_price(price));
    }
    let cost = u32::try_from(cost).expect("units are limited");
    let failure = recorded.failure.as_deref().map(failure_code);
    let mut replay = trace::instruction(metas, cost, failure);
    // Tells it apart from another one with the same accounts and costs.
    let line = u64::try_from(recorded.line).expect("a line number fits u64");
    replay.data.extend_from_slice(&line.to_le_bytes());
    instructions.push(replay);
    instructions
}

/// The number in a text like `InstructionError(0,Custom(63))`.
fn failure_code(text: &str) -> u32 {
    let digits = text
        .split_once("Custom(")
        .and_then(|(_, rest)| rest.split_once(')'));
    digits
        .and_then(|(digits, _)| digits.parse().ok())
        .unwrap_or(FAILURE_CODE_DEFAULT)
}

/// The accounts that genesis needs.
#[derive(Default)]
struct Accounts {
    numbers: HashMap<Address, usize>,
    list: Vec<(Address, bool)>,
}

impl Accounts {
    /// Payers have wallets; programs and sysvars are the bank's own.
    fn add(&mut self, meta: &AccountMeta, payers: &Payers) {
        let address = meta.address;
        let is_payer = payers.stand_ins.contains(&address);
        if is_payer || RESERVED.contains(&address) || address == trace::ADDRESS {
            return;
        }
        let next = self.list.len();
        let number = *self.numbers.entry(address).or_insert(next);
        if number == next {
            self.list.push((address, false));
        }
        self.list[number].1 |= meta.is_writable;
    }
}

/// Lookup tables, filled in the order in which large transactions need them.
#[derive(Default)]
struct Tables {
    tables: Vec<LookupTable>,
    /// The table that holds an address, of those that transactions share.
    number_of: HashMap<Address, usize>,
    /// The shared table that is not full yet.
    open: Option<usize>,
}

impl Tables {
    /// Makes a draft a v0 message if it is too large for a legacy one. Should its accounts be
    /// spread over too many shared tables, it gets one of its own.
    fn fit(&mut self, draft: &mut Draft, keys: &Keyring) {
        if self.size(draft, keys) <= PACKET_SIZE_MAX {
            return;
        }
        let metas = draft
            .instructions
            .iter()
            .flat_map(|instruction| &instruction.accounts);
        let candidates = metas
            .filter(|meta| !meta.is_signer)
            .map(|meta| meta.address);
        let candidates: Vec<Address> = candidates.collect();
        let mut numbers: Vec<usize> = candidates
            .iter()
            .map(|&address| self.place(address))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        draft.tables = Some(numbers);
        if self.size(draft, keys) > PACKET_SIZE_MAX {
            let number = self.tables.len();
            self.tables.push(table(number, candidates));
            draft.tables = Some(vec![number]);
        }
        assert!(
            self.size(draft, keys) <= PACKET_SIZE_MAX,
            "64 accounts of one table fit a message"
        );
    }

    /// The shared table of an address; one that has none is put into the open table.
    fn place(&mut self, address: Address) -> usize {
        if let Some(&number) = self.number_of.get(&address) {
            return number;
        }
        let is_open = |&number: &usize| self.tables[number].addresses.len() < TABLE_SIZE_MAX;
        let number = self.open.filter(is_open).unwrap_or_else(|| {
            let number = self.tables.len();
            self.tables.push(table(number, Vec::new()));
            number
        });
        self.open = Some(number);
        self.tables[number].addresses.push(address);
        self.number_of.insert(address, number);
        number
    }

    /// Bytes on the wire.
    fn size(&self, draft: &Draft, keys: &Keyring) -> usize {
        let message = draft.message(keys, &self.tables, [0; 32]);
        let encoded = message.and_then(|message| message.encode());
        let size = encoded.expect("64 accounts are within the format").len();
        // The signature and its count.
        size.saturating_add(SIGNATURE_SIZE).saturating_add(1)
    }
}
