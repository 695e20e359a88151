//! Turns as items: every call, result and thought is an item of its own.

use super::super::{
    super::{
        citations,
        parts::{is_part, write_input},
        response_id, thoughts,
    },
    read::items::{FIELD, ITEM},
};
use crate::{
    bedrock::converse::in_words,
    citation::Words,
    codec::Target,
    json::{parse_answer, write},
    openai::chat::{
        model,
        request::write::{
            messages::{NO_RESULT, at_block, is_media, shortened},
            name_once,
        },
    },
};
use domain::{
    Error, Wire,
    chat::{Block, Content, Message, Opaque, Request, Role, ToolResult},
};

/// The longest id of a call that OpenAI takes.
const MAX_ID: usize = 64;

/// Items being written, each as JSON text.
pub struct Items<'t> {
    /// The first words of the system.
    pub instructions: Option<String>,
    pub written: Vec<String>,
    dropped: &'t mut Vec<String>,
    /// It is OpenAI, which refuses what it does not know.
    openai: bool,
    /// Cache marks are taken.
    marks: bool,
    /// Ids of the calls that the next items must answer: a result of any other is an orphan and would be refused.
    unanswered: Vec<String>,
    /// Ids in items that only this wire knows: results may answer them, and need not.
    answerable: Vec<String>,
    /// What the items before could not hold, for the next user's.
    pending: Vec<String>,
    /// Fields of this wire for the next item.
    fields: Vec<(String, String)>,
    /// Thoughts for the next reasoning item.
    thoughts: Vec<String>,
}

impl<'t> Items<'t> {
    pub fn of(request: &Request, target: &Target<'_>, dropped: &'t mut Vec<String>) -> Result<Items<'t>, Error> {
        let marks = request.extensions.of(Wire::OpenAiResponses).any(|(key, _)| key == "prompt_cache_options");
        let mut items = Items {
            instructions: None,
            written: Vec::new(),
            dropped,
            openai: model::is_openais(target.model),
            marks,
            unanswered: Vec::new(),
            answerable: Vec::new(),
            pending: Vec::new(),
            fields: Vec::new(),
            thoughts: Vec::new(),
        };
        items.instructions = request.messages.first().and_then(instructions);
        let skipped = usize::from(items.instructions.is_some());
        for (at, message) in request.messages.iter().enumerate().skip(skipped) {
            items.message(message, &format!("messages.{at}"))?;
        }
        items.flush();
        // Instructions alone ask for nothing: then they are the input.
        if items.written.is_empty()
            && items.instructions.take().is_some()
            && let Some(message) = request.messages.first()
        {
            items.message(message, "messages.0")?;
            items.flush();
        }
        if items.written.is_empty() {
            return Err(Error::invalid("messages", "nothing in them can be said to this provider"));
        }
        Ok(items)
    }

    fn message(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        if message.name.is_some() {
            self.dropped.push(format!("{path}.name"));
        }
        match message.role {
            Role::Assistant => {
                self.flush();
                self.assistant(message, path)
            }
            Role::System => {
                self.flush();
                self.words(message, path)
            }
            Role::User => self.words(message, path),
        }
    }

    /// Writes the results that are missing, and the user's message that holds what is pending.
    fn flush(&mut self) {
        self.answer_all();
        let parts = std::mem::take(&mut self.pending);
        self.write_message("user", &parts);
    }

    fn answer_all(&mut self) {
        for call in std::mem::take(&mut self.unanswered) {
            let id = self.id(&call);
            self.written.push(write::object(|o| {
                o.string("type", "function_call_output").string("call_id", &id).string("output", NO_RESULT);
            }));
        }
    }

    /// A system's or user's turn: results first, then its own words.
    fn words(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        for (at, block) in message.content.iter().enumerate() {
            match &block.content {
                Content::ToolResult(result) => self.result(result, block, &at_block(path, at))?,
                Content::Other(opaque) if is_item(opaque) => self.item(opaque),
                Content::Other(opaque) if self.is_field(opaque) => {}
                _ => {}
            }
        }
        let own = |block: &&Block| match &block.content {
            Content::ToolResult(_) => false,
            Content::Other(opaque) => !is_item(opaque) && !is_field(opaque),
            _ => true,
        };
        if message.content.iter().any(|block| own(&block)) {
            self.answer_all();
        }
        let mut parts = if message.role == Role::User { std::mem::take(&mut self.pending) } else { Vec::new() };
        for (at, block) in message.content.iter().enumerate().filter(|(_, block)| own(block)) {
            let part = self.part(block, &at_block(path, at))?;
            match message.role == Role::System && is_media(&block.content) {
                true => self.pending.extend(part),
                false => parts.extend(part),
            }
        }
        self.write_message(if message.role == Role::User { "user" } else { "system" }, &parts);
        Ok(())
    }

    fn write_message(&mut self, role: &str, parts: &[String]) {
        if parts.is_empty() {
            return;
        }
        let fields = std::mem::take(&mut self.fields);
        self.written.push(write::object(|o| {
            o.string("type", "message").string("role", role);
            o.array("content", |array| parts.iter().for_each(|part| array.raw(part)));
            o.raws(&fields);
        }));
    }

    /// A block as a part; `None`, and named, if it can be left out.
    fn part(&mut self, block: &Block, path: &str) -> Result<Option<String>, Error> {
        if block.cache.is_some() && !self.marks {
            name_once(self.dropped, "cache_control");
        }
        match &block.content {
            Content::Text { text, .. } if text.is_empty() => return Ok(None),
            Content::Other(opaque) => {
                if let Some(text) = in_words(opaque) {
                    return Ok(write_input(&Block::text(text), false).ok());
                }
            }
            Content::Document { context, citations, .. } => {
                let lost = [("context", context.is_some()), ("citations", *citations)];
                let lost = lost.into_iter().filter(|(_, asked)| *asked);
                self.dropped.extend(lost.map(|(field, _)| format!("{path}.{field}")));
            }
            _ => {}
        }
        match write_input(block, self.marks) {
            Ok(part) => Ok(Some(part)),
            Err(why) if is_media(&block.content) => Err(Error::invalid(path, why)),
            Err(_) => {
                self.dropped.push(path.to_owned());
                Ok(None)
            }
        }
    }

    fn result(&mut self, result: &ToolResult, block: &Block, path: &str) -> Result<(), Error> {
        match self.unanswered.iter().position(|call| *call == result.call_id) {
            Some(call) => drop(self.unanswered.remove(call)),
            None if self.answerable.contains(&result.call_id) => {}
            None => {
                self.dropped.push(path.to_owned());
                return Ok(());
            }
        }
        if block.cache.is_some() {
            name_once(self.dropped, "cache_control");
        }
        let mut parts = Vec::new();
        for (at, block) in result.content.iter().enumerate() {
            parts.extend(self.part(block, &at_block(path, at))?);
        }
        let output = output(result, &parts);
        let (id, fields) = (self.id(&result.call_id), std::mem::take(&mut self.fields));
        self.written.push(write::object(|o| {
            o.string("type", "function_call_output").string("call_id", &id).raw("output", &output);
            o.raws(&fields);
        }));
        Ok(())
    }

    fn assistant(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        for (at, block) in message.content.iter().enumerate() {
            self.assistant_block(block, &at_block(path, at))?;
        }
        self.end_thoughts(None, path);
        Ok(())
    }

    fn assistant_block(&mut self, block: &Block, path: &str) -> Result<(), Error> {
        match &block.content {
            Content::Reasoning { text, signature: None } => {
                self.thoughts.push(text.clone());
                return Ok(());
            }
            Content::RedactedReasoning { data } if thoughts::encrypted(data).is_some() => {
                self.end_thoughts(thoughts::encrypted(data), path);
                return Ok(());
            }
            _ => self.end_thoughts(None, path),
        }
        match &block.content {
            Content::Text { text, citations } => self.say(text, citations, path),
            Content::Refusal { text } => self.refuse(text),
            Content::ToolCall(call) => {
                let (id, fields) = (self.id(&call.id), std::mem::take(&mut self.fields));
                self.unanswered.push(call.id.clone());
                let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
                self.written.push(write::object(|o| {
                    o.string("type", "function_call").string("call_id", &id).string("name", &call.name);
                    o.string("arguments", arguments);
                    o.raws(&fields);
                }));
            }
            Content::Reasoning { .. } | Content::RedactedReasoning { .. } => {
                self.dropped.push(format!("{path}.thinking"));
            }
            Content::Other(opaque) if is_item(opaque) => self.item(opaque),
            Content::Other(opaque) if self.is_field(opaque) => {}
            content if is_media(content) => {
                let part = self.part(block, path)?;
                self.pending.extend(part);
            }
            Content::Other(opaque) => match in_words(opaque) {
                Some(text) => self.say(&text, &[], path),
                None => self.dropped.push(path.to_owned()),
            },
            _ => self.dropped.push(path.to_owned()),
        }
        Ok(())
    }

    /// Words of the model. Only with citations is the item one that an answer could hold.
    fn say(&mut self, text: &str, citations: &[Opaque], path: &str) {
        if text.is_empty() {
            return;
        }
        let read = citations.iter().map(|citation| citations::in_history(citation, Words::of(text)));
        let (notes, lost): (Vec<_>, Vec<_>) = read.partition(Option::is_some);
        let notes: Vec<String> = notes.into_iter().flatten().flatten().collect();
        if !lost.is_empty() {
            self.dropped.push(format!("{path}.citations"));
        }
        if notes.is_empty() {
            let fields = std::mem::take(&mut self.fields);
            self.written.push(write::object(|o| {
                o.string("type", "message").string("role", "assistant").string("content", text);
                o.raws(&fields);
            }));
            return;
        }
        self.output_message(&write::object(|o| {
            o.string("type", "output_text").string("text", text);
            o.array("annotations", |array| notes.iter().for_each(|note| array.raw(note)));
            o.array("logprobs", |_| {});
        }));
    }

    fn refuse(&mut self, text: &str) {
        self.output_message(&write::object(|o| {
            o.string("type", "refusal").string("refusal", text);
        }));
    }

    fn output_message(&mut self, part: &str) {
        let (id, fields) = (self.item_id("msg"), std::mem::take(&mut self.fields));
        self.written.push(write::object(|o| {
            o.string("type", "message").string("id", &id).string("role", "assistant").string("status", "completed");
            o.array("content", |array| array.raw(part));
            o.raws(&fields);
        }));
    }

    /// Writes the thoughts gathered. Plain ones mean nothing to OpenAI, which knows its own by what it encrypted.
    fn end_thoughts(&mut self, encrypted: Option<(String, Option<String>)>, path: &str) {
        let texts = std::mem::take(&mut self.thoughts);
        let made_up = self.item_id("rs");
        match encrypted {
            Some((data, id)) => {
                let id = id.unwrap_or(made_up);
                self.written.push(write::object(|o| thoughts::write_item(o, &id, &texts, Some(&data))));
            }
            None if texts.is_empty() => {}
            None if self.openai => self.dropped.push(format!("{path}.thinking")),
            None => self.written.push(write::object(|o| {
                o.string("type", "reasoning").string("id", &made_up).array("summary", |_| {});
                o.array("content", |array| {
                    for text in &texts {
                        array.object(|o| {
                            o.string("type", "reasoning_text").string("text", text);
                        });
                    }
                });
            })),
        }
    }

    /// Ids of items must be there; the place is as good as any other.
    fn item_id(&self, prefix: &str) -> String {
        response_id(&self.written.len().to_string()).replacen("resp", prefix, 1)
    }

    /// The id as OpenAI takes it: a longer one is hashed, here as in the result that answers it.
    fn id(&self, id: &str) -> String {
        if self.openai { shortened(id, MAX_ID) } else { id.to_owned() }
    }

    /// An item that only this wire knows, as it was written.
    fn item(&mut self, opaque: &Opaque) {
        let item = parse_answer(opaque.json.as_str().as_bytes()).ok();
        self.answerable.extend(item.and_then(|item| item.str_of("call_id").map(str::to_owned)));
        self.written.push(opaque.json.as_str().to_owned());
    }

    /// Takes a field of this wire's for the next item.
    fn is_field(&mut self, opaque: &Opaque) -> bool {
        let Some(key) = opaque.kind.strip_prefix(FIELD).filter(|_| is_field(opaque)) else { return false };
        self.fields.push((key.to_owned(), opaque.json.as_str().to_owned()));
        true
    }
}

/// The text of a system message that is nothing else.
fn instructions(message: &Message) -> Option<String> {
    match message.content.as_slice() {
        [Block { content: Content::Text { text, .. }, cache: None }]
            if message.role == Role::System && message.name.is_none() && !text.is_empty() =>
        {
            Some(text.clone())
        }
        _ => None,
    }
}

/// The output of a call: a text, or parts. A failure has no flag of its own.
fn output(result: &ToolResult, parts: &[String]) -> String {
    let text = match result.content.as_slice() {
        [] => Some(""),
        [Block { content: Content::Text { text, .. }, .. }] => Some(text.as_str()),
        _ => None,
    };
    match text {
        Some(text) if result.is_error && !text.starts_with("Error") => write::quoted(&format!("Error: {text}")),
        Some(text) => write::quoted(text),
        None => write::array(|array| {
            if result.is_error {
                array.raw(r#"{"type":"input_text","text":"Error"}"#);
            }
            parts.iter().for_each(|part| array.raw(part));
        }),
    }
}

fn is_item(opaque: &Opaque) -> bool {
    opaque.wire == Wire::OpenAiResponses && opaque.kind.starts_with(ITEM) && !is_part(opaque)
}

fn is_field(opaque: &Opaque) -> bool {
    opaque.wire == Wire::OpenAiResponses && opaque.kind.starts_with(FIELD)
}
