//! Blocks whose bytes, plans, receipts and roots are kept in files, so that a change of any of
//! them is seen and approved: `UPDATE_GOLDEN=1` writes the files anew.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use lockstep_runtime::{block::receipts_hash, engine::Engine, wire::WireBlock};
use lockstep_scheduler::{Mode, strategy};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{
    generate::{Shape, World},
    run::{options, process, serial},
};

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(name)
}

/// Compares a text with the file of that name, or writes the file if asked to.
fn check(name: &str, text: &str) {
    let path = path(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("the golden file can be written");
        return;
    }
    let expected = fs::read_to_string(&path);
    let expected = expected.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (number, (found, expected)) in (1..).zip(text.lines().zip(expected.lines())) {
        assert_eq!(found, expected, "{name}, line {number}");
    }
    assert_eq!(text.len(), expected.len(), "{name}: one is longer");
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// The strategies whose plans are part of the files.
const STRATEGIES: [&str; 3] = ["layered", "first-fit", "lanes"];

/// A chain of three generated blocks, written out.
fn check_chain(name: &str, shape: Shape, seed: u64, size: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (world, mut parent) = World::new(shape);
    let mut engine = Engine::new(2).expect("threads can be started");
    let (mut wire, mut result) = (String::new(), format!("genesis {}\n", parent.block_hash()));
    for number in 0..3 {
        let transactions = world.block(&mut random, &parent, size);
        for transaction in &transactions {
            writeln!(wire, "{number} {}", hex(transaction)).expect("a string takes all");
        }
        let block: WireBlock = transactions.iter().collect();
        let outcome = serial(&engine, &parent, &block, None);
        writeln!(result, "\nblock {number}").expect("a string takes all");
        for name in STRATEGIES {
            let strategy = strategy(name).expect("it is built in");
            for mode in Mode::ALL {
                let outcome = process(&mut engine, &parent, &block, &options(&*strategy, mode));
                let plan = outcome.expect("nothing fails").plan;
                write!(result, "{name} {mode}\n{plan}").expect("a string takes all");
            }
        }
        for (position, fate) in outcome.receipts.iter().enumerate() {
            match fate {
                Ok(receipt) => {
                    let units = receipt.compute_units;
                    let (fee, priority) = (receipt.signature_fee, receipt.priority_fee);
                    let status = &receipt.status;
                    write!(
                        result,
                        "{position}: {status:?}, fee {fee} + {priority}, {units} CU"
                    )
                }
                Err(refusal) => write!(result, "{position}: {refusal:?}"),
            }
            .expect("a string takes all");
            result.push('\n');
        }
        let receipts = outcome.receipts.iter().filter_map(Result::ok);
        let bank = outcome.bank;
        writeln!(result, "receipts {}", receipts_hash(receipts)).expect("a string takes all");
        writeln!(result, "delta root {}", bank.delta_root()).expect("a string takes all");
        writeln!(result, "block hash {}", bank.block_hash()).expect("a string takes all");
        parent = bank;
    }
    check(&format!("{name}.block"), &wire);
    check(&format!("{name}.result"), &result);
}

#[test]
fn a_crowded_chain_is_as_ever() {
    check_chain("crowded", Shape::FEW, 1, 24);
}

#[test]
fn a_roomy_chain_is_as_ever() {
    check_chain("roomy", Shape::MANY, 2, 24);
}
