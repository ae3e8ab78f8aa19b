//! The ed25519 program: succeeds if all signatures that its instruction describes are valid, so
//! that other programs need not check them.
//!
//! Data (Agave, `precompiles/src/ed25519.rs`): the number of signatures and a byte of padding, then
//! for each seven `u16`, little endian: offset and instruction of the signature, of the public key,
//! and of the message, whose size stands between its two. An instruction index of 65,535 means the
//! running instruction, any other one that instruction of the transaction.
//!
//! Verification is the strict one that Solana uses for this program (`ed25519-dalek`,
//! `verify_strict`), other than for transactions: keys and commitments of small order are refused,
//! and the equation is the one without the cofactor.

use std::ops::Neg;

use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY, traits::IsIdentity};
use lockstep_interface::{
    Address, InstructionError, InvokeContext, Names, Program, address::program_ids,
};
use lockstep_sdk::{idl::ProgramDescription, prelude::ErrorCode, program::end};
use sha2::{Digest, Sha512};

use crate::describe::{BYTES_TO_END, U8, field, instruction, program};

/// Bytes before the first signature's description.
const HEADER_SIZE: usize = 2;
/// The index that means the running instruction.
const CURRENT_INSTRUCTION: u16 = u16::MAX;

/// The program's own errors. The numbers are Solana's `PrecompileError`; they appear as
/// [`InstructionError::Custom`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ErrorCode)]
pub enum Ed25519Error {
    /// the public key is no point of the curve
    InvalidPublicKey = 0,
    /// the signature does not fit key and message
    InvalidSignature = 2,
    /// an offset or an instruction index points to nothing
    InvalidDataOffsets = 3,
    /// the data is shorter than its number of signatures needs
    InvalidInstructionDataSize = 4,
}

/// What the ed25519 program can be asked to do.
///
/// ```
/// let json = lockstep_programs::ed25519::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"verify\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "ed25519",
    program_ids::ED25519,
    &[instruction(
        "verify",
        &[
            "Succeeds if all signatures are valid.",
            "The data goes on with where each signature, key and message is, 14 bytes each.",
        ],
        &[],
        &[],
        &[
            field("count", U8),
            field("padding", U8),
            field("rest", BYTES_TO_END),
        ],
    )],
    &[Ed25519Error::ERRORS],
);

/// The ed25519 program. As in Solana it takes no compute units.
#[derive(Clone, Copy, Debug)]
pub struct Ed25519Program;

impl Program for Ed25519Program {
    fn address(&self) -> Address {
        program_ids::ED25519
    }

    fn name(&self) -> &'static str {
        "ed25519"
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let result = verify_all(context).map_err(InstructionError::from);
        end(context, result, DESCRIPTION.errors)
    }
}

/// Checks all signatures that the running instruction's data describes.
fn verify_all(context: &InvokeContext<'_, '_>) -> Result<(), Ed25519Error> {
    let data = context.data();
    let Some((&[count, _], rest)) = data.split_first_chunk::<HEADER_SIZE>() else {
        return Err(Ed25519Error::InvalidInstructionDataSize);
    };
    if count == 0 && !rest.is_empty() {
        return Err(Ed25519Error::InvalidInstructionDataSize);
    }
    let descriptions = rest.as_chunks::<14>().0.get(..usize::from(count));
    for description in descriptions.ok_or(Ed25519Error::InvalidInstructionDataSize)? {
        let mut fields = [0; 7];
        for (field, bytes) in fields.iter_mut().zip(description.as_chunks::<2>().0) {
            *field = u16::from_le_bytes(*bytes);
        }
        let [
            signature_at,
            signature_in,
            key_at,
            key_in,
            message_at,
            message_size,
            message_in,
        ] = fields;
        let part = |start: u16, instruction: u16, size: usize| {
            let data = match instruction {
                CURRENT_INSTRUCTION => Some(data),
                index => context.instruction_data(usize::from(index)),
            };
            let start = usize::from(start);
            let part = data.and_then(|data| data.get(start..start.saturating_add(size)));
            part.ok_or(Ed25519Error::InvalidDataOffsets)
        };
        // The order decides which error is reported.
        let signature = part(signature_at, signature_in, 64)?.first_chunk();
        let signature = signature.ok_or(Ed25519Error::InvalidDataOffsets)?;
        let key = part(key_at, key_in, 32)?.first_chunk();
        let key = PublicKey::decode(key.ok_or(Ed25519Error::InvalidDataOffsets)?)?;
        let message = part(message_at, message_in, usize::from(message_size))?;
        key.verify_strict(signature, message)?;
    }
    Ok(())
}

/// A public key, as bytes and as the point that they stand for.
struct PublicKey<'k> {
    bytes: &'k [u8; 32],
    point: EdwardsPoint,
}

impl<'k> PublicKey<'k> {
    fn decode(bytes: &'k [u8; 32]) -> Result<Self, Ed25519Error> {
        let point = CompressedEdwardsY(*bytes).decompress();
        let point = point.ok_or(Ed25519Error::InvalidPublicKey)?;
        Ok(Self { bytes, point })
    }

    /// Checks one signature: S is canonical, neither key A nor commitment R is of small order, and
    /// S B - H(R, A, message) A has the very bytes of R.
    fn verify_strict(&self, signature: &[u8; 64], message: &[u8]) -> Result<(), Ed25519Error> {
        let invalid = Ed25519Error::InvalidSignature;
        let (commitment, response) = signature.split_first_chunk::<32>().ok_or(invalid)?;
        let response = response.first_chunk::<32>().ok_or(invalid)?;
        let response = Option::from(Scalar::from_canonical_bytes(*response)).ok_or(invalid)?;
        let commitment_point = CompressedEdwardsY(*commitment).decompress();
        let commitment_point = commitment_point.ok_or(invalid)?;
        if is_small(&self.point) || is_small(&commitment_point) {
            return Err(invalid);
        }
        let digest = Sha512::new()
            .chain_update(commitment)
            .chain_update(self.bytes)
            .chain_update(message)
            .finalize();
        let challenge = Scalar::from_bytes_mod_order_wide(&digest.into());
        let negated = self.point.neg();
        let expected =
            EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &negated, &response);
        if expected.compress().as_bytes() != commitment {
            return Err(invalid);
        }
        Ok(())
    }
}

/// True for the eight points whose multiple by the cofactor is the identity.
fn is_small(point: &EdwardsPoint) -> bool {
    point.mul_by_cofactor().is_identity()
}

#[cfg(test)]
mod tests;
