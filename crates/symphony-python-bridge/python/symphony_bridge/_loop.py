"""The asyncio loop of ``py-main``: runs what JavaScript awaits."""

from __future__ import annotations

import asyncio
import selectors
import sys
import warnings

from symphony_bridge import _native, _start

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_loop: Any = None
_stop_ordered = False

# At the end of Python: how long tasks may take to end after they were cancelled, in seconds.
_PATIENCE = 0.5


def run() -> None:
    """Runs the loop until Python is stopped; then cancels what is left."""
    global _loop
    _loop, ending = _new_loop(_start.event_loop)
    asyncio.set_event_loop(_loop)
    _native.loop_tasks(_loop, asyncio.Task)
    _loop.call_soon(_beat)
    while not _stop_ordered and not _loop.is_closed():
        try:
            # Also when it was the program that stopped the loop: it is not the program's.
            _loop.run_forever()
        except BaseException as problem:
            # `SystemExit` and `KeyboardInterrupt` of a task or callback of the program's come through.
            _report(problem)
    ending()
    _native.loop_closed()
    if not _loop.is_closed():
        _end(_loop)


def _beat() -> None:
    """Shows a Conductor that the loop turns, from time to time."""
    pause = _native.loop_beat()
    if pause is not None:
        _loop.call_later(pause, _beat)


def _stop() -> None:
    """Python is being stopped."""
    global _stop_ordered
    _stop_ordered = True
    _loop.stop()


def _report(problem: BaseException) -> None:
    try:
        message = "an exception that would have stopped the event loop"
        _loop.call_exception_handler({"message": message, "exception": problem})
    except BaseException:
        sys.excepthook(type(problem), problem, problem.__traceback__)


def running() -> Any:
    """The loop of ``py-main``."""
    return _loop


def _new_loop(kind: str) -> tuple[Any, Callable[[], None]]:
    """A loop that serves the bridge's requests, and what ends that."""
    if kind == "uvloop":
        try:
            import uvloop

            return _watching(uvloop.new_event_loop())
        except ImportError:
            message = "`eventLoop: 'uvloop'` was asked for, but uvloop is not installed; asyncio's own loop runs instead"
            warnings.warn(message, RuntimeWarning, stacklevel=1)
    if hasattr(_native, "loop_wait") and hasattr(selectors, "EpollSelector"):
        selector = _bridge_selector()
        loop = asyncio.SelectorEventLoop(selector)
        selector.on_stop = _stop
        return loop, selector.end
    return _watching(asyncio.new_event_loop())


def _watching(loop: Any) -> tuple[Any, Callable[[], None]]:
    """Any loop: it watches the bridge's descriptor as it would a socket."""

    def serve() -> None:
        if _native.loop_serve():
            _stop()

    loop.add_reader(_native.loop_descriptor(), serve)
    # What came before the loop was there.
    loop.call_soon(serve)
    return loop, lambda: loop.remove_reader(_native.loop_descriptor())


def _bridge_selector() -> Any:
    class BridgeSelector(selectors.EpollSelector):
        """Serves the bridge's requests in front of the wait and right after it, which spares each of them a turn of the loop."""

        def __init__(self) -> None:
            super().__init__()
            # Not the one by which the loop wakes itself.
            self._descriptors = -1
            self.on_stop: Callable[[], None] | None = None
            _native.loop_watch(self.fileno())

        def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
            key = super().register(fileobj, events, data)
            self._descriptors += 1
            return key

        def unregister(self, fileobj: Any) -> selectors.SelectorKey:
            key = super().unregister(fileobj)
            self._descriptors -= 1
            return key

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            found, stop = _native.loop_wait(
                self.fileno(), -1.0 if timeout is None else max(timeout, 0.0), max(self._descriptors, 0)
            )
            if stop and self.on_stop is not None:
                self.on_stop()
            if not found:
                return []
            ready = []
            keys = self.get_map()
            for descriptor, event in found:
                # It may have been closed without having been taken out.
                key = keys.get(descriptor)
                if key is None:
                    continue
                events = (selectors.EVENT_WRITE if event & ~_EPOLLIN else 0) | (
                    selectors.EVENT_READ if event & ~_EPOLLOUT else 0
                )
                ready.append((key, events & key.events))
            return ready

        def end(self) -> None:
            """The loop will be stopped by nobody else any more."""
            self.on_stop = None

    return BridgeSelector()


_EPOLLIN = 1
_EPOLLOUT = 4


async def _next_wish(stream: Any) -> Any:
    """Waits until JavaScript wishes something of a stream, or may: ``None`` says that it is to be asked again."""
    future = _loop.create_future()
    wish = stream.wish(future)
    if wish is None:
        await future
        wish = stream.wish()
    return wish


async def stream(iterator: Any, stream: Any) -> None:
    """Gives the items of an asynchronous iterator to JavaScript, as many as it wishes."""
    kind = type(iterator)
    try:
        wish = stream.wish()
        while wish is not False:
            if wish is None:
                wish = await _next_wish(stream)
                continue
            if wish is True:
                item = await kind.__anext__(iterator)
            elif hasattr(kind, "athrow"):
                item = await iterator.athrow(wish)
            else:
                raise wish
            wish = stream.item(item)
    except StopAsyncIteration:
        return
    except asyncio.CancelledError:
        # JavaScript left its loop while an item was waited for.
        if not stream.closing:
            raise
        task = asyncio.current_task()
        if hasattr(task, "uncancel"):
            task.uncancel()
    if hasattr(kind, "aclose") and not stream.lent:
        await iterator.aclose()


async def plain_stream(iterator: Any, stream: Any) -> None:
    """The same for an iterator that is to run on the loop's thread. The loop goes on while nothing is wished."""
    end = object()
    try:
        wish = stream.wish()
        while wish is not False:
            if wish is None:
                wish = await _next_wish(stream)
                continue
            if wish is True:
                item = next(iterator, end)
            elif hasattr(iterator, "throw"):
                try:
                    item = iterator.throw(wish)
                except StopIteration:
                    return
            else:
                raise wish
            if item is end:
                return
            wish = stream.item(item)
    except asyncio.CancelledError:
        if not stream.closing:
            raise
    if hasattr(iterator, "close") and not stream.lent:
        iterator.close()


def _end(loop: Any) -> None:
    """Cancels the tasks that are left, and gives them a moment to end; then asynchronous generators are closed."""

    async def end() -> None:
        tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        await asyncio.wait([asyncio.ensure_future(loop.shutdown_asyncgens())], timeout=_PATIENCE)

    loop.run_until_complete(end())
