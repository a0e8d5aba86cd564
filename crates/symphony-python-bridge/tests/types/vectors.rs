//! The byte vectors that the other halves are tested against too.

use pyo3::prelude::*;
use serde_json::Value;
use symphony_python_bridge::types::Returns;

use crate::bridge::{decoded, encoded, eval, with_python};

/// Name, bytes and Python expression of each vector that is plain data.
fn vectors() -> Vec<(String, Vec<u8>, String)> {
    let fixture: Value = serde_json::from_str(include_str!("../../../symphony-wire/tests/vectors.json")).unwrap();
    let vectors = fixture["vectors"].as_array().unwrap().iter();
    vectors
        .filter_map(|vector| {
            let expression = vector["python"].as_str()?.to_owned();
            Some((
                vector["name"].to_string(),
                hex(vector["hex"].as_str().unwrap()),
                expression,
            ))
        })
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn every_plain_object_is_encoded_to_its_bytes() {
    with_python(|py| {
        for (name, bytes, expression) in vectors() {
            assert_eq!(
                encoded(&eval(py, &expression), Returns::Value).unwrap(),
                bytes,
                "{name}"
            );
        }
    });
}

#[test]
fn every_vector_is_decoded_to_its_object() {
    with_python(|py| {
        for (name, bytes, expression) in vectors() {
            let (object, expected) = (decoded(py, &bytes).unwrap(), eval(py, &expression));
            assert!(object.get_type().is(expected.get_type()), "{name}: {object:?}");
            // The repr tells NaN, minus zero and the types inside from their equals.
            assert_eq!(
                object.repr().unwrap().to_string(),
                expected.repr().unwrap().to_string(),
                "{name}"
            );
        }
    });
}

#[test]
fn no_malformed_message_is_decoded() {
    let fixture: Value = serde_json::from_str(include_str!("../../../symphony-wire/tests/vectors.json")).unwrap();
    with_python(|py| {
        for vector in fixture["malformed"].as_array().unwrap() {
            let error = decoded(py, &hex(vector["hex"].as_str().unwrap())).unwrap_err();
            assert_eq!(error.code().as_str(), "ERR_PROTOCOL", "{}", vector["name"]);
            assert!(error.path().starts_with("args[0]"));
        }
    });
}
