//! What is not a chat: embeddings, rerank, moderations, images, speech and transcriptions.

use super::read::{only, required, token_count};
use super::{Ask, Dialect, Fault, InPath, Request, openai};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

mod embed;
mod made;
mod media;

/// An operation with one answer and no stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    AmazonImage,
    BedrockCohereEmbed,
    BedrockRerank,
    CohereEmbed,
    Compaction,
    Embeddings,
    GeminiBatchEmbed,
    GeminiEmbed,
    GeminiMade,
    Image,
    ImageEdit,
    Imagen,
    Moderation,
    Rerank,
    Speech,
    StabilityImage,
    TitanEmbed,
    Transcription,
    VertexEmbed,
}

/// A whole answer that no plan shapes.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    /// The content type.
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
    /// Input and output tokens, where the operation is charged by them.
    pub(crate) charged: Option<(u64, u64)>,
}

impl Plain {
    pub(crate) fn json(body: &Value) -> Self {
        Self::bytes("application/json", body.to_string().into_bytes())
    }

    fn bytes(kind: &'static str, body: Vec<u8>) -> Self {
        Self { kind, body, headers: vec![], charged: None }
    }

    fn charged(mut self, input: u64, output: u64) -> Self {
        self.charged = Some((input, output));
        self
    }

    /// Bedrock also counts in headers.
    fn counted(mut self, input: u64) -> Self {
        self.headers.push(("x-amzn-bedrock-input-token-count".to_owned(), input.to_string()));
        self.charged(input, 0)
    }
}

impl Operation {
    /// Whose words its refusals are in.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::AmazonImage
            | Self::BedrockCohereEmbed
            | Self::BedrockRerank
            | Self::StabilityImage
            | Self::TitanEmbed => Dialect::Bedrock,
            Self::CohereEmbed | Self::Rerank => Dialect::Cohere,
            Self::GeminiBatchEmbed | Self::GeminiEmbed | Self::GeminiMade | Self::Imagen | Self::VertexEmbed => {
                Dialect::Gemini
            }
            _ => Dialect::OpenAi,
        }
    }

    fn is_multipart(self) -> bool {
        matches!(self, Self::ImageEdit | Self::Transcription)
    }

    /// Checks the request and answers it.
    pub(crate) fn answer(self, request: Request<'_>) -> Result<(Ask, Plain), Fault> {
        self.dialect().voice().authenticate(request)?;
        let kind = request.head.header("content-type").unwrap_or_default();
        if self.is_multipart() {
            return media::form_answer(self, kind, request);
        }
        if !kind.starts_with("application/json") {
            return Err(Fault::invalid(format!("content-type must be application/json, not '{kind}'")));
        }
        let body = serde_json::from_slice(request.body).map_err(|_| Fault::invalid("the body is not valid JSON"))?;
        let model = model(&body, request.in_path)?;
        let plain = self.said(&model, &body)?;
        let (input, _) = plain.charged.unwrap_or_default();
        Ok((Ask { model, input, ..Ask::default() }, plain))
    }

    fn said(self, model: &str, body: &Value) -> Result<Plain, Fault> {
        match self {
            Self::AmazonImage => made::amazon(body),
            Self::BedrockCohereEmbed => embed::cohere(body, true),
            Self::BedrockRerank => rerank(body, &["api_version", "documents", "query", "top_n"]),
            Self::CohereEmbed => embed::cohere(body, false),
            Self::Compaction => compaction(body),
            Self::Embeddings => embed::openai(model, body),
            Self::GeminiBatchEmbed => embed::gemini_batch(body),
            Self::GeminiEmbed => embed::gemini(body),
            Self::GeminiMade => made::gemini(body),
            Self::Image => media::images(model, body),
            Self::Imagen => made::imagen(body),
            Self::Moderation => moderation(model, body),
            Self::Rerank => rerank(body, &["documents", "max_tokens_per_doc", "model", "priority", "query", "top_n"]),
            Self::Speech => media::speech(body),
            Self::StabilityImage => made::stability(body),
            Self::TitanEmbed => embed::titan(body),
            Self::VertexEmbed => embed::vertex(body),
            Self::ImageEdit | Self::Transcription => Err(Fault::invalid("the body must be multipart/form-data")),
        }
    }
}

/// The path's model, or the body's; moderations and images have a default.
fn model(body: &Value, in_path: Option<&InPath>) -> Result<String, Fault> {
    if in_path.is_none() && body.get("model").is_none() && (body.get("prompt").is_some() || body.get("input").is_some())
    {
        return Ok("default".to_owned());
    }
    openai::model(body, in_path)
}

/// The more words of the query a document has, the better it fits; ties keep their order.
fn rerank(body: &Value, members: &[&str]) -> Result<Plain, Fault> {
    only(body, members)?;
    let query = required(body, "query")?.to_lowercase();
    let documents = body.get("documents").and_then(Value::as_array).filter(|d| !d.is_empty());
    let documents = documents.ok_or_else(|| super::read::missing("documents"))?;
    let score = |document: &Value| {
        let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned).to_lowercase();
        query.split_whitespace().filter(|word| text.contains(word)).count()
    };
    let words = query.split_whitespace().count().max(1);
    let mut ranked: Vec<(usize, usize)> = documents.iter().map(score).enumerate().collect();
    ranked.sort_by_key(|(at, score)| (usize::MAX - score, *at));
    let top = body.get("top_n").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let top = usize::try_from(top).unwrap_or(usize::MAX);
    let entry =
        |(index, score): &(usize, usize)| json!({"index": index, "relevance_score": *score as f64 / words as f64});
    let results: Vec<Value> = ranked.iter().take(top).map(entry).collect();
    let units = documents.len().div_ceil(100);
    let meta = json!({"api_version": {"version": "2"}, "billed_units": {"search_units": units}});
    Ok(Plain::json(&json!({"id": "mock-rerank", "results": results, "meta": meta})))
}

/// All but the last item, sealed: whoever made it can read it.
fn compaction(body: &Value) -> Result<Plain, Fault> {
    let members = ["input", "instructions", "model", "prompt_cache_key", "prompt_cache_retention", "service_tier"];
    only(body, &members)?;
    let items = match body.get("input") {
        Some(Value::Array(items)) if !items.is_empty() => items.clone(),
        Some(Value::String(text)) => vec![json!({"type": "message", "role": "user", "content": text})],
        _ => return Err(super::read::missing("input")),
    };
    let sealed = STANDARD.encode(json!(items).to_string());
    let output = [
        items.last().cloned().unwrap_or_default(),
        json!({"type": "compaction", "id": "cmp_mock", "encrypted_content": sealed}),
    ];
    let (input, made) = (token_count(json!(items).to_string().len()), 7);
    let usage = json!({
        "input_tokens": input, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + made,
    });
    let answer = json!({
        "id": "resp_mock", "object": "response.compaction", "created_at": 1, "output": output, "usage": usage,
    });
    Ok(Plain::json(&answer).charged(input, made))
}

fn moderation(model: &str, body: &Value) -> Result<Plain, Fault> {
    only(body, &["input", "model"])?;
    let inputs = match body.get("input") {
        Some(Value::Array(inputs)) if inputs.iter().all(Value::is_string) => inputs.clone(),
        Some(input @ (Value::String(_) | Value::Array(_))) => vec![input.clone()],
        _ => return Err(super::read::missing("input")),
    };
    let result = |input: &Value| {
        let flagged = input.to_string().contains("violence");
        let (scores, types) = (
            json!({"violence": f64::from(u8::from(flagged)), "hate": 0.0}),
            json!({"violence": ["text"], "hate": ["text"]}),
        );
        json!({
            "flagged": flagged, "categories": {"violence": flagged, "hate": false}, "category_scores": scores,
            "category_applied_input_types": types,
        })
    };
    let results: Vec<Value> = inputs.iter().map(result).collect();
    Ok(Plain::json(&json!({"id": "modr-mock", "model": model, "results": results})))
}
