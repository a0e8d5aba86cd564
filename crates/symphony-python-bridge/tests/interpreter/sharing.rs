//! Handles that one environment shares with another.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use symphony_python_bridge::async_support::{Channel, Wake};
use symphony_python_bridge::shares::{self, Adopted};
use symphony_python_bridge::{handles, releases};
use symphony_wire::ErrorCode;

use crate::support::{attached, handle};

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

fn environment() -> Arc<Channel> {
    Channel::new(Box::new(Nobody))
}

/// An object that only its handle keeps alive. Not known by the number of that, which another test may get when it is free.
struct Watched {
    handle: u32,
    reference: Py<PyAny>,
}

impl Watched {
    fn new() -> Self {
        attached(|py| {
            let object = py.eval(c"type('Thing', (), {})()", None, None).unwrap();
            let weakref = py.import("weakref").unwrap();
            Self {
                handle: handles::export(&object).0,
                reference: weakref.call_method1("ref", (&object,)).unwrap().unbind(),
            }
        })
    }

    /// Gives back the crossing that it was made with, or that of a share.
    fn give_back(&self) {
        releases::crossings(self.handle, 1);
    }

    fn lives(&self) -> bool {
        attached(|py| !self.reference.call0(py).unwrap().is_none(py))
    }

    /// Waits until what was given back is gone.
    fn until_gone(&self) {
        while self.lives() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_share_outlives_the_handle_it_was_made_of() {
    let [thing, later] = [Watched::new(), Watched::new()];
    let key = shares::share(&environment(), thing.handle, 7);
    thing.give_back();
    // When this one is gone, everything before it has been given back.
    later.give_back();
    later.until_gone();
    assert!(thing.lives());
    let adopted = Adopted {
        handle: thing.handle,
        type_key: 7,
    };
    assert_eq!(shares::adopt(&key).unwrap(), Some(adopted));
    assert_eq!(shares::adopt(&key).unwrap(), None);
    thing.give_back();
    thing.until_gone();
}

#[test]
fn adding_comes_before_every_later_release_even_if_a_destructor_hands_over_the_gil() {
    const CODE: &str = "
import time
class Slow:
    def __del__(self): time.sleep(0.001)
";
    let maker = environment();
    for _ in 0..50 {
        let slow = handle(CODE, "Slow()");
        let [thing, later] = [Watched::new(), Watched::new()];
        releases::crossings(slow, 1);
        let key = shares::share(&maker, thing.handle, 0);
        thing.give_back();
        later.give_back();
        later.until_gone();
        assert!(thing.lives());
        assert!(shares::adopt(&key).unwrap().is_some());
        thing.give_back();
        thing.until_gone();
    }
}

#[test]
fn what_an_environment_shared_ends_with_it() {
    let (ends, stays) = (environment(), environment());
    let things = [Watched::new(), Watched::new()];
    let keys = [&ends, &stays].map(|maker| things.each_ref().map(|thing| shares::share(maker, thing.handle, 0)));
    let [ended, [kept, lost]] = &keys;
    shares::end(&ends, Duration::ZERO);
    for key in ended {
        assert_eq!(shares::adopt(key).unwrap(), None);
    }
    for thing in &things {
        thing.give_back();
    }
    assert!(shares::adopt(kept).unwrap().is_some());
    shares::end(&stays, Duration::ZERO);
    assert_eq!(shares::adopt(lost).unwrap(), None);
    things[1].until_gone();
    assert!(things[0].lives());
    things[0].give_back();
    things[0].until_gone();
}

#[test]
fn after_an_orderly_end_a_share_can_be_adopted_for_a_while() {
    let maker = environment();
    let [kept, lost] = [Watched::new(), Watched::new()];
    let [kept_key, lost_key] = [&kept, &lost].map(|thing| shares::share(&maker, thing.handle, 0));
    lost.give_back();
    shares::end(&maker, Duration::from_millis(500));
    assert!(shares::adopt(&kept_key).unwrap().is_some());
    lost.until_gone();
    assert_eq!(shares::adopt(&lost_key).unwrap(), None);
    assert!(kept.lives());
}

#[test]
fn a_key_of_another_process_is_an_error() {
    for key in ["", "5", "-1", "0123456789abcdef-1"] {
        let error = shares::adopt(key).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{key}");
    }
}
