//! Which JavaScript objects of one environment Python holds.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use symphony_wire::{JsKind, JsObject as Token};

use super::{JsFunction, JsObject};
use super::{direct_call, proxy};
use crate::async_support::Channel;
use crate::interpreter;

/// The objects of one environment that Python holds, by their numbers. The lock is held for a few instructions and never
/// while Python code runs.
#[derive(Default)]
pub struct Objects(Mutex<State>);

#[derive(Default)]
struct State {
    entries: FxHashMap<u32, Entry>,
    /// The numbers of those that Python does not hold any more, until the environment takes them.
    dropped: Vec<u32>,
    /// The numbers of those that were dropped in the middle of an iteration, likewise.
    abandoned: Vec<u32>,
}

#[derive(Default)]
struct Entry {
    /// The Python object and the reference inside it; the object is not owned, and takes itself out when it goes.
    object: Option<(NonNull<ffi::PyObject>, *const Reference)>,
    /// How often it is on its way to JavaScript.
    crossings: usize,
}

impl Entry {
    /// The object, unless it is about to go: between its last reference and the moment when it takes itself out, other code may run.
    fn live<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let (object, _) = self.object?;
        // SAFETY: its memory is there, since it takes itself out before that goes, for which it needs the GIL, which is held here.
        if unsafe { ffi::Py_REFCNT(object.as_ptr()) } == 0 {
            return None;
        }
        // SAFETY: alive.
        Some(unsafe { Bound::from_borrowed_ptr(py, object.as_ptr()) })
    }
}

// SAFETY: the pointers are dereferenced only by threads that hold the GIL, and only while the entry has them, which is for the
// life of the object that they point to.
unsafe impl Send for Entry {}

impl Objects {
    /// Whether Python holds the object, or it is on its way back.
    pub fn holds(&self, id: u32) -> bool {
        self.lock().entries.contains_key(&id)
    }

    /// The object of that number arrived in JavaScript.
    pub fn arrived(&self, id: u32) {
        let mut state = self.lock();
        if let Some(entry) = state.entries.get_mut(&id) {
            entry.crossings = entry.crossings.saturating_sub(1);
            if entry.crossings == 0 && entry.object.is_none() {
                state.entries.remove(&id);
            }
        }
    }

    /// Moves the numbers of dropped objects into `dropped`, and those of abandoned iterators among them into `abandoned`, which must
    /// be empty.
    pub fn take_dropped(&self, dropped: &mut Vec<u32>, abandoned: &mut Vec<u32>) {
        let mut state = self.lock();
        std::mem::swap(&mut state.dropped, dropped);
        std::mem::swap(&mut state.abandoned, abandoned);
    }

    /// An iterator is about to be dropped in the middle. JavaScript is to keep it until it hears of that, which counts as a crossing.
    pub(super) fn abandon(&self, id: u32) {
        let mut state = self.lock();
        state.entries.entry(id).or_default().crossings += 1;
        state.abandoned.push(id);
    }

    /// The object is on its way to JavaScript once more.
    pub(super) fn leaves(&self, id: u32) {
        self.lock().entries.entry(id).or_default().crossings += 1;
    }

    fn find<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        let state = self.lock();
        state.entries.get(&id)?.live(py)
    }

    /// Enters a new object; gives the one that another thread entered meanwhile, if there is one.
    fn enter<'py>(&self, id: u32, object: Bound<'py, PyAny>, reference: *const Reference) -> Bound<'py, PyAny> {
        let mut state = self.lock();
        let entry = state.entries.entry(id).or_default();
        if let Some(known) = entry.live(object.py()) {
            drop(state);
            return known;
        }
        entry.object = NonNull::new(object.as_ptr()).map(|pointer| (pointer, reference));
        drop(state);
        object
    }

    /// Takes an object out; whether the environment is to be told.
    fn leave(&self, id: u32, reference: *const Reference) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.entries.get_mut(&id) else {
            return false;
        };
        // One that came too late to be entered takes nothing out.
        if !entry.object.is_some_and(|(_, entered)| ptr::eq(entered, reference)) {
            return false;
        }
        entry.object = None;
        if entry.crossings == 0 {
            state.entries.remove(&id);
        }
        let was_empty = state.dropped.is_empty();
        state.dropped.push(id);
        was_empty
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many references there are, of all environments.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How many JavaScript objects Python holds, of all environments, those that ended included.
pub(crate) fn held_count() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// A JavaScript object of one environment, held. Lives inside the Python object that stands for it.
pub(crate) struct Reference {
    channel: Arc<Channel>,
    id: u32,
}

impl Reference {
    fn new(channel: &Arc<Channel>, id: u32) -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self {
            channel: Arc::clone(channel),
            id,
        }
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The number, for a message to this environment; counts one crossing. Nothing for an object of another one.
    pub(crate) fn leave_for(&self, channel: &Arc<Channel>) -> Option<u32> {
        if !Arc::ptr_eq(&self.channel, channel) {
            return None;
        }
        channel.objects().leaves(self.id);
        Some(self.id)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        // In a forked child nobody is there to hear of it, and the lock may be held for ever.
        if !interpreter::is_forked() && self.channel.objects().leave(self.id, self) {
            self.channel.wake();
        }
    }
}

/// The Python object that stands for a JavaScript object of the channel's environment.
pub(crate) fn object_for<'py>(
    py: Python<'py>,
    channel: &Arc<Channel>,
    token: Token<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let objects = channel.objects();
    if let Some(known) = objects.find(py, token.id) {
        return Ok(known);
    }
    let reference = Reference::new(channel, token.id);
    // Without the lock: making an object may collect garbage, and so drop references.
    let name = token.name.to_owned();
    let (object, reference) = match token.kind {
        JsKind::Function(parameters) | JsKind::AsyncFunction(parameters) => {
            let is_async = matches!(token.kind, JsKind::AsyncFunction(_));
            let function = direct_call::born(py, JsFunction::new(reference, name, parameters, is_async))?;
            let reference = ptr::from_ref(function.get().reference());
            (function.into_any(), reference)
        }
        JsKind::Object => {
            JsObject::be_a_mapping(py)?;
            let object = Bound::new(py, JsObject::new(reference, name))?;
            let reference = ptr::from_ref(object.get().reference());
            (object.into_any(), reference)
        }
        kind => {
            let object = proxy::born(py, reference, name, kind)?;
            let reference = ptr::from_ref(object.get().reference());
            (object.into_any(), reference)
        }
    };
    Ok(objects.enter(token.id, object, reference))
}
