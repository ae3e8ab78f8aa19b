//! Which instruction runs on this thread, for functions of the context.
//!
//! ```text
//! process -> enter: pushed -> the embedder's function -> with_context ... -> popped
//!                                                          `-> invoke -> process -> enter ...
//! ```
//! The runtime lends a program its context for one call. The embedder's function gets a number in
//! place of it, and each function of the context looks up on its own thread whether the number is
//! that of the innermost running instruction. So a context that is kept for later, that was handed
//! to another thread, or that is used while another program is invoked, is found out.
//!
//! # The argument
//!
//! 1. A frame holds a pointer to a context that [`enter`] has borrowed exclusively for the whole
//!    time that the frame is on the stack: the guard pops it before `enter` returns, also when a
//!    panic passes through.
//! 2. The stack is of one thread, and frames are pushed and popped by that thread alone, so a
//!    pointer is used on the thread whose call of `enter` borrows it.
//! 3. While [`with_context`] lends the context, the frame is marked as lent, and a second call for
//!    it is refused. So there is never more than one exclusive reference: that of `enter` is not
//!    used meanwhile. An invoked program pushes a frame of its own above, with a pointer derived
//!    from the reference that is lent then.
//! 4. The lifetimes of the context are erased in the pointer and shortened to the call of
//!    `with_context`, whose work is generic over them: nothing borrowed from the context can be
//!    kept, except by raw pointer.
#![allow(
    unsafe_code,
    reason = "the context of the running instruction is reached by a pointer"
)]

use std::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicUsize, Ordering},
};

use lockstep_interface::InvokeContext;

use super::MISUSE;
use crate::kinds::Context;

/// A running instruction.
#[derive(Clone, Copy)]
struct Frame {
    number: usize,
    context: *mut InvokeContext<'static, 'static>,
    is_lent: bool,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    /// The number that the latest frame of this thread got.
    static LATEST: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) << COUNT_BITS);
}

/// Threads that have run a program, and 1 more: no number is NULL.
static THREADS: AtomicUsize = AtomicUsize::new(1);

/// A number is that of the thread above that of the instruction, so that no two threads share one.
const COUNT_BITS: u32 = 40;
const COUNT_MAX: usize = (1 << COUNT_BITS) - 1;

/// The number behind one of the same thread.
fn next(number: usize) -> usize {
    number & !COUNT_MAX | number.wrapping_add(1) & COUNT_MAX
}

/// Pops the frame above a depth, and all above it.
struct Pop(usize);

impl Drop for Pop {
    fn drop(&mut self) {
        FRAMES.with_borrow_mut(|frames| frames.truncate(self.0));
    }
}

/// Whether an embedder's program runs on this thread.
pub(crate) fn is_running() -> bool {
    FRAMES.with_borrow(|frames| !frames.is_empty())
}

/// Runs an embedder's function with a number for its context.
pub(super) fn enter(
    context: &mut InvokeContext<'_, '_>,
    process: impl FnOnce(*mut Context) -> u64,
) -> u64 {
    let number = next(LATEST.get());
    LATEST.set(number);
    let frame = Frame {
        number,
        context: std::ptr::from_mut(context).cast(),
        is_lent: false,
    };
    let depth = FRAMES.with_borrow_mut(|frames| {
        frames.push(frame);
        frames.len()
    });
    let _pop = Pop(depth.saturating_sub(1));
    process(std::ptr::without_provenance_mut(number))
}

/// Ends the loan of a frame.
struct Return(usize);

impl Drop for Return {
    fn drop(&mut self) {
        FRAMES.with_borrow_mut(|frames| {
            if let Some(frame) = frames.get_mut(self.0) {
                frame.is_lent = false;
            }
        });
    }
}

/// Works with the context of a number, or gives [`MISUSE`] where it is not that of the innermost
/// instruction of this thread.
pub(crate) fn with_context(
    handle: *mut Context,
    work: impl FnOnce(&mut InvokeContext<'_, '_>) -> u64,
) -> u64 {
    let lent = FRAMES.with_borrow_mut(|frames| {
        let place = frames.len().checked_sub(1)?;
        let frame = frames.last_mut()?;
        if frame.number != handle.addr() || frame.is_lent {
            return None;
        }
        frame.is_lent = true;
        Some((place, frame.context))
    });
    let Some((place, context)) = lent else {
        return MISUSE;
    };
    let _return = Return(place);
    // SAFETY: points 1 to 4.
    work(unsafe { &mut *context })
}
