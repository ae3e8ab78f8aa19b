//! The life of stakes and validators, with every lamport in its place.

use lockstep_sdk::prelude::*;
use lockstep_stake::{
    REWARDS, Terms, genesis,
    reward::HISTORY,
    staking::{self, DelegateAddresses, OperateAddresses, StakingError, TakeAddresses},
};
use lockstep_testing::{Chain, SOL};

use super::{COOLDOWN, EPOCH, Net, TERMS};

#[test]
fn fees_of_an_epoch_go_to_the_stake_that_was_active_in_it() {
    let mut net = Net::new();
    let owner = net.chain.wallet("owner");
    let stake = net.deposit(&owner, 0, 9 * SOL);
    net.delegate(&owner, &stake, 1).all_ok();
    // Nine SOL are active in epoch 0; what joins counts from epoch 1 on.
    net.chain.airdrop(&REWARDS, 9_000);
    net.next_epoch();
    assert_eq!((net.in_vault(0), net.in_vault(1)), (5_400, 2_700));
    assert_eq!(net.pot(), 0);
    assert_eq!(
        net.collect(&owner, &stake, 1).all_ok().returned::<u64>(0),
        0
    );
    assert_eq!(net.epochs().active.get(), 18 * SOL);
    assert_eq!(net.state(1).active.get(), 12 * SOL);

    net.chain.airdrop(&REWARDS, 18_000);
    net.next_epoch();
    // 12,000 are for validator 1, a tenth of it as commission; of the rest, 9 of 12 parts.
    assert_eq!(net.in_vault(1), 2_700 + 10_800);
    let before = net.chain.lamports(&owner);
    net.collect(&owner, &stake, 1).all_ok();
    assert_eq!(net.chain.lamports(&owner) - before, 8_100);
    let again = net.collect(&owner, &stake, 1);
    assert_eq!(again.all_ok().returned::<u64>(0), 0, "once");

    let take = TakeAddresses {
        identity: net.identities[1],
        validator: net.validator(1),
    };
    let taken = net.run(staking::call::take(&take));
    assert_eq!(taken.all_ok().returned::<u64>(0), 300 + 1_200);
}

#[test]
fn a_stake_that_is_taken_back_rests_and_is_free_again() {
    let mut net = Net::new();
    let owner = net.chain.wallet("owner");
    let stake = net.deposit(&owner, 7, 3 * SOL);
    net.withdraw(&owner, &stake).all_ok();
    assert_eq!(net.chain.account(&stake), None);
    let stake = net.deposit(&owner, 7, 3 * SOL);
    net.delegate(&owner, &stake, 0).all_ok();
    net.withdraw(&owner, &stake)
        .fails(0, StakingError::Delegated);
    net.delegate(&owner, &stake, 1)
        .fails(0, StakingError::Delegated);
    net.next_epoch();
    net.deactivate(&owner, &stake, 1)
        .fails(0, StakingError::NotActive);
    net.deactivate(&owner, &stake, 0).all_ok();
    net.deactivate(&owner, &stake, 0)
        .fails(0, StakingError::NotActive);
    // It still earns in this epoch.
    net.chain.airdrop(&REWARDS, 12_000);
    net.next_epoch();
    net.chain.airdrop(&REWARDS, 12_000);
    for _ in 0..COOLDOWN {
        net.release(&owner, &stake, 0)
            .fails(0, StakingError::Resting);
        net.next_epoch();
    }
    let before = net.chain.lamports(&owner);
    net.release(&owner, &stake, 0).all_ok();
    assert_eq!(
        net.chain.lamports(&owner) - before,
        12_000 * 3 / 12 * 9 / 10
    );
    assert_eq!(net.epochs().active.get(), 9 * SOL);
    net.delegate(&owner, &stake, 1).all_ok();
    let mut other = net.to_delegate(&owner, &stake, 1);
    other.owner = net.identities[0];
    net.run(staking::call::deactivate(&other))
        .fails(0, InstructionError::IncorrectAuthority);
}

#[test]
fn members_are_those_with_stake() {
    let mut net = Net::new();
    let third = net.register("third", 0);
    let owner = net.chain.wallet("owner");
    let small = net.deposit(&owner, 0, SOL - 1);
    let large = net.deposit(&owner, 1, 2 * SOL);
    net.delegate(&owner, &small, third).all_ok();
    net.next_epoch();
    assert_eq!(net.members().len(), 2, "less than a member has");
    net.delegate(&owner, &large, third).all_ok();
    assert_eq!(net.members().len(), 2, "from the next epoch on");
    net.next_epoch();
    let members = net.members();
    assert!(members.is_sorted_by_key(|member| member.key));
    let own = members.iter().find(|member| member.key == net.keys[third]);
    assert_eq!(own.unwrap().stake, 3 * SOL - 1);
    net.deactivate(&owner, &large, third).all_ok();
    net.next_epoch();
    assert_eq!(net.members().len(), 2);
}

#[test]
fn delegators_share_nothing_that_they_write() {
    let mut net = Net::new();
    let owners = ["a", "b", "c", "d"].map(|name| net.chain.wallet(name));
    let delegations: Vec<DelegateAddresses> = owners
        .iter()
        .map(|owner| {
            let stake = net.deposit(owner, 0, SOL);
            net.to_delegate(owner, &stake, 0)
        })
        .collect();
    let calls = delegations.iter().map(staking::call::delegate);
    let block = net.chain.run_block(calls);
    block.all_ok().access_is_minimal();
    let lanes: usize = block.batches().iter().map(Vec::len).sum();
    assert_eq!((block.batches().len(), lanes), (1, 4));
    assert_eq!(net.state(0).joining_even.get(), 4 * SOL);
    let calls = delegations.iter().map(staking::call::deactivate);
    net.chain.parallel_equals_serial(calls);
}

#[test]
fn a_commission_holds_from_the_next_epoch_on() {
    let mut net = Net::new();
    let operate = OperateAddresses {
        identity: net.identities[0],
        validator: net.validator(0),
    };
    net.run(staking::call::set_commission(&operate, 10_001))
        .fails(0, StakingError::BadCommission);
    net.run(staking::call::set_commission(&operate, 10_000))
        .all_ok();
    let thief = OperateAddresses {
        identity: net.identities[1],
        ..operate
    };
    let theft = net.run(staking::call::set_commission(&thief, 0));
    theft.fails(0, InstructionError::IncorrectAuthority);
    for expected in [5_400, 0] {
        let before = net.in_vault(0);
        net.chain.airdrop(&REWARDS, 9_000);
        net.next_epoch();
        assert_eq!(net.in_vault(0) - before, expected);
    }
}

#[test]
fn epochs_go_on_one_by_one() {
    let mut net = Net::new();
    net.advance().fails(0, StakingError::EpochLasts);
    let owner = net.chain.wallet("owner");
    let stake = net.deposit(&owner, 0, SOL);
    // One epoch behind is as good as none.
    net.chain.warp_to_slot(EPOCH);
    net.delegate(&owner, &stake, 0).all_ok();
    net.chain.warp_to_slot(3 * EPOCH);
    net.deactivate(&owner, &stake, 0)
        .fails(0, StakingError::Behind);
    net.catch_up();
    assert_eq!(net.state(0).active.get(), 7 * SOL);
    net.deactivate(&owner, &stake, 0).all_ok();
}

#[test]
fn what_is_left_for_too_long_is_forfeited_and_never_overpaid() {
    let mut net = Net::new();
    let owner = net.chain.wallet("owner");
    let stake = net.deposit(&owner, 0, 9 * SOL);
    net.delegate(&owner, &stake, 0).all_ok();
    net.next_epoch();
    let slot = net.chain.slot();
    let epochs = HISTORY as u64 + 8;
    for epoch in 1..=epochs {
        net.chain.airdrop(&REWARDS, 18_000);
        net.chain.warp_to_slot(slot + epoch * EPOCH);
        net.advance().all_ok();
    }
    // 10 of them are older than indexes are kept: the newest 31 steps are paid.
    net.catch_up();
    let paid = 18_000 * (HISTORY as u64 - 1);
    assert_eq!(net.in_vault(0), paid / 18 * 15 * 9 / 10);
    assert_eq!(net.in_vault(1), paid / 18 * 3 * 9 / 10);
    assert_eq!(net.pot(), 18_000 * epochs - paid);
    let collected = net.collect(&owner, &stake, 0).all_ok().returned::<u64>(0);
    assert!(collected <= net.in_vault(0) + collected);
    assert_eq!(
        net.collect(&owner, &stake, 0).all_ok().returned::<u64>(0),
        0
    );
}

#[test]
fn a_genesis_has_terms_that_can_be_kept() {
    let founders = [];
    for wrong in [
        Terms {
            epoch_slots: 0,
            ..TERMS
        },
        Terms {
            slash_parts: 10_001,
            ..TERMS
        },
    ] {
        assert!(genesis(&wrong, &founders).is_err(), "{wrong:?}");
    }
    let mut chain = Chain::builder().program(staking::StakingProgram).build();
    let identity = chain.wallet("operator");
    let mut founder = lockstep_stake::Founder {
        identity,
        key: identity,
        commission: 10_001,
        stake: SOL,
    };
    assert!(genesis(&TERMS, &[founder]).is_err());
    founder.commission = 0;
    founder.stake = SOL - 1;
    assert!(genesis(&TERMS, &[founder]).is_err());
}
