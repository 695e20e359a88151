//! Answers, both ways.

use super::{
    citations,
    content::{self, opaque, text_part, thinking_part},
    finish, glance, tools, usage,
};
use crate::{
    citation::Words,
    codec::Reply,
    json::{Node, write},
    malformed::Malformed,
};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, Opaque, Response},
};

/// Fields of an answer with a canonical home.
const KNOWN: [&str; 5] = ["finish_reason", "id", "logprobs", "message", "usage"];

pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    let message = glance::message(body)?;
    let content = said(message).map_err(|problem| problem.under("message"))?;
    let called = content.iter().any(|block| matches!(block.content, Content::ToolCall(_)));
    let finish = finish::read(body.str_of("finish_reason"), called);
    let logprobs = body.get("logprobs").map(|node| opaque("logprobs", node));
    Ok(Response {
        id: body.str_of("id").filter(|id| !id.is_empty()).map(str::to_owned),
        choices: vec![Choice { content, finish, stop_sequence: None, logprobs }],
        usage: usage::of(body),
        extensions: extensions(body),
        ..Response::default()
    })
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.contains(&key.as_ref()) {
            extensions.push(Wire::CohereChat, key.as_ref(), value.json());
        }
    }
    usage::extensions(body, &mut extensions);
    extensions
}

/// What an assistant said, in a history or an answer: thoughts and words, then the plan, then the calls.
pub fn said(message: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    let mut blocks = message.object()?.optional("content", content::read)?.unwrap_or_default();
    let parts = blocks.len();
    let plan = message.optional("tool_plan", Node::text)?.filter(|plan| !plan.is_empty());
    blocks.extend(plan.map(Block::text));
    cite(message, &mut blocks, parts)?;
    let mut at = 0;
    let call = |node: &Node<'_>| {
        at += 1;
        tools::read_call(node, at - 1).map(Block::from)
    };
    blocks.extend(message.optional("tool_calls", |calls| calls.each(call))?.unwrap_or_default());
    Ok(blocks)
}

/// Citations belong to the part they name, or to the first words; those of a plan to the plan, the block at `parts`.
fn cite(message: &Node<'_>, blocks: &mut [Block], parts: usize) -> Result<(), Malformed> {
    for citation in message.optional("citations", |node| node.each(Node::object))?.unwrap_or_default() {
        let at = match citation.str_of("type") {
            Some("PLAN") => Some(parts),
            _ => citation.get("content_index").and_then(Node::as_integer).and_then(|at| usize::try_from(at).ok()),
        };
        let named = at.filter(|at| blocks.get(*at).is_some_and(is_text));
        let home = named.or_else(|| blocks.iter().position(is_text));
        if let Some(Content::Text { citations, .. }) =
            home.and_then(|at| blocks.get_mut(at)).map(|block| &mut block.content)
        {
            citations.push(opaque("citation", citation));
        }
    }
    Ok(())
}

fn is_text(block: &Block) -> bool {
    matches!(block.content, Content::Text { .. })
}

/// The answer in this wire's words: its first choice, since the wire has no others.
pub fn encode(response: &Response, reply: &Reply<'_>) -> String {
    let choice = response.choices.first();
    let said = Said::of(choice.map(|choice| choice.content.as_slice()).unwrap_or_default());
    write::object(|o| {
        o.string("id", reply.call_id).object("message", |o| {
            o.string("role", "assistant");
            if !said.parts.is_empty() || said.calls.is_empty() {
                o.array("content", |array| said.parts.iter().for_each(|part| array.raw(part)));
            }
            o.maybe_string("tool_plan", said.plan.as_deref());
            for (key, texts) in [("tool_calls", &said.calls), ("citations", &said.citations)] {
                if !texts.is_empty() {
                    o.array(key, |array| texts.iter().for_each(|text| array.raw(text)));
                }
            }
        });
        if let Some(choice) = choice {
            o.string("finish_reason", finish::write(&choice.finish, !said.calls.is_empty()));
        }
        usage::write(o, &response.usage, &response.extensions);
        if let Some(logprobs) = choice.and_then(|choice| choice.logprobs.as_ref()).filter(|own| is_own(own)) {
            o.json("logprobs", &logprobs.json);
        }
        for (key, value) in response.extensions.of(Wire::CohereChat).filter(|(key, _)| !key.starts_with("usage.")) {
            o.json(key, value);
        }
    })
}

fn is_own(opaque: &Opaque) -> bool {
    opaque.wire == Wire::CohereChat
}

/// What a message says, gathered: the last words before calls are their plan.
#[derive(Default)]
struct Said {
    parts: Vec<String>,
    plan: Option<String>,
    calls: Vec<String>,
    citations: Vec<String>,
}

impl Said {
    fn of(content: &[Block]) -> Self {
        let mut said = Self::default();
        let calls = content.iter().any(|block| matches!(block.content, Content::ToolCall(_)));
        let plan = content.iter().rposition(|block| calls && words(&block.content).is_some());
        for (at, block) in content.iter().enumerate() {
            if plan == Some(at) {
                said.plan = words(&block.content).map(str::to_owned);
            } else {
                said.take(&block.content);
            }
            said.cite(&block.content);
        }
        said
    }

    fn take(&mut self, content: &Content) {
        match content {
            Content::Reasoning { text, .. } if !text.is_empty() => self.parts.push(thinking_part(text)),
            Content::ToolCall(call) => self.calls.push(tools::call(call)),
            Content::Other(opaque) if is_own(opaque) => self.parts.push(opaque.json.as_str().to_owned()),
            content => self.parts.extend(words(content).map(text_part)),
        }
    }

    fn cite(&mut self, content: &Content) {
        if let Content::Text { text, citations } = content {
            let part = (self.parts.len() as u64).saturating_sub(1);
            let written = citations.iter().flat_map(|citation| citations::written(citation, Words::of(text), part));
            self.citations.extend(written);
        }
    }
}

/// The words of a block that has some.
fn words(content: &Content) -> Option<&str> {
    match content {
        Content::Text { text, .. } | Content::Refusal { text } => Some(text.as_str()).filter(|text| !text.is_empty()),
        _ => None,
    }
}
