//! Why a command did not do what was asked, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

use crate::terminal;

/// A failed command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or bad input: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Other(String),
}

impl Failure {
    /// Bad usage or bad input.
    pub(crate) fn usage(cause: impl fmt::Display) -> Self {
        Self::Usage(cause.to_string())
    }

    /// Neither the user nor the input is to blame.
    pub(crate) fn other(cause: impl fmt::Display) -> Self {
        Self::Other(cause.to_string())
    }

    /// Says why on stderr, in one line, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Usage(text) => (text, ExitCode::from(2)),
            Self::Other(text) => (text, ExitCode::FAILURE),
        };
        terminal::note(&format!("error: {text}"));
        code
    }
}
