//! Whether a job can run yet: which requests it names, and what became of those.
//!
//! Asked before anything of the job happens, so that a job that has to wait leaves no trace: it has evaluated no
//! attribute, can still be cancelled, and runs once.

use std::sync::LazyLock;

use pyo3::prelude::*;
use symphony_wire::{ErrorCode, Reader, Token, Writer};

use super::Job;
use super::channel::Known;
use crate::errors::{BridgeError, Failure};

/// What stands in the way of a job.
pub(super) enum Readiness {
    Ready,
    /// This request is not done.
    Waits(u32),
    /// A request that it names gave no value.
    Fails(Failure),
}

/// How a reference to a request begins. JavaScript writes the same bytes.
static MARK: LazyLock<[u8; 2]> = LazyLock::new(|| {
    let mut writer = Writer::new();
    writer.request(0);
    [writer.as_slice()[0], writer.as_slice()[1]]
});

/// Enough bytes at a time for the compiler to compare many in one instruction.
const STRIDE: usize = 128;

/// Looks at the requests that the job names, in their order, up to the first that is not done; those before it are not
/// looked at again.
pub(super) fn look(py: Python<'_>, job: &mut Job) -> Readiness {
    let mut named = job.named.take().unwrap_or_else(|| requests_named(job.body()));
    while let Some(&id) = named.last() {
        match job.channel().outcome(py, id) {
            Known::Pending => {
                job.named = Some(named);
                return Readiness::Waits(id);
            }
            Known::Failed(failure) => return Readiness::Fails(failure),
            Known::Cancelled => {
                let message = "a call that this one builds on was cancelled before it started";
                return Readiness::Fails(BridgeError::new(ErrorCode::Cancelled, message).into());
            }
            // An unknown one is reported when the job runs and needs it.
            Known::Done(_) | Known::Unknown => named.pop(),
        };
    }
    Readiness::Ready
}

/// The requests that a request's body names, the first one last.
fn requests_named(body: &[u8]) -> Vec<u32> {
    let mut named = Vec::new();
    if !contains_pair(body, *MARK) {
        return named;
    }
    let mut reader = Reader::new(body);
    // Bytes that are no value are reported when the job runs.
    while !reader.is_at_end()
        && let Ok(token) = reader.token()
    {
        if let Token::Request(id) = token {
            named.push(id);
        }
    }
    named.reverse();
    named
}

/// Whether the two bytes stand next to each other somewhere. Most requests name no other one, and this says so at a
/// fraction of the cost of reading them.
fn contains_pair(bytes: &[u8], [first, second]: [u8; 2]) -> bool {
    let Some(next) = bytes.get(1..) else { return false };
    bytes.chunks(STRIDE).zip(next.chunks(STRIDE)).any(|(here, there)| {
        here.iter().zip(there).fold(0, |found, (a, b)| {
            found | (u8::from(*a == first) & u8::from(*b == second))
        }) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::{STRIDE, contains_pair, requests_named};
    use symphony_wire::Writer;

    #[test]
    fn a_pair_is_found_wherever_it_stands() {
        for length in 2..3 * STRIDE {
            for at in 0..length - 1 {
                let mut bytes = vec![7; length];
                bytes[at] = 1;
                assert!(!contains_pair(&bytes, [1, 2]));
                bytes[at + 1] = 2;
                assert!(contains_pair(&bytes, [1, 2]), "{at} of {length}");
            }
        }
        assert!(!contains_pair(&[], [1, 2]));
        assert!(!contains_pair(&[1], [1, 2]));
    }

    #[test]
    fn bytes_that_only_look_like_a_reference_name_nothing() {
        let mut reference = Writer::new();
        reference.request(9);
        let mut writer = Writer::new();
        writer.bytes(reference.as_slice()).expect("short");
        assert_eq!(requests_named(writer.as_slice()).len(), 0);
        writer.request(3);
        writer.request(4);
        assert_eq!(requests_named(writer.as_slice()), [4, 3]);
    }
}
