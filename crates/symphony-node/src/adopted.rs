//! Which JavaScript objects stand for which handle ids in one environment.
//!
//! Weak references with finalizers that run inside the collection (see `node_api_module_get_api_version_v1`): they
//! may not touch JavaScript and do not wait for the GIL; they queue the release of the crossings that were absorbed.
//!
//! A worker can be terminated between any two steps of JavaScript's, so crossings that it has not absorbed yet are known here as well: those
//! of results by their number, those of messages by what JavaScript absorbed while it read them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;

use napi::sys;
use symphony_python_bridge::async_support::Channel;
use symphony_python_bridge::handles::{self, OF_MEMORY};
use symphony_python_bridge::releases;

use crate::connection::Released;
use crate::js::{self, Value};

/// Whose handles they are, and so who gets back what was collected.
#[derive(Default)]
pub(crate) enum Home {
    /// Those of the interpreter in this process.
    #[default]
    Here,
    /// Those of another process.
    Elsewhere(Rc<Released>),
}

impl Home {
    fn give_back(&self, id: u32, count: u32) {
        match self {
            Self::Here => releases::crossings(id, count),
            Self::Elsewhere(released) => released.push(id, count),
        }
    }
}

/// The adopted states of one port, by handle id.
#[derive(Default)]
pub(crate) struct Adopted {
    home: Home,
    by_id: RefCell<Vec<Slot>>,
    /// How many messages JavaScript is reading, one within the other.
    readings: Cell<u32>,
    /// What it absorbed of those.
    absorbed: RefCell<Vec<u32>>,
}

#[derive(Default)]
struct Slot {
    adoption: Option<NonNull<Adoption>>,
    /// Crossings in a result that JavaScript has not absorbed yet.
    arriving: u32,
    /// Those that are of the object's memory too.
    arriving_memory: u32,
}

impl Slot {
    fn arriving(&mut self, crossing: u32) -> &mut u32 {
        if crossing & OF_MEMORY == 0 {
            &mut self.arriving
        } else {
            &mut self.arriving_memory
        }
    }
}

/// One state object. Freed by its finalizer, which runs exactly once: on collection or when the environment ends.
struct Adoption {
    table: Rc<Adopted>,
    id: u32,
    /// Crossings that this state will give back.
    absorbed: Cell<u32>,
    reference: Cell<sys::napi_ref>,
}

impl Adopted {
    /// Without any states yet.
    pub(crate) fn of(home: Home) -> Self {
        Self {
            home,
            ..Self::default()
        }
    }

    /// `state` now stands for the handle and has absorbed one crossing.
    pub(crate) fn adopt(self: &Rc<Self>, env: sys::napi_env, id: u32, state: Value) {
        let adoption = Box::into_raw(Box::new(Adoption {
            table: Rc::clone(self),
            id,
            absorbed: Cell::new(1),
            reference: Cell::new(ptr::null_mut()),
        }));
        let mut reference = ptr::null_mut();
        // SAFETY: `state` is an object; `adoption` lives until the finalizer frees it.
        let status = unsafe {
            sys::napi_add_finalizer(
                env,
                state,
                adoption.cast(),
                Some(collected),
                ptr::null_mut(),
                &raw mut reference,
            )
        };
        let adoption = NonNull::new(adoption).expect("a box is never null");
        if status != sys::Status::napi_ok {
            // SAFETY: no finalizer was registered, so the box is still ours.
            drop(unsafe { Box::from_raw(adoption.as_ptr()) });
            self.arrived(id);
            self.home.give_back(id, 1);
            return;
        }
        // SAFETY: freed only by the finalizer, which cannot run while `state` is on the stack.
        unsafe { adoption.as_ref() }.reference.set(reference);
        self.arrived(id);
        self.slot(id, |slot| slot.adoption = Some(adoption));
    }

    /// A result brings a crossing that JavaScript will absorb; with [`OF_MEMORY`], one of the object's memory too.
    #[inline]
    pub(crate) fn expect(&self, crossing: u32) {
        self.slot(crossing & !OF_MEMORY, |slot| *slot.arriving(crossing) += 1);
    }

    /// JavaScript took over a crossing of the handle.
    pub(crate) fn arrived(&self, crossing: u32) {
        let expected = self.slot(crossing & !OF_MEMORY, |slot| {
            let arriving = slot.arriving(crossing);
            let expected = *arriving > 0;
            *arriving -= u32::from(expected);
            expected
        });
        if !expected && self.readings.get() > 0 {
            self.absorbed.borrow_mut().push(crossing);
        }
    }

    fn slot<R>(&self, id: u32, body: impl FnOnce(&mut Slot) -> R) -> R {
        let mut by_id = self.by_id.borrow_mut();
        let index = id as usize;
        if by_id.len() <= index {
            by_id.resize_with(index + 1, Slot::default);
        }
        body(&mut by_id[index])
    }

    /// Runs `body`, in which JavaScript reads a message. If it was stopped meanwhile, `handles` says what the message holds, and what it did
    /// not absorb of that is given back.
    pub(crate) fn while_reading(&self, env: sys::napi_env, handles: impl FnOnce() -> Vec<u32>, body: impl FnOnce()) {
        let mark = self.absorbed.borrow().len();
        self.readings.set(self.readings.get() + 1);
        body();
        self.readings.set(self.readings.get() - 1);
        let absorbed = self.absorbed.borrow_mut().split_off(mark);
        if js::can_run(env) {
            return;
        }
        let mut taken = HashMap::<u32, usize>::new();
        for id in absorbed {
            *taken.entry(id).or_default() += 1;
        }
        for id in handles() {
            match taken.get_mut(&id) {
                Some(count) if *count > 0 => *count -= 1,
                _ => releases::crossing(id),
            }
        }
    }

    /// The environment ends: JavaScript absorbs nothing any more. The finalizers of its states run later.
    pub(crate) fn end(&self) {
        for (id, slot) in (0..).zip(self.by_id.take()) {
            if slot.arriving > 0 {
                releases::crossings(id, slot.arriving);
            }
            for _ in 0..slot.arriving_memory {
                releases::memory(id);
            }
        }
    }

    /// The live state of a handle in a message, absorbing one crossing; null if there is none.
    #[inline]
    pub(crate) fn find_arriving(&self, env: sys::napi_env, id: u32) -> Value {
        let state = self.find(env, id);
        if !state.is_null() {
            self.arrived(id);
        }
        state
    }

    /// The live state of a handle, absorbing one crossing; null if there is none.
    #[inline]
    pub(crate) fn find(&self, env: sys::napi_env, id: u32) -> Value {
        let Some(adoption) = self.get(id) else {
            return ptr::null_mut();
        };
        // SAFETY: entries of the table are freed only by finalizers, which take them out first; and none runs before
        // the next allocation in the JavaScript heap.
        let adoption = unsafe { adoption.as_ref() };
        let reference = adoption.reference.get();
        adoption.absorbed.set(adoption.absorbed.get() + 1);
        let state = js::referenced(env, reference);
        if state.is_null() {
            // Collected, and its finalizer is still to come: the crossing is for the next state.
            adoption.absorbed.set(adoption.absorbed.get() - 1);
        }
        state
    }

    /// Gives back one crossing before the state is collected.
    pub(crate) fn release(&self, id: u32) {
        let Some(adoption) = self.get(id) else {
            // No state has the crossing that this one gives back.
            handles::note_fault();
            return;
        };
        // SAFETY: as in `find`.
        let adoption = unsafe { adoption.as_ref() };
        let absorbed = adoption.absorbed.get().saturating_sub(1);
        adoption.absorbed.set(absorbed);
        self.home.give_back(id, 1);
        if absorbed == 0 {
            self.slot(id, |slot| slot.adoption = None);
        }
    }

    #[inline]
    fn get(&self, id: u32) -> Option<NonNull<Adoption>> {
        self.by_id.borrow().get(id as usize)?.adoption
    }
}

unsafe extern "C" fn collected(env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the box that `adopt` made; this runs once.
    let adoption = unsafe { Box::from_raw(data.cast::<Adoption>()) };
    let table = &adoption.table;
    let mut by_id = table.by_id.borrow_mut();
    if let Some(slot) = by_id.get_mut(adoption.id as usize)
        && slot
            .adoption
            .is_some_and(|slot| ptr::eq(slot.as_ptr(), &raw const *adoption))
    {
        slot.adoption = None;
    }
    drop(by_id);
    // SAFETY: the reference made in `adopt`, deleted once; allowed while collecting.
    unsafe { sys::napi_delete_reference(env, adoption.reference.get()) };
    if adoption.absorbed.get() > 0 {
        table.home.give_back(adoption.id, adoption.absorbed.get());
    }
}

/// A request whose outcome is forgotten when `owner` is collected.
struct GuardedRequest {
    channel: Arc<Channel>,
    request: u32,
}

/// Forgets the request's outcome when `owner` is collected.
pub(crate) fn guard_request(env: sys::napi_env, channel: &Arc<Channel>, request: u32, owner: Value) {
    let guarded = Box::into_raw(Box::new(GuardedRequest {
        channel: Arc::clone(channel),
        request,
    }));
    // SAFETY: `owner` is an object; the box lives until the finalizer frees it.
    let status = unsafe {
        sys::napi_add_finalizer(
            env,
            owner,
            guarded.cast(),
            Some(owner_collected),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finalizer was registered, so the box is still ours.
        drop(unsafe { Box::from_raw(guarded) });
        channel.release(&[request]);
    }
}

unsafe extern "C" fn owner_collected(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the box that `guard_request` made; this runs once.
    let guarded = unsafe { Box::from_raw(data.cast::<GuardedRequest>()) };
    guarded.channel.release(&[guarded.request]);
}
