//! Any bytes: what decodes as a block, a body or a header encodes to the same bytes, and the
//! checker can be handed its plan.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/block/judge.rs"]
mod judge;

fuzz_target!(|bytes: &[u8]| {
    judge::judge(bytes);
});
