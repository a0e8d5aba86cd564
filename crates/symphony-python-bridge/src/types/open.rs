//! Plain copies of objects that are not plain data: a dataclass as its fields, an enum member as its value.
//!
//! What an object opens to is decided by `symphony_bridge/_open.py`, which may run the object's own code. Here is how deep
//! that goes, and what remembers an object while its copy is written: a cycle is one of objects and not of their copies,
//! each of which is a new one.

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::encode::{Encoder, type_name};
use super::encode_failure::Failure;
use super::path;
use crate::kinds;
use crate::runtime::{self, Function};

/// How far objects are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Also objects that declare no fields, to their attributes.
    pub any_object: bool,
    /// So many objects inside each other; one that lies deeper crosses as a handle. Without it, none does.
    pub most: Option<usize>,
    /// Types, by their qualified names, whose instances cross as handles where they could not be copied otherwise.
    pub handles: Vec<String>,
}

/// Collections of a program's own may make new ones whenever they are asked for their items, as a string of strings does.
/// Data ends before this.
const DEEPEST_COPIES: usize = 100_000;
/// An enum member may have another one as its value.
const LONGEST_CHAIN: usize = 100;

/// The objects that are open: those whose copies are on the encoder's stack.
pub(super) struct Openings<'py, 'a> {
    opening: &'a Opening,
    open: Vec<Open<'py>>,
    /// How many of them count as a level.
    levels: usize,
    /// How many objects stand for each other, each being the value of the former.
    chain: usize,
}

struct Open<'py> {
    /// Where its copy is on the stack.
    depth: usize,
    counts: bool,
    #[expect(dead_code, reason = "while it lives, no other object has its address")]
    object: Bound<'py, PyAny>,
}

impl<'a> Openings<'_, 'a> {
    pub(super) fn new(opening: &'a Opening) -> Self {
        Self {
            opening,
            open: Vec::new(),
            levels: 0,
            chain: 0,
        }
    }

    /// The container at this depth of the stack is complete.
    #[inline]
    pub(super) fn left(&mut self, depth: usize) {
        if self.open.last().is_some_and(|open| open.depth == depth)
            && let Some(open) = self.open.pop()
        {
            self.levels -= usize::from(open.counts);
        }
    }

    fn may_count(&self) -> bool {
        self.opening.most.is_none_or(|most| self.levels < most)
    }
}

/// What an object opens to: the answers of `_open.py`.
enum Answer<'py> {
    Refused,
    StandsFor(Bound<'py, PyAny>),
    Copy(Bound<'py, PyAny>),
    Fields(Bound<'py, PyAny>),
    WantsDepth,
    Failed { step: String, cause: PyErr },
}

fn ask<'py>(object: &Bound<'py, PyAny>, any_object: bool, fields: bool) -> PyResult<Answer<'py>> {
    let answer = runtime::function(object.py(), Function::OpenObject)?.call1((object, any_object, fields))?;
    let (answer, part): (u8, Bound<'py, PyAny>) = answer.extract()?;
    Ok(match answer {
        0 => Answer::Refused,
        1 => Answer::StandsFor(part),
        2 => Answer::Copy(part),
        3 => Answer::Fields(part),
        4 => Answer::WantsDepth,
        5 => {
            let (field, exception): (Option<Bound<'py, PyAny>>, Bound<'py, PyAny>) =
                part.cast::<PyTuple>()?.extract()?;
            let mut step = String::new();
            if let Some(field) = field {
                path::push_key(&mut step, &field, 0);
            }
            let cause = PyErr::from_value(exception);
            Answer::Failed { step, cause }
        }
        _ => return Err(PyTypeError::new_err("unknown answer of `open_object`")),
    })
}

impl<'py> Encoder<'py, '_> {
    /// Writes an object that is not plain data: opened, or as a handle if it lies deeper than asked for.
    pub(super) fn open(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        let Some(openings) = &self.openings else {
            return Ok(());
        };
        let (opening, may_count) = (openings.opening, openings.may_count());
        if may_count {
            self.check_outside(object)?;
        }
        match ask(object, opening.any_object, may_count)? {
            Answer::StandsFor(value) => self.stand_in(object, &value),
            Answer::Copy(copy) => self.copied(object, &copy, false),
            Answer::Fields(fields) => self.copied(object, &fields, true),
            Answer::Failed { step, cause } => Err(failed(object, step, cause)),
            Answer::Refused | Answer::WantsDepth if !may_count || kinds::is_any_of(object, &opening.handles) => {
                self.reference(object);
                Ok(())
            }
            Answer::Refused => Err(refused(object, opening)),
            Answer::WantsDepth => Err(Failure::Value(format!(
                "expected plain data, got a `{}`, which declares no fields; `$value({{ depth }})` copies the attributes \
                 of any object, down to that many levels of objects",
                type_name(object)
            ))),
        }
    }

    /// Writes the copy of an object, or its header.
    fn copied(&mut self, object: &Bound<'py, PyAny>, copy: &Bound<'py, PyAny>, counts: bool) -> Result<(), Failure> {
        let depth = self.depth();
        if !counts {
            // Where objects with fields are handles, these are still copied.
            self.check_outside(object)?;
        }
        self.stand_in(object, copy)?;
        if self.depth() == depth {
            return Ok(());
        }
        self.rename(depth, object);
        let Some(openings) = &mut self.openings else {
            return Ok(());
        };
        if !counts && openings.open.len() - openings.levels == DEEPEST_COPIES {
            return Err(Failure::Value(format!(
                "expected data that ends, got a `{}` that opens to ever more collections",
                type_name(object)
            )));
        }
        openings.levels += usize::from(counts);
        openings.open.push(Open {
            depth,
            counts,
            object: object.clone(),
        });
        Ok(())
    }

    /// Writes what stands for an object, or its header.
    fn stand_in(&mut self, object: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Result<(), Failure> {
        if self
            .openings
            .as_ref()
            .is_some_and(|openings| openings.chain == LONGEST_CHAIN)
        {
            return Err(Failure::Value(format!(
                "expected data that ends, got a `{}` whose value is itself",
                type_name(object)
            )));
        }
        self.lengthen_chain(1);
        let written = self.value(value);
        self.lengthen_chain(-1);
        written
    }

    fn lengthen_chain(&mut self, by: isize) {
        if let Some(openings) = &mut self.openings {
            openings.chain = openings.chain.saturating_add_signed(by);
        }
    }
}

fn refused(object: &Bound<'_, PyAny>, opening: &Opening) -> Failure {
    let name = type_name(object);
    let advice = if opening.most.is_none() {
        "a `depth` that ends above it leaves it as a handle, which goes back as the very same object"
    } else {
        "a smaller `depth` leaves it as a handle, which goes back as the very same object"
    };
    Failure::Value(format!(
        "expected an object that can be copied as plain data, got a `{name}`; {advice}"
    ))
}

/// What the object's own code raised. An exit or an interrupt is no property of a value and stays what it is.
fn failed(object: &Bound<'_, PyAny>, step: String, cause: PyErr) -> Failure {
    if !cause.is_instance_of::<PyException>(object.py()) {
        return Failure::Raised(cause);
    }
    Failure::Caused {
        step,
        message: format!(
            "expected a `{}` that can be copied as plain data, but reading it raised {}",
            type_name(object),
            cause
                .get_type(object.py())
                .name()
                .map_or_else(|_| "an exception".to_owned(), |name| name.to_string())
        ),
        cause,
    }
}
