//! When a budget will be spent if it goes on like this: a line through what the window has cost so far.

use super::{scopes::Watch, thresholds::Threshold};
use domain::{Timestamp, Usd};

/// How much of a window must be over before it says anything: a twentieth.
const EARLIEST: u64 = 20;

/// An alert that the budget of a window will be spent before its end, if it will be. Told once per budget.
pub fn of(watch: &Watch, spend: Usd, now: Timestamp) -> Option<Threshold> {
    let budget = watch.bound.as_ref()?.budget.max;
    let (start, end) = watch.edges?;
    let exhausted_at = exhausted(budget, spend, start, end, now)?;
    let name = "projected".to_owned();
    Some(Threshold { event: "projected_limit_exceeded", name, amount: budget, exhausted_at: Some(exhausted_at) })
}

fn exhausted(budget: Usd, spend: Usd, start: Timestamp, end: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let (elapsed, whole) = (now.millis_since(start) / 1000, end.millis_since(start) / 1000);
    let says_something = elapsed.saturating_mul(EARLIEST) >= whole && now < end;
    if !says_something || spend <= Usd::ZERO || spend >= budget {
        return None;
    }
    let after = i128::from(elapsed).checked_mul(budget.pico())?.checked_div(spend.pico())?;
    let at = start.plus_secs(u64::try_from(after).ok()?);
    (at < end).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_line_through_what_was_spent_meets_the_budget_before_the_end_or_not() {
        let (start, end) = (at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"));
        let usd = |text: &str| Usd::setting(text).unwrap();
        let when = |spend, now| exhausted(usd("30"), usd(spend), start, end, at(now)).map(Timestamp::rfc3339);
        assert_eq!(when("20", "2026-11-11T00:00:00Z").as_deref(), Some("2026-11-16T00:00:00.000Z"));
        assert_eq!(when("10", "2026-11-11T00:00:00Z"), None, "exactly enough");
        assert_eq!(when("20", "2026-11-01T12:00:00Z"), None, "too early to say");
        assert_eq!(when("30", "2026-11-11T00:00:00Z"), None, "it is spent already");
        assert_eq!(when("0", "2026-11-11T00:00:00Z"), None);
    }
}
