//! Messages as turns: tool messages become the results of one user turn.

use super::super::{
    content::{self, opaque},
    response,
};
use crate::{json::Node, malformed::Malformed};
use domain::chat::{Block, Content, Message, Role, ToolResult};

/// Fields of a message with a meaning of their own.
const KNOWN: [&str; 6] = ["citations", "content", "role", "tool_call_id", "tool_calls", "tool_plan"];

/// Before the name of a message's field that only this wire knows.
pub const FIELD: &str = "message.";

pub fn read(node: &Node<'_>) -> Result<Vec<Message>, Malformed> {
    let mut messages = Vec::new();
    node.each(|node| message(node, &mut messages))?;
    Ok(messages)
}

fn message(node: &Node<'_>, messages: &mut Vec<Message>) -> Result<(), Malformed> {
    let (role, mut content) = match node.object()?.required("role", Node::string)? {
        "system" => (Role::System, node.required("content", content::read)?),
        "user" => (Role::User, node.required("content", content::read)?),
        "assistant" => (Role::Assistant, response::said(node)?),
        "tool" => return result(node, messages),
        role => {
            let role: String = role.chars().take(64).collect();
            return Err(Malformed::invalid(format!("unknown role `{role}`")).with_code("invalid_value").under("role"));
        }
    };
    content.extend(unknown(node));
    messages.push(Message { role, content, name: None });
    Ok(())
}

/// Fields only this wire knows, as blocks.
fn unknown(node: &Node<'_>) -> impl Iterator<Item = Block> {
    let fields = node.fields().iter().filter(|(key, value)| !KNOWN.contains(&key.as_ref()) && !value.is_null());
    fields.map(|(key, value)| Content::Other(opaque(&format!("{FIELD}{key}"), value)).into())
}

/// The result of a call joins the results before it: together they answer one turn.
fn result(node: &Node<'_>, messages: &mut Vec<Message>) -> Result<(), Malformed> {
    let call_id = node.required("tool_call_id", Node::text)?;
    let content = node.optional("content", content::read)?.unwrap_or_default();
    let block = Block::from(Content::ToolResult(ToolResult { call_id, content, is_error: false }));
    match messages.last_mut() {
        Some(last) if is_results(last) => last.content.push(block),
        _ => messages.push(Message { role: Role::User, content: vec![block], name: None }),
    }
    Ok(())
}

fn is_results(message: &Message) -> bool {
    !message.content.is_empty() && message.content.iter().all(|block| matches!(block.content, Content::ToolResult(_)))
}
