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
    assert description[7][0] == "builtins.KeyError"
    assert description[8] is True


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
    assert description[1] == "<message unavailable: RuntimeError in __str__>"


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
