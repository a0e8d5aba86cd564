//! What JavaScript must know of an object without asking Python again: its type's name, ancestors and abilities.
//!
//! A description is made when the first object of a type crosses and is kept while handles of the type live. Modules,
//! classes and `exec` namespaces are described one by one, because what they offer is their own and not their type's.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyModule, PyTuple, PyType};
use pyo3::{ffi, intern};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::gil::GilCell;
use crate::symbols::symbols;

/// Names by which JavaScript libraries decide what a value is: streams, promises of other libraries, iterators,
/// property descriptors, React and Immutable values, DOM nodes, Nest life-cycle hooks. On a handle they exist only if
/// the Python type has them.
pub const PROBED_NAMES: [&str; 49] = [
    "$$typeof",
    "@@__IMMUTABLE_ITERABLE__@@",
    "@@__IMMUTABLE_RECORD__@@",
    "_events",
    "_readableState",
    "_writableState",
    "abort",
    "addEventListener",
    "addListener",
    "beforeApplicationShutdown",
    "catch",
    "configurable",
    "emit",
    "enumerable",
    "finally",
    "getReader",
    "getWriter",
    "getter",
    "next",
    "nodeType",
    "off",
    "on",
    "onApplicationBootstrap",
    "onApplicationShutdown",
    "onModuleDestroy",
    "onModuleInit",
    "once",
    "pipe",
    "readableAborted",
    "readableDidRead",
    "readableEnded",
    "readableErrored",
    "readableFlowing",
    "readableObjectMode",
    "removeListener",
    "return",
    "setter",
    "subscribe",
    "tagName",
    "throw",
    "writable",
    "writableAborted",
    "writableEnded",
    "writableErrored",
    "writableFinished",
    "writableNeedDrain",
    "writableObjectMode",
    "write",
    "~standard",
];

/// Unused descriptions of types are kept up to this many, since a type often comes back; beyond it they go at once, as
/// do at any time those of objects that were described for themselves.
const KEPT_UNUSED: usize = 512;

/// The key of what `async def` functions give: JavaScript knows it, and makes promises of such objects.
const COROUTINE_KEY: u32 = i32::MAX.cast_unsigned();

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description<'a> {
    name: String,
    mro: Vec<String>,
    callable: bool,
    iterable: bool,
    async_iterable: bool,
    names: Vec<&'a str>,
}

struct Kind {
    /// The described object, owned.
    subject: NonNull<ffi::PyObject>,
    /// Whether it is described for itself, rather than for its instances: a class may be both.
    own: bool,
    handles: usize,
}

#[derive(Default)]
struct Kinds {
    by_key: FxHashMap<u32, Kind>,
    by_subject: FxHashMap<(usize, bool), u32>,
    last: u32,
}

static KINDS: GilCell<Option<Kinds>> = GilCell::new(None);
static DESCRIPTIONS: LazyLock<Mutex<HashMap<u32, Arc<str>>>> = LazyLock::new(Mutex::default);

fn with_kinds<R>(py: Python<'_>, body: impl FnOnce(&mut Kinds) -> R) -> R {
    KINDS.with(py, |kinds| body(kinds.get_or_insert_default()))
}

fn descriptions() -> MutexGuard<'static, HashMap<u32, Arc<str>>> {
    DESCRIPTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The description with that key as JSON; needs no GIL. `None` once no handle uses it any more.
pub fn description(key: u32) -> Option<Arc<str>> {
    descriptions().get(&key).cloned()
}

/// The key for an object's description, made if need be; counts one handle.
pub(crate) fn acquire(object: &Bound<'_, PyAny>) -> u32 {
    let py = object.py();
    if let Some(key) = acquire_known(py, (object.get_type_ptr() as usize, false)) {
        // Instances of one type describe themselves all or not at all.
        return key;
    }
    let own = describes_itself(object);
    let subject = if own {
        object.clone()
    } else {
        object.get_type().into_any()
    };
    let address = (subject.as_ptr() as usize, own);
    if let Some(key) = acquire_known(py, address) {
        return key;
    }
    let is_coroutine = !own && subject.as_ptr().cast() == symbols().coroutine_type;
    let text = describe(object, own);
    let pointer = NonNull::new(subject.clone().into_ptr()).expect("a bound object is never null");
    let (key, is_new) = with_kinds(py, |kinds| {
        // Another thread may have described it meanwhile.
        if let Some(&key) = kinds.by_subject.get(&address)
            && let Some(kind) = kinds.by_key.get_mut(&key)
        {
            kind.handles += 1;
            return (key, false);
        }
        let key = if is_coroutine {
            COROUTINE_KEY
        } else {
            kinds.last += 1;
            kinds.last
        };
        kinds.by_key.insert(
            key,
            Kind {
                subject: pointer,
                own,
                handles: 1,
            },
        );
        kinds.by_subject.insert(address, key);
        (key, true)
    });
    if is_new {
        descriptions().insert(key, text.into());
    } else {
        // SAFETY: the reference taken above, which nobody kept; `subject` has another one.
        unsafe { ffi::Py_DecRef(pointer.as_ptr()) };
    }
    key
}

fn acquire_known(py: Python<'_>, address: (usize, bool)) -> Option<u32> {
    with_kinds(py, |kinds| {
        let key = *kinds.by_subject.get(&address)?;
        kinds.by_key.get_mut(&key)?.handles += 1;
        Some(key)
    })
}

/// One handle fewer uses the description.
pub(crate) fn release(py: Python<'_>, key: u32) {
    let unused = with_kinds(py, |kinds| {
        let count = kinds.by_key.len();
        let kind = kinds.by_key.get_mut(&key)?;
        kind.handles -= 1;
        // What was described for itself is kept by nobody else, and may be large.
        if kind.handles > 0 || (!kind.own && count <= KEPT_UNUSED) {
            return None;
        }
        let kind = kinds.by_key.remove(&key)?;
        let address = (kind.subject.as_ptr() as usize, kind.own);
        if kinds.by_subject.get(&address) == Some(&key) {
            kinds.by_subject.remove(&address);
        }
        Some(kind.subject)
    });
    if let Some(subject) = unused {
        descriptions().remove(&key);
        // SAFETY: the reference that the removed entry owned.
        unsafe { ffi::Py_DecRef(subject.as_ptr()) };
    }
}

fn describes_itself(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyModule>() || object.is_instance_of::<PyType>() || crate::runtime::is_namespace(object)
}

fn describe(object: &Bound<'_, PyAny>, own: bool) -> String {
    let py = object.py();
    let class = object.get_type();
    let mro = ancestors(&class);
    let has = |name: &str| {
        mro.iter().any(|ancestor| declares(ancestor, name))
            || (own && declares(object, name))
            || object
                .cast::<PyType>()
                .is_ok_and(|class| ancestors(class).iter().any(|ancestor| declares(ancestor, name)))
    };
    // A failed look-up must leave no exception behind; every helper swallows its own.
    let in_type = |name: &str| mro.iter().any(|ancestor| declares(ancestor, name));
    let description = Description {
        name: qualified_name(class.as_any()),
        mro: mro.iter().map(qualified_name).collect(),
        callable: object.is_callable(),
        iterable: in_type("__iter__") || in_type("__getitem__"),
        async_iterable: in_type("__aiter__"),
        names: PROBED_NAMES.into_iter().filter(|name| has(name)).collect(),
    };
    debug_assert!(!PyErr::occurred(py));
    serde_json::to_string(&description).unwrap_or_default()
}

fn ancestors<'py>(class: &Bound<'py, PyType>) -> Vec<Bound<'py, PyAny>> {
    class
        .getattr(intern!(class.py(), "__mro__"))
        .and_then(|mro| Ok(mro.cast_into::<PyTuple>()?.iter().collect()))
        .unwrap_or_default()
}

/// Whether one of these qualified names is that of the object's type or of an ancestor of it.
pub(crate) fn is_any_of(object: &Bound<'_, PyAny>, names: &[String]) -> bool {
    !names.is_empty()
        && ancestors(&object.get_type())
            .iter()
            .any(|ancestor| names.contains(&qualified_name(ancestor)))
}

fn declares(owner: &Bound<'_, PyAny>, name: &str) -> bool {
    owner
        .getattr(intern!(owner.py(), "__dict__"))
        .and_then(|names| names.contains(name))
        .unwrap_or(false)
}

/// `module.QualName` of a class.
pub(crate) fn qualified_name(class: &Bound<'_, PyAny>) -> String {
    let py = class.py();
    let text = |name| class.getattr(name).and_then(|value| value.extract::<String>()).ok();
    let name = text(intern!(py, "__qualname__")).unwrap_or_else(|| "object".to_owned());
    match text(intern!(py, "__module__")) {
        Some(module) => format!("{module}.{name}"),
        None => name,
    }
}
