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
