//! The scopes above a key, and the name of the window they make.

use domain::{
    Timestamp, Usd,
    key::{BudgetMode, VirtualKey},
};

/// The hash part of a window nobody lends for.
const FREE: &str = "free";

/// One budget that every call of a lane is charged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `SCOPE#<kind>#<id>#<window>`
    pub pk: String,
    pub budget: Usd,
}

/// All scopes of a lane at one moment. Money is lent by all of them or none.
#[derive(Clone, Debug)]
pub struct Chain {
    pub scopes: Vec<Scope>,
    /// The windows joined, and a hash of who stands in the chain: a lane never spends another chain's money.
    pub code: String,
    /// The key's own window, for people.
    pub window: String,
    pub mode: BudgetMode,
    /// The version of the key that this chain was read from.
    pub version: u64,
}

impl Chain {
    /// The chain of a key: its own budget, if it has one.
    pub fn of(key: &VirtualKey, now: Timestamp) -> Self {
        let window = key.budget_period.window(now);
        let scope = |budget| Scope { pk: format!("SCOPE#key#{}#{window}", key.id), budget };
        let scopes: Vec<Scope> = key.max_budget.map(scope).into_iter().collect();
        let members = if scopes.is_empty() { FREE.to_owned() } else { members(&[("key", key.id.as_str())]) };
        let code = format!("{window}|{members}");
        Self { scopes, code, window, mode: key.budget_mode, version: key.version }
    }

    /// The window a key without a budget spends in.
    pub fn free_code(key: &VirtualKey, now: Timestamp) -> String {
        format!("{}|{FREE}", key.budget_period.window(now))
    }

    /// Does nobody lend for this chain?
    pub fn is_free(&self) -> bool {
        self.scopes.is_empty()
    }
}

/// Does nobody lend for the window of this code?
pub fn is_free(code: &str) -> bool {
    code.rsplit_once('|').is_some_and(|(_, members)| members == FREE)
}

fn members(scopes: &[(&str, &str)]) -> String {
    let mut hash = crc32fast::Hasher::new();
    for part in scopes.iter().flat_map(|(kind, id)| [*kind, "#", *id, "\n"]) {
        hash.update(part.as_bytes());
    }
    format!("{:04x}", hash.finalize() & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{KeyId, time::Period};

    #[test]
    fn m16_the_window_is_part_of_the_name() {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        let mut key = VirtualKey::named(KeyId::from("key_a"), "a", at("2026-01-01T00:00:00Z"));
        key.max_budget = Some("1".parse().unwrap());
        key.budget_period = Period::Monthly;
        let before = Chain::of(&key, at("2026-11-30T23:59:59Z"));
        let after = Chain::of(&key, at("2026-12-01T00:00:00Z"));
        assert_eq!(before.scopes[0].pk, "SCOPE#key#key_a#2026-11");
        assert_eq!(after.scopes[0].pk, "SCOPE#key#key_a#2026-12");
        assert_ne!(before.code, after.code);
    }

    #[test]
    fn a_first_budget_makes_another_chain() {
        let mut key = VirtualKey::named(KeyId::from("key_a"), "a", Timestamp::default());
        let free = Chain::of(&key, Timestamp::default());
        key.max_budget = Some("1".parse().unwrap());
        let lent = Chain::of(&key, Timestamp::default());
        assert!(is_free(&free.code) && !is_free(&lent.code));
    }
}
