"""Tables of JavaScript's: what of a description is believed, and what is refused."""

import struct

import pyarrow as pa
import pytest

from symphony_bridge._arrow import RECORD_BATCH, TABLE, VECTOR, ArrowRefusal
from symphony_bridge._arrow_in import import_arrow

NO_DICTIONARY = -1


def int32(*values):
    return struct.pack(f"<{len(values)}i", *values)


def leaf(length, *buffers, dictionary=NO_DICTIONARY):
    return [length, list(buffers), [], dictionary]


def description(kind, fields, batches, dictionaries=()):
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, pa.schema(fields)).close()
    return [kind, sink.getvalue().to_pybytes(), batches, list(dictionaries)]


def column(kind, node, dictionaries=()):
    """The values of a table with one column of that type."""
    table = import_arrow(description(TABLE, [pa.field("x", kind)], [[node[0], [node]]], dictionaries), "pyarrow")
    table.validate(full=True)
    return table.column("x").to_pylist()


TEXT = leaf(2, None, int32(0, 1, 3), b"abc")


def test_makes_columns_over_the_buffers():
    assert column(pa.int32(), leaf(2, None, int32(1, 2))) == [1, 2]
    assert column(pa.int8(), leaf(2, b"\x02", b"\x01\x02")) == [None, 2]
    assert column(pa.string(), TEXT) == ["a", "bc"]
    assert column(pa.null(), leaf(3)) == [None] * 3
    assert column(pa.struct([("a", pa.int8())]), [1, [None], [leaf(1, None, b"\x07")], NO_DICTIONARY]) == [{"a": 7}]


def test_makes_record_batches_and_chunked_arrays():
    one = leaf(1, None, b"\x01")
    batch = import_arrow(description(RECORD_BATCH, [pa.field("x", pa.int8())], [[1, [one]]]), "pyarrow")
    assert isinstance(batch, pa.RecordBatch)
    assert batch.to_pydict() == {"x": [1]}
    chunked = import_arrow(description(VECTOR, [pa.field("", pa.int8())], [[1, [one]], [1, [one]]]), "pyarrow")
    assert isinstance(chunked, pa.ChunkedArray)
    assert (chunked.num_chunks, chunked.to_pylist()) == (2, [1, 1])


def test_keeps_rows_without_columns():
    batch = import_arrow(description(RECORD_BATCH, [], [[3, []]]), "pyarrow")
    assert (batch.num_rows, batch.num_columns) == (3, 0)


def test_joins_the_chunks_of_a_dictionary():
    kind = pa.dictionary(pa.int8(), pa.string())
    chunks = [leaf(1, None, int32(0, 1), b"a"), leaf(1, None, int32(0, 1), b"b")]
    assert column(kind, leaf(3, None, b"\0\1\0", dictionary=0), [chunks]) == ["a", "b", "a"]
    assert column(kind, leaf(1, b"\0", b"\0", dictionary=0), [[]]) == [None]


def test_an_empty_array_needs_nothing_inside():
    assert column(pa.list_(pa.int8()), leaf(0)) == []
    assert column(pa.dictionary(pa.int8(), pa.string()), leaf(0)) == []


def test_memory_that_is_not_aligned_is_taken():
    assert column(pa.int64(), leaf(1, None, memoryview(bytes(9))[1:])) == [0]


ENTRIES = pa.map_(pa.string(), pa.int8())
KEY, VALUE = leaf(1, None, int32(0, 1), b"k"), leaf(1, None, b"\x01")
NULL_KEY = leaf(1, b"\0", int32(0, 0), b"")


def entries_of(key, value=VALUE, validity=None):
    return [1, [None, int32(0, 1)], [[1, [validity], [key, value], NO_DICTIONARY]], NO_DICTIONARY]


def test_makes_maps():
    assert column(ENTRIES, entries_of(KEY)) == [[("k", 1)]]


@pytest.mark.parametrize(
    ("kind", "node", "reason"),
    [
        (pa.int32(), leaf(2, None, b"1234"), "too small"),
        (pa.int32(), leaf(2, None, None), "Missing values buffer"),
        (pa.int32(), leaf(2, None), "number of buffers"),
        (pa.int32(), leaf(-1, None, b""), "negative"),
        (pa.int32(), leaf(2**62, None, b"1234"), "impossibly large"),
        (pa.int32(), leaf(float("nan"), None, b"1234"), "NaN"),
        (pa.bool_(), leaf(2**62, None, b""), "too small"),
        (pa.int8(), leaf(9, b"\0", bytes(9)), "validity bitmap of 9 bits"),
        (pa.string(), leaf(2, None, int32(0, 1), b"ab"), "Offsets buffer"),
        (pa.string(), leaf(2, None, int32(0, 2, 1), b"ab"), "non-monotonic"),
        (pa.string(), leaf(1, None, int32(-5, 0), b"ab"), "Negative offsets"),
        (pa.string(), leaf(1, None, int32(0, 9), b"ab"), "larger than values"),
        (pa.string(), leaf(1, None, int32(0, 1), b"\xff"), "UTF8"),
        (pa.string_view(), leaf(1, None, struct.pack("<4i", 20, 0, 0, 100), b"abc"), "references range"),
        (pa.string_view(), leaf(1, None, struct.pack("<4i", 20, 0, 7, 0), b"abc"), "references buffer 7"),
        (pa.decimal128(2, 0), leaf(1, None, b"\xff" * 15 + b"\x7f"), "does not fit"),
        (pa.struct([("a", pa.int8())]), [2, [None], [VALUE], NO_DICTIONARY], "smaller than expected"),
        (pa.struct([("a", pa.int8())]), [2, [None], [], NO_DICTIONARY], "1 children, got 0"),
        (pa.list_(pa.int8()), [1, [None, int32(0, 9)], [VALUE], NO_DICTIONARY], "larger than values"),
        (pa.list_(pa.int8(), 3), [2, [None], [VALUE], NO_DICTIONARY], "less than the length"),
        (pa.sparse_union([pa.field("a", pa.int8())]), [1, [None, b"\5"], [VALUE], NO_DICTIONARY], "invalid type id"),
        (pa.dense_union([pa.field("a", pa.int8())]), [1, [None, b"\0", int32(9)], [VALUE], NO_DICTIONARY], "offset"),
        # For these pyarrow ends the process, if it is asked.
        (ENTRIES, entries_of(NULL_KEY), "keys are not null"),
        (ENTRIES, entries_of(KEY, validity=b"\0"), "entries and keys are not null"),
        (ENTRIES, entries_of(KEY, value=leaf(0)), "smaller than expected"),
    ],
)
def test_refuses_what_leads_out_of_its_memory(kind, node, reason):
    with pytest.raises(ArrowRefusal, match=reason) as refusal:
        column(kind, node)
    assert refusal.value.path == "table.x"


@pytest.mark.parametrize(
    ("node", "dictionaries", "reason"),
    [
        (leaf(1, None, b"\5", dictionary=0), [[TEXT]], "Dictionary indices invalid"),
        (leaf(1, None, b"\xff", dictionary=0), [[TEXT]], "Dictionary indices invalid"),
        (leaf(1, None, b"\0"), [[TEXT]], "expected a dictionary, got none"),
        (leaf(1, None, b"\0", dictionary=3), [[TEXT]], "expected a dictionary, got none"),
        (leaf(1, None, b"\0", dictionary=0), [[leaf(1, None, int32(0, 9), b"a")]], "larger than values"),
    ],
)
def test_refuses_indices_that_lead_nowhere(node, dictionaries, reason):
    with pytest.raises(ArrowRefusal, match=reason):
        column(pa.dictionary(pa.int8(), pa.string()), node, dictionaries)


def test_the_path_names_the_column():
    fields = [pa.field("price in \u20ac", pa.int8())]
    with pytest.raises(ArrowRefusal) as refusal:
        import_arrow(description(TABLE, fields, [[2, [leaf(2, None, b"1")]]]), "pyarrow")
    assert refusal.value.path == "table['price in \u20ac']"
