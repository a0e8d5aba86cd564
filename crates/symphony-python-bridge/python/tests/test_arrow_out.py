"""Tables of Python's: which memory of theirs is described, and what is refused."""

import numpy as np
import pyarrow as pa
import pytest

from symphony_bridge._arrow import RECORD_BATCH, TABLE, VECTOR, ArrowRefusal
from symphony_bridge._arrow_out import NONE, export_arrow

LENGTH, OFFSET, NULLS, WIDTH, BUFFERS, CHILDREN, DICTIONARY = range(7)


def exported(source, lacking=(), preserve_index=None):
    """The kind, the schema, the record batches, the dictionaries and the buffers as bytes-like objects."""
    kind, schema, batches, dictionaries, buffers = export_arrow(source, list(lacking), preserve_index)
    return kind, pa.ipc.open_stream(schema).schema, batches, dictionaries, [one.object for one in buffers]


def only_node(source, **options):
    """The node of a source with one column and one batch; and the buffers, with `None` where it has none."""
    _, _, [[_, [node]]], _, buffers = exported(source, **options)
    return node, [None if number == NONE else buffers[number] for number in node[BUFFERS]]


def test_the_kinds():
    assert exported(pa.table({"x": [1]}))[0] == TABLE
    assert exported(pa.record_batch({"x": [1]}))[0] == RECORD_BATCH
    assert exported(pa.array([1]))[0] == VECTOR
    assert exported(pa.chunked_array([[1], [2]]))[0] == VECTOR
    reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int8())]), [])
    assert exported(reader)[0] == TABLE


def test_describes_the_memory_itself():
    array = pa.array([1, None, 3], pa.int16())
    node, buffers = only_node(array)
    assert node[:4] == [3, 0, 1, 2]
    assert [buffer.address for buffer in buffers] == [buffer.address for buffer in array.buffers()]


def test_a_slice_is_an_offset_into_the_same_memory():
    array = pa.array(range(100))
    node, buffers = only_node(array[10:20])
    assert node[:2] == [10, 10]
    assert buffers[0] is None
    assert buffers[1].address == array.buffers()[1].address


def test_nulls_outside_of_a_slice_do_not_count():
    node, buffers = only_node(pa.array([None, 1, 2])[1:])
    assert node[NULLS] == 0
    assert buffers[0] is None


def test_arrays_that_share_memory_name_it_once():
    array = pa.array([1, 2, 3])
    _, _, [[_, nodes]], _, buffers = exported(pa.table({"x": array[:2], "y": array[1:]}))
    numbers = {node[BUFFERS][1] for node in nodes}
    assert (len(numbers), len(buffers)) == (1, 1)


def test_memory_at_an_odd_address_is_copied():
    memory = pa.allocate_buffer(24)
    odd = memory.slice(1, 16)
    memoryview(memory).cast("B")[:] = bytes(range(24))
    _, buffers = only_node(pa.Array.from_buffers(pa.int64(), 2, [None, odd]))
    assert buffers[1].address % 8 == 0
    assert buffers[1].to_pybytes() == bytes(range(1, 17))


def test_children_begin_where_the_array_does():
    struct = pa.array([{"a": index} for index in range(4)])[2:]
    node, _ = only_node(struct)
    assert (node[LENGTH], node[OFFSET]) == (2, 2)
    assert node[CHILDREN][0][:2] == [2, 2]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(range(8)), 2)[1:3]
    node, _ = only_node(lists)
    assert node[CHILDREN][0][:2] == [4, 2]


def test_one_dictionary_a_column():
    column = pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["c"]).dictionary_encode()])
    _, _, batches, dictionaries, _ = exported(pa.table({"x": column}))
    assert [nodes[0][DICTIONARY] for _, nodes in batches] == [0, 0]
    assert [node[LENGTH] for node in dictionaries] == [3]


def test_dictionaries_that_do_not_fit_together_stay_apart():
    kind = pa.dictionary(pa.int8(), pa.int64())
    chunks = [pa.array(range(start, start + 100)).dictionary_encode().cast(kind) for start in (0, 100)]
    _, _, batches, dictionaries, _ = exported(pa.chunked_array(chunks))
    assert [nodes[0][DICTIONARY] for _, nodes in batches] == [0, 1]
    assert [node[LENGTH] for node in dictionaries] == [100, 100]


def test_a_table_without_batches_gets_an_empty_one():
    _, schema, batches, _, buffers = exported(pa.schema([("x", pa.int8())]).empty_table())
    assert schema.names == ["x"]
    assert [length for length, _ in batches] == [0]
    assert buffers == []


@pytest.mark.parametrize(
    ("array", "lacking", "kind", "values"),
    [
        (pa.array(["a", None], pa.string_view()), ["Utf8View"], pa.large_string(), ["a", None]),
        (pa.array(["a"], pa.string_view()), ["Utf8View", "LargeUtf8"], pa.string(), ["a"]),
        (pa.array([b"a"], pa.binary_view()), ["BinaryView"], pa.large_binary(), [b"a"]),
        (pa.array([b"a"], pa.large_binary()), ["LargeBinary"], pa.binary(), [b"a"]),
        (pa.array([[1]], pa.large_list(pa.int8())), ["LargeList"], pa.list_(pa.int8()), [[1]]),
    ],
)
def test_types_that_javascript_lacks_come_in_the_nearest(array, lacking, kind, values):
    node, _ = only_node(array, lacking=lacking)
    _, schema, *_ = exported(array, lacking)
    assert schema.field(0).type == kind
    assert node[LENGTH] == len(values)
    assert exported(array)[1].field(0).type == array.type


def test_plain_types_have_the_values_of_what_they_stand_for():
    import pyarrow.compute as compute

    ends = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([7, 8], pa.int16()))
    node, buffers = only_node(ends[1:])
    assert node[:2] == [2, 0]
    assert np.frombuffer(buffers[1], "<i2", 2).tolist() == [7, 8]
    large = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int64()), ["a", "b"])
    _, schema, *_ = exported(large)
    assert schema.field(0).type == pa.dictionary(pa.int32(), pa.string())
    views = pa.ListViewArray.from_arrays(pa.array([3, 0, 1], pa.int32()), pa.array([1, 2, 2], pa.int32()), pa.array(range(4)))
    node, buffers = only_node(views)
    assert np.frombuffer(buffers[1], "<i4", 4).tolist() == [0, 1, 3, 5]
    assert compute.sum(views.flatten()).as_py() == 3 + 0 + 1 + 1 + 2


def test_refuses_a_type_for_which_there_is_no_other():
    with pytest.raises(ArrowRefusal, match="no type `Duration`") as refusal:
        exported(pa.table({"spent": pa.array([1], pa.duration("s"))}), ["Duration"])
    assert refusal.value.path == ".spent"


def test_refuses_metadata_that_is_no_text():
    schema = pa.schema([pa.field("x", pa.int8(), metadata={b"\xff": b""})])
    with pytest.raises(ArrowRefusal, match="metadata in UTF-8") as refusal:
        exported(schema.empty_table())
    assert refusal.value.path == ".x"
    with pytest.raises(ArrowRefusal, match="metadata in UTF-8"):
        exported(pa.table({"x": [1]}).replace_schema_metadata({b"k": b"\xff"}))


def test_refuses_what_is_no_table():
    with pytest.raises(ArrowRefusal, match="got a builtins.list"):
        exported([1, 2])
    with pytest.raises(ArrowRefusal, match="`preserveIndex` is about pandas"):
        exported(pa.table({"x": [1]}), preserve_index=True)


def test_names_the_column_that_pandas_cannot_convert():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ArrowRefusal) as refusal:
        exported(pandas.DataFrame({"fine": [1], "mixed values": [object()]}))
    assert refusal.value.path == "['mixed values']"


class Stream:
    """Any library's table, known by the PyCapsule interface alone."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_takes_whatever_has_the_capsule_interface():
    kind, schema, batches, _, _ = exported(Stream(pa.table({"x": [1, 2]})))
    assert (kind, schema.names, batches[0][0]) == (TABLE, ["x"], 2)
    kind, schema, batches, _, _ = exported(Stream(pa.chunked_array([[1, 2, 3]])))
    assert (kind, batches[0][0]) == (VECTOR, 3)
