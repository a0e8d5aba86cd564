"""Types of the compiled half."""

from typing import Final

VERSION: Final[str]
BUILD_INFO: Final[dict[str, str]]

def get_system_info() -> dict[str, object]: ...
def emit_output(stream: int, text: str) -> None: ...
def poison_after_fork() -> None: ...
