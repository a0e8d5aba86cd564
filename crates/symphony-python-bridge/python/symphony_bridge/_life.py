"""What happens to the interpreter after ``site`` ran and before the process ends."""

from __future__ import annotations

import os
import sys

import time
from _thread import get_ident

from symphony_bridge import _imports, _native, _streams

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def begin(settings: dict[str, Any]) -> None:
    """The settings that need a running interpreter."""
    sys.argv[:] = ["", *settings["args"]]
    sys.orig_argv[:] = [sys.executable, *settings["args"]]
    # As `python -m` does: the project's own modules can be imported from the folder the process started in.
    own = [] if getattr(sys.flags, "safe_path", False) else [os.getcwd()]
    sys.path[0:0] = [*settings["paths"], *own]
    _streams.install(settings["stdout"], settings["stderr"])
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_native.poison_after_fork)
    _imports.install()
    main = get_ident()
    _imports.after_import("threading", lambda threading: _correct_main_thread(threading, main))
    _imports.after_import("multiprocessing.context", _spawn_by_default)


def end(seconds: float) -> None:
    """What finalization would do that a program can notice: thread pools end, ``atexit`` runs, streams are flushed.

    Threads that do not end in time are left running; the process goes away under them.
    """
    deadline = time.monotonic() + seconds
    try:
        _end_threads(deadline)
        import atexit

        atexit._run_exitfuncs()  # type: ignore[attr-defined]
    finally:
        flush()


def flush() -> None:
    """Flushes both streams; a reader that went away is not an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            pass


def _end_threads(deadline: float) -> None:
    threading = sys.modules.get("threading")
    if threading is None:
        return
    main = threading.main_thread()
    joined = any(thread is not main and not thread.daemon for thread in threading.enumerate())
    if not joined and not getattr(threading, "_threading_atexits", None):
        return
    # `_shutdown` joins without a limit, so it runs beside; half of the time is kept for the atexit handlers.
    shutdown = threading.Thread(
        target=threading._shutdown,
        name="symphony-shutdown",
        daemon=True,
    )
    shutdown.start()
    shutdown.join(max(0.0, (deadline - time.monotonic()) / 2))


def _correct_main_thread(threading: Any, main: int) -> None:
    """Before Python 3.13 the thread that imports ``threading`` first becomes its main thread; here any thread may be."""
    thread = threading.main_thread()
    if thread.ident != main:
        with threading._active_limbo_lock:
            threading._active.pop(thread.ident, None)
            thread._ident = main
            threading._active[main] = thread


def _spawn_by_default(context: Any) -> None:
    """A forked copy of a Node process cannot run: new processes are started afresh."""
    context._default_context = context.DefaultContext(context._concrete_contexts["spawn"])
