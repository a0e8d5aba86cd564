"""A stream of JavaScript's as a binary file of Python's."""

from __future__ import annotations

import io

# For type checkers only.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from symphony_bridge._proxies import AsyncItems, JsReadable

BUFFER_BYTES = 64 * 1024


class RawStream(io.RawIOBase):
    """The chunks of a stream, one after the other. Reading waits for JavaScript, so it is not for JavaScript's own thread."""

    def __init__(self, items: AsyncItems) -> None:
        self._items = items
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:
        if not self._rest:
            self._rest = memoryview(self._chunk())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def readall(self) -> bytes:
        parts = [bytes(self._rest)]
        self._rest = memoryview(b"")
        while chunk := self._chunk():
            parts.append(chunk)
        return b"".join(parts)

    def _chunk(self) -> bytes:
        """The next one that is not empty, or nothing at the end."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        while not self._ended:
            try:
                chunk = self._items.next_blocking()
            except StopAsyncIteration:
                self._ended = True
                break
            if not isinstance(chunk, (bytes, bytearray)):
                raise TypeError(f"expected a stream of bytes, got a chunk of the type {type(chunk).__name__}")
            if chunk:
                return chunk
        return b""

    def close(self) -> None:
        if not self.closed:
            super().close()
            if not self._ended:
                self._ended = True
                try:
                    self._items.abandon()
                except RuntimeError:
                    # Its environment has ended, and the stream with it.
                    pass


def file_over(items: AsyncItems) -> io.BufferedReader:
    """A buffered binary file of the items."""
    return io.BufferedReader(RawStream(items), BUFFER_BYTES)


def register(readable: type[JsReadable]) -> None:
    """Counts the class in as a binary file."""
    if not issubclass(readable, io.BufferedIOBase):
        io.BufferedIOBase.register(readable)
