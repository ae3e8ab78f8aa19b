//! A genesis with wallets and members, and the transfers that make load.

use std::{io::Read, sync::Arc};

use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use lockstep_interface::{Account, Address, Hash};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockHeader, BlockLimits},
    chain::{
        Chain, ChainOptions,
        snapshot::{self, ImportError},
    },
    threads::Threads,
    wire::{MessageBuilder, SigningKey, VerificationKeyBytes},
};
use lockstep_store::{MemoryStore, Store, Trie, load_trie};
use lockstep_validator::members::{Member, Members};

/// Wallets of the genesis.
const WALLET_COUNT: u8 = 16;

/// What all members of a network begin with.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) keys: Vec<PrivateKey>,
    pub(crate) members: Members,
    wallets: Vec<(SigningKey, Address)>,
}

impl World {
    pub(crate) fn new(member_count: usize) -> Self {
        let mut keys: Vec<PrivateKey> = (0..member_count as u64)
            .map(PrivateKey::from_seed)
            .collect();
        keys.sort_by_key(|key| key.public_key());
        let members = keys.iter().zip(1..).map(|(key, stake)| Member {
            key: key.public_key(),
            stake,
        });
        let wallets = (1..=WALLET_COUNT).map(|seed| {
            let key = SigningKey::from([seed; 32]);
            let address = Address::new_from_array(VerificationKeyBytes::from(&key).into());
            (key, address)
        });
        Self {
            members: Members::new(members.collect()).unwrap(),
            keys,
            wallets: wallets.collect(),
        }
    }

    pub(crate) fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.iter().map(|key| key.public_key()).collect()
    }

    fn genesis(&self) -> Genesis {
        let wallets = self.wallets.iter();
        let wallets = wallets.map(|(_, address)| (*address, Account::wallet(1_000_000_000_000)));
        let accounts = wallets.chain([self.members.account()]).collect();
        let mut genesis = Genesis::new(accounts, builtin_programs());
        genesis.limits = BlockLimits {
            transaction_bytes_max: 256 << 10,
            transaction_count_max: 1_024,
            wait_count_max: 1_024,
            ..BlockLimits::MAINNET
        };
        genesis
    }

    /// The chain in a store, at its genesis or where the store ends.
    pub(crate) fn open(&self, store: Arc<dyn Store>) -> Chain {
        let threads = Threads::new(1).unwrap();
        let trie = match store.tip() {
            Some(_) => load_trie(&*store, &threads).unwrap(),
            None => Trie::default(),
        };
        Chain::open(store, trie, self.genesis(), ChainOptions::new(threads)).unwrap()
    }

    /// Puts a snapshot of a block into an empty store.
    pub(crate) fn import(
        &self,
        source: &mut dyn Read,
        store: &dyn Store,
        id: &Hash,
    ) -> Result<(), ImportError> {
        let threads = Threads::new(1).unwrap();
        let genesis = self.genesis();
        snapshot::import(source, store, &genesis, Some(id), &threads, &mut |_| {})?;
        Ok(())
    }

    pub(crate) fn first_header(&self) -> BlockHeader {
        self.open(Arc::new(MemoryStore::new())).head().1
    }

    /// A transfer that no other call with another number makes.
    pub(crate) fn transfer(&self, number: u64, blockhash: Hash) -> Vec<u8> {
        let count = self.wallets.len() as u64;
        let payer = (number % count) as usize;
        let payee = ((number / 3 + 1) % count) as usize;
        let (key, from) = &self.wallets[payer];
        let (_, to) = &self.wallets[payee];
        let pay = [transfer(from, to, 1_000 + number)];
        let message = MessageBuilder::new(*from, blockhash.to_bytes(), &pay);
        message.compile().unwrap().sign(&[key]).unwrap()
    }
}
