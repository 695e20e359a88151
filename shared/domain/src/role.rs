//! What people of the admin plane may do: the matrix of roles and actions, in one table.

use std::fmt;

/// A role, as an identity provider or an owner gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything but roles and settings.
    Admin,
    /// Reads usage, settings and the audit trail.
    Auditor,
    /// Reads usage, cost and limits.
    Finance,
    /// What is their own.
    Member,
    /// Everything. The root admin key is one.
    Owner,
    /// What is their team's.
    TeamAdmin,
}

impl Role {
    /// Every role, in alphabetical order.
    pub const ALL: [Role; 6] = [Role::Admin, Role::Auditor, Role::Finance, Role::Member, Role::Owner, Role::TeamAdmin];

    /// As configuration and answers write it: `team_admin`.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Auditor => "auditor",
            Role::Finance => "finance",
            Role::Member => "member",
            Role::Owner => "owner",
            Role::TeamAdmin => "team_admin",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Role> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// How far an action reaches for this role: the matrix of authorisation. What is not in it reaches nothing.
    pub const fn extent(self, action: Action) -> Extent {
        use Action as A;
        use Extent::{All, Nothing, Own, Team};
        match (self, action) {
            (Role::Owner, _) => All,
            (Role::Admin, A::ManageRoles | A::ManageSettings) => Nothing,
            (Role::Admin, _) => All,
            (_, A::ReadCatalog) => All,
            (Role::TeamAdmin, A::ManageKeys | A::ReadKeys | A::ReadUsage | A::ReadAlerts) => Team,
            (Role::TeamAdmin, A::LowerLimits | A::ReadGroups) => Team,
            (Role::Finance, A::ReadAlerts | A::ReadGroups | A::ReadKeys | A::ReadUsage) => All,
            (Role::Auditor, A::ReadAudit | A::ReadSettings | A::ReadUsage) => All,
            (Role::Member, A::ManageKeys | A::ReadKeys | A::ReadUsage) => Own,
            (Role::Auditor | Role::Finance | Role::Member | Role::TeamAdmin, _) => Nothing,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something done on the admin plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Change limits downwards.
    LowerLimits,
    /// Make, change and delete teams, users, organizations and projects, and their limits.
    ManageGroups,
    /// Make, change, rotate, block and revoke keys.
    ManageKeys,
    /// Addresses and credentials of providers, and prices; throwing away what is cached.
    ManageProviders,
    /// Say who has which role.
    ManageRoles,
    /// The configuration.
    ManageSettings,
    /// Budget alerts.
    ReadAlerts,
    /// Who changed what.
    ReadAudit,
    /// Models and providers, by name.
    ReadCatalog,
    /// Teams, users, organizations and projects, and their limits.
    ReadGroups,
    /// Keys and their limits.
    ReadKeys,
    /// The configuration, as it is.
    ReadSettings,
    /// Usage, cost and the records of calls.
    ReadUsage,
}

impl Action {
    /// Every action, in alphabetical order.
    pub const ALL: [Action; 13] = [
        Action::LowerLimits,
        Action::ManageGroups,
        Action::ManageKeys,
        Action::ManageProviders,
        Action::ManageRoles,
        Action::ManageSettings,
        Action::ReadAlerts,
        Action::ReadAudit,
        Action::ReadCatalog,
        Action::ReadGroups,
        Action::ReadKeys,
        Action::ReadSettings,
        Action::ReadUsage,
    ];
}

/// How far an action reaches, from nowhere to everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    Nothing,
    /// What belongs to the user.
    Own,
    /// What belongs to the user's team.
    Team,
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix as people read it; columns: owner, admin, team admin, finance, auditor, member.
    const MATRIX: [(Action, &str); 13] = [
        (Action::LowerLimits, "AAT---"),
        (Action::ManageGroups, "AA----"),
        (Action::ManageKeys, "AAT--O"),
        (Action::ManageProviders, "AA----"),
        (Action::ManageRoles, "A-----"),
        (Action::ManageSettings, "A-----"),
        (Action::ReadAlerts, "AATA--"),
        (Action::ReadAudit, "AA--A-"),
        (Action::ReadCatalog, "AAAAAA"),
        (Action::ReadGroups, "AATA--"),
        (Action::ReadKeys, "AATA-O"),
        (Action::ReadSettings, "AA--A-"),
        (Action::ReadUsage, "AATAAO"),
    ];

    #[test]
    fn r1_the_matrix_is_the_one_that_is_written_down() {
        let columns = [Role::Owner, Role::Admin, Role::TeamAdmin, Role::Finance, Role::Auditor, Role::Member];
        assert_eq!(MATRIX.map(|(action, _)| action), Action::ALL);
        for (action, row) in MATRIX {
            for (role, letter) in columns.into_iter().zip(row.chars()) {
                let expected = match letter {
                    'A' => Extent::All,
                    'T' => Extent::Team,
                    'O' => Extent::Own,
                    _ => Extent::Nothing,
                };
                assert_eq!(role.extent(action), expected, "{role} {action:?}");
            }
        }
    }

    #[test]
    fn a_role_is_found_by_its_name_and_by_no_other() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.name()), Some(role));
        }
        for name in ["", "Owner", "root", "owner "] {
            assert_eq!(Role::named(name), None, "{name}");
        }
    }
}
