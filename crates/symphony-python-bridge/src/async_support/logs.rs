//! Log records on their way to JavaScript.
//!
//! Whoever logs hands a record over and goes on: nobody waits for JavaScript. So there is a limit to what may wait; what is
//! logged beyond it is counted instead, and the count stands where the records would have been.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use symphony_wire::Writer;

use super::{Channel, Crossings};
use crate::errors::Failure;
use crate::interpreter;
use crate::types::{self, Returns};

const MOST_RECORDS: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

/// A record as a wire value, or how many were dropped.
enum Entry {
    Record(Vec<u8>),
    Dropped(u32),
}

/// The records that nobody took yet.
#[derive(Default)]
pub(super) struct Logs(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Logs {
    /// Whether it was empty before.
    fn push(&self, record: &[u8]) -> bool {
        let mut waiting = self.lock();
        let was_empty = waiting.entries.is_empty();
        let full = waiting.entries.len() >= MOST_RECORDS || waiting.bytes + record.len() > MOST_BYTES;
        if !full {
            waiting.bytes += record.len();
            waiting.entries.push_back(Entry::Record(record.to_vec()));
        } else if let Some(Entry::Dropped(count)) = waiting.entries.back_mut() {
            *count = count.saturating_add(1);
        } else {
            waiting.entries.push_back(Entry::Dropped(1));
        }
        was_empty
    }

    /// All of them, back to back: the length and the record, or no length and a count.
    fn take(&self) -> Vec<u8> {
        let Waiting { entries, bytes } = std::mem::take(&mut *self.lock());
        let mut batch = Vec::with_capacity(bytes + 4 * entries.len());
        for entry in entries {
            match entry {
                Entry::Record(record) => {
                    // No record is longer than what may wait.
                    let length = u32::try_from(record.len()).unwrap_or_default();
                    batch.extend_from_slice(&length.to_le_bytes());
                    batch.extend_from_slice(&record);
                }
                Entry::Dropped(count) => {
                    batch.extend_from_slice(&0u32.to_le_bytes());
                    batch.extend_from_slice(&count.to_le_bytes());
                }
            }
        }
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// What Python logged since the last time: see `docs/internal/native-interface.md`.
    pub fn take_logs(&self) -> Vec<u8> {
        self.logs().take()
    }

    fn log(&self, record: &[u8]) {
        if !self.is_closed() && self.logs().push(record) {
            self.wake();
        }
    }
}

/// A record for the environment that listens to output; dropped if there is none any more, and in a forked child.
///
/// # Errors
///
/// When something in it has no plain form.
pub(crate) fn emit_log(record: &Bound<'_, PyAny>) -> Result<(), Failure> {
    if interpreter::is_forked() {
        return Ok(());
    }
    let Some(channel) = super::channel::listener() else {
        return Ok(());
    };
    let mut writer = Writer::new();
    write_plain(record, &mut writer)?;
    channel.log(writer.as_slice());
    Ok(())
}

/// Whether a value can be part of a record as it is.
pub(crate) fn has_plain_form(value: &Bound<'_, PyAny>) -> bool {
    write_plain(value, &mut Writer::new()).is_ok()
}

/// Records hold no handles: nobody would know when to let go of them.
fn write_plain(value: &Bound<'_, PyAny>, writer: &mut Writer) -> Result<(), Failure> {
    let mut crossings = Crossings::default();
    let written = types::encode(value, Returns::Value, writer, &mut crossings);
    let has_handles = crossings.count() != Crossings::default().count();
    crossings.give_back(value.py());
    written?;
    if has_handles {
        return Err(pyo3::exceptions::PyTypeError::new_err("a log record holds plain data only").into());
    }
    Ok(())
}
