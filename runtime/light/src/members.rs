//! Members that change with epochs: each set is proved by the one before.
//!
//! ```text
//! epoch 0: members, trusted -> sign the last block of epoch 0 -> its state lists those of epoch 1
//! epoch 1: ..
//! ```
//! The list is the account [`MEMBERS`] of the staking program:
//!
//! ```text
//! 5 u8 | 0 u8 | count u32, at most 128 | (key 32 | stake u64) for each, keys ascending | zeros
//! ```
//! Where it is empty, or has another form, the members stay as they are.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use crate::{
    Account, Certified, CertifiedHeader, LightError, Network, check, check_header, read::Reader,
};

/// The address of the account that lists the members.
pub const MEMBERS: [u8; 32] = [
    0x06, 0xa1, 0xd8, 0x19, 0x62, 0xb1, 0xa9, 0xa6, 0x5e, 0x95, 0x65, 0x46, 0xae, 0x7b, 0x1f, 0x44,
    0xf6, 0x84, 0x7e, 0x29, 0xab, 0xb9, 0xba, 0x64, 0x6a, 0x2d, 0xc0, 0x2e, 0x00, 0x00, 0x00, 0x00,
];
/// The program that owns it.
pub const STAKING_PROGRAM: [u8; 32] = [
    0x06, 0xa1, 0xd8, 0x19, 0x62, 0xaf, 0x07, 0x3c, 0xbd, 0x18, 0x8f, 0xd2, 0x98, 0x54, 0x62, 0x11,
    0x26, 0x67, 0x06, 0x9b, 0x7a, 0xa0, 0xe4, 0x4e, 0x2b, 0xbd, 0xe9, 0x50, 0x00, 0x00, 0x00, 0x00,
];
/// What its data begin with.
const HEAD: [u8; 2] = [5, 0];
/// Most members.
const COUNT_MAX: u32 = 128;

/// A network whose members change with epochs, as far as it has been followed.
///
/// ```
/// use core::num::NonZeroU64;
/// use lockstep_light::{Network, Succession};
///
/// let network = Network { genesis: [1; 32], members: vec![[2; 32]] };
/// let epoch_slots = NonZeroU64::new(1_000).unwrap();
/// let mut followed = Succession::new(network, epoch_slots);
/// assert_eq!((followed.epoch(), followed.last_slot()), (0, 999));
/// assert!(followed.advance(b"no proof").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Succession {
    network: Network,
    epoch: u64,
    epoch_slots: NonZeroU64,
}

impl Succession {
    /// A network in epoch 0, with the members that its genesis names.
    pub fn new(network: Network, epoch_slots: NonZeroU64) -> Self {
        Self {
            network,
            epoch: 0,
            epoch_slots,
        }
    }

    /// A network in an epoch, with the members that it was followed to.
    ///
    /// ```
    /// use core::num::NonZeroU64;
    /// use lockstep_light::{Network, Succession};
    ///
    /// let network = Network { genesis: [1; 32], members: vec![[2; 32]] };
    /// let epoch_slots = NonZeroU64::new(1_000).unwrap();
    /// let followed = Succession::resume(network, epoch_slots, 7);
    /// assert_eq!((followed.epoch(), followed.last_slot()), (7, 7_999));
    /// ```
    pub fn resume(network: Network, epoch_slots: NonZeroU64, epoch: u64) -> Self {
        Self {
            network,
            epoch,
            epoch_slots,
        }
    }

    /// The epoch whose members are known.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The network with the members of that epoch.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The last slot of the epoch.
    pub fn last_slot(&self) -> u64 {
        let next = self.epoch.saturating_add(1);
        next.saturating_mul(self.epoch_slots.get())
            .saturating_sub(1)
    }

    /// Slots of an epoch.
    pub fn epoch_slots(&self) -> NonZeroU64 {
        self.epoch_slots
    }

    /// Checks the head of a proof, up to the hash of the body, at a block of the epoch. Gives what
    /// the header says, and the part behind it.
    ///
    /// O(members).
    ///
    /// # Errors
    /// As [`verify`](crate::verify), or if it says that the members of another epoch have signed.
    pub fn header<'p>(&self, proof: &'p [u8]) -> Result<(CertifiedHeader, &'p [u8]), LightError> {
        check_header(&self.network, Some(self.epoch), proof)
    }

    /// Checks a proof about an address, at a block of the epoch.
    ///
    /// # Errors
    /// As [`verify`](crate::verify), or if it says that the members of another epoch have signed.
    pub fn verify(&self, address: &[u8; 32], proof: &[u8]) -> Result<Certified, LightError> {
        check(&self.network, Some(self.epoch), address, proof)
    }

    /// Goes on to the next epoch, by a proof of [`MEMBERS`] at the last block of this one. Gives
    /// what the proof proves.
    ///
    /// O(members + account size + log accounts).
    ///
    /// # Errors
    /// If the proof does not prove that; nothing has changed then.
    pub fn advance(&mut self, proof: &[u8]) -> Result<Certified, LightError> {
        let certified = self.verify(&MEMBERS, proof)?;
        let (expected, found) = (self.last_slot(), certified.slot);
        if found != expected {
            return Err(LightError::Slot { expected, found });
        }
        if let Some(members) = certified.account.as_ref().and_then(listed) {
            let keys = members.into_iter().map(|member| member.key);
            self.network.members = keys.collect();
        }
        self.epoch = self.epoch.saturating_add(1);
        Ok(certified)
    }
}

/// A member as the staking program lists it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListedMember {
    /// The ed25519 key of its votes.
    pub key: [u8; 32],
    /// Its stake in lamports.
    pub stake: u64,
}

/// The members that an account lists; `None` if it lists none, so that the former ones stay.
/// O(members).
pub fn listed(account: &Account) -> Option<Vec<ListedMember>> {
    let mut reader = Reader(account.data.strip_prefix(&HEAD)?);
    let count = reader.u32().ok()?;
    if account.owner != STAKING_PROGRAM || !(1..=COUNT_MAX).contains(&count) {
        return None;
    }
    let members = (0..count).map(|_| {
        let key = reader.array().ok()?;
        let stake = reader.u64().ok()?;
        Some(ListedMember { key, stake })
    });
    let members: Vec<ListedMember> = members.collect::<Option<_>>()?;
    members
        .is_sorted_by(|one, next| one.key < next.key)
        .then_some(members)
}
