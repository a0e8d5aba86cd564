//! What goes to the host: frames, written by whoever has something to say, as far as the socket takes them.
//!
//! No thread waits for the host here, since it may hold the GIL: what the socket does not take is written by the connection's own thread.

use std::cell::RefCell;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use rustc_hash::FxHashMap;
use symphony_conductor::transport::Unsent;
use symphony_wire::{FrameKind, Writer, frame_header};

use super::sync_calls::{Status, SyncCalls};
use crate::async_support::{self, Channel, Wake};
use crate::javascript::{Answer, Called, Question, Register};
use crate::{interpreter, kinds};

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
    unsent: Unsent,
    /// The buffer of completions.
    completions: Vec<u8>,
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

    /// Whose completions are handed over.
    pub(super) fn channel(&self) -> Option<Arc<Channel>> {
        self.channel.get().and_then(Weak::upgrade)
    }

    /// Sends one frame after what was said before.
    pub(super) fn send(&self, kind: FrameKind, first: u32, second: u32, payload: &[u8]) {
        let mut state = self.lock();
        append(&mut state.unsent, kind, first, second, payload);
        self.write(&mut state);
    }

    /// Sends one frame with a descriptor.
    pub(super) fn send_with(&self, kind: FrameKind, first: u32, descriptor: OwnedFd) {
        let mut state = self.lock();
        state.unsent.attach(descriptor);
        append(&mut state.unsent, kind, first, 0, &[]);
        self.write(&mut state);
    }

    /// Sends one frame with a message that names types and memory, of which the host is told before.
    pub(super) fn tell(&self, channel: &Channel, kind: FrameKind, numbers: [u32; 2], message: &[u8]) {
        let [first, second] = numbers;
        let mut state = self.lock();
        announce(&mut state.unsent, channel);
        append(&mut state.unsent, kind, first, second, message);
        self.write(&mut state);
    }

    /// Tells what became of a request for which the host waits.
    pub(super) fn operated(&self, channel: &Channel, call: u32, status: Status, value: &mut Writer) {
        value.raw(&[status as u8]);
        self.tell(channel, FrameKind::Operated, [call, 0], value.as_slice());
    }

    /// Hands over everything that there is to tell: descriptions of types before what names them, text before the completion of what
    /// printed it.
    pub(super) fn flush(&self) {
        self.deferred.store(false, Ordering::Release);
        let Some(channel) = self.channel() else {
            return;
        };
        // Held until it is written, so that nothing overtakes it. Nobody waits in here.
        let mut state = self.lock();
        let mut completions = std::mem::take(&mut state.completions);
        completions.clear();
        channel.take_completions(&mut completions);
        let logs = channel.take_logs();
        let printed = channel.take_output();
        let forgotten = channel.take_forgotten();
        let mut questions = Vec::new();
        while let Some(question) = channel.next_question() {
            if question.send() {
                questions.push(question);
            }
        }
        // Split, because the questions go elsewhere than the frames.
        let State {
            unsent,
            questions: asked,
            ..
        } = &mut *state;
        announce(unsent, &channel);
        if !logs.is_empty() {
            append(unsent, FrameKind::Logged, 0, 0, &logs);
        }
        for printed in printed {
            let stream = printed.stream.into();
            append(
                unsent,
                FrameKind::Output,
                stream,
                printed.request,
                printed.text.as_bytes(),
            );
        }
        if !completions.is_empty() {
            append(unsent, FrameKind::Completions, 0, 0, &completions);
        }
        for question in questions {
            append(unsent, FrameKind::Question, question.number(), 0, question.bytes());
            asked.insert(question.number(), question);
        }
        for (kind, numbers) in forgotten {
            if !numbers.is_empty() {
                append(unsent, FrameKind::Forgotten, kind as u32, 0, &bytes_of(&numbers));
            }
        }
        // A batch of ordinary size is the buffer of the next ones; a huge one is not kept.
        if completions.capacity() <= 1 << 20 {
            state.completions = completions;
        }
        self.write(&mut state);
    }

    /// Writes on, for the connection's thread; whether there is more that the socket does not take now.
    pub(super) fn write_on(&self) -> bool {
        let mut state = self.lock();
        self.write(&mut state);
        !state.unsent.is_empty()
    }

    /// Waits until the socket has taken everything, at most until `deadline`.
    pub(super) fn finish(&self, deadline: Instant) {
        while self.write_on() {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            let mut writable = libc::pollfd {
                fd: self.socket.as_raw_fd(),
                events: libc::POLLOUT,
                revents: 0,
            };
            // SAFETY: one descriptor that is open for as long as `self` lives.
            let count = unsafe { libc::poll(&raw mut writable, 1, i32::try_from(left).unwrap_or(i32::MAX)) };
            if count == 0 {
                return;
            }
        }
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
            state.unsent.clear();
            std::mem::take(&mut state.questions)
        };
        for question in questions.into_values() {
            question.settle(None);
        }
    }

    /// Sends what there is, as far as the socket takes it.
    fn write(&self, state: &mut State) {
        // A forked copy of the process has the same socket, and nothing to say.
        if state.broken || interpreter::is_forked_copy() {
            state.unsent.clear();
            return;
        }
        match state.unsent.send(&self.socket) {
            Ok(true) => {}
            Ok(false) => self.call(),
            // The thread that reads finds out that the host is gone.
            Err(_) => {
                state.broken = true;
                state.unsent.clear();
            }
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
pub(super) struct Waker {
    outgoing: Arc<Outgoing>,
    sync_calls: Arc<SyncCalls>,
}

impl Waker {
    pub(super) fn new(outgoing: &Arc<Outgoing>, sync_calls: &Arc<SyncCalls>) -> Self {
        Self {
            outgoing: Arc::clone(outgoing),
            sync_calls: Arc::clone(sync_calls),
        }
    }
}

impl Wake for Waker {
    fn answer(&self, number: u32, question: &[u8]) -> Option<Answer> {
        let channel = self.outgoing.channel.get()?.upgrade()?;
        self.sync_calls.ask(&self.outgoing, &channel, number, question)
    }

    fn call(&self, _function: u32, _arguments: &[Register]) -> Called {
        // The registers are memory of one process.
        Called::Indirect
    }

    fn wake(&self) {
        // An executor thread that goes on with the next job at once says more about both together.
        if async_support::has_more_jobs() {
            if !self.outgoing.deferred.swap(true, Ordering::AcqRel) {
                DEFERRED.with(|deferred| deferred.borrow_mut().push(Arc::clone(&self.outgoing)));
                // In case the next job takes long.
                self.outgoing.call();
            }
            return;
        }
        self.outgoing.flush();
    }
}

/// Memory and descriptions of types before what names them.
fn announce(unsent: &mut Unsent, channel: &Channel) {
    for items in channel.take_items() {
        unsent.attach(items.file);
        append(unsent, FrameKind::Items, items.number, 0, &[]);
    }
    for key in channel.take_unannounced_kinds() {
        // Gone if no handle is left that the host could ask about.
        if let Some(description) = kinds::description(key) {
            append(unsent, FrameKind::Type, key, 0, description.as_bytes());
        }
    }
}

fn append(unsent: &mut Unsent, kind: FrameKind, first: u32, second: u32, payload: &[u8]) {
    // No message is longer than what a frame holds: values are bounded by the same number.
    let Some(header) = frame_header(kind, first, second, payload.len()) else {
        return;
    };
    unsent.push(&header);
    unsent.push(payload);
}

fn bytes_of(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
