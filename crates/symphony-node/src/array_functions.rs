//! The functions of a port for arrays and their memory, as `docs/internal/native-interface.md` lists them.

use std::sync::Arc;

use napi::sys;
use pyo3::ffi;
use pyo3::prelude::*;
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::{handles, releases};
use symphony_wire::ErrorCode;

use crate::js::{self, Callback, UNDEFINED, Value};
use crate::port::Port;
use crate::port_functions::plain;
use crate::shared_memory::SharedMemory;
use crate::{backing_store, block_buffers};

/// Defines the functions on a port object, and whether arrays share memory in this runtime.
pub(crate) fn define(env: sys::napi_env, object: Value, port: &'static Port) {
    let functions: [(&str, Callback); 10] = [
        ("memoryOf", memory_of),
        ("giveBackMemory", give_back_memory),
        ("shareMemory", share_memory),
        ("copyIn", copy_in),
        ("lend", lend),
        ("borrow", borrow),
        ("endBlock", end_block),
        ("giveBack", give_back),
        ("copyOut", copy_out),
        ("bytesObject", bytes_object),
    ];
    for (name, callback) in functions {
        js::define(env, object, name, callback, port.as_data());
    }
    let shares_memory = js::boolean(env, SharedMemory::is_allowed(env));
    js::set(env, object, "sharesMemory", shares_memory);
}

unsafe extern "C" fn memory_of(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<4>(env, info, |port, arguments| {
        let id = arguments.u32(0);
        port.adopted().arrived(id | handles::OF_MEMORY);
        let (address, bytes) = (arguments.size(1), arguments.size(2));
        if arguments.boolean(3) {
            return SharedMemory::copy_of_object(arguments.env, id, address, bytes);
        }
        let (buffer, was_there) = port.shared_memory().of_object(arguments.env, id, address, bytes)?;
        port.mailbox().announce_boolean(was_there);
        Ok(buffer)
    })
}

/// `giveBackMemory()`: gives back the crossing that the last `memoryOf` left.
unsafe extern "C" fn give_back_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| {
        port.shared_memory().settle();
        Ok(UNDEFINED)
    })
}

/// `shareMemory(buffer)`: the number of the block that the `ArrayBuffer` is over, which is forgotten with it; 0 if it is over none.
unsafe extern "C" fn share_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let env = arguments.env;
        let Some(block) = block_buffers::block_of(env, arguments.values[0]) else {
            return Ok(js::number(env, 0));
        };
        let address = block.pointer().as_ptr() as usize;
        let channel = Arc::clone(port.channel());
        let number = channel.blocks().enter(block);
        block_buffers::on_collected(env, address, move || drop(channel.blocks().take(number)));
        Ok(js::number(env, number))
    })
}

unsafe extern "C" fn copy_in(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let number = SharedMemory::copy_in(arguments.env, port.channel(), arguments.values[0])?;
        Ok(js::number(arguments.env, number))
    })
}

/// 0 where nothing can be lent.
unsafe extern "C" fn lend(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<3>(env, info, |port, arguments| {
        if !backing_store::can_be_kept() {
            return Ok(js::number(arguments.env, 0));
        }
        let [buffer, array, _] = arguments.values;
        let number = port
            .shared_memory()
            .lend(arguments.env, port.channel(), buffer, array, arguments.size(2))?;
        Ok(js::number(arguments.env, number))
    })
}

/// 0 where nothing can be borrowed.
unsafe extern "C" fn borrow(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        if !backing_store::can_be_kept() {
            return Ok(js::number(arguments.env, 0));
        }
        let number = port
            .shared_memory()
            .borrow(arguments.env, port.channel(), arguments.values[0])?;
        Ok(js::number(arguments.env, number))
    })
}

/// Forgets the number of a block that was copied, lent or (second argument) borrowed; whether Python kept what was borrowed.
unsafe extern "C" fn end_block(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |port, arguments| {
        let number = arguments.u32(0);
        let kept = if arguments.boolean(1) {
            port.shared_memory().end_borrow(arguments.env, port.channel(), number)
        } else {
            port.shared_memory().end_block(arguments.env, port.channel(), number);
            false
        };
        Ok(js::boolean(arguments.env, kept))
    })
}

/// Gives back what `bytesObject` gave. At once, so that the memory serves the next one; waits for the GIL.
unsafe extern "C" fn give_back(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let id = arguments.u32(0);
        port.adopted().arrived(id);
        match port.attach() {
            Ok(in_call) => handles::release(in_call.python(), id, 1),
            Err(_) => releases::crossings(id, 1),
        }
        Ok(UNDEFINED)
    })
}

/// Copies the memory of a `bytes`, of which the message brings one crossing, to a `Uint8Array` of that length.
unsafe extern "C" fn copy_out(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<3>(env, info, |port, arguments| {
        let id = arguments.u32(0);
        port.adopted().arrived(id);
        SharedMemory::copy_out(arguments.env, id, arguments.size(1), arguments.values[2])?;
        Ok(UNDEFINED)
    })
}

/// Copies a `Uint8Array` to a new `bytes`; gives its handle id, of which the caller has one crossing. Waits for the GIL.
unsafe extern "C" fn bytes_object(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let in_call = port.attach()?;
        let py = in_call.python();
        let (pointer, length) = js::bytes_of(arguments.env, arguments.values[0])
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "expected a Uint8Array"))?;
        // Not by PyO3, which fills the memory with zeros first.
        // SAFETY: the memory of a live array, whose length fits isize; nobody changes it while this thread is here.
        let made = unsafe { ffi::PyBytes_FromStringAndSize(pointer.as_ptr().cast(), length.cast_signed()) };
        // SAFETY: a new reference, or null with an exception set.
        let bytes = unsafe { Bound::from_owned_ptr_or_err(py, made) }
            .map_err(|error| BridgeError::new(ErrorCode::Conversion, error.to_string()))?;
        let (id, _) = handles::export(&bytes);
        // Given back by the environment's end, if JavaScript does not come to it.
        port.adopted().expect(id);
        Ok(js::number(arguments.env, id))
    })
}
