//! Messages on a pipe: a size, then as many bytes.

use std::io::{self, Read, Write};

/// Writes a message: its size as a little-endian `u64`, then its bytes.
pub(super) fn write(pipe: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    pipe.write_all(&(bytes.len() as u64).to_le_bytes())?;
    pipe.write_all(bytes)?;
    pipe.flush()
}

/// Reads a message; `None` at the end of the pipe. Memory grows with what arrives, whatever size is
/// stated.
pub(super) fn read(pipe: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut size = [0; 8];
    match pipe.read_exact(&mut size) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let size = u64::from_le_bytes(size);
    let mut bytes = Vec::new();
    let found = pipe.by_ref().take(size).read_to_end(&mut bytes)?;
    if found as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_or_not_at_all() {
        let mut pipe = Vec::new();
        for message in [&b"one"[..], b"", b"another"] {
            write(&mut pipe, message).unwrap();
        }
        let mut from = &pipe[..];
        assert_eq!(read(&mut from).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(read(&mut from).unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(read(&mut from).unwrap().as_deref(), Some(&b"another"[..]));
        assert_eq!(read(&mut from).unwrap(), None);
        let mut cut = &pipe[..9];
        assert!(read(&mut cut).is_err());
        let mut huge = &u64::MAX.to_le_bytes()[..];
        assert!(read(&mut huge).is_err());
    }
}
