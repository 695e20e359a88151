//! Clocks and instants. Time is passed in, so tests move it by hand.

/// Moments as RFC 3339 writes them.
mod rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    pub const fn millis(self) -> u64 {
        self.0
    }

    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    pub const fn plus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1000)))
    }

    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this, zero if it is not earlier.
    pub const fn millis_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `(year, month, day)` in UTC, by the proleptic Gregorian calendar.
    pub fn utc_date(self) -> (i64, u32, u32) {
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let days = (self.secs() / 86_400) as i64 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// Midnight UTC of that date, if it lies at or after 1970.
    pub fn from_utc_date(year: i64, month: u32, day: u32) -> Option<Timestamp> {
        // Howard Hinnant, days_from_civil.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        u64::try_from(days).ok().map(|days| Self::from_secs(days * 86_400))
    }

    /// `2026-11-21T03:04:05.678Z`
    pub fn rfc3339(self) -> String {
        let (year, month, day) = self.utc_date();
        let second = self.secs() % 86_400;
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.0 % 1000
        )
    }

    /// Reads `2026-11-21T03:04:05Z`, with or without a fraction of a second, or with an offset such as `+02:00`.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        rfc3339::read(text)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that tests move by hand.
#[derive(Debug, Default)]
pub struct HandClock(std::sync::atomic::AtomicU64);

impl HandClock {
    pub fn at(now: Timestamp) -> Self {
        Self(now.0.into())
    }

    pub fn advance_millis(&self, millis: u64) {
        self.0.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// How often a budget starts afresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    Daily,
    Weekly,
    Monthly,
    #[default]
    Total,
    /// Every so many seconds, at least [`Period::SHORTEST`], counted from 1970. Never a day or a week: those are
    /// [`Period::Daily`] and [`Period::Weekly`], whatever they were called.
    Every(u32),
}

impl Period {
    const WORDS: [(&str, Period); 4] =
        [("daily", Period::Daily), ("weekly", Period::Weekly), ("monthly", Period::Monthly), ("total", Period::Total)];
    const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    /// The shortest duration, in seconds.
    pub const SHORTEST: u32 = 60;
    /// The longest duration, in seconds: ten years.
    pub const LONGEST: u32 = 3_653 * 86_400;

    /// `monthly`, or a duration in its largest whole unit: `7d`, `12h`, `90m`.
    pub fn name(self) -> String {
        let Period::Every(secs) = self else {
            return Self::WORDS
                .iter()
                .find(|(_, period)| *period == self)
                .map(|(word, _)| *word)
                .unwrap_or("")
                .to_owned();
        };
        let whole = Self::UNITS.into_iter().find(|(_, unit)| secs.is_multiple_of(*unit)).unwrap_or(('s', 1));
        format!("{}{}", secs / whole.1, whole.0)
    }

    /// Reads a name, or any duration of at least a minute in weeks, days, hours, minutes or seconds. A day begins at
    /// midnight and a week on Monday, however they are written.
    pub fn named(name: &str) -> Option<Period> {
        let others = [("hourly", Period::Every(3_600)), ("1mo", Period::Monthly)];
        if let Some((_, period)) = Self::WORDS.into_iter().chain(others).find(|(word, _)| *word == name) {
            return Some(period);
        }
        let (unit, secs) = [('w', 604_800)].into_iter().chain(Self::UNITS).find(|(unit, _)| name.ends_with(*unit))?;
        let count = name.strip_suffix(unit).filter(|count| count.bytes().all(|b| b.is_ascii_digit()))?;
        let secs = count.parse::<u32>().ok()?.checked_mul(secs)?;
        (Self::SHORTEST..=Self::LONGEST).contains(&secs).then_some(Self::of(secs))
    }

    fn of(secs: u32) -> Period {
        match secs {
            86_400 => Period::Daily,
            604_800 => Period::Weekly,
            _ => Period::Every(secs),
        }
    }

    /// The window `at` lies in, in UTC: as [`crate::Zone::window`].
    pub fn window(self, at: Timestamp) -> String {
        crate::Zone::utc().window(self, at)
    }
}

impl serde::Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Period::named(&name).ok_or_else(|| serde::de::Error::custom("neither a period nor a duration"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_survives_both_ways() {
        for text in ["1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2026-11-21T03:04:05.678Z"] {
            assert_eq!(Timestamp::parse_rfc3339(text).unwrap().rfc3339(), text);
        }
    }

    #[test]
    fn m16_windows_at_month_ends_and_leap_days() {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!(Period::Daily.window(at("2024-02-29T23:59:59Z")), "2024-02-29");
        assert_eq!(Period::Monthly.window(at("2024-02-29T23:59:59Z")), "2024-02");
        assert_eq!(Period::Monthly.window(at("2024-03-01T00:00:00Z")), "2024-03");
        assert_eq!(Period::Weekly.window(at("2026-11-21T00:00:00Z")), "w2026-11-16");
        assert_eq!(Period::Weekly.window(at("2026-11-16T00:00:00Z")), "w2026-11-16");
        assert_eq!(Period::Total.window(at("2026-11-16T00:00:00Z")), "total");
    }

    #[test]
    fn m16_any_duration_is_a_period_and_keeps_its_name() {
        for name in ["daily", "weekly", "monthly", "total", "30d", "12h", "90m", "61s"] {
            assert_eq!(Period::named(name).unwrap().name(), name);
        }
        for (written, name) in [
            ("24h", "daily"),
            ("1d", "daily"),
            ("7d", "weekly"),
            ("1w", "weekly"),
            ("2w", "14d"),
            ("1mo", "monthly"),
            ("hourly", "1h"),
        ] {
            assert_eq!(Period::named(written).unwrap().name(), name, "{written}");
        }
        for name in ["", "d", "59s", "0d", "-1d", "+7d", "1.5h", "7 d", "2mo", "w", "99999999d", "4000d", "Daily"] {
            assert_eq!(Period::named(name), None, "{name}");
        }
    }
}
