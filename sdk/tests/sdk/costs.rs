//! What calls cost: compute units at the prices of the services that they use, and profiles.

use std::time::Duration;

use lockstep_sdk::{
    interface::{InstructionError, prices},
    prelude::StateData,
};
use lockstep_testing::{Chain, Units};

use crate::raffle::Fair;

/// Uses each service as often as it is told.
#[lockstep_sdk::program(id = "Meter11111111111111111111111111111111111111")]
pub mod meter {
    use lockstep_sdk::prelude::*;

    /// A text, decoded where it is read.
    #[state(1)]
    pub struct Note {
        /// Some text.
        #[max(3_000)]
        pub text: String,
    }

    /// A new note.
    #[derive(Accounts, Debug)]
    pub struct Write<'a> {
        /// Pays.
        pub owner: Mut<Signer<'a>>,
        /// New.
        #[account(payer = owner)]
        pub note: Signed<Init<'a, Note>>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A note, and its owner.
    #[derive(Accounts, Debug)]
    pub struct Use<'a> {
        /// Whose.
        pub owner: Mut<Signer<'a>>,
        /// Read.
        pub note: State<'a, Note>,
        /// Gets lamports.
        pub system: Program<'a, System>,
    }

    /// Writes.
    #[instruction(0)]
    pub fn write(accounts: &Write<'_>, context: &mut Context<'_, '_>, text: String) -> Result {
        accounts.note.set(context, &Note { text })
    }

    /// Uses a service `count` times.
    #[instruction(1)]
    pub fn serve(
        accounts: &Use<'_>,
        context: &mut Context<'_, '_>,
        service: u8,
        count: u32,
    ) -> Result {
        let Use { owner, note, .. } = accounts;
        for _ in 0..count {
            match service {
                0 => context.log(|| "a line".to_owned()),
                1 => context.emit(vec![7; 40])?,
                2 => drop(context.hash(&[&[1; 64], &[2; 8]])?),
                3 => drop(note.read(context)?),
                4 => context.set_return_data(&[0; 8])?,
                _ => lockstep_sdk::system::transfer(owner, owner, 0).invoke(context)?,
            }
        }
        Ok(())
    }
}

#[test]
fn services_cost_what_their_prices_say() {
    let mut chain = Chain::builder().program(meter::MeterProgram).build();
    let owner = chain.wallet("owner");
    let note = chain.signer("note");
    let write = meter::call::write(&meter::WriteAddresses { owner, note }, "x".repeat(700));
    chain.run(write).all_ok();
    let mut units = |service, count| {
        let addresses = meter::UseAddresses { owner, note };
        let block = chain.run(meter::call::serve(&addresses, service, count));
        block.all_ok().call(0).compute_units()
    };
    let size = meter::Note::SIZE;
    let table = [
        (0, prices::LOG),
        (1, prices::event(40)),
        (2, prices::hash([64, 8].into_iter())),
        (3, prices::move_bytes(size)),
        (4, prices::LOG + prices::MOVE),
        (5, prices::INVOKE + 150),
    ];
    for (service, price) in table {
        let once = units(service, 1) - units(service, 0);
        assert_eq!(once, price, "service {service}");
        assert_eq!(units(service, 5) - units(service, 0), 5 * price);
    }
    // What a program cannot pay fails it, also where the service gives no result.
    let addresses = meter::UseAddresses { owner, note };
    let block = chain.run(meter::call::serve(&addresses, 0, 3_000));
    let failure = block.fails(0, InstructionError::ComputationalBudgetExceeded);
    failure.saying("expected at least 100 units to be left");
}

#[test]
fn a_profile_tells_units_and_time_by_call_frame() {
    let mut fair = Fair::open();
    let buyer = fair.buyer("a");
    let buy = fair.buy(buyer);
    let profile = fair.chain.profile(&buy);
    let names: Vec<&str> = profile.frames.iter().map(|frame| &*frame.name).collect();
    assert_eq!(names[0], "raffle::buy");
    assert!(names.contains(&"token::transfer"), "{profile}");
    let [top, below @ ..] = &profile.frames[..] else {
        panic!("{profile}")
    };
    let direct = below.iter().filter(|frame| frame.depth == 1);
    let sum: u64 = direct.map(|frame| frame.units).sum();
    assert_eq!(top.units, top.units_own + sum);
    assert_eq!(top.units, profile.block.call(0).compute_units());
    assert!(top.time >= top.time_own && top.time_own > Duration::ZERO);
    // A program's cost is learned from more than what each instruction costs.
    assert!(top.units_own > 150 + prices::DERIVE, "{profile}");
    let folded = profile.folded();
    assert!(
        folded.contains("\nraffle::buy;token::transfer "),
        "{folded}"
    );
    assert!(
        profile.to_string().contains("|   token::transfer "),
        "{profile}"
    );
    // The chain is as it was.
    assert_eq!(fair.chain.balance(&fair.pot), 0);
    let mut units = Units::new();
    units.add_profile("buy", &profile);
    let saved = units.to_markdown().replace(&top.units.to_string(), "1000");
    let told = units.compare(&saved);
    assert!(
        told.contains("| buy > raffle::buy > token::transfer |"),
        "{told}"
    );
    assert!(
        told.contains(&format!("| {} | 1000 | +", top.units)),
        "{told}"
    );
}
