//! What a key's spend is compared with.

use domain::{Usd, key::VirtualKey};

/// One amount that somebody wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub event: &'static str,
    pub name: &'static str,
    pub amount: Usd,
}

impl Threshold {
    /// Its name and amount: after a budget change it is another one only if it moved [M17].
    pub fn id(&self) -> String {
        format!("{}#{}", self.name, self.amount.pico())
    }
}

/// Parts of the budget, in per cent.
const PARTS: [(&str, &str, u32); 3] =
    [("threshold_crossed", "50%", 50), ("threshold_crossed", "80%", 80), ("budget_crossed", "100%", 100)];

/// A key's thresholds. An amount of zero is none: it would be reached by doing nothing.
pub fn of(key: &VirtualKey) -> Vec<Threshold> {
    let parts = key.limits.max_budget.into_iter().flat_map(|budget| {
        PARTS.map(|(event, name, percent)| Threshold { event, name, amount: budget.percent(percent) })
    });
    let soft =
        key.limits.soft_budget.map(|amount| Threshold { event: "soft_budget_crossed", name: "soft_budget", amount });
    parts.chain(soft).filter(|threshold| threshold.amount > Usd::ZERO).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m17_a_threshold_that_did_not_move_is_the_same_one() {
        let mut key = VirtualKey::named("key_a".into(), "a", Default::default());
        key.limits.max_budget = Some(Usd::setting("10").unwrap());
        key.limits.soft_budget = Some(Usd::setting("4").unwrap());
        let before: Vec<_> = of(&key).iter().map(Threshold::id).collect();
        key.limits.max_budget = Some(Usd::setting("20").unwrap());
        let after: Vec<_> = of(&key).iter().map(Threshold::id).collect();
        assert_eq!(before.len(), 4);
        assert_eq!(before.iter().filter(|id| after.contains(id)).count(), 1);
    }

    #[test]
    fn a_budget_of_nothing_has_no_thresholds() {
        let mut key = VirtualKey::named("key_a".into(), "a", Default::default());
        key.limits.max_budget = Some(Usd::ZERO);
        assert_eq!(of(&key), []);
    }
}
