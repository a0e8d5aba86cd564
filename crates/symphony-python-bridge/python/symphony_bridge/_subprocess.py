"""What a child process of a Conductor does before it takes calls."""

from __future__ import annotations

import faulthandler
import signal
import sys
import traceback

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def write_faults_to(descriptor: int) -> None:
    """Where every thread stands is written there when the process crashes, and when the host asks by a signal."""
    faulthandler.enable(file=descriptor, all_threads=True)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR2, file=descriptor, all_threads=True)


def prepare(module: str, steps: Sequence[str]) -> tuple[str, str] | None:
    """
    Imports the target and calls its ``setup()``, if it has one.

    Gives what failed, ``"import"`` or ``"setup"``, and the traceback; ``None`` if nothing did.
    """
    from importlib import import_module

    stage = "import"
    try:
        target = import_module(module)
        for step in steps:
            target = getattr(target, step)
        stage = "setup"
        setup = getattr(sys.modules[module], "setup", None)
        if setup is not None:
            setup()
    except BaseException:
        return stage, traceback.format_exc()
    return None
