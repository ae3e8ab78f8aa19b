//! What a test runs: instructions that succeed or fail together, their signers and their payer.

use lockstep_sdk::interface::{Address, Hash, Instruction};

/// One transaction to be. Its signers are those that its instructions name, and its payer.
///
/// Unless a call says otherwise, a wallet of the harness pays its fee, another one for each call
/// of a block, so that fees disturb neither the balances that a test looks at nor the
/// parallelism of what it runs.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_testing::{Call, Chain, SOL};
///
/// let mut chain = Chain::new();
/// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
/// let before = chain.lamports(&alice);
/// let twice = [transfer(&alice, &bob, SOL), transfer(&alice, &bob, SOL)];
/// chain.run(Call::new(twice.clone())).all_ok();
/// assert_eq!(chain.lamports(&alice), before - 2 * SOL);
/// chain.run(Call::new(twice).payer(alice)).all_ok();
/// assert_eq!(chain.lamports(&alice), before - 4 * SOL - 5_000);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// What it does, in this order.
    pub instructions: Vec<Instruction>,
    /// The payer of the fee; `None` for a wallet of the harness.
    pub payer: Option<Address>,
    /// The blockhash it refers to; `None` for the newest.
    pub blockhash: Option<Hash>,
}

impl Call {
    /// A call of these instructions, in this order.
    pub fn new(instructions: impl Into<Vec<Instruction>>) -> Self {
        Self {
            instructions: instructions.into(),
            payer: None,
            blockhash: None,
        }
    }

    /// The same, with the fee paid by a wallet of the test's.
    #[must_use]
    pub fn payer(self, payer: Address) -> Self {
        Self {
            payer: Some(payer),
            ..self
        }
    }

    /// The same, with this blockhash instead of the newest.
    #[must_use]
    pub fn blockhash(self, blockhash: Hash) -> Self {
        Self {
            blockhash: Some(blockhash),
            ..self
        }
    }
}

impl From<Instruction> for Call {
    fn from(instruction: Instruction) -> Self {
        Self::new([instruction])
    }
}

impl From<&Instruction> for Call {
    fn from(instruction: &Instruction) -> Self {
        instruction.clone().into()
    }
}

impl From<&Call> for Call {
    fn from(call: &Call) -> Self {
        call.clone()
    }
}
