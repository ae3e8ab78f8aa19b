//! The raffle, from its creation to its end, and each rule broken once.

#[path = "../../examples/raffle.rs"]
pub mod raffle_example;

use lockstep_sdk::interface::{Address, Instruction, InstructionError, context::Rule};
use lockstep_testing::Chain;
use raffle_example::raffle::*;

pub(crate) const PRICE: u64 = 5;
pub(crate) const TOKENS: u64 = 100;

/// A chain with a raffle that nothing was sold of.
pub(crate) struct Fair {
    pub(crate) chain: Chain,
    authority: Address,
    mint: Address,
    raffle: Address,
    pub(crate) pot: Address,
}

impl Fair {
    pub(crate) fn open() -> Self {
        let mut chain = Chain::builder().program(RaffleProgram).build();
        let (authority, mint) = (chain.wallet("authority"), chain.mint("gold", 2));
        let deadline = chain.time() + 60;
        let create = call::create(&CreateAddresses { authority, mint }, 7, PRICE, deadline);
        chain.run(create).access_is_minimal();
        let (raffle, _) = Create::raffle_address(&authority, 7);
        let (pot, _) = Buy::pot_address(&raffle);
        Self {
            chain,
            authority,
            mint,
            raffle,
            pot,
        }
    }

    /// A wallet with tokens, and where they are.
    pub(crate) fn buyer(&mut self, name: &str) -> (Address, Address) {
        let buyer = self.chain.wallet(name);
        (buyer, self.chain.tokens(&buyer, &self.mint, TOKENS))
    }

    pub(crate) fn buy(&self, (buyer, purse): (Address, Address)) -> Instruction {
        let accounts = BuyAddresses {
            buyer,
            purse,
            raffle: self.raffle,
        };
        call::buy(&accounts, "luck".to_owned())
    }

    pub(crate) fn settle(&self, (buyer, purse): (Address, Address)) -> SettleAddresses {
        let raffle = self.raffle;
        SettleAddresses {
            buyer,
            purse,
            desk: DeskAddresses { raffle },
        }
    }

    fn ticket(&self, buyer: &Address) -> Address {
        Buy::ticket_address(&self.raffle, buyer).0
    }

    pub(crate) fn draw(&self) -> Instruction {
        let raffle = self.raffle;
        call::draw(&DrawAddresses { raffle })
    }
}

#[test]
fn a_raffle_goes_its_way() {
    let mut fair = Fair::open();
    let buyers = ["a", "b", "c"].map(|name| fair.buyer(name));
    let block = fair.chain.run_block(buyers.map(|buyer| fair.buy(buyer)));
    block.access_is_minimal();
    assert_eq!([0, 1, 2].map(|call| block.returned::<u32>(call)), [0, 1, 2]);
    assert_eq!(fair.chain.balance(&fair.pot), 3 * PRICE);
    fair.chain.set_time(fair.chain.time() + 60);
    fair.chain.run(fair.draw()).access_is_minimal();
    let raffle = fair.chain.state::<Raffle>(&fair.raffle);
    let winner = buyers[raffle.winner.get() as usize];
    let mut losers = buyers.to_vec();
    losers.retain(|buyer| *buyer != winner);
    let block = fair.chain.run(call::claim(&fair.settle(losers[0])));
    block.fails(0, RaffleError::NotTheWinner);
    let block = fair.chain.run(call::claim(&fair.settle(winner)));
    let paid: Vec<Paid> = block.access_is_minimal().events();
    assert_eq!(paid[0].amount, 3 * PRICE);
    assert_eq!(fair.chain.balance(&winner.1), TOKENS + 2 * PRICE);
    let (authority, raffle) = (fair.authority, fair.raffle);
    let close = call::close(&CloseAddresses { authority, raffle });
    let block = fair.chain.run(&close);
    let failure = block.fails(0, RaffleError::TicketsLeft);
    failure.at("raffle").rule(Rule::Check);
    let tickets = losers.iter().map(|(buyer, _)| fair.ticket(buyer)).collect();
    let sweep = call::sweep(&SweepAddresses {
        authority,
        raffle,
        tickets,
    });
    fair.chain.run(sweep).all_ok();
    fair.chain.run(&close).access_is_minimal();
    for ended in [fair.raffle, fair.pot, fair.ticket(&winner.0)] {
        assert_eq!(fair.chain.account(&ended), None);
    }
}

#[test]
fn one_ticket_is_refunded_and_none_twice() {
    let mut fair = Fair::open();
    let buyer = fair.buyer("a");
    fair.chain.run(fair.buy(buyer)).all_ok();
    let refund = call::refund(&fair.settle(buyer));
    fair.chain.run(&refund).fails(0, RaffleError::SaleNotOver);
    fair.chain.set_time(fair.chain.time() + 60);
    let block = fair.chain.run(fair.draw());
    block.fails(0, RaffleError::TooFewTickets);
    fair.chain.run(&refund).all_ok();
    assert_eq!(fair.chain.balance(&buyer.1), TOKENS);
    let block = fair.chain.run(&refund);
    let failure = block.fails(0, InstructionError::UninitializedAccount);
    failure.at("ticket");
}

#[test]
fn strangers_get_nothing() {
    let mut fair = Fair::open();
    let (buyer, thief) = (fair.buyer("a"), fair.buyer("thief"));
    fair.chain.run(fair.buy(buyer)).all_ok();
    let block = fair.chain.run(fair.buy((thief.0, buyer.1)));
    let failure = block.fails(0, InstructionError::IncorrectAuthority);
    failure.at("purse").saying("as `authority`");
    let iron = fair.chain.mint("iron", 0);
    let purse = fair.chain.tokens(&thief.0, &iron, 9);
    let block = fair.chain.run(fair.buy((thief.0, purse)));
    let failure = block.fails(0, InstructionError::IncorrectAuthority);
    failure.at("purse").saying("as `mint`");
    let mut theft = call::refund(&fair.settle(thief));
    theft.accounts.last_mut().expect("it has accounts").address = fair.ticket(&buyer.0);
    let block = fair.chain.run(theft);
    block.fails(0, InstructionError::InvalidSeeds).at("ticket");
    fair.chain.set_time(fair.chain.time() + 60);
    let block = fair.chain.run(fair.buy(thief));
    block.fails(0, RaffleError::SaleOver);
}
