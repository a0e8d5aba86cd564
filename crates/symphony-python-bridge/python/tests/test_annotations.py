"""Which parameters are annotated `float`."""

from __future__ import annotations

import functools
import typing

import pytest

from symphony_bridge._annotations import float_parameters

# Annotations in this file are strings, so these get theirs by hand.


def positional(x, y, /, z, *, k):
    """Of every kind but the variable ones."""


positional.__annotations__ = {"x": float, "z": float | None, "k": typing.Optional[float]}  # noqa: UP045


def variable(x, *rest, k=0, **others):
    """Of the variable kinds."""


variable.__annotations__ = {"rest": float, "k": int, "others": float}


def nothing(x, y):
    """Without annotations."""


def strings(x: float):
    """With one that is a string."""


def returns_float(x):
    """Whose result is a float, and no parameter."""


returns_float.__annotations__ = {"return": float}


class Unequal:
    """An annotation that may neither be compared nor hashed."""

    __hash__ = None

    def __eq__(self, other):
        raise AssertionError("an annotation was compared")


def odd(x, y):
    """With odd annotations."""


odd.__annotations__ = {"x": Unequal(), "y": float}


class Odd:
    """Whose attributes cannot be had."""

    @property
    def __signature__(self):
        raise RuntimeError("no signature")

    def __call__(self):
        """Callable."""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (positional, ([True, False, True], False, {"z": True, "k": True}, False)),
        (variable, ([False], True, {"x": False, "k": False}, True)),
        (odd, ([False, True], False, {"x": False, "y": True}, False)),
        (functools.partial(positional, 1), ([False, True], False, {"z": True, "k": True}, False)),
        (functools.wraps(odd)(lambda x, y: None), ([False, True], False, {"x": False, "y": True}, False)),
        (functools.wraps(odd)(lambda x, *args: None), ([False, False], False, {"x": False, "y": True}, False)),
        (functools.wraps(odd)(lambda *args: None), ([False, False], False, {"x": False, "y": True}, False)),
        (functools.lru_cache(odd), ([False, True], False, {"x": False, "y": True}, False)),
        (nothing, None),
        (strings, None),
        (returns_float, None),
        (Odd(), None),
        (len, None),
    ],
)
def test_float_parameters(target, expected):
    assert float_parameters(target) == expected
