//! The Conductor for JavaScript: `startConductor` makes an object with its functions, and events come as JSON.
//!
//! The supervisor's thread never waits for JavaScript: what it has to say is queued for the event loop.

mod report;
mod settings;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::os::fd::IntoRawFd;
use std::ptr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::sys;
use serde_json::{Value as Json, json};
use symphony_conductor::{Conductor, Demand, Environment, StartError, WorkerId};
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::ErrorCode;

pub(crate) use report::exit as exit_report;
pub(crate) use settings::{arguments, stop_plan};

use crate::js::{self, Arguments, Callback, UNDEFINED, Value};
use crate::thread_safe_function::ThreadSafeFunction;

/// One Conductor of one environment. The JavaScript object with its functions, the thread-safe function and the clean-up hook each own it;
/// the last two go when it is closed.
struct Face {
    env: sys::napi_env,
    conductor: Conductor,
    settings: settings::Settings,
    /// `(event: string)`
    on_event: sys::napi_ref,
    messages: Arc<Messages>,
    /// Callbacks of JavaScript's that wait, by number.
    waiting: RefCell<HashMap<u32, sys::napi_ref>>,
    last: Cell<u32>,
    /// Nobody is told anything any more.
    closed: Cell<bool>,
}

/// What is queued for the JavaScript thread.
enum Message {
    Event(Json),
    /// The number of a callback, and its arguments: texts or nothing.
    Done(u32, Vec<Option<String>>),
}

/// The way to the JavaScript thread, from any other.
#[derive(Default)]
struct Messages(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    function: Option<ThreadSafeFunction>,
    waiting: Vec<Message>,
    /// The environment has ended.
    ended: bool,
}

impl Messages {
    fn push(&self, message: Message) {
        let mut queue = self.lock();
        if queue.ended {
            return;
        }
        queue.waiting.push(message);
        if queue.waiting.len() == 1
            && let Some(function) = queue.function
        {
            // Live, since the lock is held.
            function.call();
        }
    }

    /// From now on the function has them delivered, those included that came before.
    fn connect(&self, function: ThreadSafeFunction) {
        let mut queue = self.lock();
        queue.function = Some(function);
        if !queue.waiting.is_empty() {
            function.call();
        }
    }

    /// Nobody listens any more; gives the function, which nobody calls from now on.
    fn end(&self) -> Option<ThreadSafeFunction> {
        let mut queue = self.lock();
        queue.ended = true;
        queue.waiting = Vec::new();
        queue.function.take()
    }

    fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `startConductor(spec, onEvent)`
pub(crate) unsafe extern "C" fn start(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<2>::new(env);
        arguments.read(info);
        let settings = settings::Settings::parse(&arguments.text(0)?)?;
        let spec = settings.spec()?;
        let messages = Arc::new(Messages::default());
        let events = Arc::clone(&messages);
        let environment = Environment::default().on_event(move |event| {
            if let Some(event) = report::event(event) {
                events.push(Message::Event(event));
            }
        });
        let outcome = Arc::clone(&messages);
        let conductor = Conductor::launch(spec, environment, move |started| {
            let event = match started {
                Ok(()) => json!({ "type": "ready" }),
                Err(error) => json!({ "type": "startFailed", "problem": problem(&error) }),
            };
            outcome.push(Message::Event(event));
        })
        .map_err(|error| BridgeError::new(ErrorCode::PythonStart, error.to_string()))?;
        let face = Rc::new(Face {
            env,
            conductor,
            settings,
            on_event: js::reference(env, arguments.values[1]),
            messages,
            waiting: RefCell::default(),
            last: Cell::new(0),
            closed: Cell::new(false),
        });
        face.listen()?;
        Ok(face.define())
    })
}

/// Why a Conductor did not start, as JavaScript is told.
fn problem(error: &StartError) -> Json {
    let exit = match error {
        StartError::Failed { exit: Some(exit), .. } => Some(report::exit(exit)),
        _ => None,
    };
    let worker = match error {
        StartError::Failed { worker, .. } => Some(worker.0),
        _ => None,
    };
    json!({ "code": ErrorCode::PythonStart.as_str(), "message": error.to_string(), "exit": exit, "worker": worker })
}

impl Face {
    /// From now on what is queued comes here.
    fn listen(self: &Rc<Self>) -> Result<(), BridgeError> {
        let this = self.owned();
        let Some(function) = ThreadSafeFunction::until(self.env, this, deliver, Some(disowned)) else {
            self.conductor.stop_then(Some(settings::at_once()), || {});
            // SAFETY: made by `owned` above, and nobody has it.
            unsafe { disown(this) };
            let message = "this runtime gives no thread-safe function";
            return Err(BridgeError::new(ErrorCode::PythonStart, message));
        };
        self.messages.connect(function);
        // SAFETY: the hook owns the face until it has run or was removed.
        unsafe { sys::napi_add_env_cleanup_hook(self.env, Some(environment_ends), self.owned()) };
        Ok(())
    }

    /// A pointer that owns it, until [`disown`].
    fn owned(self: &Rc<Self>) -> *mut c_void {
        Rc::into_raw(Rc::clone(self)).cast_mut().cast()
    }

    /// Nothing is told any more, and nothing of the environment's is kept. Whoever waits for something is told that it will not come.
    /// Idempotent.
    fn close(&self) {
        let Some(function) = self.end() else { return };
        function.release();
        let this = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the hook that `listen` added, which has not run.
        unsafe { sys::napi_remove_env_cleanup_hook(self.env, Some(environment_ends), this) };
        // SAFETY: what the hook owned; the object, through which this is called, owns the face, too.
        unsafe { disown(this) };
        // SAFETY: the reference that `start` made, used by nobody from now on.
        unsafe { sys::napi_delete_reference(self.env, self.on_event) };
        for (_, callback) in self.waiting.take() {
            self.call_back(callback, &[Some("it was stopped".to_owned())]);
        }
    }

    /// What `close` and the end of the environment have in common; gives the function, once.
    fn end(&self) -> Option<ThreadSafeFunction> {
        self.closed.set(true);
        self.messages.end()
    }

    fn define(self: &Rc<Self>) -> Value {
        let this = self.owned();
        let mut object = ptr::null_mut();
        // SAFETY: writes the result only.
        unsafe { sys::napi_create_object(self.env, &raw mut object) };
        let functions: [(&str, Callback); 9] = [
            ("connect", connect),
            ("status", status),
            ("dump", dump),
            ("kill", kill),
            ("restart", restart),
            ("reset", reset),
            ("stop", stop),
            ("keepAlive", keep_alive),
            ("close", close),
        ];
        for (name, callback) in functions {
            js::define(self.env, object, name, callback, this);
        }
        // SAFETY: an object of this environment; the finalizer runs once.
        unsafe {
            sys::napi_add_finalizer(self.env, object, this, Some(disowned), ptr::null_mut(), ptr::null_mut());
        }
        object
    }

    /// Keeps a callback until it is called by its number, from any thread.
    fn keep(&self, callback: Value) -> Done {
        let number = self.last.get().wrapping_add(1);
        self.last.set(number);
        self.waiting
            .borrow_mut()
            .insert(number, js::reference(self.env, callback));
        Done {
            messages: Arc::clone(&self.messages),
            number,
        }
    }

    fn deliver(&self) {
        for message in self.messages.take() {
            js::scope(self.env, || match message {
                Message::Event(_) if self.closed.get() => {}
                Message::Event(event) => {
                    let text = js::string(self.env, &event.to_string());
                    js::call(self.env, js::referenced(self.env, self.on_event), &[text]);
                }
                Message::Done(number, arguments) => {
                    let callback = self.waiting.borrow_mut().remove(&number);
                    if let Some(callback) = callback {
                        self.call_back(callback, &arguments);
                    }
                }
            });
        }
    }

    /// Calls a callback that was kept, for the last time.
    fn call_back(&self, callback: sys::napi_ref, arguments: &[Option<String>]) {
        let function = js::referenced(self.env, callback);
        let arguments: Vec<Value> = arguments
            .iter()
            .map(|argument| match argument {
                Some(text) => js::string(self.env, text),
                None => js::null(self.env),
            })
            .collect();
        // SAFETY: the reference that `keep` made; the function is in the scope of the caller.
        unsafe { sys::napi_delete_reference(self.env, callback) };
        js::call(self.env, function, &arguments);
    }
}

/// Calls a callback of JavaScript's, from any thread, once.
struct Done {
    messages: Arc<Messages>,
    number: u32,
}

impl Done {
    fn call(self, arguments: Vec<Option<String>>) {
        self.messages.push(Message::Done(self.number, arguments));
    }
}

unsafe extern "C" fn deliver(env: sys::napi_env, _function: sys::napi_value, face: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: the pointer given to `ThreadSafeFunction::until`, which owns the face until `disowned`.
    let face = unsafe { &*face.cast::<Face>() };
    js::edge(env, || {
        face.deliver();
        Ok(UNDEFINED)
    });
}

unsafe extern "C" fn environment_ends(face: *mut c_void) {
    // SAFETY: the pointer given to `napi_add_env_cleanup_hook`, which owns the face; the hook runs once.
    let face = unsafe { Rc::from_raw(face.cast_const().cast::<Face>()) };
    if let Some(function) = face.end() {
        function.release();
    }
    // A worker thread ends, and nobody is left who could stop it in order.
    face.conductor.stop_then(Some(settings::at_once()), || {});
}

/// # Safety
///
/// `face` was made by [`Face::owned`], and this is its only end.
unsafe fn disown(face: *mut c_void) {
    // SAFETY: the caller's promise.
    drop(unsafe { Rc::from_raw(face.cast_const().cast::<Face>()) });
}

unsafe extern "C" fn disowned(_env: sys::napi_env, face: *mut c_void, _hint: *mut c_void) {
    // SAFETY: Node-API calls the end of an object, and of a function, once, with the pointer that was given for it.
    unsafe { disown(face) };
}

fn plain<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Face, &Arguments<N>) -> Result<Value, BridgeError>,
) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<N>::new(env);
        arguments.read(info);
        // SAFETY: the functions are properties of the object that owns the face, and are called through it.
        let face = unsafe { &*arguments.data.cast::<Face>() };
        body(face, &arguments)
    })
}

/// `connect(worker)`: the descriptor of a new connection.
unsafe extern "C" fn connect(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |face, arguments| {
        let number = arguments.u32(0);
        let lost = |why: &str| BridgeError::new(ErrorCode::WorkerLost, format!("worker {number}: {why}"));
        let worker = face
            .conductor
            .worker(WorkerId(number))
            .ok_or_else(|| lost("it has no process"))?;
        let socket = worker.connect().map_err(|error| lost(&error.to_string()))?;
        Ok(js::number(env, socket.into_raw_fd().cast_unsigned()))
    })
}

unsafe extern "C" fn status(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |face, _| {
        let status = report::status(&face.conductor.status());
        Ok(js::string(env, &status.to_string()))
    })
}

/// `dump(worker, (problem, text) => void)`
unsafe extern "C" fn dump(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |face, arguments| {
        let number = arguments.u32(0);
        let done = face.keep(arguments.values[1]);
        match face.conductor.worker(WorkerId(number)) {
            Some(worker) => worker.dump_then(move |dumped| {
                done.call(match dumped {
                    Ok(text) => vec![None, Some(text)],
                    Err(error) => vec![Some(error.to_string()), Some(String::new())],
                });
            }),
            None => done.call(vec![
                Some(format!("worker {number} has no process")),
                Some(String::new()),
            ]),
        }
        Ok(UNDEFINED)
    })
}

/// `kill(worker, pid)`: something takes too long there.
unsafe extern "C" fn kill(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |face, arguments| {
        let worker = face.conductor.worker(WorkerId(arguments.u32(0)));
        if let Some(worker) = worker.filter(|worker| worker.pid() == arguments.u32(1)) {
            worker.kill(Demand::Timeout);
        }
        Ok(UNDEFINED)
    })
}

/// `restart((problem) => void)`: all workers.
unsafe extern "C" fn restart(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |face, arguments| {
        let done = face.keep(arguments.values[0]);
        face.conductor.restart_then(move |restarted| {
            done.call(vec![restarted.err().map(|error| error.to_string())]);
        });
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn reset(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |face, _| {
        face.conductor.reset();
        Ok(UNDEFINED)
    })
}

/// `stop(drain, () => void)`: what runs has so many milliseconds to end.
unsafe extern "C" fn stop(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |face, arguments| {
        let done = face.keep(arguments.values[1]);
        let plan = face.settings.stop_plan(arguments.size(0) as u64);
        face.conductor.stop_then(Some(plan), move || done.call(Vec::new()));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn keep_alive(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |face, arguments| {
        let function = face.messages.lock().function;
        if let Some(function) = function {
            function.hold(env, arguments.boolean(0));
        }
        Ok(UNDEFINED)
    })
}

/// `close()`: it was stopped, and its object is of no use any more.
unsafe extern "C" fn close(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |face, _| {
        face.close();
        Ok(UNDEFINED)
    })
}
