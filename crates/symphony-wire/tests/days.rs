//! Days of the calendar, each as a number and as a date.

use symphony_wire::Day;

/// How many days a month has, by the rule that everybody knows.
fn length(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[test]
fn days_and_dates_follow_each_other_from_the_first_to_the_last() {
    // Miri has no time for all of them.
    let last = if cfg!(miri) { Day::FIRST + 2000 } else { Day::LAST };
    let (mut year, mut month, mut day) = (1, 1, 1);
    for number in Day::FIRST..=last {
        let found = Day::new(number).unwrap();
        assert_eq!(found.date(), (year, month, day));
        assert_eq!(Day::of(year, month, day), Some(found));
        day += 1;
        if day > length(year, month) {
            assert_eq!(Day::of(year, month, day), None);
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    if last == Day::LAST {
        assert_eq!((year, month, day), (10_000, 1, 1));
    }
}

#[test]
fn there_are_no_days_outside() {
    for number in [i32::MIN, Day::FIRST - 1, Day::LAST + 1, i32::MAX] {
        assert_eq!(Day::new(number), None);
    }
    for (year, month, day) in [
        (0, 1, 1),
        (10_000, 1, 1),
        (1, 0, 1),
        (1, 13, 1),
        (1, 1, 0),
        (1, 1, 255),
        (1, 255, 1),
    ] {
        assert_eq!(Day::of(year, month, day), None);
    }
    assert_eq!(Day::of(1970, 1, 1).map(Day::days), Some(0));
}
