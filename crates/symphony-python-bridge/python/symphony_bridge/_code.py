"""Source code given as text or as a file: ``eval``, ``exec`` and modules imported by path.

A snippet keeps its source in ``linecache``, so that a traceback through it shows the line. The caches are bounded.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import OrderedDict
from types import CodeType, ModuleType
from typing import Any

_KEPT_SNIPPETS = 256
_compiled: OrderedDict[tuple[str, str], CodeType] = OrderedDict()
_serial = 0
_modules_by_path: dict[str, ModuleType] = {}


class Namespace:
    """The names that executed code defined, as attributes."""

    def __init__(self, names: dict[str, Any]) -> None:
        # The dictionary itself becomes the attribute storage: functions defined by the code see later changes.
        self.__dict__ = names

    def __repr__(self) -> str:
        names = ", ".join(name for name in self.__dict__ if not name.startswith("__"))
        return f"<namespace {names}>" if names else "<namespace>"


def evaluate(source: str, scope: Any) -> Any:
    """The value of an expression."""
    return eval(_compile(source, "eval"), _globals(scope))  # noqa: S307 - running the caller's code is the purpose


def execute(source: str, scope: Any) -> Any:
    """Runs statements; gives the namespace they ran in."""
    names = _globals(scope)
    exec(_compile(source, "exec"), names)  # noqa: S102
    return scope if isinstance(scope, (Namespace, ModuleType)) else Namespace(names)


def import_file(path: str) -> ModuleType:
    """The module that a file defines; the same file gives the same module.

    The file's folder is appended to ``sys.path``, so that its neighbours can be imported and so that classes it
    defines can be pickled into child processes.
    """
    path = os.path.realpath(path)
    known = _modules_by_path.get(path)
    if known is not None:
        return known
    name = os.path.splitext(os.path.basename(path))[0]
    taken = sys.modules.get(name)
    if taken is not None:
        if os.path.realpath(getattr(taken, "__file__", None) or "") == path:
            return taken
        name = f"{name}@{path}"
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path!r}: expected a Python source or extension file", path=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    _modules_by_path[path] = module
    return module


def _globals(scope: Any) -> dict[str, Any]:
    if scope is None:
        names: dict[str, Any] = {}
    elif isinstance(scope, dict):
        names = scope
    elif isinstance(scope, (Namespace, ModuleType)):
        names = scope.__dict__
    else:
        raise TypeError(f"expected a dict, a module or a namespace as the scope, got {type(scope).__name__}")
    names.setdefault("__name__", "__symphony__")
    return names


def _compile(source: str, mode: str) -> CodeType:
    global _serial
    key = (mode, source)
    code = _compiled.get(key)
    if code is None:
        import linecache

        _serial += 1
        filename = f"<python.{mode} {_serial}>"
        code = compile(source, filename, mode, dont_inherit=True)
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        _compiled[key] = code
        while len(_compiled) > _KEPT_SNIPPETS:
            _, oldest = _compiled.popitem(last=False)
            linecache.cache.pop(oldest.co_filename, None)
    else:
        _compiled.move_to_end(key)
    return code
