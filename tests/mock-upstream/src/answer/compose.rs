//! The content of a generated answer: text or tool calls, split into parts, and counted.

use super::Subject;
use crate::dialect::{Ask, Content, Counts, Part, Stop, ToolCall, arguments_for, token_count};
use crate::plan::{Generated, UsageShape};
use serde_json::Value;

/// A fixed time, so that equal requests get equal answers.
const CREATED: i64 = 1_700_000_000;

pub(super) fn content(wishes: &Generated, subject: Subject<'_>, shape: UsageShape) -> Content {
    let ask = subject.ask;
    let mut calls = calls(wishes, ask, subject.serial);
    let limit = ask.limit.unwrap_or(u64::MAX);
    if calls.iter().map(tokens_of).sum::<u64>() > limit {
        calls.clear();
    }
    let reasoning = wishes.reasoning.as_ref().map(|t| Part { tokens: token_count(t.len()), text: t.clone() });
    let thought = reasoning.as_ref().map_or(0, |part| part.tokens);
    let whole = text(wishes, ask).filter(|_| calls.is_empty() || wishes.text.is_some());
    let text = whole.as_deref().map(|t| truncated(t, limit).to_owned());
    let stop = stop(wishes, &calls, text != whole);
    let pieces = text.as_deref().map(|t| parts(t, wishes.chunks.unwrap_or(subject.chunks))).unwrap_or_default();
    let output = pieces.iter().map(|p| p.tokens).sum::<u64>() + calls.iter().map(tokens_of).sum::<u64>();
    let mut usage = counts(ask.input, (output + thought) * ask.choices, shape);
    usage.reasoning = usage.reasoning.max(thought);
    Content {
        id: wishes.id.clone().unwrap_or_else(|| format!("mock-{}", subject.serial)),
        created: wishes.created.unwrap_or(CREATED),
        model: wishes.model.clone().unwrap_or_else(|| ask.model.clone()),
        usage,
        tier: if shape == UsageShape::OtherTier { "flex" } else { "default" },
        choices: ask.choices,
        reports_usage: ask.reports_usage,
        reasoning,
        text,
        pieces,
        calls,
        stop,
    }
}

fn text(wishes: &Generated, ask: &Ask) -> Option<String> {
    let made = ask.schema.as_ref().map(|schema| arguments_for(schema).to_string());
    let echo = || if ask.text.is_empty() { "ok".to_owned() } else { ask.text.clone() };
    Some(wishes.text.clone().or(made).unwrap_or_else(echo))
}

fn calls(wishes: &Generated, ask: &Ask, serial: u64) -> Vec<ToolCall> {
    let names = wishes.tool.as_ref().map_or_else(|| ask.calls.clone(), |tool| vec![tool.clone()]);
    let names = if wishes.text.is_some() && wishes.tool.is_none() { vec![] } else { names };
    names
        .into_iter()
        .enumerate()
        .map(|(at, name)| call(wishes, ask, format!("call_mock_{serial}_{at}"), name))
        .collect()
}

fn call(wishes: &Generated, ask: &Ask, id: String, name: String) -> ToolCall {
    let schema = ask.tools.iter().find(|(n, _)| *n == name).map_or(&Value::Null, |(_, schema)| schema);
    let custom = ask.custom.contains(&name);
    let made = || if custom { "input".to_owned() } else { arguments_for(schema).to_string() };
    let arguments = wishes.arguments.clone().unwrap_or_else(made);
    let pieces = wishes.argument_bytes.map_or(3, |bytes| arguments.len().div_ceil(bytes.max(1)));
    ToolCall { pieces: parts(&arguments, pieces), id, name, custom, arguments }
}

fn tokens_of(call: &ToolCall) -> u64 {
    token_count(call.name.len()) + call.pieces.iter().map(|p| p.tokens).sum::<u64>()
}

fn stop(wishes: &Generated, calls: &[ToolCall], cut: bool) -> Stop {
    match (&wishes.stop, cut, calls.is_empty()) {
        (Some(word), _, _) => Stop::Word(word.clone()),
        (None, true, _) => Stop::Length,
        (None, false, false) => Stop::Tools,
        (None, false, true) => Stop::Natural,
    }
}

fn counts(input: u64, output: u64, shape: UsageShape) -> Counts {
    let detailed = shape == UsageShape::Details;
    let half = |n: u64| if detailed { n / 2 } else { 0 };
    Counts { input, output, cached: half(input), reasoning: half(output) }
}

/// The longest beginning of `text` worth at most `limit` tokens.
fn truncated(text: &str, limit: u64) -> &str {
    let bytes = usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX);
    text.get(..border(text, bytes)).unwrap_or(text)
}

/// At most `count` parts of nearly equal size, cut at character borders; their tokens add up to the whole's.
fn parts(text: &str, count: usize) -> Vec<Part> {
    let count = count.clamp(1, text.len().max(1));
    let border_of = |n: usize| border(text, text.len() * n / count);
    let part = |from: usize, to: usize| Part {
        text: text.get(from..to).unwrap_or_default().to_owned(),
        tokens: token_count(to) - token_count(from),
    };
    (0..count).map(|n| (border_of(n), border_of(n + 1))).filter(|(a, b)| a < b).map(|(a, b)| part(a, b)).collect()
}

fn border(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_text_and_their_tokens_add_up() {
        for text in ["", "a", "hello wide world", "äöü€𝄞 and more"] {
            for count in [1, 2, 3, 7, 100] {
                let parts = parts(text, count);
                assert_eq!(parts.iter().map(|p| p.text.as_str()).collect::<String>(), text);
                assert_eq!(parts.iter().map(|p| p.tokens).sum::<u64>(), token_count(text.len()), "{text} in {count}");
            }
        }
    }

    #[test]
    fn a_text_is_cut_at_its_token_limit() {
        assert_eq!(truncated("123456789", 2), "12345678");
        assert_eq!(truncated("123456789", u64::MAX), "123456789");
        assert_eq!(truncated("abc€", 1), "abc");
    }
}
