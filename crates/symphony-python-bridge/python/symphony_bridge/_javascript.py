"""What `inspect` asks of a JavaScript function, and what a thread hears that waited for JavaScript too long."""

from __future__ import annotations

# For type checkers only: the interpreter starts without the modules that few programs need.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from inspect import Signature


def signature_of(parameters: int) -> Signature:
    """The signature of a function that says it has so many parameters.

    All of them are optional, and more may follow: that is how JavaScript calls. Keyword arguments arrive as one object.
    """
    from inspect import Parameter, Signature

    positional = [Parameter(f"arg{index}", Parameter.POSITIONAL_ONLY, default=None) for index in range(parameters)]
    rest = Parameter("args", Parameter.VAR_POSITIONAL)
    return Signature([*positional, rest, Parameter("kwargs", Parameter.VAR_KEYWORD)])


def overdue(seconds: float, ident: int) -> TimeoutError:
    """The error of a thread that waited while JavaScript's thread, which has that ident, was in one synchronous call."""
    import sys
    import threading
    import traceback

    error = TimeoutError(
        f"JavaScript's thread has been in one synchronous call for {seconds:g} seconds, which may be waiting for this thread; "
        "make it an asynchronous one"
    )
    caller = sys._getframe(0).f_back
    here = "".join(traceback.format_stack(caller)) if caller is not None else ""
    frame = sys._current_frames().get(ident)
    there = "".join(traceback.format_stack(frame)) if frame is not None else "  (nothing of Python's)\n"
    notes = (
        f"this thread ({threading.current_thread().name}), which waits for JavaScript:\n{here}".rstrip(),
        f"JavaScript's thread, in the synchronous call:\n{there}".rstrip(),
    )
    if hasattr(error, "add_note"):
        for note in notes:
            error.add_note(note)
    else:
        error.args = ("\n".join((error.args[0], *notes)),)
    return error
