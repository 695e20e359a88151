//! Blocks to events. Everything said is also kept, because the last event says it all again.

use super::{
    super::{
        bare,
        names::unwrapped,
        parts::annotation,
        request::read::items::{FIELD, ITEM},
        shell::{Shell, Status},
        thoughts,
    },
    item::{Body, Item, Part},
};
use crate::{
    codec::{Encoder, Reply},
    framing::sse,
    json::{
        parse_answer,
        write::{self, Object},
    },
    openai::error::error_type,
};
use domain::{
    Error, Json, Wire,
    chat::{FinishReason, Opaque, Response, Signature},
    event::{Delta, Event, Open},
    tokens::{UsageSoFar, UsageUpdate},
};

/// Writes one stream.
pub struct Writer {
    call_id: String,
    shell: Shell,
    /// The next event's number.
    sequence: u64,
    begun: bool,
    over: bool,
    items: Vec<Item>,
    blocks: Vec<Block>,
    /// Fields for the next item.
    fields: Vec<(String, String)>,
    usage: UsageSoFar,
    known: UsageUpdate,
    finish: FinishReason,
}

/// An open block: its item, and its place in it.
struct Block {
    index: u32,
    item: usize,
    part: usize,
    kind: Kind,
    /// Probabilities for the next piece of text.
    logprobs: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Thought,
    Seal,
    Call,
    Other,
    /// Nothing of it is written.
    Silent,
}

impl Writer {
    pub fn new(reply: &Reply<'_>, echo: &str) -> Self {
        Self {
            call_id: bare(reply.call_id).to_owned(),
            shell: Shell::new(reply, echo),
            sequence: 0,
            begun: false,
            over: false,
            items: Vec::new(),
            blocks: Vec::new(),
            fields: Vec::new(),
            usage: UsageSoFar::default(),
            known: UsageUpdate::default(),
            finish: FinishReason::Stop,
        }
    }

    /// What a whole answer says of itself.
    pub fn begin(&mut self, response: &Response) {
        self.begun = true;
        self.shell.created = response.created.unwrap_or(self.shell.created);
        self.shell.service_tier = response.service_tier.as_deref().map(tier).map(str::to_owned);
        self.shell.extensions = response.extensions.clone();
    }

    /// The response object when all is said.
    pub fn whole(&mut self, out: &mut Vec<u8>) -> String {
        self.end_items(out);
        self.response(Status::Ended(&self.finish))
    }

    pub fn take(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { created, .. } => {
                self.shell.created = created.unwrap_or(self.shell.created);
                self.prelude(out);
            }
            Event::Open { index, choice, block } => self.open(*index, *choice, block, out),
            Event::Delta { index, delta } => self.grow(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Finish { choice: 0, reason, .. } => self.finish = reason.clone(),
            Event::Finish { .. } => {}
            Event::Usage(update) => {
                self.usage.merge(update);
                self.known = UsageUpdate::from(self.usage.known());
                // What nobody counted is not shown as counted.
                let long = self.known.cache_write_1h.filter(|long| *long > 0);
                let written = self.known.cache_write.filter(|written| *written > 0 || long.is_some());
                (self.known.cache_write, self.known.cache_write_1h) = (written, long);
            }
            Event::KeepAlive => out.extend(self.keep_alive().unwrap_or_default()),
            Event::Error(error) => self.fail(error, out),
        }
    }

    fn response(&self, status: Status<'_>) -> String {
        let cut = status.word() == "incomplete";
        let last = self.items.len().saturating_sub(1);
        let items: Vec<String> = match status {
            Status::InProgress => Vec::new(),
            _ => {
                let word = |at: usize| if cut && at == last { "incomplete" } else { "completed" };
                self.items.iter().enumerate().map(|(at, item)| item.json(word(at))).collect()
            }
        };
        self.shell.write(status, items.iter().map(String::as_str), &self.known)
    }

    /// One event.
    fn event(&mut self, out: &mut Vec<u8>, kind: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let data = write::object(|o| {
            o.string("type", kind).number("sequence_number", self.sequence);
            fill(o);
        });
        self.sequence += 1;
        out.extend_from_slice(sse::event(Some(kind), &data).as_bytes());
    }

    /// An event that carries the response.
    fn carry(&mut self, out: &mut Vec<u8>, kind: &str, response: &str) {
        self.event(out, kind, |o| {
            o.raw("response", response);
        });
    }

    fn prelude(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let response = self.response(Status::InProgress);
        for kind in ["response.created", "response.in_progress"] {
            self.carry(out, kind, &response);
        }
    }

    fn open(&mut self, index: u32, choice: u32, block: &Open, out: &mut Vec<u8>) {
        self.prelude(out);
        let kind = match block {
            _ if choice > 0 => Kind::Silent,
            Open::Text => Kind::Text,
            Open::Refusal => Kind::Refusal,
            Open::Reasoning => Kind::Thought,
            Open::RedactedReasoning { .. } => Kind::Seal,
            Open::ToolCall { .. } => Kind::Call,
            Open::Other(opaque) if self.is_field(opaque) => Kind::Silent,
            Open::Other(opaque) if is_item(opaque) => Kind::Other,
            Open::Other(_) => Kind::Silent,
        };
        if kind == Kind::Silent {
            self.blocks.push(Block { index, item: 0, part: 0, kind, logprobs: Vec::new() });
            return;
        }
        let item = self.item_for(kind, block, out);
        let part = self.begin_part(item, kind, block, out);
        if let Some(item) = self.items.get_mut(item) {
            item.open += 1;
        }
        self.blocks.push(Block { index, item, part, kind, logprobs: Vec::new() });
    }

    /// The item a block belongs to: the last one if it takes it, else a new one.
    fn item_for(&mut self, kind: Kind, block: &Open, out: &mut Vec<u8>) -> usize {
        let last = self.items.len().saturating_sub(1);
        let joins = |item: &Item| match (kind, &item.body) {
            (Kind::Text | Kind::Refusal, Body::Message(_)) => true,
            (Kind::Thought | Kind::Seal, Body::Thought { .. }) => kind == Kind::Thought || own_seal(block),
            _ => false,
        };
        if self.items.last().is_some_and(|item| item.takes_more() && self.fields.is_empty() && joins(item)) {
            return last;
        }
        if self.items.get(last).is_some_and(|item| item.open == 0) {
            self.end_item(last, "completed", out);
        }
        let body = self.body(kind, block);
        let at = self.items.len();
        let id = match &body {
            Body::Other(json) => {
                parse_answer(json.as_bytes()).ok().and_then(|item| item.str_of("id").map(str::to_owned))
            }
            _ => None,
        };
        let id = id.unwrap_or_else(|| format!("{}_{}_{at}", Item::prefix(&body), self.call_id));
        let item = Item { id, body, open: 0, done: false, fields: std::mem::take(&mut self.fields) };
        let json = item.json("in_progress");
        self.items.push(item);
        self.event(out, "response.output_item.added", |o| {
            o.number("output_index", at as u64).raw("item", &json);
        });
        at
    }

    fn body(&self, kind: Kind, block: &Open) -> Body {
        match (kind, block) {
            (Kind::Thought | Kind::Seal, _) => Body::Thought { summary: Vec::new(), seal: None },
            (Kind::Call, Open::ToolCall { id, name }) => {
                let called = self.shell.names.called(name);
                Body::Call {
                    call_id: id.clone(),
                    name: called.name.to_owned(),
                    namespace: called.namespace.map(str::to_owned),
                    arguments: String::new(),
                    custom: called.custom,
                }
            }
            (Kind::Other, Open::Other(opaque)) => Body::Other(opaque.json.as_str().to_owned()),
            _ => Body::Message(Vec::new()),
        }
    }

    /// Begins what a block is in its item: a part of a message or of a summary.
    fn begin_part(&mut self, at: usize, kind: Kind, block: &Open, out: &mut Vec<u8>) -> usize {
        let Some(item) = self.items.get_mut(at) else { return 0 };
        let id = item.id.clone();
        match &mut item.body {
            Body::Message(parts) => {
                let refusal = kind == Kind::Refusal;
                parts.push(Part { refusal, ..Part::default() });
                let part = parts.len() - 1;
                self.event(out, "response.content_part.added", |o| {
                    place(o, &id, at).number("content_index", part as u64).raw("part", &Part::empty(refusal));
                });
                part
            }
            Body::Thought { summary, .. } if kind == Kind::Thought => {
                summary.push(String::new());
                let part = summary.len() - 1;
                self.event(out, "response.reasoning_summary_part.added", |o| {
                    place(o, &id, at).number("summary_index", part as u64);
                    o.raw("part", r#"{"type":"summary_text","text":""}"#);
                });
                part
            }
            Body::Thought { seal, .. } => {
                if let Open::RedactedReasoning { data } = block {
                    let (sealed, id) = sealed(data);
                    *seal = Some(sealed);
                    item.id = id.unwrap_or_else(|| item.id.clone());
                }
                0
            }
            _ => 0,
        }
    }

    fn grow(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|block| block.index == index) else { return };
        let mut block = self.blocks.swap_remove(at);
        if block.kind != Kind::Silent {
            self.grow_block(&mut block, delta, out);
        }
        self.blocks.push(block);
    }

    fn grow_block(&mut self, block: &mut Block, delta: &Delta, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(block.item) else { return };
        let (id, at, part) = (item.id.clone(), block.item, block.part as u64);
        match (&mut item.body, delta) {
            (Body::Message(parts), Delta::Text(text) | Delta::Refusal(text)) if !text.is_empty() => {
                let Some(part) = parts.get_mut(block.part) else { return };
                part.text.push_str(text);
                let logprobs = std::mem::take(&mut block.logprobs);
                self.message_delta(block, &id, text, &logprobs, out);
            }
            (Body::Message(parts), Delta::Citation(citation)) => {
                let Some(cited) = parts.get_mut(block.part) else { return };
                let Some(note) = annotation(citation, 0, cited.text.chars().count()) else { return };
                let count = cited.annotations.len() as u64;
                cited.annotations.push(note.clone());
                self.event(out, "response.output_text.annotation.added", |o| {
                    place(o, &id, at).number("content_index", part).number("annotation_index", count);
                    o.raw("annotation", &note);
                });
            }
            (Body::Message(parts), Delta::Other(opaque)) if opaque.kind == "logprobs" => {
                let elements = logprobs(opaque);
                if let Some(part) = parts.get_mut(block.part) {
                    part.logprobs.extend(elements.iter().cloned());
                }
                block.logprobs.extend(elements);
            }
            (Body::Thought { summary, .. }, Delta::Reasoning(text)) if !text.is_empty() => {
                summary.get_mut(block.part).into_iter().for_each(|summary| summary.push_str(text));
                self.event(out, "response.reasoning_summary_text.delta", |o| {
                    place(o, &id, at).number("summary_index", part).string("delta", text);
                });
            }
            (Body::Thought { seal, .. }, Delta::Signature(signature)) => {
                *seal = Some(thoughts::seal(signature, false));
            }
            (Body::Call { arguments, custom, .. }, Delta::Arguments(piece)) if !piece.is_empty() => {
                arguments.push_str(piece);
                // Free-form input shows itself when it is all there.
                if !*custom {
                    self.event(out, "response.function_call_arguments.delta", |o| {
                        place(o, &id, at).string("delta", piece);
                    });
                }
            }
            (Body::Other(json), Delta::Other(opaque)) if opaque.wire == Wire::OpenAiResponses => {
                match opaque.kind.as_str() {
                    "output_item.done" => *json = opaque.json.as_str().to_owned(),
                    kind => self.repeat(kind, &opaque.json, at, out),
                }
            }
            _ => {}
        }
    }

    fn message_delta(&mut self, block: &Block, id: &str, text: &str, logprobs: &[String], out: &mut Vec<u8>) {
        let refusal = block.kind == Kind::Refusal;
        let kind = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        self.event(out, kind, |o| {
            place(o, id, block.item).number("content_index", block.part as u64).string("delta", text);
            if !refusal {
                o.array("logprobs", |array| logprobs.iter().for_each(|one| array.raw(one)));
            }
        });
    }

    /// An event of an item that only this wire knows, under its number here.
    fn repeat(&mut self, kind: &str, event: &Json, at: usize, out: &mut Vec<u8>) {
        let Ok(event) = parse_answer(event.as_str().as_bytes()) else { return };
        self.event(out, &format!("response.{kind}"), |o| {
            for (key, value) in event.fields() {
                match key.as_ref() {
                    "type" | "sequence_number" => {}
                    "output_index" => drop(o.number(key, at as u64)),
                    key => drop(o.raw(key, value.raw)),
                }
            }
        });
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|block| block.index == index) else { return };
        let block = self.blocks.swap_remove(at);
        if block.kind == Kind::Silent {
            return;
        }
        self.end_part(&block, out);
        let last = self.items.len().saturating_sub(1);
        let Some(item) = self.items.get_mut(block.item) else { return };
        item.open = item.open.saturating_sub(1);
        if item.open == 0 && (block.item < last || !item.takes_more()) {
            self.end_item(block.item, "completed", out);
        }
    }

    fn end_part(&mut self, block: &Block, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(block.item) else { return };
        let (id, at, part) = (item.id.clone(), block.item, block.part as u64);
        match (&mut item.body, block.kind) {
            (Body::Message(parts), _) => {
                let Some(said) = parts.get(block.part) else { return };
                let (json, refusal, text) = (said.json(), said.refusal, said.text.clone());
                let logprobs = said.logprobs.clone();
                let kind = if refusal { "response.refusal.done" } else { "response.output_text.done" };
                self.event(out, kind, |o| {
                    place(o, &id, at).number("content_index", part);
                    o.string(if refusal { "refusal" } else { "text" }, &text);
                    if !refusal {
                        o.array("logprobs", |array| logprobs.iter().for_each(|one| array.raw(one)));
                    }
                });
                self.event(out, "response.content_part.done", |o| {
                    place(o, &id, at).number("content_index", part).raw("part", &json);
                });
            }
            (Body::Thought { summary, .. }, Kind::Thought) => {
                let text = summary.get(block.part).cloned().unwrap_or_default();
                self.event(out, "response.reasoning_summary_text.done", |o| {
                    place(o, &id, at).number("summary_index", part).string("text", &text);
                });
                self.event(out, "response.reasoning_summary_part.done", |o| {
                    place(o, &id, at).number("summary_index", part).object("part", |o| {
                        o.string("type", "summary_text").string("text", &text);
                    });
                });
            }
            (Body::Call { arguments, custom: false, name, .. }, _) => {
                // Clients read the arguments as JSON, and nothing is none.
                let silent = arguments.is_empty();
                if silent {
                    arguments.push_str("{}");
                }
                let (name, arguments) = (name.clone(), arguments.clone());
                if silent {
                    self.event(out, "response.function_call_arguments.delta", |o| {
                        place(o, &id, at).string("delta", &arguments);
                    });
                }
                self.event(out, "response.function_call_arguments.done", |o| {
                    place(o, &id, at).string("name", &name).string("arguments", &arguments);
                });
            }
            (Body::Call { arguments, .. }, _) => {
                let input = unwrapped(arguments);
                self.event(out, "response.custom_tool_call_input.delta", |o| {
                    place(o, &id, at).string("delta", &input);
                });
                self.event(out, "response.custom_tool_call_input.done", |o| {
                    place(o, &id, at).string("input", &input);
                });
            }
            _ => {}
        }
    }

    fn end_item(&mut self, at: usize, status: &str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at).filter(|item| !item.done) else { return };
        item.done = true;
        let json = item.json(status);
        self.event(out, "response.output_item.done", |o| {
            o.number("output_index", at as u64).raw("item", &json);
        });
    }

    /// Ends every item; the last one is as incomplete as the answer.
    fn end_items(&mut self, out: &mut Vec<u8>) {
        let status = Status::Ended(&self.finish).word();
        let last = self.items.len().saturating_sub(1);
        for at in 0..self.items.len() {
            self.end_item(at, if at == last { status } else { "completed" }, out);
        }
    }

    /// Takes a field of this wire's for the next item.
    fn is_field(&mut self, opaque: &Opaque) -> bool {
        if opaque.wire != Wire::OpenAiResponses {
            return false;
        }
        let Some(key) = opaque.kind.strip_prefix(FIELD) else { return false };
        self.fields.push((key.to_owned(), opaque.json.as_str().to_owned()));
        true
    }
}

impl Encoder for Writer {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.take(event, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.prelude(out);
        self.end_items(out);
        self.over = true;
        let status = Status::Ended(&self.finish);
        let (kind, response) = (format!("response.{}", status.word()), self.response(status));
        self.carry(out, &kind, &response);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let (code, message) = (error.code().to_owned(), error.message.clone());
        let param = error.param.as_deref().map_or("null".to_owned(), write::quoted);
        self.event(out, "error", |o| {
            o.string("code", &code).string("message", &message).raw("param", &param);
            // SDKs that look for an object of this name raise it as the exception it is.
            o.object("error", |o| {
                o.string("type", error_type(error)).string("code", &code).string("message", &message);
                o.raw("param", &param);
            });
        });
        let response = self.response(Status::Failed(&code, &message));
        self.carry(out, "response.failed", &response);
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b": ping\n\n")
    }
}

fn place<'o, 'w>(o: &'o mut Object<'w>, id: &str, at: usize) -> &'o mut Object<'w> {
    o.string("item_id", id).number("output_index", at as u64)
}

fn is_item(opaque: &Opaque) -> bool {
    opaque.wire == Wire::OpenAiResponses && opaque.kind.starts_with(ITEM)
}

/// Encrypted by a maker of this wire: it belongs to the thoughts before it.
fn own_seal(block: &Open) -> bool {
    matches!(block, Open::RedactedReasoning { data } if thoughts::encrypted(data).is_some())
}

/// The `encrypted_content` of an encrypted thought, and its item's id.
fn sealed(data: &Signature) -> (String, Option<String>) {
    thoughts::encrypted(data).unwrap_or_else(|| (thoughts::seal(data, true), None))
}

/// The elements of a list of probabilities: this wire's, or chat's.
fn logprobs(opaque: &Opaque) -> Vec<String> {
    let Ok(node) = parse_answer(opaque.json.as_str().as_bytes()) else { return Vec::new() };
    let list = match opaque.wire {
        Wire::OpenAiResponses => Some(&node),
        Wire::OpenAiChat => node.get("content"),
        _ => None,
    };
    list.map(|list| list.elements().iter().map(|one| one.raw.to_owned()).collect()).unwrap_or_default()
}

/// Anthropic's and Bedrock's usual tier has another name here.
fn tier(tier: &str) -> &str {
    if tier == "standard" { "default" } else { tier }
}
