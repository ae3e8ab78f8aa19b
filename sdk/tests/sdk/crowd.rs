//! The raffle under many buyers, and under random sequences of calls.

use lockstep_sdk::prelude::TokenAccount;
use lockstep_testing::{Chain, Scene, Sequences, explore};

use crate::raffle::{Fair, PRICE, TOKENS, raffle_example::raffle::call};

impl Scene for Fair {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

#[test]
fn five_hundred_buy_and_the_pot_holds_what_they_paid() {
    let mut fair = Fair::open();
    let buyers: Vec<_> = (0..500)
        .map(|number| fair.buyer(&format!("{number}")))
        .collect();
    let calls: Vec<_> = buyers.iter().map(|buyer| fair.buy(*buyer)).collect();
    fair.chain.run_block(calls).all_ok();
    let pot = fair.chain.state::<TokenAccount>(&fair.pot);
    assert_eq!((pot.amount.get(), pot.owner), (500 * PRICE, fair.pot));
}

#[test]
fn no_sequence_loses_a_token() {
    let mut fair = Fair::open();
    let buyers = ["a", "b"].map(|name| fair.buyer(name));
    let [sequences, all] = [8, 2 * TOKENS];
    let sequences = Sequences {
        seed: 3,
        count: 6,
        length_max: sequences as usize,
    };
    let sum = |fair: &Fair| {
        let purses = buyers.map(|(_, purse)| fair.chain.balance(&purse));
        purses.iter().sum::<u64>() + fair.chain.balance(&fair.pot)
    };
    explore(
        &mut fair,
        sequences,
        (0..4_u8, 0..2_usize),
        |fair, (action, who)| {
            let settle = fair.settle(buyers[*who]);
            let call = match action {
                0 => fair.buy(buyers[*who]),
                1 => call::claim(&settle),
                2 => call::refund(&settle),
                _ => fair.draw(),
            };
            let _ = fair.chain.run(call);
        },
        |fair| assert_eq!(sum(fair), all),
    );
}

#[test]
fn buyers_wait_for_the_raffle_and_the_pot_which_are_hot_together() {
    let mut fair = Fair::open();
    let buyers: Vec<_> = (0..64)
        .map(|number| fair.buyer(&format!("{number}")))
        .collect();
    let calls: Vec<_> = buyers.iter().map(|buyer| fair.buy(*buyer)).collect();
    let block = fair.chain.run_block(calls);
    let explanation = block.all_ok().explain();
    // Each call waits for the one before it, on both accounts.
    assert_eq!(explanation.waits.len(), 63);
    for (index, wait) in explanation.waits.iter().enumerate() {
        assert_eq!((wait.call, wait.before), (index + 1, index));
        assert_eq!(wait.accounts.len(), 2);
    }
    let named = |name: &str| {
        let mut accounts = explanation.accounts.iter();
        accounts
            .find(|account| account.names == [name])
            .expect(name)
    };
    let raffle = named("raffle::buy.raffle");
    assert_eq!(
        (raffle.state, &*raffle.changed),
        (Some("Raffle"), &["sold", "open"][..])
    );
    let pot = named("raffle::buy.pot");
    assert_eq!(
        (pot.state, &*pot.changed),
        (Some("TokenAccount"), &["amount"][..])
    );
    assert_eq!((pot.address, pot.writers), (fair.pot, 64));
    // Relieving one of the two saves nothing, both together seven eighths.
    let saved = |count: usize| {
        let reliefs = explanation.reliefs.iter();
        let reliefs = reliefs.filter(move |relief| relief.accounts.len() == count);
        reliefs
            .map(|relief| relief.saved_per_mille)
            .collect::<Vec<_>>()
    };
    assert_eq!(saved(1), [0, 0]);
    let [both] = saved(2)[..] else {
        panic!("{explanation}")
    };
    assert!((850..=880).contains(&both), "{explanation}");
    let told = explanation.to_string();
    let line = "call 1 (raffle::buy) for call 0 (raffle::buy): `raffle` and `pot`";
    assert!(told.contains(line), "{told}");
    assert!(told.contains("and 53 more"), "{told}");
}

#[test]
fn calls_that_share_nothing_or_only_read_wait_for_none() {
    let mut fair = Fair::open();
    let [a, b] = ["a", "b"].map(|name| fair.buyer(name));
    let block = fair.chain.run(fair.buy(a));
    assert!(block.all_ok().explain().waits.is_empty());
    assert!(block.explain().to_string().contains("no call waits"));
    // A call that was refused is in no plan, and waits for none.
    let mut late = lockstep_testing::Call::from(fair.buy(b));
    late.blockhash = Some(lockstep_sdk::interface::Hash::new_from_array([1; 32]));
    let block = fair.chain.run_block([late, fair.buy(b).into()]);
    assert!(block.call(1).is_ok() && block.explain().waits.is_empty());
}
