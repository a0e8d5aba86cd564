//! What leaves Python by value comes back equal, of the same type and with the same repr.

use proptest::prelude::*;
use pyo3::prelude::*;
use symphony_python_bridge::types::Returns;

use crate::bridge::{decoded, encoded, eval, run, with_python};

/// Source text of plain Python values.
fn expressions() -> impl Strategy<Value = String> {
    let scalars = prop_oneof![
        Just("None".to_owned()),
        Just("True".to_owned()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<i128>().prop_map(|value| format!("({value}) ** 3")),
        any::<u64>().prop_map(|bits| format!("__import__('struct').unpack('<d', ({bits}).to_bytes(8, 'little'))[0]")),
        prop::collection::vec(0_u32..0x11_0000, 0..20).prop_map(string_of),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| format!("bytes({bytes:?})")),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| format!("bytearray({bytes:?})")),
    ];
    scalars.prop_recursive(5, 60, 8, |inner| {
        let keys = prop_oneof![
            any::<i32>().prop_map(|key| key.to_string()),
            "[a-zé_]{0,8}".prop_map(|key| format!("{key:?}")),
            any::<(i32, bool)>().prop_map(|(number, flag)| format!("({number}, {})", i32::from(flag))),
        ];
        let list = prop::collection::vec(inner.clone(), 0..8).prop_map(|items| items.join(", "));
        let pairs = prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect::<Vec<_>>()
                .join(", ")
        });
        let members = prop::collection::vec(keys, 0..8).prop_map(|items| items.join(", "));
        prop_oneof![
            list.clone().prop_map(|items| format!("[{items}]")),
            list.prop_map(|items| format!("tuple([{items}])")),
            pairs.prop_map(|pairs| format!("{{{pairs}}}")),
            members.clone().prop_map(|items| format!("set([{items}])")),
            members.prop_map(|items| format!("frozenset([{items}])")),
        ]
    })
}

/// A string of code points, surrogates included, but no pair of them that JavaScript would join.
fn string_of(mut code_points: Vec<u32>) -> String {
    let high = |code_point: u32| (0xd800..0xdc00).contains(&code_point);
    let low = |code_point: u32| (0xdc00..0xe000).contains(&code_point);
    code_points.dedup_by(|next, previous| high(*previous) && low(*next));
    let escaped: Vec<_> = code_points
        .into_iter()
        .map(|code_point| format!("\\U{code_point:08x}"))
        .collect();
    format!("'{}'", escaped.concat())
}

proptest! {
    #[test]
    fn plain_values_survive(expression in expressions()) {
        with_python(|py| {
            let object = eval(py, &expression);
            let bytes = encoded(&object, Returns::Value).unwrap();
            let copy = decoded(py, &bytes).unwrap();
            assert!(copy.get_type().is(object.get_type()));
            assert_eq!(spelled(&copy), spelled(&object));
        });
    }
}

/// The repr, with the members of every set in one order. Not equality, since NaN differs from itself.
fn spelled(object: &Bound<'_, PyAny>) -> String {
    const SPELL: &str = "
def spell(value):
    members = lambda values: ', '.join(map(spell, values))
    if isinstance(value, (set, frozenset)):
        return f'{type(value).__name__}({sorted(map(spell, value))})'
    if isinstance(value, (list, tuple)):
        return f'{type(value).__name__}({members(value)})'
    if isinstance(value, dict):
        return f'dict({members(value.items())})'
    return repr(value)
value = spell
";
    run(object.py(), SPELL).call1((object,)).unwrap().to_string()
}

#[test]
fn integers_of_any_size_survive() {
    with_python(|py| {
        for bits in (0..200).chain([1_000, 100_000]) {
            for offset in ["- 1", "", "+ 1"] {
                for sign in ["", "-"] {
                    let object = eval(py, &format!("{sign}(2 ** {bits} {offset})"));
                    let copy = decoded(py, &encoded(&object, Returns::Value).unwrap()).unwrap();
                    assert!(copy.eq(&object).unwrap(), "{sign}(2 ** {bits} {offset})");
                }
            }
        }
    });
}

#[test]
fn a_string_of_100_megabytes_survives() {
    with_python(|py| {
        let object = eval(py, "'0123456789' * 10_000_000");
        let copy = decoded(py, &encoded(&object, Returns::Value).unwrap()).unwrap();
        assert!(copy.eq(&object).unwrap());
    });
}

#[test]
fn a_dict_of_a_million_keys_survives() {
    with_python(|py| {
        let object = eval(py, "{str(key): key for key in range(1_000_000)}");
        let copy = decoded(py, &encoded(&object, Returns::Value).unwrap()).unwrap();
        assert!(copy.eq(&object).unwrap());
    });
}

#[test]
fn rows_of_a_table_survive() {
    let rows = [
        "[{'a': i, 'b': str(i)} for i in range(20)]",
        "[{'a': [i], 'b': {'c': i, 'd': (i,)}} for i in range(20)]",
        "[{'a': {'b': {'a': {'b': i}}}} for i in range(20)]",
        "[{'a': 1, 'b': 2} if i % 3 else {'b': 1, 'a': 2} for i in range(20)]",
        "[{'__proto__': i, 'constructor': i, '': i, '0': i} for i in range(20)]",
        "[{'then': i} for i in range(20)]",
        "[{chr(0xd800): i} for i in range(20)]",
        "[{1: i, 'b': i} for i in range(20)]",
        "[{f'k{j}': i for j in range(i)} for i in range(70)] * 2",
        "[{f'k{i}': i} for i in range(300)] * 3",
        "[{'a': 'x' * 70_000, 'b': chr(0xdc00), 'c': 2 ** 70} for i in range(5)]",
        "[{'a' + str(i % 1): i} for i in range(20)]",
    ];
    with_python(|py| {
        for expression in rows {
            let object = eval(py, expression);
            let copy = decoded(py, &encoded(&object, Returns::Value).unwrap()).unwrap();
            assert_eq!(spelled(&copy), spelled(&object), "{expression}");
        }
    });
}

#[test]
fn packed_lists_survive_and_others_are_not_packed() {
    let lists = [
        "[i / 7 for i in range(1000)]",
        "[float('nan'), -0.0, float('inf'), 1.0, 2.0, 3.0, 4.0, 5.0]",
        "[-2**31, 2**31 - 1, 0, 1, -1, 5, 6, 7]",
        "[-2**31 - 1, 2**31, 0, 1, -1, 5, 6, 7]",
        "[1, 2, 3, 4, 5, 6, 7, 2.5]",
        "[1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 2]",
        "[1, 2, 3, 4, 5, 6, 7, 2.0]",
        "[1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 2.0, 2]",
        "[2**53 - 1, 1 - 2**53, 0, 1, -0.0, 2.0**53, float('nan'), float('-inf')]",
        "[2**53, 1, 2, 3, 4, 5, 6, 0.5]",
        "[-2**63, 2**63, 2**64, 10**30, 4, 5, 6, 7]",
        "[1, 2, 3, 4, 5, 6, 7, True]",
        "[1.5, 1, 3, 4, 5, 6, 7, True]",
        "[1.5, 1, 3, 4, 5, 6, 7, None]",
        "[1.5] * 7",
    ];
    with_python(|py| {
        for expression in lists {
            let object = eval(py, expression);
            let copy = decoded(py, &encoded(&object, Returns::Value).unwrap()).unwrap();
            assert_eq!(spelled(&copy), spelled(&object), "{expression}");
        }
    });
}
