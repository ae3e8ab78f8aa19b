//! Blocks in which next to everything goes to a few receivers, by every way and at every edge.

use std::sync::Arc;

use lockstep_interface::{
    Account, AccountMeta, Address, Instruction,
    address::{INCINERATOR, create_with_seed, program_ids},
    nonce::durable_nonce,
};
use lockstep_programs::{
    compute_budget::instruction as budget, system::instruction as system, trace,
};
use lockstep_runtime::{bank::FrozenBank, wire::WireBlock};
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::{collection::vec, prop_oneof, strategy::Just, strategy::Strategy as Generator};

use super::{
    assert_every_plan,
    dealer::{self, Dealer, Deed},
};
use crate::common::{
    ledger::{FEE, Ledger, RICH, address, data_account, nonce_account, rent_exempt, transaction},
    program::hush_panics_on_purpose,
};

/// The seed under which wallet 1 has an account of its own.
const SEED: &str = "till";

/// An account that pays, gives, or gets.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// Rich wallets.
    Wallet(u64),
    /// A wallet with little more than its rent-exempt minimum.
    Thin,
    /// A wallet below its minimum.
    Poor,
    /// Missing at first.
    Fresh,
    /// An account of the dealer, rich, with data.
    Vault(u64),
    /// A wallet with about half of what 64 bits hold.
    Half,
    /// A wallet with about all of what 64 bits hold.
    Full,
    /// A nonce account.
    Nonce,
    /// An executable account.
    Executable,
    Incinerator,
    /// The account under wallet 1's seed.
    Till,
}

impl Who {
    fn address(self) -> Address {
        let (kind, number) = match self {
            Self::Wallet(number) => (1, number),
            Self::Thin => (2, 0),
            Self::Poor => (3, 0),
            Self::Fresh => (4, 0),
            Self::Vault(number) => (5, number),
            Self::Half => (6, 0),
            Self::Full => (7, 0),
            Self::Nonce => (8, 0),
            Self::Executable => (9, 0),
            Self::Incinerator => return INCINERATOR,
            Self::Till => {
                let base = Self::Wallet(1).address();
                let till = create_with_seed(&base, SEED.as_bytes(), &program_ids::SYSTEM);
                return till.expect("the seed is short");
            }
        };
        address(100 * kind + number)
    }
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// Out of the payer if no source is named.
    Transfer(Option<Who>, Who, u64),
    /// Out of the till.
    TransferWithSeed(Who, u64),
    /// All that the source has if it has just what it had at first, less a fee or not.
    Drain(Who, Who, bool),
    Create(Who, Who, u64),
    Withdraw(Who, u64),
    Deal(Deed, u64, Who, u8, u64),
    /// Names accounts without a word about lamports.
    Trace(Who, bool),
    /// Accounts may hold so many bytes together.
    LoadedSize(u32),
}

/// A transaction: its payer, whether it carries a nonce, its instructions.
type Draft = (Who, bool, Vec<Move>);

fn who() -> impl Generator<Value = Who> {
    prop_oneof![
        8 => (0..3_u64).prop_map(Who::Wallet),
        4 => Just(Who::Thin),
        1 => Just(Who::Poor),
        2 => Just(Who::Fresh),
        3 => (0..2_u64).prop_map(Who::Vault),
        1 => Just(Who::Half),
        1 => Just(Who::Full),
        1 => Just(Who::Nonce),
        1 => Just(Who::Executable),
        1 => Just(Who::Incinerator),
        1 => Just(Who::Till),
    ]
}

fn amount() -> impl Generator<Value = u64> {
    prop_oneof![
        2 => Just(0),
        4 => 1..100_u64,
        2 => Just(FEE),
        4 => Just(rent_exempt(0)),
        1 => Just(rent_exempt(0) - 1),
        1 => Just(1 << 63),
        1 => RICH..RICH + 200,
        1 => Just(u64::MAX),
    ]
}

fn deed() -> impl Generator<Value = Deed> {
    (0..Deed::ALL.len()).prop_map(|number| Deed::ALL[number])
}

fn a_move() -> impl Generator<Value = Move> {
    // Mostly position 1 alone: what an honest dealer would declare.
    let declared = || prop_oneof![6 => Just(2_u8), 2 => Just(0), 1 => Just(3), 1 => any::<u8>()];
    prop_oneof![
        9 => (who(), amount()).prop_map(|(to, sum)| Move::Transfer(None, to, sum)),
        2 => (who(), who(), amount())
            .prop_map(|(from, to, sum)| Move::Transfer(Some(from), to, sum)),
        2 => (who(), amount()).prop_map(|(to, sum)| Move::TransferWithSeed(to, sum)),
        2 => (who(), who(), any::<bool>()).prop_map(|(from, to, fee)| Move::Drain(from, to, fee)),
        1 => (who(), who(), amount()).prop_map(|(from, to, sum)| Move::Create(from, to, sum)),
        1 => (who(), amount()).prop_map(|(to, sum)| Move::Withdraw(to, sum)),
        8 => (deed(), 0..2_u64, who(), declared(), amount())
            .prop_map(|(deed, vault, to, bits, sum)| Move::Deal(deed, vault, to, bits, sum)),
        1 => (who(), any::<bool>()).prop_map(|(who, writes)| Move::Trace(who, writes)),
        1 => (1..2_000_u32).prop_map(Move::LoadedSize),
    ]
}

/// Many wallets pay, now and then a receiver does.
fn draft() -> impl Generator<Value = Draft> {
    let payer = prop_oneof![6 => (10..60_u64).prop_map(Who::Wallet), 1 => who()];
    let nonce = prop_oneof![20 => Just(false), 1 => Just(true)];
    (payer, nonce, vec(a_move(), 1..3))
}

fn instruction(payer: Who, step: Move) -> Instruction {
    let meta = |who: Who, is_signer| AccountMeta::writable(who.address(), is_signer);
    match step {
        Move::Transfer(from, to, lamports) => {
            system::transfer(&from.unwrap_or(payer).address(), &to.address(), lamports)
        }
        Move::TransferWithSeed(to, lamports) => system::transfer_with_seed(
            &Who::Till.address(),
            &Who::Wallet(1).address(),
            SEED,
            &program_ids::SYSTEM,
            &to.address(),
            lamports,
        ),
        Move::Drain(from, to, fee) => {
            let sum = first_balance(from).saturating_sub(if fee { FEE } else { 0 });
            system::transfer(&from.address(), &to.address(), sum)
        }
        Move::Create(from, to, lamports) => {
            let owner = dealer::ADDRESS;
            system::create_account(&from.address(), &to.address(), lamports, 0, &owner)
        }
        Move::Withdraw(to, lamports) => {
            let (nonce, authority) = (Who::Nonce.address(), Who::Wallet(0).address());
            system::withdraw_nonce_account(&nonce, &authority, &to.address(), lamports)
        }
        Move::Deal(deed, vault, to, declared, lamports) => {
            let accounts = vec![
                meta(Who::Vault(vault), false),
                meta(to, false),
                meta(payer, true),
                AccountMeta::readonly(program_ids::SYSTEM, false),
                AccountMeta::readonly(dealer::ADDRESS, false),
            ];
            deed.instruction(accounts, declared, lamports)
        }
        Move::Trace(who, is_writable) => {
            let address = who.address();
            let account = AccountMeta {
                address,
                is_signer: false,
                is_writable,
            };
            trace::instruction(vec![account], 10, None)
        }
        Move::LoadedSize(bytes) => budget::set_loaded_accounts_data_size_limit(bytes),
    }
}

/// What there is at first.
fn first_balance(who: Who) -> u64 {
    match who {
        Who::Wallet(_) | Who::Nonce | Who::Executable | Who::Till => RICH,
        Who::Thin => rent_exempt(0) + FEE,
        Who::Poor => 1_000,
        Who::Fresh | Who::Incinerator => 0,
        Who::Vault(_) => rent_exempt(16) + RICH,
        Who::Half => (1 << 63) - 50,
        Who::Full => u64::MAX - 50,
    }
}

fn first_bank() -> Arc<FrozenBank> {
    let mut ledger = Ledger::new().with_program(Dealer);
    let some = [Who::Thin, Who::Poor, Who::Half, Who::Full, Who::Till];
    let wallets = (0..60).map(Who::Wallet).chain(some);
    for who in wallets {
        ledger.put(who.address(), Account::wallet(first_balance(who)));
    }
    for vault in [0, 1].map(Who::Vault) {
        ledger.put(vault.address(), data_account(dealer::ADDRESS, vec![0; 16]));
    }
    let executable = Account {
        executable: true,
        ..Account::wallet(RICH)
    };
    ledger.put(Who::Executable.address(), executable);
    let hash = lockstep_interface::Hash::new_from_array([5; 32]);
    let authority = Who::Wallet(0).address();
    let nonce = nonce_account(authority, &hash, RICH);
    ledger.put(Who::Nonce.address(), nonce);
    ledger.open()
}

fn block(bank: &FrozenBank, drafts: &[Draft]) -> WireBlock {
    let transactions = drafts.iter().map(|(payer, has_nonce, steps)| {
        let mut instructions = Vec::new();
        let mut blockhash = bank.block_hash();
        if *has_nonce {
            let (nonce, authority) = (Who::Nonce.address(), Who::Wallet(0).address());
            instructions.push(system::advance_nonce_account(&nonce, &authority));
            blockhash = durable_nonce(&lockstep_interface::Hash::new_from_array([5; 32]));
        }
        instructions.extend(steps.iter().map(|step| instruction(*payer, *step)));
        transaction(payer.address(), blockhash, &instructions)
    });
    transactions.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_plan_equals_the_serial_run(drafts in vec(draft(), 1..60), seed in any::<u64>()) {
        hush_panics_on_purpose();
        let bank = first_bank();
        let block = block(&bank, &drafts);
        assert_every_plan(&bank, &block, &[1, 2, 4, 8], seed);
    }
}
