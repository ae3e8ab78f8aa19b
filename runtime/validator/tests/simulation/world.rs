//! A genesis with wallets and members, and the transfers that make load.

use std::{io::Read, num::NonZeroU64, sync::Arc};

use commonware_codec::Encode as _;
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use lockstep_interface::{Account, Address, Hash, Instruction};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockHeader, BlockLimits},
    chain::{
        Chain, ChainOptions, View,
        snapshot::{self, ImportError},
    },
    threads::Threads,
    wire::{MessageBuilder, SigningKey, VerificationKeyBytes},
};
use lockstep_sdk::state::from_account;
use lockstep_stake::{
    Founder, Terms,
    staking::{
        self, DelegateAddresses, Deposit, DepositAddresses, Register, RegisterAddresses, Stake,
        StakingProgram,
    },
};
use lockstep_store::{MemoryStore, Store, Trie, load_trie};
use lockstep_validator::members::{Member, Members};

/// Wallets of the genesis.
const WALLET_COUNT: u8 = 16;

/// What all members of a network begin with.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) keys: Vec<PrivateKey>,
    /// Those of the first epoch.
    pub(crate) members: Members,
    /// Slots of an epoch; without, the first never ends.
    pub(crate) epoch_slots: Option<NonZeroU64>,
    wallets: Vec<(SigningKey, Address)>,
}

impl World {
    /// A network with this number of nodes: all are members, but for the last if there is a spare.
    pub(crate) fn new(member_count: usize, epoch_slots: Option<u64>, has_spare: bool) -> Self {
        let mut keys: Vec<PrivateKey> = (0..member_count as u64)
            .map(PrivateKey::from_seed)
            .collect();
        keys.sort_by_key(|key| key.public_key());
        let first = keys.len() - usize::from(has_spare);
        let members = keys.iter().zip(1..).take(first);
        let members = members.map(|(key, stake)| Member {
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
            epoch_slots: epoch_slots.and_then(NonZeroU64::new),
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
        let operators = self.keys.iter().map(|key| wallet_of(key).1);
        let operators = operators.map(|address| (address, Account::wallet(1_000_000_000)));
        let mut accounts: Vec<_> = wallets.chain(operators).collect();
        accounts.push(self.members.account());
        let mut programs = builtin_programs();
        if let Some(epoch_slots) = self.epoch_slots {
            accounts.extend(self.stakes(epoch_slots.get()));
            programs = programs.with(StakingProgram);
        }
        let mut genesis = Genesis::new(accounts, programs);
        genesis.limits = BlockLimits {
            transaction_bytes_max: 256 << 10,
            transaction_count_max: 1_024,
            wait_count_max: 1_024,
            ..BlockLimits::MAINNET
        };
        genesis
    }

    fn stakes(&self, epoch_slots: u64) -> Vec<(Address, Account)> {
        let terms = Terms {
            epoch_slots,
            cooldown_epochs: 1,
            slash_parts: 500,
            stake_min: 1,
        };
        let members = self.keys.iter().zip(self.members.iter());
        let founders = members.map(|(key, member)| Founder {
            identity: wallet_of(key).1,
            key: wallet_of(key).1,
            commission: 0,
            stake: member.stake,
        });
        lockstep_stake::genesis(&terms, &founders.collect::<Vec<_>>()).unwrap()
    }

    /// A transaction of a member's wallet.
    pub(crate) fn operate(
        &self,
        place: usize,
        instructions: &[Instruction],
        blockhash: Hash,
    ) -> Vec<u8> {
        let (key, address) = wallet_of(&self.keys[place]);
        let message = MessageBuilder::new(address, blockhash.to_bytes(), instructions);
        message.compile().unwrap().sign(&[&key]).unwrap()
    }

    /// What makes the last member one instead of the first, as far as the state lacks it.
    pub(crate) fn replace_first(&self, state: &View) -> Vec<(usize, Vec<Instruction>)> {
        let last = self.keys.len() - 1;
        let read = |owner: &Address| {
            let (stake, _) = Deposit::stake_address(owner, 0);
            let account = state.get(&stake).unwrap()?;
            from_account::<Stake>(&account)
                .ok()
                .map(|found| (stake, found))
        };
        let mut all = Vec::new();
        let (_, owner) = wallet_of(&self.keys[last]);
        if read(&owner).is_none() {
            let (validator, _) = Register::validator_address(&owner);
            let (stake, _) = Deposit::stake_address(&owner, 0);
            let register = RegisterAddresses {
                identity: owner,
                key: owner,
            };
            let delegate = DelegateAddresses {
                owner,
                stake,
                validator,
            };
            let calls = vec![
                staking::call::register(&register, 0),
                staking::call::deposit(&DepositAddresses { owner }, 0, 7),
                staking::call::delegate(&delegate),
            ];
            all.push((last, calls));
        }
        let (_, owner) = wallet_of(&self.keys[0]);
        if let Some((stake, found)) = read(&owner)
            && found.until.get() == u64::MAX
        {
            let delegate = DelegateAddresses {
                owner,
                stake,
                validator: found.validator,
            };
            all.push((0, vec![staking::call::deactivate(&delegate)]));
        }
        all
    }

    /// The members once the last has replaced the first.
    pub(crate) fn replaced(&self) -> Vec<PublicKey> {
        let keys = self.keys.iter().skip(1);
        keys.map(|key| key.public_key()).collect()
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

/// The key of a member as a wallet has it.
fn wallet_of(key: &PrivateKey) -> (SigningKey, Address) {
    let bytes: [u8; 32] = key.encode().as_ref().try_into().unwrap();
    let key = SigningKey::from(bytes);
    let address = Address::new_from_array(VerificationKeyBytes::from(&key).into());
    (key, address)
}
