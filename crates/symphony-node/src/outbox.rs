//! The outbox: memory in which JavaScript writes requests and answers.

use std::cell::{Cell, RefCell};

use napi::sys;
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::ErrorCode;

use crate::array_memory::ArrayMemory;
use crate::js::Value;

/// One environment's. Touched by its own thread only.
pub(crate) struct Outbox {
    env: sys::napi_env,
    memory: Cell<Option<ArrayMemory>>,
    /// Whether a request in it is being read.
    reading: Cell<bool>,
    /// Those that were replaced meanwhile.
    retired: RefCell<Vec<ArrayMemory>>,
}

impl Outbox {
    pub(crate) fn new(env: sys::napi_env) -> Self {
        Self {
            env,
            memory: Cell::new(None),
            reading: Cell::new(false),
            retired: RefCell::default(),
        }
    }

    /// What JavaScript wrote.
    pub(crate) fn written(&self, length: usize) -> Result<&[u8], BridgeError> {
        let memory = self.memory.get().filter(|memory| length <= memory.bytes);
        let memory = memory.ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "the outbox is smaller than that"))?;
        // SAFETY: the buffer is kept by its reference, and by `retired` while it is read; JavaScript does not write to it
        // meanwhile, since it gets another one if it runs.
        Ok(unsafe { std::slice::from_raw_parts(memory.data, length) })
    }

    /// New memory for requests.
    pub(crate) fn replace(&self, bytes: usize) -> Result<Value, BridgeError> {
        let (buffer, memory) = ArrayMemory::new(self.env, bytes)?;
        if let Some(old) = self.memory.replace(Some(memory)) {
            if self.reading.get() {
                self.retired.borrow_mut().push(old);
            } else {
                old.let_go(self.env);
            }
        }
        Ok(buffer)
    }

    /// Whether a request in it is being read, so that JavaScript must not write to it.
    pub(crate) fn is_being_read(&self) -> bool {
        self.reading.get()
    }

    /// Runs `body`, which reads a request. That may run Python code, which may call JavaScript, which gets another outbox.
    pub(crate) fn while_reading<R>(&self, body: impl FnOnce() -> R) -> R {
        let _reading = Reading {
            outbox: self,
            outer: self.reading.replace(true),
        };
        body()
    }
}

/// Ends the reading, also when it panics.
struct Reading<'a> {
    outbox: &'a Outbox,
    outer: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.outbox.reading.set(self.outer);
        if !self.outer {
            for memory in self.outbox.retired.take() {
                memory.let_go(self.outbox.env);
            }
        }
    }
}
