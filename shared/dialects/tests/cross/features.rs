//! What can be asked on several wires, under one name and in the order people read it.

use super::kits::kits;
use std::collections::BTreeSet;

/// Titles and names. What a kit has beyond these is its wire's own.
pub const SHARED: [(&str, &[&str]); 8] = [
    (
        "Settings",
        &[
            "output cap",
            "temperature",
            "temperature above 1",
            "top_p",
            "top_k",
            "seed",
            "frequency penalty",
            "presence penalty",
            "stop sequences",
            "five stop sequences",
            "several answers",
            "log probabilities",
            "likely alternatives",
            "logit bias",
            "verbosity",
        ],
    ),
    (
        "About the call",
        &[
            "stream",
            "end user",
            "metadata",
            "metadata with any letters",
            "tier: auto",
            "tier: default",
            "tier: flex",
            "tier: priority",
            "prompt cache key",
            "prompt cache retention",
            "safety identifier",
            "store",
        ],
    ),
    ("Thinking", &["effort", "thinking budget", "adaptive thinking", "no thinking", "thoughts shown"]),
    ("Form of the answer", &["any JSON object", "JSON schema", "spoken answer"]),
    (
        "Tools",
        &[
            "function",
            "strict function",
            "custom tool",
            "server tool",
            "must call a tool",
            "may not call a tool",
            "must call this tool",
            "must call this custom tool",
            "may call some tools",
            "one call at a time",
        ],
    ),
    (
        "What the user shows",
        &[
            "image: data",
            "image: URL",
            "image: file id",
            "image: S3",
            "image: detail",
            "PDF",
            "text document",
            "Word document",
            "document: URL",
            "document: file id",
            "document: S3",
            "document: title",
            "document: context",
            "document: cite it",
            "search result",
            "audio",
            "video: data",
            "video: URL",
            "video: S3",
            "content of another kind",
        ],
    ),
    (
        "The conversation so far",
        &[
            "system",
            "system between turns",
            "speaker's name",
            "calls and results",
            "failed result",
            "result with an image",
            "result with a document",
            "result with a video",
            "result with a search result",
            "calls of custom tools",
            "server tool's call",
            "thoughts: unsigned",
            "thoughts: Claude's",
            "thoughts: Claude's, redacted",
            "thoughts: OpenAI's",
            "thoughts: Gemini's",
            "citations",
            "refusal",
            "assistant's audio",
            "assistant last",
        ],
    ),
    ("Prompt caching", &["cache mark", "cache mark for an hour", "cache mark on a tool", "cache_control of all"]),
];

/// All names: the shared ones first, then each wire's own.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = SHARED.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for kit in kits() {
        let own = (kit.features)().into_iter().map(|(name, _)| name).filter(|name| !names.contains(name));
        names.extend(own.collect::<Vec<_>>());
    }
    names
}

/// Whether one wire alone can ask for it.
pub fn is_own(name: &str) -> bool {
    SHARED.iter().all(|(_, names)| !names.contains(&name))
}

#[test]
fn what_several_wires_can_ask_for_is_listed_once() {
    let shared: Vec<&str> = SHARED.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    assert_eq!(shared.iter().collect::<BTreeSet<_>>().len(), shared.len(), "a name is listed twice");
    let mut seen = BTreeSet::new();
    for kit in kits() {
        let names: Vec<&str> = (kit.features)().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{}: a name twice", kit.wire);
        for name in names {
            assert!(seen.insert(name) || shared.contains(&name), "{}: {name} is not its own", kit.wire);
        }
    }
    let unasked: Vec<&&str> = shared.iter().filter(|name| !seen.contains(**name)).collect();
    println!("asked for on no wire yet: {unasked:?}");
}
