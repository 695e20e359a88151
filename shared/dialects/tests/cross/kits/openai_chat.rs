//! A second reader of `openai.chat`.

use super::{End, Kit, Least, all};
use crate::said::{Answer, Asked, Call, Said, add, arguments, count, events, list, schema};
use crate::schemas;
use dialects::framing::sse;
use domain::{Usage, Wire};
use serde_json::Value;
use std::collections::HashSet;

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::OpenAiChat,
    body_of: None,
    title: "Chat",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published,
    suits,
    framed: |piece| sse::event(None, &piece.to_string()).into_bytes(),
    last: b"data: [DONE]\n\n",
    ends: &[
        ("stop", End::Stop),
        ("stop", End::StopSequence),
        ("length", End::Length),
        ("length", End::Window),
        ("tool_calls", End::Tools),
        ("content_filter", End::Filtered),
        ("content_filter", End::Guardrail),
        ("stop", End::Paused),
        ("stop", End::Malformed),
        ("content_filter", End::Refused),
    ],
    tellable: all,
    askable: all,
    models: &["gpt-4.1", "o4-mini", "anthropic/claude-sonnet-4.5", "mistral-large-latest"],
    model_for: |feature| match ["effort", "thinking"].iter().any(|word| feature.contains(word)) {
        true => "gpt-5",
        false => "gpt-4.1",
    },
    plain: features::plain,
    features: features::features,
    least: Least { answers: 100, streams: 25, failed: 1, requests: 130 },
};

/// Other makers' models take what OpenAI's schema does not know.
fn published(model: &str, body: &Value) -> Vec<String> {
    let own = ["gpt-", "o1", "o3", "o4"].iter().any(|name| model.starts_with(name));
    if own { schemas::json("openai.chat", body) } else { Vec::new() }
}

// ---- answers

fn answer(body: &Value) -> Answer {
    let choice = |choice: &Value| {
        let message = choice.get("message").or(choice.get("delta")).unwrap_or(&Value::Null);
        let mut gathered = Gathered::default();
        gathered.add(message);
        gathered.said(choice)
    };
    Answer { choices: list(&body["choices"]).map(choice).collect(), usage: usage(&body["usage"]), ..Answer::default() }
}

/// A message as it comes together; a whole one comes at once.
#[derive(Default)]
struct Gathered {
    text: String,
    thoughts: String,
    refusal: String,
    seals: Vec<String>,
    /// Index, name, arguments.
    calls: Vec<(u64, String, String)>,
    other_calls: bool,
}

impl Gathered {
    fn add(&mut self, message: &Value) {
        match &message["content"] {
            Value::String(text) => self.text += text,
            parts => list(parts).for_each(|part| match part["type"].as_str() {
                Some("text") => self.text += part["text"].as_str().unwrap(),
                Some("thinking") => self.thoughts += &thinking(&part["thinking"]),
                _ => {}
            }),
        }
        let plain = message["reasoning_content"].as_str().or(message["reasoning"].as_str());
        let detailed = || {
            list(&message["reasoning_details"]).filter_map(|d| d["text"].as_str().or(d["summary"].as_str())).collect()
        };
        self.thoughts += &plain.map_or_else(detailed, str::to_owned);
        // Claude's are good elsewhere, other makers' are not.
        let claudes = |detail: &&Value| detail["format"].as_str().is_some_and(|format| format.starts_with("anthropic"));
        let details = list(&message["reasoning_details"]).filter(claudes);
        let blocks = list(&message["thinking_blocks"]).filter(|block| block.get("format").is_none());
        for block in blocks.chain(details) {
            self.seals.extend(block["signature"].as_str().or(block["data"].as_str()).map(str::to_owned));
        }
        self.refusal += message["refusal"].as_str().unwrap_or("");
        for (at, call) in list(&message["tool_calls"]).enumerate() {
            match call.get("custom") {
                Some(_) => self.other_calls = true,
                None => self.call(call["index"].as_u64().unwrap_or(at as u64), &call["function"]),
            }
        }
        if message["function_call"].is_object() && message["function_call"]["name"] != "" {
            self.call(0, &message["function_call"]);
        }
    }

    fn call(&mut self, index: u64, function: &Value) {
        if self.calls.iter().all(|(known, ..)| *known != index) {
            self.calls.push((index, function["name"].as_str().unwrap().to_owned(), String::new()));
        }
        let call = self.calls.iter_mut().find(|(known, ..)| *known == index).unwrap();
        call.2 += function["arguments"].as_str().unwrap_or("");
    }

    fn said(self, choice: &Value) -> Said {
        let called = !self.calls.is_empty() || self.other_calls;
        let end = match choice["finish_reason"].as_str() {
            None | Some("stop" | "eos" | "eos_token") if called => "tool_calls",
            None | Some("eos" | "eos_token") => "stop",
            Some("function_call") => "tool_calls",
            Some(word) => word,
        };
        let stop_sequence = choice["stop_reason"].as_str().filter(|_| end == "stop");
        Said {
            refused: !self.refusal.is_empty(),
            text: self.text + &self.refusal,
            thoughts: self.thoughts,
            seals: self.seals,
            calls: self.calls.into_iter().map(|(_, name, text)| (name, arguments(&text))).collect(),
            end: end.to_owned(),
            stop_sequence: stop_sequence.map(str::to_owned),
        }
    }
}

fn thinking(value: &Value) -> String {
    value.as_str().map_or_else(|| list(value).filter_map(|part| part["text"].as_str()).collect(), str::to_owned)
}

pub fn usage(usage: &Value) -> Usage {
    let (input, output) = (&usage["prompt_tokens_details"], &usage["completion_tokens_details"]);
    let (prompt, completion, total) =
        (count(usage, "prompt_tokens"), count(usage, "completion_tokens"), count(usage, "total_tokens"));
    let reasoning = count(output, "reasoning_tokens").max(count(usage, "reasoning_tokens"));
    let cached = [&usage["cached_tokens"], &usage["num_cached_tokens"], &usage["prompt_cache_hit_tokens"]];
    let cached = [&input["cached_tokens"]].into_iter().chain(cached).find_map(Value::as_u64).unwrap_or(0);
    let written = input["cache_write_tokens"].as_u64().unwrap_or(count(usage, "cache_creation_input_tokens"));
    let long = count(input, "cache_write_1h_tokens");
    // Some hosts count audio, thoughts or cached tokens beside what they belong to; the total tells.
    let beside = |more: u64| if more > 0 && prompt + completion + more == total { more } else { 0 };
    let prompt = prompt + beside(count(input, "audio_tokens")) + if cached > prompt { cached } else { 0 };
    let written = written.min(prompt - cached);
    Usage {
        input: prompt - cached - written,
        cache_read: cached,
        cache_write: written - long,
        cache_write_1h: long,
        output: completion + beside(reasoning),
        reasoning,
    }
}

fn stream(bytes: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let mut choices: Vec<(Gathered, Value)> = Vec::new();
    for event in events(bytes) {
        answer.whole |= event == "[DONE]";
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Answer { failed: true, ..answer };
        }
        for choice in list(&event["choices"]) {
            let index = choice["index"].as_u64().unwrap() as usize;
            while choices.len() <= index {
                choices.push((Gathered::default(), Value::Null));
            }
            choices[index].0.add(&choice["delta"]);
            if choice["finish_reason"].is_string() {
                choices[index].1 = choice.clone();
            }
        }
        if let Some(said) = event.get("usage").filter(|usage| usage.is_object()).or(event["x_groq"].get("usage")) {
            answer.usage = usage(said);
        }
    }
    // Some hosts leave out the last line, but never the reason.
    answer.whole |= choices.iter().any(|(_, end)| end.is_object());
    answer.choices = choices.into_iter().map(|(gathered, end)| gathered.said(&end)).collect();
    answer
}

/// The role comes first, calls are numbered in order, and only a call's first piece says what is called.
fn suits(bytes: &[u8], what: &str) {
    let events = events(bytes);
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last, "[DONE]", "{what}");
    let mut calls: HashSet<(u64, u64)> = HashSet::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let named = (chunk["id"].as_str(), chunk["object"].as_str());
        assert_eq!(named, (Some("chatcmpl-1"), Some("chat.completion.chunk")), "{what}: {chunk}");
        for choice in list(&chunk["choices"]) {
            assert!(at > 0 || choice["delta"]["role"] == "assistant", "{what}: {chunk}");
            let number = choice["index"].as_u64().unwrap();
            for call in list(&choice["delta"]["tool_calls"]) {
                let index = call["index"].as_u64().unwrap();
                let first = calls.insert((number, index));
                let says = call["id"].is_string() && call["function"]["name"].is_string();
                assert!(first == says && (index == 0 || calls.contains(&(number, index - 1))), "{what}: {call}");
            }
        }
    }
}

// ---- requests

fn request(body: &Value) -> Asked {
    let mut asked = Asked { no_tools: body["tool_choice"] == "none", ..Asked::default() };
    let functions = list(&body["tools"]).filter_map(|tool| tool.get("function")).chain(list(&body["functions"]));
    asked.chosen = body["tool_choice"]["function"]["name"].as_str().map(str::to_owned);
    asked.tools = functions.map(|f| (f["name"].as_str().unwrap().to_owned(), schema(f.get("parameters")))).collect();
    for message in list(&body["messages"]) {
        match message["role"].as_str().unwrap() {
            "system" | "developer" => content(&message["content"], &mut asked, |asked| &mut asked.system),
            "user" => content(&message["content"], &mut asked, |asked| &mut asked.user),
            "assistant" => assistant(message, &mut asked),
            "tool" => result(message["tool_call_id"].as_str().unwrap(), message, &mut asked),
            "function" => result(message["name"].as_str().unwrap(), message, &mut asked),
            role => panic!("{role}"),
        }
    }
    asked
}

fn content(content: &Value, asked: &mut Asked, texts: fn(&mut Asked) -> &mut Vec<String>) {
    if let Some(text) = content.as_str() {
        return add(texts(asked), text);
    }
    for part in list(content) {
        match part["type"].as_str().unwrap() {
            "text" | "input_text" | "output_text" => add(texts(asked), part["text"].as_str().unwrap()),
            "refusal" => add(texts(asked), part["refusal"].as_str().unwrap()),
            "file" | "document_url" => match crate::said::paper(&part["file"]["file_data"]) {
                Some(text) => asked.papers.push(text),
                None => asked.media += 1,
            },
            "image_url" | "input_audio" | "video_url" => asked.media += 1,
            _ => {}
        }
    }
}

fn assistant(message: &Value, asked: &mut Asked) {
    content(&message["content"], asked, |asked| &mut asked.assistant);
    add(&mut asked.assistant, message["refusal"].as_str().unwrap_or(""));
    let calls = list(&message["tool_calls"]).filter_map(|call| Some((call["id"].as_str()?, call.get("function")?)));
    let older = message["function_call"].as_object().map(|f| (f["name"].as_str().unwrap(), &message["function_call"]));
    for (id, function) in calls.chain(older) {
        asked.calls.push(Call {
            id: id.to_owned(),
            name: function["name"].as_str().unwrap().to_owned(),
            arguments: arguments(function["arguments"].as_str().unwrap_or("")),
            ..Call::default()
        });
    }
}

fn result(id: &str, message: &Value, asked: &mut Asked) {
    let mut inner = Asked::default();
    content(&message["content"], &mut inner, |asked| &mut asked.user);
    asked.media += inner.media;
    asked.papers.extend(inner.papers);
    if let Some(call) = asked.answered(id) {
        call.is_error = inner.user.first().is_some_and(|text| text.starts_with("Error"));
        call.result = Some(inner.user);
    }
}

// ---- rules

fn obeys(body: &Value, what: &str) {
    assert!(body["model"].is_string() && body["messages"].as_array().is_some_and(|m| !m.is_empty()), "{what}: fields");
    let mut open: HashSet<&str> = HashSet::new();
    for message in list(&body["messages"]) {
        let role = message["role"].as_str().unwrap();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            assert!(open.remove(id), "{what}: a result of {id}, which nothing called");
            assert!(!message["content"].is_null(), "{what}: a result needs content");
            parts_obey(message, &["text"], what);
            continue;
        }
        assert!(open.is_empty(), "{what}: {open:?} have no result");
        let calls: Vec<&str> = list(&message["tool_calls"]).map(|call| call["id"].as_str().unwrap()).collect();
        open = calls.iter().copied().collect();
        let short = calls.iter().all(|id| id.len() <= 40) || !body["model"].as_str().unwrap().starts_with("gpt");
        assert!(short, "{what}: an id of more than 40 characters");
        assert_eq!(open.len(), calls.len(), "{what}: an id twice");
        assert!(role == "assistant" || !message["content"].is_null(), "{what}: {role} says nothing");
        assert!(message.get("tool_calls").is_none() || !calls.is_empty(), "{what}: an empty list of calls");
        assert!(["assistant", "system", "user"].contains(&role), "{what}: {role}");
        let said = !message["content"].is_null() || message["refusal"].is_string() || message["audio"].is_object();
        assert!(said || !calls.is_empty(), "{what}: the assistant says nothing");
        parts_obey(message, parts_of(role), what);
    }
    assert!(open.is_empty(), "{what}: {open:?} have no result");
    tools_obey(body, what);
    assert!(body["stream"] == true || body.get("stream_options").is_none(), "{what}: stream_options");
}

/// OpenAI's kinds of parts, and those that its dialect grew elsewhere.
fn parts_of(role: &str) -> &'static [&'static str] {
    match role {
        "user" => &["text", "image_url", "input_audio", "file", "video_url", "document_url"],
        "assistant" => &["text", "refusal", "thinking"],
        _ => &["text"],
    }
}

fn parts_obey(message: &Value, allowed: &[&str], what: &str) {
    for part in list(&message["content"]) {
        let kind = part["type"].as_str().unwrap();
        assert!(allowed.contains(&kind) && part["text"] != "", "{what}: {part}");
    }
}

fn tools_obey(body: &Value, what: &str) {
    let tools = body.get("tools").map(|tools| tools.as_array().unwrap());
    assert!(tools.is_none_or(|tools| !tools.is_empty()), "{what}: an empty list of tools");
    assert!(tools.is_some() || body.get("tool_choice").is_none(), "{what}: a choice among no tools");
    assert!(tools.is_some() || body.get("parallel_tool_calls").is_none(), "{what}: no tools to call in parallel");
    let names: Vec<&str> = tools.into_iter().flatten().filter_map(|tool| tool["function"]["name"].as_str()).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{what}: {names:?}");
    if let Some(chosen) = body["tool_choice"]["function"]["name"].as_str() {
        assert!(names.contains(&chosen), "{what}: {chosen} cannot be chosen");
    }
}
