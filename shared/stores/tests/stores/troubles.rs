//! Contention is waited out, silence is not, and what others write meanwhile is seen: one request at a time goes wrong.

use crate::{
    harness::{Store, Trial, key, record, usd},
    moody::{Mood, Moody, Verb, silence},
};
use domain::{
    Usd,
    call::{Ask, CallRecord, Reservation, State},
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use std::sync::Arc;
use stores::{
    TableError,
    calls::Calls,
    ledger::{Ledger, Refusal, Spend},
    table::{Get, Item, Key},
};

const CONTENTION: [TableError; 2] = [TableError::Conflict, TableError::Throttled];
/// More than anybody tries.
const EVER: usize = 60;

/// What is asked of the ledger, of a key with a budget.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// A lane that has money.
    Admit,
    /// A lane that has none.
    Borrow,
    /// More for a call, of what the lane has, and of what it has not.
    TopUp,
    TopUpByLoan,
    /// A settlement after the lease.
    Correct,
    Open,
}

const ALL: [(Asked, Verb); 6] = [
    (Asked::Admit, Verb::Update),
    (Asked::Borrow, Verb::Transact),
    (Asked::TopUp, Verb::Update),
    (Asked::TopUpByLoan, Verb::Transact),
    (Asked::Correct, Verb::Transact),
    (Asked::Open, Verb::Transact),
];

/// Does it, with these moods met on the way; whether it was done.
async fn asked(what: Asked, verb: Verb, mood: Mood, times: usize) -> bool {
    let (moody, store, ledger) = Moody::ledger();
    let (calm, key) = (store.ledger(), key("trouble", Some("100")));
    let trial = |worst: &str| Trial::new("trouble", worst);
    let lent = async || {
        let first = Trial::new("first", "0.01").reserve(&calm, &key, store.now()).await.unwrap();
        calm.release(&first, &record(&first.call, Usd::ZERO)).await.unwrap();
    };
    match what {
        Asked::Admit => {
            lent().await;
            moody.next(times, verb, mood);
            trial("0.01").reserve(&ledger, &key, store.now()).await.is_ok()
        }
        Asked::Borrow => {
            moody.next(times, verb, mood);
            trial("0.01").reserve(&ledger, &key, store.now()).await.is_ok()
        }
        Asked::TopUp | Asked::TopUpByLoan => {
            lent().await;
            let held = trial("0.01").reserve(&calm, &key, store.now()).await.unwrap();
            moody.next(times, verb, mood);
            let more = if matches!(what, Asked::TopUp) { "0.01" } else { "50" };
            ledger.top_up(&held, &key, &key.bounds(), usd(more)).await.is_ok()
        }
        Asked::Correct => {
            let held = trial("0.01").reserve(&calm, &key, store.now()).await.unwrap();
            store.clock.advance_millis(62_000);
            assert_eq!(calm.sweep(store.now()).await.unwrap().expired, 1);
            moody.next(times, verb, mood);
            ledger.settle(&held, &record(&held.call, usd("0.009"))).await.is_ok()
        }
        Asked::Open => {
            moody.next(times, verb, mood);
            let opened = ledger.open_key(&key, &key.bounds(), store.now()).await.is_ok();
            opened && calm.is_open(&key.bounds()[0], store.now()).await.unwrap()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn d3_contention_is_waited_out() {
    for (what, verb) in ALL {
        for error in CONTENTION {
            assert!(asked(what, verb, Mood::Refuses(error.clone()), 1).await, "{what:?} {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn d3_nobody_waits_for_ever() {
    for (what, verb) in ALL {
        for error in CONTENTION {
            assert!(!asked(what, verb, Mood::Refuses(error.clone()), EVER).await, "{what:?} {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn m8_what_may_have_been_done_is_not_done_again_by_the_ledger() {
    for (what, verb) in ALL {
        for error in [silence(), TableError::Invalid("no".to_owned())] {
            assert!(!asked(what, verb, Mood::Refuses(error.clone()), 1).await, "{what:?} {error}");
        }
    }
}

async fn lane(store: &Store, key: &VirtualKey, number: u32) -> Item {
    item(store, format!("LANE#{}#{number}", key.id), "LANE").await
}

async fn item(store: &Store, pk: String, sk: &str) -> Item {
    let get = Get::consistent(&store.names.quotas, Key::new(pk, sk));
    store.table.get(&get).await.unwrap().unwrap_or_default()
}

async fn available(store: &Store, bound: &Bound) -> Usd {
    item(store, format!("SCOPE#{}#total", bound.scope), "SCOPE").await.money("av").unwrap()
}

fn team(max: &str, version: u64) -> Bound {
    let budget = Budget { max: usd(max), period: Period::Total };
    Bound { scope: ScopeId::new(ScopeKind::Team, "troubles"), budget, mode: BudgetMode::Strict, version }
}

fn other_team(max: &str) -> Bound {
    Bound { scope: ScopeId::new(ScopeKind::Team, "other"), ..team(max, 1) }
}

#[tokio::test(start_paused = true)]
async fn m5_a_hold_that_cannot_be_freed_is_left_to_its_lease_and_contention_is_waited_out() {
    let cases = [(1, TableError::Conflict, "0"), (EVER, TableError::Throttled, "0.01"), (1, silence(), "0.01")];
    for (times, error, reserved) in cases {
        let (moody, store, ledger) = Moody::ledger();
        let key = key("left", Some("100"));
        let held = Trial::new("left", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
        moody.next(times, Verb::Update, Mood::Refuses(error.clone()));
        let settled = ledger.settle(&held, &record(&held.call, usd("0.004"))).await.unwrap();
        assert!(settled.first);
        moody.calms();
        assert_eq!(ledger.spend(&key, store.now()).await.unwrap().reserved, usd(reserved), "{error}");
        store.clock.advance_millis(62_000);
        ledger.sweep(store.now()).await.unwrap();
        let after = ledger.spend(&key, store.now()).await.unwrap();
        assert_eq!(after, Spend { settled: usd("0.004"), reserved: Usd::ZERO });
    }
}

#[tokio::test(start_paused = true)]
async fn m5_a_repeated_settlement_says_that_the_hold_could_not_be_freed() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("said", Some("100"));
    let held = Trial::new("said", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
    moody.next(1, Verb::Update, Mood::Refuses(silence()));
    let said = record(&held.call, usd("0.004"));
    ledger.settle(&held, &said).await.unwrap();
    moody.next(1, Verb::Update, Mood::Refuses(silence()));
    assert!(ledger.settle(&held, &said).await.is_err());
    assert!(ledger.settle(&held, &said).await.is_ok());
    assert_eq!(ledger.spend(&key, store.now()).await.unwrap().reserved, Usd::ZERO);
}

/// Two first calls of a key, the second while the first borrows.
async fn overtaken(ledger: &Ledger, moody: &Moody, store: &Store, key: &VirtualKey, second: &Trial) -> [bool; 2] {
    moody.next(1, Verb::Transact, Mood::Waits);
    let first = Trial::new("overtaken", "0.001");
    let late = async {
        moody.arrived.notified().await;
        let held = second.reserve(&store.ledger(), key, store.now()).await;
        moody.go.notify_one();
        held.is_ok()
    };
    let (first, second) = tokio::join!(first.reserve(ledger, key, store.now()), late);
    [first.is_ok(), second]
}

#[tokio::test(start_paused = true)]
async fn m8_only_its_own_hold_tells_a_call_that_it_was_admitted() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("own", Some("100"));
    let both = overtaken(&ledger, &moody, &store, &key, &Trial::new("second", "0.002")).await;
    assert_eq!(both, [true, true]);
    assert_eq!(ledger.spend(&key, store.now()).await.unwrap().reserved, usd("0.003"));
}

#[tokio::test(start_paused = true)]
async fn m2_last_one_lends_no_chunk_beyond_what_is_there_when_somebody_was_faster() {
    let (moody, store, ledger) = Moody::ledger();
    let bounds = [Bound { mode: BudgetMode::LastOne, ..team("1", 1) }];
    ledger.change_budget(&bounds[0], Usd::ZERO, store.now()).await.unwrap();
    moody.next(1, Verb::Transact, Mood::Waits);
    let (one, other) = (key("chunk_1", None), key("chunk_2", None));
    let faster = async {
        moody.arrived.notified().await;
        let most = Trial::new("chunk_2", "0.99");
        assert!(most.reserve_under(&store.ledger(), &other, &bounds, store.now()).await.is_ok());
        moody.go.notify_one();
    };
    let first = Trial::new("chunk_1", "0.001");
    let (first, ()) = tokio::join!(first.reserve_under(&ledger, &one, &bounds, store.now()), faster);
    assert!(first.is_ok());
    assert_eq!(available(&store, &bounds[0]).await, usd("0.009"));
}

#[tokio::test(start_paused = true)]
async fn m10_a_call_whose_admission_nobody_heard_of_holds_nothing() {
    for (verb, before) in [(Verb::Transact, 0), (Verb::Update, 1)] {
        let (moody, store, ledger) = Moody::ledger();
        let key = key("unheard", Some("1"));
        for n in 0..before {
            let held = Trial::new(format!("unheard_{n}"), "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
            ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        }
        moody.next(1, verb, Mood::Forgets);
        let refused = Trial::new("unheard", "0.01").reserve(&ledger, &key, store.now()).await;
        assert_eq!(refused, Err(Refusal::Unavailable));
        assert_eq!(ledger.spend(&key, store.now()).await.unwrap(), Spend::default(), "{verb:?}");
    }
}

#[tokio::test]
async fn m8_what_is_held_decides_whatever_is_asked_for_the_second_time() {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("decides", Some("1"));
    let first = Trial::new("decides", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    store.clock.advance_millis(10_000);
    key.limits.budget_period = Period::Daily;
    let other = Trial { ambiguous: usd("0.3"), ..Trial::new("decides", "0.4") };
    let again = other.reserve(&ledger, &key, store.now()).await.unwrap();
    let said = |held: &Reservation| (held.worst_case, held.ambiguous, held.lease_until, held.window.clone());
    assert_eq!(said(&again), said(&first));
}

#[tokio::test]
async fn m6_an_admission_that_succeeds_expires_what_it_saw_beside_it() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("beside", Some("100"));
    let lost = Trial::new("beside_1", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    store.clock.advance_millis(62_000);
    let held = Trial::new("beside_2", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    let spend = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(spend, Spend { settled: lost.ambiguous, reserved: held.worst_case });
}

#[tokio::test(start_paused = true)]
async fn m15_a_first_loan_that_others_are_at_work_on_is_left_to_the_first_call() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("left_to_it", Some("100"));
    moody.next(EVER, Verb::Transact, Mood::Refuses(TableError::Conflict));
    assert!(ledger.open_key(&key, &key.bounds(), store.now()).await.is_ok());
    moody.calms();
    moody.next(1, Verb::Transact, Mood::Refuses(silence()));
    assert!(ledger.open_key(&key, &key.bounds(), store.now()).await.is_err());
}

#[tokio::test]
async fn m7_a_call_without_a_budget_that_its_lane_refuses_for_no_reason_is_not_admitted() {
    let (moody, store, ledger) = Moody::ledger();
    moody.next(1, Verb::Update, Mood::Refuses(TableError::ConditionFailed { old: None }));
    let refused = Trial::new("no_reason", "0.1").reserve(&ledger, &key("no_reason", None), store.now()).await;
    assert_eq!(refused, Err(Refusal::Unavailable));
}

#[tokio::test]
async fn m9_a_top_up_of_what_somebody_else_topped_up_stops_at_once_and_none_may_wait() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("topped", Some("100"));
    let first = Trial::new("topped_0", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    ledger.release(&first, &record(&first.call, Usd::ZERO)).await.unwrap();
    let held = Trial::new("topped_1", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    assert!(held.may_wait);
    let more = ledger.top_up(&held, &key, &key.bounds(), usd("0.1")).await.unwrap();
    assert!(!more.may_wait);
    let before = moody.requests();
    let refused = ledger.top_up(&held, &key, &key.bounds(), usd("0.3")).await;
    assert_eq!((refused, moody.requests() - before), (Err(Refusal::Unavailable), 1));
}

#[tokio::test]
async fn m9_a_move_in_one_write_gives_the_lane_back_what_it_held_of_the_first_budget() {
    let (_, store, ledger) = Moody::ledger();
    let (key, first, second) = (key("moving", None), [team("100", 1)], [other_team("100")]);
    for (n, bounds) in [&first, &second].into_iter().enumerate() {
        let held =
            Trial::new(format!("moving_{n}"), "0.1").reserve_under(&ledger, &key, bounds, store.now()).await.unwrap();
        ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
    }
    let free = async || -> Vec<Usd> {
        let lane = lane(&store, &key, 0).await;
        lane.iter().filter(|(name, _)| name.starts_with("a:")).filter_map(|(name, _)| lane.money(name)).collect()
    };
    let before: Usd = free().await.into_iter().sum();
    let held = Trial::new("moving", "0.1").reserve_under(&ledger, &key, &first, store.now()).await.unwrap();
    let moved = ledger.top_up(&held, &key, &second, usd("0.1")).await.unwrap();
    assert_eq!(free().await.into_iter().sum::<Usd>(), before.saturating_sub(moved.worst_case));
}

#[tokio::test]
async fn m20_what_remains_counts_what_the_lane_was_lent_and_does_not_need() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("remains", Some("100"));
    let held = Trial::new("remains_1", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!(held.remaining, Some(usd("99.99")));
    let held = Trial::new("remains_2", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!(held.remaining, Some(usd("99.98")));
    let more = ledger.top_up(&held, &key, &key.bounds(), usd("0.01")).await.unwrap();
    assert_eq!(more.remaining, Some(usd("99.97")));
    let much = ledger.top_up(&more, &key, &key.bounds(), usd("50")).await.unwrap();
    assert_eq!(much.remaining, Some(usd("49.97")));
    let again = Trial::new("remains_2", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!(again.remaining, Some(usd("49.97")), "asked for again");
}

#[tokio::test]
async fn d7_a_call_with_a_newer_budget_brings_it_along_and_one_with_an_older_changes_nothing() {
    let (_, store, ledger) = Moody::ledger();
    // Each of another key, which has been lent nothing yet.
    let under = async |call: &str, worst: &str, max: &str, version| {
        let trial = Trial::new(call, worst);
        let held = trial.reserve_under(&store.ledger(), &key(call, None), &[team(max, version)], store.now()).await;
        if let Ok(held) = &held {
            ledger.release(held, &record(&held.call, Usd::ZERO)).await.unwrap();
        }
        held.is_ok()
    };
    assert!(under("v_1", "1", "1", 2).await);
    assert!(under("v_2", "3", "3", 3).await, "raised");
    assert!(!under("v_3", "1", "0.5", 4).await, "cut");
    assert!(under("v_4", "0.5", "0.5", 4).await);
    assert!(!under("v_5", "1", "3", 3).await, "an instance that has not heard of it");
    assert!(!under("v_6", "1", "9", 4).await, "of the same version there is one budget");
    assert!(under("v_7", "0.5", "0.5", 5).await, "a newer version that changes something else");
}

#[tokio::test(start_paused = true)]
async fn d7_a_stale_change_of_a_budget_changes_nothing_and_one_that_was_overtaken_is_made_again() {
    let (moody, store, ledger) = Moody::ledger();
    let opened = async || ledger.is_open(&team("1", 1), store.now()).await.unwrap();
    assert!(!opened().await);
    ledger.change_budget(&team("3", 3), Usd::ZERO, store.now()).await.unwrap();
    assert!(opened().await);
    ledger.change_budget(&team("2", 2), Usd::ZERO, store.now()).await.unwrap();
    assert_eq!(available(&store, &team("3", 3)).await, usd("3"));
    moody.next(1, Verb::Update, Mood::Refuses(TableError::ConditionFailed { old: None }));
    ledger.change_budget(&team("5", 5), Usd::ZERO, store.now()).await.unwrap();
    assert_eq!(available(&store, &team("5", 5)).await, usd("5"));
    moody.next(EVER, Verb::Update, Mood::Refuses(TableError::ConditionFailed { old: None }));
    assert!(ledger.change_budget(&team("6", 6), Usd::ZERO, store.now()).await.is_err());
    assert_eq!(available(&store, &team("5", 5)).await, usd("5"));
}

#[tokio::test]
async fn a_new_key_is_lent_a_sixteenth_of_its_own_and_little_of_a_shared_budget() {
    for (own, shared, each) in [("16", "1000000", "0.25"), ("1000000", "1024", "0.25")] {
        let (_, store, ledger) = Moody::ledger();
        let mut key = key("lent", Some(own));
        key.lanes = 4;
        let bounds: Vec<Bound> = key.bounds().into_iter().chain([team(shared, 1)]).collect();
        ledger.open_key(&key, &bounds, store.now()).await.unwrap();
        for number in 0..4 {
            let lane = lane(&store, &key, number).await;
            let money = lane.iter().filter(|(name, _)| name.starts_with("a:")).filter_map(|(name, _)| lane.money(name));
            let free: Vec<Usd> = money.collect();
            assert_eq!(free, [usd(each)], "lane {number}");
        }
        for (bound, max) in bounds.iter().zip([own, shared]) {
            assert_eq!(available(&store, bound).await, usd(max).saturating_sub(usd("1")));
        }
    }
}

#[tokio::test]
async fn u5_a_refused_call_asks_the_table_a_few_times_and_the_same_again_not_at_all() {
    let (moody, store, ledger) = Moody::ledger();
    let (one, other) = (key("asks_1", None), key("asks_2", None));
    let bounds = [team("1", 1)];
    for key in [&one, &other] {
        let trial = Trial::new(format!("held_{}", key.id), "0.3");
        assert!(trial.reserve_under(&ledger, key, &bounds, store.now()).await.is_ok());
    }
    let refused = async |call: &str| {
        let before = moody.requests();
        let refused = Trial::new(call, "0.5").reserve_under(&ledger, &one, &bounds, store.now()).await;
        assert!(matches!(refused, Err(Refusal::BudgetSpent { .. })), "{refused:?}");
        moody.requests() - before
    };
    assert_eq!(refused("asks_3").await, 4, "the lane, the scope, its loans, the other lane");
    assert_eq!(refused("asks_4").await, 0);
    store.clock.advance_millis(250);
    assert_eq!(refused("asks_5").await, 4);
}

#[tokio::test]
async fn m5_what_is_asked_for_decides_the_state_and_the_reservation_decides_the_call() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("states", Some("1"));
    let held = Trial::new("states", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    let said = CallRecord { state: State::Expired, ..record(&"another".into(), usd("0.1")) };
    assert_eq!(ledger.settle(&held, &said).await.unwrap().state, State::Settled);
    let calls = Calls::new(store.table.clone(), store.names.clone());
    assert!(calls.get(&held.call).await.unwrap().is_some() && calls.get(&said.call).await.unwrap().is_none());
}

#[tokio::test]
async fn u5_a_settlement_that_is_repeated_asks_for_the_record_and_the_hold_and_nothing_more() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("repeated", Some("1"));
    let held = Trial::new("repeated", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    let said = record(&held.call, usd("0.1"));
    ledger.settle(&held, &said).await.unwrap();
    let before = moody.requests();
    ledger.settle(&held, &said).await.unwrap();
    assert_eq!(moody.requests() - before, 2);
}

#[tokio::test]
async fn m5_a_late_settlement_keeps_what_was_held_and_first_charged_also_where_it_knows_of_less() {
    let (_, store, ledger) = Moody::ledger();
    let key = key("less", Some("1"));
    let held = Trial::new("less", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    assert!(ledger.top_up(&held, &key, &key.bounds(), usd("0.3")).await.is_ok());
    store.clock.advance_millis(62_000);
    assert_eq!(ledger.sweep(store.now()).await.unwrap().expired, 1);
    let settled = ledger.settle(&held, &record(&held.call, usd("0.25"))).await.unwrap();
    assert_eq!((settled.state, settled.cost, settled.first), (State::Settled, usd("0.25"), false));
    let item = Calls::new(store.table.clone(), store.names.clone()).get(&held.call).await.unwrap().unwrap();
    assert_eq!((item.held, item.first_cost, item.record.cost), (usd("0.4"), held.ambiguous, usd("0.25")));
}

#[tokio::test(start_paused = true)]
async fn m5_of_two_late_settlements_at_once_one_corrects_and_both_say_so() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("two_late", Some("1"));
    let held = Trial::new("two_late", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    store.clock.advance_millis(62_000);
    ledger.sweep(store.now()).await.unwrap();
    moody.next(1, Verb::Transact, Mood::Waits);
    let other = async {
        moody.arrived.notified().await;
        let settled = store.ledger().settle(&held, &record(&held.call, usd("0.07"))).await;
        moody.go.notify_one();
        settled
    };
    let said = record(&held.call, usd("0.09"));
    let (late, corrected) = tokio::join!(ledger.settle(&held, &said), other);
    assert_eq!((late.unwrap().cost, corrected.unwrap().cost), (usd("0.07"), usd("0.07")));
    assert_eq!(ledger.spend(&key, store.now()).await.unwrap().settled, usd("0.07"));
}

#[tokio::test(start_paused = true)]
async fn d3_an_admission_in_conflict_looks_at_its_lane_and_asks_it_once_more() {
    let (moody, store, ledger) = Moody::ledger();
    let key = key("conflict", Some("100"));
    let first = Trial::new("conflict_1", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
    let before = moody.requests();
    moody.next(1, Verb::Update, Mood::Refuses(TableError::Conflict));
    let second = Trial::new("conflict_2", "0.01").reserve(&ledger, &key, store.now()).await.unwrap();
    assert_eq!((moody.requests() - before, second.lane), (3, first.lane));
}

#[tokio::test]
async fn m6_a_lease_of_a_second_is_the_shortest_that_is_admitted() {
    for (millis, admitted) in [(999, false), (1_000, true)] {
        let (_, store, ledger) = Moody::ledger();
        let (key, trial) = (key("short", Some("1")), Trial::new("short", "0.1"));
        let ask = Ask {
            call: &trial.call,
            key: &key,
            bounds: &key.bounds(),
            worst_case: trial.worst,
            ambiguous: trial.ambiguous,
            now: store.now(),
            lease_until: store.now().plus_millis(millis),
        };
        assert_eq!(ledger.reserve(&ask).await.is_ok(), admitted, "{millis} ms");
    }
}

/// Calls that were settled and not yet freed, and what freeing them all leaves in the lane.
#[tokio::test]
async fn m15_what_a_batch_frees_comes_back_to_the_lane_and_ends_what_was_refused() {
    for budget in [Some("100"), None] {
        let (_, store, ledger) = Moody::ledger();
        let (outbox, mut stream) = tokio::sync::mpsc::unbounded_channel();
        let ledger = ledger.freeing_later().with_outbox(outbox);
        let key = key("batch", budget);
        ledger.open_key(&key, &key.bounds(), store.now()).await.unwrap();
        let money = async || -> Vec<(String, Usd)> {
            let mut all = Vec::new();
            for number in 0..8 {
                let lane = lane(&store, &key, number).await;
                let names = lane.iter().filter(|(name, _)| name.starts_with("a:"));
                all.extend(names.filter_map(|(name, _)| Some((name.to_owned(), lane.money(name)?))));
            }
            all
        };
        let before = money().await;
        for n in 0..5 {
            let held = Trial::new(format!("batch_{n}"), "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
            ledger.settle(&held, &record(&held.call, usd("0.02"))).await.unwrap();
        }
        let images: Vec<_> = std::iter::from_fn(|| stream.try_recv().ok()).collect();
        assert_eq!(ledger.free_settled(&images).await.unwrap(), 5);
        let spent: Vec<_> = before.into_iter().map(|(name, free)| (name, free.saturating_sub(usd("0.1")))).collect();
        assert_eq!(money().await, spent);
    }
}

#[tokio::test]
async fn u5_a_refusal_stands_until_something_was_freed() {
    let (moody, store, ledger) = Moody::ledger();
    let (outbox, mut stream) = tokio::sync::mpsc::unbounded_channel();
    let ledger = ledger.freeing_later().with_outbox(outbox);
    let key = key("stands", Some("1"));
    let held = Trial::new("stands_1", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    let waits = Reservation { may_wait: true, ..held };
    ledger.settle(&waits, &record(&waits.call, usd("0.02"))).await.unwrap();
    let images: Vec<_> = std::iter::from_fn(|| stream.try_recv().ok()).collect();
    let refused = async || {
        let before = moody.requests();
        let refused = Trial::new("stands_2", "0.95").reserve(&ledger, &key, store.now()).await.is_err();
        (refused, moody.requests() - before)
    };
    assert!(refused().await.0);
    let mut other = images.clone();
    other.iter_mut().for_each(|image| image.new.record.call = "unknown".into());
    assert_eq!(ledger.free_settled(&other).await.unwrap(), 0);
    assert_eq!(refused().await, (true, 0), "nothing was freed");
    assert_eq!(ledger.free_settled(&images).await.unwrap(), 1);
    assert!(!refused().await.0);
}

#[tokio::test]
async fn m16_where_no_zone_is_known_a_day_is_closed_when_it_is_over_everywhere() {
    let (_, store, ledger) = Moody::ledger();
    let ledger = Arc::new(ledger.in_any_zone());
    let mut key = key("anywhere", Some("1"));
    key.limits.budget_period = Period::Daily;
    let held = Trial::new("anywhere", "0.1").reserve(&ledger, &key, store.now()).await.unwrap();
    ledger.settle(&held, &record(&held.call, usd("0.1"))).await.unwrap();
    let closed = async |secs: u64| {
        store.clock.advance_millis(secs * 1_000);
        ledger.sweep(store.now()).await.unwrap().closed
    };
    // It is noon; midnight is twelve hours off, and the last of it twelve more.
    assert_eq!(closed(24 * 3_600 + 299).await, 0);
    assert_eq!(closed(1).await, 1);
}

/// What is left of a day that was closed so many hours after its end.
async fn closed_after(hours: u64) -> (Store, VirtualKey, Vec<Bound>, String) {
    let (_, store, ledger) = Moody::ledger();
    let mut key = key("closed", Some("1"));
    key.limits.budget_period = Period::Daily;
    let bounds: Vec<Bound> = key.bounds().into_iter().chain([team("5", 1)]).collect();
    let spend = async |call: &str| {
        let held = Trial::new(call, "0.1").reserve_under(&ledger, &key, &bounds, store.now()).await.unwrap();
        ledger.settle(&held, &record(&held.call, usd("0.1"))).await.unwrap();
        held.window
    };
    let window = spend("closed_1").await;
    store.clock.advance_millis((12 + hours) * 3_600_000);
    spend("closed_2").await;
    (store, key, bounds, window)
}

#[tokio::test]
async fn m16_what_a_closed_day_cost_is_known_for_two_days_more() {
    for (hours, known) in [(47, true), (48, false)] {
        let (store, key, ..) = closed_after(hours).await;
        assert_eq!(lane(&store, &key, 0).await.money("k:2026-11-21"), known.then(|| usd("0.1")), "{hours} h");
    }
}

#[tokio::test]
async fn z1_what_a_closed_window_leaves_behind_is_swept_away_in_its_time() {
    let (store, key, bounds, window) = closed_after(1).await;
    let own = format!("SCOPE#{}#2026-11-21", bounds[0].scope);
    let (now, end) = (store.now().secs(), store.now().secs() - 3_600);
    assert_eq!(item(&store, own.clone(), "SCOPE").await.count("ttl"), Some(end + 400 * 86_400));
    let total = item(&store, format!("SCOPE#{}#total", bounds[1].scope), "SCOPE").await;
    assert_eq!(total.count("ttl"), None);
    let loan = item(&store, own, &format!("L#{}#0#{window}", key.id)).await;
    assert_eq!(loan.count("ttl"), Some(now));
    let chain = item(&store, format!("LANE#{}#0", key.id), &format!("W#{window}")).await;
    assert_eq!(chain.count("ttl"), Some(now + 30 * 86_400));
}
