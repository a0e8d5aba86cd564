"""Whose text it is that is printed. The compiled half has no interpreter to serve here, so a list stands in for a call."""

import io
import threading
from concurrent.futures.thread import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from symphony_bridge import _output, _streams


class Text:
    def __init__(self, streams=3):
        self.streams = streams
        self.written = []

    def write(self, stream, text):
        text.encode()
        self.written.append((stream, text))


@pytest.fixture
def stream():
    return _streams._Stdout(io.BufferedWriter(_streams._Sink("<test>")), encoding="utf-8", errors="replace")


@pytest.fixture
def output():
    output = Text()
    token = _output.begin_capture(output)
    yield output
    _output.end_capture(token)


def test_text_of_a_stream_that_is_not_wanted_goes_on(stream, monkeypatch):
    taken = []
    monkeypatch.setattr(stream.buffer.raw, "write", lambda data: taken.append(bytes(data)) or len(data))
    output = Text(streams=2)
    token = _output.begin_capture(output)
    assert stream.write("a") == 1
    stream.flush()
    _output.end_capture(token)
    assert output.written == []
    assert taken == [b"a"]


def test_surrogates_are_replaced_and_other_types_refused(stream, output):
    assert stream.write("\ud800é") == 2
    with pytest.raises(TypeError, match="must be str, not int"):
        stream.write(5)
    assert output.written == [(1, "?é")]
    assert not stream.isatty()


def test_a_thread_has_the_output_of_its_starter_and_keeps_its_methods(stream, output):
    thread = threading.Thread(target=stream.write, args=["a"])
    thread.start()
    thread.join()
    assert output.written == [(1, "a")]
    assert "run" not in vars(thread)
    with pytest.raises(RuntimeError):
        thread.start()
    assert "run" not in vars(thread)
    assert threading.Thread.start.__name__ == "start"


def test_a_method_of_the_object_stays_its_own(stream, output):
    thread = threading.Thread()
    thread.run = own = lambda: stream.write("own")
    thread.start()
    thread.join()
    assert output.written == [(1, "own")]
    assert thread.run is own


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ThreadPool])
def test_the_threads_of_a_pool_belong_to_nobody(stream, kind):
    output = Text()
    token = _output.begin_capture(output)
    with kind(1) as pool:
        list(pool.map(stream.write, ["a"]))
        _output.end_capture(token)
        list(pool.map(stream.write, ["b"]))
    assert output.written == [(1, "a")]
