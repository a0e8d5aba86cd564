"""Writers for a standard stream that Node made non-blocking."""

import io
import os
import sys
import threading

from symphony_bridge._streams import _Descriptor, _Sink, _Text


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


def test_what_one_thread_writes_stays_together_on_a_full_pipe():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    stream = _Descriptor(writing, "<test>")
    threads = [threading.Thread(target=stream.write, args=(bytes([65 + n]) * 300_000,)) for n in range(3)]
    for thread in threads:
        thread.start()
    received = bytearray()
    while len(received) < 900_000:
        received.extend(os.read(reading, 1 << 16))
    for thread in threads:
        thread.join()
    os.close(writing)
    os.close(reading)
    runs = 1 + sum(left != right for left, right in zip(received, received[1:], strict=False))
    assert runs == 3


def test_no_write_of_many_threads_is_lost():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    stream = _Text(io.BufferedWriter(_Descriptor(writing, "<test>")), encoding="utf-8", newline="\n")
    received = bytearray()

    def read():
        while chunk := os.read(reading, 1 << 16):
            received.extend(chunk)

    def say(number):
        for _ in range(500):
            stream.write(str(number) * 200 + "\n")

    threads = [threading.Thread(target=say, args=(number,)) for number in range(8)]
    reader = threading.Thread(target=read)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in [reader, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        stream.close()
        os.close(writing)
        reader.join()
    finally:
        sys.setswitchinterval(before)
        os.close(reading)
    lines = received.decode().splitlines()
    assert len(lines) == 4000
    assert {len(line) for line in lines} == {200}
    assert {len(set(line)) for line in lines} == {1}
