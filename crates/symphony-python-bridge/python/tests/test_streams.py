"""Writers for a standard stream that Node made non-blocking."""

import os
import threading

from symphony_bridge._streams import _Descriptor, _Sink


def test_a_full_pipe_is_waited_for_and_nothing_is_lost():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    payload = os.urandom(1 << 20)
    received = bytearray()

    def read():
        while chunk := os.read(reading, 1 << 16):
            received.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    assert _Descriptor(writing, "<test>").write(payload) == len(payload)
    os.close(writing)
    reader.join()
    os.close(reading)
    assert bytes(received) == payload


def test_a_sink_takes_everything():
    assert _Sink("<test>").write(b"abc") == 3
