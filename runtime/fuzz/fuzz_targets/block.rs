//! Bytes make two blocks in a row, of transactions of all kinds and of raw bytes: on two threads,
//! under any strategy and under random plans, the result is that of the serial run, and nothing
//! panics but a program that means to.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../tests/common/mod.rs"]
mod common;

use common::fuzzed::Setting;

thread_local! {
    static SETTING: RefCell<Setting> = RefCell::new(Setting::new());
}

fuzz_target!(|data: &[u8]| {
    SETTING.with(|setting| setting.borrow_mut().run(data));
});
