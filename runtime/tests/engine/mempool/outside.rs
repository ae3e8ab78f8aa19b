//! Candidates that another validator's bank has checked are those that a bank here would read.

use lockstep_interface::TransactionError;
use lockstep_runtime::mempool::{Candidate, Rejection};

use super::*;

fn payment(payer: u64, blockhash: Option<Hash>) -> Payment {
    Payment {
        payer,
        targets: vec![5, 6],
        lamports: 1,
        priority_fee: 777,
        compute_units: 9_000,
        blockhash,
    }
}

#[test]
fn what_was_checked_outside_is_what_a_bank_reads() {
    let bank = bank();
    for (payer, blockhash) in [(0, Some(BLOCKHASHES[0])), (7, None), (0, None)] {
        let payment = payment(payer, blockhash);
        let expected = good(&bank, &payment);
        let found = Candidate::checked_outside(&payment.bytes(), &[], RICH).unwrap();
        assert_eq!(found.payer(), expected.payer());
        assert_eq!(found.cosigners(), expected.cosigners());
        assert_eq!(found.written(), expected.written());
        assert_eq!(found.blockhashes(), expected.blockhashes());
        assert_eq!(found.nonces(), expected.nonces());
        assert_eq!(found.fee(), expected.fee());
        assert_eq!(found.compute_units(), expected.compute_units());
        assert_eq!(found.payments()[0].fee, expected.payments()[0].fee);
        assert_eq!(found.payments()[0].funds, RICH);
        assert!(found.message_hashes().eq(expected.message_hashes()));
        assert!(found.transactions().eq(expected.transactions()));
    }
}

#[test]
fn what_is_no_transaction_is_rejected() {
    let bytes = payment(0, Some(BLOCKHASHES[0])).bytes();
    let cut = Candidate::checked_outside(&bytes[..bytes.len() - 1], &[], RICH);
    assert!(matches!(cut, Err(Rejection::Malformed(_))), "{cut:?}");
    // The message looks nothing up.
    let loaded = Candidate::checked_outside(&bytes, &[address(1)], RICH);
    let rule = Rejection::Rule(TransactionError::InvalidAddressLookupTableIndex);
    assert_eq!(loaded.err(), Some(rule));
}
