//! What a program's source begins with: `use lockstep_sdk::prelude::*;`.

pub use crate::{
    Result,
    account::{
        Account, Credit, Creditable, Handle, Init, InitIfNeeded, Mut, Program, ProgramId, Rest,
        Signed, Signer, State, Tally, Unchecked, Wallet, Writable,
    },
    data::{Data, encode},
    error::ErrorCode,
    event::Event,
    forward::Forward,
    interface::{Address, InstructionError, InvokeContext as Context},
    pod::{Bool, I16, I32, I64, I128, U16, U32, U64, U128},
    relation::Seed,
    require,
    set::{AccountSet, Accounts},
    state::StateData,
    system::System,
    token::{AssociatedToken, Mint, Token, TokenAccount},
};
pub use lockstep_derive::{Accounts, Data, ErrorCode, event, state};
