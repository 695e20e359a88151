//! Items as turns: what the model said joins into one assistant's turn, results of calls into one user's.

use super::super::super::{
    names::{flat, wrapped},
    opaque, parts, thoughts,
};
use crate::{
    json::{Kind, Node},
    malformed::Malformed,
};
use domain::chat::{Block, Content, Message, Role, ToolCall, ToolResult};

/// Before the name of an item's field that only this wire knows.
pub const FIELD: &str = "field.";
/// Before the kind of an item that only this wire knows.
pub const ITEM: &str = "item.";

/// Fields of items that have a canonical home, or keep books only.
const KNOWN: [&str; 11] =
    ["arguments", "call_id", "content", "id", "input", "name", "namespace", "output", "role", "status", "type"];

/// `instructions`, then `input`.
pub fn read(body: &Node<'_>) -> Result<Vec<Message>, Malformed> {
    let mut reader = Reader::default();
    if let Some(instructions) = body.optional("instructions", Node::text)?.filter(|text| !text.is_empty()) {
        reader.say(Role::System, vec![Block::text(instructions)]);
    }
    if let Some(input) = body.get("input") {
        match &input.kind {
            Kind::String(text) => reader.say(Role::User, vec![Block::text(text.as_ref())]),
            _ => drop(input.each(|item| reader.item(item)).map_err(|problem| problem.under("input"))?),
        }
    }
    Ok(reader.messages)
}

#[derive(Default)]
struct Reader {
    messages: Vec<Message>,
}

impl Reader {
    fn item(&mut self, item: &Node<'_>) -> Result<(), Malformed> {
        let kind = item.object()?.optional("type", Node::string)?;
        match kind.unwrap_or(if item.get("role").is_some() { "message" } else { "item_reference" }) {
            "message" => self.message(item),
            "function_call_output" | "custom_tool_call_output" => self.result(item),
            "item_reference" => Err(unknown_item(item)),
            kind => {
                let (role, blocks) = match said(item, kind)? {
                    Some(blocks) => (Role::Assistant, blocks),
                    None => (role_of(item, kind), vec![Content::Other(opaque(&format!("{ITEM}{kind}"), item)).into()]),
                };
                match role {
                    Role::Assistant => self.go_on(blocks),
                    Role::User => self.answer(blocks),
                    Role::System => self.say(Role::System, blocks),
                }
                Ok(())
            }
        }
    }

    fn message(&mut self, item: &Node<'_>) -> Result<(), Malformed> {
        let role = match item.required("role", Node::string)? {
            "assistant" => Role::Assistant,
            "system" | "developer" => Role::System,
            "user" => Role::User,
            role => {
                let role: String = role.chars().take(64).collect();
                let problem = Malformed::invalid(format!("unknown role `{role}`"));
                return Err(problem.with_code("invalid_value").under("role"));
            }
        };
        let mut blocks = fields(item);
        blocks.extend(item.required("content", parts::read)?);
        match role {
            Role::Assistant => self.go_on(blocks),
            role => self.say(role, blocks),
        }
        Ok(())
    }

    fn result(&mut self, item: &Node<'_>) -> Result<(), Malformed> {
        let call_id = item.required("call_id", Node::text)?;
        let content = item.required("output", parts::read)?;
        let mut blocks = fields(item);
        blocks.push(Content::ToolResult(ToolResult { call_id, content, is_error: false }).into());
        self.answer(blocks);
        Ok(())
    }

    fn say(&mut self, role: Role, content: Vec<Block>) {
        self.messages.push(Message { role, content, name: None });
    }

    /// What the model said belongs to the turn it is in.
    fn go_on(&mut self, blocks: Vec<Block>) {
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Assistant => last.content.extend(blocks),
            _ => self.say(Role::Assistant, blocks),
        }
    }

    /// Results answer one turn together.
    fn answer(&mut self, blocks: Vec<Block>) {
        match self.messages.last_mut() {
            Some(last) if is_results(last) => last.content.extend(blocks),
            _ => self.say(Role::User, blocks),
        }
    }
}

/// What the model says in an item that every wire has; `None` for other items. Also the items of answers.
pub fn said(item: &Node<'_>, kind: &str) -> Result<Option<Vec<Block>>, Malformed> {
    let mut blocks = fields(item);
    match kind {
        "message" => blocks.extend(item.required("content", parts::read)?),
        "reasoning" => return thoughts::read(item).map(Some),
        "function_call" => {
            let arguments = item.get("arguments").map(|text| text.as_str().unwrap_or(text.raw)).unwrap_or("");
            blocks.push(call(item, arguments.to_owned())?);
        }
        "custom_tool_call" => blocks.push(call(item, wrapped(item.str_of("input").unwrap_or("")))?),
        _ => return Ok(None),
    }
    Ok(Some(blocks))
}

fn call(item: &Node<'_>, arguments: String) -> Result<Block, Malformed> {
    let id = item.required("call_id", Node::text)?;
    let name = flat(item.str_of("namespace"), item.required("name", Node::string)?);
    Ok(Content::ToolCall(ToolCall { id, name, arguments }).into())
}

/// Fields only this wire knows, as blocks before the item's own.
fn fields(item: &Node<'_>) -> Vec<Block> {
    let fields = item.fields().iter().filter(|(key, value)| !KNOWN.contains(&key.as_ref()) && !value.is_null());
    fields.map(|(key, value)| Content::Other(opaque(&format!("{FIELD}{key}"), value)).into()).collect()
}

/// Whose turn an item of another kind belongs to.
fn role_of(item: &Node<'_>, kind: &str) -> Role {
    match item.str_of("role") {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some(_) => Role::Assistant,
        None if kind.ends_with("_output") || kind.ends_with("_response") => Role::User,
        None => Role::Assistant,
    }
}

fn is_results(message: &Message) -> bool {
    let result = |block: &Block| match &block.content {
        Content::ToolResult(_) => true,
        Content::Other(opaque) => opaque.kind.starts_with(ITEM) || opaque.kind.starts_with(FIELD),
        _ => false,
    };
    message.role == Role::User && !message.content.is_empty() && message.content.iter().all(result)
}

/// In OpenAI's words.
fn unknown_item(item: &Node<'_>) -> Malformed {
    let id: String = item.str_of("id").unwrap_or("").chars().filter(|c| !c.is_control()).take(64).collect();
    Malformed::invalid(format!("Item with id '{id}' not found. Items are kept with the response they belong to, for 30 days; send the item itself instead."))
        .under("id")
}
