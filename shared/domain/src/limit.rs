//! Limits: how much and how fast, for a key and for everything that stands above it.

use crate::{key::matches, money::Usd, time::Period};
use std::fmt;

/// What one scope allows. Everything that is `None` or empty is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub max_budget: Option<Usd>,
    /// The window of `max_budget`.
    pub budget_period: Period,
    /// Further budgets, each over a window of its own.
    pub budgets: Vec<Budget>,
    /// Told about, never refused.
    pub soft_budget: Option<Usd>,
    pub budget_mode: BudgetMode,
    /// Budgets of some models only, each pattern once.
    pub model_budgets: Vec<ModelBudget>,
    /// Calls in flight at once.
    pub max_parallel: Option<u32>,
    /// Requests in any 60 seconds.
    pub rpm: Option<u64>,
    /// Tokens in any 60 seconds, input and output together.
    pub tpm: Option<u64>,
    /// Narrower limits: of some models, or at some time of day.
    pub rate_limits: Vec<RateLimit>,
    /// Calls over the rate limits are counted and let through.
    pub observe: bool,
    /// The class of calls that do not name one, and the highest they may name.
    pub priority: Option<Priority>,
}

impl Limits {
    /// Every budget, `max_budget` first.
    pub fn all_budgets(&self) -> impl Iterator<Item = Budget> + '_ {
        let first = self.max_budget.map(|max| Budget { max, period: self.budget_period });
        first.into_iter().chain(self.budgets.iter().copied())
    }

    /// Is there any limit on money?
    pub fn has_budget(&self) -> bool {
        self.max_budget.is_some() || !self.budgets.is_empty()
    }

    /// Is there any limit on tokens?
    pub fn has_token_limit(&self) -> bool {
        self.tpm.is_some() || self.rate_limits.iter().any(|limit| limit.tpm.is_some())
    }

    /// Is there any limit on requests, tokens or calls in flight?
    pub fn has_rates(&self) -> bool {
        self.rpm.is_some() || self.tpm.is_some() || self.max_parallel.is_some() || !self.rate_limits.is_empty()
    }

    /// The rate limits that hold for a call to a model of these names, `minute` minutes after midnight. Those over
    /// everything are called `all`; the others have names that stay when only their numbers change.
    pub fn rates(&self, models: &[&str], minute: u16) -> Vec<Rate> {
        let all = RateLimit { rpm: self.rpm, tpm: self.tpm, max_parallel: self.max_parallel, ..RateLimit::default() };
        let narrower = self.rate_limits.iter().filter(|limit| limit.holds(models, minute));
        let named = std::iter::once(Rate::of(GENERAL.to_owned(), &all)).chain(narrower.map(|l| Rate::of(l.name(), l)));
        named.filter(Rate::is_limit).collect()
    }

    /// The budgets as the ledger asks for them.
    pub fn bounds<'l>(&'l self, scope: &'l ScopeId, version: u64) -> impl Iterator<Item = Bound> + 'l {
        self.all_budgets().map(move |budget| Bound { scope: scope.clone(), budget, mode: self.budget_mode, version })
    }

    /// The budgets of some models as the ledger asks for them, by the pattern of the models' names.
    pub fn model_bounds<'l>(&'l self, scope: &'l ScopeId, version: u64) -> impl Iterator<Item = (&'l str, Bound)> + 'l {
        self.model_budgets.iter().flat_map(move |model| {
            let (pattern, mode) = (model.pattern.as_str(), model.mode);
            let scope = scope.model(pattern);
            model
                .budgets
                .iter()
                .map(move |budget| (pattern, Bound { scope: scope.clone(), budget: *budget, mode, version }))
        })
    }
}

/// The budgets of some models: within a key or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelBudget {
    /// A model's name, an alias, a `provider/model`, or a pattern ending in `*`.
    pub pattern: String,
    /// At least one, each over a window of its own.
    pub budgets: Vec<Budget>,
    pub mode: BudgetMode,
}

/// What the operator lets everybody together spend: on everything, at one provider, or under one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorBudget {
    pub scope: ScopeId,
    /// Its budgets; no other limits.
    pub limits: Limits,
}

impl OperatorBudget {
    /// Does it bear the calls that go to this provider, and carry these tags?
    pub fn bears(&self, provider: &str, tags: &[(String, String)]) -> bool {
        match self.scope.kind {
            ScopeKind::Provider => self.scope.id == provider,
            ScopeKind::Tag => tags.iter().any(|(name, value)| is_tag(&self.scope.id, name, value)),
            _ => true,
        }
    }

    /// Its budgets as the ledger asks for them.
    pub fn bounds(&self, version: u64) -> impl Iterator<Item = Bound> + '_ {
        self.limits.bounds(&self.scope, version)
    }
}

/// `app=chat` is the tag `app` of the value `chat`; `app` is the tag without a value.
fn is_tag(id: &str, name: &str, value: &str) -> bool {
    match id.strip_prefix(name) {
        Some("") => value.is_empty(),
        Some(rest) => rest.strip_prefix('=') == Some(value),
        None => false,
    }
}

/// So much in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub max: Usd,
    pub period: Period,
}

/// What happens at the edge of a budget [M2].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetMode {
    /// Admit while something is left: over by at most one call's worst case.
    LastOne,
    /// Never over.
    #[default]
    Strict,
}

/// A limit that holds for some calls only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Model names it holds for, as in an allow-list; empty: every model.
    pub models: Vec<String>,
    /// When it holds; `None`: always.
    pub hours: Option<Hours>,
    pub rpm: Option<u64>,
    pub tpm: Option<u64>,
    pub max_parallel: Option<u32>,
}

impl RateLimit {
    /// Does it hold for a model of these names, so many minutes after midnight?
    pub fn holds(&self, models: &[&str], minute: u16) -> bool {
        let of_model = self.models.iter().any(|pattern| models.iter().any(|name| matches(pattern, name)));
        (self.models.is_empty() || of_model) && self.hours.is_none_or(|hours| hours.contain(minute))
    }

    /// What it is a limit of, in eight characters.
    fn name(&self) -> String {
        let mut hash = FNV_OFFSET;
        let hours = self.hours.map(|hours| format!("{}-{}", hours.from, hours.to)).unwrap_or_default();
        for byte in self.models.iter().flat_map(|model| model.bytes().chain([0])).chain(hours.bytes()) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
        }
        format!("{hash:08x}")
    }
}

/// The name of what limits every model at every hour.
const GENERAL: &str = "all";

/// Fowler, Noll and Vo's hash: names need to be short and stable, not secret.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// One rate limit that holds for a call, by its name within its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    pub name: String,
    /// Requests in any 60 seconds.
    pub requests: Option<u64>,
    /// Tokens in any 60 seconds.
    pub tokens: Option<u64>,
    /// Calls in flight at once.
    pub parallel: Option<u32>,
}

impl Rate {
    fn of(name: String, limit: &RateLimit) -> Self {
        Self { name, requests: limit.rpm, tokens: limit.tpm, parallel: limit.max_parallel }
    }

    /// Is it of every model at every hour?
    pub fn is_general(&self) -> bool {
        self.name == GENERAL
    }

    pub fn is_limit(&self) -> bool {
        self.requests.is_some() || self.tokens.is_some() || self.parallel.is_some()
    }
}

/// Who gives way to whom when a limit is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

impl Priority {
    const ALL: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];

    /// `normal`
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
        }
    }

    pub fn named(name: &str) -> Option<Priority> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }
}

/// A time of day in the budget's time zone, in minutes after midnight: from `from` up to, not including, `to`.
/// Over midnight where `to` is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: u16,
    pub to: u16,
}

impl Hours {
    /// Is this many minutes after midnight within them?
    pub fn contain(self, minute: u16) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

/// One budget that a call is charged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub scope: ScopeId,
    pub budget: Budget,
    pub mode: BudgetMode,
    /// The version of what set the budget: a newer one wins [D7].
    pub version: u64,
}

/// What limits can stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeKind {
    Global,
    Key,
    /// Some models within a key, `<key id>/<pattern>`, or within a group, `<kind>#<id>/<pattern>`.
    Model,
    Organization,
    Project,
    Provider,
    Tag,
    Team,
    User,
}

impl ScopeKind {
    pub fn name(self) -> &'static str {
        match self {
            ScopeKind::Global => "global",
            ScopeKind::Key => "key",
            ScopeKind::Model => "model",
            ScopeKind::Organization => "organization",
            ScopeKind::Project => "project",
            ScopeKind::Provider => "provider",
            ScopeKind::Tag => "tag",
            ScopeKind::Team => "team",
            ScopeKind::User => "user",
        }
    }

    /// Is it the operator's own affair, whoever calls?
    pub fn is_operators(self) -> bool {
        matches!(self, ScopeKind::Global | ScopeKind::Provider | ScopeKind::Tag)
    }

    /// Does it depend on where an attempt goes?
    pub fn is_of_target(self) -> bool {
        matches!(self, ScopeKind::Model | ScopeKind::Provider)
    }
}

/// One scope: `team#t_1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId {
    pub kind: ScopeKind,
    pub id: String,
}

impl ScopeId {
    pub fn new(kind: ScopeKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// Some models within this scope.
    pub fn model(&self, pattern: &str) -> Self {
        let id = match self.kind {
            ScopeKind::Key => format!("{}/{pattern}", self.id),
            _ => format!("{self}/{pattern}"),
        };
        Self { kind: ScopeKind::Model, id }
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.kind.name(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_over_midnight() {
        let (day, night) = (Hours { from: 540, to: 1_020 }, Hours { from: 1_320, to: 360 });
        let within = |hours: Hours| [0, 359, 360, 539, 540, 1_019, 1_020, 1_320, 1_439].map(|at| hours.contain(at));
        assert_eq!(within(day), [false, false, false, false, true, true, false, false, false]);
        assert_eq!(within(night), [true, true, false, false, false, false, false, true, true]);
    }

    #[test]
    fn a_limit_of_some_models_holds_for_them_alone_and_keeps_its_name() {
        let narrow = |rpm| RateLimit { models: vec!["gpt-*".to_owned()], rpm: Some(rpm), ..RateLimit::default() };
        let limits = |rpm| Limits { tpm: Some(9), rate_limits: vec![narrow(rpm)], ..Limits::default() };
        let names = |limits: Limits, model| limits.rates(&[model], 0).into_iter().map(|r| r.name).collect::<Vec<_>>();
        assert_eq!(names(limits(1), "claude"), ["all"]);
        assert_eq!(names(limits(1), "gpt-4o"), names(limits(2), "gpt-4o"));
        assert_eq!(names(limits(1), "gpt-4o").len(), 2);
        assert!(Limits::default().rates(&["gpt-4o"], 0).is_empty());
    }

    #[test]
    fn a_tag_is_borne_by_its_own_budget_alone() {
        let of = |id: &str| OperatorBudget { scope: ScopeId::new(ScopeKind::Tag, id), limits: Limits::default() };
        let tags = [("app".to_owned(), "chat".to_owned()), ("batch".to_owned(), String::new())];
        for (id, borne) in
            [("app=chat", true), ("batch", true), ("app", false), ("app=cha", false), ("batch=", true), ("ap", false)]
        {
            assert_eq!(of(id).bears("openai", &tags), borne, "{id}");
        }
    }

    #[test]
    fn models_of_a_key_and_of_a_group_are_scopes_of_their_own() {
        let (key, team) = (ScopeId::new(ScopeKind::Key, "key_a"), ScopeId::new(ScopeKind::Team, "key_a"));
        assert_eq!(key.model("gpt-*").to_string(), "model#key_a/gpt-*");
        assert_eq!(team.model("gpt-*").to_string(), "model#team#key_a/gpt-*");
    }
}
