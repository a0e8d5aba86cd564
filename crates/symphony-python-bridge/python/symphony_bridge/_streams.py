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
    from collections.abc import Callable
    from typing import Any, TextIO

    from symphony_bridge._native import CallOutput

# Gives the output of the call that this code belongs to, if its text is wanted; nothing before the first such call.
_current: Callable[[], CallOutput | None] | None = None


def capture_with(current: Callable[[], CallOutput | None]) -> None:
    """From now on ``current`` says whose text it is that is printed."""
    global _current
    _current = current


class _Text(io.TextIOWrapper):
    """A text stream for many threads.

    Up to Python 3.12 a write of one thread can be lost when it meets another's flush, and here any thread may print.
    """

    # Reentrant, for finalizers that print. One for both streams: no thread holds one and waits for the other.
    lock = RLock()
    # 1 for `stdout`, 2 for `stderr`; a stream of neither is captured by nobody. Of the class, since an attribute of the object
    # would make every other one slower.
    stream = 0

    def write(self, text: str) -> int:
        if _current is not None:
            output = _current()
            if output is not None and output.streams & self.stream:
                return _print(output, self.stream, text)
        with self.lock:
            return super().write(text)

    def flush(self) -> None:
        # A call's own text is on its way already, and that of others may have to wait for a full pipe.
        if self._is_captured():
            return
        with self.lock:
            super().flush()

    def isatty(self) -> bool:
        return not self._is_captured() and super().isatty()

    def _is_captured(self) -> bool:
        output = None if _current is None else _current()
        return output is not None and bool(output.streams & self.stream)


class _Stdout(_Text):
    stream = 1


class _Stderr(_Text):
    stream = 2


def _print(output: CallOutput, stream: int, text: str) -> int:
    if not isinstance(text, str):
        raise TypeError(f"write() argument must be str, not {type(text).__name__}")
    try:
        output.write(stream, text)
    except UnicodeEncodeError:  # surrogates that are no characters
        output.write(stream, text.encode("utf-8", "replace").decode())
    return len(text)


def renew_after_fork() -> None:
    """In a forked child: whoever held a lock does not exist there, and no call takes its text."""
    global _current
    _current = None
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
    sys.stdout = sys.__stdout__ = _replacement(_Stdout, "<stdout>", stdout, sys.stdout)
    sys.stderr = sys.__stderr__ = _replacement(_Stderr, "<stderr>", stderr, sys.stderr)


def _replacement(text: type[_Text], name: str, mode: str, original: TextIO | None) -> TextIO:
    descriptor = text.stream
    if mode == "callback":
        return text(
            io.BufferedWriter(_Listener(descriptor, name)), encoding="utf-8", errors="replace", line_buffering=True
        )
    # Python has no stream for a descriptor that was closed when the process started; calls may want their text all the same.
    if mode == "ignore" or original is None:
        return text(io.BufferedWriter(_Sink(name)), encoding="utf-8", errors="replace")
    raw = _Descriptor(descriptor, name)
    unbuffered = getattr(original, "write_through", False)
    return text(
        raw if unbuffered else io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=original.encoding,
        errors=original.errors,
        newline="\n",
        line_buffering=original.line_buffering,
        write_through=unbuffered,
    )
