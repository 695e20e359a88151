//! `portunus providers …`, `models`, `budgets` and `alerts`: what there is, and credentials handed in.

use super::{
    Failure, Options, Page, Span,
    api::{self, Api, Body},
    show, table,
};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value};
use std::io::Read;

/// Who answers.
#[derive(Args)]
pub struct Providers {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List them, each with where its credential comes from.
    List,
    /// Hand in a provider's credential, read from standard input; it is never shown again.
    Credential {
        name: String,
        /// Where it will go, for a provider that is not configured yet.
        #[arg(long)]
        base_url: Option<String>,
        /// Only over this version of the configuration.
        #[arg(long)]
        version: Option<u64>,
        /// Forget the one that was handed in.
        #[arg(long)]
        forget: bool,
    },
}

/// Models as configured.
#[derive(Args)]
pub struct Models {
    #[command(flatten)]
    options: Options,
}

/// What everybody together may spend and has spent, as configured.
#[derive(Args)]
pub struct Budgets {
    #[command(flatten)]
    options: Options,
}

/// What was told about budgets, newest first.
#[derive(Args)]
pub struct Alerts {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    page: Page,
    /// Such as budget_crossed.
    #[arg(long)]
    event: Option<String>,
    /// Such as team, or team/red.
    #[arg(long)]
    scope: Option<String>,
}

/// `portunus providers …`
pub fn providers(command: Providers) -> Result<(), Failure> {
    let Providers { options, verb } = command;
    let api = Api::new(&options.url, options.admin_key.as_deref())?;
    match verb {
        Verb::List => show(&options, &api.get("providers", &[])?, table::PROVIDERS),
        Verb::Credential { name, base_url, version, forget } => {
            let credential = if forget { Value::Null } else { Value::from(credential()?) };
            let mut body = Map::from_iter([("api_key".to_owned(), credential)]);
            body.extend(base_url.map(|url| ("base_url".to_owned(), url.into())));
            body.extend(version.map(|version| ("version".to_owned(), version.into())));
            let path = format!("providers/{}/credentials", api::segment(&name));
            show(&options, &api.send(Method::PUT, &path, Body::Json(Value::Object(body)))?, &[]);
        }
    }
    Ok(())
}

/// The one line of standard input: a credential has no place among the words of a command, which others can see.
fn credential() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(8 << 10).read_to_string(&mut text);
    read.map_err(|problem| Failure::Local(format!("the credential could not be read: {problem}")))?;
    Ok(text.trim().to_owned())
}

/// `portunus models`
pub fn models(command: Models) -> Result<(), Failure> {
    let api = Api::new(&command.options.url, command.options.admin_key.as_deref())?;
    show(&command.options, &api.get("models", &[])?, table::MODELS);
    Ok(())
}

/// `portunus budgets`
pub fn budgets(command: Budgets) -> Result<(), Failure> {
    let api = Api::new(&command.options.url, command.options.admin_key.as_deref())?;
    show(&command.options, &api.get("budgets", &[])?, table::BUDGETS);
    Ok(())
}

/// `portunus alerts`
pub fn alerts(command: Alerts) -> Result<(), Failure> {
    let api = Api::new(&command.options.url, command.options.admin_key.as_deref())?;
    let mut query = [command.span.query(), command.page.query()].concat();
    let named = [("event", command.event), ("scope", command.scope)];
    query.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
    show(&command.options, &api.get("alerts", &query)?, table::ALERTS);
    Ok(())
}
