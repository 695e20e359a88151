//! Whose idle money comes back, how much of it, and how often anybody looks for it: counted on a table in memory.

use crate::{
    harness::{Store, Trial, key, record, usd},
    moody::{Mood, Moody, Verb},
};
use domain::{
    Timestamp, Usd,
    call::Reservation,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use stores::{
    TableError,
    ledger::{Ledger, Refusal},
    table::{Get, Item, Key},
};

fn team(mode: BudgetMode) -> [Bound; 1] {
    let budget = Budget { max: usd("1"), period: Period::Total };
    [Bound { scope: ScopeId::new(ScopeKind::Team, "recalls"), budget, mode, version: 1 }]
}

async fn hold(
    store: &Store,
    ledger: &Ledger,
    who: &str,
    worst: &str,
    bounds: &[Bound],
) -> Result<Reservation, Refusal> {
    let trial = Trial::new(format!("{who}_{}_{worst}", store.now().millis()), worst);
    trial.reserve_under(ledger, &key(who, None), bounds, store.now()).await
}

/// So much lies idle in the lane of this key.
async fn idle(store: &Store, ledger: &Ledger, who: &str, amount: &str, bounds: &[Bound]) {
    let held = hold(store, ledger, who, amount, bounds).await.unwrap();
    ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
}

async fn item(store: &Store, pk: String, sk: &str) -> Item {
    let get = Get::consistent(&store.names.quotas, Key::new(pk, sk));
    store.table.get(&get).await.unwrap().unwrap_or_default()
}

/// What lies idle in the lanes of these keys, all windows together.
async fn left<const N: usize>(store: &Store, keys: [&str; N]) -> [Usd; N] {
    let mut sums = [Usd::ZERO; N];
    for (sum, who) in sums.iter_mut().zip(keys) {
        let lane = item(store, format!("LANE#key_{who}#0"), "LANE").await;
        let free = lane.iter().filter(|(name, _)| name.starts_with("a:")).filter_map(|(name, _)| lane.money(name));
        *sum = free.sum();
    }
    sums
}

async fn search_after(store: &Store) -> Option<Timestamp> {
    item(store, "SCOPE#team#recalls#total".to_owned(), "SCOPE").await.moment("sa")
}

#[tokio::test]
async fn m2_no_more_comes_back_than_is_missing_or_half_of_what_a_lane_does_not_need() {
    for (wanted, stays, moves) in [("0.35", "0.65", "0"), ("0.14", "0.75", "0.11")] {
        let (_, store, ledger) = Moody::ledger();
        let bounds = team(BudgetMode::Strict);
        for who in ["a", "b", "c"] {
            idle(&store, &ledger, who, "0.3", &bounds).await;
        }
        assert!(hold(&store, &ledger, "d", wanted, &bounds).await.is_ok());
        let all = left(&store, ["a", "b", "c"]).await;
        assert_eq!(all.into_iter().sum::<Usd>(), usd(stays), "{wanted}");
        assert_eq!(all.iter().filter(|free| **free == usd("0.3")).count(), 2, "one lane is enough: {all:?}");
        let scope = item(&store, "SCOPE#team#recalls#total".to_owned(), "SCOPE").await;
        assert_eq!(scope.money("av"), Some(usd(moves)), "{wanted}");
    }
}

#[tokio::test]
async fn m2_what_is_of_no_use_stays_where_it_is_and_serves_smaller_calls() {
    let (moody, store, ledger) = Moody::ledger();
    let bounds = team(BudgetMode::Strict);
    let held = hold(&store, &ledger, "a", "0.5", &bounds).await.unwrap();
    for who in ["b", "c"] {
        idle(&store, &ledger, who, "0.25", &bounds).await;
    }
    let before = moody.requests();
    assert!(hold(&store, &ledger, "d", "0.6", &bounds).await.is_err());
    assert_eq!(moody.requests() - before, 6, "its lane, the scope, its loans, three lanes");
    assert_eq!(left(&store, ["b", "c"]).await, [usd("0.25"); 2]);
    ledger.settle(&held, &record(&held.call, usd("0.5"))).await.unwrap();
}

#[tokio::test]
async fn m2_last_one_takes_all_that_lies_idle_and_goes_beyond_by_the_rest() {
    let (moody, store, ledger) = Moody::ledger();
    let bounds = team(BudgetMode::LastOne);
    assert!(hold(&store, &ledger, "a", "0.5", &bounds).await.is_ok());
    idle(&store, &ledger, "b", "0.5", &bounds).await;
    let before = moody.requests();
    assert!(hold(&store, &ledger, "d", "0.6", &bounds).await.is_ok());
    // Its lane, the scope, its loans, two lanes, what one gives back, the scope, the loan, the row to sweep by.
    assert_eq!(moody.requests() - before, 9);
    assert_eq!(left(&store, ["b"]).await, [Usd::ZERO]);
    assert!(hold(&store, &ledger, "e", "0.01", &bounds).await.is_err());
}

#[tokio::test]
async fn m15_who_was_lent_nothing_yet_gets_what_comes_back_by_way_of_the_scope() {
    let (moody, store, ledger) = Moody::ledger();
    let bounds = team(BudgetMode::Strict);
    idle(&store, &ledger, "a", "1", &bounds).await;
    let before = moody.requests();
    assert!(hold(&store, &ledger, "b", "0.4", &bounds).await.is_ok());
    // The lane, the scope, its loans, the other lane, what it gives back, the scope again, the loan, the row to sweep by.
    assert_eq!(moody.requests() - before, 8);
}

#[tokio::test]
async fn m15_in_one_window_money_moves_from_lane_to_lane_past_the_scope() {
    let (moody, store, ledger) = Moody::ledger();
    let bounds = team(BudgetMode::Strict);
    idle(&store, &ledger, "a", "0.1", &bounds).await;
    idle(&store, &ledger, "b", "0.9", &bounds).await;
    let before = moody.requests();
    assert!(hold(&store, &ledger, "a", "0.5", &bounds).await.is_ok());
    // The lane, the scope, its loans, the other lane, the move, a look at the lane, and the lane again.
    assert_eq!(moody.requests() - before, 7);
    assert_eq!(left(&store, ["a", "b"]).await, [usd("0.05"), usd("0.45")], "half of it");
}

#[tokio::test]
async fn m16_money_of_a_day_that_is_over_comes_back_for_the_month_also_from_a_lane_with_two_days() {
    let (_, store, ledger) = Moody::ledger();
    let mut own = key("days", Some("1"));
    own.limits.budget_period = Period::Daily;
    let [month] = team(BudgetMode::Strict);
    let bounds: Vec<Bound> = own.bounds().into_iter().chain([month.clone()]).collect();
    for (n, ahead) in [(0, 43_200_000), (1, 0)] {
        let trial = Trial::new(format!("days_{n}"), "0.4");
        let held = trial.reserve_under(&ledger, &own, &bounds, store.now()).await.unwrap();
        ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        store.clock.advance_millis(ahead);
    }
    assert_eq!(left(&store, ["days"]).await, [usd("0.8")], "two days, none of them closed yet");
    assert!(hold(&store, &ledger, "rest", "1", &[month]).await.is_ok());
    assert_eq!(left(&store, ["days"]).await, [Usd::ZERO]);
}

#[tokio::test(start_paused = true)]
async fn d3_who_meets_others_at_a_lane_looks_three_times_and_not_for_ever() {
    for (conflicts, admitted, met) in [(1, true, 1), (2, true, 2), (60, false, 3)] {
        for tops_up in [false, true] {
            let (moody, store, ledger) = Moody::ledger();
            let bounds = team(BudgetMode::Strict);
            let held = hold(&store, &ledger, "a", "0.1", &bounds).await.unwrap();
            idle(&store, &ledger, "b", "0.9", &bounds).await;
            moody.next(conflicts, Verb::Transact, Mood::Refuses(TableError::Conflict));
            let outcome = match tops_up {
                true => ledger.top_up(&held, &key("a", None), &bounds, usd("0.5")).await,
                false => hold(&store, &ledger, "a", "0.5", &bounds).await,
            };
            assert_eq!((outcome.is_ok(), conflicts - moody.left()), (admitted, met), "top-up: {tops_up}");
        }
    }
}

/// So many keys hold a twentieth each; what a refusal then asks.
async fn crowd(keys: usize) -> (std::sync::Arc<Moody>, Store, Ledger, [Bound; 1]) {
    let (moody, store, ledger) = Moody::ledger();
    let mut bounds = team(BudgetMode::Strict);
    bounds[0].budget.max = Usd::from_pico(usd("0.05").pico() * keys as i128);
    for n in 0..keys {
        assert!(hold(&store, &ledger, &format!("crowd_{n}"), "0.05", &bounds).await.is_ok());
    }
    (moody, store, ledger, bounds)
}

#[tokio::test]
async fn u5_many_lanes_are_searched_by_one_for_all_and_after_a_search_in_vain_by_nobody_for_a_while() {
    let (moody, store, ledger, bounds) = crowd(17).await;
    let refused = async |ledger: &Ledger| {
        let before = moody.requests();
        assert!(hold(&store, ledger, "one_more", "0.5", &bounds).await.is_err());
        moody.requests() - before
    };
    let another = || Ledger::new(moody.clone(), store.names.clone(), store.clock.clone());
    assert_eq!(refused(&ledger).await, 21, "its lane, the scope, its loans, seventeen lanes, and that it was in vain");
    assert_eq!(search_after(&store).await, Some(store.now().plus_millis(250)));
    assert_eq!(refused(&another()).await, 2);
    store.clock.advance_millis(249);
    assert_eq!(refused(&another()).await, 2);
    store.clock.advance_millis(1);
    assert_eq!(refused(&another()).await, 22, "and that it searches");
}

#[tokio::test]
async fn u5_a_few_lanes_are_searched_by_everybody() {
    let (moody, store, ledger, bounds) = crowd(16).await;
    assert!(hold(&store, &ledger, "one_more", "0.5", &bounds).await.is_err());
    assert_eq!(search_after(&store).await, None);
    let before = moody.requests();
    assert!(
        hold(&store, &Ledger::new(moody.clone(), store.names.clone(), store.clock.clone()), "other", "0.5", &bounds)
            .await
            .is_err()
    );
    assert_eq!(moody.requests() - before, 19);
}

#[tokio::test]
async fn u5_after_a_search_that_found_something_or_met_others_the_next_may_come_soon() {
    for contended in [false, true] {
        let (moody, store, ledger, bounds) = crowd(17).await;
        // What the sixth of them holds comes free.
        let trial = Trial::new(format!("crowd_5_{}_0.05", store.now().millis()), "0.05");
        let held = trial.reserve_under(&ledger, &key("crowd_5", None), &bounds, store.now()).await.unwrap();
        ledger.release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        if contended {
            moody.next(1, Verb::Transact, Mood::Refuses(TableError::Conflict));
        }
        // No time passes here: who met others is refused before the next may search.
        assert_eq!(hold(&store, &ledger, "one_more", "0.04", &bounds).await.is_ok(), !contended);
        assert_eq!(search_after(&store).await, Some(store.now().plus_millis(25)), "contended: {contended}");
    }
}
