//! What each route takes and answers.

use super::{super::route::Serves, type_name};
use domain::group::GroupKind;
use serde_json::{Value, json};

/// One operation of the API.
pub struct Operation {
    /// The name that generated clients use.
    pub id: String,
    pub summary: String,
    pub query: &'static [Parameter],
    /// As OpenAPI writes a request body; `None` where none is read.
    pub body: Option<Value>,
    /// As OpenAPI writes an answer's content.
    pub answer: Value,
}

/// A query parameter: its name, what its text must look like, and what it says.
pub struct Parameter(&'static str, Look, &'static str);

enum Look {
    /// A day or a moment.
    Time,
    /// A whole number from 1 to this.
    UpTo(u32),
    Matching(&'static str),
    Text,
}

impl Parameter {
    /// As OpenAPI writes it.
    pub fn json(&self) -> Value {
        let schema = match self.1 {
            Look::Time => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}" }),
            Look::UpTo(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
            Look::Matching(pattern) => json!({ "type": "string", "pattern": pattern }),
            Look::Text => json!({ "type": "string" }),
        };
        json!({ "name": self.0, "in": "query", "description": self.2, "schema": schema })
    }
}

const LIMIT: Parameter = Parameter("limit", Look::UpTo(200), "How many at the most; 50 unless given.");
const CURSOR: Parameter = Parameter("cursor", Look::Text, "The next page, as `next_cursor` named it.");
const FROM: Parameter = Parameter("from", Look::Time, "A day in UTC, or a moment; it is included.");
const TO: Parameter = Parameter("to", Look::Time, "A day in UTC, included, or a moment, not included.");

const OF_TEAM: Parameter = Parameter("team_id", Look::Text, "Of this team.");
const OF_ORGANIZATION: Parameter = Parameter("organization_id", Look::Text, "Of this organization.");

const KEYS: &[Parameter] = &[
    OF_TEAM,
    Parameter("user_id", Look::Text, "Of this user."),
    Parameter("project_id", Look::Text, "Of this project."),
    OF_ORGANIZATION,
    LIMIT,
    CURSOR,
];
const ORGANIZATIONS: &[Parameter] = &[LIMIT, CURSOR];
const PROJECTS_AND_USERS: &[Parameter] = &[OF_ORGANIZATION, OF_TEAM, LIMIT, CURSOR];
const TEAMS: &[Parameter] = &[OF_ORGANIZATION, LIMIT, CURSOR];
const VERSIONS: &[Parameter] = &[Parameter("limit", Look::UpTo(50), "How many at the most; 20 unless given."), CURSOR];
const ALERTS: &[Parameter] = &[
    FROM,
    TO,
    Parameter(
        "event",
        Look::Text,
        "`threshold_crossed`, `budget_crossed`, `soft_budget_crossed` or `projected_limit_exceeded`.",
    ),
    Parameter("scope", Look::Text, "A kind of scope, `team`, or one of them, `team/a`."),
    LIMIT,
    CURSOR,
];
const AUDIT: &[Parameter] = &[
    FROM,
    TO,
    Parameter("actor", Look::Text, "The id or the kind of who changed something."),
    Parameter("action", Look::Text, "An action, `key.create`, or the kind of thing, `key`."),
    Parameter("object", Look::Text, "A thing, `key/key_…`, or its kind, `key`."),
    LIMIT,
    CURSOR,
];
const REQUESTS: &[Parameter] = &[
    FROM,
    TO,
    Parameter("key_id", Look::Text, "The key that asked."),
    Parameter("team_id", Look::Text, "Its team."),
    Parameter("user_id", Look::Text, "Its user."),
    Parameter("model", Look::Text, "The model, as the provider or the client names it."),
    Parameter("provider", Look::Text, "Who answered."),
    Parameter("status", Look::Matching("^([1-5]xx|[1-5][0-9]{2})$"), "A status, or a class of them."),
    Parameter("error", Look::Text, "`true`, `false`, or a code."),
    LIMIT,
    CURSOR,
];
const USAGE: &[Parameter] = &[
    Parameter("from", Look::Matching("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), "The first day, in UTC."),
    Parameter("to", Look::Matching("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), "The last day, in UTC."),
    Parameter(
        "group_by",
        Look::Text,
        "`day`, `organization`, `team`, `project`, `user`, `key`, `provider`, `model`, several with commas; `tag` alone or with `day`. `day` unless given.",
    ),
    Parameter("format", Look::Text, "`json` unless given, `csv`, or `focus` (without `group_by`)."),
];

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn one(name: &str) -> Value {
    content(schema(name))
}

fn list(name: &str) -> Value {
    content(json!({
        "type": "object",
        "properties": {
            "object": { "const": "list" },
            "data": { "type": "array", "items": schema(name) },
            "has_more": { "type": "boolean" },
            "next_cursor": { "type": ["string", "null"] },
        },
        "required": ["object", "data", "has_more", "next_cursor"],
        "additionalProperties": false,
    }))
}

fn deleted() -> Value {
    content(json!({
        "type": "object",
        "properties": { "id": { "type": "string" }, "deleted": { "const": true } },
        "required": ["id", "deleted"],
    }))
}

fn sent(schema: Value) -> Option<Value> {
    Some(json!({ "content": content(schema) }))
}

/// A body that has no field.
fn empty() -> Option<Value> {
    sent(json!({ "type": "object", "additionalProperties": false }))
}

fn sent_config() -> Option<Value> {
    let text = json!({ "schema": { "type": "string", "description": "portunus.yaml" } });
    Some(json!({ "required": true, "content": {
        "application/json": { "schema": schema("NewConfig") },
        "application/yaml": text,
    }}))
}

fn rotation() -> Option<Value> {
    let grace = json!({ "type": "integer", "minimum": 0, "maximum": 86_400 });
    sent(json!({ "type": "object", "additionalProperties": false, "properties": { "grace_period_seconds": grace } }))
}

fn credential() -> Option<Value> {
    let body = json!({
        "type": "object",
        "properties": {
            "api_key": { "type": ["string", "null"], "pattern": "^[!-~]{8,4096}$" },
            "base_url": { "type": ["string", "null"], "description": "Where it will go, if not where the provider is." },
            "version": { "type": ["integer", "null"], "minimum": 0 },
        },
        "required": ["api_key"],
        "additionalProperties": false,
    });
    Some(json!({ "required": true, "content": content(body) }))
}

fn rollback() -> Option<Value> {
    let version = json!({ "type": "integer", "minimum": 1 });
    let body = json!({ "type": "object", "additionalProperties": false, "required": ["version"], "properties": { "version": version } });
    Some(json!({ "required": true, "content": content(body) }))
}

impl Operation {
    /// What a route does.
    pub fn of(serves: Serves) -> Self {
        match serves {
            Serves::BlockGroup(kind) => {
                Self::group(kind, "block", "Refuse the calls of a", &[], empty(), one(type_name(kind)))
            }
            Serves::ChangeGroup(kind) => {
                let name = type_name(kind);
                Self::group(
                    kind,
                    "update",
                    "Change some fields of a",
                    &[],
                    sent(schema(&format!("Changed{name}"))),
                    one(name),
                )
            }
            Serves::CreateGroup(kind) => {
                let name = type_name(kind);
                Self::group(kind, "create", "Make a", &[], sent(schema(&format!("New{name}"))), one(name))
            }
            Serves::DeleteGroup(kind) => Self::group(kind, "delete", "Remove a", &[], None, deleted()),
            Serves::Groups(kind) => {
                let filters = match kind {
                    GroupKind::Organization => ORGANIZATIONS,
                    GroupKind::Project | GroupKind::User => PROJECTS_AND_USERS,
                    GroupKind::Team => TEAMS,
                };
                Self::group(kind, "list", "List, newest first, every", filters, None, list(type_name(kind)))
            }
            Serves::OneGroup(kind) => Self::group(kind, "get", "Show a", &[], None, one(type_name(kind))),
            Serves::UnblockGroup(kind) => {
                Self::group(kind, "unblock", "Take the calls again of a", &[], empty(), one(type_name(kind)))
            }
            Serves::Alerts => {
                Self::new("listAlerts", "What was told about budgets, newest first", ALERTS, None, list("Alert"))
            }
            Serves::Audit => Self::new("listChanges", "What admins changed, newest first", AUDIT, None, list("Change")),
            Serves::BlockKey => Self::new("blockKey", "Refuse the calls of a key", &[], empty(), one("Key")),
            Serves::Budgets => {
                let summary = "What everybody together may spend and has spent, as configured";
                Self::new("listBudgets", summary, &[], None, list("Budget"))
            }
            Serves::ChangeKey => {
                Self::new("updateKey", "Change some fields of a key", &[], sent(schema("ChangedKey")), one("Key"))
            }
            Serves::CheckConfig => {
                Self::new("validateConfig", "Check a configuration", &[], sent_config(), one("Checked"))
            }
            Serves::Config => Self::new("getConfig", "The configuration in force", &[], None, one("Config")),
            Serves::ConfigVersions => Self::new(
                "listConfigVersions",
                "Versions of the configuration, newest first",
                VERSIONS,
                None,
                list("ConfigVersion"),
            ),
            Serves::CreateKey => Self::new(
                "createKey",
                "Make a key; the answer alone shows its secret",
                &[],
                sent(schema("NewKey")),
                one("Key"),
            ),
            Serves::Keys => Self::new("listKeys", "Keys, newest first", KEYS, None, list("Key")),
            Serves::Models => Self::new("listModels", "Models as configured", &[], None, list("Model")),
            Serves::OneConfig => {
                Self::new("getConfigVersion", "One version of the configuration", &[], None, one("Config"))
            }
            Serves::OneKey => Self::new("getKey", "Show a key", &[], None, one("Key")),
            Serves::OneRequest => Self::new("getRequest", "What one call left behind", &[], None, one("Request")),
            Serves::Providers => Self::new("listProviders", "Providers as configured", &[], None, list("Provider")),
            Serves::PutConfig => {
                Self::new("putConfig", "Put a configuration in force", &[], sent_config(), one("Config"))
            }
            Serves::PutCredential => Self::new(
                "putProviderCredential",
                "Hand in a provider's credential, which is never shown again; null forgets it",
                &[],
                credential(),
                one("Credential"),
            ),
            Serves::Requests => Self::new("listRequests", "Calls, newest first", REQUESTS, None, list("Request")),
            Serves::RevokeKey => Self::new("deleteKey", "Remove a key for good", &[], None, deleted()),
            Serves::RollConfigBack => {
                Self::new("rollbackConfig", "Put an earlier version in force again", &[], rollback(), one("Config"))
            }
            Serves::RotateKey => {
                Self::new("rotateKey", "Give a key a new secret, shown this once", &[], rotation(), one("Key"))
            }
            Serves::UnblockKey => Self::new("unblockKey", "Take the calls of a key again", &[], empty(), one("Key")),
            Serves::Usage => Self::new("getUsage", "What was used and what it cost", USAGE, None, one("Usage")),
        }
    }

    fn group(
        kind: GroupKind,
        verb: &str,
        summary: &str,
        query: &'static [Parameter],
        body: Option<Value>,
        answer: Value,
    ) -> Self {
        let id = format!("{verb}{}", type_name(kind));
        Self { id, summary: format!("{summary} {}", kind.name()), query, body, answer }
    }

    fn new(id: &str, summary: &str, query: &'static [Parameter], body: Option<Value>, answer: Value) -> Self {
        Self { id: id.to_owned(), summary: summary.to_owned(), query, body, answer }
    }
}
