//! Whose model it is, as far as what Converse passes on to it depends on that.

/// A family of models with extra fields of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Claude,
    Cohere,
    GptOss,
    Llama,
    Nova,
    /// Nova from version 2 on, which reasons.
    Nova2,
    Qwen,
    Other,
}

/// Words in model ids, the more precise first.
const WORDS: [(&str, Family); 8] = [
    ("claude", Family::Claude),
    ("nova-2", Family::Nova2),
    ("nova", Family::Nova),
    ("qwen", Family::Qwen),
    ("openai.", Family::GptOss),
    ("gpt-oss", Family::GptOss),
    ("cohere", Family::Cohere),
    ("llama", Family::Llama),
];

impl Family {
    /// The family of a model id, inference profile or ARN.
    pub fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        WORDS.iter().find(|(word, _)| model.contains(word)).map_or(Family::Other, |(_, family)| *family)
    }

    /// Tool results may say whether they succeeded; elsewhere the field is a 400.
    pub fn takes_result_status(self) -> bool {
        matches!(self, Family::Claude | Family::Nova | Family::Nova2)
    }

    /// Documents may be plain text, not bytes only.
    pub fn takes_text_documents(self) -> bool {
        self == Family::Claude
    }
}
