//! Certified proofs as members make them: `lockstep-light` accepts them, and they are the vectors
//! that it and its twin in JavaScript are tested with. `UPDATE_GOLDEN=1` writes them.

use std::{path::Path, sync::Arc};

use commonware_consensus::{
    simplex::{
        scheme::ed25519::Scheme,
        types::{Finalization, Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Digestible as _, Signer as _, ed25519::PrivateKey};
use commonware_parallel::Sequential;
use commonware_utils::non_empty;
use lockstep_interface::{Account, Address};
use lockstep_light::{Network, verify};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, Chain, ChainOptions},
    engine::Cancel,
    threads::Threads,
    verify::ParsedBlock,
    wire::{MessageBuilder, SigningKey, VerificationKeyBytes, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};
use lockstep_validator::{
    block::{Block, BlockDigest},
    certificate::encode,
    members::{MEMBERS, Member, Members},
};
use serde_json::{Value, json};

/// Blocks of the chain.
const BLOCK_COUNT: u64 = 5;

fn wallet(seed: u8) -> (SigningKey, Address) {
    let key = SigningKey::from([seed; 32]);
    let address = Address::new_from_array(VerificationKeyBytes::from(&key).into());
    (key, address)
}

/// Builds a block with a transfer on the head, and makes it final.
fn grow(chain: &Chain, slot: u64) -> Vec<u8> {
    let (parent, _) = chain.head();
    let ((key, from), (_, to)) = (wallet(1), wallet(2));
    let pay = [transfer(&from, &to, 1_000_000 * slot)];
    let message = MessageBuilder::new(from, parent.to_bytes(), &pay);
    let mut wire = WireBlock::default();
    wire.push(&message.compile().unwrap().sign(&[&key]).unwrap());
    let options = chain.options();
    let mut source = ParsedBlock::new(wire, options.signatures(), &options.threads);
    let request = BuildRequest {
        parent,
        slot,
        unix_timestamp: 1_700_000_000,
        strategy: &Auto,
        mode: Mode::Produce,
        recording: Recording::NONE,
    };
    let built = chain
        .build(&request, &mut source, &Cancel::default())
        .unwrap();
    assert_eq!(built.receipts.len(), 1);
    chain.commit(&built.id).unwrap();
    built.bytes().to_vec()
}

/// The signatures of three of four members under a block.
fn finalise(schemes: &[Scheme], block: &Block, view: u64) -> Finalization<Scheme, BlockDigest> {
    let round = Round::new(Epoch::zero(), View::new(view));
    let proposal = Proposal::new(round, View::new(view - 1), block.digest());
    let signed = schemes.iter().take(3);
    let signed: Vec<_> = signed
        .map(|scheme| Finalize::sign(scheme, proposal.clone()).unwrap())
        .collect();
    Finalization::from_finalizes(&schemes[0], non_empty![@&signed], &Sequential).unwrap()
}

#[test]
fn proofs_are_accepted_and_the_vectors_are_those() {
    let keys: Vec<PrivateKey> = (0..4).map(PrivateKey::from_seed).collect();
    let members = keys.iter().map(|key| Member {
        key: key.public_key(),
        stake: 1,
    });
    let members = Members::new(members.collect()).unwrap();
    let funded = (1..=40).map(|seed| (wallet(seed).1, Account::wallet(1_000_000_000)));
    let accounts = funded.chain([members.account()]).collect();
    let genesis = Genesis::new(accounts, builtin_programs());
    let options = ChainOptions::new(Threads::new(1).unwrap());
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis, options).unwrap();
    let (genesis_id, first) = chain.head();
    let schemes: Vec<Scheme> = keys
        .into_iter()
        .map(|key| members.scheme(&genesis_id, Some(key)))
        .collect();
    let network = Network {
        genesis: genesis_id.to_bytes(),
        members: members
            .iter()
            .map(|member| *member.key.as_ref().first_chunk().unwrap())
            .collect(),
    };
    let mut parent = Block::genesis(&first).digest();
    let mut proofs: Vec<Value> = Vec::new();
    for slot in 1..=BLOCK_COUNT {
        let block = Block::new(parent, grow(&chain, slot)).unwrap();
        parent = block.digest();
        // Views that take one byte, and more.
        let finalization = finalise(&schemes, &block, slot * slot * 100 - 99);
        for address in [wallet(1).1, wallet(2).1, MEMBERS, wallet(99).1] {
            let proven = chain.prove(&address).unwrap();
            let proof = encode(&finalization, &block, &proven).unwrap();
            let found = verify(&network, address.as_array(), &proof).unwrap();
            assert_eq!(
                (found.slot, found.block_id),
                (slot, proven.block_id.to_bytes())
            );
            let lamports = found.account.as_ref().map(|account| account.lamports);
            assert_eq!(lamports, proven.account.map(|account| account.lamports));
            proofs.push(json!({
                "address": hex::encode(address.as_array()),
                "proof": hex::encode(&proof),
                "blockId": hex::encode(found.block_id),
                "slot": slot.to_string(),
                "lamports": lamports.map(|lamports| lamports.to_string()),
            }));
        }
    }
    let members = network.members.iter().map(hex::encode);
    let vectors = json!({
        "genesis": hex::encode(network.genesis),
        "members": members.collect::<Vec<_>>(),
        "proofs": proofs,
    });
    let text = format!("{}\n", serde_json::to_string_pretty(&vectors).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../light/tests/vectors.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}
