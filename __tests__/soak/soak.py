"""What the soak calls. Whatever it makes is held by handles alone, so that nothing stays when those are gone."""

import asyncio
import gc
import threading
import time

import symphony_bridge


class Thing:
    def __init__(self, value=None):
        self.value = value

    def add(self, number):
        return self.value + number


class Holder:
    """Keeps a JavaScript object for as long as JavaScript keeps this."""

    def __init__(self, held):
        self.held = held

    def call(self, *args):
        return self.held(*args)

    def get(self):
        return self.held


class Manager:
    def __init__(self, swallows):
        self.swallows = swallows
        self.errors = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.errors.append(kind and kind.__name__)
        return self.swallows


def echo(value):
    return value


def things(count):
    return [Thing(index) for index in range(count)]


def fail(depth, thing):
    if depth > 0:
        return fail(depth - 1, thing)
    raise ValueError("on purpose", thing)


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return seconds


def ask(function, *args):
    return function(*args)


def ask_careful(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return type(error).__name__


def ask_in_threads(count, function):
    """Each of the threads asks once; what came of it."""
    answers = []

    def run(index):
        try:
            answers.append(function(index))
        except RuntimeError:
            # The worker of the function was terminated.
            answers.append(None)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def countdown(start):
    while start > 0:
        yield start
        start -= 1


async def later(value, seconds):
    await asyncio.sleep(seconds)
    return value


async def stream(start):
    """Counts down, with its pauses; the thing is given in the middle."""
    try:
        while start > 0:
            await asyncio.sleep(0)
            yield Thing(start)
            start -= 1
    finally:
        await asyncio.sleep(0)


def collect():
    return gc.collect()


def rust_futures(count, cancelled):
    """Timers, some of which are cancelled; how many were not."""

    async def main():
        tasks = [asyncio.ensure_future(symphony_bridge.sleep_async(index / 1000, index)) for index in range(count)]
        await asyncio.sleep(0)
        for task in tasks[:cancelled]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(not isinstance(result, BaseException) for result in results)

    return asyncio.run(main())


def figures():
    info = symphony_bridge.get_system_info()
    names = "handles", "requests", "sessions", "shares", "js_objects", "futures", "tasks", "environments"
    return {name: info[name] for name in names}
