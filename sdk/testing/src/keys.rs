//! Keys made from names, so that every run of a test has the same addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_sdk::interface::Address;
use sha2::{Digest, Sha256};

/// The key of a name: its secret is SHA-256 over `lockstep-testing` and the name.
///
/// The keys are known to everybody; they are for tests.
///
/// ```
/// use lockstep_testing::keys::{address_of, key};
/// assert_eq!(address_of(&key("alice")), address_of(&key("alice")));
/// assert_ne!(address_of(&key("alice")), address_of(&key("bob")));
/// ```
pub fn key(name: &str) -> SigningKey {
    let digest = Sha256::new()
        .chain_update(b"lockstep-testing")
        .chain_update(name)
        .finalize();
    SigningKey::from(<[u8; 32]>::from(digest))
}

/// The address that a key signs for.
pub fn address_of(key: &SigningKey) -> Address {
    Address::new_from_array(VerificationKeyBytes::from(key).into())
}

/// The keys that a chain knows, and the wallets that it has funded. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyRing {
    keys: Arc<BTreeMap<Address, SigningKey>>,
    funded: Arc<BTreeSet<Address>>,
}

impl KeyRing {
    /// Adds the key of a name and gives its address.
    pub(crate) fn add(&mut self, name: &str) -> Address {
        let key = key(name);
        let address = address_of(&key);
        if !self.keys.contains_key(&address) {
            Arc::make_mut(&mut self.keys).insert(address, key);
        }
        address
    }

    /// Notes that a wallet is funded; false if it was already.
    pub(crate) fn fund(&mut self, address: &Address) -> bool {
        !self.funded.contains(address) && Arc::make_mut(&mut self.funded).insert(*address)
    }

    /// The key that signs for an address.
    pub(crate) fn get(&self, address: &Address) -> Option<&SigningKey> {
        self.keys.get(address)
    }
}
