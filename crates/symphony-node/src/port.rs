//! A port: one environment's side of the core, with the memory it shares with JavaScript.
//!
//! Everything here is touched by the environment's own thread only; what other threads need is in the channel.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::time::Duration;

use napi::sys;
use pyo3::prelude::*;
use symphony_python_bridge::async_support::{Channel, Printed, handles_in_completions, handles_in_question};
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::gil::{self, Attached, ThreadState};
use symphony_python_bridge::javascript::{Answer, Called, Question, Register};
use symphony_python_bridge::{interpreter, scheduling, shares};
use symphony_wire::Writer;

use crate::adopted::Adopted;
use crate::array_memory::too_large;
use crate::exports;
use crate::js::{self, Value};
use crate::mailbox::{DirectResult, Mailbox};
use crate::outbox::Outbox;
use crate::shared_memory::SharedMemory;
use crate::waker::Waker;

/// The port that was made first, which most often stays the only one: found without a question to Node, which would
/// cost a twentieth of a call. Null once its environment ends or has another port, as under Jest.
static FIRST: AtomicPtr<Port> = AtomicPtr::new(ptr::null_mut());
static FIRST_MADE: AtomicBool = AtomicBool::new(false);

/// One environment. Made by `attach`, never freed: finalizers and functions of the environment refer to it until its
/// very end, and it is a few hundred bytes.
pub(crate) struct Port {
    env: sys::napi_env,
    /// The process that attached; a child that Python forks is another one.
    process: u32,
    thread: OnceCell<ThreadState>,
    mailbox: Mailbox,
    outbox: Outbox,
    adopted: Rc<Adopted>,
    shared_memory: SharedMemory,
    channel: Arc<Channel>,
    waker: Waker,
    /// Requests whose completion is still to be delivered.
    pending: Cell<usize>,
    /// Whether those keep the process alive.
    referenced: Cell<bool>,
    /// Requests that JavaScript released while completions are handed over.
    released: RefCell<Vec<u32>>,
    /// Those completed then that it wants kept.
    kept: RefCell<Vec<u32>>,
    batch: RefCell<Vec<u8>>,
    delivering: Cell<bool>,
    listeners: Listeners,
}

/// JavaScript waits for a call into Python, and the thread is attached.
pub(crate) struct InCall<'a> {
    attached: Attached,
    port: &'a Port,
    /// Whether this is a call within another one.
    outer: bool,
}

impl InCall<'_> {
    /// The proof that PyO3's functions ask for.
    #[inline]
    pub(crate) fn python(&self) -> Python<'_> {
        self.attached.python()
    }
}

impl Drop for InCall<'_> {
    #[inline]
    fn drop(&mut self) {
        self.port.channel.leave_call(self.outer);
    }
}

/// The functions of JavaScript's that the port calls.
pub(crate) struct Listeners {
    /// `(batch: Uint8Array)`
    pub(crate) completions: sys::napi_ref,
    /// `(stream, text, request)`
    pub(crate) output: sys::napi_ref,
    /// `(large, length, number, outboxInUse, ownTurn): number`
    pub(crate) question: sys::napi_ref,
    /// `(kind: 0 dropped | 1 read | 2 abandoned, number)`
    pub(crate) forgotten: sys::napi_ref,
    /// `(batch: Uint8Array)`
    pub(crate) logged: sys::napi_ref,
    /// `()`: a call in the registers
    pub(crate) call: sys::napi_ref,
}

impl Port {
    /// A port that lives for ever.
    pub(crate) fn leak(env: sys::napi_env, mailbox: Value, listeners: Listeners) -> Result<&'static Self, BridgeError> {
        let waker = Waker::default();
        let port: &'static Self = Box::leak(Box::new(Self {
            env,
            process: std::process::id(),
            thread: OnceCell::new(),
            mailbox: Mailbox::new(env, mailbox)?,
            outbox: Outbox::new(env),
            adopted: Rc::default(),
            shared_memory: SharedMemory::default(),
            channel: Channel::new(Box::new(waker.remote())),
            waker,
            pending: Cell::new(0),
            referenced: Cell::new(true),
            released: RefCell::default(),
            kept: RefCell::default(),
            batch: RefCell::default(),
            delivering: Cell::new(false),
            listeners,
        }));
        if !FIRST_MADE.swap(true, Ordering::Relaxed) {
            FIRST.store(ptr::from_ref(port).cast_mut(), Ordering::Release);
        } else if Self::first(env).is_some() {
            Self::forget_first();
        }
        port.waker.connect(env, port.as_data());
        scheduling::prefer_short_turns();
        // SAFETY: the port is never freed.
        unsafe { sys::napi_add_env_cleanup_hook(env, Some(environment_ends), port.as_data()) };
        Ok(port)
    }

    /// The port of a running callback.
    #[inline]
    pub(crate) fn of(env: sys::napi_env, info: sys::napi_callback_info) -> &'static Self {
        Self::first(env).unwrap_or_else(|| {
            // SAFETY: every function of a port is defined with the port as its data, and ports are never freed.
            unsafe { &*js::data(env, info).cast::<Self>() }
        })
    }

    /// The first port, if it is the only one of this environment.
    #[inline]
    fn first(env: sys::napi_env) -> Option<&'static Self> {
        // SAFETY: ports are never freed. That `env` is alive and not another one at the same address is for
        // `environment_ends` to see to; only the thread of `env` gets past the comparison.
        unsafe { FIRST.load(Ordering::Acquire).as_ref() }.filter(|first| ptr::eq(first.env, env))
    }

    fn forget_first() {
        FIRST.store(ptr::null_mut(), Ordering::Release);
    }

    pub(crate) fn as_data(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    #[inline]
    pub(crate) fn env(&self) -> sys::napi_env {
        self.env
    }

    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    pub(crate) fn shared_memory(&self) -> &SharedMemory {
        &self.shared_memory
    }

    pub(crate) fn adopted(&self) -> &Rc<Adopted> {
        &self.adopted
    }

    #[inline]
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// Attaches the thread for a call; waits for the GIL.
    #[inline]
    pub(crate) fn attach(&self) -> Result<InCall<'_>, BridgeError> {
        if !interpreter::is_running() {
            return Err(interpreter::refusal());
        }
        let outer = self.channel.enter_call();
        let attached = self.thread.get_or_init(ThreadState::of_current_thread).attach();
        Ok(InCall {
            attached,
            port: self,
            outer,
        })
    }

    /// The outcome that is being handed over is still needed.
    pub(crate) fn keep_request(&self, request: u32) {
        self.kept.borrow_mut().push(request);
    }

    /// Forgets a request. Releases that come while completions are handed over reach the channel together.
    pub(crate) fn release_request(&self, request: u32) {
        if self.delivering.get() {
            self.released.borrow_mut().push(request);
        } else {
            self.channel.release(&[request]);
        }
    }

    /// Forgets the requests of a batch that was handed over, which spares JavaScript a call for each; not those whose
    /// object is kept, nor those it wants kept.
    fn forget_delivered(&self, batch: &[u8]) {
        // In the order of the batch, since JavaScript looks at its completions in that order.
        let mut kept = self.kept.take().into_iter().peekable();
        let mut released = self.released.take();
        let delivered = completions(batch).filter(|completion| !GOES_ON.contains(&completion[STATUS_OFFSET]));
        released.extend(
            delivered
                .filter_map(|completion| completion[4..].first_chunk().copied())
                .map(u32::from_le_bytes)
                .filter(|request| kept.next_if_eq(request).is_none()),
        );
        self.channel.release(&released);
        released.clear();
        self.released.replace(released);
    }

    /// Counts requests that were queued; the process stays alive for them.
    pub(crate) fn expect_completions(&self, count: usize) {
        let before = self.pending.replace(self.pending.get() + count);
        if before == 0 && count > 0 && self.referenced.get() {
            self.waker.hold(self.env, true);
        }
    }

    /// Counts requests that are done with.
    pub(crate) fn forget_completions(&self, count: usize) {
        let left = self.pending.get().saturating_sub(count);
        if self.pending.replace(left) > 0 && left == 0 && self.referenced.get() {
            self.waker.hold(self.env, false);
        }
    }

    /// Says whether requests under way keep the process alive.
    pub(crate) fn keep_alive(&self, referenced: bool) {
        if self.referenced.replace(referenced) != referenced && self.pending.get() > 0 {
            self.waker.hold(self.env, referenced);
        }
    }

    /// Hands over what executor threads completed and what Python wrote, in that order of appearance to the user:
    /// output first, since it was written before the result.
    pub(crate) fn deliver(&self) {
        let mut batch = self.batch.take();
        // Taken before the output, so that what a call printed is there when the call is done.
        self.channel.take_completions(&mut batch);
        self.deliver_output();
        if !batch.is_empty() {
            let ended = completions(&batch).filter(|completion| completion[STATUS_OFFSET] <= KEPT);
            self.forget_completions(ended.count());
            self.delivering.set(true);
            self.adopted.while_reading(
                self.env,
                || handles_in_completions(&batch),
                || js::scope(self.env, || self.hand_over(&batch)),
            );
            self.delivering.set(false);
            self.forget_delivered(&batch);
            batch.clear();
        }
        self.deliver_forgotten();
        self.shared_memory.take_back(self.env);
        self.answer_question();
        // A batch of ordinary size is the buffer of the next ones; a huge one is not kept.
        if batch.capacity() <= 1 << 20 {
            self.batch.replace(batch);
        }
    }

    /// Says which of its objects Python dropped, and which of its answers were read.
    pub(crate) fn deliver_forgotten(&self) {
        for (kind, numbers) in self.channel.take_forgotten() {
            for number in numbers {
                js::scope(self.env, || {
                    let arguments = [js::number(self.env, kind as u32), js::number(self.env, number)];
                    js::call(self.env, js::referenced(self.env, self.listeners.forgotten), &arguments);
                });
            }
        }
    }

    /// Answers one question. Each has a turn of the event loop for itself, so that what a callback leaves to be done, such as the
    /// reactions of promises, is done before the next one begins.
    fn answer_question(&self) {
        if let Some(question) = self.channel.next_question()
            && question.begin()
        {
            let mut settling = Settling {
                question: &question,
                answer: None,
            };
            settling.answer = self.answer(question.number(), question.bytes(), true);
        }
        if self.channel.has_questions() {
            self.channel.wake();
        }
    }

    /// Lets JavaScript answer a question; nothing if it cannot run any more. `own_turn` says that the event loop does this, rather than
    /// a synchronous call.
    pub(crate) fn answer(&self, number: u32, question: &[u8], own_turn: bool) -> Option<Answer> {
        let large = self.mailbox.write_question(question);
        let mut length = None;
        let ask = || {
            let arguments = [
                js::boolean(self.env, large),
                js::number(self.env, u32::try_from(question.len()).unwrap_or(u32::MAX)),
                js::number(self.env, number),
                js::boolean(self.env, self.outbox.is_being_read()),
                js::boolean(self.env, own_turn),
            ];
            let function = js::referenced(self.env, self.listeners.question);
            length = js::call_for_number(self.env, function, &arguments);
        };
        self.adopted
            .while_reading(self.env, || handles_in_question(question), || js::scope(self.env, ask));
        let length = length?;
        // The sign says whether the answer names anything that has to be kept.
        let pinned = length < 0.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a length, which `written` compares with the memory that there is"
        )]
        let bytes = self.outbox.written(length.abs() as usize).ok()?.to_vec();
        Some(Answer { bytes, pinned })
    }

    /// Calls a function of JavaScript's through the registers.
    #[inline]
    pub(crate) fn call_function(&self, function: u32, arguments: &[Register]) -> Called {
        self.mailbox
            .write_call(function, arguments, self.outbox.is_being_read());
        match js::call_plainly(self.env, self.listeners.call) {
            None => Called::Dead,
            // It threw, which it does only where the stack is at its end.
            Some(false) => Called::Answered {
                answer: Answer {
                    bytes: Vec::new(),
                    pinned: false,
                },
                number: 0,
            },
            Some(true) => match self.mailbox.called() {
                DirectResult::Register(register) => Called::Register(register),
                DirectResult::Indirect => Called::Indirect,
                DirectResult::Answer { length, number } => self.outbox.written(length).map_or(Called::Dead, |bytes| {
                    let bytes = bytes.to_vec();
                    Called::Answered {
                        answer: Answer {
                            bytes,
                            pinned: number != 0,
                        },
                        number,
                    }
                }),
            },
        }
    }

    /// Hands over what Python wrote and logged.
    pub(crate) fn deliver_output(&self) {
        let logs = self.channel.take_logs();
        if !logs.is_empty() {
            js::scope(self.env, || {
                self.call_with_bytes(self.listeners.logged, &logs);
            });
        }
        for Printed { stream, request, text } in self.channel.take_output() {
            js::scope(self.env, || {
                let arguments = [
                    js::number(self.env, stream.into()),
                    js::string(self.env, &text),
                    js::number(self.env, request),
                ];
                js::call(self.env, js::referenced(self.env, self.listeners.output), &arguments);
            });
        }
    }

    /// A batch that no `ArrayBuffer` can hold goes over in pieces, and what is too large by itself becomes the failure of
    /// its request: each of them is awaited by somebody.
    fn hand_over(&self, batch: &[u8]) {
        if self.hand_over_whole(batch) {
            return;
        }
        let mut rest = batch;
        while let Some(completion) = first_completion(rest) {
            rest = &rest[completion.len()..];
            if completion.len() == batch.len() || !self.hand_over_whole(completion) {
                self.hand_over_whole(&refused_completion(completion));
            }
        }
    }

    /// Whether there was memory for it.
    fn hand_over_whole(&self, batch: &[u8]) -> bool {
        self.call_with_bytes(self.listeners.completions, batch)
    }

    /// Whether there was memory for the bytes.
    fn call_with_bytes(&self, listener: sys::napi_ref, batch: &[u8]) -> bool {
        let Some(view) = js::uint8_array(self.env, batch) else {
            return false;
        };
        js::call(self.env, js::referenced(self.env, listener), &[view]);
        true
    }

    /// The environment ends, or its JavaScript side was replaced. `grace` is how long what it shared can still be adopted.
    pub(crate) fn detach(&self, grace: Duration) {
        if self.channel.close() {
            shares::end(&self.channel, grace);
        }
        self.waker.disconnect();
    }

    /// Gives back what only JavaScript needed. The port itself stays.
    fn end(&self) {
        // Stopped in the middle of everything, or it would have detached before.
        self.detach(Duration::ZERO);
        self.adopted.end();
        self.shared_memory.end(self.env, &self.channel);
        self.batch.take();
        self.mailbox.end();
        // The main thread ends with the process, which waits for nobody. The thread of a worker waits for the GIL here, like any call.
        if !exports::is_main_thread() && interpreter::is_running() {
            gil::end_current_thread();
        }
    }
}

/// Ends the wait of whoever asked, also when answering panics.
struct Settling<'a> {
    question: &'a Question,
    answer: Option<Answer>,
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.question.settle(self.answer.take());
    }
}

/// Where a completion says what became of the request, and what it says of one whose object is kept.
const STATUS_OFFSET: usize = 8;
const KEPT: u8 = 2;
/// After these the request is still known: it is kept, or a stream that goes on. Beyond `KEPT` all are of streams.
const GOES_ON: [u8; 4] = [KEPT, 3, 4, 7];

/// The completions of a batch.
fn completions(batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = batch;
    std::iter::from_fn(move || {
        let completion = first_completion(rest)?;
        rest = &rest[completion.len()..];
        Some(completion)
    })
}

/// The completion that the bytes begin with: its length, the request id, the status, and a value.
fn first_completion(bytes: &[u8]) -> Option<&[u8]> {
    let (length, after) = bytes.split_first_chunk::<4>()?;
    let length = after.len().min(u32::from_le_bytes(*length) as usize);
    bytes.get(..4 + length)
}

/// The same request's failure, because its outcome has no place in JavaScript.
fn refused_completion(completion: &[u8]) -> Vec<u8> {
    const FAILED: u8 = 1;
    let mut writer = Writer::new();
    writer.raw(&[0; 4]);
    writer.raw(completion.get(4..8).unwrap_or(&[0; 4]));
    writer.raw(&[FAILED]);
    let error = too_large(completion.len());
    // Three short texts and two small headers: nothing here can be too long.
    let written = writer
        .array(3)
        .and_then(|()| writer.text(error.code().as_str()))
        .and_then(|()| writer.text(error.message()))
        .and_then(|()| writer.map(0));
    debug_assert!(written.is_ok(), "an error value is small");
    let length = u32::try_from(writer.len() - 4).unwrap_or_default();
    writer.patch_u32(0, length);
    writer.into_vec()
}

unsafe extern "C" fn environment_ends(port: *mut c_void) {
    // SAFETY: the pointer given to `napi_add_env_cleanup_hook`: a port that is never freed.
    let port = unsafe { &*port.cast::<Port>() };
    if Port::first(port.env).is_some() {
        Port::forget_first();
    }
    port.end();
}
