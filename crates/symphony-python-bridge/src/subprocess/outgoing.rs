//! What goes to the host: frames, written by whoever has something to say, as far as the socket takes them.
//!
//! No thread waits for the host here, since it may hold the GIL: what the socket does not take is written by the connection's own thread.

use std::cell::RefCell;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rustc_hash::FxHashMap;
use symphony_wire::{FrameKind, frame_header};

use crate::async_support::{self, Channel, Wake};
use crate::javascript::Question;
use crate::kinds;

/// What is forgotten: the first number of such a frame.
pub(super) mod forgotten {
    pub(in super::super) const DROPPED: u32 = 0;
    pub(in super::super) const READ: u32 = 1;
    pub(in super::super) const ABANDONED: u32 = 2;
}

/// The writing half of a connection.
pub(super) struct Outgoing {
    socket: UnixStream,
    /// Wakes the connection's thread.
    wake: UnixStream,
    channel: OnceLock<Weak<Channel>>,
    state: Mutex<State>,
    /// Whether completions are kept back until the executor has nothing else to do.
    deferred: AtomicBool,
}

#[derive(Default)]
struct State {
    /// What the socket has not taken.
    unsent: Vec<u8>,
    sent: usize,
    /// The buffer of completions, and that of frames.
    completions: Vec<u8>,
    frames: Vec<u8>,
    /// Questions that the host was asked and has not answered.
    questions: FxHashMap<u32, Arc<Question>>,
    /// The host is gone.
    broken: bool,
}

thread_local! {
    /// Connections with something that this thread kept back.
    static DEFERRED: RefCell<Vec<Arc<Outgoing>>> = const { RefCell::new(Vec::new()) };
}

/// Hands over what this thread kept back.
pub(crate) fn flush_deferred() {
    let waiting = DEFERRED.with(|deferred| {
        // Nearly always empty, also in a process that has no connections at all.
        if deferred.borrow().is_empty() {
            Vec::new()
        } else {
            deferred.take()
        }
    });
    for outgoing in waiting {
        outgoing.flush();
    }
}

impl Outgoing {
    pub(super) fn new(socket: UnixStream, wake: UnixStream) -> Arc<Self> {
        Arc::new(Self {
            socket,
            wake,
            channel: OnceLock::new(),
            state: Mutex::default(),
            deferred: AtomicBool::new(false),
        })
    }

    /// Says whose completions are to be handed over. Once.
    pub(super) fn serve(&self, channel: &Arc<Channel>) {
        self.channel.get_or_init(|| Arc::downgrade(channel));
    }

    /// Sends one frame after what was said before.
    pub(super) fn send(&self, kind: FrameKind, first: u32, second: u32, payload: &[u8]) {
        let mut state = self.lock();
        let mut frames = std::mem::take(&mut state.frames);
        append(&mut frames, kind, first, second, payload);
        self.write(&mut state, frames);
    }

    /// Hands over everything that there is to tell: descriptions of types before what names them, text before the completion of what
    /// printed it.
    pub(super) fn flush(&self) {
        self.deferred.store(false, Ordering::Release);
        let Some(channel) = self.channel.get().and_then(Weak::upgrade) else {
            return;
        };
        // Held until it is written, so that nothing overtakes it. Nobody waits in here.
        let mut state = self.lock();
        let mut completions = std::mem::take(&mut state.completions);
        let mut frames = std::mem::take(&mut state.frames);
        completions.clear();
        channel.take_completions(&mut completions);
        let logs = channel.take_logs();
        let printed = channel.take_output();
        let (mut dropped, mut abandoned, mut read) = (Vec::new(), Vec::new(), Vec::new());
        channel.objects().take_dropped(&mut dropped, &mut abandoned);
        channel.take_read_answers(&mut read);
        let mut questions = Vec::new();
        while let Some(question) = channel.next_question() {
            if question.begin() {
                questions.push(question);
            }
        }
        for key in channel.take_unannounced_kinds() {
            // Gone if no handle is left that the host could ask about.
            if let Some(description) = kinds::description(key) {
                append(&mut frames, FrameKind::Type, key, 0, description.as_bytes());
            }
        }
        if !logs.is_empty() {
            append(&mut frames, FrameKind::Logged, 0, 0, &logs);
        }
        for printed in printed {
            let stream = printed.stream.into();
            append(
                &mut frames,
                FrameKind::Output,
                stream,
                printed.request,
                printed.text.as_bytes(),
            );
        }
        if !completions.is_empty() {
            append(&mut frames, FrameKind::Completions, 0, 0, &completions);
        }
        for question in questions {
            append(&mut frames, FrameKind::Question, question.number(), 0, question.bytes());
            state.questions.insert(question.number(), question);
        }
        // What was abandoned was dropped as well, and has to be there still.
        for (kind, numbers) in [
            (forgotten::ABANDONED, abandoned),
            (forgotten::DROPPED, dropped),
            (forgotten::READ, read),
        ] {
            if !numbers.is_empty() {
                append(&mut frames, FrameKind::Forgotten, kind, 0, &bytes_of(&numbers));
            }
        }
        // A batch of ordinary size is the buffer of the next ones; a huge one is not kept.
        if completions.capacity() <= 1 << 20 {
            state.completions = completions;
        }
        self.write(&mut state, frames);
    }

    /// Writes on, for the connection's thread; whether there is more that the socket does not take now.
    pub(super) fn write_on(&self) -> bool {
        let mut state = self.lock();
        self.write(&mut state, Vec::new());
        state.sent < state.unsent.len()
    }

    /// Whether completions are kept back.
    pub(super) fn has_deferred(&self) -> bool {
        self.deferred.load(Ordering::Acquire)
    }

    /// The question that is answered.
    pub(super) fn take_question(&self, number: u32) -> Option<Arc<Question>> {
        self.lock().questions.remove(&number)
    }

    /// The host is gone: nothing is written any more, and nobody will answer.
    pub(super) fn end(&self) {
        let questions = {
            let mut state = self.lock();
            state.broken = true;
            state.unsent = Vec::new();
            state.sent = 0;
            std::mem::take(&mut state.questions)
        };
        for question in questions.into_values() {
            question.settle(None);
        }
    }

    fn write(&self, state: &mut State, mut frames: Vec<u8>) {
        if state.broken {
            return;
        }
        if state.sent == state.unsent.len() && !frames.is_empty() {
            std::mem::swap(&mut state.unsent, &mut frames);
            state.sent = 0;
        } else {
            state.unsent.extend_from_slice(&frames);
        }
        while state.sent < state.unsent.len() {
            match (&self.socket).write(&state.unsent[state.sent..]) {
                Ok(count) => state.sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.call();
                    return;
                }
                // The thread that reads finds out that the host is gone.
                Err(_) => {
                    state.broken = true;
                    break;
                }
            }
        }
        state.unsent.clear();
        state.sent = 0;
        if frames.capacity() > state.frames.capacity() {
            frames.clear();
            state.frames = frames;
        }
        if state.unsent.capacity() > 1 << 20 {
            state.unsent = Vec::new();
        }
    }

    /// Wakes the connection's thread. One byte that was not read yet is as good as two.
    pub(super) fn call(&self) {
        let _is_full = (&self.wake).write(&[0]);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the channel of a connection calls.
pub(super) struct Waker(pub(super) Arc<Outgoing>);

impl Wake for Waker {
    fn wake(&self) {
        // An executor thread that goes on with the next job at once says more about both together.
        if async_support::has_more_jobs() {
            if !self.0.deferred.swap(true, Ordering::AcqRel) {
                DEFERRED.with(|deferred| deferred.borrow_mut().push(Arc::clone(&self.0)));
                // In case the next job takes long.
                self.0.call();
            }
            return;
        }
        self.0.flush();
    }
}

fn append(frames: &mut Vec<u8>, kind: FrameKind, first: u32, second: u32, payload: &[u8]) {
    // No message is longer than what a frame holds: values are bounded by the same number.
    let Some(header) = frame_header(kind, first, second, payload.len()) else {
        return;
    };
    frames.extend_from_slice(&header);
    frames.extend_from_slice(payload);
}

fn bytes_of(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
