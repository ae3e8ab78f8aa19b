//! The chain: accounts, wallets, slot and time, and the blocks that change them.
//!
//! Every block is a child of the tip, and the tip after it. So is every change from outside, such
//! as an airdrop: the runtime has no other way to change an account.

use std::sync::{Arc, LazyLock};

use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::{
        Bank, BlockResult, BlockRoots, FrozenBank, Genesis, ProcessedSet, given_accounts,
        root::delta_root,
    },
    block::{BlockLimits, Recording},
    engine::{Cancel, Engine, How, UnsealedBlock},
    execute::{ExecutedBlock, execute_serial},
    limits::BLOCKHASHES_MAX,
    prepare::PreparedBlock,
    threads::Threads,
    verify::{ParsedBlock, Signatures, Verifier},
    wire::{
        Message, MessageBuilder, MessageError, Version, WireBlock,
        limits::{PACKET_SIZE_MAX, SIGNATURE_SIZE},
    },
};
use lockstep_scheduler::{Layered, Mode, Strategy, strategies};
use lockstep_sdk::{
    interface::{
        Account, Address, Hash, Program, ProgramTable, RuleSet,
        activation::{Activation, Schedule},
    },
    state::{StateData, from_account},
};
use lockstep_store::MemoryStore;

use crate::{
    SOL,
    access::Inferred,
    block::{Block, Surroundings},
    call::Call,
    engines::{Engines, start},
    keys::KeyRing,
    observe::{observed, record},
    oracle,
    panics::Quiet,
    profile::Profile,
};

/// Lamports that a new wallet holds: 1,000 SOL.
pub const WALLET_LAMPORTS: u64 = 1_000 * SOL;
/// Lamports of each wallet that pays fees for calls without a payer.
const PAYER_LAMPORTS: u64 = 1_000_000 * SOL;
/// Such wallets at the beginning; more come with the first larger block.
const PAYERS: usize = 4;
/// What receipts carry. Balances would keep credits from being shared, which producers do.
const RECORDING: Recording = Recording {
    balances: false,
    ..Recording::ALL
};
/// Runs of a call that is profiled, of which the fastest counts.
const PROFILE_RUNS: usize = 64;
/// Why reading and writing accounts cannot fail.
const MEMORY: &str = "a store in memory does not fail";
/// The second at which a chain begins.
const START: i64 = 1_700_000_000;

/// The verifier of all chains of a process, which remember their signers' keys together. A verdict
/// depends on the transaction alone.
static VERIFIER: LazyLock<Verifier> = LazyLock::new(Verifier::default);

/// What a chain is made from.
///
/// ```
/// use lockstep_testing::Chain;
/// let chain = Chain::builder().threads(4).strategy(lockstep_scheduler::Waits).build();
/// assert_eq!(chain.slot(), 1);
/// ```
#[derive(Debug)]
pub struct Builder {
    programs: ProgramTable,
    accounts: Vec<(Address, Account)>,
    /// Programs that begin later, and when.
    later: ProgramTable,
    activations: Vec<Activation>,
    threads: usize,
    strategy: Arc<dyn Strategy>,
    has_signatures: bool,
}

impl Builder {
    /// Adds a program.
    #[must_use]
    pub fn program(self, program: impl Program + 'static) -> Self {
        Self {
            programs: self.programs.with(program),
            ..self
        }
    }

    /// Adds programs, such as those of a table.
    #[must_use]
    pub fn programs(mut self, programs: &ProgramTable) -> Self {
        for program in programs.iter() {
            self.programs = self.programs.with_of(programs, &program.address());
        }
        self
    }

    /// Leaves the program at an address out, for an account to take its place.
    #[must_use]
    pub fn without(self, address: &Address) -> Self {
        let programs = self.programs;
        Self {
            programs: programs.filtered(|program| program.address() != *address),
            ..self
        }
    }

    /// Adds accounts, such as those of a program that a loader of the chain runs.
    ///
    /// ```
    /// use lockstep_sdk::interface::{Account, Address};
    /// use lockstep_testing::Chain;
    ///
    /// let address = Address::new_from_array([7; 32]);
    /// let chain = Chain::builder().accounts([(address, Account::wallet(5))]).build();
    /// assert_eq!(chain.lamports(&address), 5);
    /// ```
    #[must_use]
    pub fn accounts(mut self, accounts: impl IntoIterator<Item = (Address, Account)>) -> Self {
        self.accounts.extend(accounts);
        self
    }

    /// Adds a program that begins in a slot, as the chain's activations have it. Calls in earlier
    /// slots find no program.
    ///
    /// # Panics
    /// If more than 64 programs begin later, or a name is longer than 32 bytes.
    ///
    /// ```
    /// # fn main() {
    /// #[lockstep_sdk::program(id = "Be111111111111111111111111111111111111111111")]
    /// pub mod bell {
    ///     use lockstep_sdk::prelude::*;
    ///
    ///     #[derive(Accounts)]
    ///     pub struct Ring<'a> {
    ///         pub guest: Signer<'a>,
    ///     }
    ///
    ///     #[instruction(0)]
    ///     pub fn ring(_: &Ring<'_>, _: &mut Context<'_, '_>) -> Result {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::builder().program_at(5, bell::BellProgram).build();
    /// let guest = chain.wallet("guest");
    /// let ring = bell::call::ring(&bell::RingAddresses { guest });
    /// assert!(!chain.run(&ring).call(0).is_ok());
    /// chain.warp_to_slot(5);
    /// chain.run(&ring).all_ok();
    /// # }
    /// ```
    #[must_use]
    pub fn program_at(mut self, slot: u64, program: impl Program + 'static) -> Self {
        self.activations.push(Activation {
            feature: program.address(),
            slot,
            name: program.name().to_owned(),
        });
        Self {
            later: self.later.with(program),
            ..self
        }
    }

    /// Lets a set of rules hold from this slot on, by the chain's schedule of activations.
    #[must_use]
    pub fn rules_at(mut self, slot: u64, rules: RuleSet) -> Self {
        self.activations.push(Activation {
            feature: rules.feature(),
            slot,
            name: rules.name().to_owned(),
        });
        self
    }

    /// Runs blocks on this number of threads, 2 if nothing is said; 1 is the thread of the test,
    /// which also runs blocks of one call.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Plans blocks with this strategy, `layered` if nothing is said. Calls run as in the order
    /// given, whatever the strategy.
    #[must_use]
    pub fn strategy(self, strategy: impl Strategy + 'static) -> Self {
        Self {
            strategy: Arc::new(strategy),
            ..self
        }
    }

    /// Neither signs nor verifies. An address that has to sign still has to be known to the
    /// chain. For Miri, under which one signature takes seconds.
    #[must_use]
    pub fn without_signatures(self) -> Self {
        Self {
            has_signatures: false,
            ..self
        }
    }

    /// The chain at its first slot.
    pub fn build(self) -> Chain {
        let mut keys = KeyRing::default();
        let payers: Vec<Address> = (0..PAYERS).map(|number| payer(&mut keys, number)).collect();
        let funded = payers.iter();
        let funded = funded.map(|payer| (*payer, Account::wallet(PAYER_LAMPORTS)));
        let accounts = funded.chain(self.accounts).collect();
        let mut genesis = Genesis::new(accounts, observed(self.programs));
        if !self.activations.is_empty() {
            let schedule = Schedule {
                authority: None,
                activations: self.activations,
            };
            genesis = genesis.with_linked(observed(self.later));
            genesis = match genesis.with_schedule(&schedule) {
                Ok(genesis) => genesis,
                Err(error) => panic!("{error}"),
            };
        }
        let tip = genesis.open(Arc::new(MemoryStore::new()));
        Chain {
            engines: Engines::new(self.threads),
            strategy: self.strategy,
            has_signatures: self.has_signatures,
            verifier: VERIFIER.clone(),
            moment: Moment {
                tip: tip.expect(MEMORY),
                slot: 1,
                time: START,
                keys,
                payers: payers.into(),
            },
            snapshots: Arc::new(()),
            journal: None,
        }
    }
}

fn payer(keys: &mut KeyRing, number: usize) -> Address {
    keys.add(&format!("fee payer {number}"))
}

/// What a snapshot keeps: all that changes.
#[derive(Clone, Debug)]
struct Moment {
    tip: Arc<FrozenBank>,
    /// Of the next block.
    slot: u64,
    /// Of the next block, in seconds since 1970.
    time: i64,
    keys: KeyRing,
    payers: Arc<[Address]>,
}

/// A moment of a chain that it can go back to.
///
/// While there is one, all blocks stay in memory, and reading an account costs time
/// proportional to the number of blocks since.
#[derive(Clone, Debug)]
pub struct Snapshot {
    moment: Moment,
    chain: Arc<()>,
}

/// A chain in memory; see the crate's documentation for an example.
#[derive(Debug)]
pub struct Chain {
    engines: Engines,
    strategy: Arc<dyn Strategy>,
    has_signatures: bool,
    verifier: Verifier,
    moment: Moment,
    /// Shared with the snapshots, so that the chain knows whether there are any.
    snapshots: Arc<()>,
    /// What became of each call, while it is asked for.
    journal: Option<Vec<String>>,
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Chain {
    /// A chain with the built-in programs only.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts a chain with the built-in programs, to which others can be added.
    pub fn builder() -> Builder {
        Builder {
            programs: builtin_programs(),
            accounts: Vec::new(),
            later: ProgramTable::new(),
            activations: Vec::new(),
            threads: 2,
            strategy: Arc::new(Layered),
            has_signatures: true,
        }
    }

    /// The wallet of a name, which is always at the same address; holds 1,000 SOL when it is first
    /// asked for. Asking again adds nothing, also where the wallet has been emptied meanwhile.
    pub fn wallet(&mut self, name: &str) -> Address {
        let address = self.signer(name);
        if self.moment.keys.fund(&address) && self.account(&address).is_none() {
            self.airdrop(&address, WALLET_LAMPORTS);
        }
        address
    }

    /// The address of a name, for which the chain can sign; no account is made. For accounts that
    /// a program creates.
    pub fn signer(&mut self, name: &str) -> Address {
        self.moment.keys.add(name)
    }

    /// The signature of a wallet under a message that is no transaction, for programs that check
    /// what parties have agreed to off the chain.
    ///
    /// # Panics
    /// If the chain has no key of the wallet.
    ///
    /// ```
    /// let mut chain = lockstep_testing::Chain::new();
    /// let alice = chain.wallet("alice");
    /// let signature = chain.sign_message(&alice, b"agreed");
    /// assert_ne!(signature, chain.sign_message(&alice, b"not agreed"));
    /// ```
    #[track_caller]
    pub fn sign_message(&self, signer: &Address, message: &[u8]) -> [u8; 64] {
        match self.moment.keys.get(signer) {
            Some(key) => key.sign(message).into(),
            None => panic!("the chain has no key of {signer}; make it with Chain::wallet"),
        }
    }

    /// Adds lamports from nowhere.
    ///
    /// # Panics
    /// If the account cannot hold the sum.
    #[track_caller]
    pub fn airdrop(&mut self, address: &Address, lamports: u64) {
        let mut account = self.account(address).unwrap_or_default();
        let held = account.lamports;
        let Some(sum) = held.checked_add(lamports) else {
            panic!("{address} holds {held} lamports, {lamports} more are too many")
        };
        account.lamports = sum;
        self.set_account(address, account);
    }

    /// Puts an account in place of what is there; one without lamports deletes it.
    pub fn set_account(&mut self, address: &Address, account: Account) {
        self.set_accounts([(*address, account)]);
    }

    /// Puts accounts in place; of several with one address the last counts. A block of its own.
    ///
    /// # Panics
    /// If one is a sysvar, which the chain itself writes.
    #[track_caller]
    pub fn set_accounts(&mut self, accounts: impl IntoIterator<Item = (Address, Account)>) {
        let bank = self.child();
        let mut changes = match given_accounts(accounts.into_iter().collect()) {
            Ok(given) => given,
            Err(error) => panic!("{error}"),
        };
        changes.extend_from_slice(bank.own_accounts());
        changes.sort_unstable_by_key(|(address, _)| *address);
        let threads = Threads::new(1).expect("one thread needs no pool");
        let result = BlockResult {
            roots: BlockRoots {
                delta_root: delta_root(&changes, &threads),
                ..BlockRoots::default()
            },
            changes,
            costs: bank.parent().costs().clone(),
            processed: ProcessedSet::default(),
            trie: None,
        };
        self.advance(bank.freeze(result));
    }

    /// The account, if there is one.
    pub fn account(&self, address: &Address) -> Option<Account> {
        let account = self.moment.tip.get(address);
        account.expect(MEMORY)
    }

    /// The lamports of an account; 0 if there is none.
    pub fn lamports(&self, address: &Address) -> u64 {
        self.account(address).unwrap_or_default().lamports
    }

    /// The state that a program keeps in an account.
    ///
    /// # Panics
    /// If the account holds no such state.
    #[track_caller]
    pub fn state<T: StateData>(&self, address: &Address) -> T {
        let account = self.account(address).unwrap_or_default();
        match from_account(&account) {
            Ok(state) => state,
            Err(error) => {
                let name = T::NAME;
                panic!("account {address} holds no `{name}`: {error}; it is {account:?}")
            }
        }
    }

    /// The slot of the next block.
    pub fn slot(&self) -> u64 {
        self.moment.slot
    }

    /// Leaves out all slots before this one, as a cluster does where leaders are absent: those
    /// slots have no block, and no place in the SlotHashes sysvar. [`Chain::empty_blocks`] makes
    /// blocks that have.
    ///
    /// # Panics
    /// If it is in the past.
    ///
    /// ```
    /// use lockstep_programs::lookup_table::instruction::create;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let alice = chain.wallet("alice");
    /// chain.warp_to_slot(1_000);
    /// // Slot 999 was left out, so that no lookup table can be derived from it.
    /// let block = chain.run(create(&alice, &alice, 999));
    /// assert!(!block.call(0).is_ok());
    /// chain.empty_blocks(1);
    /// let recent = chain.slot() - 1;
    /// chain.run(create(&alice, &alice, recent)).all_ok();
    /// ```
    #[track_caller]
    pub fn warp_to_slot(&mut self, slot: u64) {
        let next = self.slot();
        assert!(slot >= next, "slot {slot} is in the past, {next} is next");
        self.moment.slot = slot;
    }

    /// The time that programs will see, in seconds since 1970. It stands still unless it is set.
    pub fn time(&self) -> i64 {
        self.moment.time
    }

    /// Sets the time, in seconds since 1970.
    pub fn set_time(&mut self, seconds: i64) {
        self.moment.time = seconds;
    }

    /// The newest blockhash.
    pub fn blockhash(&self) -> Hash {
        self.moment.tip.block_hash()
    }

    /// Adds `count` blocks without transactions, one a slot. Each has a blockhash, and a place in
    /// the SlotHashes sysvar, which holds the newest 512; slots that are warped over have neither.
    pub fn empty_blocks(&mut self, count: usize) {
        for _ in 0..count {
            self.set_accounts([]);
        }
    }

    /// Adds empty blocks until no blockhash that is known now is valid any more.
    pub fn expire_blockhash(&mut self) {
        self.empty_blocks(BLOCKHASHES_MAX);
    }

    /// The moment, to go back to with [`Chain::restore`]. Copies no account.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            moment: self.moment.clone(),
            chain: Arc::clone(&self.snapshots),
        }
    }

    /// Goes back to a moment, and forgets all that came after it.
    ///
    /// # Panics
    /// If it is a moment of another chain.
    #[track_caller]
    pub fn restore(&mut self, snapshot: &Snapshot) {
        let is_own = Arc::ptr_eq(&snapshot.chain, &self.snapshots);
        assert!(is_own, "the snapshot is one of another chain");
        self.moment = snapshot.moment.clone();
    }

    /// Runs one call as a block of its own.
    ///
    /// # Panics
    /// See [`Chain::run_block`].
    #[track_caller]
    pub fn run(&mut self, call: impl Into<Call>) -> Block {
        self.run_block([call])
    }

    /// Runs calls as one block, and makes it the tip. The block is run in parallel and by the
    /// serial executor, which must agree.
    ///
    /// # Panics
    /// If the chain has no key of a signer, if the message of a call cannot be written, if the
    /// system refuses a thread, or if the two executors differ, which is a bug of the runtime or a
    /// program whose result depends on more than its accounts.
    #[track_caller]
    pub fn run_block<C: Into<Call>>(&mut self, calls: impl IntoIterator<Item = C>) -> Block {
        let calls: Vec<Call> = calls.into_iter().map(Into::into).collect();
        let parsed = self.sign(&calls);
        let (child, strategy) = (self.child(), Arc::clone(&self.strategy));
        let engine = self.engines.for_block(calls.len());
        let quiet = Quiet::begin();
        let unsealed = run(engine, child, &parsed, &*strategy);
        // Each panic once, in the order of the calls: what the serial run says.
        quiet.take();
        let serial = serial(&unsealed.bank, &unsealed.prepared);
        let panics = quiet.take();
        drop(quiet);
        let threads = engine.threads().count();
        oracle::assert_same(&*strategy, threads, &unsealed.executed, &serial);
        let sealed = unsealed.seal(engine, &*strategy, &BlockLimits::UNLIMITED);
        let sealed = match sealed {
            Ok(sealed) => sealed,
            Err(error) => panic!("{error}"),
        };
        let bank = Arc::clone(&sealed.frozen.bank);
        let surroundings = Surroundings {
            programs: self.programs(),
            panics,
            account: &|address| [self.account(address), bank.get(address).expect(MEMORY)],
        };
        let block = Block::new(calls, sealed.frozen, surroundings);
        if let Some(journal) = &mut self.journal {
            journal.extend((0..block.executed().len()).map(|index| block.summary(index)));
        }
        self.advance(bank);
        block
    }

    /// Runs calls as one block under every strategy on 1, 2 and 4 threads, and compares each
    /// result with that of the serial executor. The chain stays as it is.
    ///
    /// # Panics
    /// If one differs, or as [`Chain::run_block`] does.
    #[track_caller]
    pub fn parallel_equals_serial<C: Into<Call>>(&mut self, calls: impl IntoIterator<Item = C>) {
        let calls: Vec<Call> = calls.into_iter().map(Into::into).collect();
        let parsed = self.sign(&calls);
        let quiet = Quiet::begin();
        let bank = self.child();
        let engine = self.engines.for_block(calls.len());
        let prepared = engine.prepare(&bank, &parsed).expect(MEMORY);
        let serial = serial(&bank, &prepared);
        for threads in [1, 2, 4] {
            let mut engine = start(threads);
            for strategy in strategies() {
                let unsealed = run(&mut engine, self.child(), &parsed, &*strategy);
                oracle::assert_same(&*strategy, threads, &unsealed.executed, &serial);
            }
        }
        drop(quiet);
    }

    /// Runs a call with every account writable and finds out what it needs. The chain stays as it
    /// is.
    ///
    /// # Panics
    /// As [`Chain::run_block`] does.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
    /// let mut pay = transfer(&alice, &bob, 5);
    /// pay.accounts[1].is_writable = false;
    /// let inferred = chain.infer(&pay);
    /// inferred.block.all_ok();
    /// assert!(inferred.instructions[0].accounts[1].is_writable);
    /// ```
    #[track_caller]
    pub fn infer(&mut self, call: impl Into<Call>) -> Inferred {
        let mut call = call.into();
        let metas = call.instructions.iter_mut();
        for meta in metas.flat_map(|instruction| &mut instruction.accounts) {
            meta.is_writable = true;
        }
        let before = self.snapshot();
        let block = self.run(&call);
        self.restore(&before);
        Inferred::new(call.instructions, block)
    }

    /// Runs a call many times and tells what its fastest run cost, in compute units and in real
    /// time, by call frame. Nothing is recorded in these runs. The chain stays as it is.
    ///
    /// # Panics
    /// As [`Chain::run_block`] does.
    #[track_caller]
    pub fn profile(&mut self, call: impl Into<Call>) -> Profile {
        let call = call.into();
        let before = self.snapshot();
        let block = self.run(&call);
        self.restore(&before);
        let parsed = self.sign(std::slice::from_ref(&call));
        let quiet = Quiet::begin();
        let runs = (0..PROFILE_RUNS).map(|_| {
            let bank = self.child();
            let engine = self.engines.for_block(1);
            let prepared = engine.prepare(&bank, &parsed).expect(MEMORY);
            let order = prepared.table().transactions();
            record(|| {
                let ran = execute_serial(&bank, &prepared, order, Recording::NONE);
                ran.expect(MEMORY);
            })
        });
        let runs = runs.collect();
        drop(quiet);
        Profile::new(block, runs)
    }

    /// Keeps what becomes of each call from now on, or ends that; gives what was kept.
    pub(crate) fn journal(&mut self, journal: Option<Vec<String>>) -> Vec<String> {
        std::mem::replace(&mut self.journal, journal).unwrap_or_default()
    }

    /// The programs of the chain.
    fn programs(&self) -> ProgramTable {
        self.moment.tip.environment().programs.clone()
    }

    fn child(&self) -> Bank {
        let Moment { slot, time, .. } = self.moment;
        self.moment.tip.child(slot, time)
    }

    fn advance(&mut self, bank: Arc<FrozenBank>) {
        self.moment.slot = bank.slot().checked_add(1).expect("slots do not run out");
        self.moment.tip = bank;
        // What cannot be gone back to need not be kept as a chain of differences.
        if Arc::strong_count(&self.snapshots) == 1 {
            let finalized = self.moment.tip.finalize();
            finalized.expect(MEMORY);
        }
    }

    /// The transactions of calls, of which each without a payer gets one, parsed and verified.
    #[track_caller]
    fn sign(&mut self, calls: &[Call]) -> ParsedBlock {
        self.fund_payers(calls.len());
        let blockhash = self.blockhash();
        let mut block = WireBlock::default();
        for (index, call) in calls.iter().enumerate() {
            let payer = call.payer.unwrap_or(self.moment.payers[index]);
            let blockhash = call.blockhash.unwrap_or(blockhash).to_bytes();
            let message = MessageBuilder::new(payer, blockhash, &call.instructions).compile();
            let message = match message.and_then(fit) {
                Ok(message) => message,
                Err(error) => panic!("call {index}: {error}"),
            };
            let required = usize::from(message.header.required_signatures);
            let signers = &message.static_keys[..required];
            let mut keys = Vec::with_capacity(required);
            for signer in signers {
                match self.moment.keys.get(signer) {
                    Some(key) => keys.push(key),
                    None => panic!("call {index}: {}", self.no_key(signer, call)),
                }
            }
            let bytes = if self.has_signatures {
                message.sign(&keys)
            } else {
                message.with_signatures(&vec![[0; 64]; required])
            };
            match bytes {
                Ok(bytes) => block.push(&bytes),
                Err(error) => panic!("call {index}: {error}"),
            };
        }
        let signatures = if self.has_signatures {
            Signatures::Verify(&self.verifier)
        } else {
            Signatures::Trusted
        };
        let engine = self.engines.for_block(calls.len());
        ParsedBlock::new(block, signatures, engine.threads())
    }

    /// Which account of a call has to sign and cannot.
    fn no_key(&self, signer: &Address, call: &Call) -> String {
        let programs = self.programs();
        let mut named = call.instructions.iter().filter_map(|instruction| {
            let mut metas = instruction.accounts.iter();
            let place = metas.position(|meta| meta.is_signer && meta.address == *signer)?;
            let names = programs.get(&instruction.program)?.names()?;
            names.account(&instruction.data, place)
        });
        let name = named.next();
        let name = name.map_or_else(String::new, |name| format!("`{name}`, "));
        format!(
            "the chain has no key of {name}{signer}, which has to sign; make its address with \
             Chain::wallet or Chain::signer"
        )
    }

    /// Makes sure that there are this number of wallets that pay fees.
    fn fund_payers(&mut self, count: usize) {
        let known = self.moment.payers.len();
        if count <= known {
            return;
        }
        let keys = &mut self.moment.keys;
        let more: Vec<Address> = (known..count).map(|number| payer(keys, number)).collect();
        let wallets = more.iter();
        let wallets = wallets.map(|payer| (*payer, Account::wallet(PAYER_LAMPORTS)));
        self.set_accounts(wallets.collect::<Vec<_>>());
        self.moment.payers = [&self.moment.payers[..], &more[..]].concat().into();
    }
}

/// A message that is too large for a packet with its signatures goes as v1.
fn fit(message: Message) -> Result<Message, MessageError> {
    let required = usize::from(message.header.required_signatures);
    let signatures = required.saturating_mul(SIGNATURE_SIZE).saturating_add(1);
    let size = message.encode()?.len().saturating_add(signatures);
    let version = if size > PACKET_SIZE_MAX {
        Version::V1
    } else {
        message.version
    };
    Ok(Message { version, ..message })
}

/// What the serial executor makes of a block.
fn serial(bank: &Bank, block: &PreparedBlock<'_>) -> ExecutedBlock {
    let order = block.table().transactions();
    execute_serial(bank, block, order, RECORDING).expect(MEMORY)
}

/// Runs a block in its order on the engine's threads.
#[track_caller]
fn run<'b>(
    engine: &mut Engine,
    bank: Bank,
    block: &'b ParsedBlock,
    strategy: &dyn Strategy,
) -> UnsealedBlock<'b> {
    let how = How::Planned {
        strategy,
        mode: Mode::Replay,
    };
    let prepared = engine.prepare(&bank, block);
    let prepared = prepared.expect(MEMORY);
    match engine.execute(bank, prepared, how, RECORDING, &Cancel::default()) {
        Ok(unsealed) => unsealed,
        Err(error) => panic!("{error}"),
    }
}
