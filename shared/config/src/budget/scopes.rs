//! `budget.scopes`: budgets of the operator's own, over whatever the callers may spend.

use super::BudgetMode;
use crate::{
    check::Scope,
    raw::{Decimal, Reader, Text, Written, raw, words},
    yaml::Mark,
};
use domain::{
    Usd,
    limit::{Budget, Limits, OperatorBudget, ScopeId, ScopeKind},
    time::Period,
};

/// Further windows of one scope.
const MOST_BUDGETS: usize = 4;
/// A call pays into every scope that bears it, in one transaction where money is lent.
const MOST_SCOPES: usize = 50;
/// The longest tag, in bytes.
const LONGEST_TAG: usize = 120;

raw! {
    /// What everybody together may spend: on everything, at one provider, or under one tag.
    struct RawScope {
        /// global: every call. provider: the calls that go there; once it is spent they go to the next target. tag: the
        /// calls that carry it.
        scope: Written<ScopeKind>,
        /// The provider's name, or the tag as name=value (or name, of a tag without a value). Nothing for global.
        id: Text,
        /// US dollars in each window.
        max_budget_usd: Decimal,
        /// The window of max_budget_usd and soft_budget_usd: daily, weekly, monthly, total, or a duration such as 30d, 12h or 30m. total if not given.
        budget_period: Text,
        /// Further budgets, each over a window of its own.
        budgets: Vec<RawWindow>,
        /// strict or last_one; as budget.mode if not given.
        budget_mode: BudgetMode,
        /// US dollars in each window of the first budget that are told about, never refused.
        soft_budget_usd: Decimal,
    }
}

raw! {
    /// A further budget.
    struct RawWindow {
        /// US dollars in each window.
        max_budget_usd: Decimal,
        /// daily, weekly, monthly, total, or a duration such as 30d, 12h or 30m.
        budget_period: Text,
    }
}

words!(ScopeKind { "global" => ScopeKind::Global, "provider" => ScopeKind::Provider, "tag" => ScopeKind::Tag, });

/// Every scope, each once.
pub fn checked(raw: Vec<RawScope>, mode: BudgetMode, reader: &mut Reader, scope: &Scope<'_>) -> Vec<OperatorBudget> {
    let mut budgets: Vec<OperatorBudget> = Vec::new();
    for one in raw {
        let at = one.at;
        let Some(budget) = one.check(mode, reader, scope) else { continue };
        if budgets.iter().any(|other| other.scope == budget.scope) {
            reader.wrong(at, format!("a second budget of {}, once is allowed", budget.scope));
        } else if budgets.len() == MOST_SCOPES {
            reader.wrong(at, format!("budget.scopes has more than {MOST_SCOPES} entries"));
        } else {
            budgets.push(budget);
        }
    }
    budgets
}

impl RawScope {
    fn check(self, mode: BudgetMode, reader: &mut Reader, scope: &Scope<'_>) -> Option<OperatorBudget> {
        let Some(Written(kind)) = self.scope else {
            reader.wrong(self.at, "scope is missing, allowed: global, provider, tag");
            return None;
        };
        let kind = kind?;
        let id = id(kind, self.at, self.id, reader, scope)?;
        let limits = Limits {
            max_budget: dollars(self.max_budget_usd, reader),
            budget_period: period(self.budget_period, reader).unwrap_or_default(),
            budgets: windows(self.budgets.unwrap_or_default(), reader),
            soft_budget: dollars(self.soft_budget_usd, reader),
            budget_mode: self.budget_mode.unwrap_or(mode).into(),
            ..Limits::default()
        };
        consistent(&limits, self.at, reader);
        Some(OperatorBudget { scope: ScopeId::new(kind, id), limits })
    }
}

/// What the budget stands on, beside its kind.
fn id(kind: ScopeKind, at: Mark, id: Option<Text>, reader: &mut Reader, scope: &Scope<'_>) -> Option<String> {
    match (kind, id) {
        (ScopeKind::Provider, id) => {
            let text = reader.required(at, "id", id)?;
            scope.provider(reader, &text).map(|provider| provider.as_str().to_owned())
        }
        (ScopeKind::Tag, id) => {
            let text = reader.required(at, "id", id)?;
            let sound = text.text.len() <= LONGEST_TAG && !text.text.chars().any(char::is_control);
            if !sound {
                reader
                    .wrong(text.at, format!("a tag has at most {LONGEST_TAG} bytes, none of them a control character"));
            }
            sound.then(|| text.text.strip_suffix('=').unwrap_or(&text.text).to_owned())
        }
        (_, None) => Some(String::new()),
        (_, Some(text)) => {
            reader.wrong(text.at, "a global budget has no id, leave it out");
            None
        }
    }
}

fn windows(raw: Vec<RawWindow>, reader: &mut Reader) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for window in raw {
        let (at, missing) = (window.at, window.max_budget_usd.is_none() || window.budget_period.is_none());
        let max = dollars(window.max_budget_usd, reader);
        let period = period(window.budget_period, reader);
        if missing {
            reader.wrong(at, "an entry of budgets needs max_budget_usd and budget_period");
        } else if budgets.len() == MOST_BUDGETS {
            reader.wrong(at, format!("budgets has more than {MOST_BUDGETS} entries"));
        }
        budgets.extend(max.zip(period).map(|(max, period)| Budget { max, period }));
    }
    budgets
}

fn consistent(limits: &Limits, at: Mark, reader: &mut Reader) {
    if !limits.has_budget() {
        reader.wrong(at, "a budget needs max_budget_usd or budgets");
    }
    if limits.soft_budget.zip(limits.max_budget).is_some_and(|(soft, most)| soft > most) {
        reader.wrong(at, "soft_budget_usd must not be larger than max_budget_usd");
    }
    let mut periods: Vec<Period> = limits.all_budgets().map(|budget| budget.period).collect();
    periods.sort_unstable();
    if periods.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        reader.wrong(at, "budgets must each have a budget_period of their own");
    }
}

fn dollars(written: Option<Decimal>, reader: &mut Reader) -> Option<Usd> {
    let Decimal(text) = written?;
    Usd::setting(&text.text)
        .map_err(|why| reader.wrong(text.at, format!("{} is not accepted: {why}", text.shown())))
        .ok()
}

fn period(written: Option<Text>, reader: &mut Reader) -> Option<Period> {
    let text = written?;
    let period = Period::named(&text.text);
    if period.is_none() {
        let allowed = "daily, weekly, monthly, total, or a duration of at least a minute such as 30d, 12h or 30m";
        reader.wrong(text.at, format!("{} is no period, allowed: {allowed}", text.shown()));
    }
    period
}

#[cfg(test)]
mod tests {
    use crate::{Config, ProcessEnv, load};
    use domain::limit::{BudgetMode, ScopeKind};

    fn read(scopes: &str) -> Result<Config, Vec<String>> {
        let text = format!("providers: {{ echo: {{ kind: echo }} }}\nbudget:\n  mode: last_one\n  scopes: {scopes}\n");
        load("p.yaml", &text, &ProcessEnv).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn budgets_of_everything_a_provider_and_a_tag_are_read() {
        let text = r#"[ { scope: global, max_budget_usd: 100.5, budget_period: monthly, budgets: [ { max_budget_usd: 9, budget_period: 12h } ] }, { scope: provider, id: echo, max_budget_usd: 5, budget_mode: strict }, { scope: tag, id: app=chat, max_budget_usd: 4, soft_budget_usd: 3 } ]"#;
        let scopes = read(text).unwrap().budget.scopes;
        let [all, echo, tag] = scopes.as_slice() else { panic!("{scopes:?}") };
        assert_eq!((all.scope.kind, all.limits.all_budgets().count()), (ScopeKind::Global, 2));
        assert_eq!((all.limits.budget_mode, echo.limits.budget_mode), (BudgetMode::LastOne, BudgetMode::Strict));
        assert_eq!((echo.scope.to_string(), tag.scope.to_string()), ("provider#echo".into(), "tag#app=chat".into()));
        assert_eq!(tag.limits.soft_budget, Some("3".parse().unwrap()));
    }

    #[test]
    fn a_misspelt_scope_is_reported_once() {
        let problems = read("[ { scope: galaxy, max_budget_usd: 1 } ]").unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
    }

    #[test]
    fn what_is_no_budget_is_refused_with_its_place() {
        for (scopes, place) in [
            ("[ { max_budget_usd: 1 } ]", "p.yaml:4:13: scope is missing"),
            ("[ { scope: galaxy, max_budget_usd: 1 } ]", "p.yaml:4:22: \"galaxy\" is not known here"),
            ("[ { scope: global, id: x, max_budget_usd: 1 } ]", "p.yaml:4:34: a global budget has no id"),
            ("[ { scope: provider, max_budget_usd: 1 } ]", "p.yaml:4:13: id is missing"),
            (
                "[ { scope: provider, id: eco, max_budget_usd: 1 } ]",
                "there is no provider \"eco\" (did you mean \"echo\"?)",
            ),
            ("[ { scope: global, soft_budget_usd: 1 } ]", "p.yaml:4:13: a budget needs max_budget_usd"),
            (
                "[ { scope: global, max_budget_usd: -1 } ]",
                "p.yaml:4:46: \"-1\" is not accepted: an amount must not be negative",
            ),
            ("[ { scope: global, max_budget_usd: 1, budget_period: yearly } ]", "\"yearly\" is no period"),
            ("[ { scope: global, max_budget_usd: 1, soft_budget_usd: 2 } ]", "soft_budget_usd must not be larger"),
            ("[ { scope: global, max_budget_usd: 1, max_buget: 2 } ]", "unknown key \"max_buget\""),
            (
                "[ { scope: global, max_budget_usd: 1, budgets: [ { max_budget_usd: 1, budget_period: total } ] } ]",
                "budget_period of their own",
            ),
            ("[ { scope: global, budgets: [ { max_budget_usd: 1 } ] } ]", "needs max_budget_usd and budget_period"),
            (
                "[ { scope: tag, id: a, max_budget_usd: 1 }, { scope: tag, id: a, max_budget_usd: 2 } ]",
                "a second budget of tag#a",
            ),
        ] {
            let problems = read(scopes).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(place)), "{scopes}: {problems:?}");
        }
    }
}
