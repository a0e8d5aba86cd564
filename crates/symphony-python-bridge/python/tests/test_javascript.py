"""The classes for what JavaScript has, where there is no JavaScript."""

import io
import threading

import pytest

import symphony_bridge
from symphony_bridge import _javascript, _proxies, _readable

CLASSES = ("JsPromise", "JsIterable", "JsIterator", "JsAsyncIterable", "JsAsyncIterator", "JsReadable")


@pytest.mark.parametrize("name", CLASSES)
def test_only_javascript_makes_objects_of_the_classes(name):
    cls = getattr(symphony_bridge, name)
    assert (cls.__module__, cls.__qualname__) == ("symphony_bridge", name)
    with pytest.raises(TypeError, match="made by JavaScript"):
        cls()
    with pytest.raises(TypeError, match="made by JavaScript"):
        symphony_bridge.JsFunction()


def test_a_readable_counts_as_a_binary_file():
    _readable.register(symphony_bridge.JsReadable)
    assert issubclass(symphony_bridge.JsReadable, io.BufferedIOBase)


def test_a_wait_that_was_too_long_shows_both_threads():
    begun, end = threading.Event(), threading.Event()

    def wait_for_the_end():
        begun.set()
        end.wait()

    other = threading.Thread(target=wait_for_the_end)
    other.start()
    begun.wait()
    error = _javascript.overdue(0.5, other.ident)
    end.set()
    other.join()
    told = "\n".join([*error.args, *getattr(error, "__notes__", [])])
    assert isinstance(error, TimeoutError)
    assert "for 0.5 seconds" in told
    assert "in test_a_wait_that_was_too_long_shows_both_threads" in told
    assert "in wait_for_the_end" in told
    assert "nothing of Python's" in "\n".join(
        [*(gone := _javascript.overdue(1, 0)).args, *getattr(gone, "__notes__", [])]
    )


def test_what_throw_takes():
    error = ValueError("a")
    assert _proxies.instance_of(error, None) is error
    assert _proxies.instance_of(ValueError, error) is error
    assert str(_proxies.instance_of(ValueError, "b")) == "b"
    assert isinstance(_proxies.instance_of(KeyError, None), KeyError)
    with pytest.raises(TypeError, match="must derive from BaseException, not int"):
        _proxies.instance_of(5, None)


class Chunks:
    """Stands for the items of a stream."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.abandoned = 0

    def next_blocking(self):
        if not self.chunks:
            raise StopAsyncIteration
        return self.chunks.pop(0)

    def abandon(self):
        self.abandoned += 1


def test_a_stream_is_read_in_any_pieces():
    file = _readable.file_over(Chunks(b"ab", b"", b"cd\ne", b"f"))
    assert [file.read(1), file.readline(), file.read(), file.read()] == [b"a", b"bcd\n", b"ef", b""]
    assert _readable.file_over(Chunks()).read() == b""


def test_a_stream_that_is_closed_early_is_abandoned_once():
    early, late = Chunks(b"a", b"b"), Chunks(b"a")
    for chunks in (early, late):
        file = _readable.file_over(chunks)
        file.read(2) if chunks is late else file.read(1)
        file.read() if chunks is late else None
        file.close()
        file.close()
        with pytest.raises(ValueError):
            file.read()
    assert (early.abandoned, late.abandoned) == (1, 0)
