//! State: what programs keep in accounts, and how it lies there.
//!
//! ```text
//! tagged    [discriminator: 1][bump seed: 1][state ...]     #[state(7)]
//! untagged  [state ...]                                     #[state(untagged)]
//! ```
//!
//! The discriminator, never 0, tells the states of one program apart. The bump seed belongs to the
//! account's address if that is derived, and is 0 otherwise; kept here, it makes checking the
//! address cost one hash. The state is in the borsh format, or, with `pod`, plain old data that is
//! never copied. Untagged states are for layouts that are given from outside.

use std::{
    cell::{Ref, RefMut},
    fmt,
    ops::{Deref, DerefMut},
};

use bytemuck::{AnyBitPattern, NoUninit};

use crate::{
    Result,
    data::Data,
    idl::TypeDescription,
    interface::{
        Account, Address, InstructionError, InvokeContext, Rent,
        context::{Cause, Rule, Subject},
    },
};

/// A type that can be the state of an account. `#[state]` implements it.
///
/// ```
/// # mod price {
/// use lockstep_sdk::prelude::*;
///
/// # pub const ID: Address = Address::new_from_array([9; 32]);
/// #[state(3)]
/// pub struct Price {
///     pub lamports: u64,
/// }
/// # }
/// # use {lockstep_sdk::prelude::*, price::*};
///
/// # fn main() {
/// assert_eq!((Price::NAME, Price::DISCRIMINATOR, Price::OWNER), ("Price", Some(3), ID));
/// assert_eq!(Price::SIZE, 1 + 1 + 8); // discriminator, bump seed, lamports
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state",
    label = "the type in `State<..>` and `Init<..>` needs `#[state(..)]`"
)]
pub trait StateData: Sized {
    /// How it is encoded.
    type Codec: Codec<Self>;
    /// Its name.
    const NAME: &'static str;
    /// The first byte of the account's data; `None` for untagged state.
    const DISCRIMINATOR: Option<u8>;
    /// Bytes of an account that holds it, the header included; of one that grows, of the smallest.
    const SIZE: usize;
    /// Whether accounts are as large as what they hold, instead of as large as they can be.
    const GROWS: bool = false;
    /// The program that owns such accounts.
    const OWNER: Address;
    /// Its layout.
    const TYPE: TypeDescription;

    /// True if the state is in use. Accounts of layouts that come from elsewhere may be there and
    /// hold nothing yet.
    fn is_initialized(&self) -> bool {
        true
    }
}

/// A state that is there once its account is made. `#[state]` implements it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an account of a `{Self}` takes more to create than an account",
    label = "a token account is created with `mint = ..` and `authority = ..`, a mint with `authority = ..` and `decimals = ..`"
)]
pub trait OwnState: StateData {}

/// Bytes before the state: discriminator and bump seed, or none.
#[doc(hidden)]
pub const fn header_size<T: StateData>() -> usize {
    match T::DISCRIMINATOR {
        Some(_) => 2,
        None => 0,
    }
}

/// The state of an account, for clients and tests: checked as an account type checks it, and
/// copied.
///
/// # Errors
/// `UninitializedAccount` if the account does not exist, `InvalidAccountOwner` if another program
/// owns it, `AccountDataTooSmall` or `InvalidAccountData` if it holds something else.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{interface::Account, prelude::*, state::from_account};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Counter {
///     pub count: U64,
/// }
///
/// fn count(account: &Account) -> Result<u64> {
///     Ok(from_account::<Counter>(account)?.count.get())
/// }
/// ```
pub fn from_account<T: StateData>(account: &Account) -> Result<T> {
    if !account.exists() {
        return Err(InstructionError::UninitializedAccount);
    }
    if account.owner != T::OWNER {
        return Err(InstructionError::InvalidAccountOwner);
    }
    if account.data.len() < T::SIZE {
        return Err(InstructionError::AccountDataTooSmall);
    }
    let is_this = match T::DISCRIMINATOR {
        Some(tag) => account.data.first() == Some(&tag),
        None => account.data.len() == T::SIZE,
    };
    if !is_this {
        return Err(InstructionError::InvalidAccountData);
    }
    let state = T::Codec::copy(&account.data, header_size::<T>());
    let state = state.ok_or(InstructionError::InvalidAccountData)?;
    if !state.is_initialized() {
        return Err(InstructionError::UninitializedAccount);
    }
    Ok(state)
}

/// A rent-exempt account that holds a state, as [`from_account`] reads it: for genesis accounts and
/// tests. `bump` is the bump seed of its address, 0 if the address is not derived.
///
/// # Errors
/// `AccountDataTooSmall` if a list or text is longer than declared.
///
/// ```
/// use lockstep_sdk::{prelude::*, state::{from_account, to_account}};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Counter {
///     pub count: U64,
/// }
///
/// # fn main() -> Result {
/// let account = to_account(&Counter { count: U64::new(7) }, 255)?;
/// assert_eq!(account.data[..2], [1, 255]);
/// assert_eq!(from_account::<Counter>(&account)?.count.get(), 7);
/// # Ok(())
/// # }
/// ```
pub fn to_account<T: StateData>(state: &T, bump: u8) -> Result<Account> {
    let header = header_size::<T>();
    let size = match T::GROWS {
        true => header.saturating_add(T::Codec::size(state)).max(T::SIZE),
        false => T::SIZE,
    };
    let mut data = vec![0; size];
    if let (Some(tag), [first, second, ..]) = (T::DISCRIMINATOR, data.as_mut_slice()) {
        (*first, *second) = (tag, bump);
    }
    let body = data.get_mut(header..);
    let stored = body.and_then(|body| T::Codec::store(state, body));
    stored.ok_or(InstructionError::AccountDataTooSmall)?;
    Ok(Account {
        lamports: Rent::MAINNET.minimum_balance(size),
        data: data.into(),
        owner: T::OWNER,
        executable: false,
    })
}

/// A way to keep `T` in bytes.
#[doc(hidden)]
pub trait Codec<T> {
    /// Whether a borrow decodes the state into a copy of it.
    const COPIES: bool;

    /// A borrow for reading.
    type Ref<'c>: Deref<Target = T>
    where
        T: 'c;
    /// A borrow for writing.
    type Mut<'c>: DerefMut<Target = T>
    where
        T: 'c;

    /// Borrows the state that lies behind `header` bytes; `None` if there is none.
    fn read(data: Ref<'_, [u8]>, header: usize) -> Option<Self::Ref<'_>>;

    /// Borrows the state for writing; `None` if there is none.
    fn write<'c>(data: RefMut<'c, [u8]>, header: usize, place: Place<'c>) -> Option<Self::Mut<'c>>;

    /// A copy of the state that lies behind `header` bytes, wherever they lie in memory; `None` if
    /// there is none.
    fn copy(data: &[u8], header: usize) -> Option<T>;

    /// Writes the state to the front of `bytes`; `None` if it does not fit.
    fn store(state: &T, bytes: &mut [u8]) -> Option<()>;

    /// Bytes of the state.
    fn size(state: &T) -> usize;
}

/// Where the error of a guard goes, which cannot return one.
#[doc(hidden)]
pub trait Failure {
    /// Fails the transaction: the state of the account at a position needs more bytes than there
    /// are.
    fn overflows(&self, position: usize, name: &str, needed: usize, room: usize);
}

impl Failure for InvokeContext<'_, '_> {
    #[cold]
    fn overflows(&self, position: usize, name: &str, needed: usize, room: usize) {
        let error = InstructionError::AccountDataTooSmall;
        self.fail_because(&error, || Cause::Rule {
            subject: Subject::Account {
                field: String::new(),
                position,
                address: self.address(position).ok().copied(),
            },
            rule: Rule::Size,
            expected: format!("{name} that fits into {room} bytes when its guard ends"),
            got: format!("one of {needed}"),
        });
    }
}

/// The account that a guard writes to, and where its errors go.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Place<'c> {
    /// Where errors go.
    pub failure: &'c dyn Failure,
    /// The account's position in the instruction.
    pub position: usize,
    /// The name of the state.
    pub name: &'static str,
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.name, self.position)
    }
}

/// Plain old data, in place.
#[doc(hidden)]
#[derive(Debug)]
pub enum Pod {}

impl<T: AnyBitPattern + NoUninit> Codec<T> for Pod {
    const COPIES: bool = false;

    type Ref<'c>
        = Ref<'c, T>
    where
        T: 'c;
    type Mut<'c>
        = RefMut<'c, T>
    where
        T: 'c;

    fn read(data: Ref<'_, [u8]>, header: usize) -> Option<Ref<'_, T>> {
        Ref::filter_map(data, |data| {
            bytemuck::try_from_bytes(body::<T>(data, header)?).ok()
        })
        .ok()
    }

    fn write<'c>(
        data: RefMut<'c, [u8]>,
        header: usize,
        _place: Place<'c>,
    ) -> Option<RefMut<'c, T>> {
        RefMut::filter_map(data, |data| {
            let end = header.checked_add(size_of::<T>())?;
            bytemuck::try_from_bytes_mut(data.get_mut(header..end)?).ok()
        })
        .ok()
    }

    fn copy(data: &[u8], header: usize) -> Option<T> {
        bytemuck::try_pod_read_unaligned(body::<T>(data, header)?).ok()
    }

    fn store(state: &T, bytes: &mut [u8]) -> Option<()> {
        let target = bytes.get_mut(..size_of::<T>())?;
        target.copy_from_slice(bytemuck::bytes_of(state));
        Some(())
    }

    fn size(_state: &T) -> usize {
        size_of::<T>()
    }
}

fn body<T>(data: &[u8], header: usize) -> Option<&[u8]> {
    let end = header.checked_add(size_of::<T>())?;
    data.get(header..end)
}

/// The borsh format, decoded when it is asked for.
#[doc(hidden)]
#[derive(Debug)]
pub enum Borsh {}

impl<T: Data> Codec<T> for Borsh {
    const COPIES: bool = true;

    type Ref<'c>
        = Decoded<'c, T>
    where
        T: 'c;
    type Mut<'c>
        = DecodedMut<'c, T>
    where
        T: 'c;

    fn read(data: Ref<'_, [u8]>, header: usize) -> Option<Decoded<'_, T>> {
        let state = T::decode(&mut data.get(header..)?)?;
        Some(Decoded { state, _data: data })
    }

    fn write<'c>(
        data: RefMut<'c, [u8]>,
        header: usize,
        place: Place<'c>,
    ) -> Option<DecodedMut<'c, T>> {
        let state = T::decode(&mut data.get(header..)?)?;
        Some(DecodedMut {
            state,
            data,
            header,
            place,
        })
    }

    fn copy(data: &[u8], header: usize) -> Option<T> {
        T::decode(&mut data.get(header..)?)
    }

    fn store(state: &T, mut bytes: &mut [u8]) -> Option<()> {
        state.encode(&mut bytes).ok()
    }

    fn size(state: &T) -> usize {
        let mut counter = Counter(0);
        let counted = state.encode(&mut counter);
        counted.expect("a list holds fewer than 2^32 items");
        counter.0
    }
}

/// A writer that keeps nothing but the number of bytes.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Decoded state, borrowed for reading.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{prelude::*, state::Decoded};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1)]
/// pub struct Price {
///     pub lamports: u64,
/// }
///
/// fn lamports(price: &State<'_, Price>, context: &Context<'_, '_>) -> Result<u64> {
///     let price: Decoded<'_, Price> = price.read(context)?;
///     Ok(price.lamports)
/// }
/// ```
pub struct Decoded<'c, T> {
    state: T,
    _data: Ref<'c, [u8]>,
}

impl<T> Deref for Decoded<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state
    }
}

impl<T: fmt::Debug> fmt::Debug for Decoded<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(formatter)
    }
}

/// Decoded state, borrowed for writing. It is encoded when the borrow ends; if a list or text has
/// become longer than declared, that fails the transaction with `AccountDataTooSmall`.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{prelude::*, state::DecodedMut};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1)]
/// pub struct Names {
///     #[max(32)]
///     pub last: String,
/// }
///
/// fn rename(names: &Mut<State<'_, Names>>, context: &Context<'_, '_>, name: String) -> Result {
///     let mut names: DecodedMut<'_, Names> = names.write(context)?;
///     names.last = name;
///     Ok(())
/// }
/// ```
pub struct DecodedMut<'c, T: Data> {
    state: T,
    data: RefMut<'c, [u8]>,
    header: usize,
    place: Place<'c>,
}

impl<T: Data> Deref for DecodedMut<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state
    }
}

impl<T: Data> DerefMut for DecodedMut<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state
    }
}

impl<T: Data> Drop for DecodedMut<'_, T> {
    fn drop(&mut self) {
        let body = self.data.get_mut(self.header..);
        let stored = body.and_then(|body| Borsh::store(&self.state, body));
        if stored.is_none() {
            let needed = Borsh::size(&self.state);
            let room = self.data.len().saturating_sub(self.header);
            let Place {
                failure,
                position,
                name,
            } = self.place;
            failure.overflows(position, name, needed, room);
        }
    }
}

impl<T: Data + fmt::Debug> fmt::Debug for DecodedMut<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(formatter)
    }
}
