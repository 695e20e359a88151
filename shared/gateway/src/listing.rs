//! `GET /v1/models`: what a key may name, in OpenAI's, Anthropic's or Gemini's shape.

use crate::{call::Caller, routing, routing::Names, routing::names::Named};
use dialects::json::write;
use domain::{Dialect, Error};

/// When the list says models were created: the wire demands a date, and the gateway has none.
const NO_DATE: &str = "1970-01-01T00:00:00Z";

/// What every model can be asked for in Gemini's dialect.
const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];

/// The list, or one model of it.
pub fn models(names: &Names, caller: &Caller, dialect: Dialect, one: Option<&str>) -> Result<String, Error> {
    if let Some(name) = one {
        let named = names.resolve(name).ok_or_else(|| routing::unknown_model(name))?;
        routing::permitted(&named, caller, name)?;
        return Ok(model(dialect, name, &named));
    }
    let listed: Vec<(&str, String)> = names
        .listed()
        .filter(|(name, named)| routing::permitted(named, caller, name).is_ok())
        .map(|(name, named)| (name, model(dialect, name, named)))
        .collect();
    Ok(list(dialect, &listed))
}

fn model(dialect: Dialect, name: &str, named: &Named) -> String {
    let owner = named.targets.first().map_or("portunus", |target| target.provider.as_str());
    write::object(|o| match dialect {
        Dialect::Anthropic => {
            o.string("type", "model").string("id", name).string("display_name", name).string("created_at", NO_DATE);
        }
        Dialect::Gemini => {
            o.string("name", &format!("models/{name}")).string("version", "001").string("displayName", name);
            o.array("supportedGenerationMethods", |methods| METHODS.iter().for_each(|method| methods.string(method)));
        }
        Dialect::Bedrock | Dialect::Cohere | Dialect::OpenAi => {
            o.string("id", name).string("object", "model").number("created", 0).string("owned_by", owner);
        }
    })
}

fn list(dialect: Dialect, listed: &[(&str, String)]) -> String {
    write::object(|o| {
        if dialect == Dialect::Gemini {
            o.array("models", |array| listed.iter().for_each(|(_, model)| array.raw(model)));
            return;
        }
        if dialect != Dialect::Anthropic {
            o.string("object", "list");
        }
        o.array("data", |array| listed.iter().for_each(|(_, model)| array.raw(model)));
        if dialect == Dialect::Anthropic {
            o.bool("has_more", false);
            for (key, end) in [("first_id", listed.first()), ("last_id", listed.last())] {
                match end {
                    Some((name, _)) => o.string(key, name),
                    None => o.null(key),
                };
            }
        }
    })
}
