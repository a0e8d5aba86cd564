//! Python types that JavaScript has no word for, copied into classes of its own: `complex`, `Decimal`, `Fraction`,
//! `UUID`, `pathlib.Path`, `range`, `slice` and `Ellipsis`, and, in a file of their own, dates and times. As everywhere only the exact types; the class of a module is
//! whatever `sys.modules` has under its name at that moment, so that a module imported a second time is understood.

use pyo3::exceptions::PyArithmeticError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyComplex, PyInt, PyModule, PyRange, PySlice, PyString, PyTuple};
use symphony_wire::{Token, Writer, fraction_parts};

use crate::gil::{GilCell, Held};

use super::dates::{self, DateClass};
use super::decode::Failure as DecodeFailure;
use super::encode_failure::Failure;
use super::time_zones::ZoneOfMessage;
use super::{integer, path, text};

/// The concrete class that `pathlib.Path()` makes on this platform.
#[cfg(windows)]
const PATH_CLASS: &str = "WindowsPath";
#[cfg(not(windows))]
const PATH_CLASS: &str = "PosixPath";

/// The classes that are copied by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Complex,
    Range,
    Slice,
    Ellipsis,
    Date(DateClass),
    Imported(Imported),
}

/// Classes that a module has to make first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Imported {
    Decimal,
    Fraction,
    Uuid,
    Path,
    /// Not a value class: see [`super::arrays`].
    NdArray,
    /// Likewise.
    Array,
    /// Likewise.
    SharedBuffer,
    /// Not copied by itself, but as a part of a date.
    ZoneInfo,
}

/// What [`write`] left to do.
pub(super) enum Written<'py> {
    Everything,
    /// The header of a slice; these three values belong to it.
    Slice(Bound<'py, PyTuple>),
}

/// Whether the object is of one of the types that are copied by value.
#[inline]
pub fn is_value_class(object: &Bound<'_, PyAny>) -> bool {
    class_of(object).is_some()
}

/// Writes the object if it is of one of the types that are copied by value.
pub(super) fn write<'py>(object: &Bound<'py, PyAny>, writer: &mut Writer) -> Result<Option<Written<'py>>, Failure> {
    let Some(class) = class_of(object) else {
        return Ok(None);
    };
    let py = object.py();
    match class {
        Class::Complex => {
            let complex = object.cast::<PyComplex>().map_err(PyErr::from)?;
            writer.complex(complex.real(), complex.imag());
        }
        Class::Range => {
            let parts = [intern!(py, "start"), intern!(py, "stop"), intern!(py, "step")];
            writer.range();
            for part in parts {
                let part = object.getattr(part)?.cast_into_exact::<PyInt>().map_err(PyErr::from)?;
                integer::write(&part, writer)?;
            }
        }
        Class::Slice => {
            writer.slice();
            let parts = [
                object.getattr(intern!(py, "start"))?,
                object.getattr(intern!(py, "stop"))?,
                object.getattr(intern!(py, "step"))?,
            ];
            return Ok(Some(Written::Slice(PyTuple::new(py, parts)?)));
        }
        Class::Ellipsis => writer.ellipsis(),
        Class::Date(class) => {
            if !dates::write(object, class, writer)? {
                return Ok(None);
            }
        }
        Class::Imported(Imported::Decimal) => {
            let text = object.str()?;
            // The current context may ask for a small `e`; nothing else in the text could have one.
            writer.decimal(&text.to_cow()?.replace('e', "E"))?;
        }
        Class::Imported(Imported::Fraction) => {
            let numerator = object.getattr(intern!(py, "numerator"))?;
            let denominator = object.getattr(intern!(py, "denominator"))?;
            // A fraction of NumPy's integers would come back as one of Python's.
            if !numerator.is_exact_instance_of::<PyInt>() || !denominator.is_exact_instance_of::<PyInt>() {
                return Ok(None);
            }
            let (numerator, denominator) = (hexadecimal(&numerator)?, hexadecimal(&denominator)?);
            writer.fraction(&numerator, &denominator)?;
        }
        Class::Imported(Imported::Uuid) => {
            let bytes = object.getattr(intern!(py, "bytes"))?;
            writer.uuid(&bytes.extract::<[u8; 16]>()?);
        }
        Class::Imported(Imported::Path) => {
            let text = object.str()?;
            writer.path();
            text::write(&text, writer)?;
        }
        // No value classes, so `class_of` gives none of them.
        Class::Imported(Imported::NdArray | Imported::Array | Imported::SharedBuffer | Imported::ZoneInfo) => {
            return Ok(None);
        }
    }
    Ok(Some(Written::Everything))
}

/// Python refuses to spell long integers in decimal digits, for which it needs quadratic time; not so in hexadecimal ones.
fn hexadecimal(integer: &Bound<'_, PyAny>) -> PyResult<String> {
    integer
        .call_method1(intern!(integer.py(), "__format__"), (intern!(integer.py(), "x"),))?
        .extract()
}

#[inline]
fn class_of(object: &Bound<'_, PyAny>) -> Option<Class> {
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    if class == &raw mut ffi::PyComplex_Type {
        Some(Class::Complex)
    } else if class == &raw mut ffi::PyRange_Type {
        Some(Class::Range)
    } else if class == &raw mut ffi::PySlice_Type {
        Some(Class::Slice)
    } else if object.is(object.py().Ellipsis()) {
        Some(Class::Ellipsis)
    } else {
        loaded_class(object).filter(|found| !matches!(found, Class::Imported(imported) if imported.is_array()))
    }
}

/// What was found out about a class. It is kept alive, so that no other class can come to its address.
struct Known {
    class: Held,
    found: Option<Class>,
}

/// Classes that were looked at, each at a place that its address gives. Few, since the look-ups that they save cost some hundred
/// nanoseconds only.
static KNOWN: GilCell<[Option<Known>; 32]> = GilCell::new([const { None }; 32]);

/// Which of the classes of a module the object is an instance of.
#[inline]
pub(super) fn imported(object: &Bound<'_, PyAny>) -> Option<Imported> {
    match loaded_class(object) {
        Some(Class::Imported(imported)) => Some(imported),
        _ => None,
    }
}

#[inline]
fn loaded_class(object: &Bound<'_, PyAny>) -> Option<Class> {
    let py = object.py();
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    // Type objects are some hundred bytes apart.
    let place = (class as usize >> 6) % 32;
    let known = KNOWN.with(py, |known| {
        let known = known[place].as_ref().filter(|known| known.class.is(class.cast()))?;
        Some(known.found)
    });
    known.unwrap_or_else(|| look_up(object, place))
}

#[cold]
fn look_up(object: &Bound<'_, PyAny>, place: usize) -> Option<Class> {
    let py = object.py();
    let class = object.get_type_ptr();
    let found = dates::class_of(py, class).map(Class::Date).or_else(|| {
        Imported::LOOKED_FOR
            .into_iter()
            .find(|candidate| is_class(py, class, *candidate))
            .map(Class::Imported)
    });
    let known = Known {
        class: Held::new(object.get_type().into_any()),
        found,
    };
    // What it takes the place of is given back outside, and by then by another thread: that may run Python code.
    let _former = KNOWN.with(py, |all| all[place].replace(known));
    found
}

fn is_class(py: Python<'_>, class: *mut ffi::PyTypeObject, candidate: Imported) -> bool {
    candidate
        .loaded(py)
        .is_some_and(|loaded| loaded.as_ptr() == class.cast())
}

impl Imported {
    /// Whether it is a class of arrays, which are no values.
    fn is_array(self) -> bool {
        matches!(self, Self::NdArray | Self::Array | Self::SharedBuffer)
    }

    /// Those that an object may be of.
    const LOOKED_FOR: [Self; 7] = [
        Self::Decimal,
        Self::Fraction,
        Self::Uuid,
        Self::Path,
        Self::NdArray,
        Self::Array,
        Self::SharedBuffer,
    ];

    /// The class, if its module has been imported: an object can only be a `Decimal` if somebody imported `decimal`.
    pub(super) fn loaded(self, py: Python<'_>) -> Option<Bound<'_, PyAny>> {
        let (module, name) = self.names(py);
        // SAFETY: the GIL is held; the reference is borrowed from the interpreter.
        let modules = unsafe { ffi::PyImport_GetModuleDict() };
        let module = item(py, modules, module)?;
        // Whatever else a program has put there did not make the objects that are looked for.
        let module = module.cast::<PyModule>().ok()?;
        // SAFETY: a module, which keeps its dictionary.
        let members = unsafe { ffi::PyModule_GetDict(module.as_ptr()) };
        item(py, members, name)
    }

    /// The class, whose module is imported if need be.
    pub(super) fn class(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        if let Some(class) = self.loaded(py) {
            return Ok(class);
        }
        let (module, name) = self.names(py);
        py.import(module)?.getattr(name)
    }

    /// The module and the name that the class has there.
    fn names(self, py: Python<'_>) -> (&Bound<'_, PyString>, &Bound<'_, PyString>) {
        match self {
            Self::Decimal => (intern!(py, "decimal"), intern!(py, "Decimal")),
            Self::Fraction => (intern!(py, "fractions"), intern!(py, "Fraction")),
            Self::Uuid => (intern!(py, "uuid"), intern!(py, "UUID")),
            Self::Path => (intern!(py, "pathlib"), intern!(py, PATH_CLASS)),
            Self::NdArray => (intern!(py, "numpy"), intern!(py, "ndarray")),
            Self::Array => (intern!(py, "array"), intern!(py, "array")),
            Self::SharedBuffer => (intern!(py, "symphony_bridge._arrays"), intern!(py, "SharedBuffer")),
            Self::ZoneInfo => (intern!(py, "zoneinfo"), intern!(py, "ZoneInfo")),
        }
    }
}

/// The value of a dictionary under a name. Without an error object for a name that is not there, which is the rule.
pub(super) fn item<'py>(
    py: Python<'py>,
    dict: *mut ffi::PyObject,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the GIL is held; the function itself checks that the first argument is a dict.
    let value = unsafe { ffi::PyDict_GetItemWithError(dict, name.as_ptr()) };
    if value.is_null() {
        // SAFETY: the GIL is held. An exception says that the program made something else of `sys.modules`.
        unsafe { ffi::PyErr_Clear() };
        return None;
    }
    // SAFETY: borrowed from the dict just now; this takes an own reference.
    Some(unsafe { Bound::from_borrowed_ptr(py, value) })
}

/// The object of a token that is complete in itself.
pub(super) fn read<'py>(
    py: Python<'py>,
    token: &Token<'_>,
    zone: &mut ZoneOfMessage<'py>,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    Ok(match *token {
        Token::Complex { real, imaginary } => PyComplex::from_doubles(py, real, imaginary).into_any(),
        Token::Decimal(text) => decimal(py, text)?,
        Token::Fraction(text) => {
            let (numerator, denominator) =
                fraction_parts(text).ok_or_else(|| DecodeFailure::Protocol("expected a fraction".to_owned()))?;
            let integer = |digits: &str| py.get_type::<PyInt>().call1((digits, 16));
            let parts = (integer(numerator)?, integer(denominator)?);
            Imported::Fraction.class(py)?.call1(parts)?
        }
        Token::Uuid(bytes) => {
            let bytes = [(intern!(py, "bytes"), PyBytes::new(py, bytes))].into_py_dict(py)?;
            Imported::Uuid.class(py)?.call((), Some(&bytes))?
        }
        Token::Ellipsis => py.Ellipsis().into_bound(py),
        Token::DateTime(..) | Token::Date(_) | Token::Time(_) | Token::TimeDelta(_) => dates::read(py, token, zone)?,
        _ => {
            return Err(DecodeFailure::Protocol(format!(
                "expected a value, got {}",
                token.kind()
            )));
        }
    })
}

/// Exactly, whatever the precision of the current context is. Its traps decide whether an exponent that Python cannot hold
/// raises or gives a silent NaN.
fn decimal<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let made = Imported::Decimal.class(py)?.call1((text,));
    let exact = match &made {
        Ok(decimal) => text.contains("NaN") || !decimal.call_method0(intern!(py, "is_nan"))?.is_truthy()?,
        Err(error) => !error.is_instance_of::<PyArithmeticError>(py),
    };
    if exact {
        Ok(made?)
    } else {
        Err(DecodeFailure::Value(format!(
            "expected a decimal that Python can hold exactly, got {}",
            path::shortened(text)
        )))
    }
}

/// A value that is made of the values after its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compound {
    Range,
    Slice,
    Path,
}

impl Compound {
    /// The object of these parts, as many as its token promised.
    pub(super) fn make<'py>(
        self,
        py: Python<'py>,
        parts: &[Bound<'py, PyAny>],
    ) -> Result<Bound<'py, PyAny>, DecodeFailure> {
        let class = match self {
            Self::Range => {
                if !parts.iter().all(PyAnyMethods::is_exact_instance_of::<PyInt>) || !parts[2].is_truthy()? {
                    return Err(unexpected("a range of integers with a step other than zero"));
                }
                py.get_type::<PyRange>().into_any()
            }
            Self::Slice => py.get_type::<PySlice>().into_any(),
            Self::Path => {
                if !parts[0].is_exact_instance_of::<PyString>() {
                    return Err(unexpected("a string as the text of a path"));
                }
                Imported::Path.class(py)?
            }
        };
        Ok(class.call1(PyTuple::new(py, parts)?)?)
    }

    /// Spells the way to a part.
    pub(super) fn push_part(self, path: &mut String, part: usize) {
        if self != Self::Path {
            push_part(path, part);
        }
    }
}

/// `.start`, `.stop` or `.step`.
pub(super) fn push_part(path: &mut String, part: usize) {
    path.extend(
        ["start", "stop", "step"]
            .get(part)
            .into_iter()
            .flat_map(|name| [".", name]),
    );
}

fn unexpected(expected: &str) -> DecodeFailure {
    DecodeFailure::Protocol(format!("expected {expected}, got something else"))
}
