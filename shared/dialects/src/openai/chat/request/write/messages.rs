//! Turns as messages: every result is a message of its own, and media that a message cannot hold follow in a user's.

use super::{
    super::super::{
        message,
        parts::{Host, Part, write_content, write_mark},
        reasoning, tools,
    },
    host, name_once, role_name,
};
use crate::{
    bedrock::converse::in_words,
    codec::Target,
    json::{
        parse_answer,
        write::{self, Array, Object},
    },
};
use domain::{
    Error, Wire,
    chat::{Block, Content, Message, Opaque, Request, Role, ToolResult},
};

/// The longest id of a call that OpenAI takes.
const MAX_ID: usize = 40;

/// Stands for the result of a call that nobody answered: the conversation could not go on without one.
pub const NO_RESULT: &str = "No result was given.";

/// Messages being written, each as JSON text.
pub struct Messages<'t> {
    written: Vec<String>,
    host: Host,
    dropped: &'t mut Vec<String>,
    /// Ids of the calls that the next messages must answer: a result of any other is an orphan and would be refused.
    unanswered: Vec<String>,
    /// What the messages before could not hold, for the next user message.
    pending: Vec<Part>,
}

impl<'t> Messages<'t> {
    pub fn of(request: &Request, target: &Target<'_>, dropped: &'t mut Vec<String>) -> Result<Written, Error> {
        let mut messages =
            Messages { written: Vec::new(), host: host(target), dropped, unanswered: Vec::new(), pending: Vec::new() };
        for (at, message) in request.messages.iter().enumerate() {
            messages.message(message, &format!("messages.{at}"))?;
        }
        messages.flush();
        if messages.written.is_empty() {
            return Err(Error::invalid("messages", "nothing in them can be said to this provider"));
        }
        Ok(Written(messages.written))
    }

    fn message(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        match message.role {
            Role::Assistant => {
                self.flush();
                self.assistant(message, path)
            }
            Role::System => {
                self.flush();
                self.words(message, path)
            }
            Role::User => {
                let results = self.results(message, path)?;
                let others = message.content.len() - results;
                if others > 0 || message.content.is_empty() { self.words(message, path) } else { Ok(()) }
            }
        }
    }

    /// Writes the results that are missing, and the user message that holds what is pending.
    fn flush(&mut self) {
        self.answer_all();
        if !self.pending.is_empty() {
            let parts = std::mem::take(&mut self.pending);
            self.written.push(write::object(|o| {
                o.string("role", "user");
                write_content(o, &parts);
            }));
        }
    }

    fn answer_all(&mut self) {
        for call in std::mem::take(&mut self.unanswered) {
            let id = self.id(&call);
            self.written.push(write::object(|o| {
                o.string("role", "tool").string("tool_call_id", &id).string("content", NO_RESULT);
            }));
        }
    }

    /// A system's or user's own words.
    fn words(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        self.answer_all();
        let mut parts = if message.role == Role::User { std::mem::take(&mut self.pending) } else { Vec::new() };
        let mut fields = Vec::new();
        for (at, block) in message.content.iter().enumerate() {
            match &block.content {
                Content::ToolResult(_) => {}
                content if message::as_field(content).is_some() => fields.extend(message::as_field(content)),
                content if message.role == Role::System && is_media(content) => {
                    let part = self.part(block, &at_block(path, at))?;
                    self.pending.extend(part);
                }
                _ => parts.extend(self.part(block, &at_block(path, at))?),
            }
        }
        if parts.is_empty() && fields.is_empty() && !message.content.is_empty() {
            return Ok(());
        }
        self.written.push(write::object(|o| {
            o.string("role", role_name(message.role)).maybe_string("name", message.name.as_deref());
            write_content(o, &parts);
            write_fields(o, &fields);
        }));
        Ok(())
    }

    /// A block as a part; `None`, and named, if it can be left out.
    fn part(&mut self, block: &Block, path: &str) -> Result<Option<Part>, Error> {
        if block.cache.is_some() && !self.host.marks {
            name_once(self.dropped, "cache_control");
        }
        if let Content::Text { text, .. } = &block.content
            && text.is_empty()
        {
            return Ok(None);
        }
        if let Content::Other(opaque) = &block.content
            && let Some(text) = in_words(opaque)
        {
            return Ok(Some(Part::text(&text)));
        }
        if let Content::Document { context, citations, .. } = &block.content {
            let lost =
                [("context", context.is_some()), ("citations", *citations)].into_iter().filter(|(_, asked)| *asked);
            self.dropped.extend(lost.map(|(field, _)| format!("{path}.{field}")));
        }
        match Part::new(block, self.host) {
            Ok(part) => Ok(Some(part)),
            Err(why) if is_media(&block.content) => Err(Error::invalid(path, why)),
            Err(_) => {
                self.dropped.push(path.to_owned());
                Ok(None)
            }
        }
    }

    /// Writes the results among a user's blocks, and says how many there were.
    fn results(&mut self, message: &Message, path: &str) -> Result<usize, Error> {
        let mut results = 0;
        for (at, block) in message.content.iter().enumerate() {
            let Content::ToolResult(result) = &block.content else { continue };
            results += 1;
            if let Some(call) = self.unanswered.iter().position(|call| *call == result.call_id) {
                self.unanswered.remove(call);
                self.result(result, block, &at_block(path, at))?;
            } else {
                self.dropped.push(at_block(path, at));
            }
        }
        Ok(results)
    }

    fn result(&mut self, result: &ToolResult, block: &Block, path: &str) -> Result<(), Error> {
        let mut parts = Vec::new();
        for (at, block) in result.content.iter().enumerate() {
            let path = at_block(path, at);
            if is_media(&block.content) {
                self.media_of_result(result, block, &path)?;
                parts.push(Part::text("(what this tool returned follows in the next user message)"));
            } else {
                parts.extend(self.part(block, &path)?);
            }
        }
        if result.is_error {
            Part::say_error(&mut parts);
        }
        if block.cache.is_some() && !self.host.marks {
            name_once(self.dropped, "cache_control");
        }
        let mark = block.cache.as_ref().filter(|_| self.host.marks);
        let id = self.id(&result.call_id);
        self.written.push(write::object(|o| {
            o.string("role", "tool").string("tool_call_id", &id);
            write_content(o, &parts);
            write_mark(o, mark);
        }));
        Ok(())
    }

    fn media_of_result(&mut self, result: &ToolResult, block: &Block, path: &str) -> Result<(), Error> {
        let part = self.part(block, path)?;
        self.pending.push(Part::text(&format!("Returned by tool call {}:", self.id(&result.call_id))));
        self.pending.extend(part);
        Ok(())
    }

    fn assistant(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        let mut turn = Turn::default();
        for (at, block) in message.content.iter().enumerate() {
            self.assistant_block(block, &at_block(path, at), &mut turn)?;
        }
        if turn.is_empty() && !message.content.is_empty() {
            return Ok(());
        }
        self.written.push(turn.write(message, self.host));
        Ok(())
    }

    fn assistant_block<'m>(&mut self, block: &'m Block, path: &str, turn: &mut Turn<'m>) -> Result<(), Error> {
        match &block.content {
            Content::Refusal { text } => turn.refusal.push_str(text),
            Content::ToolCall(call) => {
                self.unanswered.push(call.id.clone());
                let id = self.id(&call.id);
                turn.calls.push(tools::call(&id, call));
            }
            content if reasoning::is_lost(content, self.host) => self.dropped.push(format!("{path}.thinking")),
            Content::Reasoning { .. } | Content::RedactedReasoning { .. } => turn.thoughts = true,
            content if message::as_field(content).is_some() => turn.fields.extend(message::as_field(content)),
            Content::Other(opaque) if tools::is_call(opaque) => {
                self.unanswered.extend(id_of(opaque));
                turn.calls.push(opaque.json.as_str().to_owned());
            }
            content if is_media(content) => {
                let part = self.part(block, path)?;
                self.pending.extend(part);
            }
            content => {
                turn.parts.extend(self.part(block, path)?);
                if let Content::Text { citations, .. } = content {
                    self.annotate(citations, path, turn);
                }
            }
        }
        Ok(())
    }

    fn annotate<'m>(&mut self, citations: &'m [Opaque], path: &str, turn: &mut Turn<'m>) {
        if citations.iter().any(|citation| citation.wire != Wire::OpenAiChat) {
            self.dropped.push(format!("{path}.citations"));
        }
        turn.annotations.extend(citations.iter().filter(|citation| citation.wire == Wire::OpenAiChat));
    }

    /// The id as OpenAI takes it: a longer one is hashed, here as in the result that answers it.
    fn id(&self, id: &str) -> String {
        if self.host.openai { shortened(id, MAX_ID) } else { id.to_owned() }
    }
}

/// An id of at most `most` bytes: a longer one is hashed.
pub fn shortened(id: &str, most: usize) -> String {
    if id.len() <= most {
        return id.to_owned();
    }
    format!("call_{:016x}{:016x}", fnv(id.bytes()), fnv(id.bytes().rev()))
}

/// FNV-1a.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

pub fn at_block(path: &str, at: usize) -> String {
    format!("{path}.content.{at}")
}

pub fn is_media(content: &Content) -> bool {
    matches!(content, Content::Image { .. } | Content::Document { .. } | Content::Audio { .. } | Content::Video { .. })
}

fn id_of(call: &Opaque) -> Option<String> {
    parse_answer(call.json.as_str().as_bytes()).ok()?.str_of("id").map(str::to_owned)
}

/// An assistant's message being gathered.
#[derive(Default)]
struct Turn<'m> {
    parts: Vec<Part>,
    refusal: String,
    calls: Vec<String>,
    thoughts: bool,
    annotations: Vec<&'m Opaque>,
    fields: Vec<(&'m str, &'m Opaque)>,
}

impl Turn<'_> {
    fn is_empty(&self) -> bool {
        self.parts.is_empty()
            && self.refusal.is_empty()
            && self.calls.is_empty()
            && self.fields.is_empty()
            && !self.thoughts
    }

    fn write(&self, message: &Message, host: Host) -> String {
        write::object(|o| {
            o.string("role", "assistant").maybe_string("name", message.name.as_deref());
            match self.parts.is_empty() && !(self.calls.is_empty() && self.refusal.is_empty()) {
                true => drop(o.null("content")),
                false => write_content(o, &self.parts),
            }
            if self.thoughts {
                reasoning::write_history(o, &message.content, host.claude);
            }
            o.maybe_string("refusal", Some(self.refusal.as_str()).filter(|text| !text.is_empty()));
            if !self.annotations.is_empty() {
                o.array("annotations", |array| self.annotations.iter().for_each(|note| array.json(&note.json)));
            }
            if !self.calls.is_empty() {
                o.array("tool_calls", |array| self.calls.iter().for_each(|call| array.raw(call)));
            }
            write_fields(o, &self.fields);
        })
    }
}

fn write_fields(o: &mut Object<'_>, fields: &[(&str, &Opaque)]) {
    for (key, opaque) in fields {
        o.json(key, &opaque.json);
    }
}

/// The messages of a request, each as JSON text.
pub struct Written(Vec<String>);

impl Written {
    pub fn write(&self, array: &mut Array<'_>) {
        self.0.iter().for_each(|message| array.raw(message));
    }
}
