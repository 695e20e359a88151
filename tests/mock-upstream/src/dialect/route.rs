//! What a method and a path ask for.

use super::read::decoded;
use super::{Dialect, InPath, Operation, Route, bedrock, gemini};
use crate::http::Head;
use std::borrow::Cow;

/// What a method and path ask for.
pub(crate) fn route(method: &str, path: &str) -> Route {
    let (deployment, path) = azure(path);
    let path = path.as_ref();
    match method {
        "GET" => models(path),
        "POST" => operation(path, deployment.clone())
            .or_else(|| chat(path, deployment))
            .or_else(|| bedrock::route(path))
            .or_else(|| gemini::route(path))
            .unwrap_or(Route::Unknown),
        _ => Route::Unknown,
    }
}

/// Azure's paths are OpenAI's below another root, some with a deployment in place of the model.
fn azure(path: &str) -> (Option<InPath>, Cow<'_, str>) {
    let named = path.strip_prefix("/openai/deployments/").and_then(|rest| rest.split_once('/'));
    let in_path = named.map(|(deployment, _)| InPath { model: decoded(deployment), stream: false });
    let path = match named {
        Some((_, rest)) => Cow::Owned(format!("/v1/{rest}")),
        None => Cow::Borrowed(path.strip_prefix("/openai").unwrap_or(path)),
    };
    (in_path, path)
}

fn models(path: &str) -> Route {
    match path.strip_prefix("/v1/models") {
        Some("") => Route::Models(None),
        Some(id) => id.strip_prefix('/').map_or(Route::Unknown, |id| Route::Models(Some(id.to_owned()))),
        None => Route::Unknown,
    }
}

fn chat(path: &str, in_path: Option<InPath>) -> Option<Route> {
    Some(match path {
        "/v1/chat/completions" => Route::Chat(Dialect::OpenAi, in_path),
        "/v1/completions" => Route::Chat(Dialect::Completions, in_path),
        "/v1/messages" => Route::Chat(Dialect::Anthropic, None),
        "/v1/messages/count_tokens" => Route::Count(Dialect::Anthropic, None),
        "/v1/responses" => Route::Chat(Dialect::Responses, None),
        "/v1/responses/input_tokens" => Route::Count(Dialect::Responses, None),
        "/v2/chat" => Route::Chat(Dialect::Cohere, None),
        _ => return None,
    })
}

fn operation(path: &str, in_path: Option<InPath>) -> Option<Route> {
    let operation = match path {
        "/v1/audio/speech" => Operation::Speech,
        "/v1/audio/transcriptions" | "/v1/audio/translations" => Operation::Transcription,
        "/v1/embeddings" => Operation::Embeddings,
        "/v1/responses/compact" => Operation::Compaction,
        "/v1/images/edits" => Operation::ImageEdit,
        "/v1/images/generations" => Operation::Image,
        "/v1/moderations" => Operation::Moderation,
        "/v2/embed" => Operation::CohereEmbed,
        "/v2/rerank" => Operation::Rerank,
        _ => return None,
    };
    Some(Route::Other(operation, in_path))
}

/// Which dialect an unknown path most likely speaks, for wording its refusal.
pub(crate) fn guess(head: &Head) -> Dialect {
    if head.header("anthropic-version").is_some() {
        Dialect::Anthropic
    } else if head.path().starts_with("/model/") {
        Dialect::Bedrock
    } else if head.header("x-goog-api-key").is_some() {
        Dialect::Gemini
    } else if head.path().starts_with("/v2/") {
        Dialect::Cohere
    } else {
        Dialect::OpenAi
    }
}
