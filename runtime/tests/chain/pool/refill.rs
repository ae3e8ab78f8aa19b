//! Blocks that are filled again: what a source gives in several parts is one block, which all
//! others execute as one.

use lockstep_interface::{Address, Hash, TransactionError};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::BlockLimits,
    chain::{BuiltBlock, ChainOptions, REFILLS_MAX, TransactionSource},
    engine::Cancel,
    prepare::BlockUsage,
    rules::FeePolicy,
    verify::{ParsedBlock, Refusal},
    wire::WireBlock,
};

use crate::{
    common::ledger::{FEE, Ledger, RICH, address, transaction},
    setting::{Reference, adopt, head, open, options, request, trusted},
};

/// Gives one part after the other, and notes what it was told.
#[derive(Default)]
struct Parts {
    parts: Vec<WireBlock>,
    /// The balance of the first account, and the transactions so far.
    told: Vec<(u64, u32)>,
}

impl Parts {
    fn next(&mut self) -> ParsedBlock {
        if self.parts.is_empty() {
            return ParsedBlock::default();
        }
        trusted(self.parts.remove(0))
    }
}

impl TransactionSource for Parts {
    fn select(&mut self, _parent: &FrozenBank, _limits: &BlockLimits) -> ParsedBlock {
        self.next()
    }

    fn refill(&mut self, state: &FrozenBank, usage: &BlockUsage<Address>) -> ParsedBlock {
        let account = state.get(&address(0)).unwrap().unwrap();
        self.told
            .push((account.lamports, usage.transaction_count()));
        self.next()
    }
}

/// Builds a block of parts over five rich wallets, and has it verified. Gives what the source was
/// told too.
fn build(
    limits: BlockLimits,
    parts: impl FnOnce(Hash) -> Vec<WireBlock>,
) -> (BuiltBlock, Vec<(u64, u32)>) {
    // The leader's share is of the fees of all parts, and paid once.
    let policy = FeePolicy::new(3_333, 3_333, address(2)).unwrap();
    let ledger = Ledger::with_wallets(0..5);
    let genesis = || Genesis {
        limits,
        ..ledger.clone().genesis().with_fee_policy(policy)
    };
    let leader = Some(address(1));
    let chain = open(
        genesis(),
        ChainOptions {
            leader,
            ..options(2)
        },
    );
    let follower = open(genesis(), options(1));
    let mut reference = Reference::new(genesis());
    let mut source = Parts {
        parts: parts(head(&chain)),
        told: Vec::new(),
    };
    let wanted = request(&chain, head(&chain));
    let built = chain.build(&wanted, &mut source, &Cancel::default());
    let built = built.unwrap();
    assert_eq!(reference.replay(built.bytes()), *built.receipts);
    adopt(&follower, built.bytes());
    for chain in [chain, follower] {
        chain.commit(&built.id).unwrap();
        reference.check_at(&chain, &built.id);
    }
    (built, source.told)
}

/// Transfers between wallets by number.
fn pay(blockhash: Hash, transfers: &[(u64, u64, u64)]) -> WireBlock {
    let transfers = transfers.iter().map(|(from, to, lamports)| {
        let (from, to) = (address(*from), address(*to));
        transaction(from, blockhash, &[transfer(&from, &to, *lamports)])
    });
    transfers.collect()
}

/// A payer that has no account.
const NONE: u64 = 99;

fn rules(built: &BuiltBlock) -> Vec<(u32, TransactionError)> {
    let rules = built.refused.iter().map(|(place, refusal)| match refusal {
        Refusal::Rule(error) => (*place, error.clone()),
        Refusal::Malformed(error) => panic!("{error}"),
    });
    rules.collect()
}

#[test]
fn a_block_is_filled_again_only_if_some_were_refused() {
    let both = |first: &'static [(u64, u64, u64)]| {
        build(BlockLimits::MAINNET, move |blockhash| {
            let second = &[(0, 1, 9)];
            [first, second].map(|part| pay(blockhash, part)).into()
        })
    };
    let (built, told) = both(&[(0, 1, 1), (2, 3, 1)]);
    assert_eq!((built.receipts.len(), told.len()), (2, 0));
    let (built, told) = both(&[(0, 1, 1), (NONE, 3, 1)]);
    // Asked until there is no more.
    let left = RICH - FEE - 1;
    assert_eq!(told, [(left, 1), (left - FEE - 9, 2)]);
    assert_eq!(built.receipts.len(), 2);
    assert_eq!(rules(&built), [(1, TransactionError::AccountNotFound)]);
}

#[test]
fn parts_see_what_those_before_did_and_undo_it() {
    let (built, told) = build(BlockLimits::MAINNET, |blockhash| {
        let parts: [&[_]; 3] = [
            // The new wallet gets all that it pays on, and is no more afterwards.
            &[(0, 50, 10_000_000), (NONE, 1, 1)],
            &[(50, 0, 10_000_000 - FEE), (1, 2, 5), (NONE, 1, 2)],
            &[(2, 1, 5), (3, 50, 3_000_000)],
        ];
        parts.map(|part| pay(blockhash, part)).into()
    });
    assert_eq!(built.receipts.len(), 5);
    assert!(built.receipts.iter().all(|receipt| receipt.status.is_ok()));
    assert_eq!(told.len(), 3);
    let missing = TransactionError::AccountNotFound;
    assert_eq!(rules(&built), [(1, missing.clone()), (4, missing)]);
}

#[test]
fn a_source_is_asked_so_often_and_no_more() {
    let (built, told) = build(BlockLimits::MAINNET, |blockhash| {
        let parts = (1..9).map(|number| pay(blockhash, &[(0, 1, number), (NONE, 1, number)]));
        parts.collect()
    });
    assert_eq!(told.len(), REFILLS_MAX as usize);
    assert_eq!(built.receipts.len(), 1 + REFILLS_MAX as usize);
    assert_eq!(built.refused.len(), 1 + REFILLS_MAX as usize);
}

#[test]
fn what_was_given_before_or_finds_no_room_is_refused() {
    let limits = BlockLimits {
        transaction_count_max: 4,
        ..BlockLimits::MAINNET
    };
    let (built, told) = build(limits, |blockhash| {
        let mut second = pay(
            blockhash,
            &[(0, 1, 1), (3, 4, 1), (3, 4, 2), (4, 3, 3), (1, 0, 7)],
        );
        second.bundle(1, 2).unwrap();
        vec![pay(blockhash, &[(0, 1, 1), (NONE, 1, 1)]), second]
    });
    assert_eq!((built.receipts.len(), told.len()), (4, 1));
    assert_eq!(
        rules(&built),
        [
            (1, TransactionError::AccountNotFound),
            (2, TransactionError::AlreadyProcessed),
            (6, TransactionError::WouldExceedMaxBlockCostLimit),
        ]
    );
}

#[test]
fn a_block_that_is_nearly_full_is_not_filled_again() {
    let limits = BlockLimits {
        transaction_count_max: 40,
        ..BlockLimits::MAINNET
    };
    for (count, asked) in [(39, 0), (38, 1)] {
        let (built, told) = build(limits, |blockhash| {
            let mut first = pay(blockhash, &[(NONE, 1, 1)]);
            let payments: Vec<_> = (0..count).map(|number| (0, 1, number)).collect();
            pay(blockhash, &payments)
                .iter()
                .for_each(|one| first.push(one));
            vec![first]
        });
        assert_eq!((built.receipts.len() as u64, told.len()), (count, asked));
    }
}
