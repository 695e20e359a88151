//! Everything that can be asked on `openai.completions`, one thing at a time.

use super::super::Features;
use serde_json::{Value, json};

/// The request that asks for nothing else.
pub fn plain() -> Value {
    json!({"model": "m", "max_tokens": 9000, "prompt": "hi"})
}

pub fn features() -> Features {
    vec![
        ("output cap", json!({"max_tokens": 100})),
        ("stream", json!({"stream": true, "stream_options": {"include_usage": true}})),
        ("temperature", json!({"temperature": 0.5})),
        ("temperature above 1", json!({"temperature": 1.5})),
        ("top_p", json!({"top_p": 0.5})),
        ("seed", json!({"seed": 7})),
        ("frequency penalty", json!({"frequency_penalty": 0.5})),
        ("presence penalty", json!({"presence_penalty": 0.5})),
        ("log probabilities", json!({"logprobs": 0})),
        ("likely alternatives", json!({"logprobs": 3})),
        ("logit bias", json!({"logit_bias": {"50256": -100}})),
        ("several answers", json!({"n": 2})),
        ("stop sequences", json!({"stop": ["END"]})),
        ("end user", json!({"user": "u"})),
        ("best_of", json!({"best_of": 2})),
        ("echo", json!({"echo": true})),
        ("suffix", json!({"suffix": "end"})),
        ("several prompts", json!({"prompt": ["a", "b"]})),
        ("token ids", json!({"prompt": [1, 2]})),
    ]
}
