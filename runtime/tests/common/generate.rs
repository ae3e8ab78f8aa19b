//! From choices to blocks: transactions of all kinds, good and bad, over few or many accounts.
//!
//! Meant to meet: conflicts of every shape, accounts that come and go inside a block, nonces that
//! several transactions want, payers that run dry, lookup tables, duplicates, and bytes that are
//! no transaction. The generator does not know what becomes of its transactions.

use std::{cell::RefCell, sync::Arc};

use lockstep_interface::{
    Account, AccountMeta, Address, Hash, Instruction, InstructionError, InvokeContext,
    address::{INCINERATOR, program_ids, sysvar_ids},
    nonce::durable_nonce,
};
use lockstep_programs::{
    compute_budget::instruction as budget, system::instruction as system, trace,
};
use lockstep_runtime::{
    bank::FrozenBank,
    wire::{LookupTable, MessageBuilder, TransactionConfig, WireBlock},
};
use lockstep_store::{MemoryStore, Store};

use super::{
    choices::Choices,
    ledger::{self, FEE, Ledger, RICH, Table, address, rent_exempt, unsigned},
    program::{
        Behaviour, OnPurpose, TestProgram, argument, arguments, call, hush_panics_on_purpose,
    },
};

/// What a created account gets; draining takes exactly that.
const STAKE: u64 = 2_000_000;
/// Bytes of a created account.
const SPACE: u64 = 24;
/// Compute units of most trace instructions; enough for batches to be worth a barrier.
const COST: usize = 3_000;

/// How many accounts of a kind there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Rich wallets.
    pub(crate) wallets: u64,
    /// Accounts of the trace program and of the test program, each.
    pub(crate) data: u64,
    /// Addresses without an account at first.
    pub(crate) fresh: u64,
    /// Nonce accounts.
    pub(crate) nonces: u64,
}

impl Shape {
    /// Nearly everything conflicts.
    pub(crate) const FEW: Self = Self {
        wallets: 4,
        data: 3,
        fresh: 3,
        nonces: 2,
    };
    /// Few conflicts.
    pub(crate) const MANY: Self = Self {
        wallets: 3_000,
        data: 2_000,
        fresh: 500,
        nonces: 50,
    };
}

/// The accounts that blocks are generated over.
#[derive(Debug)]
pub(crate) struct World {
    wallets: Vec<Address>,
    poor: Vec<Address>,
    traced: Vec<Address>,
    owned: Vec<Address>,
    fresh: Vec<Address>,
    nonces: Vec<Address>,
    tables: Vec<LookupTable>,
    /// Transactions of earlier blocks, to be sent again.
    sent: RefCell<Vec<Vec<u8>>>,
}

/// Balances around every edge that a fee payer can be at.
const POOR: [u64; 7] = [
    1,
    FEE - 1,
    FEE,
    FEE + 1,
    890_880 + FEE - 1,
    890_880 + FEE,
    890_880 + 3 * FEE,
];

impl World {
    /// The accounts, and the first bank that holds them.
    pub(crate) fn new(shape: Shape) -> (Self, Arc<FrozenBank>) {
        Self::on(shape, Arc::new(MemoryStore::new()))
    }

    /// The same on a store of the caller's.
    pub(crate) fn on(shape: Shape, store: Arc<dyn Store>) -> (Self, Arc<FrozenBank>) {
        let (world, ledger) = Self::with_ledger(shape);
        (world, ledger.open_on(store))
    }

    /// The accounts, and the ledger that holds them at first.
    pub(crate) fn with_ledger(shape: Shape) -> (Self, Ledger) {
        hush_panics_on_purpose();
        let many = |kind: u64, count: u64| -> Vec<Address> {
            (0..count)
                .map(|number| address(kind << 32 | number))
                .collect()
        };
        let world = Self {
            wallets: many(1, shape.wallets),
            poor: many(2, POOR.len() as u64),
            traced: many(3, shape.data),
            owned: many(4, shape.data),
            fresh: many(5, shape.fresh),
            nonces: many(6, shape.nonces),
            tables: many(7, 4)
                .into_iter()
                .map(|address| LookupTable {
                    address,
                    addresses: Vec::new(),
                })
                .collect(),
            sent: RefCell::default(),
        };
        world.found()
    }

    fn found(mut self) -> (Self, Ledger) {
        let mut ledger = Ledger::new().with_program(TestProgram::new(BEHAVIOURS));
        for wallet in &self.wallets {
            ledger.put(*wallet, Account::wallet(RICH));
        }
        for (poor, lamports) in self.poor.iter().zip(POOR) {
            ledger.put(*poor, Account::wallet(lamports));
        }
        for (number, traced) in self.traced.iter().enumerate() {
            let data = vec![number.to_le_bytes()[0]; [0, 8, 40, 200][number % 4]];
            ledger.put(*traced, ledger::data_account(trace::ADDRESS, data));
        }
        for owned in &self.owned {
            let data = vec![7; 16];
            ledger.put(*owned, ledger::data_account(super::program::ADDRESS, data));
        }
        let first_hash = Hash::new_from_array([3; 32]);
        for (number, nonce) in self.nonces.iter().enumerate() {
            let authority = self.wallets[number % self.wallets.len()];
            let lamports = [rent_exempt(80) + 2 * FEE, RICH][number % 2];
            ledger.put(
                *nonce,
                ledger::nonce_account(authority, &first_hash, lamports),
            );
        }
        // The last table is deactivated, the one before names an account that others name.
        for (number, table) in self.tables.iter_mut().enumerate() {
            let some = self.traced.iter().chain(&self.wallets).chain(&self.fresh);
            table.addresses = some
                .skip(number)
                .step_by(number + 1)
                .take(9)
                .copied()
                .collect();
            let mut account = Table::of(table.addresses.clone());
            if number == 3 {
                account.deactivation_slot = 0;
            }
            ledger.put(table.address, account.account());
        }
        (self, ledger)
    }

    /// A block of `count` transactions to follow `parent`.
    pub(crate) fn block(
        &self,
        choices: &mut impl Choices,
        parent: &FrozenBank,
        count: usize,
    ) -> Vec<Vec<u8>> {
        let blockhashes: Vec<Hash> = parent
            .blockhashes()
            .iter()
            .map(|entry| entry.blockhash)
            .collect();
        let mut block: Vec<Vec<u8>> = Vec::with_capacity(count);
        while block.len() < count {
            let sent = self.sent.borrow();
            let bytes = match choices.below(40) {
                0 if !block.is_empty() => choices.pick(&block).clone(),
                1 if !sent.is_empty() => choices.pick(&sent).clone(),
                2 => {
                    let whole = self.transaction(choices, &blockhashes);
                    damaged(choices, whole)
                }
                _ => self.transaction(choices, &blockhashes),
            };
            block.push(bytes);
        }
        let mut sent = self.sent.borrow_mut();
        sent.extend(block.iter().take(5).cloned());
        block
    }

    /// Forgets what was sent, so that the next chain depends on its own choices alone.
    pub(crate) fn forget(&self) {
        self.sent.borrow_mut().clear();
    }

    fn transaction(&self, choices: &mut impl Choices, blockhashes: &[Hash]) -> Vec<u8> {
        let mut payer = *choices.pick(&self.wallets);
        if choices.one_in(12) {
            let poor = [&self.poor, &self.fresh, &self.nonces, &self.traced];
            let pool = *choices.pick(&poor);
            payer = *choices.pick(pool);
        }
        let newest = blockhashes.len() - 1;
        let mut blockhash = blockhashes[newest - choices.below(newest.min(3) + 1)];
        if choices.one_in(50) {
            blockhash = Hash::new_from_array([9; 32]);
        }
        let mut instructions = Vec::new();
        if choices.one_in(10) && !self.nonces.is_empty() {
            let (advance, value) = self.nonce(choices, blockhashes);
            instructions.push(advance);
            blockhash = value;
        }
        self.push_budget(choices, &mut instructions);
        for _ in 0..=choices.below(8) / 6 {
            match choices.below(10) {
                0..=3 => instructions.push(self.transfer(choices, payer)),
                4..=6 => instructions.push(self.traced(choices, payer)),
                7 => instructions.push(self.creation(choices, payer)),
                8 => instructions.push(self.nonce_keeping(choices)),
                _ => instructions.push(self.behaviour(choices, payer)),
            }
        }
        self.seal(choices, payer, blockhash, &instructions)
    }

    fn transfer(&self, choices: &mut impl Choices, payer: Address) -> Instruction {
        let mut source = payer;
        if choices.one_in(4) {
            source = *choices.pick(&self.fresh);
        }
        let target = match choices.below(12) {
            0 => INCINERATOR,
            1 => program_ids::SYSTEM,
            2..=5 => *choices.pick(&self.fresh),
            6 => *choices.pick(&self.poor),
            _ => *choices.pick(&self.wallets),
        };
        // STAKE drains what a transfer or a creation made; less the fee, what pays it itself.
        let amounts = [
            STAKE,
            STAKE,
            STAKE - FEE,
            STAKE - rent_exempt(0),
            0,
            1_000,
            u64::MAX,
        ];
        system::transfer(&source, &target, *choices.pick(&amounts))
    }

    fn traced(&self, choices: &mut impl Choices, payer: Address) -> Instruction {
        let mut accounts = vec![AccountMeta::writable(payer, true)];
        if choices.one_in(2) {
            accounts.push(AccountMeta::readonly(program_ids::SYSTEM, false));
        }
        for _ in 0..choices.below(9) {
            let pools = [
                &self.traced,
                &self.traced,
                &self.wallets,
                &self.fresh,
                &self.owned,
            ];
            let pool = *choices.pick(&pools);
            let address = *choices.pick(pool);
            let is_writable = choices.one_in(2);
            accounts.push(AccountMeta {
                address,
                is_signer: false,
                is_writable,
            });
        }
        if choices.one_in(20) {
            accounts.push(AccountMeta::writable(sysvar_ids::CLOCK, false));
        }
        let cost = u32::try_from(choices.below(COST)).expect("costs are small");
        let failure = choices.one_in(10).then_some(cost);
        trace::instruction(accounts, cost, failure)
    }

    fn creation(&self, choices: &mut impl Choices, payer: Address) -> Instruction {
        let target = choices.pick(&self.fresh);
        let owners = [trace::ADDRESS, super::program::ADDRESS, program_ids::SYSTEM];
        let lamports = *choices.pick(&[STAKE, STAKE, rent_exempt(24), rent_exempt(24) - 1]);
        system::create_account(&payer, target, lamports, SPACE, choices.pick(&owners))
    }

    /// Advances a nonce, and the value that a transaction would carry for it.
    fn nonce(&self, choices: &mut impl Choices, blockhashes: &[Hash]) -> (Instruction, Hash) {
        let number = choices.below(self.nonces.len());
        let mut authority = self.wallets[number % self.wallets.len()];
        if choices.one_in(8) {
            authority = *choices.pick(&self.wallets);
        }
        let newest = blockhashes.len() - 1;
        let value = match choices.below(3) {
            0 => Hash::new_from_array([3; 32]),
            _ => blockhashes[newest - choices.below(newest.min(4) + 1)],
        };
        let advance = system::advance_nonce_account(&self.nonces[number], &authority);
        (advance, durable_nonce(&value))
    }

    fn nonce_keeping(&self, choices: &mut impl Choices) -> Instruction {
        let number = choices.below(self.nonces.len());
        let (nonce, authority) = (
            &self.nonces[number],
            &self.wallets[number % self.wallets.len()],
        );
        match choices.below(5) {
            0 => system::withdraw_nonce_account(nonce, authority, authority, FEE),
            1 => system::withdraw_nonce_account(nonce, authority, authority, RICH),
            2 => system::authorize_nonce_account(nonce, authority, choices.pick(&self.wallets)),
            3 => system::initialize_nonce_account(choices.pick(&self.fresh), authority),
            _ => system::advance_nonce_account(nonce, authority),
        }
    }

    fn behaviour(&self, choices: &mut impl Choices, payer: Address) -> Instruction {
        let behaviour = u8::try_from(choices.below(BEHAVIOURS.len() + 1)).expect("few behaviours");
        let target = match choices.below(3) {
            0 => choices.pick(&self.fresh),
            _ => choices.pick(&self.owned),
        };
        let accounts = vec![
            AccountMeta {
                address: *target,
                is_signer: false,
                is_writable: !choices.one_in(8),
            },
            AccountMeta::writable(payer, true),
            AccountMeta::readonly(program_ids::SYSTEM, false),
        ];
        call(
            behaviour,
            accounts,
            &arguments(&[choices.below(70_000) as u64]),
        )
    }

    fn push_budget(&self, choices: &mut impl Choices, instructions: &mut Vec<Instruction>) {
        let number = choices.below(300);
        let number = u32::try_from(number).expect("it is small");
        match choices.below(16) {
            0 => instructions.push(budget::set_compute_unit_limit(number * 100)),
            1 => instructions.push(budget::set_compute_unit_price(u64::from(number) * 1_000)),
            2 => instructions.push(budget::request_heap_frame(number * 1_024)),
            3 => instructions.push(budget::set_loaded_accounts_data_size_limit(number * 4)),
            _ => {}
        }
    }

    fn seal(
        &self,
        choices: &mut impl Choices,
        payer: Address,
        blockhash: Hash,
        instructions: &[Instruction],
    ) -> Vec<u8> {
        let builder = MessageBuilder::new(payer, blockhash.to_bytes(), instructions);
        let builder = match choices.below(6) {
            0 => builder.v0(&self.tables[..choices.below(5)]),
            1 => builder.v1(TransactionConfig {
                compute_unit_limit: Some(200_000),
                priority_fee: Some(choices.below(5_000) as u64),
                ..TransactionConfig::default()
            }),
            _ => builder,
        };
        unsigned(&builder.compile().expect("few accounts are named"))
    }
}

/// Makes bundles of about half of a block's transactions.
pub(crate) fn bundled(transactions: &[Vec<u8>], random: &mut impl Choices) -> WireBlock {
    let mut block: WireBlock = transactions.iter().collect();
    let mut next = 0;
    while next < block.len() {
        let count = *random.pick(&[2, 2, 2, 3, 4, 5]);
        let start = u32::try_from(next).expect("it is small");
        if random.one_in(2) && next + count <= block.len() {
            let declared = block.bundle(start, u32::try_from(count).expect("it is small"));
            declared.expect("it follows the one before");
            next += count;
        } else {
            next += 1 + random.below(3);
        }
    }
    block
}

/// Bytes cut short, or with one byte changed.
fn damaged(choices: &mut impl Choices, mut bytes: Vec<u8>) -> Vec<u8> {
    let place = choices.below(bytes.len());
    if choices.one_in(3) {
        bytes.truncate(place);
    } else {
        bytes[place] = bytes[place].wrapping_add(1);
    }
    bytes
}

/// What the test program of a generated world can do. Account 0 is written, account 1 signs.
const BEHAVIOURS: &[Behaviour] = &[
    panics,
    speaks,
    resizes,
    closes,
    pays,
    swallows,
    counterfeits,
    counts,
];

fn panics(_: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    std::panic::panic_any(OnPurpose)
}

fn speaks(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let number = argument(context, 0);
    context.consume(number)?;
    context.log(|| format!("number {number}"));
    context.emit(number.to_le_bytes().to_vec())?;
    context.set_return_data(&number.to_le_bytes())
}

fn resizes(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let size = usize::try_from(argument(context, 0) / 6).expect("it is small");
    context.account_mut(0)?.resize(size)
}

fn closes(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let lamports = context.account(0)?.lamports;
    context.account_mut(0)?.debit(lamports)?;
    context.account_mut(1)?.credit(lamports)
}

fn pays(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let payment = system::transfer(context.address(1)?, context.address(0)?, STAKE);
    context.invoke(&payment)
}

fn swallows(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let payment = system::transfer(context.address(1)?, context.address(0)?, u64::MAX);
    drop(context.invoke(&payment));
    counts(context)
}

fn counterfeits(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.account_mut(0)?.credit(1)
}

fn counts(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let mut account = context.account_mut(0)?;
    let first = account.data_mut()?.first_mut();
    let first = first.ok_or(InstructionError::AccountDataTooSmall)?;
    *first = first.wrapping_mul(3).wrapping_add(1);
    Ok(())
}
