//! Transfers of tokens and of lamports, by our executor and by LiteSVM.

use std::{
    hint::black_box,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::RandomState;
use litesvm::LiteSVM;
use lockstep_interface::{Account, Address, Instruction, ProgramTable, Rent, address::program_ids};
use lockstep_programs::{
    builtin_programs, system,
    token::{Mint, TokenAccount, instruction::transfer},
};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::{Outcome, Recording},
    execute::{execute, load},
    prepare::PreparedBlock,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};
use lockstep_sbf::with_loaders;
use lockstep_scheduler::{Auto, Mode, PlanRequest, Strategy, check};
use lockstep_store::MemoryStore;
use solana_transaction::versioned::VersionedTransaction;

use lockstep_differential::compiled::{Compiled, TOKEN_2022, judge, set};

use crate::{address, median};

const COUNT: usize = 10_000;
const REASON: &str = "the benchmark's own load is sound";
/// Log lines, as a node records them.
const LOGS: Recording = Recording {
    logs: true,
    ..Recording::NONE
};

/// A kind of transfer: its name, the program if it is from a file, and the owner of its accounts.
struct Kind {
    name: &'static str,
    compiled: Option<Compiled>,
    owner: Address,
}

/// A block of transfers on both sides.
struct Case {
    name: &'static str,
    parent: Arc<FrozenBank>,
    parsed: ParsedBlock,
    judge: LiteSVM,
    transactions: Vec<VersionedTransaction>,
    /// One, and two. They last, as an engine's do: a thread keeps the memory of its calls.
    threads: [Threads; 2],
}

/// What one case took, round by round.
#[derive(Default)]
struct Times {
    ours: [Vec<Duration>; 2],
    with_logs: Vec<Duration>,
    judged: Vec<Duration>,
}

impl Case {
    fn new(kind: Kind) -> Self {
        let mut judge = judge();
        let mut programs = builtin_programs();
        let mut accounts: Vec<(Address, Account)> = Vec::new();
        if let Some(compiled) = &kind.compiled {
            programs = programs.filtered(|program| program.address() != compiled.address);
            accounts.extend(compiled.accounts());
        }
        let programs: ProgramTable = with_loaders(programs);
        accounts.extend(holders(kind.owner));
        for (address, account) in &accounts {
            set(&mut judge, *address, account);
        }
        let genesis = Genesis::new(accounts, programs).without_limits();
        let parent = genesis.open(Arc::new(MemoryStore::new())).expect(REASON);
        for (address, sysvar) in parent.child(1, 1).environment().sysvars.accounts() {
            set(&mut judge, address, &sysvar);
        }
        let blockhash = parent.block_hash().to_bytes();
        let wires: Vec<Vec<u8>> = (0..COUNT)
            .map(|number| {
                let [owner, from, to] = [1, 2, 3].map(|kind| address(kind, number));
                let instruction = match kind.owner {
                    program_ids::SYSTEM => system::instruction::transfer(&owner, &to, 1),
                    program => Instruction {
                        program,
                        ..transfer(&from, &to, &owner, 1)
                    },
                };
                let message = MessageBuilder::new(owner, blockhash, &[instruction]).compile();
                message
                    .expect(REASON)
                    .with_signatures(&[[0; 64]])
                    .expect(REASON)
            })
            .collect();
        let decode = |wire: &Vec<u8>| wincode::deserialize(wire).expect(REASON);
        let transactions = wires.iter().map(decode).collect();
        let block: WireBlock = wires.into_iter().collect();
        let threads = [1, 2].map(|count| Threads::new(count).expect(REASON));
        Self {
            name: kind.name,
            parent,
            parsed: ParsedBlock::new(block, Signatures::Trusted, &threads[0]),
            judge,
            transactions,
            threads,
        }
    }

    /// Executes the block and gives how long it took, and the compute units of each transfer.
    fn ours(&self, threads: &Threads, recording: Recording) -> (Duration, Vec<u64>) {
        let bank = self.parent.child(1, 1);
        let hasher = RandomState::with_seed(1);
        let prepared = PreparedBlock::new(&self.parsed, &bank, threads, &hasher).expect(REASON);
        let count = u32::try_from(threads.count()).ok();
        let workers = count.and_then(NonZeroU32::new).expect(REASON);
        let request = PlanRequest::new(Mode::Produce, workers);
        let plan = Auto.plan(prepared.table(), &request).expect(REASON);
        let plan = check(plan, prepared.table(), Mode::Produce).expect(REASON);
        let accounts = load(&bank, &prepared, threads).expect(REASON);
        let start = Instant::now();
        let executed = execute(&bank, &prepared, accounts, &plan, threads, recording);
        let took = start.elapsed();
        let executed = executed.expect(REASON);
        let units = executed.outcomes().iter().map(|outcome| match outcome {
            Outcome::Included(receipt) if receipt.status.is_ok() => receipt.compute_units,
            other => panic!("{}: {other:?}", self.name),
        });
        (took, units.collect())
    }

    /// The same by LiteSVM, whose accounts go on from run to run.
    fn judged(&mut self) -> (Duration, Vec<u64>) {
        let transactions = self.transactions.clone();
        let mut units = Vec::with_capacity(COUNT);
        let start = Instant::now();
        for transaction in transactions {
            match self.judge.send_transaction(transaction) {
                Ok(done) => units.push(black_box(done).compute_units_consumed),
                Err(other) => panic!("{}: {other:?}", self.name),
            }
        }
        (start.elapsed(), units)
    }

    fn round(&mut self, times: &mut Times) {
        let mut units = Vec::new();
        for (threads, times) in self.threads.iter().zip(&mut times.ours) {
            let (took, found) = self.ours(threads, Recording::NONE);
            times.push(took);
            units = found;
        }
        times.with_logs.push(self.ours(&self.threads[0], LOGS).0);
        let (took, expected) = self.judged();
        times.judged.push(took);
        assert_eq!(units, expected, "{}", self.name);
    }
}

/// Wallets that pay, and what is moved.
fn holders(owner: Address) -> Vec<(Address, Account)> {
    let mint = address(4, 0);
    let of_owner = |data: &[u8]| Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.into(),
        owner,
        executable: false,
    };
    let mut accounts = Vec::new();
    for number in 0..COUNT {
        let [wallet, from, to] = [1, 2, 3].map(|kind| address(kind, number));
        accounts.push((wallet, Account::wallet(1_000_000_000)));
        if owner == program_ids::SYSTEM {
            accounts.push((to, Account::wallet(1_000_000_000)));
            continue;
        }
        for (account, holder) in [(from, wallet), (to, from)] {
            let state = TokenAccount::new(mint, holder, 1_000_000);
            accounts.push((account, of_owner(bytemuck::bytes_of(&state))));
        }
    }
    if owner != program_ids::SYSTEM {
        let state = Mint::new(mint, 6, None);
        accounts.push((mint, of_owner(bytemuck::bytes_of(&state))));
    }
    accounts
}

/// The kinds, those from files first.
fn kinds() -> [Kind; 5] {
    let compiled = |name, compiled: Compiled| Kind {
        name,
        owner: compiled.address,
        compiled: Some(compiled),
    };
    let native = |name, owner| Kind {
        name,
        owner,
        compiled: None,
    };
    [
        compiled("p-token", Compiled::of_network(program_ids::TOKEN)),
        compiled(
            "SPL Token 3.5.0",
            Compiled::before_features(program_ids::TOKEN),
        ),
        compiled("Token-2022", Compiled::of_network(TOKEN_2022)),
        native("lamports, native", program_ids::SYSTEM),
        native("tokens, native", program_ids::TOKEN),
    ]
}

fn rate(times: &mut [Duration]) -> [f64; 3] {
    median(times).map(|time| COUNT as f64 / time.as_secs_f64() / 1e6)
}

/// Runs the rounds and prints what they took.
pub(crate) fn run(rounds: usize) {
    println!("{COUNT} transfers, M/s as median (least to most) of {rounds} rounds");
    for kind in kinds() {
        let is_native = kind.compiled.is_none();
        let mut case = Case::new(kind);
        let mut times = Times::default();
        // LiteSVM has no native Token program.
        let is_judged = !is_native || case.name.starts_with("lamports");
        for round in 0..=rounds {
            if round == 0 {
                // Warms what is kept, and proves that both agree.
                if is_judged {
                    case.round(&mut Times::default());
                }
                continue;
            }
            if is_judged {
                case.round(&mut times);
            } else {
                for (threads, times) in case.threads.iter().zip(&mut times.ours) {
                    times.push(case.ours(threads, Recording::NONE).0);
                }
                times.with_logs.push(case.ours(&case.threads[0], LOGS).0);
            }
        }
        let [one, two] = &mut times.ours;
        let mut cells = vec![
            ("1 thread", rate(one)),
            ("2 threads", rate(two)),
            ("1 thread, logs", rate(&mut times.with_logs)),
        ];
        if is_judged {
            cells.push(("LiteSVM", rate(&mut times.judged)));
        }
        println!("{}", case.name);
        for (name, [middle, most, least]) in &cells {
            println!("  {name:16} {middle:.3} ({least:.3} to {most:.3})");
        }
        if is_judged {
            let ratio = |cell: usize| cells[cell].1[0] / cells[3].1[0];
            println!(
                "  times LiteSVM    {:.1}, with logs {:.1}",
                ratio(0),
                ratio(2)
            );
        }
    }
}
