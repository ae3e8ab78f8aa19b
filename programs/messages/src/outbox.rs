//! `outbox`: messages for another chain, each an account until its outcome is proved.
//!
//! A channel goes one way: from its sender here to an incoming channel of the [inbox](crate::inbox)
//! there. The sender is the address that signs for its messages: a wallet, or one that a program
//! derives. Message n of a channel is the account derived from the channel and n. It goes when the
//! sender settles it: by the mark that the other chain's inbox has left, or by evidence that there
//! is none past the deadline.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `open` | payer, channel (new) | | client |
//! | `send` | payer, channel, message (new) | | client |
//! | `settle` | message (ends) | payer | channel, client |
//! | `sweep` | message (ends) | payer | channel, client |
//!
//! # Contention
//!
//! Messages of one channel are numbered, so that sending takes turns. Two channels share nothing,
//! and settling writes the message alone.
//!
//! # Safety
//!
//! - Numbers are used once. A deadline is a slot of the other chain, and slots only grow: what that
//!   chain's inbox has not accepted in the state after the deadline's slot, it never accepts.
//! - Only the sender settles, so that a program learns of each outcome, and can return what it has
//!   locked for a message.
//! - An expired message of an ordered channel stays, until the inbox has passed its number: it is
//!   needed there to be skipped.
//! - Deadlines are at most [`WAIT_MAX`] slots away.

pub use outbox::*;

/// Keeps messages for other chains.
#[lockstep_sdk::program(id = "outbox1111111111111111111111111111111111111")]
pub mod outbox {
    use lockstep_sdk::prelude::*;

    use crate::{
        evidence::{Evidence, shown},
        inbox::{self, ACCEPTED, Incoming, Mark},
        light_client::Client,
    };

    /// Bytes of a payload at most.
    pub const PAYLOAD_SIZE_MAX: usize = 512;
    /// Slots from the newest slot that is known of the other chain to a deadline, at most.
    pub const WAIT_MAX: u64 = 1 << 24;

    /// A channel that goes out.
    #[state(1, pod)]
    pub struct Outgoing {
        /// Signs for messages.
        pub sender: Address,
        /// Follows the other chain.
        pub client: Address,
        /// The id of the other chain's genesis block.
        pub destination: [u8; 32],
        /// The incoming channel there.
        pub peer: Address,
        /// Whether messages are accepted in order.
        pub is_ordered: Bool,
        /// Messages that were sent; the number of the next one.
        pub sent: U64,
    }

    /// A message.
    #[state(2, growing)]
    #[derive(Clone)]
    pub struct Message {
        /// Of this channel.
        pub channel: Address,
        /// Its number there.
        pub number: u64,
        /// Has signed for it.
        pub sender: Address,
        /// The id of the other chain's genesis block.
        pub destination: [u8; 32],
        /// The incoming channel there.
        pub receiver: Address,
        /// Whether it is accepted in order.
        pub is_ordered: bool,
        /// The last slot of the other chain in which it is accepted.
        pub deadline: u64,
        /// Has paid for the account.
        pub payer: Address,
        /// True once it was settled as expired.
        pub is_expired: bool,
        /// What is said.
        pub payload: Vec<u8>,
    }

    /// What became of a message.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub enum Outcome {
        /// The receiver took it.
        Accepted,
        /// The receiver did not want it.
        Refused,
        /// The other chain did not get it in time.
        Expired,
    }

    /// Why a message is not sent or settled.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum OutboxError {
        /// the number is not that of the channel's next message
        NotNext = 101,
        /// the deadline has passed, or is more than 2^24 slots away
        BadDeadline,
        /// a payload has at most 512 bytes
        TooLong,
        /// the evidence is of a slot before the deadline: the message may still be accepted
        TimeLeft,
        /// the message was settled before
        Settled,
        /// the inbox has not passed the message yet
        NotPassed,
    }

    /// A message was sent.
    #[event(1)]
    pub struct Sent {
        /// Of this channel.
        pub channel: Address,
        /// Its number.
        pub number: u64,
        /// The last slot of the other chain in which it is accepted.
        pub deadline: u64,
    }

    /// A new channel.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Open<'a> {
        /// Signs for messages.
        pub sender: Signer<'a>,
        /// Pays.
        pub payer: Mut<Signer<'a>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The new channel.
        #[account(payer = payer, seeds = [b"channel", sender, number])]
        pub channel: Init<'a, Outgoing>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A new message.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Send<'a> {
        /// Signs for it.
        pub sender: Signer<'a>,
        /// Pays.
        pub payer: Mut<Signer<'a>>,
        /// The channel.
        #[account(has_one = sender, has_one = client)]
        pub channel: Mut<State<'a, Outgoing>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The message.
        #[account(payer = payer, seeds = [b"message", channel, number])]
        pub message: Init<'a, Message>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A message whose outcome is shown.
    #[derive(Accounts, Debug)]
    pub struct Settle<'a> {
        /// Learns of it.
        pub sender: Signer<'a>,
        /// The channel.
        #[account(has_one = sender, has_one = client)]
        pub channel: State<'a, Outgoing>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The message.
        #[account(has_one = channel, has_one = payer)]
        pub message: Mut<State<'a, Message>>,
        /// Gets the rent.
        pub payer: Credit<'a>,
    }

    /// An expired message of an ordered channel.
    #[derive(Accounts, Debug)]
    pub struct Sweep<'a> {
        /// The channel.
        #[account(has_one = client)]
        pub channel: State<'a, Outgoing>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The message.
        #[account(
            has_one = channel,
            has_one = payer,
            check(message.is_expired, OutboxError::NotPassed),
            close = payer,
        )]
        pub message: Mut<State<'a, Message>>,
        /// Gets the rent.
        pub payer: Credit<'a>,
    }

    /// Opens a channel to the incoming channel `peer` of the chain that the client follows. The
    /// number is one that the sender has not used.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        peer: Address,
        is_ordered: bool,
    ) -> Result {
        let destination = accounts.client.read(context)?.genesis;
        let state = Outgoing {
            sender: *accounts.sender.address(),
            client: *accounts.client.address(),
            destination,
            peer,
            is_ordered: is_ordered.into(),
            sent: 0.into(),
        };
        accounts.channel.set(context, &state)
    }

    /// Sends the next message of a channel.
    #[instruction(1)]
    pub fn send(
        accounts: &Send<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        deadline: u64,
        payload: Vec<u8>,
    ) -> Result {
        let is_short = payload.len() <= PAYLOAD_SIZE_MAX;
        require!(is_short, OutboxError::TooLong);
        let newest = accounts.client.read(context)?.newest;
        let is_ahead = deadline > newest && deadline.saturating_sub(newest) <= WAIT_MAX;
        require!(is_ahead, OutboxError::BadDeadline);
        let channel = *accounts.channel.address();
        let message = {
            let mut state = accounts.channel.write(context)?;
            require!(state.sent.get() == number, OutboxError::NotNext);
            state.sent.increase(1)?;
            Message {
                channel,
                number,
                sender: state.sender,
                destination: state.destination,
                receiver: state.peer,
                is_ordered: state.is_ordered.get(),
                deadline,
                payer: *accounts.payer.address(),
                is_expired: false,
                payload,
            }
        };
        accounts.message.store(context, &accounts.payer, &message)?;
        Sent {
            channel,
            number,
            deadline,
        }
        .emit(context)
    }

    /// Ends a message by evidence of its mark on the other chain, or expires it by evidence that
    /// there is none at its deadline or later. Gives the outcome.
    #[instruction(2)]
    pub fn settle(
        accounts: &Settle<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result<Outcome> {
        let message = accounts.message.read(context)?.clone();
        require!(!message.is_expired, OutboxError::Settled);
        let mark = inbox::mark_address(context, &message.receiver, message.number)?;
        let mark: Option<Mark> = shown(&accounts.client, context, &mark, &evidence)?;
        let payer = accounts.payer.handle();
        let Some(mark) = mark else {
            require!(evidence.slot >= message.deadline, OutboxError::TimeLeft);
            match message.is_ordered {
                true => accounts.message.write(context)?.is_expired = true,
                false => accounts.message.close(context, payer)?,
            }
            return Ok(Outcome::Expired);
        };
        accounts.message.close(context, payer)?;
        Ok(match mark.outcome {
            ACCEPTED => Outcome::Accepted,
            _ => Outcome::Refused,
        })
    }

    /// Ends an expired message of an ordered channel, by evidence that the incoming channel has
    /// passed it.
    #[instruction(3)]
    pub fn sweep(
        accounts: &Sweep<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result {
        let (receiver, number) = {
            let message = accounts.message.read(context)?;
            (message.receiver, message.number)
        };
        let channel: Option<Incoming> = shown(&accounts.client, context, &receiver, &evidence)?;
        let has_passed = channel.is_some_and(|channel| channel.next.get() > number);
        require!(has_passed, OutboxError::NotPassed);
        Ok(())
    }
}
