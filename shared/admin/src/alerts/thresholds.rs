//! What spend is compared with.

use domain::{Timestamp, Usd};

/// One amount that somebody wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub event: &'static str,
    pub name: String,
    pub amount: Usd,
    /// Of a forecast: when.
    pub exhausted_at: Option<Timestamp>,
}

impl Threshold {
    /// Its name and amount: after a budget change it is another one only if it moved [M17].
    pub fn id(&self) -> String {
        format!("{}#{}", self.name, self.amount.pico())
    }
}

/// The thresholds of a budget, and of a soft one in the same window. An amount of zero is none: it would be reached by
/// doing nothing.
pub fn of(budget: Option<Usd>, soft: Option<Usd>, shares: &[u32]) -> Vec<Threshold> {
    let parts = budget.into_iter().flat_map(|budget| {
        shares.iter().map(move |share| Threshold {
            event: if *share == 100 { "budget_crossed" } else { "threshold_crossed" },
            name: format!("{share}%"),
            amount: budget.percent(*share),
            exhausted_at: None,
        })
    });
    let soft = soft.map(|amount| Threshold {
        event: "soft_budget_crossed",
        name: "soft_budget".to_owned(),
        amount,
        exhausted_at: None,
    });
    parts.chain(soft).filter(|threshold| threshold.amount > Usd::ZERO).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Option<Usd> {
        Usd::setting(text).ok()
    }

    #[test]
    fn m17_a_threshold_that_did_not_move_is_the_same_one() {
        let ids = |budget| of(usd(budget), usd("4"), &[50, 80, 100]).iter().map(Threshold::id).collect::<Vec<_>>();
        let (before, after) = (ids("10"), ids("20"));
        assert_eq!(before.len(), 4);
        assert_eq!(before.iter().filter(|id| after.contains(id)).count(), 1);
    }

    #[test]
    fn a_budget_of_nothing_has_no_thresholds() {
        assert_eq!(of(Some(Usd::ZERO), None, &[50, 100]), []);
    }
}
