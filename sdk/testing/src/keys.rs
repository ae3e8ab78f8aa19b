//! Keys made from names, so that every run of a test has the same addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_sdk::interface::Address;
use lockstep_store::sync::Shared;
use sha2::{Digest, Sha256};

/// Names whose keys a process remembers.
const NAMES_MAX: usize = 1_024;

/// The keys of the first names that chains of this process have asked for. Deriving one takes as
/// long as signing, and tests of one file name their wallets alike.
static DERIVED: LazyLock<Shared<BTreeMap<String, (SigningKey, Address)>>> =
    LazyLock::new(Shared::default);

/// The key of a name: its secret is SHA-256 over `lockstep-testing` and the name.
///
/// The keys are public; they are for tests.
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

/// The key of a name and its address, derived if they are not remembered.
fn derived(name: &str) -> (SigningKey, Address) {
    if let Some(known) = DERIVED.read().get(name) {
        return *known;
    }
    let key = key(name);
    let both = (key, address_of(&key));
    let mut derived = DERIVED.write();
    if derived.len() < NAMES_MAX {
        derived.insert(name.to_owned(), both);
    }
    both
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
        let (key, address) = derived(name);
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
