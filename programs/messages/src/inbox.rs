//! `inbox`: accepts messages of another chain, each once.
//!
//! An incoming channel names the outgoing channel of the other chain's [outbox](crate::outbox)
//! that it takes messages of, and the receiver: the address that signs for accepting them, a wallet
//! or one that a program derives. A message that is accepted or refused leaves a mark at the
//! address derived from channel and number; where there is a mark, there is no second time.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `open` | payer, channel (new) | | client |
//! | `accept` | payer, mark (new) | | channel, client |
//! | `accept_next` | payer, mark (new), channel | | client |
//! | `skip` | channel | | client |
//! | `forget` | mark (ends) | payer | channel, client |
//!
//! # Contention
//!
//! Messages of an unordered channel share nothing that accepting them writes. Those of an ordered
//! one take turns, by nature.
//!
//! # Safety
//!
//! - Accepting needs the receiver's signature, so that no message is marked without its program.
//! - A message names the genesis of the chain and the incoming channel that it is for. It is
//!   accepted by no other one.
//! - The deadline is judged by this chain's slot. A message that was accepted in time has a mark in
//!   the state after the deadline's slot, and cannot be expired; past that slot it is not accepted.
//! - A mark stays as long as its message may be settled by it, or could be accepted again: `forget`
//!   needs the deadline behind it, and evidence that the message is gone from the outbox at a
//!   later slot than it was seen.

pub use inbox::*;

use lockstep_interface::{address::find_program_address, prices};
use lockstep_sdk::prelude::*;

/// The address of the mark of a message; costs what deriving it does.
pub(crate) fn mark_address(
    context: &mut Context<'_, '_>,
    channel: &Address,
    number: u64,
) -> Result<Address> {
    derived(context, &ID, (b"mark", channel, number))
}

/// An address that a program of either chain derives of a channel and a number.
fn derived(
    context: &mut Context<'_, '_>,
    program: &Address,
    (word, channel, number): (&[u8], &Address, u64),
) -> Result<Address> {
    let seeds = [word, channel.as_ref(), &number.to_le_bytes()];
    let (address, bump) = find_program_address(&seeds, program);
    let tries = u64::from(u8::MAX.saturating_sub(bump)).saturating_add(1);
    context.consume(prices::DERIVE.saturating_mul(tries))?;
    Ok(address)
}

/// Takes messages of other chains.
#[lockstep_sdk::program(id = "inbox11111111111111111111111111111111111111")]
pub mod inbox {
    use lockstep_sdk::prelude::*;

    use super::derived;
    use crate::{
        evidence::{Evidence, shown},
        light_client::Client,
        outbox::{self, Message},
    };

    /// The outcome in the mark of a message that was accepted.
    pub const ACCEPTED: u8 = 1;
    /// That of one which was refused.
    pub const REFUSED: u8 = 2;

    /// A channel that comes in.
    #[state(1, pod)]
    pub struct Incoming {
        /// Signs for accepting messages.
        pub receiver: Address,
        /// Follows the other chain.
        pub client: Address,
        /// The id of this chain's genesis block.
        pub home: [u8; 32],
        /// The outgoing channel there.
        pub peer: Address,
        /// Whether messages are accepted in order.
        pub is_ordered: Bool,
        /// Of an ordered channel, the number of the next message.
        pub next: U64,
    }

    /// A message that was accepted or refused.
    #[state(2, pod)]
    pub struct Mark {
        /// Of this channel.
        pub channel: Address,
        /// Has paid for the mark.
        pub payer: Address,
        /// Its number.
        pub number: U64,
        /// The last slot in which it was accepted.
        pub deadline: U64,
        /// The slot of the other chain at which the message was seen.
        pub seen: U64,
        /// [`ACCEPTED`] or [`REFUSED`].
        pub outcome: u8,
    }

    /// What a receiver is told of a message.
    #[derive(Clone, Debug, Data, Eq, PartialEq)]
    pub struct Delivery {
        /// Has signed for it on the other chain.
        pub sender: Address,
        /// What is said.
        pub payload: Vec<u8>,
    }

    /// Why a message is not accepted.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum InboxError {
        /// there is no such message in the outbox of the other chain
        NoMessage = 201,
        /// the message is for another chain or channel, or ordered where the channel is not
        NotForHere,
        /// the deadline has passed: the message expires on the other chain
        Late,
        /// the channel is ordered, and another message is next
        NotNext,
        /// an outcome is 1 (accepted) or 2 (refused)
        BadOutcome,
        /// the message may still be accepted or settled
        Needed,
    }

    /// A message was accepted or refused.
    #[event(1)]
    pub struct Marked {
        /// Of this channel.
        pub channel: Address,
        /// Its number.
        pub number: u64,
        /// [`ACCEPTED`] or [`REFUSED`].
        pub outcome: u8,
    }

    /// A new channel.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Open<'a> {
        /// Signs for accepting messages.
        pub receiver: Signer<'a>,
        /// Pays.
        pub payer: Mut<Signer<'a>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The new channel.
        #[account(payer = payer, seeds = [b"channel", receiver, number])]
        pub channel: Init<'a, Incoming>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A message of an unordered channel.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Accept<'a> {
        /// Signs for it.
        pub receiver: Signer<'a>,
        /// Pays for the mark.
        pub payer: Mut<Signer<'a>>,
        /// The channel.
        #[account(
            has_one = receiver,
            has_one = client,
            check(!channel.is_ordered.get(), InboxError::NotForHere),
        )]
        pub channel: State<'a, Incoming>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// Says that it was accepted.
        #[account(payer = payer, seeds = [b"mark", channel, number])]
        pub mark: Init<'a, Mark>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// The next message of an ordered channel.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct AcceptNext<'a> {
        /// Signs for it.
        pub receiver: Signer<'a>,
        /// Pays for the mark.
        pub payer: Mut<Signer<'a>>,
        /// The channel.
        #[account(
            has_one = receiver,
            has_one = client,
            check(channel.is_ordered.get(), InboxError::NotForHere),
            check(channel.next.get() == number, InboxError::NotNext),
        )]
        pub channel: Mut<State<'a, Incoming>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// Says that it was accepted.
        #[account(payer = payer, seeds = [b"mark", channel, number])]
        pub mark: Init<'a, Mark>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// The next message of an ordered channel, which comes too late.
    #[derive(Accounts, Debug)]
    pub struct Skip<'a> {
        /// The channel.
        #[account(
            has_one = client,
            check(channel.is_ordered.get(), InboxError::NotForHere),
        )]
        pub channel: Mut<State<'a, Incoming>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
    }

    /// A mark that is not needed any more.
    #[derive(Accounts, Debug)]
    pub struct Forget<'a> {
        /// The channel.
        #[account(has_one = client)]
        pub channel: State<'a, Incoming>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The mark.
        #[account(has_one = channel, has_one = payer, close = payer)]
        pub mark: Mut<State<'a, Mark>>,
        /// Gets the rent.
        pub payer: Credit<'a>,
    }

    /// Opens a channel for messages of the outgoing channel `peer` of the chain that the client
    /// follows. `home` is the id of this chain's genesis block, which the receiver answers for. The
    /// number is one that the receiver has not used.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        home: [u8; 32],
        peer: Address,
        is_ordered: bool,
    ) -> Result {
        let state = Incoming {
            receiver: *accounts.receiver.address(),
            client: *accounts.client.address(),
            home,
            peer,
            is_ordered: is_ordered.into(),
            next: 0.into(),
        };
        accounts.channel.set(context, &state)
    }

    /// Accepts or refuses a message of an unordered channel, by evidence of its account. Gives what
    /// it says.
    #[instruction(1)]
    pub fn accept(
        accounts: &Accept<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        outcome: u8,
        evidence: Evidence,
    ) -> Result<Delivery> {
        let Accept {
            payer,
            channel,
            client,
            mark,
            ..
        } = accounts;
        let message = in_time(channel, client, context, (number, &evidence))?;
        put(mark, payer, context, (&message, outcome, &evidence))
    }

    /// Accepts or refuses the next message of an ordered channel.
    #[instruction(2)]
    pub fn accept_next(
        accounts: &AcceptNext<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        outcome: u8,
        evidence: Evidence,
    ) -> Result<Delivery> {
        let AcceptNext {
            payer,
            channel,
            client,
            mark,
            ..
        } = accounts;
        let message = in_time(channel, client, context, (number, &evidence))?;
        channel.write(context)?.next.increase(1)?;
        put(mark, payer, context, (&message, outcome, &evidence))
    }

    /// Passes the next message of an ordered channel, whose deadline is over.
    #[instruction(3)]
    pub fn skip(accounts: &Skip<'_>, context: &mut Context<'_, '_>, evidence: Evidence) -> Result {
        let Skip { channel, client } = accounts;
        let number = channel.read(context)?.next.get();
        let message = seen(channel, client, context, (number, &evidence))?;
        require!(slot(context)? > message.deadline, InboxError::Needed);
        channel.write(context)?.next.increase(1)
    }

    /// Ends a mark whose message is gone from the other chain.
    #[instruction(4)]
    pub fn forget(
        accounts: &Forget<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result {
        let peer = accounts.channel.read(context)?.peer;
        let (number, deadline, seen) = {
            let mark = accounts.mark.read(context)?;
            (mark.number.get(), mark.deadline.get(), mark.seen.get())
        };
        let is_past = slot(context)? > deadline && evidence.slot > seen;
        require!(is_past, InboxError::Needed);
        let address = derived(context, &outbox::ID, (b"message", &peer, number))?;
        let message: Option<Message> = shown(&accounts.client, context, &address, &evidence)?;
        require!(message.is_none(), InboxError::Needed);
        Ok(())
    }

    /// The message of a number that the other chain has for the channel.
    fn seen(
        channel: &State<'_, Incoming>,
        client: &State<'_, Client>,
        context: &mut Context<'_, '_>,
        (number, evidence): (u64, &Evidence),
    ) -> Result<Message> {
        let (peer, home, is_ordered) = {
            let state = channel.read(context)?;
            (state.peer, state.home, state.is_ordered.get())
        };
        let address = derived(context, &outbox::ID, (b"message", &peer, number))?;
        let message: Option<Message> = shown(client, context, &address, evidence)?;
        let message = message.ok_or(InboxError::NoMessage)?;
        let is_for_here = message.destination == home
            && message.receiver == *channel.address()
            && message.is_ordered == is_ordered;
        require!(is_for_here, InboxError::NotForHere);
        Ok(message)
    }

    /// The same, if its deadline is not over.
    fn in_time(
        channel: &State<'_, Incoming>,
        client: &State<'_, Client>,
        context: &mut Context<'_, '_>,
        asked: (u64, &Evidence),
    ) -> Result<Message> {
        let message = seen(channel, client, context, asked)?;
        require!(slot(context)? <= message.deadline, InboxError::Late);
        Ok(message)
    }

    /// Leaves the mark of a message, and gives what it says.
    fn put(
        mark: &Init<'_, Mark>,
        payer: &Mut<Signer<'_>>,
        context: &mut Context<'_, '_>,
        (message, outcome, evidence): (&Message, u8, &Evidence),
    ) -> Result<Delivery> {
        let is_known = [ACCEPTED, REFUSED].contains(&outcome);
        require!(is_known, InboxError::BadOutcome);
        let state = Mark {
            channel: message.receiver,
            payer: *payer.address(),
            number: message.number.into(),
            deadline: message.deadline.into(),
            seen: evidence.slot.into(),
            outcome,
        };
        mark.set(context, &state)?;
        Marked {
            channel: message.receiver,
            number: message.number,
            outcome,
        }
        .emit(context)?;
        Ok(Delivery {
            sender: message.sender,
            payload: message.payload.clone(),
        })
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
