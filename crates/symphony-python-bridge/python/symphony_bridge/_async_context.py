"""Asynchronous context managers entered and left for JavaScript, each in a task of its own from one end to the other."""

from __future__ import annotations

import asyncio

from symphony_bridge import _loop

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Block:
    """An ``async with`` statement whose body is in JavaScript. What must be left by the task that entered it, is."""

    def __init__(self, manager: Any) -> None:
        loop = asyncio.get_running_loop()
        self.entered = loop.create_future()
        self.left = loop.create_future()
        self.task = loop.create_task(self._run(manager))
        _under_way.add(self)

    async def _run(self, manager: Any) -> None:
        try:
            async with manager as value:
                if self.entered.cancelled():
                    # Whoever wanted to enter has given up.
                    raise asyncio.CancelledError
                self.entered.set_result(value)
                error = await self.left
                if error is not None:
                    raise error
        except asyncio.CancelledError:
            self.entered.cancel()
            raise
        except BaseException as error:
            if self.entered.done():
                raise
            self.entered.set_exception(error)
        finally:
            _under_way.discard(self)


# The loop holds tasks weakly.
_under_way: set[_Block] = set()

# By the manager's identity; a manager may be entered several times.
_blocks: dict[int, list[_Block]] = {}


async def enter(manager: Any, managers: list[Any]) -> Any:
    """Enters; ``managers`` is the list of what the thread of the caller is inside of."""
    block = _Block(manager)
    try:
        value = await block.entered
    except asyncio.CancelledError:
        # Entered or not: nobody will leave it.
        block.task.cancel()
        raise
    _blocks.setdefault(id(manager), []).append(block)
    managers.append(manager)
    return value


def is_inside(manager: Any) -> bool:
    """Whether the manager was entered here and not left."""
    return id(manager) in _blocks


async def leave(manager: Any, error: BaseException | None) -> bool:
    """Leaves; says whether the manager swallowed the error."""
    blocks = _blocks[id(manager)]
    block = blocks.pop()
    if not blocks:
        del _blocks[id(manager)]
    if not block.left.done():
        block.left.set_result(error)
    try:
        await block.task
    except BaseException as raised:
        if raised is error:
            return False
        raise
    return error is not None


def leave_later(leaving: Any) -> None:
    """Leaves without waiting, from any thread."""
    asyncio.run_coroutine_threadsafe(leaving, _loop.running())
