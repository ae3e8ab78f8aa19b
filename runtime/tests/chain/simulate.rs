//! Transactions that are tried out: they come to what a block of them comes to, and leave nothing.

use lockstep_interface::{Account, AccountData, Address, Hash, TransactionError};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    block::{Receipt, Recording},
    chain::{BuildRequest, Chain, SimulateError, Simulation, UnknownBlock},
    verify::Refusal,
    wire::WireBlock,
};
use lockstep_scheduler::{Mode, Serial};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{
        generate::Shape,
        ledger::{FEE, address, transaction},
        run::timestamp,
    },
    setting::{Setting, adopt, build, build_on, head, request},
};

type Fates = Vec<Result<Receipt, Refusal>>;

/// What becomes of each transaction in a block that keeps their order.
fn fates_in_block(chain: &Chain, parent: Hash, given: &[Vec<u8>], recording: Recording) -> Fates {
    let request = BuildRequest {
        strategy: &Serial,
        mode: Mode::Replay,
        recording,
        ..request(chain, parent)
    };
    let built = build(chain, &request, given);
    let mut receipts = built.receipts.iter().cloned();
    let mut refused = built.refused.into_iter().peekable();
    let fates = (0..given.len()).map(|place| {
        match refused.next_if(|(position, _)| *position as usize == place) {
            Some((_, refusal)) => Err(refusal),
            None => Ok(receipts.next().unwrap()),
        }
    });
    fates.collect()
}

#[test]
fn simulating_equals_executing_and_leaves_nothing() {
    let setting = Setting::new(Shape::FEW);
    // One chain simulates, the other never does; both come to the same blocks.
    let (chain, other) = (setting.chain(2), setting.chain(2));
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for round in 0..30u64 {
        let parent = head(&chain);
        let bank = chain.bank(&parent).unwrap();
        let ahead = build_on(&chain, parent, &setting.world.block(&mut random, &bank, 25));
        reference.replay(ahead.bytes());
        for at in [parent, ahead.id] {
            let bank = chain.bank(&at).unwrap();
            let given = setting.world.block(&mut random, &bank, 25);
            let slot = bank.slot() + 1;
            for recording in [Recording::ALL, Recording::NONE] {
                let simulation = Simulation {
                    unix_timestamp: Some(timestamp(slot)),
                    recording,
                    ..Simulation::new(WireBlock::from_iter(&given))
                };
                let found = chain.simulate(&at, &simulation).unwrap();
                assert_eq!(head(&chain), parent);
                reference.check_at(&chain, &at);
                if recording == Recording::ALL {
                    // A block of the same on a chain that did not simulate.
                    let expected = fates_in_block(&chain, at, &given, recording);
                    assert_eq!(found, expected, "round {round}");
                }
                assert_eq!(chain.simulate(&at, &simulation).unwrap(), found);
            }
        }
        adopt(&other, ahead.bytes());
        for chain in [&chain, &other] {
            chain.commit(&ahead.id).unwrap();
            reference.check_at(chain, &ahead.id);
        }
        let bank = chain.bank(&ahead.id).unwrap();
        let next = setting.world.block(&mut random, &bank, 25);
        let built = [&chain, &other].map(|chain| build_on(chain, ahead.id, &next));
        assert_eq!(built[0].id, built[1].id);
        assert_eq!(built[0].refused, built[1].refused);
        for (chain, built) in [&chain, &other].into_iter().zip(&built) {
            chain.discard(&built.id).unwrap();
        }
    }
}

#[test]
fn overrides_count_for_one_simulation_only() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(2);
    let at = head(&chain);
    let (poor, payee) = (address(900), address(901));
    let pay = transaction(poor, at, &[transfer(&poor, &payee, 5_000_000)]);
    let simulation = |overrides| Simulation {
        overrides,
        ..Simulation::new(WireBlock::from_iter([&pay]))
    };
    let refused = Err(Refusal::Rule(TransactionError::AccountNotFound));
    let plain = simulation(Vec::new());
    assert_eq!(
        chain.simulate(&at, &plain).unwrap(),
        std::slice::from_ref(&refused)
    );
    let rich = Account::wallet(8_000_000);
    // The last override of an address counts, and one without lamports removes the account.
    let overridden = simulation(vec![(poor, Account::default()), (poor, rich.clone())]);
    let fates = chain.simulate(&at, &overridden).unwrap();
    let receipt = fates[0].as_ref().unwrap();
    assert_eq!(receipt.status, Ok(()));
    let details = receipt.details.as_ref().unwrap();
    assert_eq!(details.balances_before[..2], [8_000_000, 0]);
    let left = 8_000_000 - 5_000_000 - FEE;
    assert_eq!(details.balances_after[..2], [left, 5_000_000]);
    let gone = simulation(vec![(poor, rich), (poor, Account::default())]);
    assert_eq!(
        chain.simulate(&at, &gone).unwrap(),
        std::slice::from_ref(&refused)
    );
    assert_eq!(chain.simulate(&at, &plain).unwrap(), [refused]);
    for address in [poor, payee] {
        assert_eq!(chain.view(&at).unwrap().get(&address).unwrap(), None);
    }
    assert!(build_on(&chain, at, &[pay]).receipts.is_empty());
}

#[test]
fn a_simulation_names_what_it_lacks() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let at = head(&chain);
    let nothing = Simulation::new(WireBlock::default());
    assert_eq!(chain.simulate(&at, &nothing).unwrap(), []);
    let stranger = Hash::new_from_array([9; 32]);
    let error = chain.simulate(&stranger, &nothing).unwrap_err();
    assert!(matches!(error, SimulateError::Unknown(UnknownBlock(id)) if id == stranger));
    let early = Simulation {
        slot: Some(0),
        ..nothing
    };
    let error = chain.simulate(&at, &early).unwrap_err();
    assert!(matches!(error, SimulateError::Slot { slot: 0, block: 0 }));
    // Signatures are verified if that is asked for, and these are zeros.
    let payer = setting.payer();
    let pay = transaction(payer, at, &[transfer(&payer, &payer, 1)]);
    let mut simulation = Simulation::new(WireBlock::from_iter([&pay]));
    assert!(chain.simulate(&at, &simulation).unwrap()[0].is_ok());
    simulation.verify = true;
    let fates = chain.simulate(&at, &simulation).unwrap();
    assert_eq!(
        fates,
        [Err(Refusal::Rule(TransactionError::SignatureFailure))]
    );
}

#[test]
fn a_simulation_tells_what_changed_and_what_data_was_there() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let parent = head(&chain);
    let payer = setting.payer();
    let target = address(900_001);
    let bank = chain.bank(&parent).unwrap();
    let before = bank.get(&payer).unwrap().unwrap().lamports;
    let pay = transaction(payer, parent, &[transfer(&payer, &target, 5_000_000)]);
    let mut simulation = Simulation::new(WireBlock::from_iter([pay]));
    simulation.recording.data_of = Some(Address::default());
    let simulated = chain.simulate_changes(&parent, &simulation).unwrap();
    let changed = |wanted: &Address| {
        let mut changes = simulated.changes.iter();
        let found = changes.find(|(address, _)| address == wanted);
        found.map(|(_, account)| account.lamports)
    };
    assert_eq!(changed(&target), Some(5_000_000));
    assert_eq!(changed(&payer), Some(before - 5_000_000 - FEE));
    let receipt = simulated.results[0].as_ref().unwrap();
    let details = receipt.details.as_ref().unwrap();
    // Payer and target belong to the System program; the program itself belongs to the loader.
    let indices = |data: &[(u8, AccountData)]| data.iter().map(|(at, _)| *at).collect::<Vec<_>>();
    assert_eq!(indices(&details.data_before), [0, 1]);
    assert_eq!(indices(&details.data_after), [0, 1]);
}
