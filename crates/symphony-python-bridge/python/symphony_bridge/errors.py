"""Exceptions that the bridge raises in Python."""

from __future__ import annotations


class JsError(Exception):
    """What JavaScript code threw. Where nothing handles it in Python, JavaScript catches the very object that was thrown.

    Attributes:
        name: the JavaScript error's ``name``, such as ``TypeError``.
        message: its ``message``.
        stack: its ``stack``, or an empty string.
        error: the object that was thrown, as a ``JsObject``, or the string or number if that is what was thrown.
    """

    __module__ = "symphony_bridge"

    def __init__(self, name: str, message: str, stack: str = "", error: object = None) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name
        self.message = message
        self.stack = stack
        self.error = error
        # Whoever reads the traceback in Python's log sees where in JavaScript it happened.
        places = "\n".join(line for line in stack.split("\n") if line.lstrip().startswith("at "))
        if places and hasattr(self, "add_note"):
            self.add_note(f"JavaScript:\n{places}")

    def __reduce__(self) -> tuple[type[JsError], tuple[str, str, str]]:
        return type(self), (self.name, self.message, self.stack)


class CallCancelled(BaseException):
    """Raised in a call that JavaScript cancelled while it ran: by an ``AbortSignal``, or because its ``timeout`` was over.

    It comes at any instruction of Python code, as ``KeyboardInterrupt`` does, and is no ``Exception``, so that code which handles
    errors does not take it for one. Whoever catches it to clean up raises it again.
    """

    __module__ = "symphony_bridge"


class TaskTimeout(TimeoutError):
    """Raised in a call in a Conductor's process when the ``timeout`` of the call is over; a little later the process is killed.

    It comes at any instruction of Python code. A coroutine is cancelled instead, as ``asyncio`` does it, and the argument of its
    ``CancelledError`` is a ``TaskTimeout``.
    """

    __module__ = "symphony_bridge"

    def __init__(self, message: str = "the time of this call is over") -> None:
        super().__init__(message)


class ConductorFatal(Exception):
    """To be raised in a call in a Conductor's process that is of no use any more: the call fails with it, and the process is replaced.

    The process ends with exit code 70, without waiting for other calls. In other Pythons this is an exception like any other.
    """

    __module__ = "symphony_bridge"
