//! Offences: what is one, which validator is jailed for it, and what it costs.

use lockstep_sdk::ed25519::Signature;
use lockstep_stake::{
    staking::{self, ReportAddresses, StakingError},
    votes::{Vote, VoteKind},
};
use lockstep_testing::{Block, SOL};

use super::{COOLDOWN, Net};

/// A vote of a validator, signed.
pub(crate) fn vote(net: &Net, place: usize, kind: VoteKind, digest: u8, at: (u64, u64)) -> Vote {
    let mut vote = Vote {
        kind,
        parent: 4,
        digest: [digest; 32],
        signature: Signature([0; 64]),
    };
    let message = vote.message(&net.epochs().network, at.0, at.1);
    vote.signature = Signature(net.chain.sign_message(&net.keys[place], &message));
    vote
}

pub(crate) fn report(net: &mut Net, place: usize, at: (u64, u64), votes: [Vote; 2]) -> Block {
    let validator = net.validator(place);
    let addresses = ReportAddresses { validator };
    net.run(staking::call::report(&addresses, at.0, at.1, votes))
}

/// Two final blocks in one view.
fn offence(net: &Net, place: usize, at: (u64, u64)) -> [Vote; 2] {
    [1, 2].map(|digest| vote(net, place, VoteKind::Finalize, digest, at))
}

#[test]
fn two_blocks_in_a_view_cost_a_part_and_the_membership() {
    let mut net = Net::new();
    net.bind().all_ok();
    let owner = net.chain.wallet("owner");
    let stakes = [0, 1, 2].map(|number| net.deposit(&owner, number, 2 * SOL));
    // The first is active in the epoch of the offence, the second joins in it, the third waits.
    net.delegate(&owner, &stakes[0], 0).all_ok();
    net.next_epoch();
    net.delegate(&owner, &stakes[1], 0).all_ok();
    let votes = offence(&net, 0, (1, 77));
    report(&mut net, 0, (1, 77), votes).all_ok();
    let members = net.members();
    assert_eq!((members.len(), members[0].key), (1, net.keys[1]));
    report(&mut net, 0, (1, 77), votes).fails(0, StakingError::Jailed);
    net.delegate(&owner, &stakes[2], 0)
        .fails(0, StakingError::Jailed);
    net.deactivate(&owner, &stakes[1], 0).all_ok();
    net.next_epoch();
    assert_eq!(net.epochs().active.get(), 3 * SOL);
    assert_eq!(net.state(0).active.get(), 0);
    assert_eq!(net.members().len(), 1);
    net.deactivate(&owner, &stakes[0], 0).all_ok();
    for _ in 0..=COOLDOWN {
        net.next_epoch();
    }
    let before = net.pot();
    let slashed = net.release(&owner, &stakes[0], 0);
    assert_eq!(slashed.all_ok().returned::<u64>(0), 2 * SOL / 10);
    assert_eq!(net.pot() - before, 2 * SOL / 10);
    assert_eq!(net.stake(&stakes[0]).amount.get(), 2 * SOL * 9 / 10);
    let spared = net.release(&owner, &stakes[1], 0);
    assert_eq!(spared.all_ok().returned::<u64>(0), 0);
    net.withdraw(&owner, &stakes[0]).all_ok();
    net.withdraw(&owner, &stakes[1]).all_ok();
}

#[test]
fn every_kind_of_offence_counts_and_nothing_else() {
    use VoteKind::{Finalize, Notarize, Nullify};
    let at = (0, 300);
    for (kinds, digests, is_offence) in [
        ([Notarize, Notarize], [1, 2], true),
        ([Notarize, Notarize], [1, 1], false),
        ([Finalize, Finalize], [1, 2], true),
        ([Finalize, Nullify], [1, 0], true),
        ([Nullify, Finalize], [0, 1], true),
        ([Notarize, Nullify], [1, 0], false),
        ([Notarize, Finalize], [1, 2], false),
        ([Nullify, Nullify], [0, 1], false),
    ] {
        let mut net = Net::new();
        net.bind().all_ok();
        let votes = [0, 1].map(|side| vote(&net, 1, kinds[side], digests[side], at));
        let block = report(&mut net, 1, at, votes);
        if is_offence {
            block.all_ok();
        } else {
            block.fails(0, StakingError::NoOffence);
        }
    }
}

#[test]
fn votes_of_others_networks_or_views_are_no_evidence() {
    let mut net = Net::new();
    let at = (0, 5);
    let votes = offence(&net, 0, at);
    report(&mut net, 0, at, votes).fails(0, StakingError::NotBound);
    net.bind().all_ok();
    net.bind().fails(0, StakingError::CannotBind);
    // Signed before the network was known, in another view, and by the other member.
    for wrong in [votes, offence(&net, 0, (0, 6)), offence(&net, 1, at)] {
        assert!(!report(&mut net, 0, at, wrong).call(0).is_ok());
    }
    let mut half = offence(&net, 0, at);
    half[1] = vote(&net, 1, VoteKind::Finalize, 2, at);
    assert!(!report(&mut net, 0, at, half).call(0).is_ok());
    let later = (1, 5);
    let votes = offence(&net, 0, later);
    report(&mut net, 0, later, votes).fails(0, StakingError::BadEpoch);
    for _ in 0..=COOLDOWN {
        net.next_epoch();
    }
    let votes = offence(&net, 0, at);
    report(&mut net, 0, at, votes).fails(0, StakingError::BadEpoch);
    let votes = offence(&net, 0, later);
    report(&mut net, 0, later, votes).all_ok();
}

#[test]
fn a_network_is_bound_by_the_id_of_its_first_block_alone() {
    let mut net = Net::new();
    net.chain.empty_blocks(160);
    net.bind().fails(0, StakingError::CannotBind);
}
