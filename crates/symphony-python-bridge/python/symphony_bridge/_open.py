"""What an object opens to when JavaScript asks for a plain copy of it: ``$value()``.

Objects are known by their types, not by what their own code says of them. No library is imported to find out: whoever
made a dataclass or an enum has imported what it takes.
"""

from __future__ import annotations

import sys
from _collections_abc import ItemsView, Mapping, Sequence, Set, ValuesView
from itertools import islice

# For type checkers only: importing `typing` takes longer than starting the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# What `open_object` answers; `types/open.rs` has the same numbers.
REFUSED = 0
#: The second part is an object of the program's that stands for this one.
STANDS_FOR = 1
#: The second part is a fresh built-in container or value.
COPY = 2
#: The second part is a fresh dict of the fields; counts as one level.
FIELDS = 3
#: `open_object` would give its attributes if it was allowed to open any object.
WANTS_DEPTH = 4
#: The second part is the name of the field, or `None`, and the exception that reading it raised.
FAILED = 5

_ancestors = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__
#: The flag of a type that was not written in C as a constant.
_heap_type = 1 << 9
_module_type = type(sys)
_simple_namespace = type(sys.implementation)
_builtin_type = type(len)
# A Python class has these of its own or inherits them; with any of them its instances are more than their attributes.
_protocols = (
    "__call__",
    "__iter__",
    "__next__",
    "__len__",
    "__getitem__",
    "__contains__",
    "__enter__",
    "__await__",
    "__aiter__",
    "__anext__",
    "__aenter__",
    "__buffer__",
    "__array__",
    "__get__",
)


def open_object(value: Any, any_object: bool, fields: bool) -> tuple[int, Any]:
    """What stands for the object, and how: one of the constants above with what it says.

    ``any_object``: whether an object that declares no fields gives its attributes. ``fields``: whether objects may be
    opened to their fields at all.
    """
    kind = type(value)
    try:
        stands_for = _enum_value(kind, value) or _root_value(kind, value)
        if stands_for:
            return STANDS_FOR, stands_for[0]
        names = _declared_fields(kind, value)
        if names is not None:
            return _read_fields(value, names) if fields else (REFUSED, None)
        if isinstance(value, tuple):
            return _open_tuple(value, fields)
        if issubclass(kind, _namespace_classes()):
            return (FIELDS, dict(value.__dict__)) if fields else (REFUSED, None)
        copied = _base_copy(kind, value) or _collection_copy(kind, value)
        if copied:
            return COPY, copied[0]
        return _open_any(kind, value, any_object) if fields else (REFUSED, None)
    except Exception as error:
        return FAILED, (None, error)


def _attribute(kind: type, name: str) -> Any:
    """What the class or one of its ancestors has under a name. Metaclasses and ``__getattr__`` have no say."""
    for ancestor in _ancestors(kind):
        found = _namespace(ancestor)
        if name in found:
            return found[name]
    return None


def _loaded_class(module: str, name: str) -> Any:
    """A class of a module, or an empty tuple, of which nothing is an instance, if nobody has imported that."""
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else ()


def _enum_value(kind: type, value: Any) -> tuple[Any] | None:
    return (value.value,) if issubclass(kind, _loaded_class("enum", "Enum")) else None


def _root_value(kind: type, value: Any) -> tuple[Any] | None:
    """Pydantic's models of one unnamed value, which it serialises as that value."""
    return (value.root,) if _attribute(kind, "__pydantic_root_model__") is True else None


def _declared_fields(kind: type, value: Any) -> list[str] | None:
    """The names of the fields that the class declares, in the order of their declaration."""
    if _attribute(kind, "__pydantic_validator__") is not None and _attribute(kind, "__dataclass_fields__") is None:
        # `model_fields` of an instance is deprecated, and older than the other name.
        declared = _attribute(kind, "__pydantic_fields__") or kind.model_fields
        return [*declared, *(value.__pydantic_extra__ or ())]
    declared = _attribute(kind, "__dataclass_fields__")
    if isinstance(declared, dict):
        # Class variables and arguments of `__init__` are listed as well.
        return [name for name, field in declared.items() if getattr(field._field_type, "name", None) == "_FIELD"]
    declared = _attribute(kind, "__attrs_attrs__")
    if isinstance(declared, tuple):
        return [field.name for field in declared]
    if issubclass(kind, _loaded_class("msgspec", "Struct")):
        return list(kind.__struct_fields__)
    declared = _attribute(kind, "__fields__")
    if isinstance(declared, dict) and _attribute(kind, "__fields_set__") is not None:
        # A model of Pydantic 1: its extra fields lie among the others.
        return [*declared, *(name for name in value.__dict__ if name not in declared)]
    return None


def _read_fields(value: Any, names: list[str]) -> tuple[int, Any]:
    fields = {}
    for name in names:
        try:
            fields[name] = getattr(value, name)
        except Exception as error:
            return FAILED, (name, error)
    return FIELDS, fields


def _open_tuple(value: tuple[Any, ...], fields: bool) -> tuple[int, Any]:
    items = tuple.__getitem__(value, slice(None))
    names = _attribute(type(value), "_fields")
    named = isinstance(names, tuple) and len(names) == len(items) and all(type(name) is str for name in names)
    if not named:
        return COPY, items
    return (FIELDS, dict(zip(names, items))) if fields else (REFUSED, None)


def _namespace_classes() -> Any:
    argparse = _loaded_class("argparse", "Namespace")
    return (_simple_namespace, argparse) if argparse else _simple_namespace


def _ordered_copy(value: dict[Any, Any]) -> dict[Any, Any]:
    # One that iterates in its own way, as `OrderedDict` does, has an order of its own.
    return dict.copy(value) if type(value).__iter__ is dict.__iter__ else _mapping_copy(value)


# By the base type: its own methods, so that a subclass cannot answer with something else.
_copies: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (complex, complex.__pos__),
    (bytes, lambda value: b"".join((value,))),
    (bytearray, bytearray.copy),
    (list, list.copy),
    (dict, _ordered_copy),
    # By their stored hashes.
    (set, lambda value: set().union(value)),
    (frozenset, lambda value: frozenset().union(value)),
)


def _date_copy(base: type, value: Any) -> Any:
    # As pickle reads the fields; protocol 4 is the first that has the fold.
    state = base.__reduce_ex__(value, 4) if hasattr(base, "fold") else base.__reduce__(value)
    copy = base(*state[1])
    if copy != value:
        # It has nanoseconds, for example, or is pandas' `NaT`.
        raise ValueError(f"it is not equal to any `datetime.{base.__name__}`")
    zone = getattr(copy, "tzinfo", None)
    return copy if zone is None else copy.replace(tzinfo=_plain_zone(zone, copy.utcoffset(), copy.tzname()))


def _plain_zone(zone: Any, offset: Any, name: Any) -> Any:
    """The zone itself if it crosses by value, else one of the same offset and name."""
    by_key = _loaded_class("zoneinfo", "ZoneInfo")
    if by_key and type(zone) is by_key and zone.key is not None and by_key(zone.key) is zone:
        return zone
    if offset is None:
        raise ValueError("its time zone has no offset without a day")
    fixed = _loaded_class("_datetime", "timezone")
    # Without a name of its own, the name is made of the offset.
    has_name = type(name) is str and name.isprintable() and not (type(zone) is fixed and name == fixed(offset).tzname(None))
    return fixed(offset, name) if has_name else fixed(offset)


_loaded_copies: tuple[tuple[str, str, Callable[[type, Any], Any]], ...] = (
    ("decimal", "Decimal", lambda base, value: base(value)),
    # Also one of the type itself that is made of NumPy's integers.
    ("fractions", "Fraction", lambda base, value: base(int(value.numerator), int(value.denominator))),
    ("uuid", "UUID", lambda base, value: base(int=value.int)),
    # As the interpreter has them, whatever a program has put in their place. A `datetime` is a `date` too.
    ("_datetime", "datetime", _date_copy),
    ("_datetime", "date", _date_copy),
    ("_datetime", "time", _date_copy),
    ("_datetime", "timedelta", _date_copy),
    ("pathlib", "PosixPath" if sys.platform != "win32" else "WindowsPath", lambda base, value: base(str(value))),
)


def _base_copy(kind: type, value: Any) -> tuple[Any] | None:
    """An instance of a subclass as one of the base type that is plain data."""
    for base, copy in _copies:
        if issubclass(kind, base):
            return (copy(value),)
    for module, name, copy_loaded in _loaded_copies:
        loaded = _loaded_class(module, name)
        if loaded and issubclass(kind, loaded):
            return (copy_loaded(loaded, value),)
    return None


def _collection_copy(kind: type, value: Any) -> tuple[Any] | None:
    """What calls itself a mapping, set or sequence as ``dict``, ``set`` or ``list``."""
    if issubclass(kind, Mapping):
        return (_mapping_copy(value),)
    if issubclass(kind, (ItemsView, ValuesView)):
        # Values need not be hashable, nor distinct.
        return (_items(value),)
    if issubclass(kind, Set):
        items = _items(value)
        return (_distinct(set(items), items),)
    user_string = _loaded_class("collections", "UserString")
    if user_string and issubclass(kind, user_string):
        return (str.__str__(value.data),)
    if issubclass(kind, Sequence) and not _is_buffer(value):
        return (_items(value),)
    return None


def _mapping_copy(value: Any) -> dict[Any, Any]:
    keys = _items(value)
    return _distinct({key: value[key] for key in keys}, keys)


def _items(value: Any) -> list[Any]:
    """At most as many as the object says it has: an iterator need not end."""
    count = len(value)
    items = list(islice(value, count + 1))
    if len(items) > count:
        raise RuntimeError(f"it gives more than the {count} items that it says it has")
    return items


def _distinct(collection: Any, items: list[Any]) -> Any:
    if len(collection) != len(items):
        raise ValueError("some of its keys or items are equal")
    return collection


def _is_buffer(value: Any) -> bool:
    try:
        memoryview(value).release()
    except TypeError:
        return False
    return True


def _open_any(kind: type, value: Any, allowed: bool) -> tuple[int, Any]:
    slots = _slots_of(kind)
    has_attributes = slots or _attribute(kind, "__dict__") is not None
    if not has_attributes or not _is_only_attributes(kind):
        return REFUSED, None
    if not allowed:
        return WANTS_DEPTH, None
    fields = dict(getattr(value, "__dict__", ()))
    # What `typing` leaves on an instance of `Generic[T]`.
    fields.pop("__orig_class__", None)
    for name, slot in slots:
        try:
            fields[name] = slot.__get__(value)
        except AttributeError:
            # A slot to which nothing was assigned is no attribute.
            continue
    return FIELDS, fields


def _slots_of(kind: type) -> list[tuple[str, Any]]:
    """The slots of the class and its ancestors, the most basic first."""
    found: dict[str, Any] = {}
    for ancestor in reversed(_ancestors(kind)):
        names = _namespace(ancestor)
        if "__slots__" in names:
            found.update((name, slot) for name, slot in names.items() if type(slot) is _member_type)
    return list(found.items())


class _Slotted:
    __slots__ = ("slot",)


_member_type = type(_Slotted.slot)


def _is_only_attributes(kind: type) -> bool:
    """Whether the instances are nothing but their attributes: no behaviour that Python has syntax for, no memory of C code."""
    from symphony_bridge._code import Namespace

    if issubclass(kind, (type, _module_type, BaseException, Namespace)):
        return False
    if any(_attribute(kind, name) is not None for name in _protocols):
        return False
    return all(ancestor is object or _is_python_class(ancestor) for ancestor in _ancestors(kind))


def _is_python_class(kind: type) -> bool:
    """A class of an extension module is static, or makes its instances by itself."""
    return bool(kind.__flags__ & _heap_type) and type(_namespace(kind).get("__new__")) is not _builtin_type
