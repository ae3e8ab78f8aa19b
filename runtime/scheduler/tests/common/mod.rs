//! What the tests share: generated load, the pairwise oracle, and recorded traces.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "each test binary uses a part, and load is generated with plain arithmetic"
)]

pub mod load;
pub mod oracle;
pub mod traces;
