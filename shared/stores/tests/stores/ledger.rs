//! What the ledger promises, on every table.

use crate::{
    harness::{Store, Trial, key, last_one, record, usd},
    on_every_ledger,
};
use domain::{
    Usd,
    call::{Reservation, State},
    key::VirtualKey,
    limit::ScopeKind,
    time::Period,
};
use std::sync::Arc;
use stores::{
    calls::Calls,
    embedded::Embedded,
    ledger::{Ledger, Refusal, Spend},
};

on_every_ledger! {
    m2_strict_holds_exactly_what_the_budget_bears,
    m2_last_one_is_over_by_at_most_one_call,
    m2_strict_with_a_first_loan_and_many_lanes,
    m5_settling_twice_charges_once,
    m5_release_gives_everything_back,
    m6_a_lease_that_passed_is_swept_and_a_late_settle_corrects_it_once,
    m6_the_next_admission_expires_what_is_in_its_way,
    m8_asking_again_finds_the_same_hold,
    m9_a_top_up_holds_more_or_stops,
    m13_an_overrun_is_recorded_truthfully,
    m16_a_call_settles_into_the_window_it_reserved_in,
    a_key_without_a_budget_is_counted_and_never_refused,
    max_parallel_counts_calls_in_flight,
    d7_a_budget_change_moves_what_is_left,
    a_first_budget_counts_what_was_spent_before,
    the_call_record_keeps_every_field,
    a_first_loan_makes_an_admission_one_write,
}

/// Reserves `groups * tries` calls at once over as many ledgers as groups; those that were admitted.
async fn rush(
    store: &Store,
    key: &VirtualKey,
    worst: &str,
    round: usize,
    groups: usize,
    tries: usize,
) -> Vec<Reservation> {
    let mut running = tokio::task::JoinSet::new();
    for group in 0..groups {
        let ledger = Arc::new(store.ledger());
        for number in 0..tries {
            let (ledger, key, now) = (ledger.clone(), key.clone(), store.now());
            let trial = Trial::new(format!("call_{round}_{group}_{number}"), worst);
            running.spawn(async move { trial.reserve(&ledger, &key, now).await });
        }
    }
    let mut held = Vec::new();
    while let Some(outcome) = running.join_next().await {
        match outcome.unwrap() {
            Ok(reservation) => held.push(reservation),
            Err(Refusal::BudgetSpent { .. }) => {}
            Err(other @ (Refusal::TooManyBudgets { .. } | Refusal::TooManyInFlight)) => panic!("{other}"),
            // So many at once outlast the patience of some; whatever they gave up on holds nothing.
            Err(Refusal::Unavailable) => {}
        }
    }
    fill(store, key, worst, round, held).await
}

/// Goes on alone until the budget is spent, or a call too many was admitted.
async fn fill(
    store: &Store,
    key: &VirtualKey,
    worst: &str,
    round: usize,
    mut held: Vec<Reservation>,
) -> Vec<Reservation> {
    let ledger = store.ledger();
    for number in 0..64 {
        let trial = Trial::new(format!("call_{round}_fill_{number}"), worst);
        match trial.reserve(&ledger, key, store.now()).await {
            Ok(reservation) => held.push(reservation),
            Err(Refusal::BudgetSpent { .. }) => break,
            Err(_) => {}
        }
    }
    held
}

async fn spend(store: &Store, key: &VirtualKey) -> Spend {
    store.ledger().spend(key, store.now()).await.unwrap()
}

async fn settle_all(ledger: &Ledger, held: &[Reservation], cost: &str) {
    for reservation in held {
        for _ in 0..2 {
            ledger.settle(reservation, &record(&reservation.call, usd(cost))).await.unwrap();
        }
    }
}

async fn m2_strict_holds_exactly_what_the_budget_bears(store: &Store) {
    let key = key("strict", Some("1"));
    let held = rush(store, &key, "0.10", 0, 10, store.rush).await;
    assert_eq!((held.len(), spend(store, &key).await.reserved), (10, usd("1")));
    let ledger = store.ledger();
    settle_all(&ledger, &held, "0.01").await;
    let mut calls = held.len();
    for round in 1.. {
        let held = rush(store, &key, "0.10", round, 2, 20).await;
        if held.is_empty() {
            break;
        }
        calls += held.len();
        settle_all(&ledger, &held, "0.01").await;
    }
    assert_eq!(calls, 91);
    assert_eq!(spend(store, &key).await, Spend { settled: usd("0.91"), reserved: Usd::ZERO });
}

async fn m2_last_one_is_over_by_at_most_one_call(store: &Store) {
    let key = last_one(key("last", Some("1")));
    let held = rush(store, &key, "0.15", 0, 10, store.rush).await;
    assert_eq!((held.len(), spend(store, &key).await.reserved), (7, usd("1.05")));
    settle_all(&store.ledger(), &held, "0.15").await;
    assert_eq!(spend(store, &key).await, Spend { settled: usd("1.05"), reserved: Usd::ZERO });
    assert!(rush(store, &key, "0.000001", 1, 1, 3).await.is_empty());
}

async fn m2_strict_with_a_first_loan_and_many_lanes(store: &Store) {
    let mut key = key("lanes", Some("1"));
    key.lanes = 4;
    store.ledger().open_key(&key, &key.bounds(), store.now()).await.unwrap();
    store.ledger().open_key(&key, &key.bounds(), store.now()).await.unwrap();
    let held = rush(store, &key, "0.10", 0, 10, store.rush).await;
    assert_eq!((held.len(), spend(store, &key).await.reserved), (10, usd("1")));
}

async fn m5_settling_twice_charges_once(store: &Store) {
    let (ledger, key) = (store.ledger(), key("twice", Some("1")));
    let held = Trial::new("call_twice", "0.5").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!(held.remaining, Some(usd("0.5")));
    let first = ledger.settle(&held, &record(&held.call, usd("0.2"))).await.unwrap();
    assert!(first.first || first.cost == usd("0.2"));
    let second = ledger.settle(&held, &record(&held.call, usd("0.3"))).await.unwrap();
    assert_eq!((second.state, second.cost, second.first), (State::Settled, usd("0.2"), false));
    assert_eq!(spend(store, &key).await, Spend { settled: usd("0.2"), reserved: Usd::ZERO });
}

async fn m5_release_gives_everything_back(store: &Store) {
    let (ledger, key) = (store.ledger(), key("release", Some("1")));
    let held = Trial::new("call_release", "1").reserve(&ledger, &key, store.now()).await.unwrap();
    let refused = Trial::new("call_refused", "0.1").reserve(&ledger, &key, store.now()).await;
    let window = "total".to_owned();
    let scope = ScopeKind::Key;
    assert_eq!(refused, Err(Refusal::BudgetSpent { scope, remaining: Usd::ZERO, window, needed: usd("0.1") }));
    let released = ledger.release(&held, &record(&held.call, usd("0.2"))).await.unwrap();
    assert_eq!((released.state, released.cost), (State::Released, Usd::ZERO));
    assert!(Trial::new("call_after", "1").reserve(&ledger, &key, store.now()).await.is_ok());
}

async fn m6_a_lease_that_passed_is_swept_and_a_late_settle_corrects_it_once(store: &Store) {
    let (ledger, key) = (store.ledger(), key("lease", Some("1")));
    let held = Trial::new("call_lease", "0.5").reserve(&ledger, &key, store.now()).await.unwrap();
    store.clock.advance_millis(59_000);
    assert_eq!(ledger.sweep(store.now()).await.unwrap().expired, 0);
    store.clock.advance_millis(3_000);
    assert_eq!(ledger.sweep(store.now()).await.unwrap().expired, 1);
    assert_eq!(spend(store, &key).await, Spend { settled: usd("0.1"), reserved: Usd::ZERO });
    for _ in 0..2 {
        let late = ledger.settle(&held, &record(&held.call, usd("0.3"))).await.unwrap();
        assert_eq!((late.state, late.cost), (State::Settled, usd("0.3")));
    }
    assert_eq!(spend(store, &key).await, Spend { settled: usd("0.3"), reserved: Usd::ZERO });
    let free = Trial::new("call_rest", "0.7").reserve(&ledger, &key, store.now()).await;
    assert_eq!(free.unwrap().remaining, Some(Usd::ZERO));
}

async fn m6_the_next_admission_expires_what_is_in_its_way(store: &Store) {
    let (ledger, key) = (store.ledger(), key("way", Some("1")));
    assert!(Trial::new("call_lost", "1").reserve(&ledger, &key, store.now()).await.is_ok());
    store.clock.advance_millis(62_000);
    let held = Trial::new("call_next", "0.8").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!(held.remaining, Some(Usd::ZERO));
    assert_eq!(spend(store, &key).await, Spend { settled: usd("0.2"), reserved: usd("0.8") });
}

async fn m8_asking_again_finds_the_same_hold(store: &Store) {
    let (ledger, key) = (store.ledger(), key("again", Some("1")));
    let trial = Trial::new("call_again", "0.6");
    let first = trial.reserve(&ledger, &key, store.now()).await.unwrap();
    let second = trial.reserve(&store.ledger(), &key, store.now()).await.unwrap();
    assert_eq!((first.worst_case, &first.lane), (second.worst_case, &second.lane));
    assert_eq!(spend(store, &key).await.reserved, usd("0.6"));
}

async fn m9_a_top_up_holds_more_or_stops(store: &Store) {
    for (name, budget) in [("topup", Some("1")), ("topfree", None)] {
        let (ledger, key) = (store.ledger(), key(name, budget));
        let held = Trial::new(format!("call_{name}"), "0.3").reserve(&ledger, &key, store.now()).await.unwrap();
        let more = ledger.top_up(&held, &key, &key.bounds(), usd("0.4")).await.unwrap();
        assert_eq!(more.worst_case, usd("0.7"));
        assert_eq!(spend(store, &key).await.reserved, usd("0.7"));
        assert_eq!(ledger.top_up(&held, &key, &key.bounds(), usd("0.4")).await.unwrap().worst_case, usd("0.7"));
        let refused = ledger.top_up(&more, &key, &key.bounds(), usd("0.4")).await;
        assert_eq!(refused.is_err(), budget.is_some());
        // The first reservation does not know of the top-up; what is held decides.
        ledger.settle(&held, &record(&held.call, usd("0.6"))).await.unwrap();
        assert_eq!(spend(store, &key).await, Spend { settled: usd("0.6"), reserved: Usd::ZERO });
    }
    let (ledger, key) = (store.ledger(), key("topup", Some("1")));
    assert!(Trial::new("call_rest", "0.4").reserve(&ledger, &key, store.now()).await.is_ok());
}

async fn m13_an_overrun_is_recorded_truthfully(store: &Store) {
    let (ledger, key) = (store.ledger(), key("overrun", Some("1")));
    let held = Trial::new("call_overrun", "0.2").reserve(&ledger, &key, store.now()).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd("1.5"))).await.unwrap();
    assert_eq!(spend(store, &key).await.settled, usd("1.5"));
    let refused = Trial::new("call_after", "0.000001").reserve(&ledger, &key, store.now()).await;
    assert!(matches!(refused, Err(Refusal::BudgetSpent { remaining: Usd::ZERO, .. })));
    let negative =
        Trial::new("call_negative", "0").reserve(&ledger, &super::harness::key("n", None), store.now()).await;
    let negative = negative.unwrap();
    let settled = ledger.settle(&negative, &record(&negative.call, usd("-1"))).await.unwrap();
    assert_eq!(settled.cost, Usd::ZERO);
}

async fn m16_a_call_settles_into_the_window_it_reserved_in(store: &Store) {
    let (ledger, mut key) = (store.ledger(), key("window", Some("1")));
    key.limits.budget_period = Period::Daily;
    let yesterday = store.now();
    let held = Trial::new("call_eve", "1").reserve(&ledger, &key, yesterday).await.unwrap();
    store.clock.advance_millis(12 * 3_600_000 - 10_000);
    store.clock.advance_millis(20_000);
    let today = Trial::new("call_morning", "1").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_ne!(held.window, today.window);
    ledger.settle(&today, &record(&today.call, usd("0.25"))).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd("0.5"))).await.unwrap();
    assert_eq!(ledger.spend(&key, store.now()).await.unwrap().settled, usd("0.25"));
    assert_eq!(ledger.spend(&key, yesterday).await.unwrap().settled, usd("0.5"));
}

async fn a_key_without_a_budget_is_counted_and_never_refused(store: &Store) {
    let (ledger, key) = (store.ledger(), key("free", None));
    let mut held = Vec::new();
    for number in 0..40 {
        let trial = Trial::new(format!("call_free_{number}"), "1000000");
        held.push(trial.reserve(&ledger, &key, store.now()).await.unwrap());
    }
    assert_eq!(held[0].remaining, None);
    assert_eq!(spend(store, &key).await.reserved, usd("40000000"));
    settle_all(&ledger, &held, "2").await;
    assert_eq!(spend(store, &key).await, Spend { settled: usd("80"), reserved: Usd::ZERO });
}

async fn max_parallel_counts_calls_in_flight(store: &Store) {
    for (name, budget) in [("parallel", Some("100")), ("parallel_free", None)] {
        let (ledger, mut key) = (store.ledger(), key(name, budget));
        key.limits.max_parallel = Some(3);
        key.lanes = 8;
        let mut held = Vec::new();
        for number in 0..3 {
            let trial = Trial::new(format!("call_{name}_{number}"), "0.1");
            held.push(trial.reserve(&ledger, &key, store.now()).await.unwrap());
        }
        let trial = Trial::new(format!("call_{name}_3"), "0.1");
        assert_eq!(trial.reserve(&ledger, &key, store.now()).await, Err(Refusal::TooManyInFlight));
        ledger.settle(&held[0], &record(&held[0].call, usd("0.1"))).await.unwrap();
        assert!(trial.reserve(&ledger, &key, store.now()).await.is_ok());
    }
}

async fn d7_a_budget_change_moves_what_is_left(store: &Store) {
    let (ledger, before) = (store.ledger(), key("change", Some("1")));
    let held = Trial::new("call_change", "0.9").reserve(&ledger, &before, store.now()).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd("0.9"))).await.unwrap();
    let mut raised = before.clone();
    (raised.limits.max_budget, raised.version) = (Some(usd("3")), 2);
    for _ in 0..2 {
        ledger.change_budget(&raised.bounds()[0], Usd::ZERO, store.now()).await.unwrap();
    }
    let held = Trial::new("call_raised", "2").reserve(&ledger, &raised, store.now()).await.unwrap();
    assert_eq!(held.remaining, Some(usd("0.1")));
    ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
    let mut cut = raised.clone();
    (cut.limits.max_budget, cut.version) = (Some(usd("1")), 3);
    ledger.change_budget(&cut.bounds()[0], Usd::ZERO, store.now()).await.unwrap();
    assert!(Trial::new("call_cut", "0.2").reserve(&store.ledger(), &cut, store.now()).await.is_err());
    assert!(Trial::new("call_fits", "0.1").reserve(&store.ledger(), &cut, store.now()).await.is_ok());
}

async fn a_first_budget_counts_what_was_spent_before(store: &Store) {
    let (ledger, before) = (store.ledger(), key("first", None));
    let held = Trial::new("call_first", "5").reserve(&ledger, &before, store.now()).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd("4"))).await.unwrap();
    let spent = spend(store, &before).await.settled;
    let mut after = before.clone();
    (after.limits.max_budget, after.version) = (Some(usd("5")), 2);
    ledger.change_budget(&after.bounds()[0], spent, store.now()).await.unwrap();
    assert_eq!(spend(store, &after).await.settled, usd("4"));
    assert!(Trial::new("call_more", "1.1").reserve(&store.ledger(), &after, store.now()).await.is_err());
    assert!(Trial::new("call_fits", "1").reserve(&store.ledger(), &after, store.now()).await.is_ok());
}

async fn the_call_record_keeps_every_field(store: &Store) {
    let (ledger, key) = (store.ledger(), key("record", Some("1")));
    let held = Trial::new("call_record", "0.5").reserve(&ledger, &key, store.now()).await.unwrap();
    let mut record = record(&held.call, usd("0.000000000001"));
    record.error = Some("upstream_error".to_owned());
    record.unpriced = true;
    record.client_request_id = Some("theirs".to_owned());
    ledger.settle(&held, &record).await.unwrap();
    let stored = Calls::new(store.table.clone(), store.names.clone()).get(&held.call).await.unwrap().unwrap();
    assert_eq!(stored.record, record);
    assert_eq!((stored.key, stored.lane, stored.window), (held.key, held.lane, held.window));
    assert_eq!((stored.held, stored.first_cost), (usd("0.5"), record.cost));
}

async fn a_first_loan_makes_an_admission_one_write(store: &Store) {
    let counted = Arc::new(crate::chaos::Counted::new(store.table.clone()));
    let ledger = Ledger::new(counted.clone(), store.names.clone(), store.clock.clone());
    let key = key("counted", Some("100"));
    ledger.open_key(&key, &key.bounds(), store.now()).await.unwrap();
    let warm = Trial::new("call_warm", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    ledger.settle(&warm, &record(&warm.call, usd("0.1"))).await.unwrap();
    let before = counted.count();
    let held = Trial::new("call_counted", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!(counted.count() - before, 1);
    ledger.settle(&held, &record(&held.call, usd("0.1"))).await.unwrap();
    assert_eq!(counted.count() - before, 3);
}

#[tokio::test]
async fn a_file_keeps_everything_over_a_restart() {
    let directory = crate::harness::directory();
    let names = stores::Names::prefixed("test");
    let clock = Arc::new(domain::time::HandClock::at(crate::harness::start()));
    let key = key("restart", Some("1"));
    let mut held = None;
    for round in 0..3 {
        let engine = Embedded::open(Some(&directory)).unwrap();
        let table = Arc::new(engine.table(&names).await.unwrap());
        let ledger = Ledger::new(table, names.clone(), clock.clone());
        if let Some(held) = held.take() {
            let held: Reservation = held;
            ledger.settle(&held, &record(&held.call, usd("0.25"))).await.unwrap();
        }
        let trial = Trial::new(format!("call_{round}"), "0.5");
        held = Some(trial.reserve(&ledger, &key, crate::harness::start()).await.unwrap());
        let spend = ledger.spend(&key, crate::harness::start()).await.unwrap();
        assert_eq!(spend.settled, Usd::from_pico(250_000_000_000 * round));
        assert_eq!(spend.reserved, usd("0.5"));
        engine.shutdown();
    }
    std::fs::remove_dir_all(directory).unwrap();
}
