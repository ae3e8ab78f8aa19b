//! The recorded day of an AMM, a file of JSON lines, into its pools and trades.

use std::collections::HashMap;
use std::io::{self, BufRead, ErrorKind};
use std::path::Path;

use lockstep_interface::Address;
use serde::Deserialize;

use crate::text_file::{self, FileError};
use crate::trace::parse_address;

/// A sale of an exact amount, or a purchase of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swap {
    /// Number of the pool.
    pub(super) pool: usize,
    /// The side that is paid.
    pub(super) sells_a: bool,
    /// Whether what is paid is given, and not what is bought.
    pub(super) is_sale: bool,
    /// The tokens that were paid or bought.
    pub(super) amount: u64,
}

/// A transaction.
#[derive(Clone, Debug)]
pub(super) struct Trade {
    /// Number of the payer.
    pub(super) payer: usize,
    /// In their order.
    pub(super) swaps: Vec<Swap>,
}

/// All trades, in their order.
#[derive(Debug, Default)]
pub(super) struct Day {
    /// The recorded payers.
    pub(super) payers: Vec<Address>,
    /// What the vaults of each pool held before its first swap.
    pub(super) pools: Vec<[u64; 2]>,
    /// Transactions with swaps.
    pub(super) trades: Vec<Trade>,
}

/// The fields of a line that are used.
#[derive(Deserialize)]
struct Row {
    w: Vec<String>,
    #[serde(default)]
    acts: Vec<Act>,
    /// Vault, balance before, balance after.
    #[serde(default)]
    bal: Vec<(String, String, String)>,
}

/// One operation on a pool; those of other kinds lack most fields.
#[derive(Deserialize)]
struct Act {
    op: String,
    #[serde(default)]
    pool: Vec<String>,
    #[serde(default, rename = "AToB")]
    a_to_b: u8,
    #[serde(default, rename = "AmountSpecifiedIsInput")]
    is_sale: u8,
    #[serde(default, rename = "transferAmount0")]
    paid: String,
    #[serde(default, rename = "transferAmount1")]
    got: String,
}

/// Pools and payers by what the file calls them.
#[derive(Default)]
struct Names {
    pools: HashMap<String, usize>,
    payers: HashMap<Address, usize>,
}

impl Day {
    /// Reads a file, plain or compressed.
    pub(super) fn read(path: &Path) -> Result<Self, FileError<io::Error>> {
        let input = text_file::open(path).map_err(|error| FileError::new(path, error))?;
        let (mut day, mut names) = (Self::default(), Names::default());
        for (index, line) in input.lines().enumerate() {
            let added = line.and_then(|line| day.add(&line, &mut names));
            let number = index.saturating_add(1);
            added.map_err(|error| FileError::in_line(path, number, error))?;
        }
        match day.trades.is_empty() {
            true => Err(FileError::new(path, bad("expected swaps, found none"))),
            false => Ok(day),
        }
    }

    fn add(&mut self, line: &str, names: &mut Names) -> io::Result<()> {
        let row: Row = serde_json::from_str(line)?;
        let mut swaps = Vec::new();
        for act in row.acts.iter().filter(|act| act.op == "swap") {
            swaps.push(self.swap(act, &row.bal, names)?);
        }
        if swaps.is_empty() {
            return Ok(());
        }
        let payer = row.w.first().and_then(|address| parse_address(address));
        let payer = payer.ok_or_else(|| bad("expected an address first in w"))?;
        let next = self.payers.len();
        let number = *names.payers.entry(payer).or_insert(next);
        if number == next {
            self.payers.push(payer);
        }
        self.trades.push(Trade {
            payer: number,
            swaps,
        });
        Ok(())
    }

    fn swap(
        &mut self,
        act: &Act,
        balances: &[(String, String, String)],
        names: &mut Names,
    ) -> io::Result<Swap> {
        let [paid, got] = [amount(&act.paid)?, amount(&act.got)?];
        let pool = act
            .pool
            .first()
            .ok_or_else(|| bad("a swap names no pool"))?;
        let sells_a = act.a_to_b == 1;
        let number = match names.pools.get(pool) {
            Some(number) => *number,
            None => {
                let [source, target] = reserves(balances, [paid, got])?;
                let reserves = match sells_a {
                    true => [source, target],
                    false => [target, source],
                };
                let number = self.pools.len();
                names.pools.insert(pool.clone(), number);
                self.pools.push(reserves);
                number
            }
        };
        let is_sale = act.is_sale == 1;
        Ok(Swap {
            pool: number,
            sells_a,
            is_sale,
            amount: if is_sale { paid } else { got },
        })
    }
}

/// What the vault that is paid held before, and the one that pays: they are told by what they
/// changed by.
fn reserves(balances: &[(String, String, String)], amounts: [u64; 2]) -> io::Result<[u64; 2]> {
    let [mut source, mut target] = [None, None];
    for (_, before, after) in balances {
        let [before, after] = [amount(before)?, amount(after)?];
        if after.checked_sub(before) == Some(amounts[0]) {
            source = Some(before);
        } else if before.checked_sub(after) == Some(amounts[1]) {
            target = Some(before);
        }
    }
    match (source, target) {
        (Some(source), Some(target)) => Ok([source, target]),
        _ => Err(bad(
            "no vaults have changed by what the pool's first swap moved",
        )),
    }
}

fn amount(text: &str) -> io::Result<u64> {
    let parsed = text.parse();
    parsed.map_err(|_| bad(&format!("expected tokens, 0 to 2^64 - 1, found {text:?}")))
}

fn bad(cause: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, cause)
}
