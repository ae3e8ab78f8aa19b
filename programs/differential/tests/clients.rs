//! Transactions that Solana's own client crates build and sign are accepted: Token, Associated
//! Token Account and Address Lookup Table, from wire bytes to receipts.

use std::sync::Arc;

use lockstep_interface::{Account, Address, Rent, address::program_ids};
use lockstep_programs::{
    builtin_programs,
    token::{Mint, TokenAccount, TokenState},
};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::{BlockLimits, Recording},
    engine::{Cancel, Engine, How},
    verify::{ParsedBlock, Signatures, Verifier},
    wire::WireBlock,
};
use lockstep_scheduler::{Layered, Mode};
use lockstep_store::MemoryStore;
use solana_address_lookup_table_interface::{
    instruction::{create_lookup_table, extend_lookup_table},
    state::AddressLookupTable,
};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::{Instruction, Transaction};
use spl_associated_token_account_interface::{
    address::get_associated_token_address, instruction::create_associated_token_account_idempotent,
};
use spl_token_interface::instruction as spl;

fn address(key: &Pubkey) -> Address {
    Address::new_from_array(key.to_bytes())
}

/// A ledger and the key pair that pays for everything.
struct Client {
    engine: Engine,
    tip: Arc<FrozenBank>,
    payer: Keypair,
}

impl Client {
    /// A payer, and an unused account at `mint` with room for one.
    fn new(mint: &Pubkey) -> Self {
        let payer = Keypair::new();
        let unused = Account {
            lamports: Rent::MAINNET.minimum_balance(82),
            data: vec![0; 82].into(),
            owner: program_ids::TOKEN,
            executable: false,
        };
        let accounts = vec![
            (address(&payer.pubkey()), Account::wallet(10_000_000_000)),
            (address(mint), unused),
        ];
        let genesis = Genesis::new(accounts, builtin_programs());
        let tip = genesis.open(Arc::new(MemoryStore::new())).unwrap();
        Self {
            engine: Engine::new(2).unwrap(),
            tip,
            payer,
        }
    }

    /// Signs one transaction of these instructions and runs it as a block of its own.
    fn send(&mut self, instructions: &[Instruction], others: &[&Keypair]) {
        let blockhash = self.tip.block_hash().to_bytes().into();
        let payer = self.payer.pubkey();
        let signers = [vec![&self.payer], others.to_vec()].concat();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), &signers, blockhash);
        let wire = wincode::serialize(&transaction).unwrap();
        let block: WireBlock = [wire].into_iter().collect();
        let verifier = Verifier::default();
        let signatures = Signatures::Verify(&verifier);
        let parsed = ParsedBlock::new(block, signatures, self.engine.threads());
        let bank = self.tip.child(self.tip.slot() + 1, 0);
        let prepared = self.engine.prepare(&bank, &parsed).unwrap();
        let how = How::Planned {
            strategy: &Layered,
            mode: Mode::Replay,
        };
        let cancel = Cancel::default();
        let unsealed = self
            .engine
            .execute(bank, prepared, how, Recording::ALL, &cancel)
            .unwrap();
        let limits = BlockLimits::UNLIMITED;
        let processed = unsealed
            .seal(&self.engine, &Layered, &limits)
            .unwrap()
            .frozen;
        let receipt = processed.receipts.iter().next().unwrap().clone().unwrap();
        assert_eq!(receipt.status, Ok(()), "{receipt:?}");
        self.tip = processed.bank.clone();
    }

    fn account(&self, key: &Pubkey) -> Account {
        self.tip.get(&address(key)).unwrap().unwrap()
    }

    fn amount(&self, key: &Pubkey) -> u64 {
        TokenAccount::read(&self.account(key).data)
            .unwrap()
            .amount
            .get()
    }
}

#[test]
fn tokens_of_a_client_move() {
    let program = spl_token_interface::id();
    let mint = Keypair::new().pubkey();
    let mut client = Client::new(&mint);
    let (payer, receiver) = (client.payer.pubkey(), Keypair::new());
    let source = get_associated_token_address(&payer, &mint);
    let target = get_associated_token_address(&receiver.pubkey(), &mint);
    client.send(
        &[
            spl::initialize_mint2(&program, &mint, &payer, None, 6).unwrap(),
            create_associated_token_account_idempotent(&payer, &payer, &mint, &program),
            create_associated_token_account_idempotent(&payer, &receiver.pubkey(), &mint, &program),
            spl::mint_to(&program, &mint, &source, &payer, &[], 1_000).unwrap(),
            spl::transfer_checked(&program, &source, &mint, &target, &payer, &[], 400, 6).unwrap(),
        ],
        &[],
    );
    assert_eq!((client.amount(&source), client.amount(&target)), (600, 400));
    let supply = Mint::read(&client.account(&mint).data)
        .unwrap()
        .supply
        .get();
    assert_eq!(supply, 1_000);

    // A second signer, a delegate, a closed account.
    let owner = receiver.pubkey();
    client.send(
        &[
            spl::approve(&program, &target, &payer, &owner, &[], 150).unwrap(),
            spl::transfer(&program, &target, &source, &payer, &[], 150).unwrap(),
            spl::burn(&program, &target, &mint, &owner, &[], 250).unwrap(),
            spl::close_account(&program, &target, &payer, &owner, &[]).unwrap(),
        ],
        &[&receiver],
    );
    assert_eq!(client.amount(&source), 750);
    assert!(client.tip.get(&address(&target)).unwrap().is_none());
}

#[test]
fn a_lookup_table_of_a_client_is_read_by_its_own_crate() {
    let mut client = Client::new(&Keypair::new().pubkey());
    let payer = client.payer.pubkey();
    let (create, table) = create_lookup_table(payer, payer, client.tip.slot());
    let added: Vec<Pubkey> = (0..5).map(|_| Keypair::new().pubkey()).collect();
    let extend = extend_lookup_table(table, payer, Some(payer), added.clone());
    client.send(&[create, extend], &[]);
    let account = client.account(&table);
    let found = AddressLookupTable::deserialize(&account.data).unwrap();
    assert_eq!(found.addresses.to_vec(), added);
    assert_eq!(found.meta.authority, Some(payer));
}
