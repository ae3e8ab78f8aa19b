//! Requests that are cut, spliced and twisted at random, of the seeds that the fuzz target begins
//! with too: each is refused or answered, and the node goes on.
//!
//! `REQUESTS=100000 SEED=5 cargo test -p lockstep-node --test requests` goes on for longer.

mod common;
#[path = "common/requests.rs"]
mod requests;

use std::{fs, path::Path, time::Duration};

use common::{OPTIONS, Served};
use lockstep_node::{NodeOptions, Pace};
use lockstep_programs::builtin_programs;
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use requests::assert_answered;

/// What takes the place of numbers, texts and whole values.
const VALUES: [&str; 14] = [
    "0",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "0.5",
    "null",
    "true",
    "\"\"",
    "\"11111111111111111111111111111111\"",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    "\"\\u0000\\ud800\"",
];

fn seeds() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/rpc");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("there are seeds")
        .map(|file| file.expect("there are seeds").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read_to_string(file).expect("there are seeds"))
        .collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("there are seeds"))
}

/// A seed with some changes.
fn mutated(random: &mut ChaCha8Rng, seeds: &[String]) -> String {
    let mut bytes = seeds
        .choose(random)
        .expect("there are seeds")
        .clone()
        .into_bytes();
    for _ in 0..random.random_range(1..4) {
        let place = random.random_range(0..bytes.len().max(1));
        let end = place
            .saturating_add(random.random_range(1..12))
            .min(bytes.len());
        match random.random_range(0..6) {
            0 => bytes[place..end].fill(random.random_range(32..127)),
            1 => drop(bytes.drain(place..end)),
            2 => {
                let part = bytes[place..end].to_vec();
                bytes.splice(place..place, part);
            }
            3 => {
                let other = seeds.choose(random).expect("there are seeds").as_bytes();
                let start = random.random_range(0..other.len());
                bytes.splice(place..end, other[start..].iter().copied());
            }
            4 => drop(bytes.drain(end..)),
            _ => replace_value(random, &mut bytes, place),
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Puts another value in place of the one behind a comma, colon or bracket.
fn replace_value(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>, place: usize) {
    let is_start = |byte: &u8| b"[:,".contains(byte);
    let Some(start) = bytes[place..].iter().position(is_start) else {
        return;
    };
    let start = place.saturating_add(start).saturating_add(1);
    let is_end = |byte: &u8| b",]}".contains(byte);
    let end = bytes[start..]
        .iter()
        .position(is_end)
        .map_or(bytes.len(), |end| start.saturating_add(end));
    let value = VALUES.choose(random).expect("there are seeds");
    bytes.splice(start..end, value.bytes());
}

#[test]
fn whatever_is_asked_is_answered() {
    let pace = Pace {
        slot_time: Duration::from_millis(10),
        empty_every: 1,
    };
    let options = NodeOptions {
        pace,
        is_dev: false,
        ..OPTIONS
    };
    let served = Served::with(None, builtin_programs(), options);
    let seeds = seeds();
    assert!(seeds.len() > 30, "{} seeds", seeds.len());
    let answered = seeds
        .iter()
        .filter(|seed| assert_answered(&served.server, seed));
    let answered = answered.count();
    assert!(answered > seeds.len() / 2, "{answered} seeds have a result");
    let seed = number("SEED", 1);
    eprintln!("SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let count = number("REQUESTS", 4_000);
    let mut answered = 0;
    for _ in 0..count {
        let text = mutated(&mut random, &seeds);
        answered += u64::from(assert_answered(&served.server, &text));
    }
    eprintln!("{answered} of {count} twisted requests have a result");
    assert!(answered > count / 100, "{answered} of {count}");
    let slot = served.running.node.head().slot;
    assert!(slot > 1, "blocks are made");
    served.stop();
}
