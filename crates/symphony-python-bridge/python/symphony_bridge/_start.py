"""What happens to the interpreter right after ``site`` ran."""

from __future__ import annotations

import os
import sys

from _thread import get_ident

from symphony_bridge import _imports, _native, _streams

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Which loop `_loop` runs: `asyncio` or `uvloop`.
event_loop = "asyncio"


def begin(settings: dict[str, Any]) -> None:
    """The settings that need a running interpreter."""
    global event_loop
    event_loop = settings["event_loop"]
    sys.argv[:] = ["", *settings["args"]]
    sys.orig_argv[:] = [sys.executable, *settings["args"]]
    sys.path[0:0] = settings["paths"]
    # The project's own modules can be imported from the folder the process started in. Last, so that a file that happens
    # to be called `json.py` hides nothing.
    if not getattr(sys.flags, "safe_path", False):
        sys.path.append(os.getcwd())
    _streams.install(settings["stdout"], settings["stderr"])
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_native.poison_after_fork)
        os.register_at_fork(after_in_child=_streams.renew_after_fork)
    _imports.install()
    main = get_ident()
    _imports.after_import("threading", lambda threading: _correct_main_thread(threading, main))
    _imports.after_import("multiprocessing.context", _spawn_by_default)
    if settings["logging"] is not None:
        _log_to_javascript(settings["logging"])


def _correct_main_thread(threading: Any, main: int) -> None:
    """Before Python 3.13 the thread that imports ``threading`` first becomes its main thread; here any thread may be."""
    thread = threading.main_thread()
    if thread.ident != main:
        with threading._active_limbo_lock:
            threading._active.pop(thread.ident, None)
            thread._ident = main
            threading._active[main] = thread


def _log_to_javascript(settings: dict[str, Any]) -> None:
    def install(_logging: Any) -> None:
        from symphony_bridge._logging import install

        install(settings)

    _imports.after_import("logging", install)
    if settings["warnings"]:
        import logging  # noqa: F401 - warnings come to it only once it is there
    if settings["uncaught"]:
        _imports.after_import("threading", _log_uncaught)
        sys.unraisablehook = _log_unraisable


def _log_uncaught(threading: Any) -> None:
    otherwise = threading.excepthook

    def excepthook(args: Any) -> None:
        from symphony_bridge._logging import log_uncaught_in_thread

        log_uncaught_in_thread(args, otherwise)

    threading.excepthook = excepthook


def _log_unraisable(args: Any) -> None:
    from symphony_bridge._logging import log_unraisable

    log_unraisable(args)


def _spawn_by_default(context: Any) -> None:
    """A forked copy of a Node process cannot run: new processes are started afresh."""
    context._default_context = context.DefaultContext(context._concrete_contexts["spawn"])
