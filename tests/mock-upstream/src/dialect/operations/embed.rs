//! Embeddings in each vendor's shape. A vector follows from its text alone.

use super::{Plain, STANDARD, only, required, token_count};
use crate::dialect::Fault;
use crate::dialect::read::{missing, put};
use base64::Engine;
use serde_json::{Value, json};

const LENGTH: u64 = 8;

/// Small fractions that a 32-bit float holds exactly.
fn vector(text: &str, length: Option<u64>) -> Vec<f32> {
    let seed = u64::from(crc32fast::hash(text.as_bytes()));
    let length = length.unwrap_or(LENGTH).min(4096);
    (0..length).map(|at| ((seed.wrapping_mul(at * 2 + 1) % 2048) as f32 - 1024.0) / 1024.0).collect()
}

/// Little-endian 32-bit floats in base64.
fn packed(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())
}

/// Texts and how many tokens they are worth; lists of ids are texts too.
fn inputs(value: Option<&Value>) -> Result<(Vec<String>, u64), Fault> {
    let whole = |ids: &[Value]| ids.iter().all(Value::is_u64).then(|| Value::Array(ids.to_vec()).to_string());
    let texts: Option<Vec<String>> = match value {
        Some(Value::String(text)) => Some(vec![text.clone()]),
        Some(Value::Array(items)) if items.first().is_some_and(Value::is_u64) => whole(items).map(|text| vec![text]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).or_else(|| item.as_array().and_then(|ids| whole(ids))))
            .collect(),
        _ => None,
    };
    let texts = texts.filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty()));
    let texts = texts.ok_or_else(|| Fault::invalid("'$.input' is invalid.").about("input"))?;
    let tokens = texts.iter().map(|text| token_count(text.len())).sum();
    Ok((texts, tokens))
}

pub(super) fn openai(model: &str, body: &Value) -> Result<Plain, Fault> {
    only(body, &["dimensions", "encoding_format", "input", "model", "user"])?;
    let (texts, tokens) = inputs(body.get("input"))?;
    let length = body.get("dimensions").and_then(Value::as_u64);
    let is_packed = match body.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(missing("encoding_format")),
    };
    let entry = |(index, text): (usize, &String)| {
        let vector = vector(text, length);
        let embedding = if is_packed { json!(packed(&vector)) } else { json!(vector) };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<Value> = texts.iter().enumerate().map(entry).collect();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(Plain::json(&json!({"object": "list", "data": data, "model": model, "usage": usage})).charged(tokens, 0))
}

pub(super) fn cohere(body: &Value, on_bedrock: bool) -> Result<Plain, Fault> {
    let own: &[&str] = if on_bedrock { &[] } else { &["model", "priority", "max_tokens"] };
    let shared = ["embedding_types", "images", "input_type", "inputs", "output_dimension", "texts", "truncate"];
    only(body, &[own, &shared].concat())?;
    required(body, "input_type")?;
    let (texts, tokens) = inputs(body.get("texts")).map_err(|_| missing("texts"))?;
    let length = body.get("output_dimension").and_then(Value::as_u64);
    let floats: Vec<Vec<f32>> = texts.iter().map(|text| vector(text, length)).collect();
    let rounded = || floats.iter().map(|v| v.iter().map(|n| (n * 127.0) as i8).collect()).collect::<Vec<Vec<i8>>>();
    let mut by_type = json!({});
    let kinds = body.get("embedding_types").and_then(Value::as_array);
    for kind in kinds.into_iter().flatten().filter_map(Value::as_str) {
        let vectors = match kind {
            "float" => json!(floats),
            "base64" => floats.iter().map(|vector| json!(packed(vector))).collect(),
            _ => json!(rounded()),
        };
        put(&mut by_type, kind, vectors);
    }
    if kinds.is_none() && !on_bedrock {
        by_type = json!({ "float": floats });
    }
    let embeddings = if kinds.is_none() && on_bedrock { json!(floats) } else { by_type };
    let kind = if kinds.is_none() && on_bedrock { "embeddings_floats" } else { "embeddings_by_type" };
    let meta = json!({"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}});
    let mut answer = json!({"id": "mock-embed", "texts": texts, "embeddings": embeddings, "response_type": kind});
    if on_bedrock {
        return Ok(Plain::json(&answer).counted(tokens));
    }
    put(&mut answer, "meta", meta);
    Ok(Plain::json(&answer).charged(tokens, 0))
}

pub(super) fn titan(body: &Value) -> Result<Plain, Fault> {
    only(body, &["dimensions", "embeddingTypes", "inputText", "normalize"])?;
    let text = required(body, "inputText")?;
    let vector = vector(text, body.get("dimensions").and_then(Value::as_u64));
    let tokens = token_count(text.len());
    let answer = json!({
        "embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": tokens,
    });
    Ok(Plain::json(&answer).counted(tokens))
}

pub(super) fn gemini(body: &Value) -> Result<Plain, Fault> {
    let (values, tokens) = one(body)?;
    Ok(Plain::json(&json!({"embedding": {"values": values}})).charged(tokens, 0))
}

pub(super) fn gemini_batch(body: &Value) -> Result<Plain, Fault> {
    only(body, &["requests"])?;
    let requests = body.get("requests").and_then(Value::as_array).filter(|r| !r.is_empty());
    let all: Vec<_> = requests.ok_or_else(|| missing("requests"))?.iter().map(one).collect::<Result<_, _>>()?;
    let embeddings: Vec<Value> = all.iter().map(|(values, _)| json!({ "values": values })).collect();
    let tokens = all.iter().map(|(_, tokens)| tokens).sum();
    Ok(Plain::json(&json!({ "embeddings": embeddings })).charged(tokens, 0))
}

/// `predict` at Vertex AI.
pub(super) fn vertex(body: &Value) -> Result<Plain, Fault> {
    only(body, &["instances", "parameters"])?;
    let length = body.pointer("/parameters/outputDimensionality").and_then(Value::as_u64);
    let instances = body.get("instances").and_then(Value::as_array).filter(|list| !list.is_empty());
    let mut tokens = 0;
    let mut predictions = vec![];
    for instance in instances.ok_or_else(|| missing("instances"))? {
        only(instance, &["content", "task_type", "title"])?;
        let text = required(instance, "content")?;
        let count = token_count(text.len());
        tokens += count;
        let statistics = json!({"token_count": count, "truncated": false});
        predictions.push(json!({"embeddings": {"values": vector(text, length), "statistics": statistics}}));
    }
    Ok(Plain::json(&json!({ "predictions": predictions })).charged(tokens, 0))
}

fn one(body: &Value) -> Result<(Vec<f32>, u64), Fault> {
    only(body, &["content", "embedContentConfig", "model", "outputDimensionality", "taskType", "title"])?;
    let parts = body.pointer("/content/parts").and_then(Value::as_array).ok_or_else(|| missing("content"))?;
    let text: String = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
    if text.is_empty() {
        return Err(missing("content.parts"));
    }
    let length = body.get("outputDimensionality").and_then(Value::as_u64);
    Ok((vector(&text, length), token_count(text.len())))
}
