//! Collections on the real runtime: their items' way, launches, what they refuse, and what random
//! owners cannot change.

use std::{cell::Cell, collections::BTreeMap};

use lockstep_market::items::{ROYALTY_MAX, ROYALTY_PARTS, collection::*, shares};
use lockstep_sdk::interface::{Address, InstructionError, context::Rule};
use lockstep_testing::{Block, Call, Chain, SOL, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{sequences, speedup_tenths};

const SUPPLY: u64 = 500;
const PRICE: u64 = SOL;
const ROYALTY: u16 = 333;
/// Lamports of an offer besides its price.
const OFFER_RENT: u64 = 1_405_920;

/// A chain with a collection.
struct Gallery {
    chain: Chain,
    creator: Address,
    collection: Address,
}

impl Gallery {
    fn new() -> Self {
        let mut chain = Chain::builder().program(CollectionProgram).build();
        let creator = chain.wallet("creator");
        let launch = call::launch(&LaunchAddresses { creator }, 0, SUPPLY, PRICE, ROYALTY);
        chain.run(launch).access_is_minimal();
        Self {
            chain,
            creator,
            collection: Launch::collection_address(&creator, 0).0,
        }
    }

    fn mint(&self, buyer: Address, number: u64) -> Call {
        let addresses = MintAddresses {
            buyer,
            collection: self.collection,
            creator: self.creator,
        };
        call::mint(&addresses, number).into()
    }

    /// The owner of a new item that is listed.
    fn listed(&mut self, name: &str, number: u64, price: u64) -> (Address, Address) {
        let (owner, item) = (self.chain.wallet(name), self.item(number));
        let mint = self.mint(owner, number);
        self.chain.run(mint).access_is_minimal();
        self.chain.run(list(owner, item, price)).access_is_minimal();
        (owner, item)
    }

    fn item(&self, number: u64) -> Address {
        Mint::item_address(&self.collection, number).0
    }

    fn sale(&self, buyer: Address, owner: Address, item: Address) -> BuyAddresses {
        BuyAddresses {
            buyer,
            item,
            owner,
            creator: self.creator,
        }
    }

    fn buy(&self, buyer: Address, owner: Address, item: Address, price: u64) -> Call {
        call::buy(&self.sale(buyer, owner, item), price).into()
    }

    fn minted(&self) -> u64 {
        self.chain
            .state::<Collection>(&self.collection)
            .minted
            .get()
    }

    fn owner(&self, item: &Address) -> Address {
        self.chain.state::<Item>(item).owner
    }
}

impl Scene for Gallery {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

fn list(owner: Address, item: Address, price: u64) -> Call {
    call::list(&OwnAddresses { owner, item }, price).into()
}

fn cancel(owner: Address, item: Address) -> Call {
    call::cancel(&OwnAddresses { owner, item }).into()
}

fn transfer(owner: Address, item: Address, to: Address) -> Call {
    call::transfer(&OwnAddresses { owner, item }, to).into()
}

fn offer(bidder: Address, item: Address, price: u64) -> Call {
    call::offer(&MakeOfferAddresses { bidder, item }, price).into()
}

fn offer_of(bidder: Address, item: Address) -> Address {
    MakeOffer::offer_address(&item, &bidder).0
}

fn withdraw(bidder: Address, item: Address) -> Call {
    let offer = offer_of(bidder, item);
    call::withdraw(&WithdrawAddresses { bidder, offer }).into()
}

fn acceptance(owner: Address, item: Address, bidder: Address, creator: Address) -> AcceptAddresses {
    AcceptAddresses {
        owner,
        item,
        offer: offer_of(bidder, item),
        creator,
        bidder,
    }
}

#[test]
fn an_offer_goes_its_way() {
    let mut gallery = Gallery::new();
    let (ann, item) = gallery.listed("ann", 1, 5 * SOL);
    let creator = gallery.creator;
    let [ben, cat] = ["ben", "cat"].map(|name| gallery.chain.wallet(name));
    let wallets = [ann, ben, cat, creator];
    let before = wallets.map(|wallet| gallery.chain.lamports(&wallet));
    // Offers for one item are made at the same time, and each holds its price.
    let offers = [offer(ben, item, 100_001), offer(cat, item, 3 * SOL)];
    let block = gallery.chain.run_block(offers);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1);
    let rent = gallery.chain.lamports(&offer_of(ben, item)) - 100_001;
    assert_eq!(rent, OFFER_RENT);
    let held = gallery.chain.lamports(&ben);
    assert_eq!(held, before[1] - 100_001 - rent);
    let block = gallery.chain.run(offer(ben, item, 7));
    let taken = InstructionError::AccountAlreadyInitialized;
    block.fails(0, taken).at("offer");
    gallery
        .chain
        .run(offer(ann, item, 0))
        .fails(0, CollectionError::NoPrice);
    let accept = call::accept(&acceptance(ann, item, ben, creator), 100_001);
    let block = gallery.chain.run(accept);
    let passed = &block.access_is_minimal().events::<Passed>()[0];
    assert_eq!((passed.proceeds, passed.royalty), (96_671, 3_330));
    assert_eq!(gallery.owner(&item), ben);
    // It holds for the new owner too, until it is withdrawn, and the listing has ended.
    let block = gallery.chain.run(gallery.buy(cat, ben, item, 5 * SOL));
    block.fails(0, CollectionError::NotListed);
    gallery.chain.run(withdraw(cat, item)).access_is_minimal();
    let accept = call::accept(&acceptance(ben, item, cat, creator), 3 * SOL);
    let block = gallery.chain.run(accept);
    block
        .fails(0, InstructionError::UninitializedAccount)
        .at("offer");
    let after = wallets.map(|wallet| gallery.chain.lamports(&wallet));
    let expected = [
        before[0] + 96_671,
        before[1] - 100_001,
        before[2],
        before[3] + 3_330,
    ];
    assert_eq!(after, expected);
}

/// One owner sells to many bidders at once, and is only added to.
#[test]
fn acceptances_are_one_batch() {
    let mut gallery = Gallery::new();
    let (creator, ann) = (gallery.creator, gallery.chain.wallet("ann"));
    let mut calls: Vec<Call> = Vec::new();
    for number in 0..30 {
        let bidder = gallery.chain.wallet(&format!("{number}"));
        let item = gallery.item(number);
        let minted = [gallery.mint(ann, number), offer(bidder, item, SOL)];
        gallery.chain.run_block(minted).all_ok();
        calls.push(call::accept(&acceptance(ann, item, bidder, creator), SOL).into());
    }
    gallery.chain.parallel_equals_serial(calls.clone());
    let before = gallery.chain.lamports(&ann);
    let block = gallery.chain.run_block(calls);
    block.access_is_minimal();
    let [lanes] = block.batches() else {
        panic!("{} batches", block.batches().len())
    };
    assert_eq!(lanes.len(), 30, "each call has a lane of its own");
    let (_, proceeds) = shares(SOL, ROYALTY).expect("it is small");
    assert_eq!(gallery.chain.lamports(&ann), before + 30 * proceeds);
}

#[test]
fn offers_are_not_stolen() {
    let mut gallery = Gallery::new();
    let (ann, item) = gallery.listed("ann", 1, SOL);
    let (thief, own) = gallery.listed("thief", 2, SOL);
    let (creator, ben) = (gallery.creator, gallery.chain.wallet("ben"));
    gallery.chain.run(offer(ben, item, SOL)).all_ok();
    let authority = InstructionError::IncorrectAuthority;
    let mut theft = WithdrawAddresses {
        bidder: thief,
        offer: offer_of(ben, item),
    };
    let block = gallery.chain.run(call::withdraw(&theft));
    block
        .fails(0, authority.clone())
        .at("offer")
        .rule(Rule::HasOne);
    theft.bidder = ben;
    let mut unsigned = Call::from(call::withdraw(&theft));
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = gallery.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("bidder");
    // Another owner's item, another item for the offer, the royalty or the rent in other hands.
    let good = acceptance(ann, item, ben, creator);
    let mut thefts = [good.clone(), good.clone(), good.clone(), good.clone()];
    thefts[0].owner = thief;
    (thefts[1].owner, thefts[1].item) = (thief, own);
    thefts[2].creator = thief;
    thefts[3].bidder = thief;
    for (theft, account) in thefts.iter().zip(["item", "offer", "item", "offer"]) {
        let block = gallery.chain.run(call::accept(theft, SOL));
        block
            .fails(0, authority.clone())
            .at(account)
            .rule(Rule::HasOne);
    }
    let mut unsigned = Call::from(call::accept(&good, SOL));
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = gallery.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("owner");
    // The bidder lowers its price in front of the sale.
    let calls = [
        withdraw(ben, item),
        offer(ben, item, 1),
        call::accept(&good, SOL).into(),
    ];
    let block = gallery.chain.run_block(calls);
    block.fails(2, CollectionError::PriceChanged);
    // Something else as an offer.
    let mut theft = good;
    theft.offer = own;
    let block = gallery.chain.run(call::accept(&theft, SOL));
    block
        .fails(0, InstructionError::InvalidAccountData)
        .at("offer");
    assert_eq!(gallery.owner(&item), ann);
}

#[test]
fn an_item_goes_its_way() {
    let mut gallery = Gallery::new();
    let (ann, item) = gallery.listed("ann", 7, 999);
    let [ben, cat] = ["ben", "cat"].map(|name| gallery.chain.wallet(name));
    gallery
        .chain
        .run(list(ann, item, 100_001))
        .access_is_minimal();
    let wallets = [ann, ben, gallery.creator];
    let before = wallets.map(|wallet| gallery.chain.lamports(&wallet));
    let block = gallery.chain.run(gallery.buy(ben, ann, item, 100_001));
    let passed = &block.access_is_minimal().events::<Passed>()[0];
    assert_eq!((passed.from, passed.to), (ann, ben));
    assert_eq!((passed.proceeds, passed.royalty), (96_671, 3_330));
    let after = wallets.map(|wallet| gallery.chain.lamports(&wallet));
    let expected = [before[0] + 96_671, before[1] - 100_001, before[2] + 3_330];
    assert_eq!(after, expected);
    // A sale ends the listing, so does a cancel, and so does a transfer.
    let again = gallery.buy(cat, ben, item, 100_001);
    gallery
        .chain
        .run(&again)
        .fails(0, CollectionError::NotListed);
    gallery.chain.run(list(ben, item, 100_001)).all_ok();
    gallery.chain.run(cancel(ben, item)).access_is_minimal();
    gallery
        .chain
        .run(&again)
        .fails(0, CollectionError::NotListed);
    gallery
        .chain
        .run(cancel(ben, item))
        .fails(0, CollectionError::NotListed);
    gallery.chain.run(list(ben, item, 100_001)).all_ok();
    gallery
        .chain
        .run(transfer(ben, item, cat))
        .access_is_minimal();
    assert_eq!(gallery.owner(&item), cat);
    let block = gallery.chain.run(gallery.buy(ann, cat, item, 100_001));
    block.fails(0, CollectionError::NotListed).at("item");
}

#[test]
fn a_launch_and_the_sales_beside_it_are_one_batch() {
    let mut gallery = Gallery::new();
    let mut calls = Vec::new();
    for number in 0..20 {
        let (owner, item) = gallery.listed(&format!("owner {number}"), 300 + number, SOL);
        let buyer = gallery.chain.wallet(&format!("collector {number}"));
        calls.push(gallery.buy(buyer, owner, item, SOL));
    }
    for number in 0..200 {
        let buyer = gallery.chain.wallet(&format!("{number}"));
        calls.push(gallery.mint(buyer, number));
    }
    let before = gallery.chain.lamports(&gallery.creator);
    let block = gallery.chain.run_block(calls);
    block.access_is_minimal();
    let [lanes] = block.batches() else {
        panic!("{} batches", block.batches().len())
    };
    assert_eq!(lanes.len(), 220, "each call has a lane of its own");
    let speedup = speedup_tenths(&block, 16);
    assert!(speedup >= 120, "{speedup} tenths");
    assert_eq!(gallery.minted(), 220);
    let royalties = 20 * shares(SOL, ROYALTY).expect("it is small").0;
    let after = gallery.chain.lamports(&gallery.creator);
    assert_eq!(after, before + 200 * PRICE + royalties);
    let more = (200..240).map(|number| {
        let buyer = gallery.chain.wallet(&format!("{number}"));
        gallery.mint(buyer, number / 2 * 2)
    });
    let more: Vec<Call> = more.collect();
    gallery.chain.parallel_equals_serial(more);
}

/// Of two buyers of one thing the first in the block gets it.
#[test]
fn nothing_is_given_twice() {
    let mut gallery = Gallery::new();
    let (ann, item) = gallery.listed("ann", 1, SOL);
    let [ben, cat] = ["ben", "cat"].map(|name| gallery.chain.wallet(name));
    let calls = [
        gallery.mint(ben, 2),
        gallery.mint(cat, 2),
        gallery.buy(cat, ann, item, SOL),
        gallery.buy(ben, ann, item, SOL),
    ];
    let before = gallery.chain.lamports(&ben);
    let block = gallery.chain.run_block(calls);
    block
        .fails(1, InstructionError::AccountAlreadyInitialized)
        .at("item");
    block
        .fails(3, InstructionError::IncorrectAuthority)
        .at("item")
        .rule(Rule::HasOne);
    assert_eq!(
        [gallery.owner(&gallery.item(2)), gallery.owner(&item)],
        [ben, cat]
    );
    let rent = gallery.chain.lamports(&gallery.item(2));
    assert_eq!(gallery.chain.lamports(&ben), before - PRICE - rent);
    assert_eq!(gallery.minted(), 2);
}

/// The creator is a party as any other, and pays the royalty to itself.
#[test]
fn the_creator_mints_sells_and_buys() {
    let mut gallery = Gallery::new();
    let creator = gallery.creator;
    let (_, item) = gallery.listed("creator", 0, 10_000);
    let ann = gallery.chain.wallet("ann");
    let before = [creator, ann].map(|wallet| gallery.chain.lamports(&wallet));
    let buy = gallery.buy(ann, creator, item, 10_000);
    gallery.chain.run(buy).access_is_minimal();
    let after = [creator, ann].map(|wallet| gallery.chain.lamports(&wallet));
    assert_eq!(after, [before[0] + 10_000, before[1] - 10_000]);
    gallery.chain.run(list(ann, item, 20_000)).all_ok();
    let buy = gallery.buy(creator, ann, item, 20_000);
    gallery.chain.run(buy).access_is_minimal();
    let (royalty, proceeds) = shares(20_000, ROYALTY).expect("it is small");
    assert_eq!(royalty, 666);
    assert_eq!(gallery.chain.lamports(&ann), after[1] + proceeds);
    assert_eq!(gallery.chain.lamports(&creator), after[0] - proceeds);
}

#[test]
fn royalties_are_exact() {
    let edges = [
        0,
        1,
        2,
        3,
        9_999,
        10_000,
        10_001,
        1 << 32,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    let parts = u128::from(ROYALTY_PARTS);
    for price in edges {
        for rate in [0, 1, ROYALTY, ROYALTY_MAX, ROYALTY_PARTS] {
            let (royalty, proceeds) = shares(price, rate).expect("it is a part");
            assert_eq!(
                u128::from(royalty) + u128::from(proceeds),
                u128::from(price)
            );
            let exact = u128::from(price) * u128::from(rate);
            let royalty = u128::from(royalty);
            assert!(royalty * parts <= exact && exact < (royalty + 1) * parts);
        }
        assert_eq!(shares(price, ROYALTY_PARTS + 1).is_none(), price >= 10_000);
    }
}

#[test]
fn launches_are_checked() {
    let mut gallery = Gallery::new();
    let creator = gallery.creator;
    let launch = |id, supply, royalty| {
        call::launch(&LaunchAddresses { creator }, id, supply, PRICE, royalty)
    };
    let block = gallery.chain.run(launch(0, SUPPLY, ROYALTY));
    let failure = block.fails(0, InstructionError::AccountAlreadyInitialized);
    failure.at("collection").at_address(&gallery.collection);
    gallery
        .chain
        .run(launch(1, 0, 0))
        .fails(0, CollectionError::NoSupply);
    let block = gallery.chain.run(launch(1, 1, ROYALTY_MAX + 1));
    block.fails(0, CollectionError::RoyaltyTooHigh);
    let ann = gallery.chain.wallet("ann");
    let block = gallery.chain.run(gallery.mint(ann, SUPPLY));
    block
        .fails(0, CollectionError::NoSuchNumber)
        .at("collection");
    gallery.chain.run(gallery.mint(ann, SUPPLY - 1)).all_ok();
}

#[test]
fn thieves_get_nothing() {
    let mut gallery = Gallery::new();
    let (ann, item) = gallery.listed("ann", 1, SOL);
    let thief = gallery.chain.wallet("thief");
    let authority = InstructionError::IncorrectAuthority;
    // Another owner's item.
    for theft in [
        list(thief, item, 1),
        cancel(thief, item),
        transfer(thief, item, thief),
    ] {
        let block = gallery.chain.run(theft);
        block
            .fails(0, authority.clone())
            .at("item")
            .rule(Rule::HasOne);
    }
    let mut unsigned = transfer(ann, item, thief);
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = gallery.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("owner");
    // A sale paid to the thief, as the seller, as the creator, or as both.
    for [owner, creator] in [[thief, gallery.creator], [ann, thief], [thief, thief]] {
        let mut sale = gallery.sale(thief, owner, item);
        sale.creator = creator;
        let block = gallery.chain.run(call::buy(&sale, SOL));
        block.fails(0, authority.clone()).at("item");
    }
    // Another price than the listed one, also if the seller has just changed it.
    for price in [0, 1, SOL - 1, SOL + 1] {
        let block = gallery.chain.run(gallery.buy(thief, ann, item, price));
        block.fails(0, CollectionError::PriceChanged);
    }
    let buy = gallery.buy(thief, ann, item, SOL);
    let block = gallery.chain.run_block([list(ann, item, 90 * SOL), buy]);
    block.fails(1, CollectionError::PriceChanged);
    gallery
        .chain
        .run(list(ann, item, 0))
        .fails(0, CollectionError::NoPrice);
    // A mint paid to the thief, and one from something else than a collection.
    let mut mint = MintAddresses {
        buyer: thief,
        collection: gallery.collection,
        creator: thief,
    };
    let block = gallery.chain.run(call::mint(&mint, 5));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("creator")
        .rule(Rule::Address);
    mint.collection = item;
    let block = gallery.chain.run(call::mint(&mint, 5));
    block
        .fails(0, InstructionError::InvalidAccountData)
        .at("collection");
    mint.collection = thief;
    let block = gallery.chain.run(call::mint(&mint, 5));
    block
        .fails(0, InstructionError::UninitializedAccount)
        .at("collection");
    // Something else as an item.
    let block = gallery
        .chain
        .run(transfer(thief, gallery.collection, thief));
    block
        .fails(0, InstructionError::InvalidAccountData)
        .at("item");
    assert_eq!((gallery.owner(&item), gallery.minted()), (ann, 1));
}

/// A price of which the royalty is rounded to nothing takes nothing from the seller, and a
/// thousand such sales come to their prices exactly.
#[test]
fn small_sales_are_exact() {
    let mut gallery = Gallery::new();
    let (ann, item) = gallery.listed("ann", 1, 29);
    let ben = gallery.chain.wallet("ben");
    let wallets = [ann, ben, gallery.creator];
    let before = wallets.map(|wallet| gallery.chain.lamports(&wallet));
    for _ in 0..10 {
        let mut calls = Vec::new();
        for _ in 0..25 {
            calls.push(gallery.buy(ben, ann, item, 29));
            calls.push(list(ben, item, 31));
            calls.push(gallery.buy(ann, ben, item, 31));
            calls.push(list(ann, item, 29));
        }
        gallery.chain.run_block(calls).all_ok();
    }
    let after = wallets.map(|wallet| gallery.chain.lamports(&wallet));
    // 3.33 % of 31 is one lamport, of 29 none.
    assert_eq!(
        after,
        [before[0] - 2 * 250, before[1] + 250, before[2] + 250]
    );
}

/// What a random owner does with an item.
#[derive(Clone, Copy, Debug)]
enum Action {
    Mint,
    /// By its owner, as a cancel is.
    List(u64),
    Cancel,
    /// At the listed price, or one lamport less.
    Buy(bool),
    /// To a wallet, by its owner or another one.
    Transfer(usize),
    /// A sale paid to the buyer.
    Cheat,
    Offer(u64),
    Withdraw,
    /// Of the offer of a wallet, by the owner or the acting wallet.
    Accept(usize, bool),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Mint),
        4 => (1..50_000_u64).prop_map(Action::List),
        1 => Just(Action::Cancel),
        5 => (0..5_u8).prop_map(|choice| Action::Buy(choice > 0)),
        1 => (0..4_usize).prop_map(Action::Transfer),
        1 => Just(Action::Cheat),
        3 => (1..50_000_u64).prop_map(Action::Offer),
        1 => Just(Action::Withdraw),
        4 => (0..4_usize, 0..4_u8).prop_map(|(from, choice)| Action::Accept(from, choice > 0)),
    ]
}

/// The first wallet is the creator's. Sales name what the chain holds before the block.
fn taken(
    gallery: &Gallery,
    wallets: &[Address],
    index: usize,
    number: u64,
    action: Action,
) -> Call {
    let (own, item) = (wallets[index], gallery.item(number));
    let (owner, price) = match gallery.chain.account(&item) {
        Some(_) => {
            let item: Item = gallery.chain.state(&item);
            (item.owner, item.price.get())
        }
        None => (own, 1),
    };
    match action {
        Action::Mint => gallery.mint(own, number),
        Action::List(price) => list(owner, item, price),
        Action::Cancel => cancel(owner, item),
        Action::Buy(is_fair) => {
            gallery.buy(own, owner, item, price.saturating_sub(u64::from(!is_fair)))
        }
        Action::Transfer(to) => transfer(own, item, wallets[to]),
        Action::Cheat => {
            let mut sale = gallery.sale(own, owner, item);
            sale.creator = own;
            call::buy(&sale, price).into()
        }
        Action::Offer(price) => offer(own, item, price),
        Action::Withdraw => withdraw(own, item),
        Action::Accept(from, is_owner) => {
            let seller = if is_owner { owner } else { own };
            let offer = offer_of(wallets[from], item);
            let price = match gallery.chain.account(&offer) {
                Some(_) => gallery.chain.state::<Offer>(&offer).price.get(),
                None => 1,
            };
            let acceptance = acceptance(seller, item, wallets[from], gallery.creator);
            call::accept(&acceptance, price).into()
        }
    }
}

/// What the events of a block say about the lamports of each wallet.
fn check_payments(gallery: &Gallery, block: &Block, before: &BTreeMap<Address, u64>) {
    let mut expected: BTreeMap<Address, i128> = before
        .iter()
        .map(|(wallet, held)| (*wallet, i128::from(*held)))
        .collect();
    let mut pay =
        |wallet: Address, lamports: i128| *expected.entry(wallet).or_default() += lamports;
    for Minted { item, owner } in block.events() {
        let cost = PRICE + gallery.chain.lamports(&item);
        pay(owner, -i128::from(cost));
        pay(gallery.creator, PRICE.into());
    }
    for passed in block.events::<Passed>() {
        let (proceeds, royalty) = (i128::from(passed.proceeds), i128::from(passed.royalty));
        pay(passed.from, proceeds);
        pay(gallery.creator, royalty);
        // A transfer costs nothing, and passes no lamports.
        pay(passed.to, -(proceeds + royalty));
        let price = passed.proceeds + passed.royalty;
        assert_eq!(
            shares(price, ROYALTY),
            Some((passed.royalty, passed.proceeds))
        );
    }
    for offered in block.events::<Offered>() {
        let held = i128::from(offered.price) + i128::from(OFFER_RENT);
        // What an accepted offer gives back is what the sale above has taken from its bidder.
        let sign = if offered.is_open { -1 } else { 1 };
        *expected.entry(offered.bidder).or_default() += sign * held;
    }
    for (wallet, lamports) in expected {
        assert_eq!(
            i128::from(gallery.chain.lamports(&wallet)),
            lamports,
            "{wallet}"
        );
    }
}

#[test]
fn random_owners_change_no_invariant() {
    let mut gallery = Gallery::new();
    let wallets = ["creator", "x", "y", "z"].map(|name| gallery.chain.wallet(name));
    let (done, refused, sold) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_usize));
    explore(
        &mut gallery,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        prop::collection::vec((0..4_usize, 0..5_u64, action()), 1..8),
        |gallery, actions| {
            let before = wallets.map(|wallet| (wallet, gallery.chain.lamports(&wallet)));
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, number, action)| taken(gallery, &wallets, *index, *number, *action))
                .collect();
            let block = gallery.chain.run_block(calls);
            for ((index, _, action), call) in actions.iter().zip(block.executed()) {
                let count = if call.is_ok() { &done } else { &refused };
                count.set(count.get() + 1);
                let is_theft = matches!(action, Action::Cheat) && *index != 0;
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
            let passed = block.events::<Passed>();
            sold.set(sold.get() + passed.iter().filter(|event| event.proceeds > 0).count());
            check_payments(gallery, &block, &before.into());
        },
        |gallery| {
            let items = (0..5).map(|number| gallery.item(number));
            let items = items.filter(|item| gallery.chain.account(item).is_some());
            let items: Vec<Item> = items.map(|item| gallery.chain.state(&item)).collect();
            assert_eq!(items.len() as u64, gallery.minted());
            for item in items {
                assert!(wallets.contains(&item.owner) && item.creator == gallery.creator);
                assert_eq!(item.royalty.get(), ROYALTY);
            }
        },
    );
    println!(
        "collection: {} actions succeeded, {} were refused, {} items were sold",
        done.get(),
        refused.get(),
        sold.get()
    );
    assert!(done.get() > 100 && refused.get() > 20 && sold.get() > 20);
}
