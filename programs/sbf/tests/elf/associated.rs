//! The Associated Token Account program over p-token, both compiled, on a chain.

use lockstep_interface::{
    Address, Instruction,
    address::{find_program_address, program_ids},
};
use lockstep_testing::{Call, Chain, SOL};

use crate::kit::{
    amount, call, chain, mint, passed, pays, reads, run, signs, sized, tokens, writable,
};

const ASSOCIATED: Address = program_ids::ASSOCIATED_TOKEN;
const TOKEN: Address = program_ids::TOKEN;
/// The numbers of the program's instructions.
const CREATE: u8 = 0;
const CREATE_IDEMPOTENT: u8 = 1;
const RECOVER_NESTED: u8 = 2;

fn associated(owner: &Address, mint: &Address) -> Address {
    let seeds = [owner.as_array(), TOKEN.as_array(), mint.as_array()];
    find_program_address(&seeds.map(|seed| &seed[..]), &ASSOCIATED).0
}

fn create(kind: u8, payer: &Address, owner: &Address, mint: &Address) -> Instruction {
    Instruction {
        program: ASSOCIATED,
        accounts: vec![
            pays(payer),
            writable(&associated(owner, mint)),
            reads(owner),
            reads(mint),
            reads(&program_ids::SYSTEM),
            reads(&TOKEN),
        ],
        data: vec![kind],
    }
}

/// Brings home what lies at an account that an associated account of the wallet owns.
fn recover(wallet: &Address, mint: &Address) -> Instruction {
    let own = associated(wallet, mint);
    Instruction {
        program: ASSOCIATED,
        accounts: vec![
            writable(&associated(&own, mint)),
            reads(mint),
            writable(&own),
            writable(&own),
            reads(mint),
            pays(wallet),
            reads(&TOKEN),
        ],
        data: vec![RECOVER_NESTED],
    }
}

fn start() -> Option<(Chain, Address, Vec<Address>)> {
    let mut chain = chain(&[
        (ASSOCIATED, "spl_associated_token_account-1.1.1.so"),
        (TOKEN, "pinocchio_token_program.so"),
    ])?;
    let authority = chain.wallet("authority");
    let gold = chain.signer("gold");
    chain.set_accounts([(gold, mint(&authority, 0, 6))]);
    let wallets: Vec<Address> = (0..sized(24))
        .map(|number| chain.wallet(&format!("wallet {number}")))
        .collect();
    for wallet in &wallets {
        chain.airdrop(wallet, SOL);
    }
    Some((chain, gold, wallets))
}

#[test]
fn blocks_that_make_and_recover_associated_accounts() {
    let Some((mut chain, gold, wallets)) = start() else {
        return;
    };
    // Each wallet pays for its neighbour's account; some do so twice.
    let made = (0..wallets.len()).flat_map(|number| {
        let [payer, owner] = [number, (number + 1) % wallets.len()].map(|place| wallets[place]);
        let kind = match number % 3 {
            0 => CREATE,
            _ => CREATE_IDEMPOTENT,
        };
        let once = call(100_000, &[create(kind, &payer, &owner, &gold)]);
        let again = create(CREATE_IDEMPOTENT, &payer, &owner, &gold);
        let again = call(100_000, &[again]);
        if number % 4 == 0 {
            vec![once, again]
        } else {
            vec![once]
        }
    });
    let made: Vec<Call> = made.collect();
    run(&mut chain, made).all_ok();
    for wallet in &wallets {
        assert_eq!(amount(&chain, &associated(wallet, &gold)), Some(0));
    }
    // What is there cannot be made again.
    let [payer, owner] = [&wallets[0], &wallets[1]];
    let again = call(100_000, &[create(CREATE, payer, owner, &gold)]);
    assert_eq!(passed(&run(&mut chain, vec![again])), 0);

    let nested = wallets.iter().map(|wallet| {
        let own = associated(wallet, &gold);
        (associated(&own, &gold), tokens(&gold, &own, 70))
    });
    let nested: Vec<_> = nested.collect();
    chain.set_accounts(nested);
    let recovered = wallets.iter().enumerate().map(|(number, wallet)| {
        let mut instruction = recover(wallet, &gold);
        if number % 8 == 7 {
            // A stranger cannot.
            let stranger = &wallets[(number + 1) % wallets.len()];
            instruction.accounts[5] = signs(stranger);
            return call(100_000, &[instruction]);
        }
        call(100_000, &[instruction])
    });
    let recovered: Vec<Call> = recovered.collect();
    let block = run(&mut chain, recovered);
    assert_eq!(passed(&block), wallets.len() - wallets.len() / 8);
    for (number, wallet) in wallets.iter().enumerate() {
        let expected = if number % 8 == 7 { 0 } else { 70 };
        assert_eq!(amount(&chain, &associated(wallet, &gold)), Some(expected));
    }
}
