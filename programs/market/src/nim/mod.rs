//! `nim`: a judge for [`duels`](crate::duel), as small as one can be. There are heaps of stones,
//! the sides take any number from one heap in turn, and the side that takes the last stone wins.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `judge` | | the duel |
//!
//! It keeps no state, so duels of nim share nothing. A turn costs what it costs to invoke it.
//!
//! ```
//! use lockstep_market::{duel::{OVER, SHARE_PARTS, Turn}, nim::{nim, outcome}};
//!
//! let turn = Turn { position: nim::heaps(&[0, 3]), side: 1, play: nim::take(1, 3) };
//! let verdict = outcome(&turn).expect("there are three stones");
//! assert_eq!((verdict.next, verdict.share), (OVER, 0));
//! let turn = Turn { play: nim::take(1, 4), ..turn };
//! assert!(outcome(&turn).is_none());
//! ```

use crate::duel::{OVER, SHARE_PARTS, Turn, Verdict};

/// What comes of a turn. `None` if it is not allowed.
pub fn outcome(turn: &Turn) -> Option<Verdict> {
    let Turn {
        mut position, play, ..
    } = *turn;
    let [heap, stones, ..] = play;
    let heap = position.get_mut(usize::from(heap))?;
    *heap = heap.checked_sub(stones).filter(|_| stones > 0)?;
    let is_over = position.iter().all(|heap| *heap == 0);
    let other = u8::from(turn.side == 0);
    Some(Verdict {
        position,
        next: if is_over { OVER } else { other },
        share: if turn.side == 0 { SHARE_PARTS } else { 0 },
    })
}

/// A judge of nim.
#[lockstep_sdk::program(id = "Nim1111111111111111111111111111111111111111")]
pub mod nim {
    use crate::duel::{Play, Position, Turn, Verdict};
    use lockstep_sdk::prelude::*;

    /// Why a turn is not allowed.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum NimError {
        /// a turn takes at least one stone, and no more than the heap has
        NotAllowed = 1,
    }

    /// What a judge gets.
    #[derive(Accounts, Debug)]
    pub struct Judge<'a> {
        /// The duel. Its position is in the turn.
        pub duel: Unchecked<'a>,
    }

    /// The position with these heaps; of more than 64 the first ones.
    pub fn heaps(stones: &[u8]) -> Position {
        let mut position = [0; 64];
        let heaps = position.iter_mut().zip(stones);
        heaps.for_each(|(heap, stones)| *heap = *stones);
        position
    }

    /// The move that takes stones from a heap.
    pub fn take(heap: u8, stones: u8) -> Play {
        let mut play = [0; 16];
        (play[0], play[1]) = (heap, stones);
        play
    }

    /// Judges a turn.
    #[instruction(0)]
    pub fn judge(_accounts: &Judge<'_>, turn: Turn) -> Result<Verdict> {
        super::outcome(&turn).ok_or(NimError::NotAllowed.into())
    }
}
