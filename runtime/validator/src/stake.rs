//! Stake of an operator's own with its own validator: what makes a node a member of a network.
//!
//! ```text
//! stake     register, if the validator is new; deposit and delegate  -> a member two epochs later
//! unstake   deactivate                                               -> none two epochs later
//! ```
//! One epoch is what the program takes, so that all know before it begins; the list that follows
//! from it names the members of the one after that.

use std::{
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{Account, Address, Hash, Instruction};
use lockstep_node::{
    AccountJsonError, account_of_json,
    client::{CallError, call},
    keys::{address_of, read_key},
};
use lockstep_runtime::wire::{MessageBuilder, MessageError, SigningKey};
use lockstep_sdk::state::from_account;
use lockstep_stake::{
    EPOCHS,
    staking::{
        self, DelegateAddresses, Deposit, DepositAddresses, Register, RegisterAddresses, Stake,
        Validator,
    },
};
use serde_json::json;
use thiserror::Error;

use crate::duties::catch_up;

/// Transactions that are tried.
const TRIES: usize = 5;
/// Time for one to become final.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(200);
/// Stakes of one owner that are looked at.
const STAKES_MAX: u64 = 64;

/// Why nothing is staked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StakeError {
    /// The key cannot be read.
    #[error("{path}: {source}")]
    Key {
        /// Its file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The node does not answer, or refuses the transaction.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The node's account is none.
    #[error(transparent)]
    Account(#[from] AccountJsonError),
    /// The node answers something else.
    #[error("the node's answer to {0} is not of the form that it must have")]
    Answer(&'static str),
    /// The transaction cannot be made.
    #[error("the transaction: {0}")]
    Message(#[from] MessageError),
    /// The chain has no staking program.
    #[error("the network's members never change: its file has no `staking`")]
    NoStaking,
    /// The owner has no stake that could be taken back.
    #[error("{0} has no stake that is delegated")]
    Nothing(Address),
    /// The transaction fails.
    #[error("the transaction fails: {0}")]
    Failed(String),
    /// The transaction does not become final.
    #[error("the transaction was not final after {PATIENCE:?}: see whether the network goes on")]
    NotFinal,
    /// All places for stakes are taken.
    #[error("{0} has {STAKES_MAX} stakes: release and withdraw one first")]
    Full(Address),
}

/// A validator's operator, with a node to ask.
pub struct Operator<'u> {
    key: SigningKey,
    wallet: Address,
    url: &'u str,
}

impl std::fmt::Debug for Operator<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Operator");
        shown.field("wallet", &self.wallet).finish_non_exhaustive()
    }
}

impl<'u> Operator<'u> {
    /// The operator whose validator has the key of this file.
    ///
    /// # Errors
    /// If the file holds no key, or the network has no staking.
    pub fn new(key: &Path, url: &'u str) -> Result<Self, StakeError> {
        let read = read_key(key).map_err(|source| StakeError::Key {
            path: key.display().to_string(),
            source,
        })?;
        let wallet = address_of(&read);
        let operator = Self {
            key: read,
            wallet,
            url,
        };
        operator.account(&EPOCHS)?.ok_or(StakeError::NoStaking)?;
        Ok(operator)
    }

    /// Delegates lamports of the wallet to the own validator, which is registered if it is new, and
    /// waits until that is final. Gives the stake's address and the transaction's signature.
    ///
    /// # Errors
    /// If the node does not take it, or it fails.
    pub fn stake(&self, lamports: u64) -> Result<(Address, String), StakeError> {
        self.run(|| self.staking(lamports))
    }

    fn staking(&self, lamports: u64) -> Result<(Address, Vec<Instruction>), StakeError> {
        let mut free = None;
        for number in 0..STAKES_MAX {
            if self.find(number)?.is_none() {
                free = Some(number);
                break;
            }
        }
        let number = free.ok_or(StakeError::Full(self.wallet))?;
        let (owner, validator) = (self.wallet, self.validator());
        let mut instructions = self.catch_up()?;
        if self.registered()?.is_none() {
            let register = RegisterAddresses {
                identity: owner,
                key: owner,
            };
            instructions.push(staking::call::register(&register, 0));
        }
        let deposit = DepositAddresses { owner };
        instructions.push(staking::call::deposit(&deposit, number, lamports));
        let (stake, _) = Deposit::stake_address(&owner, number);
        let delegate = DelegateAddresses {
            owner,
            stake,
            validator,
        };
        instructions.push(staking::call::delegate(&delegate));
        Ok((stake, instructions))
    }

    /// Takes back all stake of the wallet that the own validator has, and waits until that is
    /// final. Gives the stakes' addresses and the transaction's signature.
    ///
    /// # Errors
    /// If there is none, the node does not take it, or it fails.
    pub fn unstake(&self) -> Result<(Vec<Address>, String), StakeError> {
        self.run(|| self.unstaking())
    }

    fn unstaking(&self) -> Result<(Vec<Address>, Vec<Instruction>), StakeError> {
        let (owner, validator) = (self.wallet, self.validator());
        let mut stakes = Vec::new();
        let mut instructions = self.catch_up()?;
        for number in 0..STAKES_MAX {
            let Some((stake, state)) = self.find(number)? else {
                break;
            };
            if state.validator == validator && state.until.get() == u64::MAX {
                let delegate = DelegateAddresses {
                    owner,
                    stake,
                    validator,
                };
                instructions.push(staking::call::deactivate(&delegate));
                stakes.push(stake);
            }
        }
        if stakes.is_empty() {
            return Err(StakeError::Nothing(owner));
        }
        Ok((stakes, instructions))
    }

    /// Sends what `make` gives, again if it fails: another member may have called `advance` or
    /// `roll` of the new epoch meanwhile.
    fn run<T>(
        &self,
        make: impl Fn() -> Result<(T, Vec<Instruction>), StakeError>,
    ) -> Result<(T, String), StakeError> {
        let mut last = None;
        for _ in 0..TRIES {
            let (what, instructions) = make()?;
            match self.send(&instructions) {
                Ok(signature) => match self.outcome(&signature)? {
                    None => return Ok((what, signature)),
                    Some(error) => last = Some(StakeError::Failed(error)),
                },
                Err(error @ StakeError::Call(_)) => last = Some(error),
                Err(error) => return Err(error),
            }
            thread::sleep(INTERVAL);
        }
        Err(last.unwrap_or(StakeError::NotFinal))
    }

    /// Waits until a transaction is final. Gives its error, if it has one.
    fn outcome(&self, signature: &str) -> Result<Option<String>, StakeError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let answer = call(self.url, "getSignatureStatuses", &json!([[signature]]))?;
            let status = &answer["value"][0];
            if status["confirmationStatus"] == "finalized" {
                let error = &status["err"];
                return Ok((!error.is_null()).then(|| error.to_string()));
            }
            thread::sleep(INTERVAL);
        }
        Err(StakeError::NotFinal)
    }

    /// The own validator, if it is registered.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn registered(&self) -> Result<Option<Validator>, StakeError> {
        let account = self.account(&self.validator())?;
        Ok(account.and_then(|account| from_account(&account).ok()))
    }

    /// What has to be called first, since an epoch has just begun.
    fn catch_up(&self) -> Result<Vec<Instruction>, StakeError> {
        let course = self.account(&EPOCHS)?.ok_or(StakeError::NoStaking)?;
        let course = from_account(&course).map_err(|_| StakeError::NoStaking)?;
        let slot = call(self.url, "getSlot", &json!([]))?;
        let slot = slot.as_u64().ok_or(StakeError::Answer("getSlot"))?;
        let own = self.registered()?;
        let calls = own.map(|own| catch_up(slot, &course, (self.validator(), &own)));
        Ok(calls.unwrap_or_default())
    }

    fn validator(&self) -> Address {
        Register::validator_address(&self.wallet).0
    }

    /// A stake of the wallet by its number.
    fn find(&self, number: u64) -> Result<Option<(Address, Stake)>, StakeError> {
        let (address, _) = Deposit::stake_address(&self.wallet, number);
        let account = self.account(&address)?;
        let state = account.and_then(|account| from_account(&account).ok());
        Ok(state.map(|state| (address, state)))
    }

    fn account(&self, address: &Address) -> Result<Option<Account>, StakeError> {
        let config = json!({ "encoding": "base64" });
        let arguments = json!([address.to_string(), config]);
        let answer = call(self.url, "getAccountInfo", &arguments)?;
        Ok(account_of_json(&answer)?)
    }

    fn send(&self, instructions: &[Instruction]) -> Result<String, StakeError> {
        let answer = call(self.url, "getLatestBlockhash", &json!([]))?;
        let blockhash: Option<Hash> = answer["value"]["blockhash"]
            .as_str()
            .and_then(|hash| hash.parse().ok());
        let blockhash = blockhash.ok_or(StakeError::Answer("getLatestBlockhash"))?;
        let message = MessageBuilder::new(self.wallet, blockhash.to_bytes(), instructions);
        let signed = message.compile()?.sign(&[&self.key])?;
        let encoded = BASE64_STANDARD.encode(signed);
        let config = json!({ "encoding": "base64" });
        let signature = call(self.url, "sendTransaction", &json!([encoded, config]))?;
        let signature = signature.as_str().map(str::to_owned);
        signature.ok_or(StakeError::Answer("sendTransaction"))
    }
}
