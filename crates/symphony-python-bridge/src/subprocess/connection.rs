//! One connection: it is read by a thread that never waits for the GIL, so that a cancellation arrives also while Python is busy.
//!
//! There are two such threads, and one of them has the reader. That one does a call itself if nobody else is at work, since a thread that
//! has to be woken comes later than most calls take; then the reader is free, and the other thread takes it once a call has been going on
//! for a [`TICK`]. Whoever comes back and finds the reader taken waits in the other one's place.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use serde_json::json;
use symphony_conductor::transport::{SharedMemory, receive};
use symphony_wire::{Frame, FrameKind, Incoming, Writer};

use super::outgoing::{Outgoing, Waker};
use super::shared_blocks::{self, SharedBlocks};
use super::sync_calls::{Call, Status, SyncCalls};
use super::{fatal, gate};
use crate::async_support::{self, Channel, Forgotten, Interruption};
use crate::bindings::VERSION;
use crate::interpreter::{self, STACK_BYTES};
use crate::javascript::Answer;
use crate::memory::{Block, Lender};
use crate::{gil, releases, shares};

/// How long the reader may be free while a call is under way, at least.
const TICK: Duration = Duration::from_millis(1);
/// After so many ticks without a call the thread that waits sleeps until there is one.
const IDLE_TICKS: u32 = 100;

/// How long completions may be kept back while the executor goes on with other jobs, in milliseconds.
const LONGEST_DEFERRED: i32 = 1;

/// The second number of answers: something is kept until they were read.
const PINS: u32 = 1;

/// The second number of cancellations: the time of the call is over.
const TIMED_OUT: u32 = 1;

/// Begins to serve a connection, until the host closes it.
pub(super) fn open(stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let outgoing = Outgoing::new(stream.try_clone()?, wake);
    let sync_calls = SyncCalls::new();
    let channel = Channel::of_connection(Box::new(Waker::new(&outgoing, &sync_calls)));
    outgoing.serve(&channel);
    let mut open = lock(&OPEN);
    open.retain(|outgoing| outgoing.strong_count() > 0);
    open.push(Arc::downgrade(&outgoing));
    drop(open);
    let connection = Arc::new(Connection {
        reader: Mutex::new(Reader {
            stream,
            woken,
            incoming: Incoming::default(),
            outgoing,
            channel,
            sync_calls,
            grace: Duration::ZERO,
            sessions: FxHashMap::default(),
            descriptors: VecDeque::new(),
            pieces: FxHashMap::default(),
            shared: SharedBlocks::default(),
        }),
        calls: AtomicU64::new(0),
        ended: AtomicBool::new(false),
        sleeping: Mutex::new(false),
        called: Condvar::new(),
    });
    for _ in 0..2 {
        let connection = Arc::clone(&connection);
        std::thread::Builder::new()
            .name("py-connection".to_owned())
            // It runs Python code.
            .stack_size(STACK_BYTES)
            .spawn(move || {
                connection.serve();
                // It may have called Python, and will not again.
                if interpreter::is_running() {
                    gil::end_current_thread();
                }
            })?;
    }
    Ok(())
}

/// Says on all connections what there is to say, until `deadline`, and nothing any more from then on: neither will queued requests begin.
pub(super) fn close_all(deadline: Instant) {
    let open = std::mem::take(&mut *lock(&OPEN));
    for outgoing in open.iter().filter_map(Weak::upgrade) {
        outgoing.flush();
        outgoing.finish(deadline);
        outgoing.end();
        if let Some(channel) = outgoing.channel() {
            channel.close();
        }
    }
}

/// The connections.
static OPEN: Mutex<Vec<Weak<Outgoing>>> = Mutex::new(Vec::new());

struct Connection {
    reader: Mutex<Reader>,
    /// Odd while the thread that had the reader does a call, and another number for each.
    calls: AtomicU64,
    ended: AtomicBool,
    /// Whether the thread that waits sleeps until it is called.
    sleeping: Mutex<bool>,
    called: Condvar,
}

/// What only the thread that reads needs.
struct Reader {
    stream: UnixStream,
    woken: UnixStream,
    incoming: Incoming,
    outgoing: Arc<Outgoing>,
    channel: Arc<Channel>,
    sync_calls: Arc<SyncCalls>,
    /// How long what the host has shared can be adopted after its end.
    grace: Duration,
    /// The sessions that the host opened: its numbers, and those of the executor.
    sessions: FxHashMap<u32, u32>,
    /// Those that came and whose frames did not.
    descriptors: VecDeque<OwnedFd>,
    /// Memory of the host's, by the numbers of its pieces.
    pieces: FxHashMap<u32, Arc<SharedMemory>>,
    /// Memory of the host's that stays shared.
    shared: SharedBlocks,
}

/// A piece of the host's memory that Python uses.
struct OfHost {
    _memory: Arc<SharedMemory>,
    outgoing: Arc<Outgoing>,
    number: u32,
}

impl Lender for OfHost {
    fn given_back(&self) {
        self.outgoing.send(FrameKind::ReturnMemory, self.number, 0, &[]);
    }
}

/// Why reading stopped.
enum Stop {
    /// Calls came that this thread is to do.
    Calls,
    /// The host is gone, or sends what no host of this version would.
    End,
}

/// What came is no message, or the system refuses to wait.
struct Fault;

impl From<shared_blocks::Fault> for Fault {
    fn from(_: shared_blocks::Fault) -> Self {
        Self
    }
}

impl Connection {
    fn serve(&self) {
        while let Some(mut reader) = self.wait_for_reader() {
            let stop = reader.read();
            if matches!(stop, Stop::End) {
                self.ended.store(true, Ordering::Release);
                reader.end();
                drop(reader);
                self.call();
                return;
            }
            self.calls.fetch_add(1, Ordering::AcqRel);
            drop(reader);
            self.call();
            async_support::serve_here();
            self.calls.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Waits until nobody reads, or nobody has for a tick while a call is under way; nothing at the end.
    fn wait_for_reader(&self) -> Option<MutexGuard<'_, Reader>> {
        let mut seen = None;
        let mut idle = 0;
        loop {
            if self.ended.load(Ordering::Acquire) {
                return None;
            }
            let calls = self.calls.load(Ordering::Acquire);
            let is_calling = calls & 1 == 1;
            // Between calls the reader is free for a moment only, and belongs to the thread that did the last one.
            if !is_calling || seen == Some(calls) {
                match self.reader.try_lock() {
                    Ok(reader) => return Some(reader),
                    Err(TryLockError::Poisoned(reader)) => return Some(reader.into_inner()),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            idle = if seen == Some(calls) { idle + 1 } else { 0 };
            seen = Some(calls);
            let mut sleeping = lock(&self.sleeping);
            if idle > IDLE_TICKS {
                *sleeping = true;
                while *sleeping {
                    sleeping = self.called.wait(sleeping).unwrap_or_else(PoisonError::into_inner);
                }
                idle = 0;
            } else {
                let waited = self.called.wait_timeout(sleeping, TICK);
                drop(waited);
            }
        }
    }

    /// Ends the sleep of the thread that waits.
    fn call(&self) {
        let mut sleeping = lock(&self.sleeping);
        if *sleeping {
            *sleeping = false;
            self.called.notify_one();
        }
    }
}

impl Reader {
    fn read(&mut self) -> Stop {
        // Out of its place while frames in it are being taken.
        let mut incoming = std::mem::take(&mut self.incoming);
        let stop = self.read_into(&mut incoming);
        self.incoming = incoming;
        stop
    }

    fn read_into(&mut self, incoming: &mut Incoming) -> Stop {
        loop {
            // What came with the calls before them.
            while let Some(frame) = incoming.next_frame() {
                match self.take(&frame) {
                    Ok(false) => {}
                    Ok(true) => return Stop::Calls,
                    Err(Fault) => return Stop::End,
                }
            }
            if self.wait().is_err() {
                return Stop::End;
            }
            match receive(&self.stream, incoming.space(), &mut self.descriptors) {
                Ok(0) => return Stop::End,
                Ok(count) => incoming.received(count),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => return Stop::End,
            }
        }
    }

    /// Waits until there is something to read, and writes what the socket did not take meanwhile.
    fn wait(&self) -> Result<(), Fault> {
        loop {
            let unsent = self.outgoing.write_on();
            let timeout = if self.outgoing.has_deferred() {
                LONGEST_DEFERRED
            } else {
                -1
            };
            let wanted = if unsent {
                libc::POLLIN | libc::POLLOUT
            } else {
                libc::POLLIN
            };
            let mut descriptors = [
                libc::pollfd {
                    fd: self.stream.as_raw_fd(),
                    events: wanted,
                    revents: 0,
                },
                libc::pollfd {
                    fd: self.woken.as_raw_fd(),
                    events: libc::POLLIN,
                    revents: 0,
                },
            ];
            // SAFETY: two descriptors that are open for as long as `self` lives.
            let count = unsafe { libc::poll(descriptors.as_mut_ptr(), 2, timeout) };
            if count < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return Err(Fault);
            }
            if count == 0 && self.outgoing.has_deferred() {
                self.outgoing.flush();
            }
            let [socket, woken] = descriptors;
            if woken.revents != 0 {
                let _drained = (&self.woken).read(&mut [0; 64]);
            }
            if socket.revents & !libc::POLLOUT != 0 {
                return Ok(());
            }
        }
    }

    /// Whether calls came that the thread is to do.
    fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Fault> {
        let Some(kind) = FrameKind::of(frame.kind) else {
            return Err(Fault);
        };
        let channel = &Arc::clone(&self.channel);
        let (first, second, payload) = (frame.first, frame.second, frame.payload);
        match kind {
            FrameKind::Submit => {
                let inside = gate::enter();
                if inside.is_none() || fatal::is_ending() {
                    // Nobody begins with it here, which the host sees.
                    return Ok(false);
                }
                let mut requests = payload.to_vec();
                self.number_sessions(&mut requests)?;
                return async_support::submit_from_outside(channel, &requests).map_err(|_| Fault);
            }
            FrameKind::Cancel => {
                let place = channel.interrupt(first, interruption(second)) as u32;
                self.outgoing.send(FrameKind::Cancelled, first, place, &[]);
            }
            FrameKind::ReleaseHandles => {
                let mut numbers = frame.numbers();
                while let (Some(handle), Some(count)) = (numbers.next(), numbers.next()) {
                    // A mistake of the host's takes nothing from others.
                    let had = channel.gave_back(handle, count);
                    if had > 0 {
                        releases::crossings(handle, had);
                    }
                }
            }
            FrameKind::ReleaseRequests => channel.release(&frame.numbers().collect::<Vec<_>>()),
            FrameKind::Grant => channel.grant(first, second),
            FrameKind::CloseStream => channel.close_stream(first),
            FrameKind::OpenSession => {
                self.sessions.insert(first, channel.open_session());
            }
            FrameKind::CloseSession => {
                if let Some(session) = self.sessions.remove(&first) {
                    channel.close_session(session);
                }
            }
            FrameKind::Answer => {
                let answer = Answer {
                    bytes: payload.to_vec(),
                    pinned: second & PINS != 0,
                };
                if let Err(answer) = self.sync_calls.answer(first, answer)
                    && let Some(question) = self.outgoing.take_question(first)
                {
                    let is_kept = answer.pinned;
                    if !question.settle(Some(answer)) && is_kept {
                        self.was_read(first);
                    }
                }
            }
            FrameKind::SettlePromise => self.settle(false, first, second, payload),
            FrameKind::SettleQuestion => self.settle(true, first, second, payload),
            FrameKind::ForgetPromise => channel.forget_promise(first),
            FrameKind::ObjectArrived => channel.objects().arrived(first),
            FrameKind::AskHeld => {
                if !channel.objects().holds(first) {
                    self.outgoing
                        .send(FrameKind::Forgotten, Forgotten::Dropped as u32, 0, &first.to_le_bytes());
                }
            }
            FrameKind::RefuseQuestions => channel.refuse_questions(),
            FrameKind::Listen => async_support::listen_to_output(channel),
            FrameKind::Hello => self.welcome(),
            FrameKind::Memory
            | FrameKind::ShareBlock
            | FrameKind::ForgetFile
            | FrameKind::ForgetMemory
            | FrameKind::ReturnItems
            | FrameKind::EndBlock => self.take_memory(kind, frame)?,
            FrameKind::Operate | FrameKind::Share | FrameKind::TakeShare => self.take_awaited(kind, frame)?,
            FrameKind::Leave => self.grace = shares::GRACE,
            // Those that only this side sends.
            FrameKind::Completions
            | FrameKind::Question
            | FrameKind::Forgotten
            | FrameKind::Output
            | FrameKind::Logged
            | FrameKind::Type
            | FrameKind::Cancelled
            | FrameKind::Welcome
            | FrameKind::Items
            | FrameKind::Starts
            | FrameKind::ForgetItems
            | FrameKind::ReturnMemory
            | FrameKind::ReturnBlock
            | FrameKind::Operated => return Err(Fault),
        }
        Ok(false)
    }

    /// A block over so many bytes of a piece of the host's memory, whose descriptor has come if it is new.
    fn block_over(&mut self, number: u32, bytes: usize) -> Option<Arc<Block>> {
        let memory = if let Some(memory) = self.pieces.get(&number) {
            Arc::clone(memory)
        } else {
            let memory = Arc::new(SharedMemory::map(&self.descriptors.pop_front()?).ok()?);
            self.pieces.insert(number, Arc::clone(&memory));
            memory
        };
        if bytes > memory.bytes() {
            return None;
        }
        let pointer = memory.pointer();
        let lender = Box::new(OfHost {
            _memory: memory,
            outgoing: Arc::clone(&self.outgoing),
            number,
        });
        // SAFETY: mapped for as long as the lender lives, which is as long as the block.
        Some(unsafe { Block::lent(pointer, bytes, lender) })
    }

    /// Takes what is about memory that both processes have.
    fn take_memory(&mut self, kind: FrameKind, frame: &Frame<'_>) -> Result<(), Fault> {
        let channel = &Arc::clone(&self.channel);
        let (first, second, payload) = (frame.first, frame.second, frame.payload);
        match kind {
            FrameKind::Memory => {
                let block = self.block_over(first, second as usize).ok_or(Fault)?;
                channel.blocks().enter_as(first, block);
            }
            FrameKind::ShareBlock => {
                let ends = (channel, &self.outgoing);
                if let Some(block) = self.shared.block(first, second, payload, &mut self.descriptors, ends)? {
                    channel.blocks().enter_as(first, block);
                }
            }
            FrameKind::ForgetFile => self.shared.forget(first),
            FrameKind::ForgetMemory => drop(self.pieces.remove(&first)),
            FrameKind::ReturnItems => {
                for number in frame.numbers() {
                    for forgotten in channel.take_back_items(number) {
                        self.outgoing.send(FrameKind::ForgetItems, forgotten, 0, &[]);
                    }
                }
            }
            _ => drop(channel.blocks().take(first)),
        }
        Ok(())
    }

    /// Takes what JavaScript waits for.
    fn take_awaited(&self, kind: FrameKind, frame: &Frame<'_>) -> Result<(), Fault> {
        let (channel, outgoing) = (&self.channel, &self.outgoing);
        let (number, second, payload) = (frame.first, frame.second, frame.payload);
        match kind {
            FrameKind::Share => {
                let type_key = frame.numbers().next().ok_or(Fault)?;
                let mut value = Writer::new();
                value.raw(shares::share(channel, second, type_key).as_bytes());
                outgoing.operated(channel, number, Status::Value, &mut value);
            }
            FrameKind::TakeShare => {
                let (status, mut value) = self.take_share(payload);
                outgoing.operated(channel, number, status, &mut value);
            }
            _ => {
                let call = Call {
                    number,
                    owner: second,
                    request: payload.to_vec(),
                };
                self.sync_calls.call(call, channel, outgoing).map_err(|_| Fault)?;
            }
        }
        Ok(())
    }

    /// The handle of a share: its number and its type; nothing if there is none.
    fn take_share(&self, key: &[u8]) -> (Status, Writer) {
        let mut value = Writer::new();
        match shares::adopt(&String::from_utf8_lossy(key)) {
            Ok(Some(adopted)) => {
                self.channel.crossed(adopted.handle, adopted.type_key);
                value.raw(&adopted.handle.to_le_bytes());
                value.raw(&adopted.type_key.to_le_bytes());
            }
            Ok(None) => {}
            Err(error) => {
                error.write(&mut value);
                return (Status::Error, value);
            }
        }
        (Status::Value, value)
    }

    /// What became of a promise, or of a question; `pin` is the number under which the host keeps what the value names, or 0.
    fn settle(&self, is_question: bool, id: u32, pin: u32, answer: &[u8]) {
        let wanted = self.channel.settle_promise_as(is_question, id, answer, pin);
        if !wanted && pin != 0 {
            self.was_read(pin);
        }
    }

    /// What the host keeps for an answer of that number is not needed.
    fn was_read(&self, number: u32) {
        self.outgoing
            .send(FrameKind::Forgotten, Forgotten::Read as u32, 0, &number.to_le_bytes());
    }

    fn welcome(&self) {
        let info = interpreter::info();
        let answer = json!({
            "bridge": VERSION,
            "version": info.map(|info| &info.version),
            "executable": info.map(|info| &info.executable),
            "prefix": info.map(|info| &info.prefix),
            "pid": std::process::id(),
        });
        if let Some(starts) = self.channel.announce_starts() {
            self.outgoing.send_with(FrameKind::Starts, 0, starts);
        }
        self.outgoing
            .send(FrameKind::Welcome, 0, 0, answer.to_string().as_bytes());
    }

    /// Puts the executor's numbers of sessions in the place of the host's.
    fn number_sessions(&self, requests: &mut [u8]) -> Result<(), Fault> {
        const SESSION: std::ops::Range<usize> = 8..12;
        const OF_LOOP: u32 = u32::MAX;
        let mut rest = requests;
        while !rest.is_empty() {
            let length: [u8; 4] = *rest.first_chunk().ok_or(Fault)?;
            let total = 4 + u32::from_le_bytes(length) as usize;
            let (request, others) = rest.split_at_mut_checked(total).ok_or(Fault)?;
            let session: &mut [u8; 4] = request
                .get_mut(SESSION)
                .and_then(|word| word.try_into().ok())
                .ok_or(Fault)?;
            let number = u32::from_le_bytes(*session);
            if number != 0 && number != OF_LOOP {
                // One that is closed, or never was: the executor says so, for it knows no session of the largest numbers.
                let known = self.sessions.get(&number).copied().unwrap_or(OF_LOOP - 1);
                *session = known.to_le_bytes();
            }
            rest = others;
        }
        Ok(())
    }

    fn end(&self) {
        self.outgoing.end();
        self.sync_calls.end();
        if self.channel.close() {
            shares::end(&self.channel, self.grace);
        }
    }
}

/// Why a call is cancelled, as its frame says.
fn interruption(why: u32) -> Interruption {
    if why == TIMED_OUT {
        Interruption::TimedOut
    } else {
        Interruption::Cancelled
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
