//! `vectors.json`, and its bytes.

use serde_json::Value;

pub(crate) fn fixture() -> Value {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
}

/// The bytes of a vector.
pub(crate) fn bytes_of_hex(vector: &Value) -> Vec<u8> {
    hex(vector["hex"].as_str().unwrap())
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
