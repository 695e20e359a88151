//! Rate limits: how an admin writes them and how answers show them.
//!
//! A limit is at least 1: whoever wants none of something blocks the key, or leaves the model off its list.

use super::fields::{Field, Fields, optional};
use domain::{
    Error,
    limit::{Hours, Priority, RateLimit},
};
use serde::Serialize;
use stores::limits::MOST_RATES;

const MOST_A_MINUTE: u64 = 1_000_000_000;
const MOST_PARALLEL: u64 = 100_000;
const MOST_PATTERNS: usize = 100;
const DAY: u16 = 1_440;

/// Whether a limit is only observed.
pub const MODES: [(&str, bool); 2] = [("enforce", false), ("observe", true)];
pub const PRIORITIES: [(&str, Priority); 3] =
    [("high", Priority::High), ("normal", Priority::Normal), ("low", Priority::Low)];

pub fn mode(observe: bool) -> &'static str {
    if observe { "observe" } else { "enforce" }
}

/// Requests or tokens a minute.
pub fn a_minute(field: &Field<'_>) -> Result<u64, Error> {
    field.count(1, MOST_A_MINUTE)
}

/// Calls in flight at once.
pub fn parallel(field: &Field<'_>) -> Result<u32, Error> {
    let count = field.count(1, MOST_PARALLEL)?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// `rate_limits`: limits of some models or at some hours, each of them once.
///
/// # Errors
/// 400 naming the field.
pub fn narrower(list: &Field<'_>) -> Result<Vec<RateLimit>, Error> {
    let limits: Vec<RateLimit> =
        list.objects(MOST_RATES)?.iter().map(|fields| one(list, fields)).collect::<Result<_, _>>()?;
    let same = |one: &RateLimit, other: &RateLimit| one.models == other.models && one.hours == other.hours;
    let twice = limits.iter().enumerate().any(|(at, one)| limits.iter().skip(at + 1).any(|other| same(one, other)));
    if twice {
        return Err(list.wrong("must name the same models and hours in one entry only"));
    }
    Ok(limits)
}

fn one(list: &Field<'_>, fields: &Fields<'_>) -> Result<RateLimit, Error> {
    fields.allow(&["model", "models", "hours", "rpm", "tpm", "max_parallel"])?;
    let mut limit = RateLimit::default();
    for field in fields.iter() {
        match field.name.as_str() {
            "model" if fields.find("models").is_some() => {
                return Err(list.wrong("must have model or models in an entry, not both"));
            }
            "model" => limit.models = optional(field, Field::pattern)?.into_iter().collect(),
            "models" => {
                limit.models.extend(optional(field, |field| field.patterns(MOST_PATTERNS))?.unwrap_or_default())
            }
            "hours" => limit.hours = optional(field, hours)?,
            "rpm" => limit.rpm = optional(field, a_minute)?,
            "tpm" => limit.tpm = optional(field, a_minute)?,
            _ => limit.max_parallel = optional(field, parallel)?,
        }
    }
    if limit.rpm.is_none() && limit.tpm.is_none() && limit.max_parallel.is_none() {
        return Err(list.wrong("must have rpm, tpm or max_parallel in every entry"));
    }
    if limit.models.is_empty() && limit.hours.is_none() {
        return Err(list.wrong("must have model, models or hours in every entry; limits of everything stand outside"));
    }
    Ok(limit)
}

/// `09:00-17:00`, also over midnight.
fn hours(field: &Field<'_>) -> Result<Hours, Error> {
    let text = field.text(11)?;
    let read = || {
        let (from, to) = text.split_once('-')?;
        let hours = Hours { from: minute(from)?, to: minute(to)? };
        (hours.from != hours.to && hours.from < DAY).then_some(hours)
    };
    read().ok_or_else(|| field.wrong("must be two times of day such as 09:00-17:00"))
}

/// Minutes after midnight; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number =
        |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()));
    let (hour, minute) = (number(hour)?, number(minute)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= DAY).then_some(at)
}

/// A limit of some models or hours as answers show it.
#[derive(Serialize)]
pub struct Shown<'l> {
    models: &'l [String],
    hours: Option<String>,
    rpm: Option<u64>,
    tpm: Option<u64>,
    max_parallel: Option<u32>,
}

impl<'l> Shown<'l> {
    pub fn of(limit: &'l RateLimit) -> Self {
        let time = |at: u16| format!("{:02}:{:02}", at / 60, at % 60);
        Self {
            models: &limit.models,
            hours: limit.hours.map(|hours| format!("{}-{}", time(hours.from), time(hours.to))),
            rpm: limit.rpm,
            tpm: limit.tpm,
            max_parallel: limit.max_parallel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(list: &str) -> Result<Vec<RateLimit>, Error> {
        let body = format!(r#"{{"rate_limits": {list}}}"#);
        narrower(Fields::of(&body).unwrap().find("rate_limits").unwrap())
    }

    #[test]
    fn limits_of_models_and_hours_are_read_and_shown_alike() {
        let list = r#"[{"model": "gpt-*", "rpm": 5}, {"hours": "22:00-06:00", "tpm": 9, "max_parallel": 2}, {"models": ["a", "b"], "hours": "00:00-24:00", "rpm": 1}]"#;
        let limits = written(list).unwrap();
        assert_eq!(limits[0].models, ["gpt-*"]);
        assert_eq!(limits[1].hours, Some(Hours { from: 1_320, to: 360 }));
        let shown: Vec<_> = limits.iter().map(Shown::of).collect();
        let again = written(&serde_json::to_string(&shown).unwrap()).unwrap();
        assert_eq!(again, limits);
    }

    #[test]
    fn m14_what_is_no_limit_is_refused_by_name() {
        for wrong in [
            r#"[{"model": "a", "rpm": 0}]"#,
            r#"[{"model": "a", "rpm": -1}]"#,
            r#"[{"model": "a", "rpm": 1.5}]"#,
            r#"[{"model": "a", "rpm": "5"}]"#,
            r#"[{"model": "a"}]"#,
            r#"[{"rpm": 5}]"#,
            r#"[{"model": "a", "models": ["b"], "rpm": 5}]"#,
            r#"[{"model": "a", "rpm": 5, "burst": 1}]"#,
            r#"[{"model": "a", "rpm": 5}, {"models": ["a"], "tpm": 5}]"#,
            r#"[{"hours": "9:00-17:00", "rpm": 5}]"#,
            r#"[{"hours": "09:00-09:00", "rpm": 5}]"#,
            r#"[{"hours": "24:00-05:00", "rpm": 5}]"#,
            r#"[{"hours": "09:60-17:00", "rpm": 5}]"#,
            r#"[{"hours": "09:00", "rpm": 5}]"#,
            r#"{"model": "a", "rpm": 5}"#,
        ] {
            assert_eq!(written(wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }
}
