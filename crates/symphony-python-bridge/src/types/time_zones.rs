//! Time zones of dates on their way: `timezone`, and `ZoneInfo` of a key. Any other one crosses by reference only, with what it belongs to.

use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use symphony_wire::{TimeDelta, UtcOffset, Zone};

use crate::gil::{GilCell, Held};

use super::dates::{Types, call, delta_from, delta_of};
use super::decode::Failure as DecodeFailure;
use super::value_classes::Imported;

/// The last fixed offset that was written or read, and its zone: most rows have the same one. A `timezone` never changes.
static LAST_OFFSET: GilCell<Option<(i64, Held)>> = GilCell::new(None);

/// The last zone with a key that was written, and its key: one that its key leads to, or did when it was looked up.
static LAST_ZONE: GilCell<Option<(Held, Held)>> = GilCell::new(None);

/// The last offset that a zone gave, in microseconds: it gives the same object each time.
static LAST_DELTA: GilCell<Option<(Held, i64)>> = GilCell::new(None);

/// The last zone of a key that a message named.
#[derive(Default)]
pub(super) struct ZoneOfMessage<'py>(pub(super) Option<(Box<str>, Bound<'py, PyAny>)>);

/// A time zone that comes back as it went.
pub(super) enum OwnedZone<'py> {
    Naive,
    Offset(UtcOffset),
    Named(UtcOffset, Bound<'py, PyString>),
    Key(Option<UtcOffset>, Bound<'py, PyString>),
}

impl<'py> OwnedZone<'py> {
    /// The zone of an object whose offset from UTC `offset` finds out; nothing if it is one of another kind.
    pub(super) fn of(
        types: &Types,
        zone: Option<&Bound<'py, PyAny>>,
        offset: impl FnOnce() -> PyResult<Option<UtcOffset>>,
    ) -> PyResult<Option<Self>> {
        let Some(zone) = zone else {
            return Ok(Some(Self::Naive));
        };
        let py = zone.py();
        if zone.as_ptr() == types.utc.as_ptr() {
            return Ok(UtcOffset::new(0).map(Self::Offset));
        }
        if zone.get_type_ptr().cast() == types.zone.as_ptr() {
            return Self::fixed(types, zone);
        }
        let known = LAST_ZONE.with(py, |last| match last {
            Some((known, key)) if known.bind(py).is(zone) => Some(key.bind(py)),
            _ => None,
        });
        if let Some(key) = known {
            return Ok(Some(Self::Key(offset()?, key.cast_into().map_err(PyErr::from)?)));
        }
        let Some(class) = Imported::ZoneInfo.loaded(py) else {
            return Ok(None);
        };
        if zone.get_type_ptr().cast() != class.as_ptr() {
            return Ok(None);
        }
        let Ok(key) = zone.getattr(intern!(py, "key"))?.cast_into_exact::<PyString>() else {
            return Ok(None);
        };
        // One from a file, or made without the cache, is another zone than the one of that key, whatever its key says.
        if !class.call1((&key,)).is_ok_and(|found| found.is(zone)) {
            return Ok(None);
        }
        let entry = (Held::new(zone.clone()), Held::new(key.clone().into_any()));
        let _former = LAST_ZONE.with(py, |last| last.replace(entry));
        Ok(Some(Self::Key(offset()?, key)))
    }

    /// A `timezone`, unless its name is not a string that JavaScript can hold, or its offset of a class of its own.
    fn fixed(types: &Types, zone: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let py = zone.py();
        let known = LAST_OFFSET.with(py, |last| match last {
            Some((offset, known)) if known.bind(py).is(zone) => Some(*offset),
            _ => None,
        });
        if let Some(offset) = known {
            return Ok(UtcOffset::new(offset).map(Self::Offset));
        }
        let arguments = call(&types.reduce_zone, [zone.as_ptr()], py)?.cast_into::<PyTuple>()?;
        let delta = arguments.get_item(0)?;
        if delta.get_type_ptr().cast() != types.delta.as_ptr() {
            return Ok(None);
        }
        let Some(offset) = as_offset(delta_of(types, &delta)?) else {
            return Ok(None);
        };
        if arguments.len() == 1 {
            remember(offset, zone);
            return Ok(Some(Self::Offset(offset)));
        }
        let name = arguments.get_item(1)?.cast_into_exact::<PyString>();
        Ok(name.ok().map(|name| Self::Named(offset, name)))
    }

    /// Nothing if a name has surrogates.
    pub(super) fn borrowed(&self) -> Option<Zone<'_>> {
        Some(match self {
            Self::Naive => Zone::Naive,
            Self::Offset(offset) => Zone::Offset(*offset),
            Self::Named(offset, name) => Zone::Named(*offset, name.to_str().ok()?),
            Self::Key(offset, key) => Zone::Key(*offset, key.to_str().ok()?),
        })
    }
}

fn remember(offset: UtcOffset, zone: &Bound<'_, PyAny>) {
    let entry = (offset.microseconds(), Held::new(zone.clone()));
    // The former one is given back outside.
    let _former = LAST_OFFSET.with(zone.py(), |last| last.replace(entry));
}

/// The offset of an object from UTC; nothing for a time whose zone wants to know the day.
pub(super) fn offset_of(method: &Py<PyAny>, object: &Bound<'_, PyAny>) -> PyResult<Option<UtcOffset>> {
    let py = object.py();
    let offset = call(method, [object.as_ptr()], py)?;
    if offset.is_none() {
        return Ok(None);
    }
    let known = LAST_DELTA.with(py, |last| match last {
        Some((known, microseconds)) if known.bind(py).is(&offset) => Some(*microseconds),
        _ => None,
    });
    if let Some(microseconds) = known {
        return Ok(UtcOffset::new(microseconds));
    }
    let found = as_offset(delta_of(Types::of(py)?, &offset)?);
    if let Some(found) = found {
        let entry = (Held::new(offset), found.microseconds());
        let _former = LAST_DELTA.with(py, |last| last.replace(entry));
    }
    Ok(found)
}

fn as_offset(delta: TimeDelta) -> Option<UtcOffset> {
    let (days, seconds, microseconds) = delta.parts();
    UtcOffset::new((i64::from(days) * 86_400 + i64::from(seconds)) * 1_000_000 + i64::from(microseconds))
}

pub(super) fn fixed_zone<'py>(py: Python<'py>, types: &Types, offset: UtcOffset) -> PyResult<Bound<'py, PyAny>> {
    if offset.microseconds() == 0 {
        return Ok(types.utc.bind(py).clone());
    }
    let known = LAST_OFFSET.with(py, |last| match last {
        Some((known, zone)) if *known == offset.microseconds() => Some(zone.bind(py)),
        _ => None,
    });
    if let Some(zone) = known {
        return Ok(zone);
    }
    let delta = delta_from(py, types, delta_of_offset(offset))?;
    let zone = call(&types.zone, [delta.as_ptr()], py)?;
    remember(offset, &zone);
    Ok(zone)
}

/// The zone of a key, as a program that asks for it gets it.
pub(super) fn zone_info<'py>(py: Python<'py>, key: &str) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    Imported::ZoneInfo.class(py)?.call1((key,)).map_err(|error| {
        // Keys are looked for among files, and a key may be no name of one.
        let is_unknown = error.is_instance_of::<PyKeyError>(py)
            || error.is_instance_of::<PyValueError>(py)
            || error.is_instance_of::<PyOSError>(py);
        if !is_unknown {
            return DecodeFailure::Raised(error);
        }
        DecodeFailure::Value(format!(
            "expected a time zone that Python knows, got `{key}`; the package `tzdata` has those that the system lacks: {}",
            error.value(py)
        ))
    })
}

pub(super) fn delta_of_offset(offset: UtcOffset) -> TimeDelta {
    let microseconds = offset.microseconds();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an offset is less than a day, and remainders are not negative"
    )]
    let (days, seconds, rest) = (
        microseconds.div_euclid(86_400_000_000) as i32,
        (microseconds.rem_euclid(86_400_000_000) / 1_000_000) as u32,
        microseconds.rem_euclid(1_000_000) as u32,
    );
    TimeDelta::new(days, seconds, rest).expect("parts of an offset")
}

/// `+02:00`, `-00:53:28`, `+00:00:00.000001`.
pub(super) fn spelled(offset: Option<UtcOffset>) -> String {
    let Some(offset) = offset else {
        return "at no known offset".to_owned();
    };
    let microseconds = offset.microseconds().unsigned_abs();
    let sign = if offset.microseconds() < 0 { '-' } else { '+' };
    let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let minutes = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    match (seconds % 60, rest) {
        (0, 0) => minutes,
        (seconds, 0) => format!("{minutes}:{seconds:02}"),
        (seconds, rest) => format!("{minutes}:{seconds:02}.{rest:06}"),
    }
}
