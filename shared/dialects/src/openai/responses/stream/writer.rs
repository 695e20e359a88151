//! Blocks to events. Everything said is also kept, because the last event says it all again.

mod end;
mod grow;

use super::{
    super::{
        bare,
        request::read::items::{FIELD, ITEM},
        shell::{Shell, Status},
        thoughts,
    },
    item::{Body, Item},
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
    Error, Wire,
    chat::{FinishReason, Opaque, Response},
    event::{Event, Open},
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
    /// Other wires' citations, which may come before the words they cite.
    citations: Vec<Opaque>,
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
        self.shell.service_tier = response.service_tier.as_deref().and_then(tier).map(str::to_owned);
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
            self.blocks.push(Block { index, item: 0, part: 0, kind, logprobs: Vec::new(), citations: Vec::new() });
            return;
        }
        let item = self.item_for(kind, block, out);
        let part = self.begin_part(item, kind, block, out);
        if let Some(item) = self.items.get_mut(item) {
            item.open += 1;
        }
        self.blocks.push(Block { index, item, part, kind, logprobs: Vec::new(), citations: Vec::new() });
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

fn is_item(opaque: &Opaque) -> bool {
    opaque.wire == Wire::OpenAiResponses && opaque.kind.starts_with(ITEM)
}

/// Encrypted by a maker of this wire: it belongs to the thoughts before it.
fn own_seal(block: &Open) -> bool {
    matches!(block, Open::RedactedReasoning { data } if thoughts::encrypted(data).is_some())
}

/// The tier in this wire's word: the usual one has another name elsewhere, and some of others' have none here.
fn tier(tier: &str) -> Option<&str> {
    match tier {
        "standard" => Some("default"),
        "batch" | "on_demand" | "provisioned" | "reserved" => None,
        tier => Some(tier),
    }
}

fn place<'o, 'w>(o: &'o mut Object<'w>, id: &str, at: usize) -> &'o mut Object<'w> {
    o.string("item_id", id).number("output_index", at as u64)
}
