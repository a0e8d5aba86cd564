"""Rust futures as awaitables, in an interpreter of Python's own."""

from __future__ import annotations

import asyncio

import pytest
import symphony_bridge


def test_sleep_gives_its_result() -> None:
    async def main() -> list[object]:
        return await asyncio.gather(*(symphony_bridge.sleep_async(0.001, index) for index in range(100)))

    assert asyncio.run(main()) == list(range(100))


def test_a_cancelled_task_drops_the_future() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(symphony_bridge.sleep_async(3600))
        await asyncio.sleep(0)
        assert symphony_bridge.get_system_info()["futures"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while symphony_bridge.get_system_info()["futures"] > 0:
            await asyncio.sleep(0)

    asyncio.run(main())


def test_system_info() -> None:
    async def main() -> dict[str, object]:
        return await symphony_bridge.get_system_info_async()

    assert asyncio.run(main())["bridge"] == symphony_bridge.VERSION


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_seconds_are_checked(seconds: float) -> None:
    async def main() -> None:
        await symphony_bridge.sleep_async(seconds)

    with pytest.raises(ValueError, match="must be a number of seconds"):
        asyncio.run(main())


def test_a_loop_must_run() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        symphony_bridge.sleep_async(1)
