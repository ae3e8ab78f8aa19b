//! A relayer between two networks: reads both by JSON-RPC, and carries certified proofs from one to
//! the other.
//!
//! Each round looks at what both chains have, and does one step for each message that is open. It
//! keeps nothing that the chains do not have, so that it can end and begin again at any time, and
//! run beside others.

#![allow(dead_code, reason = "a test uses more of it than the example")]

use std::{collections::BTreeMap, thread, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{Address, Hash, Instruction};
use lockstep_light::{LightError, Succession};
use lockstep_messages::{
    bridge::Transfer,
    inbox::{ACCEPTED, Mark},
    light_client::{self, Client, UploadAddresses, UploadedAddresses},
    outbox::{Message, Outgoing},
    relay::{End, Proof, transfer_of},
};
use lockstep_node::{account_of_json, client::call, keys::address_of};
use lockstep_runtime::wire::{MessageBuilder, MessageError, SigningKey, TransactionConfig};
use lockstep_sdk::{
    interface::InstructionError,
    state::{StateData, from_account},
};
use serde_json::{Value, json};
use thiserror::Error;

/// Compute units that a transaction asks for.
const UNITS: u32 = 400_000;
/// Bytes of a proof in one transaction, where it is uploaded.
const PIECE_SIZE: usize = 3_000;
/// How often a transaction is asked for before it counts as lost, and the time between.
const ASKED_MAX: usize = 60;
const PAUSE: Duration = Duration::from_millis(100);

/// Why a round ends early; the next one begins again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum RelayError {
    /// No node of a network answers, or none as expected.
    #[error("no node of the network answers {0}")]
    NoAnswer(&'static str),
    /// A proof is wrong.
    #[error("the node's proof is wrong: {0}")]
    Proof(#[from] LightError),
    /// An account holds something else.
    #[error("the account {address}: {error}")]
    Account {
        /// Which.
        address: Address,
        /// Why it cannot be read.
        error: InstructionError,
    },
    /// The transaction cannot be made.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The transaction failed, perhaps because another relayer was first.
    #[error("the transaction failed: {0}")]
    Failed(String),
    /// The transaction is in no block.
    #[error("the transaction {0} is in no block: it was lost, and is sent again")]
    Lost(String),
}

/// One network, and its half of the bridge.
pub(crate) struct Side {
    /// JSON-RPC of its nodes, which are not trusted.
    pub(crate) urls: Vec<String>,
    /// What is trusted, as far as it was followed.
    pub(crate) network: Succession,
    /// By epoch, what proves the members of the next one.
    pub(crate) passages: BTreeMap<u64, Vec<u8>>,
    /// Its half.
    pub(crate) end: End,
}

/// Carries messages between two networks.
pub(crate) struct Relayer {
    /// Both networks.
    pub(crate) sides: [Side; 2],
    /// Pays fees and rent.
    pub(crate) key: SigningKey,
    /// Messages of each side that are settled, the first ones.
    pub(crate) settled: [u64; 2],
}

impl Relayer {
    /// One step for each open message of both sides. Gives how many are open.
    pub(crate) fn round(&mut self) -> Result<u64, RelayError> {
        let mut open = 0;
        self.sides.iter_mut().for_each(Side::rank);
        for from in [0, 1] {
            let outgoing = self.sides[from].end.outgoing;
            let channel: Option<Outgoing> = self.sides[from].state(&outgoing)?;
            let sent = channel.map_or(0, |channel| channel.sent.get());
            let mut first = None;
            for number in self.settled[from]..sent {
                let is_open = match self.step(from, number) {
                    // Another relayer was first, or a node is behind: the next round shows it.
                    Err(RelayError::Failed(_) | RelayError::Lost(_)) => true,
                    step => step?,
                };
                if is_open {
                    open += 1;
                    first.get_or_insert(number);
                }
            }
            self.settled[from] = first.unwrap_or(sent);
        }
        Ok(open)
    }

    /// Brings a message one step on; false if it is settled.
    fn step(&mut self, from: usize, number: u64) -> Result<bool, RelayError> {
        let Some((message, transfer)) = self.message(from, number)? else {
            return Ok(false);
        };
        let to = 1 - from;
        let address = self.sides[to].end.mark_address(number);
        let mark: Option<Mark> = self.sides[to].state(&address)?;
        let is_late = self.sides[to].slot()? > message.deadline;
        if mark.is_none() && !is_late {
            let address = self.sides[from].end.message_address(number);
            let proof = self.sides[from].proof(&address)?;
            self.deliver(from, (number, &transfer), &proof)?;
            return Ok(true);
        }
        let proof = self.sides[to].proof(&address)?;
        self.follow(from)?;
        let is_accepted = mark.is_some_and(|mark| mark.outcome == ACCEPTED);
        let here = &self.sides[from];
        let calls = here.end.settle((&message, &transfer), &proof, is_accepted);
        here.send(&self.key, &calls)?;
        Ok(false)
    }

    /// Brings a message of a side to the other one.
    pub(crate) fn deliver(
        &self,
        from: usize,
        message: (u64, &Transfer),
        proof: &Proof,
    ) -> Result<(), RelayError> {
        let to = 1 - from;
        self.follow(to)?;
        let payer = address_of(&self.key);
        let calls = self.sides[to].end.deliver(payer, message, proof);
        self.sides[to].send(&self.key, &calls)
    }

    /// Has the client of a side take the newest header of the other one.
    pub(crate) fn update(&mut self, side: usize) -> Result<(), RelayError> {
        let bridge = self.sides[1 - side].end.bridge;
        let proof = self.sides[1 - side].proof(&bridge)?;
        self.follow(side)?;
        let here = &self.sides[side];
        here.send(&self.key, &[here.end.take(&proof.head)])
    }

    /// Leads the client of a side from the epoch that it knows to the one that the other network
    /// was followed to. The proofs are uploaded, since the list of members is long.
    fn follow(&self, side: usize) -> Result<(), RelayError> {
        let (here, there) = (&self.sides[side], &self.sides[1 - side]);
        let client: Option<Client> = here.state(&here.end.client)?;
        let epoch = client.map_or(0, |client| client.epoch);
        let payer = address_of(&self.key);
        let upload = UploadAddresses { payer };
        let advance = UploadedAddresses {
            payer,
            client: here.end.client,
        };
        for (epoch, proof) in there.passages.range(epoch..) {
            let mut offset = 0;
            for piece in proof.chunks(PIECE_SIZE) {
                let call = light_client::call::upload(&upload, *epoch, offset, piece.to_vec());
                here.send(&self.key, &[call])?;
                offset += u32::try_from(piece.len()).unwrap_or(u32::MAX);
            }
            let call = light_client::call::advance_uploaded(&advance, *epoch);
            here.send(&self.key, &[call])?;
        }
        Ok(())
    }

    /// A message that is not settled, and what it says.
    pub(crate) fn message(
        &self,
        from: usize,
        number: u64,
    ) -> Result<Option<(Message, Transfer)>, RelayError> {
        let side = &self.sides[from];
        let message: Option<Message> = side.state(&side.end.message_address(number))?;
        Ok(message.and_then(|message| {
            let transfer = transfer_of(&message)?;
            Some((message, transfer))
        }))
    }
}

impl Side {
    /// Puts the node that has come farthest first.
    fn rank(&mut self) {
        self.urls.sort_by_cached_key(|url| {
            let slot = call(url, "getSlot", &json!([])).ok();
            std::cmp::Reverse(slot.and_then(|slot| slot.as_u64()))
        });
    }

    /// Asks one node after the other.
    fn ask<T>(
        &self,
        method: &'static str,
        parameters: &Value,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, RelayError> {
        let mut answers = self.urls.iter();
        let found = answers.find_map(|url| read(&call(url, method, parameters).ok()?));
        found.ok_or(RelayError::NoAnswer(method))
    }

    /// The newest slot.
    pub(crate) fn slot(&self) -> Result<u64, RelayError> {
        self.ask("getSlot", &json!([]), Value::as_u64)
    }

    /// The state at an address; `None` if there is no account of its program.
    pub(crate) fn state<T: StateData>(&self, address: &Address) -> Result<Option<T>, RelayError> {
        let config = json!({ "encoding": "base64" });
        let parameters = json!([address.to_string(), config]);
        let account = self.ask("getAccountInfo", &parameters, |answer| {
            account_of_json(answer).ok()
        })?;
        let own = account.filter(|account| account.owner == T::OWNER);
        let state = own.as_ref().map(from_account).transpose();
        state.map_err(|error| RelayError::Account {
            address: *address,
            error,
        })
    }

    /// The certified proof of an account, or that there is none, at the newest block that has one.
    /// Follows the members up to its epoch.
    pub(crate) fn proof(&mut self, address: &Address) -> Result<Proof, RelayError> {
        let bytes = self.bytes("getCertifiedProof", &json!([address.to_string()]))?;
        loop {
            match Proof::new(&self.network, &bytes) {
                Err(LightError::Epoch { expected, found }) if expected < found => {
                    let passage = self.bytes("getMembersProof", &json!([expected]))?;
                    self.network.advance(&passage)?;
                    self.passages.insert(expected, passage);
                }
                proof => return Ok(proof?),
            }
        }
    }

    fn bytes(&self, method: &'static str, parameters: &Value) -> Result<Vec<u8>, RelayError> {
        self.ask(method, parameters, |answer| {
            BASE64_STANDARD.decode(answer.as_str()?).ok()
        })
    }

    /// Sends a transaction, and waits until it is in a block.
    pub(crate) fn send(&self, key: &SigningKey, calls: &[Instruction]) -> Result<(), RelayError> {
        let blockhash = self.ask("getLatestBlockhash", &json!([]), |answer| {
            answer["value"]["blockhash"].as_str()?.parse::<Hash>().ok()
        })?;
        let builder = MessageBuilder::new(address_of(key), blockhash.to_bytes(), calls);
        let config = TransactionConfig {
            compute_unit_limit: Some(UNITS),
            ..TransactionConfig::default()
        };
        let bytes = builder.v1(config).compile()?.sign(&[key])?;
        let config = json!({ "encoding": "base64", "skipPreflight": true });
        let parameters = json!([BASE64_STANDARD.encode(bytes), config]);
        let signature = self.ask("sendTransaction", &parameters, |answer| {
            answer.as_str().map(ToOwned::to_owned)
        })?;
        self.wait(signature)
    }

    fn wait(&self, signature: String) -> Result<(), RelayError> {
        let parameters = json!([[&signature]]);
        for _ in 0..ASKED_MAX {
            let status = self.ask("getSignatureStatuses", &parameters, |answer| {
                answer["value"].get(0).cloned()
            })?;
            if status["err"].is_object() || status["err"].is_string() {
                return Err(RelayError::Failed(status["err"].to_string()));
            }
            if status.is_object() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        Err(RelayError::Lost(signature))
    }
}
