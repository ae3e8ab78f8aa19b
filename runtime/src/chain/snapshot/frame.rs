//! Payloads in their frames: sized, hashed, and the hashes hashed in turn.

use std::io::{self, ErrorKind, Read, Write};

use lockstep_interface::{Hash, limits::ACCOUNT_DATA_SIZE_MAX};
use sha2::{Digest, Sha256};

use super::{
    CHUNK_SIZE, MAGIC, TRANSACTIONS_MAX, VERSION,
    error::{Fault, ImportError, Part},
};
use crate::block::BlockHeader;

/// What is in a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Head = 1,
    Block = 2,
    Accounts = 3,
    End = 4,
}

/// Bytes before a frame's payload.
const FRAME_HEAD_SIZE: usize = 5;
/// Bytes of an account besides its data.
pub(super) const ACCOUNT_SIZE_MIN: usize = 32 + 45;

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Head, Self::Block, Self::Accounts, Self::End]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// The most bytes of a payload.
    const fn size_max(self) -> usize {
        match self {
            Self::Head => 128 << 10,
            Self::Block => 32 + BlockHeader::SIZE + 32 * TRANSACTIONS_MAX,
            Self::Accounts => {
                let account_size_max = ACCOUNT_SIZE_MIN + ACCOUNT_DATA_SIZE_MAX;
                if CHUNK_SIZE > account_size_max {
                    CHUNK_SIZE
                } else {
                    account_size_max
                }
            }
            Self::End => 64,
        }
    }
}

/// Writes frames.
pub(super) struct FrameWriter<'w> {
    out: &'w mut dyn Write,
    digest: Sha256,
    size: u64,
}

impl<'w> FrameWriter<'w> {
    /// Writes the bytes before the first frame.
    pub(super) fn start(out: &'w mut dyn Write) -> io::Result<Self> {
        let start = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
        out.write_all(&start)?;
        Ok(Self {
            out,
            digest: Sha256::new(),
            size: start.len() as u64,
        })
    }

    /// Writes a frame.
    pub(super) fn write(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        assert!(payload.len() <= kind.size_max(), "{kind:?} fits its frame");
        let size = u32::try_from(payload.len()).expect("no kind takes 4 GiB");
        let mut head = [kind as u8; FRAME_HEAD_SIZE];
        head[1..].copy_from_slice(&size.to_le_bytes());
        let hash = frame_hash(&head, payload);
        self.digest.update(hash);
        for part in [&head, payload, &hash] {
            self.out.write_all(part)?;
            self.size = self.size.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    /// The digest over all frames so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// Bytes written.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

fn frame_hash(head: &[u8; FRAME_HEAD_SIZE], payload: &[u8]) -> [u8; 32] {
    let hasher = Sha256::new().chain_update(head).chain_update(payload);
    hasher.finalize().into()
}

/// A frame whose hash is right.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) payload: Vec<u8>,
    /// Where it begins.
    offset: u64,
}

impl Frame {
    /// The complaint about this frame.
    pub(super) fn damaged(&self, part: Part, fault: Fault) -> ImportError {
        damaged(self.offset, part, fault)
    }
}

fn damaged(offset: u64, part: Part, fault: Fault) -> ImportError {
    let fault = Box::new(fault);
    ImportError::Damaged {
        offset,
        part,
        fault,
    }
}

/// Reads frames.
pub(super) struct FrameReader<'r> {
    source: &'r mut dyn Read,
    digest: Sha256,
    /// Bytes read.
    offset: u64,
}

impl<'r> FrameReader<'r> {
    /// Reads the bytes before the first frame.
    pub(super) fn start(source: &'r mut dyn Read) -> Result<Self, ImportError> {
        let mut reader = Self {
            source,
            digest: Sha256::new(),
            offset: 0,
        };
        let magic: Option<[u8; MAGIC.len()]> = reader.array()?;
        if magic.as_ref() != Some(MAGIC) {
            return Err(damaged(0, Part::Start, Fault::NoSnapshot));
        }
        let version = reader.array()?.map(u16::from_le_bytes);
        match version {
            Some(VERSION) => Ok(reader),
            Some(found) => Err(damaged(0, Part::Start, Fault::Version { found })),
            None => Err(damaged(0, Part::Start, Fault::Truncated)),
        }
    }

    /// The next frame, which should be `part`, of one of these kinds.
    pub(super) fn next(&mut self, part: Part, kinds: &[Kind]) -> Result<Frame, ImportError> {
        let offset = self.offset;
        let wrong = |fault| damaged(offset, part, fault);
        let truncated = || wrong(Fault::Truncated);
        let head: [u8; FRAME_HEAD_SIZE] = self.array()?.ok_or_else(truncated)?;
        let [found, size @ ..] = head;
        let kind = Kind::of(found).filter(|kind| kinds.contains(kind));
        let kind = kind.ok_or_else(|| wrong(Fault::Kind { found }))?;
        let size = u32::from_le_bytes(size);
        let limit = kind.size_max();
        if size as usize > limit {
            return Err(wrong(Fault::Size { limit, found: size }));
        }
        let payload = self.bytes(size.into())?.ok_or_else(truncated)?;
        let hash: [u8; 32] = self.array()?.ok_or_else(truncated)?;
        if frame_hash(&head, &payload) != hash {
            return Err(wrong(Fault::FrameHash));
        }
        if kind != Kind::End {
            self.digest.update(hash);
        }
        Ok(Frame {
            kind,
            payload,
            offset,
        })
    }

    /// The digest over all frames so far, but for the end.
    pub(super) fn digest(&self) -> Hash {
        Hash::new_from_array(self.digest.clone().finalize().into())
    }

    /// True if nothing is left to be read.
    pub(super) fn is_at_end(&mut self) -> Result<bool, ImportError> {
        let byte: Option<[u8; 1]> = self.array()?;
        Ok(byte.is_none())
    }

    fn array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, ImportError> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
    }

    /// The next bytes; `None` if there are fewer. Memory grows with the bytes that are read, not
    /// with the stated size.
    fn bytes(&mut self, size: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let mut bytes = Vec::new();
        let read = (&mut *self.source).take(size).read_to_end(&mut bytes);
        let found = bytes.len() as u64;
        let offset = self.offset.saturating_add(found);
        self.offset = offset;
        match read {
            Ok(_) => Ok((found == size).then_some(bytes)),
            // Of a compressed stream that was cut off.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(source) => Err(ImportError::Read { offset, source }),
        }
    }
}
