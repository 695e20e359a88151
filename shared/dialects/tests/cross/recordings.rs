//! The recordings in `tests/golden`.

use super::kits::{Kit, kits};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use std::{fs, path::PathBuf, sync::LazyLock};

pub struct Recording {
    pub kit: &'static Kit,
    pub file: String,
    json: Value,
}

static ALL: LazyLock<Vec<Recording>> = LazyLock::new(|| kits().flat_map(of).collect());

/// Those whose provider speaks this wire.
pub fn recordings(kit: &Kit) -> impl Iterator<Item = &'static Recording> {
    let wire = kit.wire;
    ALL.iter().filter(move |recording| recording.kit.wire == wire)
}

fn of(kit: &'static Kit) -> Vec<Recording> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(kit.wire.name());
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<Recording> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| Recording {
            kit,
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

    /// The model in the path, where the wire has it there.
    pub fn model(&self) -> &str {
        let url = self.json["request"]["url"].as_str().unwrap_or("");
        let after = ["/model/", "/models/"].iter().find_map(|part| url.split_once(part));
        after
            .and_then(|(_, rest)| rest.split(['/', ':', '?', '%']).next())
            .filter(|name| !name.is_empty())
            .unwrap_or("m")
    }

    pub fn status(&self) -> u64 {
        self.json["response"]["status"].as_u64().unwrap_or(200)
    }

    /// A whole answer; one that waits in a queue is none.
    pub fn answer(&self) -> Option<&Value> {
        let body = self.json["response"].get("body").filter(|body| body.is_object() && self.status() == 200);
        let waits = |body: &Value| ["in_progress", "queued"].iter().any(|status| body["status"] == *status);
        body.filter(|body| body.get("error").is_none_or(Value::is_null) && !waits(body))
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
        let mut bytes: Vec<u8> = pieces.iter().flat_map(self.kit.framed).collect();
        bytes.extend_from_slice(self.kit.last);
        Some(bytes)
    }
}
