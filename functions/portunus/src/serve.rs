//! `portunus serve`: the whole gateway on one port, over an embedded table. The same applications as on AWS.

use crate::{
    configuration::{self, Failure, Maker, Reading},
    jobs::Jobs,
    listen,
    local::Local,
    log,
    planes::Planes,
    pump::DrainPump,
    telling::Tellings,
    vault::Drawer,
    workers::Workers,
};
use admin::{
    archive::Archive,
    dead_letters::File,
    http::{AdminState, Parts},
};
use clap::{ArgAction, Parser};
use config::ProcessEnv;
use domain::{Clock, time::SystemClock};
use gateway::{
    http::{Edge, Pump},
    live::Live,
};
use providers::{Aws, Dialer};
use std::{path::PathBuf, sync::Arc, time::Duration};
use stores::{
    Names, Table,
    alerts::Told,
    audit::Audit,
    calls::Calls,
    embedded::Embedded,
    keys::{Keys, Peppers},
    ledger::Ledger,
    noop::NoopTable,
    objects::Folder,
    requests::Requests,
    responses::Responses,
    rollups::Rollups,
    settings::Settings,
};

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

/// Both planes as one document.
fn described() -> String {
    admin::http::openapi::joined(gateway::http::openapi::document()).to_string()
}

async fn serve(options: Options) -> Result<(), Failure> {
    let listener = listen::bind(&options.listen)
        .await
        .map_err(|problem| format!("cannot listen on {}: {problem}; choose another with --listen", options.listen))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let directory = (!options.memory).then_some(options.data_dir.as_path());
    let embedded = Embedded::open_streaming(directory)?;
    let names = Names::prefixed("portunus");
    let stream = embedded.stream(&names).await?;
    let table: Arc<dyn Table> = Arc::new(embedded.direct_table(&names).await?);
    let settings = Settings::new(table.clone(), names.clone());
    let local = Local::open(&settings, options.admin_key.as_deref()).await?;
    let ledger_table: Arc<dyn Table> =
        if options.benchmark_without_ledger { Arc::new(NoopTable) } else { table.clone() };

    let aws = Aws::new(&Dialer::new(&Default::default())?, &ProcessEnv)?;
    let drawer = Arc::new(Drawer::new(directory));
    let reading = Arc::new(Reading { aws, clock: clock.clone(), drawer: drawer.clone() });
    let in_force = configuration::at_start(&reading, &settings, options.config.as_deref()).await?;
    let (version, drain) = (in_force.config.version, in_force.config.streams.drain_after_disconnect);
    let peppers = Peppers::one(local.pepper.clone());
    let keys = Arc::new(Keys::new(table.clone(), names.clone(), peppers.clone()));
    let ledger = Arc::new(Ledger::new(ledger_table, names.clone(), clock.clone()));

    let pump = Arc::new(DrainPump::new());
    let responses = Responses::new(table.clone(), &names);
    let maker = Maker {
        reading: reading.clone(),
        keys: keys.clone(),
        ledger: ledger.clone(),
        responses,
        settings: settings.clone(),
    };
    let live = Arc::new(Live::of(Arc::new(maker.gateway(in_force).await?)));
    let client = Edge::new(live.clone(), Some(pump.clone() as Arc<dyn Pump>)).described_as(described);
    let rollups = Rollups::new(table.clone(), names.clone());
    let requests = Requests::new(table.clone(), &names);
    let archive = directory.map(|path| Archive::new(Arc::new(Folder::new(path)), table.clone(), &names, clock.clone()));
    let dead_letters = File(directory.map(|path| path.join("dead-letters.ndjson")));
    let tellings =
        Tellings::new(reading.clone(), (table.clone(), names.clone()), (keys.clone(), peppers.clone()), ledger.clone());
    let counted = (rollups.clone(), requests.clone());
    let audit = Audit::new(table.clone(), names.clone());
    let jobs = Jobs::new(stream, counted, tellings, (archive, audit.clone()), dead_letters);
    let state = AdminState::new(Parts {
        configure: reading,
        keys: keys.clone(),
        ledger: ledger.clone(),
        calls: Calls::new(table.clone(), names.clone()),
        requests,
        rollups,
        told: Told::new(table.clone(), &names),
        vault: drawer,
        settings,
        audit,
        peppers,
        clock: clock.clone(),
        admin_key: local.admin_key.clone(),
    });
    let (app, now) = (Planes { client, admin: admin::http::app(state) }, clock.now());

    local.banner(&listener.local_addr()?.to_string(), &keys, &ledger, now).await?;
    let workers = Workers::start()?;
    tokio::select! {
        () = listen::serve(listener, app, &workers, stopped()) => {}
        () = sweep(ledger.clone(), clock.clone()) => {}
        () = jobs.run() => {}
        () = maker.follow(&live, version) => {}
    }
    pump.idle(drain + Duration::from_secs(5)).await;
    ledger.mend(ledger.gaps()).await;
    workers.stop();
    embedded.shutdown();
    Ok(())
}

/// Takes back, every minute, what calls that never ended still hold [M6], and writes down what could not be.
async fn sweep(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        if let Err(problem) = ledger.sweep(clock.now()).await {
            tracing::warn!(%problem, "the sweep for expired holds did not finish");
        }
        ledger.mend(ledger.gaps()).await;
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
