//! Holds the Token program against SPL Token's own processor: random instructions, seeded, on the
//! same accounts; results, return data and every byte of every account have to be equal.
//!
//! [`world`] makes accounts and instructions, [`judge`] runs them through SPL Token, [`ours`]
//! through the Token program of this workspace, and [`compare`] holds one against the other.
#![forbid(unsafe_code)]

pub mod compiled;
pub mod judge;
pub mod ours;
pub mod world;

use lockstep_interface::InstructionError;

use world::World;

/// Instructions of one sequence.
pub const SEQUENCE_LENGTH: usize = 60;

/// What the instructions of some sequences came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Instructions that succeeded in both.
    pub succeeded: u64,
    /// Instructions that failed in both with the same error.
    pub failed: u64,
    /// Instructions that SPL Token leaves to the runtime to refuse, since they change accounts of
    /// other programs.
    pub refused_by_runtime: u64,
}

/// Runs the sequence of this seed in both programs and adds what it came to.
///
/// # Errors
/// The first difference, with seed, step, instruction and what each program made of it.
pub fn compare(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut world = World::new(seed);
    let mut runner = ours::Runner::new();
    for step in 0..SEQUENCE_LENGTH {
        let instruction = world.instruction();
        let expected = judge::run(&world.accounts, &instruction);
        let found = runner.run(&world.accounts, &instruction);
        let is_foreign = match (&expected.result, &found.result) {
            (Ok(()), Err(error)) => {
                is_refusal_of_runtime(error) && world.names_foreign(&instruction)
            }
            _ => false,
        };
        if is_foreign {
            tally.refused_by_runtime += 1;
            continue;
        }
        if expected != found {
            return Err(format!(
                "seed {seed}, step {step}: {instruction:?}\n  SPL Token: {expected:?}\n  ours: \
                 {found:?}"
            ));
        }
        match found.result {
            Ok(()) => tally.succeeded += 1,
            Err(_) => tally.failed += 1,
        }
        world.accounts = found.accounts;
    }
    Ok(())
}

/// True for what the runtime reports when a program changes what is not its own.
fn is_refusal_of_runtime(error: &InstructionError) -> bool {
    matches!(
        error,
        InstructionError::ExternalAccountDataModified
            | InstructionError::ExternalAccountLamportSpend
    )
}
