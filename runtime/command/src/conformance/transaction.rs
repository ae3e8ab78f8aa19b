//! Runs a transaction case: a bank made of its accounts and blockhashes, a block of one
//! transaction made of its message, both executors.

use std::sync::Arc;

use lockstep_interface::{
    Account, Address, Hash, Rent, RuleSet, TransactionError,
    address::{RESERVED, program_ids, sysvar_ids},
    sysvar::{RecentBlockhash, decode_recent_blockhashes},
};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::{Bank, FrozenBank, Genesis, is_written_sysvar, program_account},
    block::{Receipt, Recording, encode_error},
    engine::{Cancel, Engine, How, UnsealedBlock},
    limits::LAMPORTS_PER_SIGNATURE,
    seal::Seal,
    verify::{ParsedBlock, Refusal, Signatures},
    wire::{
        CompiledInstruction, Header, Message, TableLookup, Version, WireBlock,
        limits::PACKET_SIZE_MAX,
    },
};
use lockstep_scheduler::{Layered, Mode};
use lockstep_store::MemoryStore;

use super::{
    Outcome, RecordedAccount,
    case::{TransactionCase, TransactionExpectation},
    instruction::LOADERS,
};

/// Why reading accounts of a case cannot fail.
const MEMORY: &str = "a store in memory does not fail";

/// Runs transaction cases.
#[derive(Debug)]
pub struct TransactionRunner {
    engine: Engine,
}

/// What a transaction came to, and the accounts afterwards.
struct Left {
    result: Result<Receipt, Refusal>,
    bank: Arc<FrozenBank>,
}

impl TransactionRunner {
    /// A runner on two threads.
    pub fn new() -> Self {
        Self {
            engine: Engine::new(2).expect("two threads can be started"),
        }
    }

    /// Runs one case by the rules that it was recorded with.
    pub fn run(&mut self, case: &TransactionCase, rules: RuleSet) -> Outcome {
        let wire = match wire_bytes(case, rules) {
            // The recording harness takes fields, of which there may be more than a packet carries.
            Ok(wire) if wire.len() > PACKET_SIZE_MAX && !case.expect.is_refused() => {
                return Outcome::Skipped;
            }
            Ok(wire) => wire,
            // What the wire format has no way of writing cannot reach a bank.
            Err(_) if case.expect.is_refused() => return Outcome::Passed,
            Err(error) => return Outcome::Failed(format!("cannot be written as bytes: {error}")),
        };
        match self.difference(case, wire, rules) {
            None => Outcome::Passed,
            Some(difference) => Outcome::Failed(difference),
        }
    }

    fn difference(
        &mut self,
        case: &TransactionCase,
        wire: Vec<u8>,
        rules: RuleSet,
    ) -> Option<String> {
        let block: WireBlock = [wire].into_iter().collect();
        let block = ParsedBlock::new(block, Signatures::Trusted, self.engine.threads());
        let serial = self.run_serial(bank(case, rules), &block);
        let lockstep = self.run_lockstep(bank(case, rules), &block);
        if serial.bank.block_hash() != lockstep.bank.block_hash()
            || serial.result != lockstep.result
        {
            return Some("the executors disagree".to_owned());
        }
        first_difference(case, &serial, rules)
    }

    fn run_serial(&self, bank: Bank, block: &ParsedBlock) -> Left {
        let prepared = self.engine.prepare(&bank, block).expect(MEMORY);
        let ran = self
            .engine
            .execute_serial(bank, prepared, None, Recording::ALL);
        self.left(ran.expect(MEMORY))
    }

    fn run_lockstep(&mut self, bank: Bank, block: &ParsedBlock) -> Left {
        let how = How::Planned {
            strategy: &Layered,
            mode: Mode::Replay,
        };
        let prepared = self.engine.prepare(&bank, block).expect(MEMORY);
        let cancel = Cancel::default();
        let ran = self
            .engine
            .execute(bank, prepared, how, Recording::ALL, &cancel);
        self.left(ran.expect(MEMORY))
    }

    /// Closes the bank under a seal that does not depend on the plan.
    fn left(&self, ran: UnsealedBlock<'_>) -> Left {
        let outcomes = ran.executed.outcomes();
        let transactions = ran.prepared.table().transactions();
        let included = transactions.filter(|index| outcomes[index.index()].receipt().is_some());
        let seal = Seal {
            order: included.collect(),
            plan_digest: Hash::default(),
        };
        let frozen = ran.freeze(&seal, self.engine.threads());
        let frozen = frozen.expect("no state root is computed here");
        let result = frozen.receipts.iter().next().expect("one transaction");
        Left {
            result: result.cloned().map_err(Clone::clone),
            bank: frozen.bank,
        }
    }
}

impl Default for TransactionRunner {
    fn default() -> Self {
        Self::new()
    }
}

/// A bank at the case's slot that holds its accounts and knows its blockhashes.
fn bank(case: &TransactionCase, rules: RuleSet) -> Bank {
    let held = |address| {
        let mut recorded = case.accounts.iter();
        let found = recorded.find(|recorded| recorded.address == address)?;
        found.account.exists().then_some(&found.account)
    };
    // The recording harness had all built-in programs, whether a case lists them or not.
    let mut accounts: Vec<(Address, Account)> = BUILT_IN
        .map(|address| (address, program_account("built in")))
        .to_vec();
    let existing = case
        .accounts
        .iter()
        .filter(|recorded| recorded.account.exists() && !is_written_sysvar(&recorded.address));
    let programs = builtin_programs();
    let is_linked = |recorded: &RecordedAccount| {
        LOADERS.contains(&recorded.account.owner) && programs.get(&recorded.address).is_some()
    };
    let existing = existing.filter(|recorded| !is_linked(recorded));
    accounts.extend(existing.map(|recorded| (recorded.address, recorded.account.clone())));
    // Without a blockhash it knew the one of 32 zero bytes.
    let unknown = [Hash::default()];
    let queue: &[Hash] = if case.blockhash_queue.is_empty() {
        &unknown
    } else {
        &case.blockhash_queue
    };
    let blockhash = |blockhash: &Hash| RecentBlockhash {
        blockhash: *blockhash,
        lamports_per_signature: LAMPORTS_PER_SIGNATURE,
    };
    let rent = held(sysvar_ids::RENT).and_then(|account| Rent::decode(&account.data));
    let genesis = Genesis {
        rules,
        rent: rent.unwrap_or(Rent::MAINNET),
        blockhashes: queue.iter().map(blockhash).collect(),
        slot: case.slot.saturating_sub(1),
        ..Genesis::new(accounts, programs)
    };
    let parent = genesis.open(Arc::new(MemoryStore::new()));
    let parent = parent.expect("a store in memory does not fail");
    let bank = parent.child(case.slot.max(1), 0);
    // Nonces store the fee that the recorded RecentBlockhashes account shows.
    let recent = held(sysvar_ids::RECENT_BLOCKHASHES);
    let recent = recent.and_then(|account| decode_recent_blockhashes(&account.data));
    let shown = recent.and_then(|list| list.first().copied());
    let mut sysvars = bank.environment().sysvars.clone();
    if let Some((newest, shown)) = sysvars.environment_blockhash.as_mut().zip(shown) {
        newest.lamports_per_signature = shown.lamports_per_signature;
    }
    if rules >= RuleSet::Current {
        // Its recordings know no recent slots.
        sysvars.slot_hashes = None;
    }
    bank.with_sysvars(sysvars)
}

/// Built-in programs that cases name and we do not have.
const BUILT_IN: [Address; 8] = [
    program_ids::VOTE,
    program_ids::STAKE,
    program_ids::CONFIG,
    program_ids::ADDRESS_LOOKUP_TABLE,
    program_ids::UPGRADEABLE_LOADER,
    program_ids::LOADER_1,
    program_ids::LOADER_2,
    program_ids::LOADER_4,
];

/// The case's message under signatures of zeros; cases were recorded without verification.
fn wire_bytes(case: &TransactionCase, rules: RuleSet) -> Result<Vec<u8>, String> {
    // Recorded numbers may be larger than the byte that the wire has for them.
    let number = |value: u32| u8::try_from(value).map_err(|error| format!("{value}: {error}"));
    let bytes = |values: &[u32]| -> Result<Vec<u8>, String> {
        values.iter().map(|value| number(*value)).collect()
    };
    let [required_signatures, readonly_signed, readonly_unsigned] = case.header;
    let header = Header {
        required_signatures: number(required_signatures)?,
        readonly_signed: number(readonly_signed)?,
        readonly_unsigned: number(readonly_unsigned)?,
    };
    let mut instructions = Vec::new();
    for (program, accounts, data) in &case.instructions {
        instructions.push(CompiledInstruction {
            program_index: number(*program)?,
            accounts: bytes(accounts)?,
            data: data.clone(),
        });
    }
    let mut lookups = Vec::new();
    for (table, writable, readonly) in &case.lookups {
        let (writable, readonly) = (bytes(writable)?, bytes(readonly)?);
        lookups.push(TableLookup {
            table: *table,
            writable,
            readonly,
        });
    }
    let version = if case.is_legacy {
        Version::Legacy
    } else {
        Version::V0
    };
    let message = Message {
        header,
        static_keys: case.keys.clone(),
        recent_blockhash: case.blockhash.to_bytes(),
        instructions,
        lookups,
        ..Message::new(version)
    };
    // Older recordings know none.
    let came = case.signatures.filter(|_| rules >= RuleSet::Current);
    if let Some(came) = came.filter(|came| *came != required_signatures) {
        return Err(format!("it has {came} signatures"));
    }
    let signatures = vec![[0; 64]; usize::from(header.required_signatures)];
    message
        .with_signatures(&signatures)
        .map_err(|error| error.to_string())
}

/// The first thing that is not as recorded.
fn first_difference(case: &TransactionCase, left: &Left, rules: RuleSet) -> Option<String> {
    let expected = &case.expect;
    match (&left.result, expected.is_refused()) {
        // The recording harness takes fields, not bytes; it has no number for what we refuse.
        (Err(Refusal::Malformed(_)), true) => None,
        (Err(Refusal::Rule(error)), true) => status_difference(expected, Err(error)),
        (Ok(receipt), false) => receipt_difference(case, receipt, &left.bank, rules),
        (Err(refusal), false) => Some(format!("executed, found refused: {refusal:?}")),
        (Ok(receipt), true) => Some(format!(
            "refused with {}, found {:?}",
            expected.status, receipt.status
        )),
    }
}

fn receipt_difference(
    case: &TransactionCase,
    receipt: &Receipt,
    bank: &FrozenBank,
    rules: RuleSet,
) -> Option<String> {
    let expected = &case.expect;
    if let Some(difference) = status_difference(expected, receipt.status.as_ref().copied()) {
        return Some(difference);
    }
    let numbers = [
        ("compute units", expected.cu, receipt.compute_units),
        ("signature fee", expected.fee, receipt.signature_fee),
        ("priority fee", expected.prio_fee, receipt.priority_fee),
    ];
    for (name, expected, found) in numbers {
        if expected != found {
            return Some(format!("{expected} {name}, found {found}"));
        }
    }
    // Older recordings tell of a failure what it left before it was rolled back.
    let resulting = if receipt.status.is_ok() || rules >= RuleSet::Current {
        expected.resulting.as_slice()
    } else {
        &[]
    };
    resulting
        .iter()
        .find_map(|recorded| account_difference(case, recorded, bank))
}

fn account_difference(
    case: &TransactionCase,
    recorded: &RecordedAccount,
    bank: &FrozenBank,
) -> Option<String> {
    // Program bodies are recorded in part only, and nothing here writes programs.
    let before = case
        .accounts
        .iter()
        .find(|account| account.address == recorded.address);
    // No transaction can write reserved accounts; the harness had more of them than a case lists.
    if before == Some(recorded) || RESERVED.contains(&recorded.address) {
        return None;
    }
    let found = bank
        .get(&recorded.address)
        .expect("a store in memory does not fail");
    let expected = recorded.account.exists().then_some(&recorded.account);
    (found.as_ref() != expected).then(|| {
        format!(
            "account {}: {expected:?}, found {found:?}",
            recorded.address
        )
    })
}

/// Compares the error's number, and for a failed instruction its index and error.
fn status_difference(
    expected: &TransactionExpectation,
    found: Result<(), &TransactionError>,
) -> Option<String> {
    let numbers = match found {
        Ok(()) => [0; 4],
        Err(error) => {
            let bytes = encode_error(error);
            // Recorded numbers may be larger than the byte that the wire has for them.
            let number = |at: usize| {
                let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
                bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
            };
            let status = number(0).saturating_add(1);
            match error {
                TransactionError::InstructionError(index, _) => [
                    status,
                    u32::from(*index),
                    number(5).saturating_add(1),
                    number(9),
                ],
                _ => [status, 0, 0, 0],
            }
        }
    };
    let recorded = [
        expected.status,
        expected.instr_index,
        expected.instr_error,
        expected.custom,
    ];
    // Statuses other than a failed instruction's leave the further numbers undefined.
    let is_instruction_error = matches!(found, Err(TransactionError::InstructionError(..)));
    let compared = if is_instruction_error { 4 } else { 1 };
    (numbers[..compared] != recorded[..compared])
        .then(|| format!("status {recorded:?}, found {numbers:?} ({found:?})"))
}
