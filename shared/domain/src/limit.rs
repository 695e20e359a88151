//! Limits: how much and how fast, for a key and for everything that stands above it.

use crate::{money::Usd, time::Period};
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

    /// The budgets as the ledger asks for them.
    pub fn bounds<'l>(&'l self, scope: &'l ScopeId, version: u64) -> impl Iterator<Item = Bound> + 'l {
        self.all_budgets().map(move |budget| Bound { scope: scope.clone(), budget, mode: self.budget_mode, version })
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

/// A time of day in the budget's time zone, in minutes after midnight: from `from` up to, not including, `to`.
/// Over midnight where `to` is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: u16,
    pub to: u16,
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
    /// A model within a key: `<key id>/<model>`.
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
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.kind.name(), self.id)
    }
}
