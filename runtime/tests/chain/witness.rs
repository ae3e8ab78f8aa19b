//! Blocks checked on a witness alone: with the outcome of the chain, and never with another.

use lockstep_interface::{Account, Address, Hash};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    chain::{
        Chain,
        witness::{Checked, Witness, WitnessError},
    },
    threads::Threads,
    verify::{Signatures, Verifier},
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

use crate::{
    common::generate::Shape,
    forge::Forgery,
    market::Market,
    setting::{Setting, adopt, build_on, head, open, options},
};

/// Checks what is read from the bytes, on two threads.
fn check(
    bytes: &[u8],
    genesis: &Genesis,
    signatures: Signatures<'_>,
) -> Result<Checked, WitnessError> {
    let threads = Threads::new(2).unwrap();
    Witness::decode(bytes)?.check(genesis, signatures, &threads)
}

fn trusted(bytes: &[u8], genesis: &Genesis) -> Result<Checked, WitnessError> {
    check(bytes, genesis, Signatures::Trusted)
}

#[test]
fn a_witness_gives_what_the_chain_gives() {
    for (shape, seed) in [(Shape::FEW, 1), (Shape::MANY, 2), (Shape::FEW, 3)] {
        let setting = Setting::new(shape);
        let chain = setting.chain(2);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut parent = head(&chain);
        for number in 0..10u32 {
            let bank = chain.bank(&parent).unwrap();
            let transactions = setting.world.block(&mut random, &bank, 30);
            let built = build_on(&chain, parent, &transactions);
            let witness = chain.witness(built.bytes().into()).unwrap();
            let bytes = witness.encode().unwrap();
            assert_eq!(Witness::decode(&bytes).unwrap(), witness);
            let checked = trusted(&bytes, &setting.genesis()).unwrap();
            assert_eq!(checked.id, built.id);
            assert_eq!(checked.receipts, *built.receipts, "block {number}");
            // Parents of which some are final, some not.
            if number % 3 == 0 {
                chain.commit(&built.id).unwrap();
            }
            parent = built.id;
        }
    }
}

/// A chain of signed transactions, and a block on it.
fn scene() -> (Market, Chain, Vec<u8>) {
    let market = Market::new();
    let chain = open(market.genesis(), options(2));
    let start = head(&chain);
    let [one, other] = [0, 1].map(|number| {
        let pay = transfer(&market.wallets[number], &market.wallets[5], 7);
        market.sign(number, start, pay)
    });
    let first = build_on(&chain, start, &[one]);
    let second = build_on(&chain, first.id, &[other]);
    let bytes = second.bytes().to_vec();
    (market, chain, bytes)
}

#[test]
fn every_flipped_bit_of_a_witness_is_noticed() {
    let (market, chain, block) = scene();
    let bytes = chain.witness(block.into()).unwrap().encode().unwrap();
    let verifier = Verifier::default();
    let genesis = market.genesis();
    check(&bytes, &genesis, Signatures::Verify(&verifier)).unwrap();
    // The rules are what a verifier knows itself.
    let rules = 2..2 + 4 + chain.store().parameters().unwrap().unwrap().len();
    // All bits of some bytes; of all in the long profile.
    let step = if std::env::var_os("LOCKSTEP_FULL").is_some() {
        1
    } else {
        7
    };
    for place in (0..bytes.len()).step_by(step) {
        for bit in 0..8 {
            let mut wrong = bytes.clone();
            wrong[place] ^= 1 << bit;
            assert!(check(&wrong, &genesis, Signatures::Verify(&verifier)).is_err());
            // Not by the digest alone, which anyone can make.
            let end = wrong.len() - 32;
            if place >= end || rules.contains(&place) {
                continue;
            }
            let digest = Sha256::digest(&wrong[..end]);
            wrong[end..].copy_from_slice(&digest);
            let checked = check(&wrong, &genesis, Signatures::Verify(&verifier));
            assert!(checked.is_err(), "bit {bit} of byte {place}");
        }
    }
    for end in (0..bytes.len()).step_by(step) {
        assert!(check(&bytes[..end], &genesis, Signatures::Trusted).is_err());
    }
}

#[test]
fn a_wrong_block_is_told_from_a_wrong_witness() {
    let (market, chain, block) = scene();
    let genesis = market.genesis();
    let witness = chain.witness(block.clone().into()).unwrap();
    let judged = |witness: &Witness| {
        let checked = trusted(&witness.encode().unwrap(), &genesis);
        checked.map(|checked| checked.id)
    };
    assert!(judged(&witness).is_ok());

    // The header states what execution does not give.
    let wrong = Hash::new_from_array([9; 32]);
    let forged: [fn(&mut Forgery, Hash); 3] = [
        |forgery, wrong| forgery.header.receipts_root = wrong,
        |forgery, wrong| forgery.header.delta_root = wrong,
        |forgery, wrong| forgery.header.state_root = Some(wrong),
    ];
    for forge in forged {
        let mut forgery = Forgery::of(&block);
        forge(&mut forgery, wrong);
        let forged = Witness {
            block: forgery.bytes().into(),
            ..witness.clone()
        };
        let error = judged(&forged).unwrap_err();
        assert!(matches!(error, WitnessError::Invalid(_)), "{error}");
    }

    // A witness that would make an honest block look wrong, or hides what it needs.
    let payer = market.wallets[1];
    let place = witness
        .accounts
        .iter()
        .position(|(address, _)| *address == payer);
    let place = place.unwrap();
    let mut poorer = witness.clone();
    poorer.accounts[place].1 = Account::wallet(10);
    let error = judged(&poorer).unwrap_err();
    assert!(matches!(error, WitnessError::OtherState), "{error}");
    let mut lacking = witness.clone();
    lacking.accounts.remove(place);
    assert!(!matches!(
        judged(&lacking),
        Ok(_) | Err(WitnessError::Invalid(_))
    ));
    let mut gone = witness.clone();
    gone.accounts[place].1 = Account::default();
    assert!(!matches!(
        judged(&gone),
        Ok(_) | Err(WitnessError::Invalid(_))
    ));
    let mut swapped = witness.clone();
    swapped.accounts.swap(0, 1);
    let error = judged(&swapped).unwrap_err();
    assert!(matches!(error, WitnessError::AccountOrder(1)), "{error}");
    for count in [0, 1] {
        let mut young = witness.clone();
        young.headers = young.headers.split_off(young.headers.len() - count);
        let error = judged(&young).unwrap_err();
        assert!(matches!(error, WitnessError::Headers(_)), "{error}");
    }
}

#[test]
fn a_verifier_without_the_program_does_not_condemn_the_block() {
    let (market, chain, block) = scene();
    let witness = chain.witness(block.into()).unwrap();
    let kept = chain.parameters().genesis(builtin_programs());
    // The test program is not needed by this block, but the chain began with it.
    assert!(chain.parameters().check(&kept).is_err());
    assert!(trusted(&witness.encode().unwrap(), &market.genesis()).is_ok());
}

#[test]
fn a_chain_of_more_blocks_than_a_witness_has_headers_is_no_matter() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    for _ in 0..520 {
        let built = build_on(&chain, head(&chain), &[]);
        chain.commit(&built.id).unwrap();
    }
    let built = build_on(&chain, head(&chain), &[]);
    let witness = chain.witness(built.bytes().into()).unwrap();
    assert_eq!(witness.headers.len(), 513);
    assert!(trusted(&witness.encode().unwrap(), &setting.genesis()).is_ok());
    let unknown = Address::new_from_array([3; 32]);
    assert!(
        witness
            .accounts
            .iter()
            .all(|(address, _)| *address != unknown)
    );
    let follower = setting.chain(1);
    assert!(matches!(
        follower.witness(built.bytes().into()),
        Err(WitnessError::ParentMissing(_))
    ));
    let first = build_on(&follower, head(&follower), &[]);
    adopt(&follower, first.bytes());
}
