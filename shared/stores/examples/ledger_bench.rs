//! How many calls a second the ledger carries on the embedded engine: reserve and settle, three writes each.
//!
//! `cargo run --release -p stores --features embedded --example ledger_bench -- [seconds] [workers] [lanes]`

use domain::{
    CallId, KeyId, Timestamp, Usd,
    call::{Ask, CallRecord, State, UsageSource},
    key::VirtualKey,
    time::{Clock, SystemClock},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use stores::{Names, Table, embedded::Embedded, ledger::Ledger, noop::NoopTable};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Worst case and cost of a call of the bench.
const WORST: Usd = Usd::from_pico(10_000_000_000);
const COST: Usd = Usd::from_pico(1_000_000_000);

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Load {
    time: Duration,
    workers: u64,
    keys: u64,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let mut next = |default| numbers.next().unwrap_or(default);
    let load = Load { time: Duration::from_secs(next(5)), workers: next(64), keys: next(100) };
    let names = Names::prefixed("bench");
    measure("no-op table", Arc::new(NoopTable), &names, &load).await?;
    let directory = std::env::temp_dir().join(format!("ledger-bench-{}", std::process::id()));
    for (title, data_dir) in [("memory", None), ("file", Some(directory.as_path()))] {
        embedded(title, data_dir, &names, &load).await?;
    }
    Ok(std::fs::remove_dir_all(directory)?)
}

async fn embedded(title: &str, data_dir: Option<&Path>, names: &Names, load: &Load) -> Result<(), Failure> {
    let engine = Embedded::open(data_dir)?;
    let one = Load { keys: 1, ..*load };
    let (through_sdk, direct) = (Arc::new(engine.table(names).await?), Arc::new(engine.direct_table(names).await?));
    measure(&format!("{title}, SDK"), through_sdk, names, load).await?;
    measure(&format!("{title}, direct"), direct.clone(), names, load).await?;
    measure(&format!("{title}, one key"), direct, names, &one).await?;
    engine.shutdown();
    Ok(())
}

async fn measure(title: &str, table: Arc<dyn Table>, names: &Names, load: &Load) -> Result<(), Failure> {
    let ledger = Arc::new(Ledger::new(table, names.clone(), Arc::new(SystemClock)));
    let mut keys = Vec::new();
    for number in 0..load.keys {
        let mut key =
            VirtualKey::named(KeyId::from(format!("key_{title}{}_{number}", load.keys)), "", SystemClock.now());
        key.limits.max_budget = Some("1000000".parse()?);
        ledger.open_key(&key, &key.bounds(), SystemClock.now()).await?;
        keys.push(Arc::new(key));
    }
    let counter = Arc::new(AtomicU64::new(0));
    let (started, until, cpu) = (Instant::now(), Instant::now() + load.time, cpu_ticks());
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..load.workers {
        let (ledger, counter, keys) = (ledger.clone(), counter.clone(), keys.clone());
        let title = title.to_owned();
        workers.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let call = CallId::from(format!("call_{title}{worker:02}{number:016}"));
                let key = keys.get(number as usize % keys.len()).ok_or("there are no keys")?;
                times.push(one_call(&ledger, &call, key).await?);
            }
            Ok::<_, Failure>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = workers.join_next().await {
        times.extend(done??);
    }
    report(title, times, started.elapsed(), cpu_ticks() - cpu);
    Ok(())
}

async fn one_call(ledger: &Ledger, call: &CallId, key: &VirtualKey) -> Result<(Duration, Duration), Failure> {
    let now = SystemClock.now();
    let bounds = key.bounds();
    let ask =
        Ask { call, key, bounds: &bounds, worst_case: WORST, ambiguous: COST, now, lease_until: now.plus_secs(90) };
    let begun = Instant::now();
    let reservation = ledger.reserve(&ask).await?;
    let admitted = begun.elapsed();
    let begun = Instant::now();
    ledger.settle(&reservation, &record(call, now)).await?;
    Ok((admitted, begun.elapsed()))
}

fn record(call: &CallId, now: Timestamp) -> CallRecord {
    CallRecord {
        call: call.clone(),
        state: State::Settled,
        cost: COST,
        wire: "openai.chat".to_owned(),
        alias: "claude-sonnet".to_owned(),
        provider: "bedrock".to_owned(),
        model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0".to_owned(),
        region: Some("eu-west-1".to_owned()),
        usage: domain::Usage { input: 1200, output: 300, ..Default::default() },
        usage_source: UsageSource::Reported,
        units: domain::media::Units::default(),
        unpriced: false,
        status: 200,
        error: None,
        over_rate: false,
        streamed: true,
        attempts: 1,
        started_at: now,
        ended_at: now,
        first_byte_ms: Some(200),
        team_id: Some("team_a".to_owned()),
        user_id: None,
        organization_id: None,
        project_id: None,
        tags: vec![("app".to_owned(), "bench".to_owned())],
        client_request_id: None,
    }
}

/// Processor time of this process so far, in hundredths of a second; zero where the system does not say.
fn cpu_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split(' ');
    fields.skip(12).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
}

fn report(title: &str, times: Vec<(Duration, Duration)>, took: Duration, ticks: f64) {
    let rate = times.len() as f64 / took.as_secs_f64();
    let cpu = ticks * 1e4 / times.len() as f64;
    let (admit, settle): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    println!("{title:16} {rate:7.0} calls/s  {cpu:4.0} µs CPU  admit {}  settle {}", spread(admit), spread(settle));
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    format!("p50 {:6.2} ms, p99 {:6.2} ms", at(50), at(99))
}
