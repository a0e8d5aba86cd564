"""Tables of Python's to JavaScript: a description of their arrays, and the memory of these as it is.

Nothing is serialized but the schema, and nothing is copied but what has no type in JavaScript or lies where no typed array could.
"""

from __future__ import annotations

import sys

from symphony_bridge._arrays import SharedBuffer
from symphony_bridge._arrow import RECORD_BATCH, TABLE, VECTOR, ArrowRefusal, field_path, item_path, pyarrow_module
from symphony_bridge._arrow_types import PlainTypes

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: In place of the number of a buffer or dictionary: there is none.
NONE = -1
# Eight bytes are the widest element of a typed array.
_ALIGNMENT = 8


def export_arrow(source: Any, lacking: list[str], preserve_index: bool | None) -> list[Any]:
    """A description of a table, record batch or column.

    ``lacking``: types that this ``apache-arrow`` does not know, by their names there. Gives ``[kind, schema as an IPC stream,
    record batches, dictionaries, buffers]``; a record batch is ``[length, nodes]``, and so is each chunk of a column.
    """
    pa = pyarrow_module("`$toArrow()`")
    kind, data = _arrow_of(pa, source, "Utf8View" in lacking, preserve_index)
    types = PlainTypes(pa, frozenset(lacking))
    export = _Export(pa, types)
    if kind == VECTOR:
        schema = pa.schema([pa.field("", data.type)])
        batches = [[len(chunk), [export.node(chunk, "")]] for chunk in data.chunks]
    else:
        schema = data.schema
        paths = [field_path("", name) for name in schema.names]
        batches = [
            [batch.num_rows, [export.node(column, path) for column, path in zip(batch.columns, paths)]]
            for batch in ([data] if kind == RECORD_BATCH else _batches(pa, data))
        ]
    types.check_text(schema.metadata, "")
    plain = [types.plain_field(field, field_path("", field.name) if field.name else "") for field in schema]
    return [
        kind,
        _schema_stream(pa, pa.schema(plain, schema.metadata)),
        batches,
        export.dictionaries,
        [SharedBuffer(buffer) for buffer in export.buffers],
    ]


def _batches(pa: Any, table: Any) -> list[Any]:
    """The record batches of a table; an empty one of a table without any, which JavaScript could not slice."""
    batches = table.to_batches()
    if batches or not table.schema.names:
        return batches
    return [pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in table.schema], schema=table.schema)]


def _schema_stream(pa: Any, schema: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema).close()
    return sink.getvalue().to_pybytes()


def _arrow_of(pa: Any, source: Any, no_views: bool, preserve_index: bool | None) -> tuple[int, Any]:
    """The kind of an object, and it as a table, record batch or chunked array of pyarrow's."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(source, getattr(pandas, "DataFrame", ())):
        return TABLE, _from_pandas(pa, source, preserve_index)
    if preserve_index is not None:
        raise ArrowRefusal("", f"`preserveIndex` is about pandas DataFrames, but this is a {_name(source)}")
    if isinstance(source, pa.Table):
        return TABLE, _unified(pa, source)
    if isinstance(source, pa.RecordBatch):
        return RECORD_BATCH, source
    if isinstance(source, pa.RecordBatchReader):
        return TABLE, _unified(pa, source.read_all())
    if isinstance(source, pa.ChunkedArray):
        return VECTOR, _unified_column(pa, source)
    if isinstance(source, pa.Array):
        return VECTOR, pa.chunked_array([source])
    if pandas is not None and isinstance(source, (pandas.Series, pandas.Index)):
        return VECTOR, _chunked(pa, _pandas_column(pa, source))
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(source, getattr(polars, "DataFrame", ())):
        # Without views polars copies its strings, and casting them here would copy them as well.
        level = polars.CompatLevel.oldest() if no_views else polars.CompatLevel.newest()
        return TABLE, _unified(pa, source.to_arrow(compat_level=level))
    if polars is not None and isinstance(source, getattr(polars, "LazyFrame", ())):
        raise ArrowRefusal("", "expected a table, got a polars LazyFrame, which has no rows yet; call `collect()` first")
    return _from_capsules(pa, source)


def _from_pandas(pa: Any, frame: Any, preserve_index: bool | None) -> Any:
    try:
        return pa.Table.from_pandas(frame, preserve_index=preserve_index)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        # pyarrow names the column in a second argument.
        named = str(error.args[-1]) if len(error.args) > 1 else ""
        start, end = "Conversion failed for column ", " with type "
        path = ""
        if named.startswith(start) and end in named:
            path = field_path("", named[len(start) : named.rindex(end)])
        raise ArrowRefusal(path, f"pyarrow cannot make a column of these values: {error.args[0]}") from error


def _pandas_column(pa: Any, series: Any) -> Any:
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ArrowRefusal("", f"pyarrow cannot make an array of these values: {error.args[0]}") from error


def _from_capsules(pa: Any, source: Any) -> tuple[int, Any]:
    """What the Arrow PyCapsule interface gives, which any library can speak."""
    kind = type(source)
    if hasattr(kind, "__arrow_c_stream__"):
        # A stream of structs is a table, unless its library says that it is one column.
        polars = sys.modules.get("polars")
        if polars is None or not isinstance(source, getattr(polars, "Series", ())):
            try:
                return TABLE, _unified(pa, pa.RecordBatchReader.from_stream(source).read_all())
            except (pa.ArrowInvalid, TypeError):
                # No structs: it is a column, or fails again with its own words.
                pass
        return VECTOR, _unified_column(pa, pa.chunked_array(source))
    if hasattr(kind, "__arrow_c_array__"):
        return VECTOR, pa.chunked_array([pa.array(source)])
    raise ArrowRefusal(
        "",
        "expected a table or column of pandas, polars or pyarrow, or an object with `__arrow_c_stream__` or "
        f"`__arrow_c_array__`, got a {_name(source)}",
    )


def _name(source: Any) -> str:
    return f"{type(source).__module__}.{type(source).__qualname__}"


def _chunked(pa: Any, data: Any) -> Any:
    return data if isinstance(data, pa.ChunkedArray) else pa.chunked_array([data])


def _unified(pa: Any, table: Any) -> Any:
    """The table with one dictionary a column, where that is possible: JavaScript compares and joins by index."""
    try:
        return table.unify_dictionaries()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Too many different values for the type of the indices: each chunk keeps its own.
        return table


def _unified_column(pa: Any, column: Any) -> Any:
    try:
        return column.unify_dictionaries()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column


class _Export:
    """Buffers and dictionaries that are named by numbers, since arrays share them."""

    def __init__(self, pa: Any, types: PlainTypes) -> None:
        self._pa = pa
        self._types = types
        self.buffers: list[Any] = []
        self._numbers: dict[int, int] = {}
        #: Each as a node.
        self.dictionaries: list[list[Any]] = []
        self._known_dictionaries: dict[Any, int] = {}
        #: So that no address is given to another array meanwhile.
        self._alive: list[Any] = []

    def node(self, array: Any, path: str) -> list[Any]:
        """``[length, offset, nulls, bytes a value, numbers of its buffers, children, number of its dictionary]``.

        The offset applies to the array's own buffers; children begin where the array does, except those that it finds by offsets.
        """
        pa, types = self._pa, self._types
        array = types.plain_array(array, path)
        kind, length, offset = array.type, len(array), array.offset
        number = kind.id
        if number == types.null:
            return [length, 0, length, 0, [], [], NONE]
        buffers = array.buffers()
        nulls = 0 if buffers[0] is None else array.null_count
        children: list[Any] = []
        dictionary = NONE
        width = 0
        if number in types.views:
            own = buffers
            width = 16
        elif number == types.dictionary:
            own = buffers[:2]
            width = kind.index_type.bit_width // 8
            dictionary = self._dictionary(array.dictionary, path)
        elif number == types.struct:
            own = buffers[:1]
            children = self._fields(array, kind, path)
        elif number in types.unions:
            own = buffers[: 2 if number == types.sparse_union else 3]
            children = self._fields(array, kind, path)
        elif number == types.fixed_size_list:
            own = buffers[:1]
            size = kind.list_size
            children = [self.node(array.values.slice(offset * size, length * size), item_path(path))]
        elif number in types.lists:
            own = buffers[:2]
            children = [self.node(array.values, item_path(path))]
        else:
            own = buffers
            if number not in types.texts:
                width = kind.bit_width // 8
        # Empty arrays of different types can share one offset of zero.
        numbers = [self._buffer(buffer, path) if length else NONE for buffer in own]
        if nulls == 0:
            numbers[0] = NONE
        return [length, offset, nulls, width, numbers, children, dictionary]

    def _fields(self, array: Any, kind: Any, path: str) -> list[Any]:
        return [
            self.node(array.field(index), field_path(path, kind.field(index).name)) for index in range(kind.num_fields)
        ]

    def _dictionary(self, dictionary: Any, path: str) -> int:
        places = tuple(0 if buffer is None else buffer.address for buffer in dictionary.buffers())
        key = (places, dictionary.offset, len(dictionary), dictionary.type)
        number = self._known_dictionaries.get(key)
        # Addresses do not say which dictionary an inner one is.
        if number is None or self._types.holds_dictionary(dictionary.type):
            self._alive.append(dictionary)
            node = self.node(dictionary, path)
            number = self._known_dictionaries[key] = len(self.dictionaries)
            self.dictionaries.append(node)
        return number

    def _buffer(self, buffer: Any, path: str) -> int:
        if buffer is None or buffer.size == 0:
            return NONE
        if not buffer.is_cpu:
            raise ArrowRefusal(path, "expected an array in main memory, got one in the memory of a device; copy it first")
        address = buffer.address
        number = self._numbers.get(address)
        if number is None:
            number = self._numbers[address] = len(self.buffers)
            self._alive.append(buffer)
            self.buffers.append(self._aligned(buffer))
        elif buffer.size > self.buffers[number].size:
            # More of the same memory.
            self._alive.append(buffer)
            self.buffers[number] = self._aligned(buffer)
        return number

    def _aligned(self, buffer: Any) -> Any:
        """The buffer, or a copy of one whose address no typed array could have."""
        if buffer.address % _ALIGNMENT == 0:
            return buffer
        copy = self._pa.allocate_buffer(buffer.size)
        memoryview(copy).cast("B")[:] = memoryview(buffer).cast("B")
        return copy
