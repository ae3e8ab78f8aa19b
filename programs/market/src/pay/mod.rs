//! `payments`: escrows, which pay by parts when a buyer or an arbiter says so, and streams, which
//! pay by the slot.
//!
//! Each escrow and each stream is one state with one account for its tokens, at addresses that
//! follow from the payer and a number of its choice. An escrow pays the receiver when the payer or
//! the arbiter releases a part, and the payer when the receiver or the arbiter refunds one. Once
//! its last slot has passed, the payer takes back what is left. A stream pays the receiver in
//! proportion to the slots that have gone by; the payer may end it at any time.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `lock` | payer, its purse, escrow and vault (both new) | |
//! | `release` | escrow, vault | an account of the receiver |
//! | `refund` | escrow, vault | an account of the payer |
//! | `close` | payer, escrow and vault (both end) | an account of the payer |
//! | `open` | payer, its purse, stream and vault (both new) | |
//! | `collect` | stream, vault | an account of the receiver |
//! | `end` | payer, stream and vault (both end) | accounts of receiver and payer |
//!
//! # Contention
//!
//! Two payments share nothing that either writes, whether or not they have the payer or the
//! receiver in common: each has a state and a vault of its own, and purses are only added to. A
//! shop that a thousand escrows pay in one block is paid by all of them at the same time. There is
//! no common vault and no registry. One payment is the hot object: its own releases take turns.
//! Payers are written by what creates or ends a payment, which they sign.
//!
//! # Parts
//!
//! An escrow keeps count of what is left, and never pays more. What a stream owes is computed from
//! its terms and rounded down, so that it never depends on how often the receiver collects, and
//! all of it is owed at the end. Tokens that are sent to a vault past the program go to the payer
//! when the payment ends. A freeze authority of a mint can stop a vault, as any token account.
//!
//! # A client
//!
//! ```
//! use lockstep_market::pay::payments::{self, *};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(PaymentsProgram).build();
//! let [payer, shop] = ["payer", "shop"].map(|name| chain.wallet(name));
//! let mint = chain.mint("gold", 6);
//! let (purse, till) = (chain.tokens(&payer, &mint, 9_000), chain.tokens(&shop, &mint, 0));
//!
//! let expires = chain.slot() + 100;
//! let terms = EscrowTerms { receiver: shop, arbiter: payer, amount: 5_000, expires };
//! let lock = LockAddresses { payer, mint, purse };
//! chain.run(payments::call::lock(&lock, 0, terms)).all_ok();
//! let (escrow, _) = Lock::escrow_address(&payer, 0);
//! let (vault, _) = Lock::vault_address(&escrow);
//! let release = ReleaseAddresses { actor: payer, escrow, vault, target: till };
//! chain.run(payments::call::release(&release, 3_000)).all_ok();
//! let refund = RefundAddresses { actor: shop, escrow, vault, purse };
//! chain.run(payments::call::refund(&refund, 2_000)).all_ok();
//! assert_eq!((chain.balance(&purse), chain.balance(&till)), (6_000, 3_000));
//!
//! let start = chain.slot();
//! let terms = StreamTerms { receiver: shop, total: 1_000, start, end: start + 10 };
//! let open = OpenAddresses { payer, mint, purse };
//! chain.run(payments::call::open(&open, 0, terms)).all_ok();
//! let (stream, _) = Open::stream_address(&payer, 0);
//! let (vault, _) = Open::vault_address(&stream);
//! chain.warp_to_slot(start + 7);
//! let collect = CollectAddresses { receiver: shop, stream, vault, target: till };
//! chain.run(payments::call::collect(&collect)).all_ok();
//! assert_eq!(chain.balance(&till), 3_700);
//! ```

/// What a stream of `total` tokens from slot `start` to slot `end` has come to at slot `now`:
/// nothing up to the start, all from the end on, and in between the proportion, rounded down.
///
/// ```
/// use lockstep_market::pay::streamed;
/// assert_eq!([9, 10, 11, 12, 13, 14].map(|now| streamed(10, 10, 13, now)), [0, 0, 3, 6, 10, 10]);
/// ```
pub fn streamed(total: u64, start: u64, end: u64, now: u64) -> u64 {
    if now >= end {
        return total;
    }
    let [passed, length] = [now, end].map(|slot| u128::from(slot.saturating_sub(start)));
    let part = u128::from(total).saturating_mul(passed).checked_div(length);
    // A part of the total is below it; the length is not 0 where the end is ahead of the start.
    part.and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
}

/// Escrows and streams of tokens.
#[lockstep_sdk::program(id = "Pay1111111111111111111111111111111111111111")]
pub mod payments {
    use super::streamed;
    use lockstep_sdk::{prelude::*, token};

    /// What an escrow is agreed to be.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct EscrowTerms {
        /// Gets what is released.
        pub receiver: Address,
        /// May release and refund. The payer's own address where there is no arbiter.
        pub arbiter: Address,
        /// Tokens, at least 1.
        pub amount: u64,
        /// The last slot in which the payer cannot take back what is left.
        pub expires: u64,
    }

    /// What a stream is agreed to be.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct StreamTerms {
        /// Gets the tokens.
        pub receiver: Address,
        /// Tokens in all, at least 1.
        pub total: u64,
        /// The slot up to which nothing is owed.
        pub start: u64,
        /// The slot from which all is owed; after the start.
        pub end: u64,
    }

    /// An escrow: the authority of its vault.
    #[state(1, pod)]
    pub struct Escrow {
        /// Has locked the tokens.
        pub payer: Address,
        /// See [`EscrowTerms::receiver`].
        pub receiver: Address,
        /// See [`EscrowTerms::arbiter`].
        pub arbiter: Address,
        /// Of the tokens.
        pub mint: Address,
        /// Holds them.
        pub vault: Address,
        /// Tells the payer's escrows apart.
        pub number: U64,
        /// See [`EscrowTerms::expires`].
        pub expires: U64,
        /// Tokens that are neither released nor refunded. The vault holds at least that.
        pub left: U64,
    }

    /// A stream: the authority of its vault.
    #[state(2, pod)]
    pub struct Stream {
        /// Pays.
        pub payer: Address,
        /// See [`StreamTerms::receiver`].
        pub receiver: Address,
        /// Of the tokens.
        pub mint: Address,
        /// Holds them.
        pub vault: Address,
        /// Tells the payer's streams apart.
        pub number: U64,
        /// See [`StreamTerms::total`].
        pub total: U64,
        /// See [`StreamTerms::start`].
        pub start: U64,
        /// See [`StreamTerms::end`].
        pub end: U64,
        /// Tokens that the receiver has got.
        pub paid: U64,
    }

    impl Stream {
        /// Tokens that are owed at this slot and not paid yet.
        fn due(&self, now: u64) -> u64 {
            let total = streamed(self.total.get(), self.start.get(), self.end.get(), now);
            total.saturating_sub(self.paid.get())
        }
    }

    /// Why a payment is refused.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum PaymentError {
        /// a payment is of one token at least
        NoAmount = 1,
        /// the time that was agreed to is in the past, or ends before it begins
        BadTime,
        /// an escrow is released by its payer or its arbiter
        MayNotRelease,
        /// an escrow is refunded by its receiver or its arbiter, or by its payer once expired
        MayNotRefund,
        /// the escrow has less than that left
        NotEnough,
        /// the escrow still has tokens left
        NotEmpty,
        /// the stream owes nothing at this slot
        NothingDue,
    }

    /// Tokens were locked in an escrow.
    #[event(1)]
    pub struct Locked {
        /// Which.
        pub escrow: Address,
        /// Would get them.
        pub receiver: Address,
        /// How many.
        pub amount: u64,
    }

    /// A part of an escrow was paid.
    #[event(2)]
    pub struct Released {
        /// Which.
        pub escrow: Address,
        /// True if it was paid to the receiver, false if to the payer.
        pub is_release: bool,
        /// Tokens of the part.
        pub amount: u64,
        /// Tokens that are left.
        pub left: u64,
    }

    /// A stream began.
    #[event(3)]
    pub struct Opened {
        /// Which.
        pub stream: Address,
        /// Gets the tokens.
        pub receiver: Address,
        /// How many in all.
        pub total: u64,
    }

    /// A stream paid its receiver.
    #[event(4)]
    pub struct Collected {
        /// Which.
        pub stream: Address,
        /// Tokens.
        pub amount: u64,
    }

    /// A stream ended.
    #[event(5)]
    pub struct Ended {
        /// Which.
        pub stream: Address,
        /// Tokens that went back to the payer.
        pub returned: u64,
    }

    /// A new escrow.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Lock<'a> {
        /// Pays tokens and rent.
        pub payer: Mut<Signer<'a>>,
        /// Of the tokens.
        pub mint: State<'a, Mint>,
        /// Holds the payer's tokens.
        #[account(mint = mint, authority = payer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// The new escrow.
        #[account(payer = payer, seeds = [b"escrow", payer, number])]
        pub escrow: Init<'a, Escrow>,
        /// Holds its tokens.
        #[account(payer = payer, seeds = [b"vault", escrow], mint = mint, authority = escrow)]
        pub vault: Init<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A part for the receiver.
    #[derive(Accounts, Debug)]
    pub struct Release<'a> {
        /// The payer or the arbiter.
        pub actor: Signer<'a>,
        /// The escrow: signs for its vault.
        #[account(seeds = [b"escrow", escrow.payer, escrow.number])]
        pub escrow: Mut<State<'a, Escrow>>,
        /// Pays.
        #[account(address = escrow.vault)]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// An account of the receiver, only added to.
        #[account(mint = escrow.mint, authority = escrow.receiver)]
        pub target: Tally<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A part for the payer.
    #[derive(Accounts, Debug)]
    pub struct Refund<'a> {
        /// The receiver or the arbiter; once the escrow has expired, the payer.
        pub actor: Signer<'a>,
        /// The escrow: signs for its vault.
        #[account(seeds = [b"escrow", escrow.payer, escrow.number])]
        pub escrow: Mut<State<'a, Escrow>>,
        /// Pays.
        #[account(address = escrow.vault)]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// An account of the payer, only added to.
        #[account(mint = escrow.mint, authority = escrow.payer)]
        pub purse: Tally<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// An escrow that ends.
    #[derive(Accounts, Debug)]
    pub struct Close<'a> {
        /// Gets the rent back.
        pub payer: Mut<Signer<'a>>,
        /// The escrow: signs for its vault.
        #[account(
            has_one = payer,
            seeds = [b"escrow", escrow.payer, escrow.number],
            check(escrow.left.get() == 0, PaymentError::NotEmpty),
            close = payer,
        )]
        pub escrow: Mut<State<'a, Escrow>>,
        /// Ends, too.
        #[account(address = escrow.vault)]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// Gets tokens that were sent to the vault past the program.
        #[account(mint = escrow.mint, authority = payer)]
        pub purse: Tally<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A new stream.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Open<'a> {
        /// Pays tokens and rent.
        pub payer: Mut<Signer<'a>>,
        /// Of the tokens.
        pub mint: State<'a, Mint>,
        /// Holds the payer's tokens.
        #[account(mint = mint, authority = payer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// The new stream.
        #[account(payer = payer, seeds = [b"stream", payer, number])]
        pub stream: Init<'a, Stream>,
        /// Holds its tokens.
        #[account(payer = payer, seeds = [b"vault", stream], mint = mint, authority = stream)]
        pub vault: Init<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// What a stream owes.
    #[derive(Accounts, Debug)]
    pub struct Collect<'a> {
        /// The receiver.
        pub receiver: Signer<'a>,
        /// The stream: signs for its vault.
        #[account(has_one = receiver, seeds = [b"stream", stream.payer, stream.number])]
        pub stream: Mut<State<'a, Stream>>,
        /// Pays.
        #[account(address = stream.vault)]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// An account of the receiver, only added to.
        #[account(mint = stream.mint, authority = receiver)]
        pub target: Tally<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A stream that ends.
    #[derive(Accounts, Debug)]
    pub struct End<'a> {
        /// Gets the rent back.
        pub payer: Mut<Signer<'a>>,
        /// The stream: signs for its vault.
        #[account(
            has_one = payer,
            seeds = [b"stream", stream.payer, stream.number],
            close = payer,
        )]
        pub stream: Mut<State<'a, Stream>>,
        /// Ends, too.
        #[account(address = stream.vault)]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// An account of the receiver, which gets what is owed. A payer may pay itself.
        #[account(mint = stream.mint, authority = stream.receiver, may_repeat)]
        pub target: Tally<'a, TokenAccount>,
        /// An account of the payer, which gets the rest.
        #[account(mint = stream.mint, authority = payer, may_repeat)]
        pub purse: Tally<'a, TokenAccount>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// Locks tokens in a new escrow. The payer chooses a number that it does not use.
    #[instruction(0)]
    pub fn lock(
        accounts: &Lock<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        terms: EscrowTerms,
    ) -> Result {
        let EscrowTerms {
            receiver, amount, ..
        } = terms;
        require!(amount > 0, PaymentError::NoAmount);
        require!(terms.expires >= slot(context)?, PaymentError::BadTime);
        let state = Escrow {
            payer: *accounts.payer.address(),
            receiver,
            arbiter: terms.arbiter,
            mint: *accounts.mint.address(),
            vault: *accounts.vault.address(),
            number: number.into(),
            expires: terms.expires.into(),
            left: amount.into(),
        };
        accounts.escrow.set(context, &state)?;
        let (purse, vault) = (&accounts.purse, &accounts.vault);
        token::transfer(purse, vault, &accounts.payer, amount).invoke(context)?;
        Locked {
            escrow: *accounts.escrow.address(),
            receiver,
            amount,
        }
        .emit(context)
    }

    /// Pays a part of an escrow to its receiver.
    #[instruction(1)]
    pub fn release(accounts: &Release<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Release { escrow, vault, .. } = accounts;
        let actor = accounts.actor.address();
        let state = *escrow.read(context)?;
        let may_release = [state.payer, state.arbiter].contains(actor);
        require!(may_release, PaymentError::MayNotRelease);
        take(escrow, context, amount, true)?;
        let seeds = accounts.escrow_seeds(context)?;
        token::transfer(vault, &accounts.target, escrow, amount).invoke_signed(context, &seeds)
    }

    /// Pays a part of an escrow back to its payer.
    #[instruction(2)]
    pub fn refund(accounts: &Refund<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Refund { escrow, vault, .. } = accounts;
        let actor = accounts.actor.address();
        let state = *escrow.read(context)?;
        let has_expired = slot(context)? > state.expires.get();
        // A payer that is its own arbiter waits like any other: there is none.
        let is_arbiter = *actor == state.arbiter && state.arbiter != state.payer;
        let may_refund =
            is_arbiter || *actor == state.receiver || (*actor == state.payer && has_expired);
        require!(may_refund, PaymentError::MayNotRefund);
        take(escrow, context, amount, false)?;
        let seeds = accounts.escrow_seeds(context)?;
        token::transfer(vault, &accounts.purse, escrow, amount).invoke_signed(context, &seeds)
    }

    /// Ends an escrow that has nothing left.
    #[instruction(3)]
    pub fn close(accounts: &Close<'_>, context: &mut Context<'_, '_>) -> Result {
        let Close {
            payer,
            escrow,
            vault,
            purse,
            ..
        } = accounts;
        let seeds = accounts.escrow_seeds(context)?;
        let left = vault.read(context)?.amount.get();
        token::transfer(vault, purse, escrow, left).invoke_signed(context, &seeds)?;
        token::close_account(vault, payer, escrow).invoke_signed(context, &seeds)
    }

    /// Opens a stream. The payer chooses a number that it does not use.
    #[instruction(4)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        terms: StreamTerms,
    ) -> Result {
        let StreamTerms {
            receiver, total, ..
        } = terms;
        require!(total > 0, PaymentError::NoAmount);
        let is_ahead = terms.start < terms.end && slot(context)? < terms.end;
        require!(is_ahead, PaymentError::BadTime);
        let state = Stream {
            payer: *accounts.payer.address(),
            receiver,
            mint: *accounts.mint.address(),
            vault: *accounts.vault.address(),
            number: number.into(),
            total: total.into(),
            start: terms.start.into(),
            end: terms.end.into(),
            paid: 0.into(),
        };
        accounts.stream.set(context, &state)?;
        let (purse, vault) = (&accounts.purse, &accounts.vault);
        token::transfer(purse, vault, &accounts.payer, total).invoke(context)?;
        Opened {
            stream: *accounts.stream.address(),
            receiver,
            total,
        }
        .emit(context)
    }

    /// Pays the receiver what a stream owes.
    #[instruction(5)]
    pub fn collect(accounts: &Collect<'_>, context: &mut Context<'_, '_>) -> Result {
        let Collect { stream, vault, .. } = accounts;
        let now = slot(context)?;
        let amount = stream.read(context)?.due(now);
        require!(amount > 0, PaymentError::NothingDue);
        stream.write(context)?.paid.increase(amount)?;
        let seeds = accounts.stream_seeds(context)?;
        token::transfer(vault, &accounts.target, stream, amount).invoke_signed(context, &seeds)?;
        Collected {
            stream: *stream.address(),
            amount,
        }
        .emit(context)
    }

    /// Ends a stream: the receiver gets what is owed, the payer the rest.
    #[instruction(6)]
    pub fn end(accounts: &End<'_>, context: &mut Context<'_, '_>) -> Result {
        let End {
            payer,
            stream,
            vault,
            target,
            purse,
            ..
        } = accounts;
        let now = slot(context)?;
        let (amount, address) = (stream.read(context)?.due(now), *stream.address());
        let seeds = accounts.stream_seeds(context)?;
        token::transfer(vault, target, stream, amount).invoke_signed(context, &seeds)?;
        let returned = vault.read(context)?.amount.get();
        token::transfer(vault, purse, stream, returned).invoke_signed(context, &seeds)?;
        token::close_account(vault, payer, stream).invoke_signed(context, &seeds)?;
        let stream = address;
        Collected { stream, amount }.emit(context)?;
        Ended { stream, returned }.emit(context)
    }

    /// Takes a part of what is left in an escrow.
    fn take(
        escrow: &Mut<State<'_, Escrow>>,
        context: &mut Context<'_, '_>,
        amount: u64,
        is_release: bool,
    ) -> Result {
        require!(amount > 0, PaymentError::NoAmount);
        let left = escrow.read(context)?.left.get().checked_sub(amount);
        let left = left.ok_or(PaymentError::NotEnough)?;
        escrow.write(context)?.left.set(left);
        Released {
            escrow: *escrow.address(),
            is_release,
            amount,
            left,
        }
        .emit(context)
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
