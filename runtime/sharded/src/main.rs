//! A worker of the programs that ship: started by a coordinator, never by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    lockstep_sharded::work(lockstep_market::market_programs())
}
