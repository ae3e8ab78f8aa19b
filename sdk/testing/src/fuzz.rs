//! Sequences of actions from the bytes of a fuzzer, which learns from coverage which bytes lead on.
//!
//! ```text
//! bytes   | action 0: 16 bytes | action 1: 16 bytes | ...
//! ```
//!
//! Actions, step and invariant are those of [`explore`](crate::explore), so that one file serves
//! the tests and the fuzz target.

use std::{
    env,
    fmt::Debug,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sha2::{Digest, Sha256};

use crate::{
    actions::{Scene, Sequences, replay},
    chain::Snapshot,
    panics::Quiet,
};

/// Bytes of which one action is made.
pub const ACTION_SIZE: usize = 16;
/// Bytes that strategies draw from for one action: the action's own, and what follows from these.
/// Drawing from a range passes over some numbers, and would wait for ever for others than zeros.
const DRAWN_SIZE: usize = 8 * 1024;
/// The variable that names a folder for seeds.
const SEEDS_VARIABLE: &str = "LOCKSTEP_SEEDS";

/// A scene and the moment at which each sequence begins. A fuzz target makes it once.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_testing::{Chain, Fuzz};
///
/// let mut chain = Chain::builder().without_signatures().threads(1).build();
/// let [alice, bob] = ["alice", "bob"].map(|name| chain.wallet(name));
/// let sum = |chain: &Chain| chain.lamports(&alice) + chain.lamports(&bob);
/// let held = sum(&chain);
/// let mut fuzz = Fuzz::new(chain, 8);
/// // What libFuzzer calls the target with, many times.
/// let data = [7; 40];
/// fuzz.run(
///     &data,
///     1..1_000_u64,
///     |chain, lamports| drop(chain.run(transfer(&alice, &bob, *lamports))),
///     |chain| assert_eq!(sum(chain), held),
/// );
/// ```
#[derive(Debug)]
pub struct Fuzz<W> {
    scene: W,
    start: Snapshot,
    length_max: usize,
}

impl<W: Scene> Fuzz<W> {
    /// Sequences of at most `length_max` actions, each from where the scene's chain is now.
    pub fn new(mut scene: W, length_max: usize) -> Self {
        Self {
            start: scene.chain().snapshot(),
            scene,
            length_max,
        }
    }

    /// Runs the sequence that these bytes stand for.
    ///
    /// # Panics
    /// If it fails, with its steps, and what became of the calls of each.
    #[track_caller]
    pub fn run<S: Strategy>(
        &mut self,
        data: &[u8],
        action: S,
        step: impl Fn(&mut W, &S::Value),
        invariant: impl Fn(&W),
    ) where
        S::Value: Debug,
    {
        let actions = actions(data, &action, self.length_max);
        let quiet = Quiet::begin();
        self.scene.chain().restore(&self.start);
        let result = catch_unwind(AssertUnwindSafe(|| {
            for action in &actions {
                step(&mut self.scene, action);
                invariant(&self.scene);
            }
        }));
        let told = result.is_err().then(|| {
            let reasons = quiet.take().join("; ");
            self.scene.chain().restore(&self.start);
            let steps = replay(&mut self.scene, &actions, &step, &invariant);
            format!("{reasons}; the sequence that fails is{steps}")
        });
        drop(quiet);
        if let Some(told) = told {
            panic!("{told}");
        }
    }
}

/// The actions that bytes stand for.
fn actions<S: Strategy>(data: &[u8], action: &S, length_max: usize) -> Vec<S::Value> {
    let chunks = data.chunks(ACTION_SIZE).take(length_max);
    let made = chunks.filter_map(|chunk| {
        let random = TestRng::from_seed(RngAlgorithm::PassThrough, &drawn(chunk));
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        // Bytes that are no action are passed over.
        let tree = action.new_tree(&mut runner).ok()?;
        Some(tree.current())
    });
    made.collect()
}

/// The bytes of an action, and others that follow from them (xorshift).
fn drawn(chunk: &[u8]) -> Vec<u8> {
    let mut bytes = chunk.to_vec();
    bytes.resize(ACTION_SIZE, 0);
    let words = bytes.chunks_exact(8).flat_map(<[u8]>::first_chunk::<8>);
    let mixed = words.fold(0, |mixed: u64, word| {
        mixed.rotate_left(29) ^ u64::from_le_bytes(*word)
    });
    // Of zero nothing but zeros would follow.
    let mut state = mixed | 1 << 40;
    while bytes.len() < DRAWN_SIZE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// Writes seeds for a fuzzer into the folder that `LOCKSTEP_SEEDS` names, if it names one: as many
/// inputs as the test runs sequences.
///
/// # Panics
/// If the folder cannot be written.
#[track_caller]
pub(crate) fn write_seeds(sequences: &Sequences) {
    if let Some(folder) = env::var_os(SEEDS_VARIABLE) {
        let folder = Path::new(&folder);
        let written = fs::create_dir_all(folder).and_then(|()| {
            for number in 0..sequences.count {
                let (name, bytes) = seed(sequences, number);
                fs::write(folder.join(name), bytes)?;
            }
            Ok(())
        });
        if let Err(error) = written {
            let shown = folder.display();
            panic!("{SEEDS_VARIABLE} names {shown}, which cannot be written: {error}");
        }
    }
}

/// The name and the bytes of a seed, which follow from the seed of the test.
fn seed(sequences: &Sequences, number: u32) -> (String, Vec<u8>) {
    let Sequences {
        seed, length_max, ..
    } = sequences;
    let digest = |index: usize| {
        Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(number.to_le_bytes())
            .chain_update(index.to_le_bytes())
            .finalize()
    };
    let chunks = (0..*length_max).flat_map(|index| {
        let digest = digest(index);
        digest.into_iter().take(ACTION_SIZE)
    });
    (format!("test-{seed}-{number}"), chunks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_actions_one_by_one() {
        let action = (0..4_u8, 0..1_000_u64);
        let data = [[1; ACTION_SIZE], [2; ACTION_SIZE]].concat();
        let both = actions(&data, &action, 8);
        assert_eq!(both.len(), 2);
        // A change of one action leaves the others alone, and a cut leaves those before.
        let mut other = data.clone();
        other[0] ^= 0xff;
        let changed = actions(&other, &action, 8);
        assert_eq!((changed.len(), changed[1]), (2, both[1]));
        assert_eq!(actions(&data[..ACTION_SIZE], &action, 8), both[..1]);
        assert_eq!(actions(&data, &action, 1), both[..1]);
        assert!(actions(&[], &action, 8).is_empty());
        // All of the first choices are within reach.
        let firsts = (0..=u8::MAX).map(|byte| actions(&[byte; 16], &action, 1)[0].0);
        let firsts: std::collections::BTreeSet<u8> = firsts.collect();
        assert_eq!(firsts.len(), 4);
    }

    #[test]
    fn seeds_follow_from_the_test() {
        let sequences = Sequences {
            seed: 5,
            count: 2,
            length_max: 3,
        };
        let [first, second] = [0, 1].map(|number| seed(&sequences, number));
        assert_eq!((&*first.0, first.1.len()), ("test-5-0", 3 * ACTION_SIZE));
        assert_ne!(first.1, second.1);
        assert_eq!(seed(&sequences, 0), first);
    }
}
