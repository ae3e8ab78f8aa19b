//! Limits hold at the edge and not beyond, for producers by address and by number alike, and for
//! verifiers over whole blocks.

use std::collections::BTreeMap;

use ahash::RandomState;
use lockstep_interface::Address;
use lockstep_runtime::prepare::PreparedBlock;
use lockstep_runtime::threads::Threads;
use lockstep_runtime::verify::{ParsedBlock, Signatures};
use lockstep_runtime::{
    block::BlockLimits,
    prepare::{BLOCK_PARTS, BlockUsage, Demand, LimitExceeded, Resource, SanitizedTransaction},
    wire::WireBlock,
};
use lockstep_scheduler::{AccountIndex, Plan, TransactionIndex, Wait};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use rand::Rng;

use super::{
    common::generate::{Shape, World, bundled},
    generate::rng,
};

const LIMITS: BlockLimits = BlockLimits {
    compute_units_max: 1_000,
    account_compute_units_max: 400,
    allocated_size_max: 50,
    transaction_bytes_max: 500,
    transaction_count_max: 4,
    wait_count_max: 2,
    slot_gap_max: 1,
};

fn account(number: u32) -> AccountIndex {
    AccountIndex(number)
}

/// Admits demands of (units, size, accounts) until one is refused, which must be the last.
fn check(demands: &[(u64, usize, &[u32])], resource: Resource<AccountIndex>, numbers: [u64; 3]) {
    let mut usage = BlockUsage::new(LIMITS);
    let [limit, used, asked] = numbers;
    for (place, &(compute_units, size, writes)) in demands.iter().enumerate() {
        let writes: Vec<AccountIndex> = writes.iter().copied().map(account).collect();
        let demand = Demand {
            transaction_count: 1,
            compute_units,
            allocated_size: 0,
            size,
            writes: &writes,
        };
        let expected = if place + 1 < demands.len() {
            Ok(())
        } else {
            Err(LimitExceeded {
                transaction: place as u32,
                resource,
                limit,
                used,
                asked,
            })
        };
        assert_eq!(usage.check(&demand), expected, "{demand:?}");
        assert_eq!(usage.admit(&demand), expected, "{demand:?}");
    }
}

#[test]
fn each_limit_holds_at_its_edge() {
    let count = Resource::TransactionCount;
    let one: (u64, usize, &[u32]) = (1, 1, &[]);
    check(&[one; 5], count, [4, 4, 1]);
    let bytes = Resource::TransactionBytes;
    check(
        &[(1, 499, &[]), (1, 1, &[]), (1, 1, &[])],
        bytes,
        [500, 500, 1],
    );
    let units = Resource::ComputeUnits;
    check(
        &[(999, 1, &[]), (1, 1, &[]), (1, 1, &[])],
        units,
        [1_000, 1_000, 1],
    );
    check(&[(u64::MAX, 1, &[])], units, [1_000, 0, u64::MAX]);
    check(
        &[(1, 1, &[]), (u64::MAX, 1, &[])],
        units,
        [1_000, 1, u64::MAX],
    );
    let seventh = Resource::AccountComputeUnits(account(7));
    check(
        &[(400, 1, &[7]), (300, 1, &[8]), (1, 1, &[9, 7])],
        seventh,
        [400, 400, 1],
    );
    check(&[(401, 1, &[7])], seventh, [400, 0, 401]);
}

#[test]
fn waits_are_counted() {
    let t = TransactionIndex;
    let plan = |waits: &[(u32, u32)]| {
        let wait = |&(transaction, after): &(u32, u32)| Wait {
            transaction: t(transaction),
            after: t(after),
        };
        let lanes = (0..4).map(|index| vec![t(index)]).collect();
        Plan::from_nested(vec![lanes], waits.iter().map(wait).collect())
    };
    assert_eq!(LIMITS.check_waits(&plan(&[])), Ok(()));
    assert_eq!(LIMITS.check_waits(&plan(&[(1, 0), (2, 0)])), Ok(()));
    let error = LIMITS.check_waits(&plan(&[(1, 0), (2, 0), (2, 1), (3, 2)]));
    let error = error.unwrap_err();
    assert_eq!((error.transaction, error.used, error.asked), (2, 1, 2));
    let message = "transaction 2 does not fit: it needs 2 more, with 1 of 2 waits used";
    assert_eq!(error.to_string(), message);
}

/// A bundle is as many transactions as it has, and none of them is in if not all are.
#[test]
fn a_bundle_is_counted_whole() {
    let mut usage = BlockUsage::new(BlockLimits {
        transaction_count_max: 4,
        ..BlockLimits::UNLIMITED
    });
    let bundle = Demand {
        transaction_count: 3,
        compute_units: 30,
        allocated_size: 0,
        size: 300,
        writes: &[account(0), account(1)],
    };
    assert_eq!(usage.admit(&bundle), Ok(()));
    let error = usage.admit(&bundle).unwrap_err();
    assert_eq!(
        error.to_string(),
        "transaction 3 does not fit: it needs 3 more, with 3 of 4 transactions used"
    );
    assert_eq!(
        (usage.transaction_count(), usage.transaction_bytes()),
        (3, 300)
    );
    assert_eq!(usage.account_compute_units(account(1)), 30);
}

proptest! {
    /// By number, by address, and from scratch each time.
    #[test]
    fn names_of_accounts_do_not_matter(seed in any::<u64>()) {
        let mut rng = rng(seed);
        let address = |account: &AccountIndex| Address::new_from_array([account.0 as u8; 32]);
        let mut numbered = BlockUsage::new(LIMITS);
        let mut addressed = BlockUsage::new(LIMITS);
        let mut taken: Vec<(u64, u64, usize, Vec<AccountIndex>)> = Vec::new();
        for _ in 0..20 {
            let writes: Vec<_> = (0..4).filter(|_| rng.random_bool(0.4)).map(account).collect();
            let addresses: Vec<Address> = writes.iter().map(address).collect();
            let (compute_units, size) = (rng.random_range(0..400), rng.random_range(1..300));
            let allocated_size = rng.random_range(0..20);
            let by_number = Demand {
                transaction_count: 1,
                compute_units,
                allocated_size,
                size,
                writes: &writes,
            };
            let by_address = Demand {
                transaction_count: 1,
                compute_units,
                allocated_size,
                size,
                writes: &addresses,
            };
            let found = numbered.admit(&by_number);
            let same = addressed.admit(&by_address);
            prop_assert_eq!(found.is_ok(), same.is_ok());

            let mut all = taken.clone();
            all.push((compute_units, allocated_size, size, writes));
            prop_assert_eq!(found.is_ok(), fits(&all));
            if found.is_ok() {
                taken = all;
            }
        }
        prop_assert!(!taken.is_empty());
        prop_assert_eq!(numbered.transaction_count() as usize, taken.len());
    }
}

/// The definition of the limits.
fn fits(taken: &[(u64, u64, usize, Vec<AccountIndex>)]) -> bool {
    let mut by_account = BTreeMap::new();
    for (units, _, _, writes) in taken {
        for account in writes {
            *by_account.entry(*account).or_insert(0) += units;
        }
    }
    let units: u64 = taken.iter().map(|one| one.0).sum();
    let allocated: u64 = taken.iter().map(|one| one.1).sum();
    let size: usize = taken.iter().map(|one| one.2).sum();
    taken.len() <= 4
        && allocated <= 50
        && size <= 500
        && units <= 1_000
        && by_account.values().all(|units| *units <= 400)
}

#[test]
fn allocations_have_a_limit_of_their_own() {
    let mut usage = BlockUsage::new(LIMITS);
    let demand = |allocated_size| Demand::<AccountIndex> {
        transaction_count: 1,
        compute_units: 1,
        allocated_size,
        size: 1,
        writes: &[],
    };
    assert_eq!(usage.admit(&demand(49)), Ok(()));
    let error = usage.admit(&demand(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "transaction 1 does not fit: it needs 2 more, with 49 of 50 allocated bytes used"
    );
    assert_eq!(usage.admit(&demand(1)), Ok(()));
    assert_eq!(usage.allocated_size(), 50);
    assert!(usage.is_full());
    assert_eq!(LIMITS.share(&demand(25)), BLOCK_PARTS / 2);
}

/// What Agave's cost model says of a transaction that calls no precompiled program.
fn cost(transaction: &SanitizedTransaction<'_>) -> u64 {
    let view = &transaction.view;
    let locks = (0..view.static_keys().len()).filter(|index| view.is_writable_static(*index));
    let looked_up: usize = view.lookups().map(|table| table.writable.len()).sum();
    let data: usize = view.instructions().map(|call| call.data.len()).sum();
    let pages = transaction.budget.loaded_data_size_max.div_ceil(32_768);
    u64::from(view.required_signatures()) * 720
        + (locks.count() + looked_up) as u64 * 300
        + data as u64 / 4
        + u64::from(pages) * 8
        + u64::from(transaction.budget.compute_unit_limit)
}

/// What a verifier counts, from the public part of a prepared block.
fn expected(prepared: &PreparedBlock<'_>) -> (u64, u64, BTreeMap<Address, u64>) {
    let (mut units, mut size) = (0, 0);
    let mut by_account = BTreeMap::new();
    for (index, transaction) in prepared.table().transactions().zip(prepared.transactions()) {
        let own = cost(transaction);
        units += own;
        size += transaction.view.bytes().len() as u64;
        for (address, is_writable) in prepared.access_list(index) {
            *by_account.entry(address).or_insert(0) += if is_writable { own } else { 0 };
        }
    }
    (units, size, by_account)
}

#[test]
fn a_verifier_counts_a_whole_block() {
    check_block(|transactions| transactions.iter().collect());
}

/// A transaction of a bundle was counted by its rights to the accounts of the whole bundle.
#[test]
fn transactions_of_bundles_count_by_themselves() {
    check_block(|transactions| bundled(transactions, &mut rng(12)));
}

/// Counts a block with room for exactly what is in it, and with a little less.
fn check_block(block: impl Fn(&[Vec<u8>]) -> WireBlock) {
    let threads = Threads::new(1).unwrap();
    let (world, parent) = World::new(Shape::FEW);
    let bank = parent.child(parent.slot() + 1, 7);
    let block = block(&world.block(&mut rng(11), &parent, 200));
    let parsed = ParsedBlock::new(block, Signatures::Trusted, &threads);
    let prepared = PreparedBlock::new(&parsed, &bank, &threads, &RandomState::new());
    let mut prepared = prepared.unwrap();
    // A credit is a use for writing, too.
    prepared.share_credits(&bank).unwrap();
    let (units, size, by_account) = expected(&prepared);
    let hottest = *by_account.values().max().unwrap();
    let exact = BlockLimits {
        compute_units_max: units,
        account_compute_units_max: hottest,
        allocated_size_max: u64::MAX,
        transaction_bytes_max: size,
        transaction_count_max: prepared.table().transaction_count() as u32,
        wait_count_max: 0,
        slot_gap_max: 1,
    };
    let usage = BlockUsage::of(&prepared, exact).unwrap();
    for (number, address) in (0..).zip(prepared.addresses()) {
        let found = usage.account_compute_units(AccountIndex(number));
        assert_eq!(found, by_account[address], "{address}");
    }
    let last = prepared.table().transaction_count() as u32 - 1;
    let refused = |limits: BlockLimits| BlockUsage::of(&prepared, limits).unwrap_err();
    let error = refused(BlockLimits {
        transaction_count_max: last,
        ..exact
    });
    assert_eq!(
        (error.transaction, error.resource),
        (last, Resource::TransactionCount)
    );
    let error = refused(BlockLimits {
        transaction_bytes_max: size - 1,
        ..exact
    });
    assert_eq!(
        (error.transaction, error.resource),
        (last, Resource::TransactionBytes)
    );
    let error = refused(BlockLimits {
        account_compute_units_max: hottest - 1,
        ..exact
    });
    let Resource::AccountComputeUnits(account) = error.resource else {
        panic!("{error}");
    };
    assert_eq!(by_account[&prepared.addresses()[account.index()]], hottest);
    assert_eq!(error.limit, hottest - 1);
}
