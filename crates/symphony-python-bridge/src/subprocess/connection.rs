//! One connection: a thread that reads what the host wants, and never waits for the GIL, so that a cancellation arrives also while Python is
//! busy.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::json;
use symphony_wire::{Frame, FrameKind, Incoming};

use super::outgoing::{Outgoing, Waker, forgotten};
use crate::async_support::{self, Channel};
use crate::bindings::VERSION;
use crate::errors::BridgeError;
use crate::javascript::Answer;
use crate::{interpreter, releases, shares};

/// How long completions may be kept back while the executor goes on with other jobs, in milliseconds.
const LONGEST_DEFERRED: i32 = 1;

/// The second number of answers: something is kept until they were read.
const PINS: u32 = 1;

/// Begins to serve a connection, until the host closes it.
pub(super) fn open(stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let outgoing = Outgoing::new(stream.try_clone()?, wake);
    std::thread::Builder::new()
        .name("py-connection".to_owned())
        .spawn(move || {
            let channel = Channel::of_connection(Box::new(Waker(Arc::clone(&outgoing))));
            outgoing.serve(&channel);
            let mut connection = Connection {
                stream,
                woken,
                outgoing,
                channel,
                sessions: FxHashMap::default(),
            };
            connection.serve();
            connection.end();
        })?;
    Ok(())
}

struct Connection {
    stream: UnixStream,
    woken: UnixStream,
    outgoing: Arc<Outgoing>,
    channel: Arc<Channel>,
    /// The sessions that the host opened: its numbers, and those of the executor.
    sessions: FxHashMap<u32, u32>,
}

/// Why a connection ended, other than by its host.
enum Fault {
    Broken,
    Protocol,
}

impl Connection {
    fn serve(&mut self) {
        let mut incoming = Incoming::default();
        loop {
            match self.stream.read(incoming.space()) {
                Ok(0) => return,
                Ok(count) => {
                    incoming.received(count);
                    while let Some(frame) = incoming.next_frame() {
                        if self.take(&frame).is_err() {
                            return;
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.wait().is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
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
                return Err(Fault::Broken);
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

    fn take(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        let Some(kind) = FrameKind::of(frame.kind) else {
            return Err(Fault::Protocol);
        };
        let channel = &self.channel;
        let (first, second, payload) = (frame.first, frame.second, frame.payload);
        match kind {
            FrameKind::Submit => {
                let mut requests = payload.to_vec();
                self.number_sessions(&mut requests)?;
                async_support::submit(channel, &requests).map_err(|_| Fault::Protocol)?;
            }
            FrameKind::Cancel => {
                let place = channel.cancel(first) as u32;
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
                if let Some(question) = self.outgoing.take_question(first) {
                    question.settle(Some(Answer {
                        bytes: payload.to_vec(),
                        pinned: second & PINS != 0,
                    }));
                }
            }
            FrameKind::SettlePromise => self.settle(false, first, second, payload),
            FrameKind::SettleQuestion => self.settle(true, first, second, payload),
            FrameKind::ForgetPromise => channel.forget_promise(first),
            FrameKind::ObjectArrived => channel.objects().arrived(first),
            FrameKind::AskHeld => {
                if !channel.objects().holds(first) {
                    self.outgoing
                        .send(FrameKind::Forgotten, forgotten::DROPPED, 0, &first.to_le_bytes());
                }
            }
            FrameKind::RefuseQuestions => channel.refuse_questions(),
            FrameKind::Listen => async_support::listen_to_output(channel),
            FrameKind::Hello => self.welcome(),
            // Those that only this side sends.
            FrameKind::Completions
            | FrameKind::Question
            | FrameKind::Forgotten
            | FrameKind::Output
            | FrameKind::Logged
            | FrameKind::Type
            | FrameKind::Cancelled
            | FrameKind::Welcome => return Err(Fault::Protocol),
        }
        Ok(())
    }

    /// What became of a promise, or of a question; `pin` is the number under which the host keeps what the value names, or 0.
    fn settle(&self, is_question: bool, id: u32, pin: u32, answer: &[u8]) {
        let wanted = self.channel.settle_promise_as(is_question, id, answer, pin);
        if !wanted && pin != 0 {
            self.outgoing
                .send(FrameKind::Forgotten, forgotten::READ, 0, &pin.to_le_bytes());
        }
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
        self.outgoing
            .send(FrameKind::Welcome, 0, 0, answer.to_string().as_bytes());
    }

    /// Puts the executor's numbers of sessions in the place of the host's.
    fn number_sessions(&self, requests: &mut [u8]) -> Result<(), Fault> {
        const SESSION: std::ops::Range<usize> = 8..12;
        const OF_LOOP: u32 = u32::MAX;
        let mut rest = requests;
        while !rest.is_empty() {
            let length: [u8; 4] = *rest.first_chunk().ok_or(Fault::Protocol)?;
            let total = 4 + u32::from_le_bytes(length) as usize;
            let (request, others) = rest.split_at_mut_checked(total).ok_or(Fault::Protocol)?;
            let session: &mut [u8; 4] = request
                .get_mut(SESSION)
                .and_then(|word| word.try_into().ok())
                .ok_or(Fault::Protocol)?;
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

    fn end(self) {
        self.outgoing.end();
        if self.channel.close() {
            shares::end(&self.channel, Duration::ZERO);
        }
    }
}

impl From<BridgeError> for Fault {
    fn from(_: BridgeError) -> Self {
        Self::Protocol
    }
}
