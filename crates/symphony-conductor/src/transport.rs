//! What passes over a connection for calls: bytes, in order, and with them descriptors of memory that both processes have.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

use crate::sys::Mapping;

/// More descriptors than this do not come with one read.
const MOST_DESCRIPTORS: usize = 16;

/// Memory that two processes have: a file without a name, sealed so that it keeps its length.
#[derive(Debug)]
pub struct SharedMemory {
    mapping: Mapping,
}

impl SharedMemory {
    /// New memory of zeros, and the descriptor by which another process maps it too.
    ///
    /// # Errors
    /// What the system says; `Unsupported` where it has no such files.
    #[cfg(target_os = "linux")]
    pub fn create(bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let file = new_file(bytes)?;
        let mapping = Mapping::of(&file, bytes)?;
        Ok((Self { mapping }, file))
    }

    /// As [`create`](Self::create), for memory of which perhaps not all is used: a page is not there before it is.
    ///
    /// # Errors
    /// As there.
    #[cfg(target_os = "linux")]
    pub fn create_as_used(bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let file = new_file(bytes)?;
        let mapping = Mapping::as_used(&file, bytes)?;
        Ok((Self { mapping }, file))
    }

    /// As above.
    ///
    /// # Errors
    /// `Unsupported`.
    #[cfg(not(target_os = "linux"))]
    pub fn create_as_used(_bytes: usize) -> io::Result<(Self, OwnedFd)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// As above.
    ///
    /// # Errors
    /// `Unsupported`.
    #[cfg(not(target_os = "linux"))]
    pub fn create(_bytes: usize) -> io::Result<(Self, OwnedFd)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The memory that another process made.
    ///
    /// # Errors
    /// What the system says; `InvalidData` for anything that could become shorter while it is in use.
    pub fn map(file: &OwnedFd) -> io::Result<Self> {
        let bytes = Self::length_of(file)?;
        let mapping = Mapping::of(file, bytes)?;
        Ok(Self { mapping })
    }

    /// As [`map`](Self::map), but a page is not there before it is used.
    ///
    /// # Errors
    /// As there.
    pub fn map_as_used(file: &OwnedFd) -> io::Result<Self> {
        let bytes = Self::length_of(file)?;
        let mapping = Mapping::as_used(file, bytes)?;
        Ok(Self { mapping })
    }

    /// The length that the file keeps.
    fn length_of(file: &OwnedFd) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if !rustix::fs::fcntl_get_seals(file)?.contains(rustix::fs::SealFlags::SHRINK) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "expected memory that keeps its length",
            ));
        }
        Ok(usize::try_from(rustix::fs::fstat(file)?.st_size).map_err(|_| io::ErrorKind::InvalidData)?)
    }

    /// Where it is: there until this is dropped. Whoever reads or writes there knows that the other process may do so, too.
    pub fn pointer(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.mapping.bytes()
    }
}

#[cfg(target_os = "linux")]
fn new_file(bytes: usize) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let file = rustix::fs::memfd_create("symphony-memory", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&file, bytes as u64)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

/// Memory that this process shares with another one, piece by piece: a piece that the other one gave back serves again, since new memory costs
/// several times what copying into it does.
#[derive(Debug, Default)]
pub struct Pieces {
    idle: Vec<(u32, SharedMemory)>,
    used: HashMap<u32, SharedMemory>,
    last: u32,
}

/// A piece to be filled.
#[derive(Debug)]
pub struct Piece {
    /// By which both processes know it.
    pub number: u32,
    /// Where it is, until it is given back. It may be longer than what was asked for.
    pub pointer: NonNull<u8>,
    /// What the other process needs to map it, if it does not know it yet.
    pub file: Option<OwnedFd>,
}

/// What is kept of pieces that nobody uses, in bytes.
const MOST_IDLE: usize = 64 << 20;

impl Pieces {
    /// A piece of at least so many bytes.
    ///
    /// # Errors
    /// As for [`SharedMemory::create`].
    pub fn take(&mut self, bytes: usize) -> io::Result<Piece> {
        // The smallest that fits, and none that would be wasted.
        let fitting = self.idle.iter().enumerate().filter(|(_, (_, memory))| {
            let length = memory.bytes();
            length >= bytes && length / 4 <= bytes
        });
        let found = fitting
            .min_by_key(|(_, (_, memory))| memory.bytes())
            .map(|(index, _)| index);
        if let Some(index) = found {
            let (number, memory) = self.idle.swap_remove(index);
            let pointer = memory.pointer();
            self.used.insert(number, memory);
            return Ok(Piece {
                number,
                pointer,
                file: None,
            });
        }
        let length = bytes
            .checked_next_multiple_of(bytes.next_power_of_two() / 8)
            .unwrap_or(bytes);
        let (memory, file) = SharedMemory::create(length.max(bytes))?;
        self.last = self.last.wrapping_add(1).max(1);
        let (number, pointer) = (self.last, memory.pointer());
        self.used.insert(number, memory);
        Ok(Piece {
            number,
            pointer,
            file: Some(file),
        })
    }

    /// The other process does not use a piece any more. Gives the numbers of those that it may forget.
    pub fn give_back(&mut self, number: u32) -> Vec<u32> {
        let Some(memory) = self.used.remove(&number) else {
            return Vec::new();
        };
        self.idle.push((number, memory));
        let mut total: usize = self.idle.iter().map(|(_, memory)| memory.bytes()).sum();
        let mut forgotten = Vec::new();
        // Those first that were not used for the longest time.
        while total > MOST_IDLE {
            let (number, memory) = self.idle.remove(0);
            total -= memory.bytes();
            forgotten.push(number);
        }
        forgotten
    }
}

/// What is still to be sent, and the descriptors that go with it.
#[derive(Debug, Default)]
pub struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    /// Each goes with the byte at its place.
    descriptors: VecDeque<(usize, OwnedFd)>,
}

impl Unsent {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A descriptor that goes with the next byte that is added.
    pub fn attach(&mut self, descriptor: OwnedFd) {
        self.descriptors.push_back((self.bytes.len(), descriptor));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sends what the socket takes now; `true` if that was all.
    ///
    /// # Errors
    /// The other end is gone, or what the system says.
    pub fn send(&mut self, socket: impl AsFd) -> io::Result<bool> {
        while self.sent < self.bytes.len() {
            let mut places = self.descriptors.iter().map(|(place, _)| *place);
            let first = places.next().unwrap_or(usize::MAX);
            let next = if first == self.sent { places.next() } else { Some(first) };
            let end = next.unwrap_or(usize::MAX).min(self.bytes.len());
            let descriptor = (first == self.sent).then(|| &self.descriptors[0].1);
            match send(&socket, &self.bytes[self.sent..end], descriptor) {
                Ok(count) => {
                    if descriptor.is_some() {
                        // The other process has it now.
                        self.descriptors.pop_front();
                    }
                    self.sent += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        // What was large once need not stay so.
        self.bytes.shrink_to(1 << 16);
        self.sent = 0;
        Ok(true)
    }
}

fn send(socket: impl AsFd, bytes: &[u8], descriptor: Option<&OwnedFd>) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::DONTWAIT;
    let Some(descriptor) = descriptor else {
        return Ok(rustix::io::retry_on_intr(|| rustix::net::send(&socket, bytes, flags))?);
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let parts = [IoSlice::new(bytes)];
    Ok(rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(&socket, &parts, &mut ancillary, flags)
    })?)
}

/// Reads what is there into `space`, and the descriptors that came with it; 0 if the other end is closed.
///
/// # Errors
/// `WouldBlock` if there is nothing, or what the system says.
pub fn receive(socket: impl AsFd, space: &mut [u8], descriptors: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut ancillary_space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut ancillary_space);
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::DONTWAIT;
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(space)], &mut ancillary, flags)
    })?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            for descriptor in came {
                #[cfg(not(target_os = "linux"))]
                rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC)?;
                descriptors.push_back(descriptor);
            }
        }
    }
    Ok(received.bytes)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_arrive_with_their_bytes() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let mut unsent = Unsent::default();
        let sizes = [1_usize, 5000, 70_000];
        for (number, size) in (1_u8..).zip(sizes) {
            let (memory, file) = SharedMemory::create(size).expect("memory");
            assert_eq!(memory.bytes(), size);
            rustix::io::pwrite(&file, &[number], 0).expect("written");
            unsent.push(b"before");
            unsent.attach(file);
            unsent.push(&vec![number; size]);
        }
        let mut came = Vec::new();
        let mut descriptors = VecDeque::new();
        let mut space = vec![0; 10_000];
        loop {
            let all_sent = unsent.send(&here).expect("sent");
            while let Ok(count) = receive(&there, &mut space, &mut descriptors) {
                came.extend_from_slice(&space[..count]);
            }
            if all_sent {
                break;
            }
        }
        assert_eq!(came.len(), sizes.iter().sum::<usize>() + 3 * b"before".len());
        let seen: Vec<(usize, u8)> = descriptors
            .iter()
            .map(|file| {
                let mut first = [0];
                rustix::io::pread(file, &mut first, 0).expect("read");
                (SharedMemory::map(file).expect("mapped").bytes(), first[0])
            })
            .collect();
        assert_eq!(seen, [(1, 1), (5000, 2), (70_000, 3)]);
    }

    #[test]
    fn a_piece_serves_again_once_it_was_given_back() {
        let mut pieces = Pieces::default();
        let first = pieces.take(100_000).expect("memory");
        let second = pieces.take(100_000).expect("memory");
        assert!(first.file.is_some() && second.file.is_some() && first.number != second.number);
        assert_eq!(pieces.give_back(first.number), []);
        assert_eq!(pieces.give_back(first.number), [], "and once only");
        let again = pieces.take(90_000).expect("memory");
        assert_eq!((again.number, again.pointer), (first.number, first.pointer));
        assert!(again.file.is_none());
        assert_eq!(pieces.give_back(again.number), []);
        assert!(
            pieces.take(10).expect("memory").file.is_some(),
            "a small one does not waste a large piece"
        );
    }

    #[test]
    fn not_too_much_is_kept() {
        let mut pieces = Pieces::default();
        let numbers: Vec<u32> = (0..5)
            .map(|_| pieces.take(MOST_IDLE / 4).expect("memory").number)
            .collect();
        let forgotten: Vec<u32> = numbers.iter().flat_map(|number| pieces.give_back(*number)).collect();
        assert_eq!(forgotten, numbers[..1]);
    }

    #[test]
    fn memory_that_could_become_shorter_is_refused() {
        let file = rustix::fs::memfd_create("open", rustix::fs::MemfdFlags::ALLOW_SEALING).expect("a file");
        rustix::fs::ftruncate(&file, 100).expect("a length");
        let error = SharedMemory::map(&file).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_other_end_that_is_gone_is_an_error() {
        let (here, there) = UnixStream::pair().expect("a pair");
        drop(there);
        let mut unsent = Unsent::default();
        unsent.push(b"words");
        assert_eq!(unsent.send(&here).expect_err("gone").kind(), io::ErrorKind::BrokenPipe);
    }
}
