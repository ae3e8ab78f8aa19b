//! A native program that does what a test wants: the first byte of its instruction data says
//! which of the behaviours it was made with.

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError, InvokeContext, Program,
};

/// What an instruction does. It finds its arguments behind the first byte of data.
pub(crate) type Behaviour = fn(&mut InvokeContext<'_, '_>) -> Result<(), InstructionError>;

/// The program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestProgram {
    pub(crate) address: Address,
    pub(crate) behaviours: &'static [Behaviour],
}

/// The usual address of the program.
pub(crate) const ADDRESS: Address = Address::new_from_array([0xfe; 32]);

impl TestProgram {
    /// The program at its usual address.
    pub(crate) fn new(behaviours: &'static [Behaviour]) -> Self {
        let address = ADDRESS;
        Self {
            address,
            behaviours,
        }
    }
}

impl Program for TestProgram {
    fn address(&self) -> Address {
        self.address
    }

    fn name(&self) -> &'static str {
        "test"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let choice = context.data().first().map(|byte| usize::from(*byte));
        let behaviour = choice.and_then(|choice| self.behaviours.get(choice));
        let behaviour = behaviour.ok_or(InstructionError::InvalidInstructionData)?;
        behaviour(context)
    }
}

/// Calls the behaviour of that number.
pub(crate) fn call(behaviour: u8, accounts: Vec<AccountMeta>, arguments: &[u8]) -> Instruction {
    Instruction {
        program: ADDRESS,
        accounts,
        data: [&[behaviour], arguments].concat(),
    }
}

/// The little-endian number at a place of the arguments; 0 where there is none.
pub(crate) fn argument(context: &InvokeContext<'_, '_>, place: usize) -> u64 {
    let arguments = context.data().get(1..).unwrap_or_default();
    let word = arguments.as_chunks().0.get(place);
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

/// Numbers as arguments.
pub(crate) fn arguments(numbers: &[u64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// The payload of a panic that a test asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPurpose;

/// A payload that panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        std::panic::panic_any(OnPurpose)
    }
}

/// Keeps panics with these payloads off the output; all others are reported as ever.
pub(crate) fn hush_panics_on_purpose() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            if !payload.is::<OnPurpose>() && !payload.is::<Grenade>() {
                report(info);
            }
        }));
    });
}
