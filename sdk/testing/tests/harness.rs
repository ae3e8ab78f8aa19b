//! The harness finds what is wrong, says so, and leaves alone what it should.

#[path = "../../examples/counter.rs"]
pub mod counter_example;
#[path = "../../examples/forward.rs"]
pub mod forward_example;

use std::panic::{AssertUnwindSafe, catch_unwind};

use counter_example::counter::{self, *};
use lockstep_programs::system::instruction::transfer;
use lockstep_sdk::{
    access::AccountAccess,
    interface::{Account, AccountMeta, Address, TransactionError, context::AccountUse},
    prelude::InstructionError,
};
use lockstep_testing::{Call, Chain, SOL, Scene, Sequences, Units, explore, keys};

/// What a panic says.
fn panics<R>(action: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action))
        .err()
        .expect("it panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .map_or_else(String::new, |text| (*text).to_owned()),
    }
}

/// A chain on which an owner has a counter.
fn counting() -> (Chain, Address) {
    let mut chain = Chain::builder().program(CounterProgram).build();
    let owner = chain.wallet("owner");
    let create = counter::call::create(&CreateAddresses { owner });
    chain.run(create).access_is_minimal();
    (chain, owner)
}

fn increment(owner: Address, by: u64) -> Call {
    counter::call::increment(&IncrementAddresses { owner }, by).into()
}

fn count(chain: &Chain, owner: &Address) -> u64 {
    let (address, _) = Increment::counter_address(owner);
    chain.state::<Counter>(&address).count.get()
}

#[test]
fn names_give_the_same_wallet_and_fund_it_once() {
    let mut chain = Chain::new();
    let alice = chain.wallet("alice");
    chain.run(transfer(&alice, &alice, 0)).all_ok();
    chain.airdrop(&alice, 5);
    assert_eq!(chain.wallet("alice"), alice);
    assert_eq!(chain.lamports(&alice), 1_000 * SOL + 5);
    assert_eq!(Chain::new().signer("alice"), alice);
    assert_eq!(keys::address_of(&keys::key("alice")), alice);
}

#[test]
fn an_emptied_wallet_stays_empty() {
    let mut chain = Chain::new();
    let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
    let before = chain.snapshot();
    chain.run(transfer(&alice, &bob, 1_000 * SOL)).all_ok();
    assert_eq!(chain.wallet("alice"), alice);
    assert_eq!(chain.lamports(&alice), 0);
    chain.restore(&before);
    assert_eq!(chain.lamports(&alice), 1_000 * SOL);
    // A key alone is no wallet yet.
    let carol = chain.signer("carol");
    assert_eq!(chain.lamports(&carol), 0);
    assert_eq!(chain.wallet("carol"), carol);
    assert_eq!(chain.lamports(&carol), 1_000 * SOL);
}

#[test]
fn credits_are_shared_as_a_producer_shares_them() {
    let mut chain = Chain::new();
    let payers = ["a", "b", "c", "d", "e"].map(|name| chain.wallet(name));
    let till = chain.wallet("till");
    let pay = payers.map(|payer| transfer(&payer, &till, SOL));
    chain.parallel_equals_serial(&pay);
    let block = chain.run_block(&pay);
    block.all_ok();
    assert_eq!(block.batches().len(), 1, "{:?}", block.batches());
    assert_eq!(chain.lamports(&till), 1_005 * SOL);
}

#[test]
fn slots_that_are_warped_over_have_no_hash() {
    use lockstep_programs::lookup_table::instruction::create;
    let mut chain = Chain::new();
    let alice = chain.wallet("alice");
    chain.warp_to_slot(700);
    assert!(!chain.run(create(&alice, &alice, 699)).call(0).is_ok());
    chain.empty_blocks(3);
    let recent = chain.slot() - 2;
    chain.run(create(&alice, &alice, recent)).all_ok();
}

/// A scene that owns its chain.
struct Bank {
    chain: Chain,
    alice: Address,
}

impl Scene for Bank {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

#[test]
fn a_scene_may_own_its_chain_and_each_step_is_reported() {
    let mut chain = Chain::new();
    let alice = chain.wallet("alice");
    let mut bank = Bank { chain, alice };
    let sequences = Sequences {
        seed: 2,
        count: 9,
        length_max: 5,
    };
    let told = panics(|| {
        explore(
            &mut bank,
            sequences,
            1..=2_u64,
            |bank, sol| {
                let pay = transfer(
                    &bank.alice,
                    &Address::new_from_array([5; 32]),
                    sol * 600 * SOL,
                );
                let _ = bank.chain.run(pay);
            },
            |bank| assert!(bank.chain.lamports(&bank.alice) > 500 * SOL, "too poor"),
        );
    });
    let expected =
        "too poor; the shortest sequence that fails is\n  step 0: 1\n    call 0 succeeded";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_snapshot_brings_everything_back() {
    let (mut chain, owner) = counting();
    let before = chain.snapshot();
    let (slot, blockhash) = (chain.slot(), chain.blockhash());
    for (round, time) in [(1, 5), (2, 6), (3, 7)] {
        chain.run(increment(owner, round)).all_ok();
        chain.set_time(time);
        chain.warp_to_slot(1_000);
        assert_eq!(count(&chain, &owner), round);
        chain.restore(&before);
        assert_eq!(count(&chain, &owner), 0);
        assert_eq!((chain.slot(), chain.blockhash()), (slot, blockhash));
    }
    let mut other = Chain::new();
    let told = panics(|| other.restore(&before));
    assert!(told.contains("another chain"), "{told}");
}

#[test]
fn accounts_can_be_put_and_taken_away_but_sysvars_cannot() {
    let mut chain = Chain::new();
    let address = Address::new_from_array([7; 32]);
    chain.set_accounts([(address, Account::wallet(1)), (address, Account::wallet(2))]);
    assert_eq!(chain.lamports(&address), 2);
    chain.set_account(&address, Account::default());
    assert!(chain.account(&address).is_none());
    let clock = lockstep_sdk::interface::address::sysvar_ids::CLOCK;
    let told = panics(|| chain.set_account(&clock, Account::wallet(1)));
    assert!(told.contains("is a sysvar"), "{told}");
}

#[test]
fn slots_go_forward_only() {
    let mut chain = Chain::new();
    chain.warp_to_slot(500);
    chain.set_accounts([]);
    assert_eq!(chain.slot(), 501);
    let told = panics(|| chain.warp_to_slot(500));
    assert!(
        told.contains("slot 500 is in the past, 501 is next"),
        "{told}"
    );
}

#[test]
fn a_signer_without_a_key_is_named() {
    let mut chain = Chain::new();
    let stranger = Address::new_from_array([9; 32]);
    let told = panics(|| chain.run(transfer(&stranger, &stranger, 1)));
    assert!(
        told.contains(&format!(
            "call 0: the chain has no key of `source`, {stranger}"
        )),
        "{told}"
    );
}

#[test]
fn a_block_larger_than_the_payers_runs_and_conflicts_decide_its_batches() {
    let (mut chain, owner) = counting();
    let block = chain.run_block((1..=6).map(|by| increment(owner, by)));
    block.all_ok();
    assert_eq!(block.batches().len(), 6);
    assert_eq!(count(&chain, &owner), 21);
    chain.parallel_equals_serial((1..=6).map(|by| increment(owner, by)));
    assert_eq!(count(&chain, &owner), 21);
}

#[test]
fn the_same_call_twice_is_refused_if_one_wallet_pays() {
    let mut chain = Chain::new();
    let alice = chain.wallet("alice");
    let pay = Call::from(transfer(&alice, &alice, 1)).payer(alice);
    let block = chain.run_block([&pay, &pay]);
    block.rejects(1, &TransactionError::AlreadyProcessed);
    assert_eq!(block.batches(), [vec![vec![0]]]);
    let told = panics(|| block.all_ok());
    assert!(told.contains("call 1 was refused"), "{told}");
}

#[test]
fn a_wrong_expectation_is_told_with_what_was_found() {
    let (mut chain, owner) = counting();
    let stranger = chain.wallet("stranger");
    let block = chain.run(increment(stranger, 1));
    let told = panics(|| block.all_ok());
    assert!(
        told.contains("account `counter`") && told.contains("counter\n"),
        "{told}"
    );
    let error = InstructionError::UninitializedAccount;
    block.fails(0, error.clone()).at("counter");
    for (check, expected) in [
        (
            panics(|| block.fails(0, error.clone()).at("owner")),
            "the account `owner`",
        ),
        (
            panics(|| block.fails(0, error.clone()).path(&[1])),
            "the path [1]",
        ),
        (
            panics(|| block.fails(0, InstructionError::Custom(3))),
            "Custom(3)",
        ),
        (
            panics(|| block.fails(1, error.clone())),
            "has 1 calls, none at 1",
        ),
    ] {
        assert!(check.contains(expected), "{check}");
    }
    let fine = chain.run(increment(owner, 1));
    let told = panics(|| fine.fails(0, error));
    assert!(told.contains("call 0 succeeded"), "{told}");
}

#[test]
fn what_is_declared_in_vain_is_found() {
    let (mut chain, owner) = counting();
    let mut call = increment(owner, 1);
    chain.run(&call).access_is_minimal();
    let bystander = chain.wallet("bystander");
    let metas = &mut call.instructions[0].accounts;
    metas[0].is_writable = true;
    metas.push(AccountMeta::readonly(bystander, false));
    let block = chain.run(&call);
    let told = panics(|| block.access_is_minimal());
    let [first, second] = [(owner, "writable"), (bystander, "read-only")]
        .map(|(address, declared)| format!("{address} is declared {declared} and was untouched"));
    assert!(
        told.contains("call 0, instruction 0 of counter (`increment`), account 0 (`owner`): "),
        "{told}"
    );
    assert!(told.contains(&first) && told.contains(&second), "{told}");
}

/// A program that declares too much.
#[lockstep_sdk::program(id = "Greedy1111111111111111111111111111111111111")]
mod greedy {
    use lockstep_sdk::prelude::*;

    #[derive(Accounts)]
    pub(super) struct Pay<'a> {
        pub payer: Mut<Signer<'a>>,
        pub target: Credit<'a>,
        pub log: Mut<Wallet<'a>>,
        pub price: Unchecked<'a>,
        pub system: Program<'a, System>,
    }

    #[instruction(3)]
    pub(super) fn pay(accounts: &Pay<'_>, context: &mut Context<'_, '_>) -> Result {
        lockstep_sdk::system::transfer(&accounts.payer, &accounts.target, 5).invoke(context)
    }
}

#[test]
fn a_program_that_declares_too_much_is_told_where() {
    let mut chain = Chain::builder().program(greedy::GreedyProgram).build();
    let [payer, target, log, price] = ["payer", "target", "log", "price"].map(|n| chain.wallet(n));
    let addresses = greedy::PayAddresses {
        payer,
        target,
        log,
        price,
    };
    let block = chain.run(greedy::call::pay(&addresses));
    let told = panics(|| block.access_is_minimal());
    let place = "call 0, instruction 0 of greedy (`pay`), account";
    let expected = [
        format!("{place} 2 (`log`): {log} is declared writable and was read"),
        format!("{place} 3 (`price`): {price} is declared read-only and was untouched"),
    ];
    let lines: Vec<&str> = told.lines().skip(1).map(str::trim).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_dry_run_infers_what_the_program_declares() {
    let (mut chain, owner) = counting();
    let inferred = chain.infer(increment(owner, 4));
    inferred.block.all_ok();
    let rights = inferred.instructions[0].accounts.iter();
    let rights: Vec<bool> = rights.map(|meta| meta.is_writable).collect();
    let declared = <Increment<'_> as lockstep_sdk::set::AccountSet<'_>>::ACCESS.iter();
    let declared: Vec<bool> = declared
        .map(|access: &AccountAccess| access.is_writable)
        .collect();
    assert_eq!(rights, declared);
    let used: Vec<AccountUse> = inferred.accesses().map(|access| access.used).collect();
    assert_eq!(used.len(), 2);
    assert!(used.contains(&AccountUse::Written) && used.contains(&AccountUse::Untouched));
    assert_eq!(count(&chain, &owner), 0);
}

#[test]
fn logs_show_who_called_whom() {
    use forward_example::{tally, turnstile};
    let chain = Chain::builder().program(tally::TallyProgram);
    let mut chain = chain.program(turnstile::TurnstileProgram).build();
    let visitor = chain.wallet("visitor");
    let tally = tally::CountAddresses { visitor };
    let pass = turnstile::call::pass(&turnstile::PassAddresses { tally }, 1);
    let block = chain.run(pass);
    block.fails(0, InstructionError::UninitializedAccount);
    let failed = "failed: instruction requires an initialized account";
    let expected = format!("turnstile\n  tally\n    {failed}\n  {failed}\n");
    assert_eq!(block.logs(0).to_string(), expected);
}

#[test]
fn a_failing_sequence_is_shrunk_to_its_core() {
    let (mut chain, owner) = counting();
    let sequences = Sequences {
        seed: 7,
        count: 20,
        length_max: 8,
    };
    let step =
        |chain: &mut Chain, by: &u64| chain.run(increment(owner, *by)).all_ok().executed().len();
    let mut run = |limit: u64| {
        explore(
            &mut chain,
            sequences,
            1..100_u64,
            |chain, by| assert_eq!(step(chain, by), 1),
            |chain| assert!(count(chain, &owner) < limit, "the limit is passed"),
        );
    };
    run(1_000);
    let told = panics(|| run(90));
    assert!(
        told.contains("SEED=7") && told.contains("the limit is passed"),
        "{told}"
    );
    // One action of exactly the limit, or several that add up to it, none of which can be less.
    let found: Vec<u64> = told
        .lines()
        .filter_map(|line| line.trim().strip_prefix("step ")?.split(": ").nth(1))
        .filter_map(|action| action.parse().ok())
        .collect();
    assert_eq!(found.iter().sum::<u64>(), 90, "{told}");
    assert_eq!(count(&chain, &owner), 0);
}

#[test]
fn a_table_of_units_is_kept_and_compared() {
    let (mut chain, owner) = counting();
    let file = std::env::temp_dir().join(format!("lockstep-units-{}", std::process::id()));
    let mut units = Units::new();
    units.add("increment", &chain.run(increment(owner, 1)));
    let first = units.save(&file).expect("the file can be written");
    assert!(first.contains("| increment | 297 | | new |"), "{first}");
    units.add(
        "twice",
        &chain.run_block([increment(owner, 1), increment(owner, 2)]),
    );
    let second = units.save(&file).expect("the file can be written");
    assert!(second.contains("| increment | 297 | 297 | 0 |"), "{second}");
    assert!(second.contains("| twice | 594 | | new |"), "{second}");
    let gone = Units::new().save(&file).expect("the file can be written");
    assert!(gone.contains("| twice | | 594 | gone |"), "{gone}");
    std::fs::remove_file(file).expect("it was written");
    let failed = chain.run(increment(owner, u64::MAX));
    let told = panics(|| units.add("overflow", &failed));
    assert!(told.contains("call 0 failed"), "{told}");
}

#[test]
fn without_signatures_and_threads_the_accounts_are_the_same() {
    let run = |builder: lockstep_testing::Builder| {
        let mut chain = builder.program(CounterProgram).build();
        let owner = chain.wallet("owner");
        let create = counter::call::create(&CreateAddresses { owner });
        chain
            .run_block([create.into(), increment(owner, 3)])
            .all_ok();
        let (address, _) = Increment::counter_address(&owner);
        chain.account(&address)
    };
    let signed = run(Chain::builder());
    assert!(signed.is_some());
    assert_eq!(
        run(Chain::builder().without_signatures().threads(1)),
        signed
    );
}
