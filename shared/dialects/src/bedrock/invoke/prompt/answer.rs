//! Answers of the text families, both ways.

use super::words::Words;
use crate::{
    codec::{Glance, Reply},
    json::{
        MAX_INTEGER, Node,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::chat::{Block, Choice, Content, FinishReason, Response};
use domain::tokens::{UsageSoFar, UsageUpdate};

/// The elements of an answer that hold text: one for each choice, the body itself where the family has no list.
pub fn texts<'n, 'a>(words: &Words, body: &'n Node<'a>) -> Result<Vec<&'n Node<'a>>, Malformed> {
    let elements = elements(words, body);
    if elements.is_empty() || elements.iter().any(|element| at(element, words.text).and_then(Node::as_str).is_none()) {
        return Err(Malformed::invalid("the answer has no text"));
    }
    Ok(elements)
}

fn elements<'n, 'a>(words: &Words, body: &'n Node<'a>) -> Vec<&'n Node<'a>> {
    match words.list.and_then(|list| body.get(list)) {
        Some(list) => list.elements().iter().collect(),
        None => vec![body],
    }
}

/// A field, or a field of one.
fn at<'n, 'a>(node: &'n Node<'a>, path: [&str; 2]) -> Option<&'n Node<'a>> {
    path.iter().filter(|key| !key.is_empty()).try_fold(node, |node, key| node.get(key))
}

/// What an element or chunk says.
pub struct Piece<'n> {
    pub text: &'n str,
    pub reason: Option<FinishReason>,
    pub stopped_at: Option<&'n str>,
}

/// Reads an element of an answer.
pub fn piece<'n>(words: &Words, element: &'n Node<'_>) -> Piece<'n> {
    Piece {
        text: at(element, words.text).and_then(Node::as_str).unwrap_or_default(),
        reason: at(element, words.reason).and_then(Node::as_str).map(|word| words.meaning(word)),
        stopped_at: words.stopped_at.and_then(|key| element.str_of(key)),
    }
}

/// The first element of a chunk.
pub fn first<'n, 'a>(words: &Words, chunk: &'n Node<'a>) -> &'n Node<'a> {
    elements(words, chunk).first().copied().unwrap_or(chunk)
}

/// Counts in an answer or a chunk.
pub fn usage(words: &Words, body: &Node<'_>) -> UsageUpdate {
    let mut anomalous = false;
    let mut count = |node: Option<&Node<'_>>| {
        let node = node?;
        let count = whole(node);
        anomalous |= count.is_none();
        count
    };
    let input = count(words.input_tokens.and_then(|key| body.get(key)));
    let streamed = count(words.streamed_tokens.and_then(|key| body.get(key)));
    let mut output = streamed;
    for element in elements(words, body) {
        let counted = count(words.output_tokens.and_then(|key| element.get(key)));
        output = output.max(counted);
    }
    UsageUpdate { input, output, anomalous, ..UsageUpdate::default() }
}

/// A whole number; Bedrock's guardrails rewrite answers with theirs as `28.0`.
fn whole(node: &Node<'_>) -> Option<u64> {
    let digits = node.raw.strip_suffix(".0").unwrap_or(node.raw);
    let count = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?;
    count.filter(|count| *count <= MAX_INTEGER)
}

/// What an answer or chunk that passes through tells the gateway.
pub fn glance(words: &Words, body: &Node<'_>) -> Glance {
    let pieces: Vec<Piece<'_>> = elements(words, body).into_iter().map(|element| piece(words, element)).collect();
    Glance {
        usage: usage(words, body),
        meaningful: true,
        finished: pieces.iter().any(|piece| piece.reason.is_some()),
        generated: pieces.iter().map(|piece| piece.text.len()).sum(),
        ..Glance::default()
    }
}

/// What the model answered.
pub fn decode(words: &Words, body: &Node<'_>) -> Result<Response, Malformed> {
    let choice = |element: &Node<'_>| {
        let piece = piece(words, element);
        let content = (!piece.text.is_empty()).then(|| Block::text(piece.text));
        Choice {
            content: content.into_iter().collect(),
            finish: piece.reason.unwrap_or(FinishReason::Stop),
            stop_sequence: piece.stopped_at.map(str::to_owned),
            logprobs: None,
        }
    };
    Ok(Response {
        id: words.id.and_then(|key| body.str_of(key)).map(str::to_owned),
        choices: texts(words, body)?.into_iter().map(choice).collect(),
        usage: usage(words, body),
        ..Response::default()
    })
}

/// The answer in the family's words.
pub fn encode(words: &Words, response: &Response, reply: &Reply<'_>) -> String {
    let mut used = UsageSoFar::default();
    used.merge(&response.usage);
    let used = used.known();
    write::object(|o| {
        if let Some(id) = words.id {
            o.string(id, response.id.as_deref().unwrap_or(reply.call_id));
        }
        if let Some((key, value)) = words.mark {
            o.raw(key, value);
        }
        if let Some(key) = words.input_tokens {
            o.number(key, used.prompt());
        }
        let element = |choice: &Choice, o: &mut Object<'_>| {
            write_text(words, &text(choice), o);
            if let Some(key) = words.output_tokens {
                o.number(key, used.output);
            }
            write_end(words, &choice.finish, choice.stop_sequence.as_deref(), o);
        };
        match (words.list, response.choices.first()) {
            (Some(list), _) => {
                o.array(list, |array| response.choices.iter().for_each(|c| array.object(|o| element(c, o))));
            }
            (None, Some(choice)) => element(choice, o),
            (None, None) => write_text(words, "", o),
        }
    })
}

/// All text of a choice; thoughts and calls have no place here.
fn text(choice: &Choice) -> String {
    let texts = choice.content.iter().filter_map(|block| match &block.content {
        Content::Text { text, .. } | Content::Refusal { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

pub fn write_text(words: &Words, text: &str, o: &mut Object<'_>) {
    set(words.text, text, o);
}

/// Why an answer ended.
pub fn write_end(words: &Words, finish: &FinishReason, stopped_at: Option<&str>, o: &mut Object<'_>) {
    set(words.reason, words.word(finish), o);
    if let Some(key) = words.stopped_at {
        o.maybe_string(key, stopped_at);
    }
}

fn set(path: [&str; 2], text: &str, o: &mut Object<'_>) {
    match path {
        [key, ""] => {
            o.string(key, text);
        }
        [outer, key] => {
            o.object(outer, |o| {
                o.string(key, text);
            });
        }
    }
}
