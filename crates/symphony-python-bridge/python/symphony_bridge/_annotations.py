"""Which parameters of a callable are annotated `float`, and so get one also for an integral JavaScript number."""

from __future__ import annotations

import sys
from types import FunctionType, UnionType

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    # Whether it is one, for each positional parameter, for `*args`, for each that may be passed by name, for `**kwargs`.
    FloatParameters = tuple[list[bool], bool, dict[str, bool], bool]

_HAS_VAR_POSITIONAL = 0x04
_HAS_VAR_KEYWORD = 0x08
# What makes a function's signature another one than that of its code.
_REDIRECTIONS = ("__wrapped__", "__signature__")
_CONSTRUCTORS = ("__new__", "__init__")


def float_parameters(target: Callable[..., Any]) -> FloatParameters | None:
    """The parameters annotated exactly `float` or `float | None`; None if there are none.

    The signature is what `inspect.signature` says: that of a class is that of its `__init__` or `__new__`, that of a
    decorated function is that of the wrapped one, a `functools.partial` lacks what it has bound. Annotations that are
    strings are not evaluated.
    """
    try:
        if type(target) is FunctionType and not any(name in target.__dict__ for name in _REDIRECTIONS):
            found = _of_function(target)
        else:
            found = _of_any(target)
    except Exception:
        # No signature, or one that cannot be had: a signature may be a program's own property.
        return None
    positional, rest, names, others = found
    own = _own_parameters(target)
    if own is not None:
        # A wrapper may pass other arguments on than it gets; where one goes is certain only by its name.
        shown = _positional_names(target)
        positional = [is_float and own[: index + 1] == shown[: index + 1] for index, is_float in enumerate(positional)]
        rest = False
        found = positional, rest, names, others
    return found if rest or others or any(positional) or any(names.values()) else None


def _own_parameters(target: Callable[..., Any]) -> tuple[str, ...] | None:
    """The positional parameters of what stands in front of another function written in Python; None if nothing does."""
    taken = 0
    if isinstance(target, type):
        # The object itself comes first.
        taken = 1
        target = next((vars(base)[name] for base in target.__mro__ for name in _CONSTRUCTORS if name in vars(base)), target)
    functools = sys.modules.get("functools")
    while functools is not None and isinstance(target, functools.partial):
        taken += len(target.args)
        target = target.func
    if type(target) is not FunctionType or "__wrapped__" not in target.__dict__:
        return None
    code = target.__code__
    return code.co_varnames[taken : code.co_argcount]


def _positional_names(target: Callable[..., Any]) -> tuple[str, ...]:
    from inspect import Parameter

    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(parameter.name for parameter in _parameters(target) if parameter.kind in kinds)


def _of_function(function: FunctionType) -> FloatParameters:
    annotations = _annotations(function)
    floats = {name for name, annotation in annotations.items() if _is_float(annotation)}
    if not floats:
        return [], False, {}, False
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    # The names of the parameters come in this order.
    end = code.co_argcount + code.co_kwonlyargcount
    by_name = code.co_varnames[code.co_posonlyargcount : end]
    rest = others = False
    if code.co_flags & _HAS_VAR_POSITIONAL:
        rest = code.co_varnames[end] in floats
        end += 1
    if code.co_flags & _HAS_VAR_KEYWORD:
        others = code.co_varnames[end] in floats
    return [name in floats for name in positional], rest, {name: name in floats for name in by_name}, others


def _of_any(target: Callable[..., Any]) -> FloatParameters:
    from inspect import Parameter

    positional: list[bool] = []
    names: dict[str, bool] = {}
    rest = others = False
    for parameter in _parameters(target):
        is_float = _is_float(parameter.annotation)
        if parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            positional.append(is_float)
        if parameter.kind in (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            names[parameter.name] = is_float
        rest |= parameter.kind is Parameter.VAR_POSITIONAL and is_float
        others |= parameter.kind is Parameter.VAR_KEYWORD and is_float
    return positional, rest, names, others


# From 3.14 on annotations are evaluated when they are asked for, and a name that is not there yet spoils all of them
# unless it may stay a reference.
if sys.version_info >= (3, 14):

    def _annotations(function: FunctionType) -> dict[str, Any]:
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)

    def _parameters(target: Callable[..., Any]) -> Iterable[Any]:
        from annotationlib import Format
        from inspect import signature

        return signature(target, annotation_format=Format.FORWARDREF).parameters.values()

else:

    def _annotations(function: FunctionType) -> dict[str, Any]:
        return function.__annotations__

    def _parameters(target: Callable[..., Any]) -> Iterable[Any]:
        from inspect import signature

        return signature(target).parameters.values()


def _is_float(annotation: object) -> bool:
    if annotation is float:
        return True
    if type(annotation) is not UnionType:
        # `typing.Optional`. Its module is there if anybody made one, and takes long to import if nobody did.
        if type(annotation).__module__ != "typing" or "typing" not in sys.modules:
            return False
        if getattr(annotation, "__origin__", None) is not sys.modules["typing"].Union:
            return False
    members = annotation.__args__  # type: ignore[attr-defined]
    # By identity: a member's `==` and hash may be anything.
    return len(members) == 2 and any(one is float for one in members) and any(one is type(None) for one in members)
