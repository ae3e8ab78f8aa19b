//! What a transaction leaves besides changed accounts: logs, events, return data and the
//! instructions it invoked.

use std::fmt;

use crate::{
    Address, InstructionError,
    limits::{LOG_SIZE_MAX, RETURN_DATA_SIZE_MAX},
};

/// One line of the log. Lines about calls are kept as data and written out only when shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogEntry {
    /// A program was called at this depth, 1 being the top level.
    Invoke {
        /// The program.
        program: Address,
        /// Its depth.
        depth: u8,
    },
    /// A program returned without error.
    Success {
        /// The program.
        program: Address,
    },
    /// A program failed.
    Failure {
        /// The program.
        program: Address,
        /// Its error.
        error: InstructionError,
        /// What is shown in place of the error's own text: why a program out of an account did not
        /// come to its end.
        reason: Option<String>,
    },
    /// Text that a program logged.
    Message(String),
    /// A value that a program published, as it stands among the [`Event`]s.
    Data(Vec<u8>),
    /// A line that the runtime writes about a program out of an account, as it is shown.
    Line(String),
    /// The log is at its limit; this line and others that it has no room for are left out.
    Truncated,
}

impl LogEntry {
    /// Bytes of the text shown, with addresses at their longest, which take no time to count.
    fn size_max(&self) -> usize {
        match self {
            Self::Invoke { .. } => 64,
            Self::Success { .. } => 60,
            Self::Failure { reason, .. } => {
                let reason = reason.as_ref().map_or(0, String::len);
                reason.saturating_add(60).max(100)
            }
            Self::Message(text) => text.len().saturating_add(13),
            Self::Data(data) => data.len().div_ceil(3).saturating_mul(4).saturating_add(14),
            Self::Line(text) => text.len(),
            Self::Truncated => 0,
        }
    }

    /// Bytes of the text shown, which count against [`LOG_SIZE_MAX`].
    fn size(&self) -> usize {
        /// Counts what is written.
        struct Count(usize);

        impl fmt::Write for Count {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0 = self.0.saturating_add(text.len());
                Ok(())
            }
        }

        let mut count = Count(0);
        match self {
            Self::Truncated => 0,
            line => {
                let written = fmt::Write::write_fmt(&mut count, format_args!("{line}"));
                written.map_or(usize::MAX, |()| count.0)
            }
        }
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoke { program, depth } => {
                write!(formatter, "Program {program} invoke [{depth}]")
            }
            Self::Success { program } => write!(formatter, "Program {program} success"),
            Self::Failure {
                program,
                reason: Some(reason),
                ..
            } => write!(formatter, "Program {program} failed: {reason}"),
            Self::Failure { program, error, .. } => {
                write!(formatter, "Program {program} failed: {error}")
            }
            Self::Message(text) => write!(formatter, "Program log: {text}"),
            Self::Data(data) => write!(formatter, "Program data: {}", Base64(data)),
            Self::Line(text) => formatter.write_str(text),
            Self::Truncated => formatter.write_str("Log truncated"),
        }
    }
}

/// Bytes as logs show them: base64 with padding.
pub(super) struct Base64<'d>(pub(super) &'d [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for chunk in self.0.chunks(3) {
            let mut bits = [0; 4];
            bits[1..=chunk.len()].copy_from_slice(chunk);
            #[expect(
                clippy::big_endian_bytes,
                reason = "base64 begins with the highest bits"
            )]
            let bits = u32::from_be_bytes(bits);
            for place in 0..4_usize {
                let shift = [18, 12, 6, 0][place];
                let digit = DIGITS[(bits >> shift & 63) as usize];
                let shown = if place <= chunk.len() { digit } else { b'=' };
                fmt::Write::write_char(formatter, shown.into())?;
            }
        }
        Ok(())
    }
}

/// Bytes a program left for its caller, at most 1,024.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReturnData {
    /// The program that set it.
    pub program: Address,
    /// The bytes.
    pub data: Vec<u8>,
}

/// A value that a program published for observers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The program that published it.
    pub program: Address,
    /// The value in the program's own encoding.
    pub data: Vec<u8>,
}

/// An instruction that a program invoked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InnerInstruction {
    /// Index of the top-level instruction it ran under.
    pub instruction_index: u8,
    /// Its depth; 2 if the top level invoked it.
    pub depth: u8,
    /// Transaction account index of the program.
    pub program_index: u8,
    /// Transaction account indices of its accounts.
    pub accounts: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

/// All records of one transaction. Keeps its memory from one transaction to the next.
#[derive(Debug, Default)]
pub struct Records {
    is_recording: bool,
    /// Bytes of the log, with addresses at their longest until it comes near its limit.
    log_size: usize,
    /// Whether `log_size` is what the lines take.
    is_size_exact: bool,
    is_truncated: bool,
    /// Of the failure that is logged next.
    reason: Option<String>,
    event_size: usize,
    logs: Vec<LogEntry>,
    events: Vec<Event>,
    return_data: ReturnData,
    inner_instructions: Vec<InnerInstruction>,
}

impl Records {
    /// Forgets everything. Logs and invoked instructions are kept from now on only if
    /// `is_recording`; return data and events always are.
    pub(super) fn reset(&mut self, is_recording: bool) {
        self.is_recording = is_recording;
        self.log_size = 0;
        self.is_size_exact = false;
        self.is_truncated = false;
        self.reason = None;
        self.event_size = 0;
        self.logs.clear();
        self.events.clear();
        // The program goes, too: a transaction that runs no program must not show an earlier one's.
        self.return_data.program = Address::default();
        self.return_data.data.clear();
        self.inner_instructions.clear();
    }

    /// True if logs and invoked instructions are kept.
    pub fn is_recording(&self) -> bool {
        self.is_recording
    }

    /// Adds a line, which is made only if lines are kept.
    #[inline]
    pub(super) fn log(&mut self, make: impl FnOnce() -> LogEntry) {
        if self.is_recording {
            self.push_log(make());
        }
    }

    /// Adds the line about a call that failed.
    pub(super) fn log_failure(&mut self, program: Address, error: &InstructionError) {
        let reason = self.reason.take();
        self.log(|| LogEntry::Failure {
            program,
            error: error.clone(),
            reason,
        });
    }

    /// Why the running call is about to fail, in other words than those of its error.
    pub(super) fn explain_failure(&mut self, reason: impl FnOnce() -> String) {
        self.reason = self.is_recording.then(reason);
    }

    fn push_log(&mut self, entry: LogEntry) {
        let size = self.log_size.saturating_add(entry.size_max());
        if size < LOG_SIZE_MAX && !self.is_size_exact {
            self.log_size = size;
            self.logs.push(entry);
        } else {
            self.push_log_near_limit(entry);
        }
    }

    /// Adds a line if the log stays below its limit with it, by what the lines truly take.
    #[cold]
    fn push_log_near_limit(&mut self, entry: LogEntry) {
        if !self.is_size_exact {
            let sizes = self.logs.iter().map(LogEntry::size);
            self.log_size = sizes.fold(0, usize::saturating_add);
            self.is_size_exact = true;
        }
        let size = self.log_size.saturating_add(entry.size());
        if size < LOG_SIZE_MAX {
            self.log_size = size;
            self.logs.push(entry);
        } else if !self.is_truncated {
            self.is_truncated = true;
            self.logs.push(LogEntry::Truncated);
        }
    }

    pub(super) fn event(&mut self, event: Event, size_max: usize) -> bool {
        self.event_size = self.event_size.saturating_add(event.data.len());
        if self.event_size > size_max {
            return false;
        }
        self.events.push(event);
        true
    }

    pub(super) fn set_return_data(&mut self, program: Address, data: &[u8]) -> bool {
        if data.len() > RETURN_DATA_SIZE_MAX {
            return false;
        }
        self.return_data.program = program;
        self.return_data.data.clear();
        self.return_data.data.extend_from_slice(data);
        true
    }

    pub(super) fn inner_instruction(&mut self, make: impl FnOnce() -> InnerInstruction) {
        if self.is_recording {
            self.inner_instructions.push(make());
        }
    }

    /// The log, oldest line first.
    pub fn logs(&self) -> &[LogEntry] {
        &self.logs
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The return data of the program that set it last; empty data if none did.
    pub fn return_data(&self) -> &ReturnData {
        &self.return_data
    }

    /// The invoked instructions in the order of their calls.
    pub fn inner_instructions(&self) -> &[InnerInstruction] {
        &self.inner_instructions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_are_shown_in_base64() {
        for (data, shown) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\xff\xfe\xfd\xfc", "//79/A=="),
        ] {
            let line = LogEntry::Data(data.to_vec());
            assert_eq!(line.to_string(), format!("Program data: {shown}"));
            assert_eq!(line.size(), line.to_string().len());
            assert_eq!(line.size_max(), line.size());
        }
    }
}
