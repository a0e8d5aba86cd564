//! A panic that is caught at the edge becomes an error that says whose bug it is.

use symphony_python_bridge::errors::BridgeError;
use symphony_wire::Reader;

#[test]
fn a_panic_becomes_an_error_that_names_the_culprit_and_the_reason() {
    for (panic, reason) in [
        (std::panic::catch_unwind(|| panic!("static text")), "static text"),
        (std::panic::catch_unwind(|| panic!("formatted {}", 1)), "formatted 1"),
        (std::panic::catch_unwind(|| std::panic::panic_any(7)), "no message"),
    ] {
        let payload = panic.expect_err("it panicked");
        let error = BridgeError::from_panic(payload.as_ref());
        assert_eq!(error.code().as_str(), "ERR_BRIDGE_PANIC");
        assert!(error.message().contains("a bug in it and not in your code"), "{error}");
        assert!(error.message().ends_with(reason), "{error}");
        let mut writer = symphony_wire::Writer::new();
        error.write(&mut writer);
        assert!(Reader::new(writer.as_slice()).token().is_ok());
    }
}
