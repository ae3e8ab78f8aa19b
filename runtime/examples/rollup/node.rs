//! Wallets, and a chain as its one producer sees it.

use std::{error::Error, sync::Arc};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Account, Address, Hash, Instruction};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::Recording,
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions},
    engine::Cancel,
    verify::ParsedBlock,
    wire::{MessageBuilder, TransactionConfig, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error>>;

/// A wallet on both chains.
pub(crate) struct Wallet {
    key: SigningKey,
    pub(crate) address: Address,
}

impl Wallet {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from([seed; 32]);
        let address = Address::new_from_array(VerificationKeyBytes::from(&key).into());
        Self { key, address }
    }

    pub(crate) fn sign(&self, blockhash: Hash, instruction: Instruction) -> Done<Vec<u8>> {
        let instructions = [instruction];
        let builder = MessageBuilder::new(self.address, blockhash.to_bytes(), &instructions);
        let config = TransactionConfig {
            compute_unit_limit: Some(200_000),
            ..TransactionConfig::default()
        };
        Ok(builder.v1(config).compile()?.sign(&[&self.key])?)
    }
}

/// A chain, and the next slot of it.
pub(crate) struct Node {
    pub(crate) chain: Chain,
    pub(crate) slot: u64,
}

impl Node {
    pub(crate) fn open(genesis: Genesis, options: &ChainOptions) -> Done<Self> {
        let store = Arc::new(MemoryStore::new());
        let chain = Chain::open(store, Trie::default(), genesis, options.clone())?;
        Ok(Self { chain, slot: 1 })
    }

    pub(crate) fn head(&self) -> Hash {
        self.chain.head().0
    }

    pub(crate) fn bank(&self, id: &Hash) -> Done<Arc<FrozenBank>> {
        Ok(self.chain.bank(id)?)
    }

    /// Makes a block in which every transaction succeeds.
    pub(crate) fn block(&mut self, transactions: &[Vec<u8>], accounts: bool) -> Done<BuiltBlock> {
        let options = self.chain.options();
        let pool = WireBlock::from_iter(transactions);
        let mut pool = ParsedBlock::new(pool, options.signatures(), &options.reader_threads);
        let request = BuildRequest {
            parent: self.head(),
            slot: self.slot,
            unix_timestamp: 1_800_000_000,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: Recording {
                accounts,
                ..Recording::NONE
            },
        };
        let built = self.chain.build(&request, &mut pool, &Cancel::default())?;
        let failed = built
            .receipts
            .iter()
            .find_map(|receipt| receipt.status.clone().err());
        if let Some(error) = failed {
            return Err(Box::new(error));
        }
        assert_eq!(built.refused.first(), None);
        self.slot += 1;
        Ok(built)
    }

    /// Makes a block of one transaction, and commits it.
    pub(crate) fn run(&mut self, wallet: &Wallet, instruction: Instruction) -> Done {
        let transaction = wallet.sign(self.head(), instruction)?;
        let built = self.block(&[transaction], false)?;
        self.chain.commit(&built.id)?;
        Ok(())
    }

    pub(crate) fn account(&self, address: &Address) -> Done<Account> {
        let account = self.bank(&self.head())?.get(address)?;
        Ok(account.unwrap_or_default())
    }
}
