//! What became of one transaction, in the form in which it is kept.

use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_interface::{AccountData, TransactionError};
use lockstep_programs::token::{TokenAccount, TokenState as _};
use lockstep_runtime::block::Receipt;

/// An instruction that a program invoked.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct InnerCall {
    /// The top-level instruction that it ran under.
    pub instruction: u8,
    /// Its depth; 2 if the top level invoked it.
    pub depth: u8,
    /// Place of the program among the transaction's accounts.
    pub program: u8,
    /// Places of its accounts.
    pub accounts: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

/// The balance of a token account.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenBalance {
    /// Its place among the transaction's accounts.
    pub account: u8,
    /// Its mint.
    pub mint: [u8; 32],
    /// Its owner.
    pub owner: [u8; 32],
    /// Its amount, in the smallest unit.
    pub amount: u64,
}

/// What became of a transaction.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq)]
pub struct TransactionMeta {
    /// The error in Solana's JSON form; `None` for success.
    pub error: Option<String>,
    /// Lamports paid, for signatures and priority.
    pub fee: u64,
    /// Lamports of them paid for priority.
    pub priority_fee: u64,
    /// Compute units used.
    pub compute_units: u64,
    /// The log.
    pub logs: Vec<String>,
    /// Invoked instructions in the order of their calls.
    pub inner: Vec<InnerCall>,
    /// The program that set return data, and the data.
    pub return_data: Option<([u8; 32], Vec<u8>)>,
    /// Lamports before, in message order.
    pub balances_before: Vec<u64>,
    /// Lamports afterwards.
    pub balances_after: Vec<u64>,
    /// Token balances before.
    pub tokens_before: Vec<TokenBalance>,
    /// Token balances afterwards.
    pub tokens_after: Vec<TokenBalance>,
    /// Addresses out of lookup tables, writable.
    pub loaded_writable: Vec<[u8; 32]>,
    /// The same, read-only.
    pub loaded_readonly: Vec<[u8; 32]>,
}

impl TransactionMeta {
    /// What a receipt says. Addresses out of lookup tables are not in it.
    pub fn of(receipt: &Receipt) -> Self {
        let error = receipt.status.as_ref().err();
        let fee = receipt.signature_fee.saturating_add(receipt.priority_fee);
        let mut meta = Self {
            error: error.map(error_json),
            fee,
            priority_fee: receipt.priority_fee,
            compute_units: receipt.compute_units,
            ..Self::default()
        };
        let Some(details) = &receipt.details else {
            return meta;
        };
        meta.logs = details.logs.iter().map(ToString::to_string).collect();
        let inner = details.inner_instructions.iter();
        meta.inner = inner
            .map(|call| InnerCall {
                instruction: call.instruction_index,
                depth: call.depth,
                program: call.program_index,
                accounts: call.accounts.clone(),
                data: call.data.clone(),
            })
            .collect();
        let left = &details.return_data;
        if !left.data.is_empty() {
            meta.return_data = Some((left.program.to_bytes(), left.data.clone()));
        }
        meta.balances_before.clone_from(&details.balances_before);
        meta.balances_after.clone_from(&details.balances_after);
        meta.tokens_before = token_balances(&details.data_before);
        meta.tokens_after = token_balances(&details.data_after);
        meta
    }

    /// The error as JSON; null for success.
    pub fn error_value(&self) -> serde_json::Value {
        let error = self.error.as_deref();
        let error = error.and_then(|error| serde_json::from_str(error).ok());
        error.unwrap_or(serde_json::Value::Null)
    }
}

/// An error in Solana's JSON form.
pub(super) fn error_json(error: &TransactionError) -> String {
    serde_json::to_string(error).expect("an error is numbers and names")
}

fn token_balances(data: &[(u8, AccountData)]) -> Vec<TokenBalance> {
    let accounts = data.iter().filter_map(|(account, data)| {
        let token = TokenAccount::read(data).ok()?;
        Some(TokenBalance {
            account: *account,
            mint: token.mint.to_bytes(),
            owner: token.owner.to_bytes(),
            amount: token.amount.get(),
        })
    });
    accounts.collect()
}
