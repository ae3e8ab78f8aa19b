//! `lockstep follow`: a node's stream as JSON lines.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use lockstep_node::client::{FollowError, follow};

use crate::failure::Failure;

/// Print a node's blocks as JSON lines, from a slot that it still has, then as they are made
///
/// Each line is a note of the node's stream: a block with its transactions, or a gap where the node
/// has forgotten blocks. A lost connection is made again where it broke off.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The node's WebSocket
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8900")]
    url: String,
    /// Slot to begin at; by default the next block
    #[arg(long, value_name = "SLOT")]
    from: Option<u64>,
    /// Lines to print; by default all that come
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut left = arguments.count;
    let mut out = io::stdout().lock();
    let followed = follow(&arguments.url, arguments.from, &mut |note| {
        if left == Some(0) {
            return Ok(false);
        }
        serde_json::to_writer(&mut out, note)?;
        out.write_all(b"\n")?;
        out.flush()?;
        left = left.map(|left| left.saturating_sub(1));
        Ok(left != Some(0))
    });
    match followed {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // A reader that closes stdout has seen enough.
        Err(FollowError::System(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(Failure::other(error)),
    }
}
