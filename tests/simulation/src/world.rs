//! What everybody in a simulation shares: the time, the keys and their budgets, and the books of the truth.

use crate::books::Books;
use domain::{
    Clock, KeyId, Timestamp, Usd, Zone,
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, Rate, ScopeId, ScopeKind},
    time::{HandClock, Period},
};
use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use stores::{Names, limits::Scoped};

/// Two minutes before midnight in [`zone`].
pub const START: &str = "2026-11-21T18:28:00Z";
/// Requests of the team in a minute ...
pub const REQUESTS: u64 = 180;
/// ... and so many at once.
pub const BURST: u64 = 30;
/// Calls that a key may have in flight.
pub const PARALLEL: u32 = 12;
/// Clocks are off by no more.
pub const SKEW_MS: u64 = 2_000;

/// Everything that is not on a host of its own.
pub struct World {
    pub seed: u64,
    /// The true time.
    pub clock: Arc<HandClock>,
    pub names: Names,
    pub keys: Vec<Arc<VirtualKey>>,
    pub team: Bound,
    pub providers: [Bound; 2],
    /// Nobody calls any more.
    pub closing: AtomicBool,
    /// How many lives instances have begun.
    pub lives: AtomicU64,
    books: Mutex<Books>,
}

/// Its midnight is at half past an hour, in UTC.
pub fn zone() -> Zone {
    Zone::named("Asia/Kolkata").unwrap()
}

pub fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

impl World {
    pub fn new(seed: u64) -> Self {
        let start = Timestamp::parse_rfc3339(START).unwrap();
        let key = |name: &str| VirtualKey::named(KeyId::from(format!("key_{name}")), name, start);
        // One has a budget a day, one is spread over lanes, one may have few calls in flight.
        let (mut daily, mut spread, mut few) = (key("daily"), key("spread"), key("few"));
        (daily.limits.max_budget, daily.limits.budget_period) = (Some(usd("4.000000000003")), Period::Daily);
        spread.lanes = 3;
        few.limits.max_parallel = Some(PARALLEL);
        Self {
            seed,
            clock: Arc::new(HandClock::at(start)),
            names: Names::prefixed("sim"),
            keys: [daily, spread, few].map(Arc::new).into(),
            team: bound(ScopeKind::Team, "sim", "14.000000000007"),
            providers: ["one", "two"].map(|name| bound(ScopeKind::Provider, name, "9.000000000001")),
            closing: AtomicBool::new(false),
            lives: AtomicU64::new(0),
            books: Mutex::default(),
        }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Every budget that bears a key's call to a provider.
    pub fn chain(&self, key: &VirtualKey, provider: usize) -> Vec<Bound> {
        key.bounds().into_iter().chain([self.team.clone(), self.providers[provider].clone()]).collect()
    }

    /// The limits on a key's calls: its team's rate, and how many may be in flight.
    pub fn scoped(&self, key: &VirtualKey) -> Vec<Scoped> {
        let rate = |requests, parallel| Rate { name: "all".to_owned(), requests, tokens: None, parallel };
        vec![
            Scoped { scope: self.team.scope.clone(), rates: vec![rate(Some(REQUESTS), None)], observe: false },
            Scoped { scope: key.scope(), rates: vec![rate(None, Some(PARALLEL))], observe: false },
        ]
    }
}

fn bound(kind: ScopeKind, id: &str, max: &str) -> Bound {
    let budget = Budget { max: usd(max), period: Period::Total };
    Bound { scope: ScopeId::new(kind, id), budget, mode: BudgetMode::Strict, version: 1 }
}

/// An instance's own clock.
pub struct Watch {
    clock: Arc<HandClock>,
    /// How much it is ahead of one that is [`SKEW_MS`] behind.
    ahead_ms: u64,
}

impl Watch {
    pub fn of(clock: Arc<HandClock>, ahead_ms: u64) -> Self {
        Self { clock, ahead_ms }
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().millis() + self.ahead_ms - SKEW_MS)
    }
}
