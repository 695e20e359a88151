//! Rates, over several instances whose clocks differ, with answers lost, on a clock moved by hand.

use crate::{
    chaos::Counted,
    harness::{Store, start},
};
use domain::{
    CallId,
    limit::{Priority, Rate, ScopeId, ScopeKind},
    time::{Clock, HandClock},
};
use std::sync::Arc;
use stores::{
    chaos::Faults,
    limits::{Ask, Limiter, Over, Refused, Scoped, Taken},
    table::{Get, Key, Value},
};

fn rate(requests: Option<u64>, tokens: Option<u64>, parallel: Option<u32>) -> Rate {
    Rate { name: "all".to_owned(), requests, tokens, parallel }
}

fn scoped(kind: ScopeKind, id: &str, rate: Rate) -> Scoped {
    Scoped { scope: ScopeId::new(kind, id), rates: vec![rate], observe: false }
}

fn key(rate: Rate) -> Vec<Scoped> {
    vec![scoped(ScopeKind::Key, "key_a", rate)]
}

fn limiter(store: &Store) -> Limiter {
    Limiter::new(Arc::clone(&store.table), store.names.clone(), store.clock.clone())
}

async fn take(limiter: &Limiter, store: &Store, call: &str, scopes: &[Scoped], tokens: u64) -> Result<Taken, Refused> {
    take_as(limiter, store, call, scopes, tokens, Priority::Normal).await
}

async fn take_as(
    limiter: &Limiter,
    store: &Store,
    call: &str,
    scopes: &[Scoped],
    tokens: u64,
    priority: Priority,
) -> Result<Taken, Refused> {
    let call = CallId::from(call);
    let lease_until = store.now().plus_secs(600);
    limiter.take(&Ask { call: &call, scopes, tokens, priority, lease_until }).await
}

fn over(refused: Result<Taken, Refused>) -> (Over, Option<u64>, bool) {
    match refused {
        Err(Refused::Over { what, retry_after_ms, own, .. }) => (what, retry_after_ms, own),
        other => panic!("{other:?}"),
    }
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// The instances' clocks lie so far apart, in milliseconds.
const SPREAD: u64 = 200;

/// Every pair of admissions: what was used from one to the other fits into the rate of that time and one burst.
fn every_window_holds(admitted: &[(u64, u64)], per_minute: u64, burst: u64, what: &str) {
    for (first, (from, _)) in admitted.iter().enumerate() {
        let mut sum = 0;
        for (at, used) in &admitted[first..] {
            sum += used;
            let most = burst * 60_000 + (at - from + SPREAD) * per_minute;
            assert!(sum * 60_000 <= most, "{what}: {sum} in {} ms from {from}", at - from);
        }
    }
}

/// Requests and tokens a minute that one item keeps, and some that are spread over two.
const ONE_ITEM: (u64, u64) = (600, 60_000);
const TWO_ITEMS: (u64, u64) = (4_000, 400_000);

/// Random calls of four instances, of random size, length and use; both clocks are checked over every window.
async fn history(store: &Store, seed: u64, steps: u64, (requests_a_minute, most): (u64, u64)) -> (usize, usize) {
    let mut dice = Dice(seed);
    let skews = [0, 60, 130, SPREAD];
    let clocks = skews.map(|skew| Arc::new(HandClock::at(start().plus_millis(skew))));
    let instances = clocks.each_ref().map(|clock| {
        let clock: Arc<dyn Clock> = clock.clone();
        Limiter::new(Arc::clone(&store.table), store.names.clone(), clock)
    });
    let scopes = [
        scoped(ScopeKind::Key, "key_a", rate(Some(requests_a_minute), Some(most), None)),
        scoped(ScopeKind::Team, "t", rate(None, Some(most), Some(40))),
    ];
    let mut now = 0;
    let mut requests = Vec::new();
    let mut tokens: Vec<(u64, u64)> = Vec::new();
    let mut open: Vec<(usize, usize, Taken, u64)> = Vec::new();
    let mut refused = 0;
    for step in 0..steps {
        let pause = if dice.below(20) == 0 { dice.below(8_000) } else { dice.below(120) };
        now += pause;
        clocks.iter().for_each(|clock| clock.advance_millis(pause));
        if dice.below(3) == 0 && !open.is_empty() {
            let (instance, index, taken, used) = open.swap_remove(dice.below(open.len() as u64) as usize);
            tokens[index].1 = used;
            instances[instance].settle(&taken, used).await;
            continue;
        }
        let instance = dice.below(4) as usize;
        let asked = 1 + dice.below(most / 15);
        let call = CallId::from(format!("call_{step}"));
        let lease_until = start().plus_secs(36_000);
        let ask = Ask { call: &call, scopes: &scopes, tokens: asked, priority: Priority::Normal, lease_until };
        match instances[instance].take(&ask).await {
            Ok(taken) => {
                requests.push((now, 1));
                tokens.push((now, asked));
                // All of it or nearly nothing: what is given back late is what could let too much in.
                let used = if dice.below(2) == 0 { asked } else { dice.below(20).min(asked) };
                open.push((instance, tokens.len() - 1, taken, used));
            }
            Err(_) => refused += 1,
        }
    }
    every_window_holds(&requests, requests_a_minute, requests_a_minute / 6, "requests");
    every_window_holds(&tokens, most, most, "tokens");
    (requests.len(), refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m19_no_window_admits_more_than_rate_and_burst_whatever_instances_clocks_and_refunds_do() {
    for (seed, limits) in (0..6).flat_map(|seed| [(seed, ONE_ITEM), (seed, TWO_ITEMS)]) {
        let store = Store::direct().await.unwrap();
        let (admitted, refused) = history(&store, seed, 500, limits).await;
        assert!(admitted > 60 && refused > 20, "{admitted} admitted, {refused} refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m8_m19_lost_answers_let_nothing_more_in() {
    for (seed, limits) in [(0, ONE_ITEM), (1, ONE_ITEM), (2, ONE_ITEM), (3, TWO_ITEMS), (4, TWO_ITEMS)] {
        let faults = Faults { throttled: 20, lost_before: 50, lost_after: 100, ..Faults::default() };
        let store = Store::chaos(faults, seed).await;
        let (admitted, _) = history(&store, seed, 250, limits).await;
        assert!(admitted > 30, "{admitted}");
    }
}

#[tokio::test]
async fn m8_a_write_whose_answer_is_lost_takes_once() {
    let faults = Faults { lost_before: 150, lost_after: 150, ..Faults::default() };
    for limits in [rate(Some(600), None, None), rate(Some(600), Some(60_000), None), rate(Some(600), None, Some(100))] {
        let store = Store::chaos(faults, 3).await;
        let limiter = limiter(&store);
        let mut taken = 0;
        for call in 0..60 {
            taken += u64::from(take(&limiter, &store, &format!("call_{call}"), &key(limits.clone()), 10).await.is_ok());
        }
        let sixty = take(&limiter, &store, "last", &key(limits.clone()), 10).await.unwrap().standing;
        assert_eq!(sixty.requests.unwrap().remaining, 100 - taken - 1, "{limits:?}");
        if let Some(tokens) = sixty.tokens {
            assert_eq!(tokens.remaining, 60_000 - 10 * (taken + 1));
        }
    }
}

#[tokio::test]
async fn m19_the_same_call_takes_once_however_often_it_asks() {
    let store = Store::direct().await.unwrap();
    for limits in [rate(Some(60), None, None), rate(Some(60), Some(6_000), Some(2))] {
        let scopes = [scoped(ScopeKind::Team, &format!("{limits:?}"), limits.clone())];
        for instance in [limiter(&store), limiter(&store), limiter(&store)] {
            let standing = take(&instance, &store, "call_same", &scopes, 100).await.unwrap().standing;
            assert_eq!(standing.requests.unwrap().remaining, 9, "{limits:?}");
        }
    }
}

#[tokio::test]
async fn m19_retry_after_is_never_early_and_no_later_than_it_must_be() {
    let store = Store::direct().await.unwrap();
    let (one, other) = (limiter(&store), limiter(&store));
    let scopes = key(rate(Some(20), None, None));
    for call in 0..10 {
        let standing =
            take(&one, &store, &format!("call_{call}"), &scopes, 0).await.unwrap().standing.requests.unwrap();
        assert_eq!((standing.limit, standing.remaining, standing.reset_ms), (20, 9 - call, 3_000 * (call + 1)));
    }
    let (what, after, own) = over(take(&other, &store, "call_over", &scopes, 0).await);
    assert_eq!((what, after, own), (Over::Requests, Some(3_000), true));
    store.clock.advance_millis(2_999);
    assert_eq!(over(take(&limiter(&store), &store, "call_early", &scopes, 0).await).1, Some(1));
    store.clock.advance_millis(1);
    assert!(take(&one, &store, "call_then", &scopes, 0).await.is_ok());
}

#[tokio::test]
async fn m1_all_scopes_or_none() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    let both = [
        scoped(ScopeKind::Key, "key_a", rate(Some(60), Some(6_000), None)),
        scoped(ScopeKind::Team, "t", rate(None, None, Some(1))),
    ];
    let first = take(&limiter, &store, "call_1", &both, 100).await.unwrap();
    for call in 2..9 {
        let (what, _, own) = over(take(&limiter, &store, &format!("call_{call}"), &both, 100).await);
        assert_eq!((what, own), (Over::Parallel, false));
        store.clock.advance_millis(300);
    }
    limiter.settle(&first, 100).await;
    store.clock.advance_millis(60_000);
    let standing = take(&limiter, &store, "call_9", &both, 100).await.unwrap().standing;
    assert_eq!(standing.requests.unwrap().remaining, 9);
    assert_eq!(standing.tokens.unwrap().remaining, 5_900);
}

#[tokio::test]
async fn m19_tokens_not_used_are_given_back_as_far_as_they_lie_ahead() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    let scopes = key(rate(None, Some(6_000), None));
    let left = async |call: &str| {
        let taken = take(&limiter, &store, call, &scopes, 1).await.unwrap();
        limiter.settle(&taken, 0).await;
        taken.standing.tokens.unwrap().remaining
    };
    let call = take(&limiter, &store, "call_1", &scopes, 5_000).await.unwrap();
    assert_eq!(call.standing.tokens.unwrap().remaining, 1_000);
    assert_eq!(over(take(&limiter, &store, "call_2", &scopes, 1_001).await).0, Over::Tokens);
    limiter.settle(&call, 500).await;
    assert_eq!(left("call_3").await, 6_000 - 500 - 1);
    limiter.settle(&call, 0).await;
    assert_eq!(left("call_4").await, 6_000 - 500 - 1, "a second settlement gives nothing back");
    store.clock.advance_millis(60_000);
    let call = take(&limiter, &store, "call_5", &scopes, 6_000).await.unwrap();
    store.clock.advance_millis(20_000);
    limiter.settle(&call, 10).await;
    assert_eq!(left("call_6").await, 5_999, "what lies behind is used up, what lies ahead is free");
}

#[tokio::test]
async fn m19_what_lies_behind_is_not_given_back_at_the_cost_of_those_who_came_later() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    let scopes = key(rate(None, Some(6_000), None));
    let first = take(&limiter, &store, "call_1", &scopes, 3_000).await.unwrap();
    store.clock.advance_millis(25_000);
    let _second = take(&limiter, &store, "call_2", &scopes, 3_000).await.unwrap();
    store.clock.advance_millis(1_000);
    limiter.settle(&first, 0).await;
    let (_, after, _) = over(take(&limiter, &store, "call_3", &scopes, 3_001).await);
    assert_eq!(after, Some(10), "the second has its 30 seconds ahead of it, and the third needs 30.01 more");
    assert!(take(&limiter, &store, "call_4", &scopes, 3_000).await.is_ok());
}

#[tokio::test]
async fn m19_more_than_the_limit_gives_in_a_minute_never_passes() {
    let store = Store::direct().await.unwrap();
    let scopes = key(rate(None, Some(100), None));
    let refused = over(take(&limiter(&store), &store, "call_1", &scopes, 101).await);
    assert_eq!(refused, (Over::Tokens, None, true));
    assert!(take(&limiter(&store), &store, "call_1", &scopes, 100).await.is_ok());
}

#[tokio::test]
async fn m19_calls_in_flight_are_counted_across_instances_and_freed_by_their_end_or_lease() {
    let store = Store::direct().await.unwrap();
    let scopes = [scoped(ScopeKind::Team, "t", rate(None, None, Some(2)))];
    let (one, other) = (limiter(&store), limiter(&store));
    let first = take(&one, &store, "call_1", &scopes, 0).await.unwrap();
    let _crashed = take(&other, &store, "call_2", &scopes, 0).await.unwrap();
    assert_eq!(over(take(&one, &store, "call_3", &scopes, 0).await).0, Over::Parallel);
    assert_eq!(over(take(&other, &store, "call_3", &scopes, 0).await).0, Over::Parallel);
    one.settle(&first, 0).await;
    one.settle(&first, 0).await;
    let third = take(&one, &store, "call_3", &scopes, 0).await.unwrap();
    store.clock.advance_millis(300);
    assert_eq!(over(take(&other, &store, "call_4", &scopes, 0).await).0, Over::Parallel);
    store.clock.advance_millis(601_000);
    assert!(take(&other, &store, "call_5", &scopes, 0).await.is_ok(), "leases have passed");
    assert!(take(&other, &store, "call_6", &scopes, 0).await.is_ok());
    one.settle(&third, 0).await;
    assert_eq!(
        over(take(&other, &store, "call_7", &scopes, 0).await).0,
        Over::Parallel,
        "an end after the lease frees nothing"
    );
}

#[tokio::test]
async fn u5_a_storm_of_retries_costs_the_store_nothing() {
    let store = Store::direct().await.unwrap();
    let counted = Arc::new(Counted::new(Arc::clone(&store.table)));
    let limiter = Limiter::new(counted.clone(), store.names.clone(), store.clock.clone());
    let scopes = key(rate(Some(6), None, None));
    for call in 0..6 {
        assert!(take(&limiter, &store, &format!("call_{call}"), &scopes, 0).await.is_ok());
    }
    assert_eq!(counted.count(), 6);
    for call in 0..1_000 {
        let (_, after, _) = over(take(&limiter, &store, &format!("storm_{call}"), &scopes, 0).await);
        assert_eq!(after, Some(10_000));
    }
    assert_eq!(counted.count(), 7, "the first refusal asks the store, the others do not");
    store.clock.advance_millis(10_000);
    assert!(take(&limiter, &store, "call_after", &scopes, 0).await.is_ok());
}

#[tokio::test]
async fn an_observed_limit_counts_and_lets_through() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    let scopes = [Scoped { observe: true, ..scoped(ScopeKind::Team, "t", rate(Some(2), None, None)) }];
    let observed = async |call: &str| take(&limiter, &store, call, &scopes, 0).await.unwrap().observed;
    let seen = [observed("call_1").await, observed("call_2").await, observed("call_3").await, observed("call_4").await];
    assert_eq!(seen, [false, false, true, true]);
    store.clock.advance_millis(30_000);
    assert!(!observed("call_5").await && observed("call_6").await);
}

#[tokio::test]
async fn lower_classes_see_less_of_the_burst_while_higher_ones_are_about() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    for (class, alone, beside_high) in
        [(Priority::High, 100, 99), (Priority::Normal, 100, 79), (Priority::Low, 100, 49)]
    {
        for (high, most) in [(false, alone), (true, beside_high)] {
            let scopes = [scoped(ScopeKind::Team, &format!("{class:?}{high}"), rate(Some(600), None, None))];
            if high {
                assert!(take_as(&limiter, &store, "call_h", &scopes, 0, Priority::High).await.is_ok());
            }
            let mut passed = 0;
            while take_as(&limiter, &store, &format!("call_{passed}"), &scopes, 0, class).await.is_ok() {
                passed += 1;
            }
            assert_eq!(passed, most, "{class:?} beside high: {high}");
        }
    }
}

#[tokio::test]
async fn a_single_place_is_seen_by_every_class() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    let scopes = [scoped(ScopeKind::Team, "t", rate(None, None, Some(1)))];
    let first = take_as(&limiter, &store, "call_h", &scopes, 0, Priority::High).await.unwrap();
    limiter.settle(&first, 0).await;
    assert!(take_as(&limiter, &store, "call_l", &scopes, 0, Priority::Low).await.is_ok());
}

#[tokio::test]
async fn m7_a_store_that_is_gone_refuses_what_is_enforced_and_lets_through_what_is_observed() {
    let store = Store::chaos(Faults { lost_before: 1_000, ..Faults::default() }, 1).await;
    let limiter = limiter(&store);
    let enforced = key(rate(Some(5), None, None));
    assert_eq!(take(&limiter, &store, "call_1", &enforced, 0).await.err(), Some(Refused::Unavailable));
    let observed = [Scoped { observe: true, ..enforced[0].clone() }];
    assert!(take(&limiter, &store, "call_2", &observed, 0).await.is_ok());
}

/// Bytes of an item, as DynamoDB counts them, numbers at their largest.
async fn size(store: &Store, pk: &str) -> usize {
    let item = store.table.get(&Get::consistent(&store.names.quotas, Key::new(pk, "LIMIT"))).await.unwrap().unwrap();
    let value = |value: &Value| match value {
        Value::S(text) => text.len(),
        _ => 21,
    };
    item.iter().map(|(name, written)| name.len() + value(written)).sum()
}

#[tokio::test]
async fn m15_an_item_stays_within_one_write_unit_with_sixteen_calls_in_flight() {
    let store = Store::direct().await.unwrap();
    let limiter = limiter(&store);
    let requests = key(rate(Some(29_000), None, None));
    let all = [scoped(ScopeKind::Team, "t", rate(Some(29_000), Some(10_000_000), Some(60)))];
    for call in 0..200 {
        let call = format!("call_0123456789abcdef{call:08}");
        assert!(take(&limiter, &store, &call, &requests, 10).await.is_ok());
        let taken = take(&limiter, &store, &call, &all, 10).await.unwrap();
        if call.as_str() < "call_0123456789abcdef00000184" {
            limiter.settle(&taken, 5).await;
        }
    }
    let sizes = [size(&store, "LIMIT#key#key_a").await, size(&store, "LIMIT#team#t").await];
    assert!(sizes.iter().all(|size| *size < 1_024), "{sizes:?}");
    println!("{sizes:?}");
}
