//! How a key gets more lanes, and how they get money before anybody asks for it [M15]: request by request.

use crate::{
    harness::{Store, Trial, key, record, usd},
    moody::{Mood, Moody, Verb, silence},
};
use domain::{
    Usd,
    call::{Ask, Reservation},
    key::VirtualKey,
    time::Period,
};
use std::collections::BTreeSet;
use stores::{
    TableError,
    ledger::{Ledger, Refusal},
    table::{Get, Item, Key},
};

async fn lane(store: &Store, key: &VirtualKey, number: u32) -> Item {
    let get = Get::consistent(&store.names.quotas, Key::new(format!("LANE#{}#{number}", key.id), "LANE"));
    store.table.get(&get).await.unwrap().unwrap_or_default()
}

/// How many lanes the first one says there are.
async fn counted(store: &Store, key: &VirtualKey) -> Option<u64> {
    lane(store, key, 0).await.count("ln")
}

/// What is free in a lane, by window.
fn money(lane: &Item) -> Vec<(String, Usd)> {
    let free = lane.iter().filter_map(|(name, _)| Some((name.strip_prefix("a:")?.to_owned(), lane.money(name)?)));
    free.collect()
}

/// Which of the first so many lanes were lent something in a window that begins so.
async fn funded(store: &Store, key: &VirtualKey, lanes: u32, window: &str) -> BTreeSet<u32> {
    let mut funded = BTreeSet::new();
    for number in 0..lanes {
        if money(&lane(store, key, number).await).iter().any(|(code, _)| code.starts_with(window)) {
            funded.insert(number);
        }
    }
    funded
}

async fn reserve(ledger: &Ledger, store: &Store, key: &VirtualKey, call: &str) -> Result<Reservation, Refusal> {
    Trial::new(call, "0.01").reserve(ledger, key, store.now()).await
}

async fn hold(ledger: &Ledger, store: &Store, key: &VirtualKey, calls: std::ops::Range<usize>) {
    for n in calls {
        assert!(reserve(ledger, store, key, &format!("call_{n}")).await.is_ok(), "{n}");
    }
}

fn number(held: &Reservation) -> u32 {
    held.lane.rsplit_once('#').unwrap().1.parse().unwrap()
}

/// What the scope and all lanes have left.
async fn all_left(store: &Store, key: &VirtualKey, lanes: u32) -> Usd {
    let get = Get::consistent(&store.names.quotas, Key::new(format!("SCOPE#key#{}#total", key.id), "SCOPE"));
    let mut sum = store.table.get(&get).await.unwrap().unwrap().money("av").unwrap();
    for number in 0..lanes {
        sum = sum.saturating_add(money(&lane(store, key, number).await).into_iter().map(|(_, free)| free).sum());
    }
    sum
}

#[tokio::test]
async fn m15_the_twelfth_call_in_a_lane_makes_four_of_it_and_fills_them() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("twelfth", Some("1000"));
    hold(&ledger, &store, &key, 0..11).await;
    assert_eq!(counted(&store, &key).await, None);
    hold(&ledger, &store, &key, 11..12).await;
    assert_eq!(counted(&store, &key).await, Some(4));
    assert_eq!(funded(&store, &key, 6, "total").await, (0..4).collect());
    assert_eq!(all_left(&store, &key, 4).await, usd("999.88"));
    let mut others = BTreeSet::new();
    for n in 12..30 {
        let held = reserve(&ledger, &store, &key, &format!("call_{n}")).await.unwrap();
        ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        others.insert(number(&held));
    }
    assert_eq!(others, (0..4).collect());
}

#[tokio::test]
async fn m15_calls_in_flight_that_are_limited_are_counted_in_one_lane() {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("limited", Some("1000"));
    key.limits.max_parallel = Some(40);
    hold(&ledger, &store, &key, 0..30).await;
    assert_eq!(counted(&store, &key).await, None);
}

#[tokio::test]
async fn m15_a_full_lane_sends_the_next_call_to_another() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("full", Some("1000"));
    hold(&ledger, &store, &key, 0..11).await;
    moody.next(1, Verb::Transact, Mood::Refuses(TableError::Invalid("no".to_owned())));
    hold(&ledger, &store, &key, 11..16).await;
    assert_eq!(counted(&store, &key).await, None, "it could not be done the first time");
    hold(&ledger, &store, &key, 16..40).await;
    // Sixteen holds, six to a lane, and twice as many as that.
    assert_eq!(lane(&store, &key, 0).await.count("n"), Some(16), "whoever found it full went elsewhere");
    assert!(counted(&store, &key).await >= Some(6));
    assert_eq!(funded(&store, &key, 6, "total").await, (0..6).collect());
}

#[tokio::test]
async fn m15_who_learns_that_there_are_more_lanes_makes_no_more_of_them() {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("learns", Some("1000"));
    key.lanes = 4;
    ledger.open_key(&key, &key.bounds(), store.now()).await.unwrap();
    // What it is told of the second lane, an instance is not told of the first.
    let other = store.ledger();
    let (second, third) = (calls_in(&key, 1, 12).await, calls_in(&key, 2, 12).await);
    for call in &second[..11] {
        assert!(reserve(&other, &store, &key, call).await.is_ok());
    }
    for call in &third {
        assert!(reserve(&ledger, &store, &key, call).await.is_ok());
    }
    assert_eq!(counted(&store, &key).await, Some(16));
    assert!(reserve(&other, &store, &key, &second[11]).await.is_ok());
    assert_eq!(counted(&store, &key).await, Some(16));
}

/// So many calls that go to this lane, among as many as the key has.
async fn calls_in(key: &VirtualKey, lane: u32, most: usize) -> Vec<String> {
    let (_, store, ledger) = Moody::ledger();
    let mut calls = Vec::new();
    for call in (0..1_000).map(|n| format!("some_{n}")) {
        let held = reserve(&ledger, &store, key, &call).await.unwrap();
        ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        calls.extend((number(&held) == lane).then_some(call));
        if calls.len() == most {
            break;
        }
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn m15_of_the_calls_that_meet_a_throttled_lane_one_in_eight_spreads_the_key() {
    let mut spread = 0;
    for n in 0..64 {
        let (moody, store, ledger) = Moody::ledger();
        let mut key = key("throttled", Some("1000"));
        key.lanes = 3;
        ledger.open_key(&key, &key.bounds(), store.now()).await.unwrap();
        moody.next(1, Verb::Update, Mood::Refuses(TableError::Throttled));
        assert!(reserve(&ledger, &store, &key, &format!("throttled_{n}")).await.is_ok());
        let lanes = counted(&store, &key).await;
        assert!(lanes.is_none_or(|lanes| lanes == 12), "{lanes:?}");
        spread += u32::from(lanes.is_some());
    }
    assert!((3..=16).contains(&spread), "{spread}");
}

#[tokio::test]
async fn m15_the_first_call_of_a_key_with_many_lanes_fills_its_own_and_its_neighbours() {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("neighbours", Some("1000"));
    key.lanes = 40;
    let call = calls_in(&key, 35, 1).await.remove(0);
    let held = reserve(&ledger, &store, &key, &call).await.unwrap();
    // One transaction reaches thirty-three lanes: the first of them, or the rest.
    assert_eq!(funded(&store, &key, 40, "total").await, (33..40).collect());
    assert_eq!(
        held.remaining,
        Some(usd("1000").saturating_sub(usd("0.64").saturating_times(6)).saturating_sub(usd("0.01")))
    );
    assert_eq!(all_left(&store, &key, 40).await, usd("999.99"));
}

#[tokio::test(start_paused = true)]
async fn d3_a_first_call_waits_out_who_else_fills_the_lanes() {
    for (error, admitted) in [(TableError::Conflict, true), (silence(), false)] {
        let (moody, store, ledger) = Moody::ledger();
        let mut key = key("first", Some("1000"));
        key.lanes = 4;
        moody.next(1, Verb::Transact, Mood::Refuses(error.clone()));
        assert_eq!(reserve(&ledger, &store, &key, "first").await.is_ok(), admitted, "{error}");
    }
}

#[tokio::test]
async fn m15_who_borrows_learns_how_many_lanes_there_are_by_now() {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("by_now", Some("1000"));
    key.lanes = 2;
    ledger.open_key(&key, &key.bounds(), store.now()).await.unwrap();
    let late = store.ledger();
    let mut lanes = BTreeSet::new();
    hold(&ledger, &store, &key, 0..24).await;
    assert!(counted(&store, &key).await > Some(4));
    // The second lane does not say how many there are: only who has to borrow looks.
    let mut calls = calls_in(&key, 1, 9).await;
    let large = Trial::new(calls.remove(0), "300");
    assert!(large.reserve(&late, &key, store.now()).await.is_ok());
    for call in &calls {
        lanes.insert(number(&reserve(&late, &store, &key, call).await.unwrap()));
    }
    assert!(lanes.len() > 1, "{lanes:?}");
}

#[tokio::test]
async fn m15_shortly_before_a_day_ends_lanes_are_lent_money_of_the_next() {
    for (millis_before, lent) in [(3_600_000, false), (200_000, false), (1, true)] {
        let (_, store, ledger) = Moody::ledger();
        let mut key = key("eve", Some("1000"));
        (key.limits.budget_period, key.lanes) = (Period::Daily, 4);
        store.clock.advance_millis(12 * 3_600_000 - millis_before);
        hold(&ledger, &store, &key, 0..16).await;
        assert_eq!(!funded(&store, &key, 4, "2026-11-22|").await.is_empty(), lent, "{millis_before} ms before");
    }
}

#[tokio::test]
async fn m15_the_call_that_leaves_a_lane_half_empty_has_it_filled_again() {
    for (last, left) in [("0.01", "0.95"), ("0", "0.32")] {
        let (_, store, ledger) = Moody::ledger();
        let key = key("half", Some("1000000"));
        for n in 1..=33 {
            let held = reserve(&ledger, &store, &key, &format!("half_{n}")).await.unwrap();
            assert_eq!(held.is_low, n == 33, "{n}");
            let cost = if n == 33 { last } else { "0.01" };
            ledger.settle(&held, &record(&held.call, usd(cost))).await.unwrap();
        }
        let [(_, free)] = &money(&lane(&store, &key, 0).await)[..] else { panic!("one window") };
        assert_eq!(*free, usd(left), "half of sixty-four calls' money, and as much again where it is less");
    }
}

#[tokio::test]
async fn m6_a_key_is_entered_for_sweeping_once_an_hour_by_whoever_comes_first() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("entered", Some("1000"));
    assert!(reserve(&ledger, &store, &key, "entered_1").await.is_ok());
    let hour = store.now().secs() / 3_600;
    let mut rows = Vec::new();
    for shard in 0..16 {
        let get = Get::consistent(&store.names.quotas, Key::new(format!("LIVE#{hour}#{shard}"), key.id.as_str()));
        rows.extend(store.table.get(&get).await.unwrap());
    }
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.count("lanes"), row.count("ttl")), (Some(1), Some(store.now().secs() + 2 * 86_400)));
    let requests = async |ledger: &Ledger, call: &str| {
        let before = moody.requests();
        assert!(reserve(ledger, &store, &key, call).await.is_ok());
        moody.requests() - before
    };
    assert_eq!(requests(&ledger, "entered_2").await, 1);
    let another = Ledger::new(moody.clone(), store.names.clone(), store.clock.clone());
    assert_eq!(requests(&another, "entered_3").await, 2, "and what the scope has left");
    store.clock.advance_millis(3_600_000);
    assert!(requests(&another, "entered_4").await > 1, "another hour");
}

#[tokio::test]
async fn m6_a_lane_is_found_for_a_day_in_the_first_minutes_of_an_hour_and_else_for_two_hours() {
    for (secs, lanes) in [(2 * 3_600 + 3_599, 1), (10 * 3_600 + 479, 1), (10 * 3_600 + 480, 0), (10 * 3_600 + 3_540, 0)]
    {
        let (_, store, ledger) = Moody::ledger();
        let key = key("found", Some("1000"));
        let held = reserve(&ledger, &store, &key, "found").await.unwrap();
        ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        store.clock.advance_millis(secs * 1_000);
        assert_eq!(ledger.sweep(store.now()).await.unwrap().lanes, lanes, "after {secs} s");
    }
}

#[tokio::test]
async fn m6_what_a_sweep_frees_ends_what_was_refused() {
    let (_, store, ledger) = Moody::ledger();
    let (outbox, _stream) = tokio::sync::mpsc::unbounded_channel();
    let ledger = ledger.freeing_later().with_outbox(outbox);
    let key = key("swept", Some("1"));
    let trial = Trial::new("swept", "0.5");
    let held = trial.reserve(&ledger, &key, store.now()).await.unwrap();
    let refused = async |worst: &str| Trial::new("more", worst).reserve(&ledger, &key, held.at).await.is_err();
    assert!(refused("0.6").await);
    ledger.settle(&Reservation { may_wait: true, ..held.clone() }, &record(&held.call, usd("0.1"))).await.unwrap();
    assert!(refused("0.6").await, "nobody has freed it");
    let swept = ledger.sweep(store.now()).await.unwrap();
    assert_eq!((swept.freed, swept.closed), (1, 0));
    assert!(!refused("0.6").await);
}

#[tokio::test]
async fn m16_a_sweep_closes_the_window_that_it_freed() {
    let (_, store, ledger) = Moody::ledger();
    let (outbox, _stream) = tokio::sync::mpsc::unbounded_channel();
    let ledger = ledger.freeing_later().with_outbox(outbox);
    let mut key = key("freed", Some("100"));
    key.limits.budget_period = Period::named("30m").unwrap();
    let trial = Trial::new("freed", "0.5");
    let (call, bounds, now) = (&trial.call, &key.bounds(), store.now());
    let (worst_case, ambiguous, lease_until) = (trial.worst, trial.ambiguous, now.plus_secs(7_200));
    let held = ledger.reserve(&Ask { call, key: &key, bounds, worst_case, ambiguous, now, lease_until }).await.unwrap();
    ledger.settle(&Reservation { may_wait: true, ..held.clone() }, &record(&held.call, usd("0.1"))).await.unwrap();
    store.clock.advance_millis(3_600_000);
    let swept = ledger.sweep(store.now()).await.unwrap();
    assert_eq!((swept.lanes, swept.freed, swept.expired, swept.closed), (1, 1, 0, 1));
}
