//! Windows that end: what a lane has left goes back, what it spent is added up, and nothing is lost or counted twice.

use crate::{
    harness::{Store, Trial, key, record, usd},
    on_every_ledger,
};
use domain::{
    Timestamp, Usd, Zone,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use stores::{
    ledger::{Ledger, Spend},
    table::{Get, Item, Key},
};

on_every_ledger! {
    m16_a_day_gives_back_to_the_month_what_it_did_not_spend,
    m16_the_sweeper_closes_what_nobody_calls_any_more,
    m16_a_year_of_days_leaves_no_more_behind_than_one,
    m5_a_settlement_after_the_closing_is_charged_to_the_scopes,
    m16_a_window_with_a_hold_stays_open,
    m16_days_begin_where_the_zone_says,
    m16_any_duration_is_a_window,
}

const DAY: u64 = 86_400_000;

fn team(max: &str, period: Period) -> Bound {
    let budget = Budget { max: usd(max), period };
    Bound { scope: ScopeId::new(ScopeKind::Team, "windows"), budget, mode: BudgetMode::Strict, version: 1 }
}

/// A key with a day of its own, in a team with a month.
fn daily(name: &str, own: &str, month: &str) -> (VirtualKey, Vec<Bound>) {
    let mut key = key(name, Some(own));
    key.limits.budget_period = Period::Daily;
    let mut bounds = key.bounds();
    bounds.push(team(month, Period::Monthly));
    (key, bounds)
}

/// Admits and settles one call.
async fn spend(store: &Store, ledger: &Ledger, who: &(VirtualKey, Vec<Bound>), call: &str, worst: &str, cost: &str) {
    let held = Trial::new(call, worst).reserve_under(ledger, &who.0, &who.1, store.now()).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd(cost))).await.unwrap();
}

async fn lane(store: &Store, key: &VirtualKey) -> Item {
    let lane = Key::new(format!("LANE#{}#0", key.id), "LANE");
    store.table.get(&Get::consistent(&store.names.quotas, lane)).await.unwrap().unwrap()
}

async fn scope(store: &Store, bound: &Bound, window: &str) -> (Usd, Usd) {
    let key = Key::new(format!("SCOPE#{}#{window}", bound.scope), "SCOPE");
    let item = store.table.get(&Get::consistent(&store.names.quotas, key)).await.unwrap().unwrap();
    (item.money("av").unwrap(), item.money("sp").unwrap())
}

async fn of_team(store: &Store, ledger: &Ledger, who: &(VirtualKey, Vec<Bound>)) -> Spend {
    ledger.spend_of(&who.1[1], store.now()).await.unwrap()
}

async fn m16_a_day_gives_back_to_the_month_what_it_did_not_spend(store: &Store) {
    let ledger = store.ledger();
    let who = daily("back", "1", "10");
    spend(store, &ledger, &who, "back_1", "0.01", "0.004").await;
    let (lent, _) = scope(store, &who.1[1], "2026-11").await;
    assert!(lent < usd("9.95"), "a loan is more than a call needs: {lent}");
    store.clock.advance_millis(DAY);
    spend(store, &ledger, &who, "back_2", "0.01", "0.005").await;
    let names: Vec<String> = lane(store, &who.0).await.iter().map(|(name, _)| name.to_owned()).collect();
    assert!(!names.iter().any(|name| name.starts_with("s:2026-11-21|")), "the first day is closed: {names:?}");
    assert_eq!(scope(store, &who.1[1], "2026-11").await.1, usd("0.004"));
    assert_eq!(of_team(store, &ledger, &who).await, Spend { settled: usd("0.009"), reserved: Usd::ZERO });
    assert_eq!(ledger.spend(&who.0, store.now()).await.unwrap().settled, usd("0.005"));
    // To the last picodollar: the month has 9.991 left, of which the key may have one a day.
    let mut other = daily("back_other", "20", "10");
    other.0.limits.budget_period = Period::Total;
    let rest = Trial::new("back_rest", "9.991");
    let held = rest.reserve_under(&ledger, &other.0, &other.1, store.now()).await.unwrap();
    ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
    let more = Trial::new("back_more", "9.991000000001");
    assert!(more.reserve_under(&store.ledger(), &other.0, &other.1, store.now()).await.is_err());
}

async fn m16_the_sweeper_closes_what_nobody_calls_any_more(store: &Store) {
    let ledger = store.ledger();
    let who = daily("idle", "1", "10");
    spend(store, &ledger, &who, "idle_1", "0.01", "0.004").await;
    assert_eq!(ledger.sweep(store.now()).await.unwrap().closed, 0, "the day is not over");
    store.clock.advance_millis(DAY / 2 + 6 * 60_000);
    assert_eq!(ledger.sweep(store.now()).await.unwrap().closed, 1);
    assert_eq!(scope(store, &who.1[1], "2026-11").await, (usd("9.996"), usd("0.004")));
    assert_eq!(scope(store, &who.1[0], "2026-11-21").await, (usd("0.996"), usd("0.004")));
    assert_eq!(of_team(store, &ledger, &who).await.settled, usd("0.004"));
    let yesterday = Timestamp::from_millis(store.now().millis() - DAY / 2);
    assert_eq!(ledger.spend(&who.0, yesterday).await.unwrap().settled, usd("0.004"), "still known a day later");
    assert_eq!(ledger.sweep(store.now()).await.unwrap().closed, 0, "once");
}

async fn m16_a_year_of_days_leaves_no_more_behind_than_one(store: &Store) {
    let ledger = store.ledger();
    let mut free = key("year_free", None);
    free.limits.budget_period = Period::Daily;
    let mut total = daily("year", "1", "1000");
    total.1[1].budget.period = Period::Total;
    let free = (free, Vec::new());
    for day in 0..40 {
        spend(store, &ledger, &total, &format!("year_{day}"), "0.01", "0.003").await;
        spend(store, &ledger, &free, &format!("year_free_{day}"), "0.01", "0.003").await;
        store.clock.advance_millis(DAY);
    }
    for who in [&total.0, &free.0] {
        let item = lane(store, who).await;
        assert!(item.iter().count() < 12, "{item:?}");
    }
    assert_eq!(of_team(store, &ledger, &total).await.settled, usd("0.12"));
}

async fn m5_a_settlement_after_the_closing_is_charged_to_the_scopes(store: &Store) {
    let ledger = store.ledger();
    let who = daily("late", "1", "10");
    let held = Trial::new("late_1", "0.1").reserve_under(&ledger, &who.0, &who.1, store.now()).await.unwrap();
    store.clock.advance_millis(DAY);
    let swept = ledger.sweep(store.now()).await.unwrap();
    assert_eq!((swept.expired, swept.closed), (1, 1));
    assert_eq!(scope(store, &who.1[1], "2026-11").await, (usd("9.98"), usd("0.02")), "the ambiguous charge");
    let late = ledger.settle(&held, &record(&held.call, usd("0.07"))).await.unwrap();
    assert_eq!(late.cost, usd("0.07"));
    ledger.settle(&held, &record(&held.call, usd("0.07"))).await.unwrap();
    assert_eq!(scope(store, &who.1[1], "2026-11").await, (usd("9.93"), usd("0.07")));
    assert_eq!(scope(store, &who.1[0], "2026-11-21").await, (usd("0.93"), usd("0.07")));
    assert_eq!(of_team(store, &ledger, &who).await, Spend { settled: usd("0.07"), reserved: Usd::ZERO });
}

async fn m16_a_window_with_a_hold_stays_open(store: &Store) {
    let ledger = store.ledger();
    let who = daily("open", "1", "10");
    store.clock.advance_millis(DAY / 2 - 1_000);
    let trial = Trial::new("open_1", "0.1");
    let ask = domain::call::Ask {
        call: &trial.call,
        key: &who.0,
        bounds: &who.1,
        worst_case: trial.worst,
        ambiguous: trial.ambiguous,
        now: store.now(),
        lease_until: store.now().plus_secs(900),
    };
    let held = ledger.reserve(&ask).await.unwrap();
    store.clock.advance_millis(600_000);
    spend(store, &ledger, &who, "open_2", "0.01", "0.001").await;
    ledger.settle(&held, &record(&held.call, usd("0.05"))).await.unwrap();
    assert_eq!(of_team(store, &ledger, &who).await, Spend { settled: usd("0.051"), reserved: Usd::ZERO });
    assert_eq!(ledger.spend(&who.0, store.now()).await.unwrap().settled, usd("0.001"), "of today");
    spend(store, &ledger, &who, "open_3", "0.01", "0.001").await;
    assert_eq!(scope(store, &who.1[0], "2026-11-21").await, (usd("0.95"), usd("0.05")), "closed by the next call");
}

async fn m16_days_begin_where_the_zone_says(store: &Store) {
    let ledger = store.ledger().with_zone(Zone::named("America/New_York").unwrap());
    let mut key = key("zone", Some("1"));
    key.limits.budget_period = Period::Daily;
    let who = (key.clone(), key.bounds());
    let spent = async || ledger.spend(&key, store.now()).await.unwrap().settled;
    spend(store, &ledger, &who, "zone_1", "1", "1").await;
    store.clock.advance_millis(16 * 3_600_000);
    assert_eq!(spent().await, usd("1"), "23:00 in New York, another day in UTC");
    assert!(Trial::new("zone_2", "1").reserve(&ledger, &key, store.now()).await.is_err());
    store.clock.advance_millis(3_600_000);
    assert_eq!(spent().await, Usd::ZERO);
    spend(store, &ledger, &who, "zone_3", "1", "1").await;
}

async fn m16_any_duration_is_a_window(store: &Store) {
    let ledger = store.ledger();
    let mut key = key("half", Some("1"));
    key.limits.budget_period = Period::named("30m").unwrap();
    let who = (key.clone(), key.bounds());
    for half_hour in 0..5 {
        spend(store, &ledger, &who, &format!("half_{half_hour}"), "1", "1").await;
        let again = Trial::new(format!("half_more_{half_hour}"), "0.01");
        assert!(again.reserve(&ledger, &key, store.now()).await.is_err());
        store.clock.advance_millis(30 * 60_000);
    }
    assert_eq!(ledger.spend(&key, store.now()).await.unwrap().settled, Usd::ZERO);
}
