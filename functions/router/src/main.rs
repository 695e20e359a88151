//! The data plane on Lambda: settings in, application out. No logic here.

mod front_door;
mod invocation;
mod maker;
mod unfailing;

use std::{sync::Arc, time::Duration};

use config::{Lookup, ProcessEnv};
use front_door::Transfer;
use gateway::live::Live;
use lambda_http::Error;
use maker::Maker;
use stack::Stack;
use stores::{
    keys::{Keys, Peppers},
    ledger::Ledger,
    settings::Settings,
};

/// How often it is looked for another configuration, at the most.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let forced = ProcessEnv.env("RESPONSE_MODE").map(|mode| mode.parse::<Transfer>()).transpose()?;
    let maker = Arc::new(maker(&ProcessEnv).await?);
    let live = Live::looking(Arc::new(maker.gateway().await?), maker, LOOK_EVERY);
    invocation::run(gateway::http::live(live, None), forced).await
}

/// Everything a call needs, built once, before the first.
async fn maker(environment: &dyn Lookup) -> Result<Maker, Error> {
    let stack = Stack::from_environment(environment).await?;
    let settings = Settings::new(stack.table.clone(), stack.names.clone());
    let pepper = stack.secret(environment, "PORTUNUS_PEPPER_SECRET").await?;
    let keys = Arc::new(Keys::new(stack.table.clone(), stack.names.clone(), Peppers::one(pepper)));
    let ledger = Ledger::new(stack.table.clone(), stack.names.clone(), stack.clock.clone());
    let ledger = if stack::frees_from_stream(environment)? { ledger.freeing_later() } else { ledger };
    Ok(Maker::new(stack, settings, keys, Arc::new(ledger)))
}
