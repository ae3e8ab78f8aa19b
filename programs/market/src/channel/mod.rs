//! `channels`: two parties lock lamports, pay each other any number of times by messages that they
//! sign, and let the chain pay out what the newest message says.
//!
//! A message says what each party has paid the other in all, and has a version. Each party gives
//! the other its signature, and submits with its own transaction, so one signature of the other is
//! enough. A message of the version [`FINAL`](channels::FINAL) closes the channel at once. Without
//! one, a party begins the closing with the newest message that it has; for as many slots as were
//! agreed to, the other party can submit a newer one. [`duel`](crate::duel) has channels of the
//! same kind for games, whose disputes are played out on the chain.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `open` | first party, channel (new) | |
//! | `fund` | party, channel | |
//! | `begin`, `dispute` | channel | |
//! | `close`, `finish` | channel (ends) | both parties |
//!
//! # Contention
//!
//! A channel is one account, and holds its own lamports, so two channels share nothing that either
//! writes. A party of many channels, such as a service that its customers pay, is only added to
//! when they close: all of them may do so in one block. The point of a channel is the load that
//! never comes: a million payments are two transactions.
//!
//! # Safety
//!
//! Sums are cumulative and versions rise, so of two messages the newer one holds, whichever party
//! submits it and in whatever order. An older one is refused once a newer one is known, and until
//! then the period leaves the other party the time to show its own. What a message pays beyond
//! what its payer has locked is refused, so a channel never pays more than it holds. A message
//! names the channel's address and the slot in which it was opened, and a channel ends in a later
//! slot than it was opened in: no message holds for another channel, nor for one that stands in the
//! same place later. It begins with a byte with which no transaction begins.
//!
//! A share that is too small for a wallet of its own needs one that is there already. Until there
//! is one `close` and `finish` fail, and leave the channel as it is.
//!
//! # A client
//!
//! ```
//! use lockstep_market::channel::channels::{self, *};
//! use lockstep_sdk::ed25519::Signature;
//! use lockstep_testing::{Chain, SOL};
//!
//! let mut chain = Chain::builder().program(ChannelsProgram).build();
//! let [ann, ben] = ["ann", "ben"].map(|name| chain.wallet(name));
//! let opened = chain.slot();
//! let open = OpenAddresses { first: ann };
//! chain.run(channels::call::open(&open, 0, ben, 20, 5 * SOL)).all_ok();
//! let (channel, _) = Open::channel_address(&ann, 0);
//!
//! // Ann pays Ben three times, and neither asks the chain. Only the newest message matters.
//! let paid = [SOL, 2 * SOL, 4 * SOL].into_iter().zip(1..);
//! let paid = paid.map(|(to_second, version)| Update { version, to_first: 0, to_second });
//! let newest = paid.last().expect("there are three");
//! let signature = Signature(chain.sign_message(&ann, &newest.message(&channel, opened)));
//!
//! // Ann is silent, so Ben closes alone.
//! let dispute = DisputeAddresses { party: ben, channel };
//! chain.run(channels::call::dispute(&dispute, newest, signature)).all_ok();
//! chain.warp_to_slot(chain.slot() + 20);
//! let before = chain.lamports(&ben);
//! let finish = FinishAddresses { channel, first: ann, second: ben };
//! chain.run(channels::call::finish(&finish)).all_ok();
//! assert_eq!(chain.lamports(&ben), before + 4 * SOL);
//! ```

/// What both parties of a channel get, by what they have locked and what was paid to each in all.
/// `None` if a party would have paid more than it has, or a sum exceeds 64 bits.
///
/// ```
/// use lockstep_market::channel::shares;
/// assert_eq!(shares([10, 5], [3, 7]), Some([6, 9]));
/// assert_eq!(shares([10, 5], [0, 11]), None);
/// ```
pub fn shares(locked: [u64; 2], paid_to: [u64; 2]) -> Option<[u64; 2]> {
    let [first, second] = locked.map(u128::from);
    let [to_first, to_second] = paid_to.map(u128::from);
    let share = |own: u128, got: u128, paid: u128| {
        let share = own.checked_add(got)?.checked_sub(paid)?;
        u64::try_from(share).ok()
    };
    Some([
        share(first, to_first, to_second)?,
        share(second, to_second, to_first)?,
    ])
}

/// Payment channels of two parties.
#[lockstep_sdk::program(id = "Chan111111111111111111111111111111111111111")]
pub mod channels {
    use super::shares;
    use lockstep_sdk::{
        ed25519::{self, Ed25519, Signature},
        prelude::*,
        system,
    };

    /// What messages begin with. No transaction begins with this byte.
    const DOMAIN: &[u8] = b"\xfflockstep payment channel";
    /// The version of a message that is the last: it closes the channel at once.
    pub const FINAL: u64 = u64::MAX;
    /// Slots of the longest period in which a newer message is taken.
    pub const WINDOW_MAX: u64 = 1 << 32;

    /// What two parties have agreed to.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Update {
        /// At least 1, and more than in every message before.
        pub version: u64,
        /// Lamports that the second party has paid the first in all.
        pub to_first: u64,
        /// Lamports that the first party has paid the second in all.
        pub to_second: u64,
    }

    impl Update {
        /// The bytes that a party signs, for the channel at this address that was opened in this
        /// slot.
        pub fn message(&self, channel: &Address, opened: u64) -> Vec<u8> {
            [
                DOMAIN,
                channel.as_array(),
                &opened.to_le_bytes(),
                &encode(self),
            ]
            .concat()
        }
    }

    /// A channel, with the lamports of both parties.
    #[state(1, pod)]
    pub struct Channel {
        /// Has opened it.
        pub first: Address,
        /// The other party.
        pub second: Address,
        /// Tells the first party's channels apart.
        pub number: U64,
        /// The slot in which it was opened.
        pub opened: U64,
        /// Slots in which a newer message is taken, once the closing has begun.
        pub window: U64,
        /// Lamports that the first party has locked.
        pub locked_first: U64,
        /// Lamports that the second party has locked.
        pub locked_second: U64,
        /// The version of the newest message that the chain knows; 0 if it knows none.
        pub version: U64,
        /// See [`Update::to_first`].
        pub to_first: U64,
        /// See [`Update::to_second`].
        pub to_second: U64,
        /// The last slot in which a newer message is taken; 0 while the closing has not begun.
        pub closes: U64,
    }

    impl Channel {
        /// What both parties get after this message.
        fn shares(&self, to_first: u64, to_second: u64) -> Result<[u64; 2]> {
            let locked = [self.locked_first.get(), self.locked_second.get()];
            let shares = shares(locked, [to_first, to_second]);
            shares.ok_or(ChannelError::Overdrawn.into())
        }

        /// The party that has to have signed what this one submits.
        fn other(&self, party: &Address) -> Result<Address> {
            match *party {
                party if party == self.first => Ok(self.second),
                party if party == self.second => Ok(self.first),
                _ => Err(ChannelError::NotAParty.into()),
            }
        }
    }

    /// Why a channel refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum ChannelError {
        /// a channel has two parties
        OneParty = 1,
        /// the period in which a newer message is taken has 1 to 2^32 slots
        BadWindow,
        /// only the parties of a channel act on it
        NotAParty,
        /// the message is not newer than the one that the chain knows
        Stale,
        /// the message pays more than its payer has locked
        Overdrawn,
        /// the message is not the last one, of version 2^64 - 1
        NotFinal,
        /// the closing has begun
        Closing,
        /// the closing has not begun
        NotClosing,
        /// the period in which a newer message is taken is over
        WindowOver,
        /// the channel ends in a later slot
        TooEarly,
        /// a slot or an amount would exceed 64 bits
        Overflow,
    }

    /// A channel was opened.
    #[event(1)]
    pub struct Opened {
        /// Which.
        pub channel: Address,
        /// The other party.
        pub second: Address,
        /// The slot, which messages name.
        pub slot: u64,
    }

    /// The closing has begun, or a newer message was submitted.
    #[event(2)]
    pub struct Disputed {
        /// Which.
        pub channel: Address,
        /// The version that holds unless there is a newer one.
        pub version: u64,
        /// The last slot for that.
        pub closes: u64,
    }

    /// A channel has ended.
    #[event(3)]
    pub struct Closed {
        /// Which.
        pub channel: Address,
        /// Lamports that the first party got, rent left out.
        pub first: u64,
        /// Lamports that the second party got.
        pub second: u64,
    }

    /// A new channel.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Open<'a> {
        /// Pays rent and lamports.
        pub first: Mut<Signer<'a>>,
        /// The new channel.
        #[account(payer = first, seeds = [b"channel", first, number])]
        pub channel: Init<'a, Channel>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// More lamports for a channel.
    #[derive(Accounts, Debug)]
    pub struct Fund<'a> {
        /// One of the parties.
        pub party: Mut<Signer<'a>>,
        /// The channel.
        pub channel: Mut<State<'a, Channel>>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// A closing that begins.
    #[derive(Accounts, Debug)]
    pub struct Begin<'a> {
        /// One of the parties.
        pub party: Signer<'a>,
        /// The channel.
        pub channel: Mut<State<'a, Channel>>,
    }

    /// A message that the other party has signed.
    #[derive(Accounts, Debug)]
    pub struct Dispute<'a> {
        /// One of the parties.
        pub party: Signer<'a>,
        /// The channel.
        pub channel: Mut<State<'a, Channel>>,
        /// Checks the signature.
        pub ed25519: Program<'a, Ed25519>,
    }

    /// A channel that ends.
    #[derive(Accounts, Debug)]
    pub struct Finish<'a> {
        /// The channel.
        #[account(has_one = first, has_one = second, close = first)]
        pub channel: Mut<State<'a, Channel>>,
        /// Gets its share, and the rent.
        pub first: Credit<'a>,
        /// Gets its share.
        pub second: Credit<'a>,
    }

    /// A channel that both parties end.
    #[derive(Accounts, Debug)]
    pub struct Close<'a> {
        /// One of the parties.
        pub party: Signer<'a>,
        /// The channel.
        pub ending: Finish<'a>,
        /// Checks the signature of the other party.
        pub ed25519: Program<'a, Ed25519>,
    }

    /// Opens a channel to another party, with lamports of the first one. Its number is one that
    /// the first party does not use.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        second: Address,
        window: u64,
        lamports: u64,
    ) -> Result {
        let Open { first, channel, .. } = accounts;
        require!(*first.address() != second, ChannelError::OneParty);
        require!((1..=WINDOW_MAX).contains(&window), ChannelError::BadWindow);
        let slot = slot(context)?;
        let state = Channel {
            first: *first.address(),
            second,
            number: number.into(),
            opened: slot.into(),
            window: window.into(),
            locked_first: lamports.into(),
            locked_second: 0.into(),
            version: 0.into(),
            to_first: 0.into(),
            to_second: 0.into(),
            closes: 0.into(),
        };
        channel.set(context, &state)?;
        system::transfer(first, channel, lamports).invoke(context)?;
        Opened {
            channel: *channel.address(),
            second,
            slot,
        }
        .emit(context)
    }

    /// Locks more lamports of a party. Messages that were signed before hold as they did.
    #[instruction(1)]
    pub fn fund(accounts: &Fund<'_>, context: &mut Context<'_, '_>, lamports: u64) -> Result {
        let Fund { party, channel, .. } = accounts;
        let state = *channel.read(context)?;
        state.other(party.address())?;
        require!(state.closes.get() == 0, ChannelError::Closing);
        system::transfer(party, channel, lamports).invoke(context)?;
        let mut state = channel.write(context)?;
        match *party.address() == state.first {
            true => state.locked_first.increase(lamports),
            false => state.locked_second.increase(lamports),
        }
    }

    /// Begins the closing with what the chain knows.
    #[instruction(2)]
    pub fn begin(accounts: &Begin<'_>, context: &mut Context<'_, '_>) -> Result {
        let Begin { party, channel } = accounts;
        let state = *channel.read(context)?;
        state.other(party.address())?;
        require!(state.closes.get() == 0, ChannelError::Closing);
        let version = state.version.get();
        submit(channel, context, version)
    }

    /// Submits a newer message, and begins the closing unless it has begun.
    #[instruction(3)]
    pub fn dispute(
        accounts: &Dispute<'_>,
        context: &mut Context<'_, '_>,
        update: Update,
        signature: Signature,
    ) -> Result {
        let Dispute {
            party,
            channel,
            ed25519,
        } = accounts;
        let state = *channel.read(context)?;
        let closes = state.closes.get();
        let is_in_time = closes == 0 || slot(context)? <= closes;
        require!(is_in_time, ChannelError::WindowOver);
        agree(party, channel, ed25519, context, &update, &signature)?;
        let mut state = channel.write(context)?;
        state.version.set(update.version);
        state.to_first.set(update.to_first);
        state.to_second.set(update.to_second);
        drop(state);
        submit(channel, context, update.version)
    }

    /// Closes a channel by a last message.
    #[instruction(4)]
    pub fn close(
        accounts: &Close<'_>,
        context: &mut Context<'_, '_>,
        update: Update,
        signature: Signature,
    ) -> Result {
        let Close {
            party,
            ending,
            ed25519,
        } = accounts;
        require!(update.version == FINAL, ChannelError::NotFinal);
        let channel = &ending.channel;
        agree(party, channel, ed25519, context, &update, &signature)?;
        // What stands at this address later is opened in a later slot.
        let opened = channel.read(context)?.opened.get();
        require!(slot(context)? > opened, ChannelError::TooEarly);
        pay(ending, context, update.to_first, update.to_second)
    }

    /// Pays both parties once the period is over. Any caller may ask for it.
    #[instruction(5)]
    pub fn finish(accounts: &Finish<'_>, context: &mut Context<'_, '_>) -> Result {
        let state = *accounts.channel.read(context)?;
        let closes = state.closes.get();
        require!(closes > 0, ChannelError::NotClosing);
        require!(slot(context)? > closes, ChannelError::TooEarly);
        pay(
            accounts,
            context,
            state.to_first.get(),
            state.to_second.get(),
        )
    }

    /// Checks that a message is newer, payable, and signed by the party that does not submit it.
    fn agree(
        party: &Signer<'_>,
        channel: &Mut<State<'_, Channel>>,
        ed25519: &Program<'_, Ed25519>,
        context: &mut Context<'_, '_>,
        update: &Update,
        signature: &Signature,
    ) -> Result {
        let state = *channel.read(context)?;
        let other = state.other(party.address())?;
        require!(update.version > state.version.get(), ChannelError::Stale);
        state.shares(update.to_first, update.to_second)?;
        let message = update.message(channel.address(), state.opened.get());
        ed25519::verify(ed25519, &other, &message, signature).invoke(context)
    }

    /// Begins the closing unless it has begun, and tells of the version that holds.
    fn submit(
        channel: &Mut<State<'_, Channel>>,
        context: &mut Context<'_, '_>,
        version: u64,
    ) -> Result {
        let now = slot(context)?;
        let mut state = channel.write(context)?;
        if state.closes.get() == 0 {
            let closes = now.checked_add(state.window.get());
            state.closes.set(closes.ok_or(ChannelError::Overflow)?);
        }
        let closes = state.closes.get();
        drop(state);
        let channel = *channel.address();
        Disputed {
            channel,
            version,
            closes,
        }
        .emit(context)
    }

    /// Pays the second party; the first gets the rest with the rent, as the account ends.
    fn pay(
        accounts: &Finish<'_>,
        context: &mut Context<'_, '_>,
        to_first: u64,
        to_second: u64,
    ) -> Result {
        let channel = &accounts.channel;
        let [first, second] = channel.read(context)?.shares(to_first, to_second)?;
        channel.debit(context, second)?;
        accounts.second.credit(context, second)?;
        let channel = *channel.address();
        Closed {
            channel,
            first,
            second,
        }
        .emit(context)
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
