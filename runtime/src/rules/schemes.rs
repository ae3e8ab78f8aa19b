//! Schemes of signatures besides ed25519: whether they hold, and what their signatures count.

use lockstep_interface::{SchemeSet, SignatureScheme, TransactionError};

use crate::{
    limits::{FALCON_512_SIGNATURES, ML_DSA_44_SIGNATURES},
    wire::TransactionView,
};

/// Refuses signatures of schemes that the chain has not activated.
pub(crate) fn check_schemes(
    view: &TransactionView<'_>,
    schemes: SchemeSet,
) -> Result<(), TransactionError> {
    let mut signatures = view.scheme_signatures();
    if signatures.all(|signature| schemes.contains(signature.scheme)) {
        Ok(())
    } else {
        Err(TransactionError::UnsupportedVersion)
    }
}

/// The transaction's signatures, counted in those of ed25519.
pub(crate) fn signature_count(view: &TransactionView<'_>) -> u64 {
    let more = view.scheme_signatures().map(|signature| {
        let counted = match signature.scheme {
            SignatureScheme::Falcon512 => FALCON_512_SIGNATURES,
            SignatureScheme::MlDsa44 => ML_DSA_44_SIGNATURES,
        };
        counted.saturating_sub(1)
    });
    more.fold(view.required_signatures().into(), u64::saturating_add)
}
