//! The memory of calls, kept by each thread: zero where a call begins, and cleared after it only
//! where it was used.

use std::{cell::RefCell, ops::Range};

use solana_sbpf::vm::CallFrame;

use lockstep_interface::limits::HEAP_SIZE_MAX;

use crate::limits::{CALL_DEPTH_MAX, STACK_SIZE};

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
}

impl Buffers {
    /// Memory that is zero, with room for an image of this size.
    pub(crate) fn take(image_size: usize) -> Self {
        let kept = KEPT.with(|kept| kept.borrow_mut().pop());
        let mut buffers = kept.unwrap_or_else(|| Self {
            image: Vec::new(),
            stack: vec![0; STACK_SIZE],
            heap: vec![0; HEAP_SIZE_MAX],
            frames: vec![CallFrame::default(); CALL_DEPTH_MAX],
        });
        if buffers.image.len() < image_size {
            buffers.image = vec![0; image_size.next_power_of_two()];
        }
        buffers
    }

    /// Clears what was used, and keeps the memory for the next call.
    pub(crate) fn give_back(mut self, used: &Used) {
        used.image
            .iter()
            .for_each(|range| self.image[range.clone()].fill(0));
        self.stack[..used.stack].fill(0);
        self.heap[..used.heap].fill(0);
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
