//! Token-2022 as it is deployed on Solana's main network, run by the upgradeable loader in blocks
//! of a thousand calls. The harness runs every block serially, too, and compares the results.

use lockstep_interface::{AccountMeta, Address, Instruction, ProgramTable, Rent};
use lockstep_sbf::{program_accounts, with_loaders};
use lockstep_scheduler::{Auto, Lanes, Layered, Strategy, Waits};
use lockstep_testing::{Call, Chain};

use super::elf;

pub(crate) const TOKEN_2022: Address =
    Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
const WALLETS: usize = 24;
const CALLS: usize = 1_000;

/// An instruction of the program, of its number, its numbers, and its accounts.
fn call(tag: u8, fields: &[&[u8]], accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: TOKEN_2022,
        accounts,
        data: [&[&[tag][..]], fields].concat().concat(),
    }
}

fn writable(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, false)
}

fn readonly(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, false)
}

fn signer(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, true)
}

/// The System program's creation of an account of the program.
fn create(payer: &Address, new: &Address, size: u64) -> Instruction {
    let lamports = Rent::MAINNET.minimum_balance(usize::try_from(size).unwrap());
    lockstep_programs::system::instruction::create_account(payer, new, lamports, size, &TOKEN_2022)
}

struct World {
    chain: Chain,
    mint: Address,
    authority: Address,
    /// Owner and account.
    wallets: Vec<(Address, Address)>,
}

impl World {
    /// A mint with accounts of 100 tokens each.
    fn new(file: &[u8], threads: usize, strategy: impl Strategy + 'static) -> Self {
        let builder = Chain::builder().programs(&with_loaders(ProgramTable::new()));
        let accounts = program_accounts(&TOKEN_2022, file, None, &Rent::MAINNET);
        let builder = builder.accounts(accounts).threads(threads);
        let mut chain = builder.strategy(strategy).build();
        let (authority, mint) = (chain.wallet("authority"), chain.signer("mint"));
        let authorities = [&[2][..], authority.as_array(), &[1], authority.as_array()];
        let make = call(20, &authorities, vec![writable(&mint)]);
        let make = Call::new([create(&authority, &mint, 82), make]).payer(authority);
        chain.run(make).all_ok();
        let wallets: Vec<_> = (0..WALLETS)
            .map(|number| {
                let owner = chain.wallet(&format!("owner {number}"));
                (owner, chain.signer(&format!("purse {number}")))
            })
            .collect();
        let open = wallets.iter().map(|(owner, purse)| {
            let accounts = vec![writable(purse), readonly(&mint)];
            let open = call(18, &[owner.as_array()], accounts);
            Call::new([create(owner, purse, 165), open]).payer(*owner)
        });
        let open: Vec<Call> = open.collect();
        chain.run_block(open).all_ok();
        let mint_to = wallets.iter().map(|(_, purse)| {
            let accounts = vec![writable(&mint), writable(purse), signer(&authority)];
            call(7, &[&100u64.to_le_bytes()], accounts)
        });
        let mint_to: Vec<Instruction> = mint_to.collect();
        chain.run_block(mint_to.iter()).all_ok();
        Self {
            chain,
            mint,
            authority,
            wallets,
        }
    }

    fn balance(&self, purse: &Address) -> Option<u64> {
        let account = self.chain.account(purse)?;
        let amount = account.data[64..].first_chunk();
        Some(u64::from_le_bytes(*amount.unwrap()))
    }
}

/// Transfers, approvals, burns, freezes, and the end of an account. Returns what is left.
fn run(file: &[u8], threads: usize, strategy: impl Strategy + 'static) -> Vec<Option<u64>> {
    let mut world = World::new(file, threads, strategy);
    let (mint, authority) = (world.mint, world.authority);
    let wallets = world.wallets.clone();
    let calls = (0..CALLS).map(|number| {
        let (owner, from) = wallets[number * 7 % WALLETS];
        let (other, to) = wallets[(number * 5 + 1) % WALLETS];
        let amount = (number as u64 % 3 + 1).to_le_bytes();
        let signed = |first: &Address| vec![writable(&from), readonly(first), signer(&owner)];
        match number % 10 {
            // A transfer that names the mint, an approval, its end, a burn, a plain transfer.
            0..6 => {
                let accounts = vec![
                    writable(&from),
                    readonly(&mint),
                    writable(&to),
                    signer(&owner),
                ];
                call(12, &[&amount, &[2]], accounts)
            }
            6 => call(4, &[&amount], signed(&other)),
            7 => call(5, &[], vec![writable(&from), signer(&owner)]),
            8 => {
                let accounts = vec![writable(&from), writable(&mint), signer(&owner)];
                call(8, &[&amount], accounts)
            }
            _ => {
                let accounts = vec![writable(&from), writable(&to), signer(&owner)];
                call(3, &[&amount], accounts)
            }
        }
    });
    let calls: Vec<Instruction> = calls.collect();
    let block = world.chain.run_block(calls.iter());
    let passed = (0..CALLS)
        .filter(|place| block.call(*place).is_ok())
        .count();
    assert!(passed > CALLS / 2, "{passed} of {CALLS} pass");

    // A frozen account moves nothing; an empty one is closed.
    let (owner, purse) = wallets[0];
    let (other, target) = wallets[1];
    let frozen = || vec![writable(&purse), readonly(&mint), signer(&authority)];
    let pay = |amount: u64| {
        let accounts = vec![writable(&purse), writable(&target), signer(&owner)];
        call(3, &[&amount.to_le_bytes()], accounts)
    };
    let left = world.balance(&purse).unwrap();
    let close = vec![writable(&purse), writable(&other), signer(&owner)];
    let ends = [
        call(10, &[], frozen()),
        pay(left),
        call(11, &[], frozen()),
        pay(left),
        call(9, &[], close),
    ];
    let block = world.chain.run_block(ends.iter());
    let passed: Vec<bool> = (0..5).map(|place| block.call(place).is_ok()).collect();
    assert_eq!(passed, [true, false, true, true, true]);
    let balances = wallets.iter().map(|(_, purse)| world.balance(purse));
    balances.collect()
}

#[test]
fn blocks_of_token_2022_equal_a_serial_run() {
    let Some(file) = elf("spl_token_2022-11.0.0.so") else {
        return;
    };
    let expected = run(&file, 1, Layered);
    assert_eq!(expected[0], None, "the first account is closed");
    assert_eq!(run(&file, 2, Waits), expected);
    assert_eq!(run(&file, 8, Auto), expected);
    run(&file, 2, Lanes);
}
