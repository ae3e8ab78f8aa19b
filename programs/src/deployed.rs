//! What programs that Solana deploys as bytecode report differently from its built-in ones.

use lockstep_interface::{InstructionError, InvokeContext};

/// Fails unless the instruction names at least `count` accounts. Deployed programs report the
/// older error under all rules.
#[expect(deprecated, reason = "deployed programs report the older error")]
pub(crate) fn require_accounts(
    context: &InvokeContext<'_, '_>,
    count: usize,
) -> Result<(), InstructionError> {
    if context.account_count() < count {
        return Err(InstructionError::NotEnoughAccountKeys);
    }
    Ok(())
}
