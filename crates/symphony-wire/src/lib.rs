//! The byte format between Python and its hosts: [`Writer`] appends values, [`Reader`] gives them back as [`Token`]s.
//!
//! The format is MessagePack framing with extension types; `docs/internal/wire-format.md` describes it byte by byte and
//! `ts/codec/` is its other half. Neither side nests: a container is a token that says how many values follow, so depth
//! costs no stack. This crate knows neither Python nor Node, has no dependencies and no unsafe code.
//!
//! Beside the format lives the one table of [`ErrorCode`]s.
#![forbid(unsafe_code)]

mod array;
mod date_time;
mod format;
mod frame;
mod integer;
mod reader;
mod token;
mod value_class;
mod wire_error;
mod writer;

mod generated {
    pub(crate) mod error_code;
}

pub use array::{
    ArrayReference, ArrayTarget, ArrayView, CopiedArray, Element, InlineArray, MemorySource, MessageArray, SharedArray,
};
pub use date_time::{ClockTime, Day, TimeDelta, TimeOfDay, UtcOffset, Zone};
pub use format::VERSION;
pub use frame::{FIRST_SHARED_BLOCK, FRAME_HEADER, Frame, FrameKind, Incoming, frame_header};
pub use generated::error_code::{ErrorCode, UnknownErrorCode};
pub use reader::Reader;
pub use token::{JsKind, JsObject, Packed, Token, utf16_units};
pub use value_class::fraction_parts;
pub use wire_error::{WireError, WireErrorKind};
pub use writer::Writer;
