"""What happens to the interpreter after ``site`` ran and before the process ends."""

from __future__ import annotations

import os
import sys

# Imported here for its side effect as well: `threading.main_thread()` is the thread that imports it first.
import threading
import time
from typing import Any

from symphony_bridge import _native, _streams


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
    sys.meta_path.insert(0, _SpawnByDefault())


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
    main = threading.main_thread()
    joined = any(thread is not main and not thread.daemon for thread in threading.enumerate())
    if not joined and not getattr(threading, "_threading_atexits", None):
        return
    # `_shutdown` joins without a limit, so it runs beside; half of the time is kept for the atexit handlers.
    shutdown = threading.Thread(
        target=threading._shutdown,  # type: ignore[attr-defined]
        name="symphony-shutdown",
        daemon=True,
    )
    shutdown.start()
    shutdown.join(max(0.0, (deadline - time.monotonic()) / 2))


class _SpawnByDefault:
    """Makes ``spawn`` the default start method of ``multiprocessing``: a forked copy of a Node process cannot run."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "multiprocessing.context":
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                module._default_context = module.DefaultContext(module._concrete_contexts["spawn"])

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
