//! The calls of a relayer between the halves of a bridge, made of proofs.
//!
//! A relayer is not trusted: it carries proofs, pays fees and rent, and decides nothing. Each list
//! of calls is one transaction: the client takes the proof's header, and the call that follows uses
//! it.

use lockstep_interface::{Address, Instruction};
use lockstep_light::{LightError, Succession, split};
use lockstep_sdk::{data::Data, token::associated_address};

use crate::{
    bridge::{self, *},
    evidence::Evidence,
    inbox::{self, ForgetAddresses},
    light_client::{self, UpdateAddresses},
    outbox::{self, Message},
};

/// A certified proof of an account, or that there is none, in its two parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// The slot of the header.
    pub slot: u64,
    /// Certificate, header, hash of the body: what a client takes.
    pub head: Vec<u8>,
    /// Flag, account, path: what evidence consists of.
    pub part: Vec<u8>,
}

impl Proof {
    /// Cuts a proof as a node gives it, and checks its head.
    ///
    /// # Errors
    /// If the head is not certified by the members of the epoch.
    pub fn new(network: &Succession, bytes: &[u8]) -> Result<Self, LightError> {
        let (head, part) = split(bytes)?;
        let (header, _) = network.header(head)?;
        Ok(Self {
            slot: header.slot,
            head: head.to_vec(),
            part: part.to_vec(),
        })
    }

    /// What the programs take of it, once the client has its header.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            slot: self.slot,
            part: self.part.clone(),
        }
    }
}

/// One half of a bridge, by its addresses on its chain.
///
/// ```
/// use lockstep_messages::relay::End;
/// use lockstep_sdk::prelude::Address;
///
/// let [bridge, client] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let end = End::new(bridge, client);
/// assert_ne!(end.message_address(0), end.message_address(1));
/// assert_ne!(end.message_address(0), end.mark_address(0));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// The half.
    pub bridge: Address,
    /// Follows the other chain.
    pub client: Address,
    /// Its channel to the other half.
    pub outgoing: Address,
    /// Its channel from there.
    pub incoming: Address,
}

impl End {
    /// The half at an address. A few curve tests.
    pub fn new(bridge: Address, client: Address) -> Self {
        let [outgoing, incoming] = channels(&bridge);
        Self {
            bridge,
            client,
            outgoing,
            incoming,
        }
    }

    /// Where a message of this half is.
    pub fn message_address(&self, number: u64) -> Address {
        outbox::Send::message_address(&self.outgoing, number).0
    }

    /// Where the mark of a message of the other half is.
    pub fn mark_address(&self, number: u64) -> Address {
        inbox::Accept::mark_address(&self.incoming, number).0
    }

    /// The client takes a header.
    pub fn take(&self, head: &[u8]) -> Instruction {
        let client = self.client;
        light_client::call::update(&UpdateAddresses { client }, head.to_vec())
    }

    /// Brings a message of the other half here, by the proof of its account.
    pub fn deliver(
        &self,
        payer: Address,
        (number, transfer): (u64, &Transfer),
        proof: &Proof,
    ) -> Vec<Instruction> {
        let arrival = self.arrival(number);
        let Transfer {
            done,
            home,
            decimals,
            recipient,
            ..
        } = *transfer;
        let evidence = proof.evidence();
        let arrive = match done {
            Done::Locked => {
                let mint = MintWrappedAddresses {
                    payer,
                    arrival,
                    recipient,
                };
                bridge::call::mint(&mint, number, home, decimals, evidence)
            }
            Done::Burned => {
                let unlock = UnlockAddresses {
                    payer,
                    arrival,
                    mint: home,
                    recipient,
                };
                bridge::call::unlock(&unlock, number, evidence)
            }
        };
        vec![self.take(&proof.head), arrive]
    }

    /// Refuses a message of the other half; the recipient signs.
    pub fn refuse(&self, (number, transfer): (u64, &Transfer), proof: &Proof) -> Vec<Instruction> {
        let refuse = RefuseAddresses {
            recipient: transfer.recipient,
            arrival: self.arrival(number),
        };
        let refuse = bridge::call::refuse(&refuse, number, proof.evidence());
        vec![self.take(&proof.head), refuse]
    }

    /// Settles a message of this half, by the proof of its mark on the other chain, or that there
    /// is none past the deadline.
    pub fn settle(
        &self,
        (message, transfer): (&Message, &Transfer),
        proof: &Proof,
        is_accepted: bool,
    ) -> Vec<Instruction> {
        let settlement = SettlementAddresses {
            bridge: self.bridge,
            outgoing: self.outgoing,
            client: self.client,
            message: self.message_address(message.number),
            payer: message.payer,
        };
        let evidence = proof.evidence();
        let (home, sender) = (transfer.home, transfer.sender);
        let settle = match (is_accepted, transfer.done) {
            (true, _) => bridge::call::confirm(&ConfirmAddresses { settlement }, evidence),
            (false, Done::Locked) => {
                let back = ReturnLockedAddresses {
                    settlement,
                    mint: home,
                    purse: associated_address(&sender, &home),
                };
                bridge::call::return_locked(&back, evidence)
            }
            (false, Done::Burned) => {
                let wrapped = Burn::mint_address(&self.bridge, home).0;
                let back = ReturnBurnedAddresses {
                    settlement,
                    purse: associated_address(&sender, &wrapped),
                };
                bridge::call::return_burned(&back, home, evidence)
            }
        };
        vec![self.take(&proof.head), settle]
    }

    /// Ends the mark of a message that is gone, for which `payer` has paid.
    pub fn forget(&self, payer: Address, number: u64, proof: &Proof) -> Vec<Instruction> {
        let forget = ForgetAddresses {
            channel: self.incoming,
            client: self.client,
            mark: self.mark_address(number),
            payer,
        };
        let forget = inbox::call::forget(&forget, proof.evidence());
        vec![self.take(&proof.head), forget]
    }

    fn arrival(&self, number: u64) -> ArrivalAddresses {
        ArrivalAddresses {
            bridge: self.bridge,
            incoming: self.incoming,
            client: self.client,
            mark: self.mark_address(number),
        }
    }
}

/// What a message of a bridge says; `None` if it is another's.
pub fn transfer_of(message: &Message) -> Option<Transfer> {
    Transfer::decode(&mut &message.payload[..])
}
