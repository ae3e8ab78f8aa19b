//! A panic of the harness points at the line of the test. A program of its own, since the hook that
//! looks is the process's.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::Path,
    sync::mpsc,
};

use lockstep_programs::system::instruction::transfer;
use lockstep_sdk::prelude::{Address, InstructionError, Mint};
use lockstep_testing::Chain;

#[test]
fn a_panic_of_the_harness_points_at_the_test() {
    let mut chain = Chain::new();
    let alice = chain.wallet("alice");
    let block = chain.run(transfer(&alice, &alice, u64::MAX));
    let (seen, places) = mpsc::channel();
    drop(take_hook());
    set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |location| location.file());
        seen.send(file.to_owned()).expect("the test listens");
    }));
    let stranger = Address::new_from_array([9; 32]);
    let mut files = Vec::new();
    let mut note = |action: &mut dyn FnMut()| {
        assert!(catch_unwind(AssertUnwindSafe(action)).is_err());
        files.push(places.try_iter().last().expect("the hook was called"));
    };
    note(&mut || {
        block.all_ok();
    });
    note(&mut || {
        block.call(7);
    });
    note(&mut || {
        block.fails(0, InstructionError::Custom(9));
    });
    note(&mut || {
        block.fails(0, InstructionError::Custom(1)).at("nothing");
    });
    note(&mut || {
        block.returned::<u64>(0);
    });
    note(&mut || {
        chain.state::<Mint>(&alice);
    });
    note(&mut || chain.airdrop(&alice, u64::MAX));
    note(&mut || chain.warp_to_slot(0));
    note(&mut || {
        chain.tokens(&alice, &stranger, 1);
    });
    note(&mut || {
        let _ = chain.run(transfer(&stranger, &stranger, 1));
    });
    drop(take_hook());
    let own = Path::new(file!()).file_name();
    for (index, file) in files.iter().enumerate() {
        assert_eq!(
            Path::new(file).file_name(),
            own,
            "panic {index} points at {file}"
        );
    }
}
