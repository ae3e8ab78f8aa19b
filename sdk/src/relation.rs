//! How accounts belong together: addresses, seeds, and addresses kept in state.
//!
//! `#[account(..)]` writes calls of these functions; a program may make them, too.

use std::ops::Deref;

use crate::{
    Result,
    account::Handle,
    interface::{
        Address, InstructionError, InvokeContext,
        address::{find_program_address, is_derived_from},
        context::Rule,
        limits::{SEED_SIZE_MAX, SEEDS_MAX},
        prices,
    },
    pod::{I16, I32, I64, I128, U16, U32, U64, U128},
    violation::Violation,
};

/// A value whose bytes can be a seed of a derived address: 32 bytes at most, of a size that does
/// not vary, so that two lists of seeds never run into each other.
///
/// ```
/// use lockstep_sdk::relation::Seed;
/// assert_eq!(258u16.seed().as_ref(), [2, 1]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a seed",
    label = "seeds are literals, constants, accounts of the set, addresses, integers and byte arrays"
)]
pub trait Seed {
    /// The bytes, borrowed or by value.
    type Bytes<'s>: AsRef<[u8]>
    where
        Self: 's;

    /// The bytes.
    fn seed(&self) -> Self::Bytes<'_>;
}

impl Seed for Address {
    type Bytes<'s> = &'s [u8; 32];

    fn seed(&self) -> &[u8; 32] {
        self.as_array()
    }
}

impl Seed for Handle<'_> {
    type Bytes<'s>
        = &'s [u8; 32]
    where
        Self: 's;

    fn seed(&self) -> &[u8; 32] {
        self.address().as_array()
    }
}

impl<const N: usize> Seed for [u8; N] {
    type Bytes<'s> = &'s [u8; N];

    fn seed(&self) -> &[u8; N] {
        self
    }
}

impl<S: Seed + ?Sized> Seed for &S {
    type Bytes<'s>
        = S::Bytes<'s>
    where
        Self: 's;

    fn seed(&self) -> S::Bytes<'_> {
        S::seed(self)
    }
}

macro_rules! integer_seeds {
    ($($integer:ident)*) => {$(
        impl Seed for $integer {
            type Bytes<'s> = [u8; size_of::<$integer>()];

            fn seed(&self) -> Self::Bytes<'_> {
                self.to_le_bytes()
            }
        }
    )*};
}

integer_seeds!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

macro_rules! pod_seeds {
    ($($name:ident)*) => {$(
        impl Seed for $name {
            type Bytes<'s> = [u8; size_of::<$name>()];

            fn seed(&self) -> Self::Bytes<'_> {
                self.get().to_le_bytes()
            }
        }
    )*};
}

pod_seeds!(U16 U32 U64 U128 I16 I32 I64 I128);

/// The bytes of one seed, by value.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct SeedBytes {
    bytes: [u8; SEED_SIZE_MAX],
    size: usize,
}

impl SeedBytes {
    /// A copy of a seed.
    ///
    /// # Errors
    /// `MaxSeedLengthExceeded` above 32 bytes.
    #[doc(hidden)]
    pub fn of(seed: &(impl Seed + ?Sized)) -> Result<Self> {
        let seed = seed.seed();
        let seed = seed.as_ref();
        let mut bytes = [0; SEED_SIZE_MAX];
        let place = bytes.get_mut(..seed.len());
        let place = place.ok_or(InstructionError::MaxSeedLengthExceeded)?;
        place.copy_from_slice(seed);
        Ok(Self {
            bytes,
            size: seed.len(),
        })
    }

    const fn of_slice(seed: &[u8]) -> Self {
        assert!(seed.len() <= SEED_SIZE_MAX, "a seed has at most 32 bytes");
        let mut bytes = [0; SEED_SIZE_MAX];
        bytes.split_at_mut(seed.len()).0.copy_from_slice(seed);
        Self {
            bytes,
            size: seed.len(),
        }
    }

    /// The bytes.
    #[doc(hidden)]
    pub const fn as_slice(&self) -> &[u8] {
        self.bytes.split_at(self.size).0
    }
}

impl AsRef<[u8]> for SeedBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// A constant that is a seed.
#[doc(hidden)]
#[derive(Debug)]
pub struct ConstantSeed<'c, T: ?Sized>(pub &'c T);

macro_rules! constant_seeds {
    ($([$($generics:tt)*] $type:ty: |$seed:ident| $bytes:expr;)*) => {$(
        impl<$($generics)*> ConstantSeed<'_, $type> {
            /// Its bytes.
            #[doc(hidden)]
            pub const fn bytes(&self) -> SeedBytes {
                let $seed = self.0;
                SeedBytes::of_slice($bytes)
            }
        }
    )*};
}

constant_seeds! {
    [const N: usize] [u8; N]: |seed| seed;
    [const N: usize] &[u8; N]: |seed| *seed;
    [] &[u8]: |seed| seed;
    [] &str: |seed| seed.as_bytes();
    [] Address: |seed| seed.as_array();
    [] &Address: |seed| seed.as_array();
    [] u8: |seed| &seed.to_le_bytes();
    [] u16: |seed| &seed.to_le_bytes();
    [] u32: |seed| &seed.to_le_bytes();
    [] u64: |seed| &seed.to_le_bytes();
    [] u128: |seed| &seed.to_le_bytes();
    [] i8: |seed| &seed.to_le_bytes();
    [] i16: |seed| &seed.to_le_bytes();
    [] i32: |seed| &seed.to_le_bytes();
    [] i64: |seed| &seed.to_le_bytes();
    [] i128: |seed| &seed.to_le_bytes();
}

/// A field of a state that can name an account.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no account",
    label = "a field that names an account is an `Address`, or an optional one"
)]
pub trait AddressField {
    /// The address, if there is one.
    fn named(&self) -> Option<&Address>;
}

impl AddressField for Address {
    fn named(&self) -> Option<&Address> {
        Some(self)
    }
}

impl AddressField for Option<Address> {
    fn named(&self) -> Option<&Address> {
        self.as_ref()
    }
}

/// The address in a field.
///
/// # Errors
/// `InvalidAccountData` if there is none.
#[doc(hidden)]
pub fn named(field: &impl AddressField) -> Result<Address> {
    let address = field.named().copied();
    address.ok_or(InstructionError::InvalidAccountData)
}

/// The state of an account in a condition: its fields, and the account's address.
#[doc(hidden)]
#[derive(Debug)]
pub struct Seen<'a, R> {
    handle: Handle<'a>,
    state: R,
}

impl<'a, R> Seen<'a, R> {
    /// The state that was borrowed from the account.
    #[doc(hidden)]
    pub fn of(handle: Handle<'a>, state: R) -> Self {
        Self { handle, state }
    }

    /// The address.
    #[doc(hidden)]
    pub const fn address(&self) -> &'a Address {
        self.handle.address()
    }
}

impl<R: Deref> Deref for Seen<'_, R> {
    type Target = R::Target;

    fn deref(&self) -> &R::Target {
        &self.state
    }
}

/// Refuses an account of which a condition does not hold, with what its author says.
#[doc(hidden)]
#[cold]
pub fn refuse_condition(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
    condition: &str,
    message: &str,
) -> InstructionError {
    Violation {
        rule: Rule::Check,
        error: &InstructionError::InvalidArgument,
        expected: &condition,
        got: &message,
    }
    .of_account(context, handle)
}

/// Refuses an account of which a condition does not hold, with an error of the program. Its words
/// are added where the instruction ends.
#[doc(hidden)]
#[cold]
pub fn refuse_declared(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
    condition: &str,
    error: InstructionError,
) -> InstructionError {
    Violation {
        rule: Rule::Check,
        error: &error,
        expected: &condition,
        got: &error,
    }
    .of_account(context, handle)
}

/// The seeds with which a program signs for an address that it derives, the bump seed included.
///
/// `#[derive(Accounts)]` gives each field with `seeds` a function that returns them.
///
/// ```
/// use lockstep_sdk::relation::SignerSeeds;
/// let seeds = SignerSeeds::new([b"vault", &[254]]);
/// assert_eq!(seeds.as_slices(), [&b"vault"[..], &[254]]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SignerSeeds<const N: usize> {
    bytes: [[u8; SEED_SIZE_MAX]; N],
    sizes: [usize; N],
}

impl<const N: usize> SignerSeeds<N> {
    /// Keeps a copy of the seeds.
    ///
    /// # Panics
    /// If a seed is longer than 32 bytes.
    pub fn new(seeds: [&[u8]; N]) -> Self {
        let mut kept = Self {
            bytes: [[0; SEED_SIZE_MAX]; N],
            sizes: seeds.map(<[u8]>::len),
        };
        for (bytes, seed) in kept.bytes.iter_mut().zip(seeds) {
            let place = bytes.get_mut(..seed.len());
            place
                .expect("a seed has at most 32 bytes")
                .copy_from_slice(seed);
        }
        kept
    }

    /// The seeds as [`InvokeContext::invoke_signed`] takes them.
    pub fn as_slices(&self) -> [&[u8]; N] {
        std::array::from_fn(|index| &self.bytes[index][..self.sizes[index]])
    }
}

/// Fails unless the account has this address.
///
/// # Errors
/// `InvalidArgument`.
#[doc(hidden)]
pub fn check_address(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
    expected: &Address,
) -> Result {
    if handle.address() == expected {
        return Ok(());
    }
    Err(Violation {
        rule: Rule::Address,
        error: &InstructionError::InvalidArgument,
        expected,
        got: handle.address(),
    }
    .of_account(context, handle))
}

/// Fails unless `program` derives the account's address from the seeds and a bump seed: the given
/// one, or, where none is known, the first that works. Returns the bump seed.
///
/// One hash if the bump seed is known, else about two hashes and two curve tests.
///
/// # Errors
/// `InvalidSeeds`.
#[doc(hidden)]
#[inline]
pub fn check_seeds(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
    program: &Address,
    seeds: &[&[u8]],
    bump: Option<u8>,
) -> Result<u8> {
    let is_usable = seeds.len() < SEEDS_MAX && seeds.iter().all(|seed| seed.len() <= SEED_SIZE_MAX);
    if let Some(bump) = bump.filter(|_| is_usable) {
        // The seeds, the bump seed, the program and the marker of derived addresses.
        let sizes = seeds.iter().map(|seed| seed.len());
        context.charge(prices::hash(sizes.chain([1, 32, 21])))?;
        if is_derived_from(handle.address(), seeds, bump, program) {
            return Ok(bump);
        }
    } else if is_usable {
        let (derived, bump) = find_program_address(seeds, program);
        let tries = u64::from(u8::MAX.saturating_sub(bump)).saturating_add(1);
        context.charge(prices::DERIVE.saturating_mul(tries))?;
        if derived == *handle.address() {
            return Ok(bump);
        }
    }
    Err(refuse_seeds(context, handle, program, seeds, is_usable))
}

#[cold]
fn refuse_seeds(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
    program: &Address,
    seeds: &[&[u8]],
    is_usable: bool,
) -> InstructionError {
    let expected = std::fmt::from_fn(|formatter| match is_usable {
        true => write!(formatter, "{}", find_program_address(seeds, program).0),
        false => formatter.write_str("seeds of at most 32 bytes, at most 15 of them"),
    });
    Violation {
        rule: Rule::Seeds,
        error: &InstructionError::InvalidSeeds,
        expected: &expected,
        got: handle.address(),
    }
    .of_account(context, handle)
}

/// Fails unless the account's state names `target` in the field `field`.
///
/// # Errors
/// `IncorrectAuthority`.
#[doc(hidden)]
pub fn check_has_one(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
    field: &str,
    named: Option<Address>,
    target: Handle<'_>,
) -> Result {
    if named.as_ref() == Some(target.address()) {
        return Ok(());
    }
    let expected = std::fmt::from_fn(|formatter| match &named {
        Some(named) => write!(formatter, "{named} as `{field}`"),
        None => write!(formatter, "no account as `{field}`"),
    });
    Err(Violation {
        rule: Rule::HasOne,
        error: &InstructionError::IncorrectAuthority,
        expected: &expected,
        got: target.address(),
    }
    .of_account(context, handle))
}

/// The address that `program` derives from seeds of at most 32 bytes, and its bump seed.
///
/// ```
/// use lockstep_sdk::{interface::Address, relation::derive};
/// let program = Address::new_from_array([7; 32]);
/// assert_ne!(derive(&program, &[b"vault"]), derive(&program, &[b"fault"]));
/// ```
///
/// # Panics
/// If a seed is longer than 32 bytes, or there are more than 15.
pub fn derive(program: &Address, seeds: &[&[u8]]) -> (Address, u8) {
    find_program_address(seeds, program)
}
