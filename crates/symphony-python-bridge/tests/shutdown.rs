//! A soft shutdown, in a process of its own: `atexit` handlers run, and nothing is served after it.

use std::time::Duration;

use pyo3::types::PyAnyMethods;
use symphony_python_bridge::async_support::{self, Channel, Wake};
use symphony_python_bridge::gil::ThreadState;
use symphony_python_bridge::interpreter::{self, State};

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

#[test]
fn a_soft_shutdown_runs_atexit_handlers_and_refuses_what_comes_after() {
    let output = std::process::Command::new(std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".to_owned()))
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .unwrap();
    let settings = serde_json::json!({ "executable": String::from_utf8(output.stdout).unwrap().trim() }).to_string();
    interpreter::start(&settings).unwrap();
    assert_eq!(
        interpreter::start(&settings).unwrap_err().code().as_str(),
        "ERR_PYTHON_ALREADY_CHOSEN"
    );

    let path = std::env::temp_dir().join(format!("symphony-atexit-{}", std::process::id()));
    let guard = ThreadState::of_current_thread().attach();
    pyo3::Python::attach(|py| {
        let code = format!("import atexit\natexit.register(lambda: open({path:?}, 'w').write('done'))\n");
        py.run(&std::ffi::CString::new(code).unwrap(), None, None).unwrap();
        assert!(
            py.import("symphony_bridge")
                .unwrap()
                .hasattr("get_system_info")
                .unwrap()
        );
    });
    drop(guard);

    interpreter::shutdown(Duration::from_secs(30));
    assert_eq!(interpreter::state(), State::Closed);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "done");
    std::fs::remove_file(&path).unwrap();

    // A whole request with an empty body: refused before anybody reads it.
    let mut request = [0; 16];
    request[0] = 12;
    request[4] = 1;
    let channel = Channel::new(Box::new(Nobody));
    assert_eq!(async_support::submit(&channel, &request).unwrap(), 1);
    let mut batch = Vec::new();
    channel.take_completions(&mut batch);
    assert!(String::from_utf8_lossy(&batch).contains("ERR_CLOSED"));
    assert_eq!(
        interpreter::start(&settings).unwrap_err().code().as_str(),
        "ERR_PYTHON_ALREADY_CHOSEN"
    );
    interpreter::shutdown(Duration::from_secs(30));
}
