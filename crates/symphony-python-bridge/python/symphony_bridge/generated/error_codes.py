# Generated from error-codes.json by scripts/generate-error-codes.mjs. Do not edit.
"""The error codes that Rust, Python and TypeScript share."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ERROR_CODES", "ErrorCode"]


class ErrorCode(NamedTuple):
    """What a code means and what the caller may do."""

    meaning: str
    action: str


ERROR_CODES: Final[dict[str, ErrorCode]] = {
    "ERR_PYTHON_EXCEPTION": ErrorCode(
        meaning="Python code raised an exception",
        action="Handle it as the Python exception it is: `type`, `args`, `frames` and `traceback` describe it",
    ),
    "ERR_PYTHON_NOT_FOUND": ErrorCode(
        meaning="No Python interpreter was found in any of the places that were searched",
        action="Install Python 3.10 or newer, or name an interpreter with `python.start({ python })`; `npx symphony-python doctor` lists what was tried",
    ),
    "ERR_PYTHON_ALREADY_CHOSEN": ErrorCode(
        meaning="This process already runs a Python with other options; an interpreter cannot be exchanged",
        action="Call `python.start` once, before anything else uses Python, with the options that all users of the process need",
    ),
    "ERR_PYTHON_NOT_STARTED": ErrorCode(
        meaning="The operation needs a running interpreter and none has been started",
        action="Await `python.start()`, or import a module, first",
    ),
    "ERR_PYTHON_START": ErrorCode(
        meaning="An interpreter was found and loaded but did not start",
        action="Read the message for Python's own words; `npx symphony-python doctor` repeats the start outside the program",
    ),
    "ERR_PYTHON_UNSUPPORTED": ErrorCode(
        meaning="The interpreter cannot be embedded: older than 3.10, free-threaded, 32-bit, or not CPython",
        action="Choose another interpreter with `python.start({ python })` or the `VIRTUAL_ENV` variable",
    ),
    "ERR_LIBPYTHON_NOT_FOUND": ErrorCode(
        meaning="The interpreter has no shared libpython, so it cannot be embedded",
        action="Install the shared library (the message names the command) or choose an interpreter that was built with --enable-shared",
    ),
    "ERR_LIBPYTHON_LOAD": ErrorCode(
        meaning="The shared libpython exists but the system refused to load it",
        action="Read the linker's words in the message: a missing dependency or another architecture are the usual reasons",
    ),
    "ERR_PLATFORM_UNSUPPORTED": ErrorCode(
        meaning="There is no native binary for this operating system, architecture and C library",
        action="Reinstall without `--omit=optional`, or build the native files from source on this platform",
    ),
    "ERR_CONVERSION": ErrorCode(
        meaning="A value cannot cross between JavaScript and Python without loss",
        action="Change the value at `path`, or use the option that the message names",
    ),
    "ERR_ARROW_NOT_FOUND": ErrorCode(
        meaning="An Arrow table was asked for, and the npm package `apache-arrow` is not installed, or too old",
        action="Run `npm install apache-arrow`, or give the module as the option `arrow`",
    ),
    "ERR_INVALID_ARGUMENT": ErrorCode(
        meaning="A function of this package was called with an argument it does not accept",
        action="Correct the call; the message says what was expected and what was got",
    ),
    "ERR_HANDLE_AS_DATA": ErrorCode(
        meaning="A Python handle was used where JavaScript expects plain data",
        action="Ask for a copy with `$value()`, or for one member with `$get(name)`",
    ),
    "ERR_HANDLE_DISPOSED": ErrorCode(
        meaning="The Python handle was used after `$dispose()` or after the end of its `using` block, or a share had no handle left to adopt",
        action="Keep the handle until its last use; `$ref()` gives an independent one; share once for each adoption",
    ),
    "ERR_CLOSED": ErrorCode(
        meaning="The interpreter, session or host has been stopped",
        action="Do not use it after `stop` or `close`; a stopped interpreter cannot be started again in the same process",
    ),
    "ERR_CANCELLED": ErrorCode(
        meaning="The call was cancelled by its AbortSignal",
        action="Nothing, if the cancellation was intended; `cause` is the reason of the signal",
    ),
    "ERR_TIMEOUT": ErrorCode(
        meaning="The call did not finish within its `timeout`",
        action="Allow more time, or make the work smaller; `callState` says whether it still runs in Python",
    ),
    "ERR_WORKER_LOST": ErrorCode(
        meaning="The supervised Python process that was to do this, or to which the handle belongs, has ended",
        action="`started` says whether the call had begun, and `exit` why the process ended; mark calls that may be repeated as `idempotent`, and import again for new handles",
    ),
    "ERR_WORKER_START": ErrorCode(
        meaning="A supervised Python process did not become ready",
        action="Read the message and `exit`, which has the last lines of its stderr: an import that fails and a missing interpreter are the usual reasons",
    ),
    "ERR_CONDUCTOR_DOWN": ErrorCode(
        meaning="The supervised Python processes died too often in a short time, and are not started again",
        action="Find out why they die (`exit` describes the last one), then call `reset()`, or start another Conductor or pool",
    ),
    "ERR_TASK_QUARANTINED": ErrorCode(
        meaning="The call was under way in several processes that died, so it is taken for the cause and not repeated",
        action="Look at the arguments of this call: something about them crashes Python; `exit` describes the last process",
    ),
    "ERR_QUEUE_FULL": ErrorCode(
        meaning="As many calls as allowed already wait for a worker",
        action="Call again when some have settled, make fewer at a time (`map` does), or allow more with `queue: { limit }`",
    ),
    "ERR_PROTOCOL": ErrorCode(
        meaning="The two halves of the bridge disagree about the bytes between them; this is a bug in symphony-python-bridge",
        action="Make sure that the package and its native files have the same version, then report the bug with the message",
    ),
    "ERR_BRIDGE_PANIC": ErrorCode(
        meaning="The native core of the bridge failed unexpectedly; this is a bug in symphony-python-bridge",
        action="Report the bug with the message; the process may go on, but what the failed operation did is unknown",
    ),
}
"""Every code, in the order of the table."""
