//! Tables to test on, a clock moved by hand, and calls to make.

use domain::{
    CallId, KeyId, Timestamp, Usage, Usd,
    call::{Ask, CallRecord, Reservation, State, UsageSource},
    key::VirtualKey,
    limit::{Bound, BudgetMode},
    time::{Clock, HandClock},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use stores::{
    Names, Table,
    chaos::{Chaos, Faults},
    dynamodb::{DynamoTable, create_tables},
    embedded::Embedded,
    ledger::{Ledger, Refusal},
    retry::Retrying,
};

/// Something that keeps a table alive.
pub struct Store {
    pub table: Arc<dyn Table>,
    pub names: Names,
    pub clock: Arc<HandClock>,
    /// How many calls of one instance it bears at once; an emulator drops connections beyond.
    pub rush: usize,
    engine: Option<Embedded>,
    directory: Option<PathBuf>,
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.engine.take());
        if let Some(directory) = &self.directory {
            std::fs::remove_dir_all(directory).ok();
        }
    }
}

pub fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

pub fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// A directory of this test's own.
pub fn directory() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("portunus-stores-{}-{number}", std::process::id()))
}

impl Store {
    fn of(table: Arc<dyn Table>, names: Names, engine: Option<Embedded>, directory: Option<PathBuf>) -> Self {
        Self { table, names, clock: Arc::new(HandClock::at(start())), rush: 256, engine, directory }
    }

    /// Plain memory, as fast as can be.
    pub async fn pure() -> Option<Self> {
        Some(Self::over(Arc::new(crate::pure::Pure::default())))
    }

    pub fn over(table: Arc<dyn Table>) -> Self {
        Self::of(table, Names::prefixed("test"), None, None)
    }

    pub async fn memory() -> Option<Self> {
        let names = Names::prefixed("test");
        let engine = Embedded::open(None).unwrap();
        let table = Arc::new(engine.table(&names).await.unwrap());
        Some(Self::of(table, names, Some(engine), None))
    }

    pub async fn direct() -> Option<Self> {
        let names = Names::prefixed("test");
        let engine = Embedded::open(None).unwrap();
        let table = Arc::new(engine.direct_table(&names).await.unwrap());
        Some(Self::of(table, names, Some(engine), None))
    }

    pub async fn file() -> Option<Self> {
        let names = Names::prefixed("test");
        let directory = directory();
        let engine = Embedded::open(Some(&directory)).unwrap();
        let table = Arc::new(engine.table(&names).await.unwrap());
        Some(Self::of(table, names, Some(engine), Some(directory)))
    }

    /// Faults that nobody but the retries may notice.
    pub async fn shaken() -> Option<Self> {
        let latency = Duration::from_micros(50);
        Some(Self::chaos(Faults { throttled: 20, conflict: 20, lost_before: 20, lost_after: 0, latency }, 7).await)
    }

    pub async fn chaos(faults: Faults, seed: u64) -> Self {
        let names = Names::prefixed("test");
        let engine = Embedded::open(None).unwrap();
        create_tables(&engine.client(), &names, false).await.unwrap();
        let table = Arc::new(Retrying::patient(Chaos::new(DynamoTable(engine.client()), faults, seed)));
        Self::of(table, names, Some(engine), None)
    }

    /// A second, independent emulator, if `PORTUNUS_TEST_DYNAMODB` names its endpoint.
    pub async fn emulator() -> Option<Self> {
        let prefix = format!("t{}{}", std::process::id(), directory().display().to_string().len());
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self::emulator_named(&format!("{prefix}n{}", NEXT.fetch_add(1, Ordering::Relaxed)), true).await
    }

    /// The same with tables of these names, made or found.
    #[allow(clippy::disallowed_methods, reason = "a test's own switch")]
    pub async fn emulator_named(prefix: &str, make: bool) -> Option<Self> {
        let endpoint = std::env::var("PORTUNUS_TEST_DYNAMODB").ok()?;
        let client = crate::loopback::client(&endpoint);
        let names = Names::prefixed(prefix);
        if make {
            create_tables(&client, &names, false).await.unwrap();
        }
        let mut store = Self::of(Arc::new(Retrying::patient(DynamoTable(client))), names, None, None);
        store.rush = 24;
        Some(store)
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::new(Arc::clone(&self.table), self.names.clone(), self.clock.clone())
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub fn key(name: &str, budget: Option<&str>) -> VirtualKey {
    let mut key = VirtualKey::named(KeyId::from(format!("key_{name}")), name, start());
    key.limits.max_budget = budget.map(usd);
    key
}

pub fn last_one(mut key: VirtualKey) -> VirtualKey {
    key.limits.budget_mode = BudgetMode::LastOne;
    key
}

/// A call of its own id, to reserve and end.
#[derive(Clone, Debug)]
pub struct Trial {
    pub call: CallId,
    pub worst: Usd,
    pub ambiguous: Usd,
}

impl Trial {
    pub fn new(id: impl Into<String>, worst: &str) -> Self {
        let worst = usd(worst);
        Self { call: CallId::from(id.into()), worst, ambiguous: worst.percent(20) }
    }

    pub async fn reserve(&self, ledger: &Ledger, key: &VirtualKey, now: Timestamp) -> Result<Reservation, Refusal> {
        self.reserve_under(ledger, key, &key.bounds(), now).await
    }

    pub async fn reserve_under(
        &self,
        ledger: &Ledger,
        key: &VirtualKey,
        bounds: &[Bound],
        now: Timestamp,
    ) -> Result<Reservation, Refusal> {
        let lease_until = now.plus_secs(60);
        let (call, worst_case, ambiguous) = (&self.call, self.worst, self.ambiguous);
        ledger.reserve(&Ask { call, key, bounds, worst_case, ambiguous, now, lease_until }).await
    }
}

pub fn record(call: &CallId, cost: Usd) -> CallRecord {
    CallRecord {
        call: call.clone(),
        state: State::Settled,
        cost,
        wire: "openai.chat".to_owned(),
        alias: "fast".to_owned(),
        provider: "echo".to_owned(),
        model: "echo-1".to_owned(),
        region: None,
        usage: Usage { input: 3, output: 5, ..Default::default() },
        usage_source: UsageSource::Reported,
        units: domain::media::Units::default(),
        unpriced: false,
        status: 200,
        error: None,
        over_rate: false,
        streamed: true,
        attempts: 1,
        started_at: start(),
        ended_at: start().plus_secs(1),
        first_byte_ms: Some(12),
        team_id: None,
        user_id: Some("ann".to_owned()),
        organization_id: None,
        project_id: None,
        tags: vec![("app".to_owned(), "tests".to_owned())],
        client_request_id: None,
    }
}
