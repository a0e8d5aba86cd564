"""What a Conductor says of its processes."""

from __future__ import annotations

from enum import Enum


class ConductorStatus(Enum):
    """What has become of a process of a Conductor. The values are the names of the events in JavaScript."""

    __module__ = "symphony_bridge"

    Started = "started"
    """It is ready for the first time."""
    Stopped = "stopped"
    """It has ended because it was asked to."""
    Died = "died"
    """It has ended by itself."""
    Restarted = "restarted"
    """Another one is ready in its place."""
    RestartFailed = "restartFailed"
    """Another one could not be started in its place."""
