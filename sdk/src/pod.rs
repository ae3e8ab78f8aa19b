//! Integers for plain old data: little-endian bytes without alignment, so that state can be used
//! where it lies, on every machine.

use std::fmt;

use bytemuck::{Pod, Zeroable};

use crate::{Result, data::Data, idl::TypeDescription, interface::InstructionError};

macro_rules! unaligned {
    ($($(#[$doc:meta])* $name:ident: $integer:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Eq, Hash, PartialEq, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name([u8; size_of::<$integer>()]);

        impl $name {
            /// A number, also as a constant.
            #[inline]
            pub const fn new(number: $integer) -> Self {
                Self(number.to_le_bytes())
            }

            /// The number.
            ///
            /// ```
            #[doc = concat!("use lockstep_sdk::prelude::", stringify!($name), ";")]
            #[doc = concat!("const SEVEN: ", stringify!($name), " = ", stringify!($name), "::new(7);")]
            /// let mut number = SEVEN;
            /// number.increase(5)?;
            /// number.decrease(2)?;
            /// assert_eq!(number.get(), 10);
            /// number.set(1);
            #[doc = concat!("assert!(number.increase(", stringify!($integer), "::MAX).is_err());")]
            /// # Ok::<(), lockstep_sdk::prelude::InstructionError>(())
            /// ```
            #[inline]
            pub const fn get(self) -> $integer {
                $integer::from_le_bytes(self.0)
            }

            /// Replaces the number.
            #[inline]
            pub const fn set(&mut self, number: $integer) {
                self.0 = number.to_le_bytes();
            }

            /// Adds to the number.
            ///
            /// # Errors
            /// `ArithmeticOverflow`, and no change, if the sum is too large.
            #[inline]
            pub fn increase(&mut self, number: $integer) -> Result {
                let sum = self.get().checked_add(number);
                self.set(sum.ok_or(InstructionError::ArithmeticOverflow)?);
                Ok(())
            }

            /// Takes from the number.
            ///
            /// # Errors
            /// `ArithmeticOverflow`, and no change, if the difference is too small.
            #[inline]
            pub fn decrease(&mut self, number: $integer) -> Result {
                let rest = self.get().checked_sub(number);
                self.set(rest.ok_or(InstructionError::ArithmeticOverflow)?);
                Ok(())
            }
        }

        impl From<$integer> for $name {
            fn from(number: $integer) -> Self {
                Self::new(number)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(formatter)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(formatter)
            }
        }

        impl Data for $name {
            const SIZE_MIN: usize = <$integer as Data>::SIZE_MIN;
            const SIZE_MAX: Option<usize> = <$integer as Data>::SIZE_MAX;
            const TYPE: TypeDescription = <$integer as Data>::TYPE;

            fn encode<W: std::io::Write>(&self, out: &mut W) -> std::io::Result<()> {
                self.get().encode(out)
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                $integer::decode(bytes).map(Self::from)
            }
        }
    )*};
}

unaligned! {
    /// An `u16` in plain old data.
    U16: u16;
    /// An `u32` in plain old data.
    U32: u32;
    /// An `u64` in plain old data.
    ///
    /// ```
    /// use lockstep_sdk::pod::U64;
    /// let mut lamports = U64::from(5);
    /// assert_eq!(lamports.increase(2), Ok(()));
    /// assert_eq!(lamports.get(), 7);
    /// assert!(lamports.decrease(8).is_err());
    /// ```
    U64: u64;
    /// An `u128` in plain old data.
    U128: u128;
    /// An `i16` in plain old data.
    I16: i16;
    /// An `i32` in plain old data.
    I32: i32;
    /// An `i64` in plain old data.
    I64: i64;
    /// An `i128` in plain old data.
    I128: i128;
}

/// A `bool` in plain old data: one byte, true unless it is 0.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// let mut is_open = Bool::from(true);
/// assert!(is_open.get());
/// is_open.set(false);
/// assert_eq!(is_open, Bool::default());
/// ```
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// The value.
    #[inline]
    pub const fn get(self) -> bool {
        self.0 != 0
    }

    /// Replaces the value.
    #[inline]
    pub const fn set(&mut self, value: bool) {
        self.0 = value as u8;
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(u8::from(value))
    }
}

impl PartialEq for Bool {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Bool {}

impl fmt::Debug for Bool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(formatter)
    }
}

impl Data for Bool {
    const SIZE_MIN: usize = 1;
    const SIZE_MAX: Option<usize> = Some(1);
    const TYPE: TypeDescription = bool::TYPE;

    fn encode<W: std::io::Write>(&self, out: &mut W) -> std::io::Result<()> {
        self.get().encode(out)
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        bool::decode(bytes).map(Self::from)
    }
}
