//! The things that are sent and answered, field by field.

use super::{
    super::{groups, limits, policy},
    type_name,
};

/// What may be sent.
mod sent;

use domain::group::GroupKind;
use sent::sent;
use serde_json::{Map, Value, json};

/// Every schema that the document names.
pub fn all() -> Value {
    let mut all = Map::new();
    let mut add = |name: String, schema: Value| drop(all.insert(name, schema));
    let written = [policy::WRITABLE.as_slice(), &limits::WRITABLE].concat();
    add("Key".to_owned(), answered(KEY, &["key", "spend_usd", "reserved_usd"]));
    add("NewKey".to_owned(), sent(&[written.as_slice(), &["key", "key_hash", "team_id"]].concat()));
    add("ChangedKey".to_owned(), sent(&[written.as_slice(), &["version"]].concat()));
    for kind in [GroupKind::Organization, GroupKind::Project, GroupKind::Team, GroupKind::User] {
        let (name, written) = (type_name(kind), groups::writable(kind));
        add(name.to_owned(), answered(GROUP, &["type", "organization_id", "team_id", "role"]));
        add(format!("New{name}"), sent(&[written.as_slice(), &["id"]].concat()));
        add(format!("Changed{name}"), sent(&[written.as_slice(), &["version"]].concat()));
    }
    for (name, fields, optional) in OTHERS {
        add((*name).to_owned(), answered(fields, optional));
    }
    add(
        "NewConfig".to_owned(),
        json!({
            "type": "object",
            "properties": { "config": { "type": "string" }, "version": { "type": ["integer", "null"], "minimum": 0 } },
            "required": ["config"],
            "additionalProperties": false,
        }),
    );
    add("Error".to_owned(), error());
    Value::Object(all)
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Budgets,
    Count,
    Flag,
    List(&'static str),
    MaybeAny,
    MaybeCount,
    MaybeMoney,
    MaybeText,
    MaybeTime,
    Models,
    Money,
    Names,
    Of(&'static str),
    Object,
    Periods,
    Text,
    Texts,
    Time,
    MaybeWord(&'static [&'static str]),
    Word(&'static [&'static str]),
}

type Fields = &'static [(&'static str, Holds)];

use Holds::{
    Budgets, Count, Flag, List, MaybeAny, MaybeCount, MaybeMoney, MaybeText, MaybeTime, MaybeWord, Models, Money,
    Names, Object, Of, Periods, Text, Texts, Time, Word,
};

const PRIORITIES: &[&str] = &["high", "normal", "low"];
const MODES: Holds = Word(&["strict", "last_one"]);

/// A name, with a star at the end at most.
const PATTERN: &str = "^[!-)+-~]{0,255}([!-)+-~]|\\*)$";

/// A key as it is answered.
const KEY: Fields = &[
    ("id", Text),
    ("name", Text),
    ("key", Text),
    ("prefix", Text),
    ("team_id", MaybeText),
    ("user_id", MaybeText),
    ("organization_id", MaybeText),
    ("project_id", MaybeText),
    ("models", Names),
    ("providers", Names),
    ("allowed_routes", Names),
    ("allowed_ips", Names),
    ("max_budget_usd", MaybeMoney),
    ("budget_period", Periods),
    ("budgets", Budgets),
    ("soft_budget_usd", MaybeMoney),
    ("model_budgets", Models),
    ("rpm", MaybeCount),
    ("tpm", MaybeCount),
    ("max_parallel", MaybeCount),
    ("rate_limits", List("RateLimit")),
    ("rate_limit_mode", Word(&["enforce", "observe"])),
    ("priority", MaybeWord(PRIORITIES)),
    ("guardrails", List("")),
    ("expires_at", MaybeTime),
    ("blocked", Flag),
    ("tags", Texts),
    ("metadata", Object),
    ("budget_mode", MODES),
    ("created_at", Time),
    ("last_used_at", MaybeTime),
    ("spend_usd", Money),
    ("reserved_usd", Money),
    ("version", Count),
];

/// A group as it is answered.
const GROUP: Fields = &[
    ("id", Text),
    ("name", Text),
    ("type", Word(&["person", "service_account"])),
    ("organization_id", MaybeText),
    ("team_id", MaybeText),
    ("role", MaybeText),
    ("models", Names),
    ("providers", Names),
    ("allowed_routes", Names),
    ("allowed_ips", Names),
    ("max_budget_usd", MaybeMoney),
    ("budget_period", Periods),
    ("budgets", Budgets),
    ("soft_budget_usd", MaybeMoney),
    ("model_budgets", Models),
    ("rpm", MaybeCount),
    ("tpm", MaybeCount),
    ("max_parallel", MaybeCount),
    ("rate_limits", List("RateLimit")),
    ("rate_limit_mode", Word(&["enforce", "observe"])),
    ("priority", MaybeWord(PRIORITIES)),
    ("guardrails", List("")),
    ("blocked", Flag),
    ("tags", Texts),
    ("metadata", Object),
    ("budget_mode", MODES),
    ("created_at", Time),
    ("spend_usd", MaybeMoney),
    ("reserved_usd", MaybeMoney),
    ("version", Count),
];

/// The budgets of some models, as they are answered.
const MODEL_BUDGET: Fields =
    &[("max_budget_usd", MaybeMoney), ("budget_period", Periods), ("budgets", Budgets), ("budget_mode", MODES)];

const CONFIG: Fields = &[
    ("version", Count),
    ("source", Word(&["admin", "file", "packaged", "rollback", "built_in"])),
    ("rolled_back_to", MaybeCount),
    ("put_at", MaybeTime),
    ("overrides_file", Flag),
    ("config", Text),
    ("warnings", List("Said")),
];

/// The other things: their fields, and which of them may be absent.
const OTHERS: &[(&str, Fields, &[&str])] = &[
    (
        "Alert",
        &[
            ("id", Text),
            ("event", Text),
            ("event_group", Text),
            ("scope_id", Text),
            ("scope_name", Text),
            ("team_id", MaybeText),
            ("window", Text),
            ("threshold", Text),
            ("threshold_usd", Money),
            ("spend", Money),
            ("max_budget", MaybeMoney),
            ("soft_budget", MaybeMoney),
            ("projected_exhaustion", MaybeTime),
            ("at", Time),
            ("delivered", Names),
            ("pending", Flag),
            ("failures", Count),
        ],
        &[],
    ),
    (
        "Change",
        &[
            ("at", Time),
            ("request_id", Text),
            ("actor", Of("Actor")),
            ("action", Text),
            ("object", Text),
            ("before", MaybeAny),
            ("after", MaybeAny),
            ("fingerprint", MaybeText),
        ],
        &[],
    ),
    ("Actor", &[("kind", Text), ("id", MaybeText), ("ip", MaybeText)], &[]),
    (
        "Request",
        &[
            ("id", Text),
            ("key_id", Text),
            ("state", Word(&["settled", "released", "expired"])),
            ("cost_usd", MaybeMoney),
            ("unpriced", Flag),
            ("over_rate", Flag),
            ("held_usd", Money),
            ("wire", Text),
            ("alias", Text),
            ("provider", Text),
            ("model", Text),
            ("region", MaybeText),
            ("usage", Object),
            ("usage_source", Text),
            ("units", MaybeAny),
            ("status", Count),
            ("error", MaybeText),
            ("streamed", Flag),
            ("attempts", Count),
            ("started_at", Time),
            ("ended_at", Time),
            ("first_byte_ms", MaybeCount),
            ("team_id", MaybeText),
            ("user_id", MaybeText),
            ("organization_id", MaybeText),
            ("tags", Texts),
            ("client_request_id", MaybeText),
        ],
        &[],
    ),
    (
        "RateLimit",
        &[
            ("models", Names),
            ("hours", MaybeText),
            ("rpm", MaybeCount),
            ("tpm", MaybeCount),
            ("max_parallel", MaybeCount),
        ],
        &[],
    ),
    (
        "Budget",
        &[
            ("scope", Word(&["global", "provider", "tag"])),
            ("id", MaybeText),
            ("max_budget_usd", Money),
            ("budget_period", Periods),
            ("budget_mode", MODES),
            ("window", Text),
            ("spend_usd", Money),
            ("reserved_usd", Money),
            ("remaining_usd", Money),
        ],
        &[],
    ),
    (
        "Credential",
        &[("provider", Text), ("stored", Flag), ("fingerprint", MaybeText), ("put_at", MaybeTime), ("version", Count)],
        &[],
    ),
    ("Config", CONFIG, &["warnings"]),
    ("ConfigVersion", CONFIG, &["config", "warnings"]),
    ("Said", &[("line", Count), ("column", Count), ("message", Text)], &[]),
    ("Checked", &[("valid", Flag), ("problems", List("Said")), ("warnings", List("Said"))], &[]),
    ("Model", &[("id", Text), ("aliases", Names), ("strategy", Text), ("targets", List(""))], &[]),
    (
        "Provider",
        &[
            ("name", Text),
            ("kind", Text),
            ("speaks", Names),
            ("services", Names),
            ("region", MaybeText),
            ("credential", Word(&["handed_in", "none", "usual", "written"])),
            ("built_in", Flag),
        ],
        &[],
    ),
    (
        "Usage",
        &[
            ("object", Text),
            ("from", Text),
            ("to", Text),
            ("data", List("")),
            ("has_more", Flag),
            ("next_cursor", MaybeText),
        ],
        &[],
    ),
];

impl Holds {
    /// As it is answered.
    fn schema(self) -> Value {
        let money = "^-?[0-9]+(\\.[0-9]{1,12})?$";
        match self {
            MaybeAny => json!({}),
            Budgets => {
                json!({ "type": "array", "items": answered(&[("max_budget_usd", Money), ("budget_period", Periods)], &[]) })
            }
            Count => json!({ "type": "integer", "minimum": 0 }),
            Flag => json!({ "type": "boolean" }),
            Periods => json!({
                "type": "string",
                "pattern": "^(hourly|daily|weekly|monthly|1mo|total|[1-9][0-9]?w|[1-9][0-9]{0,2}d|[1-9][0-9]{0,3}h|[1-9][0-9]{0,4}m|[1-9][0-9]{2,6}s)$",
                "description": "A day, week or month of the calendar, or a duration.",
            }),
            List("") => json!({ "type": "array" }),
            List(name) => json!({ "type": "array", "items": { "$ref": format!("#/components/schemas/{name}") } }),
            MaybeCount => json!({ "type": ["integer", "null"], "minimum": 0 }),
            MaybeMoney => json!({ "type": ["string", "null"], "pattern": money }),
            MaybeText => json!({ "type": ["string", "null"] }),
            MaybeTime => json!({ "type": ["string", "null"], "format": "date-time" }),
            MaybeWord(words) => json!({ "enum": words.iter().copied().map(Some).chain([None]).collect::<Vec<_>>() }),
            Models => json!({ "type": "object", "additionalProperties": answered(MODEL_BUDGET, &[]) }),
            Money => json!({ "type": "string", "pattern": money }),
            Names => json!({ "type": "array", "items": { "type": "string" } }),
            Of(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            Object => json!({ "type": "object" }),
            Text => json!({ "type": "string" }),
            Texts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            Time => json!({ "type": "string", "format": "date-time" }),
            Word(words) => json!({ "enum": words }),
        }
    }
}

fn answered(fields: &[(&str, Holds)], optional: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, holds)| ((*name).to_owned(), holds.schema())).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).filter(|name| !optional.contains(name)).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn error() -> Value {
    json!({
        "type": "object",
        "properties": { "error": {
            "type": "object",
            "properties": {
                "message": { "type": "string" },
                "type": { "type": "string" },
                "param": { "type": ["string", "null"] },
                "code": { "type": "string" },
                "problems": { "type": "array", "items": { "$ref": "#/components/schemas/Said" } },
            },
            "required": ["message", "type", "param", "code"],
            "additionalProperties": false,
        }},
        "required": ["error"],
        "additionalProperties": false,
    })
}
