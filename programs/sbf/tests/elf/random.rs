//! Random programs with hostile arguments: what machine code makes of them and what the interpreter
//! makes of them is the same, receipt by receipt and root by root.
//!
//! Each block calls hundreds of them. `SEED` names the first block to run, for one that has failed.

use lockstep_interface::{
    AccountMeta, Address, Instruction, ProgramTable, Rent, address::program_ids,
};
use lockstep_sbf::{program_accounts, with_interpreting_loaders, with_loaders};
use lockstep_scheduler::Lanes;
use lockstep_testing::{Call, Chain};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    assembly::file,
    instructions::program,
    kit::{account, call, reads, signs, writable},
};

/// Programs of a block.
const PROGRAMS: usize = 500;
const UNITS: u32 = 30_000;

/// Programs, two accounts of each and one that it does not own, and calls of them.
struct Scene {
    chains: [Chain; 2],
}

impl Scene {
    fn new() -> Self {
        let chains = [with_loaders, with_interpreting_loaders].map(|with| {
            let builder = Chain::builder().programs(&with(ProgramTable::new()));
            builder
                .threads(2)
                .strategy(Lanes)
                .without_signatures()
                .build()
        });
        Self { chains }
    }

    /// Runs a block on both chains, which must agree. Returns how many calls pass, and how many do
    /// nothing that a machine refuses.
    fn run(&mut self, seed: u64) -> usize {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let files: Vec<Vec<u8>> = (0..PROGRAMS).map(|_| file(&program(&mut random))).collect();
        let data: Vec<u8> = (0..24).map(|_| random.random()).collect();
        let [left, right] = self.chains.each_mut().map(|chain| {
            let calls = calls(chain, &files, &data);
            let block = chain.run_block(calls);
            let receipts: Vec<_> = block
                .executed()
                .iter()
                .map(|call| call.result.clone())
                .collect();
            (receipts, chain.blockhash())
        });
        for (index, (left, right)) in left.0.iter().zip(&right.0).enumerate() {
            assert_eq!(left, right, "SEED={seed}, program {index}");
        }
        // A blockhash hashes the roots of the block.
        assert_eq!(left.1, right.1, "SEED={seed}");
        let passed = left.0.iter().flatten();
        passed.filter(|receipt| receipt.status.is_ok()).count()
    }
}

fn calls(chain: &mut Chain, files: &[Vec<u8>], data: &[u8]) -> Vec<Call> {
    let mut accounts = Vec::new();
    let calls = files.iter().enumerate().map(|(number, file)| {
        let program = chain.signer(&format!("program {number}"));
        let owned = chain.signer(&format!("owned {number}"));
        let payer: Address = chain.wallet(&format!("payer {}", number % 50));
        accounts.extend(program_accounts(&program, file, None, &Rent::MAINNET));
        accounts.push((owned, account(&program, vec![1; 16])));
        let mut metas: Vec<AccountMeta> = vec![writable(&owned), reads(&program_ids::SYSTEM)];
        if number % 3 == 0 {
            metas.push(signs(&payer));
            metas.push(writable(&owned));
        }
        let instruction = Instruction {
            program,
            accounts: metas,
            data: data[..number % data.len()].to_vec(),
        };
        call(UNITS, &[instruction]).payer(payer)
    });
    let calls: Vec<Call> = calls.collect();
    chain.set_accounts(accounts);
    calls
}

#[test]
fn random_programs_end_alike_compiled_and_interpreted() {
    let blocks = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 200,
        None => 1,
    };
    let first = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let first: u64 = first.unwrap_or(1);
    let mut scene = Scene::new();
    let passed: usize = (first..first + blocks).map(|seed| scene.run(seed)).sum();
    let total = PROGRAMS * usize::try_from(blocks).unwrap();
    eprintln!("{passed} of {total} random programs pass, the others fail alike");
    assert!((total / 100..total / 2).contains(&passed));
}
