//! `bridge`: tokens of one chain on another, by messages.
//!
//! Each of two chains has one half of a bridge, and each half is the sender of a channel and the
//! receiver of another one. Tokens of either chain's mints go to the other: they are locked in a
//! vault at home, and as many of a wrapped mint are made there. On the way back the wrapped ones
//! are burned, and the vault pays. What was refused, or did not come in time, is given back.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `open` | operator, bridge, both channels (new) | | client |
//! | `lock` | sender, channel, message (new), purse, vault | | mint, client |
//! | `burn` | sender, channel, message (new), purse, mint | | client |
//! | `mint` | payer, mark (new), wrapped mint, purse | | channel, client |
//! | `unlock` | payer, mark (new), vault, purse | | channel, client, mint |
//! | `refuse` | payer, mark (new) | | channel, client |
//! | `confirm` | message (ends) | payer | channel, client |
//! | `return_locked` | message (ends), vault, purse | payer | channel, client, mint |
//! | `return_burned` | message (ends), wrapped mint, purse | payer | channel, client |
//!
//! # Contention
//!
//! A transfer writes the vault or the wrapped mint of its token, and its channel where it leaves.
//! Two tokens that arrive share nothing, and two bridges share nothing.
//!
//! # Safety
//!
//! - An open bridge has no owner: its operator has no rights over it. The vault and the
//!   wrapped mint obey the program alone.
//! - Vaults and wrapped mints are derived from the bridge. A network that lies can take what was
//!   locked for it, and nothing that was locked for another one.
//! - Tokens arrive in the account associated with the recipient, which any payer can have made.
//!   They return to any token account of the sender, so that no account that is gone locks them.
//! - The sums are equal: what a vault holds is the supply of the wrapped mint on the other chain
//!   and what is on its way.

pub use bridge::*;

/// Moves tokens between chains.
#[lockstep_sdk::program(id = "TokenBridge11111111111111111111111111111111")]
pub mod bridge {
    use lockstep_interface::Instruction;
    use lockstep_sdk::{prelude::*, relation::SignerSeeds, token};

    use crate::{
        evidence::Evidence,
        inbox::{self, ACCEPTED, Delivery, InboxProgram, Incoming, REFUSED},
        light_client::Client,
        outbox::{self, Message, OutboxProgram, Outcome, Outgoing},
    };

    /// The number of a bridge's channels among those of their sender and receiver, the bridge.
    const CHANNEL: u64 = 0;

    /// One half of a bridge.
    #[state(1, pod)]
    pub struct Bridge {
        /// Has opened it.
        pub operator: Address,
        /// Which of the operator's.
        pub number: U64,
        /// The other half, on the other chain.
        pub peer: Address,
        /// Follows the other chain.
        pub client: Address,
        /// Its channel to the other half.
        pub outgoing: Address,
        /// Its channel from there.
        pub incoming: Address,
    }

    /// What a message of a bridge says.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Transfer {
        /// What was done to the tokens.
        pub done: Done,
        /// The mint at their home.
        pub home: Address,
        /// Its decimals.
        pub decimals: u8,
        /// Tokens of the smallest unit.
        pub amount: u64,
        /// Had them, and gets them back.
        pub sender: Address,
        /// Gets them.
        pub recipient: Address,
    }

    /// What was done to tokens where they left.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub enum Done {
        /// They are at home there, and are in a vault now.
        Locked,
        /// They were wrapped there, and are burned.
        Burned,
    }

    /// Where tokens go.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Order {
        /// Tokens of the smallest unit.
        pub amount: u64,
        /// Gets them on the other chain.
        pub recipient: Address,
        /// The last slot of the other chain in which they are accepted.
        pub deadline: u64,
    }

    /// Why tokens stay where they are.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum BridgeError {
        /// a transfer is of at least one token of the smallest unit
        NoAmount = 301,
        /// the message is of another kind, token or account
        OtherTransfer,
        /// the message has another outcome: one confirms what was accepted, and returns the rest
        OtherOutcome,
    }

    /// Tokens left.
    #[event(1)]
    pub struct Left {
        /// The number of the message.
        pub number: u64,
        /// What it says.
        pub transfer: Transfer,
    }

    /// Tokens arrived.
    #[event(2)]
    pub struct Arrived {
        /// The number of the message.
        pub number: u64,
        /// What it says.
        pub transfer: Transfer,
    }

    /// Tokens were given back.
    #[event(3)]
    pub struct Returned {
        /// The number of the message.
        pub number: u64,
        /// What it says.
        pub transfer: Transfer,
    }

    /// A new half.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Open<'a> {
        /// Pays.
        pub operator: Mut<Signer<'a>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The new half.
        #[account(payer = operator, seeds = [b"bridge", operator, number])]
        pub bridge: Init<'a, Bridge>,
        /// Its channel to the other half, new.
        pub outgoing: Mut<Unchecked<'a>>,
        /// Its channel from there, new.
        pub incoming: Mut<Unchecked<'a>>,
        /// Opens the one.
        pub outbox: Program<'a, OutboxProgram>,
        /// Opens the other.
        pub inbox: Program<'a, InboxProgram>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A message that leaves.
    #[derive(Accounts, Debug)]
    pub struct Departure<'a> {
        /// The bridge: signs for it.
        #[account(
            seeds = [b"bridge", bridge.operator, bridge.number],
            has_one = outgoing,
            has_one = client,
        )]
        pub bridge: State<'a, Bridge>,
        /// Its channel to the other half.
        pub outgoing: Mut<State<'a, Outgoing>>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The new message.
        pub message: Mut<Unchecked<'a>>,
        /// Keeps it.
        pub outbox: Program<'a, OutboxProgram>,
    }

    /// A message that arrives.
    #[derive(Accounts, Debug)]
    pub struct Arrival<'a> {
        /// The bridge: signs for it.
        #[account(
            seeds = [b"bridge", bridge.operator, bridge.number],
            has_one = incoming,
            has_one = client,
        )]
        pub bridge: State<'a, Bridge>,
        /// Its channel from the other half.
        pub incoming: State<'a, Incoming>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// Its mark, new.
        pub mark: Mut<Unchecked<'a>>,
        /// Leaves it.
        pub inbox: Program<'a, InboxProgram>,
    }

    /// A message whose outcome is shown.
    #[derive(Accounts, Debug)]
    pub struct Settlement<'a> {
        /// The bridge: signs for it.
        #[account(
            seeds = [b"bridge", bridge.operator, bridge.number],
            has_one = outgoing,
            has_one = client,
        )]
        pub bridge: State<'a, Bridge>,
        /// Its channel to the other half.
        pub outgoing: State<'a, Outgoing>,
        /// Follows the other chain.
        pub client: State<'a, Client>,
        /// The message.
        pub message: Mut<State<'a, Message>>,
        /// Gets its rent.
        pub payer: Credit<'a>,
        /// Ends it.
        pub outbox: Program<'a, OutboxProgram>,
    }

    /// Tokens that leave their home. The number is that of the message.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Lock<'a> {
        /// Has them, and pays.
        pub sender: Mut<Signer<'a>>,
        /// The message.
        pub departure: Departure<'a>,
        /// Their mint.
        pub mint: State<'a, Mint>,
        /// Where they are.
        #[account(mint = mint, authority = sender)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Where they go.
        #[account(
            payer = sender,
            seeds = [b"vault", departure.bridge, mint],
            mint = mint,
            authority = departure.bridge,
        )]
        pub vault: InitIfNeeded<'a, TokenAccount>,
        /// Moves them.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Wrapped tokens that leave for their home. The number is that of the message.
    #[derive(Accounts, Debug)]
    #[args(number: u64, home: Address)]
    pub struct Burn<'a> {
        /// Has them, and pays.
        pub sender: Mut<Signer<'a>>,
        /// The message.
        pub departure: Departure<'a>,
        /// The wrapped mint.
        #[account(seeds = [b"wrapped", departure.bridge, home])]
        pub mint: Mut<State<'a, Mint>>,
        /// Where they are.
        #[account(mint = mint, authority = sender)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Burns them.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Tokens that arrive away from their home. The number is that of the message.
    #[derive(Accounts, Debug)]
    #[args(number: u64, home: Address, decimals: u8)]
    pub struct MintWrapped<'a> {
        /// Pays for what is new.
        pub payer: Mut<Signer<'a>>,
        /// The message.
        pub arrival: Arrival<'a>,
        /// The wrapped mint.
        #[account(
            payer = payer,
            seeds = [b"wrapped", arrival.bridge, home],
            authority = arrival.bridge,
            decimals = decimals,
        )]
        pub mint: InitIfNeeded<'a, Mint>,
        /// Gets them.
        pub recipient: Unchecked<'a>,
        /// Where they go.
        #[account(payer = payer, associated, mint = mint, authority = recipient)]
        pub purse: InitIfNeeded<'a, TokenAccount>,
        /// Makes them.
        pub token: Program<'a, Token>,
        /// Creates the recipient's account.
        pub associated: Program<'a, AssociatedToken>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Tokens that come home. The number is that of the message.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Unlock<'a> {
        /// Pays for what is new.
        pub payer: Mut<Signer<'a>>,
        /// The message.
        pub arrival: Arrival<'a>,
        /// Their mint.
        pub mint: State<'a, Mint>,
        /// Where they are.
        #[account(seeds = [b"vault", arrival.bridge, mint])]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// Gets them.
        pub recipient: Unchecked<'a>,
        /// Where they go.
        #[account(payer = payer, associated, mint = mint, authority = recipient)]
        pub purse: InitIfNeeded<'a, TokenAccount>,
        /// Moves them.
        pub token: Program<'a, Token>,
        /// Creates the recipient's account.
        pub associated: Program<'a, AssociatedToken>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Tokens that the recipient does not want. The number is that of the message.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Refuse<'a> {
        /// Would get them, and pays for the mark.
        pub recipient: Mut<Signer<'a>>,
        /// The message.
        pub arrival: Arrival<'a>,
        /// Creates the mark.
        pub system: Program<'a, System>,
    }

    /// A transfer that was accepted.
    #[derive(Accounts, Debug)]
    pub struct Confirm<'a> {
        /// The message.
        pub settlement: Settlement<'a>,
    }

    /// Tokens that come back out of the vault.
    #[derive(Accounts, Debug)]
    pub struct ReturnLocked<'a> {
        /// The message.
        pub settlement: Settlement<'a>,
        /// Their mint.
        pub mint: State<'a, Mint>,
        /// Where they are.
        #[account(seeds = [b"vault", settlement.bridge, mint])]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// Where they go, an account of the sender's.
        #[account(mint = mint)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Moves them.
        pub token: Program<'a, Token>,
    }

    /// Burned tokens that are made again.
    #[derive(Accounts, Debug)]
    #[args(home: Address)]
    pub struct ReturnBurned<'a> {
        /// The message.
        pub settlement: Settlement<'a>,
        /// The wrapped mint.
        #[account(seeds = [b"wrapped", settlement.bridge, home])]
        pub mint: Mut<State<'a, Mint>>,
        /// Where they go, an account of the sender's.
        #[account(mint = mint)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Makes them.
        pub token: Program<'a, Token>,
    }

    /// The channels of a half, on whichever chain: outgoing and incoming. A few curve tests.
    pub fn channels(bridge: &Address) -> [Address; 2] {
        [
            outbox::Open::channel_address(bridge, CHANNEL).0,
            inbox::Open::channel_address(bridge, CHANNEL).0,
        ]
    }

    /// Opens one half of a bridge, with its channels. `home` is the id of this chain's genesis
    /// block, and `peer` the other half, which may come later. The number is one that the operator
    /// has not used.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        home: [u8; 32],
        peer: Address,
    ) -> Result {
        let Open {
            operator,
            client,
            bridge,
            outgoing,
            incoming,
            ..
        } = accounts;
        let (client, payer) = (*client.address(), *operator.address());
        let state = Bridge {
            operator: payer,
            number: number.into(),
            peer,
            client,
            outgoing: *outgoing.address(),
            incoming: *incoming.address(),
        };
        bridge.set(context, &state)?;
        let seeds = accounts.bridge_seeds(context, number)?;
        let this = *bridge.address();
        let [peer_outgoing, peer_incoming] = channels(&peer);
        let open = outbox::OpenAddresses {
            sender: this,
            payer,
            client,
        };
        let open = outbox::call::open(&open, CHANNEL, peer_incoming, false);
        invoke(context, &open, &seeds)?;
        let open = inbox::OpenAddresses {
            receiver: this,
            payer,
            client,
        };
        let open = inbox::call::open(&open, CHANNEL, home, peer_outgoing, false);
        invoke(context, &open, &seeds)
    }

    /// Locks tokens, and sends a message to have as many wrapped ones made.
    #[instruction(1)]
    pub fn lock(
        accounts: &Lock<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        order: Order,
    ) -> Result {
        let Lock {
            sender,
            departure,
            mint,
            purse,
            vault,
            ..
        } = accounts;
        let Order {
            amount, recipient, ..
        } = order;
        token::transfer_checked(purse, mint, vault, sender, amount).invoke(context)?;
        let transfer = Transfer {
            done: Done::Locked,
            home: *mint.address(),
            decimals: mint.read(context)?.decimals,
            amount,
            sender: *sender.address(),
            recipient,
        };
        send(departure, context, (number, order.deadline), transfer)
    }

    /// Burns wrapped tokens, and sends a message to have as many unlocked.
    #[instruction(2)]
    pub fn burn(
        accounts: &Burn<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        home: Address,
        order: Order,
    ) -> Result {
        let Burn {
            sender,
            departure,
            mint,
            purse,
            ..
        } = accounts;
        let Order {
            amount, recipient, ..
        } = order;
        token::burn(purse, mint, sender, amount).invoke(context)?;
        let transfer = Transfer {
            done: Done::Burned,
            home,
            decimals: mint.read(context)?.decimals,
            amount,
            sender: *sender.address(),
            recipient,
        };
        send(departure, context, (number, order.deadline), transfer)
    }

    /// Makes wrapped tokens for what was locked on the other chain.
    #[instruction(3)]
    pub fn mint(
        accounts: &MintWrapped<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        home: Address,
        decimals: u8,
        evidence: Evidence,
    ) -> Result {
        let MintWrapped {
            payer,
            arrival,
            mint,
            recipient,
            purse,
            ..
        } = accounts;
        let taken = (number, ACCEPTED, evidence);
        let transfer = accept(arrival, *payer.address(), context, taken)?;
        let is_it = transfer.done == Done::Locked
            && transfer.home == home
            && transfer.decimals == decimals
            && transfer.recipient == *recipient.address();
        require!(is_it, BridgeError::OtherTransfer);
        let seeds = arrival.bridge_seeds(context)?;
        let bridge = &arrival.bridge;
        token::mint_to(mint, purse, bridge, transfer.amount).invoke_signed(context, &seeds)?;
        Arrived { number, transfer }.emit(context)
    }

    /// Pays tokens out of the vault for what was burned on the other chain.
    #[instruction(4)]
    pub fn unlock(
        accounts: &Unlock<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        evidence: Evidence,
    ) -> Result {
        let Unlock {
            payer,
            arrival,
            mint,
            vault,
            recipient,
            purse,
            ..
        } = accounts;
        let taken = (number, ACCEPTED, evidence);
        let transfer = accept(arrival, *payer.address(), context, taken)?;
        let is_it = transfer.done == Done::Burned
            && transfer.home == *mint.address()
            && transfer.recipient == *recipient.address();
        require!(is_it, BridgeError::OtherTransfer);
        let seeds = arrival.bridge_seeds(context)?;
        let bridge = &arrival.bridge;
        token::transfer_checked(vault, mint, purse, bridge, transfer.amount)
            .invoke_signed(context, &seeds)?;
        Arrived { number, transfer }.emit(context)
    }

    /// Refuses tokens, which the other chain then returns.
    #[instruction(5)]
    pub fn refuse(
        accounts: &Refuse<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        evidence: Evidence,
    ) -> Result {
        let recipient = *accounts.recipient.address();
        let taken = (number, REFUSED, evidence);
        let transfer = accept(&accounts.arrival, recipient, context, taken)?;
        let is_its = transfer.recipient == recipient;
        require!(is_its, BridgeError::OtherTransfer);
        Ok(())
    }

    /// Ends the message of a transfer that was accepted.
    #[instruction(6)]
    pub fn confirm(
        accounts: &Confirm<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result {
        let outcome = settle(&accounts.settlement, context, evidence)?;
        require!(outcome == Outcome::Accepted, BridgeError::OtherOutcome);
        Ok(())
    }

    /// Pays locked tokens back that were refused or did not arrive in time.
    #[instruction(7)]
    pub fn return_locked(
        accounts: &ReturnLocked<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result {
        let ReturnLocked {
            settlement,
            mint,
            vault,
            purse,
            ..
        } = accounts;
        let (number, transfer) = came_back(settlement, context, evidence)?;
        let is_it = transfer.done == Done::Locked
            && transfer.home == *mint.address()
            && transfer.sender == purse.read(context)?.owner;
        require!(is_it, BridgeError::OtherTransfer);
        let seeds = settlement.bridge_seeds(context)?;
        let bridge = &settlement.bridge;
        token::transfer_checked(vault, mint, purse, bridge, transfer.amount)
            .invoke_signed(context, &seeds)?;
        Returned { number, transfer }.emit(context)
    }

    /// Makes burned tokens again that were refused or did not arrive in time.
    #[instruction(8)]
    pub fn return_burned(
        accounts: &ReturnBurned<'_>,
        context: &mut Context<'_, '_>,
        home: Address,
        evidence: Evidence,
    ) -> Result {
        let ReturnBurned {
            settlement,
            mint,
            purse,
            ..
        } = accounts;
        let (number, transfer) = came_back(settlement, context, evidence)?;
        let is_it = transfer.done == Done::Burned
            && transfer.home == home
            && transfer.sender == purse.read(context)?.owner;
        require!(is_it, BridgeError::OtherTransfer);
        let seeds = settlement.bridge_seeds(context)?;
        let bridge = &settlement.bridge;
        token::mint_to(mint, purse, bridge, transfer.amount).invoke_signed(context, &seeds)?;
        Returned { number, transfer }.emit(context)
    }

    /// Sends what was done to tokens to the other half.
    fn send(
        departure: &Departure<'_>,
        context: &mut Context<'_, '_>,
        (number, deadline): (u64, u64),
        transfer: Transfer,
    ) -> Result {
        require!(transfer.amount > 0, BridgeError::NoAmount);
        let addresses = outbox::SendAddresses {
            sender: *departure.bridge.address(),
            payer: transfer.sender,
            channel: *departure.outgoing.address(),
            client: *departure.client.address(),
        };
        let payload = encode(&transfer);
        let send = outbox::call::send(&addresses, number, deadline, payload);
        let seeds = departure.bridge_seeds(context)?;
        invoke(context, &send, &seeds)?;
        Left { number, transfer }.emit(context)
    }

    /// Has a message of the other half marked with an outcome, and gives what it says.
    fn accept(
        arrival: &Arrival<'_>,
        payer: Address,
        context: &mut Context<'_, '_>,
        (number, outcome, evidence): (u64, u8, Evidence),
    ) -> Result<Transfer> {
        let addresses = inbox::AcceptAddresses {
            receiver: *arrival.bridge.address(),
            payer,
            channel: *arrival.incoming.address(),
            client: *arrival.client.address(),
        };
        let accept = inbox::call::accept(&addresses, number, outcome, evidence);
        let seeds = arrival.bridge_seeds(context)?;
        invoke(context, &accept, &seeds)?;
        let delivery: Delivery = returned(context)?;
        decode(&delivery.payload)
    }

    /// Settles a message.
    fn settle(
        settlement: &Settlement<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result<Outcome> {
        let addresses = outbox::SettleAddresses {
            sender: *settlement.bridge.address(),
            channel: *settlement.outgoing.address(),
            client: *settlement.client.address(),
            message: *settlement.message.address(),
            payer: *settlement.payer.address(),
        };
        let settle = outbox::call::settle(&addresses, evidence);
        let seeds = settlement.bridge_seeds(context)?;
        invoke(context, &settle, &seeds)?;
        returned(context)
    }

    /// Settles a message that was not accepted. Gives its number and what it said.
    fn came_back(
        settlement: &Settlement<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result<(u64, Transfer)> {
        let message = settlement.message.read(context)?.clone();
        let outcome = settle(settlement, context, evidence)?;
        require!(outcome != Outcome::Accepted, BridgeError::OtherOutcome);
        Ok((message.number, decode(&message.payload)?))
    }

    /// Calls an instruction for which the bridge signs.
    fn invoke<const N: usize>(
        context: &mut Context<'_, '_>,
        instruction: &Instruction,
        seeds: &SignerSeeds<N>,
    ) -> Result {
        context.invoke_signed(instruction, &[&seeds.as_slices()])
    }

    /// What the invoked program has returned.
    fn returned<T: Data>(context: &Context<'_, '_>) -> Result<T> {
        decode(&context.return_data().data)
    }

    fn decode<T: Data>(mut bytes: &[u8]) -> Result<T> {
        T::decode(&mut bytes).ok_or(InstructionError::InvalidAccountData)
    }
}
