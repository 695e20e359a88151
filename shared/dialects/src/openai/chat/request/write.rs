//! A request in OpenAI's words.

pub mod messages;

use super::super::{model, parts::Host, tools};
use crate::{
    codec::{Encoded, Target},
    json::write::{self, Object},
};
use domain::{
    Error, Json, Wire,
    chat::{OutputFormat, Reasoning, Request, Role, Sampling, Tool, ToolChoice, ToolDefinition},
};
use messages::Messages;

/// Efforts there are.
pub const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
/// The most stop sequences OpenAI takes.
const STOPS: usize = 4;

pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    let mut dropped = Vec::new();
    let messages = Messages::of(request, target, &mut dropped)?;
    let schema_in_words = schema_in_words(request, target);
    let body = write::object(|o| {
        o.string("model", target.model);
        o.array("messages", |array| {
            if let Some(instruction) = &schema_in_words {
                array.object(|o| {
                    o.string("role", "system").string("content", instruction);
                });
            }
            messages.write(array);
        });
        write_tools(o, request, target, &mut dropped);
        let cap = target.output_cap.or(request.max_output_tokens);
        o.maybe_number(target.cap_field(), cap.map(|cap| cap.min(target.max_output.unwrap_or(u64::MAX))));
        write_sampling(o, &request.sampling, target, &mut dropped);
        write_format(o, request, schema_in_words.is_some());
        write_reasoning(o, request, target, &mut dropped);
        o.maybe_number("n", request.n.map(u64::from));
        write_stream(o, request);
        write_who(o, request, &mut dropped);
        write_extensions(o, request, &mut dropped);
    });
    Ok(Encoded { body, dropped })
}

/// Cache marks are for Claude behind a host of this dialect: OpenAI caches by itself and refuses unknown fields.
pub fn host(target: &Target<'_>) -> Host {
    let claude = model::is_claude(target.model);
    Host { claude, marks: claude && target.abilities.prompt_caching, openai: model::is_openais(target.model) }
}

fn write_tools(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let marks = host(target).marks;
    let mut written = 0;
    let list = write::array(|array| {
        for (at, tool) in request.tools.iter().enumerate().filter(|(_, tool)| offered(tool, request, target)) {
            match tools::write(array, tool, marks) {
                true => written += 1,
                false => dropped.push(format!("tools.{at}")),
            }
            if tool.cache.is_some() && !marks {
                name_once(dropped, "cache_control");
            }
        }
    });
    // An empty list, and a choice among no tools, are refused.
    if written > 0 {
        o.raw("tools", &list);
        if let Some(choice) = &request.tool_choice {
            write_choice(o, choice, target);
        }
        o.maybe_bool("parallel_tool_calls", request.parallel_tool_calls);
    }
}

/// Only OpenAI knows a choice among some of the tools; elsewhere the others are not offered.
pub fn offered(tool: &Tool, request: &Request, target: &Target<'_>) -> bool {
    match (&request.tool_choice, &tool.definition) {
        (Some(ToolChoice::Allowed { names, .. }), ToolDefinition::Function { name, .. }) => {
            model::is_openais(target.model) || names.contains(name)
        }
        _ => true,
    }
}

fn write_choice(o: &mut Object<'_>, choice: &ToolChoice, target: &Target<'_>) {
    match choice {
        ToolChoice::Allowed { required, .. } if !model::is_openais(target.model) => {
            tools::write_choice(o, if *required { &ToolChoice::Required } else { &ToolChoice::Auto });
        }
        choice => tools::write_choice(o, choice),
    }
}

fn write_sampling(o: &mut Object<'_>, sampling: &Sampling, target: &Target<'_>, dropped: &mut Vec<String>) {
    let tunable = target.abilities.sampling && !target.openai_reasons();
    let both = sampling.temperature.is_some() && target.abilities.one_of_temperature_and_top_p;
    let top_k = tunable && !model::is_openais(target.model);
    let logprobs = sampling.logprobs.map(|asked| Json::verbatim(asked.to_string()));
    let top_logprobs = sampling.top_logprobs.map(|count| Json::verbatim(count.to_string()));
    for (key, value, taken) in [
        ("temperature", &sampling.temperature, tunable),
        ("top_p", &sampling.top_p, tunable && !both),
        ("top_k", &sampling.top_k, top_k),
        ("seed", &sampling.seed, true),
        ("frequency_penalty", &sampling.frequency_penalty, tunable),
        ("presence_penalty", &sampling.presence_penalty, tunable),
        ("logprobs", &logprobs, tunable),
        ("top_logprobs", &top_logprobs, tunable),
        ("logit_bias", &sampling.logit_bias, tunable),
    ] {
        match value {
            Some(value) if taken => drop(o.json(key, value)),
            Some(_) => dropped.push(key.to_owned()),
            None => {}
        }
    }
    let usual = if model::is_openais(target.model) { STOPS } else { usize::MAX };
    let most = target.abilities.stop_sequences.unwrap_or(usual);
    let stop: Vec<String> = sampling.stop.iter().take(most).cloned().collect();
    if stop.len() < sampling.stop.len() {
        dropped.push("stop".to_owned());
    }
    o.maybe_strings("stop", &stop);
}

/// For a model that takes no schema: the schema as an instruction, beside `json_object`.
pub fn schema_in_words(request: &Request, target: &Target<'_>) -> Option<String> {
    match &request.output_format {
        Some(OutputFormat::JsonSchema { schema, .. }) if !target.abilities.response_schema => Some(format!(
            "Answer with one JSON object that follows this JSON Schema, and with nothing else:\n{}",
            schema.as_str()
        )),
        _ => None,
    }
}

fn write_format(o: &mut Object<'_>, request: &Request, in_words: bool) {
    match &request.output_format {
        None => {}
        Some(OutputFormat::JsonSchema { name, description, schema, strict }) if !in_words => {
            o.object("response_format", |o| {
                o.string("type", "json_schema").object("json_schema", |o| {
                    o.string("name", name.as_deref().unwrap_or("response"))
                        .maybe_string("description", description.as_deref())
                        .json("schema", schema)
                        .maybe_bool("strict", *strict);
                });
            });
        }
        Some(_) => {
            o.object("response_format", |o| {
                o.string("type", "json_object");
            });
        }
    }
}

fn write_reasoning(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let effort = match &request.reasoning {
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) }) => effort.as_str(),
        Some(Reasoning::Budget(budget)) => target.abilities.budgets.effort(*budget),
        // What does not reason need not be told not to; what always reasons cannot be.
        Some(Reasoning::Disabled) if target.openai_reasons() => return dropped.push("thinking".to_owned()),
        Some(Reasoning::Disabled | Reasoning::Adaptive { effort: None }) | None => return,
    };
    // OpenAI refuses words it does not know; other hosts have some of their own.
    let known = !target.openai_reasons() || EFFORTS.contains(&effort);
    if target.takes_effort() && known {
        o.string("reasoning_effort", effort);
    } else {
        dropped.push("reasoning_effort".to_owned());
    }
}

/// Usage is always asked for; whether the caller sees it is decided on the way back [S6].
fn write_stream(o: &mut Object<'_>, request: &Request) {
    if !request.stream {
        return;
    }
    let more =
        request.extensions.of(Wire::OpenAiChat).find(|(key, _)| *key == "stream_options").map(|(_, value)| value);
    let more = more.and_then(|value| crate::json::parse_answer(value.as_str().as_bytes()).ok());
    o.bool("stream", true).object("stream_options", |o| {
        for (key, value) in more.iter().flat_map(|more| more.fields()).filter(|(key, _)| key != "include_usage") {
            o.raw(key, value.raw);
        }
        o.bool("include_usage", true);
    });
}

fn write_who(o: &mut Object<'_>, request: &Request, dropped: &mut Vec<String>) {
    o.maybe_string("user", request.user.as_deref());
    if stores(request) && !request.metadata.is_empty() {
        o.object("metadata", |o| {
            for (key, value) in &request.metadata {
                o.string(key, value);
            }
        });
    }
    match request.service_tier.as_deref() {
        Some("standard_only") => drop(o.string("service_tier", "default")),
        Some("reserved" | "ultrafast") => dropped.push("service_tier".to_owned()),
        tier => drop(o.maybe_string("service_tier", tier)),
    }
}

/// `store: true`: only then has the provider any use for `metadata`.
fn stores(request: &Request) -> bool {
    request.extensions.of(Wire::OpenAiChat).any(|(key, value)| key == "store" && value.as_str() == "true")
}

fn write_extensions(o: &mut Object<'_>, request: &Request, dropped: &mut Vec<String>) {
    for (key, value) in request.extensions.of(Wire::OpenAiChat).filter(|(key, _)| *key != "stream_options") {
        o.json(key, value);
    }
    dropped.extend(request.extensions.foreign_to(Wire::OpenAiChat).map(str::to_owned));
}

/// Names something lost, the first time.
pub fn name_once(dropped: &mut Vec<String>, name: &str) {
    if !dropped.iter().any(|dropped| dropped == name) {
        dropped.push(name.to_owned());
    }
}

pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Assistant => "assistant",
        Role::System => "system",
        Role::User => "user",
    }
}
