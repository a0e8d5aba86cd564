//! What becomes of wire values, and what is said when nothing can.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use symphony_python_bridge::types::{References, decode};
use symphony_wire::{Reader, Writer};

use crate::bridge::{Table, decode_error, decoded, eval, run, with_python};

fn text(writer: &mut Writer, text: &str) {
    writer.text(text).unwrap();
}

#[test]
fn a_handle_comes_back_as_the_very_same_object() {
    with_python(|py| {
        let mut table = Table::default();
        let object = eval(py, "object()");
        let (id, _) = table.export(&object);
        let mut writer = Writer::new();
        writer.array(2).unwrap();
        writer.handle_reference(id);
        writer.integer(1);
        let list = decode(py, &mut Reader::new(writer.as_slice()), &String::new, &table).unwrap();
        assert!(list.get_item(0).unwrap().is(&object));
    });
}

#[test]
fn a_request_reference_becomes_its_outcome() {
    with_python(|py| {
        let table = Table {
            outcomes: vec![eval(py, "[1, 2]").unbind()],
            ..Table::default()
        };
        let mut writer = Writer::new();
        writer.request(1);
        let value = decode(py, &mut Reader::new(writer.as_slice()), &String::new, &table).unwrap();
        assert!(value.is(table.outcomes[0].bind(py)));
    });
}

#[test]
fn unknown_references_are_errors_of_the_bridge() {
    with_python(|py| {
        let error = decode_error(py, |writer| {
            writer.array(1).unwrap();
            writer.handle_reference(9);
        });
        assert_eq!((error.code().as_str(), error.path()), ("ERR_PROTOCOL", "args[0][0]"));
        assert_eq!(error.message(), "expected a live handle, got the unknown id 9");
        let error = decode_error(py, |writer| writer.request(9));
        assert_eq!(error.message(), "expected a finished request, got the unknown id 9");
        let error = decode_error(py, |writer| writer.handle(1, 2));
        assert_eq!(error.code().as_str(), "ERR_PROTOCOL");
    });
}

#[test]
fn keys_that_are_equal_in_python_are_an_error() {
    with_python(|py| {
        let error = decode_error(py, |writer| {
            writer.map(1).unwrap();
            text(writer, "lookup");
            writer.any_map(2).unwrap();
            writer.integer(1);
            text(writer, "one");
            writer.boolean(true);
            text(writer, "true");
        });
        assert_eq!(
            (error.code().as_str(), error.path()),
            ("ERR_CONVERSION", "args[0].lookup<key 1>")
        );
        assert_eq!(
            error.message(),
            "expected distinct values, but in Python True equals a key of the dict that is already there"
        );
    });
}

#[test]
fn items_that_are_equal_in_python_are_an_error() {
    with_python(|py| {
        for frozen in [false, true] {
            let error = decode_error(py, |writer| {
                if frozen { writer.frozen_set(3) } else { writer.set(3) }.unwrap();
                text(writer, "x");
                writer.integer(0);
                writer.boolean(false);
            });
            assert_eq!(
                (error.code().as_str(), error.path()),
                ("ERR_CONVERSION", "args[0]<item 2>")
            );
        }
    });
}

#[test]
fn unhashable_keys_and_items_are_errors_with_their_path() {
    with_python(|py| {
        let error = decode_error(py, |writer| {
            writer.array(2).unwrap();
            writer.nil();
            writer.any_map(1).unwrap();
            writer.array(0).unwrap();
            writer.nil();
        });
        assert_eq!(
            (error.code().as_str(), error.path()),
            ("ERR_CONVERSION", "args[0][1]<key 0>")
        );
        assert_eq!(
            error.message(),
            "expected a key of a dict that Python can hash: unhashable type: 'list'"
        );
        let error = decode_error(py, |writer| {
            writer.set(1).unwrap();
            writer.tuple(1).unwrap();
            writer.map(0).unwrap();
        });
        assert_eq!(error.path(), "args[0]<item 0>");
        assert_eq!(
            error.message(),
            "expected an item of a set that Python can hash: unhashable type: 'dict'"
        );
    });
}

#[test]
fn an_exception_in_hash_is_passed_on() {
    with_python(|py| {
        let object = run(
            py,
            "class Bad:\n  def __hash__(self):\n    raise ValueError('no hash today')\nvalue = Bad()",
        );
        let mut table = Table::default();
        let (id, _) = table.export(&object);
        let mut writer = Writer::new();
        writer.set(1).unwrap();
        writer.handle_reference(id);
        let error = decode(py, &mut Reader::new(writer.as_slice()), &String::new, &table).unwrap_err();
        assert!(error.exception().unwrap().is_instance_of::<PyValueError>(py));
        assert_eq!(error.code().as_str(), "ERR_PYTHON_EXCEPTION");
        assert_eq!(error.path(), "<item 0>");
    });
}

#[test]
fn paths_lead_to_the_value_that_is_wrong() {
    with_python(|py| {
        let error = decode_error(py, |writer| {
            writer.map(2).unwrap();
            text(writer, "a");
            writer.integer(1);
            text(writer, "rows");
            writer.array(3).unwrap();
            writer.nil();
            writer.tuple(0).unwrap();
            writer.any_map(1).unwrap();
            writer.integer(5);
            writer.handle_reference(3);
        });
        assert_eq!(error.path(), "args[0].rows[2][5]");
    });
}

#[test]
fn nesting_of_100_000_needs_no_stack() {
    type Wrap = fn(&mut Writer);
    let wraps: [(Wrap, &str); 4] = [
        (|writer| writer.array(1).unwrap(), "0"),
        (|writer| writer.tuple(1).unwrap(), "0"),
        (
            |writer| {
                writer.map(1).unwrap();
                text(writer, "a");
            },
            "'a'",
        ),
        (
            |writer| {
                writer.any_map(1).unwrap();
                writer.integer(1);
            },
            "1",
        ),
    ];
    with_python(|py| {
        for (wrap, key) in wraps {
            let mut writer = Writer::new();
            (0..100_000).for_each(|_| wrap(&mut writer));
            writer.nil();
            let key = eval(py, key);
            let mut value = decoded(py, writer.as_slice()).unwrap();
            for _ in 0..100_000 {
                value = value.get_item(&key).unwrap();
            }
            assert!(value.is_none());
        }
    });
}

#[test]
fn keys_that_python_would_hash_too_deep_are_refused_before_it_does() {
    with_python(|py| {
        let nested = |depth: usize| {
            move |writer: &mut Writer| {
                writer.set(1).unwrap();
                (0..depth).for_each(|_| writer.tuple(1).unwrap());
                writer.nil();
            }
        };
        let mut writer = Writer::new();
        nested(500)(&mut writer);
        decoded(py, writer.as_slice()).unwrap();
        let error = decode_error(py, nested(1_000_000));
        assert_eq!(error.code().as_str(), "ERR_CONVERSION");
        assert_eq!(
            error.message(),
            "expected a key that nests at most 500 deep, got a deeper one"
        );
    });
}

#[test]
fn what_follows_the_value_is_left_in_the_reader() {
    with_python(|py| {
        let mut writer = Writer::new();
        writer.tuple(1).unwrap();
        writer.integer(1);
        let length = writer.len();
        writer.integer(2);
        let mut reader = Reader::new(writer.as_slice());
        decode(py, &mut reader, &String::new, &Table::default()).unwrap();
        assert_eq!(reader.position(), length);
    });
}

#[test]
fn packed_numbers_are_integers_where_javascript_has_integers() {
    with_python(|py| {
        let mut writer = Writer::new();
        let numbers = [
            1.0,
            -1.0,
            0.0,
            -0.0,
            0.5,
            f64::NAN,
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
        ];
        writer.numbers(numbers.into_iter()).unwrap();
        let list = decoded(py, writer.as_slice()).unwrap();
        assert_eq!(
            list.repr().unwrap().to_string(),
            "[1, -1, 0, -0.0, 0.5, nan, 9007199254740991, 9007199254740992.0]"
        );
    });
}

#[test]
fn a_record_knows_the_keys_of_an_earlier_value_of_the_message() {
    with_python(|py| {
        let mut writer = Writer::new();
        let shape = writer.shape(1).unwrap().unwrap();
        writer.text("key").unwrap();
        writer.nil();
        writer.record(shape);
        writer.boolean(true);
        let table = Table::default();
        let mut reader = Reader::new(writer.as_slice());
        decode(py, &mut reader, &String::new, &table).unwrap();
        let second = decode(py, &mut reader, &String::new, &table).unwrap();
        assert_eq!(second.repr().unwrap().to_string(), "{'key': True}");
    });
}

#[test]
fn the_path_of_an_error_in_a_record_has_its_key() {
    with_python(|py| {
        let mut writer = Writer::new();
        writer.array(2).unwrap();
        let shape = writer.shape(2).unwrap().unwrap();
        for key in ["first", "second"] {
            writer.text(key).unwrap();
        }
        writer.nil();
        writer.nil();
        writer.record(shape);
        writer.nil();
        writer.set(1).unwrap();
        writer.array(0).unwrap();
        let error = decoded(py, writer.as_slice()).unwrap_err();
        assert_eq!(error.path(), "args[0][1].second<item 0>");
    });
}
