//! Legacy completions: a prompt in, its continuation out.

use super::openai::{self, authenticate, finish, usage};
use super::read::{count, flag, input_tokens, missing, only, put};
use super::{Ask, Content, Event, Fault, InPath, Mark, Request, Voice};
use serde_json::{Value, json};

pub(super) struct Completions;

const MEMBERS: &[&str] = &[
    "best_of",
    "echo",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "model",
    "n",
    "presence_penalty",
    "prompt",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "suffix",
    "temperature",
    "top_p",
    "user",
];

impl Voice for Completions {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        authenticate(request)
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        only(body, MEMBERS)?;
        let (text, prompts) = match body.get("prompt") {
            Some(Value::String(text)) => (text.clone(), 1),
            Some(Value::Array(prompts)) => prompts_of(prompts)?,
            _ => return Err(missing("prompt")),
        };
        Ok(Ask {
            model: openai::model(body, in_path)?,
            stream: flag(body, "stream")?,
            text,
            input: input_tokens(body, &["prompt", "suffix"]),
            limit: Some(count(body, "max_tokens")?.unwrap_or(16)),
            choices: prompts * count(body, "n")?.unwrap_or(1).clamp(1, 128),
            reports_usage: body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
            ..Ask::default()
        })
    }

    fn whole(&self, content: &Content) -> Value {
        let text = content.text.as_deref().unwrap_or_default();
        let choices = (0..content.choices).map(|index| choice(index, text, json!(finish(&content.stop)))).collect();
        answer(content, Value::Array(choices), Some(usage(content.usage)))
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let mut events: Vec<Event> = (0..content.choices).flat_map(|index| choice_events(index, content)).collect();
        if content.reports_usage {
            let last = answer(content, json!([]), Some(usage(content.usage)));
            events.push(Event::json(None, last, Mark::Usage));
        }
        events.push(Event::done());
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        (vec![], json!({ "error": openai::error(fault) }))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        Event::json(None, self.error(fault).1, Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({ "input_tokens": tokens })
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::json(None, payload, Mark::Other)
    }
}

/// Texts are one prompt each; token ids are one prompt, a list of such lists several.
fn prompts_of(prompts: &[Value]) -> Result<(String, u64), Fault> {
    let many = prompts.len() as u64;
    match prompts.first() {
        Some(Value::String(text)) if prompts.iter().all(Value::is_string) => Ok((text.clone(), many)),
        Some(Value::Array(_)) if prompts.iter().all(Value::is_array) => Ok((String::new(), many)),
        Some(Value::Number(_)) if prompts.iter().all(Value::is_u64) => Ok((String::new(), 1)),
        _ => Err(missing("prompt")),
    }
}

fn choice_events(index: u64, content: &Content) -> Vec<Event> {
    let event = |text: &str, finish: Value, mark| {
        Event::json(None, answer(content, json!([choice(index, text, finish)]), None), mark)
    };
    let mut events: Vec<Event> =
        content.pieces.iter().map(|piece| event(&piece.text, Value::Null, Mark::Text).worth(piece.tokens)).collect();
    events.push(event("", json!(finish(&content.stop)), Mark::Other));
    events
}

fn choice(index: u64, text: &str, finish: Value) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish})
}

fn answer(content: &Content, choices: Value, usage: Option<Value>) -> Value {
    let mut answer = json!({
        "id": content.id, "object": "text_completion", "created": content.created, "model": content.model,
        "choices": choices,
    });
    if let Some(usage) = usage {
        put(&mut answer, "usage", usage);
    }
    answer
}
