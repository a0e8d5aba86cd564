//! What JavaScript does not need any more: collected, and given back together.

use std::cell::RefCell;

use symphony_wire::{FrameKind, frame_header};

use super::Connection;
use crate::uv::UvHandle;

/// Handles that are collected within this time are given back together, in milliseconds.
const RELEASE_INTERVAL: u64 = 10;

/// Where a connection's handles go when they are collected.
#[derive(Default)]
pub(crate) struct Released {
    pub(super) pairs: RefCell<Vec<(u32, u32)>>,
    /// Pieces of Python's memory.
    pub(super) items: RefCell<Vec<u32>>,
    /// Blocks whose buffers are gone.
    pub(super) blocks: RefCell<Vec<u32>>,
    /// When they go, if nothing does before.
    pub(super) timer: RefCell<Option<UvHandle>>,
}

impl Released {
    /// So many crossings of a handle are to be given back. Allowed in finalizers.
    pub(crate) fn push(&self, id: u32, count: u32) {
        let mut pairs = self.pairs.borrow_mut();
        if pairs.is_empty() {
            self.start_timer();
        }
        pairs.push((id, count));
    }

    pub(super) fn push_items(&self, number: u32) {
        let mut items = self.items.borrow_mut();
        if items.is_empty() {
            self.start_timer();
        }
        items.push(number);
    }

    pub(super) fn push_block(&self, number: u32) {
        let mut blocks = self.blocks.borrow_mut();
        if blocks.is_empty() {
            self.start_timer();
        }
        blocks.push(number);
    }

    pub(super) fn start_timer(&self) {
        if let Some(timer) = &*self.timer.borrow() {
            timer.start::<Connection>(RELEASE_INTERVAL);
        }
    }
}

/// Adds a frame that consists of numbers, if there are any.
pub(super) fn append(frames: &mut Vec<u8>, kind: FrameKind, numbers: Vec<u32>) {
    if let Some(header) = frame_header(kind, 0, 0, 4 * numbers.len())
        && !numbers.is_empty()
    {
        frames.extend_from_slice(&header);
        frames.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
    }
}
