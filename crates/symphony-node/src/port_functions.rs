//! The functions of a port, as `docs/internal/native-interface.md` lists them.

use std::ffi::c_void;
use std::ptr;

use napi::sys;
use pyo3::ffi;
use pyo3::prelude::*;
use symphony_python_bridge::async_support::{self, Cancellation, Crossings};
use symphony_python_bridge::errors::{BridgeError, Failure};
use symphony_python_bridge::method::{Method, is_method_of};
use symphony_python_bridge::operation::{self, Header};
use symphony_python_bridge::shares::{self, Adopted};
use symphony_python_bridge::symbols::{ARGUMENTS_OFFSET, symbols};
use symphony_python_bridge::{float_parameters, handles, interpreter, kinds, names, releases};
use symphony_wire::ErrorCode;

use crate::arguments::{CallArguments, MOST_ARGUMENTS, NotConverted, no_handle};
use crate::js::{self, Arguments, Callback, UNDEFINED, Value};
use crate::mailbox::Kind;
use crate::port::Port;
use crate::{adopted, array_functions, results};

/// Defines the functions on a port object.
pub(crate) fn define(env: sys::napi_env, object: Value, port: &'static Port) {
    let functions: [(&str, Callback); 38] = [
        ("callNumbers", call_numbers),
        ("call", call),
        ("callMethodNumbers", call_method_numbers),
        ("callMethod", call_method),
        ("getAttribute", get_attribute),
        ("operate", operate),
        ("name", name),
        ("adopt", adopt),
        ("find", find),
        ("release", release),
        ("cross", cross),
        ("share", share),
        ("takeShare", take_share),
        ("keepAlive", keep_alive),
        ("keepRequest", keep_request),
        ("releaseRequest", release_request),
        ("guardRequest", guard_request),
        ("describeType", describe_type),
        ("takeLarge", take_large),
        ("outbox", outbox),
        ("submit", submit),
        ("cancel", cancel),
        ("cancelledPlace", cancelled_place),
        ("grant", grant),
        ("closeStream", close_stream),
        ("hold", hold),
        ("openSession", open_session),
        ("closeSession", close_session),
        ("listen", listen),
        ("deliverOutput", deliver_output),
        ("holdsObject", holds_object),
        ("objectArrived", object_arrived),
        ("deliverForgotten", deliver_forgotten),
        ("refuseQuestions", refuse_questions),
        ("settle", settle),
        ("forgetPromise", forget_promise),
        ("answerNumber", answer_number),
        ("detach", detach),
    ];
    for (name, callback) in functions {
        js::define(env, object, name, callback, port.as_data());
    }
    array_functions::define(env, object, port);
}

#[inline]
fn port(data: *mut c_void) -> &'static Port {
    // SAFETY: every function of a port is defined with the port as its data, and ports are never freed.
    unsafe { &*data.cast::<Port>() }
}

/// A callback that needs only its arguments and the port.
pub(crate) fn plain<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&'static Port, &Arguments<N>) -> Result<Value, BridgeError>,
) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<N>::new(env);
        arguments.read(info);
        body(port(arguments.data), &arguments)
    })
}

/// The handle id and the mask of a direct call's first argument.
#[inline]
fn target(env: sys::napi_env, value: Value) -> (u32, u32) {
    let mut packed = 0.0;
    // As a double, the form that Node gives fastest; 40 bits of it are used, which it holds exactly.
    // SAFETY: a value of the running callback; 0, which is no handle, if it is no number.
    unsafe { sys::napi_get_value_double(env, value, &raw mut packed) };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an integer of 40 bits"
    )]
    let packed = packed as u64;
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are taken apart")]
    (packed as u32, (packed >> 32) as u32)
}

/// The interned string of a name number, borrowed for ever.
#[inline]
fn name_object(py: Python<'_>, number: u32) -> Result<*mut ffi::PyObject, BridgeError> {
    let name = names::object(py, number);
    if name.is_null() {
        return Err(BridgeError::new(
            ErrorCode::Protocol,
            format!("there is no name {number}"),
        ));
    }
    Ok(name)
}

/// Calls a handle with numbers, all of it in the mailbox: a call into Node for the arguments and one for each of them
/// would cost as much as Python's share of a short call.
unsafe extern "C" fn call_numbers(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let port = Port::of(env, info);
        let in_call = port.attach()?;
        let py = in_call.python();
        let Some(callable) = handles::callable(py, port.mailbox().target()) else {
            return Ok(results::from_failure(port, py, &no_handle(port.mailbox().target())));
        };
        let mut slots = CallArguments::new();
        let converted = slots.extend_with_numbers(py, port.mailbox().numbers());
        Ok(call_object(
            port,
            py,
            port.mailbox().target(),
            callable,
            &mut slots,
            converted,
        ))
    })
}

/// Calls a handle with up to `MOST_ARGUMENTS` direct arguments.
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<{ MOST_ARGUMENTS + 1 }>::new(env);
        arguments.read(info);
        let port = port(arguments.data);
        let (id, mask) = target(env, arguments.values[0]);
        let in_call = port.attach()?;
        let py = in_call.python();
        let Some(callable) = handles::callable(py, id) else {
            return Ok(results::from_failure(port, py, &no_handle(id)));
        };
        let mut slots = CallArguments::new();
        let converted = slots.extend(py, env, arguments.from(1), mask);
        Ok(call_object(port, py, id, callable, &mut slots, converted))
    })
}

#[inline]
fn call_object(
    port: &Port,
    py: Python<'_>,
    id: u32,
    (callable, may_want_floats): (Bound<'_, PyAny>, bool),
    slots: &mut CallArguments,
    mut converted: Result<(), NotConverted>,
) -> Value {
    if may_want_floats
        && slots.has_integers()
        && converted.is_ok()
        && let Some(parameters) = handles::float_parameters(py, id)
    {
        converted = slots.suit(py, &parameters);
    }
    let result = if converted.is_ok() {
        let (first, count) = slots.for_call();
        // SAFETY: a live object; `count` owned references that outlive the call; the slot before them is the callee's.
        unsafe { (symbols().vectorcall)(callable.as_ptr(), first, count | ARGUMENTS_OFFSET, ptr::null_mut()) }
    } else {
        ptr::null_mut()
    };
    slots.release(py);
    finish(port, py, converted, result)
}

/// Calls a method of a handle with numbers, as `call_numbers` does.
unsafe extern "C" fn call_method_numbers(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let port = Port::of(env, info);
        let in_call = port.attach()?;
        let py = in_call.python();
        let Some(object) = handles::get(py, port.mailbox().target()) else {
            return Ok(results::from_failure(port, py, &no_handle(port.mailbox().target())));
        };
        let name = name_object(py, port.mailbox().name())?;
        let mut slots = CallArguments::new();
        let converted = slots.extend_with_numbers(py, port.mailbox().numbers());
        Ok(call_named(port, py, &object, name, &mut slots, converted))
    })
}

/// Calls a method of a handle with up to `MOST_ARGUMENTS` direct arguments.
unsafe extern "C" fn call_method(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<{ MOST_ARGUMENTS + 2 }>::new(env);
        arguments.read(info);
        let port = port(arguments.data);
        let (id, mask) = target(env, arguments.values[0]);
        let number = arguments.u32(1);
        let in_call = port.attach()?;
        let py = in_call.python();
        let Some(object) = handles::get(py, id) else {
            return Ok(results::from_failure(port, py, &no_handle(id)));
        };
        let name = name_object(py, number)?;
        let mut slots = CallArguments::new();
        let converted = slots.extend(py, env, arguments.from(2), mask);
        Ok(call_named(port, py, &object, name, &mut slots, converted))
    })
}

#[inline]
fn call_named(
    port: &Port,
    py: Python<'_>,
    object: &Bound<'_, PyAny>,
    name: *mut ffi::PyObject,
    slots: &mut CallArguments,
    mut converted: Result<(), NotConverted>,
) -> Value {
    let mut result = ptr::null_mut();
    if converted.is_ok() {
        // SAFETY: a live object, as in `call_object`, and a string that lives for ever.
        if let Some(method) = unsafe { Method::find(py, object.as_ptr(), name) } {
            if slots.has_integers()
                && let Some(parameters) = float_parameters::of_method(&method)
            {
                converted = slots.suit(py, &parameters);
            }
            if converted.is_ok() {
                let (first, count) = if method.takes_object() {
                    slots.for_method(object.as_ptr())
                } else {
                    slots.for_call()
                };
                let function = method.function().as_ptr();
                // SAFETY: as in `call_object`; `method` owns the function.
                result = unsafe { (symbols().vectorcall)(function, first, count | ARGUMENTS_OFFSET, ptr::null_mut()) };
            }
        }
    }
    slots.release(py);
    finish(port, py, converted, result)
}

unsafe extern "C" fn get_attribute(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let port = Port::of(env, info);
        let in_call = port.attach()?;
        let py = in_call.python();
        let Some(object) = handles::get(py, port.mailbox().target()) else {
            return Ok(results::from_failure(port, py, &no_handle(port.mailbox().target())));
        };
        let name = name_object(py, port.mailbox().name())?;
        // SAFETY: two live objects, as in `call_object`, the second a string.
        let result = unsafe { ffi::PyObject_GetAttr(object.as_ptr(), name) };
        // SAFETY: the owned reference just got, and the thread is attached.
        if !result.is_null() && interpreter::is_running() && unsafe { is_method_of(result, &object) } {
            // SAFETY: the same reference.
            unsafe { ffi::Py_DecRef(result) };
            port.mailbox().announce(Kind::Method);
            return Ok(UNDEFINED);
        }
        Ok(finish(port, py, Ok(()), result))
    })
}

/// What JavaScript gets for the reference that the C API gave, or for the reason why there is none.
#[inline]
fn finish(port: &Port, py: Python<'_>, converted: Result<(), NotConverted>, result: *mut ffi::PyObject) -> Value {
    // SAFETY: an owned reference, or null.
    let result = unsafe { Bound::from_owned_ptr_or_opt(py, result) };
    if !interpreter::is_running() {
        end_forked_child(port, py, &converted, result.as_ref());
    }
    let value = match result {
        Some(object) => results::from_object(port, py, object),
        None => finish_without_object(port, py, converted),
    };
    // The conversion may have run Python code too.
    if !interpreter::is_running() {
        async_support::end_child(py, port.process(), &Ok(()));
    }
    value
}

/// Ends the process if this is a child that the call forked.
#[cold]
fn end_forked_child(
    port: &Port,
    py: Python<'_>,
    converted: &Result<(), NotConverted>,
    result: Option<&Bound<'_, PyAny>>,
) {
    let outcome = match result {
        Some(_) => Ok(()),
        // Without arguments the call did not run, so nothing forked.
        None if converted.is_err() => return,
        None => Err(Failure::take(py)),
    };
    async_support::end_child(py, port.process(), &outcome);
    if let Err(Failure::Python(raised)) = outcome {
        PyErr::from_value(raised.bind(py)).restore(py);
    }
}

#[cold]
#[inline(never)]
fn finish_without_object(port: &Port, py: Python<'_>, converted: Result<(), NotConverted>) -> Value {
    match converted {
        Ok(()) => results::from_failure(port, py, &Failure::take(py)),
        Err(NotConverted::Failed(failure)) => results::from_failure(port, py, &failure),
        Err(NotConverted::Indirect) => {
            port.mailbox().announce(Kind::Indirect);
            UNDEFINED
        }
    }
}

unsafe extern "C" fn operate(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        // Before the thread attaches, which may run what other code left to be done.
        let reading = port.outbox().read();
        let request = port.outbox().written(arguments.u32(0) as usize)?;
        let header = Header::read(request)
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "the outbox holds no whole request"))?;
        let in_call = port.attach()?;
        Python::attach(|py| {
            let _keep = &in_call;
            let references = Crossings::of(port.channel());
            let read = operation::read(py, &header, &request[..header.total()], &references);
            drop(reading);
            let result = read.and_then(|operation| operation.perform(py));
            async_support::end_child(py, port.process(), &result);
            Ok(match result {
                Ok(operation::Outcome::Object(object)) if header.is_auto() => results::from_object(port, py, object),
                Ok(operation::Outcome::Object(object)) if header.is_reference() => results::handle(port, &object),
                Ok(outcome) => results::from_outcome(port, py, &outcome, header.returns()),
                Err(failure) => results::from_failure(port, py, &failure),
            })
        })
    })
}

unsafe extern "C" fn name(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |_, arguments| {
        Ok(js::number(arguments.env, names::number(&arguments.text(0)?)))
    })
}

unsafe extern "C" fn adopt(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |port, arguments| {
        port.adopted()
            .adopt(arguments.env, arguments.u32(0), arguments.values[1]);
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn find(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        Ok(port.adopted().find_arriving(arguments.env, arguments.u32(0)))
    })
}

unsafe extern "C" fn release(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.adopted().release(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

/// Counts one crossing more of a handle, for a state that is about to be adopted.
unsafe extern "C" fn cross(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let id = arguments.u32(0);
        releases::add_crossing(id);
        // The worker may be terminated before it adopts the state.
        port.adopted().expect(id);
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn share(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |port, arguments| {
        let key = shares::share(port.channel(), arguments.u32(0), arguments.u32(1));
        Ok(js::string(arguments.env, &key))
    })
}

unsafe extern "C" fn take_share(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let adopted = shares::adopt(&arguments.text(0)?)?;
        if let Some(Adopted { handle, type_key }) = adopted {
            port.adopted().expect(handle);
            port.mailbox().announce_handle(handle, type_key);
        }
        Ok(js::boolean(arguments.env, adopted.is_some()))
    })
}

unsafe extern "C" fn keep_alive(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.keep_alive(arguments.boolean(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn keep_request(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.keep_request(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn release_request(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.release_request(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn guard_request(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |port, arguments| {
        adopted::guard_request(arguments.env, port.channel(), arguments.u32(0), arguments.values[1]);
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn describe_type(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |_, arguments| {
        let key = arguments.u32(0);
        let description = kinds::description(key)
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, format!("there is no type description {key}")))?;
        Ok(js::string(arguments.env, &description))
    })
}

unsafe extern "C" fn take_large(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| port.mailbox().take_large())
}

unsafe extern "C" fn outbox(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let mut bytes: i64 = 0;
        // SAFETY: a value of the running callback; stays 0 if it is no number.
        unsafe { sys::napi_get_value_int64(arguments.env, arguments.values[0], &raw mut bytes) };
        port.outbox().replace(usize::try_from(bytes).unwrap_or_default())
    })
}

unsafe extern "C" fn submit(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let requests = port.outbox().written(arguments.u32(0) as usize)?;
        let count = async_support::submit(port.channel(), requests)?;
        port.expect_completions(count);
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn cancel(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let counted = !port.channel().is_stream(arguments.u32(0));
        let cancellation = port.channel().cancel(arguments.u32(0));
        if counted && cancellation == Cancellation::NotStarted {
            port.forget_completions(1);
        }
        Ok(js::number(arguments.env, cancellation as u32))
    })
}

unsafe extern "C" fn cancelled_place(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let place = port.channel().cancelled_place(arguments.u32(0));
        Ok(js::number(arguments.env, place as u32))
    })
}

unsafe extern "C" fn grant(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |port, arguments| {
        port.channel().grant(arguments.u32(0), arguments.u32(1));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn close_stream(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.channel().close_stream(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn hold(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        match arguments.u32(0) {
            0 => port.forget_completions(1),
            _ => port.expect_completions(1),
        }
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn open_session(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, arguments| {
        Ok(js::number(arguments.env, port.channel().open_session()))
    })
}

unsafe extern "C" fn close_session(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.channel().close_session(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn listen(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| {
        async_support::listen_to_output(port.channel());
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn holds_object(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        let holds = port.channel().objects().holds(arguments.u32(0));
        Ok(js::boolean(arguments.env, holds))
    })
}

unsafe extern "C" fn object_arrived(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.channel().objects().arrived(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn deliver_forgotten(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| {
        port.deliver_forgotten();
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn settle(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<4>(env, info, |port, arguments| {
        const QUESTION: u32 = 1;
        let is_question = arguments.u32(0) == QUESTION;
        let bytes = port.outbox().written(arguments.u32(2) as usize)?;
        let number = port
            .channel()
            .settle_promise(is_question, arguments.u32(1), bytes, arguments.boolean(3));
        Ok(js::number(arguments.env, number))
    })
}

unsafe extern "C" fn answer_number(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, arguments| {
        Ok(js::number(arguments.env, port.channel().answer_number()))
    })
}

unsafe extern "C" fn forget_promise(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |port, arguments| {
        port.channel().forget_promise(arguments.u32(0));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn refuse_questions(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| {
        port.channel().refuse_questions();
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn deliver_output(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| {
        port.deliver_output();
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn detach(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |port, _| {
        port.detach(shares::GRACE);
        Ok(UNDEFINED)
    })
}
