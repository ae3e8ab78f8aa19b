//! Logs on at Agave's socket and receives the files of the session.
//!
//! ```text
//! here  -> version u64, ClientLogon, zeroes up to 1024 bytes
//! Agave -> 1 and the files:  allocator, tpu_to_pack, progress_tracker, (to worker, from worker)..
//!       or 2, a length, a reason
//! ```

use std::{
    fs::File,
    io::{self, IoSliceMut, Write},
    mem::MaybeUninit,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use thiserror::Error;

/// The version of the handshake.
const VERSION: u64 = 4;
/// Bytes of the message that logs on.
const LOGON_SIZE: usize = 1_024;
/// Files that are not of one worker.
pub(super) const GLOBAL_FILES: usize = 3;
/// The most workers that Agave gives.
const WORKERS_MAX: usize = 64;
const SUCCESS: u8 = 1;

/// What a session asks Agave for.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Workers, in [1, 64]. Agave starts as many threads.
    pub workers: usize,
    /// Bytes of shared memory for transactions and answers.
    pub allocator_size: usize,
    /// Messages between the TPU and the scheduler, at least.
    pub tpu_capacity: usize,
    /// Messages in each direction between the scheduler and a worker, at least.
    pub worker_capacity: usize,
}

impl SessionOptions {
    /// A gibibyte for transactions, room for 65,536 that were not looked at yet.
    pub const fn standard(workers: usize) -> Self {
        Self {
            workers,
            allocator_size: 1 << 30,
            tpu_capacity: 65_536,
            worker_capacity: 1_024,
        }
    }
}

/// Why there is no session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The socket cannot be reached, or does not answer in time.
    #[error("cannot log on at the validator's socket: {0}")]
    Io(#[from] io::Error),
    /// Agave refuses, for instance another version.
    #[error("the validator refuses the session: {0}")]
    Refused(String),
    /// The answer is not of this protocol.
    #[error("expected {expected} from the validator, found {found}: is it Agave 4.3?")]
    Protocol {
        /// What the protocol asks for.
        expected: String,
        /// What came.
        found: String,
    },
    /// A file of the session cannot be joined.
    #[error("cannot join {name} of the session: {reason}")]
    Join {
        /// The queue, or the allocator.
        name: &'static str,
        /// The library's reason.
        reason: String,
    },
}

/// Logs on and returns the files of the session, in the protocol's order.
pub(super) fn log_on(
    path: &Path,
    options: &SessionOptions,
    timeout: Duration,
) -> Result<Vec<File>, HandshakeError> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(&logon(options))?;
    let files = receive(&stream)?;
    let expected = GLOBAL_FILES + 2 * options.workers;
    if files.len() != expected {
        return Err(HandshakeError::Protocol {
            expected: format!("{expected} files"),
            found: files.len().to_string(),
        });
    }
    Ok(files)
}

/// The message that logs on: the fields of `ClientLogon` in its C layout.
fn logon(options: &SessionOptions) -> [u8; LOGON_SIZE] {
    const ALLOCATOR_HANDLES: usize = 1;
    const PROGRESS_CAPACITY: usize = 256;
    let fields = [
        options.workers,
        options.allocator_size,
        ALLOCATOR_HANDLES,
        options.tpu_capacity,
        PROGRESS_CAPACITY,
        options.worker_capacity,
        options.worker_capacity,
    ];
    let mut bytes = [0; LOGON_SIZE];
    bytes[..8].copy_from_slice(&VERSION.to_le_bytes());
    for (place, field) in bytes[8..].chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&(field as u64).to_le_bytes());
    }
    // Flags follow; none is set.
    bytes
}

fn receive(stream: &UnixStream) -> Result<Vec<File>, HandshakeError> {
    let mut answer = [0; LOGON_SIZE];
    // A header, and four bytes for each file.
    let mut space = [MaybeUninit::uninit(); 64 + 4 * (GLOBAL_FILES + 2 * WORKERS_MAX)];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut answer)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    );
    let received = received.map_err(io::Error::from)?;
    if received.bytes == 0 {
        return Err(HandshakeError::Protocol {
            expected: "an answer".to_owned(),
            found: "the end of the stream".to_owned(),
        });
    }
    if answer[0] != SUCCESS {
        let length = usize::from(answer[1]);
        let reason = &answer[2..2 + length];
        return Err(HandshakeError::Refused(
            String::from_utf8_lossy(reason).into_owned(),
        ));
    }
    let mut files = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            files.extend(fds.map(File::from));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logon_has_the_layout_of_clients() {
        let bytes = logon(&SessionOptions::standard(5));
        let word = |place: usize| {
            let word = bytes[place * 8..].first_chunk::<8>();
            u64::from_le_bytes(*word.expect("it is inside"))
        };
        let words: Vec<u64> = (0..9).map(word).collect();
        assert_eq!(words, [4, 5, 1 << 30, 1, 65_536, 256, 1_024, 1_024, 0]);
    }
}
