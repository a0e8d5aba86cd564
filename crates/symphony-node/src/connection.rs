//! One environment's end of a connection to a Python in another process: frames from and to a socket that the event loop watches.
//!
//! What the frames mean is known to JavaScript (`ts/native/remote-port.ts`); here they are moved, in whole batches, and handles are given
//! back when their states are collected. Everything is touched by the environment's own thread only.

mod memory;
mod released;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::rc::Rc;

use napi::sys;
use symphony_conductor::transport::{Pieces, SharedMemory, Unsent, receive};
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::memory::SharedBlocks;
use symphony_wire::{ErrorCode, Frame, FrameKind, Incoming, frame_header};

use memory::Taken;
pub(crate) use released::Released;
use released::append;

use crate::adopted::{Adopted, Home};
use crate::js::{self, Arguments, Callback, UNDEFINED, Value};
use crate::outbox::Outbox;
use crate::uv::{Events, READABLE, UvHandle, WRITABLE};

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
            ("ask", waiting::ask),
            ("deliver", waiting::deliver),
            ("hold", hold),
            ("outbox", outbox),
            ("adopt", adopt),
            ("find", find),
            ("release", release),
            ("sendMemory", memory::send_memory),
            ("memory", memory::memory),
            ("shareMemory", memory::share_memory),
            ("blockMemory", memory::block_memory),
            ("hasStarted", memory::has_started),
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

unsafe extern "C" fn close(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |connection, _| {
        connection.send_delayed();
        connection.shut_down();
        connection.close_handles();
        Ok(UNDEFINED)
    })
}
