//! A ledger of a few accounts on which tests run single instructions.

use std::collections::BTreeMap;

use lockstep_sdk::interface::{
    Account, Address, Environment, Instruction, InstructionError, Program, ProgramTable, Rent,
    RuleSet, Sysvars, TransactionContext,
    address::program_ids,
    context::{AccountSlot, Diagnostic, Event},
};

/// Accounts by address, and what surrounds them.
pub(crate) struct Ledger {
    accounts: BTreeMap<Address, Account>,
    environment: Environment,
    /// Whether logs are recorded, and with them diagnostics.
    pub(crate) is_recording: bool,
    /// What the last instruction published.
    pub(crate) events: Vec<Event>,
    /// What it left for its caller.
    pub(crate) return_data: Vec<u8>,
    /// Why it failed.
    pub(crate) diagnostic: Option<Diagnostic>,
}

/// The address whose bytes all are `byte`.
pub(crate) fn address(byte: u8) -> Address {
    Address::new_from_array([byte; 32])
}

/// A billion lamports.
pub(crate) const SOL: u64 = 1_000_000_000;

impl Ledger {
    /// Three wallets, at the addresses of 1, 2 and 3, the System program, and no other account.
    pub(crate) fn new() -> Self {
        let ledger = Self {
            accounts: (1..=3)
                .map(|byte| (address(byte), Account::wallet(SOL)))
                .collect(),
            environment: Environment {
                sysvars: Sysvars {
                    rent: Some(Rent::MAINNET),
                    ..Sysvars::default()
                },
                rules: RuleSet::Current,
                programs: ProgramTable::new(),
            },
            is_recording: true,
            events: Vec::new(),
            return_data: Vec::new(),
            diagnostic: None,
        };
        ledger.with(lockstep_programs::SystemProgram)
    }

    /// Adds a program.
    pub(crate) fn with(mut self, program: impl Program + 'static) -> Self {
        let account = Account {
            lamports: 1,
            owner: program_ids::NATIVE_LOADER,
            executable: true,
            ..Account::default()
        };
        self.accounts.insert(program.address(), account);
        self.environment.programs = self.environment.programs.with(program);
        self
    }

    /// Replaces an account.
    pub(crate) fn put(&mut self, address: Address, account: Account) {
        self.accounts.insert(address, account);
    }

    /// The account; an empty one where there is none.
    pub(crate) fn get(&self, address: &Address) -> Account {
        self.accounts.get(address).cloned().unwrap_or_default()
    }

    /// The balance of an account.
    pub(crate) fn lamports(&self, address: &Address) -> u64 {
        self.get(address).lamports
    }

    /// Runs one instruction as a transaction of its own; a failure changes nothing.
    pub(crate) fn run(&mut self, instruction: &Instruction) -> Result<(), InstructionError> {
        let mut named: BTreeMap<Address, (bool, bool)> = BTreeMap::new();
        for meta in &instruction.accounts {
            let rights = named.entry(meta.address).or_default();
            rights.0 |= meta.is_signer;
            rights.1 |= meta.is_writable;
        }
        named.entry(instruction.program).or_default();
        let mut after: Vec<Account> = named.keys().map(|key| self.get(key)).collect();
        let mut context = TransactionContext::new(&self.environment);
        context.begin(1_400_000, self.is_recording);
        for ((address, (is_signer, is_writable)), account) in named.iter().zip(&mut after) {
            context.push(if *is_writable {
                AccountSlot::owned(address, account, *is_signer)
            } else {
                AccountSlot::shared(address, account, *is_signer)
            });
        }
        let index = |address: &Address| {
            let index = named.keys().position(|known| known == address);
            let index = index.expect("every address was collected");
            u8::try_from(index).expect("an instruction names few accounts")
        };
        let metas = instruction.accounts.iter();
        let indices: Vec<u8> = metas.map(|meta| index(&meta.address)).collect();
        let program = index(&instruction.program);
        let result = context.process_instruction(0, program, &indices, &instruction.data);
        if result.is_err() {
            context.undo();
        }
        self.events = context.records().events().to_vec();
        self.return_data = context.records().return_data().data.clone();
        self.diagnostic = context.diagnostic();
        drop(context);
        self.accounts.extend(named.into_keys().zip(after));
        result
    }

    /// Runs an instruction that has to fail and returns why.
    pub(crate) fn fail(&mut self, instruction: &Instruction) -> (InstructionError, String) {
        let error = self
            .run(instruction)
            .expect_err("the instruction is to fail");
        let diagnostic = self.diagnostic.as_ref().expect("it is explained");
        assert_eq!(diagnostic.error, error);
        (error, diagnostic.to_string())
    }
}
