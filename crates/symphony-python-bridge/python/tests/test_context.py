"""Context managers entered and left for JavaScript."""

import pytest

from symphony_bridge import JsError
from symphony_bridge._context import enter, leave


class Recorder:
    def __init__(self, swallow=False):
        self.swallow = swallow
        self.seen = None

    def __enter__(self):
        return "value"

    def __exit__(self, kind, value, traceback):
        self.seen = (kind, value, traceback)
        return self.swallow


def test_enters_and_leaves_without_an_error():
    manager = Recorder()
    assert enter(manager, False) == "value"
    assert leave(manager, None) is False
    assert manager.seen == (None, None, None)


def test_a_python_exception_is_seen_as_it_is():
    manager, exception = Recorder(), ValueError("x")
    assert leave(manager, exception) is False
    assert manager.seen[1] is exception


def test_a_javascript_error_is_seen_as_a_jserror_with_a_traceback():
    manager = Recorder(swallow=True)
    assert leave(manager, ["TypeError", "no", "at x.js:1"]) is True
    kind, value, traceback = manager.seen
    assert kind is JsError
    assert (value.name, value.message, value.stack) == ("TypeError", "no", "at x.js:1")
    assert traceback is not None


@pytest.mark.parametrize("kind", [int, type("Async", (), {"__aenter__": None, "__aexit__": None})])
def test_what_is_no_context_manager_is_refused(kind):
    with pytest.raises(TypeError, match="expected a context manager"):
        enter(kind(), False)
