//! Which parameters of a callable are annotated `float`: they get a `float` also for a JavaScript number that is
//! integral, and would be an `int` otherwise.
//!
//! Looking at a signature takes microseconds, so it is done once for each callable. What was found is kept with a weak
//! reference to the callable, which says whether the address is still that of the same object.

use std::collections::HashMap;
use std::ptr;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use crate::gil::GilCell;
use crate::method::Method;
use crate::runtime::{self, Function};
use crate::symbols::symbols;

/// The parameters of one callable.
#[derive(Debug)]
struct Parameters {
    /// Whether each positional one wants a `float`.
    positional: Vec<bool>,
    /// Whether those behind them do: `*args: float`.
    rest: bool,
    names: HashMap<String, bool>,
    /// Whether keywords do that no parameter is named after: `**kwargs: float`.
    others: bool,
}

/// Which arguments of a call are to be a `float`.
#[derive(Debug, Clone)]
pub struct FloatParameters {
    parameters: Arc<Parameters>,
    /// How many parameters are taken: the first one of a bound method.
    skipped: usize,
}

impl FloatParameters {
    /// Whether the positional argument with this index is.
    #[inline]
    pub fn at(&self, index: usize) -> bool {
        let Parameters { positional, rest, .. } = &*self.parameters;
        *positional.get(index + self.skipped).unwrap_or(rest)
    }

    /// Whether the keyword argument of this name is.
    pub fn named(&self, name: &str) -> bool {
        let Parameters { names, others, .. } = &*self.parameters;
        *names.get(name).unwrap_or(others)
    }
}

struct Known {
    /// A weak reference to the callable.
    reference: Py<PyAny>,
    parameters: Option<Arc<Parameters>>,
}

impl Known {
    /// Whether this is about the object at the address, and not about one that lived there before it.
    #[inline]
    fn is_about(&self, callable: *mut ffi::PyObject) -> bool {
        // SAFETY: a weak reference; the borrowed referent, or `None` when it is dead, is only compared.
        ptr::eq(unsafe { ffi::PyWeakref_GetObject(self.reference.as_ptr()) }, callable)
    }
}

#[derive(Default)]
struct Cache {
    known: FxHashMap<usize, Known>,
    /// At this many entries those of dead objects are removed.
    limit: usize,
}

static CACHE: GilCell<Option<Cache>> = GilCell::new(None);

/// Fewer entries are not worth a search for dead ones.
const SMALLEST_LIMIT: usize = 1024;

/// The parameters of a method that want a `float`, or nothing if none does.
pub fn of_method(method: &Method<'_>) -> Option<FloatParameters> {
    let mut parameters = of(method.function())?;
    parameters.skipped += usize::from(method.takes_object());
    Some(parameters)
}

/// The parameters of a callable that want a `float`, or nothing if none does.
pub fn of(callable: &Bound<'_, PyAny>) -> Option<FloatParameters> {
    let class = callable.get_type_ptr();
    if class == symbols().function_type {
        return found(callable, 0);
    }
    if class == symbols().method_type {
        // SAFETY: exactly a bound method; the function is borrowed from it.
        let function = unsafe { (symbols().method_function)(callable.as_ptr()) };
        // SAFETY: a live object, since the method keeps it.
        let function = unsafe { Bound::from_borrowed_ptr(callable.py(), function) };
        return found(&function, 1);
    }
    // SAFETY: a live object.
    if unsafe { ffi::PyType_Check(callable.as_ptr()) } != 0 {
        // What is written in C has no annotations.
        return if is_heap_type(callable.as_ptr().cast()) {
            found(callable, 0)
        } else {
            None
        };
    }
    if !is_heap_type(class) {
        return None;
    }
    // An instance: its class says how it is called, and there are fewer classes. Where `__call__` is written in C, the
    // instance decides (`functools.partial`).
    let name = pyo3::intern!(callable.py(), "__call__");
    let Ok(of_class) = callable.get_type().getattr(name) else {
        return found(callable, 0);
    };
    if of_class.get_type_ptr() != symbols().function_type {
        // Bound to the class, or in C.
        let is_bound = of_class.get_type_ptr() == symbols().method_type;
        return if is_bound { of(&of_class) } else { found(callable, 0) };
    }
    // A static method is the same function when the instance is asked.
    let is_static = callable
        .getattr(name)
        .is_ok_and(|of_instance| of_instance.is(&of_class));
    found(&of_class, usize::from(!is_static))
}

#[inline]
fn found(callable: &Bound<'_, PyAny>, skipped: usize) -> Option<FloatParameters> {
    let py = callable.py();
    let address = callable.as_ptr();
    let known = CACHE.with(py, |cache| {
        let known = cache.as_ref()?.known.get(&(address as usize))?;
        known.is_about(address).then(|| known.parameters.clone())
    });
    let parameters = known.unwrap_or_else(|| look(callable))?;
    Some(FloatParameters { parameters, skipped })
}

#[cold]
#[inline(never)]
fn look(callable: &Bound<'_, PyAny>) -> Option<Arc<Parameters>> {
    let py = callable.py();
    // Both run Python code, so the cache is not borrowed meanwhile. An object that nothing can refer to weakly is of a
    // class whose `__slots__` leave that out, and is called by code in C.
    let reference = weak_reference(callable).ok()?;
    let parameters = signature(callable).ok().flatten().map(Arc::new);
    let known = Known {
        reference,
        parameters: parameters.clone(),
    };
    let dead = CACHE.with(py, |cache| cache.get_or_insert_default().insert(callable, known));
    drop(dead);
    parameters
}

impl Cache {
    /// Gives what the new entry replaced, and what was about dead objects: dropping them is for the caller, who does not
    /// borrow the cache.
    fn insert(&mut self, callable: &Bound<'_, PyAny>, known: Known) -> Vec<Known> {
        let mut removed = Vec::new();
        if self.known.len() >= self.limit.max(SMALLEST_LIMIT) {
            let all = std::mem::take(&mut self.known);
            for (address, known) in all {
                if known.is_about(ptr::with_exposed_provenance_mut(address)) {
                    self.known.insert(address, known);
                } else {
                    removed.push(known);
                }
            }
            self.limit = 2 * self.known.len();
        }
        removed.extend(self.known.insert(callable.as_ptr().expose_provenance(), known));
        removed
    }
}

fn weak_reference(object: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    // SAFETY: a live object and no callback.
    let reference = unsafe { ffi::PyWeakref_NewRef(object.as_ptr(), ptr::null_mut()) };
    // SAFETY: an owned reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), reference) }.map(Bound::unbind)
}

fn signature(callable: &Bound<'_, PyAny>) -> PyResult<Option<Parameters>> {
    let found = runtime::function(callable.py(), Function::FloatParameters)?.call1((callable,))?;
    if found.is_none() {
        return Ok(None);
    }
    let (positional, rest, names, others) = found.extract()?;
    Ok(Some(Parameters {
        positional,
        rest,
        names,
        others,
    }))
}

fn is_heap_type(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe { ffi::PyType_GetFlags(class) & ffi::Py_TPFLAGS_HEAPTYPE != 0 }
}
