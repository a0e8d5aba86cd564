"""Context managers entered and left for JavaScript."""

from __future__ import annotations

import sys

from symphony_bridge.errors import JsError

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def enter(manager: Any) -> Any:
    """``__enter__`` as the ``with`` statement calls it."""
    kind = type(manager)
    if not hasattr(kind, "__enter__") or not hasattr(kind, "__exit__"):
        wanted = "an asynchronous context manager" if hasattr(kind, "__aenter__") else "an object without `__enter__`"
        raise TypeError(f"expected a context manager, got {wanted}: {kind.__module__}.{kind.__qualname__}")
    return kind.__enter__(manager)


def leave(manager: Any, error: Any) -> bool:
    """``__exit__``; says whether it swallowed the error.

    ``error`` is ``None``, an exception, or ``[name, message, stack, error]`` of a JavaScript error.
    """
    leave_manager = type(manager).__exit__
    if error is None:
        leave_manager(manager, None, None, None)
        return False
    exception = error if isinstance(error, BaseException) else JsError(*error)
    try:
        # Raised once, so that the manager sees a real traceback and `sys.exc_info()` inside `__exit__`.
        raise exception
    except BaseException:
        return bool(leave_manager(manager, *sys.exc_info()))
