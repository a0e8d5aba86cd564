"""Adjusts a few modules of the standard library when, and only if, the program imports them."""

from __future__ import annotations

import sys

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any


def after_import(name: str, adjust: Callable[[ModuleType], None]) -> None:
    """Calls ``adjust`` with the module once it has been executed: now, if that is the case already."""
    module = sys.modules.get(name)
    if module is not None:
        adjust(module)
    else:
        _waiting[name] = adjust


_waiting: dict[str, Callable[[ModuleType], None]] = {}


class _Adjuster:
    """A finder that finds nothing itself, but wraps what the others find for the names that are waited for."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        adjust = _waiting.pop(name, None)
        if adjust is None:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _wrap(spec.loader, adjust)
                return spec
        return None


def _wrap(loader: Any, adjust: Callable[[ModuleType], None]) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        adjust(module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a frozen module's loader is a class that all of them share
        pass


def install() -> None:
    """Adjustments can be registered from now on."""
    sys.meta_path.insert(0, _Adjuster())
