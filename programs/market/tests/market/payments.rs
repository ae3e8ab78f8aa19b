//! Payments on the real runtime: escrows and streams on their way, what they refuse, and what
//! random parties cannot change.

use lockstep_market::pay::{payments::*, streamed};
use lockstep_sdk::interface::{Address, InstructionError, context::Rule};
use lockstep_testing::{Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{Outcomes, sequences};

const TOKENS: u64 = 10_000;

/// A chain with a mint.
struct Office {
    chain: Chain,
    mint: Address,
}

/// A wallet and its tokens.
#[derive(Clone, Copy)]
struct Party {
    wallet: Address,
    purse: Address,
}

impl Office {
    fn new() -> Self {
        let mut chain = Chain::builder().program(PaymentsProgram).build();
        let mint = chain.mint("gold", 6);
        Self { chain, mint }
    }

    fn parties<const N: usize>(&mut self, names: [&str; N]) -> [Party; N] {
        names.map(|name| {
            let wallet = self.chain.wallet(name);
            let purse = self.chain.tokens(&wallet, &self.mint, TOKENS);
            Party { wallet, purse }
        })
    }

    fn terms(&self, receiver: &Party, arbiter: &Party, amount: u64) -> EscrowTerms {
        EscrowTerms {
            receiver: receiver.wallet,
            arbiter: arbiter.wallet,
            amount,
            expires: self.chain.slot() + 5,
        }
    }

    fn lock(&self, payer: &Party, number: u64, terms: EscrowTerms) -> Call {
        let (payer, purse, mint) = (payer.wallet, payer.purse, self.mint);
        call::lock(&LockAddresses { payer, mint, purse }, number, terms).into()
    }

    fn open(&self, payer: &Party, number: u64, terms: StreamTerms) -> Call {
        let (payer, purse, mint) = (payer.wallet, payer.purse, self.mint);
        call::open(&OpenAddresses { payer, mint, purse }, number, terms).into()
    }

    fn balance(&self, party: &Party) -> u64 {
        self.chain.balance(&party.purse)
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

impl Scene for Office {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

fn release(payer: &Party, number: u64, actor: &Party, target: &Party) -> ReleaseAddresses {
    let (escrow, _) = Lock::escrow_address(&payer.wallet, number);
    ReleaseAddresses {
        actor: actor.wallet,
        escrow,
        vault: Lock::vault_address(&escrow).0,
        target: target.purse,
    }
}

fn refund(payer: &Party, number: u64, actor: &Party) -> RefundAddresses {
    let (escrow, _) = Lock::escrow_address(&payer.wallet, number);
    RefundAddresses {
        actor: actor.wallet,
        escrow,
        vault: Lock::vault_address(&escrow).0,
        purse: payer.purse,
    }
}

fn close(payer: &Party, number: u64) -> CloseAddresses {
    let (escrow, _) = Lock::escrow_address(&payer.wallet, number);
    CloseAddresses {
        payer: payer.wallet,
        escrow,
        vault: Lock::vault_address(&escrow).0,
        purse: payer.purse,
    }
}

fn collect(payer: &Party, number: u64, receiver: &Party) -> CollectAddresses {
    let (stream, _) = Open::stream_address(&payer.wallet, number);
    CollectAddresses {
        receiver: receiver.wallet,
        stream,
        vault: Open::vault_address(&stream).0,
        target: receiver.purse,
    }
}

fn end(payer: &Party, number: u64, receiver: &Party) -> EndAddresses {
    let (stream, _) = Open::stream_address(&payer.wallet, number);
    EndAddresses {
        payer: payer.wallet,
        stream,
        vault: Open::vault_address(&stream).0,
        target: receiver.purse,
        purse: payer.purse,
    }
}

fn transfer(from: &Party, to: &Address, amount: u64) -> Call {
    use lockstep_programs::token::instruction::transfer;
    transfer(&from.purse, to, &from.wallet, amount).into()
}

#[test]
fn an_escrow_goes_its_way() {
    let mut office = Office::new();
    let [ann, shop, judge] = office.parties(["ann", "shop", "judge"]);
    let terms = office.terms(&shop, &judge, 1_000);
    let rent = office.chain.lamports(&ann.wallet);
    office
        .chain
        .run(office.lock(&ann, 3, terms))
        .access_is_minimal();
    assert_eq!(office.balance(&ann), TOKENS - 1_000);
    // Parts: by the payer, by the arbiter, back by the receiver, back by the arbiter.
    let parts = [
        Call::from(call::release(&release(&ann, 3, &ann, &shop), 300)),
        call::release(&release(&ann, 3, &judge, &shop), 50).into(),
        call::refund(&refund(&ann, 3, &shop), 20).into(),
        call::refund(&refund(&ann, 3, &judge), 30).into(),
    ];
    let block = office.chain.run_block(parts);
    let left: Vec<u64> = block
        .access_is_minimal()
        .events::<Released>()
        .iter()
        .map(|part| part.left)
        .collect();
    assert_eq!(left, [700, 650, 630, 600]);
    assert_eq!(office.balance(&shop), TOKENS + 350);
    assert_eq!(office.balance(&ann), TOKENS - 950);
    // The payer waits for the last slot to pass.
    let back = call::refund(&refund(&ann, 3, &ann), 600);
    let block = office.chain.run(&back);
    block.fails(0, PaymentError::MayNotRefund);
    let ending = call::close(&close(&ann, 3));
    office
        .chain
        .run(&ending)
        .fails(0, PaymentError::NotEmpty)
        .at("escrow");
    office.chain.warp_to_slot(terms.expires);
    office.chain.run(&back).fails(0, PaymentError::MayNotRefund);
    office.chain.run(&back).access_is_minimal();
    // What was sent to the vault does not keep it open, and goes to the payer.
    let vault = close(&ann, 3).vault;
    office.chain.run(transfer(&shop, &vault, 5)).all_ok();
    office.chain.run(&ending).access_is_minimal();
    assert_eq!(office.balance(&ann), TOKENS - 345);
    assert_eq!(office.chain.lamports(&ann.wallet), rent);
    assert!(office.chain.account(&vault).is_none());
}

#[test]
fn a_stream_pays_by_the_slot() {
    let mut office = Office::new();
    let [ann, ben] = office.parties(["ann", "ben"]);
    let start = office.chain.slot() + 2;
    let terms = StreamTerms {
        receiver: ben.wallet,
        total: 1_000,
        start,
        end: start + 7,
    };
    let rent = office.chain.lamports(&ann.wallet);
    office
        .chain
        .run(office.open(&ann, 0, terms))
        .access_is_minimal();
    let paying = call::collect(&collect(&ann, 0, &ben));
    office.chain.warp_to_slot(start);
    let block = office.chain.run(&paying);
    block.fails(0, PaymentError::NothingDue);
    let block = office.chain.run(&paying);
    assert_eq!(
        block.access_is_minimal().events::<Collected>()[0].amount,
        142
    );
    office.chain.warp_to_slot(start + 4);
    office.chain.run(&paying).all_ok();
    assert_eq!(office.balance(&ben), TOKENS + 571);
    office.chain.warp_to_slot(start + 6);
    let block = office.chain.run(call::end(&end(&ann, 0, &ben)));
    assert_eq!(block.access_is_minimal().events::<Ended>()[0].returned, 143);
    assert_eq!(
        [&ann, &ben].map(|party| office.balance(party)),
        [9_143, 10_857]
    );
    assert_eq!(office.chain.lamports(&ann.wallet), rent);
    // A stream that is over has paid everything. A payer may pay itself.
    let terms = StreamTerms {
        receiver: ann.wallet,
        end: office.chain.slot() + 1,
        ..terms
    };
    office.chain.run(office.open(&ann, 0, terms)).all_ok();
    office.pass(5);
    let block = office.chain.run(call::end(&end(&ann, 0, &ann)));
    assert_eq!(block.all_ok().events::<Ended>()[0].returned, 0);
    assert_eq!(office.balance(&ann), 9_143);
}

#[test]
fn payments_to_one_shop_are_one_batch() {
    let mut office = Office::new();
    let [shop] = office.parties(["shop"]);
    let payers: Vec<Party> = (0..40)
        .flat_map(|number| office.parties([format!("{number}").as_str()]))
        .collect();
    let terms = office.terms(&shop, &shop, 100);
    let locks: Vec<Call> = payers
        .iter()
        .map(|payer| office.lock(payer, 0, terms))
        .collect();
    let block = office.chain.run_block(locks);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1);
    let start = office.chain.slot();
    let terms = StreamTerms {
        receiver: shop.wallet,
        total: 90,
        start,
        end: start + 9,
    };
    let opens: Vec<Call> = payers
        .iter()
        .map(|payer| office.open(payer, 0, terms))
        .collect();
    let block = office.chain.run_block(opens);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1);
    let mut calls: Vec<Call> = Vec::new();
    for payer in &payers {
        calls.push(call::release(&release(payer, 0, payer, &shop), 70).into());
        calls.push(call::collect(&collect(payer, 0, &shop)).into());
    }
    office.chain.parallel_equals_serial(calls.clone());
    let block = office.chain.run_block(calls);
    block.access_is_minimal();
    let [lanes] = block.batches() else {
        panic!("{} batches", block.batches().len())
    };
    assert_eq!(lanes.len(), 80, "each call has a lane of its own");
    assert_eq!(office.balance(&shop), TOKENS + 40 * 90);
}

#[test]
fn terms_are_checked() {
    let mut office = Office::new();
    let [ann, ben] = office.parties(["ann", "ben"]);
    let good = office.terms(&ben, &ann, 10);
    let refused = [
        (EscrowTerms { amount: 0, ..good }, PaymentError::NoAmount),
        (EscrowTerms { expires: 0, ..good }, PaymentError::BadTime),
    ];
    for (terms, error) in refused {
        office
            .chain
            .run(office.lock(&ann, 0, terms))
            .fails(0, error);
    }
    let block = office
        .chain
        .run(office.lock(&ann, 0, office.terms(&ben, &ann, TOKENS + 1)));
    assert!(!block.call(0).is_ok());
    let now = office.chain.slot();
    let good = StreamTerms {
        receiver: ben.wallet,
        total: 10,
        start: 0,
        end: now + 99,
    };
    let refused = [
        (StreamTerms { total: 0, ..good }, PaymentError::NoAmount),
        (StreamTerms { end: now, ..good }, PaymentError::BadTime),
        (
            StreamTerms {
                start: now + 99,
                ..good
            },
            PaymentError::BadTime,
        ),
    ];
    for (terms, error) in refused {
        office
            .chain
            .run(office.open(&ann, 0, terms))
            .fails(0, error);
    }
    // Once each.
    let terms = office.terms(&ben, &ann, 10);
    let both = [office.lock(&ann, 0, terms), office.open(&ann, 0, good)];
    office.chain.run_block(both.clone()).all_ok();
    let block = office.chain.run_block(both);
    let error = InstructionError::AccountAlreadyInitialized;
    block.fails(0, error.clone()).at("escrow");
    block.fails(1, error).at("stream");
}

#[test]
fn thieves_get_nothing() {
    let mut office = Office::new();
    let [ann, ben, thief] = office.parties(["ann", "ben", "thief"]);
    let terms = EscrowTerms {
        expires: office.chain.slot() + 100,
        ..office.terms(&ben, &ann, 500)
    };
    let streamed = StreamTerms {
        receiver: ben.wallet,
        total: 500,
        start: 0,
        end: office.chain.slot() + 2,
    };
    let (lock, open) = (office.lock(&ann, 0, terms), office.open(&ann, 0, streamed));
    office.chain.run_block([lock, open]).all_ok();
    let other = office.lock(&thief, 0, office.terms(&thief, &thief, 9));
    office.chain.run(other).all_ok();
    office.pass(2);
    let authority = InstructionError::IncorrectAuthority;
    let run = |office: &mut Office, addresses: &ReleaseAddresses, amount: u64| {
        office.chain.run(call::release(addresses, amount))
    };
    // Neither payer nor arbiter; to another account than the receiver's; more than there is.
    let block = run(&mut office, &release(&ann, 0, &thief, &ben), 1);
    block.fails(0, PaymentError::MayNotRelease);
    let block = run(&mut office, &release(&ann, 0, &ann, &thief), 1);
    block
        .fails(0, authority.clone())
        .at("target")
        .saying("as `authority`");
    let block = run(&mut office, &release(&ann, 0, &ann, &ben), 501);
    block.fails(0, PaymentError::NotEnough);
    let block = run(&mut office, &release(&ann, 0, &ann, &ben), 0);
    block.fails(0, PaymentError::NoAmount);
    // The vault of another escrow, or of a look-alike; the vault as the target.
    let mut stolen = release(&thief, 0, &thief, &thief);
    stolen.vault = release(&ann, 0, &ann, &ben).vault;
    let block = run(&mut office, &stolen, 1);
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("vault")
        .rule(Rule::Address);
    stolen.vault = ann.purse;
    let block = run(&mut office, &stolen, 1);
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("vault");
    let mut twice = release(&thief, 0, &thief, &thief);
    twice.target = twice.vault;
    let block = run(&mut office, &twice, 1);
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    // Something else as an escrow: a stream, a purse.
    let (stream, _) = Open::stream_address(&ann.wallet, 0);
    for (escrow, error) in [
        (stream, InstructionError::InvalidAccountData),
        (ann.purse, InstructionError::InvalidAccountOwner),
        (thief.wallet, InstructionError::UninitializedAccount),
    ] {
        let mut stolen = release(&thief, 0, &thief, &thief);
        stolen.escrow = escrow;
        run(&mut office, &stolen, 1).fails(0, error).at("escrow");
    }
    // A refund by a stranger, early by the payer, or to a thief's account.
    for actor in [&thief, &ann] {
        let block = office.chain.run(call::refund(&refund(&ann, 0, actor), 1));
        block.fails(0, PaymentError::MayNotRefund);
    }
    let mut stolen = refund(&ann, 0, &ben);
    stolen.purse = thief.purse;
    let block = office.chain.run(call::refund(&stolen, 1));
    block.fails(0, authority.clone()).at("purse");
    // What another party opened is neither collected nor ended by a thief.
    let mut stolen = collect(&ann, 0, &thief);
    let block = office.chain.run(call::collect(&stolen));
    block
        .fails(0, authority.clone())
        .at("stream")
        .rule(Rule::HasOne);
    stolen.receiver = ben.wallet;
    let block = office.chain.run(call::collect(&stolen));
    block.fails(0, authority.clone()).at("target");
    let mut stolen = end(&ann, 0, &ben);
    stolen.payer = thief.wallet;
    stolen.purse = thief.purse;
    let block = office.chain.run(call::end(&stolen));
    block.fails(0, authority).at("stream").rule(Rule::HasOne);
    let mut unsigned = Call::from(call::end(&end(&ann, 0, &ben)));
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = office.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("payer");
    // Tokens of another owner.
    let mut theft = office.lock(&thief, 1, office.terms(&thief, &thief, 9));
    theft.instructions[0].accounts[2].address = ann.purse;
    let block = office.chain.run(theft);
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("purse");
    assert_eq!(office.balance(&thief), TOKENS - 9);
}

/// An escrow that was closed is gone, and one that is made in its place owes what it holds.
#[test]
fn a_closed_escrow_pays_no_more() {
    let mut office = Office::new();
    let [ann, ben] = office.parties(["ann", "ben"]);
    let terms = office.terms(&ben, &ann, 10);
    office.chain.run(office.lock(&ann, 0, terms)).all_ok();
    let part = Call::from(call::release(&release(&ann, 0, &ann, &ben), 10));
    // In one transaction: the state is closed, and used again behind that.
    let used = [
        part.clone(),
        call::close(&close(&ann, 0)).into(),
        part.clone(),
    ];
    let used = Call::new(used.map(|call| call.instructions[0].clone()));
    let block = office.chain.run(used);
    block
        .fails(0, InstructionError::UninitializedAccount)
        .at("escrow");
    let closing = Call::new([
        part.instructions[0].clone(),
        call::close(&close(&ann, 0)),
        office
            .lock(&ann, 0, EscrowTerms { amount: 4, ..terms })
            .instructions[0]
            .clone(),
    ]);
    office.chain.run(closing).all_ok();
    office.chain.run(part).fails(0, PaymentError::NotEnough);
    assert_eq!(office.balance(&ben), TOKENS + 10);
}

#[test]
fn streams_are_exact() {
    let edges = [
        0,
        1,
        2,
        3,
        9_999,
        1 << 32,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    for total in edges {
        for start in edges {
            for end in edges.into_iter().filter(|end| *end > start) {
                let mut before = 0;
                for now in edges {
                    let found = streamed(total, start, end, now);
                    // The exact product is below 2^128; the quotient is the largest number
                    // that, times the length, does not exceed it.
                    let passed = now.min(end).saturating_sub(start);
                    let exact = u128::from(total) * u128::from(passed);
                    let length = u128::from(end - start);
                    assert!(u128::from(found) * length <= exact);
                    assert!(exact - u128::from(found) * length < length);
                    assert!(found >= before && found <= total);
                    before = found;
                }
                assert_eq!(streamed(total, start, end, end), total);
            }
        }
    }
}

/// Collecting at each slot comes to the same as collecting at the end.
#[test]
fn a_thousand_small_payments_come_to_the_total() {
    let mut office = Office::new();
    let [ann, ben] = office.parties(["ann", "ben"]);
    let start = office.chain.slot();
    let terms = StreamTerms {
        receiver: ben.wallet,
        total: 777,
        start,
        end: start + 1_000,
    };
    office.chain.run(office.open(&ann, 0, terms)).all_ok();
    let paying = call::collect(&collect(&ann, 0, &ben));
    for _ in 0..1_000 {
        let block = office.chain.run(&paying);
        if !block.call(0).is_ok() {
            block.fails(0, PaymentError::NothingDue);
        }
    }
    assert_eq!(office.balance(&ben), TOKENS + 777);
    office.chain.run(&paying).fails(0, PaymentError::NothingDue);
}

/// What a random party does to one of two payments of a payer.
#[derive(Clone, Copy, Debug)]
enum Action {
    Lock(u64),
    /// By the acting party, of the payer's escrow.
    Release(u64),
    Refund(u64),
    Close,
    Open(u64),
    Collect,
    End,
    /// Tokens for the vault of the escrow, past the program.
    Gift(u64),
    /// A release to the acting party's own purse.
    Divert(u64),
    /// The end of another party's stream, paid to the acting party.
    Rob,
}

fn action() -> impl Strategy<Value = Action> {
    let amount = || 1..400_u64;
    prop_oneof![
        4 => amount().prop_map(Action::Lock),
        4 => amount().prop_map(Action::Release),
        3 => amount().prop_map(Action::Refund),
        2 => Just(Action::Close),
        4 => amount().prop_map(Action::Open),
        4 => Just(Action::Collect),
        2 => Just(Action::End),
        1 => amount().prop_map(Action::Gift),
        1 => amount().prop_map(Action::Divert),
        1 => Just(Action::Rob),
    ]
}

/// Party `index` acts on a payment of `payer` to the next party, with the one after it as arbiter.
fn taken(
    office: &Office,
    parties: &[Party; 3],
    index: usize,
    payer: usize,
    action: Action,
) -> Call {
    let (own, next) = (&parties[index], &parties[(index + 1) % 3]);
    let (receiver, payer) = (&parties[(payer + 1) % 3], &parties[payer]);
    let now = office.chain.slot();
    match action {
        Action::Lock(amount) => {
            let arbiter = &parties[(index + 2) % 3];
            let terms = office.terms(next, arbiter, amount);
            let expires = now + amount % 4;
            office.lock(own, 0, EscrowTerms { expires, ..terms })
        }
        Action::Release(amount) => call::release(&release(payer, 0, own, receiver), amount).into(),
        Action::Refund(amount) => call::refund(&refund(payer, 0, own), amount).into(),
        Action::Close => call::close(&close(own, 0)).into(),
        Action::Open(total) => {
            let terms = StreamTerms {
                receiver: next.wallet,
                total,
                start: now,
                end: now + 1 + total % 7,
            };
            office.open(own, 0, terms)
        }
        Action::Collect => call::collect(&collect(payer, 0, own)).into(),
        Action::End => call::end(&end(own, 0, next)).into(),
        Action::Gift(amount) => {
            let vault = close(payer, 0).vault;
            transfer(own, &vault, amount)
        }
        Action::Divert(amount) => call::release(&release(payer, 0, own, own), amount).into(),
        Action::Rob => {
            let mut addresses = end(payer, 0, receiver);
            (addresses.payer, addresses.purse) = (own.wallet, own.purse);
            call::end(&addresses).into()
        }
    }
}

/// Tokens are conserved and vaults cover what is owed.
fn check_invariants(office: &Office, parties: &[Party; 3]) {
    let mut sum: u64 = parties.iter().map(|party| office.balance(party)).sum();
    for party in parties {
        let (escrow, _) = Lock::escrow_address(&party.wallet, 0);
        let (stream, _) = Open::stream_address(&party.wallet, 0);
        if office.chain.account(&escrow).is_some() {
            let state: Escrow = office.chain.state(&escrow);
            let held = office.chain.balance(&state.vault);
            assert!(held >= state.left.get());
            sum += held;
        }
        if office.chain.account(&stream).is_some() {
            let state: Stream = office.chain.state(&stream);
            let held = office.chain.balance(&state.vault);
            assert_eq!(held, state.total.get() - state.paid.get());
            let (start, end) = (state.start.get(), state.end.get());
            let most = streamed(state.total.get(), start, end, office.chain.slot());
            assert!(state.paid.get() <= most);
            sum += held;
        }
    }
    assert_eq!(sum, 3 * TOKENS, "tokens are conserved");
}

#[test]
fn random_parties_change_no_invariant() {
    let mut office = Office::new();
    let parties = office.parties(["x", "y", "z"]);
    let outcomes = Outcomes::default();
    explore(
        &mut office,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        (
            0..3_u64,
            prop::collection::vec((0..3_usize, 0..3_usize, action()), 1..8),
        ),
        |office, (slots, actions)| {
            office.pass(*slots);
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, payer, action)| taken(office, &parties, *index, *payer, *action))
                .collect();
            let block = office.chain.run_block(calls);
            outcomes.add(&block);
            for ((index, payer, action), call) in actions.iter().zip(block.executed()) {
                let is_theft = match action {
                    // The receiver is the party behind the payer.
                    Action::Divert(_) => (payer + 1) % 3 != *index,
                    Action::Rob => index != payer,
                    Action::Collect => (payer + 1) % 3 != *index,
                    _ => false,
                };
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
        },
        |office| check_invariants(office, &parties),
    );
    outcomes.tell("payments");
}
