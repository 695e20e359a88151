//! Content blocks, written: requests and answers have the same ones.

use super::{
    citations, content,
    family::Family,
    media::{AUDIO, DOCUMENT, DocumentNames, IMAGE, Medium, VIDEO},
    names,
};
use crate::{
    citation::Words,
    json::{
        parse_answer,
        write::{self, Object},
    },
};
use domain::{
    Error, Wire,
    chat::{Block, Content, Opaque, Signature, Source, ToolCall, ToolResult},
};
use std::borrow::Cow;

/// Writes blocks for one request or answer.
#[derive(Debug)]
pub struct Elements {
    /// Whose request it is; `None` for an answer, where names and ids stay the caller's own.
    family: Option<Family>,
    documents: DocumentNames,
    /// The path of the block being written.
    pub at: String,
    /// What of the written blocks could not be carried, by path.
    pub dropped: Vec<String>,
}

impl Elements {
    pub fn of_request(family: Family) -> Self {
        Self { family: Some(family), documents: DocumentNames::default(), at: String::new(), dropped: Vec::new() }
    }

    pub fn of_answer() -> Self {
        Self { family: None, documents: DocumentNames::default(), at: String::new(), dropped: Vec::new() }
    }

    /// One block as an element; `None` for one that Bedrock has no form for.
    pub fn write(&mut self, content: &Content) -> Result<Option<String>, Error> {
        Ok(Some(match content {
            Content::Text { text, citations } => self.text(text, citations),
            Content::Refusal { text } => text_element(text),
            Content::Image { source, detail } => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.drop("detail");
                }
                self.medium(&IMAGE, source, |_| {})?
            }
            Content::Document { source, name, context, citations } => {
                let name = self.documents.next(name.as_deref());
                self.medium(&DOCUMENT, source, |o| {
                    o.string("name", &name).maybe_string("context", context.as_deref());
                    if *citations {
                        o.object("citations", |o| {
                            o.bool("enabled", true);
                        });
                    }
                })?
            }
            Content::Audio { source } => self.medium(&AUDIO, source, |_| {})?,
            Content::Video { source } => self.medium(&VIDEO, source, |_| {})?,
            Content::Reasoning { text, signature } => reasoning(text, signature.as_ref()),
            Content::RedactedReasoning { data } if !data.is_claudes() => return Ok(None),
            Content::RedactedReasoning { data } => redacted(data),
            Content::ToolCall(call) => self.tool_call(call),
            Content::ToolResult(result) => self.tool_result(result)?,
            Content::Other(opaque) if opaque.wire == Wire::BedrockConverse => other(opaque),
            Content::Other(_) => return Ok(None),
        }))
    }

    fn drop(&mut self, what: &str) {
        self.dropped.push(format!("{}.{what}", self.at));
    }

    fn text(&mut self, text: &str, citations: &[Opaque]) -> String {
        // The provider checks what a history cites, and knows nothing of others' sources.
        let answers = self.family.is_none();
        let ours = |citation: &&Opaque| answers || citation.wire == Wire::BedrockConverse;
        if citations.iter().any(|citation| !ours(&citation)) {
            self.drop("citations");
        }
        let written = citations.iter().filter(ours).flat_map(|citation| citations::written(citation, Words::of(text)));
        let written: Vec<String> = written.collect();
        if written.is_empty() {
            return text_element(text);
        }
        within("citationsContent", |o| {
            o.array("content", |content| content.raw(&text_element(text)));
            o.array("citations", |all| written.iter().for_each(|citation| all.raw(citation)));
        })
    }

    fn medium(&self, medium: &Medium, source: &Source, more: impl FnOnce(&mut Object<'_>)) -> Result<String, Error> {
        let written = medium.write(source, self.family.is_none_or(Family::takes_text_documents));
        let written = written.map_err(|error| error.with_param(&self.at))?;
        Ok(within(medium.name, |o| {
            o.maybe_string("format", written.format);
            more(o);
            o.raw("source", &written.source);
        }))
    }

    fn tool_call(&self, call: &ToolCall) -> String {
        within("toolUse", |o| {
            match self.family {
                Some(family) => o
                    .string("toolUseId", &names::call_id(&call.id, family))
                    .string("name", &names::in_history(&call.name)),
                None => o.string("toolUseId", &call.id).string("name", &call.name),
            };
            o.raw("input", &input(&call.arguments));
        })
    }

    fn tool_result(&mut self, result: &ToolResult) -> Result<String, Error> {
        let status = self.family.is_none_or(Family::takes_result_status);
        let mut parts: Vec<String> = Vec::new();
        if result.is_error && !status {
            parts.push(text_element("Error:"));
        }
        let result_at = self.at.clone();
        for (at, block) in result.content.iter().enumerate() {
            self.at = format!("{result_at}.content.{at}");
            parts.extend(self.result_part(block)?);
        }
        let id = self.call_id(&result.call_id);
        Ok(within("toolResult", |o| {
            o.string("toolUseId", &id);
            o.array("content", |content| parts.iter().for_each(|part| content.raw(part)));
            if result.is_error && status {
                o.string("status", "error");
            }
        }))
    }

    /// The result that stands for a missing one.
    pub fn missing_result(&self, call_id: &str, text: &str) -> String {
        let id = self.call_id(call_id);
        within("toolResult", |o| {
            o.string("toolUseId", &id);
            o.array("content", |content| content.raw(&text_element(text)));
        })
    }

    fn call_id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        self.family.map_or(id.into(), |family| names::call_id(id, family))
    }

    /// A part of a result; blank text is refused there as well.
    fn result_part(&mut self, block: &Block) -> Result<Option<String>, Error> {
        match &block.content {
            Content::Text { text, .. } if text.trim().is_empty() => Ok(None),
            Content::Text { text, .. } => Ok(Some(text_element(text))),
            Content::Image { .. } | Content::Document { .. } | Content::Video { .. } => self.write(&block.content),
            Content::Other(opaque) if opaque.wire == Wire::BedrockConverse => Ok(Some(other(opaque))),
            _ => {
                self.dropped.push(self.at.clone());
                Ok(None)
            }
        }
    }
}

/// `{"text":…}`
pub fn text_element(text: &str) -> String {
    write::object(|o| {
        o.string("text", text);
    })
}

fn within(kind: &str, fill: impl FnOnce(&mut Object<'_>)) -> String {
    write::object(|o| {
        o.object(kind, fill);
    })
}

fn other(opaque: &Opaque) -> String {
    write::object(|o| {
        o.json(&opaque.kind, &opaque.json);
    })
}

fn reasoning(text: &str, signature: Option<&Signature>) -> String {
    let signature = signature.filter(|s| s.is_claudes()).map(|s| s.value.as_str());
    within("reasoningContent", |o| {
        o.object("reasoningText", |o| {
            o.string("text", text).maybe_string("signature", signature);
        });
    })
}

fn redacted(data: &Signature) -> String {
    within("reasoningContent", |o| {
        o.string("redactedContent", &content::redacted_blob(data));
    })
}

/// A tool's input as an object: what the model wrote where it is one, nothing where it is nothing, and wrapped where
/// it is anything else.
pub fn input(arguments: &str) -> String {
    match parse_answer(arguments.as_bytes()) {
        Ok(node) if node.is_null() => "{}".to_owned(),
        Ok(node) if node.is_object() => node.raw.to_owned(),
        Err(_) if arguments.trim().is_empty() => "{}".to_owned(),
        _ => write::object(|o| {
            o.string("_raw", arguments);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_no_json_are_carried_all_the_same() {
        for (arguments, json) in [
            (r#"{"a": 1.50}"#, r#"{"a": 1.50}"#),
            ("", "{}"),
            ("null", "{}"),
            ("[1]", r#"{"_raw":"[1]"}"#),
            (r#"{"a":"#, r#"{"_raw":"{\"a\":"}"#),
        ] {
            assert_eq!(input(arguments), json);
        }
    }

    #[test]
    fn a_failed_result_says_so_in_the_way_the_family_takes() {
        let failed = Content::ToolResult(ToolResult {
            call_id: "call|1".into(),
            content: vec![Block::text("no such city"), Block::text(" ")],
            is_error: true,
        });
        let claude = Elements::of_request(Family::Claude).write(&failed).unwrap().unwrap();
        assert!(claude.ends_with(r#""content":[{"text":"no such city"}],"status":"error"}}"#), "{claude}");
        let other = Elements::of_request(Family::Other).write(&failed).unwrap().unwrap();
        assert!(other.ends_with(r#""content":[{"text":"Error:"},{"text":"no such city"}]}}"#), "{other}");
    }

    #[test]
    fn a_signature_of_anthropics_is_replayed_and_of_others_is_not() {
        let thought = |made_by| Content::Reasoning {
            text: "t".into(),
            signature: Some(Signature { made_by, value: "s".into() }),
        };
        let written = |made_by| Elements::of_answer().write(&thought(made_by)).unwrap().unwrap();
        assert!(written(domain::Dialect::Anthropic).contains(r#""signature":"s""#));
        assert!(!written(domain::Dialect::OpenAi).contains("signature"));
    }
}
