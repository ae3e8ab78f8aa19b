//! What the Associated Token Account program can be asked to do, and the calls that clients make.

use lockstep_interface::{AccountMeta, Address, Instruction, address::program_ids};

use super::associated_address;

/// A decoded instruction: one byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum AssociatedTokenInstruction {
    /// Creates a wallet's account of a mint. Accounts: payer (writable, signer), the account
    /// (writable), wallet, mint, System program, Token program.
    Create = 0,
    /// The same, but succeeds if the account is there already. Accounts: as for `Create`.
    CreateIdempotent = 1,
    /// Moves the tokens of an account that belongs to an associated account, by mistake, to the
    /// wallet's own, and closes it. Accounts: nested account (writable), its mint, the wallet's
    /// account of that mint (writable), the account that owns the nested one, its mint, wallet
    /// (writable, signer), Token program.
    RecoverNested = 2,
}

impl AssociatedTokenInstruction {
    /// Decodes instruction data; `None` if it is none of the program's. No data at all asks to
    /// create an account.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] | [0] => Some(Self::Create),
            [1] => Some(Self::CreateIdempotent),
            [2] => Some(Self::RecoverNested),
            _ => None,
        }
    }

    /// The call with these accounts.
    pub fn call(self, accounts: Vec<AccountMeta>) -> Instruction {
        Instruction {
            program: program_ids::ASSOCIATED_TOKEN,
            accounts,
            data: vec![self as u8],
        }
    }
}

/// Creates `wallet`'s account of `mint`, paid by `payer`, unless it is there.
pub fn create_idempotent(payer: &Address, wallet: &Address, mint: &Address) -> Instruction {
    let (account, _) = associated_address(wallet, &program_ids::TOKEN, mint);
    AssociatedTokenInstruction::CreateIdempotent.call(vec![
        AccountMeta::writable(*payer, true),
        AccountMeta::writable(account, false),
        AccountMeta::readonly(*wallet, false),
        AccountMeta::readonly(*mint, false),
        AccountMeta::readonly(program_ids::SYSTEM, false),
        AccountMeta::readonly(program_ids::TOKEN, false),
    ])
}
