"""Exceptions as plain data, for the error object that JavaScript sees."""

from __future__ import annotations

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any


_DEEPEST_CHAIN = 100

# The file names that the core gives to the modules of this package.
_OWN = "<symphony_bridge"


def describe(exception: BaseException) -> tuple[Any, ...]:
    """Everything known of an exception and of those it is chained to.

    Returns ``(qualified type, message, args, notes, frames, traceback text, cause, context, suppress context,
    members of a group or None, exception)``; a frame is ``(file, line, function, source line or None)``.
    """
    return _describe(exception, 0, set())


def _describe(exception: BaseException, depth: int, seen: set[int]) -> tuple[Any, ...]:
    import traceback

    seen = seen | {id(exception)}

    def linked(other: BaseException | None) -> tuple[Any, ...] | None:
        if other is None or id(other) in seen or depth >= _DEEPEST_CHAIN:
            return None
        return _describe(other, depth + 1, seen)

    kind = type(exception)
    try:
        calls = _without_own_frames(exception.__traceback__)
        frames = [
            (frame.filename, frame.lineno or 0, frame.name, frame.line or None)
            for frame in traceback.extract_tb(calls)
        ]
        # Each member of a long chain would repeat the rest of it, so only the first tells it whole.
        text = "".join(traceback.format_exception(kind, exception, calls, chain=depth == 0))
    except Exception as problem:  # a broken __str__, a loader that fails to give its source
        frames, text = [], f"<traceback unavailable: {type(problem).__name__}>\n"
    members = getattr(exception, "exceptions", None)
    return (
        f"{kind.__module__}.{kind.__qualname__}",
        message_of(exception),
        getattr(exception, "args", ()),
        [note for note in getattr(exception, "__notes__", None) or () if isinstance(note, str)],
        frames,
        text,
        linked(exception.__cause__),
        linked(exception.__context__),
        bool(exception.__suppress_context__),
        [linked(member) for member in members] if _is_group(exception, members) else None,
        exception,
    )


def _without_own_frames(calls: TracebackType | None) -> TracebackType | None:
    """A traceback from the user's code on: how the bridge came to call it is of no interest."""
    while calls is not None and calls.tb_next is not None and calls.tb_frame.f_code.co_filename.startswith(_OWN):
        calls = calls.tb_next
    return calls


def message_of(exception: BaseException) -> str:
    """``str(exception)``, whatever its ``__str__`` does."""
    try:
        return str(exception)
    except Exception as problem:
        return f"<message unavailable: {type(problem).__name__} in __str__>"


def _is_group(exception: BaseException, members: Any) -> bool:
    return isinstance(members, tuple) and any(
        ancestor.__name__ == "BaseExceptionGroup" for ancestor in type(exception).__mro__
    )
