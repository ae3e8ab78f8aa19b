//! A validator of a network: the chain under a Byzantine-fault-tolerant consensus engine.
//!
//! ```text
//! peers <-> simplex: agrees on digests --> marshal: final blocks in order --> finaliser
//!               |  propose, verify                                               |  commit
//!               `-> application ------------> BlockEngine (the chain) <----------'
//! ```
//! The engine is `commonware`: its simplex consensus, its marshal, its authenticated peers. What
//! is here puts the chain under it, by the chain's public interface alone, and knows nothing of how
//! agreement is reached. Of `3f + 1` members any `f` may be down or lie. Members may change from
//! epoch to epoch, as the chain's staking program says.
#![forbid(unsafe_code)]

pub mod limits;

pub mod block;

pub mod members;

pub mod epochs;

pub mod elector;

pub mod failure;

pub mod host;

pub mod engine;

pub mod application;

pub mod passages;

pub mod snapshot;

pub mod certificate;

pub mod crossing;

pub mod finaliser;

pub mod evidence;

pub mod rotation;

pub mod member;

pub mod duties;

pub mod gossip;

pub mod node_host;

pub mod config;

pub mod testnet;

pub mod prove;

pub mod stake;
