//! What another chain's state holds, as a client of it can tell.
//!
//! Evidence is about one address and one header that the client knows. It shows the account at the
//! address, or that there is none. An account of another program counts as none: lamports can be
//! sent to any address, and must neither forge a state nor hide that there is none.

use lockstep_interface::{Account, Address};
use lockstep_light::account_at;
use lockstep_sdk::{
    prelude::*,
    state::{StateData, from_account},
};

use crate::light_client::{Client, ClientError, hashing};

/// An account of another chain, or that there is none, at a header.
#[derive(Clone, Debug, Data, Eq, PartialEq)]
pub struct Evidence {
    /// The slot of the header.
    pub slot: u64,
    /// The part of a certified proof behind the hash of the body: flag, account, path.
    pub part: Vec<u8>,
}

/// The state that the other chain has at an address; `None` if there is none of its program.
///
/// Costs compute units in proportion to the size of the evidence.
///
/// # Errors
/// `ClientError::UnknownHeader`, `Frozen` or `BadProof`; `InvalidAccountData` if the account holds
/// another state of the same program.
pub fn shown<T: StateData>(
    client: &State<'_, Client>,
    context: &mut Context<'_, '_>,
    address: &Address,
    evidence: &Evidence,
) -> Result<Option<T>> {
    context.consume(hashing(evidence.part.len()))?;
    let root = client.read(context)?.header(evidence.slot)?.state_root;
    let account = account_at(&root, address.as_array(), &evidence.part);
    let account = account.map_err(|_| ClientError::BadProof)?;
    let own = account.filter(|account| account.owner == *T::OWNER.as_array());
    let own = own.map(|account| Account {
        lamports: account.lamports,
        data: account.data.into(),
        owner: T::OWNER,
        executable: account.executable,
    });
    own.as_ref().map(from_account).transpose()
}
