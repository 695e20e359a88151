//! What an operator may say, checked: `portunus.yaml`, the providers we ship, and what models cost.
//!
//! Two steps: the text becomes raw values, each with its line and column; these become
//! a [`Config`], and everything wrong with them is reported at once. One file per top-level key.
//! Nothing here reads the environment but [`substitute::ProcessEnv`].

/// When and where people are told about budgets.
pub mod alerts;
/// What is written down about calls.
pub mod audit;
/// Addresses of providers, checked.
pub mod base_url;
/// How budgets are kept.
pub mod budget;
/// When an answer may be given again.
pub mod cache;
/// The providers we ship: one file each.
pub mod catalog;
/// The whole file, top to bottom.
mod check;
/// What runs without a file.
mod demo;
/// Upstreams at addresses that are refused otherwise.
pub mod egress;
/// Checks on text.
pub mod guardrails;
/// Who is known beside the holders of virtual keys.
pub mod identity;
/// Sizes.
pub mod limits;
/// Media named by URL.
pub mod media;
/// Models as clients name them, and where each goes.
pub mod models;
/// What models take of the parameters of their wire.
pub mod parameters;
/// What models cost.
pub mod prices;
/// What is wrong with a configuration, and where.
pub mod problem;
/// Who answers.
pub mod providers;
/// Raw values and how they are read.
mod raw;
/// Where models without an entry go.
pub mod routing;
/// The JSON Schema of a configuration.
mod schema;
/// How streams are committed and drained.
pub mod streams;
/// `${env:…}` and `${secret:…}`.
pub mod substitute;
/// What `portunus check` prints.
pub mod table;
/// Credentials in a configuration's text.
pub mod written;
/// YAML with places.
mod yaml;

pub use base_url::{BaseUrl, HostPort};
pub use check::load;
pub use demo::demo;
pub use models::{Model, Retry, Strategy, Target, Timeout};
pub use prices::{Prices, Rates};
pub use problem::Problem;
pub use providers::{Auth, CredentialFrom, Provider, Quirks, address, bound_address, usual_address_of};
pub use schema::schema;
pub use substitute::{HandedIn, Lookup, ProcessEnv, WithCredentials, secret_names};
pub use table::resolved_table;

use domain::ProviderName;

/// A configuration with nothing wrong in it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which version of the stored configuration this is; 0 for one that was never put. Whoever read it says so.
    pub version: u64,
    /// Those the file names, in its order, then those that are on by themselves.
    pub providers: Vec<Provider>,
    /// In the order of the file. No two share a name or an alias.
    pub models: Vec<Model>,
    pub routing: routing::Routing,
    pub limits: limits::Limits,
    pub egress: egress::Egress,
    pub cache: cache::Cache,
    pub guardrails: Vec<guardrails::Guardrail>,
    /// Every provider's models may be named `provider/model`.
    pub direct_models: bool,
    /// What a translation cannot carry is refused rather than dropped and named.
    pub strict_translation: bool,
    pub response_metadata: ResponseMetadata,
    /// Tokens to reserve for an answer whose length neither the client nor the catalogue bounds.
    pub default_output_cap: u64,
    pub budget: budget::Budget,
    pub audit: audit::Audit,
    pub alerts: alerts::Alerts,
    pub streams: streams::Streams,
    pub media: media::Media,
    pub identity: identity::Identity,
    /// `Host` values that are answered, lower case; empty: any.
    pub allowed_hosts: Vec<String>,
    /// What an operator should hear of although it is no error.
    pub warnings: Vec<Problem>,
}

impl Default for Config {
    /// Nothing configured: no providers, no models, every setting at its default.
    fn default() -> Self {
        Self {
            version: 0,
            providers: Vec::new(),
            models: Vec::new(),
            routing: routing::Routing::default(),
            limits: limits::Limits::default(),
            egress: egress::Egress::default(),
            cache: cache::Cache::default(),
            guardrails: Vec::new(),
            direct_models: true,
            strict_translation: false,
            response_metadata: ResponseMetadata::default(),
            default_output_cap: Self::DEFAULT_OUTPUT_CAP,
            budget: budget::Budget::default(),
            audit: audit::Audit::default(),
            alerts: alerts::Alerts::default(),
            streams: streams::Streams::default(),
            media: media::Media::default(),
            identity: identity::Identity::default(),
            allowed_hosts: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// Tokens.
    pub const DEFAULT_OUTPUT_CAP: u64 = 4096;

    /// The provider of that name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == *name)
    }

    /// The model that clients call `name`, by its name or one of its aliases.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.answers_to(name))
    }
}

/// Where the gateway's own facts about an answer go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMetadata {
    /// In headers, and in the body of OpenAI chat answers.
    Both,
    /// In headers only.
    #[default]
    Headers,
}
