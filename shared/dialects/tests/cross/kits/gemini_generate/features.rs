//! Everything that can be asked on `gemini.generate`, one thing at a time.

use super::super::{Features, PIXEL};
use serde_json::{Value, json};

/// The request that asks for nothing else.
pub fn plain() -> Value {
    json!({"generationConfig": {"maxOutputTokens": 9000}, "contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
}

pub fn features() -> Features {
    let mut all = settings();
    all.extend(tools());
    all.extend(content());
    all
}

fn config(fields: Value) -> Value {
    json!({ "generationConfig": fields })
}

fn settings() -> Features {
    vec![
        ("output cap", config(json!({"maxOutputTokens": 100}))),
        ("temperature", config(json!({"temperature": 0.5}))),
        ("temperature above 1", config(json!({"temperature": 1.5}))),
        ("top_p", config(json!({"topP": 0.5}))),
        ("top_k", config(json!({"topK": 5}))),
        ("seed", config(json!({"seed": 7}))),
        ("frequency penalty", config(json!({"frequencyPenalty": 0.5}))),
        ("presence penalty", config(json!({"presencePenalty": 0.5}))),
        ("stop sequences", config(json!({"stopSequences": ["END"]}))),
        ("five stop sequences", config(json!({"stopSequences": ["a", "b", "c", "d", "e"]}))),
        ("several answers", config(json!({"candidateCount": 2}))),
        ("log probabilities", config(json!({"responseLogprobs": true}))),
        ("likely alternatives", config(json!({"responseLogprobs": true, "logprobs": 3}))),
        ("thinking budget", config(json!({"thinkingConfig": {"thinkingBudget": 2048}}))),
        ("adaptive thinking", config(json!({"thinkingConfig": {"thinkingBudget": -1}}))),
        ("no thinking", config(json!({"thinkingConfig": {"thinkingBudget": 0}}))),
        ("effort", config(json!({"thinkingConfig": {"thinkingLevel": "low"}}))),
        ("thoughts shown", config(json!({"thinkingConfig": {"includeThoughts": true}}))),
        ("any JSON object", config(json!({"responseMimeType": "application/json"}))),
        (
            "JSON schema",
            config(json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}})),
        ),
        ("spoken answer", config(json!({"responseModalities": ["AUDIO"], "speechConfig": {}}))),
        ("mediaResolution", config(json!({"mediaResolution": "MEDIA_RESOLUTION_LOW"}))),
        (
            "safetySettings",
            json!({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}),
        ),
        ("cachedContent", json!({"cachedContent": "cachedContents/c"})),
        ("labels", json!({"labels": {"team": "blue"}})),
    ]
}

fn tools() -> Features {
    let tools = json!([{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]);
    let calling = |fields: Value| json!({"tools": tools, "toolConfig": {"functionCallingConfig": fields}});
    vec![
        ("function", json!({ "tools": tools })),
        ("server tool", json!({"tools": [{"googleSearch": {}}]})),
        ("must call a tool", calling(json!({"mode": "ANY"}))),
        ("may not call a tool", calling(json!({"mode": "NONE"}))),
        ("must call this tool", calling(json!({"mode": "ANY", "allowedFunctionNames": ["f"]}))),
        (
            "functionDeclarations.behavior",
            json!({"tools": [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}]}),
        ),
    ]
}

fn beside(part: Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "look"}, part]}]})
}

fn inline(kind: &str, data: &str) -> Value {
    beside(json!({"inlineData": {"mimeType": kind, "data": data}}))
}

fn file(kind: &str, uri: &str) -> Value {
    beside(json!({"fileData": {"mimeType": kind, "fileUri": uri}}))
}

fn said(parts: Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": parts},
        {"role": "user", "parts": [{"text": "b"}]}]})
}

fn result(response: Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": response}]}]})
}

fn content() -> Features {
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let pixel = json!([{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]);
    let pdf = json!([{"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}}]);
    vec![
        ("system", json!({"systemInstruction": {"parts": [{"text": "s"}]}})),
        ("image: data", inline("image/png", PIXEL)),
        ("image: URL", file("image/png", "https://a.example/b.png")),
        ("PDF", inline("application/pdf", "JVBERg==")),
        ("text document", inline("text/plain", "aGk=")),
        ("Word document", inline(docx, "UEs=")),
        ("document: URL", file("application/pdf", "https://a.example/b.pdf")),
        ("audio", inline("audio/mp3", "AAAA")),
        ("video: data", inline("video/mp4", "AAAA")),
        ("video: URL", file("video/mp4", "https://a.example/b.mp4")),
        (
            "videoMetadata",
            beside(json!({"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {"fps": 1}})),
        ),
        ("calls and results", result(json!({"name": "f", "response": {"result": "done"}}))),
        ("result of several fields", result(json!({"name": "f", "response": {"a": 1, "b": 2}}))),
        ("failed result", result(json!({"name": "f", "response": {"error": "bad"}}))),
        ("result with an image", result(json!({"name": "f", "response": {"result": "x"}, "parts": pixel}))),
        ("result with a document", result(json!({"name": "f", "response": {"result": "x"}, "parts": pdf}))),
        ("thoughts: unsigned", said(json!([{"text": "hm", "thought": true}, {"text": "x"}]))),
        (
            "thoughts: Gemini's",
            said(json!([{"text": "hm", "thought": true}, {"text": "x", "thoughtSignature": "AAAA"}])),
        ),
        ("executableCode", said(json!([{"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "x"}]))),
        (
            "assistant last",
            json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "I say"}]}]}),
        ),
    ]
}
