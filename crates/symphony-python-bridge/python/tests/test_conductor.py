"""What Python code sees of Conductors."""

import symphony_bridge


def test_the_statuses_have_the_names_of_events() -> None:
    names = {status.name: status.value for status in symphony_bridge.ConductorStatus}
    assert names == {
        "Started": "started",
        "Stopped": "stopped",
        "Died": "died",
        "Restarted": "restarted",
        "RestartFailed": "restartFailed",
    }


def test_what_ends_a_call_is_an_exception_of_the_right_kind() -> None:
    assert issubclass(symphony_bridge.TaskTimeout, TimeoutError)
    assert str(symphony_bridge.TaskTimeout()) == "the time of this call is over"
    assert not issubclass(symphony_bridge.CallCancelled, Exception)
    assert issubclass(symphony_bridge.ConductorFatal, Exception)
    for exception in (symphony_bridge.TaskTimeout, symphony_bridge.CallCancelled, symphony_bridge.ConductorFatal):
        assert (exception.__module__, exception.__name__ in symphony_bridge.__all__) == ("symphony_bridge", True)


def test_in_other_processes_the_loop_shows_nobody_that_it_turns() -> None:
    from symphony_bridge import _native

    assert _native.loop_beat() is None
