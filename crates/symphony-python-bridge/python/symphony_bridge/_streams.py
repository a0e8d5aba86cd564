"""``sys.stdout`` and ``sys.stderr`` in a Node process.

Node makes a piped standard stream non-blocking, and the flag belongs to the pipe rather than to the descriptor: a
large ``print`` would raise ``BlockingIOError`` or, unbuffered, lose text. The writer here waits instead.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from _thread import RLock

from symphony_bridge import _native

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO


class _Text(io.TextIOWrapper):
    """A text stream for many threads.

    Up to Python 3.12 a write of one thread can be lost when it meets another's flush, and here any thread may print.
    """

    # Reentrant, for finalizers that print. One for both streams: no thread holds one and waits for the other.
    lock = RLock()

    def write(self, text: str) -> int:
        with self.lock:
            return super().write(text)

    def flush(self) -> None:
        with self.lock:
            super().flush()


def renew_locks() -> None:
    """In a forked child: whoever held a lock does not exist there."""
    _Text.lock = RLock()
    for stream in (sys.__stdout__, sys.__stderr__):
        raw = getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None))
        if isinstance(raw, _Descriptor):
            raw.lock = RLock()


class _Descriptor(io.RawIOBase):
    """A writer that waits when the descriptor is full."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        # A full pipe takes a part of a text; nobody else's may come in between. Reentrant, for finalizers that print.
        self.lock = RLock()
        self.name = name
        self.mode = "wb"

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        total = len(view)
        with self.lock:
            while view:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:
                    import select  # an extension module, which most programs never need

                    poll = select.poll()
                    poll.register(self._descriptor, select.POLLOUT)
                    poll.poll()
        return total


class _Listener(io.RawIOBase):
    """A writer whose text goes to a JavaScript function."""

    def __init__(self, stream: int, name: str) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self.name = name
        self.mode = "wb"

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        _native.emit_output(self._stream, self._decode(bytes(view)))
        return len(view)


class _Sink(io.RawIOBase):
    """A writer that drops everything."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mode = "wb"

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(memoryview(data).cast("B"))


def install(stdout: str, stderr: str) -> None:
    """Replaces both streams; the modes are ``inherit``, ``ignore`` and ``callback``."""
    sys.stdout = sys.__stdout__ = _replacement(1, "<stdout>", stdout, sys.stdout)
    sys.stderr = sys.__stderr__ = _replacement(2, "<stderr>", stderr, sys.stderr)


def _replacement(descriptor: int, name: str, mode: str, original: TextIO | None) -> TextIO | None:
    if mode == "callback":
        return _Text(
            io.BufferedWriter(_Listener(descriptor, name)), encoding="utf-8", errors="replace", line_buffering=True
        )
    if mode == "ignore":
        return _Text(io.BufferedWriter(_Sink(name)), encoding="utf-8", errors="replace")
    if original is None:  # the descriptor was closed when the process started
        return None
    raw = _Descriptor(descriptor, name)
    unbuffered = getattr(original, "write_through", False)
    return _Text(
        raw if unbuffered else io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=original.encoding,
        errors=original.errors,
        newline="\n",
        line_buffering=original.line_buffering,
        write_through=unbuffered,
    )
