//! Native programs in C, and the instruction that one of them runs.

mod current;
mod error;
mod native;

pub(crate) use current::{is_running, with_context};
pub(crate) use error::{MISUSE, code_of, error_of};
pub(crate) use native::NativeProgram;
