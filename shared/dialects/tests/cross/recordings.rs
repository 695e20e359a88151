//! The recordings in `tests/golden`.

use base64::{Engine, prelude::BASE64_STANDARD};
use dialects::framing::{eventstream, sse};
use domain::Wire;
use serde_json::Value;
use std::{fs, path::PathBuf, sync::LazyLock};

pub struct Recording {
    pub wire: Wire,
    pub file: String,
    json: Value,
}

static ALL: LazyLock<Vec<Recording>> = LazyLock::new(|| Wire::ALL.into_iter().flat_map(of).collect());

/// Those whose provider speaks this wire.
pub fn recordings(wire: Wire) -> impl Iterator<Item = &'static Recording> {
    ALL.iter().filter(move |recording| recording.wire == wire)
}

fn of(wire: Wire) -> Vec<Recording> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(wire.name());
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<Recording> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| Recording {
            wire,
            file: path.file_name().unwrap().to_string_lossy().into_owned(),
            json: serde_json::from_slice(&fs::read(&path).unwrap()).unwrap(),
        })
        .collect();
    all.sort_by(|a, b| a.file.cmp(&b.file));
    all
}

impl Recording {
    pub fn request(&self) -> Option<&Value> {
        self.json["request"].get("body").filter(|body| body.is_object())
    }

    pub fn status(&self) -> u64 {
        self.json["response"]["status"].as_u64().unwrap_or(200)
    }

    /// A whole answer.
    pub fn answer(&self) -> Option<&Value> {
        let body = self.json["response"].get("body").filter(|body| body.is_object() && self.status() == 200);
        body.filter(|body| body.get("error").is_none_or(Value::is_null))
    }

    /// A stream's bytes: as recorded, or framed anew.
    pub fn stream(&self) -> Option<Vec<u8>> {
        let response = &self.json["response"];
        if self.status() != 200 {
            return None;
        }
        if let Some(text) = response["sse"].as_str() {
            return Some(text.as_bytes().to_vec());
        }
        if let Some(raw) = response["raw_base64"].as_str() {
            return Some(BASE64_STANDARD.decode(raw).unwrap());
        }
        let pieces = response.get("chunks").or(response.get("events"))?.as_array()?;
        let mut bytes: Vec<u8> = pieces.iter().flat_map(|piece| self.framed(piece)).collect();
        if self.wire == Wire::OpenAiChat {
            bytes.extend_from_slice(b"data: [DONE]\n\n");
        }
        Some(bytes)
    }

    fn framed(&self, piece: &Value) -> Vec<u8> {
        match self.wire {
            Wire::AnthropicMessages => sse::event(piece["type"].as_str(), &piece.to_string()).into_bytes(),
            Wire::OpenAiChat => sse::event(None, &piece.to_string()).into_bytes(),
            Wire::BedrockConverse => match piece.get("headers") {
                None => {
                    let (name, payload) = piece.as_object().unwrap().iter().next().unwrap();
                    eventstream::event(name, &payload.to_string())
                }
                Some(headers) => {
                    let payload = piece["payload"].to_string();
                    let named = |name: &str| headers[name].as_str();
                    match (named(":event-type"), named(":exception-type")) {
                        (Some(event), _) => eventstream::event(event, &payload),
                        (_, exception) => eventstream::exception(exception.unwrap(), &payload),
                    }
                }
            },
            other => unreachable!("{other} is not among the recorded wires"),
        }
    }
}
