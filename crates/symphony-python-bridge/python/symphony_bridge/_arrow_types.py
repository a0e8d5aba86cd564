"""Which types ``apache-arrow`` has, and what becomes of the others.

Views of lists become lists, run-end encoded values are decoded, small decimals become ``decimal128``, dictionaries with indices of
64 bits get them in 32: JavaScript reads those as numbers. What a version of ``apache-arrow`` lacks, it gets in the type of which
that one is a variant.
"""

from __future__ import annotations

from symphony_bridge._arrow import ArrowRefusal, field_path, item_path

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DECIMAL128_DIGITS = 38


class PlainTypes:
    """The types of one ``apache-arrow``. ``lacking`` are those that it does not know, by their names there."""

    def __init__(self, pa: Any, lacking: frozenset[str]) -> None:
        self._pa = pa
        lib = pa.lib

        def ids(*names: str) -> frozenset[int]:
            # Types that came with a later pyarrow than the one that is installed occur in no table.
            return frozenset(getattr(lib, f"Type_{name}") for name in names if hasattr(lib, f"Type_{name}"))

        self.null = lib.Type_NA
        self.struct = lib.Type_STRUCT
        self.map = lib.Type_MAP
        self.dictionary = lib.Type_DICTIONARY
        self.fixed_size_list = lib.Type_FIXED_SIZE_LIST
        self.sparse_union = lib.Type_SPARSE_UNION
        self.dense_union = lib.Type_DENSE_UNION
        self.unions = ids("SPARSE_UNION", "DENSE_UNION")
        self.views = ids("STRING_VIEW", "BINARY_VIEW")
        self.lists = ids("LIST", "LARGE_LIST", "MAP")
        self.texts = ids("STRING", "LARGE_STRING", "BINARY", "LARGE_BINARY")
        self._run_ends = ids("RUN_END_ENCODED")
        self._small_decimals = ids("DECIMAL32", "DECIMAL64")
        self._list_views = ids("LIST_VIEW", "LARGE_LIST_VIEW")
        self._large_list_view = ids("LARGE_LIST_VIEW")
        self._any_list = self.lists | self._list_views | {self.fixed_size_list}
        self._instead = self._instead_of(lacking)
        self._no_large_list = "LargeList" in lacking
        self._without = {
            getattr(lib, f"Type_{name}"): type_name
            for name, type_name in (("DURATION", "Duration"), ("INTERVAL_MONTH_DAY_NANO", "IntervalMonthDayNano"))
            if type_name in lacking
        }

    def _instead_of(self, lacking: frozenset[str]) -> dict[int, Any]:
        pa = self._pa
        lib = pa.lib
        large = "LargeUtf8" not in lacking
        instead = {
            "Utf8View": ("STRING_VIEW", pa.large_string() if large else pa.string()),
            "BinaryView": ("BINARY_VIEW", pa.large_binary() if large else pa.binary()),
            "LargeUtf8": ("LARGE_STRING", pa.string()),
            "LargeBinary": ("LARGE_BINARY", pa.binary()),
        }
        return {
            getattr(lib, f"Type_{name}"): kind
            for type_name, (name, kind) in instead.items()
            if type_name in lacking and hasattr(lib, f"Type_{name}")
        }

    def plain_array(self, array: Any, path: str) -> Any:
        """The array itself in a type that is known; of what it holds the caller takes care."""
        pa = self._pa
        while True:
            kind = array.type
            number = kind.id
            if isinstance(kind, pa.BaseExtensionType):
                array = array.storage
            elif number in self._run_ends:
                import pyarrow.compute

                array = pyarrow.compute.run_end_decode(array)
            elif number in self._small_decimals:
                return array.cast(pa.decimal128(kind.precision, kind.scale))
            elif number in self._list_views:
                array = self._list_of_view(array)
            elif number in self._instead:
                return self._cast(array, self._instead[number], path)
            elif number == pa.lib.Type_LARGE_LIST and self._no_large_list:
                return self._cast(array, pa.list_(kind.value_field), path)
            elif number == self.dictionary and kind.index_type.bit_width == 64:
                indices = self._cast(array.indices, pa.int32(), path)
                return pa.DictionaryArray.from_arrays(indices, array.dictionary, ordered=kind.ordered)
            elif number in self._without:
                raise ArrowRefusal(path, f"this version of apache-arrow has no type `{self._without[number]}`; use a newer one")
            else:
                return array

    def _cast(self, array: Any, kind: Any, path: str) -> Any:
        try:
            return array.cast(kind)
        except self._pa.ArrowException as error:
            raise ArrowRefusal(
                path, f"apache-arrow has no type for {array.type}, and the values do not fit into {kind}: {error}"
            ) from error

    def _list_of_view(self, array: Any) -> Any:
        """The values in the order of the lists: those of a view may lie in any order, and overlap."""
        import pyarrow.compute as compute

        pa = self._pa
        large = array.type.id in self._large_list_view and not self._no_large_list
        lengths = compute.fill_null(compute.list_value_length(array), 0)
        ends = compute.cumulative_sum(lengths.cast(pa.int64()))
        offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
        kind = self._list_type(array.type, large)
        make = pa.LargeListArray if large else pa.ListArray
        mask = array.is_null() if array.null_count else None
        return make.from_arrays(offsets.cast(pa.int64() if large else pa.int32()), array.flatten(), kind, mask=mask)

    def _list_type(self, view: Any, large: bool) -> Any:
        return (self._pa.large_list if large else self._pa.list_)(view.value_field)

    def plain_field(self, field: Any, path: str) -> Any:
        """The field as JavaScript gets it."""
        self.check_text(field.metadata, path)
        kind = field.type
        plain = self.plain_type(kind, path)
        if plain == kind:
            return field
        metadata = dict(field.metadata or {})
        if isinstance(kind, self._pa.BaseExtensionType):
            # Its storage is another one now, but it is still meant as what it was.
            metadata[b"ARROW:extension:name"] = kind.extension_name.encode()
            metadata[b"ARROW:extension:metadata"] = _serialized(kind)
        return self._pa.field(field.name, plain, field.nullable, metadata)

    def plain_type(self, kind: Any, path: str) -> Any:
        """The type in which an array and what it holds arrive; the same one if all of it is known."""
        pa = self._pa
        number = kind.id
        if isinstance(kind, pa.BaseExtensionType):
            self.check_text({b"ARROW:extension:metadata": _serialized(kind)}, path)
            storage = self.plain_type(kind.storage_type, path)
            return kind if storage == kind.storage_type else storage
        if number in self._run_ends:
            return self.plain_type(kind.value_type, path)
        if number in self._small_decimals:
            return pa.decimal128(kind.precision, kind.scale)
        if number in self._instead:
            return self._instead[number]
        if number == self.dictionary:
            index = pa.int32() if kind.index_type.bit_width == 64 else kind.index_type
            return pa.dictionary(index, self.plain_type(kind.value_type, path), kind.ordered)
        if kind.num_fields == 0:
            return kind
        fields = [
            self.plain_field(field, item_path(path) if number in self._any_list else field_path(path, field.name))
            for field in map(kind.field, range(kind.num_fields))
        ]
        if number in self._list_views or (self._no_large_list and number == pa.lib.Type_LARGE_LIST):
            large = number in self._large_list_view and not self._no_large_list
            return (pa.large_list if large else pa.list_)(fields[0])
        if all(field == kind.field(index) for index, field in enumerate(fields)):
            return kind
        return self._with_fields(kind, fields)

    def _with_fields(self, kind: Any, fields: list[Any]) -> Any:
        pa = self._pa
        number = kind.id
        if number == self.struct:
            return pa.struct(fields)
        if number == self.map:
            entry = fields[0].type
            return pa.map_(entry.field(0), entry.field(1), kind.keys_sorted)
        if number == self.fixed_size_list:
            return pa.list_(fields[0], kind.list_size)
        if number in self.unions:
            return pa.union(fields, kind.mode, kind.type_codes)
        return (pa.list_ if number == pa.lib.Type_LIST else pa.large_list)(fields[0])

    def check_text(self, metadata: Any, path: str) -> None:
        """JavaScript has metadata as text."""
        for key, value in (metadata or {}).items():
            try:
                key.decode()
                value.decode()
            except UnicodeDecodeError:
                raise ArrowRefusal(
                    path,
                    f"expected metadata in UTF-8, which is what apache-arrow reads, got other bytes under {key!r}; "
                    "take it off with `Table.replace_schema_metadata` or `Field.remove_metadata`",
                ) from None

    def holds_dictionary(self, kind: Any) -> bool:
        """Whether dictionaries are in a type, whose memory is not among an array's buffers."""
        if isinstance(kind, self._pa.BaseExtensionType):
            kind = kind.storage_type
        if kind.id == self.dictionary:
            return True
        return any(self.holds_dictionary(kind.field(index).type) for index in range(kind.num_fields))


def _serialized(extension: Any) -> bytes:
    """The parameters of an extension type. Those that pyarrow brings along do not give theirs, which are text."""
    serialize = getattr(extension, "__arrow_ext_serialize__", None)
    return b"" if serialize is None else serialize()
