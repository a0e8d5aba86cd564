//! Frames: what a connection between two processes carries. A header of 16 bytes, little-endian, and a payload.
//!
//! ```text
//! u32  length of the payload
//! u8   kind
//! u8   three bytes that are 0
//! u32  the first number of that kind
//! u32  the second number
//! ```
//!
//! `docs/internal/remote-interface.md` says what the kinds and their numbers mean.

/// Bytes of a header.
pub const FRAME_HEADER: usize = 16;

/// Blocks that stay shared have numbers from here on; below are those of pieces, which serve one message each.
pub const FIRST_SHARED_BLOCK: u32 = 1 << 31;

/// How much is read at once where nothing larger is on its way.
const READ: usize = 64 * 1024;

/// What a frame is: those to Python have small numbers, those from there begin at 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// To Python: requests, back to back.
    Submit = 1,
    /// To Python: cancel the request.
    Cancel = 2,
    /// To Python: pairs of a handle and how many crossings of it are given back.
    ReleaseHandles = 3,
    /// To Python: requests whose outcome is not needed any more.
    ReleaseRequests = 4,
    /// To Python: so many more items of a stream are wanted.
    Grant = 5,
    /// To Python: no more items of a stream are wanted.
    CloseStream = 6,
    /// To Python: a session of that number begins.
    OpenSession = 7,
    /// To Python: it ends.
    CloseSession = 8,
    /// To Python: the answer to a question, and whether something is kept until it was read.
    Answer = 9,
    /// To Python: what became of a promise.
    SettlePromise = 10,
    /// To Python: nothing more will be heard of a promise.
    ForgetPromise = 11,
    /// To Python: a crossing of an object has arrived.
    ObjectArrived = 12,
    /// To Python: say so if an object is not held.
    AskHeld = 13,
    /// To Python: no question is answered any more.
    RefuseQuestions = 14,
    /// To Python: this connection gets the output that no request wants.
    Listen = 15,
    /// To Python, first of all: the version of the bridge.
    Hello = 16,
    /// To Python: what became of a question that nobody waits for.
    SettleQuestion = 17,
    /// To Python: so many bytes of a piece of the host's memory are the block of that number. If the piece is new, its descriptor comes with
    /// the first byte.
    Memory = 18,
    /// To Python: the number of a block is not needed any more.
    EndBlock = 19,
    /// To Python: a piece of the host's memory is gone.
    ForgetMemory = 20,
    /// To Python: pieces of its memory are not used any more.
    ReturnItems = 21,
    /// To Python: a request that JavaScript waits for, and the handle whose methods need not come, or 0.
    Operate = 22,
    /// To Python, and JavaScript waits for the key: a handle and, as the payload, its type are to be adopted elsewhere.
    Share = 23,
    /// To Python, and JavaScript waits: the handle of that key.
    TakeShare = 24,
    /// To Python: the environment comes to its end in order.
    Leave = 25,
    /// To Python: a part of a file of the host's is the block of that number from now on; the second number is that of the file, the payload
    /// where in it the block begins and how many bytes it has. If the file is new, its descriptor comes with the first byte.
    ShareBlock = 26,
    /// To Python: a file of the host's has no blocks any more.
    ForgetFile = 27,
    /// From Python: completions, back to back.
    Completions = 64,
    /// From Python: a question, and the call for which JavaScript waits while it is asked, or 0.
    Question = 65,
    /// From Python: numbers of objects that it dropped, answers that it read, iterators that it abandoned.
    Forgotten = 66,
    /// From Python: text that was printed.
    Output = 67,
    /// From Python: log records.
    Logged = 68,
    /// From Python: the description of a type, as JSON.
    Type = 69,
    /// From Python: what became of the wish to cancel a request.
    Cancelled = 70,
    /// From Python, first of all: versions, as JSON.
    Welcome = 71,
    /// From Python: a new piece of its memory, for items of arrays, whose descriptor comes with the first byte.
    Items = 72,
    /// From Python: memory in which it says which requests have begun, whose descriptor comes with the first byte.
    Starts = 73,
    /// From Python: pieces of its memory are gone.
    ForgetItems = 74,
    /// From Python: a piece of the host's memory is not used any more.
    ReturnMemory = 75,
    /// From Python: what became of a request that JavaScript waits for.
    Operated = 76,
    /// From Python: a block of the host's is not used any more.
    ReturnBlock = 77,
}

impl FrameKind {
    const ALL: [Self; 41] = [
        Self::Submit,
        Self::Cancel,
        Self::ReleaseHandles,
        Self::ReleaseRequests,
        Self::Grant,
        Self::CloseStream,
        Self::OpenSession,
        Self::CloseSession,
        Self::Answer,
        Self::SettlePromise,
        Self::ForgetPromise,
        Self::ObjectArrived,
        Self::AskHeld,
        Self::RefuseQuestions,
        Self::Listen,
        Self::Hello,
        Self::SettleQuestion,
        Self::Memory,
        Self::EndBlock,
        Self::ForgetMemory,
        Self::ReturnItems,
        Self::Operate,
        Self::Share,
        Self::TakeShare,
        Self::Leave,
        Self::ShareBlock,
        Self::ForgetFile,
        Self::Completions,
        Self::Question,
        Self::Forgotten,
        Self::Output,
        Self::Logged,
        Self::Type,
        Self::Cancelled,
        Self::Welcome,
        Self::Items,
        Self::Starts,
        Self::ForgetItems,
        Self::ReturnMemory,
        Self::Operated,
        Self::ReturnBlock,
    ];

    /// The kind of a number.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is. A number, since the other side may know kinds that this one does not.
    pub kind: u8,
    /// What its first number says depends on the kind.
    pub first: u32,
    /// Its second number.
    pub second: u32,
    /// The rest.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The `u32`s of a payload that consists of those.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<'_> {
        let (numbers, _) = self.payload.as_chunks::<4>();
        numbers.iter().map(|number| u32::from_le_bytes(*number))
    }
}

/// The header of a frame; `None` if the payload is too long for one.
pub fn frame_header(kind: FrameKind, first: u32, second: u32, payload: usize) -> Option<[u8; FRAME_HEADER]> {
    let mut header = [0; FRAME_HEADER];
    header[..4].copy_from_slice(&u32::try_from(payload).ok()?.to_le_bytes());
    header[4] = kind as u8;
    header[8..12].copy_from_slice(&first.to_le_bytes());
    header[12..].copy_from_slice(&second.to_le_bytes());
    Some(header)
}

/// Bytes that arrived, and the frames in them.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    /// What is before was taken.
    start: usize,
    /// What is behind was not received yet.
    end: usize,
}

impl Incoming {
    /// Where the next bytes go: never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            // A huge frame was here; the next ones are of ordinary size.
            if self.bytes.len() > 16 * READ {
                self.bytes = Vec::new();
            }
        }
        let wanted = self.missing().max(READ / 4);
        if self.bytes.len() - self.end < wanted {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            // Doubled at most, so that a header which announces much costs nothing before that comes.
            let limit = (2 * self.end).max(READ);
            let length = (self.end + wanted).min(limit).max(self.end + READ / 4);
            if self.bytes.len() < length {
                self.bytes.resize(length, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes came into [`space`](Self::space).
    ///
    /// # Panics
    ///
    /// If there was not that much space.
    pub fn received(&mut self, count: usize) {
        assert!(
            count <= self.bytes.len() - self.end,
            "more bytes than there was space for"
        );
        self.end += count;
    }

    /// The next whole frame. It is taken when the one after it is asked for.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        let bytes = &self.bytes[self.start..self.end];
        let header: &[u8; FRAME_HEADER] = bytes.first_chunk()?;
        let length = payload_length(header);
        let payload = bytes[FRAME_HEADER..].get(..length)?;
        self.start += FRAME_HEADER + length;
        Some(Frame {
            kind: header[4],
            first: word(&header[8..]),
            second: word(&header[12..]),
            payload,
        })
    }

    /// Whether a whole frame has come.
    pub fn has_frame(&self) -> bool {
        self.missing() == 0
    }

    /// How many bytes the frame that has begun still lacks.
    fn missing(&self) -> usize {
        let bytes = &self.bytes[self.start..self.end];
        let whole = bytes
            .first_chunk::<FRAME_HEADER>()
            .map_or(FRAME_HEADER, |header| FRAME_HEADER + payload_length(header));
        whole.saturating_sub(bytes.len())
    }
}

fn payload_length(header: &[u8; FRAME_HEADER]) -> usize {
    word(header) as usize
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(kind: FrameKind, first: u32, second: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame_header(kind, first, second, payload.len())
            .expect("short")
            .to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn kinds_have_their_numbers() {
        for kind in FrameKind::ALL {
            assert_eq!(FrameKind::of(kind as u8), Some(kind));
        }
        assert_eq!(FrameKind::of(0), None);
        assert_eq!(FrameKind::of(255), None);
    }

    #[test]
    fn a_header_that_announces_much_costs_nothing() {
        let mut incoming = Incoming::default();
        let header = frame_header(FrameKind::Submit, 0, 0, u32::MAX as usize).expect("fits");
        incoming.space()[..FRAME_HEADER].copy_from_slice(&header);
        incoming.received(FRAME_HEADER);
        assert!(incoming.next_frame().is_none());
        assert!(incoming.space().len() <= 2 * READ);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn frames_come_out_as_they_went_in(
            frames in prop::collection::vec(
                (0..FrameKind::ALL.len(), any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..20_000)), 1..6),
            sizes in prop::collection::vec(1_usize..100_000, 1..20),
        ) {
            let sent: Vec<u8> = frames
                .iter()
                .flat_map(|(kind, first, second, payload)| bytes_of(FrameKind::ALL[*kind], *first, *second, payload))
                .collect();
            let mut incoming = Incoming::default();
            let mut came = Vec::new();
            let mut rest = sent.as_slice();
            let mut sizes = sizes.iter().cycle();
            while !rest.is_empty() {
                let space = incoming.space();
                let count = space.len().min(*sizes.next().expect("a cycle")).min(rest.len());
                space[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                incoming.received(count);
                while let Some(frame) = incoming.next_frame() {
                    came.push((frame.kind, frame.first, frame.second, frame.payload.to_vec()));
                }
            }
            let sent: Vec<_> = frames
                .into_iter()
                .map(|(kind, first, second, payload)| (FrameKind::ALL[kind] as u8, first, second, payload))
                .collect();
            prop_assert_eq!(came, sent);
        }
    }
}
