//! Random messages that keep every rule, and random damage to their bytes.

use std::ops::Range;

use lockstep_runtime::wire::limits::{PACKET_SIZE_MAX, V1_SIZE_MAX};
use lockstep_runtime::wire::{
    CompiledInstruction, Header, Message, TableLookup, TransactionConfig, TransactionView, Version,
};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use solana_address::Address;

/// A valid transaction of any version, of any size up to the limit.
pub(crate) fn transaction(rng: &mut ChaCha8Rng) -> Vec<u8> {
    loop {
        let message = message(rng);
        let required = usize::from(message.header.required_signatures);
        let signatures: Vec<_> = (0..required).map(|_| signature(rng)).collect();
        let bytes = message
            .with_signatures(&signatures)
            .expect("lists are short");
        if bytes.len() <= size_max(message.version) {
            return bytes;
        }
    }
}

/// The size limit of a version.
pub(crate) fn size_max(version: Version) -> usize {
    match version {
        Version::Legacy | Version::V0 => PACKET_SIZE_MAX,
        Version::V1 => V1_SIZE_MAX,
    }
}

/// A random address.
pub(crate) fn address(rng: &mut ChaCha8Rng) -> Address {
    Address::new_from_array(rng.random())
}

fn signature(rng: &mut ChaCha8Rng) -> [u8; 64] {
    let mut signature = [0; 64];
    rng.fill(&mut signature);
    signature
}

fn bytes(rng: &mut ChaCha8Rng, size: usize) -> Vec<u8> {
    (0..size).map(|_| rng.random()).collect()
}

fn message(rng: &mut ChaCha8Rng) -> Message {
    let version = *[Version::Legacy, Version::V0, Version::V1]
        .choose(rng)
        .expect("not empty");
    let key_count_max = if rng.random_bool(0.8) {
        8
    } else {
        size_max(version) / 32
    };
    let key_count = rng.random_range(1..=u8::try_from(key_count_max).expect("at most 128"));
    let required_signatures = rng.random_range(1..=key_count.min(24));
    let header = Header {
        required_signatures,
        readonly_signed: rng.random_range(0..required_signatures),
        readonly_unsigned: rng.random_range(0..=key_count - required_signatures),
    };
    let lookups = match version {
        Version::V0 => lookups(rng, usize::from(key_count)),
        Version::Legacy | Version::V1 => Vec::new(),
    };
    let looked_up: usize = lookups
        .iter()
        .map(|l| l.writable.len() + l.readonly.len())
        .sum();
    let instruction_count = match key_count {
        // The only key is the fee payer's, which no instruction may invoke.
        1 => 0,
        _ if rng.random_bool(0.9) => rng.random_range(0..4),
        _ => rng.random_range(0..200),
    };
    let account_max = u8::try_from(usize::from(key_count) + looked_up - 1).expect("at most 256");
    let size_max = *[0, 4, 12, 150, 300, 2000].choose(rng).expect("not empty");
    let instructions = (0..instruction_count).map(|_| CompiledInstruction {
        program_index: rng.random_range(1..key_count),
        accounts: (0..rng.random_range(0..=size_max.min(200)))
            .map(|_| rng.random_range(0..=account_max))
            .collect(),
        data: {
            let size = rng.random_range(0..=size_max);
            bytes(rng, size)
        },
    });
    Message {
        version,
        header,
        instructions: instructions.collect(),
        static_keys: (0..key_count).map(|_| address(rng)).collect(),
        recent_blockhash: rng.random(),
        lookups,
        config: match version {
            Version::V1 => config(rng),
            Version::Legacy | Version::V0 => TransactionConfig::default(),
        },
    }
}

fn lookups(rng: &mut ChaCha8Rng, key_count: usize) -> Vec<TableLookup> {
    let mut room = 256 - key_count;
    let mut lookups = Vec::new();
    for _ in 0..rng.random_range(0..4) {
        let size_max = if rng.random_bool(0.8) { 5 } else { room };
        let writable_count = rng.random_range(0..=size_max.min(room));
        room -= writable_count;
        let readonly_count = rng.random_range(0..=size_max.min(room));
        room -= readonly_count;
        if writable_count + readonly_count > 0 {
            lookups.push(TableLookup {
                table: address(rng),
                writable: bytes(rng, writable_count),
                readonly: bytes(rng, readonly_count),
            });
        }
    }
    lookups
}

/// Any configuration.
pub(crate) fn config(rng: &mut ChaCha8Rng) -> TransactionConfig {
    TransactionConfig {
        priority_fee: rng.random_bool(0.5).then(|| rng.random()),
        compute_unit_limit: rng.random_bool(0.5).then(|| rng.random()),
        loaded_accounts_data_size_limit: rng.random_bool(0.5).then(|| rng.random()),
        heap_size: rng.random_bool(0.5).then(|| rng.random()),
    }
}

/// Damages a valid transaction in one to three places, mostly where its structure is written.
pub(crate) fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let structure = structure(bytes);
    for _ in 0..rng.random_range(1..=3) {
        if bytes.is_empty() {
            return;
        }
        let at = match structure.choose(rng) {
            Some(range) if rng.random_bool(0.9) && !range.is_empty() => {
                rng.random_range(range.clone()).min(bytes.len() - 1)
            }
            _ => rng.random_range(0..bytes.len()),
        };
        let size = rng.random_range(0..=40).min(bytes.len() - at);
        match rng.random_range(0..9) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => {
                let values = [0, 1, 2, 3, 4, 5, 0x1f, 0x7f, 0x80, 0x81, 0x82, 0xff];
                bytes[at] = *values.choose(rng).expect("not empty");
            }
            3 => bytes[at] = bytes[at].wrapping_add(*[1, 255].choose(rng).expect("not empty")),
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..at + size)),
            6 => bytes.insert(at, rng.random()),
            7 => {
                // A count in a longer form than it needs, as in `0x85 0x00` for 5.
                bytes[at] |= 0x80;
                bytes.insert(at + 1, rng.random_range(0..4));
            }
            _ => {
                let from = rng.random_range(0..other.len());
                let to = (from + size).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
}

/// Where a transaction has counts and indexes, rather than keys, hashes and signatures.
fn structure(bytes: &[u8]) -> Vec<Range<usize>> {
    let view = TransactionView::parse(bytes).expect("mutation starts from a valid transaction");
    let offset = |part: &[u8]| part.as_ptr().addr() - bytes.as_ptr().addr();
    let mut opaque: Vec<Range<usize>> = Vec::new();
    let mut add = |part: &[u8]| opaque.push(offset(part)..offset(part) + part.len());
    add(view.signatures().as_flattened());
    add(view.static_keys().as_flattened());
    add(view.recent_blockhash());
    view.instructions()
        .for_each(|instruction| add(instruction.data));
    view.lookups().for_each(|lookup| add(lookup.table));
    opaque.sort_by_key(|range| (range.start, range.end));

    let mut structure = Vec::new();
    let mut start = 0;
    for range in opaque {
        structure.push(start..range.start);
        start = range.end;
    }
    structure.push(start..bytes.len());
    structure.retain(|range| !range.is_empty());
    structure
}
