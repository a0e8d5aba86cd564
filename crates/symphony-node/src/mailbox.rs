//! The mailbox: memory through which a synchronous call and its result pass, and that of results which are too large for it.

use std::cell::{Cell, RefCell};
use std::ptr;

use napi::sys;
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::javascript::Register;
use symphony_wire::{ErrorCode, Writer};

use crate::array_memory::ArrayMemory;
use crate::js::{UNDEFINED, Value};

/// The registers at the beginning of the mailbox, as the words and doubles that `ts/native/mailbox.ts` names too.
mod register {
    /// Words: the kind of a result, what there is to say of it, and what a call is about.
    pub(super) const KIND: usize = 0;
    pub(super) const DETAILS: usize = 1;
    pub(super) const COUNT: usize = 5;
    /// Of a call of JavaScript's function: what its arguments are, and whether the outbox is in use.
    pub(super) const TAGS: usize = 6;
    pub(super) const OUTBOX_IN_USE: usize = 7;
    pub(super) const TARGET: usize = 14;
    pub(super) const NAME: usize = 15;
    /// Doubles: a result, and the arguments of a call.
    pub(super) const RESULT: usize = 3;
    pub(super) const ARGUMENTS: usize = 4;
    pub(super) const MOST_NUMBERS: usize = 3;
    /// Values begin behind them.
    pub(super) const END: usize = 64;
}

/// What the mailbox holds: its first word. The large variants are the same with the value in `takeLarge()`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Kind {
    Handle = 1,
    Value = 2,
    LargeValue = 3,
    Error = 4,
    LargeError = 5,
    Method = 6,
    Indirect = 7,
    Exception = 8,
    None = 9,
    Boolean = 10,
    Integer = 11,
    Number = 12,
}

/// What a function of JavaScript's gave that was called through registers.
pub(crate) enum DirectResult {
    Register(Register),
    /// So many bytes in the outbox; what they name is kept under the number, if that is not 0.
    Answer {
        length: usize,
        number: u32,
    },
    /// Nothing: it is to be called in another way.
    Indirect,
}

/// Memory for results that is larger than this is not kept for the next one.
const LARGEST_KEPT: usize = 4 << 20;

/// One environment's. Touched by its own thread only.
pub(crate) struct Mailbox {
    env: sys::napi_env,
    memory: ArrayMemory,
    writer: RefCell<Writer>,
    /// Memory for results that do not fit; what is in it counts until the next one.
    large: Cell<Option<ArrayMemory>>,
}

impl Mailbox {
    pub(crate) fn new(env: sys::napi_env, buffer: Value) -> Result<Self, BridgeError> {
        let memory = ArrayMemory::of(env, buffer).filter(|memory| memory.bytes >= 1 << 16);
        let memory = memory.ok_or_else(|| {
            BridgeError::new(
                ErrorCode::InvalidArgument,
                "expected an ArrayBuffer of at least 64 KiB as the mailbox",
            )
        })?;
        Ok(Self {
            env,
            memory,
            writer: RefCell::new(Writer::new()),
            large: Cell::new(None),
        })
    }

    /// Gives memory back; no result comes any more.
    pub(crate) fn end(&self) {
        self.writer.take();
    }

    /// Says in the mailbox that the result is a new handle.
    pub(crate) fn announce_handle(&self, id: u32, type_key: u32) {
        self.write_words(Kind::Handle, [id, type_key, 0, 0]);
    }

    /// Says in the mailbox what the result is.
    #[inline]
    pub(crate) fn announce(&self, kind: Kind) {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::KIND).write((kind as i32).cast_unsigned()) };
    }

    /// Says in the mailbox that Python raised this exception, if the message fits: its type is known by the key, and the
    /// rest is fetched when somebody asks.
    pub(crate) fn announce_exception(&self, message: &str, id: u32, type_key: u32, has_cause: bool) -> bool {
        let mut writer = self.writer.borrow_mut();
        writer.clear();
        let fits = writer.text(message).is_ok() && self.write_value_if_it_fits(writer.as_slice());
        if fits {
            let length = u32::try_from(writer.len()).unwrap_or_default();
            self.write_words(Kind::Exception, [length, id, type_key, u32::from(has_cause)]);
        }
        fits
    }

    /// Writes a result, of which `body` says the kind, to the mailbox or, if it is large, aside.
    pub(crate) fn write_result(&self, body: impl FnOnce(&mut Writer) -> Kind) -> Value {
        // Out of its place, because `body` may run Python code that calls JavaScript that calls Python.
        let mut writer = self.writer.take();
        writer.clear();
        let kind = body(&mut writer);
        let bytes = writer.as_slice();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if self.write_value_if_it_fits(bytes) {
            self.write_words(kind, [length, 0, 0, 0]);
        } else {
            let large = if kind == Kind::Error {
                Kind::LargeError
            } else {
                Kind::LargeValue
            };
            // The bytes stay in the writer until JavaScript takes them, which it does next.
            self.write_words(large, [length, 0, 0, 0]);
        }
        self.writer.replace(writer);
        UNDEFINED
    }

    /// Writes a question; whether it is too large for the mailbox and waits aside.
    pub(crate) fn write_question(&self, question: &[u8]) -> bool {
        let fits = self.write_value_if_it_fits(question);
        if !fits {
            let mut writer = self.writer.borrow_mut();
            writer.clear();
            writer.raw(question);
        }
        !fits
    }

    /// The value that did not fit the mailbox, in memory that is at least as large.
    pub(crate) fn take_large(&self) -> Result<Value, BridgeError> {
        let mut writer = self.writer.borrow_mut();
        let bytes = writer.as_slice();
        let (value, data) = self.memory_for(bytes.len())?;
        // SAFETY: at least that many bytes, which nobody else writes.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
        if bytes.len() > LARGEST_KEPT {
            *writer = Writer::new();
        }
        Ok(value)
    }

    /// Memory of a large result: that of the one before, if it is large enough, since new memory costs as much as all
    /// the rest.
    fn memory_for(&self, bytes: usize) -> Result<(Value, *mut u8), BridgeError> {
        if let Some(kept) = self.large.get().filter(|kept| kept.bytes >= bytes) {
            return Ok((kept.buffer(self.env), kept.data));
        }
        let is_kept = bytes <= LARGEST_KEPT;
        let wanted = if is_kept { bytes.next_power_of_two() } else { bytes };
        let (buffer, memory) = ArrayMemory::new(self.env, wanted)?;
        let given_up = if is_kept {
            self.large.replace(Some(memory))
        } else {
            Some(memory)
        };
        if let Some(memory) = given_up {
            memory.let_go(self.env);
        }
        Ok((buffer, memory.data))
    }

    fn write_value_if_it_fits(&self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.memory.bytes - register::END;
        if fits {
            let place = self.memory.data.wrapping_add(register::END);
            // SAFETY: within the mailbox, whose memory is kept by its reference and never transferred.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        }
        fits
    }

    fn write_words(&self, kind: Kind, details: [u32; 4]) {
        // SAFETY: four words within the registers.
        unsafe { ptr::copy_nonoverlapping(details.as_ptr(), self.word(register::DETAILS), details.len()) };
        self.announce(kind);
    }

    #[inline]
    fn word(&self, index: usize) -> *mut u32 {
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "an ArrayBuffer's memory is aligned for every element type"
        )]
        self.memory.data.cast::<u32>().wrapping_add(index)
    }

    #[inline]
    fn double(&self, index: usize) -> *mut f64 {
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "an ArrayBuffer's memory is aligned for every element type"
        )]
        self.memory.data.cast::<f64>().wrapping_add(index)
    }

    /// The handle id that a call is about.
    #[inline]
    pub(crate) fn target(&self) -> u32 {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::TARGET).read() }
    }

    /// The name number that a call is about.
    #[inline]
    pub(crate) fn name(&self) -> u32 {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::NAME).read() }
    }

    /// The arguments of a call with numbers.
    #[inline]
    pub(crate) fn numbers(&self) -> &[f64] {
        // SAFETY: a word within the registers.
        let count = unsafe { self.word(register::COUNT).read() } as usize;
        let count = count.min(register::MOST_NUMBERS);
        // SAFETY: doubles within the registers, which JavaScript does not write while this thread is here.
        unsafe { std::slice::from_raw_parts(self.double(register::ARGUMENTS), count) }
    }

    /// Writes a call of a function of JavaScript's.
    #[inline]
    pub(crate) fn write_call(&self, function: u32, arguments: &[Register], outbox_in_use: bool) {
        let mut tags = 0;
        let registers = &arguments[..arguments.len().min(register::MOST_NUMBERS)];
        for (index, argument) in registers.iter().enumerate() {
            let tag = match *argument {
                Register::Number(number) => {
                    // SAFETY: a double within the registers.
                    unsafe { self.double(register::ARGUMENTS + index).write(number) };
                    0
                }
                Register::None => 1,
                Register::Boolean(boolean) => 2 + u32::from(boolean),
            };
            tags |= tag << (2 * index);
        }
        let count = u32::try_from(registers.len()).unwrap_or_default();
        let words = [
            (register::COUNT, count),
            (register::TAGS, tags),
            (register::OUTBOX_IN_USE, u32::from(outbox_in_use)),
            (register::TARGET, function),
        ];
        for (place, word) in words {
            // SAFETY: a word within the registers.
            unsafe { self.word(place).write(word) };
        }
    }

    /// What became of that call, as JavaScript wrote it.
    #[inline]
    pub(crate) fn called(&self) -> DirectResult {
        let word = |place: usize| {
            // SAFETY: a word within the registers.
            unsafe { self.word(place).read() }
        };
        match word(register::KIND).cast_signed() {
            kind if kind == Kind::Number as i32 => {
                // SAFETY: a double within the registers.
                DirectResult::Register(Register::Number(unsafe { self.double(register::RESULT).read() }))
            }
            kind if kind == Kind::None as i32 => DirectResult::Register(Register::None),
            kind if kind == Kind::Boolean as i32 => {
                DirectResult::Register(Register::Boolean(word(register::DETAILS) != 0))
            }
            kind if kind == Kind::Value as i32 => DirectResult::Answer {
                length: word(register::DETAILS) as usize,
                number: word(register::DETAILS + 1),
            },
            _ => DirectResult::Indirect,
        }
    }

    /// Says in the mailbox that the result is this number.
    #[inline]
    pub(crate) fn announce_number(&self, number: f64) {
        // SAFETY: a double within the registers.
        unsafe { self.double(register::RESULT).write(number) };
        self.announce(Kind::Number);
    }

    /// Says in the mailbox that the result is this integer.
    #[inline]
    pub(crate) fn announce_integer(&self, integer: i32) {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::DETAILS).write(integer.cast_unsigned()) };
        self.announce(Kind::Integer);
    }

    /// Says in the mailbox that the result is this boolean.
    #[inline]
    pub(crate) fn announce_boolean(&self, boolean: bool) {
        // SAFETY: a word within the registers.
        unsafe { self.word(register::DETAILS).write(boolean.into()) };
        self.announce(Kind::Boolean);
    }
}
