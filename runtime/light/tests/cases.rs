//! What a follower of members says step by step, to right proofs and to wrong ones of every kind.
//! `UPDATE_GOLDEN=1` writes down what this crate says; its twin in JavaScript must say the same.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

mod common;

use std::path::Path;

use common::{EPOCH_SLOTS, GENESIS, Parts, Signed, handover, keys, list_of, public};
use curve25519_dalek::{constants::EIGHT_TORSION, scalar::Scalar};
use ed25519_zebra::SigningKey;
use lockstep_light::{LightError, MEMBERS, Network, Succession};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

/// Where proofs of these cases have the count of signatures, and the signatures.
const SIGNATURES: usize = 27;

/// A network that is followed, and what is said to each proof.
struct Case {
    name: &'static str,
    first: Network,
    followed: Succession,
    steps: Vec<Value>,
}

impl Case {
    fn new(name: &'static str, keys: &[SigningKey]) -> Self {
        let network = common::network(keys);
        Self::of(name, network.members)
    }

    fn of(name: &'static str, members: Vec<[u8; 32]>) -> Self {
        let genesis = GENESIS;
        let first = Network { genesis, members };
        let slots = EPOCH_SLOTS.try_into().unwrap();
        let followed = Succession::new(first.clone(), slots);
        let steps = Vec::new();
        Self {
            name,
            first,
            followed,
            steps,
        }
    }

    fn advance(&mut self, proof: &[u8]) -> Result<(), LightError> {
        let said = self.followed.advance(proof).map(drop);
        self.step(None, proof, said.err());
        said
    }

    fn verify(&mut self, address: [u8; 32], proof: &[u8]) -> Result<u64, LightError> {
        let said = self.followed.verify(&address, proof);
        let said = said.map(|certified| certified.slot);
        self.step(Some(address), proof, said.err());
        said
    }

    /// What was said, and how far the network has been followed now.
    fn step(&mut self, address: Option<[u8; 32]>, proof: &[u8], error: Option<LightError>) {
        self.steps.push(json!({
            "address": address.map(hex::encode),
            "proof": hex::encode(proof),
            "error": error.map(|error| error.to_string()),
            "epoch": self.followed.epoch().to_string(),
            "lastSlot": self.followed.last_slot().to_string(),
            "members": hex::encode(self.followed.network().members.concat()),
        }));
    }

    fn json(self) -> Value {
        json!({
            "name": self.name,
            "members": hex::encode(self.first.members.concat()),
            "steps": self.steps,
        })
    }
}

/// Members hand over to others, down to one and up again.
fn handovers() -> Case {
    let sets = [keys(0..4), keys(2..7), keys(6..7), keys(6..13)];
    let mut case = Case::new("a network is followed from set to set", &sets[0]);
    for (epoch, pair) in (0..).zip(sets.windows(2)) {
        let proof = handover(&pair[0], &pair[1], epoch).proof();
        case.advance(&proof).unwrap();
        // The same once more, and other accounts by the members of now and of before.
        case.advance(&proof).unwrap_err();
        let mut other = handover(&pair[1], &[], epoch + 1);
        other.address = [1; 32];
        case.verify([1; 32], &other.proof()).unwrap();
        other.keys = &pair[0];
        case.verify([1; 32], &other.proof()).unwrap_err();
        other.epoch = epoch;
        case.verify([1; 32], &other.proof()).unwrap_err();
    }
    case
}

/// Proofs by which a network is not followed.
fn no_handovers() -> Case {
    let (now, next) = (keys(0..4), keys(4..8));
    let mut case = Case::new("only the list at the end of the epoch is taken", &now);
    let right = handover(&now, &next, 0);
    let changes: [fn(&mut Signed<'_>); 5] = [
        |signed| signed.slot -= 1,
        |signed| signed.slot += 1,
        |signed| signed.slot = u64::MAX,
        |signed| signed.epoch = 1,
        |signed| signed.address = [1; 32],
    ];
    for change in changes {
        let mut wrong = right.clone();
        change(&mut wrong);
        case.advance(&wrong.proof()).unwrap_err();
    }
    case.advance(&handover(&next, &next, 0).proof())
        .unwrap_err();
    case.advance(&right.proof()).unwrap();
    case
}

/// Lists that name no members: the members of before stay.
fn lists_of_no_use() -> Case {
    let (now, next) = (keys(0..4), keys(4..8));
    let mut case = Case::new("a list of no use leaves the members", &now);
    let swapped = [next[1], next[0]];
    let doubled = [next[0], next[0]];
    let many: Vec<[u8; 32]> = (0..129).map(|place| [place; 32]).collect();
    let changes: [&dyn Fn(&mut Signed<'_>); 11] = [
        &|signed| signed.data = common::list(&[]),
        &|signed| signed.data = common::list(&swapped),
        &|signed| signed.data = common::list(&doubled),
        &|signed| signed.data = list_of(&many),
        &|signed| signed.owner = [1; 32],
        &|signed| signed.data.truncate(6 + 4 * 40 - 1),
        &|signed| signed.data.truncate(5),
        &|signed| signed.data.truncate(1),
        &|signed| signed.data.clear(),
        &|signed| signed.data[0] = 4,
        &|signed| signed.data[1] = 1,
    ];
    let mut epoch = 0;
    for change in changes {
        let mut signed = handover(&now, &next, epoch);
        change(&mut signed);
        case.advance(&signed.proof()).unwrap();
        epoch += 1;
    }
    let mut none = handover(&now, &next, epoch).parts(&[]);
    (none.account, none.end) = (None, None);
    case.advance(&none.signed(&now)).unwrap();
    assert_eq!(case.followed.network(), &case.first);
    // As many as there may be, and nothing behind them.
    let mut signed = handover(&now, &next, epoch + 1);
    signed.data = list_of(&many[..128]);
    signed.data.truncate(6 + 128 * 40);
    case.advance(&signed.proof()).unwrap();
    assert_eq!(case.followed.network().members.len(), 128);
    case
}

/// What is signed and has a wrong form, or signatures that do not fit.
fn forms() -> Case {
    let members = keys(0..4);
    let mut case = Case::new("each part has its form", &members);
    let address = [1; 32];
    let mut signed = handover(&members, &[], 0);
    (signed.address, signed.data) = (address, vec![1, 2, 3]);
    let right = signed.parts(&[[5; 32], [6; 32], [7; 32]]);
    let proof = right.signed(&members);
    case.verify(address, &proof).unwrap();
    case.verify(MEMBERS, &proof).unwrap_err();
    let header = SIGNATURES + 3 * 66 + 32;
    let flag = header + 214 + 32;
    let state = flag + 1 + 4 + 48;
    for size in [
        0,
        1,
        24,
        26,
        60,
        header + 9,
        flag,
        flag + 3,
        flag + 9,
        state + 1,
        state + 40,
    ] {
        case.verify(address, &proof[..size]).unwrap_err();
    }
    case.verify(address, &[&proof[..], &[0]].concat())
        .unwrap_err();
    let bytes = [(0, 2), (0, 0), (flag, 2), (flag, 0), (state, 2), (state, 0)];
    let ends = [
        (state + 1, 2),
        (state + 1, 0),
        (state + 66, 4),
        (state + 67, 1),
    ];
    let order = [
        (SIGNATURES + 66, 0),
        (SIGNATURES + 132, 1),
        (SIGNATURES + 132, 9),
    ];
    for (place, byte) in bytes.into_iter().chain(ends).chain(order) {
        let mut wrong = proof.clone();
        assert_ne!(wrong[place], byte);
        wrong[place] = byte;
        case.verify(address, &wrong).unwrap_err();
    }
    let part = |change: &dyn Fn(&mut Parts)| {
        let mut parts = right.clone();
        change(&mut parts);
        parts.signed(&members)
    };
    for flag in [0, 2] {
        let stateless = part(&|parts| parts.root_flag = flag);
        case.verify(address, &stateless).unwrap_err();
    }
    // The leaf of an account that is no account, and the longest paths.
    for account in [
        vec![],
        vec![0; 44],
        [vec![0; 40], vec![2, 0, 0, 0, 0]].concat(),
    ] {
        let no_account = part(&|parts| {
            let value = common::sha256(&[&account]);
            parts.end = parts.end.map(|(path, _)| (path, value));
            parts.account = Some(account.clone());
        });
        case.verify(address, &no_account).unwrap_err();
    }
    let deep = part(&|parts| parts.siblings = vec![[8; 32]; 256]);
    case.verify(address, &deep).unwrap();
    let deeper = part(&|parts| parts.siblings = vec![[8; 32]; 257]);
    case.verify(address, &deeper).unwrap_err();
    // That there is no account: an empty place, a leaf on the path to it, and one beside it.
    let empty = part(&|parts| (parts.account, parts.end) = (None, None));
    case.verify(address, &empty).unwrap();
    let paths = (0..=u8::MAX).map(|byte| [byte; 32]);
    let mut said = paths.map(|path| {
        let other = part(&|parts| (parts.account, parts.end) = (None, Some((path, [1; 32]))));
        (other.clone(), case.followed.verify(&address, &other))
    });
    let (beside, _) = said.find(|(_, said)| said.is_err()).unwrap();
    let (on_the_path, _) = said.find(|(_, said)| said.is_ok()).unwrap();
    drop(said);
    case.verify(address, &beside).unwrap_err();
    case.verify(address, &on_the_path).unwrap();
    case
}

/// Signatures of too few, of too many, and by others.
fn quorums() -> Case {
    let members = keys(0..4);
    let mut case = Case::new("a quorum of the members signs", &members);
    let address = [1; 32];
    let mut signed = handover(&members, &[], 0);
    signed.address = address;
    let parts = signed.parts(&[]);
    let message = parts.message();
    let by = |place: u16| (place, members[usize::from(place)].sign(&message).into());
    let stranger = |place: u16| (place, keys(9..10)[0].sign(&message).into());
    for places in [&[0, 1, 2, 3][..], &[1, 2, 3], &[0, 2, 3]] {
        let signatures: Vec<_> = places.iter().map(|place| by(*place)).collect();
        case.verify(address, &parts.with(&signatures)).unwrap();
    }
    let wrong = [
        vec![],
        vec![by(0), by(1)],
        vec![by(0), by(2), by(1)],
        vec![by(0), by(1), by(1)],
        vec![by(0), by(1), stranger(3)],
        vec![by(0), by(1), stranger(4)],
        vec![by(0), stranger(1), stranger(2)],
        vec![by(0), by(1), by(2), stranger(3), stranger(4)],
        vec![by(0), by(1), (3, by(2).1)],
    ];
    for signatures in wrong {
        case.verify(address, &parts.with(&signatures)).unwrap_err();
    }
    case
}

/// The points of small order in all their forms: eight that are canonical, and six others.
fn small_points() -> Vec<[u8; 32]> {
    let with = |first: u8, last: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let mut signed_one = [0; 32];
    (signed_one[0], signed_one[31]) = (1, 0x80);
    let canonical = EIGHT_TORSION.iter().map(|point| point.compress().0);
    let mut points: Vec<[u8; 32]> = canonical.collect();
    points.extend([with(0xed, 0x7f), with(0xed, 0xff), with(0xee, 0x7f)]);
    points.extend([with(0xee, 0xff), with(0xec, 0xff), signed_one]);
    points.sort_unstable();
    points
}

/// Where rules for signatures differ: under ZIP 215 points of small order are as good as others,
/// in every form, and are hashed as they are written.
fn small_order() -> Case {
    let points = small_points();
    assert_eq!(points.len(), 14);
    let mut case = Case::of("members whose keys have small order", points.clone());
    let address = [1; 32];
    let members = keys(0..1);
    let mut signed = handover(&members, &[], 0);
    signed.address = address;
    let parts = signed.parts(&[]);
    for turn in 0..14 {
        let signatures: Vec<(u16, [u8; 64])> = (0u16..14)
            .map(|place| {
                let mut signature = [0; 64];
                let point = points[(usize::from(place) + turn) % 14];
                signature[..32].copy_from_slice(&point);
                (place, signature)
            })
            .collect();
        case.verify(address, &parts.with(&signatures)).unwrap();
    }
    case
}

/// One member that signs in forms which rules for signatures treat differently.
fn forms_of_signatures() -> Case {
    let members = keys(0..1);
    let mut case = Case::new("a member whose signatures have odd forms", &members);
    let address = [1; 32];
    let mut signed = handover(&members, &[], 0);
    signed.address = address;
    let parts = signed.parts(&[]);
    let message = parts.message();
    let seed: [u8; 32] = members[0].into();
    let secret: [u8; 64] = Sha512::digest(seed).into();
    let mut secret: [u8; 32] = *secret.first_chunk().unwrap();
    secret[0] &= 248;
    secret[31] = secret[31] & 63 | 64;
    let secret = Scalar::from_bytes_mod_order(secret);
    // With such a point, whose multiples by eight are nothing, s = k * secret is right.
    for point in small_points() {
        let hashed = [&point[..], &public(&members[0]), &message].concat();
        let challenge = Scalar::from_bytes_mod_order_wide(&Sha512::digest(hashed).into());
        let answer = (challenge * secret).to_bytes();
        let signature = [point, answer].concat().try_into().unwrap();
        let proof = parts.with(&[(0, signature)]);
        case.verify(address, &proof).unwrap();
    }
    // The same signature with the group's order added to s.
    let signature: [u8; 64] = members[0].sign(&message).into();
    let mut carry = 0u16;
    let mut larger = signature;
    let order = (-Scalar::ONE).to_bytes();
    for (place, byte) in order.iter().enumerate() {
        let unit = u16::from(place == 0);
        let sum = u16::from(signature[32 + place]) + u16::from(*byte) + unit + carry;
        (larger[32 + place], carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    case.verify(address, &parts.with(&[(0, larger)]))
        .unwrap_err();
    // A point that is none.
    let mut none = signature;
    none[..32].copy_from_slice(&[2; 32]);
    case.verify(address, &parts.with(&[(0, none)])).unwrap_err();
    case.verify(address, &parts.with(&[(0, signature)]))
        .unwrap();
    case
}

/// A key that is no point signs nothing.
fn no_point() -> Case {
    let member = keys(0..1);
    let no_point = (0..=u8::MAX).map(|byte| [byte; 32]);
    let is_none = |key: &[u8; 32]| ed25519_zebra::VerificationKey::try_from(*key).is_err();
    let key = no_point.into_iter().find(is_none).unwrap();
    let mut case = Case::of("a member whose key is no point", vec![key]);
    let proof = handover(&member, &[], 0).proof();
    case.advance(&proof).unwrap_err();
    case
}

#[test]
fn both_twins_say_the_same() {
    let cases = [
        handovers(),
        no_handovers(),
        lists_of_no_use(),
        forms(),
        quorums(),
        small_order(),
        forms_of_signatures(),
        no_point(),
    ];
    let cases: Vec<Value> = cases.into_iter().map(Case::json).collect();
    let written = json!({
        "genesis": hex::encode(GENESIS),
        "epochSlots": EPOCH_SLOTS.to_string(),
        "cases": cases,
    });
    let text = format!("{}\n", serde_json::to_string_pretty(&written).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == text,
        "{}",
        file.display()
    );
}
