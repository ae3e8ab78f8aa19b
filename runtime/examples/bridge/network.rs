//! A chain whose blocks members certify, in one process: keys of members and wallets, blocks, and
//! certified proofs as a network of validators makes them.

#![allow(dead_code, reason = "each target that includes this uses a part of it")]

use std::{collections::BTreeMap, error::Error, sync::Arc};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Account, Address, Hash, Instruction, TransactionError};
use lockstep_light::{MEMBERS, STAKING_PROGRAM};
use lockstep_messages::{light_client::Trust, relay::Proof, with_messages};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockHeader, Recording},
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions},
    engine::Cancel,
    threads::Threads,
    verify::ParsedBlock,
    wire::{MessageBuilder, TransactionConfig, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_sdk::state::{StateData, from_account};
use lockstep_store::{MemoryStore, Trie, encode_account};
use sha2::{Digest, Sha256};

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error>>;

/// What is hashed before a block that members sign.
const BLOCK_TAG: &[u8] = b"lockstep validator block";
/// Compute units that a transaction asks for.
const UNITS: u32 = 1_400_000;

/// A wallet, on any chain.
pub(crate) struct Wallet {
    key: SigningKey,
    pub(crate) address: Address,
}

impl Wallet {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from([seed; 32]);
        let address = Address::new_from_array(public(&key));
        Self { key, address }
    }

    /// A transaction of these instructions.
    pub(crate) fn sign(&self, blockhash: Hash, instructions: &[Instruction]) -> Done<Vec<u8>> {
        let builder = MessageBuilder::new(self.address, blockhash.to_bytes(), instructions);
        let config = TransactionConfig {
            compute_unit_limit: Some(UNITS),
            ..TransactionConfig::default()
        };
        Ok(builder.v1(config).compile()?.sign(&[&self.key])?)
    }
}

fn public(key: &SigningKey) -> [u8; 32] {
    VerificationKeyBytes::from(key).into()
}

/// The keys of members, in the order of their public keys.
pub(crate) fn member_keys(seeds: std::ops::Range<u8>) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = seeds.map(|seed| SigningKey::from([seed; 32])).collect();
    keys.sort_by_key(public);
    keys
}

/// A chain, its members, and its newest final block.
pub(crate) struct Network {
    pub(crate) chain: Chain,
    pub(crate) genesis: [u8; 32],
    /// The members of the first epoch, and those of all later ones.
    sets: [Vec<SigningKey>; 2],
    epoch_slots: u64,
    /// The slot of the next block.
    pub(crate) slot: u64,
    /// The digest of the newest final block, and the hash of its body.
    digest: [u8; 32],
    /// The certified head of the newest final block.
    head: Vec<u8>,
    /// By epoch, the certified proof of the list of members at its last block.
    pub(crate) handovers: BTreeMap<u64, Vec<u8>>,
}

impl Network {
    /// A chain with some accounts, whose members are those of the first set in the first epoch, and
    /// then those of the second.
    pub(crate) fn open(
        mut accounts: Vec<(Address, Account)>,
        sets: [Vec<SigningKey>; 2],
        epoch_slots: u64,
    ) -> Done<Self> {
        accounts.push((Address::new_from_array(MEMBERS), listed(&sets[1])?));
        let programs = with_messages(builtin_programs());
        let genesis = Genesis::new(accounts, programs).without_limits();
        let options = ChainOptions::new(Threads::new(1)?);
        let store = Arc::new(MemoryStore::new());
        let chain = Chain::open(store, Trie::default(), genesis, options)?;
        let genesis = chain.head().0.to_bytes();
        let mut network = Self {
            chain,
            genesis,
            sets,
            epoch_slots,
            slot: 1,
            digest: [0; 32],
            head: Vec::new(),
            handovers: BTreeMap::new(),
        };
        network.produce(&[])?;
        Ok(network)
    }

    /// What a client of this network trusts.
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            genesis: self.genesis,
            epoch_slots: self.epoch_slots,
            members: self.sets[0].iter().map(public).collect(),
        }
    }

    pub(crate) fn blockhash(&self) -> Hash {
        self.chain.head().0
    }

    /// Builds a block on another, which nothing makes final yet.
    pub(crate) fn build(
        &self,
        parent: Hash,
        slot: u64,
        transactions: &[Vec<u8>],
    ) -> Done<BuiltBlock> {
        let options = self.chain.options();
        let pool = WireBlock::from_iter(transactions);
        let mut pool = ParsedBlock::new(pool, options.signatures(), &options.reader_threads);
        let request = BuildRequest {
            parent,
            slot,
            unix_timestamp: 1_800_000_000,
            strategy: &Auto,
            mode: Mode::Replay,
            recording: Recording::NONE,
        };
        Ok(self.chain.build(&request, &mut pool, &Cancel::default())?)
    }

    /// Makes a block final, and has it certified.
    pub(crate) fn finalise(&mut self, built: &BuiltBlock) -> Done {
        self.chain.commit(&built.id)?;
        let (header, body) = built.bytes().split_at(BlockHeader::SIZE);
        let body: [u8; 32] = Sha256::digest(body).into();
        let parent = self.digest;
        self.digest = sha256(&[BLOCK_TAG, &parent, header, &body]);
        let tail = [&parent[..], header, &body].concat();
        let epoch = self.epoch_of(self.slot);
        let keys = &self.sets[usize::from(epoch > 0)];
        self.head = self.certificate(keys, quorum(keys.len()), epoch, &tail)?;
        let is_last = self.slot % self.epoch_slots == self.epoch_slots - 1;
        self.slot += 1;
        if is_last {
            let Proof { head, part, .. } = self.proof(&Address::new_from_array(MEMBERS))?;
            self.handovers.insert(epoch, [head, part].concat());
        }
        Ok(())
    }

    /// Makes a final block of transactions. Gives what became of each.
    pub(crate) fn produce(
        &mut self,
        transactions: &[Vec<u8>],
    ) -> Done<Vec<Result<(), TransactionError>>> {
        let built = self.build(self.blockhash(), self.slot, transactions)?;
        self.finalise(&built)?;
        assert_eq!(built.refused.first(), None, "no transaction is refused");
        let statuses = built.receipts.iter().map(|receipt| receipt.status.clone());
        Ok(statuses.collect())
    }

    /// Makes a final block of one transaction that has to succeed.
    pub(crate) fn run(&mut self, wallet: &Wallet, instructions: &[Instruction]) -> Done {
        let transaction = wallet.sign(self.blockhash(), instructions)?;
        for status in self.produce(&[transaction])? {
            status?;
        }
        Ok(())
    }

    /// Makes final blocks without transactions up to and including a slot.
    pub(crate) fn pass(&mut self, slot: u64) -> Done {
        while self.slot <= slot {
            self.produce(&[])?;
        }
        Ok(())
    }

    /// The epoch of a slot.
    pub(crate) fn epoch_of(&self, slot: u64) -> u64 {
        slot / self.epoch_slots
    }

    /// The certified proof of an account, or that there is none, at the newest final block.
    pub(crate) fn proof(&self, address: &Address) -> Done<Proof> {
        let proven = self.chain.prove(address)?;
        let mut part = vec![u8::from(proven.account.is_some())];
        if let Some(account) = &proven.account {
            let account = encode_account(account);
            part.extend(u32::try_from(account.len())?.to_le_bytes());
            part.extend(account);
        }
        part.extend(proven.proof.to_bytes());
        Ok(Proof {
            slot: self.slot - 1,
            head: self.head.clone(),
            part,
        })
    }

    /// The state at an address; `None` if there is no account of its program.
    pub(crate) fn state<T: StateData>(&self, address: &Address) -> Done<Option<T>> {
        let account = self.chain.bank(&self.blockhash())?.get(address)?;
        let own = account.filter(|account| account.owner == T::OWNER);
        Ok(own.as_ref().map(from_account).transpose()?)
    }

    /// The newest head with another state root, signed by some keys.
    pub(crate) fn forged_head(&self, keys: &[SigningKey], count: usize) -> Done<Vec<u8>> {
        let tail = self.head.len() - (32 + BlockHeader::SIZE + 32);
        let mut tail = self.head[tail..].to_vec();
        tail[32 + 150] ^= 1;
        self.certificate(keys, count, self.epoch_of(self.slot - 1), &tail)
    }

    /// The keys of the members of now.
    pub(crate) fn members(&self) -> &[SigningKey] {
        &self.sets[usize::from(self.epoch_of(self.slot - 1) > 0)]
    }

    /// The signatures of some members under the block that has this parent, header and body.
    fn certificate(
        &self,
        keys: &[SigningKey],
        count: usize,
        epoch: u64,
        tail: &[u8],
    ) -> Done<Vec<u8>> {
        let block = sha256(&[BLOCK_TAG, tail]);
        let namespace = [&b"lockstep network "[..], &self.genesis, b"_FINALIZE"].concat();
        let mut message = vec![u8::try_from(namespace.len())?];
        message.extend(namespace);
        let numbers = [epoch, self.slot, self.slot - 1];
        for number in numbers {
            put_varint(&mut message, number);
        }
        message.extend(block);
        let mut head = vec![1];
        head.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        head.extend(u16::try_from(count)?.to_le_bytes());
        for (place, key) in (0u16..).zip(keys.iter().take(count)) {
            head.extend(place.to_le_bytes());
            head.extend(<[u8; 64]>::from(key.sign(&message)));
        }
        head.extend(tail);
        Ok(head)
    }
}

/// Members that a block needs the signatures of.
pub(crate) fn quorum(count: usize) -> usize {
    count - (count - 1) / 3
}

/// The account that lists the members of the next epoch.
fn listed(keys: &[SigningKey]) -> Done<Account> {
    let mut data = vec![5, 0];
    data.extend(u32::try_from(keys.len())?.to_le_bytes());
    for key in keys {
        data.extend(public(key));
        data.extend(1u64.to_le_bytes());
    }
    Ok(Account {
        lamports: 1_000_000_000,
        data: data.into(),
        owner: Address::new_from_array(STAKING_PROGRAM),
        executable: false,
    })
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}
