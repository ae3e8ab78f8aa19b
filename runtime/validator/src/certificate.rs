//! Certified proofs: an account, and the signatures of the members under the block after which it
//! is so. What checks them is `lockstep-light`, which knows nothing of the engine.

use commonware_codec::Encode as _;
use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    simplex::{scheme::ed25519::Scheme, types::Finalization},
    types::Height,
};
use lockstep_interface::{Account, Address};
use lockstep_runtime::chain::ProvenAccount;
use lockstep_store::encode_account;
use thiserror::Error;

use crate::{
    block::{Block, BlockDigest},
    engine::BlockEngine,
    failure::EngineFailure,
};

/// The version of proofs.
const VERSION: u8 = 1;
/// How often the newest block may have no certificate of its own, only one of a descendant.
const TRIES: usize = 8;

/// Why no proof can be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertifyError {
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] EngineFailure),
    /// An account, or a certificate, is larger than a proof can say.
    #[error("the {0} is too large for a proof")]
    Size(&'static str),
}

/// Makes the certified proof of an account at the newest block that has a certificate; `None` if
/// the newest ones have none yet.
///
/// # Errors
/// If the state cannot be read.
pub async fn certify(
    engine: &dyn BlockEngine,
    marshal: &Mailbox<Scheme, Standard<Block>>,
    address: &Address,
) -> Result<Option<Vec<u8>>, CertifyError> {
    for _ in 0..TRIES {
        let proven = engine.prove(address)?;
        let height = Height::new(proven.header.slot);
        let finalization = marshal.get_finalization(height).await;
        let block = marshal.get_block(height).await;
        if let (Some(finalization), Some(block)) = (finalization, block) {
            return encode(&finalization, block.inner(), &proven).map(Some);
        }
    }
    Ok(None)
}

/// The bytes of a proof, as `lockstep-light` has their layout. The certificate is that of the
/// block, and the account is proved against the same block's root.
///
/// # Errors
/// If a part is larger than a proof can say.
pub fn encode(
    finalization: &Finalization<Scheme, BlockDigest>,
    block: &Block,
    proven: &ProvenAccount,
) -> Result<Vec<u8>, CertifyError> {
    let proposal = &finalization.proposal;
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&proposal.round.epoch().get().to_le_bytes());
    bytes.extend_from_slice(&proposal.round.view().get().to_le_bytes());
    bytes.extend_from_slice(&proposal.parent.get().to_le_bytes());
    let certificate = &finalization.certificate;
    let count = u16::try_from(certificate.signatures.len());
    let count = count.map_err(|_| CertifyError::Size("certificate"))?;
    bytes.extend_from_slice(&count.to_le_bytes());
    for (signer, signature) in certificate.signers.iter().zip(&certificate.signatures) {
        let place = u16::try_from(signer.get()).map_err(|_| CertifyError::Size("certificate"))?;
        bytes.extend_from_slice(&place.to_le_bytes());
        bytes.extend_from_slice(&signature.encode());
    }
    bytes.extend_from_slice(&block.encode_parent());
    bytes.extend_from_slice(&block.header().encode());
    bytes.extend_from_slice(&block.body_hash());
    push_account(&mut bytes, proven.account.as_ref())?;
    bytes.extend_from_slice(&proven.proof.to_bytes());
    Ok(bytes)
}

fn push_account(bytes: &mut Vec<u8>, account: Option<&Account>) -> Result<(), CertifyError> {
    let Some(account) = account else {
        bytes.push(0);
        return Ok(());
    };
    let account = encode_account(account);
    let size = u32::try_from(account.len()).map_err(|_| CertifyError::Size("account"))?;
    bytes.push(1);
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&account);
    Ok(())
}
