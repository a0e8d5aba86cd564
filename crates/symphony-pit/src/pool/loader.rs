//! How models come into a process: by a loader of the host's, which answers when it has done what it was asked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Pool;
use crate::error::{PitCode, PitError};
use crate::ids::{InstanceId, ModelId};
use crate::resources::ModelSpec;
use crate::time::Mono;

/// Loads and unloads models in this process. The host's: it keeps the objects, by [`LoadRequest::instance`], and calls them.
///
/// Both methods are called on a thread that does much else, the keeper's: they hand the request to where the work is done,
/// and return. They may call the pool.
pub trait ModelLoader: Send + Sync {
    /// Whether it loads what this specification names. The first loader that says so is asked.
    fn accepts(&self, spec: &ModelSpec) -> bool;

    /// Begins to load a model.
    fn load(&self, request: LoadRequest);

    /// Begins to unload a model that nobody uses any more.
    fn unload(&self, request: UnloadRequest);
}

/// What the pool and a request that runs both know.
#[derive(Debug, Default)]
pub(crate) struct LoadState {
    pub(crate) cancelled: AtomicBool,
    pub(crate) progress: AtomicU64,
}

/// The wish that a model be loaded. Answer it by [`Self::loaded`] or [`Self::failed`]; dropping it is a failure.
#[must_use = "dropping it says that loading has failed"]
pub struct LoadRequest {
    pub(crate) pool: Arc<Pool>,
    pub(crate) place: usize,
    pub(crate) instance: InstanceId,
    pub(crate) model: ModelId,
    pub(crate) spec: Arc<ModelSpec>,
    pub(crate) state: Arc<LoadState>,
    pub(crate) answered: bool,
}

impl LoadRequest {
    /// What to load.
    pub fn spec(&self) -> &Arc<ModelSpec> {
        &self.spec
    }

    /// Which model that is.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// Under which identity leases name it.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Whether nobody wants it any more, or it took too long. To be asked between the steps of a long work; the answer
    /// frees the memory that is set aside, so it should come soon.
    pub fn is_cancelled(&self) -> bool {
        self.state.cancelled.load(Ordering::Relaxed)
    }

    /// Says that it goes on: the time of [`ModelSpec::load_timeout_ms`] begins anew.
    pub fn progress(&self) {
        self.state.progress.store(Mono::now().0, Ordering::Relaxed);
    }

    /// Says that it is loaded. If it was called off meanwhile, it is asked to be unloaded at once.
    pub fn loaded(mut self) {
        self.answer(Ok(()));
    }

    /// Says that it could not be loaded, and that it has no memory any more.
    pub fn failed(mut self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        let error = error.into();
        let message = format!("model `{}` {} did not load: {error}", self.spec.name, self.spec.version);
        self.answer(Err(PitError::pool(PitCode::LoadFailed, message).with_source(error)));
    }

    fn answer(&mut self, result: crate::Result<()>) {
        self.answered = true;
        self.pool.load_ended(self.place, self.instance, result);
    }
}

impl Drop for LoadRequest {
    fn drop(&mut self) {
        if !self.answered {
            let message = format!("the loader of model `{}` gave up without an answer", self.spec.name);
            self.answer(Err(PitError::pool(PitCode::LoadFailed, message)));
        }
    }
}

impl fmt::Debug for LoadRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadRequest")
            .field("instance", &self.instance)
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

/// The wish that a model be unloaded. Dropping it says that it is, and that its memory is free.
#[must_use = "dropping it says that the model is unloaded"]
pub struct UnloadRequest {
    pub(crate) pool: Arc<Pool>,
    pub(crate) place: usize,
    pub(crate) instance: InstanceId,
    pub(crate) model: ModelId,
}

impl UnloadRequest {
    /// Which one.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Which model that is.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// Says that it is unloaded.
    pub fn done(self) {}
}

impl Drop for UnloadRequest {
    fn drop(&mut self) {
        self.pool.unload_ended(self.place, self.instance);
    }
}

impl fmt::Debug for UnloadRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnloadRequest")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
