//! What became of a block: receipts, events, batches and lanes, and checks that say what is wrong.

use std::{any::type_name, collections::BTreeMap, fmt};

use lockstep_runtime::{
    block::{Details, Receipt},
    engine::FrozenBlock,
    verify::Refusal,
};
use lockstep_scheduler::{AccessMode, blocking_accounts};
use lockstep_sdk::{
    data::{Data, decode_all},
    event::Event,
    interface::{
        Account, Address, Instruction, InstructionError, ProgramTable, TransactionError,
        context::{Cause, Diagnostic, Subject},
    },
};

use crate::{
    access::{Access, InVain},
    call::Call,
    failure::Failure,
    logs::LogTree,
};

/// What became of one call.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The call.
    pub call: Call,
    /// The receipt, or why the transaction is not part of the block.
    pub result: Result<Receipt, Refusal>,
    /// Its accounts in message order, the payer first; empty if it is not part of the block.
    pub accesses: Vec<Access>,
    /// File, line and message, if a program panicked.
    pub panic: Option<String>,
}

impl Executed {
    /// True if it is part of the block and succeeded.
    pub fn is_ok(&self) -> bool {
        matches!(&self.result, Ok(receipt) if receipt.status.is_ok())
    }

    /// Compute units that it used; 0 if it is not part of the block.
    pub fn compute_units(&self) -> u64 {
        self.result
            .as_ref()
            .map_or(0, |receipt| receipt.compute_units)
    }

    /// True if it failed as a panic fails a call: with nothing to explain it.
    fn may_have_panicked(&self) -> bool {
        let error = InstructionError::ProgramFailedToComplete;
        let is_this = matches!(
            self.error(),
            Some(TransactionError::InstructionError(_, found)) if *found == error
        );
        is_this && self.diagnostic().is_none()
    }

    /// Why its failed instruction failed, if one did.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        self.details()?.diagnostic.as_ref()
    }

    /// The bytes that the last program to leave some left for its caller.
    pub fn return_data(&self) -> &[u8] {
        self.details()
            .map_or(&[], |details| &details.return_data.data)
    }

    /// Logs, events and the like; `None` if it is not part of the block.
    pub fn details(&self) -> Option<&Details> {
        self.result.as_ref().ok()?.details.as_deref()
    }

    /// The accesses that it declared and had no need of. The payer is always needed.
    fn vain(&self) -> impl Iterator<Item = &Access> {
        let named = self.accesses.iter().skip(1);
        named.filter(|access| access.is_in_vain())
    }

    fn error(&self) -> Option<&TransactionError> {
        match &self.result {
            Ok(receipt) => receipt.status.as_ref().err(),
            Err(Refusal::Rule(error)) => Some(error),
            Err(Refusal::Malformed(_)) => None,
        }
    }
}

/// A block that has run.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_testing::Chain;
///
/// let mut chain = Chain::new();
/// let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| chain.wallet(name));
/// let block = chain.run_block([transfer(&a, &b, 1), transfer(&c, &d, 2), transfer(&b, &c, 3)]);
/// block.all_ok();
/// // The first two share no account; the third writes what both of them write.
/// assert_eq!(block.batches(), [vec![vec![0], vec![1]], vec![vec![2]]]);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call may have failed: say all_ok() or fails(..)"]
pub struct Block {
    executed: Vec<Executed>,
    batches: Vec<Vec<Vec<usize>>>,
    programs: ProgramTable,
    slot: u64,
    /// The accounts that several calls used and one wrote, before the block and after it.
    contested: BTreeMap<Address, [Option<Account>; 2]>,
}

/// What surrounds the calls of a block.
pub(crate) struct Surroundings<'s> {
    /// The chain's programs.
    pub programs: ProgramTable,
    /// What programs said when they panicked, in the order of the calls.
    pub panics: Vec<String>,
    /// An account before the block, and after it.
    pub account: &'s dyn Fn(&Address) -> [Option<Account>; 2],
}

impl Block {
    pub(crate) fn new(
        calls: Vec<Call>,
        processed: FrozenBlock<'_>,
        surroundings: Surroundings<'_>,
    ) -> Self {
        let Surroundings {
            programs,
            panics,
            account,
        } = surroundings;
        let prepared = &processed.prepared;
        let position = |index: &lockstep_scheduler::TransactionIndex| {
            prepared.transaction(*index).position as usize
        };
        let lanes = |batch: Vec<Vec<_>>| -> Vec<Vec<usize>> {
            let lanes = batch.iter();
            lanes
                .map(|lane| lane.iter().map(position).collect())
                .collect()
        };
        let batches = processed.plan.to_nested().into_iter().map(lanes).collect();
        let results = processed.receipts.iter().map(|result| match result {
            Ok(receipt) => Ok(receipt.clone()),
            Err(refusal) => Err(refusal.clone()),
        });
        let executed = calls.into_iter().zip(results);
        let mut executed: Vec<Executed> = executed
            .map(|(call, result)| Executed {
                call,
                result,
                accesses: Vec::new(),
                panic: None,
            })
            .collect();
        let panicked = executed.iter_mut().filter(|call| call.may_have_panicked());
        for (call, message) in panicked.zip(panics) {
            call.panic = Some(message);
        }
        for (index, transaction) in prepared.table().transactions().zip(prepared.transactions()) {
            let executed = &mut executed[transaction.position as usize];
            let uses = executed.details().map_or(&[][..], |details| &details.uses);
            let planned = prepared.accesses(index);
            let declared = prepared.access_list(index).zip(uses).enumerate();
            let accesses = declared.map(|(place, ((address, is_writable), used))| Access {
                address,
                is_signer: transaction.view.is_signer(place),
                is_writable,
                is_credit: planned
                    .get(place)
                    .is_some_and(|access| access.mode() == AccessMode::Credit),
                used: *used,
            });
            executed.accesses = accesses.collect();
        }
        let contested = match executed.len() {
            0 | 1 => Vec::new(),
            _ => blocking_accounts(prepared.table(), usize::MAX),
        };
        let contested = contested.into_iter().map(|heat| {
            let address = prepared.addresses()[heat.account.index()];
            (address, account(&address))
        });
        Self {
            contested: contested.collect(),
            slot: processed.bank.slot(),
            executed,
            batches,
            programs,
        }
    }

    pub(crate) fn slot(&self) -> u64 {
        self.slot
    }

    /// The state that a contested account holds, and which of its fields the block changed.
    pub(crate) fn state_of(&self, address: &Address) -> (Option<&'static str>, Vec<&'static str>) {
        let Some([before, after]) = self.contested.get(address) else {
            return (None, Vec::new());
        };
        let Some(known) = after.as_ref().or(before.as_ref()) else {
            return (None, Vec::new());
        };
        let program = self.programs.get(&known.owner);
        let Some(names) = program.and_then(|program| program.names()) else {
            return (None, Vec::new());
        };
        let changed = match (before, after) {
            (Some(before), Some(after)) => names.changed(&before.data, &after.data),
            _ => Vec::new(),
        };
        (names.state(&known.data), changed)
    }

    /// What an instruction is called, with its program.
    pub(crate) fn instruction_name(&self, instruction: &Instruction) -> String {
        let program = self.name_of(&instruction.program);
        let known = self.programs.get(&instruction.program);
        let names = known.and_then(|program| program.names());
        let name = names.and_then(|names| names.instruction(&instruction.data));
        name.map_or_else(|| program.clone(), |name| format!("{program}::{name}"))
    }

    /// What instructions of the block call each account, each name once: `raffle::buy.pot`.
    pub(crate) fn account_names(&self) -> BTreeMap<Address, Vec<String>> {
        let mut found: BTreeMap<Address, Vec<String>> = BTreeMap::new();
        let calls = self.executed.iter();
        for instruction in calls.flat_map(|executed| &executed.call.instructions) {
            let known = self.programs.get(&instruction.program);
            let Some(names) = known.and_then(|program| program.names()) else {
                continue;
            };
            let of = self.instruction_name(instruction);
            for (position, meta) in instruction.accounts.iter().enumerate() {
                if let Some(field) = names.account(&instruction.data, position) {
                    let known = found.entry(meta.address).or_default();
                    let name = format!("{of}.{field}");
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
            }
        }
        found
    }

    /// What became of each call, in the order given.
    pub fn executed(&self) -> &[Executed] {
        &self.executed
    }

    /// What became of the call at `index`.
    ///
    /// # Panics
    /// If the block has no such call.
    #[track_caller]
    pub fn call(&self, index: usize) -> &Executed {
        match self.executed.get(index) {
            Some(executed) => executed,
            None => panic!(
                "the block has {} calls, none at {index}",
                self.executed.len()
            ),
        }
    }

    /// The plan: batches in order, of lanes that ran in parallel, of calls that ran one after the
    /// other. Calls that were refused before planning are in none.
    pub fn batches(&self) -> &[Vec<Vec<usize>>] {
        &self.batches
    }

    /// The events of one type, in the order of calls. Failed calls publish none.
    pub fn events<E: Event>(&self) -> Vec<E> {
        let details = self.executed.iter().filter(|executed| executed.is_ok());
        let details = details.filter_map(Executed::details);
        let records = details.flat_map(|details| &details.events);
        records.filter_map(E::find).collect()
    }

    /// What the instruction of the call at `index` returned.
    ///
    /// # Panics
    /// If the call failed, or returned something else.
    #[track_caller]
    pub fn returned<T: Data>(&self, index: usize) -> T {
        let executed = self.call(index);
        assert!(executed.is_ok(), "{}", self.describe(index));
        let bytes = executed.return_data();
        match decode_all(bytes) {
            Some(value) => value,
            None => panic!(
                "call {index} returned {bytes:?}, which is no {}",
                type_name::<T>()
            ),
        }
    }

    /// The log of the call at `index` as a tree, to be printed.
    ///
    /// # Panics
    /// If the block has no such call.
    #[track_caller]
    pub fn logs(&self, index: usize) -> LogTree<'_> {
        let details = self.call(index).details();
        let entries = details.map_or(&[][..], |details| &details.logs);
        LogTree::new(entries, &self.programs)
    }

    /// Checks that every call succeeded.
    ///
    /// # Panics
    /// If one did not; the message says why, with its log.
    #[track_caller]
    pub fn all_ok(&self) -> &Self {
        let first = self.executed.iter().position(|executed| !executed.is_ok());
        if let Some(index) = first {
            panic!("{}", self.describe(index));
        }
        self
    }

    /// The accounts that calls declared and had no need of, in the order of the calls: writable
    /// ones that were not changed, and others that no program looked into and that do not sign. A
    /// call that failed may not have come as far as a use.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_sdk::interface::AccountMeta;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| chain.wallet(name));
    /// let mut pay = transfer(&alice, &bob, 5);
    /// pay.accounts.push(AccountMeta::writable(carol, false));
    /// let block = chain.run(&pay);
    /// let vain: Vec<_> = block.all_ok().declared_in_vain().collect();
    /// assert_eq!((vain.len(), vain[0].instruction_name), (1, Some("transfer")));
    /// assert_eq!((vain[0].position, vain[0].access.address), (2, carol));
    /// ```
    pub fn declared_in_vain(&self) -> impl Iterator<Item = InVain> {
        let calls = self.executed.iter().enumerate();
        calls.flat_map(move |(index, executed)| {
            let vain = executed.vain();
            vain.filter_map(move |access| self.in_vain(index, &executed.call, *access))
        })
    }

    /// Checks that every call succeeded and needed all it declared: that it changed each account
    /// named as writable, and looked into every other one that does not sign. What is declared in
    /// vain makes other calls wait. An `InitIfNeeded` whose account is there already needs neither
    /// its payer nor the programs that would create it: ask where it is created.
    ///
    /// # Panics
    /// If a declaration was in vain; the message names all that were, each by program, instruction
    /// and account. See [`Block::declared_in_vain`] for them as data.
    ///
    /// ```should_panic
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_sdk::interface::AccountMeta;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| chain.wallet(name));
    /// let mut pay = transfer(&alice, &bob, 5);
    /// chain.run(&pay).access_is_minimal();
    /// pay.accounts.push(AccountMeta::writable(carol, false));
    /// chain.run(&pay).access_is_minimal(); // carol is locked and nothing happens to her
    /// ```
    #[track_caller]
    pub fn access_is_minimal(&self) -> &Self {
        self.all_ok();
        let vain = self.declared_in_vain();
        let vain: String = vain.map(|access| format!("\n  {access}")).collect();
        assert!(vain.is_empty(), "declared in vain:{vain}");
        self
    }

    /// An access with the place where the call names its account first.
    fn in_vain(&self, index: usize, call: &Call, access: Access) -> Option<InVain> {
        let mut instructions = call.instructions.iter().enumerate();
        instructions.find_map(|(place, instruction)| {
            let mut metas = instruction.accounts.iter();
            let position = metas.position(|meta| meta.address == access.address)?;
            let program = self.programs.get(&instruction.program);
            let names = program.and_then(|program| program.names());
            Some(InVain {
                call: index,
                instruction: place,
                program: self.name_of(&instruction.program),
                instruction_name: names.and_then(|names| names.instruction(&instruction.data)),
                position,
                account_name: names.and_then(|names| names.account(&instruction.data, position)),
                access,
            })
        })
    }

    /// Checks that the call at `index` failed with this error of an instruction, and gives the
    /// failure to look at more closely. An error that a program declares can be given as it is.
    ///
    /// # Panics
    /// If it succeeded or failed otherwise.
    #[track_caller]
    pub fn fails(&self, index: usize, error: impl Into<InstructionError>) -> Failure<'_> {
        let expected = error.into();
        match self.call(index).error() {
            Some(TransactionError::InstructionError(_, found)) if *found == expected => {}
            _ => panic!(
                "expected the error {expected:?} ({expected}); {}",
                self.describe(index)
            ),
        }
        Failure::new(self, index)
    }

    /// Checks that the call at `index` failed or was refused as a whole, with this error.
    ///
    /// # Panics
    /// If it succeeded or failed otherwise.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_sdk::interface::TransactionError;
    /// use lockstep_testing::{Call, Chain};
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
    /// let stale = chain.blockhash();
    /// chain.expire_blockhash();
    /// let pay = Call::from(transfer(&alice, &bob, 1)).blockhash(stale);
    /// chain.run(pay).rejects(0, &TransactionError::BlockhashNotFound);
    /// ```
    #[track_caller]
    pub fn rejects(&self, index: usize, error: &TransactionError) {
        let found = self.call(index).error();
        assert!(
            found == Some(error),
            "expected the error {error:?} ({error}); {}",
            self.describe(index)
        );
    }

    /// What became of a call, in words, and its log.
    pub(crate) fn describe(&self, index: usize) -> String {
        format!("{}\n{}", self.summary(index), self.logs(index))
    }

    /// What became of a call, in words.
    pub(crate) fn summary(&self, index: usize) -> String {
        let executed = self.call(index);
        let outcome = match &executed.result {
            Err(Refusal::Malformed(error)) => format!("was refused: {error}"),
            Err(Refusal::Rule(error)) => {
                format!("was refused: {error}{}", self.unregistered(&executed.call))
            }
            Ok(Receipt { status: Ok(()), .. }) => "succeeded".to_owned(),
            Ok(Receipt {
                status: Err(error), ..
            }) => {
                let cause = self.cause(index).unwrap_or_else(|| error.to_string());
                format!("failed: {cause}{}", self.unregistered(&executed.call))
            }
        };
        format!("call {index} {outcome}")
    }

    /// Why a call failed, with the names of programs and accounts.
    pub(crate) fn cause(&self, index: usize) -> Option<String> {
        let executed = self.call(index);
        if let Some(message) = &executed.panic {
            return Some(format!("the program panicked at {message}"));
        }
        let mut diagnostic = executed.diagnostic()?.clone();
        if let Cause::Rule {
            subject:
                Subject::Account {
                    field,
                    address: Some(address),
                    ..
                },
            ..
        } = &mut diagnostic.cause
            && field.is_empty()
        {
            *field = self.name_in(&executed.call, address).unwrap_or_default();
        }
        let mut text = diagnostic.to_string();
        let named = diagnostic.path.iter().map(|step| step.program);
        let invoked = match &diagnostic.cause {
            Cause::Rule {
                subject: Subject::Invoked(address),
                ..
            } => Some(*address),
            _ => None,
        };
        for program in named.chain(invoked) {
            if let Some(known) = self.programs.get(&program) {
                let named = format!("`{}` ({program})", known.name());
                text = text.replace(&program.to_string(), &named);
            }
        }
        if let Some(address) = invoked.filter(|address| self.programs.get(address).is_none()) {
            text.push_str(&format!(
                "; if {address} is a program, register it with `Chain::builder().program(..)` and \
                 name it in the set, as `Program<'a, P>`"
            ));
        }
        Some(text)
    }

    /// What a call names an account.
    fn name_in(&self, call: &Call, address: &Address) -> Option<String> {
        call.instructions.iter().find_map(|instruction| {
            let mut metas = instruction.accounts.iter();
            let position = metas.position(|meta| meta.address == *address)?;
            let names = self.programs.get(&instruction.program)?.names()?;
            names.account(&instruction.data, position)
        })
    }

    /// The programs of a call that the chain does not have, and what to do.
    fn unregistered(&self, call: &Call) -> String {
        let programs = call.instructions.iter().map(|known| known.program);
        let missing = programs.filter(|program| self.programs.get(program).is_none());
        let remarks = missing.map(|program| {
            format!(
                "; the chain has no program {program}: register it with \
                 `Chain::builder().program(..)`"
            )
        });
        remarks.collect()
    }

    /// The name of a program, or its address if the chain does not have it.
    pub(crate) fn name_of(&self, program: &Address) -> String {
        let known = self.programs.get(program);
        known.map_or_else(|| program.to_string(), |program| program.name().to_owned())
    }
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for index in 0..self.executed.len() {
            formatter.write_str(&self.describe(index))?;
        }
        Ok(())
    }
}
