//! `portunus keys|teams|users|organizations|projects|providers|models|budgets|usage|requests|alerts|audit|config …`:
//! the admin API from a terminal.
//!
//! It knows the API's paths and nothing of what is behind them; fields are named as the API names them.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::{io::Read, path::PathBuf};

/// Requests to the admin API.
mod api;
/// Providers, models, budgets and alerts.
mod providers;
/// Answers for people.
mod table;

use api::{Api, Body, Failure};
pub use providers::{Alerts, Budgets, Models, Providers, alerts, budgets, models, providers};

/// Where the admin API is, and how answers are shown.
#[derive(Args)]
pub struct Options {
    /// Where the gateway is.
    #[arg(long, env = "PORTUNUS_URL", default_value = "http://127.0.0.1:8080", global = true)]
    url: String,
    /// The root admin key, or a key that may administer.
    #[arg(long, env = "PORTUNUS_ADMIN_KEY", hide_env_values = true, global = true)]
    admin_key: Option<String>,
    /// Print answers as they are, in JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// Keys, and what may be done with them.
#[derive(Args)]
pub struct Keys {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Verb,
}

/// Teams, users, organizations or projects, and what may be done with them.
pub type Groups = Keys;

/// What may be done with a key or a group.
#[derive(Subcommand)]
enum Verb {
    /// List them, newest first.
    List(Page),
    /// Show one.
    Get { id: String },
    /// Make one. Fields are those of the API, values are JSON or plain text: name=ci max_budget_usd=5 'models=["gpt-*"]'.
    Create {
        #[arg(value_name = "FIELD=VALUE")]
        fields: Vec<String>,
    },
    /// Change some fields; FIELD=null clears one.
    Update {
        id: String,
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
    },
    /// Give a key a new secret, shown once.
    Rotate {
        id: String,
        /// How long the old secret lives on.
        #[arg(long, default_value_t = 0)]
        grace_period_seconds: u64,
    },
    /// Refuse its calls from now on.
    Block { id: String },
    /// Take them again.
    Unblock { id: String },
    /// Remove it for good.
    Delete { id: String },
}

/// Which page of a list.
#[derive(Args)]
struct Page {
    /// At most so many.
    #[arg(long)]
    limit: Option<u32>,
    /// The next page, as the one before named it.
    #[arg(long)]
    cursor: Option<String>,
}

/// A span of time.
#[derive(Args)]
struct Span {
    /// A day in UTC such as 2026-11-21.
    #[arg(long)]
    from: Option<String>,
    /// A day in UTC; it is included.
    #[arg(long)]
    to: Option<String>,
}

/// What was used and what it cost.
#[derive(Args)]
pub struct Usage {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    span: Span,
    /// What a line is about: day, key, model, provider, team, user, tag …, several with commas.
    #[arg(long)]
    group_by: Option<String>,
    /// csv or focus: print that instead of a table.
    #[arg(long)]
    format: Option<String>,
}

/// Calls, newest first, or one of them.
#[derive(Args)]
pub struct Requests {
    #[command(flatten)]
    options: Options,
    /// One call; without it, a list.
    id: Option<String>,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    page: Page,
    #[arg(long)]
    key_id: Option<String>,
    #[arg(long)]
    team_id: Option<String>,
    #[arg(long)]
    user_id: Option<String>,
    #[arg(long)]
    model: Option<String>,
    #[arg(long)]
    provider: Option<String>,
    /// 429, or 4xx.
    #[arg(long)]
    status: Option<String>,
    /// true, false, or a code.
    #[arg(long)]
    error: Option<String>,
}

/// What admins changed, newest first.
#[derive(Args)]
pub struct Audit {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    page: Page,
    /// Whose changes.
    #[arg(long)]
    actor: Option<String>,
    /// Such as key, or key.create.
    #[arg(long)]
    action: Option<String>,
    /// Such as key, or key/key_….
    #[arg(long)]
    object: Option<String>,
}

/// The configuration in force.
#[derive(Args)]
pub struct Config {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Subcommand)]
enum ConfigVerb {
    /// Print it, credentials as fingerprints.
    Get {
        /// Another version than the one in force.
        #[arg(long)]
        version: Option<u64>,
    },
    /// Put a file in force.
    Put {
        /// - for standard input.
        file: PathBuf,
        /// Only over this version.
        #[arg(long)]
        version: Option<u64>,
    },
    /// Check a file against the gateway's own environment.
    Validate {
        /// - for standard input.
        file: PathBuf,
    },
    /// List versions, newest first.
    Versions(Page),
    /// Put an earlier version in force again.
    Rollback { version: u64 },
}

/// `portunus keys …`, and the same for teams and others under their names.
pub fn objects(kind: &str, command: Keys) -> Result<(), Failure> {
    let Keys { options, verb } = command;
    let api = Api::new(&options.url, options.admin_key.as_deref())?;
    let one = |id: &str| format!("{kind}/{}", api::segment(id));
    let answer = match verb {
        Verb::List(page) => api.get(kind, &page.query())?,
        Verb::Get { id } => api.get(&one(&id), &[])?,
        Verb::Create { fields } => api.send(Method::POST, kind, Body::Json(object(&fields)?))?,
        Verb::Update { id, fields } => api.send(Method::PATCH, &one(&id), Body::Json(object(&fields)?))?,
        Verb::Rotate { id, grace_period_seconds } => {
            let body = Body::Json(json!({ "grace_period_seconds": grace_period_seconds }));
            api.send(Method::POST, &format!("{}/rotate", one(&id)), body)?
        }
        Verb::Block { id } => api.send(Method::POST, &format!("{}/block", one(&id)), Body::None)?,
        Verb::Unblock { id } => api.send(Method::POST, &format!("{}/unblock", one(&id)), Body::None)?,
        Verb::Delete { id } => api.send(Method::DELETE, &one(&id), Body::None)?,
    };
    show(&options, &answer, table::OBJECTS);
    Ok(())
}

/// `portunus usage`
pub fn usage(command: Usage) -> Result<(), Failure> {
    let Usage { options, span, group_by, format } = command;
    let api = Api::new(&options.url, options.admin_key.as_deref())?;
    let mut query = span.query();
    query.extend(group_by.map(|by| ("group_by", by)));
    query.extend(format.clone().map(|format| ("format", format)));
    match format.as_deref() {
        None | Some("json") => show(&options, &api.get("usage", &query)?, &[]),
        Some(_) => table::print(&api.text("usage", &query)?),
    }
    Ok(())
}

/// `portunus requests`
pub fn requests(command: Requests) -> Result<(), Failure> {
    let api = Api::new(&command.options.url, command.options.admin_key.as_deref())?;
    if let Some(id) = &command.id {
        let answer = api.get(&format!("requests/{}", api::segment(id)), &[])?;
        show(&command.options, &answer, &[]);
        return Ok(());
    }
    let named = [
        ("key_id", command.key_id),
        ("team_id", command.team_id),
        ("user_id", command.user_id),
        ("model", command.model),
        ("provider", command.provider),
        ("status", command.status),
        ("error", command.error),
    ];
    let mut query = [command.span.query(), command.page.query()].concat();
    query.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
    show(&command.options, &api.get("requests", &query)?, table::REQUESTS);
    Ok(())
}

/// `portunus audit`
pub fn audit(command: Audit) -> Result<(), Failure> {
    let api = Api::new(&command.options.url, command.options.admin_key.as_deref())?;
    let named = [("actor", command.actor), ("action", command.action), ("object", command.object)];
    let mut query = [command.span.query(), command.page.query()].concat();
    query.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
    show(&command.options, &api.get("audit", &query)?, table::AUDIT);
    Ok(())
}

/// `portunus config …`
pub fn config(command: Config) -> Result<(), Failure> {
    let Config { options, verb } = command;
    let api = Api::new(&options.url, options.admin_key.as_deref())?;
    match verb {
        ConfigVerb::Get { version } => {
            let path = version.map_or("config".to_owned(), |version| format!("config/versions/{version}"));
            let answer = api.get(&path, &[])?;
            match answer.get("config").and_then(Value::as_str).filter(|_| !options.json) {
                Some(text) => table::print(text),
                None => show(&options, &answer, &[]),
            }
        }
        ConfigVerb::Put { file, version } => {
            let mut body = json!({ "config": read(&file)? });
            if let (Some(version), Some(body)) = (version, body.as_object_mut()) {
                body.insert("version".to_owned(), version.into());
            }
            show(&options, &without_text(api.send(Method::PUT, "config", Body::Json(body))?), &[]);
        }
        ConfigVerb::Validate { file } => {
            let answer = api.send(Method::POST, "config/validate", Body::Json(json!({ "config": read(&file)? })))?;
            let problems = answer.get("problems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if options.json {
                show(&options, &answer, &[]);
            }
            if !problems.is_empty() {
                return Err(Failure::Problems(problems.to_vec()));
            }
            if !options.json {
                table::print("nothing is wrong with it\n");
            }
        }
        ConfigVerb::Versions(page) => show(&options, &api.get("config/versions", &page.query())?, table::VERSIONS),
        ConfigVerb::Rollback { version } => {
            let body = Body::Json(json!({ "version": version }));
            show(&options, &without_text(api.send(Method::POST, "config/rollback", body)?), &[]);
        }
    }
    Ok(())
}

/// A configuration's answer without its long text, which the sender has.
fn without_text(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("config");
    }
    answer
}

fn show(options: &Options, answer: &Value, columns: &[&str]) {
    if options.json {
        table::print(&format!("{answer:#}\n"));
    } else {
        table::print(&table::of(answer, columns));
    }
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map(|_| text).map_err(|problem| Failure::Local(format!("{}: {problem}", file.display())))
}

/// `FIELD=VALUE`s as an object. A value that is JSON is that, anything else is text.
fn object(fields: &[String]) -> Result<Value, Failure> {
    let mut object = Map::new();
    for field in fields {
        let (name, value) =
            field.split_once('=').ok_or_else(|| Failure::Local(format!("{field:?} is not FIELD=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        object.insert(name.to_owned(), value);
    }
    Ok(Value::Object(object))
}

impl Page {
    fn query(&self) -> Vec<(&'static str, String)> {
        let limit = self.limit.map(|limit| ("limit", limit.to_string()));
        limit.into_iter().chain(self.cursor.clone().map(|cursor| ("cursor", cursor))).collect()
    }
}

impl Span {
    fn query(&self) -> Vec<(&'static str, String)> {
        let from = self.from.clone().map(|from| ("from", from));
        from.into_iter().chain(self.to.clone().map(|to| ("to", to))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_or_else_text() {
        let fields = ["name=ci", "rpm=5", "models=[\"gpt-*\"]", "user_id=null", "max_budget_usd=\"5.00\"", "note=a=b"];
        let object = object(&fields.map(str::to_owned)).unwrap_or_default();
        let expected = json!({ "name": "ci", "rpm": 5, "models": ["gpt-*"], "user_id": null, "max_budget_usd": "5.00", "note": "a=b" });
        assert_eq!(object, expected);
        assert!(self::object(&["name".to_owned()]).is_err());
    }
}
