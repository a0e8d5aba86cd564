//! Dates and times: days of the calendar, times of a day, their zones, and durations. Each type holds only what Python's
//! module `datetime` can hold, so what is written needs no check, and what is read has been checked.

use crate::format::{extension, lead};
use crate::{Token, WireError, Writer};

/// A day of the proleptic Gregorian calendar, from year 1 to year 9999, as a number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(i32);

impl Day {
    /// 0001-01-01.
    pub const FIRST: i32 = -719_162;
    /// 9999-12-31.
    pub const LAST: i32 = 2_932_896;

    /// The day so many days after 1970-01-01.
    pub fn new(days: i32) -> Option<Self> {
        (Self::FIRST..=Self::LAST).contains(&days).then_some(Self(days))
    }

    /// How many days after 1970-01-01 it is.
    pub fn days(self) -> i32 {
        self.0
    }

    /// The day of a year, month and day of the month, each from 1.
    pub fn of(year: u16, month: u8, day: u8) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        // Years that begin in March have their leap day at the end; 400 of them are an era of 146,097 days.
        let year = i32::from(year) - i32::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (i32::from(month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i32::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let found = Self::new(era * 146_097 + day_of_era - 719_468)?;
        // A day that the month does not have is one of the next.
        (found.date().2 == day).then_some(found)
    }

    /// Year, month and day of the month, each from 1.
    pub fn date(self) -> (u16, u8, u8) {
        let shifted = self.0 + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "years are from 1 to 9999, months to 12, days to 31"
        )]
        let date = (year as u16, month as u8, day as u8);
        date
    }
}

/// A time of the day, in microseconds since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(u64);

impl TimeOfDay {
    /// How many microseconds a day has.
    pub const END: u64 = 86_400_000_000;

    /// The time so many microseconds after midnight.
    pub fn new(microseconds: u64) -> Option<Self> {
        (microseconds < Self::END).then_some(Self(microseconds))
    }

    /// How many microseconds after midnight it is.
    pub fn microseconds(self) -> u64 {
        self.0
    }
}

/// How far a clock is ahead of UTC: less than a day, in either direction, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UtcOffset(i64);

impl UtcOffset {
    /// So many microseconds east of UTC.
    pub fn new(microseconds: i64) -> Option<Self> {
        (microseconds.unsigned_abs() < TimeOfDay::END).then_some(Self(microseconds))
    }

    /// How many microseconds east of UTC.
    pub fn microseconds(self) -> i64 {
        self.0
    }
}

/// What a clock is set by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone<'a> {
    /// Nothing is known.
    Naive,
    /// `datetime.timezone` of an offset.
    Offset(UtcOffset),
    /// `datetime.timezone` of an offset that was given a name.
    Named(UtcOffset, &'a str),
    /// `zoneinfo.ZoneInfo` of a key. The offset is the one at the time that it belongs to; a time without a day need not
    /// have one.
    Key(Option<UtcOffset>, &'a str),
}

/// A time of the day, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockTime<'a> {
    /// What the clock shows.
    pub time: TimeOfDay,
    /// Whether it is the second time on that day that the clock shows this.
    pub fold: bool,
    /// What the clock is set by.
    pub zone: Zone<'a>,
}

/// `datetime.timedelta` in its one form: the sum of the three parts, of which only the days may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeDelta {
    days: i32,
    seconds: u32,
    microseconds: u32,
}

impl TimeDelta {
    /// How many days there may be, in either direction.
    pub const MOST_DAYS: i32 = 999_999_999;

    /// The duration of these parts: less than a day of seconds, less than a second of microseconds.
    pub fn new(days: i32, seconds: u32, microseconds: u32) -> Option<Self> {
        let is_normal =
            (-Self::MOST_DAYS..=Self::MOST_DAYS).contains(&days) && seconds < 86_400 && microseconds < 1_000_000;
        is_normal.then_some(Self {
            days,
            seconds,
            microseconds,
        })
    }

    /// Days, seconds and microseconds.
    pub fn parts(self) -> (i32, u32, u32) {
        (self.days, self.seconds, self.microseconds)
    }
}

mod flag {
    pub(super) const FOLD: u8 = 1;
    pub(super) const OFFSET: u8 = 2;
    /// The text at the end is the name of the offset.
    pub(super) const NAME: u8 = 4;
    /// The text at the end is the key of a zone.
    pub(super) const KEY: u8 = 8;
}

impl Writer {
    /// A `datetime`. With the key of a zone there must be an offset.
    ///
    /// # Errors
    /// [`TooLong`](crate::WireErrorKind::TooLong).
    pub fn date_time(&mut self, day: Day, clock: &ClockTime<'_>) -> Result<(), WireError> {
        self.clock(extension::DATE_TIME, &day.0.to_le_bytes(), clock)
    }

    /// A `date`.
    pub fn date(&mut self, day: Day) {
        self.raw(&[lead::FIXEXT4, extension::DATE]);
        self.raw(&day.0.to_le_bytes());
    }

    /// A `time`.
    ///
    /// # Errors
    /// [`TooLong`](crate::WireErrorKind::TooLong).
    pub fn time(&mut self, clock: &ClockTime<'_>) -> Result<(), WireError> {
        self.clock(extension::TIME, &[], clock)
    }

    /// A `timedelta`.
    pub fn time_delta(&mut self, delta: TimeDelta) {
        self.raw(&[lead::EXT8, 12, extension::TIME_DELTA]);
        self.raw(&delta.days.to_le_bytes());
        self.raw(&delta.seconds.to_le_bytes());
        self.raw(&delta.microseconds.to_le_bytes());
    }

    fn clock(&mut self, code: u8, before: &[u8], clock: &ClockTime<'_>) -> Result<(), WireError> {
        let (offset, text, flags) = match clock.zone {
            Zone::Naive => (None, "", 0),
            Zone::Offset(offset) => (Some(offset), "", flag::OFFSET),
            Zone::Named(offset, name) => (Some(offset), name, flag::OFFSET | flag::NAME),
            Zone::Key(Some(offset), key) => (Some(offset), key, flag::OFFSET | flag::KEY),
            Zone::Key(None, key) => (None, key, flag::KEY),
        };
        let length = before.len() + 7 + if offset.is_some() { 8 } else { 0 } + text.len();
        self.extension_header(code, length)?;
        self.raw(before);
        #[expect(clippy::cast_possible_truncation, reason = "a day has 86,400,000 milliseconds")]
        let (milliseconds, rest) = ((clock.time.0 / 1000) as u32, (clock.time.0 % 1000) as u16);
        self.raw(&milliseconds.to_le_bytes());
        self.raw(&rest.to_le_bytes());
        self.raw(&[flags | if clock.fold { flag::FOLD } else { 0 }]);
        if let Some(UtcOffset(offset)) = offset {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "an offset is less than a day, and a remainder is not negative"
            )]
            let (seconds, rest) = (offset.div_euclid(1_000_000) as i32, offset.rem_euclid(1_000_000) as u32);
            self.raw(&seconds.to_le_bytes());
            self.raw(&rest.to_le_bytes());
        }
        self.raw(text.as_bytes());
        Ok(())
    }
}

/// The token of a payload; nothing if it is not one of these, or wrong.
pub(crate) fn token(code: u8, payload: &[u8]) -> Option<Token<'_>> {
    match code {
        extension::DATE_TIME => {
            let (day, rest) = payload.split_first_chunk()?;
            let (day, clock) = (Day::new(i32::from_le_bytes(*day))?, clock_time(rest)?);
            let is_known = !matches!(clock.zone, Zone::Key(None, _));
            is_known.then_some(Token::DateTime(day, clock))
        }
        extension::DATE => Day::new(i32::from_le_bytes(payload.try_into().ok()?)).map(Token::Date),
        extension::TIME => clock_time(payload).map(Token::Time),
        extension::TIME_DELTA => {
            let ([days, seconds, microseconds], []) = payload.as_chunks::<4>() else {
                return None;
            };
            TimeDelta::new(
                i32::from_le_bytes(*days),
                u32::from_le_bytes(*seconds),
                u32::from_le_bytes(*microseconds),
            )
            .map(Token::TimeDelta)
        }
        _ => None,
    }
}

fn clock_time(payload: &[u8]) -> Option<ClockTime<'_>> {
    let (milliseconds, rest) = payload.split_first_chunk()?;
    let (microseconds, rest) = rest.split_first_chunk()?;
    let (&flags, mut rest) = rest.split_first()?;
    let microseconds = u64::from(u16::from_le_bytes(*microseconds));
    if microseconds >= 1000 {
        return None;
    }
    let time = TimeOfDay::new(u64::from(u32::from_le_bytes(*milliseconds)) * 1000 + microseconds)?;
    let mut offset = None;
    if flags & flag::OFFSET != 0 {
        let (seconds, after) = rest.split_first_chunk()?;
        let (microseconds, after) = after.split_first_chunk()?;
        let microseconds = u32::from_le_bytes(*microseconds);
        if microseconds >= 1_000_000 {
            return None;
        }
        offset = Some(UtcOffset::new(
            i64::from(i32::from_le_bytes(*seconds)) * 1_000_000 + i64::from(microseconds),
        )?);
        rest = after;
    }
    let text = core::str::from_utf8(rest).ok()?;
    let zone = match (flags & !(flag::FOLD | flag::OFFSET), offset) {
        (0, None) if text.is_empty() => Zone::Naive,
        (0, Some(offset)) if text.is_empty() => Zone::Offset(offset),
        (flag::NAME, Some(offset)) => Zone::Named(offset, text),
        (flag::KEY, offset) => Zone::Key(offset, text),
        _ => return None,
    };
    Some(ClockTime {
        time,
        fold: flags & flag::FOLD != 0,
        zone,
    })
}
