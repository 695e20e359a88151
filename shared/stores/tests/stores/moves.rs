//! Moves: a further attempt goes where other budgets bear it, and the hold goes with it [M9].

use crate::{
    harness::{Store, Trial, key, record, usd},
    on_every_ledger,
};
use domain::{
    Usd,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use std::sync::Arc;
use stores::{
    ledger::{Ledger, Refusal, Spend},
    table::{Get, Key},
};
use tokio::sync::mpsc::unbounded_channel;

on_every_ledger! {
    m9_a_hold_moves_to_the_budget_of_another_provider_and_gives_the_first_its_money_back,
    m9_a_lane_that_has_money_of_both_moves_in_one_write,
    m9_a_move_takes_no_more_of_a_shared_budget_than_the_call_holds_already,
    m9_a_move_that_the_other_budget_cannot_bear_leaves_the_hold_where_it_is,
    m9_a_hold_moves_away_from_all_budgets_and_back,
    m8_moving_again_finds_the_moved_hold_and_the_first_reservation_still_ends_it,
    m2_many_moves_at_once_hold_what_the_budget_bears,
    m2_last_one_moves_one_call_beyond,
    m6_a_moved_hold_that_nobody_ends_is_charged_where_it_lies,
    m6_a_late_settlement_of_a_moved_hold_corrects_it_once,
    m15_a_moved_hold_is_freed_from_the_stream,
    m16_a_hold_moves_within_the_windows_it_was_made_in,
}

fn provider(name: &str, max: &str) -> Bound {
    let budget = Budget { max: usd(max), period: Period::Total };
    Bound { scope: ScopeId::new(ScopeKind::Provider, name), budget, mode: BudgetMode::Strict, version: 1 }
}

/// A key, and what bears its calls to two providers.
struct Routes {
    key: VirtualKey,
    first: Vec<Bound>,
    second: Vec<Bound>,
}

impl Routes {
    fn of(name: &str, own: Option<&str>, first: &str, second: &str) -> Self {
        let key = key(name, own);
        let with = |provider: Bound| key.bounds().into_iter().chain([provider]).collect();
        let first = with(provider(&format!("{name}_one"), first));
        let second = with(provider(&format!("{name}_two"), second));
        Self { key, first, second }
    }

    /// What the two providers were charged, and what calls hold of them.
    async fn spent(&self, ledger: &Ledger, store: &Store) -> [Spend; 2] {
        let one = ledger.spend_of(self.first.last().unwrap(), store.now()).await.unwrap();
        [one, ledger.spend_of(self.second.last().unwrap(), store.now()).await.unwrap()]
    }
}

fn spend(settled: &str, reserved: &str) -> Spend {
    Spend { settled: usd(settled), reserved: usd(reserved) }
}

async fn m9_a_hold_moves_to_the_budget_of_another_provider_and_gives_the_first_its_money_back(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("moves", Some("5"), "1", "1"));
    let trial = Trial::new("moves_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let moved = ledger.top_up(&held, &routes.key, &routes.second, usd("0.1")).await.unwrap();
    assert_eq!((moved.worst_case, &moved.lane), (usd("0.7"), &held.lane));
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0.7")]);
    let other = Trial::new("moves_2", "1");
    let other = other.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    ledger.release(&other, &record(&other.call, Usd::ZERO)).await.unwrap();
    ledger.settle(&moved, &record(&moved.call, usd("0.2"))).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0.2", "0")]);
    assert_eq!(ledger.spend(&routes.key, store.now()).await.unwrap(), spend("0.2", "0"));
}

async fn m9_a_lane_that_has_money_of_both_moves_in_one_write(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("rich", Some("1000"), "1000", "1000"));
    for (n, bounds) in [&routes.first, &routes.second].into_iter().enumerate() {
        let first = Trial::new(format!("rich_{n}"), "0.01");
        let first = first.reserve_under(&ledger, &routes.key, bounds, store.now()).await.unwrap();
        ledger.release(&first, &record(&first.call, Usd::ZERO)).await.unwrap();
    }
    let counted = Arc::new(crate::chaos::Counted::new(store.table.clone()));
    let watched = Ledger::new(counted.clone(), store.names.clone(), store.clock.clone());
    let trial = Trial::new("rich_2", "0.01");
    let held = trial.reserve_under(&watched, &routes.key, &routes.first, store.now()).await.unwrap();
    // Once it has told what is left, an instance knows it for a while.
    let there = watched.top_up(&held, &routes.key, &routes.second, Usd::ZERO).await.unwrap();
    let back = watched.top_up(&there, &routes.key, &routes.first, Usd::ZERO).await.unwrap();
    let before = counted.count();
    let there = watched.top_up(&back, &routes.key, &routes.second, Usd::ZERO).await.unwrap();
    assert_eq!(counted.count() - before, 1);
    assert_eq!(watched.top_up(&there, &routes.key, &routes.second, Usd::ZERO).await.unwrap(), there);
    assert_eq!(counted.count() - before, 1, "it is there already");
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0.01")]);
}

async fn m9_a_move_takes_no_more_of_a_shared_budget_than_the_call_holds_already(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("shared", Some("1"), "5", "5"));
    let trial = Trial::new("shared_1", "0.9");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let refused = ledger.top_up(&held, &routes.key, &routes.second, usd("0.11")).await;
    assert!(matches!(refused, Err(Refusal::BudgetSpent { scope: ScopeKind::Key, .. })), "{refused:?}");
    let moved = ledger.top_up(&held, &routes.key, &routes.second, usd("0.1")).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "1")]);
    ledger.settle(&moved, &record(&moved.call, usd("0.4"))).await.unwrap();
    let rest = Trial::new("shared_2", "0.6");
    assert!(rest.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.is_ok());
}

async fn m9_a_move_that_the_other_budget_cannot_bear_leaves_the_hold_where_it_is(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("poor", Some("5"), "1", "0.5"));
    let trial = Trial::new("poor_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let refused = ledger.top_up(&held, &routes.key, &routes.second, Usd::ZERO).await;
    let Err(Refusal::BudgetSpent { scope: ScopeKind::Provider, remaining, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(remaining, usd("0.5"));
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0.6"), spend("0", "0")]);
    ledger.settle(&held, &record(&held.call, usd("0.3"))).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0.3", "0"), spend("0", "0")]);
}

async fn m9_a_hold_moves_away_from_all_budgets_and_back(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("away", None, "1", "1"));
    let trial = Trial::new("away_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let free = ledger.top_up(&held, &routes.key, &[], Usd::ZERO).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0")]);
    assert_eq!(ledger.spend(&routes.key, store.now()).await.unwrap().reserved, usd("0.6"));
    let back = ledger.top_up(&free, &routes.key, &routes.second, Usd::ZERO).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0.6")]);
    let free = ledger.top_up(&back, &routes.key, &[], Usd::ZERO).await.unwrap();
    ledger.settle(&free, &record(&free.call, usd("0.4"))).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0")]);
    assert_eq!(ledger.spend(&routes.key, store.now()).await.unwrap(), spend("0.4", "0"));
}

async fn m8_moving_again_finds_the_moved_hold_and_the_first_reservation_still_ends_it(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("again", Some("5"), "1", "1"));
    let trial = Trial::new("again_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let moved = ledger.top_up(&held, &routes.key, &routes.second, usd("0.2")).await.unwrap();
    let again = store.ledger().top_up(&held, &routes.key, &routes.second, usd("0.2")).await.unwrap();
    assert_eq!((&again.window, again.worst_case), (&moved.window, usd("0.8")));
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0.8")]);
    // Whoever lost the answer of the move knows of the first hold only; what is held decides.
    ledger.settle(&held, &record(&held.call, usd("0.5"))).await.unwrap();
    ledger.settle(&moved, &record(&moved.call, usd("0.7"))).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0.5", "0")]);
}

async fn m2_many_moves_at_once_hold_what_the_budget_bears(store: &Store) {
    let ledger = Arc::new(store.ledger());
    let mut routes = Routes::of("rush", Some("100"), "100", "0.5");
    routes.key.lanes = 3;
    let routes = Arc::new(routes);
    let mut running = tokio::task::JoinSet::new();
    for n in 0..16 {
        let (ledger, routes, now) = (ledger.clone(), routes.clone(), store.now());
        running.spawn(async move {
            let trial = Trial::new(format!("rush_{n}"), "0.1");
            let held = trial.reserve_under(&ledger, &routes.key, &routes.first, now).await.unwrap();
            let moved = ledger.top_up(&held, &routes.key, &routes.second, Usd::ZERO).await;
            (held, moved)
        });
    }
    let (mut moved, mut refused) = (0, 0);
    while let Some(outcome) = running.join_next().await {
        match outcome.unwrap() {
            (_, Ok(_)) => moved += 1,
            (_, Err(Refusal::BudgetSpent { scope: ScopeKind::Provider, .. })) => refused += 1,
            (_, Err(other)) => panic!("{other}"),
        }
    }
    assert_eq!((moved, refused), (5, 11));
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "1.1"), spend("0", "0.5")]);
}

async fn m2_last_one_moves_one_call_beyond(store: &Store) {
    let (ledger, mut routes) = (store.ledger(), Routes::of("beyond", Some("1"), "5", "0.5"));
    routes.key.limits.budget_mode = BudgetMode::LastOne;
    for bounds in [&mut routes.first, &mut routes.second] {
        bounds.iter_mut().for_each(|bound| bound.mode = BudgetMode::LastOne);
    }
    for n in 0..2 {
        let trial = Trial::new(format!("beyond_{n}"), "0.7");
        let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
        let moved = ledger.top_up(&held, &routes.key, &routes.second, Usd::ZERO).await;
        match n {
            0 => assert!(moved.is_ok(), "{moved:?}"),
            _ => assert!(matches!(moved, Err(Refusal::BudgetSpent { scope: ScopeKind::Provider, .. })), "{moved:?}"),
        }
    }
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0.7"), spend("0", "0.7")]);
    let more = Trial::new("beyond_more", "0.000001");
    assert!(more.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.is_err());
}

async fn m6_a_moved_hold_that_nobody_ends_is_charged_where_it_lies(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("lost", Some("5"), "1", "1"));
    let trial = Trial::new("lost_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let _ = ledger.top_up(&held, &routes.key, &routes.second, Usd::ZERO).await.unwrap();
    store.clock.advance_millis(120_000);
    assert_eq!(ledger.sweep(store.now()).await.unwrap().expired, 1);
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0.12", "0")]);
}

async fn m6_a_late_settlement_of_a_moved_hold_corrects_it_once(store: &Store) {
    let (ledger, routes) = (store.ledger(), Routes::of("late", Some("5"), "1", "1"));
    let trial = Trial::new("late_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    let moved = ledger.top_up(&held, &routes.key, &routes.second, Usd::ZERO).await.unwrap();
    store.clock.advance_millis(120_000);
    ledger.sweep(store.now()).await.unwrap();
    for reservation in [&held, &moved, &held] {
        ledger.settle(reservation, &record(&reservation.call, usd("0.5"))).await.unwrap();
    }
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0.5", "0")]);
}

async fn m15_a_moved_hold_is_freed_from_the_stream(store: &Store) {
    let (outbox, mut stream) = unbounded_channel();
    let ledger = store.ledger().freeing_later().with_outbox(outbox);
    let routes = Routes::of("later", Some("500"), "500", "500");
    for n in 0..5 {
        let trial = Trial::new(format!("later_{n}"), "0.01");
        let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
        let bounds = if n % 2 == 0 { &routes.second } else { &routes.first };
        // The stream is told what was held first, as by a process that never heard of its move.
        let _ = ledger.top_up(&held, &routes.key, bounds, Usd::ZERO).await.unwrap();
        let waiting = domain::call::Reservation { may_wait: true, ..held };
        ledger.settle(&waiting, &record(&waiting.call, usd("0.002"))).await.unwrap();
    }
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0.02"), spend("0", "0.03")]);
    let images: Vec<_> = std::iter::from_fn(|| stream.try_recv().ok()).collect();
    assert_eq!(ledger.free_settled(&images).await.unwrap(), 5);
    assert_eq!(routes.spent(&ledger, store).await, [spend("0.004", "0"), spend("0.006", "0")]);
}

async fn m16_a_hold_moves_within_the_windows_it_was_made_in(store: &Store) {
    let (ledger, mut routes) = (store.ledger(), Routes::of("eve", Some("5"), "1", "1"));
    routes.key.limits.budget_period = Period::Daily;
    for bounds in [&mut routes.first, &mut routes.second] {
        bounds.iter_mut().for_each(|bound| bound.budget.period = Period::Daily);
    }
    let yesterday = store.now();
    store.clock.advance_millis(12 * 3_600_000 - 20_000);
    let trial = Trial::new("eve_1", "0.6");
    let held = trial.reserve_under(&ledger, &routes.key, &routes.first, store.now()).await.unwrap();
    store.clock.advance_millis(30_000);
    let moved = ledger.top_up(&held, &routes.key, &routes.second, usd("0.1")).await.unwrap();
    ledger.settle(&moved, &record(&moved.call, usd("0.2"))).await.unwrap();
    assert_eq!(routes.spent(&ledger, store).await, [spend("0", "0"), spend("0", "0")]);
    assert_eq!(ledger.spend_of(routes.second.last().unwrap(), yesterday).await.unwrap(), spend("0.2", "0"));
    store.clock.advance_millis(600_000);
    let mut closed = 0;
    // A lane that somebody is at work on is left to the next sweep.
    for _ in 0..20 {
        closed += ledger.sweep(store.now()).await.unwrap().closed;
    }
    assert_eq!(closed, 2);
    let scope = Key::new(format!("SCOPE#key#{}#2026-11-21", routes.key.id), "SCOPE");
    let scope = store.table.get(&Get::consistent(&store.names.quotas, scope)).await.unwrap().unwrap();
    assert_eq!((scope.money("av"), scope.money("sp")), (Some(usd("4.8")), Some(usd("0.2"))));
}
