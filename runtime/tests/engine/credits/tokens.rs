//! Blocks of token transfers that end at a few accounts, by every way and at every edge.

use std::sync::Arc;

use lockstep_interface::{
    Account, AccountMeta, Instruction, InstructionError, address::program_ids,
};
use lockstep_programs::{
    system::instruction as system,
    token::{Mint, NATIVE_MINT, TokenAccount, TokenError, TokenInstruction, instruction as token},
};
use lockstep_runtime::bank::FrozenBank;
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::{collection::vec, prop_oneof, strategy::Just, strategy::Strategy as Generator};

use super::{assert_every_plan, run};
use crate::common::{
    ledger::{Ledger, address, data_account, transaction},
    run::{SUCCEEDED, failed_at},
};

const MINT: u64 = 1_000;
/// The account that all others pay to.
const SHOP: u64 = 2_000;
/// The first of the payers' accounts.
const PURSE: u64 = 3_000;
const DECIMALS: u8 = 2;

fn put(ledger: &mut Ledger, number: u64, account: &TokenAccount) {
    let data = bytemuck::bytes_of(account).to_vec();
    ledger.put(address(number), data_account(program_ids::TOKEN, data));
}

/// A mint of wallet 0, wallets with a purse of 1,000 tokens each, and a shop with an amount.
fn ledger(shop: u64, supply: u64) -> Ledger {
    let mut ledger = Ledger::with_wallets(0..60);
    let mut mint = Mint::new(address(0), DECIMALS, Some(address(0)));
    mint.supply.set(supply);
    let data = bytemuck::bytes_of(&mint).to_vec();
    ledger.put(address(MINT), data_account(program_ids::TOKEN, data));
    put(
        &mut ledger,
        SHOP,
        &TokenAccount::new(address(MINT), address(1), shop),
    );
    for wallet in 0..60 {
        let purse = TokenAccount::new(address(MINT), address(wallet), 1_000);
        put(&mut ledger, PURSE + wallet, &purse);
    }
    ledger
}

fn pay(wallet: u64, amount: u64) -> (u64, Instruction) {
    let [purse, shop, owner] = [PURSE + wallet, SHOP, wallet].map(address);
    (wallet, token::transfer(&purse, &shop, &owner, amount))
}

fn pay_checked(wallet: u64, amount: u64) -> (u64, Instruction) {
    let [purse, mint, shop, owner] = [PURSE + wallet, MINT, SHOP, wallet].map(address);
    let instruction = token::transfer_checked([&purse, &mint, &shop], &owner, amount, DECIMALS);
    (wallet, instruction)
}

fn amount(bank: &FrozenBank, number: u64) -> u64 {
    let account = bank.get(&address(number));
    let account = account.expect("memory does not fail").expect("it exists");
    bytemuck::from_bytes::<TokenAccount>(&account.data)
        .amount
        .get()
}

#[test]
fn payments_to_one_shop_need_no_order() {
    let mut drafts: Vec<_> = (0..30).map(|wallet| pay(wallet, 3)).collect();
    drafts.extend((30..60).map(|wallet| pay_checked(wallet, 4)));
    let found = run(ledger(5, 60_000), &drafts);
    assert_eq!(found.verdicts(), vec![SUCCEEDED; 60]);
    assert_eq!((found.credit_count, found.batch_count()), (60, 1));
    assert_eq!(amount(&found.outcome.bank, SHOP), 5 + 30 * 3 + 30 * 4);
}

#[test]
fn minting_needs_no_order_either() {
    // Wallets mint to their own purses: all they share is the supply, and the authority.
    let mint = |wallet: u64| {
        let [mint, purse, authority] = [MINT, PURSE + wallet, 0].map(address);
        (wallet, token::mint_to(&mint, &purse, &authority, 7))
    };
    let found = run(ledger(0, 60_000), &(1..50).map(mint).collect::<Vec<_>>());
    assert_eq!(found.verdicts(), vec![SUCCEEDED; 49]);
    assert_eq!((found.credit_count, found.batch_count()), (49, 1));
    let bank = found.outcome.bank;
    let account = bank.get(&address(MINT)).unwrap().unwrap();
    let supply = bytemuck::from_bytes::<Mint>(&account.data).supply;
    assert_eq!(supply.get(), 60_000 + 49 * 7);
}

#[test]
fn sums_near_the_limit_of_64_bits_keep_their_order() {
    let drafts = [pay(0, 100), pay(1, 50), pay(2, 51), pay(3, 1)];
    let found = run(ledger(u64::MAX - 200, u64::MAX), &drafts);
    let overflow = || failed_at(0, InstructionError::Custom(TokenError::Overflow as u32));
    let expected = [SUCCEEDED, SUCCEEDED, overflow(), SUCCEEDED];
    assert_eq!(found.verdicts(), expected);
    assert_eq!(found.credit_count, 0);
}

#[test]
fn an_account_that_pays_now_and_then_is_still_shared() {
    let mut drafts: Vec<_> = (2..22).map(|wallet| pay(wallet, 3)).collect();
    let [shop, purse, owner] = [SHOP, PURSE, 1].map(address);
    drafts.push((1, token::transfer(&shop, &purse, &owner, 60)));
    drafts.extend((22..42).map(|wallet| pay(wallet, 3)));
    let found = run(ledger(0, 60_000), &drafts);
    assert_eq!(found.verdicts(), vec![SUCCEEDED; 41]);
    assert_eq!((found.credit_count, found.batch_count()), (40, 3));
    assert_eq!(amount(&found.outcome.bank, SHOP), 60);
}

/// One instruction; accounts by number.
#[derive(Clone, Copy, Debug)]
enum Move {
    Transfer(u64, u64, u64),
    Checked(u64, u64, u64),
    Mint(u64, u64),
    Burn(u64, u64),
    Approve(u64, u64, u64),
    Freeze(u64),
    Thaw(u64),
    Close(u64, u64),
    Sync(u64),
    Lamports(u64, u64),
    GiveAway(u64, u64),
}

/// Shops: an ordinary one, one near the limit, a frozen one, wrapped lamports, one of another mint,
/// one that is not in use, a wallet; and purses.
fn any_account() -> impl Generator<Value = u64> {
    prop_oneof![
        8 => Just(SHOP),
        4 => SHOP + 1..SHOP + 8,
        4 => PURSE..PURSE + 20,
        1 => Just(MINT),
    ]
}

fn any_amount() -> impl Generator<Value = u64> {
    prop_oneof![
        8 => 0..40_u64,
        1 => 990..1_010_u64,
        1 => Just(1 << 63),
        1 => Just(u64::MAX),
    ]
}

fn any_move() -> impl Generator<Value = Move> {
    let purse = || PURSE..PURSE + 20;
    let account = any_account;
    let amount = any_amount;
    prop_oneof![
        12 => (purse(), account(), amount()).prop_map(|(a, b, n)| Move::Transfer(a, b, n)),
        4 => (account(), account(), amount()).prop_map(|(a, b, n)| Move::Transfer(a, b, n)),
        6 => (purse(), account(), amount()).prop_map(|(a, b, n)| Move::Checked(a, b, n)),
        6 => (account(), amount()).prop_map(|(a, n)| Move::Mint(a, n)),
        2 => (account(), amount()).prop_map(|(a, n)| Move::Burn(a, n)),
        2 => (purse(), 0..20_u64, amount()).prop_map(|(a, b, n)| Move::Approve(a, b, n)),
        1 => account().prop_map(Move::Freeze),
        1 => account().prop_map(Move::Thaw),
        1 => (account(), account()).prop_map(|(a, b)| Move::Close(a, b)),
        1 => account().prop_map(Move::Sync),
        2 => (account(), amount()).prop_map(|(a, n)| Move::Lamports(a, n)),
        1 => (account(), 0..20_u64).prop_map(|(a, b)| Move::GiveAway(a, b)),
    ]
}

/// An instruction of which a wallet signs what has to be signed.
fn instruction(wallet: u64, step: Move) -> Instruction {
    let writable = |number: u64| AccountMeta::writable(address(number), false);
    let signer = || AccountMeta::readonly(address(wallet), true);
    let target = |number| vec![writable(number), writable(MINT), signer()];
    let decimals = None;
    match step {
        Move::Transfer(from, to, amount) => {
            token::transfer(&address(from), &address(to), &address(wallet), amount)
        }
        Move::Checked(from, to, amount) => {
            let [from, mint, to] = [from, MINT, to].map(address);
            token::transfer_checked([&from, &mint, &to], &address(wallet), amount, DECIMALS)
        }
        Move::Mint(to, amount) => {
            token::mint_to(&address(MINT), &address(to), &address(wallet), amount)
        }
        Move::Burn(from, amount) => TokenInstruction::Burn { amount, decimals }.call(target(from)),
        Move::Approve(from, delegate, amount) => {
            let accounts = vec![
                writable(from),
                AccountMeta::readonly(address(delegate), false),
                signer(),
            ];
            TokenInstruction::Approve { amount, decimals }.call(accounts)
        }
        Move::Freeze(number) => TokenInstruction::FreezeAccount.call(target(number)),
        Move::Thaw(number) => TokenInstruction::ThawAccount.call(target(number)),
        Move::Close(number, to) => {
            token::close_account(&address(number), &address(to), &address(wallet))
        }
        Move::Sync(number) => TokenInstruction::SyncNative.call(vec![writable(number)]),
        Move::Lamports(to, amount) => system::transfer(&address(wallet), &address(to), amount),
        Move::GiveAway(number, to) => {
            let authority = Some(address(to));
            let kind = lockstep_programs::token::AuthorityKind::AccountOwner;
            let call = TokenInstruction::SetAuthority { kind, authority };
            call.call(vec![writable(number), signer()])
        }
    }
}

fn first_bank() -> Arc<FrozenBank> {
    let mut ledger = ledger(5, u64::MAX / 2 - 500);
    let shop = |amount| TokenAccount::new(address(MINT), address(1), amount);
    put(&mut ledger, SHOP + 1, &shop(u64::MAX - 60));
    put(&mut ledger, SHOP + 2, &shop((1 << 63) - 60));
    let mut frozen = bytemuck::bytes_of(&shop(0)).to_vec();
    frozen[108] = 2;
    ledger.put(address(SHOP + 3), data_account(program_ids::TOKEN, frozen));
    let mut wrapped = TokenAccount::new(NATIVE_MINT, address(2), 0);
    wrapped.native_reserve.set(Some(2_039_280.into()));
    put(&mut ledger, SHOP + 4, &wrapped);
    put(&mut ledger, PURSE + 2, &{
        wrapped.amount.set(1_000);
        wrapped
    });
    let other = TokenAccount::new(address(7), address(1), 0);
    put(&mut ledger, SHOP + 5, &other);
    let unused = data_account(program_ids::TOKEN, vec![0; 165]);
    ledger.put(address(SHOP + 6), unused);
    ledger.put(address(SHOP + 7), Account::wallet(1_000_000));
    ledger.open()
}

/// Wallets in turn pay with their own purses, mostly.
fn draft() -> impl Generator<Value = (u64, Vec<Move>)> {
    let own = (0..20_u64, any_account(), any_amount()).prop_map(|(wallet, to, amount)| {
        (wallet, vec![Move::Transfer(PURSE + wallet, to, amount)])
    });
    prop_oneof![4 => own, 3 => (0..20_u64, vec(any_move(), 1..3))]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_plan_of_tokens_equals_the_serial_run(
        drafts in vec(draft(), 1..60),
        seed in any::<u64>(),
    ) {
        let bank = first_bank();
        let transactions = drafts.iter().map(|(wallet, steps)| {
            let steps = steps.iter().map(|step| instruction(*wallet, *step));
            let instructions: Vec<Instruction> = steps.collect();
            transaction(address(*wallet), bank.block_hash(), &instructions)
        });
        let block = transactions.collect();
        assert_every_plan(&bank, &block, &[1, 2, 4], seed);
    }
}
