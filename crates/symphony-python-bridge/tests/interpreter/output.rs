//! What a request prints, for that request alone.

use crate::support::{Host, Target, call, handle};
use symphony_python_bridge::async_support;

const STREAMS: usize = 15;

#[test]
fn a_request_gets_the_text_that_it_wants_before_its_completion_and_is_told_of_the_end() {
    let host = Host::new();
    let code = "
import sys
class Printer:
    def say(self):
        print('out', 1)
        print('err', file=sys.stderr)
";
    let speaker = handle(code, "Printer()");
    let mut bytes = call(7, Target::Handle(speaker), "say").bytes();
    bytes[STREAMS] = 1;
    assert_eq!(async_support::submit(&host.channel, &bytes).unwrap(), 1);
    assert_eq!(host.wait(7).status, 0);
    // The last word may come after the completion, when the thread lets go of the request.
    let mut printed = Vec::new();
    while printed.len() < 2 {
        printed.extend(host.channel.take_output());
    }
    let parts: Vec<_> = printed
        .iter()
        .map(|one| (one.stream, one.request, one.text.as_str()))
        .collect();
    assert_eq!(parts, [(1, 7, "out 1\n"), (0, 7, "")]);
}
