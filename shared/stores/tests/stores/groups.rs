//! Organizations, teams, projects and users, and the budgets they share, on every table.

use crate::{
    harness::{Store, Trial, key, record, start, usd},
    on_every_table,
};
use domain::{
    Secret, Usd,
    group::{Group, GroupKind},
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use stores::{
    groups::{GroupError, Groups},
    keys::Peppers,
    ledger::{Ledger, MOST_BUDGETS, Refusal},
};

on_every_table! {
    a_group_is_made_once_read_changed_and_deleted,
    k4_whoever_belonged_to_a_group_that_was_deleted_is_held_up_until_it_is_made_again,
    d7_a_stale_change_of_a_group_is_a_conflict,
    d5_groups_are_listed_by_kind_newest_first,
    m1_a_call_is_charged_to_every_scope_above_it_or_none,
    m2_keys_of_a_team_share_its_budget_to_the_last_picodollar,
    m2_money_called_back_for_one_budget_serves_the_others_too,
    m16_a_team_may_have_a_day_and_a_month_at_once,
    m7_as_many_budgets_as_one_write_can_ask_bear_a_call_and_one_more_is_refused_by_name,
}

fn groups(store: &Store) -> Groups {
    Groups::new(store.table.clone(), store.names.clone(), Peppers::one(Secret::new("pepper")))
}

fn team(id: &str) -> Group {
    Group::named(GroupKind::Team, id, "a team", start())
}

async fn m7_as_many_budgets_as_one_write_can_ask_bear_a_call_and_one_more_is_refused_by_name(store: &Store) {
    let budgets = |first: usize, count: usize| -> Vec<Bound> {
        let budget = Budget { max: usd("1"), period: Period::Total };
        let scope = |n: usize| ScopeId::new(ScopeKind::Tag, format!("app=n{n}"));
        let bound = |n: usize| Bound { scope: scope(n), budget, mode: BudgetMode::Strict, version: 1 };
        (first..first + count).map(bound).collect()
    };
    let (ledger, key) = (store.ledger(), key("many", None));
    let trial = Trial::new("call_many".to_owned(), "0.1");
    let held = trial.reserve_under(&ledger, &key, &budgets(0, MOST_BUDGETS), store.now()).await.unwrap();
    let moved = ledger.top_up(&held, &key, &budgets(50, MOST_BUDGETS), usd("0.1")).await.unwrap();
    assert_eq!(moved.worst_case, usd("0.2"));
    let more = Trial::new("call_more".to_owned(), "0.1");
    let refused = more.reserve_under(&ledger, &key, &budgets(0, MOST_BUDGETS + 1), store.now()).await;
    assert_eq!(refused, Err(Refusal::TooManyBudgets { count: MOST_BUDGETS + 1 }));
    let refused = ledger.top_up(&moved, &key, &budgets(0, MOST_BUDGETS + 1), Usd::ZERO).await;
    assert_eq!(refused, Err(Refusal::TooManyBudgets { count: MOST_BUDGETS + 1 }));
    ledger.settle(&moved, &record(&moved.call, usd("0.15"))).await.unwrap();
    assert_eq!(ledger.spend_of(&budgets(50, 1)[0], store.now()).await.unwrap().settled, usd("0.15"));
}

async fn a_group_is_made_once_read_changed_and_deleted(store: &Store) {
    let groups = groups(store);
    let mut made = team("life");
    made.limits.rpm = Some(5);
    groups.create(&made).await.unwrap();
    assert_eq!(groups.get(GroupKind::Team, "life").await.unwrap(), Some(made.clone()));
    assert_eq!(groups.get(GroupKind::User, "life").await.unwrap(), None);
    assert_eq!(groups.create(&Group { name: "other".to_owned(), ..made.clone() }).await, Err(GroupError::Taken));
    let changed = groups.update(Group { blocked: true, ..made }).await.unwrap();
    assert_eq!(changed.version, 2);
    groups.delete(GroupKind::Team, "life").await.unwrap();
    assert_eq!(groups.get(GroupKind::Team, "life").await.unwrap(), None);
    assert_eq!(groups.delete(GroupKind::Team, "life").await, Err(GroupError::NotFound));
}

async fn k4_whoever_belonged_to_a_group_that_was_deleted_is_held_up_until_it_is_made_again(store: &Store) {
    let groups = groups(store);
    let mut key = key("of_the_gone", None);
    key.team_id = Some("gone".to_owned());
    let above = async || groups.above(&key).await.unwrap();
    assert_eq!(above().await, [], "an id that never named a team is a label");
    let mut made = team("gone");
    made.limits.max_budget = Some(usd("1"));
    groups.create(&made).await.unwrap();
    groups.delete(GroupKind::Team, "gone").await.unwrap();
    let left = above().await;
    assert_eq!((left.len(), left[0].id.as_str(), left[0].blocked), (1, "gone", true));
    assert_eq!(
        groups.list(GroupKind::Team, 200, None).await.unwrap().groups.iter().find(|team| team.id == "gone"),
        None
    );
    groups.create(&made).await.unwrap();
    assert_eq!(above().await, [made.clone()]);
    let other = Group { name: "other".to_owned(), ..made.clone() };
    assert_eq!(groups.create(&other).await, Err(GroupError::Taken));
    groups.update(made).await.unwrap();
}

async fn d7_a_stale_change_of_a_group_is_a_conflict(store: &Store) {
    let groups = groups(store);
    groups.create(&team("stale")).await.unwrap();
    groups.update(team("stale")).await.unwrap();
    let lost = Group { name: "lost".to_owned(), ..team("stale") };
    assert_eq!(groups.update(lost).await, Err(GroupError::Conflict));
}

async fn d5_groups_are_listed_by_kind_newest_first(store: &Store) {
    let groups = groups(store);
    for (age, id) in ["one", "two", "three"].into_iter().enumerate() {
        let created_at = start().plus_secs(age as u64);
        groups.create(&Group { created_at, kind: GroupKind::Project, ..team(id) }).await.unwrap();
    }
    let first = groups.list(GroupKind::Project, 2, None).await.unwrap();
    let ids = |groups: &[Group]| groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first.groups), ["three", "two"]);
    let second = groups.list(GroupKind::Project, 2, first.next.as_deref()).await.unwrap();
    assert_eq!((ids(&second.groups), second.next), (vec!["one".to_owned()], None));
    let foreign = groups.list(GroupKind::User, 2, first.next.as_deref()).await;
    assert_eq!(foreign, Err(GroupError::UnknownCursor));
}

/// A key of a team: its own budget, and the team's.
fn member(name: &str, own: Option<&str>, team: &Group) -> (VirtualKey, Vec<Bound>) {
    let key = key(name, own);
    let mut bounds = key.bounds();
    bounds.extend(team.bounds());
    (key, bounds)
}

async fn spends(ledger: &Ledger, store: &Store, name: &str, worst: &str, who: &(VirtualKey, Vec<Bound>)) -> bool {
    let trial = Trial::new(format!("call_{name}"), worst);
    match trial.reserve_under(ledger, &who.0, &who.1, store.now()).await {
        Ok(held) => ledger.settle(&held, &record(&held.call, usd(worst))).await.map(|_| true).unwrap(),
        Err(Refusal::BudgetSpent { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

async fn m1_a_call_is_charged_to_every_scope_above_it_or_none(store: &Store) {
    let ledger = store.ledger();
    let mut team = team("all");
    team.limits.max_budget = Some(usd("1"));
    let (rich, poor) = (member("all_rich", Some("5"), &team), member("all_poor", Some("0.3"), &team));
    assert!(spends(&ledger, store, "all_1", "0.6", &rich).await);
    assert!(!spends(&ledger, store, "all_2", "0.31", &poor).await, "more than the key has");
    assert!(spends(&ledger, store, "all_3", "0.3", &poor).await);
    assert!(!spends(&ledger, store, "all_4", "0.2", &rich).await, "more than the team has");
    let of_team = ledger.spend_of(&team.bounds()[0], store.now()).await.unwrap();
    assert_eq!((of_team.settled, of_team.reserved), (usd("0.9"), Usd::ZERO));
    assert_eq!(ledger.spend(&rich.0, store.now()).await.unwrap().settled, usd("0.6"));
    assert_eq!(ledger.spend(&poor.0, store.now()).await.unwrap().settled, usd("0.3"));
    assert!(spends(&ledger, store, "all_5", "0.1", &rich).await, "what is left of the team");
}

async fn m2_keys_of_a_team_share_its_budget_to_the_last_picodollar(store: &Store) {
    let ledger = store.ledger();
    let mut team = team("share");
    team.limits.max_budget = Some(usd("1"));
    let members: Vec<_> = (0..5).map(|n| member(&format!("share_{n}"), None, &team)).collect();
    let mut admitted = 0;
    for round in 0..4 {
        for (n, who) in members.iter().enumerate() {
            admitted += u32::from(spends(&ledger, store, &format!("share_{round}_{n}"), "0.1", who).await);
        }
    }
    assert_eq!(admitted, 10);
    assert_eq!(ledger.spend_of(&team.bounds()[0], store.now()).await.unwrap().settled, usd("1"));
}

async fn m16_a_team_may_have_a_day_and_a_month_at_once(store: &Store) {
    let ledger = store.ledger();
    let mut team = team("windows");
    team.limits.max_budget = Some(usd("1"));
    team.limits.budget_period = Period::Monthly;
    team.limits.budgets = vec![domain::limit::Budget { max: usd("0.4"), period: Period::Daily }];
    let who = member("windows", None, &team);
    assert!(spends(&ledger, store, "windows_1", "0.4", &who).await);
    assert!(!spends(&ledger, store, "windows_2", "0.1", &who).await, "the day is spent");
    store.clock.advance_millis(86_400_000);
    assert!(spends(&ledger, store, "windows_3", "0.4", &who).await, "a new day");
    store.clock.advance_millis(86_400_000);
    assert!(!spends(&ledger, store, "windows_4", "0.3", &who).await, "more than the month has");
    assert!(spends(&ledger, store, "windows_5", "0.2", &who).await, "what is left of the month");
}

async fn m2_money_called_back_for_one_budget_serves_the_others_too(store: &Store) {
    let ledger = store.ledger();
    let mut both = [team("called"), Group { kind: GroupKind::Organization, ..team("called") }];
    both.iter_mut().for_each(|group| group.limits.max_budget = Some(usd("10")));
    let bounds: Vec<Bound> = both.iter().flat_map(Group::bounds).collect();
    let idle = key("called_idle", None);
    let held = Trial::new("call_called_1", "6").reserve_under(&ledger, &idle, &bounds, store.now()).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd("3"))).await.unwrap();
    // Four are left of each budget, and three lie idle: enough for seven, and not for more.
    let rest = (key("called_rest", None), bounds);
    assert!(spends(&ledger, store, "called_2", "7", &rest).await);
    assert!(!spends(&ledger, store, "called_3", "0.000000000001", &rest).await);
}
