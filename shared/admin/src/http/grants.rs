//! Nobody grants what they lack [R8]: whose a key is, what it may call, and which way limits may move.

use super::principal::{Principal, Reach};
use domain::{
    Error, Kind, Timestamp,
    group::{Group, GroupKind},
    key::{Allowed, VirtualKey},
    limit::{Budget, BudgetMode, Limits, ModelBudget, Priority},
    role::{Action, Role},
};

/// Puts a new key where its maker may put it, with no more than its maker has. `named` are the groups that the key names.
///
/// # Errors
/// 403 naming the field.
pub fn new_key(maker: &Principal, reach: &Reach, key: &mut VirtualKey, named: &[Group]) -> Result<(), Error> {
    match reach {
        Reach::All => return Ok(()),
        Reach::Own(user) => {
            own("user_id", &mut key.user_id, Some(user))?;
            own("team_id", &mut key.team_id, maker.team.as_ref())?;
            own("project_id", &mut key.project_id, None)?;
        }
        Reach::Team(team) => {
            own("team_id", &mut key.team_id, Some(team))?;
            let mine = key.user_id.is_some() && key.user_id == maker.user;
            if !mine {
                of_team("user_id", key.user_id.as_deref(), GroupKind::User, team, named)?;
            }
            of_team("project_id", key.project_id.as_deref(), GroupKind::Project, team, named)?;
        }
    }
    own("organization_id", &mut key.organization_id, None)?;
    let highest = maker.limits.iter().filter_map(|limits| limits.priority).min();
    if key.limits.priority.zip(highest).is_some_and(|(asked, highest)| asked > highest) {
        return Err(too_much("priority"));
    }
    key.allowed = maker.allowed.iter().fold(std::mem::take(&mut key.allowed), Allowed::or);
    within(maker, &key.allowed)?;
    if maker.limits.iter().all(|limits| fits(&key.limits, limits)) { Ok(()) } else { Err(too_much("max_budget_usd")) }
}

/// Judges a change of a key: it stays whose it is, and is allowed no more than before by those who see only a part.
///
/// # Errors
/// 403 naming the field.
pub fn changed_key(maker: &Principal, reach: &Reach, before: &VirtualKey, after: &VirtualKey) -> Result<(), Error> {
    if *reach == Reach::All {
        return Ok(());
    }
    let belongs = |key: &VirtualKey| (key.user_id.clone(), key.organization_id.clone(), key.project_id.clone());
    if belongs(before) != belongs(after) {
        return Err(forbidden("user_id", "whose a key is can be changed by an administrator only"));
    }
    if after.allowed != before.allowed {
        within(maker, &after.allowed)?;
    }
    if matches!(reach, Reach::Own(_)) {
        if before.blocked && !after.blocked {
            return Err(forbidden("blocked", "a key that was blocked is unblocked by an administrator"));
        }
        if is_later(before.expires_at, after.expires_at) {
            return Err(forbidden("expires_at", "a key's end is put off by an administrator only"));
        }
    }
    limits(reach, &before.limits, &after.limits)
}

/// Is an end put off, or taken away?
fn is_later(before: Option<Timestamp>, after: Option<Timestamp>) -> bool {
    before.is_some_and(|before| after.is_none_or(|after| after > before))
}

/// Judges any change of a group by what it was: what owners are, owners change.
///
/// # Errors
/// 403 for a user who is an owner, from whoever may not give that role.
pub fn touched(maker: &Principal, group: &Group) -> Result<(), Error> {
    let is_owner = group.role.as_deref().and_then(Role::named) == Some(Role::Owner);
    if is_owner && maker.reach(Action::ManageRoles).is_err() {
        return Err(forbidden("role", "an owner is changed, blocked and removed by owners only"));
    }
    Ok(())
}

/// Judges a change of a group: a team's administrator lowers its limits and nothing else; roles are given by owners.
///
/// # Errors
/// 403 naming the field.
pub fn changed_group(maker: &Principal, reach: &Reach, before: &Group, after: &Group) -> Result<(), Error> {
    touched(maker, before)?;
    role(maker, before.role.as_deref(), after)?;
    if *reach == Reach::All {
        return Ok(());
    }
    let same = Group { limits: before.limits.clone(), allowed: before.allowed.clone(), ..after.clone() };
    if same != *before || !after.allowed.is_within(&before.allowed) {
        return Err(forbidden("limits", "an administrator of a team may lower its limits only"));
    }
    limits(reach, &before.limits, &after.limits)
}

/// Judges the role that a group is given.
///
/// # Errors
/// 403 for a role that is new, from whoever may not give roles.
pub fn role(maker: &Principal, before: Option<&str>, after: &Group) -> Result<(), Error> {
    if after.role.as_deref() == before || maker.reach(Action::ManageRoles).is_ok() {
        return Ok(());
    }
    Err(forbidden("role", "roles are given by owners only"))
}

/// The one value that somebody who sees a part only may give; it is given if none was written.
fn own(field: &str, value: &mut Option<String>, only: Option<&String>) -> Result<(), Error> {
    if value.is_some() && value.as_ref() != only {
        return Err(forbidden(field, "lies beyond what you administer"));
    }
    *value = only.cloned();
    Ok(())
}

/// A group that a key names is one of the team.
fn of_team(field: &str, id: Option<&str>, kind: GroupKind, team: &str, named: &[Group]) -> Result<(), Error> {
    let is_it = |group: &&Group| group.kind == kind && Some(group.id.as_str()) == id;
    let fits = id.is_none() || named.iter().find(is_it).is_some_and(|group| group.team_id.as_deref() == Some(team));
    if fits { Ok(()) } else { Err(forbidden(field, "names nobody of the team that you administer")) }
}

fn within(maker: &Principal, allowed: &Allowed) -> Result<(), Error> {
    let fits = maker.allowed.iter().all(|own| allowed.is_within(own));
    if fits { Ok(()) } else { Err(too_much("models")) }
}

/// Limits of a key under those of what it belongs to: no larger budget of the same window.
fn fits(own: &Limits, above: &Limits) -> bool {
    own.all_budgets().all(|budget| {
        above.all_budgets().filter(|other| other.period == budget.period).all(|other| budget.max <= other.max)
    })
}

/// Members change no limits; administrators of a team lower them.
fn limits(reach: &Reach, before: &Limits, after: &Limits) -> Result<(), Error> {
    let fine = match reach {
        Reach::All => true,
        Reach::Own(_) => after == before,
        Reach::Team(_) => is_lowered(before, after),
    };
    if fine { Ok(()) } else { Err(forbidden("limits", "limits are raised by an administrator only")) }
}

/// Is every limit there was still there, and no higher?
fn is_lowered(before: &Limits, after: &Limits) -> bool {
    let budgets =
        before.all_budgets().all(|old| after.all_budgets().any(|new| new.period == old.period && new.max <= old.max));
    let rates = before.rate_limits.iter().all(|old| after.rate_limits.contains(old));
    let models = before.model_budgets.iter().all(|old| after.model_budgets.iter().any(|new| is_within(new, old)));
    let stricter = before.budget_mode == BudgetMode::LastOne || after.budget_mode == BudgetMode::Strict;
    budgets
        && models
        && rates
        && stricter
        && (before.observe || !after.observe)
        && is_no_more_urgent(before.priority, after.priority)
        && no_higher(before.max_parallel, after.max_parallel)
        && no_higher(before.rpm, after.rpm)
        && no_higher(before.tpm, after.tpm)
}

/// A class that is not given is the usual one for calls that name none, and bounds nothing.
fn is_no_more_urgent(before: Option<Priority>, after: Option<Priority>) -> bool {
    match (before, after) {
        (_, None) => before.is_none(),
        (before, Some(after)) => after <= before.unwrap_or_default(),
    }
}

/// Do these budgets bind the same models at least as tightly?
fn is_within(new: &ModelBudget, old: &ModelBudget) -> bool {
    let lower = |old: &Budget| new.budgets.iter().any(|new| new.period == old.period && new.max <= old.max);
    let stricter = old.mode == BudgetMode::LastOne || new.mode == BudgetMode::Strict;
    new.pattern == old.pattern && stricter && old.budgets.iter().all(lower)
}

fn no_higher<T: PartialOrd>(before: Option<T>, after: Option<T>) -> bool {
    match (before, after) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(before), Some(after)) => after <= before,
    }
}

fn too_much(field: &str) -> Error {
    forbidden(field, "would be more than you have yourself")
}

fn forbidden(field: &str, why: &str) -> Error {
    Error::caller(Kind::Forbidden, format!("{field}: {why}")).with_param(field)
}

#[cfg(test)]
mod tests;
