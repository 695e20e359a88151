//! `GET /providers`: who answers. Names and kinds; never a credential, and no address, which may carry one.

use super::{AdminState, reply};
use axum::response::Response;
use config::{CredentialFrom, Provider};
use domain::{Error, Service, Wire};
use serde::Serialize;

/// A provider as it is configured.
#[derive(Serialize)]
struct Shown<'c> {
    name: &'c str,
    kind: &'c str,
    /// The wires it speaks, in order of preference.
    speaks: Vec<&'static str>,
    /// What it offers beside chat, in order of preference.
    services: Vec<&'static str>,
    region: Option<&'c str>,
    /// Where its credential comes from: `handed_in`, `none`, `usual` of its kind, or `written` in the configuration.
    credential: &'static str,
    /// On by itself: not in the configuration's file.
    built_in: bool,
}

/// Every provider of the configuration, in its order.
pub async fn list(state: &AdminState) -> Result<Response, Error> {
    let config = state.config().await?;
    let shown: Vec<_> = config.providers.iter().map(shown).collect();
    reply::list(&shown)
}

fn shown(provider: &Provider) -> Shown<'_> {
    Shown {
        name: provider.name.as_str(),
        kind: &provider.kind,
        speaks: provider.speaks.iter().copied().map(Wire::name).collect(),
        services: provider.services.iter().copied().map(Service::name).collect(),
        region: provider.region.as_deref(),
        credential: match provider.credential {
            CredentialFrom::HandedIn => "handed_in",
            CredentialFrom::Nowhere => "none",
            CredentialFrom::Usual => "usual",
            CredentialFrom::Written => "written",
        },
        built_in: provider.built_in,
    }
}
