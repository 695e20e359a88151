//! `portunus serve`: the whole gateway on one port, over an embedded table. The same applications as on AWS.

use crate::{listen, local::Local, log, planes::Planes, pump::DrainPump, workers::Workers};
use admin::http::AdminState;
use clap::{ArgAction, Parser};
use config::{Config, ProcessEnv};
use domain::{Clock, time::SystemClock};
use gateway::{
    Gateway,
    http::{Edge, Pump},
};
use providers::{Aws, Dialer, Providers, Secrets};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use stores::{
    Names, Table,
    calls::{CallImage, Calls},
    embedded::Embedded,
    keys::{Keys, Peppers},
    ledger::Ledger,
    noop::NoopTable,
    responses::Responses,
    rollups::Rollups,
    settings::Settings,
};

use tokio::sync::mpsc;

type Failure = Box<dyn Error>;

/// Settled calls counted at once.
const BATCH: usize = 10_000;

/// How to serve.
#[derive(Parser)]
pub struct Options {
    /// The configuration file [default: ./portunus.yaml if there is one, else a built-in demo].
    #[arg(long, env = "PORTUNUS_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen.
    #[arg(long, env = "PORTUNUS_LISTEN", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where keys, budgets and usage are kept.
    #[arg(long, env = "PORTUNUS_DATA_DIR", default_value = ".portunus")]
    data_dir: PathBuf,
    /// Keep keys, budgets and usage in memory only: they are gone when the process ends.
    #[arg(long, action = ArgAction::SetTrue)]
    memory: bool,
    /// The root admin key; made and shown once, at the first start, when it is not set.
    #[arg(long, env = "PORTUNUS_ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<String>,
    /// What to log: a tracing filter.
    #[arg(long, env = "PORTUNUS_LOG", default_value = "info")]
    log: String,
    /// Hold and record nothing, to measure what the ledger costs.
    #[arg(long, action = ArgAction::SetTrue, hide = true)]
    benchmark_without_ledger: bool,
}

impl Options {
    /// What `portunus` without a command serves with.
    pub fn from_environment() -> Self {
        Self::parse_from(["portunus"])
    }
}

/// Serves until SIGTERM or Ctrl-C, then lets calls in flight end and settles them.
pub fn run(options: Options) -> Result<(), Failure> {
    log::start(&options.log);
    // Calls run in the workers; this one accepts connections and does what belongs to no call.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let listener = listen::bind(&options.listen)
        .await
        .map_err(|problem| format!("cannot listen on {}: {problem}; choose another with --listen", options.listen))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let directory = (!options.memory).then_some(options.data_dir.as_path());
    let embedded = Embedded::open(directory)?;
    let names = Names::prefixed("portunus");
    let table: Arc<dyn Table> = Arc::new(embedded.direct_table(&names).await?);
    let local = Local::open(&Settings::new(table.clone(), names.clone()), options.admin_key.as_deref()).await?;
    let ledger_table: Arc<dyn Table> =
        if options.benchmark_without_ledger { Arc::new(NoopTable) } else { table.clone() };

    let aws = Aws::new(&Dialer::new(&Default::default())?, &ProcessEnv)?;
    let config = Arc::new(configuration(options.config.as_deref(), &aws, &clock).await?);
    let providers = Arc::new(Providers::build(&config, &Dialer::new(&config.egress)?, &aws).await?);
    let keys = Arc::new(Keys::new(table.clone(), names.clone(), Peppers::one(local.pepper.clone())));
    let (outbox, settled) = mpsc::unbounded_channel();
    let ledger = Ledger::new(ledger_table, names.clone(), clock.clone());
    // What nobody records, nobody counts.
    let ledger = Arc::new(if options.benchmark_without_ledger { ledger } else { ledger.with_outbox(outbox.clone()) });

    let pump = Arc::new(DrainPump::new());
    let gateway = Gateway::new(config.clone(), providers.clone(), keys.clone(), ledger.clone(), clock.clone())
        .with_responses(Responses::new(table.clone(), &names));
    let client = Edge::new(Arc::new(gateway), Some(pump.clone() as Arc<dyn Pump>));
    let calls = Calls::new(table.clone(), names.clone());
    let rollups = Rollups::new(table, names);
    let counting = count(admin::rollups::Local::new(rollups.clone(), clock.clone()), settled);
    let (state, now) = (admin_state(&local, config.clone(), &keys, &ledger, calls, rollups, &clock), clock.now());
    let app = Planes { client, admin: admin::http::app(state) };

    local.banner(&listener.local_addr()?.to_string(), &keys, &ledger, now).await?;
    let workers = Workers::start()?;
    tokio::select! {
        () = listen::serve(listener, app, &workers, stopped()) => {}
        () = sweep(ledger, clock.clone()) => {}
        () = counting => {}
    }
    pump.idle(config.streams.drain_after_disconnect + Duration::from_secs(5)).await;
    workers.stop();
    embedded.shutdown();
    Ok(())
}

fn admin_state(
    local: &Local,
    config: Arc<Config>,
    keys: &Arc<Keys>,
    ledger: &Arc<Ledger>,
    calls: Calls,
    rollups: Rollups,
    clock: &Arc<dyn Clock>,
) -> AdminState {
    AdminState::new(config, keys.clone(), ledger.clone(), calls, rollups, clock.clone(), local.admin_key.clone())
}

/// The named file, `./portunus.yaml`, or the demo.
async fn configuration(file: Option<&Path>, aws: &Aws, clock: &Arc<dyn Clock>) -> Result<Config, Failure> {
    let default = Path::new("portunus.yaml");
    let Some(file) = file.or_else(|| default.exists().then_some(default)) else { return Ok(config::demo(&ProcessEnv)) };
    let text = std::fs::read_to_string(file).map_err(|problem| format!("{}: {problem}", file.display()))?;
    let (name, secrets) = (file.display().to_string(), config::secret_names(&text));
    // AWS is asked only if the file names a secret.
    let loaded = if secrets.is_empty() {
        config::load(&name, &text, &ProcessEnv)
    } else {
        config::load(&name, &text, &Secrets::new(aws.sdk().await, clock.clone()).lookup(&secrets).await?)
    };
    let config = loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(config)
}

/// Takes back, every minute, what calls that never ended still hold [M6].
async fn sweep(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        if let Err(problem) = ledger.sweep(clock.now()).await {
            tracing::warn!(%problem, "the sweep for expired holds did not finish");
        }
    }
}

/// Counts settled calls into the rollups, a second's worth at a time: what the usage table's stream does on AWS.
async fn count(mut rollups: admin::rollups::Local, mut settled: mpsc::UnboundedReceiver<CallImage>) {
    loop {
        let mut batch = Vec::new();
        if settled.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        if let Err(problem) = rollups.take(batch).await {
            tracing::warn!(%problem, "usage could not be counted; it is tried again with the next calls");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// SIGTERM or Ctrl-C.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    tracing::info!("stopping: calls in flight are finished and settled first");
}
