//! What a model's name tells about the wires OpenAI offers it on.

use crate::openai::chat::model::is_openais;

/// How the names of models begin that only complete; they do not chat.
const COMPLETING: [&str; 3] = ["babbage-002", "davinci-002", "gpt-3.5-turbo-instruct"];

/// A model of OpenAI's that completes and does not chat.
pub fn only_completes(model: &str) -> bool {
    let bare = model.rsplit('/').next().unwrap_or(model);
    COMPLETING.iter().any(|name| bare.starts_with(name))
}

/// Whether a model is offered on this wire at all: OpenAI's that chat are not.
pub fn completes(model: &str) -> bool {
    only_completes(model) || !is_openais(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openais_models_chat_or_complete() {
        for model in ["gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct-0914", "davinci-002", "openai/babbage-002"] {
            assert!(only_completes(model) && completes(model), "{model}");
        }
        for model in ["gpt-4o", "gpt-3.5-turbo", "o3", "openai/gpt-5"] {
            assert!(!only_completes(model) && !completes(model), "{model}");
        }
        for model in ["meta-llama/Llama-3.1-8B", "gpt-oss-20b", "qwen2.5-coder"] {
            assert!(!only_completes(model) && completes(model), "{model}");
        }
    }
}
