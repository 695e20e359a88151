//! Whose budgets are watched: a key's own, those of what it belongs to, of models within either, and the operator's.

use super::thresholds::{self, Threshold};
use domain::{
    Timestamp, Usd, Zone,
    group::Group,
    key::{VirtualKey, matches},
    limit::{Bound, Limits, ModelBudget, OperatorBudget, ScopeId, ScopeKind},
    time::Period,
};
use stores::rollups::Subject;

/// A key, a group, some models within one, or everything, a provider or a tag.
pub struct Watched {
    pub id: ScopeId,
    pub name: String,
    pub team_id: Option<String>,
    pub created_at: Timestamp,
    /// If it is one.
    pub key: Option<VirtualKey>,
    limits: Limits,
    bounds: Vec<Bound>,
}

/// One window of a scope, and what is told of it.
pub struct Watch {
    pub window: String,
    pub period: Period,
    /// The budget; none where there is a soft one only.
    pub bound: Option<Bound>,
    pub soft: Option<Usd>,
    pub thresholds: Vec<Threshold>,
    /// Its first moment and that of the next one; none of the window that never ends.
    pub edges: Option<(Timestamp, Timestamp)>,
}

impl Watched {
    pub fn of_key(key: &VirtualKey) -> Self {
        Self {
            id: key.scope(),
            name: key.name.clone(),
            team_id: key.team_id.clone(),
            created_at: key.created_at,
            key: Some(key.clone()),
            limits: key.limits.clone(),
            bounds: key.bounds(),
        }
    }

    pub fn of_group(group: &Group) -> Self {
        Self {
            id: group.scope(),
            name: group.name.clone(),
            team_id: group.team_id.clone(),
            created_at: group.created_at,
            key: None,
            limits: group.limits.clone(),
            bounds: group.bounds(),
        }
    }

    pub fn of_operator(budget: &OperatorBudget, version: u64) -> Self {
        let id = budget.scope.clone();
        Self {
            name: if id.id.is_empty() { id.kind.name().to_owned() } else { id.id.clone() },
            id,
            team_id: None,
            created_at: Timestamp::default(),
            key: None,
            bounds: budget.bounds(version).collect(),
            limits: budget.limits.clone(),
        }
    }

    /// Those of models within it that bear a call to a model of these names.
    pub fn of_models(&self, names: &[&str], version: u64) -> Vec<Self> {
        let of_pattern = |model: &ModelBudget| Self {
            id: self.id.model(&model.pattern),
            name: format!("{}: {}", self.name, model.pattern),
            team_id: self.team_id.clone(),
            created_at: self.created_at,
            key: None,
            bounds: {
                let bounds = self.limits.model_bounds(&self.id, version);
                bounds.filter(|(pattern, _)| *pattern == model.pattern).map(|(_, bound)| bound).collect()
            },
            limits: Limits::default(),
        };
        let fits = |model: &&ModelBudget| names.iter().any(|name| matches(&model.pattern, name));
        self.limits.model_budgets.iter().filter(fits).map(of_pattern).collect()
    }

    /// Its windows at a moment. The soft budget counts in the window of the first budget.
    pub fn watches(&self, shares: &[u32], zone: &Zone, at: Timestamp) -> Vec<Watch> {
        let of_first = |n: usize| self.limits.soft_budget.filter(|_| n == 0);
        let mut watches: Vec<Watch> = self
            .bounds
            .iter()
            .enumerate()
            .map(|(n, bound)| watch(bound.budget.period, Some(bound.clone()), of_first(n), shares, zone, at))
            .collect();
        if self.bounds.is_empty() && self.limits.soft_budget.is_some() {
            watches.push(watch(self.limits.budget_period, None, self.limits.soft_budget, shares, zone, at));
        }
        watches
    }

    /// Under which name its calls are counted, if they are.
    pub fn subject(&self) -> Option<Subject> {
        let id = self.id.id.clone();
        match self.id.kind {
            ScopeKind::Key => Some(Subject::Key(id.into())),
            ScopeKind::Organization => Some(Subject::Organization(id)),
            ScopeKind::Project => Some(Subject::Project(id)),
            ScopeKind::Team => Some(Subject::Team(id)),
            ScopeKind::User => Some(Subject::User(id)),
            ScopeKind::Global | ScopeKind::Model | ScopeKind::Provider | ScopeKind::Tag => None,
        }
    }
}

fn watch(period: Period, bound: Option<Bound>, soft: Option<Usd>, shares: &[u32], zone: &Zone, at: Timestamp) -> Watch {
    let thresholds = thresholds::of(bound.as_ref().map(|bound| bound.budget.max), soft, shares);
    let window = zone.window(period, at);
    let edges = zone.start(period, at).zip(zone.end(&window));
    Watch { window, period, bound, soft, thresholds, edges }
}
