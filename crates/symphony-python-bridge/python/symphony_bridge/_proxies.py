"""JavaScript's promises, iterators and streams as Python awaitables and iterators."""

from __future__ import annotations

from collections import deque
from time import monotonic

from symphony_bridge._native import JsProxy

# For type checkers only: the interpreter starts without the modules that few programs need.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from io import BufferedReader
    from typing import Any

    from symphony_bridge._native import Outcome

# What JavaScript is asked; `question.rs` has the same numbers.
ITERATE = 7
STEP = 8
ASYNC_ITERATE = 10
ASYNC_STEP = 11
END_STREAM = 12


def wait_for(outcome: Outcome, timeout: float | None = None) -> None:
    """Waits on this thread, at most so many seconds. Between two looks Python raises what it has to, such as a cancellation."""
    if timeout is None or timeout != timeout:
        while not outcome.wait(timeout):
            pass
        return
    deadline = monotonic() + timeout
    while not outcome.wait(max(0.0, deadline - monotonic()), timeout):
        pass


class Waiter:
    """Wakes the task that waits for it. It may be called by any thread."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        from asyncio import get_running_loop

        self.loop = get_running_loop()
        self.future = self.loop.create_future()

    def __call__(self) -> None:
        # A loop that was closed meanwhile has nobody who waits.
        if not self.loop.is_closed():
            try:
                self.loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                if not self.loop.is_closed():
                    raise

    def _wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Settling:
    """Awaits an outcome without looking at it. It keeps alive what the outcome is one of."""

    __slots__ = ("outcome", "owner")

    def __init__(self, outcome: Outcome, owner: object = None) -> None:
        self.outcome = outcome
        self.owner = owner

    def __await__(self) -> Generator[Any, None, None]:
        if self.outcome.settled():
            return
        waiter = Waiter()
        if self.outcome.watch(waiter):
            try:
                yield from waiter.future
            finally:
                self.outcome.unwatch(waiter)


class JsPromise(JsProxy):
    """A promise of JavaScript's, or something else with a `then`.

    It can be awaited in any running event loop of asyncio's, any number of times, like a future that is done by JavaScript. What it
    was rejected with is raised as `JsError`. Cancelling who awaits it does not touch the promise.
    """

    __slots__ = ("_settlement",)

    def __init__(self) -> None:
        self._settlement = self._outcome()

    def __await__(self) -> Generator[Any, None, Any]:
        outcome = self._settlement
        yield from Settling(outcome, self).__await__()
        return outcome.take()

    def result(self, timeout: float | None = None) -> Any:
        """Waits for the promise and gives its value, or raises what it was rejected with.

        For threads that may wait; not for the one of an event loop, which nothing else runs on meanwhile.

        Raises:
            TimeoutError: after so many seconds.
            RuntimeError: on JavaScript's own thread, where a promise cannot settle before the call is over; and if the environment
                of the promise has ended.
        """
        wait_for(self._settlement, timeout)
        return self._settlement.take()

    def done(self) -> bool:
        """Whether the promise is known to have settled."""
        return self._settlement.settled()


class JsIterable(JsProxy):
    """What JavaScript iterates by `for`: each `iter()` begins anew.

    Where it looks values up by `has` and `get`, as `URLSearchParams` and `Headers` do, `value[key]` does as well, so that
    `dict(value)` works.
    """

    __slots__ = ()

    def __iter__(self) -> JsIterator:
        return self._ask(ITERATE)

    def __getitem__(self, key: Any) -> Any:
        try:
            has, get = self.has, self.get
        except AttributeError:
            raise TypeError(f"{self!r} is not subscriptable: it has no methods `has` and `get`") from None
        if not has(key):
            raise KeyError(key)
        return get(key)


class JsIterator(JsProxy):
    """An iterator or generator of JavaScript's.

    One that Python has begun and drops, or closes, before its end is closed in JavaScript as leaving a `for` loop does it: by
    `return()`.
    """

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended = False

    def __iter__(self) -> JsIterator:
        return self

    def __next__(self) -> Any:
        return self._step("next")

    def send(self, value: Any) -> Any:
        """The next item, with `value` as what `yield` gives in JavaScript."""
        return self._step("next") if value is None else self._step("next", value)

    def throw(self, error: Any, value: Any = None, _traceback: object = None) -> Any:
        """Raises an exception where the generator stands. Without a method `throw` in JavaScript it is closed, and the error raised here."""
        error = instance_of(error, value)
        if self._ended:
            raise error
        item = self._step("throw", error)
        if item is NotImplemented:
            self.close()
            raise error
        return item

    def close(self) -> None:
        """Ends the iteration early. What JavaScript throws in doing so is raised."""
        if not self._ended:
            self._ended = True
            self._set_open(False)
            self._ask(STEP, "return")

    def _step(self, method: str, *values: Any) -> Any:
        if self._ended:
            raise StopIteration
        self._set_open(True)
        try:
            step = self._ask(STEP, method, *values)
        except TimeoutError:
            raise
        except BaseException:
            self._set_open(False)
            raise
        if step is NotImplemented:
            return step
        done, value = step
        if not done:
            return value
        self._ended = True
        self._set_open(False)
        raise StopIteration if value is None else StopIteration(value)


class JsAsyncIterator(JsProxy):
    """An asynchronous iterator or generator of JavaScript's: its items are awaited, so that `async for` runs over it.

    One that Python has begun and drops, or closes, before its end is closed in JavaScript by `return()`. An item that was asked for by a
    task which was cancelled is not lost: the next one who asks gets it.
    """

    __slots__ = ("_ended", "_orphans")

    def __init__(self) -> None:
        self._ended = False
        self._orphans: deque[Outcome] = deque()

    def __aiter__(self) -> JsAsyncIterator:
        return self

    async def __anext__(self) -> Any:
        return await self._step("next")

    async def asend(self, value: Any) -> Any:
        """The next item, with `value` as what `yield` gives in JavaScript."""
        return await (self._step("next") if value is None else self._step("next", value))

    async def athrow(self, error: Any, value: Any = None, _traceback: object = None) -> Any:
        """Raises an exception where the generator stands. Without a method `throw` in JavaScript it is closed, and the error raised here."""
        error = instance_of(error, value)
        if self._ended:
            raise error
        item = await self._step("throw", error)
        if item is NotImplemented:
            await self.aclose()
            raise error
        return item

    async def aclose(self) -> None:
        """Ends the iteration early. What JavaScript throws in doing so is raised."""
        outcome = self._close()
        if outcome is not None:
            await Settling(outcome, self)
            outcome.take()

    def _close(self) -> Outcome | None:
        if self._ended:
            return None
        self._ended = True
        self._set_open(False)
        return self._post(ASYNC_STEP, "return")

    def _request(self) -> Outcome:
        """The next item, for one who asks without an event loop."""
        if self._orphans:
            return self._orphans.popleft()
        self._set_open(True)
        return self._post(ASYNC_STEP, "next")

    def _receive(self, outcome: Outcome) -> Any:
        try:
            step = outcome.take()
        except BaseException:
            self._set_open(False)
            raise
        if step is NotImplemented:
            return step
        done, value = step
        if not done:
            return value
        self._ended = True
        self._set_open(False)
        raise StopAsyncIteration

    async def _step(self, method: str, *values: Any) -> Any:
        if self._ended:
            raise StopAsyncIteration
        is_next = method == "next" and not values
        if is_next:
            outcome = self._request()
        else:
            self._set_open(True)
            outcome = self._post(ASYNC_STEP, method, *values)
        try:
            await Settling(outcome, self)
        except BaseException:
            if is_next:
                self._orphans.append(outcome)
            raise
        return self._receive(outcome)


class AsyncItems:
    """The items of an asynchronous iterable of JavaScript's. The iterator in JavaScript is made when the first one is asked for."""

    __slots__ = ("_ended", "_iterator", "_opening", "_source")

    def __init__(self, source: JsProxy) -> None:
        self._source: JsProxy | None = source
        self._ended = False
        self._opening: Outcome | None = None
        self._iterator: JsAsyncIterator | None = None

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> Any:
        return await (await self._opened()).__anext__()

    async def asend(self, value: Any) -> Any:
        """As that of a generator."""
        return await (await self._opened()).asend(value)

    async def athrow(self, error: Any, value: Any = None, traceback: object = None) -> Any:
        """As that of a generator."""
        return await (await self._opened()).athrow(error, value, traceback)

    async def aclose(self) -> None:
        """Ends the iteration early, and the stream if it is one."""
        if self._iterator is not None or self._opening is not None:
            await (await self._opened()).aclose()
        elif not self._ended:
            outcome = self._end()
            await Settling(outcome, self._source)
            outcome.take()

    def _end(self) -> Outcome:
        """Ends what nobody has begun to iterate."""
        assert self._source is not None
        self._ended = True
        return self._source._post(END_STREAM)

    def _open(self) -> Outcome:
        if self._ended:
            raise StopAsyncIteration
        if self._opening is None:
            assert self._source is not None
            self._opening = self._source._post(ASYNC_ITERATE)
        return self._opening

    def _take(self) -> JsAsyncIterator:
        assert self._opening is not None
        iterator = self._opening.take()
        self._iterator, self._source = iterator, None
        return iterator

    async def _opened(self) -> JsAsyncIterator:
        if self._iterator is not None:
            return self._iterator
        await Settling(self._open(), self._source)
        return self._take()

    def next_blocking(self) -> Any:
        """The next item for a thread that may wait."""
        if self._iterator is None:
            wait_for(self._open())
            self._take()
        iterator = self._iterator
        assert iterator is not None
        if iterator._ended:
            raise StopAsyncIteration
        outcome = iterator._request()
        try:
            wait_for(outcome)
        except BaseException:
            iterator._orphans.append(outcome)
            raise
        return iterator._receive(outcome)

    def abandon(self) -> None:
        """Ends the iteration, and waits for nothing."""
        if self._iterator is not None:
            self._iterator._close()
        elif not self._ended:
            self._end()


class JsAsyncIterable(JsProxy):
    """What JavaScript iterates by `for await`."""

    __slots__ = ()

    def __aiter__(self) -> AsyncItems:
        return AsyncItems(self)


class JsReadable(JsProxy):
    """A stream of bytes: a `Readable` of Node's or a `ReadableStream`.

    `async for` gives its chunks as they come. It is a binary file as well, for threads that may wait: whatever takes one reads from it.
    """

    __slots__ = ("_file", "_items")

    def __init__(self) -> None:
        self._items: AsyncItems | None = None
        self._file: BufferedReader | None = None

    def __aiter__(self) -> AsyncItems:
        if self._items is None:
            self._items = AsyncItems(self)
        return self._items

    async def aclose(self) -> None:
        """Ends the stream early."""
        await self.__aiter__().aclose()

    def _as_file(self) -> BufferedReader:
        if self._file is None:
            from symphony_bridge._readable import file_over

            self._file = file_over(self.__aiter__())
        return self._file

    def __iter__(self) -> BufferedReader:
        return self._as_file()

    def __enter__(self) -> JsReadable:
        self._as_file().__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._as_file().close()

    @property
    def closed(self) -> bool:
        """Whether it was closed as a file."""
        return self._file is not None and self._file.closed


def file_method(name: str) -> Any:
    """The method of that name of a binary file."""

    def method(self: JsReadable, *arguments: Any) -> Any:
        return getattr(self._as_file(), name)(*arguments)

    method.__name__ = name
    method.__qualname__ = f"JsReadable.{name}"
    method.__doc__ = f"`io.BufferedReader.{name}`."
    return method


for method_name in (
    "read", "read1", "readinto", "readinto1", "readline", "readlines", "peek", "close", "flush", "fileno", "isatty",
    "readable", "writable", "seekable", "seek", "tell", "truncate", "write", "writelines",
):  # fmt: skip
    setattr(JsReadable, method_name, file_method(method_name))
del method_name

for proxy in (JsPromise, JsIterable, JsIterator, JsAsyncIterator, JsAsyncIterable, JsReadable):
    proxy.__module__ = "symphony_bridge"
del proxy

# By the numbers that the wire format has for them.
CLASSES: dict[int, type[JsProxy]] = {
    3: JsPromise,
    4: JsPromise,
    5: JsIterable,
    6: JsIterator,
    7: JsAsyncIterable,
    8: JsAsyncIterator,
    9: JsReadable,
}


def proxy_class(kind: int) -> type[JsProxy]:
    """The class for what JavaScript has of that kind."""
    if kind == 9:
        from symphony_bridge._readable import register

        register(JsReadable)
    return CLASSES[kind]


def instance_of(error: Any, value: Any) -> BaseException:
    """What `throw` is to raise: it takes an exception, or a class with a value."""
    if isinstance(error, type):
        if isinstance(value, error):
            return value
        error = error() if value is None else error(value)
    if not isinstance(error, BaseException):
        raise TypeError(f"exceptions must derive from BaseException, not {type(error).__name__}")
    return error
