//! What becomes of Python objects, and what is said when nothing can.

use pyo3::prelude::*;
use symphony_python_bridge::types::{Returns, encode};
use symphony_wire::{Token, Writer};

use crate::bridge::{Table, encode_error, encoded, eval, run, tokens, with_python};

fn message_of(object: &Bound<'_, PyAny>) -> (String, String) {
    let error = encode_error(object, Returns::Value);
    assert_eq!(error.code().as_str(), "ERR_CONVERSION");
    (error.path().to_owned(), error.message())
}

#[test]
fn subclasses_of_plain_types_cross_as_handles() {
    let cases = [
        "value = __import__('enum').IntEnum('Color', 'red').red",
        "value = __import__('collections').namedtuple('Point', 'x y')(1, 2)",
        "value = __import__('collections').OrderedDict(a=1)",
        "value = __import__('collections').defaultdict(list)",
        "value = __import__('collections').Counter('abc')",
        "value = type('Text', (str,), {})('x')",
        "value = type('Number', (float,), {})(1.5)",
        "value = type('Items', (list,), {})([1])",
        "value = type('Data', (bytes,), {})(b'x')",
        "value = type('Group', (set,), {})([1])",
        "value = type('Frozen', (frozenset,), {})([1])",
    ];
    with_python(|py| {
        for case in cases {
            let object = run(py, case);
            assert_eq!(
                tokens(&encoded(&object, Returns::Auto).unwrap()),
                [Token::Handle { id: 1, type_key: 7 }],
                "{case}"
            );
            message_of(&object);
        }
    });
}

#[test]
fn objects_of_other_types_cross_as_handles() {
    with_python(|py| {
        for expression in ["object()", "len", "int", "iter(b'')", "NotImplemented"] {
            let bytes = encoded(&eval(py, expression), Returns::Auto).unwrap();
            assert_eq!(tokens(&bytes), [Token::Handle { id: 1, type_key: 7 }], "{expression}");
        }
    });
}

#[test]
fn returns_reference_makes_a_handle_of_anything() {
    with_python(|py| {
        for expression in ["None", "1", "[]", "'text'", "object()"] {
            let bytes = encoded(&eval(py, expression), Returns::Reference).unwrap();
            assert_eq!(tokens(&bytes), [Token::Handle { id: 1, type_key: 7 }], "{expression}");
        }
    });
}

#[test]
fn the_exported_object_is_the_very_same() {
    with_python(|py| {
        let object = eval(py, "[object(), [object()]]");
        let (mut table, mut writer) = (Table::default(), Writer::new());
        encode(&object, Returns::Auto, &mut writer, &mut table).unwrap();
        assert!(table.exported[0].bind(py).is(object.get_item(0).unwrap()));
        assert!(
            table.exported[1]
                .bind(py)
                .is(object.get_item(1).unwrap().get_item(0).unwrap())
        );
    });
}

#[test]
fn returns_value_names_path_type_and_option() {
    with_python(|py| {
        let object = run(
            py,
            "import threading\nvalue = {'rows': [0, {'unit price': threading.Event()}]}",
        );
        let (path, message) = message_of(&object);
        assert_eq!(path, ".rows[1][\"unit price\"]");
        assert_eq!(
            message,
            "expected plain data, got a `threading.Event`; use returns `'auto'` or `'ref'` to receive it as a handle"
        );
    });
}

#[test]
fn paths_lead_through_every_kind_of_container() {
    let cases = [
        ("[0, [object()]]", "[1][0]"),
        ("(object(),)", "[0]"),
        ("{'a': {'b': object()}}", ".a.b"),
        ("{'': object()}", "[\"\"]"),
        ("{'1a': object()}", "[\"1a\"]"),
        ("{1: 0, 2: object()}", "[2]"),
        ("{1.5: object()}", "[1.5]"),
        ("{None: object()}", "[None]"),
        ("{(1, 2): object()}", "<value 0>"),
        ("{1: 0, len: 0}", "<key 1>"),
        ("{(1, len): 0}", "<key 0>[1]"),
        ("{object()}", "<item 0>"),
        ("frozenset([(1, object())])", "<item 0>[1]"),
        ("{10**5000: object()}", "<value 0>"),
        ("object()", ""),
    ];
    with_python(|py| {
        for (expression, path) in cases {
            assert_eq!(message_of(&eval(py, expression)).0, path, "{expression}");
        }
    });
}

#[test]
fn the_root_of_a_path_comes_from_the_caller() {
    with_python(|py| {
        let error = encode_error(&eval(py, "[object()]"), Returns::Value).within("result");
        assert_eq!(error.path(), "result[0]");
        assert!(
            error
                .to_string()
                .starts_with("result[0]: expected plain data, got a `object`"),
            "{error}"
        );
    });
}

#[test]
fn cycles_are_an_error_with_the_path_to_the_repetition() {
    let cases = [
        ("value = [1]\nvalue.append(value)", "[1]"),
        ("value = {}\nvalue['self'] = value", ".self"),
        ("value = []\nvalue.append({'a': (value,)})", "[0].a[0]"),
        ("value = [[]]\nvalue[0].append(value[0])", "[0][0]"),
    ];
    with_python(|py| {
        for (statements, path) in cases {
            let (found, message) = message_of(&run(py, statements));
            assert_eq!(found, path, "{statements}");
            assert!(message.contains("contains itself"), "{message}");
        }
    });
}

#[test]
fn a_cycle_deeper_than_the_shallow_search_is_found() {
    with_python(|py| {
        let object = run(
            py,
            "value = last = []\nfor _ in range(100):\n  last.append([])\n  last = last[0]\nlast.append(last)",
        );
        let (path, message) = message_of(&object);
        assert_eq!(path, "[0]".repeat(101));
        assert!(message.contains("contains itself"));
        let object = run(
            py,
            "value = last = []\nfor _ in range(100):\n  last.append([])\n  last = last[0]\nlast.append(value)",
        );
        assert_eq!(message_of(&object).0, "[0]".repeat(101));
    });
}

#[test]
fn data_that_is_shared_without_a_cycle_is_copied_twice() {
    with_python(|py| {
        let shared = encoded(
            &run(py, "part = [1]\nvalue = [part, part, {'a': part}]"),
            Returns::Value,
        )
        .unwrap();
        assert_eq!(
            shared,
            encoded(&eval(py, "[[1], [1], {'a': [1]}]"), Returns::Value).unwrap()
        );
        let deep = "value = 0\nfor _ in range(60):\n  value = [value]\nvalue = [value, value]";
        encoded(&run(py, deep), Returns::Value).unwrap();
    });
}

#[test]
fn nesting_of_100_000_needs_no_stack() {
    for wrap in ["[value]", "(value,)", "{'a': value}", "{1: value}"] {
        with_python(|py| {
            let object = run(py, &format!("value = None\nfor _ in range(100_000):\n  value = {wrap}"));
            let bytes = encoded(&object, Returns::Value).unwrap();
            assert_eq!(tokens(&bytes).last(), Some(&Token::Nil));
        });
    }
}

#[test]
fn a_dict_that_await_would_take_for_a_promise_is_a_map() {
    with_python(|py| {
        let bytes = encoded(&eval(py, "{'then': len}"), Returns::Auto).unwrap();
        assert_eq!(tokens(&bytes)[0], Token::AnyMap(1));
        let bytes = encoded(&eval(py, "{'then': 1}"), Returns::Auto).unwrap();
        assert_eq!(tokens(&bytes)[0], Token::Map(1));
    });
}

#[test]
fn a_key_that_only_looks_like_a_string_makes_a_map() {
    with_python(|py| {
        let object = run(py, "value = {'a': 1, type('Text', (str,), {})('b'): 2}");
        let bytes = encoded(&object, Returns::Auto).unwrap();
        assert_eq!(tokens(&bytes)[0], Token::AnyMap(2));
        assert_eq!(tokens(&bytes)[3], Token::Handle { id: 1, type_key: 7 });
    });
}

#[test]
fn a_split_surrogate_pair_is_an_error() {
    with_python(|py| {
        let (path, message) = message_of(&eval(py, "['ok', '\\ud83d' + '\\ude00']"));
        assert_eq!(path, "[1]");
        assert!(message.contains("surrogate pair as two code points"), "{message}");
        // The other way round the two are no pair, and survive.
        let bytes = encoded(&eval(py, "'\\ude00' + '\\ud83d'"), Returns::Value).unwrap();
        assert_eq!(tokens(&bytes), [Token::Utf16(&[0x00, 0xde, 0x3d, 0xd8])]);
    });
}

#[test]
fn long_strings_are_encoded_without_keeping_a_second_copy() {
    with_python(|py| {
        let object = eval(py, "'é' * 100_000");
        let size = |object: &Bound<'_, PyAny>| object.call_method0("__sizeof__").unwrap().extract::<usize>().unwrap();
        let before = size(&object);
        let bytes = encoded(&object, Returns::Value).unwrap();
        assert_eq!(tokens(&bytes), [Token::Text(&"é".repeat(100_000))]);
        assert_eq!(size(&object), before);
    });
}

#[test]
fn a_dict_that_changes_meanwhile_is_an_error_and_a_list_crosses_as_it_was() {
    /// Changes the list in the middle, as a finalizer or another thread could.
    struct Meddler(Py<PyAny>, &'static str);
    impl symphony_python_bridge::types::References for Meddler {
        fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
            self.0.bind(object.py()).call_method0(self.1).unwrap();
            (1, 1)
        }
        fn import<'py>(&self, _: Python<'py>, _: u32) -> Option<Bound<'py, PyAny>> {
            None
        }
        fn request<'py>(&self, _: Python<'py>, _: u32) -> Option<Bound<'py, PyAny>> {
            None
        }
    }
    let cases = [
        ("{'a': object(), 'b': 1}", "clear", ".a"),
        ("{'a': object(), 'b': 1}", "popitem", ".a"),
    ];
    with_python(|py| {
        for (expression, method, path) in cases {
            let object = eval(py, expression);
            let mut meddler = Meddler(object.clone().unbind(), method);
            let error = encode(&object, Returns::Auto, &mut Writer::new(), &mut meddler).unwrap_err();
            assert_eq!(error.path(), path);
            assert!(error.message().contains("changed by other code"), "{error}");
        }
        let object = eval(py, "{object(), 1, 2}");
        let mut meddler = Meddler(object.clone().unbind(), "clear");
        encode(&object, Returns::Auto, &mut Writer::new(), &mut meddler).unwrap_err();
        for method in ["clear", "pop", "reverse"] {
            let object = eval(py, "[object(), 1, 2]");
            let mut meddler = Meddler(object.clone().unbind(), method);
            let mut writer = Writer::new();
            encode(&object, Returns::Auto, &mut writer, &mut meddler).unwrap();
            let handle = Token::Handle { id: 1, type_key: 1 };
            let expected = [Token::Array(3), handle, Token::Integer(1), Token::Integer(2)];
            assert_eq!(tokens(writer.as_slice()), expected, "{method}");
        }
    });
}

#[test]
fn a_list_of_ints_and_floats_is_packed_where_its_reader_can_tell_them_apart() {
    let packed = [
        "[1, 2, 3, 4, 5, 6, 7, 0.5]",
        "[0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 1]",
        "[1, -0.0, 2.0**53, float('nan'), float('inf'), 1e300, 5e-324, 2**53 - 1]",
        "[2**31, 1, 2, 3, 4, 5, 6, 7]",
        "[1 - 2**53] * 8",
    ];
    let item_by_item = [
        // An integral float would be an int to the reader.
        "[1, 2, 3, 4, 5, 6, 7, 2.0]",
        "[2.0, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 1]",
        "[0.5, 0.0, 1, 2, 3, 4, 5, 6]",
        // And an int of this size a float, or another int.
        "[0.5, 1, 2, 3, 4, 5, 6, 2**53]",
        "[2**53 + 1, 1, 2, 3, 4, 5, 6, 7]",
        "[-2**53, 1, 2, 3, 4, 5, 6, 7]",
        "[2**1000, 1, 2, 3, 4, 5, 6, 7]",
        "[0.5, 1, 2, 3, 4, 5, 6, True]",
        "[0.5, 1, 2, 3, 4, 5, 6, None]",
        "[1, 2, 3, 4, 5, 6, 7, type('Number', (int,), {})(8)]",
        "[0.5, 1, 2, 3, 4, 5, 6, type('Number', (float,), {})(8)]",
        "[0.5, 1] * 3",
    ];
    with_python(|py| {
        let encoded = |expression: &str| encoded(&eval(py, expression), Returns::Auto).unwrap();
        for expression in packed {
            let bytes = encoded(expression);
            assert!(matches!(tokens(&bytes)[..], [Token::Numbers(_)]), "{expression}");
        }
        for expression in item_by_item {
            let bytes = encoded(expression);
            assert!(matches!(tokens(&bytes)[0], Token::Array(_)), "{expression}");
        }
    });
}
