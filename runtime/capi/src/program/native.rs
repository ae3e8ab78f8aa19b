//! A native program whose functions are the embedder's.

use std::{collections::BTreeSet, ffi::c_void};

use lockstep_interface::{
    Address, Counters, InstructionError, InvokeContext, Positions, Program as NativeTrait,
};

use super::{current, error_of};
use crate::{
    given::{Program, User},
    kinds::Context,
    status::{Failure, Status},
    sync::Exclusive,
};

type Process = extern "C" fn(*mut c_void, *mut Context) -> u64;
type CreditOnly = extern "C" fn(*mut c_void, *const u8, usize, usize) -> u64;
type CountersOf = extern "C" fn(*mut c_void, *const u8, usize, usize, *mut u16) -> usize;

/// Bytes of a program's name.
const NAME_SIZE_MAX: usize = 64;

/// Names of programs, which live as long as the process: one for each that was ever used.
static NAMES: Exclusive<BTreeSet<&'static str>> = Exclusive::new(BTreeSet::new());

fn kept(name: &str) -> &'static str {
    let mut names = NAMES.lock();
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

/// Functions of the embedder's as a program.
#[derive(Debug)]
pub(crate) struct NativeProgram {
    address: Address,
    name: &'static str,
    user: User,
    process: Process,
    credit_only: Option<CreditOnly>,
    counters: Option<CountersOf>,
    release: Option<extern "C" fn(*mut c_void)>,
}

impl NativeProgram {
    pub(crate) fn new(program: &Program, name: &str) -> Result<Self, Failure> {
        let process = program.process.ok_or_else(|| {
            let found = "process of lockstep_program is NULL";
            Failure::new(Status::NullArgument, found)
        })?;
        if name.is_empty() || name.len() > NAME_SIZE_MAX {
            let found = format!(
                "the name of a program has {} bytes, expected 1 to {NAME_SIZE_MAX}",
                name.len()
            );
            return Err(Failure::new(Status::BadSize, found));
        }
        Ok(Self {
            address: program.address.into(),
            name: kept(name),
            user: User::new(program.user),
            process,
            credit_only: program.credit_only,
            counters: program.counters,
            release: program.release,
        })
    }
}

impl Drop for NativeProgram {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(self.user.get());
        }
    }
}

impl NativeTrait for NativeProgram {
    fn address(&self) -> Address {
        self.address
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let code = current::enter(context, |handle| (self.process)(self.user.get(), handle));
        error_of(code)
    }

    fn credit_only(&self, data: &[u8], account_count: usize) -> Positions {
        let Some(credit_only) = self.credit_only else {
            return Positions::NONE;
        };
        let bits = credit_only(self.user.get(), data.as_ptr(), data.len(), account_count);
        let positions = (0..Positions::COUNT).filter(|position| bits >> position & 1 == 1);
        positions.fold(Positions::NONE, |positions, position| {
            positions.union(Positions::only(position))
        })
    }

    /// Counters that overlap or descend are none: the program declared something that cannot be.
    fn counters(&self, data: &[u8], position: usize) -> Counters {
        let Some(counters) = self.counters else {
            return Counters::NONE;
        };
        let mut offsets = [0u16; Counters::COUNT_MAX];
        let count = counters(
            self.user.get(),
            data.as_ptr(),
            data.len(),
            position,
            offsets.as_mut_ptr(),
        );
        let offsets = offsets.get(..count).unwrap_or_default();
        let is_apart = offsets
            .windows(2)
            .all(|pair| pair[1].checked_sub(pair[0]).is_some_and(|gap| gap >= 8));
        match is_apart {
            true => Counters::at(offsets),
            false => Counters::NONE,
        }
    }
}
