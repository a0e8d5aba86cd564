//! Memory that other processes may get later: zeros in files without names, each of which goes to another process at most once, whatever lies in it.
//!
//! What is small lies with others in one file, because a file costs a descriptor and several microseconds. Memory is never given out twice: who
//! has got the file may look at what lay there for as long as it wants, and so may a process that was forked meanwhile. A file, and its memory,
//! goes when nothing of it is used here any more; the kernel keeps the memory for others that have mapped it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::transport::SharedMemory;

/// What has more bytes than this has a file of its own.
const MOST_TOGETHER: usize = 16 << 10;
/// Bytes of a file for what is small.
const TOGETHER: usize = 256 << 10;
/// Each begins at a multiple of so many bytes: a line of the cache, so that neighbours do not slow each other down.
const ALIGNMENT: usize = 64;

/// A part of the memory of a file.
#[derive(Debug)]
pub struct Region {
    file: Arc<ArenaFile>,
    offset: usize,
    bytes: usize,
}

/// A file with memory that this process has mapped.
#[derive(Debug)]
pub struct ArenaFile {
    number: u64,
    memory: SharedMemory,
    descriptor: OwnedFd,
}

/// Where the next small one goes.
#[derive(Debug)]
struct Open {
    file: Arc<ArenaFile>,
    used: usize,
}

static OPEN: Mutex<Option<Open>> = Mutex::new(None);

impl Region {
    /// New memory of zeros, aligned to 64 bytes.
    ///
    /// # Errors
    /// What the system says; `Unsupported` where it has no such files.
    pub fn zeroed(bytes: usize) -> io::Result<Self> {
        if bytes > MOST_TOGETHER {
            let file = ArenaFile::create(bytes)?;
            return Ok(Self { file, offset: 0, bytes });
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = bytes.max(1).next_multiple_of(ALIGNMENT);
        let place = match open.take() {
            Some(place) if TOGETHER - place.used >= wanted => place,
            _ => Open {
                file: ArenaFile::create(TOGETHER)?,
                used: 0,
            },
        };
        let region = Self {
            file: Arc::clone(&place.file),
            offset: place.used,
            bytes,
        };
        *open = Some(Open {
            used: place.used + wanted,
            ..place
        });
        Ok(region)
    }

    /// Where it is, until this is dropped. Other processes may read and write there, too.
    ///
    /// # Panics
    /// Never: no mapping ends at address 0.
    pub fn pointer(&self) -> NonNull<u8> {
        NonNull::new(self.file.memory.pointer().as_ptr().wrapping_add(self.offset)).expect("within a mapping")
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where in its file it begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The file that it is a part of.
    pub fn file(&self) -> &ArenaFile {
        &self.file
    }
}

impl ArenaFile {
    fn create(bytes: usize) -> io::Result<Arc<Self>> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let (memory, descriptor) = SharedMemory::create_as_used(bytes)?;
        Ok(Arc::new(Self {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            memory,
            descriptor,
        }))
    }

    /// A number that no other file of this process ever has.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl AsFd for ArenaFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::{ALIGNMENT, ArenaFile, MOST_TOGETHER, Region, TOGETHER};
    use crate::transport::SharedMemory;

    fn regions(sizes: &[usize]) -> Vec<Region> {
        sizes
            .iter()
            .map(|size| Region::zeroed(*size).expect("memory"))
            .collect()
    }

    #[test]
    fn small_ones_lie_apart_in_few_files() {
        let sizes: Vec<usize> = (0..3000).map(|number| number % 300).collect();
        let regions = regions(&sizes);
        let mut places: Vec<(u64, usize, usize)> = regions
            .iter()
            .map(|region| (region.file().number(), region.offset(), region.bytes()))
            .collect();
        places.sort_unstable();
        for pair in places.windows(2) {
            let [(file, offset, bytes), (next_file, next, _)] = pair else {
                unreachable!()
            };
            assert!(file != next_file || offset + bytes.max(&1) <= *next);
        }
        let files: HashSet<u64> = places.iter().map(|(file, ..)| *file).collect();
        assert!(files.len() <= 3000 * 320 / TOGETHER + 2);
        assert!(
            regions
                .iter()
                .all(|region| region.pointer().addr().get() % ALIGNMENT == 0)
        );
    }

    #[test]
    fn a_large_one_has_a_file_of_its_own_which_goes_with_it() {
        let large = Region::zeroed(MOST_TOGETHER + 1).expect("memory");
        assert_eq!((large.offset(), large.bytes()), (0, MOST_TOGETHER + 1));
        let file = Arc::downgrade(&large.file);
        drop(large);
        assert_eq!(file.strong_count(), 0);
    }

    #[test]
    fn who_maps_the_file_sees_what_is_written() {
        for size in [100, MOST_TOGETHER * 10] {
            let region = Region::zeroed(size).expect("memory");
            let file = rustix::io::dup(region.file()).expect("a descriptor");
            let there = SharedMemory::map_as_used(&file).expect("mapped");
            rustix::io::pwrite(region.file(), b"seen", region.offset() as u64).expect("written");
            let mut seen = [0; 4];
            rustix::io::pread(&file, &mut seen, region.offset() as u64).expect("read");
            assert_eq!(&seen, b"seen");
            assert!(there.bytes() >= region.offset() + size);
        }
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        assert!(Region::zeroed(usize::MAX).is_err());
    }

    #[test]
    fn files_have_numbers_of_their_own() {
        let files = [ArenaFile::create(1), ArenaFile::create(1)].map(|file| file.expect("a file").number());
        assert_ne!(files[0], files[1]);
    }
}
