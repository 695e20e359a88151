//! Turns as messages: every result is a message of its own, documents stand beside the messages, and media that a message
//! cannot hold follow in a user's.

use super::{
    super::{
        content::{image_part, plain_text, text_part, thinking_part},
        documents, tools,
    },
    messages::FIELD,
};
use crate::{
    bedrock::converse::in_words,
    json::write::{self, Object},
};
use domain::{
    Error, Wire,
    chat::{Block, Content, Message, Opaque, Request, Role, ToolResult},
};

/// Stands for the result of a call that nobody answered: the conversation could not go on without one.
const NO_RESULT: &str = "No result was given.";
/// Stands for a result without words.
const EMPTY_RESULT: &str = "The tool gave no result.";
/// Stands for what a user said who sent nothing but a document.
const ATTACHED: &str = "The document is attached.";
/// Stands in a result for what the next message holds.
const FOLLOWS: &str = "(what this tool returned follows in the next user message)";

/// A request's messages, each as JSON text, and its documents.
#[derive(Default)]
pub struct Turns {
    pub messages: Vec<String>,
    pub documents: Vec<String>,
    /// Some document is to be cited.
    pub cited: bool,
}

impl Turns {
    pub fn of(request: &Request, dropped: &mut Vec<String>) -> Result<Self, Error> {
        // The provider takes documents of their own neither beside tools nor beside a format.
        let beside = request.tools.is_empty() && request.output_format.is_none();
        let mut writer =
            Writer { turns: Self::default(), beside, dropped, unanswered: Vec::new(), pending: Vec::new() };
        for (at, message) in request.messages.iter().enumerate() {
            writer.message(message, &format!("messages.{at}"))?;
        }
        writer.flush();
        match writer.turns.messages.is_empty() {
            true => Err(Error::invalid("messages", "nothing in them can be said to this provider")),
            false => Ok(writer.turns),
        }
    }
}

struct Writer<'d> {
    turns: Turns,
    /// Documents stand beside the messages, not in their words.
    beside: bool,
    dropped: &'d mut Vec<String>,
    /// Ids of the calls that the next messages must answer.
    unanswered: Vec<String>,
    /// What the messages before could not hold, for the next user message.
    pending: Vec<Part>,
}

/// A part of a message, as JSON text, and its words if it is nothing else.
struct Part {
    json: String,
    words: Option<String>,
}

impl Part {
    fn text(text: &str) -> Self {
        Self { json: text_part(text), words: Some(text.to_owned()) }
    }

    fn other(json: String) -> Self {
        Self { json, words: None }
    }
}

impl Writer<'_> {
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
            self.write("user", &parts, &[]);
        }
    }

    fn answer_all(&mut self) {
        for call in std::mem::take(&mut self.unanswered) {
            self.write_result(&call, &[Part::text(NO_RESULT)]);
        }
    }

    fn write(&mut self, role: &str, parts: &[Part], fields: &[&Opaque]) {
        self.turns.messages.push(write::object(|o| {
            o.string("role", role);
            write_content(o, parts);
            write_fields(o, fields);
        }));
    }

    fn write_result(&mut self, call: &str, parts: &[Part]) {
        self.turns.messages.push(write::object(|o| {
            o.string("role", "tool").string("tool_call_id", call);
            write_content(o, parts);
        }));
    }

    /// A system's or user's own words.
    fn words(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        self.answer_all();
        let user = message.role == Role::User;
        let mut parts = if user { std::mem::take(&mut self.pending) } else { Vec::new() };
        let (mut fields, documents) = (Vec::new(), self.turns.documents.len());
        for (at, block) in message.content.iter().enumerate() {
            match &block.content {
                Content::ToolResult(_) => {}
                Content::Other(opaque) if is_field(opaque) => fields.push(opaque),
                content if !user && is_media(content) => {
                    let part = self.part(block, &at_block(path, at))?;
                    self.pending.extend(part);
                }
                _ => parts.extend(self.part(block, &at_block(path, at))?),
            }
        }
        if parts.is_empty() && user && self.turns.documents.len() > documents {
            parts.push(Part::text(ATTACHED));
        }
        if !parts.is_empty() || message.content.is_empty() {
            self.write(if user { "user" } else { "system" }, &parts, &fields);
        }
        Ok(())
    }

    /// A block as a part; `None` if it stands elsewhere or, and then it is named, is left out.
    fn part(&mut self, block: &Block, path: &str) -> Result<Option<Part>, Error> {
        self.forget_mark(block);
        let lost = |why: &str| Err(Error::invalid(path, why));
        Ok(match &block.content {
            Content::Text { text, .. } | Content::Refusal { text } if text.is_empty() => None,
            Content::Text { text, .. } | Content::Refusal { text } => Some(Part::text(text)),
            Content::Image { source, detail } => match image_part(source, detail.as_deref()) {
                Ok(json) => Some(Part::other(json)),
                Err(why) => return lost(why),
            },
            Content::Document { .. } => return self.document(&block.content, path),
            Content::Audio { .. } => return lost("this provider (Cohere) takes no audio in a chat"),
            Content::Video { .. } => return lost("this provider (Cohere) takes no video; send frames of it as images"),
            Content::Other(opaque) if in_words(opaque).is_some() => in_words(opaque).map(|text| Part::text(&text)),
            Content::Other(opaque) if opaque.wire == Wire::CohereChat => {
                Some(Part::other(opaque.json.as_str().to_owned()))
            }
            _ => {
                self.dropped.push(path.to_owned());
                None
            }
        })
    }

    fn forget_mark(&mut self, block: &Block) {
        if block.cache.is_some() && !self.dropped.iter().any(|name| name == "cache_control") {
            self.dropped.push("cache_control".to_owned());
        }
    }

    /// A document's text, beside the messages or among their words.
    fn document(&mut self, content: &Content, path: &str) -> Result<Option<Part>, Error> {
        let Content::Document { source, name, context, citations } = content else { return Ok(None) };
        let Some(text) = plain_text(source) else {
            let why = "this provider (Cohere) takes documents as plain text only; send the text of this one";
            return Err(Error::invalid(path, why));
        };
        if context.is_some() {
            self.dropped.push(format!("{path}.context"));
        }
        if self.beside {
            self.turns.documents.push(documents::write(&text, name.as_deref()));
            self.turns.cited |= citations;
            return Ok(None);
        }
        if *citations {
            self.dropped.push(format!("{path}.citations"));
        }
        let words = name.as_deref().map_or_else(|| text.clone(), |name| format!("# {name}\n\n{text}"));
        Ok(Some(Part::text(&words)))
    }

    /// Writes the results among a user's blocks, and says how many there were.
    fn results(&mut self, message: &Message, path: &str) -> Result<usize, Error> {
        let mut results = 0;
        for (at, block) in message.content.iter().enumerate() {
            let Content::ToolResult(result) = &block.content else { continue };
            results += 1;
            self.forget_mark(block);
            match self.unanswered.iter().position(|call| *call == result.call_id) {
                Some(call) => {
                    self.unanswered.remove(call);
                    self.result(result, &at_block(path, at))?;
                }
                // The provider refuses the result of a call that nobody made.
                None => self.dropped.push(at_block(path, at)),
            }
        }
        Ok(results)
    }

    fn result(&mut self, result: &ToolResult, path: &str) -> Result<(), Error> {
        let mut parts = Vec::new();
        for (at, block) in result.content.iter().enumerate() {
            let path = at_block(path, at);
            match &block.content {
                Content::Document { source, name, .. } if plain_text(source).is_some() => {
                    let text = plain_text(source).unwrap_or_default();
                    parts.push(Part::other(documents::named_part(&text, name.as_deref())));
                }
                content if is_media(content) => {
                    let part = self.part(block, &path)?;
                    self.pending.push(Part::text(&format!("Returned by tool call {}:", result.call_id)));
                    self.pending.extend(part);
                    parts.push(Part::text(FOLLOWS));
                }
                _ => parts.extend(self.part(block, &path)?),
            }
        }
        if result.is_error {
            say_error(&mut parts);
        }
        if parts.is_empty() {
            parts.push(Part::text(EMPTY_RESULT));
        }
        // What is an object reads as one, and can be cited.
        for part in &mut parts {
            if let Some(json) = part.words.as_deref().and_then(documents::result_part) {
                *part = Part::other(json);
            }
        }
        self.write_result(&result.call_id, &parts);
        Ok(())
    }

    fn assistant(&mut self, message: &Message, path: &str) -> Result<(), Error> {
        let mut turn = Turn::default();
        for (at, block) in message.content.iter().enumerate() {
            self.assistant_block(block, &at_block(path, at), &mut turn)?;
        }
        if !turn.is_empty() || message.content.is_empty() {
            self.turns.messages.push(turn.write());
        }
        Ok(())
    }

    fn assistant_block<'m>(&mut self, block: &'m Block, path: &str, turn: &mut Turn<'m>) -> Result<(), Error> {
        match &block.content {
            Content::ToolCall(call) => {
                self.forget_mark(block);
                self.unanswered.push(call.id.clone());
                turn.calls.push(tools::call(call));
            }
            Content::Reasoning { text, signature: None } if !text.is_empty() => {
                turn.parts.push(Part::other(thinking_part(text)));
            }
            Content::Reasoning { .. } | Content::RedactedReasoning { .. } => {
                self.dropped.push(format!("{path}.thinking"));
            }
            Content::Other(opaque) if is_field(opaque) => turn.fields.push(opaque),
            content if is_media(content) => {
                let part = self.part(block, path)?;
                self.pending.extend(part);
            }
            content => {
                turn.parts.extend(self.part(block, path)?);
                if let Content::Text { citations, .. } = content {
                    self.cite(citations, path, turn);
                }
            }
        }
        Ok(())
    }

    fn cite<'m>(&mut self, citations: &'m [Opaque], path: &str, turn: &mut Turn<'m>) {
        if citations.iter().any(|citation| citation.wire != Wire::CohereChat) {
            self.dropped.push(format!("{path}.citations"));
        }
        turn.citations.extend(citations.iter().filter(|citation| citation.wire == Wire::CohereChat));
    }
}

/// Puts the word before a result that reports a failure, as the dialect has no flag for it.
fn say_error(parts: &mut Vec<Part>) {
    match parts.first().and_then(|part| part.words.as_deref()) {
        Some(text) if text.starts_with("Error") => {}
        Some(text) => {
            let said = Part::text(&format!("Error: {text}"));
            parts.splice(..1, [said]);
        }
        None => parts.insert(0, Part::text("Error")),
    }
}

/// An assistant's message being gathered.
#[derive(Default)]
struct Turn<'m> {
    parts: Vec<Part>,
    calls: Vec<String>,
    citations: Vec<&'m Opaque>,
    fields: Vec<&'m Opaque>,
}

impl Turn<'_> {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.calls.is_empty() && self.fields.is_empty()
    }

    /// The last words before calls are their plan.
    fn write(mut self) -> String {
        let words = self.parts.iter().rposition(|part| part.words.is_some()).filter(|_| !self.calls.is_empty());
        let plan = words.map(|at| self.parts.remove(at)).and_then(|part| part.words);
        write::object(|o| {
            o.string("role", "assistant");
            if !self.parts.is_empty() || self.calls.is_empty() {
                write_content(o, &self.parts);
            }
            o.maybe_string("tool_plan", plan.as_deref());
            if !self.calls.is_empty() {
                o.array("tool_calls", |array| self.calls.iter().for_each(|call| array.raw(call)));
            }
            if !self.citations.is_empty() {
                o.array("citations", |array| self.citations.iter().for_each(|citation| array.json(&citation.json)));
            }
            write_fields(o, &self.fields);
        })
    }
}

/// `content`: parts, or one text.
fn write_content(o: &mut Object<'_>, parts: &[Part]) {
    match parts {
        [] => o.string("content", ""),
        [Part { words: Some(text), .. }] => o.string("content", text),
        parts => o.array("content", |array| parts.iter().for_each(|part| array.raw(&part.json))),
    };
}

fn write_fields(o: &mut Object<'_>, fields: &[&Opaque]) {
    for field in fields {
        o.json(field.kind.strip_prefix(FIELD).unwrap_or(&field.kind), &field.json);
    }
}

fn is_field(opaque: &Opaque) -> bool {
    opaque.wire == Wire::CohereChat && opaque.kind.starts_with(FIELD)
}

fn at_block(path: &str, at: usize) -> String {
    format!("{path}.content.{at}")
}

fn is_media(content: &Content) -> bool {
    matches!(content, Content::Image { .. } | Content::Document { .. } | Content::Audio { .. } | Content::Video { .. })
}
