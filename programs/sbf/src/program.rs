//! A compiled program as a program of the chain: loaded once, run for each of its instructions.

use std::{
    fmt,
    panic::resume_unwind,
    sync::{Arc, LazyLock},
};

use lockstep_interface::{
    Address, InstructionError, InvokeContext, Program,
    context::{Cause, Rule, Subject},
};
use solana_sbpf::{
    ebpf::MM_INPUT_START,
    elf::{ElfError, Executable},
    error::EbpfError,
    memory_region::AccessType,
    program::{BuiltinProgram, SBPFVersion},
    verifier::RequisiteVerifier,
    vm::{Config, ExecutionMode},
};
use thiserror::Error;

use crate::{
    buffers::Buffers,
    fault::{Fault, error_of},
    image::Layout,
    limits::{CALL_DEPTH_MAX, FRAME_SIZE},
    syscalls::register,
    vm::{Guest, run},
};

/// What the machine offers all programs.
static SURROUNDINGS: LazyLock<Arc<BuiltinProgram<Guest>>> = LazyLock::new(|| {
    let mut surroundings = BuiltinProgram::new_loader(config());
    register(&mut surroundings).expect("no two system calls have names of one hash");
    Arc::new(surroundings)
});

/// How the machine runs programs, as Agave has it with SIMD-0460.
pub(crate) fn config() -> Config {
    Config {
        max_call_depth: CALL_DEPTH_MAX,
        stack_frame_size: FRAME_SIZE,
        enable_stack_frame_gaps: false,
        instruction_meter_checkpoint_distance: 10_000,
        reject_broken_elfs: true,
        optimize_rodata: false,
        aligned_memory_mapping: false,
        enabled_sbpf_versions: SBPFVersion::V0..=SBPFVersion::V3,
        ..Config::default()
    }
}

/// Why an ELF file is no program.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// The program calls what no system call and no function of its own is called.
    #[error(
        "the program imports `{name}`, which is none of the system calls that this crate has; its \
         README lists them"
    )]
    Import {
        /// The name.
        name: String,
    },
    /// The file is damaged, or is no ELF file for SBPF versions 0 to 3.
    #[error("expected an ELF file for SBPF, version 0 to 3: {0}")]
    Elf(String),
    /// An instruction of the program is not allowed.
    #[error("expected instructions that the machine allows: {0}")]
    Instruction(String),
    /// The program could not be compiled to machine code.
    #[error("the program cannot be compiled to machine code: {0}; run it by the interpreter")]
    Compile(String),
}

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
    executable: Executable<Guest>,
    is_compiled: bool,
}

impl SbfProgram {
    /// Loads and verifies a program, and compiles it to machine code where the feature `jit` is on
    /// and the processor is an x86-64. `name` is for people. O(bytes), about 4 us per KiB.
    ///
    /// # Errors
    /// [`LoadError`], which names what is wrong with the file.
    pub fn load(address: Address, name: &'static str, elf: &[u8]) -> Result<Self, LoadError> {
        let program = Self::load_interpreted(address, name, elf)?;
        program.compiled()
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
        let executable = Executable::load(elf, Arc::clone(&SURROUNDINGS));
        let executable = executable.map_err(|error| match error {
            ElfError::UnresolvedSymbol(name, ..) => LoadError::Import { name },
            error => LoadError::Elf(error.to_string()),
        })?;
        let verdict = executable.verify::<RequisiteVerifier>();
        verdict.map_err(|error| LoadError::Instruction(error.to_string()))?;
        Ok(Self {
            address,
            name,
            executable,
            is_compiled: false,
        })
    }

    /// True if the program runs as machine code, false if the interpreter runs it.
    pub fn is_compiled(&self) -> bool {
        self.is_compiled
    }

    #[cfg(all(feature = "jit", target_arch = "x86_64", not(target_os = "windows")))]
    fn compiled(mut self) -> Result<Self, LoadError> {
        let compiled = self.executable.jit_compile();
        compiled.map_err(|error| LoadError::Compile(error.to_string()))?;
        self.is_compiled = true;
        Ok(self)
    }

    #[cfg(not(all(feature = "jit", target_arch = "x86_64", not(target_os = "windows"))))]
    fn compiled(self) -> Result<Self, LoadError> {
        Ok(self)
    }

    fn mode(&self) -> ExecutionMode {
        match self.is_compiled {
            true => ExecutionMode::Jit,
            false => ExecutionMode::Interpreted,
        }
    }
}

#[cfg(test)]
impl SbfProgram {
    /// A program of instructions as text, in the newest version of SBPF.
    pub(crate) fn assembled(address: Address, text: &str, is_compiled: bool) -> Self {
        let executable = solana_sbpf::assembler::assemble(text, Arc::clone(&SURROUNDINGS));
        let program = Self {
            address,
            name: "assembled",
            executable: executable.unwrap_or_else(|error| panic!("{error} in {text}")),
            is_compiled: false,
        };
        let verdict = program.executable.verify::<RequisiteVerifier>();
        verdict.unwrap_or_else(|error| panic!("{error} in {text}"));
        match is_compiled {
            true => program.compiled().expect("the program can be compiled"),
            false => program,
        }
    }
}

impl fmt::Debug for SbfProgram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("SbfProgram");
        text.field("address", &self.address);
        text.field("name", &self.name);
        text.field("is_compiled", &self.is_compiled);
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
        let layout = Layout::of(context)?;
        let mut buffers = Buffers::take(layout.size());
        layout.write(context, &mut buffers.image)?;
        let end = run(&self.executable, self.mode(), context, &mut buffers, layout)?;
        if let Some(panic) = end.panic {
            // Outside of compiled code, which has no tables to unwind it.
            resume_unwind(panic);
        }
        let result = match end.result {
            Ok(0) => end.layout.write_back(context, &buffers.image),
            Ok(result) => Err(error_of(result)),
            Err(error) => Err(failed(context, &end.layout, error)),
        };
        buffers.give_back(&end.used);
        result
    }
}

/// The error of an instruction whose program did not come to its end.
///
/// A fault of the machine takes all compute units: how many the program had spent up to it depends
/// on how it is run.
fn failed(
    context: &mut InvokeContext<'_, '_>,
    layout: &Layout,
    error: EbpfError,
) -> InstructionError {
    let cause = match error {
        EbpfError::SyscallError(fault) => match fault.downcast::<Fault>() {
            Ok(fault) => *fault,
            Err(other) => Fault::Refused(other.to_string()),
        },
        error => {
            let left = context.compute_units_left();
            // What is left can be spent.
            let _ = context.consume(left);
            Fault::Memory(error)
        }
    };
    let error = match &cause {
        // Whatever reported it has said why.
        Fault::Instruction(error) => return error.clone(),
        Fault::Memory(EbpfError::AccessViolation(access, address, size, _)) => {
            let start = address.checked_sub(MM_INPUT_START);
            let start = start.and_then(|start| usize::try_from(start).ok());
            let size = usize::try_from(*size).unwrap_or(usize::MAX);
            let range = start.map(|start| start..start.saturating_add(size));
            let is_store = *access == AccessType::Store;
            range.and_then(|range| layout.access_error(context, &range, is_store))
        }
        Fault::Memory(_) | Fault::Refused(_) | Fault::Panic => None,
    };
    let error = error.unwrap_or(InstructionError::ProgramFailedToComplete);
    context.diagnose(&error, || Cause::Rule {
        subject: Subject::Transaction("compiled program"),
        rule: Rule::Check,
        expected: "a run to its end".to_owned(),
        got: cause.to_string(),
    });
    error
}
