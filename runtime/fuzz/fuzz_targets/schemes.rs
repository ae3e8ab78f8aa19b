//! Any change of an honest transaction of Falcon-512 or ML-DSA-44 is refused, by the parser or by
//! the verifier, and so is any other key or signature; alone and in a batch alike.
//!
//! ```text
//! scheme u8 | changes: place u16, bits u8 ..
//! ```
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lockstep_interface::SignatureScheme;
use lockstep_runtime::{
    verify::{Verifier, verify},
    wire::{MessageBuilder, SchemeKey, TransactionConfig, TransactionView},
};

static HONEST: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    SignatureScheme::ALL.map(|scheme| {
        let key = SchemeKey::from_seed(scheme, [7; 32]).expect("this build has every scheme");
        let message = MessageBuilder::new(key.address(), [3; 32], &[]);
        let message = message.v1(TransactionConfig::default()).compile();
        let message = message.expect("it is short");
        let signed = key.sign(&message.encode().expect("it is short"));
        message.with_signed(&[signed]).expect("it is short")
    })
});

/// It has seen the honest keys, and every change.
static REMEMBERING: LazyLock<Verifier> = LazyLock::new(Verifier::default);

fuzz_target!(|bytes: &[u8]| {
    let Some((scheme, changes)) = bytes.split_first() else {
        return;
    };
    let honest = &HONEST[usize::from(scheme % 2)];
    let mut changed = honest.clone();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
        changed[place] ^= change[2];
    }
    let Ok(view) = TransactionView::parse(&changed) else {
        assert_ne!(changed, *honest);
        return;
    };
    let verdict = verify(&[view])[0];
    assert_eq!(verdict, changed == *honest);
    let right = TransactionView::parse(honest).expect("it is honest");
    let views = [right, view, right];
    for verdicts in [verify(&views), REMEMBERING.verify(&views)] {
        assert_eq!(verdicts, [true, verdict, true]);
    }
});
