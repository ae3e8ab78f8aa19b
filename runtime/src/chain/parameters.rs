//! What a genesis decides besides its accounts, as a ledger keeps it.
//!
//! A chain that went on with other rules, rent, first blockhashes or programs than it was made with
//! would part from every other node, and show it by a wrong state root at best. So its store keeps
//! them, and they are compared whenever it is opened. A ledger without them gets those of the
//! genesis that it is opened with.
//!
//! ```text
//! version u16 | slot u64 | rules u8 | rent | limits
//!   | count u32 | first blockhashes, at most 151: hash 32, lamports per signature u64
//!   | count u32 | programs by address: address 32, name: bytes u32, UTF-8
//!   | fee policy, in version 3 alone
//!
//! rent   lamports per byte u64 | bits of the exemption threshold u64 | per cent burnt u8
//! limits compute units u64 | those of an account u64 | allocated bytes u64 | bytes u64
//!        | transactions u32 | waits u32 | slots from a parent u64
//! rules  0: December 2024, 1: current
//! fee policy  parts for the leader u16 | for stakers u16 | their account 32, or zeros
//! ```
//! This is Borsh, so integers are little-endian; at most 64 KiB. A ledger that burns all fees has
//! version 2, any other version 3.

use std::fmt;

use lockstep_interface::{
    Address, Hash, Program, ProgramTable, Rent, RuleSet, sysvar::RecentBlockhash,
};
use lockstep_store::Store;
use thiserror::Error;

use super::error::{OpenError, base58};
use crate::{
    bank::Genesis,
    block::BlockLimits,
    limits::BLOCKHASHES_MAX,
    rules::{FEE_PARTS, FeePolicy, FeePolicyError},
};

/// The version of the bytes above, of a ledger that burns all fees.
const VERSION: u16 = 2;
/// The version with a fee policy.
const POLICY_VERSION: u16 = 3;
/// Bytes of a fee policy.
const POLICY_SIZE: usize = 36;
/// Most bytes; enough for a thousand programs.
const SIZE_MAX: usize = 1 << 16;

/// A genesis without its accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameters {
    /// The slot of the first bank.
    pub slot: u64,
    /// The rules.
    pub rules: RuleSet,
    /// Rent.
    pub rent: Rent,
    /// What blocks may hold.
    pub limits: BlockLimits,
    /// What becomes of fees.
    pub fee_policy: FeePolicy,
    /// The newest 151 of the blockhashes that are valid in the first block, oldest first.
    pub blockhashes: Vec<RecentBlockhash>,
    /// The native programs' names, in ascending order of addresses.
    pub programs: Vec<(Address, String)>,
}

/// What a genesis decides besides its accounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Parameter {
    /// The slot of the first bank.
    Slot,
    /// The rules.
    Rules,
    /// Rent.
    Rent,
    /// What blocks may hold of something.
    Limit(&'static str),
    /// What becomes of fees.
    FeePolicy,
    /// One of the blockhashes that are valid in the first block, counted from 0.
    Blockhash(usize),
    /// The native program at an address.
    Program(Address),
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot => formatter.write_str("first slot"),
            Self::Rules => formatter.write_str("rules"),
            Self::Rent => formatter.write_str("rent"),
            Self::Limit(resource) => write!(formatter, "limit on {resource} of a block"),
            Self::FeePolicy => formatter.write_str("fee policy"),
            Self::Blockhash(place) => write!(formatter, "first blockhash {place}"),
            Self::Program(address) => write!(formatter, "program {address}"),
        }
    }
}

/// A parameter of a genesis that is another than that of a ledger or snapshot.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{parameter}: expected {expected}, found {found}")]
pub struct ParameterMismatch {
    /// The first that differs.
    pub parameter: Parameter,
    /// What the ledger or snapshot was made with.
    pub expected: String,
    /// What the genesis has that was given.
    pub found: String,
}

/// Why the parameters in a store are not readable.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ParametersError {
    /// Another release wrote them.
    #[error(
        "version {found}, this release reads versions {VERSION} and {POLICY_VERSION}: use the release that wrote it"
    )]
    Version {
        /// Their version.
        found: u16,
    },
    /// They take more bytes than are kept.
    #[error("{found} bytes, expected at most {SIZE_MAX}: the genesis has too many programs")]
    Size {
        /// Bytes.
        found: usize,
    },
    /// The bytes end too soon, go on behind the end, or hold an invalid length or text.
    #[error("their bytes are malformed: restore the ledger from a snapshot")]
    Malformed,
    /// The fee policy is none.
    #[error(transparent)]
    FeePolicy(#[from] FeePolicyError),
    /// The rules are unknown here.
    #[error("rules {found} are unknown")]
    Rules {
        /// Their number.
        found: u8,
    },
}

/// The bytes, as drawn above: version, slot, rules, rent, limits, first blockhashes, programs.
type Encoded = (
    u16,
    u64,
    u8,
    (u64, u64, u8),
    EncodedLimits,
    Vec<([u8; 32], u64)>,
    Vec<([u8; 32], String)>,
);

type EncodedLimits = (u64, u64, u64, u64, u32, u32, u64);

impl Parameters {
    /// The parameters of a genesis.
    pub fn of(genesis: &Genesis) -> Self {
        let older = genesis.blockhashes.len().saturating_sub(BLOCKHASHES_MAX);
        let programs = genesis.programs.iter();
        Self {
            slot: genesis.slot,
            rules: genesis.rules,
            rent: genesis.rent,
            limits: genesis.limits,
            fee_policy: genesis.fee_policy,
            blockhashes: genesis.blockhashes[older..].to_vec(),
            programs: programs
                .map(|program| (program.address(), program.name().to_owned()))
                .collect(),
        }
    }

    /// Those that the ledger in a store was made with; `None` if the store has no ledger, or a
    /// ledger without them.
    ///
    /// # Errors
    /// If the store fails, a newer release wrote them, or they are damaged.
    pub fn kept(store: &dyn Store) -> Result<Option<Self>, OpenError> {
        let bytes = store.parameters()?;
        let kept = bytes.map(|bytes| Self::decode(&bytes)).transpose();
        kept.map_err(OpenError::Parameters)
    }

    /// A genesis with these parameters and no account. Of the programs that are linked in, it has
    /// those that are named here; the others can be activated.
    ///
    /// Programs are code, of which only names are kept: [`Parameters::check`] finds one that is not
    /// linked in.
    pub fn genesis(&self, linked: ProgramTable) -> Genesis {
        let is_named = |program: &dyn Program| {
            let address = program.address();
            let place = self
                .programs
                .binary_search_by_key(&address, |(known, _)| *known);
            place.is_ok_and(|place| self.programs[place].1 == program.name())
        };
        Genesis {
            accounts: Vec::new(),
            programs: linked.clone().filtered(is_named),
            linked,
            rules: self.rules,
            rent: self.rent,
            limits: self.limits,
            fee_policy: self.fee_policy,
            blockhashes: self.blockhashes.clone(),
            slot: self.slot,
        }
    }

    /// Compares a genesis that is given for a ledger with what the ledger was made with.
    ///
    /// # Errors
    /// Names the first parameter that differs.
    pub fn check(&self, given: &Genesis) -> Result<(), ParameterMismatch> {
        let given = Self::of(given);
        compare(Parameter::Slot, &self.slot, &given.slot, u64::to_string)?;
        check_rules(self.rules, given.rules)?;
        check_rent(&self.rent, &given.rent)?;
        check_limits(&self.limits, &given.limits)?;
        check_fee_policy(&self.fee_policy, &given.fee_policy)?;
        check_blockhashes(&self.blockhashes, &given.blockhashes)?;
        let mut programs: Vec<&(Address, String)> =
            self.programs.iter().chain(&given.programs).collect();
        programs.sort_unstable();
        let name = |programs: &[(Address, String)], address: &Address| {
            let place = programs.binary_search_by_key(address, |(known, _)| *known);
            place.ok().map(|place| programs[place].1.clone())
        };
        programs.into_iter().try_for_each(|(address, _)| {
            let (kept, given) = (
                name(&self.programs, address),
                name(&given.programs, address),
            );
            let show = |name: &Option<String>| shown(name.as_deref());
            compare(Parameter::Program(*address), &kept, &given, show)
        })
    }

    /// Keeps the parameters in the store of a ledger, unless it has them.
    pub(super) fn keep(&self, store: &dyn Store) -> Result<(), OpenError> {
        let bytes = self.encode().map_err(OpenError::Parameters)?;
        if store.parameters()?.as_ref() != Some(&bytes) {
            store.keep_parameters(&bytes)?;
        }
        Ok(())
    }

    /// The bytes that ledgers, witnesses and snapshots keep.
    ///
    /// # Errors
    /// If there are too many programs.
    pub fn encode(&self) -> Result<Vec<u8>, ParametersError> {
        let blockhashes = self.blockhashes.iter();
        let programs = self.programs.iter();
        let rent = &self.rent;
        let encoded: Encoded = (
            self.version(),
            self.slot,
            rules_number(self.rules),
            (
                rent.lamports_per_byte,
                rent.exemption_threshold_bits,
                rent.burn_percent,
            ),
            encode_limits(&self.limits),
            blockhashes
                .map(|known| (known.blockhash.to_bytes(), known.lamports_per_signature))
                .collect(),
            programs
                .map(|(address, name)| (address.to_bytes(), name.clone()))
                .collect(),
        );
        let mut bytes = borsh::to_vec(&encoded).map_err(|_| ParametersError::Malformed)?;
        if self.version() == POLICY_VERSION {
            bytes.extend(encode_policy(&self.fee_policy));
        }
        check_size(&bytes)?;
        Ok(bytes)
    }

    fn version(&self) -> u16 {
        if self.fee_policy == FeePolicy::BURNED {
            return VERSION;
        }
        POLICY_VERSION
    }

    /// The parameters of these bytes.
    ///
    /// # Errors
    /// If another release wrote them, or they are malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, ParametersError> {
        check_size(bytes)?;
        let version = bytes.first_chunk().ok_or(ParametersError::Malformed)?;
        let found = u16::from_le_bytes(*version);
        let (bytes, fee_policy) = match found {
            VERSION => (bytes, FeePolicy::BURNED),
            POLICY_VERSION => {
                let split = bytes.split_last_chunk().ok_or(ParametersError::Malformed)?;
                (split.0, decode_policy(split.1)?)
            }
            _ => return Err(ParametersError::Version { found }),
        };
        let encoded: Encoded = borsh::from_slice(bytes).map_err(|_| ParametersError::Malformed)?;
        let (_, slot, found, rent, limits, blockhashes, programs) = encoded;
        let (lamports_per_byte, exemption_threshold_bits, burn_percent) = rent;
        let blockhashes = blockhashes.into_iter();
        let programs = programs.into_iter();
        Ok(Self {
            slot,
            rules: rules_of(found).ok_or(ParametersError::Rules { found })?,
            rent: Rent {
                lamports_per_byte,
                exemption_threshold_bits,
                burn_percent,
            },
            limits: decode_limits(limits),
            fee_policy,
            blockhashes: blockhashes
                .map(|(hash, lamports_per_signature)| RecentBlockhash {
                    blockhash: Hash::new_from_array(hash),
                    lamports_per_signature,
                })
                .collect(),
            programs: programs
                .map(|(address, name)| (Address::new_from_array(address), name))
                .collect(),
        })
    }
}

fn check_size(bytes: &[u8]) -> Result<(), ParametersError> {
    let found = bytes.len();
    if found > SIZE_MAX {
        return Err(ParametersError::Size { found });
    }
    Ok(())
}

fn encode_limits(limits: &BlockLimits) -> EncodedLimits {
    (
        limits.compute_units_max,
        limits.account_compute_units_max,
        limits.allocated_size_max,
        limits.transaction_bytes_max,
        limits.transaction_count_max,
        limits.wait_count_max,
        limits.slot_gap_max,
    )
}

fn decode_limits(encoded: EncodedLimits) -> BlockLimits {
    BlockLimits {
        compute_units_max: encoded.0,
        account_compute_units_max: encoded.1,
        allocated_size_max: encoded.2,
        transaction_bytes_max: encoded.3,
        transaction_count_max: encoded.4,
        wait_count_max: encoded.5,
        slot_gap_max: encoded.6,
    }
}

fn encode_policy(policy: &FeePolicy) -> [u8; POLICY_SIZE] {
    let mut bytes = [0; POLICY_SIZE];
    let (parts, account) = bytes.split_at_mut(4);
    parts[..2].copy_from_slice(&policy.leader_parts().to_le_bytes());
    parts[2..].copy_from_slice(&policy.staker_parts().to_le_bytes());
    account.copy_from_slice(policy.stakers().unwrap_or_default().as_array());
    bytes
}

fn decode_policy(bytes: &[u8; POLICY_SIZE]) -> Result<FeePolicy, ParametersError> {
    let [a, b, c, d, account @ ..] = *bytes;
    let parts = [[a, b], [c, d]].map(u16::from_le_bytes);
    let policy = FeePolicy::new(parts[0], parts[1], Address::new_from_array(account))?;
    // One that burns all has version 2.
    let is_kept = policy != FeePolicy::BURNED;
    is_kept.then_some(policy).ok_or(ParametersError::Malformed)
}

/// The number of a rule set where it is written.
fn rules_number(rules: RuleSet) -> u8 {
    match rules {
        RuleSet::December2024 => 0,
        RuleSet::Current => 1,
        RuleSet::SbpfVersion3 => 2,
    }
}

/// The rule set of a number.
fn rules_of(number: u8) -> Option<RuleSet> {
    match number {
        0 => Some(RuleSet::December2024),
        1 => Some(RuleSet::Current),
        2 => Some(RuleSet::SbpfVersion3),
        _ => None,
    }
}

fn check_rules(expected: RuleSet, found: RuleSet) -> Result<(), ParameterMismatch> {
    let show = |rules: &RuleSet| format!("{rules:?}");
    compare(Parameter::Rules, &expected, &found, show)
}

fn check_rent(expected: &Rent, found: &Rent) -> Result<(), ParameterMismatch> {
    compare(Parameter::Rent, expected, found, |rent| {
        format!(
            "{} lamports a byte times a threshold of bits {:#x}, {}% burnt",
            rent.lamports_per_byte, rent.exemption_threshold_bits, rent.burn_percent
        )
    })
}

fn check_limits(expected: &BlockLimits, found: &BlockLimits) -> Result<(), ParameterMismatch> {
    let named = |limits: &BlockLimits| {
        [
            ("compute units", limits.compute_units_max),
            (
                "an account's compute units",
                limits.account_compute_units_max,
            ),
            ("allocated bytes", limits.allocated_size_max),
            ("bytes", limits.transaction_bytes_max),
            ("transactions", limits.transaction_count_max.into()),
            ("waits", limits.wait_count_max.into()),
            ("slots from the parent", limits.slot_gap_max),
        ]
    };
    let mut both = named(expected).into_iter().zip(named(found));
    both.try_for_each(|((resource, expected), (_, found))| {
        compare(
            Parameter::Limit(resource),
            &expected,
            &found,
            u64::to_string,
        )
    })
}

fn check_fee_policy(expected: &FeePolicy, found: &FeePolicy) -> Result<(), ParameterMismatch> {
    compare(Parameter::FeePolicy, expected, found, |policy| {
        let account = policy.stakers().map(|account| format!(" at {account}"));
        format!(
            "{} parts of {FEE_PARTS} for the leader, {} for stakers{}",
            policy.leader_parts(),
            policy.staker_parts(),
            account.unwrap_or_default()
        )
    })
}

fn check_blockhashes(
    expected: &[RecentBlockhash],
    found: &[RecentBlockhash],
) -> Result<(), ParameterMismatch> {
    (0..expected.len().max(found.len())).try_for_each(|place| {
        let (expected, found) = (expected.get(place), found.get(place));
        compare(Parameter::Blockhash(place), &expected, &found, |known| {
            let known = known.map(|known| {
                let (hash, lamports) = (base58(&known.blockhash), known.lamports_per_signature);
                format!("{hash} at {lamports} lamports a signature")
            });
            shown(known.as_deref())
        })
    })
}

fn shown(what: Option<&str>) -> String {
    what.unwrap_or("none").to_owned()
}

fn compare<T: PartialEq>(
    parameter: Parameter,
    expected: &T,
    found: &T,
    show: impl Fn(&T) -> String,
) -> Result<(), ParameterMismatch> {
    if expected == found {
        return Ok(());
    }
    Err(ParameterMismatch {
        parameter,
        expected: show(expected),
        found: show(found),
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn parameters(blockhash_count: u8, program_count: u8) -> Parameters {
        Parameters {
            slot: 0x0102,
            rules: RuleSet::December2024,
            rent: Rent {
                lamports_per_byte: 7,
                exemption_threshold_bits: 1 << 62,
                burn_percent: 9,
            },
            limits: BlockLimits::MAINNET,
            fee_policy: FeePolicy::BURNED,
            blockhashes: (0..blockhash_count)
                .map(|number| RecentBlockhash {
                    blockhash: Hash::new_from_array([number; 32]),
                    lamports_per_signature: 5_000,
                })
                .collect(),
            programs: (0..program_count)
                .map(|number| (Address::new_from_array([number; 32]), number.to_string()))
                .collect(),
        }
    }

    #[test]
    fn parameters_survive_their_bytes_and_nothing_shorter_or_longer_is_any() {
        for (blockhash_count, program_count) in [(0, 0), (1, 0), (0, 1), (151, 9)] {
            let expected = parameters(blockhash_count, program_count);
            let mut bytes = expected.encode().unwrap();
            assert_eq!(Parameters::decode(&bytes), Ok(expected));
            for end in 0..bytes.len() {
                let error = Parameters::decode(&bytes[..end]).unwrap_err();
                assert_eq!(error, ParametersError::Malformed, "{end}");
            }
            bytes.push(0);
            let error = Parameters::decode(&bytes).unwrap_err();
            assert_eq!(error, ParametersError::Malformed);
        }
    }

    #[test]
    fn the_bytes_are_those_of_version_2() {
        let bytes = parameters(2, 2).encode().unwrap();
        let start = [2, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(bytes[..start.len()], start);
        assert_eq!(bytes.len(), 84 + 2 * 40 + 2 * 37);
        let digest = Sha256::digest(&bytes);
        assert_eq!(digest[..4], [159, 2, 77, 170]);
    }

    #[test]
    fn a_fee_policy_makes_version_3() {
        let older = parameters(2, 2).encode().unwrap();
        let stakers = Address::new_from_array([8; 32]);
        let fee_policy = FeePolicy::new(0x0102, 3, stakers).unwrap();
        let expected = Parameters {
            fee_policy,
            ..parameters(2, 2)
        };
        let bytes = expected.encode().unwrap();
        let policy = [&[2, 1, 3, 0][..], &[8; 32]].concat();
        assert_eq!(bytes, [&[3, 0], &older[2..], &policy].concat());
        assert_eq!(Parameters::decode(&bytes), Ok(expected));
        for end in 0..bytes.len() {
            assert!(Parameters::decode(&bytes[..end]).is_err(), "{end}");
        }
        // Shares of more than all, an account without a share, and no share at all.
        let place = bytes.len() - POLICY_SIZE;
        for (wrong, size) in [(&[0x11, 0x27][..], 2), (&[0; 4], 4), (&[0; 36], 36)] {
            let mut bytes = bytes.clone();
            bytes[place..place + size].copy_from_slice(wrong);
            bytes[place + 3] |= u8::from(size == 2);
            assert!(Parameters::decode(&bytes).is_err(), "{wrong:?}");
        }
        let mut given = Genesis::new(Vec::new(), ProgramTable::new());
        let ledger = Parameters::of(&given);
        given.fee_policy = fee_policy;
        let error = ledger.check(&given).unwrap_err().to_string();
        let expected = "fee policy: expected 0 parts of 10000 for the leader, 0 for stakers, found \
                        258 parts of 10000 for the leader, 3 for stakers at ";
        assert_eq!(error, format!("{expected}{stakers}"));
    }

    #[test]
    fn what_is_unknown_or_too_large_is_named() {
        let bytes = parameters(1, 1).encode().unwrap();
        let mut newer = bytes.clone();
        newer[0] = 4;
        let error = Parameters::decode(&newer).unwrap_err();
        assert_eq!(error, ParametersError::Version { found: 4 });
        let mut ruled = bytes;
        ruled[10] = 7;
        let error = Parameters::decode(&ruled).unwrap_err();
        assert_eq!(error, ParametersError::Rules { found: 7 });

        let mut large = parameters(0, 1);
        let rest = SIZE_MAX - large.encode().unwrap().len();
        large.programs[0].1.push_str(&"a".repeat(rest));
        let bytes = large.encode().unwrap();
        assert_eq!(bytes.len(), SIZE_MAX);
        assert_eq!(Parameters::decode(&bytes), Ok(large.clone()));
        large.programs[0].1.push('a');
        let found = SIZE_MAX + 1;
        assert_eq!(large.encode(), Err(ParametersError::Size { found }));
        let error = Parameters::decode(&[bytes, vec![0]].concat()).unwrap_err();
        assert_eq!(error, ParametersError::Size { found });
    }
}
