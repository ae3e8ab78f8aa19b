//! The way of claims, demands and exits, with a judge that says yes to what ends with its word.
#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use lockstep_interface::{Address, InstructionError, InvokeContext, Program};
use lockstep_sdk::{interface::Account, state::to_account};
use lockstep_settlement::{
    CLAIM_SIZE, ClaimBytes,
    gateway::{Credited, Exited},
    settlement::{call, *},
};
use lockstep_store::encode_account;
use lockstep_testing::{Chain, SOL};

const BOND: u64 = 10 * SOL;
const WINDOW: u64 = 20;
const PATIENCE: u64 = 30;
const JUDGE: Address = Address::new_from_array([9; 32]);
const YES: u8 = 77;

/// Says yes to what ends with its word. Of a refutation that has a claim before the word, it names
/// that one.
#[derive(Debug)]
struct Yes;

impl Program for Yes {
    fn address(&self) -> Address {
        JUDGE
    }

    fn name(&self) -> &'static str {
        "yes"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let data = context.data();
        let Some(rest) = data.strip_suffix(&[YES]) else {
            return Err(InstructionError::Custom(1));
        };
        let size = 1 + u32::try_from(CLAIM_SIZE).unwrap();
        let named = rest.last_chunk::<{ 4 + CLAIM_SIZE }>();
        let named = named.filter(|bytes| data[0] == 0 && bytes[..4] == size.to_le_bytes());
        context.set_return_data(named.map_or(&[], |bytes| &bytes[4..]))
    }
}

struct Scene {
    chain: Chain,
    sequencer: Address,
    user: Address,
    settlement: Address,
    slot: u64,
}

/// A claim of a slot.
fn claim(slot: u64) -> ClaimBytes {
    let mut claim = [0; CLAIM_SIZE];
    claim[..8].copy_from_slice(&slot.to_le_bytes());
    claim[32..40].copy_from_slice(&slot.to_le_bytes());
    claim[52] = slot.to_le_bytes()[0];
    claim[148] = 6;
    claim
}

impl Scene {
    fn new() -> Self {
        let mut chain = Chain::builder()
            .program(SettlementProgram)
            .program(Yes)
            .build();
        let [sequencer, user] = ["sequencer", "user"].map(|name| chain.wallet(name));
        let rules = Rules {
            judge: JUDGE,
            bond: BOND,
            window: WINDOW,
            patience: PATIENCE,
        };
        let open = OpenAddresses { sequencer };
        chain.run(call::open(&open, 0, rules, claim(0))).all_ok();
        let settlement = Open::settlement_address(&sequencer, 0).0;
        Self {
            chain,
            sequencer,
            user,
            settlement,
            slot: 0,
        }
    }

    fn state(&self) -> Settlement {
        self.chain.state(&self.settlement)
    }

    fn batch(&self, number: u64) -> Address {
        Post::batch_address(&self.settlement, number).0
    }

    fn post_of(
        &mut self,
        claim: ClaimBytes,
        evidence: Option<Evidence>,
    ) -> lockstep_testing::Block {
        let post = PostAddresses {
            sequencer: self.sequencer,
            settlement: self.settlement,
            judge: JUDGE,
        };
        let Settlement { next, included, .. } = self.state();
        self.chain
            .run(call::post(&post, next, included, claim, evidence))
    }

    fn post(&mut self, evidence: Option<Evidence>) -> lockstep_testing::Block {
        self.slot += 1;
        self.post_of(claim(self.slot), evidence)
    }

    fn refute(
        &mut self,
        number: u64,
        earlier: u64,
        refutation: Vec<u8>,
    ) -> lockstep_testing::Block {
        let refute = RefuteAddresses {
            challenger: self.user,
            settlement: self.settlement,
            batch: self.batch(number),
            judge: JUDGE,
            earlier: self.batch(earlier),
        };
        self.chain.run(call::refute(&refute, refutation))
    }

    fn finalize(&mut self, number: u64) -> lockstep_testing::Block {
        let finalize = FinalizeAddresses {
            settlement: self.settlement,
            batch: self.batch(number),
            sequencer: self.sequencer,
        };
        self.chain.run(call::finalize(&finalize))
    }

    fn close(&mut self, number: u64) -> lockstep_testing::Block {
        let close = CloseAddresses {
            settlement: self.settlement,
            batch: self.batch(number),
            sequencer: self.sequencer,
        };
        self.chain.run(call::close(&close))
    }

    fn deposit(&mut self, lamports: u64) {
        let ask = AskAddresses {
            payer: self.user,
            settlement: self.settlement,
        };
        let number = self.state().demanded;
        self.chain
            .run(call::deposit(&ask, number, self.user, lamports))
            .all_ok();
    }

    /// What shows that the user's deposit was credited.
    fn credit(&self, lamports: u64) -> Evidence {
        let state = Credited {
            receiver: self.user,
            lamports: lamports.into(),
        };
        Evidence::Account {
            account: encode_account(&to_account(&state, 255).unwrap()),
            proof: vec![YES],
        }
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

#[test]
fn a_claim_falls_with_all_behind_it() {
    let mut scene = Scene::new();
    for _ in 0..4 {
        scene.post(None).all_ok();
    }
    scene
        .refute(1, 1, vec![1, 2])
        .fails(0, InstructionError::Custom(1));
    let [before, held] = [scene.user, scene.settlement].map(|wallet| scene.chain.lamports(&wallet));
    let fallen = scene.refute(1, 1, vec![YES]);
    let events: Vec<Fell> = fallen.all_ok().events();
    assert_eq!((events[0].number, events[0].with), (1, 2));
    let state = scene.state();
    assert_eq!((state.newest, state.pending), (claim(1), vec![0]));
    assert_eq!(
        state.hashes,
        [claim(0), claim(1)].map(|claim| *claim.first_chunk().unwrap())
    );
    // Half of the bond and the batch's rent, less the fee.
    assert!(scene.chain.lamports(&scene.user) > before + BOND / 2);
    assert_eq!(scene.chain.lamports(&scene.settlement), held + BOND / 2);
    // What fell with it cannot be refuted or made final, and goes.
    scene
        .refute(2, 2, vec![YES])
        .fails(0, SettlementError::NotPending);
    scene.close(0).fails(0, SettlementError::Needed);
    for number in [2, 3] {
        scene.close(number).all_ok();
    }
    // Another claim in its place.
    scene.slot = 1;
    scene.post(None).all_ok();
    assert_eq!(scene.state().pending, [0, 4]);
}

#[test]
fn a_claim_is_final_once_its_window_is_over() {
    let mut scene = Scene::new();
    scene.post(None).all_ok();
    scene.post(None).all_ok();
    scene.finalize(0).fails(0, SettlementError::TimeLeft);
    scene.pass(WINDOW + 1);
    scene.finalize(1).fails(0, SettlementError::NotPending);
    scene
        .refute(0, 0, vec![YES])
        .fails(0, SettlementError::Final);
    let before = scene.chain.lamports(&scene.sequencer);
    scene.finalize(0).all_ok();
    assert_eq!(scene.chain.lamports(&scene.sequencer), before + BOND);
    assert_eq!(scene.state().final_root[0], 1);
    scene.finalize(0).fails(0, SettlementError::NotPending);
    // It may be what a replay is of.
    scene.close(0).fails(0, SettlementError::Needed);
}

#[test]
fn claims_that_cannot_follow_are_not_posted() {
    let mut scene = Scene::new();
    scene
        .post_of(claim(0), None)
        .fails(0, SettlementError::BadClaim);
    let mut deep = claim(1);
    deep[148] = 17;
    scene
        .post_of(deep, None)
        .fails(0, SettlementError::BadClaim);
    // A blockhash that is there already.
    let mut again = claim(1);
    again[..32].copy_from_slice(&claim(0)[..32]);
    scene
        .post_of(again, None)
        .fails(0, SettlementError::BadClaim);
    scene.post(None).all_ok();
}

#[test]
fn a_replay_is_of_a_claim_that_stands_before() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        scene.post(None).all_ok();
    }
    let named = |slot| [&claim(slot)[..], &[YES]].concat();
    // Not that of the batch that is given, and not one that comes before.
    scene
        .refute(1, 0, named(3))
        .fails(0, SettlementError::UnknownClaim);
    scene
        .refute(1, 2, named(3))
        .fails(0, SettlementError::UnknownClaim);
    scene
        .refute(1, 1, named(2))
        .fails(0, SettlementError::UnknownClaim);
    scene.refute(1, 0, named(1)).all_ok();
}

#[test]
fn what_waits_for_too_long_is_included_or_nothing_is_posted() {
    let mut scene = Scene::new();
    scene.deposit(5 * SOL);
    scene.deposit(6 * SOL);
    scene.post(None).all_ok();
    scene.pass(PATIENCE + 1);
    scene.post(None).fails(0, SettlementError::Censored);
    scene.slot -= 1;
    // Another amount, another kind of evidence, another judgement.
    let other = scene.credit(4 * SOL);
    scene
        .post(Some(other))
        .fails(0, SettlementError::BadEvidence);
    let step = Evidence::Step {
        position: 1,
        step: Vec::new(),
        siblings: vec![[YES; 32]],
    };
    scene
        .post(Some(step))
        .fails(0, SettlementError::BadEvidence);
    let mut wrong = scene.credit(5 * SOL);
    if let Evidence::Account { proof, .. } = &mut wrong {
        proof.push(0);
    }
    scene
        .post(Some(wrong))
        .fails(0, InstructionError::Custom(1));
    let right = scene.credit(5 * SOL);
    scene.post(Some(right)).all_ok();
    assert_eq!(scene.state().included, 1);
    // The next one waits, too.
    scene.post(None).fails(0, SettlementError::Censored);
    let include = IncludeAddresses {
        settlement: scene.settlement,
        demand: Ask::demand_address(&scene.settlement, 1).0,
        judge: JUDGE,
    };
    let evidence = scene.credit(6 * SOL);
    scene.chain.run(call::include(&include, evidence)).all_ok();
    scene.post(None).all_ok();
    // Where the claim falls, both wait again.
    scene.refute(1, 1, vec![YES]).all_ok();
    assert_eq!(scene.state().included, 0);
    scene.post(None).fails(0, SettlementError::Censored);
}

#[test]
fn a_transaction_can_be_forced() {
    let mut scene = Scene::new();
    let ask = AskAddresses {
        payer: scene.user,
        settlement: scene.settlement,
    };
    scene
        .chain
        .run(call::force(&ask, 1, [3; 32]))
        .fails(0, SettlementError::NotFirst);
    scene.chain.run(call::force(&ask, 0, [3; 32])).all_ok();
    scene.pass(PATIENCE + 1);
    scene.post(None).fails(0, SettlementError::Censored);
    let step = Evidence::Step {
        position: 1,
        step: vec![1],
        siblings: vec![[YES; 32]],
    };
    scene.post(Some(step)).all_ok();
}

#[test]
fn an_exit_is_paid_once_and_to_its_receiver() {
    let mut scene = Scene::new();
    scene.deposit(9 * SOL);
    let [receiver, thief] = ["receiver", "thief"].map(|name| scene.chain.wallet(name));
    let (exit, other) = (
        Address::new_from_array([5; 32]),
        Address::new_from_array([6; 32]),
    );
    let state = Exited {
        receiver,
        lamports: (4 * SOL).into(),
    };
    let account = to_account(&state, 255).unwrap();
    let pay = |receiver, account: &Account, exit, proof: u8| {
        let pay = PayExitAddresses {
            payer: scene.user,
            settlement: scene.settlement,
            receiver,
            judge: JUDGE,
        };
        call::exit(&pay, exit, encode_account(account), vec![proof])
    };
    let foreign = Account {
        owner: JUDGE,
        ..account.clone()
    };
    let credit = Credited {
        receiver,
        lamports: SOL.into(),
    };
    let credit = to_account(&credit, 255).unwrap();
    let calls = [
        pay(thief, &account, exit, YES),
        pay(receiver, &foreign, exit, YES),
        pay(receiver, &credit, exit, YES),
        pay(receiver, &account, exit, 0),
        pay(receiver, &account, exit, YES),
        pay(receiver, &account, exit, YES),
        pay(receiver, &account, other, YES),
    ];
    let [thief, foreign, credit, unproved, right, again, more] = calls;
    for wrong in [thief, foreign, credit] {
        scene
            .chain
            .run(wrong)
            .fails(0, SettlementError::BadEvidence);
    }
    scene
        .chain
        .run(unproved)
        .fails(0, InstructionError::Custom(1));
    let before = scene.chain.lamports(&receiver);
    scene.chain.run(right).all_ok();
    assert!(!scene.chain.run(again).call(0).is_ok());
    assert_eq!(scene.chain.lamports(&receiver), before + 4 * SOL);
    scene.chain.run(more).all_ok();
}
