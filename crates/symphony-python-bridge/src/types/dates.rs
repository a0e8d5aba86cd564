//! Python's module `datetime`: `datetime`, `date`, `time` and `timedelta` by value, with their microseconds, fold and time zone.
//!
//! The stable ABI has no function for these types. What pickle asks of an object gives all its fields at once and packed, and what
//! it makes an object of takes them so; that is several times faster than attribute after attribute, and the same since Python
//! 3.7. Old pickles have to be read for ever, so it stays; should a later Python pack otherwise, objects cross as handles.
//!
//! A time zone crosses if it comes back as the same kind with the same answers: `timezone`, and a `ZoneInfo` that its key leads
//! to. What has any other zone is a handle.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};
use symphony_wire::{ClockTime, Day, TimeDelta, TimeOfDay, Token, Writer, Zone};

use crate::symbols::symbols;

use super::decode::Failure as DecodeFailure;
use super::encode_failure::Failure;
use super::time_zones::{OwnedZone, ZoneOfMessage, delta_of_offset, fixed_zone, offset_of, spelled, zone_info};
use super::value_classes::item;

/// The types of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateClass {
    DateTime,
    Date,
    Time,
    TimeDelta,
}

/// The bit of the month, or of the hour, that says that a time is the second of its kind.
const FOLD: u8 = 0x80;

/// The types and their methods. They are static objects of an extension module, so their addresses never change.
pub(super) struct Types {
    date_time: Py<PyAny>,
    date: Py<PyAny>,
    time: Py<PyAny>,
    pub(super) delta: Py<PyAny>,
    pub(super) zone: Py<PyAny>,
    pub(super) utc: Py<PyAny>,
    /// How pickle asks for the fields, and the version of its protocol that has the fold.
    reduce_date_time: Py<PyAny>,
    reduce_date: Py<PyAny>,
    reduce_time: Py<PyAny>,
    reduce_delta: Py<PyAny>,
    pub(super) reduce_zone: Py<PyAny>,
    protocol: Py<PyAny>,
    date_time_offset: Py<PyAny>,
    time_offset: Py<PyAny>,
}

static TYPES: PyOnceLock<Types> = PyOnceLock::new();

impl Types {
    /// The types as the interpreter has them, also while a program has put others in their place (`freezegun` does).
    pub(super) fn of(py: Python<'_>) -> PyResult<&'static Self> {
        TYPES.get_or_try_init(py, || {
            let module = py.import("_datetime")?;
            let member = |name: &str| module.getattr(name);
            let method = |class: &str, name: &str| Ok::<_, PyErr>(member(class)?.getattr(name)?.unbind());
            Ok(Self {
                date_time: member("datetime")?.unbind(),
                date: member("date")?.unbind(),
                time: member("time")?.unbind(),
                delta: member("timedelta")?.unbind(),
                zone: member("timezone")?.unbind(),
                utc: member("timezone")?.getattr("utc")?.unbind(),
                reduce_date_time: method("datetime", "__reduce_ex__")?,
                reduce_date: method("date", "__reduce__")?,
                reduce_time: method("time", "__reduce_ex__")?,
                reduce_delta: method("timedelta", "__reduce__")?,
                reduce_zone: method("timezone", "__getinitargs__")?,
                protocol: PyInt::new(py, 4).into_any().unbind(),
                date_time_offset: method("datetime", "utcoffset")?,
                time_offset: method("time", "utcoffset")?,
            })
        })
    }

    /// The types, if they are in use: nobody has a `datetime` who has not imported the module.
    fn loaded(py: Python<'_>) -> Option<&'static Self> {
        if let Some(types) = TYPES.get(py) {
            return Some(types);
        }
        // SAFETY: the GIL is held; the reference is borrowed from the interpreter.
        let modules = unsafe { ffi::PyImport_GetModuleDict() };
        item(py, modules, intern!(py, "_datetime"))?;
        Self::of(py).ok()
    }
}

/// Which of the types it is. No subclass is one.
pub(super) fn class_of(py: Python<'_>, class: *mut ffi::PyTypeObject) -> Option<DateClass> {
    let types = Types::loaded(py)?;
    let class = class.cast();
    if class == types.date_time.as_ptr() {
        Some(DateClass::DateTime)
    } else if class == types.date.as_ptr() {
        Some(DateClass::Date)
    } else if class == types.delta.as_ptr() {
        Some(DateClass::TimeDelta)
    } else if class == types.time.as_ptr() {
        Some(DateClass::Time)
    } else {
        None
    }
}

/// Writes the object, which is of that class; `false`, and nothing, if its time zone can only cross with it by reference.
pub(super) fn write(object: &Bound<'_, PyAny>, class: DateClass, writer: &mut Writer) -> Result<bool, Failure> {
    let py = object.py();
    let types = Types::of(py)?;
    match class {
        DateClass::Date => {
            let reduced = call(&types.reduce_date, [object.as_ptr()], py)?;
            let packed = Packed::of(&reduced)?;
            let Some(day) = packed
                .as_ref()
                .and_then(|packed| day_of(*packed.bytes().first_chunk()?))
            else {
                return Ok(false);
            };
            writer.date(day);
        }
        DateClass::DateTime => {
            let reduced = call(&types.reduce_date_time, [object.as_ptr(), types.protocol.as_ptr()], py)?;
            let Some(packed) = Packed::of(&reduced)? else {
                return Ok(false);
            };
            let &[year, century, month, day, ref clock @ ..] = packed.bytes() else {
                return Ok(false);
            };
            let (Some(day), Some(time)) = (day_of([year, century, month & !FOLD, day]), time_of(clock)) else {
                return Ok(false);
            };
            let offset = || offset_of(&types.date_time_offset, object);
            let Some(zone) = OwnedZone::of(types, packed.zone.as_ref(), offset)? else {
                return Ok(false);
            };
            // A zone of a day always has an offset; one that had not could not say which instant that is.
            let (Some(zone), fold) = (zone.borrowed(), month & FOLD != 0) else {
                return Ok(false);
            };
            if matches!(zone, Zone::Key(None, _)) {
                return Ok(false);
            }
            writer.date_time(day, &ClockTime { time, fold, zone })?;
        }
        DateClass::Time => {
            let reduced = call(&types.reduce_time, [object.as_ptr(), types.protocol.as_ptr()], py)?;
            let Some(packed) = Packed::of(&reduced)? else {
                return Ok(false);
            };
            let &[hour, ref rest @ ..] = packed.bytes() else {
                return Ok(false);
            };
            let offset = || offset_of(&types.time_offset, object);
            let zone = OwnedZone::of(types, packed.zone.as_ref(), offset)?;
            let zone = zone.as_ref().and_then(OwnedZone::borrowed);
            let (Some(time), Some(zone)) = (time_of(&[&[hour & !FOLD], rest].concat()), zone) else {
                return Ok(false);
            };
            let fold = hour & FOLD != 0;
            writer.time(&ClockTime { time, fold, zone })?;
        }
        DateClass::TimeDelta => writer.time_delta(delta_of(types, object)?),
    }
    Ok(true)
}

/// What pickle says of an object: its fields in bytes, and its time zone.
struct Packed<'py> {
    bytes: Bound<'py, PyBytes>,
    zone: Option<Bound<'py, PyAny>>,
}

impl<'py> Packed<'py> {
    fn of(reduced: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let Ok(arguments) = reduced.cast::<PyTuple>()?.get_item(1)?.cast_into::<PyTuple>() else {
            return Ok(None);
        };
        let Ok(bytes) = arguments.get_item(0)?.cast_into::<PyBytes>() else {
            return Ok(None);
        };
        let zone = match arguments.len() {
            1 => None,
            2 => Some(arguments.get_item(1)?),
            _ => return Ok(None),
        };
        Ok(Some(Self { bytes, zone }))
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.as_bytes()
    }
}

fn day_of([year, century, month, day]: [u8; 4]) -> Option<Day> {
    // The first of the two is the more significant one.
    Day::of(u16::from_be_bytes([year, century]), month, day)
}

/// Hour, minute, second and three bytes of microseconds.
fn time_of(packed: &[u8]) -> Option<TimeOfDay> {
    let &[hour, minute, second, high, middle, low] = packed else {
        return None;
    };
    let seconds = u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second);
    TimeOfDay::new(seconds * 1_000_000 + u64::from(u32::from_be_bytes([0, high, middle, low])))
}

/// The bytes of [`time_of`].
fn packed_time(time: TimeOfDay) -> [u8; 6] {
    let (seconds, microseconds) = (time.microseconds() / 1_000_000, time.microseconds() % 1_000_000);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "of a time of the day, and so few microseconds"
    )]
    let (hour, minute, second, [_, high, middle, low]) = (
        (seconds / 3600) as u8,
        (seconds / 60 % 60) as u8,
        (seconds % 60) as u8,
        (microseconds as u32).to_be_bytes(),
    );
    [hour, minute, second, high, middle, low]
}

/// The parts of an exact `timedelta`.
pub(super) fn delta_of(types: &Types, delta: &Bound<'_, PyAny>) -> PyResult<TimeDelta> {
    let reduced = call(&types.reduce_delta, [delta.as_ptr()], delta.py())?.cast_into::<PyTuple>()?;
    let (days, seconds, microseconds) = reduced.get_item(1)?.extract()?;
    TimeDelta::new(days, seconds, microseconds).ok_or_else(|| PyValueError::new_err("a timedelta out of range"))
}

/// The object of a token of these types.
pub(super) fn read<'py>(
    py: Python<'py>,
    token: &Token<'_>,
    zone: &mut ZoneOfMessage<'py>,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let types = Types::of(py)?;
    Ok(match token {
        Token::Date(day) => {
            let packed = PyBytes::new(py, &packed_day(*day));
            call(&types.date, [packed.as_ptr()], py)?
        }
        Token::DateTime(day, clock) => {
            let mut packed = [0; 10];
            packed[..4].copy_from_slice(&packed_day(*day));
            packed[4..].copy_from_slice(&packed_time(clock.time));
            packed[2] |= if clock.fold { FOLD } else { 0 };
            let methods = (&types.date_time, &types.date_time_offset);
            zoned(py, types, methods, &packed, &clock.zone, zone)?
        }
        Token::Time(clock) => {
            let mut packed = packed_time(clock.time);
            packed[0] |= if clock.fold { FOLD } else { 0 };
            let methods = (&types.time, &types.time_offset);
            zoned(py, types, methods, &packed, &clock.zone, zone)?
        }
        Token::TimeDelta(delta) => delta_from(py, types, *delta)?,
        _ => {
            return Err(DecodeFailure::Protocol(format!(
                "expected a date, got {}",
                token.kind()
            )));
        }
    })
}

/// The first two bytes are the year, the more significant one first.
fn packed_day(day: Day) -> [u8; 4] {
    let (year, month, day) = day.date();
    let [high, low] = year.to_be_bytes();
    [high, low, month, day]
}

/// An object of these fields and of a zone. If the zone of a key has another offset there than JavaScript took for given, it is
/// another instant, and refused.
fn zoned<'py>(
    py: Python<'py>,
    types: &Types,
    (class, offset_method): (&Py<PyAny>, &Py<PyAny>),
    packed: &[u8],
    zone: &Zone<'_>,
    last: &mut ZoneOfMessage<'py>,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let packed = PyBytes::new(py, packed);
    let tz = match *zone {
        Zone::Naive => return Ok(call(class, [packed.as_ptr()], py)?),
        Zone::Offset(offset) => fixed_zone(py, types, offset)?,
        Zone::Named(offset, name) => {
            let (offset, name) = (delta_from(py, types, delta_of_offset(offset))?, PyString::new(py, name));
            call(&types.zone, [offset.as_ptr(), name.as_ptr()], py)?
        }
        Zone::Key(_, key) => match &last.0 {
            Some((known, zone)) if **known == *key => zone.clone(),
            _ => {
                let zone = zone_info(py, key)?;
                last.0 = Some((key.into(), zone.clone()));
                zone
            }
        },
    };
    let made = call(class, [packed.as_ptr(), tz.as_ptr()], py)?;
    if let Zone::Key(expected, key) = *zone {
        let offset = offset_of(offset_method, &made)?;
        if offset != expected {
            return Err(DecodeFailure::Value(format!(
                "expected a time that is {} in `{key}`, got `{}`, which is {} there by Python's time zone data; pass the instant \
                 without the zone, as a `Date` or a `Temporal.Instant`",
                spelled(expected),
                made.str()?,
                spelled(offset),
            )));
        }
    }
    Ok(made)
}

pub(super) fn delta_from<'py>(py: Python<'py>, types: &Types, delta: TimeDelta) -> PyResult<Bound<'py, PyAny>> {
    let (days, seconds, microseconds) = delta.parts();
    let (days, seconds, microseconds) = (
        PyInt::new(py, days),
        PyInt::new(py, seconds),
        PyInt::new(py, microseconds),
    );
    call(
        &types.delta,
        [days.as_ptr(), seconds.as_ptr(), microseconds.as_ptr()],
        py,
    )
}

/// Calls a type or a method of one.
pub(super) fn call<'py, const N: usize>(
    callable: &Py<PyAny>,
    arguments: [*mut ffi::PyObject; N],
    py: Python<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: live objects, which the caller keeps, and the GIL is held; no keywords.
    let result = unsafe { (symbols().vectorcall)(callable.as_ptr(), arguments.as_ptr(), N, core::ptr::null_mut()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}
