"""Records of ``logging`` for JavaScript. Imported when the program imports ``logging``, if the start asked for records."""

from __future__ import annotations

import logging
import sys

from symphony_bridge import _native

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What every record has; the rest is what the program added.
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
_PRIMITIVES = (str, int, float, bool, type(None))
_LONGEST_REPR = 1000
_formatter = logging.Formatter()


class JavaScriptHandler(logging.Handler):
    """Hands records over, formatted, and waits for nobody."""

    def handle(self, record: logging.LogRecord) -> Any:
        # Without the lock that other handlers need for their streams: no code of the program runs under it.
        found = self.filter(record)
        if found:
            self.emit(found if isinstance(found, logging.LogRecord) else record)
        return found

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _native.emit_log(_fields(record))
        except Exception:
            self.handleError(record)


def _fields(record: logging.LogRecord) -> list[Any]:
    exception = record.exc_text
    if record.exc_info and not exception:
        exception = _formatter.formatException(record.exc_info)
    return [
        _text(record.name),
        _text(record.levelname),
        record.levelno,
        _text(record.getMessage()),
        record.created * 1000,
        _text(record.pathname),
        record.lineno,
        _text(record.funcName),
        _text(record.threadName),
        _text(getattr(record, "taskName", None)),
        _text(exception),
        _text(record.stack_info),
        {_text(name): _plain(value) for name, value in record.__dict__.items() if name not in _STANDARD},
    ]


def _text(value: Any) -> str | None:
    """A string of this very type, whatever a program puts there."""
    return None if value is None else str.__str__(value) if isinstance(value, str) else str(value)


def _plain(value: Any) -> Any:
    """What JavaScript can have a copy of, or words for it."""
    if type(value) in _PRIMITIVES or _native.has_plain_form(value):
        return value
    return _repr(value)


def _repr(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__qualname__} object whose repr fails>"
    return text if len(text) <= _LONGEST_REPR else f"{text[:_LONGEST_REPR]}…"


def install(settings: dict[str, Any]) -> None:
    """Puts the handler on the root logger."""
    root = logging.getLogger()
    root.addHandler(JavaScriptHandler())
    if settings["level"] is not None:
        root.setLevel(settings["level"])
    if settings["warnings"]:
        logging.captureWarnings(True)


# Named apart from the program's own loggers, so that it can set a level for it.
_uncaught = logging.getLogger("symphony_bridge.uncaught")


def log_uncaught_in_thread(args: Any, otherwise: Any) -> None:
    """For ``threading.excepthook``."""
    if args.exc_type is SystemExit:
        return
    if not _uncaught.isEnabledFor(logging.ERROR):
        otherwise(args)
        return
    name = "a thread" if args.thread is None else f"thread {args.thread.name}"
    _uncaught.error("Exception in %s", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))


def log_unraisable(args: Any) -> None:
    """For ``sys.unraisablehook``."""
    if not _uncaught.isEnabledFor(logging.ERROR):
        sys.__unraisablehook__(args)
        return
    words = args.err_msg or "Exception ignored in"
    about = "" if args.object is None else f": {_repr(args.object)}"
    _uncaught.error("%s%s", words, about, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
