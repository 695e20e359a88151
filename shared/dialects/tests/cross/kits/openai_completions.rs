//! A second reader of `openai.completions`, where everything is one text: no tools, no thoughts, no media.

use super::{End, Kit, Least, openai_chat as chat};
use crate::{
    said::{Answer, Asked, Said, events, list},
    schemas,
};
use dialects::framing::sse;
use domain::Wire;
use serde_json::{Value, json};

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::OpenAiCompletions,
    body_of: None,
    title: "Completions",
    words_only: true,
    answer,
    stream,
    request: |body| Asked { prompt: Some(prompt(body).to_owned()), ..Asked::default() },
    obeys,
    published: |_, body| schemas::json("openai.completions", body),
    suits,
    framed: |piece| sse::event(None, &piece.to_string()).into_bytes(),
    last: b"data: [DONE]\n\n",
    ends: &[
        ("stop", End::Stop),
        ("stop", End::StopSequence),
        ("length", End::Length),
        ("length", End::Window),
        ("stop", End::Tools),
        ("content_filter", End::Filtered),
        ("content_filter", End::Guardrail),
        ("stop", End::Paused),
        ("stop", End::Malformed),
        ("content_filter", End::Refused),
    ],
    tellable,
    askable: super::all,
    models: &["gpt-3.5-turbo-instruct", "davinci-002"],
    model_for: |_| "gpt-3.5-turbo-instruct",
    plain: features::plain,
    features: features::features,
    least: Least { answers: 12, streams: 5, failed: 0, requests: 10 },
};

/// It has words only.
fn tellable(answer: &mut Answer) {
    for said in &mut answer.choices {
        said.thoughts.clear();
        said.seals.clear();
        said.calls.clear();
    }
}

// ---- answers

fn answer(body: &Value) -> Answer {
    let choice = |choice: &Value| said(choice["text"].as_str().unwrap().to_owned(), choice);
    let choices = list(&body["choices"]).map(choice).collect();
    Answer { choices, usage: chat::usage(&body["usage"]), ..Answer::default() }
}

fn said(text: String, choice: &Value) -> Said {
    let end = choice["finish_reason"].as_str().unwrap_or("stop").to_owned();
    let stop_sequence = choice["stop_reason"].as_str().filter(|_| end == "stop").map(str::to_owned);
    Said { text, end, stop_sequence, ..Said::default() }
}

fn stream(bytes: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let mut choices: Vec<(String, Value)> = Vec::new();
    for event in events(bytes) {
        answer.whole |= event == "[DONE]";
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Answer { failed: true, ..answer };
        }
        for choice in list(&event["choices"]) {
            let index = choice["index"].as_u64().unwrap() as usize;
            choices.resize(choices.len().max(index + 1), (String::new(), Value::Null));
            choices[index].0 += choice["text"].as_str().unwrap();
            if choice["finish_reason"].is_string() {
                choices[index].1 = choice.clone();
            }
        }
        if event["usage"].is_object() {
            answer.usage = chat::usage(&event["usage"]);
        }
    }
    answer.choices = choices.into_iter().map(|(text, end)| said(text, &end)).collect();
    answer
}

/// Every piece has a text and its choice's number, and usage comes last.
fn suits(bytes: &[u8], what: &str) {
    let events = events(bytes);
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last, "[DONE]", "{what}");
    let (usage, pieces) = chunks.split_last().unwrap();
    assert!(usage["usage"].is_object() && usage["choices"] == json!([]), "{what}: {usage}");
    for chunk in chunks {
        let named = (chunk["id"].as_str(), chunk["object"].as_str());
        assert_eq!(named, (Some("cmpl-1"), Some("text_completion")), "{what}: {chunk}");
    }
    for choice in pieces.iter().flat_map(|chunk| list(&chunk["choices"])) {
        assert!(choice["text"].is_string() && choice["index"].is_u64(), "{what}: {choice}");
    }
}

// ---- requests

/// The only prompt, alone or in a list.
fn prompt(body: &Value) -> &str {
    body["prompt"].as_str().unwrap_or_else(|| body["prompt"][0].as_str().unwrap())
}

fn obeys(body: &Value, what: &str) {
    assert!(body["model"].is_string() && body["prompt"].is_string(), "{what}: fields");
    assert!(body["max_tokens"].as_u64().is_some_and(|cap| cap > 0), "{what}: {}", body["max_tokens"]);
    let stops: Vec<&Value> = list(&body["stop"]).collect();
    assert!(stops.iter().all(|stop| *stop != ""), "{what}: an empty stop sequence");
    assert!(body["stream"] == true || body.get("stream_options").is_none(), "{what}: stream_options");
    for chats in ["messages", "tools", "tool_choice", "response_format", "max_completion_tokens"] {
        assert_eq!(body.get(chats), None, "{what}: {chats}");
    }
}
