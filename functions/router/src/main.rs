//! The data plane on Lambda: settings in, application out. No logic here.

mod front_door;
mod invocation;
mod unfailing;

use std::sync::Arc;

use config::{Lookup, ProcessEnv};
use front_door::Transfer;
use gateway::Gateway;
use lambda_http::Error;
use providers::{Dialer, Providers};
use stack::{Stack, settings};
use stores::{
    keys::{Keys, Peppers},
    ledger::Ledger,
    responses::Responses,
    settings::Settings,
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let forced = ProcessEnv.env("RESPONSE_MODE").map(|mode| mode.parse::<Transfer>()).transpose()?;
    let gateway = gateway(&ProcessEnv).await?;
    invocation::run(gateway::http::app(Arc::new(gateway), None), forced).await
}

/// Everything a call needs, built once, before the first.
async fn gateway(environment: &dyn Lookup) -> Result<Gateway, Error> {
    let stack = Stack::from_environment(environment).await?;
    let settings = Settings::new(stack.table.clone(), stack.names.clone());
    let (text, pepper) = tokio::join!(
        settings::text(&settings, stack.clock.now()),
        stack.secret(environment, "PORTUNUS_PEPPER_SECRET"),
    );
    let config = Arc::new(settings::load(&text?, &stack.secrets).await?);
    let dialer = Dialer::new(&config.egress)?;
    let providers = Arc::new(Providers::build(&config, &dialer, &stack.aws).await?);
    let keys = Arc::new(Keys::new(stack.table.clone(), stack.names.clone(), Peppers::one(pepper?)));
    let responses = Responses::new(stack.table.clone(), &stack.names);
    let ledger = Arc::new(Ledger::new(stack.table, stack.names, stack.clock.clone()));
    Ok(Gateway::new(config, providers, keys, ledger, stack.clock).with_responses(responses))
}
