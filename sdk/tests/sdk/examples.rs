//! The examples do what they say.

#[path = "../../examples/counter.rs"]
pub mod counter_example;
#[path = "../../examples/escrow.rs"]
pub mod escrow_example;
#[path = "../../examples/forward.rs"]
pub mod forward_example;
#[path = "../../examples/helloworld.rs"]
pub mod helloworld_example;
#[path = "../../examples/vault.rs"]
pub mod vault_example;

use crate::ledger::{Ledger, SOL, address};
use lockstep_sdk::{
    interface::{InstructionError, Rent},
    prelude::Event,
};

#[test]
fn helloworld_creates_a_greeting() {
    use helloworld_example::helloworld::*;
    let mut ledger = Ledger::new().with(HelloworldProgram);
    let addresses = GreetAddresses {
        visitor: address(1),
        greeting: address(9),
    };
    let greet = call::greet(&addresses);
    ledger.run(&greet).unwrap();
    let created = ledger.get(&address(9));
    assert_eq!(created.data[..], [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(created.lamports, Rent::MAINNET.minimum_balance(10));
    assert_eq!(created.owner, ID);
    let (error, text) = ledger.fail(&greet);
    assert_eq!(error, InstructionError::AccountAlreadyInitialized);
    assert!(text.contains("account `greeting`"), "{text}");
}

#[test]
fn counter_counts_for_its_owner_alone() {
    use counter_example::counter::*;
    let mut ledger = Ledger::new().with(CounterProgram);
    let create = CreateAddresses { owner: address(1) };
    ledger.run(&call::create(&create)).unwrap();
    let increment = IncrementAddresses { owner: address(1) };
    for _ in 0..3 {
        ledger.run(&call::increment(&increment, 5)).unwrap();
    }
    let (counter, bump) = Increment::counter_address(&address(1));
    let data = ledger.get(&counter).data;
    assert_eq!(data[..2], [1, bump]);
    assert_eq!(data[2..], [15, 0, 0, 0, 0, 0, 0, 0]);

    let overflow = call::increment(&increment, u64::MAX);
    assert_eq!(
        ledger.run(&overflow),
        Err(InstructionError::ArithmeticOverflow)
    );

    let mut foreign = call::increment(&increment, 5);
    foreign.accounts[0].address = address(2);
    let (error, text) = ledger.fail(&foreign);
    assert_eq!(error, InstructionError::InvalidSeeds);
    let (derived, _) = Increment::counter_address(&address(2));
    assert_eq!(
        text,
        format!(
            "instruction 0, program {ID}: account `counter` ({counter}) breaks the rule `seeds`: \
             expected {derived}, got {counter}"
        )
    );
}

#[test]
fn vault_pays_out_to_its_owner_alone() {
    use vault_example::vault::*;
    let mut ledger = Ledger::new().with(VaultProgram);
    let deposit = call::deposit(&DepositAddresses { owner: address(1) }, 700);
    ledger.run(&deposit).unwrap();
    let (vault, _) = Withdraw::vault_address(&address(1));
    assert_eq!(ledger.lamports(&vault), 700);
    let withdraw = call::withdraw(&WithdrawAddresses { owner: address(1) }, 300);
    ledger.run(&withdraw).unwrap();
    assert_eq!(ledger.lamports(&vault), 400);
    assert_eq!(ledger.lamports(&address(1)), SOL - 400);

    let mut theft = withdraw.clone();
    theft.accounts[0].address = address(3);
    let (error, _) = ledger.fail(&theft);
    assert_eq!(error, InstructionError::InvalidSeeds);
    let mut unsigned = withdraw;
    unsigned.accounts[0].is_signer = false;
    let (error, text) = ledger.fail(&unsigned);
    assert_eq!(error, InstructionError::MissingRequiredSignature);
    assert!(text.contains("account `owner`"), "{text}");
}

#[test]
fn escrow_trades_at_the_agreed_price() {
    use escrow_example::escrow::*;
    let mut ledger = Ledger::new().with(EscrowProgram);
    let make = MakeAddresses { maker: address(1) };
    ledger.run(&call::make(&make, 7, 5_000, 900)).unwrap();
    let (offer, _) = Make::offer_address(&address(1), 7);
    let rent = Rent::MAINNET.minimum_balance(ledger.get(&offer).data.len());
    assert_eq!(ledger.lamports(&offer), rent + 5_000);

    let take = TakeAddresses {
        taker: address(2),
        maker: address(1),
    };
    let (error, text) = ledger.fail(&call::take(&take, 7, 899));
    assert_eq!(error, InstructionError::Custom(1));
    assert!(
        text.contains("PriceChanged: the price is not what the taker agreed to"),
        "{text}"
    );
    let stranger = TakeAddresses {
        maker: address(3),
        ..take.clone()
    };
    let mut to_stranger = call::take(&stranger, 7, 900);
    to_stranger.accounts[2].address = offer;
    let (error, _) = ledger.fail(&to_stranger);
    assert_eq!(error, InstructionError::InvalidSeeds);

    ledger.run(&call::take(&take, 7, 900)).unwrap();
    assert_eq!(ledger.lamports(&address(1)), SOL - 5_000 + 900);
    assert_eq!(ledger.lamports(&address(2)), SOL + 5_000 - 900);
    assert!(!ledger.get(&offer).exists());
    let taken = Taken::find(&ledger.events[0]).unwrap();
    assert_eq!((taken.offer, taken.price), (offer, 900));
}

#[test]
fn forward_counts_through_the_other_program() {
    use forward_example::{tally, turnstile};
    let mut ledger = Ledger::new()
        .with(tally::TallyProgram)
        .with(turnstile::TurnstileProgram);
    let open = tally::OpenAddresses { payer: address(1) };
    ledger.run(&tally::call::open(&open)).unwrap();
    let pass = turnstile::PassAddresses {
        tally: tally::CountAddresses {
            visitor: address(2),
        },
    };
    ledger.run(&turnstile::call::pass(&pass, 4)).unwrap();
    ledger.run(&turnstile::call::pass(&pass, 2)).unwrap();
    let (tally_address, _) = tally::Count::tally_address();
    assert_eq!(ledger.get(&tally_address).data[2..], [6, 0, 0, 0]);

    let (error, text) = ledger.fail(&turnstile::call::pass(&pass, 11));
    assert_eq!(error, InstructionError::Custom(1));
    assert!(text.contains("TooMany"), "{text}");
    let mut closed = ledger.get(&tally_address);
    closed.data = vec![2; 6].into();
    ledger.put(tally_address, closed);
    let (error, text) = ledger.fail(&turnstile::call::pass(&pass, 1));
    assert_eq!(error, InstructionError::InvalidAccountData);
    let expected = format!(
        "instruction 0.0, program {}: account `tally` ({tally_address}) breaks the rule \
         `discriminator`: expected 1 of Tally, got 2",
        tally::ID
    );
    assert_eq!(text, expected);
}
