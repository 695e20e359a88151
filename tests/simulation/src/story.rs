//! One seed's history: a while of calls in bad weather, then the weather clears, leases end, and the books are closed.

use crate::{
    books::Count,
    dice::Dice,
    gateway::{self, LEASE_MS, record},
    network,
    weather::Weather,
    world::{PARALLEL, World, usd, zone},
};
use domain::{
    CallId, Clock, Timestamp, Usd,
    call::{Ask, State},
    key::VirtualKey,
    limit::{Bound, Priority},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use stores::{
    calls::{CallItem, Calls},
    embedded::{DirectTable, Embedded},
    ledger::{Ledger, Refusal},
    limits,
    table::{Get, Key, Query, Table, query_all},
};
use tokio::runtime::Runtime;
use turmoil::{Builder, Sim};

const GATEWAYS: usize = 3;
const TICK: Duration = Duration::from_millis(10);
/// So long there are calls, and troubles ...
const BAD: Duration = Duration::from_secs(150);
/// ... and so long after that windows that are over are closed: five minutes after midnight, with a sweep or two.
const GOOD: Duration = Duration::from_secs(360);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub count: Count,
    pub troubles: usize,
    pub lives: u64,
    /// What all calls cost.
    pub spent: Usd,
    /// What late settlements came to above what was charged for them when their leases ended.
    pub over: Usd,
}

struct Story<'s> {
    sim: Sim<'s>,
    world: Arc<World>,
    /// Sees the table as it is, at once and past the network.
    god: Ledger,
    table: Arc<DirectTable>,
    runtime: Runtime,
}

/// Plays a seed to its end.
pub fn tell(seed: u64) -> Told {
    stores::retry::repeatable(seed);
    let world = Arc::new(World::new(seed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let engine = Arc::new(Embedded::open(None).unwrap());
    let table = Arc::new(runtime.block_on(engine.direct_table(&world.names)).unwrap());
    let god = Ledger::new(table.clone(), world.names.clone(), world.clock.clone()).with_zone(zone());
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(BAD + GOOD)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(40))
        .tcp_capacity(65_536)
        .enable_random_order()
        .build();
    let started = std::cell::Cell::new(0);
    sim.host(network::TABLE, move || {
        started.set(started.get() + 1);
        network::serve(Arc::clone(&engine), Dice::of(seed, &format!("table {}", started.get())))
    });
    let gateways: Vec<String> = (0..GATEWAYS).map(|number| format!("gateway{number}")).collect();
    for name in &gateways {
        let (world, name) = (Arc::clone(&world), name.clone());
        sim.host(name.clone(), move || gateway::run(Arc::clone(&world), name.clone()));
    }
    let weather = Weather::new(seed, &gateways);
    Story { sim, world, god, table, runtime }.play(weather)
}

impl Story<'_> {
    fn play(mut self, mut weather: Weather) -> Told {
        while self.sim.elapsed() < BAD {
            self.step();
            if self.every(Duration::from_millis(100)) {
                let world = Arc::clone(&self.world);
                weather.blow(&mut self.sim, |host| world.books().crash(host));
            }
            if self.every(Duration::from_secs(2)) {
                self.nothing_is_overspent();
            }
        }
        self.world.closing.store(true, Ordering::SeqCst);
        weather.clear(&mut self.sim);
        while self.sim.elapsed() < BAD + GOOD {
            self.step();
            if self.every(Duration::from_secs(10)) {
                self.nothing_is_overspent();
            }
        }
        self.touch_every_lane();
        self.nothing_is_overspent();
        let count = self.every_call_is_on_record();
        let (spent, over) = self.the_books_balance();
        self.all_that_is_left_can_be_had();
        self.all_places_are_free();
        let lives = self.world.lives.load(Ordering::SeqCst);
        Told { count, troubles: weather.troubles, lives, spent, over }
    }

    fn step(&mut self) {
        self.sim.step().unwrap();
        self.world.clock.advance_millis(TICK.as_millis() as u64);
        let faults = std::mem::take(&mut self.world.books().faults);
        assert!(faults.is_empty(), "{faults:?}");
    }

    fn every(&self, period: Duration) -> bool {
        self.sim.elapsed().as_millis().is_multiple_of(period.as_millis())
    }

    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn records(&self) -> Vec<(CallId, Option<CallItem>)> {
        let calls = Calls::new(self.table.clone(), self.world.names.clone());
        let ids: Vec<CallId> = self.world.books().calls.keys().cloned().collect();
        ids.into_iter().map(|call| (call.clone(), self.wait(calls.get(&call)).unwrap())).collect()
    }

    /// What late settlements came to above what had been charged: no budget can stop that [M5].
    fn over(&self) -> Usd {
        let late = |item: &CallItem| item.record.cost.saturating_sub(item.first_cost).max(Usd::ZERO);
        self.records().iter().filter_map(|(_, item)| item.as_ref()).map(late).sum()
    }

    /// What a budget has left and nobody holds: its own, and what its lanes have been lent of it, lane by lane. A lane that
    /// a late settlement overdrew has less than nothing.
    fn left(&self, bound: &Bound) -> (Usd, Vec<Usd>) {
        let scope = format!("SCOPE#{}#{}", bound.scope, zone().window(bound.budget.period, self.now()));
        let get = |key| self.wait(self.table.get(&Get::consistent(&self.world.names.quotas, key))).unwrap();
        let Some(own) = get(Key::new(scope.as_str(), "SCOPE")) else { return (bound.budget.max, Vec::new()) };
        let loans = Query::partition(&self.world.names.quotas, &scope).beginning("L#");
        let loans = self.wait(query_all(&*self.table, loans)).unwrap();
        let lent = loans.iter().filter(|loan| loan.count("ttl").is_none()).filter_map(|loan| {
            let lane = get(Key::new(format!("LANE#{}", loan.text("lane")?), "LANE"))?;
            lane.money(&format!("a:{}", loan.text("win")?))
        });
        (own.money("av").unwrap(), lent.collect())
    }

    /// At no moment is money made or lost, nor more spent and held than a budget has [M2, M18].
    fn nothing_is_overspent(&self) {
        let daily = self.world.keys[0].bounds();
        for bound in [&self.world.team, &self.world.providers[0], &self.world.providers[1], &daily[0]] {
            let spend = self.wait(self.god.spend_of(bound, self.now())).unwrap();
            let (own, lent) = self.left(bound);
            let all: Usd = lent.into_iter().chain([own, spend.settled, spend.reserved]).sum();
            assert_eq!(all, bound.budget.max, "{}: {spend:?}, at {:?}", bound.scope, self.sim.elapsed());
            let spend = self.wait(self.god.spend_of(bound, self.now())).unwrap();
            let all = spend.settled.saturating_add(spend.reserved);
            if all > bound.budget.max {
                let most = bound.budget.max.saturating_add(self.over());
                assert!(all <= most, "{}: {spend:?} of {most}, at {:?}", bound.scope, self.sim.elapsed());
            }
        }
    }

    /// A lane whose row for the sweeper was lost is swept by its own next admission, so every lane gets some.
    fn touch_every_lane(&self) {
        self.wait(self.god.sweep(self.now())).unwrap();
        for key in &self.world.keys {
            for number in 0..64 {
                let call = CallId::from(format!("touch_{}_{number}", key.id));
                self.reserve_and_release(key, 0, &call, Usd::from_pico(1)).ok();
            }
        }
        self.wait(self.god.sweep(self.now())).unwrap();
    }

    fn reserve_and_release(&self, key: &VirtualKey, to: usize, call: &CallId, worst: Usd) -> Result<(), Refusal> {
        let (bounds, now) = (self.world.chain(key, to), self.now());
        let lease_until = now.plus_millis(LEASE_MS);
        let ask = Ask { call, key, bounds: &bounds, worst_case: worst, ambiguous: Usd::ZERO, now, lease_until };
        let held = self.wait(self.god.reserve(&ask))?;
        let released = record(call, State::Released, Usd::ZERO, now);
        self.wait(self.god.release(&held, &released)).unwrap();
        Ok(())
    }

    fn every_call_is_on_record(&self) -> Count {
        let mut count = Count::default();
        for (call, record) in self.records() {
            self.world.books().check(&call, record.as_ref(), &mut count);
        }
        self.world.books().check_rate();
        count
    }

    /// What a budget has spent in its window; nothing is held any more.
    fn spent(&self, bound: &Bound, at: Timestamp) -> Usd {
        let spend = self.wait(self.god.spend_of(bound, at)).unwrap();
        assert_eq!(spend.reserved, Usd::ZERO, "{} holds something for ever", bound.scope);
        spend.settled
    }

    /// What is left where nobody owes anything.
    fn lendable(&self, bound: &Bound) -> Usd {
        let (own, lent) = self.left(bound);
        lent.into_iter().chain([own]).map(|some| some.max(Usd::ZERO)).sum()
    }

    /// Spent is what the records say, to the picodollar, and nothing is held [M18].
    fn the_books_balance(&self) -> (Usd, Usd) {
        let records: Vec<CallItem> = self.records().into_iter().filter_map(|(_, item)| item).collect();
        let all: Usd = records.iter().map(|item| item.record.cost).sum();
        assert_eq!(self.spent(&self.world.team, self.now()), all, "the team's books");
        let of_providers: Usd = self.world.providers.iter().map(|provider| self.spent(provider, self.now())).sum();
        assert_eq!(of_providers, all, "the providers' books");
        let daily = &self.world.keys[0];
        let yesterday = Timestamp::parse_rfc3339(crate::world::START).unwrap();
        for at in [yesterday, self.now()] {
            let day = zone().window(daily.limits.budget_period, at);
            let own = records.iter().filter(|item| item.key == daily.id && item.window.starts_with(&day));
            let own: Usd = own.map(|item| item.record.cost).sum();
            assert_eq!(self.spent(&daily.bounds()[0], at), own, "the key's books of {day}");
        }
        let over = self.over();
        assert!(all <= self.world.team.budget.max.saturating_add(over), "{all} spent, {over} too late to stop");
        assert!(all > usd("1"), "only {all} were spent");
        (all, over)
    }

    /// No money is lost: what a chain has left can be had to the last picodollar, and no more than that and what lanes
    /// owe, which they pay when they borrow again.
    fn all_that_is_left_can_be_had(&self) {
        for (number, key) in self.world.keys.iter().enumerate() {
            for to in 0..2 {
                let bounds = self.world.chain(key, to);
                let left = |bound: &Bound| bound.budget.max.saturating_sub(self.spent(bound, self.now()));
                let left = bounds.iter().map(left).min().unwrap().max(Usd::ZERO);
                let more = bounds.iter().map(|bound| self.lendable(bound)).min().unwrap().max(Usd::ZERO);
                let more = more.saturating_add(Usd::from_pico(1));
                let call = |what: &str| CallId::from(format!("last_{number}_{to}_{what}"));
                let asked = self.reserve_and_release(key, to, &call("more"), more);
                assert!(matches!(asked, Err(Refusal::BudgetSpent { .. })), "{} of {left}: {asked:?}", key.id);
                self.world.clock.advance_millis(300);
                let asked = self.reserve_and_release(key, to, &call("all"), left);
                assert!(left == Usd::ZERO || asked.is_ok(), "{} for {left}: {asked:?}", key.id);
            }
        }
    }

    /// Every place of a call that ended, or was never heard of again, can be taken anew [M19].
    fn all_places_are_free(&self) {
        let limiter = self.god.limiter();
        for key in &self.world.keys {
            let scopes = &self.world.scoped(key)[1..];
            for number in 0..=PARALLEL {
                let call = CallId::from(format!("place_{}_{number}", key.id));
                let lease_until = self.now().plus_secs(60);
                let ask = limits::Ask { call: &call, scopes, tokens: 1, priority: Priority::Normal, lease_until };
                let taken = self.wait(limiter.take(&ask));
                assert_eq!(taken.is_ok(), number < PARALLEL, "{} has {number} in flight: {taken:?}", key.id);
            }
        }
    }
}
