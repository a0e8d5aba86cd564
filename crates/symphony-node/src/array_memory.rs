//! Memory of an `ArrayBuffer` that both languages use.

use std::ptr;

use napi::sys;
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::ErrorCode;

use crate::js::{self, Value};

/// The memory of a buffer that a strong reference keeps and that is never transferred. Belongs to one environment and its thread.
#[derive(Clone, Copy)]
pub(crate) struct ArrayMemory {
    pub(crate) data: *mut u8,
    pub(crate) bytes: usize,
    reference: sys::napi_ref,
}

impl ArrayMemory {
    /// That of a buffer which JavaScript made; nothing if it is no `ArrayBuffer`.
    pub(crate) fn of(env: sys::napi_env, buffer: Value) -> Option<Self> {
        let mut data = ptr::null_mut();
        let mut bytes = 0;
        // SAFETY: writes the two results only; fails for anything but an ArrayBuffer.
        let status = unsafe { sys::napi_get_arraybuffer_info(env, buffer, &raw mut data, &raw mut bytes) };
        (status == sys::Status::napi_ok).then(|| Self {
            data: data.cast(),
            bytes,
            reference: js::reference(env, buffer),
        })
    }

    /// That of a new buffer, and the buffer.
    pub(crate) fn new(env: sys::napi_env, bytes: usize) -> Result<(Value, Self), BridgeError> {
        let (buffer, data) = js::array_buffer(env, bytes).ok_or_else(|| too_large(bytes))?;
        let memory = Self {
            data,
            bytes,
            reference: js::reference(env, buffer),
        };
        Ok((buffer, memory))
    }

    /// The buffer.
    pub(crate) fn buffer(self, env: sys::napi_env) -> Value {
        js::referenced(env, self.reference)
    }

    /// Leaves the buffer to JavaScript's collector. The memory must not be used any more.
    pub(crate) fn let_go(self, env: sys::napi_env) {
        // SAFETY: a reference of this environment; whoever gives up the memory had the only copy of it.
        unsafe { sys::napi_delete_reference(env, self.reference) };
    }
}

pub(crate) fn too_large(bytes: usize) -> BridgeError {
    BridgeError::new(
        ErrorCode::Conversion,
        format!("the value takes {bytes} bytes, more than an ArrayBuffer can hold"),
    )
}
