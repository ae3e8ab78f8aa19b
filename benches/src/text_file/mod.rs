//! Text files as lines to read, however they are packed: plain, gzip or zstd, told by content. And
//! errors that name a file, and the line where there is one.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

/// First bytes of the formats that are unpacked.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// First bytes of formats that are told by name, since they are not read.
const OTHERS: [(&str, &[u8]); 6] = [
    ("bzip2", b"BZh"),
    ("lz4", &[0x04, 0x22, 0x4d, 0x18]),
    ("xz", &[0xfd, b'7', b'z', b'X', b'Z', 0]),
    ("a zip archive", b"PK\x03\x04"),
    ("UTF-16", &[0xff, 0xfe]),
    ("UTF-16", &[0xfe, 0xff]),
];
/// The byte-order mark of UTF-8.
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];
/// Bytes of a buffer.
const BUFFER_SIZE: usize = 1 << 16;

/// Opens a file and unpacks it; a byte-order mark is passed over.
///
/// # Errors
/// If the file cannot be read, or is of another format.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "is a directory"));
    }
    let mut input = BufReader::with_capacity(BUFFER_SIZE, file);
    let start = input.fill_buf()?;
    let mut text: Box<dyn BufRead> = if start.starts_with(GZIP) {
        let unpacked = MultiGzDecoder::new(input);
        Box::new(BufReader::with_capacity(BUFFER_SIZE, unpacked))
    } else if start.starts_with(ZSTD) {
        let unpacked = zstd::Decoder::with_buffer(input)?;
        Box::new(BufReader::with_capacity(BUFFER_SIZE, unpacked))
    } else {
        Box::new(input)
    };
    let start = text.fill_buf()?;
    if let Some((name, _)) = OTHERS.iter().find(|(_, first)| start.starts_with(first)) {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("is {name}, expected UTF-8 text, plain or packed with gzip or zstd"),
        ));
    }
    if start.starts_with(MARK) {
        text.consume(MARK.len());
    }
    Ok(text)
}

/// A file that cannot be read, or does not hold what it should. The text is one line.
#[derive(Debug)]
pub struct FileError<C> {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1, if the cause is in one.
    pub line: Option<usize>,
    /// What is wrong.
    pub cause: C,
}

impl<C> FileError<C> {
    /// An error of a whole file.
    pub fn new(path: &Path, cause: impl Into<C>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            cause: cause.into(),
        }
    }

    /// An error in a line, counted from 1.
    pub fn in_line(path: &Path, line: usize, cause: impl Into<C>) -> Self {
        Self {
            line: Some(line),
            ..Self::new(path, cause)
        }
    }
}

impl<C: fmt::Display> fmt::Display for FileError<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, "{line}:")?;
        }
        write!(formatter, " {}", self.cause)
    }
}

impl<C: Error> Error for FileError<C> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

#[cfg(test)]
mod tests;
