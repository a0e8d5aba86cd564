"""Adjusts a few modules of the standard library when, and only if, the program imports them."""

from __future__ import annotations

import sys

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any


def after_import(name: str, adjust: Callable[[ModuleType], None]) -> None:
    """Calls ``adjust`` with the module once it has been executed: now, if that is the case already."""
    _waiting.setdefault(name, []).append(adjust)
    if name in sys.modules:
        # Waits for another thread that is executing it.
        module = sys.modules[name] if _is_executed(name) else _import(name)
        _adjust(module, _waiting.pop(name, ()))


_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def _is_executed(name: str) -> bool:
    return not getattr(getattr(sys.modules[name], "__spec__", None), "_initializing", False)


def _import(name: str) -> ModuleType:
    __import__(name)
    return sys.modules[name]


def _adjust(module: ModuleType, adjustments: Iterable[Callable[[ModuleType], None]]) -> None:
    for adjust in adjustments:
        adjust(module)


class _Adjuster:
    """A finder that finds nothing itself, but wraps what the others find for the names that are waited for."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        adjustments = _waiting.pop(name, None)
        if adjustments is None:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _wrap(spec.loader, adjustments)
                return spec
        return None


def _wrap(loader: Any, adjustments: Iterable[Callable[[ModuleType], None]]) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _adjust(module, adjustments)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a frozen module's loader is a class that all of them share
        pass


def install() -> None:
    """Adjustments can be registered from now on."""
    sys.meta_path.insert(0, _Adjuster())
