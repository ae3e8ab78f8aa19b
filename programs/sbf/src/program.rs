//! A compiled program at an address of its own, as the runtime runs it like a native one.

use std::fmt;

use lockstep_interface::{Address, Executable, InstructionError, InvokeContext, Program};

use crate::code::{Code, LoadError, Terms};

/// A compiled Solana program, as the runtime runs it.
///
/// It runs each instruction in memory of its own, with Solana's system calls, costs and errors.
/// Whatever the program does, an endless loop and a wild store included, costs its transaction
/// alone.
///
/// ```
/// use lockstep_interface::Address;
/// use lockstep_sbf::{LoadError, SbfProgram};
///
/// let address = Address::new_from_array([7; 32]);
/// let refused = SbfProgram::load(address, "nothing", b"no ELF file");
/// assert!(matches!(refused, Err(LoadError::Elf(_))));
/// ```
pub struct SbfProgram {
    address: Address,
    name: &'static str,
    code: Code,
}

impl SbfProgram {
    /// Loads and verifies a program, and compiles it to machine code where the feature `jit` is on
    /// and the processor is an x86-64. `name` is for people. O(bytes), about 4 us per KiB.
    ///
    /// # Errors
    /// [`LoadError`], which names what is wrong with the file.
    pub fn load(address: Address, name: &'static str, elf: &[u8]) -> Result<Self, LoadError> {
        let code = Code::load(elf, Terms::Named)?.compiled()?;
        Ok(Self {
            address,
            name,
            code,
        })
    }

    /// Loads and verifies a program to be run by the interpreter: slower, and the same in all
    /// results.
    ///
    /// # Errors
    /// [`LoadError`], which names what is wrong with the file.
    pub fn load_interpreted(
        address: Address,
        name: &'static str,
        elf: &[u8],
    ) -> Result<Self, LoadError> {
        let code = Code::load(elf, Terms::Named)?;
        Ok(Self {
            address,
            name,
            code,
        })
    }

    /// True if the program runs as machine code, false if the interpreter runs it.
    pub fn is_compiled(&self) -> bool {
        self.code.is_compiled()
    }
}

#[cfg(test)]
impl SbfProgram {
    /// A program of instructions as text, in the newest version of SBPF.
    pub(crate) fn assembled(address: Address, text: &str, is_compiled: bool) -> Self {
        Self {
            address,
            name: "assembled",
            code: Code::assembled(text, is_compiled),
        }
    }
}

impl fmt::Debug for SbfProgram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("SbfProgram");
        text.field("address", &self.address);
        text.field("name", &self.name);
        text.field("is_compiled", &self.is_compiled());
        text.finish_non_exhaustive()
    }
}

impl Program for SbfProgram {
    fn address(&self) -> Address {
        self.address
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        self.code.process(context)
    }
}
