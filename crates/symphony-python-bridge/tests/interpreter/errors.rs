//! Error values of exceptions whose own code fails, or that hold what JavaScript cannot.

use pyo3::prelude::*;
use symphony_python_bridge::async_support::Crossings;
use symphony_python_bridge::errors::Failure;
use symphony_python_bridge::handles;
use symphony_wire::{Reader, Token, Writer, utf16_units};

use crate::support::{Host, Request, Target, attached, call, handle, is_own_process};

const CODE: &str = "
import gc, sys, weakref
class Exits(Exception):
    def __str__(self): sys.exit(3)
class Interrupts(Exception):
    def __str__(self): raise KeyboardInterrupt
class Group(Exception):
    exceptions = property(lambda self: 1 / 0)
class Arguments(Exception):
    @property
    def args(self): raise RuntimeError('args')
class Noted(Exception): pass
class Text(str): pass
class Subclass(Exception):
    def __str__(self): return Text('special')
class Thing: pass
things = []
class Raises:
    def exits(self): raise Exits
    def interrupts(self): raise Interrupts
    def group(self): raise Group('group')
    def arguments(self): raise Arguments('arguments')
    def noted(self):
        error = Noted('noted')
        error.__notes__ = 5
        raise error
    def subclass(self): raise Subclass
    def split(self): raise ValueError('a\\ud83d\\ude00')
    def cyclic(self):
        thing, cycle = Thing(), []
        things.append(weakref.ref(thing))
        cycle.append(cycle)
        raise ValueError(thing, cycle)
    def alive(self):
        gc.collect()
        return sum(thing() is not None for thing in things)
raises = Raises()
";

/// What an error value says.
#[derive(Debug, PartialEq)]
struct Told {
    message: String,
    name: String,
    handle: u32,
    complete: bool,
}

fn text(token: Token<'_>) -> String {
    match token {
        Token::Text(text) => text.to_owned(),
        Token::Utf16(units) => String::from_utf16_lossy(&utf16_units(units).collect::<Vec<_>>()),
        token => panic!("expected a text, got {token:?}"),
    }
}

/// Passes over one value; gives the handles in it.
fn skip(reader: &mut Reader<'_>, crossings: &mut Vec<u32>) {
    let mut left = 1;
    while left > 0 {
        let token = reader.token().unwrap();
        left = left - 1 + token.children();
        if let Token::Handle { id, .. } = token {
            crossings.push(id);
        }
    }
}

fn read(value: &[u8]) -> (Told, Vec<u32>) {
    let mut reader = Reader::new(value);
    let mut crossings = Vec::new();
    assert_eq!(reader.token().unwrap(), Token::Array(3));
    assert_eq!(reader.token().unwrap(), Token::Text("ERR_PYTHON_EXCEPTION"));
    let message = text(reader.token().unwrap());
    assert_eq!(reader.token().unwrap(), Token::Array(12), "{message}");
    let name = text(reader.token().unwrap());
    for _ in 1..9 {
        skip(&mut reader, &mut crossings);
    }
    let Token::Handle { id: handle, .. } = reader.token().unwrap() else {
        panic!("no handle of the exception");
    };
    crossings.push(handle);
    let Token::Boolean(complete) = reader.token().unwrap() else {
        panic!("the member before the last is no boolean");
    };
    assert_eq!(reader.token().unwrap(), Token::Nil);
    assert!(reader.is_at_end());
    let told = Told {
        message,
        name,
        handle,
        complete,
    };
    (told, crossings)
}

fn give_back(ids: &[u32]) {
    attached(|py| {
        for id in ids {
            handles::release(py, *id, 1);
        }
    });
}

#[test]
fn an_exception_whose_own_code_fails_is_reported_as_itself() {
    let host = Host::new();
    let raises = handle(CODE, "raises");
    let expected = [
        ("exits", "Exits", None),
        ("interrupts", "Interrupts", None),
        ("group", "Group", Some("group")),
        ("arguments", "Arguments", Some("arguments")),
        ("noted", "Noted", Some("noted")),
        ("subclass", "Subclass", Some("special")),
    ];
    for (id, (method, class, message)) in (1..).zip(expected) {
        host.submit(&[call(id, Target::Handle(raises), method)]);
        let (told, crossings) = read(&host.wait(id).value);
        assert!(told.name.ends_with(class), "{told:?}");
        assert!(told.complete, "{told:?}");
        match message {
            Some(message) => assert_eq!(told.message, message),
            None => assert!(told.message.contains("unavailable"), "{told:?}"),
        }
        attached(|py| {
            let exception = handles::get(py, told.handle).unwrap();
            assert_eq!(exception.get_type().name().unwrap().to_string(), class);
        });
        give_back(&crossings);
    }
}

#[test]
fn a_message_of_split_surrogates_arrives_as_the_character_they_spell() {
    let host = Host::new();
    let raises = handle(CODE, "raises");
    host.submit(&[call(1, Target::Handle(raises), "split")]);
    let (told, crossings) = read(&host.wait(1).value);
    assert_eq!(
        (told.message.as_str(), told.name.as_str()),
        ("a\u{1f600}", "builtins.ValueError")
    );
    give_back(&crossings);
}

#[test]
fn a_brief_error_value_has_all_members_too() {
    attached(|py| {
        for (method, class, message) in [
            ("exits", "Exits", None),
            ("interrupts", "Interrupts", None),
            ("subclass", "Subclass", Some("special")),
            ("split", "ValueError", Some("a\u{1f600}")),
        ] {
            let names = pyo3::types::PyDict::new(py);
            py.run(&std::ffi::CString::new(CODE).unwrap(), Some(&names), None)
                .unwrap();
            let raises = names.get_item("raises").unwrap().unwrap();
            let failure = Failure::from(raises.call_method0(method).unwrap_err());
            let (mut writer, mut crossings) = (Writer::new(), Crossings::default());
            failure.write(py, false, &mut writer, &mut crossings);
            let (told, _) = read(writer.as_slice());
            assert!(told.name.ends_with(class), "{told:?}");
            assert!(!told.complete, "{told:?}");
            if let Some(message) = message {
                assert_eq!(told.message, message);
            }
            crossings.give_back(py);
        }
    });
}

#[test]
fn a_description_that_is_written_anew_leaves_no_crossing_behind() {
    let host = Host::new();
    let raises = handle(CODE, "raises");
    for id in 1..=20 {
        host.submit(&[call(id, Target::Handle(raises), "cyclic")]);
        let (_, crossings) = read(&host.wait(id).value);
        assert_eq!(crossings.len(), 2, "the arguments and the exception");
        give_back(&crossings);
        host.channel.release(&[id]);
    }
    // The executor drains releases before it detaches, so one job more is enough to see the effect.
    for id in 21.. {
        host.submit(&[Request {
            ..call(id, Target::Handle(raises), "alive")
        }]);
        let value = host.wait(id).value;
        let Token::Integer(alive) = Reader::new(&value).token().unwrap() else {
            panic!("no number");
        };
        if alive == 0 {
            break;
        }
        assert!(id < 10_000, "{alive} objects are kept");
    }
}

#[test]
fn an_exception_that_cannot_be_described_is_reported_with_type_message_and_handle() {
    // It breaks the function that describes exceptions.
    if !is_own_process("errors::an_exception_that_cannot_be_described_is_reported_with_type_message_and_handle") {
        return;
    }
    let host = Host::new();
    let raises = handle(CODE, "raises");
    attached(|py| {
        let broken = c"
import symphony_bridge._describe as module
def broken(*rest, **named): raise KeyboardInterrupt
module._describe = module.message_of = broken
";
        py.run(broken, None, None).unwrap();
    });
    for (id, (method, name, message)) in (1..).zip([
        ("split", "builtins.ValueError", "a\u{1f600}"),
        ("subclass", "Subclass", "special"),
        ("exits", "Exits", "unavailable"),
    ]) {
        host.submit(&[call(id, Target::Handle(raises), method)]);
        let (told, crossings) = read(&host.wait(id).value);
        assert!(told.name.ends_with(name) && told.message.contains(message), "{told:?}");
        assert!(told.complete, "asking once more would not help");
        assert_eq!(crossings, [told.handle]);
    }
}
