//! Bytes are imported as a snapshot: as they are, and as the payloads of frames with right hashes,
//! some of them those of a real snapshot. What is accepted is what the chain exports again.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use lockstep_interface::{Account, Address};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::snapshot::import,
    chain::{BuildRequest, Chain, ChainOptions},
    engine::Cancel,
    threads::Threads,
    verify::ParsedBlock,
};
use lockstep_scheduler::{Layered, Mode};
use lockstep_store::{MemoryStore, Trie};
use sha2::{Digest, Sha256};

/// Bytes before the first frame.
const START_SIZE: usize = 16;

fn genesis() -> Genesis {
    let accounts = (1..9).map(|byte| {
        let address = Address::new_from_array([byte; 32]);
        (address, Account::wallet(1_000_000_000))
    });
    Genesis::new(accounts.collect(), builtin_programs())
}

fn options() -> ChainOptions {
    let threads = Threads::new(1).expect("one thread needs no pool");
    ChainOptions::new(threads)
}

/// A snapshot of a genesis and two blocks without transactions.
static HONEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis(), options());
    let chain = chain.expect("memory does not fail");
    for slot in 1..3 {
        let request = BuildRequest {
            parent: chain.head().0,
            slot,
            unix_timestamp: 0,
            strategy: &Layered,
            mode: Mode::Replay,
            recording: Recording::NONE,
        };
        let mut source = ParsedBlock::default();
        let built = chain.build(&request, &mut source, &Cancel::default());
        let id = built.expect("an empty block can be built").id;
        chain.commit(&id).expect("memory does not fail");
    }
    export(&chain)
});

fn export(chain: &Chain) -> Vec<u8> {
    let mut bytes = Vec::new();
    let exported = chain.export(&mut bytes, &mut |_| ());
    exported.expect("memory does not fail");
    bytes
}

/// The payloads of the honest snapshot, with their kinds.
fn honest_frames() -> Vec<(u8, Vec<u8>)> {
    let mut rest = &HONEST[START_SIZE..];
    let mut frames = Vec::new();
    while let Some((head, others)) = rest.split_first_chunk::<5>() {
        let size = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        frames.push((head[0], others[..size].to_vec()));
        rest = &others[size + 32..];
    }
    frames
}

/// The honest snapshot with some of its bytes changed and some of its frames moved, all hashes made
/// right. Each five bytes of `data` are one change: frame, place, value, what to do.
fn forge(data: &[u8]) -> Vec<u8> {
    let mut frames = honest_frames();
    for change in data.chunks_exact(5) {
        let frame = usize::from(change[0]) % frames.len();
        let place = usize::from(u16::from_le_bytes([change[1], change[2]]));
        let count = frames.len();
        let payload = &mut frames[frame].1;
        match change[4] % 8 {
            0 if count > 1 => drop(frames.remove(frame)),
            1 => frames.insert(frame, frames[place % count].clone()),
            2 => payload.truncate(place),
            3 => payload.push(change[3]),
            _ if !payload.is_empty() => {
                let place = place % payload.len();
                payload[place] = change[3];
            }
            _ => frames[frame].0 = change[3] % 6,
        }
    }
    let mut bytes = HONEST[..START_SIZE].to_vec();
    let mut digest = Sha256::new();
    for (kind, mut payload) in frames {
        if kind == 4 && payload.len() == 64 {
            payload[32..].copy_from_slice(&digest.clone().finalize());
        }
        let mut frame = vec![kind];
        frame.extend((payload.len() as u32).to_le_bytes());
        frame.extend(payload);
        let hash = Sha256::digest(&frame);
        digest.update(hash);
        bytes.extend(frame);
        bytes.extend(hash);
    }
    bytes
}

fn check(bytes: &[u8]) {
    let store = Arc::new(MemoryStore::new());
    let threads = options().threads;
    let mut source = bytes;
    match import(
        &mut source,
        &*store,
        &genesis(),
        None,
        &threads,
        &mut |_| (),
    ) {
        Ok(trie) => {
            let chain = Chain::open(store, trie, genesis(), options());
            let chain = chain.expect("what was imported can be opened");
            assert!(export(&chain) == bytes, "a state has one snapshot");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    check(&forge(data));
});
