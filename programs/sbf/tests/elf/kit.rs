//! What tests of whole programs on a chain share: chains with programs of a genesis, blocks that
//! run under every strategy, and accounts.

use lockstep_interface::{
    Account, AccountMeta, Address, Instruction, ProgramTable, Rent, address::program_ids,
};
use lockstep_programs::compute_budget::instruction::set_compute_unit_limit;
use lockstep_sbf::{program_accounts, with_loaders};
use lockstep_scheduler::Auto;
use lockstep_testing::{Block, Call, Chain};

use super::elf;

/// A chain of 8 threads with these programs, by the names of their files; `None` if one is missing.
pub(crate) fn chain(programs: &[(Address, &str)]) -> Option<Chain> {
    let mut builder = Chain::builder().programs(&with_loaders(ProgramTable::new()));
    for (address, name) in programs {
        let accounts = program_accounts(address, &elf(name)?, None, &Rent::MAINNET);
        builder = builder.without(address).accounts(accounts);
    }
    Some(builder.threads(8).strategy(Auto).build())
}

/// Calls of a block: few where tests have to be short, and thousands with `LOCKSTEP_FULL`.
pub(crate) fn sized(few: usize) -> usize {
    match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 2_000,
        None => few,
    }
}

/// Runs a block serially, under every strategy on 1, 2 and 4 threads, and on 8 threads, which must
/// agree. The last run stays.
#[track_caller]
pub(crate) fn run(chain: &mut Chain, calls: Vec<Call>) -> Block {
    chain.parallel_equals_serial(calls.clone());
    chain.run_block(calls)
}

/// The share of the calls of a block that succeed.
pub(crate) fn passed(block: &Block) -> usize {
    let count = block.executed().len();
    (0..count).filter(|call| block.call(*call).is_ok()).count()
}

/// A call with this many compute units, for which a wallet of the harness pays.
pub(crate) fn call(units: u32, instructions: &[Instruction]) -> Call {
    let limit = set_compute_unit_limit(units);
    Call::new([&[limit][..], instructions].concat())
}

pub(crate) fn writable(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, false)
}

pub(crate) fn reads(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, false)
}

pub(crate) fn signs(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, true)
}

pub(crate) fn pays(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, true)
}

/// An account of a program that holds what its data needs.
pub(crate) fn account(owner: &Address, data: Vec<u8>) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.into(),
        owner: *owner,
        executable: false,
    }
}

/// A mint of the Token program.
pub(crate) fn mint(authority: &Address, supply: u64, decimals: u8) -> Account {
    let mut data = vec![0; 82];
    data[0] = 1;
    data[4..36].copy_from_slice(authority.as_array());
    data[36..44].copy_from_slice(&supply.to_le_bytes());
    data[44] = decimals;
    data[45] = 1;
    account(&program_ids::TOKEN, data)
}

/// An account of tokens.
pub(crate) fn tokens(mint: &Address, owner: &Address, amount: u64) -> Account {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(mint.as_array());
    data[32..64].copy_from_slice(owner.as_array());
    data[64..72].copy_from_slice(&amount.to_le_bytes());
    data[108] = 1;
    account(&program_ids::TOKEN, data)
}

/// The amount of an account of tokens; `None` if there is none.
pub(crate) fn amount(chain: &Chain, account: &Address) -> Option<u64> {
    let account = chain.account(account)?;
    let amount = account.data.get(64..)?.first_chunk();
    amount.map(|amount| u64::from_le_bytes(*amount))
}
