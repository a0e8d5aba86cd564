"""What finalization would do that a program can notice."""

from __future__ import annotations

import sys
import time


def end(seconds: float) -> None:
    """Thread pools end, ``atexit`` handlers run, streams are flushed.

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
