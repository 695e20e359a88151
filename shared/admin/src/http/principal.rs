//! Who is at the door, and how far what they do reaches [R1, R4].

use domain::{
    Error, Kind,
    group::{Group, GroupKind},
    key::Allowed,
    limit::Limits,
    role::{Action, Extent, Role},
};
use identity::Identity;

/// Somebody who may do something on the admin plane.
#[derive(Clone, Debug)]
pub struct Principal {
    /// As the audit trail names them: `root_admin_key`, `jwt`, `iam`.
    pub kind: String,
    /// Their stable id; empty for the root admin key.
    pub id: String,
    pub roles: Vec<Role>,
    pub user: Option<String>,
    pub team: Option<String>,
    /// Everything that bounds what they may call themselves, so also what they may let others call [R8].
    pub allowed: Vec<Allowed>,
    /// Every limit they stand under themselves.
    pub limits: Vec<Limits>,
}

/// How far an action reaches, and whose things that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    All,
    Own(String),
    Team(String),
}

impl Reach {
    /// Whether something of this team and user lies within it.
    pub fn sees(&self, team: Option<&str>, user: Option<&str>) -> bool {
        match self {
            Reach::All => true,
            Reach::Own(own) => user == Some(own),
            Reach::Team(own) => team == Some(own),
        }
    }

    /// Whether a group lies within it: a team itself, and what belongs to the team.
    pub fn sees_group(&self, group: &Group) -> bool {
        let id = Some(group.id.as_str());
        match group.kind {
            GroupKind::Team => self.sees(id, None),
            GroupKind::User => self.sees(group.team_id.as_deref(), id),
            GroupKind::Project => self.sees(group.team_id.as_deref(), None),
            GroupKind::Organization => self.sees(None, None),
        }
    }
}

impl Principal {
    /// Whoever holds the root admin key.
    pub fn root() -> Self {
        Self {
            kind: "root_admin_key".to_owned(),
            id: String::new(),
            roles: vec![Role::Owner],
            user: None,
            team: None,
            allowed: Vec::new(),
            limits: Vec::new(),
        }
    }

    /// Somebody with these roles and nothing else.
    #[cfg(test)]
    pub fn with_roles(roles: &[Role]) -> Self {
        Self { roles: roles.to_vec(), ..Self::root() }
    }

    /// The holder of a token: roles are those that configuration maps its claims to, and the one that an owner gave
    /// the user it names.
    pub fn of(identity: &Identity, groups: &[Group]) -> Self {
        let given = groups.iter().filter(|group| group.kind == GroupKind::User).filter_map(|user| user.role.as_deref());
        let roles = identity.roles.iter().copied().chain(given.filter_map(Role::named)).collect();
        // Whom nothing lets call anything lets nobody call anything.
        let own =
            if identity.is_mapped || !groups.is_empty() { identity.key.allowed.clone() } else { Allowed::nothing() };
        Self {
            kind: identity.key.prefix.clone(),
            id: identity.key.id.to_string(),
            roles,
            user: identity.key.user_id.clone(),
            team: identity.key.team_id.clone().or_else(|| team_of(groups)),
            allowed: std::iter::once(own).chain(groups.iter().map(|group| group.allowed.clone())).collect(),
            limits: groups.iter().map(|group| group.limits.clone()).collect(),
        }
    }

    /// How far an action reaches for them, by the role that lets it reach furthest.
    ///
    /// # Errors
    /// 403 if it reaches nothing.
    pub fn reach(&self, action: Action) -> Result<Reach, Error> {
        let extents: Vec<Extent> = self.roles.iter().map(|role| role.extent(action)).collect();
        let has = |extent| extents.contains(&extent);
        if has(Extent::All) {
            return Ok(Reach::All);
        }
        let team = self.team.clone().filter(|_| has(Extent::Team)).map(Reach::Team);
        let own = self.user.clone().filter(|_| has(Extent::Own)).map(Reach::Own);
        team.or(own).ok_or_else(forbidden)
    }
}

/// The team that a token's user belongs to here, where the token itself names none.
fn team_of(groups: &[Group]) -> Option<String> {
    groups.iter().find(|group| group.kind == GroupKind::User).and_then(|user| user.team_id.clone())
}

fn forbidden() -> Error {
    Error::caller(Kind::Forbidden, "your role does not allow this; ask an owner of the gateway")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(roles: &[Role], team: Option<&str>, user: Option<&str>) -> Principal {
        let (team, user) = (team.map(str::to_owned), user.map(str::to_owned));
        Principal { roles: roles.to_vec(), team, user, ..Principal::root() }
    }

    #[test]
    fn r1_the_role_that_reaches_furthest_counts() {
        let both = principal(&[Role::Member, Role::TeamAdmin, Role::Finance], Some("t"), Some("u"));
        assert_eq!(both.reach(Action::ReadUsage).unwrap(), Reach::All);
        assert_eq!(both.reach(Action::ManageKeys).unwrap(), Reach::Team("t".into()));
        assert_eq!(both.reach(Action::ManageSettings).unwrap_err().status(), 403);
    }

    #[test]
    fn r1_a_team_admin_without_a_team_administers_nothing() {
        let nobody = principal(&[Role::TeamAdmin], None, Some("u"));
        assert_eq!(nobody.reach(Action::ManageKeys).unwrap_err().status(), 403);
        assert_eq!(principal(&[], Some("t"), Some("u")).reach(Action::ReadCatalog).unwrap_err().status(), 403);
    }

    #[test]
    fn r4_what_belongs_to_nobody_is_seen_by_those_who_see_everything() {
        assert!(Reach::All.sees(None, None));
        assert!(!Reach::Team("t".into()).sees(None, Some("t")) && !Reach::Own("u".into()).sees(Some("u"), None));
        assert!(Reach::Team("t".into()).sees(Some("t"), None) && Reach::Own("u".into()).sees(None, Some("u")));
    }
}
