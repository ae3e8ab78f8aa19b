//! A transaction's log as the tree of its calls.

use std::fmt;

use lockstep_sdk::interface::{Address, ProgramTable, context::LogEntry};

/// A log, to be printed: each call under its caller, programs by name.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_testing::Chain;
///
/// let mut chain = Chain::new();
/// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
/// let block = chain.run(transfer(&alice, &bob, 5));
/// block.all_ok();
/// assert_eq!(block.logs(0).to_string(), "system\n  ok\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogTree<'b> {
    entries: &'b [LogEntry],
    programs: &'b ProgramTable,
}

impl<'b> LogTree<'b> {
    pub(crate) fn new(entries: &'b [LogEntry], programs: &'b ProgramTable) -> Self {
        Self { entries, programs }
    }

    fn name(&self, program: &Address) -> String {
        let known = self.programs.get(program);
        known.map_or_else(|| program.to_string(), |program| program.name().to_owned())
    }
}

impl fmt::Display for LogTree<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A call's own lines stand one step to the right of its name.
        let mut depth = 0usize;
        for entry in self.entries {
            if let LogEntry::Invoke { depth: of_call, .. } = entry {
                depth = usize::from(*of_call).saturating_sub(1);
            }
            write!(formatter, "{:1$}", "", depth.saturating_mul(2))?;
            match entry {
                LogEntry::Invoke { program, .. } => writeln!(formatter, "{}", self.name(program))?,
                LogEntry::Success { .. } => formatter.write_str("ok\n")?,
                LogEntry::Failure {
                    reason: Some(reason),
                    ..
                } => writeln!(formatter, "failed: {reason}")?,
                LogEntry::Failure { error, .. } => writeln!(formatter, "failed: {error}")?,
                LogEntry::Message(text) => writeln!(formatter, "| {text}")?,
                LogEntry::Data(data) => writeln!(formatter, "| {} bytes published", data.len())?,
                LogEntry::Line(text) => writeln!(formatter, "| {text}")?,
                LogEntry::Truncated => formatter.write_str("| (the rest is left out)\n")?,
            }
            depth = match entry {
                LogEntry::Invoke { .. } => depth.saturating_add(1),
                LogEntry::Success { .. } | LogEntry::Failure { .. } => depth.saturating_sub(1),
                LogEntry::Message(_)
                | LogEntry::Data(_)
                | LogEntry::Line(_)
                | LogEntry::Truncated => depth,
            };
        }
        Ok(())
    }
}
