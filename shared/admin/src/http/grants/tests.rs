//! What may be granted, by whom.

use super::*;
use domain::{Timestamp, Usd, group::GroupKind, limit::Budget, time::Period};

fn maker(models: &[&str], budget: Option<u32>) -> Principal {
    let allowed = Allowed { models: models.iter().map(|name| (*name).to_owned()).collect(), ..Allowed::default() };
    let limits = Limits { max_budget: budget.map(usd), ..Limits::default() };
    let team = Some("t".to_owned());
    Principal { team, user: Some("ann".to_owned()), allowed: vec![allowed], limits: vec![limits], ..Principal::root() }
}

fn usd(dollars: u32) -> Usd {
    dollars.to_string().parse().unwrap()
}

fn key(change: impl FnOnce(&mut VirtualKey)) -> VirtualKey {
    let mut key = VirtualKey::named("key_a".into(), "a", Timestamp::from_secs(1));
    change(&mut key);
    key
}

fn team() -> Reach {
    Reach::Team("t".to_owned())
}

fn own() -> Reach {
    Reach::Own("ann".to_owned())
}

#[test]
fn r9_a_key_lands_in_its_makers_team_and_in_no_other() {
    let mut made = key(|_| {});
    new_key(&maker(&[], None), &team(), &mut made, &[]).unwrap();
    assert_eq!((made.team_id.as_deref(), made.user_id), (Some("t"), None));
    let mut mine = key(|_| {});
    new_key(&maker(&[], None), &own(), &mut mine, &[]).unwrap();
    assert_eq!((mine.team_id.as_deref(), mine.user_id.as_deref()), (Some("t"), Some("ann")));
    for (reach, change) in [
        (team(), (|key| key.team_id = Some("other".into())) as fn(&mut VirtualKey)),
        (team(), |key| key.organization_id = Some("o".into())),
        (own(), |key| key.user_id = Some("bob".into())),
        (own(), |key| key.team_id = Some("other".into())),
        (own(), |key| key.project_id = Some("p".into())),
    ] {
        assert_eq!(new_key(&maker(&[], None), &reach, &mut key(change), &[]).unwrap_err().status(), 403);
        assert!(new_key(&Principal::root(), &Reach::All, &mut key(change), &[]).is_ok());
    }
}

#[test]
fn r8_models_beyond_the_makers_own_are_refused_and_no_list_means_the_makers() {
    let maker = maker(&["gpt-4*"], None);
    let wants = |models: &[&str]| {
        let mut made = key(|key| key.allowed.models = models.iter().map(|name| (*name).to_owned()).collect());
        new_key(&maker, &team(), &mut made, &[]).map(|()| made.allowed.models)
    };
    assert_eq!(wants(&["gpt-4o"]).unwrap(), ["gpt-4o"]);
    assert_eq!(wants(&[]).unwrap(), ["gpt-4*"]);
    for models in [&["*"][..], &["gpt-*"], &["claude"], &["gpt-4o", "claude"]] {
        assert_eq!(wants(models).unwrap_err().param.as_deref(), Some("models"), "{models:?}");
    }
}

#[test]
fn r8_a_budget_beyond_the_makers_own_is_refused() {
    let wants = |budget: u32| {
        let mut made = key(|key| key.limits.max_budget = Some(usd(budget)));
        new_key(&maker(&[], Some(10)), &team(), &mut made, &[])
    };
    assert!(wants(10).is_ok() && wants(11).is_err());
}

#[test]
fn limits_are_lowered_by_team_admins_and_left_alone_by_members() {
    let before = Limits {
        max_budget: Some(usd(10)),
        budgets: vec![Budget { max: usd(1), period: Period::Daily }],
        rpm: Some(60),
        ..Limits::default()
    };
    let judge = |reach: &Reach, change: fn(&mut Limits)| {
        let (mut old, mut new) = (key(|_| {}), key(|_| {}));
        old.limits = before.clone();
        new.limits = before.clone();
        change(&mut new.limits);
        changed_key(&maker(&[], None), reach, &old, &new).is_ok()
    };
    let lower: [fn(&mut Limits); 5] = [
        |limits| limits.max_budget = Some(usd(9)),
        |limits| limits.rpm = Some(59),
        |limits| limits.tpm = Some(1),
        |limits| limits.max_parallel = Some(1),
        |limits| limits.priority = Some(Priority::Low),
    ];
    let higher: [fn(&mut Limits); 8] = [
        |limits| limits.max_budget = Some(usd(11)),
        |limits| limits.max_budget = None,
        |limits| limits.budget_period = Period::Daily,
        |limits| limits.budgets.clear(),
        |limits| limits.rpm = None,
        |limits| limits.budget_mode = BudgetMode::LastOne,
        |limits| limits.observe = true,
        |limits| limits.priority = Some(Priority::High),
    ];
    for change in lower {
        assert!(judge(&team(), change) && judge(&Reach::All, change) && !judge(&own(), change));
    }
    for change in higher {
        assert!(!judge(&team(), change) && judge(&Reach::All, change) && !judge(&own(), change));
    }
    assert!(judge(&own(), |_| {}));
}

#[test]
fn r8_a_change_moves_no_key_and_widens_no_list() {
    let maker = maker(&["gpt-4*"], None);
    let before = key(|key| key.allowed.models = vec!["gpt-4o".to_owned()]);
    let change = |change: fn(&mut VirtualKey)| {
        let mut after = before.clone();
        change(&mut after);
        changed_key(&maker, &team(), &before, &after)
    };
    assert!(
        change(|key| key.name = "b".into()).is_ok()
            && change(|key| key.allowed.models = vec!["gpt-4-turbo".into()]).is_ok()
    );
    assert!(
        change(|key| key.allowed.models.clear()).is_err()
            && change(|key| key.allowed.models.push("claude".into())).is_err()
    );
    assert!(
        change(|key| key.user_id = Some("bob".into())).is_err()
            && change(|key| key.project_id = Some("p".into())).is_err()
    );
}

#[test]
fn r9_roles_are_given_by_owners_alone() {
    let plain = Group::named(GroupKind::User, "ann", "Ann", Timestamp::from_secs(1));
    let raised = Group { role: Some("owner".to_owned()), ..plain.clone() };
    let admin = Principal::with_roles(&[domain::role::Role::Admin]);
    assert_eq!(changed_group(&admin, &Reach::All, &plain, &raised).unwrap_err().param.as_deref(), Some("role"));
    let auditor = Group { role: Some("auditor".to_owned()), ..plain.clone() };
    assert!(changed_group(&admin, &Reach::All, &auditor, &auditor).is_ok() && role(&admin, None, &plain).is_ok());
    assert_eq!(
        changed_group(&admin, &Reach::All, &raised, &raised).unwrap_err().status(),
        403,
        "owners are owners' affair"
    );
    assert!(changed_group(&Principal::root(), &Reach::All, &plain, &raised).is_ok());
}

#[test]
fn a_team_admin_changes_nothing_of_the_team_but_its_limits() {
    let before = Group::named(GroupKind::Team, "t", "T", Timestamp::from_secs(1));
    let change = |change: fn(&mut Group)| {
        let mut after = before.clone();
        change(&mut after);
        changed_group(&maker(&[], None), &team(), &before, &after).is_ok()
    };
    assert!(
        change(|team| team.limits.max_budget = Some(usd(1))) && change(|team| team.allowed.models.push("a".into()))
    );
    assert!(!change(|team| team.blocked = true) && !change(|team| team.organization_id = Some("o".into())));
}
