//! Converse answers, both ways.

use super::{content, element::Elements, glance, names, stop, usage};
use crate::{
    codec::{JSON_OUTPUT_TOOL, Reply},
    json::{
        Node,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, FinishReason, Response},
    tokens::UsageSoFar,
};

/// Fields read into canonical ones.
const READ: [&str; 5] = ["metrics", "output", "serviceTier", "stopReason", "usage"];
/// The tiers Bedrock names.
const TIERS: [&str; 4] = ["default", "flex", "priority", "reserved"];

/// What Bedrock answered. A 200 without a message is no answer [U6].
pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    let mut content = content::blocks(glance::content(body)?)?;
    let mut finish = stop::read(body.str_of("stopReason").unwrap_or("end_turn"));
    unwrap_output(&mut content, &mut finish);
    let stop_sequence = body.get("additionalModelResponseFields").and_then(stop_sequence);
    Ok(Response {
        choices: vec![Choice { content, finish, stop_sequence, logprobs: None }],
        usage: usage::of(body),
        service_tier: body.get("serviceTier").and_then(|tier| tier.str_of("type")).map(str::to_owned),
        extensions: extensions(body),
        ..Response::default()
    })
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields().iter().filter(|(key, value)| !READ.contains(&key.as_ref()) && !value.is_null()) {
        extensions.push(Wire::BedrockConverse, key.as_ref(), value.json());
    }
    extensions
}

/// The stop sequence that was hit, where the caller asked the model's own fields for it.
pub fn stop_sequence(fields: &Node<'_>) -> Option<String> {
    let nested = fields.get("delta").and_then(|delta| delta.str_of("stop_sequence"));
    fields.str_of("stop_sequence").or(nested).map(str::to_owned)
}

/// Turns calls of the tool that stands in for structured output back into text, and other names into the caller's.
fn unwrap_output(content: &mut [Block], finish: &mut FinishReason) {
    let (mut unwrapped, mut calls) = (false, false);
    for block in content {
        let Content::ToolCall(call) = &mut block.content else { continue };
        if call.name == JSON_OUTPUT_TOOL {
            block.content = Content::Text { text: std::mem::take(&mut call.arguments), citations: Vec::new() };
            unwrapped = true;
        } else {
            call.name = names::inbound(&call.name);
            calls = true;
        }
    }
    if unwrapped && !calls && *finish == FinishReason::ToolCalls {
        *finish = FinishReason::Stop;
    }
}

/// The answer in Bedrock's words: its first choice, since Converse has one only.
pub fn encode(response: &Response, reply: &Reply<'_>) -> String {
    let choice = response.choices.first();
    let blocks = elements(choice);
    let mut used = UsageSoFar::default();
    used.merge(&response.usage);
    write::object(|o| {
        o.object("metrics", |o| {
            o.number("latencyMs", reply.latency_ms);
        });
        o.object("output", |o| {
            o.object("message", |o| {
                o.array("content", |content| blocks.iter().for_each(|block| content.raw(block)));
                o.string("role", "assistant");
            });
        });
        o.string("stopReason", choice.map_or("end_turn", |choice| stop::word(&choice.finish, refused(choice))));
        o.object("usage", |o| usage::write(&used.known(), o));
        if let Some(tier) = response.service_tier.as_deref().and_then(tier) {
            o.object("serviceTier", |o| {
                o.string("type", tier);
            });
        }
        extra(response, choice, o);
    })
}

fn refused(choice: &Choice) -> bool {
    choice.content.iter().any(|block| matches!(block.content, Content::Refusal { .. }))
}

/// The blocks that Converse has a form for.
fn elements(choice: Option<&Choice>) -> Vec<String> {
    let mut elements = Elements::of_answer();
    let blocks = choice.iter().flat_map(|choice| &choice.content);
    blocks.filter_map(|block| elements.write(&block.content).ok().flatten()).collect()
}

/// Bedrock's own fields, and the stop sequence where they do not tell it.
fn extra(response: &Response, choice: Option<&Choice>, o: &mut Object<'_>) {
    let mut told = false;
    for (key, json) in response.extensions.of(Wire::BedrockConverse) {
        told |= key == "additionalModelResponseFields";
        o.json(key, json);
    }
    let stopped_at = choice.and_then(|choice| choice.stop_sequence.as_deref());
    if let Some(stop) = stopped_at.filter(|_| !told) {
        o.object("additionalModelResponseFields", |o| {
            o.string("stop_sequence", stop);
        });
    }
}

/// Bedrock's name of a tier, if it has one.
fn tier(name: &str) -> Option<&'static str> {
    let name = if name == "standard" { "default" } else { name };
    TIERS.into_iter().find(|tier| *tier == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    fn decoded(content: &str, stop: &str) -> Choice {
        let text = format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":{content}}}}},"stopReason":"{stop}","usage":{{}}}}"#
        );
        decode(&parse_answer(text.as_bytes()).unwrap()).unwrap().choices.remove(0)
    }

    #[test]
    fn structured_output_by_tool_becomes_text_again() {
        let call = r#"{"toolUse":{"toolUseId":"t","name":"portunus_json_output","input":{"a": 1.0}}}"#;
        let choice = decoded(&format!("[{call}]"), "tool_use");
        assert_eq!((choice.content, choice.finish), (vec![Block::text(r#"{"a": 1.0}"#)], FinishReason::Stop));
        let other = r#"{"toolUse":{"toolUseId":"u","name":"fs_x2e_read","input":{}}}"#;
        let choice = decoded(&format!("[{call},{other}]"), "tool_use");
        assert_eq!(choice.finish, FinishReason::ToolCalls);
        let Content::ToolCall(call) = &choice.content[1].content else { panic!("no call") };
        assert_eq!(call.name, "fs.read");
    }

    #[test]
    fn u6_an_error_with_status_200_is_no_answer() {
        for text in [r#"{"message":"no"}"#, r#"{"output":{"message":{"content":"x"}}}"#, "{}"] {
            assert!(decode(&parse_answer(text.as_bytes()).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_from_elsewhere_has_what_boto3_expects() {
        let response = Response {
            choices: vec![Choice {
                content: vec![Block::text("hi")],
                finish: FinishReason::StopSequence,
                stop_sequence: Some("END".into()),
                logprobs: None,
            }],
            service_tier: Some("standard".into()),
            ..Response::default()
        };
        let text = encode(&response, &Reply { latency_ms: 12, ..Reply::default() });
        assert_eq!(
            text,
            concat!(
                r#"{"metrics":{"latencyMs":12},"output":{"message":{"content":[{"text":"hi"}],"role":"assistant"}},"#,
                r#""stopReason":"stop_sequence","usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"#,
                r#""serviceTier":{"type":"default"},"additionalModelResponseFields":{"stop_sequence":"END"}}"#
            )
        );
    }
}
