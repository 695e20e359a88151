//! The scopes that a call is charged to, and the name of the windows they make.

use domain::{
    Timestamp, Usd, Zone,
    key::VirtualKey,
    limit::{Bound, BudgetMode, ScopeKind},
    time::Period,
};

/// The hash part of a window nobody lends for.
const FREE: &str = "free";

/// One budget that every call of a chain is charged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `SCOPE#<kind>#<id>#<window>`
    pub pk: String,
    pub kind: ScopeKind,
    pub budget: Usd,
    pub mode: BudgetMode,
    /// The version of the key or group that set the budget.
    pub version: u64,
    /// When its window is over, if ever.
    pub end: Option<Timestamp>,
}

impl Scope {
    /// The scope that `bound` means at this moment.
    pub fn of(bound: &Bound, zone: &Zone, now: Timestamp) -> Self {
        let window = zone.window(bound.budget.period, now);
        Self {
            end: zone.end(&window),
            pk: format!("SCOPE#{}#{window}", bound.scope),
            kind: bound.scope.kind,
            budget: bound.budget.max,
            mode: bound.mode,
            version: bound.version,
        }
    }
}

/// All scopes of a call at one moment. Money is lent by all of them or none.
#[derive(Clone, Debug)]
pub struct Chain {
    pub scopes: Vec<Scope>,
    /// The key's own window, the other windows of the chain, and a hash of who stands in it: a lane never spends
    /// another chain's money.
    pub code: String,
    /// The key's own window, for people.
    pub window: String,
}

impl Chain {
    /// The chain of a key's call under these budgets.
    pub fn of(key: &VirtualKey, bounds: &[Bound], zone: &Zone, now: Timestamp) -> Self {
        let window = zone.window(key.limits.budget_period, now);
        if bounds.is_empty() {
            return Self { scopes: Vec::new(), code: [&window, "|", FREE].concat(), window };
        }
        let scopes: Vec<Scope> = bounds.iter().map(|bound| Scope::of(bound, zone, now)).collect();
        let code = format!("{}|{}", windows(&window, bounds, zone, now), members(&scopes));
        Self { scopes, code, window }
    }

    /// Where the scopes lie.
    pub fn lenders(&self) -> Vec<&str> {
        self.scopes.iter().map(|scope| scope.pk.as_str()).collect()
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

/// Is `window` the key's own in this code?
pub fn is_in(code: &str, window: &str) -> bool {
    code.strip_prefix(window).is_some_and(|rest| rest.starts_with('|'))
}

/// The key's own window in a code.
pub fn own_window(code: &str) -> &str {
    code.split_once('|').map_or(code, |(own, _)| own)
}

/// Is one of the windows of this code over, since so many seconds?
pub fn is_over(code: &str, zone: &Zone, now: Timestamp, since: u64) -> bool {
    let windows = code.rsplit_once('|').map_or("", |(windows, _)| windows);
    windows.split('|').any(|window| ended(window, zone, now, since))
}

/// Is this window over, since so many seconds?
pub fn ended(window: &str, zone: &Zone, now: Timestamp, since: u64) -> bool {
    zone.end(window).is_some_and(|end| end.plus_secs(since) <= now)
}

/// The key's window first, then the others, each once.
fn windows(own: &str, bounds: &[Bound], zone: &Zone, now: Timestamp) -> String {
    let mut periods: Vec<Period> = bounds.iter().map(|bound| bound.budget.period).collect();
    periods.sort_unstable();
    periods.dedup();
    let others = periods.into_iter().map(|period| zone.window(period, now)).filter(|window| window != own);
    std::iter::once(own.to_owned()).chain(others).collect::<Vec<_>>().join("|")
}

fn members(scopes: &[Scope]) -> String {
    let mut hash = crc32fast::Hasher::new();
    for part in scopes.iter().flat_map(|scope| [scope.pk.as_str(), "\n"]) {
        hash.update(part.as_bytes());
    }
    format!("{:08x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        KeyId,
        limit::{Budget, ScopeId},
    };

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn key(period: Period) -> VirtualKey {
        let mut key = VirtualKey::named(KeyId::from("key_a"), "a", at("2026-01-01T00:00:00Z"));
        key.limits.max_budget = Some("1".parse().unwrap());
        key.limits.budget_period = period;
        key
    }

    fn team(period: Period) -> Bound {
        let budget = Budget { max: "5".parse().unwrap(), period };
        Bound { scope: ScopeId::new(ScopeKind::Team, "t"), budget, mode: BudgetMode::Strict, version: 1 }
    }

    #[test]
    fn m16_the_window_is_part_of_the_name() {
        let key = key(Period::Monthly);
        let before = Chain::of(&key, &key.bounds(), &Zone::utc(), at("2026-11-30T23:59:59Z"));
        let after = Chain::of(&key, &key.bounds(), &Zone::utc(), at("2026-12-01T00:00:00Z"));
        assert_eq!(before.scopes[0].pk, "SCOPE#key#key_a#2026-11");
        assert_eq!(after.scopes[0].pk, "SCOPE#key#key_a#2026-12");
        assert_ne!(before.code, after.code);
    }

    #[test]
    fn a_first_budget_makes_another_chain() {
        let key = key(Period::Total);
        let free = Chain::of(&key, &[], &Zone::utc(), Timestamp::default());
        let lent = Chain::of(&key, &key.bounds(), &Zone::utc(), Timestamp::default());
        assert!(is_free(&free.code) && !is_free(&lent.code));
    }

    #[test]
    fn a_key_that_moves_to_another_team_spends_none_of_the_old_teams_money() {
        let key = key(Period::Total);
        let with = |id: &str| {
            let mut bounds = key.bounds();
            bounds.push(Bound { scope: ScopeId::new(ScopeKind::Team, id), ..team(Period::Daily) });
            Chain::of(&key, &bounds, &Zone::utc(), Timestamp::default()).code
        };
        assert_ne!(with("one"), with("two"));
    }

    #[test]
    fn a_code_begins_with_the_keys_own_window_whatever_stands_above() {
        let now = at("2026-11-21T10:00:00Z");
        let key = key(Period::Monthly);
        let mut bounds = key.bounds();
        bounds.extend([team(Period::Daily), team(Period::Total)]);
        let chain = Chain::of(&key, &bounds, &Zone::utc(), now);
        assert!(chain.code.starts_with("2026-11|2026-11-21|total|"), "{}", chain.code);
        assert!(is_in(&chain.code, "2026-11") && !is_in(&chain.code, "2026-11-21"));
        assert!(is_over(&chain.code, &Zone::utc(), at("2026-11-22T00:00:00Z"), 0));
        assert!(!is_over(&chain.code, &Zone::utc(), at("2026-11-22T00:00:00Z"), 1));
        assert!(!is_in(&Chain::of(&key, &[], &Zone::utc(), now).code, "2026-1"));
    }
}
