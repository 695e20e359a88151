//! An instance: it takes calls, holds money for them, moves it, ends them or forgets them, and tidies up now and then.
//! Ledger, limits, retries and the SDK are the product's own.

use crate::{
    books::{Admission, Entry},
    dice::Dice,
    network::client,
    ordered::Ordered,
    world::{SKEW_MS, Watch, World, zone},
};
use domain::{
    CallId, Clock, Timestamp, Usage, Usd,
    call::{Ask, CallRecord, Reservation, State, UsageSource},
    key::VirtualKey,
    limit::Priority,
    media::Units,
};
use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use stores::{
    dynamodb::DynamoTable,
    ledger::{Gap, Ledger, Refusal},
    limits::{self, Limiter},
    retry::Retrying,
};
use tokio::time::sleep;

/// The dearest call, in picodollars, and the most that is held for one later.
const DEAREST: u64 = 400_000_000_000;
const MORE: u64 = 100_000_000_000;
/// A call works no longer ...
const LONGEST_MS: u64 = 20_000;
/// ... and its lease is so much longer.
const GRACE_MS: u64 = 15_000;
const TOKENS: u64 = 100;

/// The longest lease.
pub const LEASE_MS: u64 = LONGEST_MS + GRACE_MS;

/// One life of an instance: until it crashes.
struct Gateway {
    world: Arc<World>,
    life: u64,
    ledger: Ledger,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
}

/// Runs an instance, for ever.
pub async fn run(world: Arc<World>, name: String) -> turmoil::Result {
    let life = world.lives.fetch_add(1, Ordering::SeqCst);
    world.books().begin(&name, life);
    let mut dice = Dice::of(world.seed, &format!("{name} {life}"));
    let watch = Watch::of(Arc::clone(&world.clock), dice.within(0..2 * SKEW_MS));
    let clock: Arc<dyn Clock> = Arc::new(watch);
    let table = Arc::new(Retrying::new(Ordered(DynamoTable(client()))));
    let ledger = Ledger::new(table, world.names.clone(), Arc::clone(&clock)).with_zone(zone());
    let gateway = Rc::new(Gateway { limiter: ledger.limiter(), world, life, ledger, clock });
    for number in 0.. {
        if !gateway.world.is_closing() {
            let call = CallId::from(format!("call_{life}_{number}"));
            tokio::task::spawn_local(Rc::clone(&gateway).call(call));
        }
        sleep(dice.millis(100..1_500)).await;
        tokio::join!(gateway.ledger.mend(2), gateway.ledger.mend(2));
        if dice.one_in(60) || (gateway.world.is_closing() && dice.one_in(20)) {
            gateway.ledger.sweep(gateway.clock.now()).await.ok();
        }
    }
    Ok(())
}

/// Says so if what it guards panics, which nobody else would hear of.
struct Guard<'w>(&'w World, &'w CallId);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.books().faults.push(format!("{} panicked", self.1));
        }
    }
}

impl Gateway {
    async fn call(self: Rc<Self>, call: CallId) {
        let _guard = Guard(&self.world, &call);
        let mut dice = Dice::of(self.world.seed, call.as_str());
        let key = Arc::clone(dice.one_of(&self.world.keys));
        let works = dice.within(100..LONGEST_MS);
        let now = self.clock.now();
        let lease_until = now.plus_millis(works + GRACE_MS);
        let scopes = self.world.scoped(&key);
        let asked =
            limits::Ask { call: &call, scopes: &scopes, tokens: TOKENS, priority: Priority::Normal, lease_until };
        let from = self.world.clock.now();
        let Ok(taken) = self.limiter.take(&asked).await else { return };
        self.world.books().passed.push((from, self.world.clock.now()));
        match self.admit(&call, &key, lease_until, &mut dice).await {
            None => self.limiter.undo(&taken).await,
            Some(held) => {
                let held = self.work(held, &key, Duration::from_millis(works), &mut dice).await;
                // One in so many is killed before its end.
                if dice.one_in(12) {
                    return;
                }
                self.end(held, &key, &mut dice).await;
                self.limiter.settle(&taken, TOKENS / 2).await;
            }
        }
    }

    async fn admit(
        &self,
        call: &CallId,
        key: &VirtualKey,
        lease_until: Timestamp,
        dice: &mut Dice,
    ) -> Option<Reservation> {
        let worst_case = Usd::from_pico(dice.within(1..DEAREST).into());
        let bounds = self.world.chain(key, dice.within(0..2) as usize);
        let (ambiguous, now) = (worst_case.percent(20), self.clock.now());
        let ask = Ask { call, key, bounds: &bounds, worst_case, ambiguous, now, lease_until };
        self.world.books().calls.insert(call.clone(), Entry { life: self.life, ..Entry::default() });
        let outcome = self.ledger.reserve(&ask).await;
        self.note(call, |entry| {
            entry.admission = match &outcome {
                Ok(held) => Admission::Held(held.clone()),
                Err(Refusal::Unavailable) => Admission::Unreachable,
                Err(_) => Admission::Refused,
            };
        });
        outcome.ok()
    }

    /// The call takes its time; it may come to hold more, or go to the other provider.
    async fn work(&self, mut held: Reservation, key: &VirtualKey, works: Duration, dice: &mut Dice) -> Reservation {
        for _ in 0..2 {
            sleep(works / 2).await;
            if dice.one_in(3) {
                let bounds = self.world.chain(key, dice.within(0..2) as usize);
                let more = Usd::from_pico(dice.within(0..MORE).into());
                if let Ok(moved) = self.ledger.top_up(&held, key, &bounds, more).await {
                    held = moved;
                    self.note(&held.call, |entry| entry.admission = Admission::Held(held.clone()));
                }
            }
        }
        held
    }

    /// Settles or releases, sometimes twice at once; what the table does not take is kept and written down later.
    async fn end(&self, held: Reservation, key: &Arc<VirtualKey>, dice: &mut Dice) {
        let cost = Usd::from_pico(held.worst_case.pico() * i128::from(dice.within(0..101)) / 100);
        let (state, cost) = if dice.one_in(8) { (State::Released, Usd::ZERO) } else { (State::Settled, cost) };
        self.note(&held.call, |entry| entry.meant = Some((state, cost)));
        let record = record(&held.call, state, cost, self.clock.now());
        let once = || async {
            match state {
                State::Released => self.ledger.release(&held, &record).await,
                _ => self.ledger.settle(&held, &record).await,
            }
        };
        let twice = dice.one_in(6);
        let outcome = if twice {
            let (one, two) = tokio::join!(once(), once());
            one.or(two)
        } else {
            once().await
        };
        match outcome {
            Ok(settled) => self.note(&held.call, |entry| entry.heard = Some(settled)),
            Err(_) => {
                let gap = Gap { reservation: held, key: Arc::clone(key), record };
                if twice {
                    self.ledger.postpone(gap.clone());
                }
                self.ledger.postpone(gap);
            }
        }
    }

    fn note(&self, call: &CallId, change: impl FnOnce(&mut Entry)) {
        change(self.world.books().calls.entry(call.clone()).or_default());
    }
}

pub fn record(call: &CallId, state: State, cost: Usd, now: Timestamp) -> CallRecord {
    CallRecord {
        call: call.clone(),
        state,
        cost,
        wire: "openai.chat".to_owned(),
        alias: "fast".to_owned(),
        provider: "echo".to_owned(),
        model: "echo-1".to_owned(),
        region: None,
        usage: Usage::default(),
        usage_source: UsageSource::Reported,
        units: Units::default(),
        unpriced: false,
        status: 200,
        error: None,
        over_rate: false,
        streamed: false,
        attempts: 1,
        started_at: now,
        ended_at: now,
        first_byte_ms: None,
        team_id: None,
        user_id: None,
        organization_id: None,
        project_id: None,
        tags: Vec::new(),
        client_request_id: None,
    }
}
