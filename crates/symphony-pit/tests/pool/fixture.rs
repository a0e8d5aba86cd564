//! A pool over a folder of its own, and a loader that does what the test says, when the test says it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use symphony_pit::domain::{AttachOptions, Domain};
use symphony_pit::pool::{AcquireOptions, Budget, Lease, LoadRequest, ModelLoader, ModelRef, Pool, UnloadRequest};
use symphony_pit::{KeepAlive, ModelSpec, Result};

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Loads `at-once` without being asked twice, refuses `broken`, and leaves `by-hand` to the test.
pub(crate) struct Loader {
    loads: Sender<LoadRequest>,
    unloads: Sender<UnloadRequest>,
}

impl ModelLoader for Loader {
    fn accepts(&self, spec: &ModelSpec) -> bool {
        spec.loader != "nobody's"
    }

    fn load(&self, request: LoadRequest) {
        match request.spec().loader.as_str() {
            "at-once" => {
                request.loaded();
            }
            "broken" => request.failed("it is broken"),
            "forgetful" => drop(request),
            _ => self.loads.send(request).unwrap(),
        }
    }

    fn unload(&self, request: UnloadRequest) {
        // Comes back if the test does not listen, and then is dropped, which says that it is done.
        drop(self.unloads.send(request));
    }
}

/// What a loader was asked, for a test with several threads.
pub(crate) struct Inbox<T>(Mutex<Receiver<T>>);

impl<T> Inbox<T> {
    /// What comes within a while, if anything does.
    pub(crate) fn within(&self, time: Duration) -> Option<T> {
        self.0.lock().unwrap().recv_timeout(time).ok()
    }
}

pub(crate) struct Fixture {
    pub(crate) loads: Inbox<LoadRequest>,
    pub(crate) unloads: Option<Inbox<UnloadRequest>>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) domain: Arc<Domain>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// With so much memory. Unloading succeeds at once.
    pub(crate) fn new(memory_mb: u64) -> Self {
        let mut fixture = Self::unloading_by_hand(memory_mb);
        // Without a receiver, requests come back and are dropped, which says that it is done.
        fixture.unloads = None;
        fixture
    }

    pub(crate) fn unloading_by_hand(memory_mb: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = AttachOptions::default();
        options.any_filesystem = true;
        let domain = Domain::attach(folder.path(), &options).unwrap();
        let pool = Pool::of(&domain);
        let (loads, load_requests) = channel();
        let (unloads, unload_requests) = channel();
        let loader = Arc::new(Loader { loads, unloads });
        pool.add_loader(Arc::clone(&loader) as Arc<dyn ModelLoader>);
        let mut budget = Budget::default();
        budget.memory_mb = Some(memory_mb);
        pool.set_budget(budget).unwrap();
        Self {
            loads: Inbox(Mutex::new(load_requests)),
            unloads: Some(Inbox(Mutex::new(unload_requests))),
            pool,
            domain,
            _folder: folder,
        }
    }

    pub(crate) fn register(&self, spec: ModelSpec) -> ModelRef {
        self.pool.register(spec).wait().unwrap()
    }

    /// A lease with the default options.
    pub(crate) fn acquire(&self, model: ModelRef) -> Result<Lease> {
        let mut options = AcquireOptions::default();
        options.timeout = Some(LONG);
        self.pool.acquire(model, options).wait()
    }

    pub(crate) fn next_load(&self) -> LoadRequest {
        self.loads.within(LONG).expect("a model is to be loaded")
    }

    pub(crate) fn next_unload(&self) -> UnloadRequest {
        let unloads = self.unloads.as_ref().unwrap();
        unloads.within(LONG).expect("a model is to be unloaded")
    }

    pub(crate) fn resident_mb(&self) -> u64 {
        self.pool.metrics().unwrap().resident_mb
    }
}

/// A model of `memory_mb` that stays until its memory is needed.
pub(crate) fn model(name: &str, loader: &str, memory_mb: u64) -> ModelSpec {
    let mut spec = ModelSpec::new(name, "1", loader);
    spec.resource_requirements.memory_mb = memory_mb;
    spec.keep_alive = KeepAlive::Forever;
    spec
}

/// Waits until something is so.
pub(crate) fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
