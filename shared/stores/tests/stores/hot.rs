//! Many calls a second on one shared budget, over DynamoDB's limits, on a clock that only the test moves [M15].

use crate::{
    harness::{Trial, key, record, usd},
    limited::{Limited, Trouble},
};
use domain::{
    Clock, Timestamp, Usd,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use stores::{
    Names,
    ledger::{Ledger, Refusal, Spend},
    retry::{Retrying, repeatable},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// The wall clock, as far as tokio's has come.
pub struct Ticking(pub Instant, pub Timestamp);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.1.plus_millis(self.0.elapsed().as_millis() as u64)
    }
}

/// Calls that come, whether or not the ones before are over.
#[derive(Clone, Copy)]
struct Load {
    rate: u32,
    seconds: u32,
    held: Duration,
    keys: u32,
    /// Dollars a day, of the team that all keys are of.
    budget: &'static str,
    /// Are keys lent their first money when they are made?
    funded: bool,
    /// The time of day at which the first call comes.
    from: &'static str,
    /// Of how long waits are.
    seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        let held = Duration::from_secs(2);
        Self { rate: 500, seconds: 10, held, keys: 1, budget: "1000000", funded: true, from: "12:00:00", seed: 500 }
    }
}

impl Load {
    fn calls(&self) -> u32 {
        self.rate * self.seconds
    }

    /// The team's budget, and the organization's.
    fn bounds(&self) -> Vec<Bound> {
        let above = |kind, max, period| {
            let budget = Budget { max, period };
            Bound { scope: ScopeId::new(kind, "hot"), budget, mode: BudgetMode::Strict, version: 1 }
        };
        vec![
            above(ScopeKind::Team, usd(self.budget), Period::Daily),
            above(ScopeKind::Organization, usd("5000000"), Period::Monthly),
        ]
    }
}

/// What became of them.
#[derive(Debug, Default)]
struct Outcome {
    admitted: Vec<Duration>,
    /// Refused because of the store.
    unavailable: u32,
    /// Refused because there was no money.
    spent: u32,
    settled: Usd,
    /// The most that the team had spent and held at any moment looked at.
    most: Usd,
}

struct World {
    table: Limited,
    names: Names,
    clock: Arc<Ticking>,
    load: Load,
    keys: Vec<VirtualKey>,
    /// Instances of the gateway that have nothing to do: on Lambda each has one call at a time.
    idle: Mutex<Vec<Ledger>>,
    instances: AtomicU32,
}

impl World {
    async fn new(load: Load) -> Arc<Self> {
        repeatable(load.seed);
        let from = Timestamp::parse_rfc3339(&format!("2026-11-21T{}Z", load.from)).unwrap();
        let keys = (0..load.keys).map(|n| key(&format!("hot{n}"), None)).collect();
        let world = Self {
            table: Limited::default(),
            names: Names::prefixed("hot"),
            clock: Arc::new(Ticking(Instant::now(), from)),
            load,
            keys,
            idle: Mutex::default(),
            instances: AtomicU32::new(0),
        };
        if load.funded {
            for key in &world.keys {
                world.ledger().open_key(key, &load.bounds(), world.clock.now()).await.unwrap();
            }
        }
        Arc::new(world)
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(Arc::new(Retrying::new(self.table.clone())), self.names.clone(), self.clock.clone())
    }

    fn instance(&self) -> Ledger {
        let warm = self.idle.lock().unwrap().pop();
        warm.unwrap_or_else(|| {
            self.instances.fetch_add(1, Ordering::Relaxed);
            self.ledger()
        })
    }

    async fn call(self: Arc<Self>, n: u32) -> (Duration, Result<Usd, Refusal>) {
        let (ledger, begun) = (self.instance(), Instant::now());
        let key = &self.keys[n as usize % self.keys.len()];
        let trial = Trial::new(format!("call_01HV{n:016}"), "0.01");
        let held = trial.reserve_under(&ledger, key, &self.load.bounds(), self.clock.now()).await;
        let took = begun.elapsed();
        let outcome = match held {
            Ok(held) => {
                sleep(self.load.held).await;
                let cost = Usd::from_pico(1_000_000_000 * i128::from(1 + n % 9));
                ledger.settle(&held, &record(&held.call, cost)).await.unwrap();
                Ok(cost)
            }
            Err(refusal) => Err(refusal),
        };
        self.idle.lock().unwrap().push(ledger);
        (took, outcome)
    }

    /// What could not be freed in time comes back with its lease; then the team has spent what its calls cost.
    async fn balances(&self, outcome: &Outcome) {
        let spent = |exposed: Spend| exposed.settled.saturating_add(exposed.reserved);
        assert!(spent(self.exposed().await) >= outcome.settled);
        sleep(Duration::from_secs(120)).await;
        self.ledger().sweep(self.clock.now()).await.unwrap();
        assert_eq!(self.exposed().await, Spend { settled: outcome.settled, reserved: Usd::ZERO });
    }

    /// One caller who asks for what is left, a cent at a time, until there is no cent.
    async fn drain(&self) -> Usd {
        let (ledger, mut rest) = (self.ledger(), Usd::ZERO);
        for n in 0.. {
            sleep(Duration::from_secs(1)).await;
            let trial = Trial::new(format!("call_rest{n}"), "0.01");
            let asked = trial.reserve_under(&ledger, &self.keys[0], &self.load.bounds(), self.clock.now()).await;
            let Ok(held) = asked else { break };
            ledger.settle(&held, &record(&held.call, trial.worst)).await.unwrap();
            rest = rest.saturating_add(trial.worst);
        }
        rest
    }

    /// What the team has spent and holds, read past all limits.
    async fn exposed(&self) -> Spend {
        let ledger = Ledger::new(Arc::new(self.table.items.clone()), self.names.clone(), self.clock.clone());
        ledger.spend_of(&self.load.bounds()[0], self.clock.now()).await.unwrap()
    }
}

async fn run(world: &Arc<World>) -> Outcome {
    let (begin, mut running, load) = (Instant::now(), JoinSet::new(), world.load);
    let mut outcome = Outcome::default();
    for n in 0..load.calls() {
        sleep_until(begin + Duration::from_secs(1) * n / load.rate).await;
        running.spawn(world.clone().call(n));
        while let Some(ended) = running.try_join_next() {
            outcome.take(ended.unwrap());
        }
        if n % load.rate == 0 {
            let now = world.exposed().await;
            outcome.most = outcome.most.max(now.settled.saturating_add(now.reserved));
        }
    }
    while let Some(ended) = running.join_next().await {
        outcome.take(ended.unwrap());
    }
    outcome.admitted.sort_unstable();
    outcome.print(world);
    outcome
}

impl Outcome {
    fn take(&mut self, (took, call): (Duration, Result<Usd, Refusal>)) {
        match call {
            Ok(cost) => {
                self.admitted.push(took);
                self.settled = self.settled.saturating_add(cost);
            }
            Err(Refusal::Unavailable) => self.unavailable += 1,
            Err(Refusal::BudgetSpent { .. }) => self.spent += 1,
            Err(other) => panic!("{other}"),
        }
    }

    fn print(&self, world: &World) {
        let (load, calls) = (world.load, world.load.calls());
        let at = |share: usize| {
            let took = self.admitted.get(self.admitted.len() * share / 1000).copied().unwrap_or_default();
            took.as_millis()
        };
        let Trouble { throttled, conflicts, transactions, requests, write_units } = world.table.trouble();
        let each = |count: u64| count as f64 / f64::from(calls);
        println!(
            "{} calls/s, {} keys, {} instances: {} of {calls} refused by the store, {} for want of money; admitted in \
             {} ms (p50), {} ms (p99), {} ms (p99.9); {:.2} requests and {:.2} write units a call; {throttled} throttled, \
             {conflicts} conflicts, {transactions} transactions",
            load.rate,
            load.keys,
            world.instances.load(Ordering::Relaxed),
            self.unavailable,
            self.spent,
            at(500),
            at(990),
            at(999),
            each(requests),
            each(write_units),
        );
    }
}

/// At most one call in a thousand is refused because of the store.
fn is_rare(refused: u32, load: Load) -> bool {
    refused * 1_000 <= load.calls()
}

#[tokio::test(start_paused = true)]
async fn m15_five_hundred_calls_a_second_share_a_budget_and_the_store_refuses_one_in_a_thousand_at_most() {
    for (rate, keys) in [(30, 1), (100, 1), (500, 1), (500, 10), (500, 100), (1_000, 20)] {
        let load = Load { rate, keys, ..Load::default() };
        let world = World::new(load).await;
        let outcome = run(&world).await;
        assert!(is_rare(outcome.unavailable, load) && outcome.spent == 0);
        assert!(
            world.table.trouble().transactions * 20 < u64::from(load.calls()),
            "the shared budget is written rarely"
        );
        world.balances(&outcome).await;
    }
}

#[tokio::test(start_paused = true)]
async fn m15_a_key_that_nobody_funded_becomes_hot_at_once() {
    let load = Load { funded: false, ..Load::default() };
    let outcome = run(&World::new(load).await).await;
    assert!(is_rare(outcome.unavailable, load));
}

#[tokio::test(start_paused = true)]
async fn m2_m15_a_budget_that_runs_out_under_load_is_spent_to_the_end_and_never_beyond() {
    for (keys, seed) in [(1, 1), (1, 2), (10, 3), (10, 4)] {
        let load = Load { budget: "22", keys, seconds: 16, seed, ..Load::default() };
        let world = World::new(load).await;
        let outcome = run(&world).await;
        assert!(is_rare(outcome.unavailable, load) && outcome.spent > 0);
        assert!(outcome.most <= usd("22"));
        let rest = world.drain().await;
        let settled = outcome.settled.saturating_add(rest);
        assert!(settled > usd("21.99") && settled <= usd("22"), "{settled}");
        world.balances(&Outcome { settled, ..outcome }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn m15_m16_a_new_day_begins_for_all_keys_at_once() {
    for (keys, rate) in [(1, 100), (200, 200)] {
        let load = Load { keys, rate, seconds: 130, from: "23:58:00", ..Load::default() };
        let outcome = run(&World::new(load).await).await;
        assert!(is_rare(outcome.unavailable, load));
    }
}
