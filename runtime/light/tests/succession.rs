//! Members that change: each set proved by the one before, and nothing by any other.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

mod common;

use common::{Signed, followed, handover, keys, public};
use lockstep_light::{LightError, MEMBERS, Succession, account_at, signature_count, split, verify};

#[test]
fn a_network_is_followed_from_set_to_set() {
    let sets = [keys(0..4), keys(2..7), keys(6..8), keys(6..13)];
    let mut followed = followed(&sets[0]);
    for (epoch, pair) in (0..).zip(sets.windows(2)) {
        let proof = handover(&pair[0], &pair[1], epoch).proof();
        followed.advance(&proof).unwrap();
        let members: Vec<_> = pair[1].iter().map(public).collect();
        assert_eq!(followed.network().members, members);
        assert_eq!(followed.epoch(), epoch + 1);
        // Other accounts are proved by the members of now, and by no others.
        let mut other = handover(&pair[1], &[], epoch + 1);
        other.address = [1; 32];
        assert_eq!(
            followed.verify(&[1; 32], &other.proof()).unwrap().slot,
            other.slot
        );
        let mut former = handover(&pair[0], &[], epoch + 1);
        former.address = [1; 32];
        assert!(followed.verify(&[1; 32], &former.proof()).is_err());
        // That they are others is told by the epoch, before a signature is looked at.
        former.epoch = epoch;
        let (expected, found) = (epoch + 1, epoch);
        assert_eq!(
            followed.verify(&[1; 32], &former.proof()),
            Err(LightError::Epoch { expected, found })
        );
    }
}

#[test]
fn nothing_but_the_list_at_the_end_of_the_epoch_is_taken() {
    let (now, next) = (keys(0..4), keys(4..8));
    let start = followed(&now);
    let refused = |signed: &Signed<'_>| {
        let mut followed = start.clone();
        let error = followed.advance(&signed.proof()).unwrap_err();
        assert_eq!(followed, start);
        error
    };
    let mut early = handover(&now, &next, 0);
    early.slot -= 1;
    let expected = LightError::Slot {
        expected: 9,
        found: 8,
    };
    assert_eq!(refused(&early), expected);
    let other = handover(&now, &next, 1);
    let expected = LightError::Epoch {
        expected: 0,
        found: 1,
    };
    assert_eq!(refused(&other), expected);
    let mut elsewhere = handover(&now, &next, 0);
    elsewhere.address = [1; 32];
    assert_eq!(refused(&elsewhere), LightError::State);
    assert!(matches!(
        refused(&handover(&next, &next, 0)),
        LightError::Signature(0)
    ));
    // Every bit counts here, too.
    let proof = handover(&now, &next, 0).proof();
    for place in (0..proof.len()).step_by(5) {
        let mut wrong = proof.clone();
        wrong[place] ^= 1 << (place % 8);
        assert!(start.clone().advance(&wrong).is_err(), "byte {place}");
    }
    let network = start.network();
    assert!(verify(network, &MEMBERS, &proof).is_ok());
}

#[test]
fn a_list_of_no_use_leaves_the_members() {
    let (now, next) = (keys(0..4), keys(4..8));
    let swapped = [next[1], next[0]];
    let mut foreign = handover(&now, &next, 0);
    foreign.owner = [1; 32];
    let mut cut = handover(&now, &next, 0);
    cut.data.truncate(100);
    let mut tagged = handover(&now, &next, 0);
    tagged.data[0] = 4;
    for signed in [
        handover(&now, &[], 0),
        handover(&now, &swapped, 0),
        foreign,
        cut,
        tagged,
    ] {
        let mut followed = followed(&now);
        followed.advance(&signed.proof()).unwrap();
        assert_eq!(followed.epoch(), 1);
        assert_eq!(
            followed.network().members,
            now.iter().map(public).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_proof_is_checked_in_two_parts_as_in_one() {
    let (now, next) = (keys(0..4), keys(4..8));
    let proof = handover(&now, &next, 0).proof();
    let (head, part) = split(&proof).unwrap();
    assert_eq!(signature_count(&proof), 3);
    let start = followed(&now);
    let (header, rest) = start.header(head).unwrap();
    assert!(rest.is_empty());
    let whole = start.verify(&MEMBERS, &proof).unwrap();
    let stated = (header.block_id, header.slot, header.unix_timestamp);
    assert_eq!(stated, (whole.block_id, whole.slot, whole.unix_timestamp));
    let account = account_at(&header.state_root, &MEMBERS, part).unwrap();
    assert_eq!(account, whole.account);
    assert_eq!(
        account_at(&header.state_root, &[1; 32], part),
        Err(LightError::State)
    );
    // Members of another epoch, an end that is missing, and one that is no part of the head.
    let network = start.network().clone();
    let later = Succession::resume(network, start.epoch_slots(), 1);
    assert!(matches!(later.header(head), Err(LightError::Epoch { .. })));
    assert_eq!(split(&head[..head.len() - 1]), Err(LightError::Size));
    assert!(start.header(&head[..head.len() - 1]).is_err());
    assert_eq!(start.header(&proof).unwrap().1, part);
}
