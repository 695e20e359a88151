//! What may be sent, field by field.

use super::{
    super::super::groups,
    Holds::{MaybeWord, Periods},
    PATTERN, PRIORITIES,
};
use serde_json::{Map, Value, json};

/// A body of these fields, each of which may be absent; null clears it.
pub fn sent(names: &[&str]) -> Value {
    let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), written(name))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// What may be written into a field.
fn written(name: &str) -> Value {
    match name {
        "allowed_ips" => {
            json!({ "type": ["array", "null"], "maxItems": 500, "items": { "type": "string", "description": "An address, or a block of them." } })
        }
        "models" | "providers" | "allowed_routes" => json!({
            "type": ["array", "null"], "maxItems": 500,
            "items": { "type": "string", "pattern": PATTERN },
        }),
        "key_hash" => json!({
            "type": ["string", "null"], "pattern": "^sha256:[0-9A-Fa-f]{64}$",
            "description": "The SHA-256 of a secret that only its holder knows, in place of `key`.",
        }),
        "max_budget_usd" | "soft_budget_usd" => json!({ "anyOf": [
            { "type": "null" },
            { "type": "number", "minimum": 0, "maximum": 1_000_000_000 },
            { "type": "string", "pattern": "^[0-9]{1,9}(\\.[0-9]{1,12})?$" },
        ]}),
        "budget_period" => json!({ "anyOf": [{ "type": "null" }, Periods.schema()] }),
        "budget_mode" => json!({ "enum": ["strict", "last_one", null] }),
        "budgets" => json!({ "type": ["array", "null"], "maxItems": 4, "items": {
            "type": "object",
            "properties": { "max_budget_usd": written("max_budget_usd"), "budget_period": Periods.schema() },
            "required": ["max_budget_usd", "budget_period"],
            "additionalProperties": false,
        }}),
        "model_budgets" => json!({
            "type": ["object", "null"], "maxProperties": 20,
            "propertyNames": { "pattern": PATTERN },
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "max_budget_usd": written("max_budget_usd"),
                    "budget_period": written("budget_period"),
                    "budgets": written("budgets"),
                    "budget_mode": written("budget_mode"),
                },
                "anyOf": [{ "required": ["max_budget_usd"] }, { "required": ["budgets"] }],
                "additionalProperties": false,
            },
            "description": "Budgets of some models, by a name or the beginning of one with a star.",
        }),
        "max_parallel" => json!({ "type": ["integer", "null"], "minimum": 1, "maximum": 100_000 }),
        "rpm" | "tpm" => json!({ "type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000_000 }),
        "rate_limits" => json!({ "type": ["array", "null"], "maxItems": 8, "items": {
            "type": "object",
            "properties": {
                "model": { "type": ["string", "null"], "pattern": PATTERN },
                "models": { "type": ["array", "null"], "maxItems": 100, "items": { "type": "string", "pattern": PATTERN } },
                "hours": {
                    "type": ["string", "null"],
                    "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
                    "description": "Two times of day, also over midnight.",
                },
                "rpm": written("rpm"),
                "tpm": written("tpm"),
                "max_parallel": written("max_parallel"),
            },
            "additionalProperties": false,
            "description": "A limit of some models, or at some hours: at least one of either, and one limit.",
        }}),
        "rate_limit_mode" => json!({ "enum": ["enforce", "observe", null] }),
        "priority" => MaybeWord(PRIORITIES).schema(),
        "expires_at" => json!({ "type": ["string", "null"], "format": "date-time", "description": "In UTC." }),
        "blocked" => json!({ "type": ["boolean", "null"] }),
        "tags" => {
            json!({ "type": ["object", "null"], "maxProperties": 50, "additionalProperties": { "type": "string", "maxLength": 256 } })
        }
        "metadata" => json!({ "type": ["object", "null"] }),
        "version" => json!({ "type": ["integer", "null"], "minimum": 1 }),
        "role" => {
            json!({ "enum": groups::ROLES.map(|(name, _)| Some(name)).into_iter().chain([None]).collect::<Vec<_>>() })
        }
        "key" => {
            json!({ "type": ["string", "null"], "minLength": 32, "maxLength": 256, "description": "A secret of one's own." })
        }
        "id" => json!({ "type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]{1,64}$" }),
        _ => json!({ "type": ["string", "null"], "minLength": 1, "maxLength": 200 }),
    }
}
