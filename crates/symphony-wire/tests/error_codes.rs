//! The enum and the table it is generated from say the same.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use symphony_wire::ErrorCode;

fn table() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../error-codes.json")).unwrap()
}

#[test]
fn every_code_of_the_table_is_a_variant_in_the_same_order() {
    let in_table: Vec<_> = table()
        .iter()
        .map(|entry| entry["code"].as_str().unwrap().to_owned())
        .collect();
    let in_enum: Vec<_> = ErrorCode::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(in_enum, in_table);
}

#[test]
fn every_code_is_parsed_from_its_text() {
    for code in ErrorCode::ALL {
        assert_eq!(code.as_str().parse(), Ok(*code));
    }
    "ERR_UNHEARD_OF".parse::<ErrorCode>().unwrap_err();
}

#[test]
fn every_code_has_the_meaning_of_the_table() {
    for (code, entry) in ErrorCode::ALL.iter().zip(table()) {
        assert_eq!(code.meaning(), entry["meaning"]);
    }
}
