//! Payment channels on the real runtime: their way, what they refuse, and what random parties
//! cannot change.

use lockstep_market::channel::{channels::*, shares};
use lockstep_programs::ed25519::Ed25519Error;
use lockstep_sdk::{
    ed25519::Signature,
    interface::{Address, InstructionError, context::Rule},
};
use lockstep_testing::{Block, Call, Chain, SOL, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{Outcomes, sequences};

const WINDOW: u64 = 20;

/// A chain, the parties of one channel, and the channel.
struct Bank {
    chain: Chain,
    ann: Address,
    ben: Address,
    channel: Address,
    opened: u64,
}

impl Bank {
    fn new() -> Self {
        let mut chain = Chain::builder().program(ChannelsProgram).build();
        let [ann, ben] = ["ann", "ben"].map(|name| chain.wallet(name));
        let opened = chain.slot();
        chain.run(open(ann, 0, ben, 5 * SOL)).access_is_minimal();
        Self {
            chain,
            ann,
            ben,
            channel: Open::channel_address(&ann, 0).0,
            opened,
        }
    }

    fn signed(&self, signer: &Address, update: &Update) -> Signature {
        let message = update.message(&self.channel, self.opened);
        Signature(self.chain.sign_message(signer, &message))
    }

    /// One party submits what the other one has signed.
    fn dispute(&self, party: Address, update: Update) -> Call {
        let other = if party == self.ann {
            self.ben
        } else {
            self.ann
        };
        let signature = self.signed(&other, &update);
        submit(party, self.channel, update, signature)
    }

    fn close(&self, party: Address, update: Update, signature: Signature) -> Call {
        let ending = self.finish();
        call::close(&CloseAddresses { party, ending }, update, signature).into()
    }

    fn finish(&self) -> FinishAddresses {
        FinishAddresses {
            channel: self.channel,
            first: self.ann,
            second: self.ben,
        }
    }

    fn lamports(&self) -> [u64; 2] {
        [self.ann, self.ben].map(|wallet| self.chain.lamports(&wallet))
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

fn open(first: Address, number: u64, second: Address, lamports: u64) -> Call {
    call::open(&OpenAddresses { first }, number, second, WINDOW, lamports).into()
}

fn fund(party: Address, channel: Address, lamports: u64) -> Call {
    call::fund(&FundAddresses { party, channel }, lamports).into()
}

fn begin(party: Address, channel: Address) -> Call {
    call::begin(&BeginAddresses { party, channel }).into()
}

fn submit(party: Address, channel: Address, update: Update, signature: Signature) -> Call {
    call::dispute(&DisputeAddresses { party, channel }, update, signature).into()
}

fn update(version: u64, to_first: u64, to_second: u64) -> Update {
    Update {
        version,
        to_first,
        to_second,
    }
}

#[test]
fn the_newest_message_holds() {
    let mut bank = Bank::new();
    let (ann, ben, channel) = (bank.ann, bank.ben, bank.channel);
    bank.chain
        .run(fund(ben, channel, 2 * SOL))
        .access_is_minimal();
    let before = bank.lamports();
    // Ben shows the message that is best for Ben, Ann the newest.
    let [best, newest] = [update(3, 0, 5 * SOL), update(7, SOL, 4 * SOL)];
    bank.chain.run(bank.dispute(ben, best)).access_is_minimal();
    let block = bank.chain.run(bank.dispute(ann, newest));
    let told = &block.access_is_minimal().events::<Disputed>()[0];
    assert_eq!((told.version, told.closes), (7, bank.opened + 2 + WINDOW));
    // The older ones are refused from then on, and so is the same one again.
    for old in [best, newest, update(6, 0, 5 * SOL), update(0, 0, 5 * SOL)] {
        let replay = bank.dispute(ben, old);
        bank.chain.run(replay).fails(0, ChannelError::Stale);
    }
    let again = begin(ben, channel);
    bank.chain.run(again).fails(0, ChannelError::Closing);
    let more = fund(ben, channel, 1);
    bank.chain.run(more).fails(0, ChannelError::Closing);
    let finish = call::finish(&bank.finish());
    bank.chain.warp_to_slot(told.closes);
    bank.chain.run(&finish).fails(0, ChannelError::TooEarly);
    // Too late for a message, even for the last one.
    let late = bank.dispute(ben, update(9, 0, 5 * SOL));
    bank.chain.run(late).fails(0, ChannelError::WindowOver);
    let rent = bank.chain.lamports(&channel) - 7 * SOL;
    let block = bank.chain.run(&finish);
    let closed = &block.access_is_minimal().events::<Closed>()[0];
    assert_eq!((closed.first, closed.second), (2 * SOL, 5 * SOL));
    assert_eq!(
        bank.lamports(),
        [before[0] + 2 * SOL + rent, before[1] + 5 * SOL]
    );
    let error = InstructionError::UninitializedAccount;
    bank.chain.run(&finish).fails(0, error).at("channel");
}

#[test]
fn both_parties_close_at_once() {
    let mut bank = Bank::new();
    let (ann, ben, channel) = (bank.ann, bank.ben, bank.channel);
    let before = bank.lamports();
    let rent = bank.chain.lamports(&channel) - 5 * SOL;
    let last = update(FINAL, 0, 2 * SOL);
    let signature = bank.signed(&ann, &last);
    let old = update(FINAL - 1, 0, 2 * SOL);
    let block = bank
        .chain
        .run(bank.close(ben, old, bank.signed(&ann, &old)));
    block.fails(0, ChannelError::NotFinal);
    let block = bank.chain.run(bank.close(ann, last, signature));
    block.fails(0, Ed25519Error::InvalidSignature);
    let block = bank.chain.run(bank.close(ben, last, signature));
    block.access_is_minimal();
    assert_eq!(
        bank.lamports(),
        [before[0] + 3 * SOL + rent, before[1] + 2 * SOL]
    );
}

/// A party that never got a message gets back what it has locked.
#[test]
fn a_channel_without_messages_returns_what_was_locked() {
    let mut bank = Bank::new();
    let (ann, ben, channel) = (bank.ann, bank.ben, bank.channel);
    bank.chain.run(fund(ben, channel, SOL)).all_ok();
    let before = bank.lamports();
    let finish = call::finish(&bank.finish());
    bank.chain.run(&finish).fails(0, ChannelError::NotClosing);
    bank.chain.run(begin(ann, channel)).access_is_minimal();
    bank.pass(WINDOW);
    bank.chain.run(&finish).all_ok();
    assert_eq!(bank.lamports()[1], before[1] + SOL);
    assert!(bank.lamports()[0] > before[0] + 5 * SOL);
}

/// What was signed for a channel holds neither for another one nor for its successor.
#[test]
fn messages_hold_for_one_channel() {
    let mut bank = Bank::new();
    let (ann, ben, channel) = (bank.ann, bank.ben, bank.channel);
    let paid = update(FINAL, 0, 5 * SOL);
    let signature = bank.signed(&ann, &paid);
    bank.chain.run(open(ann, 1, ben, 5 * SOL)).all_ok();
    let (other, _) = Open::channel_address(&ann, 1);
    let block = bank.chain.run(submit(ben, other, paid, signature));
    block.fails(0, Ed25519Error::InvalidSignature);
    bank.chain.run(bank.close(ben, paid, signature)).all_ok();
    // Revived at the same address: the old message is worthless.
    bank.chain.run(open(ann, 0, ben, 5 * SOL)).all_ok();
    for call in [
        submit(ben, channel, paid, signature),
        bank.close(ben, paid, signature),
    ] {
        bank.chain
            .run(call)
            .fails(0, Ed25519Error::InvalidSignature);
    }
    // In the slot of its opening a channel does not end, so no two of them have one slot.
    bank.opened = bank.chain.slot();
    let third = Open::channel_address(&ann, 2).0;
    bank.channel = third;
    let signature = bank.signed(&ann, &paid);
    let both = [open(ann, 2, ben, 5 * SOL), bank.close(ben, paid, signature)];
    let both = both.map(|call| call.instructions[0].clone());
    let block = bank.chain.run(Call::new(both));
    block.fails(0, ChannelError::TooEarly);
}

#[test]
fn thieves_get_nothing() {
    let mut bank = Bank::new();
    let (ann, ben, channel) = (bank.ann, bank.ben, bank.channel);
    let thief = bank.chain.wallet("thief");
    let good = update(1, 0, SOL);
    let forged = Ed25519Error::InvalidSignature;
    // Signed by the submitting party, by a thief, or changed after it was signed.
    for signer in [ben, thief] {
        let call = submit(ben, channel, good, bank.signed(&signer, &good));
        bank.chain.run(call).fails(0, forged);
    }
    let signature = bank.signed(&ann, &good);
    for changed in [update(2, 0, SOL), update(1, 0, 2 * SOL), update(1, 1, SOL)] {
        let call = submit(ben, channel, changed, signature);
        bank.chain.run(call).fails(0, forged);
    }
    // No party of the channel.
    let not_party = ChannelError::NotAParty;
    for call in [
        submit(thief, channel, good, signature),
        begin(thief, channel),
        fund(thief, channel, 1),
        bank.close(thief, update(FINAL, 0, 0), signature),
    ] {
        bank.chain.run(call).fails(0, not_party);
    }
    let mut unsigned = submit(ben, channel, good, signature);
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = bank.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("party");
    // More than was locked.
    for rich in [
        update(1, 0, 5 * SOL + 1),
        update(1, 1, 0),
        update(1, u64::MAX, u64::MAX),
    ] {
        let call = bank.dispute(ben, rich);
        if shares([5 * SOL, 0], [rich.to_first, rich.to_second]).is_none() {
            bank.chain.run(call).fails(0, ChannelError::Overdrawn);
        }
    }
    // A program in the place of the one that checks signatures.
    let mut call = submit(ben, channel, good, signature);
    call.instructions[0].accounts[2].address = ID;
    let block = bank.chain.run(call);
    block
        .fails(0, InstructionError::IncorrectProgramId)
        .at("ed25519");
    // The shares in other hands.
    bank.chain.run(begin(ann, channel)).all_ok();
    bank.pass(WINDOW);
    let authority = InstructionError::IncorrectAuthority;
    for (first, second) in [(thief, ben), (ann, thief), (ben, ann)] {
        let mut finish = bank.finish();
        (finish.first, finish.second) = (first, second);
        let block = bank.chain.run(call::finish(&finish));
        block
            .fails(0, authority.clone())
            .at("channel")
            .rule(Rule::HasOne);
    }
    let mut finish = bank.finish();
    finish.channel = thief;
    let block = bank.chain.run(call::finish(&finish));
    block
        .fails(0, InstructionError::UninitializedAccount)
        .at("channel");
}

#[test]
fn openings_are_checked() {
    let mut bank = Bank::new();
    let (ann, ben) = (bank.ann, bank.ben);
    let block = bank.chain.run(open(ann, 0, ben, 1));
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("channel");
    bank.chain
        .run(open(ann, 1, ann, 1))
        .fails(0, ChannelError::OneParty);
    for window in [0, WINDOW_MAX + 1, u64::MAX] {
        let call = call::open(&OpenAddresses { first: ann }, 1, ben, window, 1);
        bank.chain.run(call).fails(0, ChannelError::BadWindow);
    }
    let call = call::open(&OpenAddresses { first: ann }, 1, ben, WINDOW_MAX, 1);
    bank.chain.run(call).all_ok();
}

#[test]
fn channels_of_one_service_are_one_batch() {
    let mut bank = Bank::new();
    let service = bank.ben;
    let customers: Vec<Address> = (0..60)
        .map(|number| bank.chain.wallet(&format!("{number}")))
        .collect();
    let opens: Vec<Call> = customers
        .iter()
        .map(|customer| open(*customer, 0, service, SOL))
        .collect();
    let block = bank.chain.run_block(opens);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1);
    let before = bank.chain.lamports(&service);
    bank.opened = block.events::<Opened>()[0].slot;
    let closes: Vec<Call> = customers
        .iter()
        .zip(1..)
        .map(|(customer, paid)| {
            bank.channel = Open::channel_address(customer, 0).0;
            bank.ann = *customer;
            let last = update(FINAL, 0, paid);
            let signature = bank.signed(&service, &last);
            bank.close(*customer, last, signature)
        })
        .collect();
    bank.chain.parallel_equals_serial(closes.clone());
    let block = bank.chain.run_block(closes);
    block.access_is_minimal();
    let [lanes] = block.batches() else {
        panic!("{} batches", block.batches().len())
    };
    assert_eq!(lanes.len(), 60, "each call has a lane of its own");
    assert_eq!(bank.chain.lamports(&service), before + 60 * 61 / 2);
}

#[test]
fn shares_are_exact() {
    let edges = [
        0,
        1,
        2,
        1 << 32,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    for first in edges {
        for second in edges {
            for to_first in edges {
                for to_second in edges {
                    let exact = i128::from(to_first) - i128::from(to_second);
                    let exact = [i128::from(first) + exact, i128::from(second) - exact];
                    let fits = |share: &i128| (0..=i128::from(u64::MAX)).contains(share);
                    let found = shares([first, second], [to_first, to_second]);
                    assert_eq!(found.is_some(), exact.iter().all(fits));
                    if let Some(found) = found {
                        assert_eq!(found.map(i128::from), exact);
                    }
                }
            }
        }
    }
}

/// What parties have agreed to in the property test, by version from 1; some pay more than there
/// is, unless it was funded.
const AGREED: [[u64; 2]; 6] = [
    [0, 100],
    [50, 300],
    [50, 900],
    [700, 900],
    [700, 4_000],
    [9_000, 9_500],
];

/// What a random party does to the channel of a first party with the next one.
#[derive(Clone, Copy, Debug)]
enum Action {
    Open(u64),
    Fund(u64),
    Begin,
    /// With the message of this version, which the other party has signed.
    Dispute(usize),
    /// With a message that only the acting party has signed.
    Forge(usize),
    Close(usize),
    Finish,
    /// With the acting party in the place of both.
    Divert,
}

fn action() -> impl Strategy<Value = Action> {
    let place = || 0..AGREED.len();
    prop_oneof![
        4 => (0..2_000_u64).prop_map(Action::Open),
        2 => (1..900_u64).prop_map(Action::Fund),
        2 => Just(Action::Begin),
        6 => place().prop_map(Action::Dispute),
        1 => place().prop_map(Action::Forge),
        2 => place().prop_map(Action::Close),
        4 => Just(Action::Finish),
        1 => Just(Action::Divert),
    ]
}

/// Three wallets, each the first party of a channel with the next.
struct Ring {
    bank: Bank,
    wallets: [Address; 3],
    channels: [Address; 3],
}

impl Scene for Ring {
    fn chain(&mut self) -> &mut Chain {
        &mut self.bank.chain
    }
}

impl Ring {
    fn state(&self, place: usize) -> Option<Channel> {
        let channel = &self.channels[place];
        let account = self.bank.chain.account(channel);
        account.map(|_| self.bank.chain.state(channel))
    }

    fn taken(&self, index: usize, place: usize, action: Action) -> Call {
        let (own, channel) = (self.wallets[index], self.channels[place]);
        let [first, second] = [place, (place + 1) % 3].map(|party| self.wallets[party]);
        let other = if own == first { second } else { first };
        let opened = self.state(place).map_or(0, |state| state.opened.get());
        let signed = |signer: &Address, update: &Update| {
            let message = update.message(&channel, opened);
            Signature(self.bank.chain.sign_message(signer, &message))
        };
        let agreed = |place: usize, version: u64| {
            let [to_first, to_second] = AGREED[place];
            update(version, to_first, to_second)
        };
        let ending = FinishAddresses {
            channel,
            first,
            second,
        };
        match action {
            Action::Open(lamports) => open(first, 0, second, lamports),
            Action::Fund(lamports) => fund(own, channel, lamports),
            Action::Begin => begin(own, channel),
            Action::Dispute(place) => {
                let agreed = agreed(place, place as u64 + 1);
                submit(own, channel, agreed, signed(&other, &agreed))
            }
            Action::Forge(place) => {
                let agreed = agreed(place, 99);
                submit(own, channel, agreed, signed(&own, &agreed))
            }
            Action::Close(place) => {
                let last = agreed(place, FINAL);
                let signature = signed(&other, &last);
                let addresses = CloseAddresses { party: own, ending };
                call::close(&addresses, last, signature).into()
            }
            Action::Finish => call::finish(&ending).into(),
            Action::Divert => {
                let (first, second) = (own, own);
                call::finish(&FinishAddresses {
                    first,
                    second,
                    ..ending
                })
                .into()
            }
        }
    }

    /// Wallets and channels together have what they had, and channels have what was locked.
    fn check_invariants(&self, lamports: u64) {
        let accounts = self.wallets.iter().chain(&self.channels);
        let sum: u64 = accounts
            .map(|account| self.bank.chain.lamports(account))
            .sum();
        assert_eq!(sum, lamports, "lamports are conserved");
        for place in 0..3 {
            let Some(state) = self.state(place) else {
                continue;
            };
            let locked = state.locked_first.get() + state.locked_second.get();
            assert!(self.bank.chain.lamports(&self.channels[place]) > locked);
            let (locked, paid) = (
                [state.locked_first.get(), state.locked_second.get()],
                [state.to_first.get(), state.to_second.get()],
            );
            assert!(shares(locked, paid).is_some());
        }
    }

    /// Versions rise, and a channel pays what was locked.
    fn check_block(&self, block: &Block, before: [Option<Channel>; 3]) {
        for (place, before) in before.into_iter().enumerate() {
            let (Some(before), Some(after)) = (before, self.state(place)) else {
                continue;
            };
            if before.opened.get() == after.opened.get() {
                assert!(after.version.get() >= before.version.get());
                assert!(after.locked_first.get() >= before.locked_first.get());
            }
        }
        for disputed in block.events::<Disputed>() {
            assert!(disputed.version < 99, "a forged message was taken");
        }
    }
}

#[test]
fn random_parties_change_no_invariant() {
    let mut bank = Bank::new();
    let wallets = ["x", "y", "z"].map(|name| bank.chain.wallet(name));
    let channels = wallets.map(|first| Open::channel_address(&first, 0).0);
    let mut ring = Ring {
        bank,
        wallets,
        channels,
    };
    let lamports = wallets
        .iter()
        .map(|wallet| ring.bank.chain.lamports(wallet))
        .sum();
    let outcomes = Outcomes::default();
    explore(
        &mut ring,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        (
            0..4_u64,
            prop::collection::vec((0..3_usize, 0..3_usize, action()), 1..8),
        ),
        |ring, (slots, actions)| {
            ring.bank.pass(*slots);
            let before = [0, 1, 2].map(|place| ring.state(place));
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, place, action)| ring.taken(*index, *place, *action))
                .collect();
            let block = ring.bank.chain.run_block(calls);
            outcomes.add(&block);
            for ((index, place, action), call) in actions.iter().zip(block.executed()) {
                let is_stranger = (place + 2) % 3 == *index;
                let is_attack = match action {
                    Action::Forge(_) | Action::Divert => true,
                    Action::Open(_) | Action::Finish => false,
                    _ => is_stranger,
                };
                assert!(!(is_attack && call.is_ok()), "{action:?} succeeded");
            }
            ring.check_block(&block, before);
        },
        |ring| ring.check_invariants(lamports),
    );
    outcomes.tell("channels");
}
