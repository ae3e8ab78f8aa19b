//! `collection`: numbered items that are minted, passed on, listed and bought, and that buyers make
//! offers for, with a royalty for the creator on each sale.
//!
//! An item is one state, at an address that follows from its collection and number. It carries its
//! listing, and a copy of creator and royalty, so that a sale reads no collection.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `launch` | creator, collection (new) | |
//! | `mint` | buyer, item (new) | collection, creator |
//! | `list`, `cancel`, `transfer` | item | |
//! | `buy` | buyer, item | seller, creator |
//! | `offer`, `withdraw` | bidder, its offer (new, or ends) | |
//! | `accept` | item, offer (ends) | seller, creator, bidder |
//!
//! # Contention
//!
//! Two users share nothing that either writes, unless they want the same item. No serial counter
//! hands out numbers: a buyer names one, and whether it is taken is seen at its address. How many
//! there are is only added to, and so are the lamports of creator and sellers. Any number of items
//! of one collection are minted at the same time, while others of it are sold. An item itself is
//! the hot object: of several buyers in a block the first one gets it, and the others, behind it,
//! are refused. An offer is an account of its bidder and holds the lamports: any number of bidders
//! make offers for one item at the same time, and an owner sells any number of items at once.
//!
//! # Royalties
//!
//! The royalty is the price times the rate, rounded down, and the seller gets all of the rest: both
//! come to the price exactly. A listing is bought at the price that the buyer names or not at all,
//! and an offer is accepted at the price that the owner names.
//!
//! # A client
//!
//! ```
//! use lockstep_market::items::collection::{self, *};
//! use lockstep_testing::{Chain, SOL};
//!
//! let mut chain = Chain::builder().program(CollectionProgram).build();
//! let [creator, seller, buyer] = ["creator", "seller", "buyer"].map(|name| chain.wallet(name));
//! let launch = LaunchAddresses { creator };
//! chain.run(collection::call::launch(&launch, 0, 1_000, SOL, 250)).all_ok();
//! let (collection, _) = Launch::collection_address(&creator, 0);
//!
//! let mint = MintAddresses { buyer: seller, collection, creator };
//! chain.run(collection::call::mint(&mint, 77)).all_ok();
//! let (item, _) = Mint::item_address(&collection, 77);
//! chain.run(collection::call::list(&OwnAddresses { owner: seller, item }, 2 * SOL)).all_ok();
//! let buy = BuyAddresses { buyer, item, owner: seller, creator };
//! let block = chain.run(collection::call::buy(&buy, 2 * SOL));
//! assert_eq!(block.all_ok().events::<Passed>()[0].royalty, SOL / 20);
//! assert_eq!(chain.state::<Item>(&item).owner, buyer);
//! ```

/// The parts of which a royalty is given: a royalty of 250 is 2.5 %.
pub const ROYALTY_PARTS: u16 = 10_000;
/// The highest royalty of a collection, in [`ROYALTY_PARTS`]: 25 %.
pub const ROYALTY_MAX: u16 = 2_500;

/// What the creator and the seller get of a price. `None` if the royalty exceeds the price.
///
/// ```
/// use lockstep_market::items::shares;
/// assert_eq!(shares(999, 250), Some((24, 975)));
/// ```
pub fn shares(price: u64, royalty: u16) -> Option<(u64, u64)> {
    let part = u128::from(price).checked_mul(royalty.into())?;
    let part = part.checked_div(ROYALTY_PARTS.into())?;
    let part = u64::try_from(part).ok()?;
    Some((part, price.checked_sub(part)?))
}

/// Numbered items, with royalties on their sales.
#[lockstep_sdk::program(id = "Co11ection111111111111111111111111111111111")]
pub mod collection {
    use super::{ROYALTY_MAX, shares};
    use lockstep_sdk::{prelude::*, system};

    /// What the items of a collection have in common.
    #[state(1, pod)]
    pub struct Collection {
        /// Gets the price of new items, and the royalties.
        pub creator: Address,
        /// Items that there can be. Their numbers are below.
        pub supply: U64,
        /// Lamports for a new item.
        pub price: U64,
        /// The creator's part of a sale, in ten-thousandths.
        pub royalty: U16,
        /// Items that were minted.
        #[tally]
        pub minted: U64,
    }

    /// One item.
    #[state(2, pod)]
    pub struct Item {
        /// Of this collection.
        pub collection: Address,
        /// Gets the royalties.
        pub creator: Address,
        /// May list and transfer it, and is paid for it.
        pub owner: Address,
        /// Below the collection's supply.
        pub number: U64,
        /// Lamports that it is listed for; 0 if it is not listed.
        pub price: U64,
        /// The creator's part of a sale, in ten-thousandths.
        pub royalty: U16,
    }

    /// What a bidder would pay for an item; the lamports are in the account.
    #[state(3, pod)]
    pub struct Offer {
        /// For this item, in the hands of any owner.
        pub item: Address,
        /// May withdraw it, and gets the item.
        pub bidder: Address,
        /// Lamports, at least 1.
        pub price: U64,
    }

    /// Why something is refused.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum CollectionError {
        /// a collection has at least one item
        NoSupply = 1,
        /// the royalty is above a quarter
        RoyaltyTooHigh,
        /// the number is not below the collection's supply
        NoSuchNumber,
        /// the item is not listed
        NotListed,
        /// an item is listed, or offered for, at one lamport at least
        NoPrice,
        /// the price is not the one that was agreed to
        PriceChanged,
    }

    /// An item was minted.
    #[event(1)]
    pub struct Minted {
        /// Which.
        pub item: Address,
        /// Its owner.
        pub owner: Address,
    }

    /// An item was listed, or its listing was cancelled.
    #[event(2)]
    pub struct Listed {
        /// Which.
        pub item: Address,
        /// Lamports; 0 if it is no longer listed.
        pub price: u64,
    }

    /// An item has another owner.
    #[event(3)]
    pub struct Passed {
        /// Which.
        pub item: Address,
        /// The owner before.
        pub from: Address,
        /// The owner from now on.
        pub to: Address,
        /// Lamports that the owner before got.
        pub proceeds: u64,
        /// Lamports that the creator got.
        pub royalty: u64,
    }

    /// An offer was made, or has ended.
    #[event(4)]
    pub struct Offered {
        /// For this item.
        pub item: Address,
        /// By this bidder.
        pub bidder: Address,
        /// Lamports.
        pub price: u64,
        /// False if it was withdrawn or accepted.
        pub is_open: bool,
    }

    /// A new collection.
    #[derive(Accounts, Debug)]
    #[args(id: u64)]
    pub struct Launch<'a> {
        /// Pays for the account.
        pub creator: Mut<Signer<'a>>,
        /// The new collection.
        #[account(payer = creator, seeds = [b"collection", creator, id])]
        pub collection: Init<'a, Collection>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A new item.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Mint<'a> {
        /// Pays for the item. The creator may mint, too.
        #[account(may_repeat)]
        pub buyer: Mut<Signer<'a>>,
        /// Only added to.
        #[account(check(number < collection.supply.get(), CollectionError::NoSuchNumber))]
        pub collection: Tally<'a, Collection>,
        /// Is paid.
        #[account(address = collection.creator, may_repeat)]
        pub creator: Credit<'a>,
        /// One for each number.
        #[account(payer = buyer, seeds = [b"item", collection, number])]
        pub item: Init<'a, Item>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// An item in its owner's hands.
    #[derive(Accounts, Debug)]
    pub struct Own<'a> {
        /// The owner.
        pub owner: Signer<'a>,
        /// The item.
        #[account(has_one = owner)]
        pub item: Mut<State<'a, Item>>,
    }

    /// A sale.
    #[derive(Accounts, Debug)]
    pub struct Buy<'a> {
        /// Pays, and is the owner from then on. The creator may buy, too.
        #[account(may_repeat)]
        pub buyer: Mut<Signer<'a>>,
        /// The item.
        #[account(
            has_one = owner,
            has_one = creator,
            check(item.price.get() > 0, CollectionError::NotListed),
        )]
        pub item: Mut<State<'a, Item>>,
        /// Is paid for it.
        #[account(may_repeat)]
        pub owner: Credit<'a>,
        /// Gets the royalty.
        #[account(may_repeat)]
        pub creator: Credit<'a>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// A new offer.
    #[derive(Accounts, Debug)]
    pub struct MakeOffer<'a> {
        /// Pays price and rent.
        pub bidder: Mut<Signer<'a>>,
        /// The item.
        pub item: State<'a, Item>,
        /// One for each item and bidder.
        #[account(payer = bidder, seeds = [b"offer", item, bidder])]
        pub offer: Init<'a, Offer>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// An offer that is taken back.
    #[derive(Accounts, Debug)]
    pub struct Withdraw<'a> {
        /// Gets price and rent.
        pub bidder: Mut<Signer<'a>>,
        /// The offer.
        #[account(has_one = bidder, close = bidder)]
        pub offer: Mut<State<'a, Offer>>,
    }

    /// A sale to a bidder.
    #[derive(Accounts, Debug)]
    pub struct Accept<'a> {
        /// Is paid for the item. It may be the creator, or the bidder.
        #[account(may_repeat)]
        pub owner: Signed<Credit<'a>>,
        /// The item.
        #[account(has_one = owner, has_one = creator)]
        pub item: Mut<State<'a, Item>>,
        /// The offer: pays.
        #[account(has_one = item, has_one = bidder, close = bidder)]
        pub offer: Mut<State<'a, Offer>>,
        /// Gets the royalty.
        #[account(may_repeat)]
        pub creator: Credit<'a>,
        /// Gets the item, and the rent of the offer.
        #[account(may_repeat)]
        pub bidder: Credit<'a>,
    }

    /// Launches a collection of `supply` items, which cost `price` lamports each when they are new.
    #[instruction(0)]
    pub fn launch(
        accounts: &Launch<'_>,
        context: &mut Context<'_, '_>,
        _id: u64,
        supply: u64,
        price: u64,
        royalty: u16,
    ) -> Result {
        require!(supply > 0, CollectionError::NoSupply);
        require!(royalty <= ROYALTY_MAX, CollectionError::RoyaltyTooHigh);
        let collection = Collection {
            creator: *accounts.creator.address(),
            supply: supply.into(),
            price: price.into(),
            royalty: royalty.into(),
            minted: 0.into(),
        };
        accounts.collection.set(context, &collection)
    }

    /// Mints the item of a number that is not taken.
    #[instruction(1)]
    pub fn mint(accounts: &Mint<'_>, context: &mut Context<'_, '_>, number: u64) -> Result {
        let Mint {
            buyer,
            collection,
            creator,
            item,
            ..
        } = accounts;
        let (price, royalty) = {
            let common = collection.read(context)?;
            (common.price.get(), common.royalty)
        };
        system::transfer(buyer, creator, price).invoke(context)?;
        collection.add(context, Collection::MINTED, 1)?;
        let owner = *buyer.address();
        let state = Item {
            collection: *collection.address(),
            creator: *creator.address(),
            owner,
            number: number.into(),
            price: 0.into(),
            royalty,
        };
        item.set(context, &state)?;
        let item = *item.address();
        Minted { item, owner }.emit(context)
    }

    /// Lists an item, or changes what it is listed for.
    #[instruction(2)]
    pub fn list(accounts: &Own<'_>, context: &mut Context<'_, '_>, price: u64) -> Result {
        require!(price > 0, CollectionError::NoPrice);
        show(&accounts.item, context, price)
    }

    /// Ends a listing.
    #[instruction(3)]
    pub fn cancel(accounts: &Own<'_>, context: &mut Context<'_, '_>) -> Result {
        let is_listed = accounts.item.read(context)?.price.get() > 0;
        require!(is_listed, CollectionError::NotListed);
        show(&accounts.item, context, 0)
    }

    /// Gives an item to another owner. It is no longer listed.
    #[instruction(4)]
    pub fn transfer(accounts: &Own<'_>, context: &mut Context<'_, '_>, to: Address) -> Result {
        pass(&accounts.item, context, to, 0, 0)
    }

    /// Buys an item that is listed for `price`.
    #[instruction(5)]
    pub fn buy(accounts: &Buy<'_>, context: &mut Context<'_, '_>, price: u64) -> Result {
        let Buy {
            buyer,
            item,
            owner,
            creator,
            ..
        } = accounts;
        let (listed, rate) = {
            let item = item.read(context)?;
            (item.price.get(), item.royalty.get())
        };
        require!(price == listed, CollectionError::PriceChanged);
        let shared = shares(price, rate);
        let (royalty, proceeds) = shared.ok_or(InstructionError::ArithmeticOverflow)?;
        system::transfer(buyer, owner, proceeds).invoke(context)?;
        system::transfer(buyer, creator, royalty).invoke(context)?;
        pass(item, context, *buyer.address(), proceeds, royalty)
    }

    /// Offers `price` lamports for an item, and puts them aside.
    #[instruction(6)]
    pub fn offer(accounts: &MakeOffer<'_>, context: &mut Context<'_, '_>, price: u64) -> Result {
        require!(price > 0, CollectionError::NoPrice);
        let MakeOffer { bidder, offer, .. } = accounts;
        let state = Offer {
            item: *accounts.item.address(),
            bidder: *bidder.address(),
            price: price.into(),
        };
        offer.set(context, &state)?;
        system::transfer(bidder, offer, price).invoke(context)?;
        tell(&state, context, true)
    }

    /// Takes an offer back.
    #[instruction(7)]
    pub fn withdraw(accounts: &Withdraw<'_>, context: &mut Context<'_, '_>) -> Result {
        let state = *accounts.offer.read(context)?;
        tell(&state, context, false)
    }

    /// Sells an item to a bidder that has offered `price`.
    #[instruction(8)]
    pub fn accept(accounts: &Accept<'_>, context: &mut Context<'_, '_>, price: u64) -> Result {
        let Accept {
            owner,
            item,
            offer,
            creator,
            ..
        } = accounts;
        let state = *offer.read(context)?;
        require!(price == state.price.get(), CollectionError::PriceChanged);
        let shared = shares(price, item.read(context)?.royalty.get());
        let (royalty, proceeds) = shared.ok_or(InstructionError::ArithmeticOverflow)?;
        offer.debit(context, price)?;
        owner.credit(context, proceeds)?;
        creator.credit(context, royalty)?;
        tell(&state, context, false)?;
        pass(item, context, state.bidder, proceeds, royalty)
    }

    fn tell(offer: &Offer, context: &mut Context<'_, '_>, is_open: bool) -> Result {
        Offered {
            item: offer.item,
            bidder: offer.bidder,
            price: offer.price.get(),
            is_open,
        }
        .emit(context)
    }

    fn show(item: &Mut<State<'_, Item>>, context: &mut Context<'_, '_>, price: u64) -> Result {
        item.write(context)?.price.set(price);
        let item = *item.address();
        Listed { item, price }.emit(context)
    }

    fn pass(
        item: &Mut<State<'_, Item>>,
        context: &mut Context<'_, '_>,
        to: Address,
        proceeds: u64,
        royalty: u64,
    ) -> Result {
        let mut state = item.write(context)?;
        let from = state.owner;
        state.owner = to;
        state.price.set(0);
        drop(state);
        Passed {
            item: *item.address(),
            from,
            to,
            proceeds,
            royalty,
        }
        .emit(context)
    }
}
