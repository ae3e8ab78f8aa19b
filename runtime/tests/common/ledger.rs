//! A small ledger in memory, and transactions for it.

use std::sync::Arc;

use lockstep_interface::{
    Account, Address, Hash, Instruction, ProgramTable, Rent,
    address::program_ids,
    nonce::{NONCE_ACCOUNT_SIZE, NonceData, NonceState, durable_nonce},
    sysvar::RecentBlockhash,
};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    limits::LAMPORTS_PER_SIGNATURE,
    wire::{Message, MessageBuilder},
};
use lockstep_store::{Change, MemoryStore, Store};

/// What one signature costs.
pub(crate) const FEE: u64 = LAMPORTS_PER_SIGNATURE;
/// A balance that lasts for all that a test does.
pub(crate) const RICH: u64 = 1_000_000_000_000;

/// Lamports that make an account of `size` bytes rent-exempt.
pub(crate) fn rent_exempt(size: usize) -> u64 {
    Rent::MAINNET.minimum_balance(size)
}

/// Address number `number`; neighbours in number are none in order.
pub(crate) fn address(number: u64) -> Address {
    let mut bytes = [0; 32];
    let mut state = number;
    for word in bytes.as_chunks_mut().0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        *word = (mixed ^ (mixed >> 27))
            .wrapping_mul(0x94d0_49bb_1331_11eb)
            .to_le_bytes();
    }
    Address::new_from_array(bytes)
}

/// The accounts and programs of a first bank.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) accounts: Vec<Change>,
    pub(crate) programs: ProgramTable,
}

impl Ledger {
    /// The native programs and no account.
    pub(crate) fn new() -> Self {
        Self {
            accounts: Vec::new(),
            programs: builtin_programs(),
        }
    }

    /// A ledger with rich wallets at the addresses of these numbers.
    pub(crate) fn with_wallets(numbers: std::ops::Range<u64>) -> Self {
        let mut ledger = Self::new();
        for number in numbers {
            ledger.put(address(number), Account::wallet(RICH));
        }
        ledger
    }

    /// Adds a program.
    pub(crate) fn with_program(
        mut self,
        program: impl lockstep_interface::Program + 'static,
    ) -> Self {
        self.programs = self.programs.with(program);
        self
    }

    pub(crate) fn put(&mut self, address: Address, account: Account) -> &mut Self {
        self.accounts.push((address, account));
        self
    }

    /// The first bank on a store in memory.
    pub(crate) fn open(self) -> Arc<FrozenBank> {
        self.open_on(Arc::new(MemoryStore::new()))
    }

    /// The first bank on this store.
    pub(crate) fn open_on(self, store: Arc<dyn Store>) -> Arc<FrozenBank> {
        let genesis = self.genesis();
        genesis.open(store).expect("the store works at first")
    }

    /// The genesis of a first bank with this blockhash, so that the bytes of a first block do not
    /// depend on how roots are made.
    pub(crate) fn dated(self, blockhash: Hash) -> Genesis {
        let newest = RecentBlockhash {
            blockhash,
            lamports_per_signature: FEE,
        };
        Genesis {
            blockhashes: vec![newest],
            ..self.genesis()
        }
    }

    /// The genesis of the first bank.
    pub(crate) fn genesis(self) -> Genesis {
        Genesis::new(self.accounts, self.programs).without_limits()
    }
}

/// An account of a program with data, rent-exempt and rich.
pub(crate) fn data_account(owner: Address, data: Vec<u8>) -> Account {
    Account {
        lamports: rent_exempt(data.len()) + RICH,
        data: data.into(),
        owner,
        executable: false,
    }
}

/// An initialized nonce account that holds the durable nonce of `blockhash`.
pub(crate) fn nonce_account(authority: Address, blockhash: &Hash, lamports: u64) -> Account {
    let mut data = vec![0; NONCE_ACCOUNT_SIZE];
    let state = NonceState::initialized(NonceData {
        authority,
        durable_nonce: durable_nonce(blockhash),
        lamports_per_signature: FEE,
    });
    state
        .encode_into(&mut data)
        .expect("a nonce account has room for its state");
    Account {
        lamports,
        data: data.into(),
        owner: program_ids::SYSTEM,
        executable: false,
    }
}

/// A lookup table's fields as its account shows them.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) deactivation_slot: u64,
    pub(crate) last_extended_slot: u64,
    pub(crate) extension_start: u8,
    pub(crate) addresses: Vec<Address>,
}

impl Table {
    /// An active table that was never extended.
    pub(crate) fn of(addresses: Vec<Address>) -> Self {
        Self {
            deactivation_slot: u64::MAX,
            last_extended_slot: 0,
            extension_start: 0,
            addresses,
        }
    }

    /// The bytes: kind, slots, start of the last extension, authority (none), padding, addresses.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut data = 1u32.to_le_bytes().to_vec();
        data.extend(self.deactivation_slot.to_le_bytes());
        data.extend(self.last_extended_slot.to_le_bytes());
        data.push(self.extension_start);
        data.resize(56, 0);
        for address in &self.addresses {
            data.extend(address.as_array());
        }
        data
    }

    pub(crate) fn account(&self) -> Account {
        data_account(program_ids::ADDRESS_LOOKUP_TABLE, self.encode())
    }
}

/// A legacy transaction under signatures of zeros.
pub(crate) fn transaction(
    payer: Address,
    blockhash: Hash,
    instructions: &[Instruction],
) -> Vec<u8> {
    let builder = MessageBuilder::new(payer, blockhash.to_bytes(), instructions);
    unsigned(&builder.compile().expect("a legacy message has room"))
}

/// The wire bytes of a message under signatures of zeros.
pub(crate) fn unsigned(message: &Message) -> Vec<u8> {
    let count = usize::from(message.header.required_signatures);
    let bytes = message.with_signatures(&vec![[0; 64]; count]);
    bytes.expect("the format has room for the message")
}
