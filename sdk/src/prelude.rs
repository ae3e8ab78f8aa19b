//! What a program's source begins with: `use lockstep_sdk::prelude::*;`.

pub use crate::{
    Result,
    account::{
        Account, Credit, Creditable, Handle, Init, Mut, Program, ProgramId, Rest, Signed, Signer,
        State, Unchecked, Wallet, Writable,
    },
    data::{Data, encode},
    error::ErrorCode,
    event::Event,
    forward::Forward,
    interface::{Address, InstructionError, InvokeContext as Context},
    pod::{I64, U16, U32, U64, U128},
    relation::Seed,
    require,
    set::{AccountSet, Accounts},
    state::StateData,
    system::System,
};
pub use lockstep_derive::{Accounts, Data, ErrorCode, event, state};
