//! A program in a crate that knows the SDK under another name.

use lockstep_sdk as kit;
use lockstep_testing::Chain;

/// Uses every macro.
#[kit::program(id = "Renamed111111111111111111111111111111111111")]
#[lockstep(crate = crate::renamed::kit)]
mod small {
    use crate::renamed::kit::prelude::*;

    #[derive(Data, Debug)]
    #[lockstep(crate = crate::renamed::kit)]
    pub(super) struct Part(u8);

    #[state(1)]
    #[lockstep(crate = crate::renamed::kit)]
    struct Whole {
        part: Part,
    }

    #[event(1)]
    #[lockstep(crate = crate::renamed::kit)]
    pub(super) struct Seen {
        pub(super) part: Part,
    }

    #[derive(Clone, Copy, Debug, ErrorCode)]
    #[lockstep(crate = crate::renamed::kit)]
    enum Refusal {
        /// the part is too large
        Large,
    }

    #[derive(Accounts, Debug)]
    #[lockstep(crate = crate::renamed::kit)]
    pub(super) struct See<'a> {
        whole: Option<State<'a, Whole>>,
    }

    #[instruction(0)]
    pub(super) fn see(accounts: &See<'_>, context: &mut Context<'_, '_>, size: u8) -> Result {
        require!(size < 10, Refusal::Large);
        let size = match &accounts.whole {
            Some(whole) => whole.read(context)?.part.0,
            None => size,
        };
        Seen { part: Part(size) }.emit(context)
    }

    pub(super) fn size(seen: &Seen) -> u8 {
        seen.part.0
    }

    pub(super) fn nothing() -> SeeAddresses {
        SeeAddresses { whole: None }
    }
}

#[test]
fn the_macros_work_under_another_name() {
    let mut chain = Chain::builder().program(small::SmallProgram).build();
    let seen: Vec<small::Seen> = chain
        .run(small::call::see(&small::nothing(), 7))
        .all_ok()
        .events();
    assert_eq!((seen.len(), small::size(&seen[0])), (1, 7));
    let block = chain.run(small::call::see(&small::nothing(), 10));
    let refused = block.fails(0, kit::interface::InstructionError::Custom(0));
    refused.saying("Large: the part is too large");
}
