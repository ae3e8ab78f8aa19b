//! Signed transactions: what clients and tests make, and no validator needs.

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_runtime::wire::MessageBuilder;

use crate::{
    given::{Message, message as parts_of, one, options, out, place},
    guard::call,
    handle,
    kinds::{Buffer, Error},
    status::Status,
    types::{Address, Hash},
};

/// Gives the address of an ed25519 key: its public key. `key` is the 32 byte seed.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_key_address(
    key: *const Hash,
    address: *mut Address,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (key, address, error) = unsafe { (one(key, "key"), out(address), out(error)) };
    call(error, || {
        let address = address.required("address")?;
        let key = SigningKey::from(key?.bytes);
        address.set(Address {
            bytes: VerificationKeyBytes::from(&key).into(),
        });
        Ok(())
    })
}

/// Writes and signs a transaction in Solana's legacy format, for tests and tools.
///
/// Threads: any. Everything is copied, and the caller frees the buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_transaction_sign(
    message: *const Message,
    transaction: *mut *mut Buffer,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (parts, transaction, error) = unsafe {
        let parts = options(message).and_then(|message| Ok((message, parts_of(&message)?)));
        (parts, place(transaction), out(error))
    };
    call(error, || {
        let transaction = transaction.required("transaction")?;
        let (message, (instructions, keys)) = parts?;
        let keys: Vec<SigningKey> = keys.iter().map(|key| key.bytes.into()).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let payer = message.payer.into();
        let builder = MessageBuilder::new(payer, message.blockhash.bytes, &instructions);
        let signed = builder.compile()?.sign(&keys)?;
        transaction.set(handle::put::<Buffer>(signed));
        Ok(())
    })
}
