//! Jobs that fork: the child has no other threads, and must not come back to the queue.

use pyo3::types::PyAnyMethods;
use symphony_wire::{Reader, Token};

use crate::support::{Host, Target, attached, call, handle, is_own_process};

const CODE: &str = "
import os, sys
class Forks:
    def returns(self): return os.fork()
    def exits(self):
        child = os.fork()
        if child == 0: raise SystemExit(6)
        return child
    def plain_exit(self):
        child = os.fork()
        if child == 0: sys.exit()
        return child
    def raises(self):
        child = os.fork()
        if child == 0:
            sys.stderr = open(os.devnull, 'w')
            raise ValueError('in the child')
        return child
    def wait(self, child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
forks = Forks()
";

#[test]
fn a_forked_child_ends_with_the_job_that_forked_it() {
    // A child inherits the locks that other tests' threads hold, such as that of a module being imported.
    if !is_own_process("forking::a_forked_child_ends_with_the_job_that_forked_it") {
        return;
    }
    let host = Host::new();
    let forks = handle(CODE, "forks");
    for (id, (method, expected)) in (1..).zip([("returns", 0), ("exits", 6), ("plain_exit", 0), ("raises", 1)]) {
        host.submit(&[call(id, Target::Handle(forks), method)]);
        let value = host.wait(id).value;
        let Token::Integer(child) = Reader::new(&value).token().unwrap() else {
            panic!("{method} gave no process id");
        };
        let status: i32 = attached(|py| {
            let forks = symphony_python_bridge::handles::get(py, forks).unwrap();
            forks.call_method1("wait", (child,)).unwrap().extract().unwrap()
        });
        assert_eq!(status, expected, "{method}");
    }
}
