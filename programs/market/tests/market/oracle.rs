//! Feeds on the real runtime: their way, what they refuse, what runs beside what, and what random
//! publishers cannot change.

use std::cell::Cell;

use lockstep_market::oracle::{
    aggregate::{QUOTES_MAX, Quoted, aggregate},
    price_oracle::*,
};
use lockstep_sdk::interface::{Address, InstructionError, context::Rule};
use lockstep_testing::{Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::sequences;

const RULES: Rules = Rules {
    quotes_min: 2,
    age_max: 10,
};

/// A chain with a feed.
struct Desk {
    chain: Chain,
    authority: Address,
    feed: Address,
}

/// A wallet and its quote.
#[derive(Clone, Copy)]
struct Publisher {
    wallet: Address,
    quote: Address,
}

impl Desk {
    fn new() -> Self {
        let mut chain = Chain::builder().program(PriceOracleProgram).build();
        let authority = chain.wallet("authority");
        let found = call::found(&FoundAddresses { authority }, 0, 6, RULES);
        chain.run(found).access_is_minimal();
        let (feed, _) = Found::feed_address(&authority, 0);
        Self {
            chain,
            authority,
            feed,
        }
    }

    /// A wallet, admitted or not.
    fn known(&mut self, name: &str) -> Publisher {
        let wallet = self.chain.wallet(name);
        let (quote, _) = Admit::quote_address(&self.feed, wallet);
        Publisher { wallet, quote }
    }

    fn admit(&self, publisher: &Publisher) -> Call {
        let addresses = AdmitAddresses {
            authority: self.authority,
            feed: self.feed,
        };
        call::admit(&addresses, publisher.wallet).into()
    }

    fn dismissal(&self, publisher: &Publisher) -> DismissAddresses {
        DismissAddresses {
            authority: self.authority,
            feed: self.feed,
            quote: publisher.quote,
        }
    }

    /// Publishers that were admitted.
    fn publishers<const N: usize>(&mut self, names: [&str; N]) -> [Publisher; N] {
        let publishers = names.map(|name| self.known(name));
        for publisher in &publishers {
            let admit = self.admit(publisher);
            self.chain.run(admit).access_is_minimal();
        }
        publishers
    }

    /// A quote as of the present slot.
    fn publish(&self, publisher: &Publisher, price: u64, confidence: u64) -> Call {
        publish(publisher, price, confidence, self.chain.slot())
    }

    fn aggregate(&self, publishers: &[Publisher]) -> Call {
        let addresses = AggregateAddresses {
            feed: self.feed,
            quotes: publishers.iter().map(|one| one.quote).collect(),
        };
        call::aggregate(&addresses).into()
    }

    fn state(&self) -> Feed {
        self.chain.state(&self.feed)
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

impl Scene for Desk {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

fn publish(publisher: &Publisher, price: u64, confidence: u64, slot: u64) -> Call {
    let addresses = PublishAddresses {
        publisher: publisher.wallet,
        quote: publisher.quote,
    };
    call::publish(&addresses, price, confidence, slot).into()
}

#[test]
fn a_price_goes_its_way() {
    let mut desk = Desk::new();
    let all = desk.publishers(["p", "q", "r"]);
    let [p, q, r] = all;
    let published = [
        desk.publish(&p, 99, 2),
        desk.publish(&q, 100, 1),
        desk.publish(&r, 700, 5),
    ];
    desk.chain.parallel_equals_serial(published.clone());
    let block = desk.chain.run_block(published);
    assert_eq!(block.batches(), [vec![vec![0], vec![1], vec![2]]]);
    assert_eq!(
        block.access_is_minimal().events::<Published>()[2].price,
        700
    );
    let slot = desk.chain.slot() - 1;
    let aggregate = desk.aggregate(&all);
    let block = desk.chain.run(aggregate);
    let told = &block.access_is_minimal().events::<Aggregated>()[0];
    assert_eq!((told.price, told.confidence, told.quotes), (101, 594, 3));
    let state = desk.state();
    assert_eq!((state.price.get(), state.confidence.get()), (101, 594));
    assert_eq!((told.slot, state.slot.get()), (slot, slot));
    assert!(state.is_fresh(slot + 7, 7) && !state.is_fresh(slot + 8, 7));
    assert!(!state.is_fresh(slot - 1, 7), "a slot before the price's");
    // A publisher that is dismissed no longer counts.
    let dismiss = call::dismiss(&desk.dismissal(&r));
    desk.chain.run(dismiss).access_is_minimal();
    let aggregate = desk.aggregate(&[p, q]);
    desk.chain.run(aggregate).access_is_minimal();
    let quoted = Quoted {
        price: 99,
        confidence: 2,
    };
    assert_eq!(desk.state().quoted(), Some(quoted));
}

/// Publications of one feed and aggregations of many share nothing.
#[test]
fn publishers_and_feeds_share_nothing() {
    let mut desk = Desk::new();
    let names: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    let publishers: Vec<Publisher> = names
        .iter()
        .map(|name| desk.publishers([name])[0])
        .collect();
    let mut all = publishers.clone();
    let mut calls = vec![desk.aggregate(&publishers)];
    for name in ["ann", "ben", "cat"] {
        let authority = desk.chain.wallet(name);
        let found = call::found(&FoundAddresses { authority }, 0, 6, RULES);
        desk.chain.run(found).all_ok();
        let before = (desk.authority, desk.feed);
        (desk.authority, desk.feed) = (authority, Found::feed_address(&authority, 0).0);
        let publishers = desk.publishers(["p0", "p1"]);
        all.extend(publishers);
        calls.push(desk.aggregate(&publishers));
        (desk.authority, desk.feed) = before;
    }
    let published: Vec<Call> = all.iter().map(|one| desk.publish(one, 1_000, 1)).collect();
    let block = desk.chain.run_block(published);
    let one_batch: Vec<Vec<usize>> = (0..18).map(|index| vec![index]).collect();
    assert_eq!(block.access_is_minimal().batches(), [one_batch]);
    let block = desk.chain.run_block(calls);
    assert_eq!(
        block.access_is_minimal().batches(),
        [vec![vec![0], vec![1], vec![2], vec![3]]]
    );
}

#[test]
fn stale_and_late_quotes_do_not_count() {
    let mut desk = Desk::new();
    let all = desk.publishers(["p", "q", "r"]);
    let [p, q, r] = all;
    // None, then one too few.
    let refused = desk.aggregate(&all);
    desk.chain.run(&refused).fails(0, OracleError::TooFewQuotes);
    desk.chain.run(desk.publish(&p, 100, 1)).all_ok();
    desk.chain.run(&refused).fails(0, OracleError::TooFewQuotes);
    // A slot from the future; one that was overtaken; a second one of the same slot.
    let slot = desk.chain.slot();
    let future = publish(&q, 100, 1, slot + 1);
    desk.chain.run(future).fails(0, OracleError::FutureSlot);
    let late = publish(&q, 100, 1, slot);
    desk.pass(3);
    let now = desk.chain.slot();
    desk.chain.run(publish(&q, 101, 1, now)).all_ok();
    desk.chain.run(late).fails(0, OracleError::OutOfOrder);
    let again = publish(&q, 300, 1, now);
    desk.chain.run(again).fails(0, OracleError::OutOfOrder);
    // A transaction that was delayed by more than the feed allows arrives, and does not count.
    desk.chain.run(publish(&r, 900, 1, 1)).all_ok();
    assert!(desk.chain.slot() > 1 + RULES.age_max);
    let block = desk.chain.run(desk.aggregate(&all));
    let told = &block.all_ok().events::<Aggregated>()[0];
    assert_eq!((told.quotes, told.price), (2, 100));
    // Once two of three are too old, the price stays and grows old.
    let before = desk.state();
    desk.chain.warp_to_slot(now + RULES.age_max + 1);
    desk.chain.run(desk.publish(&r, 900, 1)).all_ok();
    desk.chain.run(&refused).fails(0, OracleError::TooFewQuotes);
    assert_eq!(desk.state().price, before.price);
    assert!(!desk.state().is_fresh(desk.chain.slot(), RULES.age_max));
}

#[test]
fn thieves_change_no_price() {
    let mut desk = Desk::new();
    let all = desk.publishers(["p", "q", "r"]);
    let [p, q, r] = all;
    let published = all.map(|one| desk.publish(&one, 100, 1));
    desk.chain.run_block(published).all_ok();
    let authority = InstructionError::IncorrectAuthority;
    let thief = desk.known("thief");
    // Another publisher's quote, and without its signature.
    let mut stolen = p;
    stolen.wallet = thief.wallet;
    let block = desk.chain.run(desk.publish(&stolen, 5, 1));
    block.fails(0, authority.clone()).at("quote");
    let mut unsigned = desk.publish(&p, 5, 1);
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = desk.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("publisher");
    // A choice of quotes, one of them twice, and one more.
    let chosen = desk.aggregate(&[p, q]);
    desk.chain.run(chosen).fails(0, OracleError::MissingQuotes);
    let twice = desk.aggregate(&[p, q, q]);
    let block = desk.chain.run(twice);
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    // Quotes of a feed of the thief's own, in place of one and besides.
    let honest = (desk.authority, desk.feed);
    let number = 1;
    let found = FoundAddresses {
        authority: thief.wallet,
    };
    desk.chain
        .run(call::found(&found, number, 6, RULES))
        .all_ok();
    (desk.authority, desk.feed) = (thief.wallet, Found::feed_address(&thief.wallet, number).0);
    let [own] = desk.publishers(["thief"]);
    desk.chain.run(desk.publish(&own, 1_000_000, 1)).all_ok();
    let theirs = desk.feed;
    (desk.authority, desk.feed) = honest;
    for (quotes, field) in [
        (vec![p, q, own], "quotes[2]"),
        (vec![p, q, r, own], "quotes[3]"),
    ] {
        let block = desk.chain.run(desk.aggregate(&quotes));
        let failure = block.fails(0, authority.clone());
        failure.at(field).rule(Rule::HasOne);
    }
    // Something that looks like a quote, of another owner or of another kind.
    let fake = Publisher {
        quote: desk.chain.mint("fake", 0),
        ..thief
    };
    let block = desk.chain.run(desk.aggregate(&[p, q, fake]));
    block
        .fails(0, InstructionError::InvalidAccountOwner)
        .at("quotes[2]");
    let fake = Publisher {
        quote: theirs,
        ..thief
    };
    let block = desk.chain.run(desk.aggregate(&[p, q, fake]));
    block
        .fails(0, InstructionError::InvalidAccountData)
        .at("quotes[2]");
    // Rules, publishers and quotes of another authority's feed.
    let configure = ConfigureAddresses {
        authority: thief.wallet,
        feed: desk.feed,
    };
    let block = desk.chain.run(call::configure(&configure, RULES));
    block.fails(0, authority.clone()).at("feed");
    let admit = AdmitAddresses {
        authority: thief.wallet,
        feed: desk.feed,
    };
    let block = desk.chain.run(call::admit(&admit, thief.wallet));
    block.fails(0, authority.clone()).at("feed");
    let mut dismissal = desk.dismissal(&p);
    dismissal.authority = thief.wallet;
    let block = desk.chain.run(call::dismiss(&dismissal));
    block.fails(0, authority.clone()).at("feed");
    dismissal.feed = theirs;
    let block = desk.chain.run(call::dismiss(&dismissal));
    block.fails(0, authority).at("quote").rule(Rule::HasOne);
    assert_eq!(desk.state().quotes, 3);
    assert_eq!(desk.state().price.get(), 0);
}

#[test]
fn accounts_are_made_once_and_come_back_empty() {
    let mut desk = Desk::new();
    let [p, q] = desk.publishers(["p", "q"]);
    let initialized = InstructionError::AccountAlreadyInitialized;
    let authority = desk.authority;
    let found = call::found(&FoundAddresses { authority }, 0, 6, RULES);
    desk.chain
        .run(found)
        .fails(0, initialized.clone())
        .at("feed");
    desk.chain
        .run(desk.admit(&p))
        .fails(0, initialized)
        .at("quote");
    for quotes_min in [0, 25] {
        let rules = Rules {
            quotes_min,
            ..RULES
        };
        let found = call::found(&FoundAddresses { authority }, 1, 6, rules);
        desk.chain.run(found).fails(0, OracleError::BadRules);
    }
    let published = [desk.publish(&p, 100, 1), desk.publish(&q, 100, 1)];
    desk.chain.run_block(published).all_ok();
    // Closed, and made again in the same transaction: what was said before is gone.
    let dismiss = call::dismiss(&desk.dismissal(&p));
    let block = desk.chain.run(dismiss.clone());
    block.all_ok();
    let late = desk.publish(&p, 200, 1);
    let block = desk.chain.run(late);
    block
        .fails(0, InstructionError::UninitializedAccount)
        .at("quote");
    desk.chain.run(desk.admit(&p)).all_ok();
    let admit = desk.admit(&p).instructions.remove(0);
    desk.chain.run(Call::new([dismiss, admit])).all_ok();
    desk.chain
        .run(desk.aggregate(&[p, q]))
        .fails(0, OracleError::TooFewQuotes);
    let configure = ConfigureAddresses {
        authority,
        feed: desk.feed,
    };
    let rules = Rules {
        quotes_min: 1,
        age_max: 1_000,
    };
    let block = desk.chain.run(call::configure(&configure, rules));
    block.access_is_minimal();
    desk.chain.run(desk.aggregate(&[p, q])).all_ok();
    assert_eq!(desk.state().quotes, 2);
}

#[test]
fn a_feed_has_a_limit_and_quotes_have_a_range() {
    let mut desk = Desk::new();
    let names: Vec<String> = (0..QUOTES_MAX).map(|number| format!("p{number}")).collect();
    let publishers: Vec<Publisher> = names
        .iter()
        .map(|name| desk.publishers([name])[0])
        .collect();
    let one_more = desk.known("one more");
    desk.chain
        .run(desk.admit(&one_more))
        .fails(0, OracleError::Full);
    let bad = [(0, 0), (5, 5), (5, 6), (u64::MAX, 1), (1, u64::MAX)];
    for (price, confidence) in bad {
        let call = desk.publish(&publishers[0], price, confidence);
        desk.chain.run(call).fails(0, OracleError::BadQuote);
    }
    let published: Vec<Call> = publishers
        .iter()
        .map(|one| desk.publish(one, u64::MAX, 0))
        .collect();
    desk.chain.run_block(published).all_ok();
    // All quotes fit into one transaction, at the greatest values.
    desk.chain
        .run(desk.aggregate(&publishers))
        .access_is_minimal();
    assert_eq!(desk.state().price.get(), u64::MAX);
    assert_eq!(desk.state().confidence.get(), 0);
}

/// The median and the quartiles by counting: at most that many votes lie below and above.
fn check_aggregate(quotes: &[Quoted]) {
    let agreed = aggregate(quotes).expect("the quotes are sound");
    let of = |quote: &Quoted| quote.range().expect("it is sound");
    let mut votes: Vec<u128> = quotes
        .iter()
        .flat_map(|quote| [of(quote)[0], quote.price, of(quote)[1]])
        .map(u128::from)
        .collect();
    votes.sort_unstable();
    let count = votes.len();
    let price = u128::from(agreed.price);
    // Twice the median is the sum of the votes that are as many places from both ends.
    let middle = votes[(count - 1) / 2] + votes[count / 2];
    assert!(price * 2 == middle || price * 2 + 1 == middle, "{quotes:?}");
    let near = |vote: &&u128| vote.abs_diff(price) <= u128::from(agreed.confidence);
    let outside = votes.iter().filter(|vote| !near(vote)).count();
    assert!(outside <= 2 * (count / 4), "half of the votes are near");
    let is_reached = votes
        .iter()
        .any(|vote| vote.abs_diff(price) == u128::from(agreed.confidence));
    assert!(is_reached, "{quotes:?}");
}

fn quoted() -> impl Strategy<Value = Quoted> {
    let edges = prop_oneof![
        Just(1),
        Just(2),
        Just(u64::MAX - 1),
        Just(u64::MAX),
        any::<u64>(),
        1..1_000_u64
    ];
    (edges, any::<u64>()).prop_map(|(price, share)| {
        let price = price.max(1);
        let room = (price - 1).min(u64::MAX - price);
        let confidence = (u128::from(room) * u128::from(share) / u128::from(u64::MAX)) as u64;
        Quoted { price, confidence }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 2_000,
        ..Default::default()
    })]

    #[test]
    fn medians_and_quartiles_are_exact(quotes in prop::collection::vec(quoted(), 1..=QUOTES_MAX)) {
        check_aggregate(&quotes);
        let mut reversed = quotes.clone();
        reversed.reverse();
        prop_assert_eq!(aggregate(&quotes), aggregate(&reversed), "the order says nothing");
    }

    /// Fewer than half of the publishers do not move the price out of what the others say.
    #[test]
    fn a_minority_moves_no_price(
        honest in prop::collection::vec(quoted(), 1..=12),
        thieves in prop::collection::vec(quoted(), 0..12),
    ) {
        let thieves = &thieves[..thieves.len().min(honest.len() - 1)];
        let ranges = || honest.iter().map(|quote| quote.range().expect("it is sound"));
        let low = ranges().map(|range| range[0]).min();
        let high = ranges().map(|range| range[1]).max();
        let all: Vec<Quoted> = honest.iter().chain(thieves).copied().collect();
        let price = aggregate(&all).map(|agreed| agreed.price);
        prop_assert!(low <= price && price <= high);
    }
}

#[test]
fn quotes_out_of_range_make_no_price() {
    let quote = |price, confidence| Quoted { price, confidence };
    for bad in [quote(0, 0), quote(7, 7), quote(7, 8), quote(u64::MAX, 1)] {
        assert_eq!(aggregate(&[quote(5, 1), bad]), None, "{bad:?}");
    }
    assert_eq!(aggregate(&[quote(5, 1); QUOTES_MAX + 1]), None);
    let within = |confidence, confidence_max| quote(u64::MAX, confidence).is_within(confidence_max);
    assert!(within(0, 0) && within(u64::MAX, 10_000) && !within(u64::MAX, 9_999));
}

/// What a random party does.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// Price, confidence, and slots before the present one.
    Publish(u64, u64, u64),
    /// In the next publisher's quote.
    PublishAs(u64),
    Aggregate,
    /// Without one of the quotes.
    Choose(usize),
    Admit,
    Dismiss,
    /// By the publisher itself.
    Leave,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (90..110_u64, 0..8_u64, 0..4_u64)
            .prop_map(|(price, confidence, age)| Action::Publish(price, confidence, age)),
        1 => (1..999_u64).prop_map(Action::PublishAs),
        4 => Just(Action::Aggregate),
        1 => (0..5_usize).prop_map(Action::Choose),
        1 => Just(Action::Admit),
        1 => Just(Action::Dismiss),
        1 => Just(Action::Leave),
    ]
}

fn admitted(desk: &Desk, publishers: &[Publisher]) -> Vec<Publisher> {
    let is_there = |one: &&Publisher| desk.chain.account(&one.quote).is_some();
    publishers.iter().filter(is_there).copied().collect()
}

fn taken(desk: &Desk, publishers: &[Publisher], index: usize, action: Action) -> Call {
    let (own, next) = (
        publishers[index],
        publishers[(index + 1) % publishers.len()],
    );
    let mut admitted = admitted(desk, publishers);
    match action {
        Action::Publish(price, confidence, age) => {
            let slot = desk.chain.slot().saturating_sub(age);
            publish(&own, price, confidence, slot)
        }
        Action::PublishAs(price) => {
            let wallet = next.wallet;
            desk.publish(&Publisher { wallet, ..own }, price, 0)
        }
        Action::Aggregate => desk.aggregate(&admitted),
        Action::Choose(place) => {
            if place < admitted.len() {
                admitted.remove(place);
            }
            desk.aggregate(&admitted)
        }
        Action::Admit => desk.admit(&own),
        Action::Dismiss => call::dismiss(&desk.dismissal(&own)).into(),
        Action::Leave => {
            let mut dismissal = desk.dismissal(&own);
            dismissal.authority = own.wallet;
            call::dismiss(&dismissal).into()
        }
    }
}

/// Quotes are counted, each price is the one that the fresh quotes make, and no theft succeeds, in
/// blocks of actions that run in parallel and serially.
#[test]
fn random_publishers_change_no_invariant() {
    let mut desk = Desk::new();
    let publishers = desk.publishers(["p", "q", "r", "s"]);
    let (done, refused, prices) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_usize));
    explore(
        &mut desk,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        (
            0..6_u64,
            prop::collection::vec((0..4_usize, action()), 1..8),
        ),
        |desk, (slots, actions)| {
            desk.pass(*slots);
            let now = desk.chain.slot();
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(desk, &publishers, *index, *action))
                .collect();
            let block = desk.chain.run_block(calls);
            for ((_, action), call) in actions.iter().zip(block.executed()) {
                let count = if call.is_ok() { &done } else { &refused };
                count.set(count.get() + 1);
                let is_theft = matches!(action, Action::PublishAs(_) | Action::Leave);
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
            let told = block.events::<Aggregated>();
            prices.set(prices.get() + told.len());
            for price in told {
                assert!(price.quotes >= RULES.quotes_min && price.slot <= now);
                assert!(now - price.slot <= RULES.age_max, "no old quote counts");
                assert!(
                    (82..118).contains(&price.price),
                    "it is in the range of quotes"
                );
            }
        },
        |desk| {
            let there = admitted(desk, &publishers);
            assert_eq!(there.len(), usize::from(desk.state().quotes));
            for one in there {
                let quote: Quote = desk.chain.state(&one.quote);
                assert_eq!((quote.publisher, quote.feed), (one.wallet, desk.feed));
                assert!(quote.slot.get() < desk.chain.slot());
            }
            if let Some(quoted) = desk.state().quoted() {
                assert!(quoted.range().is_some());
            }
        },
    );
    println!(
        "oracle: {} actions succeeded, {} were refused, {} prices were made",
        done.get(),
        refused.get(),
        prices.get()
    );
    assert!(done.get() > 100 && refused.get() > 20 && prices.get() > 20);
}
