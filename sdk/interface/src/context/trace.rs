//! The instructions that a transaction has run so far, for programs that ask what ran before them.

use std::ops::Range;

use super::InstructionAccount;

/// An instruction that was begun.
#[derive(Clone, Debug)]
struct Step {
    /// 1 at the top level.
    depth: usize,
    program_index: u8,
    metas: Range<usize>,
    data: Range<usize>,
}

/// An instruction that ran before the one that asks, at the same depth and for the same caller.
#[derive(Clone, Copy, Debug)]
pub struct ProcessedInstruction<'c> {
    /// Transaction account index of its program.
    pub program_index: u8,
    /// Its accounts.
    pub accounts: &'c [InstructionAccount],
    /// Its data.
    pub data: &'c [u8],
}

/// The instructions of a transaction in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<Step>,
    metas: Vec<InstructionAccount>,
    data: Vec<u8>,
}

impl Trace {
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.metas.clear();
        self.data.clear();
    }

    pub(super) fn push(
        &mut self,
        depth: usize,
        program_index: u8,
        accounts: &[InstructionAccount],
        data: &[u8],
    ) {
        let (metas_start, data_start) = (self.metas.len(), self.data.len());
        self.metas.extend_from_slice(accounts);
        self.data.extend_from_slice(data);
        self.steps.push(Step {
            depth,
            program_index,
            metas: metas_start..self.metas.len(),
            data: data_start..self.data.len(),
        });
    }

    /// The instruction `index` places before the last one that began at `depth`, among those of the
    /// same caller; 0 is the one just before.
    pub(super) fn sibling(&self, depth: usize, index: usize) -> Option<ProcessedInstruction<'_>> {
        let steps = self.steps.iter().rev();
        let of_caller = steps.take_while(|step| step.depth >= depth);
        let mut siblings = of_caller.filter(|step| step.depth == depth);
        // The last of them is the one that asks.
        let step = siblings.nth(index.checked_add(1)?)?;
        Some(ProcessedInstruction {
            program_index: step.program_index,
            accounts: &self.metas[step.metas.clone()],
            data: &self.data[step.data.clone()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_those_of_one_caller() {
        let mut trace = Trace::default();
        let meta = InstructionAccount {
            index: 5,
            is_signer: true,
            is_writable: false,
        };
        // Two at the top, of which each invokes; the second one's second callee asks.
        for (depth, program) in [(1, 10), (2, 11), (1, 20), (2, 21), (3, 22), (2, 23)] {
            trace.push(depth, program, &[meta], &[program]);
        }
        let found = |depth, index| {
            let sibling = trace.sibling(depth, index)?;
            assert_eq!(
                (sibling.accounts, sibling.data),
                (&[meta][..], &[sibling.program_index][..])
            );
            Some(sibling.program_index)
        };
        assert_eq!((found(2, 0), found(2, 1)), (Some(21), None));
        assert_eq!((found(1, 0), found(1, 1)), (Some(10), None));
        assert_eq!(found(1, usize::MAX), None);
        trace.clear();
        assert!(trace.sibling(1, 0).is_none());
    }
}
