//! Contents as messages.

use super::super::{
    calls::Calls,
    fields,
    parts::{self, LOOSE},
};
use crate::{json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Block, Extensions, Message, Role},
};

/// The system instruction and the contents, in order.
pub fn read(body: &Node<'_>, extensions: &mut Extensions) -> Result<Vec<Message>, Malformed> {
    let mut reader = Reader { calls: Calls::default(), extensions };
    let system = fields::optional(body, "systemInstruction", |node| reader.system(node))?;
    let contents = fields::required(body, "contents", |contents| {
        fields::each(contents, |at, content| reader.content(content, &format!("contents.{at}")))
    })?;
    Ok(system.into_iter().filter(|system| !system.content.is_empty()).chain(contents).collect())
}

struct Reader<'e> {
    calls: Calls,
    extensions: &'e mut Extensions,
}

impl Reader<'_> {
    /// A content whose role says nothing; clients may write it as a plain text.
    fn system(&mut self, node: &Node<'_>) -> Result<Message, Malformed> {
        let content = match node.as_str() {
            Some(text) => vec![Block::text(text)],
            None => self.parts(node.object()?, "systemInstruction")?,
        };
        Ok(Message { role: Role::System, content, name: None })
    }

    fn content(&mut self, node: &Node<'_>, path: &str) -> Result<Message, Malformed> {
        let role = match fields::optional(node.object()?, "role", Node::string)?.unwrap_or("user") {
            "model" => Role::Assistant,
            "user" | "function" | "tool" | "" => Role::User,
            _ => return Err(Malformed::invalid("must be `user` or `model`").under("role")),
        };
        Ok(Message { role, content: self.parts(node, path)?, name: None })
    }

    fn parts(&mut self, content: &Node<'_>, path: &str) -> Result<Vec<Block>, Malformed> {
        fields::optional(content, "parts", |parts| {
            fields::each(parts, |at, part| {
                self.keep_loose(part, &format!("{path}.parts.{at}"));
                Ok(())
            })
        })?;
        let blocks = parts::read_all(content, &mut self.calls)?;
        Ok(blocks.into_iter().map(Block::from).collect())
    }

    /// What stands beside a part's own field and has no place elsewhere.
    fn keep_loose(&mut self, part: &Node<'_>, path: &str) {
        let whole = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
        for name in LOOSE {
            if let Some(value) = fields::get(part, name)
                && whole.iter().any(|own| fields::get(part, own).is_some())
            {
                self.extensions.push(Wire::GeminiGenerate, format!("{path}.{name}"), value.json());
            }
        }
    }
}
