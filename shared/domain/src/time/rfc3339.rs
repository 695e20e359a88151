//! Moments as RFC 3339 writes them.

use super::Timestamp;

/// A moment since 1970, down to milliseconds; what is finer is cut off.
pub fn read(text: &str) -> Option<Timestamp> {
    let (text, east_secs) = match text.strip_suffix('Z') {
        Some(text) => (text, 0),
        None => offset(text)?,
    };
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let day = u32::try_from(day).ok().filter(|day| (1..=31).contains(day))?;
    let month = u32::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
    if hour > 23 || minute > 59 || second > 59 || !is_number(fraction) {
        return None;
    }
    let year = i64::try_from(year).ok()?;
    let midnight = Timestamp::from_utc_date(year, month, day).filter(|at| at.utc_date() == (year, month, day))?;
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let there = midnight.plus_secs(hour * 3600 + minute * 60 + second).plus_millis(millis);
    u64::try_from(i64::try_from(there.millis()).ok()? - east_secs * 1000).ok().map(Timestamp::from_millis)
}

/// What stands before an offset such as `+02:00`, and how many seconds east of UTC it is.
fn offset(text: &str) -> Option<(&str, i64)> {
    let (text, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    let secs = i64::try_from(hours * 3600 + minutes * 60).ok().filter(|_| hours < 24 && minutes < 60)?;
    match sign {
        "+" => Some((text, secs)),
        "-" => Some((text, -secs)),
        _ => None,
    }
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        *number = parts.next().filter(|part| part.len() == digits && is_number(part))?.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_says_how_far_east_the_clock_was() {
        let read = |text| read(text).unwrap().rfc3339();
        assert_eq!(read("2026-12-31T23:59:59+02:00"), "2026-12-31T21:59:59.000Z");
        assert_eq!(read("2026-12-31T23:30:00.25-05:30"), "2027-01-01T05:00:00.250Z");
        assert_eq!(read("2026-12-31T23:30:00.123456789-00:00"), "2026-12-31T23:30:00.123Z");
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T24:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-1-1T0:0:0Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1xZ",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+2:00",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00\u{e9}02:00",
            "1970-01-01T00:00:00+00:01",
            "",
            "Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
