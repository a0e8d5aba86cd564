//! JavaScript objects and functions that Python holds, and what Python asks of them.
//!
//! An environment numbers those of its objects that cross. Its [`Channel`](crate::async_support::Channel) keeps, for each number,
//! the one Python object that stands for it, so that identity in Python is identity in JavaScript. JavaScript keeps the object
//! alive as long as a request that names it is under way or the channel says that Python [holds](Objects::holds) it.
//!
//! What Python asks ([`Question`]) is answered on the environment's own thread: at once if Python runs on that thread, in a
//! synchronous call; otherwise the thread that asks waits, without the GIL, until the environment's event loop comes to it. Of promises
//! nobody asks: JavaScript says what became of them (`settlement`).

mod direct_call;
mod function;
mod object;
mod objects;
mod outcome;
mod patience;
mod proxy;
mod question;
mod settlement;
mod thrown;

use pyo3::prelude::*;

pub use direct_call::{Called, MOST_ARGUMENTS, Register};
pub(crate) use function::{JsFunction, JsMethod};
pub(crate) use object::JsObject;
pub use objects::Objects;
pub(crate) use objects::{held_count, object_for};
pub(crate) use patience::set_limit as set_callback_timeout;
pub(crate) use question::Questions;
pub use question::{Answer, Question};
pub(crate) use settlement::{Settlements, wake_interrupted};
pub(crate) use thrown::{thrown, thrown_exception};

/// Puts the classes into the compiled module.
pub(crate) fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<JsObject>()?;
    module.add("JsFunction", direct_call::class(module.py())?)?;
    module.add_class::<JsMethod>()?;
    module.add_class::<proxy::JsProxy>()
}

/// Whether the object stands for one of JavaScript's.
pub fn is_reference(object: &Bound<'_, PyAny>) -> bool {
    reference(object).is_some()
}

/// Whether the exception is a JavaScript error on its way back.
pub fn carries_thrown(exception: &Bound<'_, PyAny>) -> bool {
    thrown(exception).is_some()
}

/// What stands for a JavaScript object in Python, if the object does that.
pub(crate) fn reference<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a objects::Reference> {
    if let Ok(object) = object.cast_exact::<JsObject>() {
        Some(object.get().reference())
    } else if let Ok(function) = object.cast::<JsFunction>() {
        Some(function.get().reference())
    } else if let Ok(method) = object.cast_exact::<JsMethod>() {
        // In JavaScript what is read from an object is the function alone.
        Some(method.get().reference())
    } else if let Ok(proxy) = object.cast::<proxy::JsProxy>() {
        Some(proxy.get().reference())
    } else {
        None
    }
}
