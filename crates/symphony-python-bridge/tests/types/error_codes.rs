//! The generated Python table says what the table of this project says.

use std::ffi::CString;

use pyo3::prelude::*;
use pyo3::types::PyModule;
use serde_json::Value;

use crate::bridge::with_python;

#[test]
fn python_knows_every_code_with_its_meaning_and_action() {
    let table: Vec<Value> = serde_json::from_str(include_str!("../../../../error-codes.json")).unwrap();
    let source = CString::new(include_str!("../../python/symphony_bridge/generated/error_codes.py")).unwrap();
    with_python(|py| {
        let module = PyModule::from_code(py, &source, c"error_codes.py", c"error_codes").unwrap();
        let codes = module.getattr("ERROR_CODES").unwrap();
        assert_eq!(codes.len().unwrap(), table.len());
        for entry in table {
            let code = codes.get_item(entry["code"].as_str().unwrap()).unwrap();
            assert_eq!(
                code.getattr("meaning").unwrap().to_string(),
                entry["meaning"].as_str().unwrap()
            );
            assert_eq!(
                code.getattr("action").unwrap().to_string(),
                entry["action"].as_str().unwrap()
            );
        }
    });
}
