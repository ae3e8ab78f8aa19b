//! One ledger twice: as a chain of ours, and as a LiteSVM, which executes by Agave's own crates.
//! The wire bytes of each transaction go to both, and everything that either shows of it has to be
//! equal.
//!
//! LiteSVM has the features of the main network and SIMD-0460, its own rent rules and fees. Sysvars
//! are set to those of our bank before each block. Signatures and blockhashes are not looked at.

use std::{collections::BTreeMap, sync::Arc};

use litesvm::{
    LiteSVM,
    types::{FailedTransactionMetadata, TransactionMetadata},
};
use lockstep_differential::compiled::{Compiled, judge, set};
use lockstep_interface::{
    Account, Address, Instruction, ProgramTable,
    address::{INCINERATOR, program_ids},
};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::{Bank, FrozenBank, Genesis},
    block::{BlockLimits, Details, Receipt, Recording},
    engine::{Cancel, Engine, How},
    verify::{ParsedBlock, Refusal, Signatures},
    wire::{MessageBuilder, TransactionView, WireBlock, limits::PACKET_SIZE_MAX},
};
use lockstep_sbf::with_loaders;
use lockstep_scheduler::{Mode, Waits};
use lockstep_store::MemoryStore;
use solana_transaction::versioned::VersionedTransaction;

/// Everything a receipt can hold, and the accounts afterwards.
const RECORDING: Recording = Recording {
    accounts: true,
    ..Recording::ALL
};

/// A transaction before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) payer: Address,
    pub(crate) instructions: Vec<Instruction>,
    /// Whether the message is of version 0; legacy otherwise.
    pub(crate) is_v0: bool,
}

/// What transactions came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) refused: usize,
}

impl Tally {
    pub(crate) fn count(self) -> usize {
        self.succeeded + self.failed + self.refused
    }
}

/// What a transaction shows, in the words of either.
#[derive(Debug, Eq, PartialEq)]
struct Shown {
    status: String,
    fee: u64,
    units: u64,
    logs: Vec<String>,
    returned: (Address, Vec<u8>),
    /// Depth, program, accounts and data of each invoked instruction.
    inner: Vec<(u8, u8, Vec<u8>, Vec<u8>)>,
}

/// What both begin with.
#[derive(Clone)]
pub(crate) struct Beginning {
    judge: LiteSVM,
    programs: ProgramTable,
    compiled: Vec<(Address, Account)>,
}

impl Beginning {
    /// A ledger with these programs from files, and the native ones for all others.
    pub(crate) fn new(compiled: &[Compiled]) -> Self {
        let mut judge = judge();
        let programs = builtin_programs()
            .filtered(|program| compiled.iter().all(|own| own.address != program.address()));
        let mut accounts = Vec::new();
        for own in compiled {
            for (address, account) in own.accounts() {
                set(&mut judge, address, &account);
                accounts.push((address, account));
            }
        }
        Self {
            judge,
            programs: with_loaders(programs),
            compiled: accounts,
        }
    }
}

/// A chain of ours and a LiteSVM in the same state.
pub(crate) struct Both {
    engine: Engine,
    tip: Arc<FrozenBank>,
    judge: LiteSVM,
    pub(crate) tally: Tally,
}

impl Both {
    pub(crate) fn new(beginning: &Beginning, accounts: &[(Address, Account)]) -> Self {
        let mut judge = beginning.judge.clone();
        for (address, account) in accounts {
            set(&mut judge, *address, account);
        }
        let all = [&beginning.compiled[..], accounts].concat();
        let genesis = Genesis::new(all, beginning.programs.clone()).without_limits();
        let tip = genesis.open(Arc::new(MemoryStore::new()));
        Self {
            engine: Engine::new(2).expect("threads"),
            tip: tip.expect("memory"),
            judge,
            tally: Tally::default(),
        }
    }

    /// The account as both have it.
    pub(crate) fn account(&self, address: &Address) -> Account {
        self.tip.get(address).expect("memory").unwrap_or_default()
    }

    /// Runs the transactions as one block. One that does not fit a packet, or that is there
    /// already, is left out.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn run(&mut self, drafts: &[Draft]) -> Result<(), String> {
        let blockhash = self.tip.block_hash().to_bytes();
        let mut kept: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut wires = Vec::new();
        for (index, draft) in drafts.iter().enumerate() {
            let message = MessageBuilder::new(draft.payer, blockhash, &draft.instructions);
            let message = if draft.is_v0 {
                message.v0(&[])
            } else {
                message
            };
            let message = message.compile().expect("few accounts");
            let required = usize::from(message.header.required_signatures);
            let wire = message.with_signatures(&vec![[0; 64]; required]);
            let wire = wire.expect("as many as required");
            if wire.len() <= PACKET_SIZE_MAX && kept.insert(wire.clone(), index).is_none() {
                wires.push(wire);
            }
        }
        let block: WireBlock = wires.iter().collect();
        let parsed = ParsedBlock::new(block, Signatures::Trusted, self.engine.threads());
        let bank = self.tip.child(self.tip.slot() + 1, 1_700_000_000);
        self.align(&bank);
        let prepared = self.engine.prepare(&bank, &parsed).expect("memory");
        let how = How::Planned {
            strategy: &Waits,
            mode: Mode::Replay,
        };
        let cancel = Cancel::default();
        let unsealed = self.engine.execute(bank, prepared, how, RECORDING, &cancel);
        let unsealed = unsealed.expect("no error of the store");
        let sealed = unsealed.seal(&self.engine, &Waits, &BlockLimits::UNLIMITED);
        let sealed = sealed.expect("no error of the store").frozen;
        let results: Vec<_> = sealed.receipts.iter().collect();
        for (index, wire) in wires.iter().enumerate() {
            let (found, details) = ours(&results[index]);
            let expected = self.judged(wire, details.is_some());
            let same = match found == expected {
                true => self.compare_accounts(wire, details),
                false => Err(format!("  found {found:?}\n  expected {expected:?}")),
            };
            let draft = &drafts[kept[wire]];
            same.map_err(|error| format!("transaction {index}: {draft:?}\n{error}"))?;
            self.count(&found, details.is_some());
        }
        self.tip = sealed.bank;
        self.tip.finalize().expect("memory");
        Ok(())
    }

    /// Gives the judge the sysvars of the bank, and the incinerator's account, which blocks empty
    /// at their end and LiteSVM does not.
    fn align(&mut self, bank: &Bank) {
        let incinerator = bank.get(&INCINERATOR).expect("memory");
        set(
            &mut self.judge,
            INCINERATOR,
            &incinerator.unwrap_or_default(),
        );
        for (address, account) in bank.environment().sysvars.accounts() {
            let held = bank.get(&address).expect("memory");
            assert_eq!(held.as_ref(), Some(&account));
            set(&mut self.judge, address, &account);
        }
    }

    /// What the judge makes of a transaction. It names a fee for one that is not included, too.
    fn judged(&mut self, wire: &[u8], is_included: bool) -> Shown {
        let transaction: VersionedTransaction = wincode::deserialize(wire).expect("it is one");
        let (status, meta) = match self.judge.send_transaction(transaction) {
            Ok(meta) => ("Ok(())".to_owned(), meta),
            Err(FailedTransactionMetadata { err, meta }) => (format!("Err({err:?})"), meta),
        };
        let TransactionMetadata {
            logs,
            inner_instructions,
            compute_units_consumed: units,
            return_data,
            fee,
            ..
        } = meta;
        let inner = inner_instructions.into_iter().flatten().map(|inner| {
            let instruction = inner.instruction;
            (
                inner.stack_height,
                instruction.program_id_index,
                instruction.accounts,
                instruction.data,
            )
        });
        Shown {
            status,
            fee: if is_included { fee } else { 0 },
            units,
            logs: without_words(logs),
            returned: (return_data.program_id, return_data.data),
            inner: inner.collect(),
        }
    }

    /// Compares the accounts that the transaction could write.
    fn compare_accounts(&self, wire: &[u8], details: Option<&Details>) -> Result<(), String> {
        let view = TransactionView::parse(wire).expect("it was run");
        let written = details.map_or(&[][..], |details| &details.written);
        for (index, [_, found]) in written {
            let address = view.static_key(usize::from(*index));
            let address = address.expect("there are no lookups");
            let expected = self.judge.get_account(&address).map(|judged| Account {
                lamports: judged.lamports,
                data: judged.data.into(),
                owner: judged.owner,
                executable: judged.executable,
            });
            let found = (found.lamports > 0).then(|| found.clone());
            if found != expected {
                return Err(format!(
                    "  account {address}\n  found {found:?}\n  expected {expected:?}"
                ));
            }
        }
        Ok(())
    }

    fn count(&mut self, shown: &Shown, is_included: bool) {
        let counted = match (is_included, shown.status.as_str()) {
            (false, _) => &mut self.tally.refused,
            (true, "Ok(())") => &mut self.tally.succeeded,
            (true, _) => &mut self.tally.failed,
        };
        *counted += 1;
    }
}

/// What our receipt shows.
fn ours<'r>(result: &Result<&'r Receipt, &Refusal>) -> (Shown, Option<&'r Details>) {
    let (status, receipt) = match result {
        Ok(receipt) => (receipt.status.clone(), Some(*receipt)),
        Err(Refusal::Rule(error)) => (Err(error.clone()), None),
        Err(other) => panic!("expected a well-formed transaction, found {other}"),
    };
    let details = receipt.and_then(|receipt| receipt.details.as_deref());
    let inner = details.into_iter().flat_map(|details| {
        details.inner_instructions.iter().map(|inner| {
            let (accounts, data) = (inner.accounts.clone(), inner.data.clone());
            (inner.depth, inner.program_index, accounts, data)
        })
    });
    let logs = details.into_iter().flat_map(|details| &details.logs);
    let returned = details.map(|details| &details.return_data);
    let shown = Shown {
        status: format!("{status:?}"),
        fee: receipt.map_or(0, |receipt| receipt.signature_fee + receipt.priority_fee),
        units: receipt.map_or(0, |receipt| receipt.compute_units),
        logs: without_words(logs.map(ToString::to_string).collect()),
        returned: returned.map_or_else(Default::default, |returned| {
            (returned.program, returned.data.clone())
        }),
        inner: inner.collect(),
    };
    (shown, details)
}

/// Leaves out the lines by which native programs say why they fail, which each side words itself.
fn without_words(logs: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(logs.len());
    for line in logs {
        for native in [program_ids::SYSTEM, program_ids::COMPUTE_BUDGET] {
            if line.starts_with(&format!("Program {native} failed")) {
                let begin = format!("Program {native} invoke");
                while kept.last().is_some_and(|last| !last.starts_with(&begin)) {
                    kept.pop();
                }
            }
        }
        kept.push(line);
    }
    kept
}
