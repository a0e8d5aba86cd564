//! Type descriptions: what JavaScript is told of an object.

use pyo3::types::PyAnyMethods;
use symphony_python_bridge::{handles, kinds};

use crate::support::attached;

fn description(code: &str, expression: &str) -> serde_json::Value {
    let key = attached(|py| {
        let names = pyo3::types::PyDict::new(py);
        py.run(&std::ffi::CString::new(code).unwrap(), Some(&names), None)
            .unwrap();
        let object = py
            .eval(&std::ffi::CString::new(expression).unwrap(), Some(&names), None)
            .unwrap();
        handles::export(&object).1
    });
    serde_json::from_str(&kinds::description(key).unwrap()).unwrap()
}

#[test]
fn a_class_and_its_instances_are_described_apart() {
    const CODE: &str = "class Bag:\n  def __iter__(self): return iter(())\n  def pipe(self): pass\nboth = Bag, Bag()";
    for order in [[0, 1], [1, 0]] {
        for index in order {
            let found = description(CODE, &format!("both[{index}]"));
            let expected = ["builtins.type", "__main__.Bag"][index];
            assert_eq!(
                found["name"].as_str().unwrap().replace("builtins.Bag", "__main__.Bag"),
                expected
            );
            assert_eq!(found["iterable"], index == 1);
            assert_eq!(found["names"], serde_json::json!(["pipe"]));
        }
    }
}

#[test]
fn a_module_is_described_by_what_it_holds() {
    let found = description("import types\nmodule = types.ModuleType('m')\nmodule.on = 1", "module");
    assert_eq!(found["name"], "builtins.module");
    assert_eq!(found["names"], serde_json::json!(["on"]));
    let other = description("import types\nmodule = types.ModuleType('n')", "module");
    assert_eq!(other["names"], serde_json::json!([]));
}

#[test]
fn a_type_whose_dictionary_raises_is_described_all_the_same() {
    const CODE: &str = "
class Meta(type):
    def __getattribute__(cls, name):
        if name in ('__dict__', '__mro__', '__qualname__', '__module__'):
            raise RuntimeError(name)
        return super().__getattribute__(name)
class Odd(metaclass=Meta): pass
odd = Odd()
";
    let found = description(CODE, "odd");
    assert_eq!(found["name"], "object");
    assert_eq!(found["mro"], serde_json::json!([]));
}

#[test]
fn an_object_that_many_hold_has_one_entry_that_lasts_until_the_last_crossing() {
    attached(|py| {
        let object = py.eval(c"type('Held', (), {})()", None, None).unwrap();
        let (id, kind) = handles::export(&object);
        assert_eq!(handles::export(&object), (id, kind));
        handles::release(py, id, 1);
        assert!(handles::get(py, id).unwrap().is(&object));
        let faults = handles::faults();
        handles::release(py, id, 1);
        assert_eq!(handles::faults(), faults);
        // What is not there can be neither used nor given back, and whoever tries has counted wrongly.
        assert!(handles::get(py, id).is_none());
        handles::release(py, id, 1);
        assert_eq!(handles::faults(), faults + 2);
        let again = handles::export(&object).0;
        handles::release(py, again, 2);
        assert_eq!(handles::faults(), faults + 3);
    });
}

#[test]
fn descriptions_of_classes_that_are_gone_are_not_kept_for_ever() {
    attached(|py| {
        let mut keys = Vec::new();
        for _ in 0..2000 {
            let object = py.eval(c"type('Short', (), {})()", None, None).unwrap();
            let (id, kind) = handles::export(&object);
            keys.push(kind);
            handles::release(py, id, 1);
        }
        let kept = keys.iter().filter(|&&key| kinds::description(key).is_some()).count();
        assert!(kept <= 512, "{kept} descriptions are kept");
    });
}

#[test]
fn what_is_described_for_itself_goes_with_its_last_handle() {
    const CODE: &std::ffi::CStr = c"
import gc, types, weakref
module = types.ModuleType('m')
class Short: pass
alive = [weakref.ref(module), weakref.ref(Short)]
both = [module, Short]
del module, Short
";
    attached(|py| {
        let names = pyo3::types::PyDict::new(py);
        py.run(CODE, Some(&names), None).unwrap();
        for object in py.eval(c"both", Some(&names), None).unwrap().try_iter().unwrap() {
            let (id, kind) = handles::export(&object.unwrap());
            assert!(kinds::description(kind).is_some());
            handles::release(py, id, 1);
            assert!(kinds::description(kind).is_none());
        }
        py.run(c"both.clear(); gc.collect()", Some(&names), None).unwrap();
        let alive = py.eval(
            c"sum(reference() is not None for reference in alive)",
            Some(&names),
            None,
        );
        assert_eq!(alive.unwrap().extract::<u32>().unwrap(), 0);
    });
}
