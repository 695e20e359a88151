//! Logs: readable on a terminal, one JSON object a line elsewhere [X3]. AWS crates are capped at INFO, whatever the
//! filter says: below it they print credentials.

use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging with a filter such as `info,gateway=debug`.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let capped =
        filter_fn(|metadata| !metadata.target().starts_with("aws") || *metadata.level() <= tracing::Level::INFO);
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let layer = if terminal {
        fmt::layer().with_writer(std::io::stderr).with_target(false).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(capped)).with(filter).init();
}
