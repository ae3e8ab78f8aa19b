//! Accounts at derived addresses; exact errors are held against recorded cases elsewhere.

use lockstep_interface::{Account, Address, InstructionError, Rent, address::program_ids};

use super::{associated_address, instruction::create_idempotent};
use crate::{
    testing::{Ledger, address},
    token::{Mint, TokenAccount, TokenState},
};

const PAYER: u8 = 1;
const WALLET: u8 = 2;
const MINT: u8 = 3;

fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.put(address(PAYER), Account::wallet(1_000_000_000));
    let mint = Account {
        lamports: 10_000_000,
        data: bytemuck::bytes_of(&Mint::new(address(PAYER), 6, None)).into(),
        owner: program_ids::TOKEN,
        executable: false,
    };
    ledger.put(address(MINT), mint);
    ledger
}

fn account_of(wallet: u8) -> Address {
    associated_address(&address(wallet), &program_ids::TOKEN, &address(MINT)).0
}

#[test]
fn an_account_is_created_once_whoever_asks() {
    for held in [0, 5] {
        let mut ledger = ledger();
        let account = account_of(WALLET);
        ledger.put(account, Account::wallet(held));
        let total = ledger.total();
        let create = create_idempotent(&address(PAYER), &address(WALLET), &address(MINT));
        assert_eq!(ledger.run(&create), Ok(()));
        let created = ledger.get(&account);
        assert_eq!(created.lamports, Rent::MAINNET.minimum_balance(165));
        let expected = TokenAccount::new(address(MINT), address(WALLET), 0);
        assert_eq!(*TokenAccount::read(&created.data).unwrap(), expected);
        assert_eq!(ledger.total(), total);

        assert_eq!(ledger.run(&create), Ok(()));
        assert_eq!(ledger.get(&account), created);
        let mut always = create;
        always.data = vec![0];
        assert_eq!(ledger.run(&always), Err(InstructionError::IllegalOwner));
    }
}

#[test]
fn another_address_is_refused() {
    let mut ledger = ledger();
    let mut create = create_idempotent(&address(PAYER), &address(WALLET), &address(MINT));
    create.accounts[1].address = account_of(9);
    assert_eq!(ledger.run(&create), Err(InstructionError::InvalidSeeds));
}
