//! The description of a program's interface, and its JSON form.
//!
//! The JSON follows Anchor's IDL, version 0.1.0 of its specification: wallets, explorers and client
//! generators read it. A set in a set is a group of accounts, and the rest of a list are remaining
//! accounts. Four things are Lockstep's own, which those readers pass over: `credit` on accounts
//! that an instruction only adds to, `tally` on those of them with counters, `remainingAccounts`,
//! and the field `bump` that each tagged state begins with. Where seeds are in a group of another
//! level, `derived` stands in place of `pda`, so that clients ask for the address.

mod json;
mod layout;

#[doc(hidden)]
pub use json::Text;

use crate::{
    access::{AccountAccess, field_at},
    error::ErrorDescription,
    interface::{Address, Names},
};

/// The layout of a value.
///
/// ```
/// use lockstep_sdk::{idl::TypeDescription, prelude::*};
/// const U64: TypeDescription = TypeDescription::Named("u64");
/// assert_eq!(<Option<u64> as Data>::TYPE, TypeDescription::Option(&U64));
/// assert_eq!(<[u64; 3] as Data>::TYPE, TypeDescription::Array(&U64, 3));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TypeDescription {
    /// A type that the format knows by name.
    Named(&'static str),
    /// A value or none.
    Option(&'static TypeDescription),
    /// A list of any length.
    List(&'static TypeDescription),
    /// A list of fixed length.
    Array(&'static TypeDescription, usize),
    /// Several values, one after the other.
    Tuple(&'static [TypeDescription]),
    /// A structure of the program.
    Struct(&'static str, &'static [FieldDescription]),
    /// An enum of the program.
    Enum(&'static str, &'static [VariantDescription]),
    /// A type that is encoded otherwise than borsh would do it, for wire formats that come from
    /// elsewhere.
    Custom {
        /// Its name.
        name: &'static str,
        /// The name of its encoding: `bincode`, in which counts take eight bytes, or `rest`, which
        /// has no count and goes on to the end of the data.
        encoding: &'static str,
        /// What it holds.
        content: &'static TypeDescription,
    },
}

/// A field or an argument.
///
/// ```
/// use lockstep_sdk::{idl::{FieldDescription, TypeDescription}, prelude::*};
///
/// #[derive(Data)]
/// pub struct Quote {
///     pub price: u64,
/// }
///
/// const PRICE: FieldDescription = FieldDescription { name: "price", layout: u64::TYPE };
/// assert_eq!(Quote::TYPE, TypeDescription::Struct("Quote", &[PRICE]));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FieldDescription {
    /// Its name; its number if it has none.
    pub name: &'static str,
    /// Its layout.
    pub layout: TypeDescription,
}

/// A variant of an enum.
///
/// ```
/// use lockstep_sdk::{idl::{TypeDescription, VariantDescription}, prelude::*};
///
/// #[derive(Data)]
/// pub enum Side {
///     Buy,
///     Sell,
/// }
///
/// const SIDES: [VariantDescription; 2] = [
///     VariantDescription { name: "Buy", fields: &[] },
///     VariantDescription { name: "Sell", fields: &[] },
/// ];
/// assert_eq!(Side::TYPE, TypeDescription::Enum("Side", &SIDES));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VariantDescription {
    /// Its name.
    pub name: &'static str,
    /// What it carries.
    pub fields: &'static [FieldDescription],
}

/// An instruction.
///
/// ```
/// let transfer = &lockstep_programs::system::DESCRIPTION.instructions[2];
/// assert_eq!((transfer.name, transfer.discriminator), ("transfer", &[2, 0, 0, 0][..]));
/// assert!(transfer.access[0].is_signer && transfer.access[1].is_credit);
/// assert_eq!(transfer.args[0].name, "lamports");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InstructionDescription {
    /// Its name.
    pub name: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// The first bytes of its data; none where the program has one instruction only.
    pub discriminator: &'static [u8],
    /// Its accounts.
    pub access: &'static [AccountAccess],
    /// What follows the discriminator.
    pub args: &'static [FieldDescription],
    /// What it returns to its caller, if anything.
    pub returns: Option<TypeDescription>,
}

/// A state or an event.
///
/// ```
/// # mod price {
/// use lockstep_sdk::{idl::TaggedDescription, prelude::*};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(3)]
/// pub struct Price {
///     pub lamports: u64,
/// }
///
/// pub fn described() -> TaggedDescription {
///     TaggedDescription {
///         name: Price::NAME,
///         discriminator: Price::DISCRIMINATOR,
///         layout: <Price as StateData>::TYPE,
///     }
/// }
/// # }
/// # fn main() {
/// assert_eq!(price::described().discriminator, Some(3));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TaggedDescription {
    /// Its name.
    pub name: &'static str,
    /// The first byte; `None` if there is none.
    pub discriminator: Option<u8>,
    /// Its layout behind the header.
    pub layout: TypeDescription,
}

/// A program's interface. `#[program]` makes it a constant of the program's type.
///
/// ```
/// let memo = lockstep_programs::memo::DESCRIPTION;
/// assert_eq!((memo.name, memo.instructions.len()), ("memo", 1));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProgramDescription {
    /// The program's name.
    pub name: &'static str,
    /// Version of the program's crate.
    pub version: &'static str,
    /// Where it lives.
    pub address: Address,
    /// What it can be asked to do.
    pub instructions: &'static [InstructionDescription],
    /// What it keeps in accounts.
    pub states: &'static [TaggedDescription],
    /// What it publishes.
    pub events: &'static [TaggedDescription],
    /// How it fails.
    pub errors: &'static [&'static [ErrorDescription]],
}

impl ProgramDescription {
    /// The description as JSON, on one line.
    ///
    /// ```
    /// #[lockstep_sdk::program(id = "Greet11111111111111111111111111111111111111")]
    /// pub mod greeter {
    ///     use lockstep_sdk::prelude::*;
    ///
    ///     #[derive(Accounts)]
    ///     pub struct Greet<'a> {
    ///         pub visitor: Signer<'a>,
    ///     }
    ///
    ///     #[instruction(7)]
    ///     pub fn greet(_accounts: &Greet<'_>) -> Result {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// fn main() {
    ///     let json = greeter::GreeterProgram::DESCRIPTION.to_json();
    ///     let accounts = r#""accounts":[{"name":"visitor","signer":true}]"#;
    ///     assert!(json.contains(r#""name":"greet","discriminator":[7],"#));
    ///     assert!(json.contains(accounts));
    /// }
    /// ```
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out)
            .expect("writing to a string does not fail");
        out
    }

    /// The instruction that this data asks for: of those whose discriminator it begins with, that
    /// of the longest.
    ///
    /// ```
    /// let system = lockstep_programs::system::DESCRIPTION;
    /// let found = system.instruction(&[2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    /// assert_eq!(found.map(|instruction| instruction.name), Some("transfer"));
    /// assert!(system.instruction(&[2, 0]).is_none());
    /// ```
    pub fn instruction(&self, data: &[u8]) -> Option<&'static InstructionDescription> {
        let all = self.instructions.iter();
        let matching = all.filter(|known| data.starts_with(known.discriminator));
        matching.max_by_key(|known| known.discriminator.len())
    }
}

impl Names for ProgramDescription {
    fn instruction(&self, data: &[u8]) -> Option<&'static str> {
        self.instruction(data).map(|instruction| instruction.name)
    }

    fn account(&self, data: &[u8], position: usize) -> Option<String> {
        let name = field_at(self.instruction(data)?.access, position);
        (!name.is_empty()).then_some(name)
    }

    fn state(&self, data: &[u8]) -> Option<&'static str> {
        self.state_in(data).map(|state| state.name)
    }

    fn changed(&self, before: &[u8], after: &[u8]) -> Vec<&'static str> {
        let state = self.state_in(after);
        state.map_or_else(Vec::new, |state| state.changed(before, after))
    }
}
