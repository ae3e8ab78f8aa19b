//! Any text as a request to a node: it is no request, or it is answered.
//! `cargo fuzz run rpc runtime/fuzz/seeds/rpc` begins with one request of each kind.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../node/tests/common/requests.rs"]
mod requests;
#[allow(dead_code)]
#[path = "../../node/tests/common/served.rs"]
mod served;

fuzz_target!(|bytes: &[u8]| {
    static SERVED: OnceLock<served::Served> = OnceLock::new();
    let served = SERVED.get_or_init(|| served::Served::start(None));
    if let Ok(text) = std::str::from_utf8(bytes) {
        requests::assert_answered(&served.server, text);
    }
});
