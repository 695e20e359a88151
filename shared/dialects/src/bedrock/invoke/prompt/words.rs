//! What the families call things.

use super::{
    Template,
    template::{self, Layout},
};
use domain::chat::FinishReason;

/// One family's words. `None`: it has no such thing.
pub struct Words {
    /// How error messages call the family.
    pub family: &'static str,
    /// The field that holds the prompt.
    pub prompt: &'static str,
    pub layout: Layout,
    /// The object that holds the settings; the top where there is none.
    pub settings: Option<&'static str>,
    pub cap: &'static str,
    pub temperature: &'static str,
    pub top_p: &'static str,
    pub top_k: Option<&'static str>,
    pub stop: Option<&'static str>,
    /// Other fields of requests, which come back on this family only.
    pub own: &'static [&'static str],
    /// The most answers it may be asked for is one: fields that ask for more.
    pub many: Option<&'static str>,
    /// A streamed request says so in the body as well.
    pub says_stream: bool,
    /// The list in a whole answer; the answer itself where there is none.
    pub list: Option<&'static str>,
    /// Paths inside an element.
    pub text: [&'static str; 2],
    pub reason: [&'static str; 2],
    /// The family's word and its meaning; the first row of a meaning is the one written.
    pub reasons: &'static [(&'static str, FinishReason)],
    /// Where the stop sequence that was hit is named.
    pub stopped_at: Option<&'static str>,
    pub input_tokens: Option<&'static str>,
    pub output_tokens: Option<&'static str>,
    /// The running count of output tokens in a stream.
    pub streamed_tokens: Option<&'static str>,
    /// The answer's id.
    pub id: Option<&'static str>,
    /// Fixed fields of an answer, and of the last chunk.
    pub mark: Option<(&'static str, &'static str)>,
    pub ends_with: &'static [(&'static str, &'static str)],
    /// Fixed fields of every other chunk.
    pub goes_on_with: &'static [(&'static str, &'static str)],
}

const PLAIN: Words = Words {
    family: "",
    prompt: "prompt",
    layout: Layout::Text(&template::BARE),
    settings: None,
    cap: "max_tokens",
    temperature: "temperature",
    top_p: "top_p",
    top_k: None,
    stop: None,
    own: &[],
    many: None,
    says_stream: false,
    list: None,
    text: ["text", ""],
    reason: ["stop_reason", ""],
    reasons: &[("stop", FinishReason::Stop), ("length", FinishReason::Length)],
    stopped_at: None,
    input_tokens: None,
    output_tokens: None,
    streamed_tokens: None,
    id: None,
    mark: None,
    ends_with: &[],
    goes_on_with: &[],
};

const COHERES: &[(&str, FinishReason)] = &[
    ("COMPLETE", FinishReason::Stop),
    ("MAX_TOKENS", FinishReason::Length),
    ("STOP_SEQUENCE", FinishReason::StopSequence),
    ("ERROR_TOXIC", FinishReason::ContentFilter),
    ("ERROR_LIMIT", FinishReason::ContextWindow),
    ("ERROR", FinishReason::Malformed),
];

pub static CLAUDE: Words = Words {
    family: "Claude's text completions",
    layout: Layout::Text(&template::CLAUDE),
    cap: "max_tokens_to_sample",
    top_k: Some("top_k"),
    stop: Some("stop_sequences"),
    own: &["anthropic_version"],
    text: ["completion", ""],
    reasons: &[("stop_sequence", FinishReason::StopSequence), ("max_tokens", FinishReason::Length)],
    stopped_at: Some("stop"),
    mark: Some(("type", r#""completion""#)),
    ..PLAIN
};

pub static COMMAND: Words = Words {
    family: "Command",
    top_p: "p",
    top_k: Some("k"),
    stop: Some("stop_sequences"),
    own: &["return_likelihoods", "logit_bias", "truncate"],
    many: Some("num_generations"),
    says_stream: true,
    list: Some("generations"),
    reason: ["finish_reason", ""],
    reasons: COHERES,
    id: Some("id"),
    ends_with: &[("is_finished", "true")],
    goes_on_with: &[("is_finished", "false")],
    ..PLAIN
};

pub static COMMAND_R: Words = Words {
    family: "Command R",
    prompt: "message",
    layout: Layout::History,
    top_p: "p",
    top_k: Some("k"),
    stop: Some("stop_sequences"),
    own: &[
        "documents",
        "force_single_step",
        "frequency_penalty",
        "presence_penalty",
        "prompt_truncation",
        "raw_prompting",
        "return_prompt",
        "search_queries_only",
        "seed",
        "tool_results",
        "tools",
    ],
    reason: ["finish_reason", ""],
    reasons: COHERES,
    id: Some("response_id"),
    ends_with: &[("event_type", r#""stream-end""#), ("is_finished", "true")],
    goes_on_with: &[("event_type", r#""text-generation""#), ("is_finished", "false")],
    ..PLAIN
};

pub static DEEPSEEK: Words = Words {
    family: "DeepSeek's text completions",
    layout: Layout::Text(&template::DEEPSEEK),
    stop: Some("stop"),
    list: Some("choices"),
    ..PLAIN
};

pub static JURASSIC: Words = Words {
    family: "Jurassic-2",
    cap: "maxTokens",
    top_p: "topP",
    stop: Some("stopSequences"),
    own: &["countPenalty", "frequencyPenalty", "minTokens", "presencePenalty"],
    many: Some("numResults"),
    list: Some("completions"),
    text: ["data", "text"],
    reason: ["finishReason", "reason"],
    reasons: &[
        ("endoftext", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("stop", FinishReason::StopSequence),
    ],
    id: Some("id"),
    ..PLAIN
};

pub static LLAMA: Words = Words {
    family: "Llama",
    layout: Layout::Text(&template::LLAMA3),
    cap: "max_gen_len",
    own: &["images"],
    text: ["generation", ""],
    input_tokens: Some("prompt_token_count"),
    output_tokens: Some("generation_token_count"),
    streamed_tokens: Some("generation_token_count"),
    ..PLAIN
};

pub static MISTRAL: Words = Words {
    family: "Mistral's text completions",
    layout: Layout::Text(&template::INSTRUCT),
    top_k: Some("top_k"),
    stop: Some("stop"),
    list: Some("outputs"),
    ..PLAIN
};

pub static TITAN: Words = Words {
    family: "Titan",
    prompt: "inputText",
    layout: Layout::Text(&template::TITAN),
    settings: Some("textGenerationConfig"),
    cap: "maxTokenCount",
    top_p: "topP",
    stop: Some("stopSequences"),
    list: Some("results"),
    text: ["outputText", ""],
    reason: ["completionReason", ""],
    reasons: &[
        ("FINISH", FinishReason::Stop),
        ("FINISHED", FinishReason::Stop),
        ("LENGTH", FinishReason::Length),
        ("STOP_CRITERIA_MET", FinishReason::StopSequence),
        ("CONTENT_FILTERED", FinishReason::ContentFilter),
    ],
    input_tokens: Some("inputTextTokenCount"),
    output_tokens: Some("tokenCount"),
    streamed_tokens: Some("totalOutputTextTokenCount"),
    goes_on_with: &[("index", "0")],
    ends_with: &[("index", "0")],
    ..PLAIN
};

impl Words {
    /// The layout of a conversation for a model of this family: older Llamas have another one.
    pub fn template(&self, model: &str) -> Option<&'static Template> {
        match self.layout {
            Layout::History => None,
            Layout::Text(_) if model.contains("llama2") => Some(&template::INSTRUCT),
            Layout::Text(template) => Some(template),
        }
    }

    /// What the family's word for an end means; a new word is kept, never a failure.
    pub fn meaning(&self, word: &str) -> FinishReason {
        let known = self.reasons.iter().find(|(theirs, _)| *theirs == word);
        known.map_or_else(|| FinishReason::Other(word.to_owned()), |(_, reason)| reason.clone())
    }

    /// The word for an end, or the nearest there is.
    pub fn word<'r>(&self, reason: &'r FinishReason) -> &'r str
    where
        'static: 'r,
    {
        let known = |meant: &FinishReason| self.reasons.iter().find(|(_, ours)| ours == meant).map(|(word, _)| *word);
        let nearest = match reason {
            FinishReason::Other(word) => return word,
            FinishReason::ContextWindow => FinishReason::Length,
            FinishReason::Guardrail | FinishReason::Refusal => FinishReason::ContentFilter,
            _ => FinishReason::Stop,
        };
        let first = self.reasons.first().map_or("stop", |(word, _)| *word);
        known(reason).or_else(|| known(&nearest)).or_else(|| known(&FinishReason::Stop)).unwrap_or(first)
    }
}
