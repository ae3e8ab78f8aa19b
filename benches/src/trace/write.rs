//! A recorded block into the lines of a trace file.

use std::collections::BTreeMap;
use std::io::{self, Write};

use lockstep_interface::Address;
use serde::Serialize;

use super::line::short_address;
use super::{TraceBlock, TraceTransaction};

/// Characters of a signature that a line keeps.
const SIGNATURE_CHARACTERS: usize = 11;

/// The fields of a line.
#[derive(Serialize)]
struct Row<'a> {
    slot: u64,
    i: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<&'a str>,
    w: Vec<String>,
    r: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    c: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    p: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cu: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vote: Option<u8>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<String, &'a str>,
}

impl TraceBlock {
    /// Writes the block as lines that [`Trace::read`](super::Trace::read) reads. O(accesses).
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for transaction in &self.transactions {
            serde_json::to_writer(&mut *out, &row(transaction))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn row(transaction: &TraceTransaction) -> Row<'_> {
    let signature = transaction.signature.as_deref();
    let credits = transaction.credits.iter();
    let credits = credits.filter_map(|position| transaction.writes.get(*position));
    let names = transaction.names.iter();
    Row {
        slot: transaction.slot,
        i: transaction.index,
        sig: signature.map(|text| text.get(..SIGNATURE_CHARACTERS).unwrap_or(text)),
        w: texts(&transaction.writes),
        r: texts(&transaction.reads),
        c: credits.map(text).collect(),
        p: texts(&transaction.programs),
        cu: transaction.cu,
        cl: transaction.cu_limit,
        cp: transaction.cu_price,
        fee: transaction.fee,
        err: transaction.failure.as_deref(),
        vote: transaction.is_vote.then_some(1),
        names: names
            .map(|(address, name)| (text(address), &**name))
            .collect(),
    }
}

fn texts(addresses: &[Address]) -> Vec<String> {
    addresses.iter().map(text).collect()
}

fn text(address: &Address) -> String {
    short_address(address).unwrap_or_else(|| address.to_string())
}
