"""What the soak calls. Whatever it makes is held by handles alone, so that nothing stays when those are gone."""

import array
import asyncio
import gc
import io  # noqa: F401 - the soak makes files of it
import sys
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


class AsyncManager(Manager):
    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error):
        await asyncio.sleep(0)
        return self.__exit__(*error)


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


def generated(start):
    """The same on a thread."""
    while start > 0:
        yield Thing(start)
        start -= 1


def stubborn(count):
    """Counts up, and survives what is thrown into it, unless that is a ValueError."""
    for number in range(count):
        try:
            yield number
        except ValueError:
            raise
        except Exception as error:
            yield type(error).__name__


async def stubborn_async(count):
    for number in range(count):
        try:
            await asyncio.sleep(0)
            yield number
        except ValueError:
            raise
        except Exception as error:
            yield type(error).__name__


def blocks(count):
    for number in range(count):
        yield bytes([number % 256]) * 1000


async def blocks_async(count):
    for block in blocks(count):
        await asyncio.sleep(0)
        yield block


def print_lines(text, count):
    for number in range(count):
        print(text, number)
    if count > 0:
        thread = threading.Thread(target=print, args=(f"thread of {text}",), kwargs={"file": sys.stderr})
        thread.start()
        thread.join()


async def print_lines_later(text, count):
    for number in range(count):
        await asyncio.sleep(0)
        print(text, number)


def ident():
    return threading.get_ident()


async def ident_later():
    return threading.get_ident()


def fold(function, count):
    """The sum of the numbers below `count`, added by `function`."""
    total = 0
    for number in range(count):
        total = function(total, number)
    return total


def ask_named(function, **named):
    return function(**named)


async def awaited(value):
    return await value


def awaited_in_thread(value):
    return asyncio.run(awaited(value))


def result(value):
    return value.result(timeout=60)


async def awaited_call(function, *args):
    return await function(*args)


async def dropped_tasks(value, count):
    """Tasks that await, and are cancelled in the middle of it; what the value is."""
    tasks = [asyncio.ensure_future(awaited(value)) for _ in range(count)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return type(value).__name__


async def gather(function, count):
    return await asyncio.gather(*(function(number) for number in range(count)))


def gather_in_thread(function, count):
    return asyncio.run(gather(function, count))


def items(value):
    return list(value)


def take(value, count):
    """Takes some items and leaves the rest."""
    taken = []
    for item in value:
        taken.append(item)
        if len(taken) == count:
            break
    return taken


async def take_async(value, count):
    taken = []
    async for item in value:
        taken.append(item)
        if len(taken) == count:
            break
    return taken


def take_async_in_thread(value, count):
    return asyncio.run(take_async(value, count))


def throw_into(generator):
    """Gives what comes back."""
    next(generator)
    try:
        return generator.throw(ValueError("on purpose"))
    except ValueError as error:
        # V8's generators keep what was thrown into them, and the traceback has the generator: a circle through both languages.
        error.__traceback__ = None
        return str(error)


def read(stream, count=-1):
    return stream.read(count)


async def count_bytes(stream):
    total = 0
    async for chunk in stream:
        total += len(chunk)
    return total


def first_of(value):
    return memoryview(value).cast("B")[0]


def fill(value, item):
    """Writes to the whole memory of an array or view."""
    view = memoryview(value)
    if view.nbytes > 0:
        view.cast("B")[:] = bytes([item]) * view.nbytes


def total(value):
    return sum(memoryview(value).cast("B").tobytes())


def bytes_of(count, item):
    return bytearray([item]) * count


def numbers_of(count, item):
    """An `array.array` of bytes."""
    return array.array("B", bytes([item]) * count)


def table_of(height, width, item):
    """A `memoryview` of two dimensions."""
    return memoryview(bytearray([item]) * (height * width)).cast("B", (height, width))


def grown(value):
    """Whether its size may change."""
    try:
        value.append(0)
        del value[-1]
        return True
    except BufferError:
        return False


def rows_of(table):
    """Views of parts of one memory."""
    memory = memoryview(table).cast("B")
    width = table.shape[1]
    return [memory[at : at + width] for at in range(0, memory.nbytes, width)]


class Keeper:
    """Keeps views of memory for as long as JavaScript keeps this."""

    def __init__(self, *values):
        self.views = [memoryview(value) for value in values]

    def totals(self):
        return [total(view) for view in self.views]


async def fill_later(value, item):
    await asyncio.sleep(0)
    fill(value, item)
    return value


def keeps(value, kept):
    kept.append(value)


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
    counted = "handles", "handle_faults", "requests", "sessions", "shares", "js_objects"
    names = (*counted, "array_bytes", "futures", "tasks", "environments")
    return {name: info[name] for name in names}
