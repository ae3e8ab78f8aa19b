//! How accounts belong together: addresses, seeds, and addresses kept in state.
//!
//! `#[account(..)]` writes calls of these functions; a program may make them, too.

use crate::{
    Result,
    account::Handle,
    interface::{
        Address, InstructionError, InvokeContext,
        address::{find_program_address, is_derived_from},
        context::Rule,
        limits::{SEED_SIZE_MAX, SEEDS_MAX},
    },
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
    label = "seeds are literals, accounts of the set, addresses, integers and byte arrays"
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

integer_seeds!(u8 u16 u32 u64 u128 i64);

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
        if is_derived_from(handle.address(), seeds, bump, program) {
            return Ok(bump);
        }
    } else if is_usable {
        let (derived, bump) = find_program_address(seeds, program);
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
    named: &Address,
    target: Handle<'_>,
) -> Result {
    if named == target.address() {
        return Ok(());
    }
    Err(Violation {
        rule: Rule::HasOne,
        error: &InstructionError::IncorrectAuthority,
        expected: &format_args!("{named} as `{field}`"),
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
