"""Snippets and modules by path."""

import sys
import textwrap

import pytest

from symphony_bridge import _code
from symphony_bridge._code import Namespace, evaluate, execute, import_file
from symphony_bridge._describe import describe


def test_an_expression_sees_its_scope():
    assert evaluate("x + 1", {"x": 41}) == 42


def test_executed_code_gives_a_live_namespace():
    namespace = execute("n = 1\ndef bump():\n    global n\n    n += 1\n    return n", None)
    assert namespace.bump() == 2
    assert namespace.n == 2
    namespace.n = 10
    assert namespace.bump() == 11


def test_a_namespace_as_scope_is_used_and_given_back():
    namespace = execute("a = 1", None)
    assert execute("b = a + 1", namespace) is namespace
    assert namespace.b == 2


def test_a_scope_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="expected a dict, a module or a namespace as the scope, got int"):
        evaluate("1", 3)


def test_a_traceback_through_a_snippet_shows_its_source():
    namespace = execute("def fail():\n    raise ValueError('here')", None)
    try:
        namespace.fail()
    except ValueError as exception:
        assert describe(exception)[4][-1][3] == "raise ValueError('here')"


def test_the_caches_are_bounded():
    import linecache

    before = len(linecache.cache)
    for index in range(2 * _code._KEPT_SNIPPETS):
        evaluate(f"{index}", None)
    assert len(_code._compiled) == _code._KEPT_SNIPPETS
    assert len(linecache.cache) <= before + _code._KEPT_SNIPPETS


def test_a_file_is_one_module_and_finds_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_tools.py").write_text("value = 5\n")
    tools = tmp_path / "tools_by_path.py"
    tools.write_text("import neighbour_of_tools\nvalue = neighbour_of_tools.value\n")
    module = import_file(str(tools))
    assert module.value == 5
    assert import_file(str(tools)) is module
    assert sys.modules["tools_by_path"] is module


def test_files_of_the_same_name_are_different_modules(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same_name.py").write_text(f"value = {folder!r}\n")
    modules = [import_file(str(tmp_path / folder / "same_name.py")) for folder in ("a", "b")]
    assert [module.value for module in modules] == ["a", "b"]


def test_a_module_that_raises_is_not_kept(tmp_path):
    path = tmp_path / "raises_at_import.py"
    path.write_text(textwrap.dedent("""
        import os
        if not os.environ.get("FINE"):
            raise RuntimeError("not yet")
        value = 1
    """))
    with pytest.raises(RuntimeError, match="not yet"):
        import_file(str(path))
    assert "raises_at_import" not in sys.modules


def test_what_is_no_module_is_refused(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("x")
    with pytest.raises(ImportError, match="expected a Python source or extension file"):
        import_file(str(path))


def test_a_namespace_shows_its_names():
    assert repr(Namespace({"a": 1, "__name__": "x"})) == "<namespace a>"


def test_many_threads_may_evaluate_at_once():
    import threading

    problems = []

    def evaluate_many(start):
        try:
            for index in range(start, start + 600):
                assert evaluate(f"{index % 700} + 1", None) == index % 700 + 1
        except BaseException as problem:
            problems.append(problem)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=evaluate_many, args=(start,)) for start in range(0, 4000, 500)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert problems == []
