//! NumPy's scalars: an `int64` is a number like any other, although its type is none of Python's own.

use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use pyo3::{ffi, intern};
use rustc_hash::FxHashMap;

use crate::gil::GilCell;

/// Static types that were looked at; they are never freed, so an address stands for one of them for ever.
static LOOKED_AT: GilCell<Option<FxHashMap<usize, bool>>> = GilCell::new(None);

/// The Python value of a NumPy boolean, integer or float of at most 64 bits; `None` for anything else, such as
/// `longdouble`, which Python has no type for, and `timedelta64`, which is an integer by ancestry only.
#[inline]
pub fn plain<'py>(object: &Bound<'py, PyAny>) -> Option<PyResult<Bound<'py, PyAny>>> {
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    // NumPy's scalar types are static, and nearly all others that get here are not: one look settles those.
    // SAFETY: the type of a live object.
    if unsafe { ffi::PyType_GetFlags(class) } & ffi::Py_TPFLAGS_HEAPTYPE != 0 {
        return None;
    }
    let py = object.py();
    let address = class as usize;
    let known = LOOKED_AT.with(py, |types| {
        types.as_ref().and_then(|types| types.get(&address).copied())
    });
    let is_number = known.unwrap_or_else(|| {
        let is_number = is_number_type(&object.get_type()).unwrap_or(false);
        LOOKED_AT.with(py, |types| types.get_or_insert_default().insert(address, is_number));
        is_number
    });
    is_number.then(|| object.call_method0(intern!(py, "item")))
}

fn is_number_type(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let module = class.getattr(intern!(py, "__module__"))?;
    if !module.eq("numpy")? {
        return Ok(false);
    }
    let name: String = class.getattr(intern!(py, "__name__"))?.extract()?;
    if ["longdouble", "float128", "float96", "timedelta64"].contains(&name.as_str()) {
        return Ok(false);
    }
    let ancestors = class.getattr(intern!(py, "__mro__"))?.cast_into::<PyTuple>()?;
    for ancestor in ancestors {
        let name: String = ancestor.getattr(intern!(py, "__name__"))?.extract()?;
        let from_numpy = ancestor.getattr(intern!(py, "__module__"))?.eq("numpy")?;
        if from_numpy && ["integer", "floating", "bool", "bool_"].contains(&name.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}
