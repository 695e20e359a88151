//! The admin API on Lambda: settings in, application out. No logic here.

use std::sync::Arc;

use admin::http::{AdminKey, AdminState, ClientIp, Configure, Parts};
use async_trait::async_trait;
use axum::Router;
use config::{Config, Lookup, Problem, ProcessEnv};
use lambda_http::{
    Adapter, Error, LambdaEvent, Request, Service,
    request::{LambdaRequest, RequestContext},
};
use lambda_runtime::service_fn;
use providers::vault::SecretsManager;
use stack::{Stack, edge, settings};
use stores::{
    alerts::Told,
    audit::Audit,
    calls::Calls,
    keys::{Keys, Peppers},
    ledger::Ledger,
    requests::Requests,
    rollups::Rollups,
    settings::{Settings, StoredCredential},
};
use tower::{ServiceExt, util::BoxCloneSyncService};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    run(admin::http::app(state(&ProcessEnv).await?)).await
}

/// What the admin API works on, built once, before the first request.
async fn state(environment: &dyn Lookup) -> Result<AdminState, Error> {
    let stack = Stack::from_environment(environment).await?;
    let settings = Settings::new(stack.table.clone(), stack.names.clone());
    let (seeded, pepper, admin_key) = tokio::join!(
        settings::in_force(&settings, stack.clock.now()),
        stack.secret(environment, "PORTUNUS_PEPPER_SECRET"),
        stack.secret(environment, "PORTUNUS_ADMIN_KEY_SECRET"),
    );
    seeded?;
    let vault = SecretsManager::new(stack.aws.sdk().await, stack::required(environment, "PORTUNUS_SECRETS_PREFIX")?);
    let (table, names, clock, peppers) = (stack.table, stack.names, stack.clock, Peppers::one(pepper?));
    Ok(AdminState::new(Parts {
        configure: Arc::new(WithoutSecrets),
        keys: Arc::new(Keys::new(table.clone(), names.clone(), peppers.clone())),
        ledger: Arc::new(Ledger::new(table.clone(), names.clone(), clock.clone())),
        calls: Calls::new(table.clone(), names.clone()),
        requests: Requests::new(table.clone(), &names),
        rollups: Rollups::new(table.clone(), names.clone()),
        told: Told::new(table.clone(), &names),
        vault: Arc::new(vault),
        settings,
        audit: Audit::new(table, names),
        peppers,
        clock,
        admin_key: AdminKey::of(&admin_key?),
    }))
}

/// Reads configurations without provider secrets, which this function may not read [Z1]. One that cannot be read leaves the
/// root admin key, to mend it with.
struct WithoutSecrets;

#[async_trait]
impl Configure for WithoutSecrets {
    async fn check(&self, text: &str, credentials: &[StoredCredential]) -> Result<Config, Vec<Problem>> {
        settings::load_without_secrets(text, credentials)
    }

    fn built_in(&self) -> Config {
        Config::default()
    }
}

/// Answers invocations until the sandbox ends, always buffered: its API does not stream.
async fn run(router: Router) -> Result<(), Error> {
    let app = BoxCloneSyncService::new(router.map_request(introduce));
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let answer = Adapter::from(app.clone()).call(edge::with_host_of_the_edge(event));
        async move { Ok::<_, Error>(answer.await?) }
    }))
    .await
}

/// The request with its sender's address, which failed logins are counted by.
fn introduce(mut request: Request) -> Request {
    let address = request.extensions().get::<RequestContext>().and_then(edge::source_address);
    if let Some(address) = address {
        request.extensions_mut().insert(ClientIp(address));
    }
    request
}
