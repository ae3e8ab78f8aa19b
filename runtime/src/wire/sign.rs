//! From a message and keys to a signed transaction: what clients and tests do, and no node.

use ed25519_zebra::{SigningKey, VerificationKeyBytes};

use super::{Message, MessageError, limits::ADDRESS_SIZE};

impl Message {
    /// The whole transaction, signed by those of `keys` that the message requires. Their order
    /// does not matter.
    ///
    /// # Errors
    ///
    /// [`MessageError::MissingSigner`], [`MessageError::SignersExceedKeys`], and those of
    /// [`encode`](Self::encode).
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<Vec<u8>, MessageError> {
        let required = usize::from(self.header.required_signatures);
        let Some(signers) = self.static_keys.get(..required) else {
            return Err(MessageError::SignersExceedKeys {
                found: required,
                limit: self.static_keys.len(),
            });
        };
        let message = self.encode()?;
        let mut signatures = Vec::with_capacity(required);
        for signer in signers {
            let is_signer = |key: &&&SigningKey| {
                let address: [u8; ADDRESS_SIZE] = VerificationKeyBytes::from(**key).into();
                address == *signer.as_array()
            };
            let Some(key) = keys.iter().find(is_signer) else {
                return Err(MessageError::MissingSigner { address: *signer });
            };
            signatures.push(key.sign(&message).to_bytes());
        }
        self.join(&signatures, &message)
    }
}
