"""What Rust futures see of an event loop."""

from __future__ import annotations

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any


class LastingLoop:
    """An event loop that may be closed before what it awaits is done; then nobody is left to be told."""

    __slots__ = ("_loop",)

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop

    def create_future(self) -> Future[Any]:
        return self._loop.create_future()

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args, context=context)
        except RuntimeError:
            if not self._loop.is_closed():
                raise
