"""What Python code sees of the bridge that runs it.

Inside a Node process this package is built into the core binary and is imported before ``site`` runs, so an
installed wheel of the same name can never load a second copy.
"""

from symphony_bridge._native import (
    BUILD_INFO,
    VERSION,
    JsFunction,
    JsMethod,
    JsObject,
    get_system_info,
    get_system_info_async,
    sleep_async,
)

# For type checkers only: the interpreter starts without the modules that few programs need.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from symphony_bridge._conductor import ConductorStatus
    from symphony_bridge._proxies import JsAsyncIterable, JsAsyncIterator, JsIterable, JsIterator, JsPromise, JsReadable
    from symphony_bridge.errors import CallCancelled, ConductorFatal, JsError, TaskTimeout
    from symphony_bridge.generated.error_codes import ERROR_CODES

__all__ = [
    "BUILD_INFO",
    "ERROR_CODES",
    "VERSION",
    "CallCancelled",
    "ConductorFatal",
    "ConductorStatus",
    "JsAsyncIterable",
    "JsAsyncIterator",
    "JsError",
    "JsFunction",
    "JsIterable",
    "JsIterator",
    "JsMethod",
    "JsObject",
    "JsPromise",
    "JsReadable",
    "TaskTimeout",
    "get_system_info",
    "get_system_info_async",
    "sleep_async",
]
__version__ = VERSION

# Imported when they are asked for.
EXCEPTIONS = frozenset(("CallCancelled", "ConductorFatal", "JsError", "TaskTimeout"))
PROXIES = frozenset(("JsAsyncIterable", "JsAsyncIterator", "JsIterable", "JsIterator", "JsPromise", "JsReadable"))


def __getattr__(name: str) -> object:
    if name in EXCEPTIONS:
        import symphony_bridge.errors

        return getattr(symphony_bridge.errors, name)
    if name == "ConductorStatus":
        from symphony_bridge._conductor import ConductorStatus

        return ConductorStatus
    if name in PROXIES:
        import symphony_bridge._proxies

        return getattr(symphony_bridge._proxies, name)
    if name == "ERROR_CODES":
        from symphony_bridge.generated.error_codes import ERROR_CODES

        return ERROR_CODES
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
