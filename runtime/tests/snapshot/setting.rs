//! Small chains, and snapshots taken apart and put together again.

use std::{io::Write, sync::Arc};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Account, Address, Rent, sysvar::RecentBlockhash};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::snapshot::{ImportError, Progress},
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions},
    engine::Cancel,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Layered, Mode};
use lockstep_store::{Change, MemoryStore, Store, Trie};
use sha2::{Digest, Sha256};

/// Wallets with keys.
pub(crate) const WALLETS: u8 = 8;
/// What a wallet has at first.
const RICH: u64 = 1_000_000_000;

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from([number + 1; 32])
}

pub(crate) fn wallet(number: u8) -> Address {
    Address::new_from_array(VerificationKeyBytes::from(&key(number)).into())
}

/// An address without a key that begins with this byte.
pub(crate) fn stranger(number: u8) -> Address {
    Address::new_from_array([number; 32])
}

pub(crate) fn options() -> ChainOptions {
    let threads = Threads::new(1).unwrap();
    ChainOptions::new(threads)
}

/// Wallets, and accounts of this many bytes.
pub(crate) fn genesis(sizes: &[usize]) -> Genesis {
    let wallets = (0..WALLETS).map(|number| (wallet(number), Account::wallet(RICH)));
    let mut accounts: Vec<Change> = wallets.collect();
    for (number, size) in (1..).zip(sizes) {
        let account = Account {
            lamports: Rent::MAINNET.minimum_balance(*size),
            data: vec![number; *size].into(),
            owner: stranger(77),
            executable: false,
        };
        accounts.push((stranger(number * 50), account));
    }
    Genesis::new(accounts, builtin_programs())
}

pub(crate) fn open(genesis: Genesis) -> Chain {
    let store = Arc::new(MemoryStore::new());
    Chain::open(store, Trie::default(), genesis, options()).unwrap()
}

/// A block in which wallets pay each other and strangers, and one stranger more each time.
pub(crate) fn transactions(chain: &Chain, slot: u64, count: u8) -> WireBlock {
    let bank = chain.bank(&chain.head().0).unwrap();
    let newest = bank.blockhashes().newest().unwrap().blockhash;
    let mut block = WireBlock::default();
    for number in 0..count {
        let payer = number % WALLETS;
        let rent = Rent::MAINNET.minimum_balance(0);
        let target = if number % 2 == 0 {
            wallet((payer + 1) % WALLETS)
        } else {
            stranger(slot.to_le_bytes()[0])
        };
        let pay = [transfer(
            &wallet(payer),
            &target,
            rent + slot + u64::from(number),
        )];
        let message = MessageBuilder::new(wallet(payer), newest.to_bytes(), &pay);
        block.push(&message.compile().unwrap().sign(&[&key(payer)]).unwrap());
    }
    block
}

/// Builds a block on the head; it is not committed.
pub(crate) fn build(chain: &Chain, slot: u64, transactions: WireBlock) -> BuiltBlock {
    let request = BuildRequest {
        parent: chain.head().0,
        slot,
        unix_timestamp: 1_700_000_000,
        strategy: &Layered,
        mode: Mode::Replay,
        recording: Recording::NONE,
    };
    let threads = Threads::new(1).unwrap();
    let mut source = ParsedBlock::new(transactions, Signatures::Trusted, &threads);
    let built = chain.build(&request, &mut source, &Cancel::default());
    built.unwrap()
}

/// Commits blocks up to a slot; every seventh slot has none.
pub(crate) fn extend(chain: &Chain, slot: u64, count: u8) -> Vec<WireBlock> {
    let first = chain.head().1.slot + 1;
    let slots = (first..=slot).filter(|slot| slot % 7 != 0 || *slot == 0);
    let blocks = slots.map(|slot| {
        let block = transactions(chain, slot, count);
        let built = build(chain, slot, block.clone());
        assert_eq!(built.refused, []);
        chain.commit(&built.id).unwrap();
        block
    });
    blocks.collect()
}

pub(crate) fn export(chain: &Chain) -> Vec<u8> {
    let mut bytes = Vec::new();
    let exported = chain.export(&mut bytes, &mut |_| ()).unwrap();
    assert_eq!(exported.size, bytes.len() as u64);
    bytes
}

pub(crate) fn import(bytes: &[u8], genesis: Genesis) -> Result<Chain, ImportError> {
    let store = Arc::new(MemoryStore::new());
    let watched = Arc::clone(&store);
    let mut so_far = Progress {
        accounts_done: 0,
        account_count: 0,
    };
    let mut progress = |progress: Progress| {
        assert!(progress.accounts_done > so_far.accounts_done);
        so_far = progress;
    };
    let mut source = bytes;
    let imported = Chain::import(&mut source, store, genesis, options(), None, &mut progress);
    match &imported {
        Ok(_) => assert_eq!(so_far.accounts_done, so_far.account_count),
        Err(_) => {
            // The newest block is what makes a store a ledger.
            let whole = watched.tip().is_some_and(|tip| {
                let newest = frames(bytes).unwrap_or_default();
                let head = newest.first().map(|(_, payload)| payload[..32].to_vec());
                head == Some(tip.block_id.to_bytes().to_vec())
            });
            assert!(
                !whole,
                "an import that failed has committed the newest block"
            );
        }
    }
    imported
}

/// The chain of what a genesis with first blockhashes of its own gives.
pub(crate) fn with_blockhashes(count: u8) -> Genesis {
    let blockhashes = (1..=count).map(|number| RecentBlockhash {
        blockhash: lockstep_interface::Hash::new_from_array([number; 32]),
        lamports_per_signature: 5_000,
    });
    Genesis {
        blockhashes: blockhashes.collect(),
        ..genesis(&[])
    }
}

pub(crate) type Frames = Vec<(u8, Vec<u8>)>;

/// Kinds and payloads of a snapshot's frames; `None` if it ends within one.
pub(crate) fn frames(bytes: &[u8]) -> Option<Frames> {
    let mut rest = bytes.get(16..)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let size = u32::from_le_bytes(*rest.get(1..)?.first_chunk()?) as usize;
        frames.push((rest[0], rest.get(5..5 + size)?.to_vec()));
        rest = rest.get(5 + size + 32..)?;
    }
    Some(frames)
}

/// A snapshot of these frames, with right hashes and a right digest at the end.
pub(crate) fn forge(frames: &Frames) -> Vec<u8> {
    let mut bytes = b"lockstep state\x03\x00".to_vec();
    let mut digest = Sha256::new();
    for (kind, payload) in frames {
        let mut payload = payload.clone();
        if *kind == 4 && payload.len() == 64 {
            payload[32..].copy_from_slice(&digest.clone().finalize());
        }
        let mut frame = vec![*kind];
        frame.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        frame.extend(payload);
        let hash = Sha256::digest(&frame);
        digest.update(hash);
        bytes.extend(frame);
        bytes.extend(hash);
    }
    bytes
}

/// Commits a block of the chain at every call.
pub(crate) struct Busy<'c> {
    pub(crate) chain: &'c Chain,
    pub(crate) bytes: Vec<u8>,
}

impl Write for Busy<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let slot = self.chain.head().1.slot + 1;
        extend(self.chain, slot.next_multiple_of(7) + 1, 4);
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
