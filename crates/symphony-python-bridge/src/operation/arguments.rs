//! The arguments of a request.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};
use symphony_wire::{Reader, Token};

use super::malformed;
use crate::errors::Failure;
use crate::float_parameters::FloatParameters;
use crate::types::{self, References};

pub(super) struct Arguments<'py> {
    positional: Vec<Positional<'py>>,
    pub(super) keywords: Option<Bound<'py, PyDict>>,
    /// Which keyword ones are integers that JavaScript had as numbers.
    named_integers: Vec<Bound<'py, PyString>>,
}

struct Positional<'py> {
    value: Bound<'py, PyAny>,
    /// Whether it is an integer that JavaScript had as a number.
    is_integer: bool,
}

impl<'py> Arguments<'py> {
    pub(super) fn read(py: Python<'py>, reader: &mut Reader<'_>, references: &dyn References) -> Result<Self, Failure> {
        let Token::Array(count) = reader.token()? else {
            return Err(malformed("the arguments are not an array"));
        };
        let mut arguments = Self {
            positional: Vec::with_capacity(count),
            keywords: None,
            named_integers: Vec::new(),
        };
        for index in 0..count {
            // Bigints have another form, except those that are beyond numbers.
            let is_integer = reader.is_at_integer();
            let value = types::decode(py, reader, &|| format!("args[{index}]"), references)?;
            arguments.positional.push(Positional { value, is_integer });
        }
        arguments.read_keywords(py, reader, references)?;
        Ok(arguments)
    }

    fn read_keywords(
        &mut self,
        py: Python<'py>,
        reader: &mut Reader<'_>,
        references: &dyn References,
    ) -> Result<(), Failure> {
        let count = match reader.token()? {
            Token::Nil | Token::Map(0) => return Ok(()),
            Token::Map(count) => count,
            token => return Err(malformed(&format!("the keyword arguments are a {}", token.kind()))),
        };
        let keywords = PyDict::new(py);
        for _ in 0..count {
            let name = types::decode(py, reader, &|| "kw".to_owned(), references)?;
            let name = name
                .cast_into::<PyString>()
                .map_err(|_| malformed("a keyword is no string"))?;
            let is_integer = reader.is_at_integer();
            let value = types::decode(py, reader, &|| format!("kw.{name}"), references)?;
            keywords.set_item(&name, value)?;
            if is_integer {
                self.named_integers.push(name);
            }
        }
        self.keywords = Some(keywords);
        Ok(())
    }

    pub(super) fn positional(&self) -> impl ExactSizeIterator<Item = &Bound<'py, PyAny>> {
        self.positional.iter().map(|argument| &argument.value)
    }

    /// One of them.
    pub(super) fn at(&self, index: usize) -> Result<&Bound<'py, PyAny>, Failure> {
        let argument = self.positional.get(index);
        argument
            .map(|argument| &argument.value)
            .ok_or_else(|| malformed("an argument is missing"))
    }

    /// Whether some argument would be another object for a parameter that wants a `float`.
    pub(super) fn has_integers(&self) -> bool {
        !self.named_integers.is_empty() || self.positional.iter().any(|argument| argument.is_integer)
    }

    /// Makes a `float` of each number whose parameter wants one.
    pub(super) fn suit(&mut self, parameters: &FloatParameters) -> PyResult<()> {
        for (index, argument) in self.positional.iter_mut().enumerate() {
            if argument.is_integer
                && parameters.at(index)
                && let Some(float) = as_float(&argument.value)?
            {
                argument.value = float;
            }
        }
        let Some(keywords) = &self.keywords else { return Ok(()) };
        for name in &self.named_integers {
            if parameters.named(name.to_str()?)
                && let Some(value) = keywords.get_item(name)?
                && let Some(float) = as_float(&value)?
            {
                keywords.set_item(name, float)?;
            }
        }
        Ok(())
    }
}

/// Nothing for an integer that was a bigint, because no number of JavaScript's is one of its size.
fn as_float<'py>(integer: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let number: f64 = integer.extract()?;
    Ok((number.abs() < types::SAFE).then(|| PyFloat::new(integer.py(), number).into_any()))
}
