//! What a native program is, and the surroundings it runs in.

use std::{fmt, sync::Arc};

use solana_instruction_error::InstructionError;

use crate::{Address, Counters, InvokeContext, Loader, Positions, Rent, RuleSet, Sysvars};

/// A native program: plain Rust that the runtime calls for every instruction addressed to it.
///
/// Programs are trusted code. A panic fails its transaction only, but an endless loop that
/// consumes no compute units, a stack overflow or an abort cannot be contained.
///
/// ```
/// use lockstep_interface::{Address, InstructionError, InvokeContext, Program};
///
/// /// Adds one to the first byte of its first account.
/// #[derive(Debug)]
/// struct Counter;
///
/// impl Program for Counter {
///     fn address(&self) -> Address {
///         Address::new_from_array([9; 32])
///     }
///     fn name(&self) -> &'static str {
///         "counter"
///     }
///     fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
///         context.consume(100)?;
///         let mut counter = context.account_mut(0)?;
///         let byte = counter.data_mut()?.first_mut();
///         let byte = byte.ok_or(InstructionError::AccountDataTooSmall)?;
///         *byte = byte.wrapping_add(1);
///         Ok(())
///     }
/// }
/// ```
pub trait Program: fmt::Debug + Send + Sync {
    /// The address that instructions name.
    fn address(&self) -> Address;

    /// A short name for people.
    fn name(&self) -> &'static str;

    /// Names for people of its instructions and their accounts, for reports. By default there are
    /// none; a description of the program's interface has them.
    fn names(&self) -> Option<&'static dyn Names> {
        None
    }

    /// What makes programs of the accounts that this program owns, if it is a loader. By default it
    /// is none.
    fn loader(&self) -> Option<&dyn Loader> {
        None
    }

    /// Runs one instruction.
    ///
    /// The result must depend on the context alone: not on time, threads or other state.
    ///
    /// # Errors
    /// An error fails the whole transaction, also where an invoking program ignores it.
    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError>;

    /// The accounts, by position, to which an instruction with this data and number of accounts
    /// does nothing but add: lamports, and to the counters that [`Program::counters`] tells. Of one
    /// without counters it wants to know nothing.
    ///
    /// Additions commute, so that transactions which only credit an account need not wait for
    /// each other. A declaration binds: the program reaches these accounts through
    /// [`InvokeContext::credit`] alone, those with counters through [`InvokeContext::add`] and
    /// [`InvokeContext::stable`] as well, and may hand them only to programs that declare the same;
    /// anything else is a `PrivilegeEscalation`. It is of no effect for an account that the
    /// instruction may not write, or that it also names at a position not declared.
    ///
    /// Called for every instruction of every block, so it should look at a few bytes only. The
    /// answer must depend on the arguments alone. By default there is no such account.
    ///
    /// ```
    /// use lockstep_interface::{Address, InstructionError, InvokeContext, Positions, Program};
    ///
    /// /// Moves as many lamports as its data says from its own account to another.
    /// #[derive(Debug)]
    /// struct Faucet;
    ///
    /// impl Program for Faucet {
    ///     fn address(&self) -> Address {
    ///         Address::new_from_array([9; 32])
    ///     }
    ///     fn name(&self) -> &'static str {
    ///         "faucet"
    ///     }
    ///     fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    ///         let amount = context.data().first_chunk().copied();
    ///         let amount = amount.ok_or(InstructionError::InvalidInstructionData)?;
    ///         let amount = u64::from_le_bytes(amount);
    ///         context.account_mut(0)?.debit(amount)?;
    ///         context.credit(1, amount)
    ///     }
    ///     fn credit_only(&self, _: &[u8], _: usize) -> Positions {
    ///         Positions::only(1)
    ///     }
    /// }
    /// ```
    fn credit_only(&self, data: &[u8], account_count: usize) -> Positions {
        let _ = (data, account_count);
        Positions::NONE
    }

    /// The counters of the account at a position of [`Program::credit_only`]: fields of its data to
    /// which the instruction only adds, and the only ones of them that others may change at the
    /// same time. The other fields it may read.
    ///
    /// Instructions that add to one account share it only if they name the same counters, or none.
    /// So the answer is best the list of all counters of that kind of account, whether or not this
    /// instruction adds to each. It must depend on the arguments alone. By default there are none.
    ///
    /// ```
    /// use lockstep_interface::{
    ///     Address, Counters, InstructionError, InvokeContext, Positions, Program,
    /// };
    ///
    /// /// Counts its calls at the beginning of an account's data.
    /// #[derive(Debug)]
    /// struct Turnstile;
    ///
    /// impl Program for Turnstile {
    ///     fn address(&self) -> Address {
    ///         Address::new_from_array([9; 32])
    ///     }
    ///     fn name(&self) -> &'static str {
    ///         "turnstile"
    ///     }
    ///     fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    ///         context.add(0, 0, 1)
    ///     }
    ///     fn credit_only(&self, _: &[u8], _: usize) -> Positions {
    ///         Positions::only(0)
    ///     }
    ///     fn counters(&self, _: &[u8], _: usize) -> Counters {
    ///         Counters::at(&[0])
    ///     }
    /// }
    /// ```
    fn counters(&self, data: &[u8], position: usize) -> Counters {
        let _ = (data, position);
        Counters::NONE
    }

    /// How many of the first bytes of such data say which instruction it is; what follows are
    /// values. [`TAG_SIZE_MAX`] at most count, which is the default.
    ///
    /// What instructions of one tag have cost is what the next one is expected to cost. The answer
    /// must depend on the data alone.
    fn tag_size(&self, data: &[u8]) -> usize {
        let _ = data;
        TAG_SIZE_MAX
    }
}

/// What an instruction with this data declares: the positions that it only credits, below the
/// number of its accounts and in ascending order, each with its counters.
///
/// ```
/// use lockstep_interface::{
///     Address, Counters, InstructionError, InvokeContext, Positions, Program, program::declared,
/// };
///
/// #[derive(Debug)]
/// struct Idle;
///
/// impl Program for Idle {
///     fn address(&self) -> Address {
///         Address::new_from_array([9; 32])
///     }
///     fn name(&self) -> &'static str {
///         "idle"
///     }
///     fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
///         Ok(())
///     }
///     fn credit_only(&self, _: &[u8], _: usize) -> Positions {
///         Positions::only(1).union(Positions::only(5))
///     }
/// }
///
/// assert!(declared(&Idle, &[], 3).eq([(1, Counters::NONE)]));
/// ```
pub fn declared<'p>(
    program: &'p dyn Program,
    data: &'p [u8],
    account_count: usize,
) -> impl Iterator<Item = (usize, Counters)> + 'p {
    let positions = program.credit_only(data, account_count).iter();
    let positions = positions.take_while(move |position| *position < account_count);
    positions.map(move |position| (position, program.counters(data, position)))
}

/// Bytes of instruction data that tell the instructions of a program apart, at most.
pub const TAG_SIZE_MAX: usize = 8;

/// What people call the parts of a program.
///
/// ```
/// use lockstep_interface::Names;
///
/// #[derive(Debug)]
/// struct FaucetNames;
///
/// impl Names for FaucetNames {
///     fn instruction(&self, data: &[u8]) -> Option<&'static str> {
///         (data.len() == 8).then_some("pour")
///     }
///     fn account(&self, _: &[u8], position: usize) -> Option<String> {
///         ["faucet", "cup"].get(position).map(ToString::to_string)
///     }
/// }
/// ```
pub trait Names: fmt::Debug + Sync {
    /// The instruction with this data; `None` where the data means nothing.
    fn instruction(&self, data: &[u8]) -> Option<&'static str>;

    /// The account at a position of the instruction with this data; `None` past the last one.
    fn account(&self, data: &[u8], position: usize) -> Option<String>;

    /// The state in this data of an account of the program; `None` where it has no name.
    fn state(&self, data: &[u8]) -> Option<&'static str> {
        let _ = data;
        None
    }

    /// The fields of a state whose values differ; none where the program names none.
    fn changed(&self, before: &[u8], after: &[u8]) -> Vec<&'static str> {
        let _ = (before, after);
        Vec::new()
    }
}

/// The most programs that are looked through one by one.
const SCANNED_MAX: usize = 8;

/// The native programs a runtime knows, by address. Cloning is cheap: every bank holds a table.
#[derive(Clone, Debug, Default)]
pub struct ProgramTable(Arc<Vec<(Address, Arc<dyn Program>)>>);

impl ProgramTable {
    /// A table without programs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a program; one with the same address is replaced.
    #[must_use]
    pub fn with(mut self, program: impl Program + 'static) -> Self {
        self.insert(program.address(), Arc::new(program));
        self
    }

    /// Adds the program that another table has at an address, if it has one there.
    #[must_use]
    pub fn with_of(mut self, other: &Self, address: &Address) -> Self {
        let found = other.place(address).map(|place| &other.0[place]);
        let Some((_, program)) = found else {
            return self;
        };
        self.insert(*address, Arc::clone(program));
        self
    }

    /// The table of those programs that `keep` is true of.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&dyn Program) -> bool) -> Self {
        Arc::make_mut(&mut self.0).retain(|(_, program)| keep(&**program));
        self
    }

    /// The program at `address`. O(log programs), without hashing.
    pub fn get(&self, address: &Address) -> Option<&dyn Program> {
        let place = self.place(address)?;
        self.0.get(place).map(|(_, program)| &**program)
    }

    fn place(&self, address: &Address) -> Option<usize> {
        // Among few, comparing for equality is faster than for order.
        if self.0.len() <= SCANNED_MAX {
            self.0.iter().position(|(known, _)| known == address)
        } else {
            let found = self.0.binary_search_by(|(known, _)| known.cmp(address));
            found.ok()
        }
    }

    fn insert(&mut self, address: Address, program: Arc<dyn Program>) {
        let programs = Arc::make_mut(&mut self.0);
        match programs.binary_search_by_key(&address, |(known, _)| *known) {
            Ok(index) => programs[index].1 = program,
            Err(index) => programs.insert(index, (address, program)),
        }
    }

    /// The loader at `address`, if the program there is one.
    pub fn loader(&self, address: &Address) -> Option<&dyn Loader> {
        self.get(address)?.loader()
    }

    /// True if one of them is a loader, so that compiled programs can be called.
    pub fn has_loaders(&self) -> bool {
        self.iter().any(|program| program.loader().is_some())
    }

    /// All programs in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Program> {
        self.0.iter().map(|(_, program)| &**program)
    }
}

/// What surrounds every instruction of a block.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Facts about the block.
    pub sysvars: Sysvars,
    /// The rules the bank follows.
    pub rules: RuleSet,
    /// The programs that can be invoked.
    pub programs: ProgramTable,
}

impl Environment {
    /// Rent as the sysvar tells it, or the main network's where there is no such sysvar.
    pub fn rent(&self) -> Rent {
        self.sysvars.rent.unwrap_or(Rent::MAINNET)
    }
}
