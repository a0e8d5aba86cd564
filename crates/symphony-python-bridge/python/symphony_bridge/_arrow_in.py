"""Tables of JavaScript's to Python: arrays over the bytes that came.

JavaScript may have built its table wrongly, and pyarrow believes what a buffer says of itself; so all is validated before anybody reads it.
"""

from __future__ import annotations

from symphony_bridge._arrow import RECORD_BATCH, TABLE, ArrowRefusal, field_path, pyarrow_module

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROOT = "table"


def import_arrow(description: list[Any], target: str) -> Any:
    """A table, record batch or chunked array of pyarrow's, or what ``target`` (``"pandas"``, ``"polars"``) makes of it.

    ``description``: ``[kind, schema as an IPC stream, record batches, dictionaries]``. A record batch is ``[length, nodes]``, a node
    ``[length, buffers, children, number of its dictionary]``, a dictionary the list of the nodes of its chunks. A buffer is a copy of the
    bytes, or a view of memory that is Python's.
    """
    pa = pyarrow_module("`fromArrow`")
    kind, schema_stream, batches, dictionaries = description
    schema = pa.ipc.open_stream(schema_stream).schema
    arrays = _Arrays(pa, dictionaries)
    if kind in (TABLE, RECORD_BATCH):
        made = [arrays.batch(schema, length, nodes) for length, nodes in batches]
        data = made[0] if kind == RECORD_BATCH else pa.Table.from_batches(made, schema)
    else:
        field = schema.field(0)
        data = pa.chunked_array([arrays.checked(field.type, nodes[0], "vector") for _, nodes in batches], field.type)
    if target == "pandas":
        return data.to_pandas()
    if target == "polars":
        return _to_polars(data)
    return data


def _to_polars(data: Any) -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        if error.name != "polars":
            raise
        import sys

        raise ModuleNotFoundError(
            "`fromArrow` to polars needs polars, which this Python does not have; install it with "
            f"`{sys.executable} -m pip install polars`",
            name="polars",
        ) from None
    return polars.from_arrow(data)


class _Arrays:
    """Makes arrays of nodes."""

    def __init__(self, pa: Any, dictionaries: list[list[Any]]) -> None:
        self._pa = pa
        self._dictionary_nodes = dictionaries
        self._dictionaries: dict[tuple[int, Any], Any] = {}

    def batch(self, schema: Any, length: int, nodes: list[Any]) -> Any:
        pa = self._pa
        columns = [self.checked(field.type, node, field_path(_ROOT, field.name)) for field, node in zip(schema, nodes)]
        if not columns:
            # Rows without columns, which a list of columns could not say.
            rows = pa.Array.from_buffers(pa.struct([]), length, [None])
            return pa.RecordBatch.from_struct_array(rows).replace_schema_metadata(schema.metadata)
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def checked(self, kind: Any, node: list[Any], path: str) -> Any:
        """The array, validated: neither its offsets nor its indices lead out of its memory, and its text is UTF-8."""
        try:
            array = self._array(kind, node)
            array.validate(full=True)
        except (self._pa.ArrowException, ValueError, IndexError) as error:
            raise ArrowRefusal(path, f"this is no valid Arrow data of type {kind}: {error}") from error
        return array

    def _array(self, kind: Any, node: list[Any]) -> Any:
        pa = self._pa
        if isinstance(kind, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(kind, self._array(kind.storage_type, node))
        length, own, children, dictionary = node
        if length == 0 and (dictionary < 0 or not pa.types.is_dictionary(kind)):
            # JavaScript may have left out what is inside of it.
            return pa.nulls(0, kind)
        if pa.types.is_null(kind):
            return pa.nulls(length)
        buffers = [None if buffer is None else pa.py_buffer(buffer) for buffer in own]
        if buffers[0] is not None and buffers[0].size * 8 < length:
            # Checked here, because pyarrow counts the nulls before it validates.
            raise ValueError(f"expected a validity bitmap of {length} bits, got {buffers[0].size} bytes")
        if pa.types.is_dictionary(kind):
            indices = pa.Array.from_buffers(kind.index_type, length, buffers)
            indices.validate()
            values = self._dictionary(dictionary, kind.value_type)
            return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered, safe=False)
        fields = [kind.field(index) for index in range(kind.num_fields)]
        if len(fields) != len(children):
            raise ValueError(f"expected {len(fields)} children, got {len(children)}")
        inner = [self._array(field.type, child) for field, child in zip(fields, children)]
        if pa.types.is_map(kind):
            _check_entries(inner[0])
        return pa.Array.from_buffers(kind, length, buffers, -1, 0, inner)

    def _dictionary(self, number: int, kind: Any) -> Any:
        if not 0 <= number < len(self._dictionary_nodes):
            raise ValueError("expected a dictionary, got none")
        key = (number, kind)
        made = self._dictionaries.get(key)
        if made is None:
            chunks = [self._array(kind, node) for node in self._dictionary_nodes[number]]
            for chunk in chunks:
                chunk.validate(full=True)
            if len(chunks) == 1:
                made = chunks[0]
            else:
                made = self._pa.concat_arrays(chunks) if chunks else self._pa.array([], kind)
            self._dictionaries[key] = made
        return made


def _check_entries(entries: Any) -> None:
    """Refuses the entries of a map that pyarrow would end the process for, before it validates them."""
    entries.validate()
    if entries.null_count or entries.field(0).null_count:
        raise ValueError("expected a map whose entries and keys are not null, got one that has nulls there")
