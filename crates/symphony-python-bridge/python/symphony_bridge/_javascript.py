"""What `inspect` asks of a JavaScript function."""

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
