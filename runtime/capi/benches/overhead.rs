//! What the C interface costs a validator: blocks of 10,000 transfers are built, read, executed and
//! committed through it and without it, in turn, by one process.
//!
//! `capi::block/transactions=N threads=1` is the median over rounds of the processor's time through
//! the interface, of that without, and of their ratio: on one thread, as all that the interface
//! does is on the caller's, and in the processor's time, so that a busy machine does not enter. The
//! accounts are in memory, signatures are not verified, seed none: payers and payees are all
//! different. Receipts are read as well.
#![expect(
    unsafe_code,
    reason = "the functions of the interface are called as C calls them"
)]
#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    reason = "a bench measures time and reports it"
)]

use std::{error::Error, ptr, sync::Arc};

use lockstep_capi::{
    AccountFields, BlockLimits, BuildOptions, Bytes, CHAIN_TRUSTS_SIGNATURES, ChainOptions,
    Receipt, Status,
    entry::{block, chain, genesis, receipts},
};
use lockstep_interface::{Account, Address};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, Chain, ChainOptions as Options},
    engine::Cancel,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TRANSFERS: u32 = 10_000;
const ROUNDS: u64 = 40;
/// Rounds before the clock counts.
const WARM_UP: u64 = 4;

fn wallet(number: u32) -> Address {
    let mut bytes = [1; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    Address::new_from_array(bytes)
}

/// Transfers between wallets that are all different, without signatures that mean anything.
fn transactions(blockhash: [u8; 32], count: u32) -> Outcome<Vec<Vec<u8>>> {
    let mut transactions = Vec::new();
    for number in 0..count {
        let (from, to) = (wallet(number), wallet(number.wrapping_add(TRANSFERS)));
        let pay = [transfer(&from, &to, 1)];
        let message = MessageBuilder::new(from, blockhash, &pay).compile()?;
        transactions.push(message.with_signatures(&[[0; 64]])?);
    }
    Ok(transactions)
}

/// NULL.
fn none<T>() -> *mut T {
    ptr::null_mut()
}

/// Fails if a call did.
fn done(status: Status) -> Outcome<()> {
    match status {
        Status::Ok => Ok(()),
        failed => Err(format!("{failed:?}").into()),
    }
}

/// Two chains, one of which builds what the other executes.
struct Direct([Chain; 2]);

impl Direct {
    fn open() -> Outcome<Self> {
        let open = || -> Outcome<Chain> {
            let accounts =
                (0..2 * TRANSFERS).map(|number| (wallet(number), Account::wallet(1 << 30)));
            let genesis = Genesis::new(accounts.collect(), builtin_programs()).without_limits();
            let options = Options {
                verifier: None,
                ..Options::new(Threads::new(1)?)
            };
            Ok(Chain::open(
                Arc::new(MemoryStore::new()),
                Trie::default(),
                genesis,
                options,
            )?)
        };
        Ok(Self([open()?, open()?]))
    }

    /// One block. Gives its id.
    fn run(&self, parent: [u8; 32], slot: u64, transactions: &[Vec<u8>]) -> Outcome<[u8; 32]> {
        let [producer, verifier] = &self.0;
        let size = transactions.iter().map(Vec::len).sum();
        let mut wire = WireBlock::with_capacity(transactions.len(), size);
        for transaction in transactions {
            wire.push(transaction);
        }
        let threads = &producer.options().threads;
        let mut source = ParsedBlock::new(wire, Signatures::Trusted, threads);
        let request = BuildRequest {
            parent: lockstep_interface::Hash::new_from_array(parent),
            slot,
            unix_timestamp: 0,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: Recording::NONE,
        };
        let cancel = Cancel::default();
        let built = producer.build(&request, &mut source, &cancel)?;
        let read = verifier.read(built.bytes().into())?;
        let executed = verifier.execute(&read, &cancel)?;
        let receipts = executed.receipts.ok_or("the block was known")?;
        assert!(receipts.iter().all(|receipt| receipt.status.is_ok()));
        producer.commit(&built.id)?;
        verifier.commit(&built.id)?;
        Ok(built.id.to_bytes())
    }
}

/// The same through the interface.
struct ThroughC([*mut lockstep_capi::Chain; 2]);

impl ThroughC {
    fn open() -> Outcome<Self> {
        let mut made = none();
        let mut chains = [none(); 2];
        // SAFETY: all pointers lead to values of this function, or are NULL.
        unsafe {
            done(genesis::lockstep_genesis_new(&raw mut made, none()))?;
            for number in 0..2 * TRANSFERS {
                let address = lockstep_capi::Address::from(wallet(number));
                let fields = AccountFields::from(&Account::wallet(1 << 30));
                let (address, fields) = (&raw const address, &raw const fields);
                done(genesis::lockstep_genesis_add_account(
                    made,
                    address,
                    fields,
                    none(),
                ))?;
            }
            let limits = BlockLimits {
                size: size_of::<BlockLimits>(),
                compute_units_max: u64::MAX,
                account_compute_units_max: u64::MAX,
                allocated_size_max: u64::MAX,
                transaction_bytes_max: u32::MAX.into(),
                slot_gap_max: u64::MAX,
                transaction_count_max: u32::MAX,
                wait_count_max: u32::MAX,
            };
            let limits = &raw const limits;
            done(genesis::lockstep_genesis_set_limits(made, limits, none()))?;
            let options = ChainOptions {
                size: size_of::<ChainOptions>(),
                directory: ptr::null(),
                storage: ptr::null(),
                cache_size: 0,
                thread_count: 1,
                reader_thread_count: 0,
                flags: CHAIN_TRUSTS_SIGNATURES,
                reserved: 0,
            };
            for chain in &mut chains {
                let options = &raw const options;
                done(chain::lockstep_chain_open(options, made, chain, none()))?;
            }
        }
        done(genesis::lockstep_genesis_free(made))?;
        Ok(Self(chains))
    }

    fn run(&self, parent: [u8; 32], slot: u64, transactions: &[Vec<u8>]) -> Outcome<[u8; 32]> {
        let [producer, verifier] = self.0;
        let list = transactions.iter().map(|transaction| Bytes {
            data: transaction.as_ptr(),
            size: transaction.len(),
        });
        let list: Vec<Bytes> = list.collect();
        let options = BuildOptions {
            size: size_of::<BuildOptions>(),
            parent: lockstep_capi::Hash { bytes: parent },
            slot,
            unix_timestamp: 0,
            strategy: ptr::null(),
            plan: none(),
            mode: 0,
            recording: 0,
            transactions: list.as_ptr(),
            transaction_count: list.len(),
            select: None,
            user: none(),
        };
        let (mut built, mut read, mut found) = (none(), none(), none());
        let (mut data, mut size, mut count) = (ptr::null(), 0, 0);
        let mut id = lockstep_capi::Hash::default();
        let mut outcomes: Vec<Receipt> = Vec::with_capacity(list.len());
        // SAFETY: all pointers lead to values of this function, or are NULL; the list of receipts
        // has room for as many as it says, and as many as are counted have been written.
        unsafe {
            let (options, id) = (&raw const options, &raw mut id);
            done(block::lockstep_chain_build(
                producer,
                options,
                none(),
                &raw mut built,
                none(),
            ))?;
            done(block::lockstep_block_header(built, id, none(), none()))?;
            let (data_place, size_place) = (&raw mut data, &raw mut size);
            done(block::lockstep_block_bytes(
                built,
                data_place,
                size_place,
                none(),
            ))?;
            done(block::lockstep_chain_read(
                verifier,
                data,
                size,
                &raw mut read,
                none(),
            ))?;
            let place = &raw mut found;
            done(block::lockstep_chain_execute(
                verifier,
                read,
                none(),
                place,
                none(),
            ))?;
            let (room, place) = (outcomes.capacity(), outcomes.as_mut_ptr());
            let counted = &raw mut count;
            done(receipts::lockstep_receipts_list(
                found,
                0,
                place,
                room,
                counted,
                none(),
            ))?;
            outcomes.set_len(count);
            for chain in [producer, verifier] {
                done(chain::lockstep_chain_commit(chain, id, none(), none()))?;
            }
        }
        assert!(outcomes.len() == list.len() && outcomes.iter().all(|one| one.outcome == 0));
        done(receipts::lockstep_receipts_free(found))?;
        done(block::lockstep_block_free(built))?;
        done(block::lockstep_block_free(read))?;
        Ok(id.bytes)
    }
}

/// Microseconds that the processor has worked for this thread, as Linux counts them.
fn used() -> Outcome<f64> {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = counts.split(' ').next().unwrap_or_default();
    Ok(nanoseconds.parse::<f64>()? / 1e3)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Runs blocks of `count` transfers on both ways in turn.
fn compare(count: u32) -> Outcome<()> {
    let (direct, through) = (Direct::open()?, ThroughC::open()?);
    let mut parent = direct.0[0].head().0.to_bytes();
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for slot in 1..=ROUNDS + WARM_UP {
        let transactions = transactions(parent, count)?;
        let clock = |run: &dyn Fn() -> Outcome<[u8; 32]>| -> Outcome<([u8; 32], f64)> {
            let start = used()?;
            Ok((run()?, used()? - start))
        };
        let one = || direct.run(parent, slot, &transactions);
        let other = || through.run(parent, slot, &transactions);
        // Whichever comes second finds warmer caches, so they take turns.
        let (plain, over) = if slot % 2 == 0 {
            let plain = clock(&one)?;
            (plain, clock(&other)?)
        } else {
            let over = clock(&other)?;
            (clock(&one)?, over)
        };
        assert_eq!(plain.0, over.0, "both come to the same block");
        parent = plain.0;
        if slot > WARM_UP {
            times[0].push(plain.1);
            times[1].push(over.1);
            times[2].push(over.1 / plain.1);
        }
    }
    let [plain, over, ratio] = &mut times;
    println!(
        "capi::block/transactions={count} threads=1  through C {:.1} us, without {:.1} us, \
         ratio {:.4}",
        median(over),
        median(plain),
        median(ratio)
    );
    for chain in through.0 {
        done(chain::lockstep_chain_close(chain))?;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    compare(TRANSFERS)
}
