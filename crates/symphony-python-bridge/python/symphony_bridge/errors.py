"""Exceptions that the bridge raises in Python."""

from __future__ import annotations


class JsError(Exception):
    """A JavaScript error that reached Python.

    Attributes:
        name: the JavaScript error's ``name``, such as ``TypeError``.
        message: its ``message``.
        stack: its ``stack``, or an empty string.
    """

    def __init__(self, name: str, message: str, stack: str = "") -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name
        self.message = message
        self.stack = stack

    def __reduce__(self) -> tuple[type[JsError], tuple[str, str, str]]:
        return type(self), (self.name, self.message, self.stack)
