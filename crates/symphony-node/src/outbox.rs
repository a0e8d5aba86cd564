//! The outbox: memory in which JavaScript writes requests and answers.

use std::cell::{Cell, RefCell};
use std::ptr;

use napi::sys;
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::ErrorCode;

use crate::array_memory::ArrayMemory;
use crate::js::Value;

/// One environment's. Touched by its own thread only.
pub(crate) struct Outbox {
    env: sys::napi_env,
    memory: Cell<Option<ArrayMemory>>,
    /// Those of which a request is being read, the innermost last. Reading may run Python code, which may call JavaScript, which
    /// must not write to them.
    being_read: RefCell<Vec<*mut u8>>,
    /// Those of them that were replaced meanwhile.
    retired: RefCell<Vec<ArrayMemory>>,
}

impl Outbox {
    pub(crate) fn new(env: sys::napi_env) -> Self {
        Self {
            env,
            memory: Cell::new(None),
            being_read: RefCell::default(),
            retired: RefCell::default(),
        }
    }

    /// What JavaScript wrote. For as long as a [`Reading`] lives, or no code runs that may call JavaScript.
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
            if self.being_read.borrow().contains(&old.data) {
                self.retired.borrow_mut().push(old);
            } else {
                old.let_go(self.env);
            }
        }
        Ok(buffer)
    }

    /// Gives the memory back: nothing is written any more.
    pub(crate) fn end(&self) {
        if let Some(memory) = self.memory.take() {
            memory.let_go(self.env);
        }
    }

    /// Whether a request in it is being read, so that JavaScript must not write to it.
    pub(crate) fn is_being_read(&self) -> bool {
        let memory = self.memory.get();
        memory.is_some_and(|memory| self.being_read.borrow().contains(&memory.data))
    }

    /// From now on, until the end of what this gives, a request in it is being read.
    pub(crate) fn read(&self) -> Reading<'_> {
        let data = self.memory.get().map_or(ptr::null_mut(), |memory| memory.data);
        self.being_read.borrow_mut().push(data);
        Reading { outbox: self }
    }
}

/// A request in the outbox is being read.
pub(crate) struct Reading<'a> {
    outbox: &'a Outbox,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut being_read = self.outbox.being_read.borrow_mut();
        being_read.pop();
        if being_read.is_empty() {
            for memory in self.outbox.retired.take() {
                memory.let_go(self.outbox.env);
            }
        }
    }
}
