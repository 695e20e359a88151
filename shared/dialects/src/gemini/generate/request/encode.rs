//! A request in Gemini's words.

use super::{
    super::model,
    config, thinking, tools,
    turns::{Turns, name_once, turns},
};
use crate::{
    codec::{Encoded, Target},
    json::write::{self, Object},
};
use domain::{Error, Wire, chat::Request};

pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    let mut dropped = losses(request);
    let turns = turns(&request.messages, target.model, &mut dropped)?;
    let body = write::object(|o| {
        write_turns(o, &turns);
        tools::write(o, request, target.model, &mut dropped);
        write_config(o, request, target, &mut dropped);
        for (key, value) in request.extensions.of(Wire::GeminiGenerate).filter(|(key, _)| is_top(key)) {
            o.json(key, value);
        }
    });
    Ok(Encoded { body, dropped })
}

/// What is written back as a field of its own.
fn is_top(key: &str) -> bool {
    !key.contains('.') && key != "toolConfig"
}

/// What has no place here, but for what depends on the model.
fn losses(request: &Request) -> Vec<String> {
    let foreign = request.extensions.foreign_to(Wire::GeminiGenerate).map(str::to_owned);
    // Fields of parts and of functions, whose places are not the same any more.
    let own = request.extensions.of(Wire::GeminiGenerate).map(|(key, _)| key);
    let own = own.filter(|key| key.contains('.') && !key.starts_with("generationConfig.")).map(str::to_owned);
    let mut dropped: Vec<String> = foreign.chain(own).collect();
    if request.user.is_some() {
        dropped.push("user".to_owned());
    }
    if !matches!(request.service_tier.as_deref(), None | Some("auto" | "default" | "standard" | "standard_only")) {
        dropped.push("service_tier".to_owned());
    }
    if request.tools.iter().any(|tool| tool.cache.is_some()) {
        name_once(&mut dropped, "cache_control");
    }
    dropped
}

fn write_turns(o: &mut Object<'_>, turns: &Turns) {
    if !turns.system.is_empty() {
        o.object("systemInstruction", |o| {
            o.array("parts", |array| turns.system.iter().for_each(|part| array.raw(part)));
        });
    }
    o.array("contents", |array| {
        for turn in &turns.contents {
            array.object(|o| {
                o.string("role", turn.role);
                o.array("parts", |array| turn.parts.iter().for_each(|part| array.raw(part)));
            });
        }
    });
}

fn write_config(o: &mut Object<'_>, request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) {
    let standard = model::takes_json_schema(target.model);
    let cap = target.output_cap.or(request.max_output_tokens);
    let config = write::object(|o| {
        o.maybe_number("maxOutputTokens", cap.map(|cap| cap.min(target.max_output.unwrap_or(u64::MAX))));
        o.maybe_number("candidateCount", request.n.map(u64::from));
        config::write_sampling(o, &request.sampling, &target.abilities, dropped);
        config::write_format(o, request, standard, dropped);
        thinking::write(o, request.reasoning.as_ref(), &target.abilities, dropped);
        config::write_own(o, &request.extensions);
    });
    if config != "{}" {
        o.raw("generationConfig", &config);
    }
}
