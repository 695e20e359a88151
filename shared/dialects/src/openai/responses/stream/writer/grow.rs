//! What blocks hold, piece by piece.

use super::super::{
    super::{citations, thoughts},
    item::{Body, Part},
};
use super::{Block, Kind, Writer, place};
use crate::{
    citation::Words,
    json::{Node, parse_answer, write},
};
use domain::{
    Json, Wire,
    chat::{Opaque, Signature},
    event::{Delta, Open},
};

impl Writer {
    /// Begins what a block is in its item: a part of a message or of a summary.
    pub(super) fn begin_part(&mut self, at: usize, kind: Kind, block: &Open, out: &mut Vec<u8>) -> usize {
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

    pub(super) fn grow(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
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
            (Body::Message(_), Delta::Citation(citation)) if citation.wire == Wire::OpenAiResponses => {
                self.cite(block, citation, out);
            }
            (Body::Message(_), Delta::Citation(citation)) => block.citations.push(citation.clone()),
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

    pub(super) fn cite(&mut self, block: &Block, citation: &Opaque, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(block.item) else { return };
        let Body::Message(parts) = &mut item.body else { return };
        let Some(cited) = parts.get_mut(block.part) else { return };
        let (id, first) = (item.id.clone(), cited.annotations.len() as u64);
        let notes = citations::written(citation, Words::of(&cited.text));
        cited.annotations.extend(notes.iter().cloned());
        for (number, note) in (first..).zip(&notes) {
            self.event(out, "response.output_text.annotation.added", |o| {
                place(o, &id, block.item).number("content_index", block.part as u64).number("annotation_index", number);
                o.raw("annotation", note);
            });
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
}

/// The `encrypted_content` of an encrypted thought, and its item's id.
fn sealed(data: &Signature) -> (String, Option<String>) {
    thoughts::encrypted(data).unwrap_or_else(|| (thoughts::seal(data, true), None))
}

/// The elements of a list of probabilities: this wire's, or chat's.
fn logprobs(opaque: &Opaque) -> Vec<String> {
    let Ok(node) = parse_answer(opaque.json.as_str().as_bytes()) else { return Vec::new() };
    match opaque.wire {
        Wire::OpenAiResponses => node.elements().iter().map(|one| one.raw.to_owned()).collect(),
        Wire::OpenAiChat => {
            node.get("content").map(Node::elements).unwrap_or_default().iter().map(with_bytes).collect()
        }
        _ => Vec::new(),
    }
}

/// Chat may leave out the bytes of a token, and this wire may not.
fn with_bytes(one: &Node<'_>) -> String {
    let bytes = write::array(|array| {
        let token = one.str_of("token").unwrap_or("");
        token.bytes().for_each(|byte| array.raw(&byte.to_string()));
    });
    write::object(|o| {
        for (key, value) in one.fields().iter().filter(|(key, value)| key != "bytes" || !value.is_null()) {
            match key.as_ref() {
                "top_logprobs" => o.array(key, |array| {
                    value.elements().iter().for_each(|other| array.raw(&with_bytes(other)));
                }),
                key => o.raw(key, value.raw),
            };
        }
        if one.get("bytes").is_none() {
            o.raw("bytes", &bytes);
        }
    })
}
