//! The one environment variable by which a child learns what it has inherited.

use std::fmt;
use std::io;
use std::os::fd::RawFd;

/// The name of the variable.
pub(crate) const VARIABLE: &str = "SYMPHONY_CONDUCTOR";

/// The protocol between parent and child: the meaning of the descriptors, of the messages and of the page.
const PROTOCOL: i32 = 1;

/// What the variable says: `1,parent=123,worker=0,control=3,lifeline=4,page=5,faults=6`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// The process that started this one. A process that inherited the variable from the child has another parent.
    pub(crate) parent: i32,
    /// The number of the worker.
    pub(crate) worker: u32,
    pub(crate) control: RawFd,
    pub(crate) lifeline: RawFd,
    pub(crate) page: RawFd,
    pub(crate) faults: RawFd,
}

impl Announcement {
    /// The announcement with the numbers that every child has.
    pub(crate) const fn new(parent: i32, worker: u32) -> Self {
        Self {
            parent,
            worker,
            control: 3,
            lifeline: 4,
            page: 5,
            faults: 6,
        }
    }

    /// What this process was told.
    ///
    /// # Errors
    /// It was told something else than this version says.
    pub(crate) fn read() -> io::Result<Option<Self>> {
        let Some(text) = std::env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let parsed = text.to_str().and_then(Self::parse);
        parsed.map(Some).ok_or_else(|| {
            let text = text.to_string_lossy();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{VARIABLE}` is `{text}`, expected the form `{}`", Self::new(1, 0)),
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(',');
        if fields.next()?.parse() != Ok(PROTOCOL) {
            return None;
        }
        let mut found = Self {
            parent: 0,
            worker: 0,
            control: -1,
            lifeline: -1,
            page: -1,
            faults: -1,
        };
        for field in fields {
            let (name, value) = field.split_once('=')?;
            match name {
                "worker" => found.worker = value.parse().ok()?,
                "parent" => found.parent = value.parse().ok()?,
                "control" => found.control = value.parse().ok()?,
                "lifeline" => found.lifeline = value.parse().ok()?,
                "page" => found.page = value.parse().ok()?,
                "faults" => found.faults = value.parse().ok()?,
                // From a newer parent.
                _ => {}
            }
        }
        let numbers = [found.control, found.lifeline, found.page, found.faults];
        (found.parent > 0 && numbers.iter().all(|&number| number > 2)).then_some(found)
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            parent,
            worker,
            control,
            lifeline,
            page,
            faults,
        } = self;
        write!(
            formatter,
            "{PROTOCOL},parent={parent},worker={worker},control={control},lifeline={lifeline},page={page},faults={faults}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_read_as_it_was_written() {
        let announcement = Announcement::new(4711, 3);
        assert_eq!(Announcement::parse(&announcement.to_string()), Some(announcement));
    }

    #[test]
    fn what_this_version_does_not_say_is_refused() {
        for text in [
            "",
            "2,parent=1,control=3,lifeline=4,page=5,faults=6",
            "1,parent=1",
            "1,parent=1,control=0,lifeline=4,page=5,faults=6",
        ] {
            assert_eq!(Announcement::parse(text), None, "{text}");
        }
        let newer = format!("{},more=1", Announcement::new(1, 0));
        assert!(Announcement::parse(&newer).is_some());
    }
}
