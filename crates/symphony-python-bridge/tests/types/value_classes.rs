//! Complex numbers, decimals, fractions, UUIDs, paths, ranges, slices and the ellipsis: what is copied and what is not.

use std::fmt::Write as _;

use proptest::prelude::*;
use pyo3::prelude::*;
use symphony_python_bridge::types::{Returns, is_value_class};
use symphony_wire::Token;

use crate::bridge::{decode_error, decoded, encode_error, encoded, eval, run, tokens, with_python};

/// Asserts that the object comes back equal in type and repr.
fn survives(object: &Bound<'_, PyAny>) {
    let copy = decoded(object.py(), &encoded(object, Returns::Value).unwrap()).unwrap();
    assert!(copy.get_type().is(object.get_type()));
    assert_eq!(copy.repr().unwrap().to_string(), object.repr().unwrap().to_string());
}

fn is_handle(object: &Bound<'_, PyAny>) -> bool {
    tokens(&encoded(object, Returns::Auto).unwrap()) == [Token::Handle { id: 1, type_key: 7 }]
}

#[test]
fn subclasses_cross_as_handles() {
    let cases = [
        "class C(complex): pass\nvalue = C(1, 2)",
        "import decimal\nclass D(decimal.Decimal): pass\nvalue = D('1')",
        "import fractions\nclass F(fractions.Fraction): pass\nvalue = F(1, 2)",
        "import uuid\nclass U(uuid.UUID): pass\nvalue = U(int=1)",
        "import pathlib\nclass P(type(pathlib.Path())): pass\nvalue = P('a')",
        "import pathlib\nvalue = pathlib.PurePosixPath('a')",
        "import datetime\nclass D(datetime.datetime): pass\nvalue = D(2025, 3, 14)",
        "import datetime\nclass D(datetime.date): pass\nvalue = D(2025, 3, 14)",
        "import datetime\nclass T(datetime.time): pass\nvalue = T(1)",
        "import datetime\nclass T(datetime.timedelta): pass\nvalue = T(1)",
    ];
    with_python(|py| {
        for case in cases {
            let object = run(py, case);
            assert!(is_handle(&object), "{case}");
            assert!(!is_value_class(&object), "{case}");
        }
    });
}

#[test]
fn a_class_of_the_same_name_elsewhere_is_another_class() {
    with_python(|py| {
        let object = run(py, "class Decimal: __module__ = 'decimal'\nvalue = Decimal()");
        assert!(is_handle(&object));
        let object = run(
            py,
            "import sys, types\nold = sys.modules.get('uuid')\nsys.modules['uuid'] = object()\nvalue = type('UUID', (), {})()\n",
        );
        assert!(is_handle(&object));
        run(py, "import sys\nsys.modules.pop('uuid')\nimport uuid\nvalue = None");
    });
}

#[test]
fn a_module_imported_again_is_understood() {
    with_python(|py| {
        let object = run(
            py,
            "import sys, fractions\nold = fractions.Fraction(1, 2)\ndel sys.modules['fractions']\nimport fractions\n\
             value = [old, fractions.Fraction(1, 2)]",
        );
        assert!(
            is_handle(&object.get_item(0).unwrap()),
            "the old class is not what would come back"
        );
        survives(&object.get_item(1).unwrap());
    });
}

#[test]
fn fractions_of_other_integers_cross_as_handles() {
    with_python(|py| {
        let object = run(
            py,
            "import fractions\nclass I(int): pass\nvalue = fractions.Fraction(1, 2)\nvalue._numerator = I(1)",
        );
        assert!(is_handle(&object));
    });
}

#[test]
fn decimals_ignore_the_current_context() {
    with_python(|py| {
        let object = run(
            py,
            "import decimal\ncontext = decimal.getcontext().copy()\ndecimal.setcontext(decimal.Context(prec=2, capitals=0))\n\
             value = [decimal.Decimal('1.234567E+50'), context]",
        );
        let bytes = encoded(&object.get_item(0).unwrap(), Returns::Value).unwrap();
        assert_eq!(tokens(&bytes), [Token::Decimal("1.234567E+50")]);
        assert!(decoded(py, &bytes).unwrap().eq(object.get_item(0).unwrap()).unwrap());
        py.import("decimal")
            .unwrap()
            .call_method1("setcontext", (object.get_item(1).unwrap(),))
            .unwrap();
    });
}

#[test]
fn decimals_that_python_cannot_hold_are_refused_whatever_is_trapped() {
    with_python(|py| {
        for traps in ["[decimal.InvalidOperation]", "[]"] {
            let context = run(
                py,
                &format!(
                    "import decimal\nvalue = decimal.getcontext().copy()\ndecimal.setcontext(decimal.Context(traps={traps}))"
                ),
            );
            for text in ["1E+9999999999999999999999", "-1E-9999999999999999999999"] {
                let error = decode_error(py, |writer| writer.decimal(text).unwrap());
                assert_eq!((error.code().as_str(), error.path()), ("ERR_CONVERSION", "args[0]"));
                assert_eq!(
                    error.message(),
                    format!("expected a decimal that Python can hold exactly, got {text}")
                );
            }
            py.import("decimal")
                .unwrap()
                .call_method1("setcontext", (context,))
                .unwrap();
        }
    });
}

#[test]
fn integers_of_any_length_survive_in_ranges_and_fractions() {
    with_python(|py| {
        // Longer than what Python spells in decimal digits, so not compared by repr.
        for expression in [
            "range(-10**5000, 10**5000, 3**4000)",
            "__import__('fractions').Fraction(-10**5000, 3**9000)",
        ] {
            let object = eval(py, expression);
            let copy = decoded(py, &encoded(&object, Returns::Value).unwrap()).unwrap();
            assert!(copy.eq(&object).unwrap(), "{expression}");
        }
    });
}

#[test]
fn paths_lead_into_slices() {
    with_python(|py| {
        for (expression, path) in [
            ("slice(object(), None)", ".start"),
            ("[slice(0, [object()])]", "[0].stop[0]"),
            ("slice(0, 1, slice(0, 0, object()))", ".step.step"),
        ] {
            assert_eq!(encode_error(&eval(py, expression), Returns::Value).path(), path);
        }
        let error = decode_error(py, |writer| {
            writer.slice();
            writer.nil();
            writer.handle_reference(9);
            writer.nil();
        });
        assert_eq!(error.path(), "args[0].stop");
    });
}

#[test]
fn a_slice_that_contains_itself_is_refused() {
    with_python(|py| {
        let object = run(py, "value = []\nvalue.append(slice(value))");
        let error = encode_error(&object, Returns::Auto);
        assert_eq!((error.code().as_str(), error.path()), ("ERR_CONVERSION", "[0].stop"));
    });
}

#[test]
fn deep_slices_cost_no_stack() {
    with_python(|py| {
        let object = run(py, "value = None\nfor _ in range(20_000):\n  value = slice(value)");
        let bytes = encoded(&object, Returns::Value).unwrap();
        let copy = decoded(py, &bytes).unwrap();
        assert_eq!(encoded(&copy, Returns::Value).unwrap(), bytes);
    });
}

#[test]
fn a_signaling_nan_cannot_be_a_key() {
    with_python(|py| {
        let error = decode_error(py, |writer| {
            writer.set(1).unwrap();
            writer.decimal("sNaN").unwrap();
        });
        assert_eq!(
            (error.code().as_str(), error.path()),
            ("ERR_CONVERSION", "args[0]<item 0>")
        );
    });
}

/// Source text of values of these classes.
fn expressions() -> impl Strategy<Value = String> {
    let bits = |bits: u64| format!("__import__('struct').unpack('<d', ({bits}).to_bytes(8, 'little'))[0]");
    let part = prop_oneof![
        Just("None".to_owned()),
        any::<i64>().prop_map(|value| value.to_string()),
        "'[a-z]{0,3}'"
    ];
    prop_oneof![
        any::<(u64, u64)>().prop_map(move |(real, imaginary)| format!("complex({}, {})", bits(real), bits(imaginary))),
        "-?([0-9]{1,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,6})?|Infinity|s?NaN[0-9]{0,9})"
            .prop_map(|text| format!("__import__('decimal').Decimal('{text}')")),
        (any::<i128>(), 1..=i128::MAX).prop_map(|(numerator, denominator)| format!(
            "__import__('fractions').Fraction({numerator}, {denominator})"
        )),
        any::<u128>().prop_map(|value| format!("__import__('uuid').UUID(int={value})")),
        Just("...".to_owned()),
        (
            any::<i128>(),
            any::<i64>(),
            any::<i128>().prop_filter("a step", |step| *step != 0)
        )
            .prop_map(|(start, stop, step)| format!("range({start}, {stop}, {step})")),
        (part.clone(), part.clone(), part).prop_map(|(start, stop, step)| format!("slice({start}, {stop}, {step})")),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| {
            let bytes = bytes
                .into_iter()
                .filter(|byte| *byte != 0)
                .fold(String::new(), |mut text, byte| {
                    write!(text, "\\x{byte:02x}").unwrap();
                    text
                });
            format!("__import__('pathlib').Path(__import__('os').fsdecode(b'{bytes}'))")
        }),
    ]
}

proptest! {
    #[test]
    fn values_of_these_classes_survive(expression in expressions()) {
        with_python(|py| {
            survives(&eval(py, &expression));
            survives(&eval(py, &format!("[{{0: ({expression},)}}]")));
        });
    }
}
