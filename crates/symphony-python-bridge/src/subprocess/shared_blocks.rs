//! Memory of the host's that this process uses too: blocks, each a part of a file that was sent once.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;
use symphony_conductor::transport::SharedMemory;
use symphony_wire::FrameKind;

use super::outgoing::Outgoing;
use crate::async_support::Channel;
use crate::memory::{Block, Lender};

/// The files of one connection, by the numbers that the host gave them. Touched by the thread that reads only.
#[derive(Default)]
pub(super) struct SharedBlocks {
    /// Nothing for one that could not be mapped.
    files: FxHashMap<u32, Option<Arc<SharedMemory>>>,
}

/// What came is no message of this version.
pub(super) struct Fault;

impl SharedBlocks {
    /// The block that a frame tells of; nothing if the system has no room for the memory, which the host is told. The descriptor of a file has come if it is new.
    pub(super) fn block(
        &mut self,
        number: u32,
        file: u32,
        payload: &[u8],
        descriptors: &mut VecDeque<OwnedFd>,
        (channel, outgoing): (&Arc<Channel>, &Arc<Outgoing>),
    ) -> Result<Option<Arc<Block>>, Fault> {
        let ([offset, bytes], []) = payload.as_chunks::<8>() else {
            return Err(Fault);
        };
        let size = |word: &[u8; 8]| usize::try_from(u64::from_le_bytes(*word)).map_err(|_| Fault);
        let (offset, bytes) = (size(offset)?, size(bytes)?);
        let memory = if let Some(memory) = self.files.get(&file) {
            memory.clone()
        } else {
            let descriptor = descriptors.pop_front().ok_or(Fault)?;
            let memory = SharedMemory::map_as_used(&descriptor).ok().map(Arc::new);
            self.files.insert(file, memory.clone());
            memory
        };
        let Some(memory) = memory else {
            outgoing.send(FrameKind::ReturnBlock, number, 0, &[]);
            return Ok(None);
        };
        let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= memory.bytes());
        let start = NonNull::new(memory.pointer().as_ptr().wrapping_add(offset));
        let start = start.filter(|_| is_inside).ok_or(Fault)?;
        let lender = Box::new(OfHost {
            _memory: memory,
            channel: Arc::downgrade(channel),
            outgoing: Arc::clone(outgoing),
            number,
        });
        // SAFETY: a part of a mapping that lives as long as the lender, and that as long as the block.
        Ok(Some(unsafe { Block::lent(start, bytes, lender) }))
    }

    /// The host has nothing more in that file for this process.
    pub(super) fn forget(&mut self, file: u32) {
        self.files.remove(&file);
    }
}

struct OfHost {
    _memory: Arc<SharedMemory>,
    /// Keeps the address that is the key.
    channel: Weak<Channel>,
    outgoing: Arc<Outgoing>,
    number: u32,
}

impl Lender for OfHost {
    fn given_back(&self) {
        self.outgoing.send(FrameKind::ReturnBlock, self.number, 0, &[]);
    }

    fn number_in(&self, environment: usize) -> Option<u32> {
        (self.channel.as_ptr() as usize == environment).then_some(self.number)
    }
}
