"""Arrays and views over memory that both languages use.

Rust calls these functions with the object whose memory it is: one of the bridge's own, or one that JavaScript got before.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

_COMPLEX = {"Zf": "F", "Zd": "D"}


class SharedBuffer:
    """Has the memory of an object cross as bytes over that very memory, also if Python takes it for read-only."""

    __slots__ = ("object",)

    def __init__(self, object: Any) -> None:
        self.object = object


def view_over(owner: Any, offset: int, size: int, format: str) -> memoryview:
    """A `memoryview` of a part of an object's memory."""
    part = _bytes_of(owner)[offset : offset + size]
    if len(part) != size:
        raise ValueError(f"expected {size} bytes of memory from {offset} on, got {len(part)}: the object was resized")
    return part if format == "B" else part.cast(_memory_format(format))


def array_over(memory: Any, format: str, shape: tuple[int, ...]) -> Any:
    """A `numpy.ndarray` over the memory, or a `memoryview` of that shape where there is no NumPy."""
    numpy = _numpy()
    if numpy is None:
        if 0 in shape:
            raise ValueError("expected NumPy for an array with a dimension of length 0")
        return memoryview(memory).cast("B").cast(_memory_format(format), shape)
    return numpy.ndarray(shape, _COMPLEX.get(format, format), memory)


def buffer_of(object: Any) -> Any:
    """What has the memory of the object: itself, or an array that looks at it."""
    try:
        memoryview(object).release()
        return object
    except (TypeError, BufferError, ValueError):
        pass
    numpy = _imported_numpy()
    if numpy is not None:
        if hasattr(object, "__array_interface__"):
            return numpy.asarray(object)
        if hasattr(object, "__dlpack__"):
            return _array_of_tensor(numpy, object)
    raise TypeError(
        f"expected an object with the buffer protocol, got a {type(object).__qualname__!r} that has none"
        + ("" if numpy is not None else "; some libraries share their memory through NumPy only, which is not imported")
    )


def _numpy() -> Any:
    """NumPy, or `None` where there is none. One that does not work is an error."""
    if "numpy" not in sys.modules:
        # On a thread of its own: the call that needs it may be cancelled, and NumPy cannot be imported again when its import was interrupted.
        failures: list[BaseException] = []

        def importing() -> None:
            try:
                _import_numpy()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=importing, name="import of numpy", daemon=True)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
    return _import_numpy()


def _imported_numpy() -> Any:
    return _import_numpy() if "numpy" in sys.modules else None


def _import_numpy() -> Any:
    # Waits for a thread that is in the middle of it.
    try:
        import numpy
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        return None
    return numpy


def _array_of_tensor(numpy: Any, tensor: Any) -> Any:
    array = numpy.from_dlpack(tensor)
    if array.flags.writeable or not hasattr(tensor, "__array__"):
        return array
    # NumPy takes memory for read-only if the exporter says nothing about it, as before version 1 of DLPack. The tensor's own array may know better.
    own = numpy.asarray(tensor)
    layout = ("shape", "strides", "dtype")
    is_same = own.ctypes.data == array.ctypes.data and all(getattr(own, name) == getattr(array, name) for name in layout)
    return own if is_same else array


def _bytes_of(memory: Any) -> memoryview:
    # Another thread may be in the middle of importing it, and then this is none of its arrays.
    ndarray = getattr(sys.modules.get("numpy"), "ndarray", None)
    if ndarray is not None and type(memory) is ndarray:
        # A view, since only arrays without gaps have their memory used: no element type and no order stands in the way then.
        return memoryview(memory.ravel(order="K").view("u1"))
    view = memoryview(memory)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _memory_format(format: str) -> str:
    if format in _COMPLEX:
        raise TypeError("expected elements that a memoryview can have, got complex numbers; install NumPy")
    return format
