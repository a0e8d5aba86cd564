"""Exceptions as plain data, for the error object that JavaScript sees."""

from __future__ import annotations

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any


# Longer chains, and larger groups, are cut: the rest is in the exception object.
_DEEPEST_CHAIN = 100
_MOST_DESCRIBED = 1000

# The file names that the core gives to the modules of this package.
_OWN = "<symphony_bridge"


def describe(exception: BaseException) -> tuple[Any, ...]:
    """Everything known of an exception and of those it is chained to.

    Returns ``(qualified type, message, args, notes, frames, traceback text, cause, context, suppress context,
    members of a group or None, exception)``; a frame is ``(file, line, function, source line or None)``. An
    exception that occurs twice in a chain is described once.
    """
    return _describe(exception, 0, {id(exception)})


def _describe(exception: BaseException, depth: int, seen: set[int]) -> tuple[Any, ...]:
    kind = type(exception)
    frames, text = _traceback(exception, kind, depth)
    cause = exception.__cause__
    # Python shows a context only where there is no cause, and nobody said `from None`.
    context = None if cause is not None or exception.__suppress_context__ else exception.__context__
    return (
        type_name(kind),
        message_of(exception),
        _guarded(lambda: tuple(exception.args), ()),
        _guarded(lambda: [note for note in getattr(exception, "__notes__", None) or () if isinstance(note, str)], []),
        frames,
        text,
        _linked(cause, depth, seen),
        _linked(context, depth, seen),
        bool(exception.__suppress_context__),
        _members(exception, depth, seen),
        exception,
    )


def type_name(kind: type) -> str:
    """``module.QualName``, whatever the class makes of the two."""
    return _guarded(lambda: f"{kind.__module__}.{kind.__qualname__}", "builtins.Exception")


def message_of(exception: BaseException) -> str:
    """``str(exception)`` as far as it has a form in every language, whatever its ``__str__`` does."""
    try:
        return _exchangeable(str(exception))
    except BaseException as problem:  # even SystemExit: the exception is what the caller must hear of
        return f"<message unavailable: {type_name(type(problem))} in __str__>"


def _linked(other: BaseException | None, depth: int, seen: set[int]) -> tuple[Any, ...] | None:
    if other is None or id(other) in seen or depth >= _DEEPEST_CHAIN or len(seen) >= _MOST_DESCRIBED:
        return None
    seen.add(id(other))
    return _describe(other, depth + 1, seen)


def _members(exception: BaseException, depth: int, seen: set[int]) -> list[tuple[Any, ...] | None] | None:
    if not any(ancestor.__name__ == "BaseExceptionGroup" for ancestor in type(exception).__mro__):
        return None
    members = _guarded(lambda: exception.exceptions, ())  # type: ignore[attr-defined]
    described = [_linked(member, depth, seen) for member in members]
    return [member for member in described if member is not None]


def _traceback(exception: BaseException, kind: type, depth: int) -> tuple[list[tuple[str, int, str, str | None]], str]:
    import traceback

    calls = _without_own_frames(exception.__traceback__)
    try:
        frames = [
            (_exchangeable(frame.filename), frame.lineno or 0, frame.name, _exchangeable(frame.line) if frame.line else None)
            for frame in traceback.extract_tb(calls)
        ]
        # Each member of a long chain would repeat the rest of it, so only the first tells it whole.
        text = "".join(traceback.format_exception(kind, exception, calls, chain=depth == 0))
        return frames, _exchangeable(text)
    except BaseException as problem:  # a loader that fails to give its source, notes that are none
        return [], f"<traceback unavailable: {type_name(type(problem))}>\n"


def _without_own_frames(calls: TracebackType | None) -> TracebackType | None:
    """A traceback from the user's code on: how the bridge came to call it is of no interest."""
    while calls is not None and calls.tb_next is not None and calls.tb_frame.f_code.co_filename.startswith(_OWN):
        calls = calls.tb_next
    return calls


def _exchangeable(text: str) -> str:
    """Joins surrogate pairs that a ``str`` holds as two code points: JavaScript cannot tell the two forms apart."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text


def _guarded(read: Callable[[], Any], otherwise: Any) -> Any:
    """What ``read`` gives, or ``otherwise`` if it raises: a broken part must not hide the exception."""
    try:
        return read()
    except BaseException:
        return otherwise
