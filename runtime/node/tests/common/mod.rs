//! What tests of the node share.
#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

pub(crate) mod install;
pub(crate) mod network;
mod served;

pub(crate) use served::{OPTIONS, Served};
