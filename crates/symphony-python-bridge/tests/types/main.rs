//! Values between real Python objects and the wire format.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bridge;
mod decode;
mod encode;
mod error_codes;
mod round_trip;
mod value_classes;
mod vectors;
