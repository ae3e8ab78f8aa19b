//! The rules of [`Store`] as tests, for every implementation of it.
//!
//! A store that keeps these rules carries a chain: blocks are committed, pruned and exported over
//! it, and a restart goes on where the store ends. [`run`] checks what a store does while it is
//! open, [`run_reopened`] what it keeps while it is closed as well. Both panic at the first rule
//! that is broken. [`Producer`] and [`Model`] serve the crash tests of an implementation, which
//! only the implementation itself can make: its medium fails or loses power, the store is opened
//! again, and the model tells whether what is left is the state after one of the blocks.
//!
//! Neither knows anything of the store's medium. To be used from tests; the feature `suite` adds
//! two crates, for seeded random numbers.

mod blocks;
mod load;
mod reading;
mod reopened;

use std::fmt;

use self::load::Written;
use crate::Store;

pub use load::{Model, Producer, Shape, test_account, test_address};

/// Checks one store, which is empty.
type Rule = fn(&dyn Store);

/// The rules of a store that is open.
const RULES: [Rule; 15] = [
    reading::an_empty_store_has_nothing,
    reading::accounts_are_read_in_the_order_asked_for,
    reading::pages_hold_every_account_once_in_order,
    reading::a_reader_sees_whole_accounts_and_none_older_than_the_tip,
    reading::blocks_and_records_are_read_while_others_are_committed_and_pruned,
    blocks::the_last_change_of_an_address_wins,
    blocks::an_account_without_lamports_is_gone,
    blocks::accounts_and_bodies_of_every_size_are_kept,
    blocks::committing_the_newest_block_again_changes_nothing,
    blocks::a_block_that_does_not_follow_is_refused_and_changes_nothing,
    blocks::slots_may_be_left_out,
    blocks::pruned_blocks_are_gone_and_the_newest_stays,
    blocks::filled_accounts_belong_to_no_block,
    blocks::the_last_parameters_are_kept,
    blocks::many_blocks_leave_what_a_map_holds,
];

/// Checks a kind of store that forgets everything when it is dropped. `make` gives an empty one.
///
/// ```
/// use lockstep_store::{MemoryStore, suite};
///
/// suite::run(MemoryStore::new);
/// ```
///
/// # Panics
/// If a rule is broken; the message and the function that panics say which.
pub fn run<S: Store>(make: impl Fn() -> S) {
    for rule in RULES {
        rule(&make());
    }
}

/// Checks a kind of store that outlives its process, as [`run`] does, and that everything is there
/// when it is opened again.
///
/// `place` makes room for one store, such as an empty directory, and `open` opens the store there,
/// or makes it. The suite has at most one store of a place open.
///
/// ```
/// use lockstep_store::{DiskOptions, DiskStore, Serial, suite};
///
/// let open = |folder: &tempfile::TempDir| {
///     let opened = DiskStore::open(folder.path(), DiskOptions::default(), &Serial);
///     opened.expect("the folder is free").0
/// };
/// # if false {
/// suite::run_reopened(|| tempfile::tempdir().expect("a folder for tests"), open);
/// # }
/// ```
///
/// # Panics
/// If a rule is broken; the message and the function that panics say which.
pub fn run_reopened<P, S: Store>(place: impl Fn() -> P, open: impl Fn(&P) -> S) {
    for rule in RULES {
        let place = place();
        rule(&open(&place));
    }
    for rule in reopened::RULES {
        let place = place();
        rule(&mut |work| work(&open(&place)));
    }
}

/// The value of a call that a store has no reason to fail.
#[track_caller]
fn fine<T, E: fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("expected the store to do this, it failed: {error}"),
    }
}
