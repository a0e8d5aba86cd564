//! One environment's end of a connection to a Python in another process: frames from and to a socket that the event loop watches.
//!
//! What the frames mean is known to JavaScript (`ts/native/remote-port.ts`); here they are moved, in whole batches, and handles are given
//! back when their states are collected. Everything is touched by the environment's own thread only.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use napi::sys;
use symphony_conductor::transport::{Piece, Pieces, SharedMemory, Unsent, receive};
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::memory::{Announcement, SharedBlocks};
use symphony_wire::{ErrorCode, Frame, FrameKind, Incoming, frame_header};

use crate::adopted::{Adopted, Home};
use crate::block_buffers;
use crate::js::{self, Arguments, Callback, UNDEFINED, Value};
use crate::outbox::Outbox;
use crate::uv::{Events, READABLE, UvHandle, WRITABLE};

/// Handles that are collected within this time are given back together, in milliseconds.
const RELEASE_INTERVAL: u64 = 10;
/// So much is read in one turn of the event loop before others get theirs.
const MOST_READ: usize = 1 << 20;

/// Lives until its handles are closed and its JavaScript object was collected.
pub(crate) struct Connection {
    env: sys::napi_env,
    /// Until the handles are closed: nobody watches it then.
    socket: RefCell<Option<UnixStream>>,
    incoming: RefCell<Incoming>,
    /// What the socket has not taken.
    unsent: RefCell<Unsent>,
    outbox: Outbox,
    adopted: Rc<Adopted>,
    /// Handles that were collected: pairs of an id and a number of crossings.
    released: Rc<Released>,
    /// Descriptors that came and whose frames did not.
    descriptors: RefCell<VecDeque<OwnedFd>>,
    /// Pieces of Python's memory, by their numbers.
    items: RefCell<HashMap<u32, Rc<SharedMemory>>>,
    /// In which the other side says which requests have begun.
    starts: RefCell<Option<SharedMemory>>,
    /// Pieces of this process's memory that Python gets.
    pieces: RefCell<Pieces>,
    /// Blocks of this process's memory that Python has too.
    shared: RefCell<SharedBlocks>,
    /// Frames that go with the next ones, or in a moment.
    delayed: RefCell<Vec<u8>>,
    /// What came while JavaScript waited for something else.
    kept: RefCell<VecDeque<Kept>>,
    /// The last synchronous call.
    last_call: Cell<u32>,
    /// With which those get their turn of the event loop.
    turn: RefCell<Option<UvHandle>>,
    /// `(kind, first, second, payload: Uint8Array | undefined)`
    on_frame: Cell<sys::napi_ref>,
    /// `()`: the other side is gone
    on_end: Cell<sys::napi_ref>,
    context: Cell<sys::napi_async_context>,
    poll: RefCell<Option<UvHandle>>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
    /// Handles of the event loop that are not closed yet.
    open_handles: Cell<usize>,
    /// Whether something is being handed over, so that it must not be freed.
    busy: Cell<bool>,
    ended: Cell<bool>,
    /// Nothing more comes: the other side is gone, or what it said cannot be understood. It ends when JavaScript has been told what came before.
    broken: Cell<bool>,
    /// Its JavaScript object is gone.
    unreachable: Cell<bool>,
}

/// A frame that is not handed over yet.
struct Kept {
    kind: u8,
    numbers: [u32; 2],
    payload: Vec<u8>,
}

impl Kept {
    fn of(frame: &Frame<'_>) -> Self {
        Self {
            kind: frame.kind,
            numbers: [frame.first, frame.second],
            payload: frame.payload.to_vec(),
        }
    }

    fn frame(&self) -> Frame<'_> {
        let [first, second] = self.numbers;
        Frame {
            kind: self.kind,
            first,
            second,
            payload: &self.payload,
        }
    }
}

/// Whether a frame was for the connection itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Own,
    NotOwn,
    /// What belongs to it did not come.
    Broken,
}

/// What came in the middle of a synchronous call.
enum Waited {
    /// The end of it.
    Outcome(Vec<u8>),
    /// Something else.
    ToTell,
}

/// An `ArrayBuffer` over a piece of Python's memory.
struct UseOfItems {
    _memory: Rc<SharedMemory>,
    number: u32,
    released: Rc<Released>,
}

impl UseOfItems {
    /// The piece goes back. Allowed in finalizers.
    fn end(self) {
        self.released.push_items(self.number);
    }
}

/// Where a connection's handles go when they are collected.
#[derive(Default)]
pub(crate) struct Released {
    pairs: RefCell<Vec<(u32, u32)>>,
    /// Pieces of Python's memory.
    items: RefCell<Vec<u32>>,
    /// Blocks whose buffers are gone.
    blocks: RefCell<Vec<u32>>,
    /// When they go, if nothing does before.
    timer: RefCell<Option<UvHandle>>,
}

impl Released {
    /// So many crossings of a handle are to be given back. Allowed in finalizers.
    pub(crate) fn push(&self, id: u32, count: u32) {
        let mut pairs = self.pairs.borrow_mut();
        if pairs.is_empty() {
            self.start_timer();
        }
        pairs.push((id, count));
    }

    fn push_items(&self, number: u32) {
        let mut items = self.items.borrow_mut();
        if items.is_empty() {
            self.start_timer();
        }
        items.push(number);
    }

    fn push_block(&self, number: u32) {
        let mut blocks = self.blocks.borrow_mut();
        if blocks.is_empty() {
            self.start_timer();
        }
        blocks.push(number);
    }

    fn start_timer(&self) {
        if let Some(timer) = &*self.timer.borrow() {
            timer.start::<Connection>(RELEASE_INTERVAL);
        }
    }
}

/// Adds a frame that consists of numbers, if there are any.
fn append(frames: &mut Vec<u8>, kind: FrameKind, numbers: Vec<u32>) {
    if let Some(header) = frame_header(kind, 0, 0, 4 * numbers.len())
        && !numbers.is_empty()
    {
        frames.extend_from_slice(&header);
        frames.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
    }
}

/// `openConnection(descriptor, onFrame, onEnd)`: takes over the socket.
pub(crate) unsafe extern "C" fn open(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<3>::new(env);
        arguments.read(info);
        let descriptor = arguments.u32(0).cast_signed();
        let socket = socket_of(descriptor).ok_or_else(|| {
            let message = format!("expected the descriptor of an open socket, but {descriptor} is none");
            BridgeError::new(ErrorCode::InvalidArgument, message)
        })?;
        Connection::open(env, socket, arguments.values[1], arguments.values[2])
    })
}

fn socket_of(descriptor: i32) -> Option<UnixStream> {
    // SAFETY: any number may be asked about.
    if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
        return None;
    }
    // SAFETY: open; from here on it is the connection's.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    // Anything else that is open is not closed by the refusal.
    if socket.local_addr().is_err() || socket.set_nonblocking(true).is_err() {
        let _other = ManuallyDrop::new(socket);
        return None;
    }
    Some(socket)
}

impl Connection {
    fn open(env: sys::napi_env, socket: UnixStream, on_frame: Value, on_end: Value) -> Result<Value, BridgeError> {
        let descriptor = socket.as_raw_fd();
        let released = Rc::new(Released::default());
        let this = Box::into_raw(Box::new(Self {
            env,
            socket: RefCell::new(Some(socket)),
            incoming: RefCell::default(),
            unsent: RefCell::default(),
            outbox: Outbox::new(env),
            adopted: Rc::new(Adopted::of(Home::Elsewhere(Rc::clone(&released)))),
            released,
            descriptors: RefCell::default(),
            items: RefCell::default(),
            starts: RefCell::default(),
            pieces: RefCell::default(),
            shared: RefCell::default(),
            delayed: RefCell::default(),
            kept: RefCell::default(),
            last_call: Cell::new(0),
            turn: RefCell::default(),
            on_frame: Cell::new(js::reference(env, on_frame)),
            on_end: Cell::new(js::reference(env, on_end)),
            context: Cell::new(ptr::null_mut()),
            poll: RefCell::default(),
            hook: Cell::new(ptr::null_mut()),
            open_handles: Cell::new(0),
            busy: Cell::new(false),
            ended: Cell::new(false),
            broken: Cell::new(false),
            unreachable: Cell::new(false),
        }));
        // SAFETY: the box made just now, which is freed by `free_if_done` only.
        let connection = unsafe { &*this };
        let poll = UvHandle::poll(env, descriptor, this.cast_const());
        let timer = UvHandle::timer(env, this.cast_const());
        connection
            .open_handles
            .set(usize::from(poll.is_some()) + usize::from(timer.is_some()));
        let watches = poll.as_ref().is_some_and(|poll| {
            poll.hold(false);
            poll.watch::<Self>(READABLE)
        });
        *connection.poll.borrow_mut() = poll;
        *connection.released.timer.borrow_mut() = timer;
        let object = connection.define();
        if !watches || connection.released.timer.borrow().is_none() {
            connection.close_handles();
            return Err(BridgeError::new(
                ErrorCode::PythonStart,
                "this runtime does not offer libuv's functions, which connections to other processes need",
            ));
        }
        Ok(object)
    }

    /// The object with its functions; when it is collected, the connection ends.
    fn define(&self) -> Value {
        let env = self.env;
        let mut object = ptr::null_mut();
        // SAFETY: writes the result only.
        unsafe { sys::napi_create_object(env, &raw mut object) };
        let this = ptr::from_ref(self).cast_mut().cast::<c_void>();
        let functions: [(&str, Callback); 14] = [
            ("send", send),
            ("ask", ask),
            ("deliver", deliver),
            ("hold", hold),
            ("outbox", outbox),
            ("adopt", adopt),
            ("find", find),
            ("release", release),
            ("sendMemory", send_memory),
            ("memory", memory),
            ("shareMemory", share_memory),
            ("blockMemory", block_memory),
            ("hasStarted", has_started),
            ("close", close),
        ];
        for (name, callback) in functions {
            js::define(env, object, name, callback, this);
        }
        // SAFETY: an object of this environment; the finalizer runs once.
        unsafe {
            sys::napi_add_finalizer(env, object, this, Some(collected), ptr::null_mut(), ptr::null_mut());
        }
        let mut context = ptr::null_mut();
        let name = js::string(env, "symphony-python-bridge");
        // SAFETY: an object and a string of this environment.
        unsafe { sys::napi_async_init(env, ptr::null_mut(), name, &raw mut context) };
        self.context.set(context);
        let mut hook = ptr::null_mut();
        // SAFETY: the data lives until the hook is removed, which happens when the handles are closed.
        unsafe { sys::napi_add_async_cleanup_hook(env, Some(environment_ends), this, &raw mut hook) };
        self.hook.set(hook);
        object
    }

    /// Sends a frame, or keeps it for the next one.
    fn send(&self, kind: FrameKind, numbers: [u32; 2], payload: &[u8], delay: bool) -> Result<(), BridgeError> {
        let [first, second] = numbers;
        let header = frame_header(kind, first, second, payload.len())
            .ok_or_else(|| BridgeError::new(ErrorCode::InvalidArgument, "a message of more than 4 GiB"))?;
        if delay {
            let mut delayed = self.delayed.borrow_mut();
            if delayed.is_empty() {
                self.released.start_timer();
            }
            delayed.extend_from_slice(&header);
            delayed.extend_from_slice(payload);
        } else {
            let delayed = self.take_delayed();
            self.write([&delayed, &header, payload]);
        }
        Ok(())
    }

    /// A payload that JavaScript gives: a `Uint8Array`, or so many bytes of the outbox.
    ///
    /// # Safety
    /// Nobody changes or frees the memory while the slice is in use: no JavaScript runs meanwhile.
    unsafe fn payload(&self, given: Value, size: impl FnOnce() -> usize) -> Result<&[u8], BridgeError> {
        if let Some((pointer, length)) = js::bytes_of(self.env, given) {
            // SAFETY: the memory of a live array, as the caller promises.
            return Ok(unsafe { std::slice::from_raw_parts(pointer.as_ptr(), length) });
        }
        match size() {
            0 => Ok(&[]),
            length => self.outbox.written(length),
        }
    }

    /// The delayed frames, with what was collected among them.
    fn take_delayed(&self) -> Vec<u8> {
        let mut delayed = self.delayed.take();
        let handles = self.released.pairs.take();
        append(
            &mut delayed,
            FrameKind::ReleaseHandles,
            handles.into_iter().flat_map(|(id, count)| [id, count]).collect(),
        );
        append(&mut delayed, FrameKind::ReturnItems, self.released.items.take());
        let ended = self.released.blocks.take().into_iter();
        let frames = ended.filter_map(|number| frame_header(FrameKind::EndBlock, number, 0, 0));
        delayed.extend(frames.flatten());
        delayed
    }

    fn send_delayed(&self) {
        let delayed = self.take_delayed();
        if !delayed.is_empty() {
            self.write([&delayed, &[], &[]]);
        }
    }

    /// As much as the socket takes, the rest when it takes more.
    fn write(&self, parts: [&[u8]; 3]) {
        if self.ended.get() || self.broken.get() {
            return;
        }
        let mut unsent = self.unsent.borrow_mut();
        let mut written = if unsent.is_empty() { self.write_parts(&parts) } else { 0 };
        for part in parts {
            unsent.push(&part[written.min(part.len())..]);
            written = written.saturating_sub(part.len());
        }
        // Memory may wait for this, or the socket may take more by now.
        let is_all = self.send_unsent(&mut unsent);
        drop(unsent);
        if !is_all {
            self.watch();
        }
    }

    /// Gives how many bytes the socket took.
    fn write_parts(&self, parts: &[&[u8]; 3]) -> usize {
        let socket = self.socket.borrow();
        let Some(socket) = &*socket else { return 0 };
        loop {
            match (&*socket).write_vectored(&parts.map(io::IoSlice::new)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => return count,
                // A broken one is seen when it is read.
                Err(_) => return 0,
            }
        }
    }

    /// Whether that was all; a broken socket is seen when it is read.
    fn send_unsent(&self, unsent: &mut Unsent) -> bool {
        let socket = self.socket.borrow();
        let Some(socket) = &*socket else { return true };
        unsent.send(socket).unwrap_or(true)
    }

    /// Writes what was left over.
    fn write_on(&self) {
        self.send_unsent(&mut self.unsent.borrow_mut());
        self.watch();
    }

    /// Puts a copy of bytes into memory that Python gets as the block of the number that this gives. Nothing if the system has none.
    fn send_memory(&self, bytes: &[u8]) -> Option<u32> {
        let length = u32::try_from(bytes.len()).ok()?;
        let Piece { number, pointer, file } = self.pieces.borrow_mut().take(bytes.len()).ok()?;
        // SAFETY: two memories of at least that length, the second of which the other process does not use now.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pointer.as_ptr(), bytes.len()) };
        let header = frame_header(FrameKind::Memory, number, length, 0)?;
        let mut unsent = self.unsent.borrow_mut();
        if let Some(file) = file {
            unsent.attach(file);
        }
        // It goes with the request that names it.
        unsent.push(&header);
        Some(number)
    }

    /// Shares the block that an `ArrayBuffer` is over: its number. Nothing if it is none that another process can have.
    fn share_memory(&self, buffer: Value) -> Option<u32> {
        if self.ended.get() {
            return None;
        }
        let block = block_buffers::block_of(self.env, buffer)?;
        let address = block.pointer().as_ptr() as usize;
        // Where there is no descriptor left, it is copied.
        let announcement = self.shared.borrow_mut().share(block).ok()??;
        let Announcement {
            number,
            file,
            place,
            descriptor,
        } = announcement;
        let header = frame_header(FrameKind::ShareBlock, number, file, place.len())?;
        let mut unsent = self.unsent.borrow_mut();
        if let Some(descriptor) = descriptor {
            unsent.attach(descriptor);
        }
        // It goes with the request that names it.
        unsent.push(&header);
        unsent.push(&place);
        let released = Rc::clone(&self.released);
        block_buffers::on_collected(self.env, address, move || released.push_block(number));
        Some(number)
    }

    /// The buffer over a block that was shared and that a message names.
    fn buffer_over_block(&self, number: u32) -> Result<Value, BridgeError> {
        let block = self.shared.borrow().get(number).ok_or_else(|| {
            let message = format!("expected the number of a block that is shared, got {number}");
            BridgeError::new(ErrorCode::Protocol, message)
        })?;
        block_buffers::over(self.env, block)
    }

    /// So many bytes of a piece of Python's memory, as an `ArrayBuffer`: the piece goes back when that is collected.
    fn buffer_over(&self, number: u32, bytes: usize) -> Result<Value, BridgeError> {
        let memory = self.items.borrow().get(&number).map(Rc::clone);
        let memory = memory.filter(|memory| bytes <= memory.bytes()).ok_or_else(|| {
            let message = format!("expected {bytes} bytes of memory that came, got the number {number}");
            BridgeError::new(ErrorCode::Protocol, message)
        })?;
        let pointer = memory.pointer();
        let use_of = Box::into_raw(Box::new(UseOfItems {
            _memory: memory,
            number,
            released: Rc::clone(&self.released),
        }));
        let mut buffer = ptr::null_mut();
        // SAFETY: mapped for as long as the box lives, which the finalizer frees.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                self.env,
                pointer.as_ptr().cast(),
                bytes,
                Some(items_given_up),
                use_of.cast(),
                &raw mut buffer,
            )
        };
        if status == sys::Status::napi_ok {
            return Ok(buffer);
        }
        // SAFETY: not registered, so the box is still ours.
        let use_of = unsafe { Box::from_raw(use_of) };
        let copied = js::array_buffer(self.env, bytes);
        if let Some((_, data)) = copied {
            // SAFETY: two memories of that length.
            unsafe { ptr::copy_nonoverlapping(pointer.as_ptr(), data, bytes) };
        }
        use_of.end();
        copied
            .map(|(buffer, _)| buffer)
            .ok_or_else(|| BridgeError::new(ErrorCode::Conversion, format!("there is no memory for {bytes} bytes")))
    }

    /// Whether a request has begun; so does one of which nothing is known.
    fn has_started(&self, request: u32) -> bool {
        let starts = self.starts.borrow();
        let Some(memory) = &*starts else { return true };
        let count = memory.bytes() / size_of::<AtomicU32>();
        // SAFETY: within the memory.
        let place = unsafe { memory.pointer().cast::<AtomicU32>().add(request as usize % count) };
        // SAFETY: aligned, since the memory is to a page; both processes use atomics there.
        let last = unsafe { place.as_ref() }.load(Ordering::Acquire);
        // A later one of the same place hides whether this one had begun.
        last >= request
    }

    /// Watches for what is to be waited for now.
    fn watch(&self) {
        let is_behind = {
            let unsent = self.unsent.borrow();
            !unsent.is_empty()
        };
        if let Some(poll) = &*self.poll.borrow() {
            poll.watch::<Self>(if is_behind { READABLE | WRITABLE } else { READABLE });
        }
    }

    /// Reads what is there, and hands it over.
    fn read(&self, turn: &dyn Fn(&dyn Fn())) {
        self.hand_over(turn);
        let mut total = 0;
        while total < MOST_READ && !self.ended.get() {
            match self.receive() {
                Ok(0) => turn(&|| self.end()),
                Ok(count) => {
                    total += count;
                    self.hand_over(turn);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => turn(&|| self.end()),
            }
        }
    }

    /// Reads once; 0 bytes are the end.
    fn receive(&self) -> io::Result<usize> {
        let socket = self.socket.borrow();
        let Some(socket) = &*socket else { return Ok(0) };
        let mut incoming = self.incoming.borrow_mut();
        let count = receive(socket, incoming.space(), &mut self.descriptors.borrow_mut())?;
        incoming.received(count);
        Ok(count)
    }

    /// Hands over all that came, what was kept back for this first, each by itself, because what is called may wait on this connection. A
    /// question is the last thing in its turn: what a callback leaves to be done, such as the reactions of promises, is done before the next one.
    fn hand_over(&self, turn: &dyn Fn(&dyn Fn())) {
        let is_more = Cell::new(true);
        while is_more.get() {
            turn(&|| {
                while let Some(kind) = self.hand_over_one() {
                    if kind == FrameKind::Question as u8 {
                        return;
                    }
                }
                is_more.set(false);
                self.end_if_broken();
            });
        }
    }

    /// Gives the kind of the frame.
    fn hand_over_one(&self) -> Option<u8> {
        js::scope(self.env, || {
            let told = self.next(|frame| Some((frame.kind, self.values_of(frame)?)));
            told.map(|(kind, values)| {
                self.tell(&values);
                kind
            })
        })
    }

    /// What `body` makes of the next frame that is for JavaScript, be it one that was kept back.
    fn next<T>(&self, body: impl FnOnce(&Frame<'_>) -> Option<T>) -> Option<T> {
        let kept = self.kept.borrow_mut().pop_front();
        match kept {
            Some(kept) => body(&kept.frame()),
            None => self.next_frame(body),
        }
    }

    /// Hands over the text and the records that came or come within `limit`, and forgets what else does: nobody waits for it any more. Whether
    /// more may come.
    fn deliver_output(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            while js::scope(self.env, || {
                let next = self.next(|frame| {
                    let is_output = matches!(
                        FrameKind::of(frame.kind),
                        Some(FrameKind::Output | FrameKind::Logged | FrameKind::Type)
                    );
                    Some(is_output.then(|| self.values_of(frame)).flatten())
                });
                if let Some(Some(values)) = &next {
                    self.tell(values);
                }
                next.is_some()
            }) {}
            if self.ended.get() || self.broken.get() {
                return false;
            }
            match self.receive() {
                Ok(count) if count > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return true;
                    }
                    let milliseconds = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
                    self.broken.set(!self.wait(milliseconds.max(1)));
                }
                _ => self.broken.set(true),
            }
        }
    }

    /// What `body` makes of the next frame that is for JavaScript. The others are dealt with.
    fn next_frame<T>(&self, body: impl FnOnce(&Frame<'_>) -> Option<T>) -> Option<T> {
        let mut incoming = self.incoming.borrow_mut();
        while !self.ended.get()
            && !self.broken.get()
            && let Some(frame) = incoming.next_frame()
        {
            match self.take(&frame) {
                Taken::Own => {}
                Taken::NotOwn => return body(&frame),
                Taken::Broken => {
                    self.broken.set(true);
                    return None;
                }
            }
        }
        None
    }

    /// Takes a frame that is about memory.
    fn take(&self, frame: &Frame<'_>) -> Taken {
        match FrameKind::of(frame.kind) {
            Some(FrameKind::ReturnMemory) => {
                for number in self.pieces.borrow_mut().give_back(frame.first) {
                    // Without a payload it is not too long.
                    let _fits = self.send(FrameKind::ForgetMemory, [number, 0], &[], true);
                }
            }
            Some(FrameKind::ReturnBlock) => {
                let forgotten = self.shared.borrow_mut().returned(frame.first);
                if let Some(file) = forgotten {
                    // As above.
                    let _fits = self.send(FrameKind::ForgetFile, [file, 0], &[], true);
                }
            }
            Some(FrameKind::ForgetItems) => drop(self.items.borrow_mut().remove(&frame.first)),
            Some(FrameKind::Items) => match self.memory_that_came() {
                Some(memory) => drop(self.items.borrow_mut().insert(frame.first, Rc::new(memory))),
                None => return Taken::Broken,
            },
            Some(FrameKind::Starts) => match self.memory_that_came() {
                Some(memory) => drop(self.starts.replace(Some(memory))),
                None => return Taken::Broken,
            },
            _ => return Taken::NotOwn,
        }
        Taken::Own
    }

    /// A frame as the arguments of `onFrame`, in the scope that is open. Without memory for it the connection ends: nothing that comes later
    /// could be trusted, and somebody may wait for this.
    fn values_of(&self, frame: &Frame<'_>) -> Option<[Value; 4]> {
        let env = self.env;
        let payload = if frame.payload.is_empty() {
            Some(js::undefined(env))
        } else {
            js::uint8_array(env, frame.payload)
        };
        self.broken.set(self.broken.get() || payload.is_none());
        Some([
            js::number(env, frame.kind.into()),
            js::number(env, frame.first),
            js::number(env, frame.second),
            payload?,
        ])
    }

    /// Once nothing of the connection is in use any more, since JavaScript hears of it.
    fn end_if_broken(&self) {
        if self.broken.get() {
            self.end();
        }
    }

    fn tell(&self, values: &[Value; 4]) {
        js::call(self.env, js::referenced(self.env, self.on_frame.get()), values);
    }

    /// Sends what is answered at once, or a request that is to be done, and waits for that. Meanwhile JavaScript answers what the thread asks
    /// that does it; all else that comes is kept for the event loop. Gives the message with what became of it.
    fn ask(&self, kind: FrameKind, second: u32, payload: &[u8]) -> Result<Vec<u8>, BridgeError> {
        let number = self.last_call.get().wrapping_add(1);
        self.last_call.set(number);
        self.send(kind, [number, second], payload, false)?;
        let outcome = self.wait_for(number);
        if !self.ended.get() && self.has_to_tell() {
            self.turn_soon();
        }
        outcome.ok_or_else(|| BridgeError::new(ErrorCode::WorkerLost, "the process of Python ended during the call"))
    }

    /// Whether JavaScript has not been told everything yet.
    fn has_to_tell(&self) -> bool {
        !self.kept.borrow().is_empty() || self.broken.get() || self.incoming.borrow().has_frame()
    }

    /// Nothing at the end of the other side, of which JavaScript is told by the event loop, after all that came before.
    fn wait_for(&self, call: u32) -> Option<Vec<u8>> {
        loop {
            while let Some(waited) = self.next_while_waiting(call) {
                match waited {
                    Waited::Outcome(outcome) => return Some(outcome),
                    Waited::ToTell => {}
                }
            }
            if self.broken.get() || self.ended.get() {
                // Nobody over there waits for an answer in vain.
                self.shut_down();
                return None;
            }
            match self.receive() {
                Ok(count) if count > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.wait(-1) => {}
                _ => self.broken.set(true),
            }
        }
    }

    /// Deals with the next frame in the middle of a synchronous call; nothing if no whole one has come.
    fn next_while_waiting(&self, call: u32) -> Option<Waited> {
        js::scope(self.env, || {
            let (mut values, mut question) = (None, None);
            let waited = self.next_frame(|frame| {
                match FrameKind::of(frame.kind) {
                    Some(FrameKind::Operated) if frame.first == call => {
                        return Some(Waited::Outcome(frame.payload.to_vec()));
                    }
                    // Asked by the thread for which this one waits; descriptions run no code of the program's.
                    Some(FrameKind::Question) if frame.second != 0 => {
                        values = self.values_of(frame);
                        question = Some(frame.first);
                    }
                    Some(FrameKind::Type) => values = self.values_of(frame),
                    _ => self.kept.borrow_mut().push_back(Kept::of(frame)),
                }
                Some(Waited::ToTell)
            });
            match (&values, question) {
                (Some(values), Some(question)) => self.have_answered(question, values),
                (Some(values), None) => self.tell(values),
                (None, _) => {}
            }
            waited
        })
    }

    /// Lets JavaScript answer in the middle of a synchronous call.
    fn have_answered(&self, question: u32, values: &[Value; 4]) {
        match js::try_call(self.env, js::referenced(self.env, self.on_frame.get()), values) {
            Some(true) => {}
            Some(false) => {
                // Its stack is at its end. Python learns that from an answer without content, which is not too long.
                let _fits = self.send(FrameKind::Answer, [question, 0], &[], false);
            }
            // The environment ends, and nobody waits for the call any more.
            None => self.broken.set(true),
        }
    }

    /// Waits until the socket can be read, or takes more of what is to be written, at most for so many milliseconds if they are not negative;
    /// `false` if it is gone.
    fn wait(&self, milliseconds: c_int) -> bool {
        let is_behind = !self.unsent.borrow().is_empty();
        let descriptor = self.socket.borrow().as_ref().map(AsRawFd::as_raw_fd);
        let Some(descriptor) = descriptor else { return false };
        let mut socket = libc::pollfd {
            fd: descriptor,
            events: if is_behind {
                libc::POLLIN | libc::POLLOUT
            } else {
                libc::POLLIN
            },
            revents: 0,
        };
        // SAFETY: one descriptor, which is open: nothing closes it while this thread is here.
        let count = unsafe { libc::poll(&raw mut socket, 1, milliseconds) };
        if is_behind && socket.revents & libc::POLLOUT != 0 {
            self.send_unsent(&mut self.unsent.borrow_mut());
        }
        count >= 0 || io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    }

    /// Hands over what was kept back in the next turn of the event loop.
    fn turn_soon(&self) {
        let mut turn = self.turn.borrow_mut();
        if turn.is_none() {
            *turn = UvHandle::timer(self.env, self);
            self.open_handles
                .set(self.open_handles.get() + usize::from(turn.is_some()));
        }
        if let Some(turn) = &*turn {
            turn.start::<Self>(0);
        }
    }

    /// The memory whose descriptor comes with a frame.
    fn memory_that_came(&self) -> Option<SharedMemory> {
        let file = self.descriptors.borrow_mut().pop_front()?;
        SharedMemory::map(&file).ok()
    }

    /// Runs `body`, which may run JavaScript, as Node runs its own callbacks: with the ticks and microtasks that follow.
    fn in_turn(&self, body: impl FnOnce()) {
        let was_busy = self.busy.replace(true);
        js::scope(self.env, || {
            let mut resource = ptr::null_mut();
            // SAFETY: writes the result only.
            unsafe { sys::napi_create_object(self.env, &raw mut resource) };
            let mut scope = ptr::null_mut();
            // SAFETY: an object of this environment and the context made for it.
            let opened =
                unsafe { sys::napi_open_callback_scope(self.env, resource, self.context.get(), &raw mut scope) };
            body();
            if opened == sys::Status::napi_ok {
                // SAFETY: the scope opened above.
                unsafe { sys::napi_close_callback_scope(self.env, scope) };
            }
        });
        self.busy.set(was_busy);
    }

    /// The other side is gone, or this one closes.
    fn end(&self) {
        if self.ended.replace(true) {
            return;
        }
        self.shut_down();
        self.close_handles();
        js::scope(self.env, || {
            js::call(self.env, js::referenced(self.env, self.on_end.get()), &[]);
        });
    }

    /// Tells the other side that nothing more will come.
    fn shut_down(&self) {
        if let Some(socket) = &*self.socket.borrow() {
            let _gone_already = socket.shutdown(std::net::Shutdown::Both);
        }
    }

    fn close_handles(&self) {
        self.ended.set(true);
        self.shared.take();
        let poll = self.poll.take();
        if let Some(poll) = poll {
            poll.close::<Self>();
        }
        for timer in [self.released.timer.take(), self.turn.take()].into_iter().flatten() {
            timer.close::<Self>();
        }
    }
}

impl Events for Connection {
    fn polled(&self, events: c_int, failed: bool) {
        if events & WRITABLE != 0 && !failed {
            self.write_on();
        }
        if failed || events & READABLE != 0 {
            self.read(&|body| self.in_turn(body));
        }
        free_if_done(self);
    }

    fn timed_out(&self) {
        self.send_delayed();
        if !self.ended.get() && self.has_to_tell() {
            self.hand_over(&|body| self.in_turn(body));
        }
        free_if_done(self);
    }

    fn panicked(&self) {
        self.end();
    }

    fn closed(&self) {
        self.open_handles.set(self.open_handles.get() - 1);
        if self.open_handles.get() > 0 {
            return;
        }
        // They keep what keeps the object of this connection.
        for reference in [&self.on_frame, &self.on_end] {
            // SAFETY: made by `open`, deleted once, since handles are closed once.
            unsafe { sys::napi_delete_reference(self.env, reference.replace(ptr::null_mut())) };
        }
        self.outbox.end();
        drop(self.socket.take());
        let context = self.context.replace(ptr::null_mut());
        if !context.is_null() {
            // SAFETY: made by `define`, destroyed once.
            unsafe { sys::napi_async_destroy(self.env, context) };
        }
        let hook = self.hook.replace(ptr::null_mut());
        if !hook.is_null() {
            // SAFETY: added by `define`, removed once.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
        free_if_done(self);
    }
}

/// Frees the connection once neither JavaScript nor the event loop knows it.
fn free_if_done(connection: &Connection) {
    if connection.open_handles.get() == 0 && connection.unreachable.get() && !connection.busy.get() {
        let connection = ptr::from_ref(connection).cast_mut();
        // SAFETY: the box of `open`. The object's functions are gone with it, the handles are closed, and nothing of it is on the stack but
        // the callers of this function, which do not use it any more.
        drop(unsafe { Box::from_raw(connection) });
    }
}

unsafe extern "C" fn collected(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the connection, which is freed only after this.
    let connection = unsafe { &*data.cast::<Connection>() };
    connection.unreachable.set(true);
    connection.close_handles();
    free_if_done(connection);
}

unsafe extern "C" fn environment_ends(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: the connection removes its hook before it is freed.
    let connection = unsafe { &*data.cast::<Connection>() };
    connection.close_handles();
    if connection.open_handles.get() == 0 && !connection.hook.replace(ptr::null_mut()).is_null() {
        // SAFETY: the hook that is running, removed once.
        unsafe { sys::napi_remove_async_cleanup_hook(hook) };
    }
}

fn plain<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Connection, &Arguments<N>) -> Result<Value, BridgeError>,
) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<N>::new(env);
        arguments.read(info);
        // SAFETY: the functions are properties of the object that keeps the connection, and are called through it.
        let connection = unsafe { &*arguments.data.cast::<Connection>() };
        body(connection, &arguments)
    })
}

fn frame_kind(number: u32) -> Result<FrameKind, BridgeError> {
    let kind = u8::try_from(number).ok().and_then(FrameKind::of);
    kind.ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "expected the number of a frame"))
}

/// `send(kind, first, second, payload, delay)`: the payload is a `Uint8Array`, or so many bytes of the outbox.
unsafe extern "C" fn send(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<5>(env, info, |connection, arguments| {
        let kind = frame_kind(arguments.u32(0))?;
        let numbers = [arguments.u32(1), arguments.u32(2)];
        // SAFETY: the memory of a live array or of the outbox, and no JavaScript runs until it was copied or written.
        let payload = unsafe { connection.payload(arguments.values[3], || arguments.size(3)) }?;
        connection.send(kind, numbers, payload, arguments.boolean(4))?;
        Ok(UNDEFINED)
    })
}

/// `ask(kind, second, payload)`: as `send`, and waits for what becomes of it: the message that says so, as a `Uint8Array`.
unsafe extern "C" fn ask(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<3>(env, info, |connection, arguments| {
        if connection.ended.get() || connection.broken.get() {
            return Err(BridgeError::new(
                ErrorCode::WorkerLost,
                "the process of Python has ended",
            ));
        }
        let was_busy = connection.busy.replace(true);
        let outcome = frame_kind(arguments.u32(0)).and_then(|kind| {
            // SAFETY: the memory of a live array or of the outbox, which is written or copied before any JavaScript runs.
            let payload = unsafe { connection.payload(arguments.values[2], || arguments.size(2)) }?;
            connection.ask(kind, arguments.u32(1), payload)
        });
        connection.busy.set(was_busy);
        let outcome = outcome?;
        js::uint8_array(env, &outcome).ok_or_else(|| {
            let message = format!("there is no memory for a result of {} bytes", outcome.len());
            BridgeError::new(ErrorCode::Conversion, message)
        })
    })
}

/// `deliver(milliseconds)`: hands over the text and records that came or come within that time, at the end of the process, and whether more may
/// come. What else came is forgotten.
unsafe extern "C" fn deliver(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        let limit = Duration::from_millis(arguments.u32(0).into());
        Ok(js::boolean(env, connection.deliver_output(limit)))
    })
}

/// `hold(keep)`: whether the connection keeps the process alive.
unsafe extern "C" fn hold(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        if let Some(poll) = &*connection.poll.borrow() {
            poll.hold(arguments.boolean(0));
        }
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn outbox(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        if connection.ended.get() {
            return Err(BridgeError::new(ErrorCode::Closed, "the connection is closed"));
        }
        connection.outbox.replace(arguments.size(0))
    })
}

unsafe extern "C" fn adopt(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |connection, arguments| {
        connection.adopted.adopt(env, arguments.u32(0), arguments.values[1]);
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn find(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        Ok(connection.adopted.find_arriving(env, arguments.u32(0)))
    })
}

unsafe extern "C" fn release(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        connection.adopted.release(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

/// `sendMemory(bytes)`: the number of a block with a copy; 0 if the system has no memory for it.
unsafe extern "C" fn send_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        let (pointer, length) = js::bytes_of(env, arguments.values[0])
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "expected a Uint8Array"))?;
        // SAFETY: the memory of a live array, which nobody changes while this thread is here.
        let bytes = unsafe { std::slice::from_raw_parts(pointer.as_ptr(), length) };
        Ok(js::number(env, connection.send_memory(bytes).unwrap_or_default()))
    })
}

/// `memory(number, bytes)`: the `ArrayBuffer` over a piece that a message names.
unsafe extern "C" fn memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |connection, arguments| {
        connection.buffer_over(arguments.u32(0), arguments.size(1))
    })
}

/// `shareMemory(buffer)`: the number of the block that the `ArrayBuffer` is over, for as long as it lives; 0 if that cannot be shared.
unsafe extern "C" fn share_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        Ok(js::number(
            env,
            connection.share_memory(arguments.values[0]).unwrap_or_default(),
        ))
    })
}

/// `blockMemory(number)`: the `ArrayBuffer` over a block that was shared.
unsafe extern "C" fn block_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        connection.buffer_over_block(arguments.u32(0))
    })
}

unsafe extern "C" fn items_given_up(_env: sys::napi_env, _data: *mut c_void, use_of: *mut c_void) {
    // SAFETY: the box of `buffer_over`; this runs once, on the thread of the environment.
    unsafe { Box::from_raw(use_of.cast::<UseOfItems>()) }.end();
}

unsafe extern "C" fn has_started(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        Ok(js::boolean(env, connection.has_started(arguments.u32(0))))
    })
}

unsafe extern "C" fn close(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |connection, _| {
        connection.send_delayed();
        connection.shut_down();
        connection.close_handles();
        Ok(UNDEFINED)
    })
}
