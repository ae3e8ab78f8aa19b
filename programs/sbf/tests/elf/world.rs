//! Accounts and programs, and transactions of one instruction on them.

use std::collections::BTreeMap;

use lockstep_interface::{
    Account, AccountMeta, Address, Environment, Instruction, InstructionError, InvokeContext,
    Program, ProgramTable, Rent, RuleSet, Sysvars,
    address::program_ids,
    context::{AccountSlot, LogEntry, TransactionContext},
    sysvar::Clock,
};

/// Compute units of a transaction, the most that Solana allows.
pub(crate) const UNITS: u64 = 1_400_000;

/// What an instruction left besides accounts.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Done {
    pub(crate) result: Result<(), InstructionError>,
    pub(crate) units: u64,
    pub(crate) logs: Vec<LogEntry>,
    pub(crate) returned: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct World {
    environment: Environment,
    pub(crate) accounts: BTreeMap<Address, Account>,
}

impl World {
    pub(crate) fn new(programs: ProgramTable) -> Self {
        let programs = match programs.get(&program_ids::SYSTEM) {
            Some(_) => programs,
            None => programs.with(System),
        };
        let mut accounts = BTreeMap::new();
        for program in programs.iter() {
            let account = Account {
                lamports: 1,
                owner: program_ids::NATIVE_LOADER,
                executable: true,
                ..Account::default()
            };
            accounts.insert(program.address(), account);
        }
        let sysvars = Sysvars {
            clock: Some(Clock {
                slot: 7,
                unix_timestamp: 1_700_000_000,
                ..Clock::default()
            }),
            rent: Some(Rent::MAINNET),
            ..Sysvars::default()
        };
        for (address, account) in sysvars.accounts() {
            accounts.insert(address, account);
        }
        Self {
            environment: Environment {
                sysvars,
                rules: RuleSet::Current,
                programs,
            },
            accounts,
        }
    }

    /// An account of a program, filled with zeros.
    pub(crate) fn put(&mut self, seed: u8, owner: Address, size: usize) -> Address {
        let address = Address::new_from_array([seed; 32]);
        let account = Account {
            lamports: Rent::MAINNET.minimum_balance(size),
            data: vec![0; size].into(),
            owner,
            executable: false,
        };
        self.accounts.insert(address, account);
        address
    }

    pub(crate) fn data(&self, address: &Address) -> &[u8] {
        &self.accounts[address].data
    }

    /// Runs an instruction with this many compute units; a failed one changes nothing.
    pub(crate) fn run_with(&mut self, instruction: &Instruction, units: u64) -> Done {
        let mut metas: Vec<AccountMeta> = Vec::new();
        let program = AccountMeta::readonly(instruction.program, false);
        for meta in instruction.accounts.iter().chain([&program]) {
            match metas.iter_mut().find(|known| known.address == meta.address) {
                Some(known) => {
                    known.is_signer |= meta.is_signer;
                    known.is_writable |= meta.is_writable;
                }
                None => metas.push(*meta),
            }
        }
        let index = |address: &Address| {
            let found = metas.iter().position(|meta| meta.address == *address);
            let found = found.expect("the transaction names each account");
            u8::try_from(found).expect("at most 256 accounts")
        };
        let accounts: Vec<u8> = instruction
            .accounts
            .iter()
            .map(|meta| index(&meta.address))
            .collect();
        let mut held: Vec<Account> = metas
            .iter()
            .map(|meta| {
                self.accounts
                    .get(&meta.address)
                    .cloned()
                    .unwrap_or_default()
            })
            .collect();
        let mut context = TransactionContext::new(&self.environment);
        context.begin(units, true);
        for (meta, account) in metas.iter().zip(&mut held) {
            context.push(match meta.is_writable {
                true => AccountSlot::owned(&meta.address, account, meta.is_signer),
                false => AccountSlot::shared(&meta.address, account, meta.is_signer),
            });
        }
        let program = index(&instruction.program);
        let result = context.process_instruction(0, program, &accounts, &instruction.data);
        let done = Done {
            units: units - context.compute_units_left(),
            logs: context.records().logs().to_vec(),
            returned: context.records().return_data().data.clone(),
            result,
        };
        if done.result.is_err() {
            context.undo();
        }
        drop(context);
        for (meta, account) in metas.iter().zip(held) {
            if meta.is_writable {
                self.accounts.insert(meta.address, account);
            }
        }
        done
    }

    pub(crate) fn run(&mut self, instruction: &Instruction) -> Done {
        self.run_with(instruction, UNITS)
    }
}

/// As much of the System program as creates accounts.
#[derive(Debug)]
struct System;

impl Program for System {
    fn address(&self) -> Address {
        program_ids::SYSTEM
    }

    fn name(&self) -> &'static str {
        "system"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(150)?;
        let data = context.data();
        let (Some(&[0, 0, 0, 0]), Some(fields)) = (data.first_chunk(), data.get(4..)) else {
            return Err(InstructionError::InvalidInstructionData);
        };
        let numbers = fields.as_chunks::<8>().0;
        let [lamports, size] = [0, 1].map(|index| u64::from_le_bytes(numbers[index]));
        if !context.is_signer(0)? || !context.is_signer(1)? {
            return Err(InstructionError::MissingRequiredSignature);
        }
        context.account_mut(0)?.debit(lamports)?;
        let mut account = context.account_mut(1)?;
        account.credit(lamports)?;
        account.resize(usize::try_from(size).map_err(|_| InstructionError::InvalidArgument)?)?;
        let owner = fields[16..].first_chunk().copied();
        let owner = owner.ok_or(InstructionError::InvalidInstructionData)?;
        account.set_owner(&Address::new_from_array(owner))
    }
}
