//! The stage of a transaction in a ledger: every block before it is executed again.

use std::path::Path;

use lockstep_node::content::{Content, account_keys, signature_of};
use lockstep_runtime::bank::is_written_sysvar;
use lockstep_runtime::wire::WireBlock;
use lockstep_store::{DiskStore, Store as _};

use super::stage::{Recorded, Stage};
use crate::failure::Failure;
use crate::ledger::{Common, VerifyOptions, state_before};
use crate::verify::failure;

/// Finds the transaction, and executes what is before it. O(ledger).
pub(super) fn stage(
    path: &Path,
    from: Option<&Path>,
    signature: &[u8; 64],
    common: &Common,
) -> Result<Stage, Failure> {
    let options = VerifyOptions {
        threads: common.threads()?,
        // They were verified when the block was made, and roots are compared.
        signatures: false,
        from: from.map(Path::to_owned),
    };
    let (store, _) = common.open_store(path, false, &options.threads)?;
    let (content, place) = find(path, &store, signature)?;
    let bar = common.bar("blocks");
    let chain = state_before(path, &store, &options, content.slot(), &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let chain = chain.map_err(|error| failure(path, error))?;
    let missing = || {
        Failure::other(format!(
            "{}: the transaction cannot be read",
            path.display()
        ))
    };
    let meta = content.metas.get(place).ok_or_else(missing)?;
    let view = content.transaction(place).ok_or_else(missing)?;
    let (parent, _) = chain.head();
    let mut stage = Stage {
        slot: content.slot(),
        place: Some(place),
        unix_timestamp: content.header.unix_timestamp,
        bytes: view.bytes().to_vec(),
        keys: account_keys(&view, meta),
        // A ledger that no node has made records no results.
        recorded: (!meta.balances_before.is_empty()).then(|| Recorded {
            error: meta.error_value(),
            compute_units: meta.compute_units,
            fee: meta.fee,
        }),
        is_exact: true,
        chain,
        parent,
        before: Vec::new(),
    };
    let earlier: WireBlock = content.transactions.iter().take(place).collect();
    let simulated = stage.simulate(earlier, &[]).map_err(Failure::other)?;
    let changes = simulated.changes.into_iter();
    stage.before = changes
        .filter(|(address, _)| !is_written_sysvar(address))
        .collect();
    Ok(stage)
}

/// The block of a transaction, and its place in it; newest blocks first.
fn find(path: &Path, store: &DiskStore, signature: &[u8; 64]) -> Result<(Content, usize), Failure> {
    let records = store.records(usize::MAX).map_err(Failure::other)?;
    for record in records.iter().rev() {
        let stored = store.block(record.slot).map_err(Failure::other)?;
        let Some(stored) = stored else {
            continue;
        };
        let content = Content::of_stored(&stored).map_err(Failure::usage)?;
        let place = content
            .iter()
            .position(|(view, _)| signature_of(&view) == *signature);
        if let Some(place) = place {
            return Ok((content, place));
        }
    }
    Err(Failure::usage(format!(
        "{}: no block of the ledger has the transaction {}",
        path.display(),
        bs58::encode(signature).into_string()
    )))
}
