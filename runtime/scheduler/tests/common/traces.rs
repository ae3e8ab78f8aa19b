//! Turns recorded blocks into access tables.
//!
//! The files are JSON lines, compressed; README.md beside them describes the fields. They are
//! looked for in `$LOCKSTEP_DATA/traces`, else in `../shared/traces` beside the workspace.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use lockstep_scheduler::{Access, AccessTable, AccountIndex};
use serde_json::Value;

/// One block of a trace.
pub struct Block {
    pub slot: u64,
    pub table: AccessTable,
}

/// Which lists of a row hold the accounts.
#[derive(Clone, Copy)]
pub enum Grain {
    /// `w` and `r`.
    Accounts,
    /// `ws`, written storage slots.
    Slots,
}

/// Where the traces are, if they are there.
pub fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("LOCKSTEP_DATA") {
        Some(data) => PathBuf::from(data).join("traces"),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no recorded traces in {}, set LOCKSTEP_DATA",
        folder.display()
    );
    None
}

/// All blocks of a trace without votes, each slot one, or `window` transactions each.
pub fn read(name: &str, grain: Grain, window: Option<usize>) -> Option<Vec<Block>> {
    let path = folder()?.join(format!("{name}.jsonl.zst"));
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let rows = BufReader::new(zstd::Decoder::new(file).expect("it is a zstd file"));
    let mut blocks: Vec<Block> = Vec::new();
    let mut ids: HashMap<String, u32> = HashMap::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(&row.expect("it is text")).expect("it is JSON");
        if row.get("vote").is_some() {
            continue;
        }
        let slot = row["slot"].as_u64().expect("a row has a slot");
        let is_full = match (window, blocks.last()) {
            (_, None) => true,
            (Some(window), Some(block)) => block.table.transaction_count() == window,
            (None, Some(block)) => block.slot != slot,
        };
        if is_full {
            ids.clear();
            blocks.push(Block {
                slot,
                table: AccessTable::new(),
            });
        }
        let (writes, reads) = match grain {
            Grain::Accounts => ("w", "r"),
            Grain::Slots => ("ws", ""),
        };
        let mut accesses = Vec::new();
        for account in list(&row, writes) {
            accesses.push(Access::write(id(&mut ids, account)));
        }
        for account in list(&row, reads) {
            accesses.push(Access::read(id(&mut ids, account)));
        }
        let cost = row.get("cu").and_then(Value::as_u64).unwrap_or(1_000);
        let block = blocks.last_mut().expect("one was pushed");
        block.table.push(accesses, cost);
    }
    if let Some(window) = window {
        blocks.retain(|block| block.table.transaction_count() == window);
    }
    Some(blocks)
}

fn list<'a>(row: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let accounts = row.get(field).and_then(Value::as_array);
    accounts
        .into_iter()
        .flatten()
        .map(|account| account.as_str().expect("accounts are strings"))
}

fn id(ids: &mut HashMap<String, u32>, account: &str) -> AccountIndex {
    let next = ids.len() as u32;
    AccountIndex(*ids.entry(account.to_owned()).or_insert(next))
}
