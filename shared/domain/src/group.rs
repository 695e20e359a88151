//! What keys belong to: organizations, teams, projects and users. All have the same shape.

use crate::{
    key::Allowed,
    limit::{Bound, Limits, ScopeId, ScopeKind},
    time::Timestamp,
};

/// The kinds of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKind {
    Organization,
    Project,
    Team,
    User,
}

impl GroupKind {
    pub const ALL: [GroupKind; 4] = [GroupKind::Organization, GroupKind::Project, GroupKind::Team, GroupKind::User];

    /// `team`
    pub fn name(self) -> &'static str {
        self.scope().name()
    }

    /// What its limits stand on.
    pub fn scope(self) -> ScopeKind {
        match self {
            GroupKind::Organization => ScopeKind::Organization,
            GroupKind::Project => ScopeKind::Project,
            GroupKind::Team => ScopeKind::Team,
            GroupKind::User => ScopeKind::User,
        }
    }
}

/// An organization, team, project or user: who they are, and what all their keys together may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub kind: GroupKind,
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The organization it belongs to; none of an organization itself.
    pub organization_id: Option<String>,
    /// The team of a project or a user.
    pub team_id: Option<String>,
    /// What a user may do on the admin plane: `member`, `team_admin` …
    pub role: Option<String>,
    /// A user that is a program and no person: its keys outlive whoever made them, it has no role, and no token of a person
    /// is its credential.
    pub is_service_account: bool,
    pub allowed: Allowed,
    pub limits: Limits,
    pub blocked: bool,
    /// Free labels for reports, in order of name.
    pub tags: Vec<(String, String)>,
    /// Anything the admin wants to keep with it, as written JSON object text.
    pub metadata: Option<crate::Json>,
    pub created_at: Timestamp,
    /// Goes up with every change: an update names the version it read [D7].
    pub version: u64,
}

impl Group {
    /// A new group without limits.
    pub fn named(kind: GroupKind, id: impl Into<String>, name: impl Into<String>, created_at: Timestamp) -> Self {
        Self {
            kind,
            id: id.into(),
            name: name.into(),
            organization_id: None,
            team_id: None,
            role: None,
            is_service_account: false,
            allowed: Allowed::default(),
            limits: Limits::default(),
            blocked: false,
            tags: Vec::new(),
            metadata: None,
            created_at,
            version: 1,
        }
    }

    /// The team or organization it belongs to.
    pub fn parent(&self, kind: GroupKind) -> Option<&str> {
        match kind {
            GroupKind::Organization => self.organization_id.as_deref(),
            GroupKind::Team => self.team_id.as_deref(),
            GroupKind::Project | GroupKind::User => None,
        }
    }

    pub fn scope(&self) -> ScopeId {
        ScopeId::new(self.kind.scope(), self.id.as_str())
    }

    /// Its budgets, as the ledger asks for them.
    pub fn bounds(&self) -> Vec<Bound> {
        self.limits.bounds(&self.scope(), self.version).collect()
    }

    /// Its budgets of some models, by the pattern of the models' names.
    pub fn model_bounds(&self) -> Vec<(String, Bound)> {
        self.limits.model_bounds(&self.scope(), self.version).map(|(model, bound)| (model.to_owned(), bound)).collect()
    }
}
