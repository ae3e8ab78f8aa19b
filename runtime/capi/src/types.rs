//! What results look like in C: structs without a reference into Rust.
//!
//! Pointers in them lead into the value that a handle names, and are valid until it is freed.

use lockstep_interface::{Account as StoredAccount, InstructionError, TransactionError};
use lockstep_runtime::{
    block::{BlockHeader, Receipt as RunReceipt, encode_error},
    verify::Refusal,
};

/// The address of an account or program: 32 bytes, base58 in texts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Address {
    /// The bytes.
    pub bytes: [u8; 32],
}

/// A hash: a block's id, a blockhash, or a root.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hash {
    /// The bytes.
    pub bytes: [u8; 32],
}

impl From<Address> for lockstep_interface::Address {
    fn from(address: Address) -> Self {
        Self::new_from_array(address.bytes)
    }
}

impl From<lockstep_interface::Address> for Address {
    fn from(address: lockstep_interface::Address) -> Self {
        Self {
            bytes: address.to_bytes(),
        }
    }
}

impl From<Hash> for lockstep_interface::Hash {
    fn from(hash: Hash) -> Self {
        Self::new_from_array(hash.bytes)
    }
}

impl From<lockstep_interface::Hash> for Hash {
    fn from(hash: lockstep_interface::Hash) -> Self {
        Self {
            bytes: hash.to_bytes(),
        }
    }
}

/// What a block says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The id of the block before.
    pub parent_id: Hash,
    /// The slot, above the parent's.
    pub slot: u64,
    /// Seconds since 1970.
    pub unix_timestamp: i64,
    /// Transactions in the block.
    pub transaction_count: u32,
    /// 1 if the chain computes a state root, else 0.
    pub has_state_root: u32,
    /// Root over the transactions.
    pub transaction_root: Hash,
    /// Root over their receipts, in the order of the block.
    pub receipts_root: Hash,
    /// Root over the accounts that the block changed.
    pub delta_root: Hash,
    /// Root over all accounts after the block; zeros without one.
    pub state_root: Hash,
    /// Digest of the block's plan.
    pub plan_digest: Hash,
}

impl From<&BlockHeader> for Header {
    fn from(header: &BlockHeader) -> Self {
        Self {
            parent_id: header.parent_id.into(),
            slot: header.slot,
            unix_timestamp: header.unix_timestamp,
            transaction_count: header.transaction_count,
            has_state_root: u32::from(header.state_root.is_some()),
            transaction_root: header.transaction_root.into(),
            receipts_root: header.receipts_root.into(),
            delta_root: header.delta_root.into(),
            state_root: header.state_root.unwrap_or_default().into(),
            plan_digest: header.plan_digest.into(),
        }
    }
}

/// The state kept under one address.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AccountFields {
    /// The balance, in lamports (10^-9 of a token). An account without lamports does not exist.
    pub lamports: u64,
    /// The program that may debit the account and change its data.
    pub owner: Address,
    /// 1 for programs, else 0.
    pub executable: u32,
    /// The content; may be NULL if there is none.
    pub data: *const u8,
    /// Its bytes, at most 10 MiB.
    pub data_size: usize,
}

impl From<&StoredAccount> for AccountFields {
    fn from(account: &StoredAccount) -> Self {
        Self {
            lamports: account.lamports,
            owner: account.owner.into(),
            executable: u32::from(account.executable),
            data: account.data.as_ptr(),
            data_size: account.data.len(),
        }
    }
}

/// An account of an instruction, as its program finds it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AccountInfo {
    /// The address.
    pub address: Address,
    /// The program that may debit the account and change its data.
    pub owner: Address,
    /// The balance, in lamports.
    pub lamports: u64,
    /// Bytes of its data.
    pub data_size: usize,
    /// 1 if it signed the transaction, or the invoking program signed for it, else 0.
    pub is_signer: u32,
    /// 1 if the instruction may change it, else 0.
    pub is_writable: u32,
    /// 1 for programs, else 0.
    pub executable: u32,
}

/// A number that stands for none.
pub(crate) const NONE: u32 = u32::MAX;

/// What became of a transaction.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    /// LOCKSTEP_OUTCOME_SUCCEEDED, _FAILED or _REFUSED.
    pub outcome: u32,
    /// Solana's number of the transaction error; UINT32_MAX if there is none, or if the bytes were
    /// no transaction.
    pub error: u32,
    /// The instruction that failed; UINT32_MAX if none did.
    pub instruction_index: u32,
    /// Solana's number of its error; UINT32_MAX if none did.
    pub instruction_error: u32,
    /// The program's own code, if that number is 25 (Custom), else 0.
    pub custom_code: u32,
    /// Lines of the log, if one was recorded.
    pub log_count: u32,
    /// Lamports paid for signatures.
    pub signature_fee: u64,
    /// Lamports paid for priority.
    pub priority_fee: u64,
    /// Compute units used.
    pub compute_units: u64,
}

/// The transaction is in the block, and did what it was to do.
pub const OUTCOME_SUCCEEDED: u32 = 0;
/// The transaction is in the block, paid its fee and changed nothing else.
pub const OUTCOME_FAILED: u32 = 1;
/// The transaction is not in the block and changed nothing.
pub const OUTCOME_REFUSED: u32 = 2;

/// The little-endian number at an offset of an encoded error; none behind its end.
fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

impl Receipt {
    fn without_error(outcome: u32) -> Self {
        Self {
            outcome,
            error: NONE,
            instruction_index: NONE,
            instruction_error: NONE,
            custom_code: 0,
            log_count: 0,
            signature_fee: 0,
            priority_fee: 0,
            compute_units: 0,
        }
    }

    fn with_error(outcome: u32, error: &TransactionError) -> Self {
        let mut receipt = Self::without_error(outcome);
        // Number, instruction, the instruction's error, its code.
        let bytes = encode_error(error);
        receipt.error = number(&bytes, 0).unwrap_or(NONE);
        if let TransactionError::InstructionError(index, _) = error {
            receipt.instruction_index = u32::from(*index);
            receipt.instruction_error = number(&bytes, 5).unwrap_or(NONE);
            receipt.custom_code = number(&bytes, 9).unwrap_or(0);
        }
        receipt
    }

    pub(crate) fn of(result: Result<&RunReceipt, &Refusal>) -> Self {
        let run = match result {
            Ok(run) => run,
            Err(Refusal::Rule(error)) => return Self::with_error(OUTCOME_REFUSED, error),
            Err(Refusal::Malformed(_)) => return Self::without_error(OUTCOME_REFUSED),
        };
        let receipt = match &run.status {
            Ok(()) => Self::without_error(OUTCOME_SUCCEEDED),
            Err(error) => Self::with_error(OUTCOME_FAILED, error),
        };
        let log_count = run.details.as_ref().map_or(0, |details| details.logs.len());
        Self {
            log_count: u32::try_from(log_count).unwrap_or(u32::MAX),
            signature_fee: run.signature_fee,
            priority_fee: run.priority_fee,
            compute_units: run.compute_units,
            ..receipt
        }
    }
}

/// Solana's number of an instruction's error.
pub(crate) fn instruction_number(error: &InstructionError) -> u32 {
    let bytes = encode_error(&TransactionError::InstructionError(0, error.clone()));
    number(&bytes, 5).unwrap_or(NONE)
}

/// What a commit did.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// Blocks that became final: the block, and its ancestors that were not.
    pub block_count: u64,
    /// Blocks that were forgotten because they do not descend from it.
    pub dropped_count: u64,
}

/// What an export wrote.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exported {
    /// Id of the block after which this is the state.
    pub block_id: Hash,
    /// The block's slot.
    pub slot: u64,
    /// Accounts.
    pub account_count: u64,
    /// Bytes.
    pub size: u64,
}

/// A transaction of the source that is not in the block that was built of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// Its place in all that the source gave, from 0.
    pub position: u32,
    /// Solana's number of the transaction error; UINT32_MAX if the bytes are no transaction.
    pub error: u32,
}

impl Refused {
    pub(crate) fn of((position, refusal): &(u32, Refusal)) -> Self {
        Self {
            position: *position,
            error: Receipt::of(Err(refusal)).error,
        }
    }
}

/// An account that a block has changed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The address.
    pub address: Address,
    /// What is there now; without lamports if it is gone.
    pub account: AccountFields,
}
