//! Runs an instruction through SPL Token's processor.

use std::sync::Once;

use lockstep_interface::{Account, Address, Instruction, InstructionError, address::program_ids};
use lockstep_programs::token::{Mint, TokenInstruction, TokenState};
use solana_account_info::AccountInfo;
use solana_program_error::ProgramError;
use solana_pubkey::Pubkey;
use solana_sysvar::program_stubs::{SyscallStubs, set_syscall_stubs};
use spl_token::processor::Processor;

/// What an instruction left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Left {
    /// Success or the error.
    pub result: Result<(), InstructionError>,
    /// Return data; empty after a failure.
    pub return_data: Vec<u8>,
    /// All accounts afterwards; after a failure those before.
    pub accounts: Vec<(Address, Account)>,
}

/// Stands in for a validator: rent is the main network's, which is what the caller's buffer holds
/// from the start.
struct Validator;

impl SyscallStubs for Validator {
    fn sol_get_rent_sysvar(&self, _buffer: *mut u8) -> u64 {
        0
    }
}

/// An account in the form the processor takes.
struct Held {
    key: Pubkey,
    owner: Pubkey,
    lamports: u64,
    data: Vec<u8>,
}

/// Runs the instruction on these accounts.
pub fn run(accounts: &[(Address, Account)], instruction: &Instruction) -> Left {
    static STUBS: Once = Once::new();
    STUBS.call_once(|| {
        set_syscall_stubs(Box::new(Validator));
    });
    let pubkey = |address: &Address| Pubkey::new_from_array(address.to_bytes());
    let mut held: Vec<Held> = accounts
        .iter()
        .map(|(address, account)| Held {
            key: pubkey(address),
            owner: pubkey(&account.owner),
            lamports: account.lamports,
            data: account.data.to_vec(),
        })
        .collect();
    let (result, owners) = {
        let infos: Vec<AccountInfo<'_>> = held
            .iter_mut()
            .zip(accounts)
            .map(|(held, (address, _))| {
                let mut named = instruction.accounts.iter();
                let is_signer = named.any(|meta| meta.address == *address && meta.is_signer);
                let Held {
                    key,
                    owner,
                    lamports,
                    data,
                } = held;
                AccountInfo::new(key, is_signer, true, lamports, data, owner, false)
            })
            .collect();
        let named: Vec<AccountInfo<'_>> = instruction
            .accounts
            .iter()
            .map(|meta| {
                let mut known = accounts.iter();
                let index = known.position(|(address, _)| *address == meta.address);
                infos[index.expect("instructions name known accounts")].clone()
            })
            .collect();
        let program = pubkey(&program_ids::TOKEN);
        let result = Processor::process(&program, &named, &instruction.data);
        let owners: Vec<[u8; 32]> = infos.iter().map(|info| info.owner.to_bytes()).collect();
        (result, owners)
    };
    let accounts = match result {
        Ok(()) => held
            .into_iter()
            .zip(owners)
            .zip(accounts)
            .map(|((held, owner), (address, before))| (*address, after(held, owner, before)))
            .collect(),
        Err(_) => accounts.to_vec(),
    };
    Left {
        return_data: match result {
            Ok(()) => return_data(&accounts, instruction),
            Err(_) => Vec::new(),
        },
        result: result.map_err(|error: ProgramError| InstructionError::from(u64::from(error))),
        accounts,
    }
}

/// The account as a validator would keep it. Outside of one, the processor clears the data of an
/// account that it closes where on chain it cuts them off.
fn after(held: Held, owner: [u8; 32], before: &Account) -> Account {
    let owner = Address::new_from_array(owner);
    let is_closed = owner == program_ids::SYSTEM && before.owner != program_ids::SYSTEM;
    Account {
        lamports: held.lamports,
        data: if is_closed { Vec::new() } else { held.data }.into(),
        owner,
        executable: before.executable,
    }
}

/// What the processor returned. Outside of a validator it is thrown away, so it is asked again of
/// the functions that make it.
fn return_data(accounts: &[(Address, Account)], instruction: &Instruction) -> Vec<u8> {
    let decoded = TokenInstruction::decode(&instruction.data).expect("it succeeded");
    let decimals = || {
        let mint = &instruction.accounts[0].address;
        let account = accounts.iter().find(|(address, _)| address == mint);
        let (_, account) = account.expect("the mint was read");
        Mint::read(&account.data)
            .expect("the mint was read")
            .decimals
    };
    match decoded {
        TokenInstruction::GetAccountDataSize => {
            let size =
                <spl_token::state::Account as spl_token::solana_program::program_pack::Pack>::LEN;
            size.to_le_bytes().to_vec()
        }
        TokenInstruction::AmountToUiAmount { amount } => {
            spl_token::amount_to_ui_amount_string_trimmed(amount, decimals()).into_bytes()
        }
        TokenInstruction::UiAmountToAmount { text } => {
            let amount = spl_token::try_ui_amount_into_amount(text.to_owned(), decimals());
            amount.expect("it succeeded").to_le_bytes().to_vec()
        }
        _ => Vec::new(),
    }
}
