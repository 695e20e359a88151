//! Lost answers, crashes, repetitions and races; afterwards the books balance.

use crate::harness::{Store, Trial, key, last_one, record, usd};
use async_trait::async_trait;
use domain::{
    Usd,
    call::Reservation,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use stores::{
    Table, TableError,
    chaos::Faults,
    ledger::{Ledger, Spend},
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

/// So many lanes at most a key can have.
const MOST_LANES: u32 = 256;

/// A table that counts its requests.
pub struct Counted {
    table: Arc<dyn Table>,
    requests: AtomicU64,
}

impl Counted {
    pub fn new(table: Arc<dyn Table>) -> Self {
        Self { table, requests: AtomicU64::new(0) }
    }

    pub fn count(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    fn one_more(&self) -> &dyn Table {
        self.requests.fetch_add(1, Ordering::SeqCst);
        &*self.table
    }
}

#[async_trait]
impl Table for Counted {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.one_more().get(get).await
    }
    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.one_more().put(put).await
    }
    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.one_more().update(update).await
    }
    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.one_more().delete(delete).await
    }
    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.one_more().query(query).await
    }
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.one_more().transact(writes).await
    }
}

/// What becomes of a call, by its number.
async fn fate(ledger: Arc<Ledger>, other: Arc<Ledger>, held: Reservation, number: usize) {
    let settled = |cost: &str| record(&held.call, usd(cost));
    match number % 5 {
        // The instance dies before it settles.
        0 => {}
        1 => {
            ledger.settle(&held, &settled("0.011")).await.ok();
        }
        2 => {
            ledger.settle(&held, &settled("0.012")).await.ok();
            ledger.settle(&held, &settled("0.5")).await.ok();
        }
        3 => {
            let (one, two) = (settled("0.013"), settled("0.014"));
            let (_, _) = tokio::join!(ledger.settle(&held, &one), other.settle(&held, &two));
        }
        _ => {
            ledger.release(&held, &settled("0")).await.ok();
        }
    }
}

/// What bears the calls of a key to two providers; nothing but the key's own budget, where the providers have none.
fn chains(key: &VirtualKey, with_providers: bool) -> [Vec<Bound>; 2] {
    ["one", "two"].map(|name| {
        let budget = Budget { max: usd("1000"), period: Period::Total };
        let scope = ScopeId::new(ScopeKind::Provider, name);
        let provider = Bound { scope, budget, mode: BudgetMode::Strict, version: 1 };
        key.bounds().into_iter().chain(with_providers.then_some(provider)).collect()
    })
}

async fn conserve(per_mille: u32, seed: u64, key: VirtualKey, with_providers: bool) {
    let latency = Duration::ZERO;
    let faults = Faults { throttled: 20, conflict: 20, lost_before: per_mille, lost_after: per_mille, latency };
    let store = Store::chaos(faults, seed).await;
    let ledgers = [Arc::new(store.ledger()), Arc::new(store.ledger())];
    let mut running = tokio::task::JoinSet::new();
    for number in 0..240 {
        let (ledger, other) = (ledgers[number % 2].clone(), ledgers[(number + 1) % 2].clone());
        let (key, now, chains) = (key.clone(), store.now(), chains(&key, with_providers));
        running.spawn(async move {
            let trial = Trial::new(format!("call_{number}"), "0.1");
            let mut held = trial.reserve_under(&ledger, &key, &chains[number % 2], now).await.ok()?;
            // A move whose answer was lost is one that its caller knows nothing of.
            if with_providers && number % 3 != 0 {
                held = ledger.top_up(&held, &key, &chains[(number + 1) % 2], Usd::ZERO).await.unwrap_or(held);
            }
            fate(ledger, other, held.clone(), number).await;
            Some((held, number))
        });
    }
    let mut held = Vec::new();
    while let Some(outcome) = running.join_next().await {
        held.extend(outcome.unwrap());
    }
    everything_ends(&store, &ledgers[0], &key).await;
    for (held, _) in held.iter().filter(|(_, number)| number % 10 == 0) {
        ledgers[1].settle(held, &record(&held.call, usd("0.02"))).await.ok();
    }
    balance(&store, &key, &chains(&key, with_providers)).await;
}

/// Leases pass, and sweeps and the next admissions return what they held. A lane whose row for the sweeper was lost is
/// found by its own next admission only, so every lane gets some.
async fn everything_ends(store: &Store, ledger: &Ledger, key: &VirtualKey) {
    for round in 0..20 {
        store.clock.advance_millis(120_000);
        ledger.sweep(store.now()).await.ok();
        for number in 0..8 * key.lanes {
            let mut trial = Trial::new(format!("after_{round}_{number}"), "0.001");
            trial.ambiguous = Usd::ZERO;
            if let Ok(held) = trial.reserve(ledger, key, store.now()).await {
                ledger.release(&held, &record(&held.call, Usd::ZERO)).await.ok();
            }
        }
        let spend = store.ledger().spend(key, store.now()).await;
        if spend.is_ok_and(|spend| spend.reserved == Usd::ZERO) {
            return;
        }
    }
}

/// Sum of call records = what lanes spent; nothing is held; what is left and what is spent make the budget.
async fn balance(store: &Store, key: &VirtualKey, chains: &[Vec<Bound>; 2]) {
    let mut recorded = Usd::ZERO;
    let calls = stores::calls::Calls::new(store.table.clone(), store.names.clone());
    for number in 0..240 {
        let call = domain::CallId::from(format!("call_{number}"));
        let found = loop {
            match calls.get(&call).await {
                Ok(found) => break found,
                Err(error) => assert!(error.is_passing(), "{error}"),
            }
        };
        recorded = found.map_or(recorded, |item| recorded.saturating_add(item.record.cost));
    }
    let spend = loop {
        match store.ledger().spend(key, store.now()).await {
            Ok(spend) => break spend,
            Err(error) => assert!(error.0.is_passing(), "{error}"),
        }
    };
    assert_eq!(spend, Spend { settled: recorded, reserved: Usd::ZERO });
    assert!(recorded > Usd::ZERO);
    let providers: Vec<&Bound> =
        chains.iter().flatten().filter(|bound| bound.scope.kind == ScopeKind::Provider).collect();
    let mut of_providers = Usd::ZERO;
    for provider in &providers {
        let spend = loop {
            match store.ledger().spend_of(provider, store.now()).await {
                Ok(spend) => break spend,
                Err(error) => assert!(error.0.is_passing(), "{error}"),
            }
        };
        assert_eq!(spend.reserved, Usd::ZERO);
        of_providers = of_providers.saturating_add(spend.settled);
    }
    assert!(providers.is_empty() || of_providers == recorded, "{of_providers} of {recorded}");
    let Some(budget) = key.limits.max_budget else { return };
    let left = all_left(store, key).await;
    assert_eq!(left.saturating_add(recorded), budget);
}

/// What the key's budget and its lanes have left.
async fn all_left(store: &Store, key: &VirtualKey) -> Usd {
    let mut sum = Usd::ZERO;
    let scope = (format!("SCOPE#key#{}#total", key.id), "SCOPE", "av");
    let lanes = (0..MOST_LANES).map(|n| (format!("LANE#{}#{n}", key.id), "LANE", "a:"));
    for (pk, sk, prefix) in std::iter::once(scope).chain(lanes) {
        let get = Get::consistent(&store.names.quotas, stores::table::Key::new(pk, sk));
        let item = loop {
            match store.table.get(&get).await {
                Ok(item) => break item.unwrap_or_default(),
                Err(error) => assert!(error.is_passing(), "{error}"),
            }
        };
        let free = item.iter().filter(|(name, _)| name.starts_with(prefix)).filter_map(|(name, _)| item.money(name));
        sum = sum.saturating_add(free.sum());
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m8_m18_three_per_cent_lost_answers_leave_the_books_balanced() {
    conserve(30, 1, key("a", Some("1000")), false).await;
    conserve(30, 2, key("b", Some("2")), false).await;
    conserve(30, 3, key("c", None), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m8_m18_ten_per_cent_lost_answers_leave_the_books_balanced() {
    let mut spread = key("d", Some("3"));
    spread.lanes = 3;
    conserve(100, 4, spread.clone(), false).await;
    conserve(100, 5, last_one(spread), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m9_m18_lost_answers_of_moves_leave_the_books_balanced() {
    conserve(30, 6, key("e", Some("1000")), true).await;
    conserve(100, 7, key("f", Some("4")), true).await;
    let mut spread = key("g", None);
    spread.lanes = 3;
    conserve(100, 8, spread, true).await;
}
