//! Answers, both ways.

use super::{
    citations::{Note, notes},
    finish, glance, message,
    parts::opaque,
    reasoning, tools, usage,
};
use crate::{
    citation::Words,
    codec::Reply,
    json::{
        Node,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, FinishReason, Response},
};

/// Fields of an answer with a canonical home.
const KNOWN: [&str; 8] = ["choices", "created", "error", "id", "model", "object", "service_tier", "usage"];

pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    if let Some(error) = body.get("error") {
        let message = error.str_of("message").or(error.as_str()).unwrap_or("the provider reported an error");
        return Err(Malformed::invalid(crate::error::redact(message)).under("error"));
    }
    glance::choices(body)?;
    let text = |key: &str| body.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Response {
        id: text("id"),
        model: text("model"),
        created: body.get("created").and_then(Node::as_integer).filter(|at| *at > 0),
        choices: body.required("choices", |choices| choices.each(choice))?,
        usage: usage::of(body),
        service_tier: text("service_tier"),
        extensions: extensions(body),
    })
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.contains(&key.as_ref()) {
            extensions.push(Wire::OpenAiChat, key.as_ref(), value.json());
        }
    }
    extensions
}

fn choice(node: &Node<'_>) -> Result<Choice, Malformed> {
    let content = match node.object()?.get("message") {
        Some(_) => node.required("message", said)?,
        // A host has been seen to answer with a stream's `delta`; Azure answers without either what it filtered.
        None if node.get("finish_reason").is_some() => node.optional("delta", said)?.unwrap_or_default(),
        None => node.required("delta", said)?,
    };
    let word = node.optional("finish_reason", Node::string)?;
    // vLLM says which stop sequence was hit.
    let stop_sequence = node.str_of("stop_reason").map(str::to_owned);
    let finish = finish::read(word, called(&content), stop_sequence.is_some());
    let stop_sequence = stop_sequence.filter(|_| finish == FinishReason::StopSequence);
    Ok(Choice { content, finish, stop_sequence, logprobs: node.get("logprobs").map(|node| opaque("logprobs", node)) })
}

fn said(message: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    message::read(message.object()?, "call_function_0")
}

fn called(content: &[Block]) -> bool {
    content.iter().any(|block| match &block.content {
        Content::ToolCall(_) => true,
        Content::Other(opaque) => tools::is_call(opaque),
        _ => false,
    })
}

pub fn encode(response: &Response, reply: &Reply<'_>) -> String {
    write::object(|o| {
        o.string("id", &format!("chatcmpl-{}", reply.call_id))
            .string("object", "chat.completion")
            .number("created", response.created.unwrap_or(reply.created))
            .string("model", reply.model);
        o.array("choices", |array| {
            for (index, choice) in response.choices.iter().enumerate() {
                array.object(|o| write_choice(o, index, choice));
            }
        });
        usage::write(o, &response.usage);
        // Anthropic's and Bedrock's usual tier has another name here, and some of theirs have none.
        let tier = response.service_tier.as_deref().filter(|tier| !matches!(*tier, "batch" | "reserved" | "ultrafast"));
        let tier = tier.map(|tier| if tier == "standard" { "default" } else { tier });
        o.maybe_string("service_tier", tier);
        for (key, value) in response.extensions.of(Wire::OpenAiChat) {
            o.json(key, value);
        }
    })
}

fn write_choice(o: &mut Object<'_>, index: usize, choice: &Choice) {
    o.number("index", index as u64).object("message", |o| write_message(o, &choice.content));
    match choice.logprobs.as_ref().filter(|logprobs| logprobs.wire == Wire::OpenAiChat) {
        Some(logprobs) => o.json("logprobs", &logprobs.json),
        None => o.null("logprobs"),
    };
    write_finish(o, &choice.finish, choice.stop_sequence.as_deref(), called(&choice.content));
}

/// `finish_reason`, and beside it what it cannot say.
pub fn write_finish(o: &mut Object<'_>, finish: &FinishReason, stop_sequence: Option<&str>, called: bool) {
    let (word, native) = finish::write(finish, called);
    o.string("finish_reason", word)
        .maybe_string("native_finish_reason", native)
        .maybe_string("stop_reason", stop_sequence);
}

fn write_message(o: &mut Object<'_>, content: &[Block]) {
    let said = Said::of(content);
    o.string("role", "assistant");
    match said.text.is_empty() && (!said.refusal.is_empty() || !said.calls.is_empty()) {
        true => o.null("content"),
        false => o.string("content", &said.text),
    };
    match said.refusal.is_empty() {
        true => o.null("refusal"),
        false => o.string("refusal", &said.refusal),
    };
    reasoning::write_answer(o, content);
    for (key, texts) in
        [("annotations", &said.annotations), ("citations", &said.citations), ("tool_calls", &said.calls)]
    {
        if !texts.is_empty() {
            o.array(key, |array| texts.iter().for_each(|text| array.raw(text)));
        }
    }
    for (key, opaque) in content.iter().filter_map(|block| message::as_field(&block.content)) {
        o.json(key, &opaque.json);
    }
}

/// What a message says, gathered: the dialect has one text, whatever its blocks were.
#[derive(Default)]
struct Said {
    text: String,
    refusal: String,
    calls: Vec<String>,
    annotations: Vec<String>,
    citations: Vec<String>,
}

impl Said {
    fn of(content: &[Block]) -> Self {
        let mut said = Self::default();
        content.iter().for_each(|block| said.take(&block.content));
        said
    }

    fn take(&mut self, content: &Content) {
        match content {
            Content::Text { text, citations } => {
                let start = self.text.len();
                self.text.push_str(text);
                let words = Words { said: &self.text, start };
                for note in citations.iter().flat_map(|citation| notes(citation, words)) {
                    match note {
                        Note::Annotation(json) => self.annotations.push(json),
                        Note::Citation(json) => self.citations.push(json),
                    }
                }
            }
            Content::Refusal { text } => self.refusal.push_str(text),
            Content::ToolCall(call) => self.calls.push(tools::call(&call.id, call)),
            Content::Other(opaque) if tools::is_call(opaque) => self.calls.push(opaque.json.as_str().to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
