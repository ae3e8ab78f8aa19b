//! `--memory-limit`: a bound on the memory that a ledger's state takes.

use clap::Args;
use lockstep_store::DiskOptions;

/// What is left of a limit for the accounts that were used last.
const CACHE_PART: u64 = 8;
/// The least that is of use.
const LIMIT_MIN: u64 = 64 << 20;

/// The options of a command that opens a ledger.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Memory for the state, at least 64M: accounts and nodes that are seldom used are read from
    /// disk, which takes time; by default all nodes are in memory, 140 bytes an account
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory_limit: Option<u64>,
}

impl Memory {
    /// How a store keeps to the limit.
    pub(crate) fn disk_options(self) -> DiskOptions {
        self.memory_limit
            .map_or_else(DiskOptions::default, DiskOptions::within)
    }

    /// Bytes of accounts to keep in memory, of those that are asked for.
    pub(crate) fn cache_size(self, asked: u64) -> usize {
        let part = self.memory_limit.map(|limit| limit / CACHE_PART);
        let size = part.map_or(asked, |part| part.min(asked));
        usize::try_from(size).unwrap_or(usize::MAX)
    }
}

/// A number of bytes, as `512M`.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len().saturating_sub(1)], 10),
        Some(b'M' | b'm') => (&text[..text.len().saturating_sub(1)], 20),
        Some(b'G' | b'g') => (&text[..text.len().saturating_sub(1)], 30),
        _ => (text, 0),
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| "not a number of bytes, which may end with K, M or G".to_owned())?;
    let size = count.checked_mul(1 << shift);
    size.filter(|size| *size >= LIMIT_MIN)
        .ok_or_else(|| "out of range, expected 64M or more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let sizes = [("512M", 512 << 20), ("2g", 2 << 30), ("67108864", 64 << 20)];
        for (text, size) in sizes {
            assert_eq!(parse_size(text), Ok(size));
        }
        for text in ["", "M", "63M", "1T", "-1", "99999999999G", "512MB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
