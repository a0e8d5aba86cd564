//! The synchronous calls of a connection, for which JavaScript's thread waits: all on one thread, as those of an embedded interpreter are all
//! on JavaScript's own.
//!
//! While JavaScript waits it does nothing but answer what this thread asks it. To answer may take further calls; they run here too, within
//! the one that asks.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use symphony_wire::{ErrorCode, FrameKind, Writer};

use super::outgoing::Outgoing;
use crate::async_support::{self, Channel, Crossings};
use crate::errors::{BridgeError, Failure};
use crate::gil::{self, ThreadState};
use crate::interpreter::{self, STACK_BYTES};
use crate::javascript::Answer;
use crate::method;
use crate::operation::{self, Header, Outcome};

/// What became of a call: the last byte of its answer.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Status {
    Value = 0,
    Error = 1,
    /// The attribute is a method of the object that was named with the request.
    Method = 2,
}

/// The inbox of the thread.
pub(super) struct SyncCalls {
    /// In which the thread runs; a forked copy of that has no JavaScript.
    process: u32,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
}

#[derive(Default)]
struct Inbox {
    messages: VecDeque<Message>,
    /// The questions for whose answers the thread waits, the innermost one last.
    awaited: Vec<u32>,
    /// The calls that are under way, the innermost one last.
    calls: Vec<u32>,
    has_thread: bool,
    ended: bool,
}

enum Message {
    Call(Call),
    Answer(Answer),
}

/// A request for which JavaScript waits.
pub(super) struct Call {
    /// By which JavaScript knows it.
    pub(super) number: u32,
    /// The handle whose methods need not come, or 0.
    pub(super) owner: u32,
    pub(super) request: Vec<u8>,
}

impl SyncCalls {
    /// Without calls, and without a thread until there is one.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            process: std::process::id(),
            inbox: Mutex::default(),
            arrived: Condvar::new(),
        })
    }

    /// Has a call done.
    pub(super) fn call(
        self: &Arc<Self>,
        call: Call,
        channel: &Arc<Channel>,
        outgoing: &Arc<Outgoing>,
    ) -> io::Result<()> {
        let is_first = {
            let mut inbox = self.lock();
            inbox.messages.push_back(Message::Call(call));
            self.arrived.notify_one();
            !std::mem::replace(&mut inbox.has_thread, true)
        };
        if is_first {
            let this = Arc::clone(self);
            let (channel, outgoing) = (Arc::clone(channel), Arc::clone(outgoing));
            std::thread::Builder::new()
                .name("py-sync".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || this.serve(&channel, &outgoing))?;
        }
        Ok(())
    }

    /// Takes an answer for which the thread waits; gives back any other.
    pub(super) fn answer(&self, number: u32, answer: Answer) -> Result<(), Answer> {
        let mut inbox = self.lock();
        if inbox.awaited.last() != Some(&number) {
            return Err(answer);
        }
        inbox.messages.push_back(Message::Answer(answer));
        self.arrived.notify_one();
        Ok(())
    }

    /// JavaScript is gone.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.arrived.notify_one();
    }

    /// Asks JavaScript, which waits for this thread, and does what it wants done meanwhile. Not attached. Nothing if JavaScript is gone.
    pub(super) fn ask(
        &self,
        outgoing: &Outgoing,
        channel: &Arc<Channel>,
        number: u32,
        question: &[u8],
    ) -> Option<Answer> {
        let call = {
            let mut inbox = self.lock();
            let call = inbox.calls.last().copied()?;
            inbox.awaited.push(number);
            call
        };
        outgoing.tell(channel, FrameKind::Question, [number, call], question);
        let answer = loop {
            match self.next() {
                Some(Message::Answer(answer)) => break Some(answer),
                Some(Message::Call(call)) => self.perform(&call, channel, outgoing),
                None => break None,
            }
        };
        self.lock().awaited.pop();
        answer
    }

    fn serve(&self, channel: &Arc<Channel>, outgoing: &Arc<Outgoing>) {
        channel.becomes_own_thread();
        while let Some(message) = self.next() {
            if let Message::Call(call) = message {
                self.perform(&call, channel, outgoing);
            }
        }
        if interpreter::is_running() {
            gil::end_current_thread();
        }
    }

    fn next(&self) -> Option<Message> {
        let mut inbox = self.lock();
        loop {
            if inbox.ended {
                return None;
            }
            if let Some(message) = inbox.messages.pop_front() {
                return Some(message);
            }
            inbox = self.arrived.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn perform(&self, call: &Call, channel: &Arc<Channel>, outgoing: &Outgoing) {
        self.lock().calls.push(call.number);
        let mut writer = Writer::new();
        let status = if interpreter::is_running() {
            let outer = channel.enter_call();
            let attached = ThreadState::of_current_thread().attach();
            let status = perform(attached.python(), self.process, call, channel, &mut writer);
            drop(attached);
            channel.leave_call(outer);
            status
        } else {
            interpreter::refusal().write(&mut writer);
            Status::Error
        };
        self.lock().calls.pop();
        let length = writer.len();
        outgoing.operated(channel, call.number, status, &mut writer);
        channel.sent(&writer.as_slice()[..length]);
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn perform(py: Python<'_>, process: u32, call: &Call, channel: &Arc<Channel>, writer: &mut Writer) -> Status {
    let done = async_support::guarded(|| {
        let header = Header::read(&call.request)
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "the message holds no whole request"))?;
        let references = Crossings::of(channel);
        let result = operation::run(py, &header, &call.request[..header.total()], &references);
        async_support::end_child(py, process, &result);
        let outcome = result?;
        if is_method(py, &outcome, call.owner, channel) {
            return Ok(Status::Method);
        }
        let mut crossings = Crossings::of(channel);
        outcome
            .write(header.returns(), writer, &mut crossings)
            .inspect_err(|_| crossings.give_back(py))?;
        Ok(Status::Value)
    });
    let status = done.as_ref().copied().unwrap_or_else(|failure: &Failure| {
        writer.clear();
        let mut crossings = Crossings::of(channel);
        failure.write(py, true, writer, &mut crossings);
        Status::Error
    });
    // The conversion runs code of the program's as well, and a copy of the process that was forked there has nothing to tell.
    async_support::end_child(py, process, &Ok::<(), Failure>(()));
    status
}

/// Whether JavaScript can look the outcome up again when it calls it.
fn is_method(py: Python<'_>, outcome: &Outcome<'_>, owner: u32, channel: &Channel) -> bool {
    let Outcome::Object(object) = outcome else { return false };
    let owner = if owner == 0 { None } else { channel.named(py, owner) };
    // SAFETY: a live object; attached, as `py` says.
    owner.is_some_and(|owner| unsafe { method::is_method_of(object.as_ptr(), &owner) })
}
