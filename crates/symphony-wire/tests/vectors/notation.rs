//! The notation of `vectors.json`, to and from tokens.

use super::fixture::hex;
use serde_json::{Value, json};
use symphony_wire::{
    ArrayReference, ArrayTarget, ArrayView, ClockTime, CopiedArray, Day, Element, InlineArray, JsKind, JsObject,
    MemorySource, MessageArray, Reader, SharedArray, TimeDelta, TimeOfDay, Token, UtcOffset, WireError, Writer, Zone,
    utf16_units,
};

fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Writes a value in the notation of the fixture.
pub(crate) fn write_value(value: &Value, writer: &mut Writer) {
    match value {
        Value::Null => return writer.nil(),
        Value::Bool(value) => return writer.boolean(*value),
        _ => {}
    }
    let (kind, content) = value.as_object().unwrap().iter().next().unwrap();
    let items = || content.as_array().unwrap().iter();
    let id = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    match kind.as_str() {
        "int" => writer
            .big_integer(&decimal_to_bytes(content.as_str().unwrap()))
            .unwrap(),
        "float" => writer.float(double(content)),
        "text" => writer.text(content.as_str().unwrap()).unwrap(),
        "utf16" => {
            let units: Vec<u16> = items()
                .map(|unit| u16::try_from(unit.as_u64().unwrap()).unwrap())
                .collect();
            writer.utf16(&units).unwrap();
        }
        "bytes" => writer.bytes(&hex(content.as_str().unwrap())).unwrap(),
        "bytearray" => writer.byte_array(&hex(content.as_str().unwrap())).unwrap(),
        "list" => writer.array(items().len()).unwrap(),
        "tuple" => writer.tuple(items().len()).unwrap(),
        "set" => writer.set(items().len()).unwrap(),
        "frozenset" => writer.frozen_set(items().len()).unwrap(),
        "dict" => writer.map(items().len()).unwrap(),
        "shape" => {
            writer.shape(items().len()).unwrap().unwrap();
        }
        "record" => writer.record(u8::try_from(content[0].as_u64().unwrap()).unwrap()),
        "floats" => writer.floats(items().map(float)).unwrap(),
        "numbers" => writer.numbers(items().map(float)).unwrap(),
        "integers" => writer
            .integers(items().map(|item| i32::try_from(item.as_i64().unwrap()).unwrap()))
            .unwrap(),
        "map" => writer.any_map(items().len()).unwrap(),
        "complex" => {
            let [real, imaginary] = [0, 1].map(|part: usize| double(&content[part]));
            writer.complex(real, imaginary);
        }
        "decimal" => writer.decimal(content.as_str().unwrap()).unwrap(),
        "fraction" => {
            let (numerator, denominator) = content.as_str().unwrap().split_once('/').unwrap();
            writer.fraction(numerator, denominator).unwrap();
        }
        "uuid" => writer.uuid(hex(content.as_str().unwrap()).as_slice().try_into().unwrap()),
        "ellipsis" => writer.ellipsis(),
        "datetime" => writer.date_time(day_of(&content[0]), &clock_of(&content[1])).unwrap(),
        "date" => writer.date(day_of(content)),
        "time" => writer.time(&clock_of(content)).unwrap(),
        "timedelta" => {
            let [days, seconds, microseconds] = [0, 1, 2].map(|part: usize| content[part].as_i64().unwrap());
            let (seconds, microseconds) = (seconds.try_into().unwrap(), microseconds.try_into().unwrap());
            writer.time_delta(TimeDelta::new(days.try_into().unwrap(), seconds, microseconds).unwrap());
        }
        "range" => writer.range(),
        "slice" => writer.slice(),
        "path" => writer.path(),
        "exception" => writer.exception(),
        "handle" => writer.handle(id(&content[0]), id(&content[1])),
        "handleReference" => writer.handle_reference(id(content)),
        "request" => writer.request(id(content)),
        "jsObject" => {
            let byte = |index: usize| u8::try_from(content[index].as_u64().unwrap()).unwrap();
            let object = JsObject {
                id: id(&content[0]),
                kind: JsKind::of(byte(1), byte(2)).unwrap(),
                name: content[3].as_str().unwrap(),
            };
            writer.js_object(object).unwrap();
        }
        "jsObjectReference" => writer.js_object_reference(id(content)),
        "sharedArray" | "arrayReference" | "inlineArray" | "messageArray" | "copiedArray" => {
            write_array(kind, content, writer);
        }
        other => panic!("unknown notation {other}"),
    }
    match kind.as_str() {
        "path" | "exception" => write_value(content, writer),
        "list" | "tuple" | "set" | "frozenset" | "range" | "slice" => {
            items().for_each(|item| write_value(item, writer));
        }
        "dict" => items().for_each(|pair| {
            writer.text(pair[0].as_str().unwrap()).unwrap();
            write_value(&pair[1], writer);
        }),
        "shape" => {
            items().for_each(|pair| writer.text(pair[0].as_str().unwrap()).unwrap());
            items().for_each(|pair| write_value(&pair[1], writer));
        }
        "record" => items().skip(2).for_each(|value| write_value(value, writer)),
        "map" => items().for_each(|pair| {
            write_value(&pair[0], writer);
            write_value(&pair[1], writer);
        }),
        _ => {}
    }
}

fn write_array(kind: &str, content: &Value, writer: &mut Writer) {
    let number = |index: usize| usize::try_from(content[index].as_u64().unwrap()).unwrap();
    let id = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    match kind {
        "sharedArray" => {
            let element = Element::ALL[number(4)];
            let view = [ArrayView::Typed, ArrayView::Shaped, ArrayView::Bytes, ArrayView::Copy][number(3)];
            let mut array = SharedArray::new(id(&content[0]), id(&content[1]), view, element);
            array.memory = id(&content[2]);
            (array.copied, array.big_endian) = (number(5) & 1 != 0, number(5) & 2 != 0);
            array.of_block = number(5) & 4 != 0;
            (array.address, array.bytes, array.offset) = (number(6) as u64, number(7) as u64, number(8) as u64);
            let dimensions = content[9].as_array().unwrap().iter();
            let dimensions: Vec<_> = dimensions
                .map(|one| (one[0].as_u64().unwrap(), one[1].as_i64().unwrap()))
                .collect();
            writer.shared_array(&array, dimensions.into_iter()).unwrap();
        }
        "arrayReference" => {
            let shape: Vec<u64> = content[5]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_u64().unwrap())
                .collect();
            let payload = ArrayReference::payload(
                [MemorySource::Object, MemorySource::Block][number(0)],
                id(&content[1]),
                [ArrayTarget::MemoryView, ArrayTarget::NdArray, ArrayTarget::Bytes][number(2)],
                Element::ALL[number(3)],
                content[4].as_u64().unwrap(),
                &shape,
            );
            writer.array_reference(&payload).unwrap();
        }
        "inlineArray" => {
            let bytes = hex(content[6].as_str().unwrap());
            let view = [ArrayView::Typed, ArrayView::Shaped, ArrayView::Bytes, ArrayView::Copy][number(2)];
            let mut array = InlineArray::new(id(&content[0]), id(&content[1]), view, Element::ALL[number(3)], &bytes);
            array.big_endian = content[4].as_bool().unwrap();
            array.memory = id(&content[7]);
            let shape: Vec<_> = content[5]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_u64().unwrap())
                .collect();
            writer.inline_array(&array, shape.into_iter()).unwrap();
        }
        "messageArray" => {
            let shape: Vec<_> = content[2]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_u64().unwrap())
                .collect();
            let target = [ArrayTarget::MemoryView, ArrayTarget::NdArray][number(0)];
            let bytes = hex(content[3].as_str().unwrap());
            writer
                .message_array(&MessageArray::payload(target, Element::ALL[number(1)], &shape, &bytes))
                .unwrap();
        }
        _ => {
            let element = Element::ALL[number(0)];
            let bytes = hex(content[1].as_str().unwrap());
            writer.copied_array(CopiedArray { element, bytes: &bytes }).unwrap();
        }
    }
}

/// Reads one value and expects nothing after it.
pub(crate) fn read_all(bytes: &[u8]) -> Result<Value, WireError> {
    let mut reader = Reader::new(bytes);
    let value = read_value(&mut reader)?;
    assert!(reader.is_at_end(), "bytes are left");
    Ok(value)
}

fn read_value(reader: &mut Reader<'_>) -> Result<Value, WireError> {
    let token = reader.token()?;
    Ok(match token {
        Token::Nil => Value::Null,
        Token::Boolean(value) => json!(value),
        Token::Integer(value) => json!({ "int": value.to_string() }),
        Token::Unsigned(value) => json!({ "int": value.to_string() }),
        Token::BigInteger(bytes) => json!({ "int": bytes_to_decimal(bytes) }),
        Token::Float(value) => json!({ "float": bits_of(value) }),
        Token::Complex { real, imaginary } => json!({ "complex": [bits_of(real), bits_of(imaginary)] }),
        Token::Decimal(text) => json!({ "decimal": text }),
        Token::Fraction(text) => json!({ "fraction": text }),
        Token::Uuid(bytes) => json!({ "uuid": to_hex(bytes) }),
        Token::Ellipsis => json!({ "ellipsis": true }),
        Token::DateTime(day, clock) => json!({ "datetime": [date_text(day), clock_notation(&clock)] }),
        Token::Date(day) => json!({ "date": date_text(day) }),
        Token::Time(clock) => json!({ "time": clock_notation(&clock) }),
        Token::TimeDelta(delta) => {
            let (days, seconds, microseconds) = delta.parts();
            json!({ "timedelta": [days, seconds, microseconds] })
        }
        Token::Range => json!({ "range": read_values(reader, 3)? }),
        Token::Slice => json!({ "slice": read_values(reader, 3)? }),
        Token::Path => json!({ "path": read_value(reader)? }),
        Token::Exception => json!({ "exception": read_value(reader)? }),
        Token::Text(text) => json!({ "text": text }),
        Token::Utf16(bytes) => json!({ "utf16": utf16_units(bytes).collect::<Vec<_>>() }),
        Token::Bytes(bytes) => json!({ "bytes": to_hex(bytes) }),
        Token::ByteArray(bytes) => json!({ "bytearray": to_hex(bytes) }),
        Token::Array(count) => json!({ "list": read_values(reader, count)? }),
        Token::Tuple(count) => json!({ "tuple": read_values(reader, count)? }),
        Token::Set(count) => json!({ "set": read_values(reader, count)? }),
        Token::FrozenSet(count) => json!({ "frozenset": read_values(reader, count)? }),
        Token::Map(count) => {
            let pairs = read_values(reader, 2 * count)?;
            json!({ "dict": pairs.chunks(2).map(|pair| json!([pair[0]["text"], pair[1]])).collect::<Vec<_>>() })
        }
        Token::Shape { keys, .. } => {
            let parts = read_values(reader, 2 * keys)?;
            let (keys, values) = parts.split_at(keys);
            let pairs = keys.iter().zip(values).map(|(key, value)| json!([key["text"], value]));
            json!({ "shape": pairs.collect::<Vec<_>>() })
        }
        Token::Record { shape, keys } => {
            let mut known = reader.keys_of(shape).unwrap();
            let names = read_values(&mut known, keys)?;
            let mut parts = vec![json!(shape)];
            parts.extend(names.iter().map(|name| name["text"].clone()));
            parts.extend(read_values(reader, keys)?);
            json!({ "record": parts })
        }
        Token::Floats(items) => json!({ "floats": items.floats().map(of_float).collect::<Vec<_>>() }),
        Token::Numbers(items) => json!({ "numbers": items.floats().map(of_float).collect::<Vec<_>>() }),
        Token::Integers(items) => json!({ "integers": items.integers().collect::<Vec<_>>() }),
        Token::AnyMap(count) => {
            let pairs = read_values(reader, 2 * count)?;
            json!({ "map": pairs.chunks(2).collect::<Vec<_>>() })
        }
        Token::Handle { id, type_key } => json!({ "handle": [id, type_key] }),
        Token::HandleReference(id) => json!({ "handleReference": id }),
        Token::Request(id) => json!({ "request": id }),
        Token::JsObject(JsObject { id, kind, name }) => {
            let [kind, parameters] = kind.code();
            json!({ "jsObject": [id, kind, parameters, name] })
        }
        Token::JsObjectReference(id) => json!({ "jsObjectReference": id }),
        Token::SharedArray(array) => {
            let dimensions: Vec<_> = array.dimensions().collect();
            let flags = u8::from(array.copied) | (u8::from(array.big_endian) << 1) | (u8::from(array.of_block) << 2);
            let head = (
                array.id,
                array.type_key,
                array.memory,
                array.view as u8,
                array.element.code(),
                flags,
            );
            json!({ "sharedArray": [head.0, head.1, head.2, head.3, head.4, head.5, array.address, array.bytes, array.offset, dimensions] })
        }
        Token::ArrayReference(array) => {
            let shape: Vec<_> = array.shape().collect();
            let (source, target) = (array.source as u8, array.target as u8);
            json!({ "arrayReference": [source, array.id, target, array.element.code(), array.offset, shape] })
        }
        Token::InlineArray(array) => {
            let shape: Vec<_> = array.shape().collect();
            let (view, element) = (array.view as u8, array.element.code());
            json!({ "inlineArray": [array.id, array.type_key, view, element, array.big_endian, shape, to_hex(array.bytes), array.memory] })
        }
        Token::MessageArray(array) => {
            let shape: Vec<_> = array.shape().collect();
            json!({ "messageArray": [array.target as u8, array.element.code(), shape, to_hex(array.bytes)] })
        }
        Token::CopiedArray(array) => json!({ "copiedArray": [array.element.code(), to_hex(array.bytes)] }),
    })
}

/// The day of a text such as `2025-03-14`.
fn day_of(text: &Value) -> Day {
    let mut parts = text.as_str().unwrap().split('-');
    let mut part = || parts.next().unwrap();
    Day::of(
        part().parse().unwrap(),
        part().parse().unwrap(),
        part().parse().unwrap(),
    )
    .unwrap()
}

fn date_text(day: Day) -> String {
    let (year, month, day) = day.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// Microseconds, fold, offset in microseconds or null, name or null, key or null.
fn clock_of(parts: &Value) -> ClockTime<'_> {
    let offset = parts[2].as_i64().map(|offset| UtcOffset::new(offset).unwrap());
    ClockTime {
        time: TimeOfDay::new(parts[0].as_u64().unwrap()).unwrap(),
        fold: parts[1] == 1,
        zone: match (offset, parts[3].as_str(), parts[4].as_str()) {
            (offset, _, Some(key)) => Zone::Key(offset, key),
            (Some(offset), Some(name), _) => Zone::Named(offset, name),
            (Some(offset), None, _) => Zone::Offset(offset),
            (None, ..) => Zone::Naive,
        },
    }
}

fn clock_notation(clock: &ClockTime<'_>) -> Value {
    let (offset, name, key) = match clock.zone {
        Zone::Naive => (None, None, None),
        Zone::Offset(offset) => (Some(offset), None, None),
        Zone::Named(offset, name) => (Some(offset), Some(name), None),
        Zone::Key(offset, key) => (offset, None, Some(key)),
    };
    let offset = offset.map(UtcOffset::microseconds);
    json!([clock.time.microseconds(), u8::from(clock.fold), offset, name, key])
}

fn read_values(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Value>, WireError> {
    (0..count).map(|_| read_value(reader)).collect()
}

/// A float is a JSON number, except for -0, and one that is integral has no fraction.
fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(-0.0)
}

fn of_float(value: f64) -> Value {
    if value == 0.0 && value.is_sign_negative() {
        json!("-0")
    } else if value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "the vectors' integral floats are small")]
        let integer = value as i64;
        json!(integer)
    } else {
        json!(value)
    }
}

/// The float of these bits, in hexadecimal digits.
fn double(bits: &Value) -> f64 {
    f64::from_bits(u64::from_str_radix(bits.as_str().unwrap(), 16).unwrap())
}

fn bits_of(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

/// Two's complement, little-endian, with room to spare: the writer trims it.
fn decimal_to_bytes(text: &str) -> Vec<u8> {
    let value: i128 = text.parse().unwrap();
    value.to_le_bytes().to_vec()
}

fn bytes_to_decimal(bytes: &[u8]) -> String {
    let sign = if bytes[bytes.len() - 1] >= 0x80 { 0xff } else { 0 };
    let mut extended = [sign; 16];
    extended[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(extended).to_string()
}
