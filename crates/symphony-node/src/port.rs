//! A port: one environment's side of the core, with the memory it shares with JavaScript.
//!
//! Everything here is touched by the environment's own thread only; what other threads need is in the channel.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use napi::sys;
use symphony_python_bridge::async_support::Channel;
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::gil::{Attached, ThreadState};
use symphony_python_bridge::interpreter;
use symphony_python_bridge::javascript::Answer;
use symphony_wire::{ErrorCode, Writer};

use crate::adopted::Adopted;
use crate::js::{self, UNDEFINED, Value};
use crate::waker::Waker;

/// The registers at the beginning of the mailbox, as the words and doubles that `ts/native/mailbox.ts` names too.
mod register {
    /// Words: the kind of a result, what there is to say of it, and what a call is about.
    pub(super) const KIND: usize = 0;
    pub(super) const DETAILS: usize = 1;
    pub(super) const COUNT: usize = 5;
    pub(super) const TARGET: usize = 14;
    pub(super) const NAME: usize = 15;
    /// Doubles: a result, and the arguments of a call.
    pub(super) const RESULT: usize = 3;
    pub(super) const ARGUMENTS: usize = 4;
    pub(super) const MOST_NUMBERS: usize = 3;
    /// Values begin behind them.
    pub(super) const END: usize = 64;
}

/// What the mailbox holds: its first word. The large variants are the same with the value in `takeLarge()`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Kind {
    Handle = 1,
    Value = 2,
    LargeValue = 3,
    Error = 4,
    LargeError = 5,
    Method = 6,
    Indirect = 7,
    Exception = 8,
    None = 9,
    Boolean = 10,
    Integer = 11,
    Number = 12,
}

/// Memory of an `ArrayBuffer` that a strong reference keeps.
#[derive(Clone, Copy)]
struct Shared {
    data: *mut u8,
    bytes: usize,
    reference: sys::napi_ref,
}

/// Memory for results that is larger than this is not kept for the next one.
const LARGEST_KEPT: usize = 4 << 20;

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
    mailbox: Shared,
    outbox: Cell<Option<Shared>>,
    writer: RefCell<Writer>,
    /// Memory for results that do not fit the mailbox; what is in it counts until the next one.
    large: Cell<Option<Shared>>,
    adopted: Adopted,
    channel: Arc<Channel>,
    waker: Waker,
    /// Requests whose completion is still to be delivered.
    pending: Cell<usize>,
    /// Requests that JavaScript released while completions are handed over.
    released: RefCell<Vec<u32>>,
    /// Those completed then that it wants kept.
    kept: RefCell<Vec<u32>>,
    batch: RefCell<Vec<u8>>,
    delivering: Cell<bool>,
    listeners: Listeners,
    /// Whether a request in the outbox is being read.
    reading: Cell<bool>,
    /// Outboxes that were replaced meanwhile.
    retired: RefCell<Vec<sys::napi_ref>>,
}

/// The functions of JavaScript's that the port calls.
pub(crate) struct Listeners {
    /// `(batch: Uint8Array)`
    pub(crate) completions: sys::napi_ref,
    /// `(stream, text)`
    pub(crate) output: sys::napi_ref,
    /// `(kind, length, number, outboxInUse): number`
    pub(crate) question: sys::napi_ref,
    /// `(kind: 0 dropped | 1 read, number)`
    pub(crate) forgotten: sys::napi_ref,
}

impl Port {
    /// A port that lives for ever.
    pub(crate) fn leak(env: sys::napi_env, mailbox: Value, listeners: Listeners) -> Result<&'static Self, BridgeError> {
        let mailbox = shared(env, mailbox)?;
        if mailbox.bytes < 1 << 16 {
            return Err(BridgeError::new(
                ErrorCode::InvalidArgument,
                "expected a mailbox of at least 64 KiB",
            ));
        }
        let waker = Waker::default();
        let port: &'static Self = Box::leak(Box::new(Self {
            env,
            process: std::process::id(),
            thread: OnceCell::new(),
            mailbox,
            outbox: Cell::new(None),
            writer: RefCell::new(Writer::new()),
            large: Cell::new(None),
            adopted: Adopted::default(),
            channel: Channel::new(Box::new(waker.remote())),
            waker,
            pending: Cell::new(0),
            released: RefCell::default(),
            kept: RefCell::default(),
            batch: RefCell::default(),
            delivering: Cell::new(false),
            listeners,
            reading: Cell::new(false),
            retired: RefCell::default(),
        }));
        if !FIRST_MADE.swap(true, Ordering::Relaxed) {
            FIRST.store(ptr::from_ref(port).cast_mut(), Ordering::Release);
        } else if Self::first(env).is_some() {
            Self::forget_first();
        }
        port.waker.connect(env, port.as_data());
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

    pub(crate) fn adopted(&self) -> &Adopted {
        &self.adopted
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// Attaches the thread; waits for the GIL.
    #[inline]
    pub(crate) fn attach(&self) -> Result<Attached, BridgeError> {
        if !interpreter::is_running() {
            return Err(interpreter::refusal());
        }
        Ok(self.thread.get_or_init(ThreadState::of_current_thread).attach())
    }

    /// The requests that JavaScript wrote.
    pub(crate) fn requests(&self, length: usize) -> Result<&[u8], BridgeError> {
        let outbox = self.outbox.get().filter(|outbox| length <= outbox.bytes);
        let outbox = outbox.ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "the outbox is smaller than that"))?;
        // SAFETY: the buffer is kept by its reference and never transferred; JavaScript does not run meanwhile.
        Ok(unsafe { std::slice::from_raw_parts(outbox.data, length) })
    }

    /// New memory for requests.
    pub(crate) fn make_outbox(&self, bytes: usize) -> Result<Value, BridgeError> {
        let (value, data) = js::array_buffer(self.env, bytes).ok_or_else(|| too_large(bytes))?;
        let new = Shared {
            data,
            bytes,
            reference: js::reference(self.env, value),
        };
        if let Some(old) = self.outbox.replace(Some(new)) {
            if self.reading.get() {
                self.retired.borrow_mut().push(old.reference);
            } else {
                // SAFETY: a reference of this environment, deleted once.
                unsafe { sys::napi_delete_reference(self.env, old.reference) };
            }
        }
        Ok(value)
    }

    /// Runs `body`, which reads the outbox. That may run Python code, which may call JavaScript, which gets another outbox.
    pub(crate) fn while_reading<R>(&self, body: impl FnOnce() -> R) -> R {
        let outer = self.reading.replace(true);
        let result = body();
        self.reading.set(outer);
        if !outer {
            for reference in self.retired.take() {
                // SAFETY: a reference of this environment, deleted once.
                unsafe { sys::napi_delete_reference(self.env, reference) };
            }
        }
        result
    }

    /// Says in the mailbox that the result is a new handle.
    pub(crate) fn announce_handle(&self, id: u32, type_key: u32) {
        self.write_words(Kind::Handle, [id, type_key, 0, 0]);
    }

    /// Says in the mailbox what the result is.
    #[inline]
    pub(crate) fn announce(&self, kind: Kind) {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::KIND).write((kind as i32).cast_unsigned()) };
    }

    /// Says in the mailbox that Python raised this exception, if the message fits: its type is known by the key, and the
    /// rest is fetched when somebody asks.
    pub(crate) fn announce_exception(&self, message: &str, id: u32, type_key: u32, has_cause: bool) -> bool {
        let mut writer = self.writer.take();
        writer.clear();
        let fits = writer.text(message).is_ok() && writer.len() <= self.mailbox.bytes - register::END;
        if fits {
            self.write_value(writer.as_slice());
            let length = u32::try_from(writer.len()).unwrap_or_default();
            self.write_words(Kind::Exception, [length, id, type_key, u32::from(has_cause)]);
        }
        self.writer.replace(writer);
        fits
    }

    /// Writes a result, of which `body` says the kind, to the mailbox or, if it is large, aside.
    pub(crate) fn write_result(&self, body: impl FnOnce(&mut Writer) -> Kind) -> Value {
        // Out of its place, because `body` may run Python code that calls JavaScript that calls Python.
        let mut writer = self.writer.take();
        writer.clear();
        let kind = body(&mut writer);
        let bytes = writer.as_slice();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if self.write_value_if_it_fits(bytes) {
            self.write_words(kind, [length, 0, 0, 0]);
        } else {
            let large = if kind == Kind::Error {
                Kind::LargeError
            } else {
                Kind::LargeValue
            };
            // The bytes stay in the writer until JavaScript takes them, which it does next.
            self.write_words(large, [length, 0, 0, 0]);
        }
        self.writer.replace(writer);
        UNDEFINED
    }

    /// The value that did not fit the mailbox, in memory that is at least as large.
    pub(crate) fn take_large(&self) -> Result<Value, BridgeError> {
        let mut writer = self.writer.borrow_mut();
        let bytes = writer.as_slice();
        let (value, data) = self.memory_for(bytes.len())?;
        // SAFETY: at least that many bytes, which nobody else writes.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
        if bytes.len() > LARGEST_KEPT {
            *writer = Writer::new();
        }
        Ok(value)
    }

    /// Memory of a large result: that of the one before, if it is large enough, since new memory costs as much as all
    /// the rest.
    fn memory_for(&self, bytes: usize) -> Result<(Value, *mut u8), BridgeError> {
        if let Some(kept) = self.large.get().filter(|kept| kept.bytes >= bytes) {
            return Ok((js::referenced(self.env, kept.reference), kept.data));
        }
        let wanted = if bytes > LARGEST_KEPT {
            bytes
        } else {
            bytes.next_power_of_two()
        };
        let (value, data) = js::array_buffer(self.env, wanted).ok_or_else(|| too_large(bytes))?;
        if wanted <= LARGEST_KEPT {
            let reference = js::reference(self.env, value);
            let new = Shared {
                data,
                bytes: wanted,
                reference,
            };
            if let Some(old) = self.large.replace(Some(new)) {
                // SAFETY: a reference of this environment, deleted once.
                unsafe { sys::napi_delete_reference(self.env, old.reference) };
            }
        }
        Ok((value, data))
    }

    fn write_value_if_it_fits(&self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.mailbox.bytes - register::END;
        if fits {
            self.write_value(bytes);
        }
        fits
    }

    /// `bytes` must fit behind the words.
    fn write_value(&self, bytes: &[u8]) {
        // SAFETY: within the mailbox, whose memory is kept by its reference and never transferred.
        unsafe {
            ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                self.mailbox.data.wrapping_add(register::END),
                bytes.len(),
            );
        }
    }

    fn write_words(&self, kind: Kind, details: [u32; 4]) {
        // SAFETY: four words within the registers.
        unsafe { ptr::copy_nonoverlapping(details.as_ptr(), self.word(register::DETAILS), details.len()) };
        self.announce(kind);
    }

    #[inline]
    fn word(&self, index: usize) -> *mut u32 {
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "an ArrayBuffer's memory is aligned for every element type"
        )]
        self.mailbox.data.cast::<u32>().wrapping_add(index)
    }

    #[inline]
    fn double(&self, index: usize) -> *mut f64 {
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "an ArrayBuffer's memory is aligned for every element type"
        )]
        self.mailbox.data.cast::<f64>().wrapping_add(index)
    }

    /// The handle id that a call is about.
    #[inline]
    pub(crate) fn target(&self) -> u32 {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::TARGET).read() }
    }

    /// The name number that a call is about.
    #[inline]
    pub(crate) fn name(&self) -> u32 {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::NAME).read() }
    }

    /// The arguments of a call with numbers.
    #[inline]
    pub(crate) fn numbers(&self) -> &[f64] {
        // SAFETY: a word within the registers.
        let count = unsafe { self.word(register::COUNT).read() } as usize;
        let count = count.min(register::MOST_NUMBERS);
        // SAFETY: doubles within the registers, which JavaScript does not write while this thread is here.
        unsafe { std::slice::from_raw_parts(self.double(register::ARGUMENTS), count) }
    }

    /// Says in the mailbox that the result is this number.
    #[inline]
    pub(crate) fn announce_number(&self, number: f64) {
        // SAFETY: a double within the registers.
        unsafe { self.double(register::RESULT).write(number) };
        self.announce(Kind::Number);
    }

    /// Says in the mailbox that the result is this integer.
    #[inline]
    pub(crate) fn announce_integer(&self, integer: i32) {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::DETAILS).write(integer.cast_unsigned()) };
        self.announce(Kind::Integer);
    }

    /// Says in the mailbox that the result is this boolean.
    #[inline]
    pub(crate) fn announce_boolean(&self, boolean: bool) {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::DETAILS).write(boolean.into()) };
        self.announce(Kind::Boolean);
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
        let delivered = completions(batch).filter(|completion| completion[STATUS_OFFSET] != KEPT);
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
        if before == 0 && count > 0 {
            self.waker.hold(self.env, true);
        }
    }

    /// Counts requests that are done with.
    pub(crate) fn forget_completions(&self, count: usize) {
        let left = self.pending.get().saturating_sub(count);
        if self.pending.replace(left) > 0 && left == 0 {
            self.waker.hold(self.env, false);
        }
    }

    /// Hands over what executor threads completed and what Python wrote, in that order of appearance to the user:
    /// output first, since it was written before the result.
    pub(crate) fn deliver(&self) {
        self.deliver_output();
        let mut batch = self.batch.take();
        self.channel.take_completions(&mut batch);
        if !batch.is_empty() {
            self.forget_completions(completions(&batch).count());
            self.delivering.set(true);
            js::scope(self.env, || self.hand_over(&batch));
            self.delivering.set(false);
            self.forget_delivered(&batch);
            batch.clear();
        }
        self.deliver_forgotten();
        self.answer_questions();
        // A batch of ordinary size is the buffer of the next ones; a huge one is not kept.
        if batch.capacity() <= 1 << 20 {
            self.batch.replace(batch);
        }
    }

    /// Says which of its objects Python dropped, and which of its answers were read.
    pub(crate) fn deliver_forgotten(&self) {
        const DROPPED: u32 = 0;
        const READ: u32 = 1;
        let (mut dropped, mut read) = (Vec::new(), Vec::new());
        self.channel.objects().take_dropped(&mut dropped);
        self.channel.take_read_answers(&mut read);
        for (kind, numbers) in [(DROPPED, dropped), (READ, read)] {
            for number in numbers {
                js::scope(self.env, || {
                    let arguments = [js::number(self.env, kind), js::number(self.env, number)];
                    js::call(self.env, js::referenced(self.env, self.listeners.forgotten), &arguments);
                });
            }
        }
    }

    /// Answers the questions that wait now. Those that come meanwhile wait for the next turn of the event loop.
    fn answer_questions(&self) {
        for _ in 0..self.channel.waiting_questions() {
            let Some(question) = self.channel.next_question() else {
                break;
            };
            if question.begin() {
                question.settle(self.answer(question.number(), question.bytes()));
            }
        }
        if self.channel.waiting_questions() > 0 {
            self.channel.wake();
        }
    }

    /// Lets JavaScript answer a question; nothing if it cannot run any more.
    pub(crate) fn answer(&self, number: u32, question: &[u8]) -> Option<Answer> {
        let large = !self.write_value_if_it_fits(question);
        if large {
            let mut writer = self.writer.take();
            writer.clear();
            writer.raw(question);
            self.writer.replace(writer);
        }
        let mut length = None;
        js::scope(self.env, || {
            let arguments = [
                js::boolean(self.env, large),
                js::number(self.env, u32::try_from(question.len()).unwrap_or(u32::MAX)),
                js::number(self.env, number),
                js::boolean(self.env, self.reading.get()),
            ];
            let function = js::referenced(self.env, self.listeners.question);
            length = js::call_for_number(self.env, function, &arguments);
        });
        let length = length?;
        // The sign says whether the answer names anything that has to be kept.
        let pinned = length < 0.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a length, which `requests` compares with the memory that there is"
        )]
        let bytes = self.requests(length.abs() as usize).ok()?.to_vec();
        Some(Answer { bytes, pinned })
    }

    /// Hands over what Python wrote.
    pub(crate) fn deliver_output(&self) {
        for (stream, text) in self.channel.take_output() {
            js::scope(self.env, || {
                let arguments = [js::number(self.env, stream.into()), js::string(self.env, &text)];
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
        let Some((buffer, data)) = js::array_buffer(self.env, batch.len()) else {
            return false;
        };
        // SAFETY: the new buffer has exactly that many bytes.
        unsafe { ptr::copy_nonoverlapping(batch.as_ptr(), data, batch.len()) };
        let mut view = ptr::null_mut();
        // SAFETY: a view of the whole buffer just made.
        unsafe {
            sys::napi_create_typedarray(
                self.env,
                sys::TypedarrayType::uint8_array,
                batch.len(),
                buffer,
                0,
                &raw mut view,
            );
        }
        js::call(self.env, js::referenced(self.env, self.listeners.completions), &[view]);
        true
    }

    /// The environment ends, or its JavaScript side was replaced.
    pub(crate) fn detach(&self) {
        self.channel.close();
        self.waker.disconnect();
    }
}

/// Where a completion says what became of the request, and what it says of one whose object is kept.
const STATUS_OFFSET: usize = 8;
const KEPT: u8 = 2;

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

fn shared(env: sys::napi_env, buffer: Value) -> Result<Shared, BridgeError> {
    let mut data = ptr::null_mut();
    let mut bytes = 0;
    // SAFETY: writes the two results only; fails for anything but an ArrayBuffer.
    let status = unsafe { sys::napi_get_arraybuffer_info(env, buffer, &raw mut data, &raw mut bytes) };
    if status != sys::Status::napi_ok {
        return Err(BridgeError::new(
            ErrorCode::InvalidArgument,
            "expected an ArrayBuffer as the mailbox",
        ));
    }
    Ok(Shared {
        data: data.cast(),
        bytes,
        reference: js::reference(env, buffer),
    })
}

fn too_large(bytes: usize) -> BridgeError {
    BridgeError::new(
        ErrorCode::Conversion,
        format!("the value takes {bytes} bytes, more than an ArrayBuffer can hold"),
    )
}

unsafe extern "C" fn environment_ends(port: *mut c_void) {
    // SAFETY: the pointer given to `napi_add_env_cleanup_hook`: a port that is never freed.
    let port = unsafe { &*port.cast::<Port>() };
    if Port::first(port.env).is_some() {
        Port::forget_first();
    }
    port.detach();
}
