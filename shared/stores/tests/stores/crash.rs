//! Death at every numbered point: the process that stops before or after its n-th request to the table, and those
//! that come after it.

use crate::{
    harness::{Store, Trial, key, record, usd},
    pure::Pure,
};
use async_trait::async_trait;
use domain::{Usd, key::VirtualKey, limit::Bound, time::Period};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use stores::{
    Names, Table, TableError,
    ledger::Ledger,
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

/// A table that is not heard of again from its n-th request on, which is done or not.
struct Mortal {
    table: Pure,
    requests: AtomicU64,
    last: u64,
    done: bool,
    died: tokio::sync::Notify,
}

impl Mortal {
    async fn meet<A>(&self, request: impl Future<Output = A>) -> A {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        if number < self.last {
            return request.await;
        }
        if number == self.last && self.done {
            request.await;
        }
        self.died.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Table for Mortal {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.meet(self.table.get(get)).await
    }
    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.meet(self.table.put(put)).await
    }
    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.meet(self.table.update(update)).await
    }
    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.meet(self.table.delete(delete)).await
    }
    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.meet(self.table.query(query)).await
    }
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.meet(self.table.transact(writes)).await
    }
}

/// A key with a day of its own, in a team with a total, and what bears its calls to two providers.
struct Member {
    key: VirtualKey,
    first: Vec<Bound>,
    second: Vec<Bound>,
}

fn member() -> Member {
    let mut key = key("mortal", Some("1"));
    key.limits.budget_period = Period::Daily;
    let mut team = key.bounds().remove(0);
    team.scope = domain::limit::ScopeId::new(domain::limit::ScopeKind::Team, "mortal");
    team.budget.period = Period::Total;
    let with = |name: &str| {
        let mut provider = team.clone();
        provider.scope = domain::limit::ScopeId::new(domain::limit::ScopeKind::Provider, name);
        key.bounds().into_iter().chain([team.clone(), provider]).collect()
    };
    let (first, second) = (with("one"), with("two"));
    Member { key, first, second }
}

/// A life: two calls, a top-up, moves there and back, another day, a sweep. Ends early if the table is not heard of
/// again.
async fn life(store: &Store, ledger: &Ledger, Member { key, first: bounds, second: others }: &Member) {
    let trial = |n: u32| Trial::new(format!("call_{n}"), "0.1");
    let first = trial(1).reserve_under(ledger, key, bounds, store.now()).await.unwrap();
    let second = trial(2).reserve_under(ledger, key, bounds, store.now()).await.unwrap();
    let first = ledger.top_up(&first, key, bounds, usd("0.3")).await.unwrap();
    let second = ledger.top_up(&second, key, others, usd("0.1")).await.unwrap();
    let moved = ledger.top_up(&first, key, others, Usd::ZERO).await.unwrap();
    let first = ledger.top_up(&moved, key, bounds, Usd::ZERO).await.unwrap();
    ledger.settle(&first, &record(&first.call, usd("0.07"))).await.unwrap();
    store.clock.advance_millis(86_400_000);
    ledger.sweep(store.now()).await.unwrap();
    ledger.settle(&second, &record(&second.call, usd("0.05"))).await.unwrap();
    let third = trial(3).reserve_under(ledger, key, bounds, store.now()).await.unwrap();
    ledger.release(&third, &record(&third.call, Usd::ZERO)).await.unwrap();
}

#[tokio::test]
async fn m6_a_process_that_dies_at_any_point_loses_and_invents_nothing() {
    let mut points = 0;
    loop {
        let mut survived = false;
        for done in [false, true] {
            let table = Pure::default();
            let (requests, died) = (0.into(), tokio::sync::Notify::new());
            let mortal = Arc::new(Mortal { table: table.clone(), requests, last: points, done, died });
            let store = Store::over(Arc::new(table.clone()));
            let who = member();
            let dying = Ledger::new(mortal.clone(), Names::prefixed("test"), store.clock.clone());
            survived = tokio::select! {
                () = life(&store, &dying, &who) => true,
                () = mortal.died.notified() => false,
            };
            settle_the_books(&store, &who, points).await;
        }
        points += 1;
        if survived {
            break;
        }
    }
    assert!(points > 20, "a life of {points} requests");
}

/// After the lease and a sweep the books agree, and everything left can be spent.
async fn settle_the_books(store: &Store, Member { key, first: bounds, second }: &Member, point: u64) {
    let heir = store.ledger();
    store.clock.advance_millis(120_000);
    heir.sweep(store.now()).await.unwrap();
    store.clock.advance_millis(86_400_000 - 120_000);
    heir.sweep(store.now()).await.unwrap();
    // A lane that nobody could enter for sweeping any more is swept by its next call.
    let poke = Trial::new("call_poke", "0.000001").reserve_under(&heir, key, bounds, store.now()).await.unwrap();
    heir.release(&poke, &record(&poke.call, Usd::ZERO)).await.unwrap();
    let calls = stores::calls::Calls::new(store.table.clone(), store.names.clone());
    let mut spent = Usd::ZERO;
    for n in 1..=3 {
        let found = calls.get(&format!("call_{n}").into()).await.unwrap();
        spent = spent.saturating_add(found.map_or(Usd::ZERO, |call| call.record.cost));
    }
    let of_team = heir.spend_of(&bounds[1], store.now()).await.unwrap();
    assert_eq!((of_team.settled, of_team.reserved), (spent, Usd::ZERO), "at point {point}");
    let mut of_providers = Usd::ZERO;
    for provider in [&bounds[2], &second[2]] {
        let of_provider = heir.spend_of(provider, store.now()).await.unwrap();
        assert_eq!(of_provider.reserved, Usd::ZERO, "at point {point}");
        of_providers = of_providers.saturating_add(of_provider.settled);
    }
    assert_eq!(of_providers, spent, "at point {point}");
    let left = usd("1").saturating_sub(spent);
    let all = Trial { call: "call_all".into(), worst: left, ambiguous: Usd::ZERO };
    let more = Trial { call: "call_more".into(), worst: left.saturating_add(Usd::from_pico(1)), ambiguous: Usd::ZERO };
    assert!(more.reserve_under(&heir, key, bounds, store.now()).await.is_err(), "at point {point}");
    let heir = store.ledger();
    let held = all.reserve_under(&heir, key, bounds, store.now()).await;
    assert!(held.is_ok(), "at point {point}: {held:?}");
}
