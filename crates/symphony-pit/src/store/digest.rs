//! What content is known by: its hash and its size.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::error::{PitCode, PitError};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
#[repr(u8)]
pub enum HashAlgo {
    /// For those who must compare with others' digests.
    Sha256 = 1,
    /// About three times as fast.
    #[default]
    Blake3 = 2,
}

impl HashAlgo {
    /// The word for it, as digests begin.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Sha256),
            2 => Some(Self::Blake3),
            _ => None,
        }
    }
}

impl FromStr for HashAlgo {
    type Err = PitError;
    fn from_str(text: &str) -> Result<Self, PitError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "blake3" => Ok(Self::Blake3),
            _ => Err(PitError::store(
                PitCode::InvalidArgument,
                format!("a hash function is `blake3` or `sha256`, not `{text}`"),
            )),
        }
    }
}

/// The identity of content: how it was hashed, the hash, and the size in bytes, all of the bytes as they were given, however
/// they are kept. Written as `blake3:<64 hexadecimal digits>/<size>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    /// How it was hashed.
    pub algo: HashAlgo,
    /// The hash.
    pub bytes: [u8; 32],
    /// How many bytes the content has.
    pub size: u64,
}

impl Digest {
    /// That of these bytes.
    pub fn of(algo: HashAlgo, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algo);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The hash in hexadecimal digits.
    pub fn hex(&self) -> String {
        self.bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _never_fails = write!(text, "{byte:02x}");
            text
        })
    }

    pub(super) fn key(&self) -> ContentKey {
        let mut key = [self.algo as u8; 33];
        key[1..].copy_from_slice(&self.bytes);
        ContentKey(key)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}/{}", self.algo.name(), self.hex(), self.size)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = PitError;
    fn from_str(text: &str) -> Result<Self, PitError> {
        let parse = || {
            let (algo, rest) = text.split_once(':')?;
            let (hex, size) = rest.split_once('/')?;
            if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            let mut bytes = [0; 32];
            for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
                *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            }
            // `parse` alone would accept a sign.
            let size = Some(size).filter(|size| size.bytes().all(|digit| digit.is_ascii_digit()))?;
            Some(Self {
                algo: algo.parse().ok()?,
                bytes,
                size: size.parse().ok()?,
            })
        };
        parse().ok_or_else(|| {
            PitError::store(
                PitCode::InvalidArgument,
                format!("a digest is `blake3:<64 hexadecimal digits>/<size>` or the same with `sha256`, not `{text}`"),
            )
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A digest without the size, which the hash decides: the key of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ContentKey(pub(super) [u8; 33]);

impl ContentKey {
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = Self(bytes.try_into().ok()?);
        HashAlgo::from_number(key.0[0]).map(|_| key)
    }

    pub(super) fn with_size(self, size: u64) -> Option<Digest> {
        Some(Digest {
            algo: HashAlgo::from_number(self.0[0])?,
            bytes: self.0[1..].try_into().ok()?,
            size,
        })
    }
}

/// Hashes bytes as they come.
#[derive(Clone)]
pub(super) struct Hasher {
    kind: Kind,
    size: u64,
}

#[derive(Clone)]
enum Kind {
    Sha256(Sha256),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    pub(super) fn new(algo: HashAlgo) -> Self {
        let kind = match algo {
            HashAlgo::Sha256 => Kind::Sha256(Sha256::new()),
            HashAlgo::Blake3 => Kind::Blake3(Box::default()),
        };
        Self { kind, size: 0 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.kind {
            Kind::Sha256(hasher) => hasher.update(bytes),
            Kind::Blake3(hasher) => drop(hasher.update(bytes)),
        }
        self.size += bytes.len() as u64;
    }

    pub(super) fn finish(self) -> Digest {
        let (algo, bytes) = match self.kind {
            Kind::Sha256(hasher) => (HashAlgo::Sha256, hasher.finalize().into()),
            Kind::Blake3(hasher) => (HashAlgo::Blake3, hasher.finalize().into()),
        };
        Digest {
            algo,
            bytes,
            size: self.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_everybody_computes() {
        assert_eq!(
            Digest::of(HashAlgo::Sha256, b"abc").to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad/3"
        );
        assert_eq!(
            Digest::of(HashAlgo::Blake3, b"abc").to_string(),
            "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85/3"
        );
    }

    #[test]
    fn a_digest_survives_text_and_what_is_none_is_refused() {
        let digest = Digest::of(HashAlgo::Blake3, b"");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.key().with_size(0), Some(digest));
        let hex = digest.hex();
        for text in [
            String::new(),
            hex.clone(),
            format!("md5:{hex}/0"),
            format!("blake3:{hex}"),
            format!("blake3:{hex}/"),
            format!("blake3:{hex}/+1"),
            format!("blake3:{hex}/-1"),
            format!("blake3:{}/0", &hex[1..]),
            format!("blake3:é{}/0", &hex[2..]),
        ] {
            let error = text.parse::<Digest>().unwrap_err();
            assert_eq!(error.code(), PitCode::InvalidArgument);
            assert!(error.message().contains(&format!("not `{text}`")), "{error}");
        }
    }
}
