//! The proof over processes: ten of them, 256 attempts each, one store, one dollar. Some are killed on the way.
//!
//! They need a store that several processes can reach: the emulator's, as `Store::emulator` finds it. The children
//! are this same program, told by its environment to be one.

use crate::harness::{Store, Trial, key, record, start, usd};
use async_trait::async_trait;
use domain::{
    Usd,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use stores::{
    Table, TableError,
    calls::Calls,
    ledger::{Ledger, Refusal},
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

const PROCESSES: usize = 10;
const ATTEMPTS: usize = 256;
/// Connections of one process: emulators refuse them by the hundred.
const AT_ONCE: usize = 6;
const CHILD: &str = "PORTUNUS_TEST_CHILD";

/// One of `keys` keys; with more than one they share a team's dollar.
fn member(number: usize, keys: usize) -> (VirtualKey, Vec<Bound>) {
    if keys == 1 {
        let key = key("proof", Some("1"));
        let bounds = key.bounds();
        return (key, bounds);
    }
    let budget = Budget { max: usd("1"), period: Period::Total };
    let scope = ScopeId::new(ScopeKind::Team, "proof");
    (
        key(&format!("proof_{}", number % keys), None),
        vec![Bound { scope, budget, mode: BudgetMode::Strict, version: 1 }],
    )
}

/// A table whose process is killed at its n-th request: before it is sent, or when it is answered.
struct Killed {
    table: Arc<dyn Table>,
    requests: AtomicU64,
    last: u64,
    sent: bool,
}

impl Killed {
    async fn meet<A>(&self, request: impl Future<Output = A>) -> A {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        if number >= self.last && !self.sent {
            std::process::abort();
        }
        let answer = request.await;
        if number >= self.last {
            std::process::abort();
        }
        answer
    }
}

#[async_trait]
impl Table for Killed {
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

/// What a child is told: whose tables, its number, how many keys, and what it does.
struct Order {
    tables: String,
    number: usize,
    keys: usize,
    /// The request it dies at, and whether it is sent; none: it only reserves, 256 times.
    dies: Option<(u64, bool)>,
}

impl Order {
    fn text(&self) -> String {
        let (last, sent) = self.dies.unwrap_or((u64::MAX, false));
        format!("{},{},{},{last},{sent}", self.tables, self.number, self.keys)
    }

    #[allow(clippy::disallowed_methods, reason = "a test's own switch")]
    fn of_this_process() -> Option<Self> {
        let text = std::env::var(CHILD).ok()?;
        let [tables, number, keys, last, sent] = text.split(',').collect::<Vec<_>>().try_into().unwrap();
        let last: u64 = last.parse().unwrap();
        Some(Self {
            tables: tables.to_owned(),
            number: number.parse().unwrap(),
            keys: keys.parse().unwrap(),
            dies: (last != u64::MAX).then(|| (last, sent.parse().unwrap())),
        })
    }

    /// Starts a child; it prints how many calls it holds.
    fn start(&self) -> std::process::Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::a_child", "--nocapture"])
            .env(CHILD, self.text())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// Says how many calls a child held; nothing of one that was killed.
fn held_by(child: std::process::Child) -> Option<usize> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.split_once("held ")?.1.trim().parse().ok())
}

/// Does nothing, unless this process is a child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child() {
    let Some(order) = Order::of_this_process() else { return };
    let store = Store::emulator_named(&order.tables, false).await.unwrap();
    let who = member(order.number, order.keys);
    match order.dies {
        None => println!("held {}", rush(&store, order.number, &who).await),
        Some((last, sent)) => {
            let table = Arc::new(Killed { table: store.table.clone(), requests: 0.into(), last, sent });
            let ledger = Ledger::new(table, store.names.clone(), store.clock.clone());
            life(&ledger, order.number, &who).await;
            println!("held 0");
        }
    }
}

async fn rush(store: &Store, number: usize, who: &(VirtualKey, Vec<Bound>)) -> usize {
    let ledger = Arc::new(store.ledger());
    let connections = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut running = tokio::task::JoinSet::new();
    for attempt in 0..ATTEMPTS {
        let (ledger, who, connections) = (ledger.clone(), who.clone(), connections.clone());
        running.spawn(async move {
            let _connection = connections.acquire().await.unwrap();
            let trial = Trial::new(format!("call_{number}_{attempt}"), "0.1");
            trial.reserve_under(&ledger, &who.0, &who.1, start()).await
        });
    }
    let mut held = 0;
    while let Some(outcome) = running.join_next().await {
        match outcome.unwrap() {
            Ok(_) => held += 1,
            Err(Refusal::BudgetSpent { .. } | Refusal::Unavailable) => {}
            Err(other) => panic!("{other}"),
        }
    }
    held
}

/// Three calls: one settled, one released, one never heard of again.
async fn life(ledger: &Ledger, number: usize, who: &(VirtualKey, Vec<Bound>)) {
    let mut held = Vec::new();
    for call in 0..3 {
        let trial = Trial::new(format!("call_{number}_{call}"), "0.01");
        held.push(trial.reserve_under(ledger, &who.0, &who.1, start()).await.unwrap());
    }
    ledger.settle(&held[0], &record(&held[0].call, usd("0.007"))).await.unwrap();
    ledger.release(&held[1], &record(&held[1].call, Usd::ZERO)).await.unwrap();
}

/// What is held and settled under the dollar.
async fn books(store: &Store, keys: usize) -> (Usd, Usd) {
    let spend = store.ledger().spend_of(&member(0, keys).1[0], store.now()).await.unwrap();
    (spend.settled, spend.reserved)
}

/// Whoever comes alone now gets what is left, a tenth at a time.
async fn fill(store: &Store, keys: usize) -> usize {
    let who = member(0, keys);
    let ledger = store.ledger();
    for more in 0.. {
        let trial = Trial::new(format!("call_fill_{more}"), "0.1");
        if trial.reserve_under(&ledger, &who.0, &who.1, store.now()).await.is_err() {
            return more;
        }
    }
    unreachable!("a budget ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_ten_processes_hold_exactly_ten_tenths_of_a_dollar() {
    for keys in [1, 5] {
        let tables = format!("p{}k{keys}", std::process::id());
        let Some(store) = Store::emulator_named(&tables, true).await else { return };
        let order = |number| Order { tables: tables.clone(), number, keys, dies: None };
        let children: Vec<_> = (0..PROCESSES).map(|number| order(number).start()).collect();
        let counted: Vec<usize> = children.into_iter().map(|child| held_by(child).unwrap()).collect();
        let held: usize = counted.iter().sum();
        let more = fill(&store, keys).await;
        println!("{keys} keys, {} attempts of {PROCESSES} processes: {held} held, {more} more", PROCESSES * ATTEMPTS);
        assert_eq!(held + more, 10, "{counted:?}");
        assert_eq!(books(&store, keys).await, (Usd::ZERO, usd("1")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m6_processes_killed_at_every_point_lose_and_invent_nothing() {
    for keys in [1, 5] {
        let tables = format!("q{}k{keys}", std::process::id());
        let Some(store) = Store::emulator_named(&tables, true).await else { return };
        let mut number = 0;
        for last in 0..40 {
            let order = |number, sent| Order { tables: tables.clone(), number, keys, dies: Some((last, sent)) };
            let (before, after) = (order(number, false).start(), order(number + 1, true).start());
            let ends = [held_by(before), held_by(after)];
            number += 2;
            if ends == [Some(0), Some(0)] {
                break;
            }
        }
        assert!(number > 20, "only {number} lives");
        store.clock.advance_millis(120_000);
        let ledger = store.ledger();
        ledger.sweep(store.now()).await.unwrap();
        // Lanes that nobody could enter for sweeping any more are swept by their next calls.
        for key in 0..keys {
            let who = member(key, keys);
            let poke = Trial::new(format!("call_poke_{key}"), "0.000001");
            let poke = poke.reserve_under(&ledger, &who.0, &who.1, store.now()).await.unwrap();
            ledger.release(&poke, &record(&poke.call, Usd::ZERO)).await.unwrap();
        }
        let calls = Calls::new(store.table.clone(), store.names.clone());
        let mut spent = Usd::ZERO;
        for call in (0..number).flat_map(|number| (0..3).map(move |call| format!("call_{number}_{call}"))) {
            let found = calls.get(&call.into()).await.unwrap();
            spent = spent.saturating_add(found.map_or(Usd::ZERO, |call| call.record.cost));
        }
        println!("{keys} keys: {number} processes killed, ${spent} spent");
        assert_eq!(books(&store, keys).await, (spent, Usd::ZERO));
        let left = usd("1").saturating_sub(spent);
        let who = member(1, keys);
        let all = Trial { call: "call_all".into(), worst: left, ambiguous: Usd::ZERO };
        assert!(all.reserve_under(&store.ledger(), &who.0, &who.1, store.now()).await.is_ok());
        let one = Trial { call: "call_one".into(), worst: Usd::from_pico(1), ambiguous: Usd::ZERO };
        assert!(one.reserve_under(&store.ledger(), &who.0, &who.1, store.now()).await.is_err());
    }
}
