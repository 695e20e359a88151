//! Random histories of calls, against a model of the ledger that is twenty lines long.

use crate::{
    harness::{Store, Trial, key, record},
    pure::Pure,
};
use domain::{
    Usd,
    call::Reservation,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::sync::Arc;
use stores::ledger::{Ledger, Refusal, Spend};

const BUDGET: i128 = 1_000;
/// What the team has for all days together, where there is one.
const TEAM: i128 = 2_200;
/// What each of two providers has for all days together, where there are some.
const PROVIDER: i128 = 700;
/// As many histories as take a few seconds; `PORTUNUS_TEST_CASES` asks for more.
const CASES: u32 = 2_000;

#[derive(Clone, Debug)]
enum Step {
    Reserve { worst: i128, to: usize },
    Again { call: usize },
    Settle { call: usize, percent: i128 },
    Release { call: usize },
    TopUp { call: usize, more: i128 },
    Move { call: usize, more: i128 },
    Wait { secs: u64 },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..400_i128, 0..2_usize).prop_map(|(worst, to)| Step::Reserve { worst, to }),
        1 => (0..20_usize).prop_map(|call| Step::Again { call }),
        4 => (0..20_usize, 0..=100_i128).prop_map(|(call, percent)| Step::Settle { call, percent }),
        1 => (0..20_usize).prop_map(|call| Step::Release { call }),
        1 => (0..20_usize, 1..200_i128).prop_map(|(call, more)| Step::TopUp { call, more }),
        2 => (0..20_usize, 0..100_i128).prop_map(|(call, more)| Step::Move { call, more }),
        2 => (1..50_u64).prop_map(|secs| Step::Wait { secs }),
        1 => (20_000..100_000_u64).prop_map(|secs| Step::Wait { secs }),
        1 => Just(Step::Sweep),
    ]
}

/// A call as the model sees it.
#[derive(Clone)]
struct Known {
    held: Reservation,
    /// Which provider it goes to, where that matters.
    to: usize,
    /// What it cost, once somebody said so.
    cost: Option<Usd>,
}

struct Model {
    store: Store,
    /// Every budget that bears a call, by the provider it goes to; with a team the key's own begins afresh each day.
    chains: [Vec<Bound>; 2],
    ledgers: [Arc<Ledger>; 2],
    key: VirtualKey,
    calls: Vec<Known>,
    case: u64,
}

impl Model {
    fn is_due(&self, known: &Known) -> bool {
        known.held.lease_until.millis().div_ceil(1_000) < self.store.now().secs()
    }

    /// The window of the key's own budget.
    fn window(&self, of: &str) -> String {
        of.split('|').next().unwrap().to_owned()
    }

    fn today(&self) -> String {
        self.key.limits.budget_period.window(self.store.now())
    }

    /// What a call uses if everything overdue is taken to be over.
    fn used(&self, known: &Known) -> Usd {
        match known.cost {
            Some(cost) => cost,
            None if self.is_due(known) => known.held.ambiguous,
            None => known.held.worst_case,
        }
    }

    /// What is left in a window for a call to a provider, beside what the call `but` uses.
    fn left_of(&self, window: &str, to: usize, but: Option<usize>) -> i128 {
        let others = || self.calls.iter().enumerate().filter(|(n, _)| Some(*n) != but).map(|(_, known)| known);
        let left = |budget: &Bound| {
            let counts = |known: &&Known| match budget.scope.kind {
                ScopeKind::Key => self.window(&known.held.window) == window,
                ScopeKind::Provider => known.to == to,
                _ => true,
            };
            budget.budget.max.pico() - others().filter(counts).map(|known| self.used(known)).sum::<Usd>().pico()
        };
        self.chains[to].iter().map(left).min().unwrap()
    }

    fn left(&self, to: usize) -> i128 {
        self.left_of(&self.today(), to, None)
    }

    async fn take(&mut self, number: usize, step: Step) {
        // A refusal is remembered for a quarter of a second; the model knows nothing of that.
        self.store.clock.advance_millis(300);
        let now = self.store.now();
        let ledger = self.ledgers[number % 2].clone();
        let ledger = &*ledger;
        match step {
            Step::Reserve { worst, to } => {
                let worst_case = Usd::from_pico(worst);
                let call = format!("call_{}_{number}", self.case).into();
                let trial = Trial { call, worst: worst_case, ambiguous: worst_case.percent(20) };
                let left = self.left(to);
                match trial.reserve_under(ledger, &self.key, &self.chains[to], now).await {
                    Ok(held) => {
                        assert!(worst <= left, "admitted {worst} of {left}");
                        self.calls.push(Known { held, to, cost: None });
                    }
                    Err(Refusal::BudgetSpent { .. }) => assert!(worst > left, "refused {worst} of {left}"),
                    Err(other) => panic!("{other}"),
                }
            }
            Step::Again { call } => {
                let Some(known) = self.calls.get(call).filter(|known| known.cost.is_none()) else { return };
                // With more calls the key may have more lanes than before, and the second hold is in another one.
                if self.is_due(known) || self.calls.len() >= 12 {
                    return;
                }
                let trial = Trial {
                    call: known.held.call.clone(),
                    worst: known.held.worst_case,
                    ambiguous: known.held.ambiguous,
                };
                if self.window(&known.held.window) != self.today() {
                    return;
                }
                let again = trial.reserve_under(ledger, &self.key, &self.chains[known.to], now).await.unwrap();
                assert_eq!(again.worst_case, known.held.worst_case);
            }
            Step::Settle { call, percent } => {
                let is_late = self.calls.get(call).is_some_and(|known| self.is_due(known));
                let Some(known) = self.calls.get_mut(call) else { return };
                let cost = Usd::from_pico(known.held.worst_case.pico() * percent / 100);
                // A late call that cost more than was charged for it is an overrun, which no budget can stop.
                let cost = if is_late { cost.min(known.held.ambiguous) } else { cost };
                let settled = ledger.settle(&known.held, &record(&known.held.call, cost)).await.unwrap();
                assert_eq!(settled.cost, *known.cost.get_or_insert(cost));
            }
            Step::Release { call } => {
                let Some(known) = self.calls.get_mut(call) else { return };
                let released = ledger.release(&known.held, &record(&known.held.call, Usd::ZERO)).await.unwrap();
                assert_eq!(released.cost, *known.cost.get_or_insert(Usd::ZERO));
            }
            Step::TopUp { call, more } => {
                let Some(known) = self.calls.get(call) else { return };
                let (held, to) = (known.held.clone(), known.to);
                self.hold_more(ledger, (call, held), to, more).await;
            }
            Step::Move { call, more } => {
                let Some(known) = self.calls.get(call) else { return };
                let (held, to) = (known.held.clone(), 1 - known.to);
                self.hold_more(ledger, (call, held), to, more).await;
            }
            Step::Wait { secs } if secs <= 120 => self.store.clock.advance_millis(secs * 1_000),
            Step::Wait { secs } => {
                // Somebody sweeps while it takes so long.
                self.store.clock.advance_millis(120_000);
                ledger.sweep(self.store.now()).await.unwrap();
                self.store.clock.advance_millis((secs - 120) * 1_000);
            }
            Step::Sweep => {
                ledger.sweep(now).await.unwrap();
            }
        }
    }

    /// A call holds more, at this provider.
    async fn hold_more(&mut self, ledger: &Ledger, (call, held): (usize, Reservation), to: usize, more: i128) {
        if self.calls[call].cost.is_some() || self.is_due(&self.calls[call]) {
            return;
        }
        let left = self.left_of(&self.window(&held.window), to, Some(call));
        let asked = held.worst_case.pico() + more;
        match ledger.top_up(&held, &self.key, &self.chains[to], Usd::from_pico(more)).await {
            Ok(held) => {
                assert!(asked <= left, "held {asked} of {left}");
                (self.calls[call].held, self.calls[call].to) = (held, to);
            }
            Err(Refusal::BudgetSpent { .. }) => assert!(asked > left, "refused {asked} of {left}"),
            Err(other) => panic!("{other}"),
        }
    }

    /// Everybody is heard from or given up; the books say what the model says.
    async fn close(self) {
        self.store.clock.advance_millis(120_000);
        self.ledgers[0].sweep(self.store.now()).await.unwrap();
        let cost = |known: &Known| known.cost.unwrap_or(known.held.ambiguous);
        let today = self.today();
        let settled = self.calls.iter().filter(|known| self.window(&known.held.window) == today).map(cost).sum();
        let spend = self.ledgers[1].spend(&self.key, self.store.now()).await.unwrap();
        assert_eq!(spend, Spend { settled, reserved: Usd::ZERO });
        for (to, bound) in self.chains.iter().enumerate().flat_map(|(to, chain)| chain.iter().map(move |b| (to, b))) {
            let counts = |known: &&Known| match bound.scope.kind {
                ScopeKind::Key => self.window(&known.held.window) == today,
                ScopeKind::Provider => known.to == to,
                _ => true,
            };
            let settled = self.calls.iter().filter(counts).map(cost).sum();
            let spend = self.ledgers[0].spend_of(bound, self.store.now()).await.unwrap();
            assert_eq!(spend, Spend { settled, reserved: Usd::ZERO }, "{}", bound.scope);
        }
        // Whatever is left can be had, to the last picodollar, and no more.
        for (to, chain) in self.chains.iter().enumerate() {
            let left = self.left(to);
            let last = |worst: i128| Trial {
                call: format!("call_{}_last_{to}_{worst}", self.case).into(),
                worst: Usd::from_pico(worst),
                ambiguous: Usd::ZERO,
            };
            let now = self.store.now();
            assert!(last(left + 1).reserve_under(&self.ledgers[0], &self.key, chain, now).await.is_err());
            let held = last(left).reserve_under(&self.ledgers[1], &self.key, chain, now).await.unwrap();
            self.ledgers[1].release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
        }
    }
}

fn team(case: u64) -> Bound {
    let budget = Budget { max: Usd::from_pico(TEAM), period: Period::Total };
    let scope = ScopeId::new(ScopeKind::Team, format!("model{case}"));
    Bound { scope, budget, mode: BudgetMode::Strict, version: 1 }
}

fn provider(case: u64, number: usize) -> Bound {
    let scope = ScopeId::new(ScopeKind::Provider, format!("model{case}_{number}"));
    let budget = Budget { max: Usd::from_pico(PROVIDER), period: Period::Total };
    Bound { scope, budget, ..team(case) }
}

#[allow(clippy::disallowed_methods, reason = "a test's own switch")]
fn cases() -> u32 {
    std::env::var("PORTUNUS_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

#[test]
fn m1_to_m9_random_histories_agree_with_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let histories = (1..4_u32, any::<bool>(), any::<bool>(), prop::collection::vec(step(), 1..60));
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let case = std::cell::Cell::new(0);
    let checked = TestRunner::new(config).run(&histories, |(lanes, with_team, with_providers, steps)| {
        case.set(case.get() + 1);
        let store = Store::over(Arc::new(Pure::default()));
        let mut key = key(&format!("model{}", case.get()), None);
        key.limits.max_budget = Some(Usd::from_pico(BUDGET));
        key.lanes = lanes;
        let mut bounds = key.bounds();
        if with_team {
            key.limits.budget_period = Period::Daily;
            bounds = key.bounds();
            bounds.push(team(case.get()));
        }
        let chains = [0, 1].map(|number| {
            let provider = with_providers.then(|| provider(case.get(), number));
            bounds.iter().cloned().chain(provider).collect::<Vec<_>>()
        });
        let ledgers = [store.ledger(), store.ledger()].map(Arc::new);
        let mut model = Model { store, ledgers, key, chains, calls: Vec::new(), case: case.get() };
        runtime.block_on(async {
            if lanes == 2 {
                model.ledgers[0].open_key(&model.key, &model.chains[0], model.store.now()).await.unwrap();
            }
            for (number, step) in steps.into_iter().enumerate() {
                model.take(number, step).await;
            }
            model.close().await;
        });
        Ok(())
    });
    checked.unwrap();
    assert!(case.get() >= u64::from(cases()));
}
