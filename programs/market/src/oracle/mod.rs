//! `price_oracle`: prices that many publishers quote, and that programs read.
//!
//! A feed is one price. Its authority admits publishers, each with a quote of its own. A publisher
//! changes nothing but that quote. Any caller has the feed aggregate all of them: a median, and a
//! confidence that tells how far publishers are apart.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `found` | authority, feed (new) | |
//! | `configure` | feed | |
//! | `admit`, `dismiss` | authority, feed, quote (new, or ends) | |
//! | `publish` | quote | |
//! | `aggregate` | feed | all quotes of the feed |
//! | a consumer of another program | | feed |
//!
//! # Contention
//!
//! Two publishers share nothing, not even the feed: a quote names its publisher, and that is all
//! that `publish` has to know. Any number of publishers of any number of feeds run at the same
//! time. `aggregate` reads the quotes behind the publications before it and writes the feed, once a
//! slot or as often as a consumer wants. Consumers only read the feed, so a price that a thousand
//! trades look at delays none of them. Feeds are numbered by their authorities and share nothing.
//!
//! # What a price is worth
//!
//! - A quote says as of which slot it holds. A transaction that was delayed carries its old slot,
//!   and one that overtakes another makes that one fail: `OutOfOrder`.
//! - `aggregate` takes all quotes or fails, so that no caller picks the ones that suit it. Quotes
//!   that are older than the feed allows do not count, and too few of them make no price.
//! - The slot of a feed is that of the oldest quote that counted. A consumer that limits the age of
//!   a price limits the age of all that went into it.
//!
//! # A client
//!
//! ```
//! use lockstep_market::oracle::price_oracle::{self, *};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(PriceOracleProgram).build();
//! let authority = chain.wallet("authority");
//! let publishers = ["p", "q", "r"].map(|name| chain.wallet(name));
//!
//! let rules = Rules { quotes_min: 2, age_max: 10 };
//! chain.run(price_oracle::call::found(&FoundAddresses { authority }, 0, 6, rules)).all_ok();
//! let (feed, _) = Found::feed_address(&authority, 0);
//! for publisher in publishers {
//!     let admit = AdmitAddresses { authority, feed };
//!     chain.run(price_oracle::call::admit(&admit, publisher)).all_ok();
//! }
//! let quotes = publishers.map(|publisher| Admit::quote_address(&feed, publisher).0);
//! let slot = chain.slot();
//! let published = [0, 1, 2].map(|number| {
//!     let (publisher, quote) = (publishers[number], quotes[number]);
//!     let price = 1_000_000 + 100 * number as u64;
//!     price_oracle::call::publish(&PublishAddresses { publisher, quote }, price, 50, slot)
//! });
//! let block = chain.run_block(published);
//! assert_eq!(block.all_ok().batches(), [vec![vec![0], vec![1], vec![2]]]);
//!
//! let quotes = quotes.to_vec();
//! chain.run(price_oracle::call::aggregate(&AggregateAddresses { feed, quotes })).all_ok();
//! let state = chain.state::<Feed>(&feed);
//! assert_eq!((state.price.get(), state.confidence.get()), (1_000_100, 50));
//! assert!(state.is_fresh(chain.slot(), 3));
//! ```

pub mod aggregate;

/// Prices that many publishers quote.
#[lockstep_sdk::program(id = "orac1e1111111111111111111111111111111111111")]
pub mod price_oracle {
    use super::aggregate::{QUOTES_MAX, Quoted, aggregate as agree};
    use lockstep_sdk::{bytemuck, prelude::*};

    /// What it takes to make a price.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Rules {
        /// Quotes that have to count, 1 to 24.
        pub quotes_min: u8,
        /// Slots after which a quote no longer counts.
        pub age_max: u64,
    }

    /// A price. Consumers read it, and look at its age and confidence.
    #[state(1, pod)]
    pub struct Feed {
        /// Admits and dismisses publishers.
        pub authority: Address,
        /// Tells the authority's feeds apart.
        pub number: U64,
        /// See [`Rules::age_max`].
        pub age_max: U64,
        /// See [`Rules::quotes_min`].
        pub quotes_min: u8,
        /// Quotes that there are, fresh or not.
        pub quotes: u8,
        /// Digits of the price behind the point. They never change.
        pub decimals: u8,
        /// The median, 0 before the first one.
        pub price: U64,
        /// The distance within which the true price is taken to be.
        pub confidence: U64,
        /// The slot as of which the oldest quote held that counted.
        pub slot: U64,
    }

    impl Feed {
        /// Price and confidence, of any age; `None` before the first.
        pub fn quoted(&self) -> Option<Quoted> {
            let (price, confidence) = (self.price.get(), self.confidence.get());
            (price > 0).then_some(Quoted { price, confidence })
        }

        /// Whether all that counted held at most this number of slots before `slot`.
        pub fn is_fresh(&self, slot: u64, age_max: u64) -> bool {
            let age = slot.checked_sub(self.slot.get());
            age.is_some_and(|age| age <= age_max)
        }
    }

    /// What a publisher says.
    #[state(2, pod)]
    pub struct Quote {
        /// About this feed's price.
        pub feed: Address,
        /// The publisher.
        pub publisher: Address,
        /// In the feed's unit, 0 before the first one.
        pub price: U64,
        /// The distance within which the publisher takes the true price to be.
        pub confidence: U64,
        /// The slot as of which it holds.
        pub slot: U64,
    }

    /// Why the oracle refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum OracleError {
        /// a feed needs 1 to 24 quotes
        BadRules = 1,
        /// the feed has 24 quotes
        Full,
        /// the confidence has to be below the price, and their sum within 64 bits
        BadQuote,
        /// the slot is in the future
        FutureSlot,
        /// there is a quote of this slot or a later one
        OutOfOrder,
        /// a quote of the feed is missing
        MissingQuotes,
        /// too few quotes are fresh
        TooFewQuotes,
    }

    /// A publisher was admitted or dismissed.
    #[event(1)]
    pub struct Admitted {
        /// To this feed.
        pub feed: Address,
        /// Which publisher.
        pub publisher: Address,
        /// False if it was dismissed.
        pub is_admitted: bool,
    }

    /// A publisher has quoted a price.
    #[event(2)]
    pub struct Published {
        /// In this quote.
        pub quote: Address,
        /// The price.
        pub price: u64,
        /// Its confidence.
        pub confidence: u64,
    }

    /// A feed has a new price.
    #[event(3)]
    pub struct Aggregated {
        /// Which feed.
        pub feed: Address,
        /// The price.
        pub price: u64,
        /// Its confidence.
        pub confidence: u64,
        /// The slot of the oldest quote that counted.
        pub slot: u64,
        /// How many counted.
        pub quotes: u8,
    }

    /// A new feed.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Found<'a> {
        /// Pays for the account.
        pub authority: Mut<Signer<'a>>,
        /// The new feed.
        #[account(payer = authority, seeds = [b"feed", authority, number])]
        pub feed: Init<'a, Feed>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A feed in its authority's hands.
    #[derive(Accounts, Debug)]
    pub struct Configure<'a> {
        /// The authority.
        pub authority: Signer<'a>,
        /// The feed.
        #[account(has_one = authority)]
        pub feed: Mut<State<'a, Feed>>,
    }

    /// A new publisher.
    #[derive(Accounts, Debug)]
    #[args(publisher: Address)]
    pub struct Admit<'a> {
        /// Pays for the quote.
        pub authority: Mut<Signer<'a>>,
        /// The feed.
        #[account(has_one = authority)]
        pub feed: Mut<State<'a, Feed>>,
        /// The new quote, one for each publisher.
        #[account(payer = authority, seeds = [b"quote", feed, publisher])]
        pub quote: Init<'a, Quote>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// The end of a publisher's quote.
    #[derive(Accounts, Debug)]
    pub struct Dismiss<'a> {
        /// Gets the rent.
        pub authority: Mut<Signer<'a>>,
        /// The feed.
        #[account(has_one = authority)]
        pub feed: Mut<State<'a, Feed>>,
        /// The quote.
        #[account(has_one = feed, close = authority)]
        pub quote: Mut<State<'a, Quote>>,
    }

    /// A publication.
    #[derive(Accounts, Debug)]
    pub struct Publish<'a> {
        /// The publisher.
        pub publisher: Signer<'a>,
        /// Its own quote.
        #[account(has_one = publisher)]
        pub quote: Mut<State<'a, Quote>>,
    }

    /// A feed and all that is said about it.
    #[derive(Accounts, Debug)]
    pub struct Aggregate<'a> {
        /// The feed.
        pub feed: Mut<State<'a, Feed>>,
        /// Each of its quotes, in any order.
        #[account(has_one = feed)]
        pub quotes: Rest<'a, State<'a, Quote>, QUOTES_MAX>,
    }

    /// Creates a feed of a price with this number of digits behind the point.
    #[instruction(0)]
    pub fn found(
        accounts: &Found<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        decimals: u8,
        rules: Rules,
    ) -> Result {
        let mut feed = Feed {
            authority: *accounts.authority.address(),
            number: number.into(),
            decimals,
            ..bytemuck::Zeroable::zeroed()
        };
        feed.follow(rules)?;
        accounts.feed.set(context, &feed)
    }

    /// Changes the rules. The price stays what it is.
    #[instruction(1)]
    pub fn configure(
        accounts: &Configure<'_>,
        context: &mut Context<'_, '_>,
        rules: Rules,
    ) -> Result {
        accounts.feed.write(context)?.follow(rules)
    }

    impl Feed {
        fn follow(&mut self, rules: Rules) -> Result {
            let is_sound = (1..=QUOTES_MAX).contains(&usize::from(rules.quotes_min));
            require!(is_sound, OracleError::BadRules);
            self.quotes_min = rules.quotes_min;
            self.age_max.set(rules.age_max);
            Ok(())
        }
    }

    /// Gives a publisher a quote.
    #[instruction(2)]
    pub fn admit(
        accounts: &Admit<'_>,
        context: &mut Context<'_, '_>,
        publisher: Address,
    ) -> Result {
        let Admit { feed, quote, .. } = accounts;
        let count = feed.read(context)?.quotes;
        require!(usize::from(count) < QUOTES_MAX, OracleError::Full);
        feed.write(context)?.quotes = count.saturating_add(1);
        let feed = *feed.address();
        let state = Quote {
            feed,
            publisher,
            ..bytemuck::Zeroable::zeroed()
        };
        quote.set(context, &state)?;
        let is_admitted = true;
        Admitted {
            feed,
            publisher,
            is_admitted,
        }
        .emit(context)
    }

    /// Ends a quote. It no longer counts; the publisher can be admitted again.
    #[instruction(3)]
    pub fn dismiss(accounts: &Dismiss<'_>, context: &mut Context<'_, '_>) -> Result {
        let Dismiss { feed, quote, .. } = accounts;
        let count = feed.read(context)?.quotes.checked_sub(1);
        feed.write(context)?.quotes = count.ok_or(OracleError::MissingQuotes)?;
        let (feed, publisher) = (*feed.address(), quote.read(context)?.publisher);
        let is_admitted = false;
        Admitted {
            feed,
            publisher,
            is_admitted,
        }
        .emit(context)
    }

    /// Quotes a price that holds as of `slot`: the present one, or the one in which the transaction
    /// was signed. A quote of each slot counts once.
    #[instruction(4)]
    pub fn publish(
        accounts: &Publish<'_>,
        context: &mut Context<'_, '_>,
        price: u64,
        confidence: u64,
        slot: u64,
    ) -> Result {
        let is_sound = Quoted { price, confidence }.range().is_some();
        require!(is_sound, OracleError::BadQuote);
        let now = context.sysvars().clock()?.slot;
        require!(slot <= now, OracleError::FutureSlot);
        let mut quote = accounts.quote.write(context)?;
        require!(slot > quote.slot.get(), OracleError::OutOfOrder);
        quote.price.set(price);
        quote.confidence.set(confidence);
        quote.slot.set(slot);
        drop(quote);
        Published {
            quote: *accounts.quote.address(),
            price,
            confidence,
        }
        .emit(context)
    }

    /// Makes the price of all quotes that are fresh. Fails, and leaves the price to grow old, if
    /// there are too few of them.
    #[instruction(5)]
    pub fn aggregate(accounts: &Aggregate<'_>, context: &mut Context<'_, '_>) -> Result {
        let Aggregate { feed, quotes } = accounts;
        let state = *feed.read(context)?;
        let is_complete = quotes.len() == usize::from(state.quotes);
        require!(is_complete, OracleError::MissingQuotes);
        let now = context.sysvars().clock()?.slot;
        let mut fresh = [Quoted::default(); QUOTES_MAX];
        let (mut count, mut oldest) = (0_u8, now);
        for quote in quotes.iter() {
            let quote = *quote.read(context)?;
            let slot = quote.slot.get();
            let age = now.saturating_sub(slot);
            if quote.price.get() > 0 && age <= state.age_max.get() {
                fresh[usize::from(count)] = Quoted {
                    price: quote.price.get(),
                    confidence: quote.confidence.get(),
                };
                count = count.saturating_add(1);
                oldest = oldest.min(slot);
            }
        }
        require!(count >= state.quotes_min, OracleError::TooFewQuotes);
        let agreed = agree(&fresh[..usize::from(count)]);
        let Quoted { price, confidence } = agreed.ok_or(OracleError::TooFewQuotes)?;
        let mut state = feed.write(context)?;
        state.price.set(price);
        state.confidence.set(confidence);
        state.slot.set(oldest);
        drop(state);
        Aggregated {
            feed: *feed.address(),
            price,
            confidence,
            slot: oldest,
            quotes: count,
        }
        .emit(context)
    }
}
