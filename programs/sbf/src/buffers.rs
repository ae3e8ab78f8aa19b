//! The memory of calls, kept by each thread: zero where a call begins, and cleared after it only
//! where it was used.

use std::{cell::RefCell, ops::Range};

use solana_sbpf::vm::CallFrame;

use lockstep_interface::limits::HEAP_SIZE_MAX;

use crate::{
    image::Layout,
    limits::{CALL_DEPTH_MAX, STACK_SIZE},
    vm::Mapped,
};

/// Calls whose memory a thread keeps: the deepest stack of calls.
const KEPT_MAX: usize = 8;
/// Bytes of an image that a thread keeps.
const IMAGE_KEPT_MAX: usize = 4 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

/// The memory of one call.
pub(crate) struct Buffers {
    pub(crate) image: Vec<u8>,
    pub(crate) stack: Vec<u8>,
    pub(crate) heap: Vec<u8>,
    /// What the interpreter keeps of the functions that wait for others.
    pub(crate) frames: Vec<CallFrame>,
    /// Where everything lies in the image.
    pub(crate) layout: Layout,
    /// How the memory of the last call was mapped.
    pub(crate) mapped: Mapped,
    /// What the call may have written.
    pub(crate) used: Used,
}

impl Buffers {
    /// Memory that is zero, the image without room.
    pub(crate) fn take() -> Self {
        let kept = KEPT.with(|kept| kept.borrow_mut().pop());
        kept.unwrap_or_else(|| Self {
            image: Vec::new(),
            stack: vec![0; STACK_SIZE],
            heap: vec![0; HEAP_SIZE_MAX],
            frames: vec![CallFrame::default(); CALL_DEPTH_MAX],
            layout: Layout::default(),
            mapped: Mapped::default(),
            used: Used::default(),
        })
    }

    /// Gives the image the room that its layout needs.
    pub(crate) fn make_room(&mut self) {
        let size = self.layout.size();
        if self.image.len() < size {
            self.image = vec![0; size.next_power_of_two()];
        }
    }

    /// Clears what was used, and keeps the memory for the next call.
    pub(crate) fn give_back(mut self) {
        for range in self.used.image.drain(..) {
            self.image[range].fill(0);
        }
        self.stack[..self.used.stack].fill(0);
        self.heap[..self.used.heap].fill(0);
        if self.image.len() > IMAGE_KEPT_MAX {
            self.image = Vec::new();
        }
        KEPT.with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT_MAX {
                kept.push(self);
            }
        });
    }
}

/// The bytes that a call may have written.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) image: Vec<Range<usize>>,
    pub(crate) stack: usize,
    pub(crate) heap: usize,
}
