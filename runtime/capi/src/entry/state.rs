//! The state after a block: accounts, proofs, simulations on it.

use lockstep_runtime::{chain::Simulation, wire::WireBlock};
use lockstep_store::{StateProof, account_hash, verify_proof};

use super::{block::recording_of, error::free};
use crate::{
    given::{self, Bytes, SimulateOptions, bytes, one, optional, out, place, slices},
    guard::{brief, call},
    handle,
    kinds::{Account, AnyReceipts, Chain, Error, Proof, ProofParts, Receipts, View},
    status::{Failure, Status},
    types::{AccountFields, Address, Hash, Header},
};

/// Gives the state after a known block, the newest committed one among them. It stays as it is
/// while other blocks are committed, each of which keeps what it replaces as long as a view is
/// there.
///
/// Threads: any. The caller frees the view.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_view(
    chain: *mut Chain,
    at: *const Hash,
    view: *mut *mut View,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (at, view, error) = unsafe { (one(at, "at"), place(view), out(error)) };
    call(error, || {
        let view = view.required("view")?;
        let chain = handle::get(chain)?;
        view.set(handle::put::<View>(chain.chain.view(&(*at?).into())?));
        Ok(())
    })
}

/// Gives id and header of the block of a view; either place may be NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_view_header(
    view: *mut View,
    id: *mut Hash,
    header: *mut Header,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (id, header, error) = unsafe { (out(id), out(header), out(error)) };
    call(error, || {
        let view = handle::get(view)?;
        id.set(view.block_id().into());
        header.set(view.header().into());
        Ok(())
    })
}

/// Reads the account at an address; `account` gets NULL if there is none.
///
/// Threads: any. The caller frees the account.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_view_account(
    view: *mut View,
    address: *const Address,
    account: *mut *mut Account,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (address, account, error) =
        unsafe { (one(address, "address"), place(account), out(error)) };
    call(error, || {
        let account = account.required("account")?;
        if let Some(found) = handle::get(view)?.get(&(*address?).into())? {
            account.set(handle::put::<Account>(found));
        }
        Ok(())
    })
}

/// Proves the account at an address, or that there is none, against the state root of the view's
/// block.
///
/// Threads: any. The caller frees the proof.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_view_prove(
    view: *mut View,
    address: *const Address,
    proof: *mut *mut Proof,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (address, proof, error) = unsafe { (one(address, "address"), place(proof), out(error)) };
    call(error, || {
        let proof = proof.required("proof")?;
        let proven = handle::get(view)?.prove(&(*address?).into())?;
        let bytes = proven.proof.to_bytes();
        proof.set(handle::put::<Proof>(ProofParts { proven, bytes }));
        Ok(())
    })
}

/// Frees a view; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_view_free(view: *mut View) -> Status {
    brief(|| free(view))
}

/// Gives the fields of an account.
///
/// Threads: any. The data is valid until the account is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_account_get(
    account: *mut Account,
    fields: *mut AccountFields,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (fields, error) = unsafe { (out(fields), out(error)) };
    call(error, || {
        let fields = fields.required("fields")?;
        fields.set((&*handle::get(account)?).into());
        Ok(())
    })
}

/// Frees an account; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_account_free(account: *mut Account) -> Status {
    brief(|| free(account))
}

/// Gives the bytes of a proof, at most 8,260, as lockstep_proof_verify takes them, and the header
/// that states the root. `header` may be NULL.
///
/// Threads: any. The bytes are valid until the proof is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_proof_get(
    proof: *mut Proof,
    data: *mut *const u8,
    size: *mut usize,
    header: *mut Header,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (data, size, header, error) = unsafe { (out(data), out(size), out(header), out(error)) };
    call(error, || {
        let (data, size) = (data.required("data")?, size.required("size")?);
        let parts = handle::get(proof)?;
        data.set(parts.bytes.as_ptr());
        size.set(parts.bytes.len());
        header.set((&parts.proven.header).into());
        Ok(())
    })
}

/// Gives the account that is proved; NULL if it is proved that there is none.
///
/// Threads: any. The caller frees the account.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_proof_account(
    proof: *mut Proof,
    account: *mut *mut Account,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (account, error) = unsafe { (place(account), out(error)) };
    call(error, || {
        let account = account.required("account")?;
        if let Some(found) = handle::get(proof)?.proven.account.clone() {
            account.set(handle::put::<Account>(found));
        }
        Ok(())
    })
}

/// Checks that in the state with this root the account at `address` is this one, or that there is
/// none if `account` is NULL. LOCKSTEP_STATUS_PROOF: the proof does not prove it. Needs no chain.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_proof_verify(
    state_root: *const Hash,
    address: *const Address,
    account: *const AccountFields,
    data: *const u8,
    size: usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (root, address, account, data, error) = unsafe {
        let account = optional(account, "account")
            .and_then(|account| account.map(|account| account.read()).transpose());
        let root = one(state_root, "state_root");
        (
            root,
            one(address, "address"),
            account,
            bytes(data, size, "data"),
            out(error),
        )
    };
    call(error, || {
        let proof = StateProof::from_bytes(data?)?;
        let hash = account?.map(|account| account_hash(&account));
        let (root, address) = ((*root?).into(), (*address?).into());
        Ok(verify_proof(&root, &address, hash.as_ref(), &proof)?)
    })
}

/// Frees a proof; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_proof_free(proof: *mut Proof) -> Status {
    brief(|| free(proof))
}

/// Runs transactions in their order on the state after a known block, and drops the result.
/// `options` may be NULL: then signatures are not verified, the slot is the one after the block's,
/// the time is the block's, and logs are recorded.
///
/// Threads: any; it runs on the caller's and holds up commits alone. The transactions are copied,
/// and the caller frees the receipts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_simulate(
    chain: *mut Chain,
    at: *const Hash,
    transactions: *const Bytes,
    transaction_count: usize,
    options: *const SimulateOptions,
    receipts: *mut *mut Receipts,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (at, transactions, wanted, receipts, error) = unsafe {
        let transactions = slices(transactions, transaction_count, "transactions");
        let wanted = match options.is_null() {
            true => Ok(None),
            false => given::options(options).map(Some),
        };
        (
            one(at, "at"),
            transactions,
            wanted,
            place(receipts),
            out(error),
        )
    };
    call(error, || {
        let receipts = receipts.required("receipts")?;
        let chain = handle::get(chain)?;
        let mut simulation = Simulation::new(WireBlock::from_iter(transactions?));
        simulation.recording = recording_of(super::block::RECORD_LOGS)?;
        if let Some(wanted) = wanted? {
            if wanted.reserved != 0 {
                let found = "reserved of lockstep_simulate_options is not 0";
                return Err(Failure::new(Status::BadValue, found));
            }
            simulation.slot = (wanted.slot != 0).then_some(wanted.slot);
            simulation.unix_timestamp = (wanted.has_time != 0).then_some(wanted.unix_timestamp);
            simulation.verify = wanted.verify != 0;
            simulation.recording = recording_of(wanted.recording)?;
        }
        let results = chain.chain.simulate(&(*at?).into(), &simulation)?;
        receipts.set(handle::put::<Receipts>(AnyReceipts::Simulated(results)));
        Ok(())
    })
}
