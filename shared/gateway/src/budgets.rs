//! Which budgets bear a call: most of them wherever it goes, some by the model or the provider of an attempt.

use crate::{
    call::{Call, Caller, Request},
    target::ResolvedTarget,
};
use config::Config;
use domain::{
    key::matches,
    limit::{Bound, OperatorBudget, ScopeKind},
};
use std::borrow::Cow;

/// The budgets of one call.
#[derive(Debug, Default)]
pub struct Budgets {
    /// Of the key and its groups, of everything, and of the call's tags.
    everywhere: Vec<Bound>,
    /// Of some models, by the pattern of their names.
    models: Vec<(String, Bound)>,
    /// Of providers.
    providers: Vec<Bound>,
    /// What the model that was asked for is called.
    names: Vec<String>,
}

impl Budgets {
    /// The budgets of a call to a model of these names, wherever it may go.
    pub fn of(config: &Config, call: &Call, caller: &Caller, request: &Request<'_>, names: &[String]) -> Self {
        let models = caller.model_bounds();
        let asked = if models.is_empty() { &[] } else { names };
        let mut budgets = Self {
            everywhere: caller.bounds(),
            names: asked.iter().chain((!models.is_empty()).then_some(&request.head.model)).cloned().collect(),
            models,
            providers: Vec::new(),
        };
        let scopes = &config.budget.scopes;
        if !scopes.is_empty() {
            let tags: Vec<_> =
                [&caller.key.tags, &call.extras.tags, &request.head.metadata].into_iter().flatten().collect();
            scopes.iter().for_each(|scope| budgets.add(scope, &tags, config.version));
        }
        budgets
    }

    fn add(&mut self, scope: &OperatorBudget, tags: &[&(String, String)], version: u64) {
        match scope.scope.kind {
            ScopeKind::Provider => self.providers.extend(scope.bounds(version)),
            ScopeKind::Tag if !tags.iter().any(|tag| scope.bears("", std::slice::from_ref(tag))) => {}
            _ => self.everywhere.extend(scope.bounds(version)),
        }
    }

    /// Those that bear an attempt at this target.
    pub fn bearing(&self, target: &ResolvedTarget) -> Cow<'_, [Bound]> {
        let models = self.models.iter().filter(|(pattern, _)| self.is_named(pattern, target)).map(|(_, bound)| bound);
        let providers = self.providers.iter().filter(|bound| bound.scope.id == target.provider.as_str());
        let of_target: Vec<&Bound> = models.chain(providers).collect();
        if of_target.is_empty() {
            return Cow::Borrowed(&self.everywhere);
        }
        Cow::Owned(self.everywhere.iter().chain(of_target).cloned().collect())
    }

    /// Does any budget bear an attempt at this target?
    pub fn bear(&self, target: &ResolvedTarget) -> bool {
        !self.bearing(target).is_empty()
    }

    fn is_named(&self, pattern: &str, target: &ResolvedTarget) -> bool {
        let own = [target.direct_name.as_str(), target.model.as_str()];
        self.names.iter().map(String::as_str).chain(own).any(|name| matches(pattern, name))
    }
}
