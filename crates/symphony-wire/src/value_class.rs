//! Values that have a class of their own in JavaScript: complex numbers, decimals, fractions, UUIDs, the ellipsis,
//! ranges, slices and paths.

use crate::format::{container, extension, lead};
use crate::{Token, WireError, WireErrorKind, Writer, date_time};

impl Writer {
    /// A complex number, bit for bit.
    pub fn complex(&mut self, real: f64, imaginary: f64) {
        self.raw(&[lead::FIXEXT16, extension::COMPLEX]);
        self.raw(&real.to_bits().to_le_bytes());
        self.raw(&imaginary.to_bits().to_le_bytes());
    }

    /// A decimal as Python spells it, with a capital `E` before an exponent.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn decimal(&mut self, text: &str) -> Result<(), WireError> {
        self.extension(extension::DECIMAL, text.as_bytes())
    }

    /// A fraction of two integers in lower-case hexadecimal digits, the numerator possibly with a minus sign.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn fraction(&mut self, numerator: &str, denominator: &str) -> Result<(), WireError> {
        let text = [numerator, denominator].join("/");
        self.extension(extension::FRACTION, text.as_bytes())
    }

    /// A UUID, the most significant byte first.
    pub fn uuid(&mut self, bytes: &[u8; 16]) {
        self.raw(&[lead::FIXEXT16, extension::UUID]);
        self.raw(bytes);
    }

    /// `...`.
    pub fn ellipsis(&mut self) {
        self.raw(&[lead::FIXEXT1, extension::ELLIPSIS, 0]);
    }

    /// A range of the next three values.
    pub fn range(&mut self) {
        self.container(container::RANGE);
        self.raw(&[lead::FIXARRAY | 3]);
    }

    /// A slice of the next three values.
    pub fn slice(&mut self) {
        self.container(container::SLICE);
        self.raw(&[lead::FIXARRAY | 3]);
    }

    /// A path of the file system: the string that is the next value.
    pub fn path(&mut self) {
        self.container(container::PATH);
        self.raw(&[lead::FIXARRAY | 1]);
    }

    /// An exception on its way to JavaScript: the error value that is the next value.
    pub fn exception(&mut self) {
        self.container(container::EXCEPTION);
        self.raw(&[lead::FIXARRAY | 1]);
    }
}

/// The token of a container mark and the count of the array header after it.
pub(crate) fn container(kind: u8, count: usize) -> Option<Token<'static>> {
    match (kind, count) {
        (container::RANGE, 3) => Some(Token::Range),
        (container::SLICE, 3) => Some(Token::Slice),
        (container::PATH, 1) => Some(Token::Path),
        (container::EXCEPTION, 1) => Some(Token::Exception),
        _ => None,
    }
}

/// The token of an extension.
pub(crate) fn extension(code: u8, payload: &[u8]) -> Result<Token<'_>, WireErrorKind> {
    let token = match code {
        extension::COMPLEX => complex(payload),
        extension::DECIMAL => core::str::from_utf8(payload)
            .ok()
            .filter(|text| is_decimal(text))
            .map(Token::Decimal),
        extension::FRACTION => core::str::from_utf8(payload)
            .ok()
            .filter(|text| fraction_parts(text).is_some())
            .map(Token::Fraction),
        extension::UUID => payload.try_into().ok().map(Token::Uuid),
        extension::ELLIPSIS if payload == [0] => Some(Token::Ellipsis),
        extension::ELLIPSIS => None,
        extension::DATE_TIME | extension::DATE | extension::TIME | extension::TIME_DELTA => {
            date_time::token(code, payload)
        }
        _ => return Err(WireErrorKind::UnknownExtension(code)),
    };
    token.ok_or(WireErrorKind::BadExtension(code))
}

fn complex(payload: &[u8]) -> Option<Token<'_>> {
    let ([real, imaginary], []) = payload.as_chunks::<8>() else {
        return None;
    };
    Some(Token::Complex {
        real: f64::from_bits(u64::from_le_bytes(*real)),
        imaginary: f64::from_bits(u64::from_le_bytes(*imaginary)),
    })
}

/// Whether Python spells a decimal like that: `-1.20`, `1E+5`, `Infinity`, `NaN`, `sNaN7`.
fn is_decimal(text: &str) -> bool {
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    if magnitude == "Infinity" {
        return true;
    }
    if let Some(payload) = magnitude.strip_prefix('s').unwrap_or(magnitude).strip_prefix("NaN") {
        return payload.bytes().all(|byte| byte.is_ascii_digit());
    }
    let (coefficient, exponent) = match magnitude.split_once('E') {
        Some((coefficient, exponent)) => (coefficient, Some(exponent)),
        None => (magnitude, None),
    };
    let (whole, fraction) = match coefficient.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (coefficient, None),
    };
    is_number(whole)
        && fraction.is_none_or(is_number)
        && exponent.is_none_or(|exponent| exponent.strip_prefix(['+', '-']).is_some_and(is_number))
}

fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The numerator and the denominator in the text of a [`Token::Fraction`]: lower-case hexadecimal digits, which every
/// language reads in linear time and Python without a limit. The denominator is above zero.
pub fn fraction_parts(text: &str) -> Option<(&str, &str)> {
    let (numerator, denominator) = text.split_once('/')?;
    let positive = denominator.bytes().any(|byte| byte != b'0');
    let digits = numerator.strip_prefix('-').unwrap_or(numerator);
    (positive && is_hexadecimal(digits) && is_hexadecimal(denominator)).then_some((numerator, denominator))
}

fn is_hexadecimal(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
