"""Context managers entered and left for JavaScript."""

from __future__ import annotations

import sys

from _thread import _local

from symphony_bridge.errors import JsError

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Entered(_local):
    """The managers that this thread has entered and not left, the innermost last."""

    def __init__(self) -> None:
        self.managers: list[Any] = []


_entered = _Entered()


def enter(manager: Any, asynchronous: bool) -> Any:
    """``__enter__`` as the ``with`` statement calls it.

    With ``asynchronous`` an asynchronous context manager is entered by the loop, in a task of its own: a coroutine that gives what
    was entered.
    """
    kind = type(manager)
    if asynchronous and hasattr(kind, "__aenter__") and hasattr(kind, "__aexit__"):
        from symphony_bridge import _async_context

        return _async_context.enter(manager, _entered.managers)
    if not hasattr(kind, "__enter__") or not hasattr(kind, "__exit__"):
        wanted = "an asynchronous context manager" if hasattr(kind, "__aenter__") else "an object without `__enter__`"
        raise TypeError(f"expected a context manager, got {wanted}: {kind.__module__}.{kind.__qualname__}")
    entered = kind.__enter__(manager)
    _entered.managers.append(manager)
    return entered


def leave(manager: Any, error: Any) -> Any:
    """``__exit__``; says whether it swallowed the error. A coroutine that does so, if the loop entered the manager.

    ``error`` is ``None``, an exception, or ``[name, message, stack, error]`` of a JavaScript error.
    """
    managers = _entered.managers
    for index in reversed(range(len(managers))):
        if managers[index] is manager:
            del managers[index]
            break
    exception = error if error is None or isinstance(error, BaseException) else JsError(*error)
    asynchronous = sys.modules.get("symphony_bridge._async_context")
    if asynchronous is not None and asynchronous.is_inside(manager):
        return asynchronous.leave(manager, exception)
    leave_manager = type(manager).__exit__
    if exception is None:
        leave_manager(manager, None, None, None)
        return False
    try:
        # Raised once, so that the manager sees a real traceback and `sys.exc_info()` inside `__exit__`.
        raise exception
    except BaseException:
        return bool(leave_manager(manager, *sys.exc_info()))


def leave_all() -> None:
    """Leaves what this thread has entered: the JavaScript that would have done so has ended. Errors are printed."""
    while _entered.managers:
        manager = _entered.managers[-1]
        try:
            leaving = leave(manager, JsError("Error", "the JavaScript environment of this `with` has ended", ""))
            if hasattr(leaving, "send"):
                sys.modules["symphony_bridge._async_context"].leave_later(leaving)
        except BaseException as problem:
            sys.excepthook(type(problem), problem, problem.__traceback__)
