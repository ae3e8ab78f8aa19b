//! Runs an instruction through the Token program of this workspace.

use lockstep_interface::{
    Account, Address, Environment, Instruction, Rent, RuleSet, Sysvars,
    address::program_ids,
    context::{AccountSlot, TransactionContext},
};
use lockstep_programs::builtin_programs;

use crate::judge::Left;

/// Surroundings that stay the same.
#[derive(Debug)]
pub struct Runner {
    environment: Environment,
    program: Account,
}

impl Runner {
    /// Today's rules and the main network's rent.
    pub fn new() -> Self {
        Self {
            environment: Environment {
                sysvars: Sysvars {
                    rent: Some(Rent::MAINNET),
                    ..Sysvars::default()
                },
                rules: RuleSet::Current,
                programs: builtin_programs(),
            },
            program: Account {
                lamports: 1,
                owner: program_ids::NATIVE_LOADER,
                executable: true,
                ..Account::default()
            },
        }
    }

    /// Runs the instruction on these accounts.
    pub fn run(&mut self, accounts: &[(Address, Account)], instruction: &Instruction) -> Left {
        let mut after = accounts.to_vec();
        let mut context = TransactionContext::new(&self.environment);
        context.begin(1_400_000, false);
        for (address, account) in &mut after {
            let mut named = instruction.accounts.iter();
            let is_signer = named.any(|meta| meta.address == *address && meta.is_signer);
            context.push(AccountSlot::owned(address, account, is_signer));
        }
        context.push(AccountSlot::shared(
            &program_ids::TOKEN,
            &self.program,
            false,
        ));
        let index = |address: &Address| {
            let index = accounts.iter().position(|(known, _)| known == address);
            u8::try_from(index.expect("instructions name known accounts")).expect("few accounts")
        };
        let metas = instruction.accounts.iter();
        let named: Vec<u8> = metas.map(|meta| index(&meta.address)).collect();
        let program = u8::try_from(accounts.len()).expect("few accounts");
        let result = context.process_instruction(0, program, &named, &instruction.data);
        let return_data = match result {
            Ok(()) => context.records().return_data().data.clone(),
            Err(_) => Vec::new(),
        };
        if result.is_err() {
            context.undo();
        }
        drop(context);
        Left {
            result,
            return_data,
            accounts: after,
        }
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}
