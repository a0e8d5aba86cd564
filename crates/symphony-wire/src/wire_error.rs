//! Why bytes could not be read or written.

use core::fmt;

/// A message that breaks the format, or a value that does not fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// What is wrong.
    pub kind: WireErrorKind,
    /// Where the value begins that is wrong: bytes from the start of the message.
    pub offset: usize,
}

/// The ways in which bytes can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireErrorKind {
    /// The message ends before the values it promises. The caller may have cut it too short; nothing was allocated for
    /// what is missing.
    Truncated,
    /// A value begins with a byte that the format does not use.
    UnknownLead(u8),
    /// An extension with a code that this version does not know: the other side is newer.
    UnknownExtension(u8),
    /// An extension whose payload has the wrong length or content.
    BadExtension(u8),
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// Written only: a string, byte string or container with more than 2^32 - 1 elements. The caller must split it.
    TooLong,
}

impl fmt::Display for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            WireErrorKind::Truncated => formatter.write_str("the message ends too early")?,
            WireErrorKind::UnknownLead(byte) => write!(formatter, "no value begins with the byte {byte:#04x}")?,
            WireErrorKind::UnknownExtension(code) => write!(formatter, "unknown extension {code:#04x}")?,
            WireErrorKind::BadExtension(code) => write!(formatter, "bad payload of extension {code:#04x}")?,
            WireErrorKind::InvalidUtf8 => formatter.write_str("a string is not UTF-8")?,
            WireErrorKind::TooLong => formatter.write_str("more than 2^32 - 1 elements")?,
        }
        write!(formatter, " (at byte {})", self.offset)
    }
}

impl core::error::Error for WireError {}
