//! Who is asking, and everything that binds them.

use domain::{
    Timestamp,
    group::Group,
    key::{Allowed, VirtualKey},
    limit::{Bound, Limits, Priority, Rate},
};
use std::{net::IpAddr, sync::Arc};
use stores::limits::Scoped;

/// Who is asking: a key, and what it belongs to.
#[derive(Clone)]
pub struct Caller {
    pub key: Arc<VirtualKey>,
    /// Its user, team, project and organization, as far as they exist.
    pub groups: Vec<Arc<Group>>,
}

impl Caller {
    /// May it call at all, at `now`? Whoever belongs to something blocked may not.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.key.is_live(now) && !self.groups.iter().any(|group| group.blocked)
    }

    /// May it come from there, and ask for this? Everybody above it must agree.
    pub fn may_ask(&self, address: Option<IpAddr>, operation: &str, path: &str) -> bool {
        self.allowed().all(|allowed| allowed.may_come_from(address) && allowed.may_ask(operation, path))
    }

    /// Every budget its calls are charged to.
    pub fn bounds(&self) -> Vec<Bound> {
        let mut bounds = self.key.bounds();
        bounds.extend(self.groups.iter().flat_map(|group| group.bounds()));
        bounds
    }

    /// The budgets of some models that its calls are charged to, by the pattern of the models' names.
    pub fn model_bounds(&self) -> Vec<(String, Bound)> {
        let groups = self.groups.iter().flat_map(|group| group.model_bounds());
        self.key.model_bounds().into_iter().chain(groups).collect()
    }

    /// Is there any limit on money or tokens? Then what a call may use must have a bound [M3, M4].
    pub fn is_metered(&self) -> bool {
        self.limits().any(|limits| limits.has_budget() || limits.has_token_limit())
    }

    /// Is there no limit of any kind, so that nothing is won by asking the store first?
    pub fn is_unlimited(&self) -> bool {
        !self.is_metered() && self.limits().all(|limits| !limits.has_rates() && limits.max_parallel.is_none())
    }

    /// The rate limits that hold for a call to a model of these names, `minute` minutes after midnight. The key's own
    /// calls in flight are counted by the ledger, with the money they hold.
    pub fn rates(&self, models: &[&str], minute: u16) -> Vec<Scoped> {
        let groups = self.groups.iter().map(|group| (Some(group), &group.limits));
        let all = std::iter::once((None, &self.key.limits)).chain(groups);
        let scoped = all.filter(|(_, limits)| limits.has_rates()).map(|(group, limits)| {
            let mut rates = limits.rates(models, minute);
            if group.is_none() {
                rates.iter_mut().filter(|rate| rate.is_general()).for_each(|rate| rate.parallel = None);
                rates.retain(Rate::is_limit);
            }
            let scope = group.map_or_else(|| self.key.scope(), |group| group.scope());
            Scoped { scope, rates, observe: limits.observe }
        });
        scoped.filter(|scoped| !scoped.rates.is_empty()).collect()
    }

    /// Is there any limit on its requests, tokens or calls in flight?
    pub fn is_rated(&self) -> bool {
        self.limits().any(Limits::has_rates)
    }

    /// The class of a call that asks for one: never higher than what the key and every group of it are given [R8].
    pub fn priority(&self, asked: Option<Priority>) -> Priority {
        let given = self.limits().filter_map(|limits| limits.priority).min();
        match (asked, given) {
            (Some(asked), Some(given)) => asked.min(given),
            (one, other) => one.or(other).unwrap_or_default(),
        }
    }

    /// The fewest tokens that a call may use in a minute.
    pub fn tokens_a_minute(&self) -> Option<u64> {
        self.limits().filter_map(|limits| limits.tpm).min()
    }

    /// May it use a model of these names, and reach this provider? Everybody above it must agree [R5].
    pub fn may(&self, names: &[&str], provider: &str) -> bool {
        self.allowed().all(|allowed| allowed.may_use(names) && allowed.may_reach(provider))
    }

    fn allowed(&self) -> impl Iterator<Item = &Allowed> {
        std::iter::once(&self.key.allowed).chain(self.groups.iter().map(|group| &group.allowed))
    }

    fn limits(&self) -> impl Iterator<Item = &Limits> {
        std::iter::once(&self.key.limits).chain(self.groups.iter().map(|group| &group.limits))
    }
}
