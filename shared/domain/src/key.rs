//! Virtual keys: who may call what, and how much.

use crate::{
    ids::KeyId,
    limit::{Bound, Limits, ScopeId, ScopeKind},
    time::Timestamp,
};

/// A virtual key and its policy, without its secret.
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
    pub project_id: Option<String>,
    pub allowed: Allowed,
    pub limits: Limits,
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
            project_id: None,
            allowed: Allowed::default(),
            limits: Limits::default(),
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

    pub fn scope(&self) -> ScopeId {
        ScopeId::new(ScopeKind::Key, self.id.as_str())
    }

    /// Its own budgets, as the ledger asks for them.
    pub fn bounds(&self) -> Vec<Bound> {
        self.limits.bounds(&self.scope(), self.version).collect()
    }
}

/// What may be called. Lists that are empty allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Model names: an alias, a `provider/model`, or a pattern ending in `*`.
    pub models: Vec<String>,
    /// Providers that may be reached, as names or patterns.
    pub providers: Vec<String>,
}

impl Allowed {
    /// Is one of these names of a model on the list?
    pub fn may_use(&self, names: &[&str]) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)))
    }

    /// Is this provider on the list?
    pub fn may_reach(&self, provider: &str) -> bool {
        self.providers.is_empty() || self.providers.iter().any(|pattern| matches(pattern, provider))
    }
}

/// `claude-*` matches what begins with `claude-`; `*` everything; the rest themselves.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}
