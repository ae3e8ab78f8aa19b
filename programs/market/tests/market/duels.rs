//! State channels on the real runtime: games that end on the chain, judges that cheat, what duels
//! refuse, and what random parties cannot change.

use lockstep_market::{
    channel::channels::FINAL,
    duel::{OVER, Play, SHARE_PARTS, Turn, Verdict, duels::*},
    nim::{
        nim::{self, NimError, NimProgram},
        outcome,
    },
};
use lockstep_programs::ed25519::Ed25519Error;
use lockstep_sdk::{
    ed25519::Signature,
    interface::{Address, InstructionError, context::Rule},
};
use lockstep_testing::{Call, Chain, SOL, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{Outcomes, sequences};

const WINDOW: u64 = 6;

/// A judge of the kind that no party should agree to: the move says what is wrong with it.
#[expect(unreachable_pub, reason = "a program is public, its test is not")]
#[lockstep_sdk::program(id = "Cheat11111111111111111111111111111111111111")]
mod cheat {
    use super::{PlayTurnAddresses, Turn, Verdict};
    use lockstep_market::duel::duels;
    use lockstep_sdk::prelude::*;

    #[derive(Accounts, Debug)]
    pub struct Judge<'a> {
        pub duel: Unchecked<'a>,
    }

    #[instruction(0)]
    pub fn judge(
        accounts: &Judge<'_>,
        context: &mut Context<'_, '_>,
        turn: Turn,
    ) -> Result<Verdict> {
        let duel = *accounts.duel.address();
        match turn.play[0] {
            // Calls back, to play once more.
            1 => {
                let addresses = PlayTurnAddresses {
                    party: duel,
                    duel,
                    judge: ID,
                };
                context.invoke(&duels::call::play(&addresses, turn.play))?;
            }
            2 => return Err(InstructionError::InvalidArgument),
            _ => (),
        }
        Ok(Verdict {
            position: turn.position,
            next: turn.play[1],
            share: u16::from_le_bytes([turn.play[2], turn.play[3]]),
        })
    }
}

/// A chain, the parties of one duel, and the duel.
struct Arena {
    chain: Chain,
    ann: Address,
    ben: Address,
    duel: Address,
    opened: u64,
    judge: Address,
}

impl Arena {
    fn new(judge: Address) -> Self {
        let chain = Chain::builder().program(DuelsProgram).program(NimProgram);
        let mut chain = chain.program(cheat::CheatProgram).build();
        let [ann, ben] = ["ann", "ben"].map(|name| chain.wallet(name));
        let opened = chain.slot();
        chain.run(challenge(ann, 0, ben, judge)).access_is_minimal();
        Self {
            chain,
            ann,
            ben,
            duel: Challenge::duel_address(&ann, 0).0,
            opened,
            judge,
        }
    }

    fn joined(judge: Address) -> Self {
        let mut arena = Self::new(judge);
        arena
            .chain
            .run(join(arena.ben, arena.duel))
            .access_is_minimal();
        arena
    }

    fn signed(&self, signer: &Address, agreement: &Agreement) -> Signature {
        let message = agreement.message(&self.duel, self.opened);
        Signature(self.chain.sign_message(signer, &message))
    }

    /// One party submits what the other one has signed.
    fn dispute(&self, party: Address, agreement: Agreement) -> Call {
        let other = if party == self.ann {
            self.ben
        } else {
            self.ann
        };
        let signature = self.signed(&other, &agreement);
        submit(party, self.duel, agreement, signature)
    }

    fn play(&self, party: Address, play: Play) -> Call {
        let addresses = PlayTurnAddresses {
            party,
            duel: self.duel,
            judge: self.judge,
        };
        call::play(&addresses, play).into()
    }

    fn finish(&self) -> FinishAddresses {
        FinishAddresses {
            duel: self.duel,
            first: self.ann,
            second: self.ben,
        }
    }

    fn close(&self, party: Address, agreement: Agreement, signature: Signature) -> Call {
        let ending = self.finish();
        call::close(&CloseAddresses { party, ending }, agreement, signature).into()
    }

    fn state(&self) -> Duel {
        self.chain.state(&self.duel)
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

fn challenge(first: Address, number: u64, second: Address, judge: Address) -> Call {
    let rules = Rules {
        judge,
        window: WINDOW,
        stake: SOL,
        position: nim::heaps(&[3, 4]),
    };
    call::challenge(&ChallengeAddresses { first }, number, second, rules).into()
}

fn join(second: Address, duel: Address) -> Call {
    call::join(&JoinAddresses { second, duel }).into()
}

fn cancel(first: Address, duel: Address) -> Call {
    call::cancel(&CancelAddresses { first, duel }).into()
}

fn begin(party: Address, duel: Address) -> Call {
    call::begin(&BeginAddresses { party, duel }).into()
}

fn submit(party: Address, duel: Address, agreement: Agreement, signature: Signature) -> Call {
    call::dispute(&DisputeAddresses { party, duel }, agreement, signature).into()
}

/// Where a game with these heaps stands.
fn agreed(version: u64, heaps: &[u8], next: u8, share: u16) -> Agreement {
    let position = nim::heaps(heaps);
    Agreement {
        version,
        verdict: Verdict {
            position,
            next,
            share,
        },
    }
}

#[test]
fn a_dispute_is_played_out() {
    let mut arena = Arena::joined(nim::ID);
    let (ann, ben) = (arena.ann, arena.ben);
    let before = [ann, ben].map(|wallet| arena.chain.lamports(&wallet));
    let rent = arena.chain.lamports(&arena.duel) - 2 * SOL;
    // Six turns off the chain; Ann shows an old one, Ben the newest.
    let old = arena.dispute(ann, agreed(2, &[1, 4], 0, 0));
    arena.chain.run(old.clone()).access_is_minimal();
    let newest = arena.dispute(ben, agreed(6, &[1, 2], 0, 0));
    arena.chain.run(newest.clone()).access_is_minimal();
    for replay in [old, newest] {
        arena.chain.run(replay).fails(0, DuelError::Stale);
    }
    // Ann has to move from there: with stones that there are, in turn.
    let block = arena.chain.run(arena.play(ben, nim::take(1, 1)));
    block.fails(0, DuelError::NotYourTurn);
    let block = arena.chain.run(arena.play(ann, nim::take(1, 3)));
    block.fails(0, NimError::NotAllowed);
    arena
        .chain
        .run(arena.play(ann, nim::take(1, 1)))
        .access_is_minimal();
    arena.chain.run(arena.play(ben, nim::take(0, 1))).all_ok();
    let block = arena.chain.run(arena.play(ann, nim::take(1, 1)));
    let moved = &block.all_ok().events::<Moved>()[0];
    assert_eq!((moved.version, moved.next), (6, OVER));
    let block = arena.chain.run(arena.play(ben, nim::take(1, 1)));
    block.fails(0, DuelError::NotYourTurn);
    let finish = call::finish(&arena.finish());
    arena.chain.run(&finish).fails(0, DuelError::TimeLeft);
    arena.pass(WINDOW);
    let block = arena.chain.run(&finish);
    let settled = &block.access_is_minimal().events::<Settled>()[0];
    assert_eq!((settled.first, settled.second), (2 * SOL, 0));
    let after = [ann, ben].map(|wallet| arena.chain.lamports(&wallet));
    assert_eq!(after, [before[0] + 2 * SOL + rent, before[1]]);
}

/// A party that has signed a move off the chain cannot move otherwise from the position before.
#[test]
fn a_turn_is_not_taken_back() {
    let mut arena = Arena::joined(nim::ID);
    let (ann, ben) = (arena.ann, arena.ben);
    // Both have signed that Ann has taken two of the second heap. Ann shows the position before
    // that, takes three instead, and does so in one transaction.
    let [before, after] = [agreed(4, &[0, 4], 0, 0), agreed(5, &[0, 2], 1, 0)];
    let back = [arena.dispute(ann, before), arena.play(ann, nim::take(1, 3))];
    let back = back.map(|call| call.instructions[0].clone());
    arena.chain.run(Call::new(back.clone())).all_ok();
    assert_eq!(arena.state().position, nim::heaps(&[0, 1]));
    arena.chain.run(arena.dispute(ben, after)).all_ok();
    let state = arena.state();
    assert_eq!((state.position, state.next), (nim::heaps(&[0, 2]), 1));
    let block = arena.chain.run(Call::new(back));
    block.fails(0, DuelError::Stale);
    let block = arena.chain.run(arena.play(ben, nim::take(1, 2)));
    assert_eq!(block.all_ok().events::<Moved>()[0].next, OVER);
}

#[test]
fn silence_loses() {
    let mut arena = Arena::joined(nim::ID);
    let (ann, ben) = (arena.ann, arena.ben);
    let before = arena.chain.lamports(&ben);
    let finish = call::finish(&arena.finish());
    arena.chain.run(&finish).fails(0, DuelError::NotDisputed);
    let block = arena.chain.run(arena.play(ann, nim::take(0, 1)));
    block.fails(0, DuelError::NotDisputed);
    arena.chain.run(begin(ben, arena.duel)).access_is_minimal();
    arena
        .chain
        .run(begin(ben, arena.duel))
        .fails(0, DuelError::Disputed);
    let deadline = arena.state().deadline.get();
    arena.chain.warp_to_slot(deadline);
    arena.chain.run(&finish).fails(0, DuelError::TimeLeft);
    // One slot late, with the turn and with a message.
    let block = arena.chain.run(arena.play(ann, nim::take(0, 1)));
    block.fails(0, DuelError::TimeOver);
    let late = arena.dispute(ann, agreed(9, &[0], 1, 0));
    arena.chain.run(late).fails(0, DuelError::TimeOver);
    arena.chain.run(&finish).all_ok();
    assert_eq!(arena.chain.lamports(&ben), before + 2 * SOL);
}

#[test]
fn both_parties_close_at_once() {
    let mut arena = Arena::joined(nim::ID);
    let (ann, ben) = (arena.ann, arena.ben);
    let before = arena.chain.lamports(&ben);
    let last = agreed(FINAL, &[0], OVER, 2_500);
    let signature = arena.signed(&ann, &last);
    for wrong in [agreed(5, &[0], OVER, 2_500), agreed(FINAL, &[0], 1, 2_500)] {
        let call = arena.close(ben, wrong, arena.signed(&ann, &wrong));
        arena.chain.run(call).fails(0, DuelError::NotFinal);
    }
    let block = arena.chain.run(arena.close(ann, last, signature));
    block.fails(0, Ed25519Error::InvalidSignature);
    arena
        .chain
        .run(arena.close(ben, last, signature))
        .access_is_minimal();
    assert_eq!(arena.chain.lamports(&ben), before + 3 * SOL / 2);
    // What stands there later takes no message of before.
    arena.chain.run(challenge(ann, 0, ben, nim::ID)).all_ok();
    arena.chain.run(join(ben, arena.duel)).all_ok();
    let block = arena.chain.run(arena.close(ben, last, signature));
    block.fails(0, Ed25519Error::InvalidSignature);
}

#[test]
fn a_challenge_is_taken_back_until_it_is_joined() {
    let mut arena = Arena::new(nim::ID);
    let (ann, ben, duel) = (arena.ann, arena.ben, arena.duel);
    let block = arena.chain.run(challenge(ann, 0, ben, nim::ID));
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("duel");
    arena
        .chain
        .run(begin(ann, duel))
        .fails(0, DuelError::NotJoined);
    let block = arena.chain.run(arena.dispute(ann, agreed(1, &[1], 1, 0)));
    block.fails(0, DuelError::NotJoined);
    let last = agreed(FINAL, &[0], OVER, SHARE_PARTS);
    let block = arena
        .chain
        .run(arena.close(ann, last, arena.signed(&ben, &last)));
    block.fails(0, DuelError::NotJoined);
    let before = arena.chain.lamports(&ann);
    let held = arena.chain.lamports(&duel);
    arena.chain.run(cancel(ann, duel)).access_is_minimal();
    assert_eq!(arena.chain.lamports(&ann), before + held);
    let both = [challenge(ann, 0, ben, nim::ID), cancel(ann, duel)];
    let both = both.map(|call| call.instructions[0].clone());
    let block = arena.chain.run(Call::new(both));
    block.fails(0, DuelError::TooEarly);
    arena.chain.run(challenge(ann, 0, ben, nim::ID)).all_ok();
    arena.chain.run(join(ben, duel)).all_ok();
    arena
        .chain
        .run(join(ben, duel))
        .fails(0, DuelError::AlreadyJoined);
    arena
        .chain
        .run(cancel(ann, duel))
        .fails(0, DuelError::AlreadyJoined);
    arena
        .chain
        .run(challenge(ann, 1, ann, nim::ID))
        .fails(0, DuelError::OneParty);
    let rules = Rules {
        judge: nim::ID,
        window: 0,
        stake: SOL,
        position: [0; 64],
    };
    for rules in [
        rules,
        Rules {
            window: 9,
            stake: 1 << 63,
            ..rules
        },
    ] {
        let call = call::challenge(&ChallengeAddresses { first: ann }, 1, ben, rules);
        arena.chain.run(call).fails(0, DuelError::BadRules);
    }
}

#[test]
fn thieves_get_nothing() {
    let mut arena = Arena::joined(nim::ID);
    let (ann, ben, duel) = (arena.ann, arena.ben, arena.duel);
    let thief = arena.chain.wallet("thief");
    let good = agreed(4, &[1, 1], 0, 0);
    for signer in [ben, thief] {
        let call = submit(ben, duel, good, arena.signed(&signer, &good));
        arena
            .chain
            .run(call)
            .fails(0, Ed25519Error::InvalidSignature);
    }
    let signature = arena.signed(&ann, &good);
    let changed = submit(ben, duel, agreed(4, &[1, 0], 0, 0), signature);
    arena
        .chain
        .run(changed)
        .fails(0, Ed25519Error::InvalidSignature);
    for (version, next, share) in [(4, 3, 0), (4, 0, SHARE_PARTS + 1)] {
        let call = arena.dispute(ben, agreed(version, &[1], next, share));
        arena.chain.run(call).fails(0, DuelError::BadVerdict);
    }
    let calls = [submit(thief, duel, good, signature), begin(thief, duel)];
    for call in calls {
        arena.chain.run(call).fails(0, DuelError::NotAParty);
    }
    let block = arena.chain.run(join(thief, duel));
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("duel")
        .rule(Rule::HasOne);
    arena.chain.run(begin(ann, duel)).all_ok();
    let block = arena.chain.run(arena.play(thief, nim::take(0, 1)));
    block.fails(0, DuelError::NotAParty);
    // Another judge than the one that was agreed to.
    let judge = std::mem::replace(&mut arena.judge, cheat::ID);
    let block = arena.chain.run(arena.play(ann, [0; 16]));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("judge")
        .rule(Rule::Address);
    arena.judge = judge;
    let mut unsigned = arena.play(ann, nim::take(0, 1));
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = arena.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("party");
    let mut finish = arena.finish();
    finish.second = thief;
    let block = arena.chain.run(call::finish(&finish));
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("duel");
}

/// A judge that cheats gets neither into the program again nor past what a verdict can be.
#[test]
fn judges_have_no_rights() {
    let mut arena = Arena::joined(cheat::ID);
    let (ann, ben) = (arena.ann, arena.ben);
    arena.chain.run(begin(ann, arena.duel)).all_ok();
    let [mut re_entry, mut fails, mut side, mut share] = [[0; 16]; 4];
    re_entry[0] = 1;
    fails[0] = 2;
    side[1] = OVER + 1;
    share[3] = 255;
    let block = arena.chain.run(arena.play(ann, re_entry));
    assert!(
        !block.call(0).is_ok(),
        "a judge calls nothing that its turn does not name"
    );
    let block = arena.chain.run(arena.play(ann, fails));
    block.fails(0, InstructionError::InvalidArgument);
    for play in [side, share] {
        let block = arena.chain.run(arena.play(ann, play));
        block.fails(0, DuelError::BadVerdict);
    }
    // The program itself as the judge, and a wallet.
    for (number, judge) in [(1, ID), (2, ben)] {
        arena.chain.run(challenge(ann, number, ben, judge)).all_ok();
        arena.duel = Challenge::duel_address(&ann, number).0;
        arena.judge = judge;
        let calls = [join(ben, arena.duel), begin(ann, arena.duel)];
        arena.chain.run_block(calls).all_ok();
        let block = arena.chain.run(arena.play(ann, [0; 16]));
        assert!(!block.call(0).is_ok(), "{judge} judges nothing");
    }
}

#[test]
fn duels_are_one_batch() {
    let mut arena = Arena::joined(nim::ID);
    let ben = arena.ben;
    let players: Vec<Address> = (0..30)
        .map(|number| arena.chain.wallet(&format!("{number}")))
        .collect();
    let duels: Vec<Address> = players
        .iter()
        .map(|player| Challenge::duel_address(player, 0).0)
        .collect();
    let rivals: Vec<Address> = (0..30)
        .map(|number| arena.chain.wallet(&format!("rival {number}")))
        .collect();
    let pairs = || players.iter().zip(&rivals).zip(&duels);
    let rounds: [Vec<Call>; 3] = [
        pairs()
            .map(|((player, rival), _)| challenge(*player, 0, *rival, nim::ID))
            .collect(),
        pairs()
            .map(|((_, rival), duel)| join(*rival, *duel))
            .collect(),
        pairs()
            .map(|((player, _), duel)| begin(*player, *duel))
            .collect(),
    ];
    for calls in rounds {
        let block = arena.chain.run_block(calls);
        block.access_is_minimal();
        assert_eq!(block.batches().len(), 1);
    }
    let plays: Vec<Call> = pairs()
        .map(|((player, _), duel)| {
            arena.duel = *duel;
            arena.play(*player, nim::take(1, 2))
        })
        .collect();
    arena.chain.parallel_equals_serial(plays.clone());
    let block = arena.chain.run_block(plays);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1, "a judge has no state");
    assert!(arena.chain.lamports(&ben) > SOL);
}

/// What a random party does to the one duel.
#[derive(Clone, Copy, Debug)]
enum Action {
    Challenge,
    Join,
    Cancel,
    Begin,
    /// With a message of this version.
    Dispute(u64),
    /// With a message that only the acting party has signed.
    Forge(u64),
    Play(u8, u8),
    Close(u16),
    Finish,
    /// With the acting party in the place of both.
    Divert,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Challenge),
        5 => Just(Action::Join),
        1 => Just(Action::Cancel),
        4 => Just(Action::Begin),
        3 => (1..8_u64).prop_map(Action::Dispute),
        1 => (1..99_u64).prop_map(Action::Forge),
        8 => (0..2_u8, 0..4_u8).prop_map(|(heap, stones)| Action::Play(heap, stones)),
        1 => (0..10_001_u16).prop_map(Action::Close),
        4 => Just(Action::Finish),
        1 => Just(Action::Divert),
    ]
}

impl Scene for Arena {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

/// A call of party 0 or 1 of the duel, or of a stranger.
fn taken(arena: &Arena, parties: &[Address; 3], index: usize, action: Action) -> Call {
    let (own, duel) = (parties[index], arena.duel);
    let other = if own == arena.ann {
        arena.ben
    } else {
        arena.ann
    };
    match action {
        Action::Challenge => challenge(arena.ann, 0, arena.ben, nim::ID),
        Action::Join => join(own, duel),
        Action::Cancel => cancel(own, duel),
        Action::Begin => begin(own, duel),
        Action::Dispute(version) => {
            let agreement = agreed(version, &[3, 3], 0, 0);
            submit(own, duel, agreement, arena.signed(&other, &agreement))
        }
        Action::Forge(version) => {
            let agreement = agreed(version, &[0], OVER, SHARE_PARTS);
            submit(own, duel, agreement, arena.signed(&own, &agreement))
        }
        Action::Play(heap, stones) => arena.play(own, nim::take(heap, stones)),
        Action::Close(share) => {
            let last = agreed(FINAL, &[0], OVER, share);
            arena.close(own, last, arena.signed(&other, &last))
        }
        Action::Finish => call::finish(&arena.finish()).into(),
        Action::Divert => {
            let (first, second) = (own, own);
            let finish = FinishAddresses {
                duel,
                first,
                second,
            };
            call::finish(&finish).into()
        }
    }
}

#[test]
fn random_parties_change_no_invariant() {
    let mut arena = Arena::new(nim::ID);
    let thief = arena.chain.wallet("thief");
    let parties = [arena.ann, arena.ben, thief];
    let accounts = [arena.ann, arena.ben, thief, arena.duel];
    let sum = |arena: &Arena| -> u64 {
        let held = accounts.iter().map(|account| arena.chain.lamports(account));
        held.sum()
    };
    let lamports = sum(&arena);
    let outcomes = Outcomes::default();
    explore(
        &mut arena,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        (
            0..3_u64,
            prop::collection::vec((0..3_usize, action()), 1..8),
        ),
        |arena, (slots, actions)| {
            arena.pass(*slots);
            let exists = |arena: &Arena| arena.chain.account(&arena.duel).is_some();
            let before = exists(arena).then(|| arena.state());
            arena.opened = before.map_or(0, |state| state.opened.get());
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(arena, &parties, *index, *action))
                .collect();
            let block = arena.chain.run_block(calls);
            outcomes.add(&block);
            for ((index, action), call) in actions.iter().zip(block.executed()) {
                let is_attack = match action {
                    Action::Forge(_) | Action::Divert => true,
                    Action::Challenge | Action::Finish => false,
                    _ => *index == 2,
                };
                assert!(!(is_attack && call.is_ok()), "{action:?} succeeded");
            }
            for settled in block.events::<Settled>() {
                assert_eq!(settled.first + settled.second, 2 * SOL);
            }
            if let (Some(before), true) = (before, exists(arena)) {
                let after = arena.state();
                let is_same = before.opened.get() == after.opened.get();
                assert!(!is_same || after.version.get() >= before.version.get());
            }
        },
        |arena| {
            assert_eq!(sum(arena), lamports, "lamports are conserved");
            let held = arena.chain.lamports(&arena.duel);
            if held > 0 {
                let stakes = if arena.state().is_joined.get() { 2 } else { 1 };
                assert!(held > stakes * SOL);
            }
        },
    );
    outcomes.tell("duels");
}

#[test]
fn nim_is_judged() {
    let turn = |heaps: &[u8], side: u8, play: Play| Turn {
        position: nim::heaps(heaps),
        side,
        play,
    };
    let verdict = outcome(&turn(&[2, 1], 0, nim::take(0, 2))).expect("there are two");
    assert_eq!((verdict.position, verdict.next), (nim::heaps(&[0, 1]), 1));
    let verdict = outcome(&turn(&[0, 1], 1, nim::take(1, 1))).expect("there is one");
    assert_eq!((verdict.next, verdict.share), (OVER, 0));
    for play in [
        nim::take(0, 0),
        nim::take(0, 3),
        nim::take(64, 1),
        nim::take(255, 0),
    ] {
        assert!(outcome(&turn(&[2, 1], 0, play)).is_none());
    }
}
