"""Arrow tables that cross between Python and JavaScript: what both directions have in common."""

from __future__ import annotations

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What crosses; `ts/arrow/message.ts` has the same numbers.
TABLE = 0
RECORD_BATCH = 1
#: A column without a name.
VECTOR = 2


class ArrowRefusal(Exception):
    """A table, or a column of it, that cannot cross; JavaScript gets ``ERR_CONVERSION`` with the path.

    Attributes:
        path: the column and what is inside of it, such as ``.orders[].price``.
        message: what was expected and what was got.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


def pyarrow_module(purpose: str) -> Any:
    """The module ``pyarrow``; raises ``ModuleNotFoundError`` with the remedy if it is not installed."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        import sys

        raise ModuleNotFoundError(
            f"{purpose} needs pyarrow, which this Python does not have; install it with "
            f"`{sys.executable} -m pip install pyarrow`",
            name="pyarrow",
        ) from None
    return pyarrow


def field_path(path: str, name: str) -> str:
    """The path of a column, or of a field inside of one."""
    return f"{path}.{name}" if name.isidentifier() else f"{path}[{name!r}]"


def item_path(path: str) -> str:
    """The path of what a list holds."""
    return f"{path}[]"
