//! The ends of blocks and items: each says again what was said in pieces.

use super::super::{
    super::{names::unwrapped, shell::Status},
    item::Body,
};
use super::{Block, Kind, Writer, place};

impl Writer {
    pub(super) fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|block| block.index == index) else { return };
        let block = self.blocks.swap_remove(at);
        if block.kind == Kind::Silent {
            return;
        }
        block.citations.iter().for_each(|citation| self.cite(&block, citation, out));
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

    pub(super) fn end_item(&mut self, at: usize, status: &str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at).filter(|item| !item.done) else { return };
        item.done = true;
        let json = item.json(status);
        self.event(out, "response.output_item.done", |o| {
            o.number("output_index", at as u64).raw("item", &json);
        });
    }

    /// Ends every item; the last one is as incomplete as the answer.
    pub(super) fn end_items(&mut self, out: &mut Vec<u8>) {
        let status = Status::Ended(&self.finish).word();
        let last = self.items.len().saturating_sub(1);
        for at in 0..self.items.len() {
            self.end_item(at, if at == last { status } else { "completed" }, out);
        }
    }
}
