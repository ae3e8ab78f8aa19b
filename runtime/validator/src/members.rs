//! The members of a network: their keys and stakes, as genesis names them.
//!
//! They are the data of one account, so that the genesis block's id commits to them, and every
//! proof of an account's state is one of the set, too.

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_utils::ordered::Set;
use lockstep_interface::{Account, Address, Hash};
use lockstep_light::Network;
use thiserror::Error;

use crate::limits::MEMBER_COUNT_MAX;

/// The program that owns the account of the members.
pub const STAKE_PROGRAM: Address = Address::new_from_array(*b"lockstep program of the stakes..");
/// The account whose data are the members.
pub const MEMBERS: Address = Address::new_from_array(*b"lockstep members of the network.");

/// The version of the encoding.
const VERSION: u8 = 1;
/// Bytes of an encoded member.
const MEMBER_SIZE: usize = 40;
/// What the signatures of a network begin with, together with the id of its genesis block.
const NAMESPACE: &[u8] = b"lockstep network ";

/// A member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// The ed25519 key of its votes and of its connections.
    pub key: PublicKey,
    /// Its stake in lamports: its weight as a leader. At least 1.
    pub stake: u64,
}

impl Member {
    /// Its key as an address.
    pub fn address(&self) -> Address {
        address_of(&self.key)
    }
}

/// The members in ascending order of keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Members(Vec<Member>);

/// Why members are no set of members.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MembersError {
    /// There are none, or too many.
    #[error("a network has 1 to {MEMBER_COUNT_MAX} members, found {0}")]
    Count(usize),
    /// One is there twice.
    #[error("the key {0} is there twice: give each member a key of its own")]
    Twice(Address),
    /// One has no stake, or all together have more than a number holds.
    #[error("member {0}: its stake must be at least 1, and all together below 2^64")]
    Stake(Address),
    /// The account's data are no members.
    #[error("the account of the members {0}")]
    Encoding(&'static str),
}

impl Members {
    /// A set of members.
    ///
    /// # Errors
    /// If there are none or too many, one is there twice, or one has no stake.
    pub fn new(mut members: Vec<Member>) -> Result<Self, MembersError> {
        if !(1..=MEMBER_COUNT_MAX).contains(&members.len()) {
            return Err(MembersError::Count(members.len()));
        }
        members.sort_by(|one, other| one.key.cmp(&other.key));
        if let Some([twice, _]) = members
            .array_windows()
            .find(|[one, other]| one.key == other.key)
        {
            return Err(MembersError::Twice(twice.address()));
        }
        let mut total = 0u64;
        for member in &members {
            let sum = total.checked_add(member.stake);
            total = sum
                .filter(|_| member.stake > 0)
                .ok_or_else(|| MembersError::Stake(member.address()))?;
        }
        Ok(Self(members))
    }

    /// The members in ascending order of keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.0.iter()
    }

    /// How many there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys as the engine takes them.
    pub fn keys(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.0.iter().map(|member| member.key.clone()))
    }

    /// The stake of all members.
    pub fn stake(&self) -> u64 {
        self.0.iter().map(|member| member.stake).sum()
    }

    /// The bytes of the members' account.
    pub fn encode(&self) -> Vec<u8> {
        let size = MEMBER_SIZE.saturating_mul(self.0.len()).saturating_add(1);
        let mut bytes = Vec::with_capacity(size);
        bytes.push(VERSION);
        for member in &self.0 {
            bytes.extend_from_slice(member.key.as_ref());
            bytes.extend_from_slice(&member.stake.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Members::encode`] gives.
    ///
    /// # Errors
    /// If the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MembersError> {
        let wrong = MembersError::Encoding;
        let (version, rest) = bytes.split_first().ok_or(wrong("is empty"))?;
        if *version != VERSION {
            return Err(wrong("has a version that is not known here"));
        }
        let (members, []) = rest.as_chunks::<MEMBER_SIZE>() else {
            return Err(wrong("is cut off"));
        };
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            let (key, stake) = member.split_at(32);
            let key = PublicKey::decode(Copying(key));
            let key = key.map_err(|_| wrong("has bytes that are no key"))?;
            let stake = stake.first_chunk().copied().map_or(0, u64::from_le_bytes);
            found.push(Member { key, stake });
        }
        let members = Self::new(found.clone())?;
        if members.0 != found {
            return Err(wrong("has members out of order"));
        }
        Ok(members)
    }

    /// The account in which genesis names the members.
    pub fn account(&self) -> (Address, Account) {
        let account = Account {
            lamports: 1_000_000_000,
            data: self.encode().into(),
            owner: STAKE_PROGRAM,
            executable: false,
        };
        (MEMBERS, account)
    }

    /// The network of a genesis block as clients trust it that these are the first members of.
    pub fn network(&self, genesis: &Hash) -> Network {
        let members = self.0.iter().map(|member| member.address().to_bytes());
        Network {
            genesis: genesis.to_bytes(),
            members: members.collect(),
        }
    }

    /// What the member of a key signs with; a verifier that signs nothing if there is none.
    pub fn scheme(&self, genesis: &Hash, key: Option<PrivateKey>) -> Scheme {
        let namespace = namespace(genesis);
        key.and_then(|key| Scheme::signer(&namespace, self.keys(), key))
            .unwrap_or_else(|| Scheme::verifier(&namespace, self.keys()))
    }
}

/// A key as the address that it signs for.
pub fn address_of(key: &PublicKey) -> Address {
    let bytes = key.as_ref().first_chunk().copied();
    Address::new_from_array(bytes.expect("an ed25519 key has 32 bytes"))
}

/// What every signature of a network is bound to: the id of its genesis block.
pub fn namespace(genesis: &Hash) -> Vec<u8> {
    [NAMESPACE, genesis.as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use commonware_cryptography::Signer as _;

    use super::*;

    fn member(seed: u64, stake: u64) -> Member {
        let key = PrivateKey::from_seed(seed).public_key();
        Member { key, stake }
    }

    #[test]
    fn members_survive_their_account() {
        let members = Members::new(vec![member(3, 5), member(1, 7), member(2, 1)]).unwrap();
        assert_eq!(Members::decode(&members.encode()), Ok(members.clone()));
        assert_eq!((members.stake(), members.keys().len()), (13, 3));
        let bytes = members.encode();
        for wrong in [&bytes[..0], &bytes[..40], &[2], &[1]] {
            assert!(Members::decode(wrong).is_err(), "{wrong:?}");
        }
        let swapped = [&bytes[..1], &bytes[41..], &bytes[1..41]].concat();
        assert!(Members::decode(&swapped).is_err(), "out of order");
    }

    #[test]
    fn sets_that_are_none_are_refused() {
        assert_eq!(Members::new(Vec::new()), Err(MembersError::Count(0)));
        let many = (0..257).map(|seed| member(seed, 1)).collect();
        assert_eq!(Members::new(many), Err(MembersError::Count(257)));
        let twice = Members::new(vec![member(1, 1), member(1, 2)]);
        assert!(matches!(twice, Err(MembersError::Twice(_))));
        for stakes in [[0, 1], [1, u64::MAX]] {
            let members = Members::new(vec![member(1, stakes[0]), member(2, stakes[1])]);
            assert!(matches!(members, Err(MembersError::Stake(_))));
        }
    }
}
