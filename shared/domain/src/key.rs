//! Virtual keys: who may call what, and how much.

use crate::{
    ids::KeyId,
    limit::{Bound, Limits, ScopeId, ScopeKind},
    network::Network,
    time::Timestamp,
};
use std::net::IpAddr;

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

    /// Its budgets of some models, by the pattern of the models' names.
    pub fn model_bounds(&self) -> Vec<(String, Bound)> {
        self.limits.model_bounds(&self.scope(), self.version).map(|(model, bound)| (model.to_owned(), bound)).collect()
    }
}

/// What may be called. Lists that are empty allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Model names: an alias, a `provider/model`, or a pattern ending in `*`.
    pub models: Vec<String>,
    /// Providers that may be reached, as names or patterns.
    pub providers: Vec<String>,
    /// What may be asked for: operations (`chat`, `embeddings`, `models`) or paths (`/v1/embeddings`, `/model/*`).
    pub routes: Vec<String>,
    /// Where callers may come from.
    pub networks: Vec<Network>,
}

impl Allowed {
    /// Nothing at all: the one name on its lists is nobody's.
    pub fn nothing() -> Self {
        let nobody = vec![String::new()];
        Self { models: nobody.clone(), providers: nobody, ..Self::default() }
    }

    /// May this be asked for, by the name of its operation or by its path?
    pub fn may_ask(&self, operation: &str, path: &str) -> bool {
        let fits = |pattern: &String| matches(pattern, if pattern.starts_with('/') { path } else { operation });
        self.routes.is_empty() || self.routes.iter().any(fits)
    }

    /// May a caller come from there? An unknown address is on no list.
    pub fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        self.networks.is_empty() || address.is_some_and(|ip| self.networks.iter().any(|network| network.contains(ip)))
    }

    /// Is everything that this allows also allowed by `other`? Nobody grants what they lack [R8].
    pub fn is_within(&self, other: &Allowed) -> bool {
        let networks = other.networks.is_empty()
            || !self.networks.is_empty()
                && self.networks.iter().all(|one| other.networks.iter().any(|all| all.covers(one)));
        networks
            && is_covered(&self.models, &other.models)
            && is_covered(&self.providers, &other.providers)
            && is_covered(&self.routes, &other.routes)
    }

    /// The same, with the other's lists where this one has none.
    #[must_use]
    pub fn or(self, other: &Allowed) -> Self {
        let filled = |own: Vec<String>, theirs: &[String]| if own.is_empty() { theirs.to_vec() } else { own };
        Self {
            models: filled(self.models, &other.models),
            providers: filled(self.providers, &other.providers),
            routes: filled(self.routes, &other.routes),
            networks: if self.networks.is_empty() { other.networks.clone() } else { self.networks },
        }
    }
    /// Is one of these names of a model on the list?
    pub fn may_use(&self, names: &[&str]) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)))
    }

    /// Is this provider on the list?
    pub fn may_reach(&self, provider: &str) -> bool {
        self.providers.is_empty() || self.providers.iter().any(|pattern| matches(pattern, provider))
    }
}

/// Does every name or pattern of a list lie within another list? An empty list is everything.
fn is_covered(list: &[String], by: &[String]) -> bool {
    let covered = |pattern: &String| by.iter().any(|wider| within(pattern, wider));
    by.is_empty() || !list.is_empty() && list.iter().all(covered)
}

/// Does whatever the one pattern matches match the other too?
fn within(pattern: &str, wider: &str) -> bool {
    match (pattern.strip_suffix('*'), wider.strip_suffix('*')) {
        (Some(beginning), Some(shorter)) => beginning.starts_with(shorter),
        (Some(_), None) => false,
        (None, _) => matches(wider, pattern),
    }
}

/// `claude-*` matches what begins with `claude-`; `*` everything; the rest themselves.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(models: &[&str]) -> Allowed {
        Allowed { models: models.iter().map(|name| (*name).to_owned()).collect(), ..Allowed::default() }
    }

    #[test]
    fn r8_a_list_lies_within_another_only_if_everything_on_it_does() {
        for (own, other, expected) in [
            (vec!["gpt-4o"], vec!["gpt-*"], true),
            (vec!["gpt-4*"], vec!["gpt-*"], true),
            (vec!["gpt-*"], vec!["gpt-4*"], false),
            (vec!["gpt-*"], vec!["gpt-4o"], false),
            (vec!["gpt-4o", "claude"], vec!["gpt-*"], false),
            (vec!["*"], vec!["gpt-*"], false),
            (vec![], vec!["gpt-*"], false),
            (vec!["gpt-4o"], vec![], true),
            (vec![], vec![], true),
        ] {
            assert_eq!(allowed(&own).is_within(&allowed(&other)), expected, "{own:?} {other:?}");
        }
        let from = |network: &str| Allowed { networks: vec![network.parse().unwrap()], ..Allowed::default() };
        assert!(
            from("192.0.2.0/25").is_within(&from("192.0.2.0/24"))
                && !from("192.0.2.0/24").is_within(&from("192.0.2.0/25"))
        );
        assert!(!Allowed::default().is_within(&from("192.0.2.0/24")));
    }

    #[test]
    fn r8_what_has_no_list_of_its_own_takes_over_the_others() {
        let wide = allowed(&["gpt-*"]);
        assert_eq!(Allowed::default().or(&wide), wide);
        assert_eq!(allowed(&["gpt-4o"]).or(&wide), allowed(&["gpt-4o"]));
    }

    #[test]
    fn a_route_is_allowed_by_operation_or_path() {
        let some = Allowed { routes: vec!["embeddings".into(), "/v1/messages*".into()], ..Allowed::default() };
        assert!(some.may_ask("embeddings", "/v1/embeddings") && some.may_ask("chat", "/v1/messages/count_tokens"));
        assert!(!some.may_ask("chat", "/v1/chat/completions") && Allowed::default().may_ask("chat", "/"));
    }

    #[test]
    fn an_unknown_address_is_on_no_list() {
        let some = Allowed { networks: vec!["192.0.2.0/24".parse().unwrap()], ..Allowed::default() };
        assert!(some.may_come_from("192.0.2.9".parse().ok()) && !some.may_come_from("198.51.100.1".parse().ok()));
        assert!(!some.may_come_from(None) && Allowed::default().may_come_from(None));
    }

    #[test]
    fn j5_nothing_is_allowed_by_the_list_of_nobody() {
        let none = Allowed::nothing();
        assert!(
            !none.may_use(&["gpt-4o", "openai/gpt-4o"])
                && !none.may_reach("openai")
                && !Allowed::default().is_within(&none)
        );
    }
}
