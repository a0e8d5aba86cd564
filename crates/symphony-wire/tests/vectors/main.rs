//! The byte vectors that the JavaScript half is tested against too.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;
mod notation;

use fixture::{bytes_of_hex, fixture};
use notation::{read_all, write_value};
use symphony_wire::{VERSION, Writer};

#[test]
fn the_fixture_is_of_this_version() {
    assert_eq!(fixture()["version"], VERSION);
}

#[test]
fn every_vector_is_written_to_its_bytes() {
    for vector in fixture()["vectors"].as_array().unwrap() {
        let mut writer = Writer::new();
        write_value(&vector["value"], &mut writer);
        assert_eq!(writer.as_slice(), bytes_of_hex(vector), "{}", vector["name"]);
    }
}

#[test]
fn every_vector_is_read_to_its_value() {
    for vector in fixture()["vectors"].as_array().unwrap() {
        let value = read_all(&bytes_of_hex(vector));
        assert_eq!(value.as_ref(), Ok(&vector["value"]), "{}", vector["name"]);
    }
}

/// What the parts of a container are is for whoever builds it to check.
const WELL_FRAMED: [&str; 6] = [
    "dict with an integer as key and no marker",
    "range of strings",
    "range of booleans",
    "range with the step zero",
    "path of an integer",
    "path of a path",
];

#[test]
fn every_malformed_vector_is_refused() {
    for vector in fixture()["malformed"].as_array().unwrap() {
        if !WELL_FRAMED.contains(&vector["name"].as_str().unwrap()) {
            read_all(&bytes_of_hex(vector)).expect_err(&vector["name"].to_string());
        }
    }
}
