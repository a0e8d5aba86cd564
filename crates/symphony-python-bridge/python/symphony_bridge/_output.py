"""What a call prints, for that call alone.

A context variable says whose text it is. Tasks of asyncio inherit it with their context; threads, which do not, get it from
whoever starts them, and threads that serve many get it with each piece of work and have none of their own.
"""

from __future__ import annotations

from contextvars import ContextVar

from symphony_bridge import _imports, _streams

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import ModuleType
    from typing import Any

    from symphony_bridge._native import CallOutput

_output: ContextVar[CallOutput | None] = ContextVar("symphony_bridge.output", default=None)


def begin_capture(output: CallOutput) -> Token[CallOutput | None]:
    """What is printed in this context goes to ``output``."""
    return _output.set(output)


def end_capture(token: Token[CallOutput | None]) -> None:
    """What is printed in this context goes where it went before."""
    _output.reset(token)


def _with_output(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the present output, wherever it is called; itself if there is none."""
    output = _output.get()
    if output is None:
        return function

    def with_output(*args: Any, **kwargs: Any) -> Any:
        token = _output.set(output)
        try:
            return function(*args, **kwargs)
        finally:
            _output.reset(token)

    return with_output


def _adjust(owner: Any, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
    """Replaces a method by one that is made of it and still looks like it."""
    original = owner.__dict__.get(name)
    if original is None:
        return
    adjusted = make(original)
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(adjusted, attribute, getattr(original, attribute))
    adjusted.__wrapped__ = original  # type: ignore[attr-defined]
    setattr(owner, name, adjusted)


def _with_output_of_starter(start: Any) -> Callable[..., Any]:
    def adjusted(thread: Any) -> None:
        if _output.get() is None:
            start(thread)
            return
        own = thread.__dict__.get("run")
        run = _with_output(thread.run)

        def run_once() -> None:
            restore()
            run()

        def restore() -> None:
            if own is None:
                thread.__dict__.pop("run", None)
            else:
                thread.run = own

        thread.run = run_once
        try:
            start(thread)
        except BaseException:
            restore()
            raise

    return adjusted


def _with_output_of_work(submit: Any) -> Callable[..., Any]:
    def adjusted(pool: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return submit(pool, _with_output(function), *args, **kwargs)

    return adjusted


def _without_output(start: Any) -> Callable[..., Any]:
    def adjusted(pool: Any, *args: Any, **kwargs: Any) -> Any:
        token = _output.set(None)
        try:
            return start(pool, *args, **kwargs)
        finally:
            _output.reset(token)

    return adjusted


def _adjust_threads(threading: ModuleType) -> None:
    _adjust(threading.Thread, "start", _with_output_of_starter)


def _adjust_executors(module: ModuleType) -> None:
    _adjust(module.ThreadPoolExecutor, "submit", _with_output_of_work)
    _adjust(module.ThreadPoolExecutor, "_adjust_thread_count", _without_output)


def _adjust_pools(module: ModuleType) -> None:
    pool = module.ThreadPool
    # The class inherits most of it from the pool of processes, which is left alone.
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        setattr(pool, name, getattr(pool, name))
        _adjust(pool, name, _with_output_of_work)
    _adjust(pool, "__init__", _without_output)


# This module is imported by the first call whose text is wanted; until then nothing is adjusted and `print` pays nothing.
_streams.capture_with(_output.get)
_imports.after_import("threading", _adjust_threads)
_imports.after_import("concurrent.futures.thread", _adjust_executors)
_imports.after_import("multiprocessing.pool", _adjust_pools)
