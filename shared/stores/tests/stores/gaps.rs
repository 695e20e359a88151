//! Calls that the store took no note of: kept, written down when it answers again, and each of them once [A1, M7].

use crate::{
    harness::{Store, Trial, key, record, usd},
    moody::{Mood, Moody, Verb, silence},
};
use domain::{
    Usd,
    call::{Ask, CallRecord, Reservation, State},
    key::VirtualKey,
};
use std::sync::Arc;
use stores::{
    calls::{CallItem, Calls},
    ledger::{Gap, Ledger, Spend},
};

async fn stored(store: &Store, call: &domain::CallId) -> Option<CallItem> {
    Calls::new(store.table.clone(), store.names.clone()).get(call).await.unwrap()
}

fn unheld(store: &Store, key: &VirtualKey, call: &str) -> Reservation {
    let trial = Trial::new(call, "0.5");
    let (call, worst_case, ambiguous, now) = (&trial.call, trial.worst, trial.ambiguous, store.now());
    Reservation::unheld(&Ask { call, key, bounds: &[], worst_case, ambiguous, now, lease_until: now.plus_secs(60) })
}

fn gap(store: &Store, key: &VirtualKey, call: &str) -> Gap {
    let reservation = unheld(store, key, call);
    let record = record(&reservation.call, usd("0.2"));
    Gap { reservation, key: Arc::new(key.clone()), record }
}

async fn spend(ledger: &Ledger, key: &VirtualKey, store: &Store) -> Spend {
    ledger.spend(key, store.now()).await.unwrap()
}

#[tokio::test]
async fn m7_a_call_without_a_hold_is_concluded_for_what_it_cost() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("late", Some("1"));
    let late = unheld(&store, &key, "late_1");
    ledger.conclude(&late, &key, &record(&late.call, usd("0.2"))).await.unwrap();
    let item = stored(&store, &late.call).await.unwrap();
    assert_eq!((item.record.state, item.record.cost, item.held), (State::Settled, usd("0.2"), usd("0.2")));
    assert_eq!(spend(&ledger, &key, &store).await, Spend { settled: usd("0.2"), reserved: Usd::ZERO });
}

#[tokio::test]
async fn m7_a_call_with_a_hold_is_concluded_as_its_record_says() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("held", Some("1"));
    for (call, state, cost) in [("held_1", State::Released, "0"), ("held_2", State::Settled, "0.2")] {
        let held = Trial::new(call, "0.5").reserve(&ledger, &key, store.now()).await.unwrap();
        ledger.conclude(&held, &key, &CallRecord { state, ..record(&held.call, usd("0.2")) }).await.unwrap();
        let item = stored(&store, &held.call).await.unwrap();
        assert_eq!((item.record.state, item.record.cost), (state, usd(cost)));
    }
    assert_eq!(spend(&ledger, &key, &store).await, Spend { settled: usd("0.2"), reserved: Usd::ZERO });
}

#[tokio::test]
async fn m10_a_hold_that_was_there_after_all_and_expired_is_corrected_where_it_lay() {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("after_all", Some("1"));
    key.lanes = 4;
    let held = Trial::new("after_all", "0.5").reserve(&ledger, &key, store.now()).await.unwrap();
    store.clock.advance_millis(62_000);
    assert_eq!(ledger.sweep(store.now()).await.unwrap().expired, 1);
    key.lanes = 1;
    let late = unheld(&store, &key, "after_all");
    ledger.conclude(&late, &key, &record(&late.call, usd("0.2"))).await.unwrap();
    let item = stored(&store, &late.call).await.unwrap();
    assert_eq!((&item.lane, &item.window, item.held), (&held.lane, &held.window, usd("0.5")));
    assert_eq!(item.first_cost, held.ambiguous);
    key.lanes = 4;
    assert_eq!(spend(&ledger, &key, &store).await, Spend { settled: usd("0.2"), reserved: Usd::ZERO });
}

#[tokio::test]
async fn a1_gaps_are_mended_in_order_as_far_as_the_store_answers() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("mended", None);
    assert_eq!((ledger.gaps(), ledger.mend(5).await), (0, 0));
    for n in 0..5 {
        ledger.postpone(gap(&store, &key, &format!("gap_{n}")));
    }
    assert_eq!((ledger.gaps(), ledger.mend(2).await, ledger.gaps()), (5, 2, 3));
    let is_there = async |n: u32| stored(&store, &format!("gap_{n}").into()).await.is_some();
    assert!(is_there(1).await && !is_there(2).await);
    moody.next(1, Verb::Put, Mood::Does);
    moody.next(1, Verb::Put, Mood::Refuses(silence()));
    moody.next(1, Verb::Get, Mood::Refuses(silence()));
    assert_eq!((ledger.mend(5).await, ledger.gaps()), (0, 3), "the first of them still cannot be");
    moody.calms();
    assert_eq!((ledger.mend(5).await, ledger.gaps()), (3, 0));
    assert!(is_there(4).await);
    assert_eq!(spend(&ledger, &key, &store).await, Spend { settled: usd("1"), reserved: Usd::ZERO });
}

#[tokio::test]
async fn a1_of_too_many_gaps_the_oldest_is_lost() {
    const MOST: usize = 10_000;
    let (_, store, ledger) = Moody::ledger();
    let gap = |n: usize| gap(&store, &key("many", None), &format!("gap_{n}"));
    for n in 0..MOST {
        ledger.postpone(gap(n));
    }
    assert_eq!(ledger.gaps(), MOST);
    ledger.postpone(gap(MOST));
    assert_eq!(ledger.gaps(), MOST);
    assert_eq!(ledger.mend(1).await, 1);
    assert!(stored(&store, &"gap_0".into()).await.is_none() && stored(&store, &"gap_1".into()).await.is_some());
}
