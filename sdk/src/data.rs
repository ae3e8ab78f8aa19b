//! Values in the borsh format: arguments of instructions, events, and most state.
//!
//! Integers are little-endian; lists and texts begin with a `u32` count; an option with 0 or 1;
//! an enum with its variant's index as one byte. The format is that of the `borsh` crate, which is
//! the judge in tests; implemented here, it covers [`Address`] and knows sizes and names.

use std::io::{Result as IoResult, Write};

use crate::{idl::TypeDescription, interface::Address};

/// A value with a size, a name and a place in the borsh format. `#[derive(Data)]` implements it.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// #[derive(Data, Debug, PartialEq)]
/// pub struct Quote {
///     pub price: u64,
///     pub valid: bool,
/// }
///
/// let quote = Quote { price: 7, valid: true };
/// let bytes = encode(&quote);
/// assert_eq!(bytes, [7, 0, 0, 0, 0, 0, 0, 0, 1]);
/// assert_eq!((Quote::SIZE_MIN, Quote::SIZE_MAX), (9, Some(9)));
/// assert_eq!(Quote::decode(&mut &bytes[..]), Some(quote));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be encoded",
    label = "arguments, events and fields of states need `Data`",
    note = "add `#[derive(Data)]` to a structure or enum of your own"
)]
pub trait Data: Sized {
    /// The length in bytes of what zeros decode to: empty lists, nothing in options, first
    /// variants.
    const SIZE_MIN: usize;
    /// The longest encoding in bytes; `None` if there is no limit.
    const SIZE_MAX: Option<usize>;
    /// The layout.
    const TYPE: TypeDescription;

    /// Appends the encoding.
    ///
    /// # Errors
    /// Those of the writer: a buffer of fixed size is full. Also a list of more than 2^32 - 1
    /// items.
    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()>;

    /// Takes a value from the front of `bytes`; `None` if there is none, and then `bytes` may be
    /// anywhere.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;
}

/// A list or text: a value whose size needs a limit where it is part of a state, which
/// `#[max(n)]` on the field sets.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no length to limit",
    label = "`#[max(n)]` is for lists and texts"
)]
pub trait Collection: Data {
    /// The longest encoding of one item in bytes.
    const ITEM_SIZE_MAX: Option<usize>;
}

/// The sum of sizes; `None` if one has no limit.
#[doc(hidden)]
pub const fn sum(sizes: &[Option<usize>]) -> Option<usize> {
    let mut sum = 0usize;
    let mut index = 0;
    while index < sizes.len() {
        let Some(size) = sizes[index] else {
            return None;
        };
        sum = match sum.checked_add(size) {
            Some(sum) => sum,
            None => panic!("the encoding is too long"),
        };
        index = match index.checked_add(1) {
            Some(next) => next,
            None => panic!("too many fields"),
        };
    }
    Some(sum)
}

/// The largest of sizes; `None` if one has no limit, and 0 if there is none.
#[doc(hidden)]
pub const fn largest(sizes: &[Option<usize>]) -> Option<usize> {
    let mut largest = 0;
    let mut rest = sizes;
    while let [size, others @ ..] = rest {
        let Some(size) = *size else {
            return None;
        };
        if size > largest {
            largest = size;
        }
        rest = others;
    }
    Some(largest)
}

/// The encoding of a list with a limited number of items: a count and the items.
#[doc(hidden)]
pub const fn list_size(item: Option<usize>, count: usize) -> Option<usize> {
    match item {
        Some(item) => match item.checked_mul(count) {
            Some(items) => items.checked_add(size_of::<u32>()),
            None => None,
        },
        None => None,
    }
}

/// The encoding of one value.
///
/// ```
/// assert_eq!(lockstep_sdk::data::encode(&Some(5u16)), [1, 5, 0]);
/// ```
pub fn encode(value: &impl Data) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = value.encode(&mut bytes);
    written.expect("a list holds fewer than 2^32 items");
    bytes
}

/// A value that takes up all of `bytes`; `None` if something is left.
///
/// ```
/// use lockstep_sdk::data::decode_all;
/// assert_eq!(decode_all::<u8>(&[5]), Some(5));
/// assert_eq!(decode_all::<u8>(&[5, 6]), None);
/// ```
pub fn decode_all<T: Data>(mut bytes: &[u8]) -> Option<T> {
    let value = T::decode(&mut bytes)?;
    bytes.is_empty().then_some(value)
}

fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Data for $integer {
            const SIZE_MIN: usize = size_of::<Self>();
            const SIZE_MAX: Option<usize> = Some(size_of::<Self>());
            const TYPE: TypeDescription = TypeDescription::Named(stringify!($integer));

            #[inline]
            fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
                out.write_all(&self.to_le_bytes())
            }

            #[inline]
            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(|bytes| Self::from_le_bytes(*bytes))
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

impl Data for bool {
    const SIZE_MIN: usize = 1;
    const SIZE_MAX: Option<usize> = Some(1);
    const TYPE: TypeDescription = TypeDescription::Named("bool");

    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
        u8::from(*self).encode(out)
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        match u8::decode(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Data for Address {
    const SIZE_MIN: usize = 32;
    const SIZE_MAX: Option<usize> = Some(32);
    const TYPE: TypeDescription = TypeDescription::Named("pubkey");

    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
        out.write_all(self.as_array())
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(|bytes| Self::new_from_array(*bytes))
    }
}

impl<T: Data> Data for Option<T> {
    const SIZE_MIN: usize = 1;
    const SIZE_MAX: Option<usize> = sum(&[Some(1), T::SIZE_MAX]);
    const TYPE: TypeDescription = TypeDescription::Option(&T::TYPE);

    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
        self.is_some().encode(out)?;
        self.as_ref().map_or(Ok(()), |value| value.encode(out))
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        match bool::decode(bytes)? {
            false => Some(None),
            true => T::decode(bytes).map(Some),
        }
    }
}

impl<T: Data, const N: usize> Data for [T; N] {
    const SIZE_MIN: usize = match T::SIZE_MIN.checked_mul(N) {
        Some(size) => size,
        None => panic!("the encoding is too long"),
    };
    const SIZE_MAX: Option<usize> = match T::SIZE_MAX {
        Some(item) => item.checked_mul(N),
        None => None,
    };
    const TYPE: TypeDescription = TypeDescription::Array(&T::TYPE, N);

    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
        self.iter().try_for_each(|item| item.encode(out))
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut is_complete = true;
        let items = std::array::from_fn(|_| {
            let item = is_complete.then(|| T::decode(bytes)).flatten();
            is_complete = item.is_some();
            item
        });
        // Every place is filled, or the whole is dropped.
        is_complete.then(|| items.map(|item| item.expect("every item was decoded")))
    }
}

macro_rules! tuples {
    ($([$($name:ident)*])*) => {$(
        impl<$($name: Data),*> Data for ($($name,)*) {
            const SIZE_MIN: usize = {
                let mut sum = 0usize;
                $(sum = match sum.checked_add($name::SIZE_MIN) {
                    Some(sum) => sum,
                    None => panic!("the encoding is too long"),
                };)*
                sum
            };
            const SIZE_MAX: Option<usize> = sum(&[$($name::SIZE_MAX),*]);
            const TYPE: TypeDescription = TypeDescription::Tuple(&[$($name::TYPE),*]);

            #[expect(non_snake_case, reason = "the type parameters name the items")]
            fn encode<Out: Write>(&self, out: &mut Out) -> IoResult<()> {
                let ($($name,)*) = self;
                $($name.encode(out)?;)*
                Ok(())
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($name::decode(bytes)?,)*))
            }
        }
    )*};
}

tuples!([A] [A B] [A B C] [A B C D]);

fn encode_count<W: Write>(count: usize, out: &mut W) -> IoResult<()> {
    let count = u32::try_from(count).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    count.encode(out)
}

fn decode_count(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::decode(bytes)?).ok()
}

impl<T: Data> Data for Vec<T> {
    const SIZE_MIN: usize = 4;
    const SIZE_MAX: Option<usize> = None;
    const TYPE: TypeDescription = TypeDescription::List(&T::TYPE);

    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
        encode_count(self.len(), out)?;
        self.iter().try_for_each(|item| item.encode(out))
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let count = decode_count(bytes)?;
        // The count is not to be trusted: an item takes a byte at least, unless it takes none.
        let mut items = Self::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            let left = bytes.len();
            items.push(T::decode(bytes)?);
            if bytes.len() == left && items.len() > EMPTY_ITEMS_MAX {
                return None;
            }
        }
        Some(items)
    }
}

/// Items without content that a list may hold, so that four bytes of input cannot make a program
/// count to 2^32.
const EMPTY_ITEMS_MAX: usize = 1_024;

impl<T: Data> Collection for Vec<T> {
    const ITEM_SIZE_MAX: Option<usize> = T::SIZE_MAX;
}

impl Data for String {
    const SIZE_MIN: usize = 4;
    const SIZE_MAX: Option<usize> = None;
    const TYPE: TypeDescription = TypeDescription::Named("string");

    fn encode<W: Write>(&self, out: &mut W) -> IoResult<()> {
        encode_count(self.len(), out)?;
        out.write_all(self.as_bytes())
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let count = decode_count(bytes)?;
        let (text, rest) = bytes.split_at_checked(count)?;
        *bytes = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

impl Collection for String {
    const ITEM_SIZE_MAX: Option<usize> = Some(1);
}
