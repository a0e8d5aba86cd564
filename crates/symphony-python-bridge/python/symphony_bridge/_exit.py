"""What finalization would do that a program can notice."""

from __future__ import annotations

import sys
import time

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def end(seconds: float) -> None:
    """Thread pools end, ``atexit`` handlers run, streams are flushed.

    Threads that do not end in time are left running; the process goes away under them. Streams are flushed before each
    step as well, because a step may take longer than there is time.
    """
    deadline = time.monotonic() + seconds
    for step in (flush, lambda: _end_threads(deadline), flush, _run_atexit_handlers, flush):
        _carry_out(step)


def flush() -> None:
    """Flushes the streams, and those they replaced; a reader that went away is not an error."""
    for stream in {id(stream): stream for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}.values():
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:
            # A stream of the program's own may do anything; the others are flushed all the same.
            continue


def _run_atexit_handlers() -> None:
    import atexit

    atexit._run_exitfuncs()  # type: ignore[attr-defined]


def _carry_out(step: Callable[[], None]) -> None:
    try:
        step()
    except BaseException as problem:  # the steps that follow matter more than the one that failed
        try:
            sys.excepthook(type(problem), problem, problem.__traceback__)
        except BaseException:
            return


def _end_threads(deadline: float) -> None:
    threading = sys.modules.get("threading")
    # Where it is being imported at this moment, nobody has started a thread with it.
    if threading is None or getattr(threading.__spec__, "_initializing", False):
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
