//! Messages as turns: tool messages become the results of one user turn.

use super::super::super::{
    message,
    parts::{self, cache_mark},
};
use crate::{json::Node, malformed::Malformed};
use domain::chat::{Block, Content, Message, Role, ToolResult};

pub fn read(node: &Node<'_>) -> Result<Vec<Message>, Malformed> {
    let mut reader = Reader::default();
    node.each(|message| reader.message(message))?;
    Ok(reader.messages)
}

#[derive(Default)]
struct Reader {
    messages: Vec<Message>,
    /// Names of the older, id-less function calls so far; the place is the id.
    functions: Vec<String>,
}

impl Reader {
    fn message(&mut self, node: &Node<'_>) -> Result<(), Malformed> {
        match node.object()?.required("role", Node::string)? {
            "system" | "developer" => self.words(Role::System, node),
            "user" => self.words(Role::User, node),
            "assistant" => self.assistant(node),
            "tool" => {
                let id = node.required("tool_call_id", Node::text)?;
                self.result(id, node)
            }
            "function" => {
                let id = self.function_id(node.required("name", Node::string)?);
                self.result(id, node)
            }
            role => {
                let role: String = role.chars().take(64).collect();
                Err(Malformed::invalid(format!("unknown role `{role}`")).with_code("invalid_value").under("role"))
            }
        }
    }

    fn words(&mut self, role: Role, node: &Node<'_>) -> Result<(), Malformed> {
        let mut content = node.required("content", parts::read)?;
        content.extend(message::unknown(node));
        message::mark_last(node, &mut content)?;
        self.push(role, content, node)
    }

    fn assistant(&mut self, node: &Node<'_>) -> Result<(), Malformed> {
        let id = function_id(self.functions.len());
        if let Some(name) = node.get("function_call").and_then(|call| call.str_of("name")) {
            self.functions.push(name.to_owned());
        }
        let content = message::read(node, &id)?;
        self.push(Role::Assistant, content, node)
    }

    fn push(&mut self, role: Role, content: Vec<Block>, node: &Node<'_>) -> Result<(), Malformed> {
        let name = node.optional("name", Node::text)?;
        self.messages.push(Message { role, content, name });
        Ok(())
    }

    /// The result of a call joins the results before it: together they answer one turn.
    fn result(&mut self, call_id: String, node: &Node<'_>) -> Result<(), Malformed> {
        let content = node.optional("content", parts::read)?.unwrap_or_default();
        let result = Content::ToolResult(ToolResult { call_id, content, is_error: false });
        let block = Block { content: result, cache: cache_mark(node)? };
        match self.messages.last_mut() {
            Some(last) if is_results(last) => last.content.push(block),
            _ => self.messages.push(Message { role: Role::User, content: vec![block], name: None }),
        }
        Ok(())
    }

    /// The id of the last call of that function.
    fn function_id(&self, name: &str) -> String {
        function_id(self.functions.iter().rposition(|called| called == name).unwrap_or(self.functions.len()))
    }
}

fn function_id(at: usize) -> String {
    format!("call_function_{at}")
}

fn is_results(message: &Message) -> bool {
    !message.content.is_empty() && message.content.iter().all(|block| matches!(block.content, Content::ToolResult(_)))
}
