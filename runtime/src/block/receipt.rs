//! The outcomes of a block's transactions, and how receipts are hashed.

use lockstep_interface::{
    Account, AccountData, Address, Hash, TransactionError,
    context::{AccountUse, Diagnostic, Event, InnerInstruction, LogEntry, ReturnData},
};
use sha2::{Digest, Sha256};

use super::error_code::encode_error;

/// What receipts carry besides status, fee and compute units.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recording {
    /// Logs, invoked instructions, events and return data.
    pub logs: bool,
    /// Balances of all accounts before and after.
    pub balances: bool,
    /// What was done with each account, for [`audit`](crate::audit).
    pub uses: bool,
    /// Data before and after of the accounts that this program owns.
    pub data_of: Option<Address>,
    /// The accounts that the transaction may write, before and afterwards, for
    /// [`settle`](crate::settle).
    pub accounts: bool,
}

impl Recording {
    /// Everything but accounts and their data.
    pub const ALL: Self = Self {
        logs: true,
        balances: true,
        uses: true,
        data_of: None,
        accounts: false,
    };
    /// Nothing but status, fee and compute units.
    pub const NONE: Self = Self {
        logs: false,
        balances: false,
        uses: false,
        data_of: None,
        accounts: false,
    };

    /// Whether it takes that no two transactions share an account.
    pub(crate) fn is_exclusive(self) -> bool {
        self.balances || self.accounts || self.data_of.is_some()
    }

    pub(crate) fn any(self) -> bool {
        let any = self.logs || self.balances || self.uses || self.accounts;
        any || self.data_of.is_some()
    }
}

/// The outcome of a transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It is not part of the block and changed nothing.
    Refused(TransactionError),
    /// It is part of the block.
    Included(Receipt),
}

impl Outcome {
    /// The receipt of an included transaction.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Included(receipt) => Some(receipt),
            Self::Refused(_) => None,
        }
    }
}

/// What an included transaction did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Success, or why it failed; a failed transaction paid its fee and changed nothing else,
    /// except that its nonce advanced.
    pub status: Result<(), TransactionError>,
    /// Lamports paid for signatures.
    pub signature_fee: u64,
    /// Lamports paid for priority.
    pub priority_fee: u64,
    /// Compute units used.
    pub compute_units: u64,
    /// What was asked to be recorded.
    pub details: Option<Box<Details>>,
}

/// The recorded part of a receipt.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Details {
    /// The log.
    pub logs: Vec<LogEntry>,
    /// Instructions that programs invoked.
    pub inner_instructions: Vec<InnerInstruction>,
    /// Values that programs published.
    pub events: Vec<Event>,
    /// Bytes the last program to do so left.
    pub return_data: ReturnData,
    /// Why the failed instruction failed, if one did.
    pub diagnostic: Option<Diagnostic>,
    /// Lamports of each account before the fee was taken, in message order.
    pub balances_before: Vec<u64>,
    /// Lamports of each account afterwards.
    pub balances_after: Vec<u64>,
    /// The use of each account, in message order; uses that a failure undid are included. Fee
    /// payer, nonce account and the programs of all instructions count as used.
    pub uses: Vec<AccountUse>,
    /// Data of the accounts that the program of [`Recording::data_of`] owned before the
    /// transaction, with their indices in message order.
    pub data_before: Vec<(u8, AccountData)>,
    /// The same for those that it owns afterwards.
    pub data_after: Vec<(u8, AccountData)>,
    /// The accounts that the transaction may write, with their indices in message order: before the
    /// fee was taken, and afterwards.
    pub written: Vec<(u8, [Account; 2])>,
}

/// SHA-256 over the included transactions in the order given.
///
/// Each is one byte for success (0) or failure (1), then for a failure Solana's encoding of the
/// error behind its size as `u32`, then both fees and the compute units as `u64`, integers
/// little-endian. Details do not enter, since they are optional.
pub fn receipts_hash<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> Hash {
    let mut hasher = Sha256::new();
    let mut bytes = Vec::new();
    for receipt in receipts {
        bytes.clear();
        append_receipt(receipt, &mut bytes);
        hasher.update(&bytes);
    }
    Hash::new_from_array(hasher.finalize().into())
}

/// Appends what [`receipts_hash`] hashes of one receipt.
pub(crate) fn append_receipt(receipt: &Receipt, bytes: &mut Vec<u8>) {
    match &receipt.status {
        Ok(()) => bytes.push(0),
        Err(error) => {
            let error = encode_error(error);
            let size = u32::try_from(error.len()).expect("an error takes some bytes");
            bytes.push(1);
            bytes.extend(size.to_le_bytes());
            bytes.extend(error);
        }
    }
    bytes.extend(receipt.signature_fee.to_le_bytes());
    bytes.extend(receipt.priority_fee.to_le_bytes());
    bytes.extend(receipt.compute_units.to_le_bytes());
}
