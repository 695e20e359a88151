//! A request in Cohere's words.

use super::{super::tools, sampling, turns::Turns};
use crate::{
    codec::{Encoded, Target},
    json::write::{self, Object},
};
use domain::{
    Error, Wire,
    chat::{OutputFormat, Reasoning, Request},
};

/// How the names of models begin that do not think and refuse to be asked to.
const THOUGHTLESS: [&str; 6] =
    ["c4ai-", "command-a-03", "command-a-translate", "command-a-vision", "command-light", "command-r"];

/// The request in this wire's words. An error is about media, or several answers, that can be neither carried nor left out.
pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(Error::invalid("n", "this model's provider (Cohere) gives one answer a call; leave `n` out"));
    }
    let mut dropped = Vec::new();
    let turns = Turns::of(request, &mut dropped)?;
    let schema_in_words = schema_in_words(request, target);
    let body = write::object(|o| {
        o.string("model", target.model).bool("stream", request.stream);
        o.array("messages", |array| {
            if let Some(instruction) = &schema_in_words {
                array.object(|o| {
                    o.string("role", "system").string("content", instruction);
                });
            }
            turns.messages.iter().for_each(|message| array.raw(message));
        });
        write_documents(o, request, &turns);
        tools::write(o, request, &mut dropped);
        let cap = target.output_cap.or(request.max_output_tokens);
        o.maybe_number("max_tokens", cap.map(|cap| cap.min(target.max_output.unwrap_or(u64::MAX))));
        sampling::write(o, &request.sampling, target, &mut dropped);
        write_format(o, request, schema_in_words.is_some());
        write_thinking(o, request, target, &mut dropped);
        write_rest(o, request, &mut dropped);
    });
    Ok(Encoded { body, dropped })
}

/// Documents, and no citations if none of them is to be cited.
fn write_documents(o: &mut Object<'_>, request: &Request, turns: &Turns) {
    if turns.documents.is_empty() {
        return;
    }
    o.array("documents", |array| turns.documents.iter().for_each(|document| array.raw(document)));
    let said = request.extensions.of(Wire::CohereChat).any(|(key, _)| key == "citation_options");
    if !turns.cited && !said {
        o.object("citation_options", |o| {
            o.string("mode", "OFF");
        });
    }
}

/// For a model that takes no schema: the schema as an instruction, beside `json_object`.
fn schema_in_words(request: &Request, target: &Target<'_>) -> Option<String> {
    match &request.output_format {
        Some(OutputFormat::JsonSchema { schema, .. }) if !target.abilities.response_schema => Some(format!(
            "Answer with one JSON object that follows this JSON Schema, and nothing else:\n{}",
            schema.as_str()
        )),
        _ => None,
    }
}

fn write_format(o: &mut Object<'_>, request: &Request, in_words: bool) {
    let Some(format) = &request.output_format else { return };
    o.object("response_format", |o| {
        o.string("type", "json_object");
        match format {
            OutputFormat::JsonSchema { schema, .. } if !in_words => drop(o.json("json_schema", schema)),
            OutputFormat::JsonObject | OutputFormat::JsonSchema { .. } => {}
        }
    });
}

fn write_thinking(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let budget = match &request.reasoning {
        None => return,
        Some(Reasoning::Disabled) => Some(0),
        Some(Reasoning::Effort(effort)) if effort == "none" => Some(0),
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) }) => {
            Some(target.abilities.budgets.of(effort))
        }
        Some(Reasoning::Adaptive { effort: None }) => None,
        Some(Reasoning::Budget(budget)) => Some(*budget),
    };
    match budget {
        // What does not think need not be told not to.
        Some(0) if !thinks(target.model) => {}
        _ if !thinks(target.model) => dropped.push("reasoning".to_owned()),
        Some(0) => drop(o.object("thinking", |o| {
            o.string("type", "disabled");
        })),
        budget => drop(o.object("thinking", |o| {
            o.string("type", "enabled").maybe_number("token_budget", budget);
        })),
    }
}

/// Whether the model takes `thinking`; an unknown one is thought to.
fn thinks(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    name != "command" && !THOUGHTLESS.iter().any(|start| name.starts_with(start))
}

/// What only this wire understands; what it has no field for is named.
fn write_rest(o: &mut Object<'_>, request: &Request, dropped: &mut Vec<String>) {
    for (key, value) in request.extensions.of(Wire::CohereChat) {
        o.json(key, value);
    }
    dropped.extend(request.extensions.foreign_to(Wire::CohereChat).map(str::to_owned));
    let usual = ["auto", "default", "standard", "standard_only"];
    let tier = request.service_tier.as_deref().is_some_and(|tier| !usual.contains(&tier));
    let caches = request.tools.iter().any(|tool| tool.cache.is_some());
    for (name, asked) in [("user", request.user.is_some()), ("service_tier", tier), ("cache_control", caches)] {
        if asked && !dropped.iter().any(|field| field == name) {
            dropped.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
