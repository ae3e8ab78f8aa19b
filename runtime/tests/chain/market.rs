//! Signed transactions for blocks with conflicts, waits and shared credits, and a program that
//! counts how often it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{
    Account, AccountMeta, Address, Hash, Instruction, InstructionError, InvokeContext,
};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{bank::Genesis, chain::ChainOptions, wire::MessageBuilder};

use crate::{
    common::{
        ledger::{Ledger, RICH, address, data_account},
        program::{ADDRESS, Behaviour, TestProgram, argument, arguments, call},
    },
    setting::options,
};

/// Wallets that pay.
const WALLET_COUNT: usize = 24;
/// Accounts of the program.
const GOODS_COUNT: u64 = 12;

/// Times that the program ran, in all tests of this process.
static RUN_COUNT: AtomicU64 = AtomicU64::new(0);

/// Times that the program has run.
pub(crate) fn run_count() -> u64 {
    RUN_COUNT.load(Ordering::SeqCst)
}

/// Mixes its argument into two accounts, so that the order of calls shows.
fn mix(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    RUN_COUNT.fetch_add(1, Ordering::SeqCst);
    context.consume(1_000)?;
    let number = argument(context, 0).to_le_bytes()[0];
    for position in 0..2 {
        let mut account = context.account_mut(position)?;
        let first = &mut account.data_mut()?[0];
        *first = first.wrapping_mul(3).wrapping_add(number);
    }
    Ok(())
}

const BEHAVIOURS: &[Behaviour] = &[mix];

/// Wallets with their keys.
pub(crate) struct Market {
    keys: Vec<SigningKey>,
    pub(crate) wallets: Vec<Address>,
}

impl Market {
    pub(crate) fn new() -> Self {
        let count = u8::try_from(WALLET_COUNT).unwrap();
        // One more, without lamports.
        let keys: Vec<SigningKey> = (1..=count + 1)
            .map(|seed| SigningKey::from([seed; 32]))
            .collect();
        let wallets = keys.iter();
        let wallets =
            wallets.map(|key| Address::new_from_array(VerificationKeyBytes::from(key).into()));
        let wallets = wallets.collect();
        Self { keys, wallets }
    }

    /// Options with signatures verified.
    pub(crate) fn options(threads: usize) -> ChainOptions {
        ChainOptions {
            verifier: Some(lockstep_runtime::verify::Verifier::default()),
            ..options(threads)
        }
    }

    pub(crate) fn genesis(&self) -> Genesis {
        let mut ledger = Ledger::new().with_program(TestProgram::new(BEHAVIOURS));
        for wallet in &self.wallets[..WALLET_COUNT] {
            ledger.put(*wallet, Account::wallet(RICH));
        }
        ledger.put(Self::shop(), Account::wallet(RICH));
        for number in 0..GOODS_COUNT {
            ledger.put(Self::goods(number), data_account(ADDRESS, vec![7; 16]));
        }
        ledger.genesis()
    }

    /// The wallet that all others pay.
    pub(crate) fn shop() -> Address {
        address(200)
    }

    fn goods(number: u64) -> Address {
        address(100 + number % GOODS_COUNT)
    }

    /// A transaction of the wallet of that number.
    pub(crate) fn sign(&self, number: usize, blockhash: Hash, instruction: Instruction) -> Vec<u8> {
        let payer = self.wallets[number];
        let instructions = [instruction];
        let builder = MessageBuilder::new(payer, blockhash.to_bytes(), &instructions);
        let message = builder.compile().unwrap();
        message.sign(&[&self.keys[number]]).unwrap()
    }

    /// A transaction of the wallet that has nothing.
    pub(crate) fn beg(&self, blockhash: Hash) -> Vec<u8> {
        let poor = self.wallets[WALLET_COUNT];
        self.sign(WALLET_COUNT, blockhash, transfer(&poor, &poor, 1))
    }

    /// Some payment, another one for each number.
    pub(crate) fn pay(&self, blockhash: Hash, number: u64) -> Vec<u8> {
        let payment = transfer(&self.wallets[0], &self.wallets[1], 10_000 + number);
        self.sign(0, blockhash, payment)
    }

    /// Transactions for a block: calls that conflict in chains, payments from hand to hand, and
    /// payments to the shop.
    pub(crate) fn transactions(&self, blockhash: Hash) -> Vec<Vec<u8>> {
        let mut transactions = Vec::new();
        for number in 0..40u64 {
            let place = usize::try_from(number).unwrap() % WALLET_COUNT;
            let accounts = vec![
                AccountMeta::writable(Self::goods(number * 7), false),
                AccountMeta::writable(Self::goods(number * number + 1), false),
            ];
            let is_one = accounts[0].address == accounts[1].address;
            if !is_one {
                let mix = call(0, accounts, &arguments(&[number]));
                transactions.push(self.sign(place, blockhash, mix));
            }
        }
        for (place, payer) in self.wallets[..WALLET_COUNT].iter().enumerate() {
            let amount = 1_000 + place as u64;
            let to_shop = transfer(payer, &Self::shop(), amount);
            transactions.push(self.sign(place, blockhash, to_shop));
            if place % 2 == 0 {
                let neighbour = &self.wallets[place + 1];
                let pay = transfer(payer, neighbour, amount);
                transactions.push(self.sign(place, blockhash, pay));
            }
        }
        transactions
    }
}
