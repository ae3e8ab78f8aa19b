//! `duels`: state channels of two parties with equal stakes, for any game that a program judges.
//!
//! The parties play off the chain: each turn is a message that both have signed, of a position and
//! the side that moves. If one of them stops, the other puts the newest message on the chain, and
//! from there on turns are played on the chain: the program invokes the judge, which says whether a
//! turn is allowed and what comes of it. The side that does not move in time loses its stake.
//!
//! A judge is a program with the instruction `judge`, of discriminator 0, that takes a [`Turn`]
//! and returns a [`Verdict`]; [`nim`](crate::nim) is one. It gets the duel as its one account, to
//! read, and no rights.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `challenge` | first party, duel (new) | |
//! | `join` | second party, duel | |
//! | `cancel` | first party, duel (ends) | |
//! | `begin`, `dispute`, `play` | duel | |
//! | `close`, `finish` | duel (ends) | both parties |
//!
//! # Contention
//!
//! A duel is one account with the lamports of both parties, and a judge has no state, so any number
//! of duels run at the same time, also of one game and of one party. The turns of one duel are an
//! order by nature; of those that are played off the chain, the chain sees none.
//!
//! # Safety
//!
//! The rules of [`channels`](crate::channel) hold: newer versions win, and a message names the
//! duel and the slot in which it was opened. A turn on the chain is no version, so a message that
//! both have signed is newer than any turn that was played from an older one: a party that shows an
//! old position, to move otherwise from there, gains nothing. The position that a duel begins with
//! is given by the first party and is on the chain when the second one joins. The judge is agreed
//! to in the same way: a judge that fails, or returns no verdict, lets the side lose that has to
//! move. It cannot call back, since it is handed no account that a call would need.
//!
//! # A client
//!
//! ```
//! use lockstep_market::{duel::duels::{self, *}, nim::nim::{self, NimProgram}};
//! use lockstep_testing::{Chain, SOL};
//!
//! let chain = Chain::builder().program(DuelsProgram).program(NimProgram);
//! let mut chain = chain.build();
//! let [ann, ben] = ["ann", "ben"].map(|name| chain.wallet(name));
//! let rules = Rules { judge: nim::ID, window: 10, stake: SOL, position: nim::heaps(&[1, 2]) };
//! chain.run(duels::call::challenge(&ChallengeAddresses { first: ann }, 0, ben, rules)).all_ok();
//! let (duel, _) = Challenge::duel_address(&ann, 0);
//! chain.run(duels::call::join(&JoinAddresses { second: ben, duel })).all_ok();
//!
//! // Ben is silent from the beginning, so Ann begins, and moves.
//! chain.run(duels::call::begin(&BeginAddresses { party: ann, duel })).all_ok();
//! let play = |party| PlayTurnAddresses { party, duel, judge: nim::ID };
//! chain.run(duels::call::play(&play(ann), nim::take(1, 1))).all_ok();
//! chain.warp_to_slot(chain.slot() + 10);
//! let before = chain.lamports(&ann);
//! let finish = FinishAddresses { duel, first: ann, second: ben };
//! chain.run(duels::call::finish(&finish)).all_ok();
//! assert!(chain.lamports(&ann) > before + 2 * SOL);
//! ```

use lockstep_sdk::prelude::*;

/// Parts of which a verdict gives the first party some.
pub const SHARE_PARTS: u16 = 10_000;

/// A position of a game, in the judge's own encoding.
pub type Position = [u8; 64];
/// A move of a game, in the judge's own encoding.
pub type Play = [u8; 16];

/// What a judge is asked.
#[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
pub struct Turn {
    /// The position.
    pub position: Position,
    /// The side that moves: 0 for the first party, 1 for the second.
    pub side: u8,
    /// Its move.
    pub play: Play,
}

/// What a judge answers.
#[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
pub struct Verdict {
    /// The position after the move.
    pub position: Position,
    /// The side that moves next, 0 or 1; 2 if the game is over.
    pub next: u8,
    /// What the first party gets of both stakes once it is over, in [`SHARE_PARTS`].
    pub share: u16,
}

/// The side of a verdict that ends a game.
pub const OVER: u8 = 2;

impl Verdict {
    /// True if it names a side and a share that there are.
    pub fn is_valid(&self) -> bool {
        self.next <= OVER && self.share <= SHARE_PARTS
    }
}

/// State channels of two parties.
#[lockstep_sdk::program(id = "Due1111111111111111111111111111111111111111")]
pub mod duels {
    use super::{OVER, Play, Position, SHARE_PARTS, Turn, Verdict};
    use crate::channel::channels::{FINAL, WINDOW_MAX};
    use lockstep_sdk::{
        ed25519::{self, Ed25519, Signature},
        interface::{AccountMeta, InstructionRef},
        prelude::*,
        program::returned,
        system,
    };

    /// What messages begin with. No transaction begins with this byte.
    const DOMAIN: &[u8] = b"\xfflockstep duel";
    /// The discriminator of a judge's instruction.
    const JUDGE: u8 = 0;

    /// What a duel is agreed to be.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Rules {
        /// The program that judges.
        pub judge: Address,
        /// Slots that a side has to move or to show a newer message, in [1, 2^32].
        pub window: u64,
        /// Lamports of each party.
        pub stake: u64,
        /// Where it begins, with the first party to move.
        pub position: Position,
    }

    /// What two parties have agreed to.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Agreement {
        /// At least 1, and more than in every message before.
        pub version: u64,
        /// Where the game stands.
        pub verdict: Verdict,
    }

    impl Agreement {
        /// The bytes that a party signs, for the duel at this address that was opened in this slot.
        pub fn message(&self, duel: &Address, opened: u64) -> Vec<u8> {
            [
                DOMAIN,
                duel.as_array(),
                &opened.to_le_bytes(),
                &encode(self),
            ]
            .concat()
        }
    }

    /// A duel, with the stakes.
    #[state(1, pod)]
    pub struct Duel {
        /// Has opened it.
        pub first: Address,
        /// The other party.
        pub second: Address,
        /// See [`Rules::judge`].
        pub judge: Address,
        /// Tells the first party's duels apart.
        pub number: U64,
        /// The slot in which it was opened.
        pub opened: U64,
        /// See [`Rules::window`].
        pub window: U64,
        /// See [`Rules::stake`].
        pub stake: U64,
        /// True once the second party's stake is there.
        pub is_joined: Bool,
        /// The version of the newest message that the chain knows; 0 if it knows none.
        pub version: U64,
        /// The last slot for the next turn or a newer message; 0 while there is no dispute.
        pub deadline: U64,
        /// The position.
        pub position: Position,
        /// The side that moves, or [`OVER`].
        pub next: u8,
        /// What the first party gets once it is over.
        pub share: U16,
    }

    impl Duel {
        /// The side of a party.
        fn side(&self, party: &Address) -> Result<u8> {
            match *party {
                party if party == self.first => Ok(0),
                party if party == self.second => Ok(1),
                _ => Err(DuelError::NotAParty.into()),
            }
        }

        fn accept(&mut self, verdict: &Verdict) {
            self.position = verdict.position;
            self.next = verdict.next;
            self.share.set(verdict.share);
        }

        /// What the first party gets where the game has ended, and where a side let time pass.
        fn due_share(&self) -> u16 {
            match self.next {
                OVER => self.share.get(),
                0 => 0,
                _ => SHARE_PARTS,
            }
        }
    }

    /// Why a duel refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum DuelError {
        /// a duel has two parties
        OneParty = 1,
        /// the period in which a side has to move has 1 to 2^32 slots, and both stakes fit 64 bits
        BadRules,
        /// only the parties of a duel act on it
        NotAParty,
        /// the second party has not joined yet
        NotJoined,
        /// the second party has joined
        AlreadyJoined,
        /// the message is not newer than what the chain knows
        Stale,
        /// the message or the judge names a side or a share that there is not
        BadVerdict,
        /// the message is not the last one, of version 2^64 - 1 and of a game that is over
        NotFinal,
        /// the game is on the chain already
        Disputed,
        /// the game is not on the chain
        NotDisputed,
        /// it is the other side's turn, or the game is over
        NotYourTurn,
        /// the time to move is over
        TimeOver,
        /// there is time left to move
        TimeLeft,
        /// the duel ends in a later slot
        TooEarly,
        /// a slot would exceed 64 bits
        Overflow,
    }

    /// A duel was opened.
    #[event(1)]
    pub struct Challenged {
        /// Which.
        pub duel: Address,
        /// The other party.
        pub second: Address,
        /// The slot, which messages name.
        pub slot: u64,
    }

    /// The chain knows a newer position.
    #[event(2)]
    pub struct Moved {
        /// Of this duel.
        pub duel: Address,
        /// The version of the newest message.
        pub version: u64,
        /// The side that moves next, or [`OVER`].
        pub next: u8,
        /// The last slot for it.
        pub deadline: u64,
    }

    /// A duel has ended.
    #[event(3)]
    pub struct Settled {
        /// Which.
        pub duel: Address,
        /// Lamports that the first party got, rent left out.
        pub first: u64,
        /// Lamports that the second party got.
        pub second: u64,
    }

    /// A new duel.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Challenge<'a> {
        /// Pays rent and stake.
        pub first: Mut<Signer<'a>>,
        /// The new duel.
        #[account(payer = first, seeds = [b"duel", first, number])]
        pub duel: Init<'a, Duel>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// The second party's stake.
    #[derive(Accounts, Debug)]
    pub struct Join<'a> {
        /// The second party.
        pub second: Mut<Signer<'a>>,
        /// The duel.
        #[account(
            has_one = second,
            check(!duel.is_joined.get(), DuelError::AlreadyJoined),
        )]
        pub duel: Mut<State<'a, Duel>>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// A duel that was not joined, and ends.
    #[derive(Accounts, Debug)]
    pub struct Cancel<'a> {
        /// The first party: gets stake and rent back.
        pub first: Mut<Signer<'a>>,
        /// The duel.
        #[account(
            has_one = first,
            check(!duel.is_joined.get(), DuelError::AlreadyJoined),
            close = first,
        )]
        pub duel: Mut<State<'a, Duel>>,
    }

    /// A dispute that begins.
    #[derive(Accounts, Debug)]
    pub struct Begin<'a> {
        /// One of the parties.
        pub party: Signer<'a>,
        /// The duel.
        #[account(check(duel.is_joined.get(), DuelError::NotJoined))]
        pub duel: Mut<State<'a, Duel>>,
    }

    /// A message that the other party has signed.
    #[derive(Accounts, Debug)]
    pub struct Dispute<'a> {
        /// One of the parties.
        pub party: Signer<'a>,
        /// The duel.
        #[account(check(duel.is_joined.get(), DuelError::NotJoined))]
        pub duel: Mut<State<'a, Duel>>,
        /// Checks the signature.
        pub ed25519: Program<'a, Ed25519>,
    }

    /// A turn on the chain.
    #[derive(Accounts, Debug)]
    pub struct PlayTurn<'a> {
        /// The party that moves.
        pub party: Signer<'a>,
        /// The duel.
        pub duel: Mut<State<'a, Duel>>,
        /// Judges the turn.
        #[account(address = duel.judge)]
        pub judge: Unchecked<'a>,
    }

    /// A duel that ends.
    #[derive(Accounts, Debug)]
    pub struct Finish<'a> {
        /// The duel.
        #[account(
            has_one = first,
            has_one = second,
            check(duel.is_joined.get(), DuelError::NotJoined),
            close = first,
        )]
        pub duel: Mut<State<'a, Duel>>,
        /// Gets its share, and the rent.
        pub first: Credit<'a>,
        /// Gets its share.
        pub second: Credit<'a>,
    }

    /// A duel that both parties end.
    #[derive(Accounts, Debug)]
    pub struct Close<'a> {
        /// One of the parties.
        pub party: Signer<'a>,
        /// The duel.
        pub ending: Finish<'a>,
        /// Checks the signature of the other party.
        pub ed25519: Program<'a, Ed25519>,
    }

    /// Opens a duel with the stake of the first party. Its number is one that the party does not
    /// use.
    #[instruction(0)]
    pub fn challenge(
        accounts: &Challenge<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        second: Address,
        rules: Rules,
    ) -> Result {
        let Challenge { first, duel, .. } = accounts;
        require!(*first.address() != second, DuelError::OneParty);
        let has_window = (1..=WINDOW_MAX).contains(&rules.window);
        let has_stake = rules.stake.checked_mul(2).is_some();
        require!(has_window && has_stake, DuelError::BadRules);
        let slot = slot(context)?;
        let state = Duel {
            first: *first.address(),
            second,
            judge: rules.judge,
            number: number.into(),
            opened: slot.into(),
            window: rules.window.into(),
            stake: rules.stake.into(),
            is_joined: false.into(),
            version: 0.into(),
            deadline: 0.into(),
            position: rules.position,
            next: 0,
            share: 0.into(),
        };
        duel.set(context, &state)?;
        system::transfer(first, duel, rules.stake).invoke(context)?;
        Challenged {
            duel: *duel.address(),
            second,
            slot,
        }
        .emit(context)
    }

    /// Adds the stake of the second party, which agrees to the judge and to the position.
    #[instruction(1)]
    pub fn join(accounts: &Join<'_>, context: &mut Context<'_, '_>) -> Result {
        let stake = accounts.duel.read(context)?.stake.get();
        system::transfer(&accounts.second, &accounts.duel, stake).invoke(context)?;
        accounts.duel.write(context)?.is_joined.set(true);
        Ok(())
    }

    /// Takes a challenge back.
    #[instruction(2)]
    pub fn cancel(accounts: &Cancel<'_>, context: &mut Context<'_, '_>) -> Result {
        // What stands at this address later is opened in a later slot.
        let opened = accounts.duel.read(context)?.opened.get();
        require!(slot(context)? > opened, DuelError::TooEarly);
        Ok(())
    }

    /// Begins to play on the chain, from what it knows.
    #[instruction(3)]
    pub fn begin(accounts: &Begin<'_>, context: &mut Context<'_, '_>) -> Result {
        let Begin { party, duel } = accounts;
        let state = *duel.read(context)?;
        state.side(party.address())?;
        require!(state.deadline.get() == 0, DuelError::Disputed);
        start_clock(duel, context)
    }

    /// Puts a newer message on the chain, from which the game goes on there.
    #[instruction(4)]
    pub fn dispute(
        accounts: &Dispute<'_>,
        context: &mut Context<'_, '_>,
        agreement: Agreement,
        signature: Signature,
    ) -> Result {
        let Dispute {
            party,
            duel,
            ed25519,
        } = accounts;
        let deadline = duel.read(context)?.deadline.get();
        let is_in_time = deadline == 0 || slot(context)? <= deadline;
        require!(is_in_time, DuelError::TimeOver);
        agree(party, duel, ed25519, context, &agreement, &signature)?;
        let Agreement { version, verdict } = agreement;
        let mut state = duel.write(context)?;
        state.version.set(version);
        state.accept(&verdict);
        drop(state);
        start_clock(duel, context)
    }

    /// Plays a turn on the chain, which the judge judges.
    #[instruction(5)]
    pub fn play(accounts: &PlayTurn<'_>, context: &mut Context<'_, '_>, play: Play) -> Result {
        let PlayTurn { party, duel, judge } = accounts;
        let state = *duel.read(context)?;
        let side = state.side(party.address())?;
        let deadline = state.deadline.get();
        require!(deadline > 0, DuelError::NotDisputed);
        require!(side == state.next, DuelError::NotYourTurn);
        require!(slot(context)? <= deadline, DuelError::TimeOver);
        let turn = Turn {
            position: state.position,
            side,
            play,
        };
        let data = [vec![JUDGE], encode(&turn)].concat();
        context.invoke(InstructionRef {
            program: judge.address(),
            accounts: &[AccountMeta::readonly(*duel.address(), false)],
            data: &data,
        })?;
        let verdict: Verdict = returned(context, judge.address())?;
        require!(verdict.is_valid(), DuelError::BadVerdict);
        duel.write(context)?.accept(&verdict);
        start_clock(duel, context)
    }

    /// Closes a duel by a last message.
    #[instruction(6)]
    pub fn close(
        accounts: &Close<'_>,
        context: &mut Context<'_, '_>,
        agreement: Agreement,
        signature: Signature,
    ) -> Result {
        let Close {
            party,
            ending,
            ed25519,
        } = accounts;
        let Agreement { version, verdict } = agreement;
        let is_final = version == FINAL && verdict.next == OVER;
        require!(is_final, DuelError::NotFinal);
        agree(
            party,
            &ending.duel,
            ed25519,
            context,
            &agreement,
            &signature,
        )?;
        let opened = ending.duel.read(context)?.opened.get();
        require!(slot(context)? > opened, DuelError::TooEarly);
        pay(ending, context, verdict.share)
    }

    /// Pays both parties once the game is over or a side has let its time pass. Any caller may ask
    /// for it.
    #[instruction(7)]
    pub fn finish(accounts: &Finish<'_>, context: &mut Context<'_, '_>) -> Result {
        let state = *accounts.duel.read(context)?;
        let deadline = state.deadline.get();
        require!(deadline > 0, DuelError::NotDisputed);
        // A game that is over waits, too: there may be a newer message.
        require!(slot(context)? > deadline, DuelError::TimeLeft);
        pay(accounts, context, state.due_share())
    }

    /// Checks that a message is newer, possible, and signed by the party that does not submit it.
    fn agree(
        party: &Signer<'_>,
        duel: &Mut<State<'_, Duel>>,
        ed25519: &Program<'_, Ed25519>,
        context: &mut Context<'_, '_>,
        agreement: &Agreement,
        signature: &Signature,
    ) -> Result {
        let state = *duel.read(context)?;
        let other = match state.side(party.address())? {
            0 => state.second,
            _ => state.first,
        };
        require!(agreement.version > state.version.get(), DuelError::Stale);
        require!(agreement.verdict.is_valid(), DuelError::BadVerdict);
        let message = agreement.message(duel.address(), state.opened.get());
        ed25519::verify(ed25519, &other, &message, signature).invoke(context)
    }

    /// Gives the side that moves its time, and tells where the game stands.
    fn start_clock(duel: &Mut<State<'_, Duel>>, context: &mut Context<'_, '_>) -> Result {
        let now = slot(context)?;
        let mut state = duel.write(context)?;
        let deadline = now.checked_add(state.window.get());
        let deadline = deadline.ok_or(DuelError::Overflow)?;
        state.deadline.set(deadline);
        let (version, next) = (state.version.get(), state.next);
        drop(state);
        Moved {
            duel: *duel.address(),
            version,
            next,
            deadline,
        }
        .emit(context)
    }

    /// Pays the second party; the first gets the rest with the rent, as the account ends.
    fn pay(accounts: &Finish<'_>, context: &mut Context<'_, '_>, share: u16) -> Result {
        let duel = &accounts.duel;
        let stakes = u128::from(duel.read(context)?.stake.get()).saturating_mul(2);
        let first = stakes
            .saturating_mul(share.into())
            .checked_div(SHARE_PARTS.into());
        let [stakes, first] = [Some(stakes), first].map(|sum| u64::try_from(sum?).ok());
        let first = first.ok_or(DuelError::Overflow)?;
        let second = stakes.and_then(|stakes| stakes.checked_sub(first));
        let second = second.ok_or(DuelError::Overflow)?;
        duel.debit(context, second)?;
        accounts.second.credit(context, second)?;
        let duel = *duel.address();
        Settled {
            duel,
            first,
            second,
        }
        .emit(context)
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
