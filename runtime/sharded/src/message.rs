//! What coordinator and shards tell each other, in Borsh.

use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_interface::{Account, Address, TransactionError};
use lockstep_runtime::block::{Outcome, Receipt};
use lockstep_store::{Change, decode_account, encode_account};

/// An address.
pub(crate) type Key = [u8; 32];

/// An account by its address: its bytes as a store keeps them, none if it does not exist.
pub(crate) type Sent = (Key, Vec<u8>);

/// The bytes are no message.
#[derive(Debug)]
pub(crate) struct Malformed;

/// An account as it is sent.
pub(crate) fn sent(address: &Address, account: &Account) -> Sent {
    let bytes = match account.exists() {
        true => encode_account(account),
        false => Vec::new(),
    };
    (address.to_bytes(), bytes)
}

/// An account that was sent.
pub(crate) fn received((key, bytes): Sent) -> Result<Change, Malformed> {
    let account = match bytes.is_empty() {
        true => Account::default(),
        false => decode_account(&bytes).map_err(|_| Malformed)?,
    };
    Ok((Address::new_from_array(key), account))
}

/// What a worker process is told first.
#[derive(BorshDeserialize, BorshSerialize, Debug)]
pub(crate) struct Hello {
    /// Its number.
    pub(crate) shard: u32,
    /// How many there are.
    pub(crate) count: u32,
    /// The chain's parameters, as its ledger keeps them.
    pub(crate) parameters: Vec<u8>,
}

/// What the transactions of a block see of the blocks before.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug)]
pub(crate) struct Setting {
    /// Slot and time of the parent.
    pub(crate) parent: (u64, i64),
    /// Slot and time of the block.
    pub(crate) block: (u64, i64),
    /// The id of the parent.
    pub(crate) parent_id: Key,
    /// Slots and ids of the blocks before the parent, newest first.
    pub(crate) older: Vec<(u64, Key)>,
    /// The account of the schedule of activations.
    pub(crate) schedule: Vec<u8>,
}

/// A shard's part of a block.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug)]
pub(crate) struct Part {
    /// The first of the block's times.
    pub(crate) time: u64,
    /// Whether what the block before left is kept.
    pub(crate) keeps: bool,
    /// Whether all accounts are forgotten first.
    pub(crate) clears: bool,
    /// Accounts that are forgotten: the coordinator has changed them.
    pub(crate) forgotten: Vec<Key>,
    /// What the transactions see.
    pub(crate) setting: Setting,
    /// Lookup tables and nonces as the parent has them, in ascending order of addresses.
    pub(crate) named: Vec<Sent>,
    /// Accounts that live here from now on, as the parent has them.
    pub(crate) given: Vec<Sent>,
    /// What is done at each time, one after the other.
    pub(crate) steps: Vec<Step>,
}

/// What a shard does at one time, behind receiving what was sent at the time before.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default)]
pub(crate) struct Step {
    /// The transactions of the round with their indices in the block, in order.
    pub(crate) transactions: Vec<(u32, Vec<u8>)>,
    /// The accounts that several of the block's transactions credit at once, of those that these
    /// credit.
    pub(crate) shared: Vec<Key>,
    /// What is sent afterwards.
    pub(crate) sends: Vec<Sends>,
}

/// What one shard sends to another at one time.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default)]
pub(crate) struct Sends {
    /// The receiver.
    pub(crate) to: u32,
    /// Accounts that it has from then on.
    pub(crate) moved: Vec<Key>,
    /// Accounts that it may read, or credit.
    pub(crate) copied: Vec<Key>,
    /// Accounts of which it gets what was credited.
    pub(crate) summed: Vec<Key>,
}

/// What was added to an account: lamports, and to each counter by its offset.
pub(crate) type Sum = (u64, Vec<(u16, u64)>);

/// What one shard got from another.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default)]
pub(crate) struct Parcel {
    /// See [`Sends::moved`].
    pub(crate) moved: Vec<Sent>,
    /// See [`Sends::copied`].
    pub(crate) copied: Vec<Sent>,
    /// See [`Sends::summed`].
    pub(crate) summed: Vec<(Key, Sum)>,
}

/// What a shard did.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default)]
pub(crate) struct Report {
    /// The step that it could not do, and why.
    pub(crate) failure: Option<(u64, String)>,
    /// Whether a result depends on the order of credits.
    pub(crate) depends_on_order: bool,
    /// The outcomes of its transactions.
    pub(crate) outcomes: Vec<(u32, Told)>,
    /// The accounts of its own that the block has changed.
    pub(crate) changed: Vec<Sent>,
    /// The accounts that it has from this block on, changed or not.
    pub(crate) moved: Vec<Sent>,
    /// Transactions, compute units and sent bytes of each step.
    pub(crate) work: Vec<(u32, u64, u64)>,
}

/// An outcome: a refusal, or status, fees and compute units of a receipt. Errors are in Solana's
/// encoding.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug)]
pub(crate) enum Told {
    Refused(Vec<u8>),
    Included(Option<Vec<u8>>, [u64; 3]),
}

impl Told {
    pub(crate) fn new(outcome: &Outcome) -> Self {
        let bytes = lockstep_runtime::block::encode_error;
        match outcome {
            Outcome::Refused(error) => Self::Refused(bytes(error)),
            Outcome::Included(receipt) => {
                let error = receipt.status.as_ref().err().map(bytes);
                let numbers = [
                    receipt.signature_fee,
                    receipt.priority_fee,
                    receipt.compute_units,
                ];
                Self::Included(error, numbers)
            }
        }
    }

    pub(crate) fn outcome(self) -> Result<Outcome, Malformed> {
        let error = |bytes: Vec<u8>| -> Result<TransactionError, Malformed> {
            wincode::deserialize(&bytes).map_err(|_| Malformed)
        };
        Ok(match self {
            Self::Refused(bytes) => Outcome::Refused(error(bytes)?),
            Self::Included(bytes, [signature_fee, priority_fee, compute_units]) => {
                let status = bytes.map(error).transpose()?;
                Outcome::Included(Receipt {
                    status: status.map_or(Ok(()), Err),
                    signature_fee,
                    priority_fee,
                    compute_units,
                    details: None,
                })
            }
        })
    }
}

/// The bytes of a message.
pub(crate) fn encode<M: BorshSerialize>(message: &M) -> Vec<u8> {
    borsh::to_vec(message).expect("a message is smaller than 4 GiB, and a vector takes any bytes")
}

/// The message of these bytes.
pub(crate) fn decode<M: BorshDeserialize>(bytes: &[u8]) -> Result<M, Malformed> {
    borsh::from_slice(bytes).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use lockstep_interface::InstructionError;

    use super::*;

    #[test]
    fn outcomes_arrive_as_they_were_told() {
        let included = |status| {
            Outcome::Included(Receipt {
                status,
                signature_fee: 5_000,
                priority_fee: 1,
                compute_units: 150,
                details: None,
            })
        };
        let failed = TransactionError::InstructionError(2, InstructionError::Custom(7));
        let outcomes = [
            Outcome::Refused(TransactionError::InsufficientFundsForFee),
            Outcome::Refused(TransactionError::InsufficientFundsForRent { account_index: 3 }),
            included(Ok(())),
            included(Err(failed)),
        ];
        for outcome in outcomes {
            let bytes = encode(&Told::new(&outcome));
            let told: Told = decode(&bytes).unwrap();
            assert_eq!(told.outcome().unwrap(), outcome);
            assert!(decode::<Told>(&bytes[1..]).is_err());
        }
    }

    #[test]
    fn accounts_arrive_as_they_were_sent() {
        let address = Address::new_from_array([3; 32]);
        for account in [Account::default(), Account::wallet(9)] {
            let arrived = received(sent(&address, &account)).unwrap();
            assert_eq!(arrived, (address, account));
        }
        assert!(received(([3; 32], vec![1])).is_err());
    }
}
