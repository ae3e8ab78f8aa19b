//! What an instruction does to which account, as constants.
//!
//! Each account type names its own access; an account set joins those of its fields at compile
//! time. Nothing here knows a running instruction.

use std::fmt;

use crate::interface::{Address, Counters, Positions};

/// How deep account sets can nest.
const DEPTH_MAX: usize = 4;

/// Names of the fields that lead to an account, outermost first.
///
/// ```
/// use lockstep_sdk::access::FieldPath;
/// let path = FieldPath::of("owner").under("transfer");
/// assert_eq!(path.to_string(), "transfer.owner");
/// assert!(path.names().eq(["transfer", "owner"]));
/// assert_eq!(FieldPath::EMPTY.to_string(), "");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FieldPath([&'static str; DEPTH_MAX]);

impl FieldPath {
    /// The path of an account that has no name yet.
    pub const EMPTY: Self = Self([""; DEPTH_MAX]);

    /// The path of one field.
    pub const fn of(name: &'static str) -> Self {
        Self::EMPTY.under(name)
    }

    /// The same path, seen from outside of the set that is the field `name`.
    ///
    /// # Panics
    /// If sets nest more than four deep; at compile time, where a set is declared.
    #[must_use]
    pub const fn under(self, name: &'static str) -> Self {
        let Self([first, second, third, fourth]) = self;
        assert!(fourth.is_empty(), "account sets nest at most four deep");
        Self([name, first, second, third])
    }

    /// True if these are its names.
    #[doc(hidden)]
    pub const fn is(&self, names: &[&str]) -> bool {
        if names.len() > DEPTH_MAX {
            return false;
        }
        let mut depth = 0;
        while depth < DEPTH_MAX {
            let name = if depth < names.len() {
                names[depth]
            } else {
                ""
            };
            if !is_same(self.0[depth], name) {
                return false;
            }
            depth = next(depth);
        }
        true
    }

    /// The names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.0.into_iter().filter(|name| !name.is_empty())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, name) in self.names().enumerate() {
            let dot = if depth == 0 { "" } else { "." };
            write!(formatter, "{dot}{name}")?;
        }
        Ok(())
    }
}

/// Where an account's address comes from.
///
/// ```
/// use lockstep_sdk::{access::{AddressSource, SeedSource}, prelude::*};
/// # const ID: Address = Address::new_from_array([9; 32]);
///
/// #[derive(Accounts)]
/// pub struct Open<'a> {
///     pub owner: Signer<'a>,
///     #[account(seeds = [b"vault", owner])]
///     pub vault: Wallet<'a>,
///     pub system: Program<'a, System>,
/// }
///
/// const SEEDS: &[SeedSource] = &[SeedSource::Constant(b"vault"), SeedSource::Account("owner")];
/// let sources = Open::ACCESS.iter().map(|access| access.source);
/// let expected = [
///     AddressSource::Given,
///     AddressSource::Derived(SEEDS),
///     AddressSource::Fixed(System::ID),
/// ];
/// assert!(sources.eq(expected));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AddressSource {
    /// The client says.
    Given,
    /// It never changes.
    Fixed(Address),
    /// It is derived from the program and these seeds.
    Derived(&'static [SeedSource]),
    /// It is in the state of an account: the path of the value.
    Named(&'static str),
    /// It is the token account that is associated with a wallet and a mint.
    Associated(&'static SeedSource, &'static SeedSource),
}

/// One seed of a derived address.
///
/// ```
/// use lockstep_sdk::access::{AccountAccess, AddressSource, SeedSource};
/// let by_number = AddressSource::Derived(&[SeedSource::Argument("number")]);
/// let offer = AccountAccess { source: by_number, ..AccountAccess::READ };
/// assert_ne!(offer.source, AddressSource::Given);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SeedSource {
    /// Bytes.
    Constant(&'static [u8]),
    /// The address of the field of this name in the same set, or of a field of a set in it, as
    /// `desk.raffle`.
    Account(&'static str),
    /// A value in the state of an account, as `raffle.authority`; and the name of that state.
    Value(&'static str, &'static str),
    /// The argument of this name.
    Argument(&'static str),
}

/// What an instruction does to one account.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// let access = <Mut<Signer<'static>> as AccountSet>::ACCESS;
/// assert!(access[0].is_signer && access[0].is_writable && !access[0].is_credit);
///
/// // By hand, for programs that are not written with the SDK's macros.
/// use lockstep_sdk::access::{AccountAccess, FieldPath};
/// let payer = AccountAccess::READ.signing().writable();
/// assert_eq!(payer, access[0]);
/// let fees = AccountAccess { path: FieldPath::of("fees"), ..AccountAccess::READ.credited() };
/// let system = AccountAccess::READ.fixed(System::ID);
/// let signers = AccountAccess::READ.signing().optional().repeated(11);
/// assert!(fees.is_writable && !system.is_writable && signers.count_max == 11);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccountAccess {
    /// The fields that lead to it.
    pub path: FieldPath,
    /// It signs the transaction.
    pub is_signer: bool,
    /// The instruction may change it.
    pub is_writable: bool,
    /// The instruction does nothing to it but add lamports, so that instructions which credit the
    /// same account can run in parallel.
    pub is_credit: bool,
    /// Of such an account, the counters in its data that the instruction adds to as well.
    pub counters: Counters,
    /// The program's own address in its place stands for no account.
    pub is_optional: bool,
    /// It may be the same account as another writable one.
    pub may_repeat: bool,
    /// In the rest of an account list: one account may stand several times.
    pub repeats: bool,
    /// Fields of the same set whose addresses its state names.
    pub related: &'static [&'static str],
    /// How many accounts this entry stands for at most, in [1, 255]; more than 1 for the rest of
    /// an account list only.
    pub count_max: u8,
    /// Where its address comes from.
    pub source: AddressSource,
    /// The program that derives its address, where it is not the one that is called.
    pub derived_by: Option<Address>,
    /// The lines of the field's documentation.
    pub docs: &'static [&'static str],
}

impl AccountAccess {
    /// An account that is only read.
    pub const READ: Self = Self {
        path: FieldPath::EMPTY,
        is_signer: false,
        is_writable: false,
        is_credit: false,
        counters: Counters::NONE,
        is_optional: false,
        may_repeat: false,
        repeats: false,
        related: &[],
        count_max: 1,
        source: AddressSource::Given,
        derived_by: None,
        docs: &[],
    };

    /// The same, signing.
    #[must_use]
    pub const fn signing(self) -> Self {
        Self {
            is_signer: true,
            ..self
        }
    }

    /// The same, writable.
    ///
    /// # Panics
    /// If it is writable already; at compile time, where an account type is declared.
    #[must_use]
    pub const fn writable(self) -> Self {
        assert!(
            !self.is_writable,
            "the account type inside of `Mut` is writable already"
        );
        Self {
            is_writable: true,
            is_credit: false,
            ..self
        }
    }

    /// The same, writable to add lamports only.
    #[must_use]
    pub const fn credited(self) -> Self {
        Self {
            is_writable: true,
            is_credit: true,
            ..self
        }
    }

    /// The same, writable to add to lamports and to these counters only.
    #[must_use]
    pub const fn adding(self, counters: Counters) -> Self {
        Self {
            counters,
            ..self.credited()
        }
    }

    /// The same, possibly absent.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    /// The same, `count_max` times at most.
    #[must_use]
    pub const fn repeated(self, count_max: u8) -> Self {
        Self { count_max, ..self }
    }

    /// The same, at an address that never changes.
    #[must_use]
    pub const fn fixed(self, address: Address) -> Self {
        Self {
            source: AddressSource::Fixed(address),
            ..self
        }
    }
}

/// A field of an account set, as `#[derive(Accounts)]` sees it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What its type does to its accounts.
    pub access: &'static [AccountAccess],
    /// Whether it may be the same account as another writable one.
    pub may_repeat: bool,
    /// Whether one account may stand in it several times.
    pub repeats: bool,
    /// Fields of the set whose addresses its state names.
    pub related: &'static [&'static str],
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// Where its address comes from, if the field says more than its type.
    pub source: Option<AddressSource>,
}

/// The number of entries in the access list of these fields.
#[doc(hidden)]
pub const fn count(fields: &[Field]) -> usize {
    let mut sum = 0usize;
    let mut index = 0;
    while index < fields.len() {
        sum = match sum.checked_add(fields[index].access.len()) {
            Some(sum) => sum,
            None => panic!("too many accounts"),
        };
        index = match index.checked_add(1) {
            Some(next) => next,
            None => panic!("too many fields"),
        };
    }
    sum
}

/// The access list of these fields, in their order.
///
/// # Panics
/// At compile time: if more than 255 accounts come together, if sets nest more than four deep, or
/// if something follows the rest of the account list.
#[doc(hidden)]
pub const fn join<const N: usize>(fields: &[Field]) -> [AccountAccess; N] {
    let mut joined = [AccountAccess::READ; N];
    let mut place = 0;
    let mut field = 0;
    let mut total = 0u8;
    while field < fields.len() {
        let Field {
            name,
            access,
            may_repeat,
            repeats,
            related,
            docs,
            source,
        } = fields[field];
        let mut index = 0;
        while index < access.len() {
            let mut entry = access[index];
            assert!(
                entry.count_max == 1 || next(place) == N,
                "the rest of the account list has to be the last field"
            );
            total = match total.checked_add(entry.count_max) {
                Some(total) => total,
                None => panic!("an instruction takes at most 255 accounts"),
            };
            entry.path = entry.path.under(name);
            entry.may_repeat |= may_repeat;
            entry.repeats |= repeats;
            if !related.is_empty() {
                entry.related = related;
            }
            // A set in the set has documentation for each of its own.
            if access.len() == 1 && !docs.is_empty() {
                entry.docs = docs;
            }
            if let Some(source) = source {
                entry.source = source;
            }
            joined[place] = entry;
            place = next(place);
            index = next(index);
        }
        field = next(field);
    }
    joined
}

const fn next(index: usize) -> usize {
    match index.checked_add(1) {
        Some(next) => next,
        None => panic!("too many accounts"),
    }
}

/// The positions of the accounts that are credited and nothing else, as
/// [`Program::credit_only`](crate::interface::Program::credit_only) returns them.
///
/// ```
/// use lockstep_sdk::{access::credit_only, interface::Positions, prelude::*};
/// const FEES: &[lockstep_sdk::access::AccountAccess] = <Credit<'static> as AccountSet>::ACCESS;
/// assert_eq!(credit_only(FEES), Positions::only(0));
/// ```
pub const fn credit_only(access: &[AccountAccess]) -> Positions {
    let mut found = Positions::NONE;
    let mut position = 0;
    let mut index = 0;
    while index < access.len() {
        let mut left = access[index].count_max;
        while left > 0 {
            if access[index].is_credit {
                found = found.union(Positions::only(position));
            }
            position = next(position);
            left = left.saturating_sub(1);
        }
        index = next(index);
    }
    found
}

/// The counters of the account at `position` of an instruction with this access list, as
/// [`Program::counters`](crate::interface::Program::counters) returns them.
///
/// ```
/// use lockstep_sdk::{
///     access::{AccountAccess, counters_at},
///     interface::Counters,
/// };
/// const VOTES: Counters = Counters::at(&[40]);
/// let access = [AccountAccess::READ.signing(), AccountAccess::READ.adding(VOTES)];
/// assert_eq!(counters_at(&access, 1), VOTES);
/// assert!(counters_at(&access, 0).is_empty() && counters_at(&access, 2).is_empty());
/// ```
pub fn counters_at(access: &[AccountAccess], position: usize) -> Counters {
    let mut end = 0usize;
    let mut entries = access.iter();
    let entry = entries.find(|entry| {
        end = end.saturating_add(usize::from(entry.count_max));
        position < end
    });
    entry.map_or(Counters::NONE, |entry| entry.counters)
}

/// The name of the account at `position` of an instruction with this access list.
///
/// ```
/// use lockstep_sdk::access::{AccountAccess, FieldPath, field_at};
/// let signers = AccountAccess { path: FieldPath::of("signers"), ..AccountAccess::READ };
/// let access = [signers.repeated(3)];
/// assert_eq!(field_at(&access, 2), "signers[2]");
/// assert_eq!(field_at(&access, 3), "");
/// ```
pub fn field_at(access: &[AccountAccess], position: usize) -> String {
    let last = access.len().saturating_sub(1);
    let Some(entry) = access.get(position.min(last)) else {
        return String::new();
    };
    let index = position.saturating_sub(last);
    match (entry.count_max, index) {
        (1, 0) => entry.path.to_string(),
        (1, _) => String::new(),
        (count_max, index) if index < usize::from(count_max) => {
            // Only the last entry stands for several accounts.
            if position < last {
                entry.path.to_string()
            } else {
                format!("{}[{index}]", entry.path)
            }
        }
        _ => String::new(),
    }
}

/// A program's account, and then those that one of its instructions takes.
#[doc(hidden)]
pub const fn with_program<const N: usize>(
    program: Address,
    access: &[AccountAccess],
) -> [AccountAccess; N] {
    let mut list = [AccountAccess::READ; N];
    let entry = AccountAccess::READ.fixed(program);
    list[0] = AccountAccess {
        path: FieldPath::of("program"),
        ..entry
    };
    let mut index = 0;
    while index < access.len() {
        let derived_by = match access[index].derived_by {
            None => Some(program),
            other => other,
        };
        list[next(index)] = AccountAccess {
            derived_by,
            ..access[index]
        };
        index = next(index);
    }
    list
}

/// Accounts of a set that may be absent as a whole, at most.
const OPTIONAL_MAX: usize = 32;

/// The accounts of a set that may be absent as a whole.
///
/// # Panics
/// At compile time: if there are more than 32, or if they end with a rest.
#[doc(hidden)]
pub const fn optional(access: &[AccountAccess]) -> [AccountAccess; OPTIONAL_MAX] {
    assert!(
        access.len() <= OPTIONAL_MAX,
        "a set that may be absent has at most 32 accounts"
    );
    let mut list = [AccountAccess::READ; OPTIONAL_MAX];
    let mut index = 0;
    while index < access.len() {
        assert!(
            access[index].count_max == 1,
            "a set that may be absent cannot end with a `Rest`, which may be empty already"
        );
        list[index] = access[index].optional();
        index = next(index);
    }
    list
}

/// The position in an access list of the account to which these fields lead.
#[doc(hidden)]
pub const fn position_of(access: &[AccountAccess], names: &[&str]) -> Option<usize> {
    let mut index = 0;
    while index < access.len() {
        if access[index].path.is(names) {
            return Some(index);
        }
        index = next(index);
    }
    None
}

/// Checks that a payer in a set of the set signs and is writable.
///
/// # Panics
/// If not; at compile time.
#[doc(hidden)]
pub const fn check_payer(access: &[AccountAccess], names: &[&str]) {
    let Some(position) = position_of(access, names) else {
        panic!("the payer is no account of the set");
    };
    assert!(
        access[position].is_signer && access[position].is_writable,
        "a payer signs and is debited: declare the field as `Mut<Signer<'a>>`"
    );
}

const fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index = next(index);
    }
    true
}
