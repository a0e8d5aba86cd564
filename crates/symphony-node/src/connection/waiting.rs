//! JavaScript waits for the other side: in a synchronous call, and at the end of the process.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use napi::sys;
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::{ErrorCode, FrameKind};

use super::{Connection, Kept, frame_kind, plain};
use crate::js::{self, Value};
use crate::uv::UvHandle;

/// What came in the middle of a synchronous call.
enum Waited {
    /// The end of it.
    Outcome(Vec<u8>),
    /// Something else.
    ToTell,
}

impl Connection {
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
    pub(super) fn has_to_tell(&self) -> bool {
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
}

/// `ask(kind, second, payload)`: as `send`, and waits for what becomes of it: the message that says so, as a `Uint8Array`.
pub(super) unsafe extern "C" fn ask(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
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
pub(super) unsafe extern "C" fn deliver(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        let limit = Duration::from_millis(arguments.u32(0).into());
        Ok(js::boolean(env, connection.deliver_output(limit)))
    })
}
