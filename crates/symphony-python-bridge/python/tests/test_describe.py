"""Exceptions as plain data."""

import json
import sys

import pytest

from symphony_bridge._describe import describe


def raised(action):
    try:
        action()
    except BaseException as exception:
        return exception
    raise AssertionError("nothing was raised")


def test_names_type_message_args_and_frames():
    exception = raised(lambda: json.loads("{"))
    kind, message, args, notes, frames, text, cause, context, suppress, members, itself = describe(exception)
    assert kind == "json.decoder.JSONDecodeError"
    assert message == str(exception)
    assert args == exception.args
    assert notes == []
    assert frames[0][2] == "raised"
    assert frames[0][3] == "action()"
    assert text.startswith("Traceback (most recent call last):")
    assert text.endswith(f"{message}\n")
    assert (cause, context, suppress, members) == (None, None, False, None)
    assert itself is exception


def test_follows_cause_and_context():
    def action():
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    description = describe(raised(action))
    assert description[6][0] == "builtins.KeyError"
    assert description[7] is None, "the context is the cause, and is described once"
    assert description[8] is True

    def chained():
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")  # noqa: B904

    description = describe(raised(chained))
    assert (description[6], description[7][0]) == (None, "builtins.KeyError")


def test_a_chain_with_a_cause_at_every_level_is_described_once():
    exception = ValueError("0")
    for index in range(60):
        try:
            try:
                raise exception
            except ValueError as error:
                raise ValueError(str(index)) from error
        except ValueError as error:
            exception = error
    description, depth = describe(exception), 0
    while description is not None:
        description, depth = description[6], depth + 1
    assert depth == 61


@pytest.mark.parametrize("broken", ["__str__", "args", "__notes__", "__module__"])
@pytest.mark.parametrize("problem", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_part_that_raises_does_not_hide_the_exception(broken, problem):
    def raises(*_):
        raise problem("no")

    kind = type("Broken", (Exception,), {broken: raises if broken == "__str__" else property(raises)})
    description = describe(kind("x"))
    assert description[10].__class__ is kind
    assert len(description) == 11


def test_notes_that_are_no_list_are_ignored():
    exception = ValueError("x")
    exception.__notes__ = 5
    assert describe(exception)[3] == []


def test_a_message_with_a_surrogate_pair_as_two_code_points_is_joined():
    assert describe(ValueError("\ud83d\ude00 \ud800"))[1] == "\U0001f600 \ud800"


def test_a_chain_that_runs_in_a_circle_ends():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert describe(first)[6][6] is None


def test_a_chain_of_a_thousand_is_cut():
    exception = ValueError("0")
    for index in range(1_000):
        following = ValueError(str(index))
        following.__cause__ = exception
        exception = following
    description, depth = describe(exception), 0
    while description is not None:
        description, depth = description[6], depth + 1
    assert depth == 101


def test_a_broken_str_does_not_hide_the_exception():
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    description = describe(Broken())
    assert description[0].endswith("Broken")
    assert description[1] == "<message unavailable: builtins.RuntimeError in __str__>"


def test_notes_that_are_no_strings_are_left_out():
    exception = ValueError("x")
    exception.__notes__ = ["a", 3, "b"]
    assert describe(exception)[3] == ["a", "b"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups exist from Python 3.11 on")
def test_members_of_a_group_are_described():
    group = ExceptionGroup("several", [ValueError("a"), TypeError("b")])  # noqa: F821
    assert [member[0] for member in describe(group)[9]] == ["builtins.ValueError", "builtins.TypeError"]


def test_an_attribute_called_exceptions_makes_no_group():
    class Looks(Exception):
        exceptions = ("not", "errors")

    assert describe(Looks())[9] is None
