//! A request in the wire's words.

mod items;

use super::{
    super::{head::ENCRYPTED, tools},
    read::LOGPROBS,
};
use crate::{
    codec::{Encoded, Target},
    json::write::{self, Object},
    openai::chat::{
        model,
        request::write::{EFFORTS, name_once, offered, schema_in_words},
    },
};
use domain::{
    Error, Json, Wire,
    chat::{Extensions, OutputFormat, Reasoning, Request, ToolChoice},
};
use items::Items;

/// What chat calls by the same name and OpenAI's own hosts take on both wires.
const SHARED: [&str; 4] = ["prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"];

/// Tiers there are.
const TIERS: [&str; 5] = ["auto", "default", "flex", "priority", "scale"];
/// The smallest output cap that is taken.
const LEAST_CAP: u64 = 16;

pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(Error::invalid(
            "n",
            "this model's provider gives one answer a call (Responses API); leave `n` out",
        ));
    }
    let mut dropped = Vec::new();
    let items = Items::of(request, target, &mut dropped)?;
    let body = write::object(|o| {
        o.string("model", target.model);
        let schema = schema_in_words(request, target);
        o.maybe_string("instructions", items.instructions.as_deref());
        o.array("input", |array| {
            if let Some(schema) = &schema {
                array.object(|o| {
                    o.string("type", "message").string("role", "system").string("content", schema);
                });
            }
            items.written.iter().for_each(|item| array.raw(item));
        });
        write_tools(o, request, target, &mut dropped);
        // A cap that is enforced is not raised [M3]: the provider refuses it, if it is too small.
        let cap = target.output_cap.or(request.max_output_tokens.map(|cap| cap.max(LEAST_CAP)));
        o.maybe_number("max_output_tokens", cap.map(|cap| cap.min(target.max_output.unwrap_or(u64::MAX))));
        write_sampling(o, request, target, &mut dropped);
        write_text(o, request, schema.is_some());
        write_reasoning(o, request, target, &mut dropped);
        write_include(o, request, target);
        // Conversations are kept by the gateway, not by the provider.
        o.bool("store", false);
        if request.stream {
            o.bool("stream", true);
        }
        write_who(o, request, &mut dropped);
        write_extensions(o, request, target, &mut dropped);
    });
    Ok(Encoded { body, dropped })
}

fn write_tools(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let mut written = 0;
    let list = write::array(|array| {
        for (at, tool) in request.tools.iter().enumerate().filter(|(_, tool)| offered(tool, request, target)) {
            match tools::write(array, tool) {
                true => written += 1,
                false => dropped.push(format!("tools.{at}")),
            }
            if tool.cache.is_some() {
                name_once(dropped, "cache_control");
            }
        }
    });
    // A choice among no tools is refused.
    if written > 0 {
        o.raw("tools", &list);
        match &request.tool_choice {
            Some(ToolChoice::Allowed { required, .. }) if !model::is_openais(target.model) => {
                tools::write_choice(o, if *required { &ToolChoice::Required } else { &ToolChoice::Auto });
            }
            Some(choice) => tools::write_choice(o, choice),
            None => {}
        }
        o.maybe_bool("parallel_tool_calls", request.parallel_tool_calls);
    }
}

fn write_sampling(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let sampling = &request.sampling;
    let tunable = target.abilities.sampling && !target.openai_reasons();
    let both = sampling.temperature.is_some() && target.abilities.one_of_temperature_and_top_p;
    let top_logprobs = sampling.top_logprobs.map(|count| Json::verbatim(count.to_string()));
    for (key, value, taken) in [
        ("temperature", &sampling.temperature, tunable),
        ("top_p", &sampling.top_p, tunable && !both),
        ("top_logprobs", &top_logprobs, tunable),
    ] {
        match value {
            Some(value) if taken => drop(o.json(key, value)),
            Some(_) => dropped.push(key.to_owned()),
            None => {}
        }
    }
    let none = [
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("logit_bias", sampling.logit_bias.is_some()),
        ("logprobs", sampling.logprobs == Some(true) && !tunable),
        ("stop", !sampling.stop.is_empty()),
    ];
    dropped.extend(none.iter().filter(|(_, asked)| *asked).map(|(key, _)| (*key).to_owned()));
}

/// `text`: the format, and the other fields of it the caller gave.
fn write_text(o: &mut Object<'_>, request: &Request, in_words: bool) {
    let verbosity = chats(&request.extensions, "verbosity");
    let more: Vec<(&str, &Json)> =
        inner(&request.extensions, "text.").chain(verbosity.map(|value| ("verbosity", value))).collect();
    if request.output_format.is_none() && more.is_empty() {
        return;
    }
    o.object("text", |o| {
        match &request.output_format {
            None => {}
            Some(OutputFormat::JsonSchema { name, description, schema, strict }) if !in_words => {
                o.object("format", |o| {
                    o.string("type", "json_schema")
                        .string("name", name.as_deref().unwrap_or("response"))
                        .maybe_string("description", description.as_deref())
                        .json("schema", schema)
                        .maybe_bool("strict", *strict);
                });
            }
            Some(_) => {
                o.object("format", |o| {
                    o.string("type", "json_object");
                });
            }
        }
        for (key, value) in more {
            o.json(key, value);
        }
    });
}

fn write_reasoning(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let effort = match &request.reasoning {
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) }) => Some(effort.as_str()),
        Some(Reasoning::Budget(budget)) => Some(target.abilities.budgets.effort(*budget)),
        // What does not reason need not be told not to; what always reasons cannot be.
        Some(Reasoning::Disabled) if target.openai_reasons() => {
            dropped.push("thinking".to_owned());
            None
        }
        Some(Reasoning::Disabled | Reasoning::Adaptive { effort: None }) | None => None,
    };
    let taken = effort.filter(|effort| target.takes_effort() && EFFORTS.contains(effort));
    if taken.is_none() && effort.is_some() {
        dropped.push("reasoning_effort".to_owned());
    }
    let more: Vec<(&str, &Json)> = inner(&request.extensions, "reasoning.").collect();
    if taken.is_some() || !more.is_empty() {
        o.object("reasoning", |o| {
            o.maybe_string("effort", taken);
            for (key, value) in more {
                o.json(key, value);
            }
        });
    }
}

/// What is to be in the answer: thoughts that can be sent back, wherever the provider does not keep them.
fn write_include(o: &mut Object<'_>, request: &Request, target: &Target<'_>) {
    let asked = ours(&request.extensions, "include");
    let asked = asked.and_then(|value| crate::json::parse_answer(value.as_str().as_bytes()).ok());
    let logprobs = request.sampling.logprobs == Some(true) && target.abilities.sampling && !target.openai_reasons();
    let list = write::array(|array| {
        asked.iter().flat_map(|list| list.elements()).for_each(|one| array.raw(one.raw));
        if logprobs {
            array.string(LOGPROBS);
        }
        if target.openai_reasons() {
            array.string(ENCRYPTED);
        }
    });
    if list != "[]" {
        o.raw("include", &list);
    }
}

fn write_who(o: &mut Object<'_>, request: &Request, dropped: &mut Vec<String>) {
    o.maybe_string("user", request.user.as_deref());
    if !request.metadata.is_empty() {
        o.object("metadata", |o| {
            for (key, value) in &request.metadata {
                o.string(key, value);
            }
        });
    }
    match request.service_tier.as_deref() {
        Some("standard_only") => drop(o.string("service_tier", "default")),
        Some(tier) if !TIERS.contains(&tier) => dropped.push("service_tier".to_owned()),
        tier => drop(o.maybe_string("service_tier", tier)),
    }
}

fn write_extensions(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let extensions = &request.extensions;
    for (key, value) in extensions.of(Wire::OpenAiResponses).filter(|(key, _)| !key.contains('.') && *key != "include")
    {
        o.json(key, value);
    }
    for (wire, key, value) in extensions.0.iter().filter(|(wire, ..)| *wire != Wire::OpenAiResponses) {
        match *wire == Wire::OpenAiChat {
            true if key == "verbosity" => {}
            true if SHARED.contains(&key.as_str()) && model::is_openais(target.model) => drop(o.json(key, value)),
            _ => dropped.push(key.clone()),
        }
    }
}

/// The extensions of this wire below an object's name, without that name.
fn inner<'r>(extensions: &'r Extensions, outer: &'r str) -> impl Iterator<Item = (&'r str, &'r Json)> {
    extensions.of(Wire::OpenAiResponses).filter_map(move |(key, value)| Some((key.strip_prefix(outer)?, value)))
}

fn ours<'r>(extensions: &'r Extensions, key: &str) -> Option<&'r Json> {
    extensions.of(Wire::OpenAiResponses).find(|(name, _)| *name == key).map(|(_, value)| value)
}

fn chats<'r>(extensions: &'r Extensions, key: &str) -> Option<&'r Json> {
    extensions.of(Wire::OpenAiChat).find(|(name, _)| *name == key).map(|(_, value)| value)
}
