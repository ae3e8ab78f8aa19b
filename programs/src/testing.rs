//! A ledger of a few accounts on which tests run single instructions.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_interface::{
    Account, Address, Environment, Hash, Instruction, InstructionError, Rent, RuleSet, Sysvars,
    address::program_ids,
    context::{AccountSlot, TransactionContext, TransactionInstructions},
    sysvar::RecentBlockhash,
};

use crate::builtin_programs;

/// Accounts by address, and what surrounds them.
pub(crate) struct Ledger {
    accounts: BTreeMap<Address, Account>,
    pub(crate) environment: Environment,
    /// Compute units of the next instruction.
    pub(crate) compute_units: u64,
    /// What the last instruction left of them.
    pub(crate) compute_units_left: u64,
    /// What the last instruction logged.
    pub(crate) logs: Vec<String>,
}

/// The data of a transaction's instructions.
#[derive(Debug)]
struct Instructions(Vec<Vec<u8>>);

impl TransactionInstructions for Instructions {
    fn data(&self, index: usize) -> Option<&[u8]> {
        self.0.get(index).map(Vec::as_slice)
    }
}

/// The address whose bytes all are `byte`.
pub(crate) fn address(byte: u8) -> Address {
    Address::new_from_array([byte; 32])
}

impl Ledger {
    /// Today's rules, mainnet's rent, blockhash number 1, and no account but the programs.
    pub(crate) fn new() -> Self {
        let programs = builtin_programs();
        let program_account = Account {
            lamports: 1,
            owner: program_ids::NATIVE_LOADER,
            executable: true,
            ..Account::default()
        };
        let accounts = programs
            .iter()
            .map(|program| (program.address(), program_account.clone()))
            .collect();
        let mut ledger = Self {
            accounts,
            environment: Environment {
                sysvars: Sysvars {
                    rent: Some(Rent::MAINNET),
                    ..Sysvars::default()
                },
                rules: RuleSet::Current,
                programs,
            },
            compute_units: 1_400_000,
            compute_units_left: 0,
            logs: Vec::new(),
        };
        ledger.set_blockhash(1);
        ledger
    }

    /// Makes blockhash number `number` the newest.
    pub(crate) fn set_blockhash(&mut self, number: u8) {
        let newest = RecentBlockhash {
            blockhash: Hash::new_from_array([number; 32]),
            lamports_per_signature: u64::from(number),
        };
        self.environment.sysvars.recent_blockhashes = Some(Arc::new(vec![newest]));
        self.environment.sysvars.environment_blockhash = Some(newest);
    }

    pub(crate) fn put(&mut self, address: Address, account: Account) {
        self.accounts.insert(address, account);
    }

    /// The account; an empty one where there is none.
    pub(crate) fn get(&self, address: &Address) -> Account {
        self.accounts.get(address).cloned().unwrap_or_default()
    }

    pub(crate) fn lamports(&self, address: &Address) -> u64 {
        self.get(address).lamports
    }

    /// The lamports of all accounts.
    pub(crate) fn total(&self) -> u128 {
        let lamports = self.accounts.values().map(|account| account.lamports);
        lamports.map(u128::from).sum()
    }

    /// Runs one instruction as a transaction of its own; a failure changes nothing.
    pub(crate) fn run(&mut self, instruction: &Instruction) -> Result<(), InstructionError> {
        self.run_beside(instruction, &[])
    }

    /// The same in a transaction with other instructions behind, which do not run.
    pub(crate) fn run_beside(
        &mut self,
        instruction: &Instruction,
        others: &[Vec<u8>],
    ) -> Result<(), InstructionError> {
        let datas = [std::slice::from_ref(&instruction.data), others].concat();
        let instructions = Instructions(datas);
        let mut named: BTreeMap<Address, (bool, bool)> = BTreeMap::new();
        for meta in &instruction.accounts {
            let rights = named.entry(meta.address).or_default();
            rights.0 |= meta.is_signer;
            rights.1 |= meta.is_writable;
        }
        named.entry(instruction.program).or_default();
        let mut after: Vec<Account> = named.keys().map(|key| self.get(key)).collect();

        let mut context = TransactionContext::new(&self.environment);
        context.begin(self.compute_units, true);
        context.set_instructions(&instructions);
        for ((address, (is_signer, is_writable)), account) in named.iter().zip(&mut after) {
            context.push(if *is_writable {
                AccountSlot::owned(address, account, *is_signer)
            } else {
                AccountSlot::shared(address, account, *is_signer)
            });
        }
        let index = |address: &Address| {
            let index = named.keys().position(|known| known == address);
            u8::try_from(index.unwrap()).unwrap()
        };
        let metas = instruction.accounts.iter();
        let indices: Vec<u8> = metas.map(|meta| index(&meta.address)).collect();
        let program = index(&instruction.program);
        let result = context.process_instruction(0, program, &indices, &instruction.data);
        if result.is_err() {
            context.undo();
        }
        self.compute_units_left = context.compute_units_left();
        self.logs = context
            .records()
            .logs()
            .iter()
            .map(ToString::to_string)
            .collect();
        drop(context);
        self.accounts.extend(named.into_keys().zip(after));
        result
    }
}
