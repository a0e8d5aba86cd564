"""Source code given as text or as a file: ``eval``, ``exec`` and modules imported by path.

A snippet keeps its source in ``linecache``, so that a traceback through it shows the line. The caches are bounded.
"""

from __future__ import annotations

import os
import sys
from _thread import _local, allocate_lock

from symphony_bridge import _imports

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

_KEPT_SNIPPETS = 256
# The `__name__` of code that was given as text.
_MODULE = "__symphony__"
# Least recently used first.
_compiled: dict[tuple[str, str], CodeType] = {}
# Sources that `linecache` is told when somebody imports it.
_sources: dict[str, str] = {}
_serial = 0
_lock = allocate_lock()
# The names of the code that the thread executes, the innermost last.
_thread_state = _local()
_modules_by_path: dict[str, ModuleType] = {}


if not TYPE_CHECKING:
    ModuleType = type(sys)


class Namespace:
    """The names that executed code defined, as attributes."""

    def __init__(self, names: dict[str, Any]) -> None:
        # The dictionary itself becomes the attribute storage: functions defined by the code see later changes.
        self.__dict__ = names

    def __repr__(self) -> str:
        names = ", ".join(name for name in self.__dict__ if not name.startswith("__"))
        return f"<namespace {names}>" if names else "<namespace>"


class _SnippetModule(ModuleType):
    """Stands for the module of code that was given as text.

    Libraries look up the module of a class by its name, `dataclasses` and pydantic among them, and read annotations with its
    names. Those are the names of the code that the thread executes; code that has ended is not remembered.
    """

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        executing = getattr(_thread_state, "executing", None)
        return executing[-1] if executing else {"__name__": _MODULE}


class _Executing:
    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def __enter__(self) -> None:
        try:
            _thread_state.executing.append(self.names)
        except AttributeError:
            _thread_state.executing = [self.names]

    def __exit__(self, *_: object) -> None:
        _thread_state.executing.pop()


def evaluate(source: str, scope: Any) -> Any:
    """The value of an expression."""
    names = _globals(scope)
    with _Executing(names):
        return eval(_compile(source, "eval"), names)  # noqa: S307 - running the caller's code is the purpose


def execute(source: str, scope: Any) -> Any:
    """Runs statements; gives the namespace they ran in."""
    names = _globals(scope)
    with _Executing(names):
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
    import importlib.util

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
    names.setdefault("__name__", _MODULE)
    if _MODULE not in sys.modules:
        sys.modules[_MODULE] = _SnippetModule(_MODULE)
    return names


def _compile(source: str, mode: str) -> CodeType:
    global _serial
    key = (mode, source)
    with _lock:
        code = _compiled.pop(key, None)
        if code is not None:
            _compiled[key] = code
            return code
        _serial += 1
        filename = f"<python.{mode} {_serial}>"
    # Not under the lock: compiling can run Python code, through warnings. Two threads may do the same work.
    code = compile(source, filename, mode, dont_inherit=True)
    with _lock:
        _compiled[key] = code
        _remember(filename, source)
        while len(_compiled) > _KEPT_SNIPPETS:
            oldest = _compiled.pop(next(iter(_compiled)))
            _forget(oldest.co_filename)
    return code


def _remember(filename: str, source: str) -> None:
    _sources[filename] = source
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        _register(linecache, filename, source)


def _forget(filename: str) -> None:
    _sources.pop(filename, None)
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        linecache.cache.pop(filename, None)


def _register(linecache: Any, filename: str, source: str) -> None:
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def _register_all(linecache: Any) -> None:
    with _lock:
        sources = list(_sources.items())
    for filename, source in sources:
        _register(linecache, filename, source)


_imports.after_import("linecache", _register_all)
