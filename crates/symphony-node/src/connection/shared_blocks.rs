//! Memory of this process's that the other one uses too. A block is named by a number, and lies in a file that is sent once.
//!
//! A block stays until the other process says that it does not use it any more, or the connection ends. What that process has mapped stays its own then:
//! the memory is never used for anything else.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use symphony_python_bridge::memory::Block;
use symphony_wire::FIRST_SHARED_BLOCK;

/// The blocks that the other process of a connection has.
#[derive(Default)]
pub(super) struct SharedBlocks {
    blocks: RefCell<HashMap<u32, Arc<Block>>>,
    /// By the numbers that they have in this process.
    files: RefCell<HashMap<u64, SentFile>>,
    last_block: Cell<u32>,
    last_file: Cell<u32>,
}

/// A file that the other process has.
struct SentFile {
    number: u32,
    /// How many of its blocks that process has.
    blocks: usize,
}

/// What the other process is to be told of a block.
pub(super) struct Announcement {
    pub(super) number: u32,
    pub(super) file: u32,
    /// Where in the file it begins, and how many bytes it has.
    pub(super) place: [u8; 16],
    /// If that process has not got the file yet.
    pub(super) descriptor: Option<OwnedFd>,
}

impl SharedBlocks {
    /// Shares a block; nothing if it is none that another process can have.
    pub(super) fn share(&self, block: Arc<Block>) -> io::Result<Option<Announcement>> {
        let Some(region) = block.region() else { return Ok(None) };
        let mut files = self.files.borrow_mut();
        let mut descriptor = None;
        let file = match files.entry(region.file().number()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                descriptor = Some(region.file().as_fd().try_clone_to_owned()?);
                self.last_file.set(self.last_file.get().wrapping_add(1));
                new.insert(SentFile {
                    number: self.last_file.get(),
                    blocks: 0,
                })
            }
        };
        file.blocks += 1;
        let mut place = [0; 16];
        place[..8].copy_from_slice(&(region.offset() as u64).to_le_bytes());
        place[8..].copy_from_slice(&(region.bytes() as u64).to_le_bytes());
        let number = self.next_number();
        let file = file.number;
        self.blocks.borrow_mut().insert(number, block);
        Ok(Some(Announcement {
            number,
            file,
            place,
            descriptor,
        }))
    }

    fn next_number(&self) -> u32 {
        let blocks = self.blocks.borrow();
        loop {
            let number = self.last_block.get().wrapping_add(1) | FIRST_SHARED_BLOCK;
            self.last_block.set(number);
            if !blocks.contains_key(&number) {
                return number;
            }
        }
    }

    /// The block of a number.
    pub(super) fn get(&self, number: u32) -> Option<Arc<Block>> {
        self.blocks.borrow().get(&number).map(Arc::clone)
    }

    /// The other process does not use a block any more. Gives the file that it can forget with it.
    pub(super) fn returned(&self, number: u32) -> Option<u32> {
        let block = self.blocks.borrow_mut().remove(&number)?;
        let key = block.region()?.file().number();
        let mut files = self.files.borrow_mut();
        let file = files.get_mut(&key)?;
        file.blocks -= 1;
        if file.blocks > 0 {
            return None;
        }
        files.remove(&key).map(|file| file.number)
    }

    /// The connection has ended.
    pub(super) fn clear(&self) {
        self.blocks.take();
        self.files.take();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Arc;

    use symphony_python_bridge::memory::Block;

    use super::SharedBlocks;

    #[test]
    fn a_file_is_sent_once_and_forgotten_with_its_last_block() {
        let shared = SharedBlocks::default();
        let blocks = [10, 20].map(|bytes| Block::shareable(bytes).expect("memory"));
        let [first, second] = blocks.map(|block| shared.share(block).expect("shared").expect("shareable"));
        assert!(first.descriptor.is_some() && second.descriptor.is_none());
        assert_eq!(first.file, second.file);
        assert_ne!(first.number, second.number);
        assert_eq!(shared.get(second.number).expect("there").bytes(), 20);
        assert_eq!(shared.returned(first.number), None);
        assert_eq!(shared.returned(first.number), None, "and once only");
        assert_eq!(shared.returned(second.number), Some(second.file));
        assert!(shared.get(second.number).is_none());
    }

    #[test]
    fn memory_of_this_process_alone_is_not_shared() {
        let shared = SharedBlocks::default();
        let block = Block::zeroed(10).expect("memory");
        assert!(shared.share(Arc::clone(&block)).expect("no error").is_none());
        assert_eq!(Arc::strong_count(&block), 1);
    }
}
