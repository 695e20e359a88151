//! Time zones: in which budgets begin their days, weeks and months.

use crate::time::{Period, Timestamp};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use std::fmt;

/// A time zone of the IANA. Its data is part of the program.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// `Europe/Berlin`; `None` for a name the IANA does not know.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().filter(|zone| !zone.is_unknown()).map(Self)
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The window `at` lies in: part of the counter's key, so no reset job exists [M16].
    /// `2026-11-21`; `w2026-11-16` (a week, by its Monday); `2026-11`; `total`; `12h@41555` (the how manieth since 1970).
    pub fn window(&self, period: Period, at: Timestamp) -> String {
        let (year, month, day) = match period {
            Period::Total => return "total".to_owned(),
            Period::Every(secs) => return format!("{}@{}", period.name(), at.secs() / u64::from(secs.max(1))),
            Period::Weekly => self.monday(at),
            Period::Daily | Period::Monthly => self.date(at),
        };
        match period {
            Period::Weekly => format!("w{year:04}-{month:02}-{day:02}"),
            Period::Monthly => format!("{year:04}-{month:02}"),
            _ => format!("{year:04}-{month:02}-{day:02}"),
        }
    }

    /// The first moment of the window `at` lies in; `None` of the one that has neither beginning nor end.
    pub fn start(&self, period: Period, at: Timestamp) -> Option<Timestamp> {
        match period {
            Period::Total => None,
            Period::Every(secs) => Some(Timestamp::from_secs(at.secs() - at.secs() % u64::from(secs.max(1)))),
            Period::Daily => self.midnight(date(self.date(at))?),
            Period::Weekly => self.midnight(date(self.monday(at))?),
            Period::Monthly => self.midnight(date(self.date(at))?.first_of_month()),
        }
    }

    /// The first moment after a window of this name; `None` if it has no end, or is none of these names.
    pub fn end(&self, window: &str) -> Option<Timestamp> {
        if let Some((name, number)) = window.split_once('@') {
            let Period::Every(secs) = Period::named(name)? else { return None };
            return Some(Timestamp::from_secs(number.parse::<u64>().ok()?.checked_add(1)?.checked_mul(secs.into())?));
        }
        if let Some(monday) = window.strip_prefix('w') {
            return self.midnight(monday.parse::<Date>().ok()?.checked_add(1.week()).ok()?);
        }
        if window.len() == "2026-11".len() {
            let first: Date = format!("{window}-01").parse().ok()?;
            return self.midnight(first.checked_add(1.month()).ok()?);
        }
        self.midnight(window.parse::<Date>().ok()?.tomorrow().ok()?)
    }

    /// Minutes since midnight by the clock on the wall.
    pub fn minute(&self, at: Timestamp) -> u16 {
        let time = self.zoned(at).map(|zoned| (zoned.hour(), zoned.minute()));
        let (hour, minute) = time.unwrap_or_default();
        u16::from(hour.unsigned_abs()) * 60 + u16::from(minute.unsigned_abs())
    }

    fn zoned(&self, at: Timestamp) -> Option<jiff::Zoned> {
        let millis = i64::try_from(at.millis()).ok()?;
        Some(jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned(self.0.clone()))
    }

    fn date(&self, at: Timestamp) -> (i64, u32, u32) {
        if self.0 == TimeZone::UTC {
            return at.utc_date();
        }
        self.zoned(at).map_or_else(|| at.utc_date(), |zoned| parts(zoned.date()))
    }

    fn monday(&self, at: Timestamp) -> (i64, u32, u32) {
        let today = self.date(at);
        let monday = date(today).and_then(|date| {
            let days = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(days.days()).ok()
        });
        monday.map_or(today, parts)
    }

    /// When a day begins; later than 0:00 where the clock jumps over it.
    fn midnight(&self, date: Date) -> Option<Timestamp> {
        let zoned = date.to_zoned(self.0.clone()).ok()?.start_of_day().ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Timestamp::from_millis)
    }
}

fn date((year, month, day): (i64, u32, u32)) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn parts(date: Date) -> (i64, u32, u32) {
    (date.year().into(), date.month().unsigned_abs().into(), date.day().unsigned_abs().into())
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").unwrap()
    }

    #[test]
    fn zones_are_known_by_name() {
        assert_eq!(berlin().name(), "Europe/Berlin");
        assert_eq!(Zone::named("UTC"), Some(Zone::utc()));
        assert_eq!(Zone::named("Mars/Olympus"), None);
        assert_eq!(Zone::named(""), None);
    }

    #[test]
    fn m16_a_day_begins_at_midnight_on_the_wall_before_and_after_the_clocks_change() {
        let zone = berlin();
        // 2026-03-29: one hour is skipped; 2026-10-25: one comes twice.
        for (before, after, day) in [
            ("2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29"),
            ("2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z", "2026-03-30"),
            ("2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25"),
            ("2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z", "2026-10-26"),
        ] {
            assert_ne!(zone.window(Period::Daily, at(before)), day);
            assert_eq!(zone.window(Period::Daily, at(after)), day);
            assert_eq!(zone.start(Period::Daily, at(after)), Some(at(after)));
            assert_eq!(zone.end(&zone.window(Period::Daily, at(before))), Some(at(after)));
        }
    }

    #[test]
    fn m16_a_day_without_midnight_begins_when_the_clock_goes_on() {
        let cairo = Zone::named("Africa/Cairo").unwrap();
        // 2026-04-24: from 0:00 to 1:00 at once.
        assert_eq!(cairo.end("2026-04-23"), Some(at("2026-04-23T22:00:00Z")));
        assert_eq!(cairo.window(Period::Daily, at("2026-04-23T22:00:00Z")), "2026-04-24");
        assert_eq!(cairo.start(Period::Daily, at("2026-04-24T12:00:00Z")), Some(at("2026-04-23T22:00:00Z")));
    }

    #[test]
    fn m16_months_and_leap_days_end_where_the_zone_says() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        assert_eq!(tokyo.window(Period::Monthly, at("2024-02-29T14:59:59Z")), "2024-02");
        assert_eq!(tokyo.window(Period::Monthly, at("2024-02-29T15:00:00Z")), "2024-03");
        assert_eq!(tokyo.end("2024-02"), Some(at("2024-02-29T15:00:00Z")));
        assert_eq!(tokyo.end("2024-02-29"), Some(at("2024-02-29T15:00:00Z")));
        assert_eq!(tokyo.end("2026-12"), Some(at("2026-12-31T15:00:00Z")));
    }

    #[test]
    fn m16_weeks_begin_on_monday() {
        let kathmandu = Zone::named("Asia/Kathmandu").unwrap();
        assert_eq!(kathmandu.window(Period::Weekly, at("2026-11-15T18:14:59Z")), "w2026-11-09");
        assert_eq!(kathmandu.window(Period::Weekly, at("2026-11-15T18:15:00Z")), "w2026-11-16");
        assert_eq!(kathmandu.end("w2026-11-09"), Some(at("2026-11-15T18:15:00Z")));
    }

    #[test]
    fn m16_durations_are_counted_from_the_epoch_in_every_zone() {
        let twelve = Period::named("12h").unwrap();
        for zone in [Zone::utc(), berlin()] {
            assert_eq!(zone.window(twelve, at("2026-11-21T11:59:59Z")), "12h@41556");
            assert_eq!(zone.start(twelve, at("2026-11-21T11:59:59Z")), Some(at("2026-11-21T00:00:00Z")));
            assert_eq!(zone.end("12h@41556"), Some(at("2026-11-21T12:00:00Z")));
        }
        assert_eq!((Zone::utc().end("total"), Zone::utc().end("free"), Zone::utc().end("7x@1")), (None, None, None));
    }

    #[test]
    fn every_moment_lies_between_start_and_end_of_its_window() {
        let zone = Zone::named("America/Havana").unwrap();
        for hour in 0..24 * 800 {
            let now = at("2025-01-01T00:30:00Z").plus_secs(hour * 3_600);
            for period in [Period::Daily, Period::Weekly, Period::Monthly, Period::Every(86_400 * 30)] {
                let (start, end) = (zone.start(period, now).unwrap(), zone.end(&zone.window(period, now)).unwrap());
                assert!(start <= now && now < end, "{period:?} {}", now.rfc3339());
            }
        }
    }

    #[test]
    fn minutes_are_those_on_the_wall() {
        assert_eq!(berlin().minute(at("2026-07-01T07:30:59Z")), 9 * 60 + 30);
        assert_eq!(Zone::utc().minute(at("2026-07-01T07:30:59Z")), 7 * 60 + 30);
    }
}
