//! Random histories of calls, against a model of the ledger that is twenty lines long.

use crate::harness::{Store, Trial, key, record};
use domain::{Usd, call::Reservation, key::VirtualKey};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use stores::ledger::{Ledger, Refusal, Spend};

const BUDGET: i128 = 1_000;
/// As many histories as take some twenty seconds on a slow machine.
const CASES: u32 = 250;

#[derive(Clone, Debug)]
enum Step {
    Reserve { worst: i128 },
    Again { call: usize },
    Settle { call: usize, percent: i128 },
    Release { call: usize },
    TopUp { call: usize, more: i128 },
    Wait { secs: u64 },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..400_i128).prop_map(|worst| Step::Reserve { worst }),
        1 => (0..20_usize).prop_map(|call| Step::Again { call }),
        4 => (0..20_usize, 0..=100_i128).prop_map(|(call, percent)| Step::Settle { call, percent }),
        1 => (0..20_usize).prop_map(|call| Step::Release { call }),
        1 => (0..20_usize, 1..200_i128).prop_map(|(call, more)| Step::TopUp { call, more }),
        2 => (1..50_u64).prop_map(|secs| Step::Wait { secs }),
        1 => Just(Step::Sweep),
    ]
}

/// A call as the model sees it.
#[derive(Clone)]
struct Known {
    held: Reservation,
    /// What it cost, once somebody said so.
    cost: Option<Usd>,
}

struct Model<'a> {
    store: &'a Store,
    ledgers: [Ledger; 2],
    key: VirtualKey,
    calls: Vec<Known>,
    case: u64,
}

impl Model<'_> {
    fn is_due(&self, known: &Known) -> bool {
        known.held.lease_until.millis().div_ceil(1_000) < self.store.now().secs()
    }

    /// What is left if everything overdue is taken to be over.
    fn left(&self) -> i128 {
        let used = |known: &Known| match known.cost {
            Some(cost) => cost,
            None if self.is_due(known) => known.held.ambiguous,
            None => known.held.worst_case,
        };
        BUDGET - self.calls.iter().map(used).sum::<Usd>().pico()
    }

    async fn take(&mut self, number: usize, step: Step) {
        // A refusal is remembered for a quarter of a second; the model knows nothing of that.
        self.store.clock.advance_millis(300);
        let now = self.store.now();
        let ledger = &self.ledgers[number % 2];
        match step {
            Step::Reserve { worst } => {
                let worst_case = Usd::from_pico(worst);
                let call = format!("call_{}_{number}", self.case).into();
                let trial = Trial { call, worst: worst_case, ambiguous: worst_case.percent(20) };
                let left = self.left();
                match trial.reserve(ledger, &self.key, now).await {
                    Ok(held) => {
                        assert!(worst <= left, "admitted {worst} of {left}");
                        self.calls.push(Known { held, cost: None });
                    }
                    Err(Refusal::BudgetSpent { .. }) => assert!(worst > left, "refused {worst} of {left}"),
                    Err(other) => panic!("{other}"),
                }
            }
            Step::Again { call } => {
                let Some(known) = self.calls.get(call).filter(|known| known.cost.is_none()) else { return };
                if self.is_due(known) {
                    return;
                }
                let trial = Trial {
                    call: known.held.call.clone(),
                    worst: known.held.worst_case,
                    ambiguous: known.held.ambiguous,
                };
                let again = trial.reserve(ledger, &self.key, now).await.unwrap();
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
                let left = self.left();
                let Some(known) = self.calls.get(call).filter(|known| known.cost.is_none()) else { return };
                if self.is_due(known) {
                    return;
                }
                if let Ok(held) = ledger.top_up(&known.held, &self.key, &self.key.bounds(), Usd::from_pico(more)).await
                {
                    assert!(more <= left, "topped up {more} of {left}");
                    self.calls[call].held = held;
                }
            }
            Step::Wait { secs } => self.store.clock.advance_millis(secs * 1_000),
            Step::Sweep => {
                ledger.sweep(now).await.unwrap();
            }
        }
    }

    /// Everybody is heard from or given up; the books say what the model says.
    async fn close(self) {
        self.store.clock.advance_millis(120_000);
        self.ledgers[0].sweep(self.store.now()).await.unwrap();
        let cost = |known: &Known| known.cost.unwrap_or(known.held.ambiguous);
        let settled = self.calls.iter().map(cost).sum();
        let spend = self.ledgers[1].spend(&self.key, self.store.now()).await.unwrap();
        assert_eq!(spend, Spend { settled, reserved: Usd::ZERO });
        // Whatever is left can be had, to the last picodollar, and no more.
        let left = BUDGET - settled.pico();
        let last = |worst: i128| Trial {
            call: format!("call_{}_last_{worst}", self.case).into(),
            worst: Usd::from_pico(worst),
            ambiguous: Usd::ZERO,
        };
        let now = self.store.now();
        assert!(last(left + 1).reserve(&self.ledgers[0], &self.key, now).await.is_err());
        let held = last(left).reserve(&self.ledgers[1], &self.key, now).await.unwrap();
        self.ledgers[1].release(&held, &record(&held.call, Usd::ZERO)).await.unwrap();
    }
}

#[test]
fn m1_to_m9_random_histories_agree_with_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = runtime.block_on(Store::memory()).unwrap();
    let histories = (1..4_u32, prop::collection::vec(step(), 1..60));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let case = std::cell::Cell::new(0);
    let checked = TestRunner::new(config).run(&histories, |(lanes, steps)| {
        case.set(case.get() + 1);
        let mut key = key(&format!("model{}", case.get()), None);
        key.limits.max_budget = Some(Usd::from_pico(BUDGET));
        key.lanes = lanes;
        let ledgers = [store.ledger(), store.ledger()];
        let mut model = Model { store: &store, ledgers, key, calls: Vec::new(), case: case.get() };
        runtime.block_on(async {
            if lanes == 2 {
                model.ledgers[0].open_key(&model.key, &model.key.bounds(), store.now()).await.unwrap();
            }
            for (number, step) in steps.into_iter().enumerate() {
                model.take(number, step).await;
            }
            model.close().await;
        });
        Ok(())
    });
    checked.unwrap();
    assert!(case.get() >= u64::from(CASES));
}
