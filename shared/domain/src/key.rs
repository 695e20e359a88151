//! Virtual keys: who may call what, and how much.

use crate::{
    ids::KeyId,
    money::Usd,
    time::{Period, Timestamp},
};

/// A virtual key and its policy, without its secret. Lists that are empty mean "all".
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualKey {
    pub id: KeyId,
    /// A name for people.
    pub name: String,
    /// The first characters of the key, to recognise it by.
    pub prefix: String,
    pub team_id: Option<String>,
    pub user_id: Option<String>,
    pub organization_id: Option<String>,
    /// Model names this key may use: an alias, a `provider/model`, or a pattern ending in `*`.
    pub models: Vec<String>,
    /// Providers this key may reach.
    pub providers: Vec<String>,
    pub max_budget: Option<Usd>,
    pub budget_period: Period,
    pub soft_budget: Option<Usd>,
    pub budget_mode: BudgetMode,
    /// Calls in flight at once.
    pub max_parallel: Option<u32>,
    pub expires_at: Option<Timestamp>,
    pub blocked: bool,
    /// Free labels for reports, in order of name.
    pub tags: Vec<(String, String)>,
    /// Anything the admin wants to keep with the key, as written JSON object text.
    pub metadata: Option<crate::Json>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// How many lanes of the ledger the key's calls spread over; at least 1.
    pub lanes: u32,
    /// Goes up with every change: an update names the version it read [D7].
    pub version: u64,
}

impl VirtualKey {
    /// A new key without limits.
    pub fn named(id: KeyId, name: impl Into<String>, created_at: Timestamp) -> Self {
        Self {
            id,
            name: name.into(),
            prefix: String::new(),
            team_id: None,
            user_id: None,
            organization_id: None,
            models: Vec::new(),
            providers: Vec::new(),
            max_budget: None,
            budget_period: Period::Total,
            soft_budget: None,
            budget_mode: BudgetMode::Strict,
            max_parallel: None,
            expires_at: None,
            blocked: false,
            tags: Vec::new(),
            metadata: None,
            created_at,
            last_used_at: None,
            lanes: 1,
            version: 1,
        }
    }

    /// May this key be used at all, at `now`?
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.blocked && self.expires_at.is_none_or(|at| now < at)
    }

    /// Is one of these names of a model on the key's list?
    pub fn may_use(&self, names: &[&str]) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)))
    }

    /// Is this provider on the key's list?
    pub fn may_reach(&self, provider: &str) -> bool {
        self.providers.is_empty() || self.providers.iter().any(|pattern| matches(pattern, provider))
    }
}

/// `claude-*` matches what begins with `claude-`; `*` everything; the rest themselves.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
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
