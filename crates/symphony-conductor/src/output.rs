//! What a child writes to its standard output and error: the end of it is kept, and each line is an event.

use std::collections::VecDeque;

use crate::policy::Time;

/// How much of the end is kept, in bytes.
pub(crate) const TAIL: usize = 64 * 1024;

/// The longest line that is passed on; a longer one comes in pieces.
const LINE: usize = 8 * 1024;

/// How many lines may be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRate {
    /// Lines a second of each stream. Default: 200.
    pub lines_per_second: u32,
    /// Lines at once after a silence. Default: 1000.
    pub burst: u32,
}

impl LineRate {
    /// Every line, however many there are.
    pub const UNLIMITED: Self = Self {
        lines_per_second: u32::MAX,
        burst: u32::MAX,
    };
}

impl Default for LineRate {
    fn default() -> Self {
        Self {
            lines_per_second: 200,
            burst: 1000,
        }
    }
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// One stream of one child.
#[derive(Debug)]
pub(crate) struct Output {
    tail: VecDeque<u8>,
    line: Vec<u8>,
    rate: LineRate,
    /// Lines that may be passed on now, in thousandths.
    credit: u64,
    counted_at: Time,
    /// Lines that were not passed on since the last one that was.
    dropped: u64,
    /// All bytes that came.
    pub(crate) bytes: u64,
    /// All lines that were not passed on.
    pub(crate) lines_dropped: u64,
}

/// A line, and how many before it were left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) dropped: u64,
}

impl Output {
    pub(crate) fn new(rate: LineRate, now: Time) -> Self {
        Self {
            tail: VecDeque::new(),
            line: Vec::new(),
            rate,
            credit: u64::from(rate.burst) * 1000,
            counted_at: now,
            dropped: 0,
            bytes: 0,
            lines_dropped: 0,
        }
    }

    /// Takes what was read; the lines that it completes go to `each`.
    pub(crate) fn take(&mut self, mut bytes: &[u8], now: Time, each: &mut dyn FnMut(Line)) {
        self.bytes += bytes.len() as u64;
        let keep = &bytes[bytes.len().saturating_sub(TAIL)..];
        let surplus = (self.tail.len() + keep.len()).saturating_sub(TAIL);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend(keep);
        while !bytes.is_empty() {
            let room = LINE - self.line.len();
            let window = &bytes[..bytes.len().min(room)];
            let end = window.iter().position(|&byte| byte == b'\n');
            self.line.extend_from_slice(&window[..end.unwrap_or(window.len())]);
            bytes = &bytes[end.map_or(window.len(), |end| end + 1)..];
            if end.is_some() || self.line.len() == LINE {
                self.complete(now, each);
            }
        }
    }

    /// The stream has ended: what it did not finish with a newline is a line, too.
    pub(crate) fn finish(&mut self, now: Time, each: &mut dyn FnMut(Line)) {
        if !self.line.is_empty() {
            self.complete(now, each);
        }
    }

    fn complete(&mut self, now: Time, each: &mut dyn FnMut(Line)) {
        let bytes = std::mem::take(&mut self.line);
        let passed = now.saturating_sub(self.counted_at);
        self.counted_at = now;
        let earned = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let earned = earned.saturating_mul(u64::from(self.rate.lines_per_second));
        self.credit = self
            .credit
            .saturating_add(earned)
            .min(u64::from(self.rate.burst) * 1000);
        if self.credit < 1000 {
            self.dropped += 1;
            self.lines_dropped += 1;
            return;
        }
        self.credit -= 1000;
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let text = String::from_utf8_lossy(bytes).into_owned();
        each(Line {
            text,
            dropped: std::mem::take(&mut self.dropped),
        });
    }

    /// The end of what came; a character or an escape sequence that was cut at the front is left out.
    pub(crate) fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        let whole = if self.bytes > TAIL as u64 {
            // From the next line on, if there is one: nothing of the first one can be trusted to be complete.
            let next = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            &bytes[next..]
        } else {
            &bytes
        };
        String::from_utf8_lossy(whole).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(output: &mut Output, text: &[u8], now: Time) -> Vec<(String, u64)> {
        let mut lines = Vec::new();
        output.take(text, now, &mut |line| lines.push((line.text, line.dropped)));
        lines
    }

    #[test]
    fn lines_are_complete_whatever_the_pieces() {
        let mut output = Output::new(LineRate::default(), Time::ZERO);
        assert!(lines(&mut output, b"one", Time::ZERO).is_empty());
        let got = lines(&mut output, b" and\r\n\nlast", Time::ZERO);
        assert_eq!(got, [("one and".to_owned(), 0), (String::new(), 0)]);
        let mut rest = Vec::new();
        output.finish(Time::ZERO, &mut |line| rest.push(line.text));
        assert_eq!(rest, ["last"]);
        assert_eq!(output.tail(), "one and\r\n\nlast");
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let mut output = Output::new(LineRate::default(), Time::ZERO);
        let got = lines(&mut output, &vec![b'x'; LINE * 2 + 1], Time::ZERO);
        assert_eq!(got.iter().map(|(line, _)| line.len()).collect::<Vec<_>>(), [LINE, LINE]);
    }

    #[test]
    fn lines_beyond_the_rate_are_counted_and_not_passed_on() {
        let mut output = Output::new(
            LineRate {
                lines_per_second: 2,
                burst: 3,
            },
            Time::ZERO,
        );
        assert_eq!(lines(&mut output, &b"x\n".repeat(10), Time::ZERO).len(), 3);
        assert_eq!(lines(&mut output, b"y\n", Time::from_secs(1)), [("y".to_owned(), 7)]);
        assert_eq!(output.lines_dropped, 7);
    }

    #[test]
    fn the_end_is_kept_and_begins_with_a_line() {
        let mut output = Output::new(LineRate::default(), Time::ZERO);
        for number in 0..20_000 {
            lines(&mut output, format!("line {number}\n").as_bytes(), Time::ZERO);
        }
        let tail = output.tail();
        assert!(tail.len() <= TAIL && tail.len() > TAIL - 16);
        assert!(tail.starts_with("line ") && tail.ends_with("line 19999\n"));
        lines(&mut output, &vec![b'z'; TAIL + 5], Time::ZERO);
        assert_eq!(output.tail().len(), TAIL);
    }
}
