//! Activations: from which slot on a program is there, or a set of rules holds.
//!
//! The account [`SCHEDULE`] keeps them, so they are part of the state: proved, forked and exported
//! with it. A bank reads it and adds to what its genesis decided; the Activation program writes it.
//!
//! A feature is an address: that of a program, of a rule set ([`RuleSet::feature`]), or of a scheme
//! of signatures ([`SignatureScheme::feature`](crate::SignatureScheme::feature)).
//!
//! ```text
//! 1 | 0 | authority: 0, or 1 and address 32 | count u32, at most 64
//!   | activations: feature 32, slot u64, name: size u32, UTF-8 of at most 32 bytes | zeros
//! ```
//! Integers are little-endian; the data is as long as the longest list.

use crate::{Account, Address, Rent, RuleSet, address::program_ids};

/// The account that keeps the schedule.
pub const SCHEDULE: Address =
    Address::from_str_const("ActivationSchedu1e1111111111111111111111111");
/// Most activations of a chain.
pub const ACTIVATIONS_MAX: usize = 64;
/// Most bytes of a feature's name.
pub const FEATURE_NAME_SIZE_MAX: usize = 32;
/// Bytes of the account's data.
pub const SCHEDULE_SIZE: usize =
    2 + 33 + 4 + ACTIVATIONS_MAX * (32 + 8 + 4 + FEATURE_NAME_SIZE_MAX);

/// The first bytes: the state's number, and no bump seed.
const HEAD: [u8; 2] = [1, 0];

/// A feature, and when it begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Activation {
    /// The address of a program, of a rule set or of a scheme of signatures.
    pub feature: Address,
    /// The first slot in which it is there.
    pub slot: u64,
    /// What it is called, for people: the chain goes by the address.
    pub name: String,
}

/// All activations of a chain.
///
/// ```
/// use lockstep_interface::{Address, Rent, activation::{Activation, Schedule}};
///
/// let feature = Address::new_from_array([7; 32]);
/// let activation = Activation { feature, slot: 90, name: "amm".to_owned() };
/// let schedule = Schedule { authority: None, activations: vec![activation] };
/// let account = schedule.to_account(&Rent::MAINNET).unwrap();
/// assert_eq!(Schedule::from_account(&account), Some(schedule));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Schedule {
    /// The address that has to sign for a change; without one there is none.
    pub authority: Option<Address>,
    /// In the order in which they were added.
    pub activations: Vec<Activation>,
}

impl Schedule {
    /// True if there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.authority.is_none() && self.activations.is_empty()
    }

    /// The account that keeps the schedule, rent-exempt.
    ///
    /// `None` if there are more activations, or longer names, than the account has room for.
    pub fn to_account(&self, rent: &Rent) -> Option<Account> {
        let names = self.activations.iter().map(|one| one.name.len());
        if self.activations.len() > ACTIVATIONS_MAX
            || names.max().unwrap_or_default() > FEATURE_NAME_SIZE_MAX
        {
            return None;
        }
        let mut data = HEAD.to_vec();
        data.push(u8::from(self.authority.is_some()));
        data.extend(self.authority.iter().flat_map(Address::to_bytes));
        data.extend(size_bytes(self.activations.len()));
        for activation in &self.activations {
            data.extend(activation.feature.as_array());
            data.extend(activation.slot.to_le_bytes());
            data.extend(size_bytes(activation.name.len()));
            data.extend(activation.name.as_bytes());
        }
        data.resize(SCHEDULE_SIZE, 0);
        Some(Account {
            lamports: rent.minimum_balance(data.len()),
            data: data.into(),
            owner: program_ids::ACTIVATION,
            executable: false,
        })
    }

    /// The schedule that an account keeps; `None` if the Activation program does not own it, or it
    /// holds something else.
    pub fn from_account(account: &Account) -> Option<Self> {
        if account.owner != program_ids::ACTIVATION {
            return None;
        }
        let mut rest = account.data.strip_prefix(&HEAD)?;
        let authority = match take(&mut rest)? {
            [0u8] => None,
            [1] => Some(Address::new_from_array(take(&mut rest)?)),
            [_] => return None,
        };
        let count = take_size(&mut rest, ACTIVATIONS_MAX)?;
        let activations = (0..count).map(|_| {
            let feature = Address::new_from_array(take(&mut rest)?);
            let slot = u64::from_le_bytes(take(&mut rest)?);
            let size = take_size(&mut rest, FEATURE_NAME_SIZE_MAX)?;
            let (name, others) = rest.split_at_checked(size)?;
            rest = others;
            let name = str::from_utf8(name).ok()?.to_owned();
            Some(Activation {
                feature,
                slot,
                name,
            })
        });
        let activations = activations.collect::<Option<_>>()?;
        Some(Self {
            authority,
            activations,
        })
    }

    /// Those that have begun at `slot`, and had not at `since`.
    pub fn begun(&self, since: Option<u64>, slot: u64) -> impl Iterator<Item = &Activation> {
        let activations = self.activations.iter();
        activations
            .filter(move |one| one.slot <= slot && since.is_none_or(|since| one.slot > since))
    }
}

impl RuleSet {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::December2024, Self::Current, Self::SbpfVersion3];

    /// What activates it.
    pub fn feature(self) -> Address {
        match self {
            Self::December2024 => DECEMBER_2024,
            Self::Current => CURRENT,
            Self::SbpfVersion3 => SBPF_VERSION_3,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::December2024 => "rules-2024-12",
            Self::Current => "rules-current",
            Self::SbpfVersion3 => "rules-sbpf-3",
        }
    }

    /// The one that a feature activates.
    pub fn of_feature(feature: &Address) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|rules| rules.feature() == *feature)
    }
}

const DECEMBER_2024: Address =
    Address::from_str_const("Ru1esDecember2o2411111111111111111111111111");
const CURRENT: Address = Address::from_str_const("Ru1esCurrent1111111111111111111111111111111");
const SBPF_VERSION_3: Address =
    Address::from_str_const("Ru1esSbpfVersion311111111111111111111111111");

fn size_bytes(size: usize) -> [u8; 4] {
    u32::try_from(size)
        .expect("checked against a limit")
        .to_le_bytes()
}

fn take_size(rest: &mut &[u8], max: usize) -> Option<usize> {
    let size = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    (size <= max).then_some(size)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(count: u8, name_size: usize) -> Schedule {
        let activations = (0..count).map(|number| Activation {
            feature: Address::new_from_array([number; 32]),
            slot: number.into(),
            name: "n".repeat(name_size),
        });
        Schedule {
            authority: Some(Address::new_from_array([9; 32])),
            activations: activations.collect(),
        }
    }

    #[test]
    fn a_schedule_survives_its_account_and_none_larger_has_one() {
        for (count, name_size) in [(0, 0), (1, 32), (64, 32), (64, 0)] {
            let expected = schedule(count, name_size);
            let account = expected.to_account(&Rent::MAINNET).unwrap();
            assert_eq!(account.data.len(), SCHEDULE_SIZE);
            assert_eq!(Schedule::from_account(&account), Some(expected));
        }
        for (count, name_size) in [(65, 0), (1, 33)] {
            assert_eq!(schedule(count, name_size).to_account(&Rent::MAINNET), None);
        }
    }

    #[test]
    fn what_is_no_schedule_gives_none() {
        let account = schedule(2, 5).to_account(&Rent::MAINNET).unwrap();
        let of = |data: Vec<u8>| Account {
            data: data.into(),
            ..account.clone()
        };
        let used = 2 + 33 + 4 + 2 * (32 + 8 + 4 + 5);
        for end in 0..used {
            assert_eq!(
                Schedule::from_account(&of(account.data[..end].to_vec())),
                None,
                "{end}"
            );
        }
        // State number, bump seed, option, count, size of a name.
        for place in [0, 1, 2, 35 + 3, used - 5 - 1] {
            let mut data = account.data.to_vec();
            data[place] = 0xff;
            assert_eq!(Schedule::from_account(&of(data)), None, "{place}");
        }
        let foreign = Account {
            owner: program_ids::SYSTEM,
            ..account
        };
        assert_eq!(Schedule::from_account(&foreign), None);
    }

    #[test]
    fn each_begins_once() {
        let schedule = schedule(5, 0);
        let slots = |since, slot| {
            let begun = schedule.begun(since, slot);
            begun.map(|one| one.slot).collect::<Vec<_>>()
        };
        assert_eq!(slots(None, 2), [0, 1, 2]);
        assert_eq!(slots(Some(2), 4), [3, 4]);
        assert_eq!(slots(Some(4), 9), []);
    }

    #[test]
    fn rule_sets_have_features_of_their_own() {
        for rules in RuleSet::ALL {
            assert_eq!(RuleSet::of_feature(&rules.feature()), Some(rules));
        }
        assert_eq!(RuleSet::of_feature(&SCHEDULE), None);
    }
}
