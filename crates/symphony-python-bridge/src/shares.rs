//! Handles on their way from one environment to another.
//!
//! Sharing counts one crossing of the handle, which belongs to nobody until an environment adopts it. None of this needs the GIL: the
//! crossing is counted through [`releases`]. A share that nobody adopts does not outlast its maker for long.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use symphony_wire::ErrorCode;

use crate::async_support::Channel;
use crate::errors::BridgeError;
use crate::releases;

/// How long a share can be adopted after its environment came to an orderly end: a worker that posts its result and ends has done
/// nothing wrong, but what it posted may never be looked at.
pub const GRACE: Duration = Duration::from_secs(10);

/// A handle that was taken out of its share, with the crossing that the share had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The handle.
    pub handle: u32,
    /// The key of its type description.
    pub type_key: u32,
}

struct Share {
    content: Adopted,
    maker: Arc<Channel>,
}

#[derive(Default)]
struct Shares {
    by_number: FxHashMap<u64, Share>,
    last: u64,
}

static SHARES: LazyLock<Mutex<Shares>> = LazyLock::new(Mutex::default);

/// Differs from process to process, so that a share which was sent to another one is not taken for one of its own.
static PROCESS: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one(std::process::id())));

/// Shares a handle of which the environment has a crossing; gives the key by which another environment adopts it.
pub fn share(maker: &Arc<Channel>, handle: u32, type_key: u32) -> String {
    releases::add_crossing(handle);
    let mut shares = shares();
    shares.last += 1;
    let number = shares.last;
    let share = Share {
        content: Adopted { handle, type_key },
        maker: Arc::clone(maker),
    };
    shares.by_number.insert(number, share);
    format!("{}-{number}", *PROCESS)
}

/// Takes a handle out of its share; `None` if there is nothing left to adopt.
///
/// # Errors
///
/// `ERR_INVALID_ARGUMENT` for a key that is none of this process.
pub fn adopt(key: &str) -> Result<Option<Adopted>, BridgeError> {
    let number = key
        .split_once('-')
        .filter(|(process, _)| *process == *PROCESS)
        .and_then(|(_, number)| number.parse().ok())
        .ok_or_else(|| {
            let message = "the handle was shared in another process; only threads of one process can share handles";
            BridgeError::new(ErrorCode::InvalidArgument, message)
        })?;
    Ok(shares().by_number.remove(&number).map(|share| share.content))
}

/// The environment ends: what it shared is given back after that time, unless somebody adopts it.
pub fn end(maker: &Arc<Channel>, grace: Duration) {
    let outstanding = || {
        shares()
            .by_number
            .values()
            .any(|share| Arc::ptr_eq(&share.maker, maker))
    };
    if grace.is_zero() {
        give_back(maker);
    } else if outstanding() {
        let late = Arc::clone(maker);
        let waiting = std::thread::Builder::new().name("py-shares".to_owned()).spawn(move || {
            std::thread::sleep(grace);
            give_back(&late);
        });
        if waiting.is_err() {
            give_back(maker);
        }
    }
}

/// How many handles are shared and not adopted.
pub fn count() -> usize {
    shares().by_number.len()
}

fn give_back(maker: &Arc<Channel>) {
    let mut handles = Vec::new();
    shares().by_number.retain(|_, share| {
        let stays = !Arc::ptr_eq(&share.maker, maker);
        if !stays {
            handles.push(share.content.handle);
        }
        stays
    });
    for handle in handles {
        releases::crossings(handle, 1);
    }
}

fn shares() -> MutexGuard<'static, Shares> {
    SHARES.lock().unwrap_or_else(PoisonError::into_inner)
}
