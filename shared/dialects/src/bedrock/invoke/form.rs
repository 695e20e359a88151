//! Which model's own body it is, told by its fields where they tell, else by the model's id.

use super::{Invoke, claude, nova, openai, prompt};
use crate::{codec::Codec, json::Node, malformed::Malformed};

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Anthropic's Messages.
    Claude,
    /// Anthropic's text completions.
    ClaudeText,
    /// Command R: a message and the history before it.
    CohereChat,
    CohereText,
    DeepSeekText,
    Jurassic,
    Llama,
    MistralChat,
    MistralText,
    Nova,
    /// OpenAI's chat completions, which most newer models take: gpt-oss, Qwen, Jamba, DeepSeek V3.
    OpenAi,
    Titan,
}

/// Pieces of model ids, the more precise first.
const MODELS: [(&str, Form); 26] = [
    ("claude", Form::Claude),
    ("nova", Form::Nova),
    ("titan-text", Form::Titan),
    ("titan-tg1", Form::Titan),
    ("command-r", Form::CohereChat),
    ("command-text", Form::CohereText),
    ("command-light", Form::CohereText),
    ("deepseek.r1", Form::DeepSeekText),
    ("deepseek", Form::OpenAi),
    ("jamba", Form::OpenAi),
    ("ai21.j2", Form::Jurassic),
    ("llama", Form::Llama),
    ("mistral-7b", Form::MistralText),
    ("mixtral", Form::MistralText),
    ("mistral-large-2402", Form::MistralText),
    ("mistral-small-2402", Form::MistralText),
    ("mistral", Form::MistralChat),
    ("pixtral", Form::MistralChat),
    ("openai.", Form::OpenAi),
    ("gpt-oss", Form::OpenAi),
    ("qwen", Form::OpenAi),
    ("minimax", Form::OpenAi),
    ("moonshot", Form::OpenAi),
    ("gemma", Form::OpenAi),
    ("zai.", Form::OpenAi),
    ("imported-model", Form::OpenAi),
];

/// Forms that models of another form take as well: (the body's, the model's).
const KIN: [(Form, Form); 7] = [
    (Form::ClaudeText, Form::Claude),
    (Form::MistralChat, Form::MistralText),
    (Form::MistralText, Form::MistralChat),
    (Form::OpenAi, Form::MistralChat),
    (Form::OpenAi, Form::MistralText),
    (Form::OpenAi, Form::DeepSeekText),
    (Form::DeepSeekText, Form::OpenAi),
];

/// Pieces of ids of models that Converse does not serve, or serves without a system prompt or a history.
const NO_CONVERSE: [&str; 6] =
    ["titan-text", "titan-tg1", "ai21.j2", "cohere.command-text", "cohere.command-light", ":imported-model/"];

/// Whether it is a Nova, the one family that reads from S3 itself.
pub fn is_nova(model: &str) -> bool {
    Form::of_model(model) == Some(Form::Nova)
}

/// Whether a model is to be asked on this wire although Bedrock's other one is preferred.
pub fn needs_invoke(model: &str) -> bool {
    NO_CONVERSE.iter().any(|piece| model.contains(piece))
}

/// Fields of a request that only one form has.
const OWN_FIELDS: [(&str, Form); 12] = [
    ("anthropic_version", Form::Claude),
    ("max_tokens_to_sample", Form::ClaudeText),
    ("schemaVersion", Form::Nova),
    ("inferenceConfig", Form::Nova),
    ("toolConfig", Form::Nova),
    ("inputText", Form::Titan),
    ("message", Form::CohereChat),
    ("max_gen_len", Form::Llama),
    ("return_likelihoods", Form::CohereText),
    ("num_generations", Form::CohereText),
    ("maxTokens", Form::Jurassic),
    ("numResults", Form::Jurassic),
];

/// Fields of an answer or a chunk that only one form has.
const OWN_ANSWERS: [(&str, Form); 14] = [
    ("output", Form::Nova),
    ("messageStart", Form::Nova),
    ("contentBlockStart", Form::Nova),
    ("contentBlockDelta", Form::Nova),
    ("contentBlockStop", Form::Nova),
    ("messageStop", Form::Nova),
    ("metadata", Form::Nova),
    ("outputText", Form::Titan),
    ("inputTextTokenCount", Form::Titan),
    ("generation", Form::Llama),
    ("outputs", Form::MistralText),
    ("completions", Form::Jurassic),
    ("generations", Form::CohereText),
    ("completion", Form::ClaudeText),
];

impl Form {
    /// The form a model is known to take.
    pub fn of_model(model: &str) -> Option<Form> {
        let model = model.to_ascii_lowercase();
        MODELS.iter().find(|(piece, _)| model.contains(piece)).map(|(_, form)| *form)
    }

    /// The form of a request to `model`, which may be any name.
    pub fn of_request(body: &Node<'_>, model: &str) -> Result<Form, Malformed> {
        if let Some((_, form)) = OWN_FIELDS.iter().find(|(field, _)| body.get(field).is_some()) {
            return Ok(*form);
        }
        let known = Form::of_model(model);
        match (body.get("messages"), body.get("prompt")) {
            (Some(messages), _) => {
                let chats = known.filter(|form| form.takes_messages());
                Ok(chats.unwrap_or(if names_kinds(messages) { Form::OpenAi } else { Form::Nova }))
            }
            (None, Some(_)) => Ok(known.filter(|form| form.takes_prompt()).unwrap_or(Form::MistralText)),
            (None, None) => Err(Malformed::invalid(
                "this body is of no known form of text generation: `messages`, `prompt`, `inputText` or `message` is expected",
            )),
        }
    }

    /// The form of a whole answer or of one chunk of a stream.
    pub fn of_answer(body: &Node<'_>) -> Option<Form> {
        if let Some((_, form)) = OWN_ANSWERS.iter().find(|(field, _)| body.get(field).is_some()) {
            return Some(*form);
        }
        let has = |field: &str| body.get(field).is_some();
        match () {
            () if has("choices") => Some(of_choices(body)),
            () if has("event_type") || has("response_id") || has("chat_history") => Some(Form::CohereChat),
            () if has("is_finished") => Some(Form::CohereText),
            () if has("results") => Some(Form::Titan),
            () if has("type") => Some(Form::Claude),
            () => None,
        }
    }

    /// Whether a model takes a body of this form; of a model that says nothing, the caller knows better.
    pub fn suits(self, model: &str) -> bool {
        Form::of_model(model).is_none_or(|theirs| self == theirs || KIN.contains(&(self, theirs)))
    }

    fn takes_messages(self) -> bool {
        matches!(self, Form::Claude | Form::MistralChat | Form::Nova | Form::OpenAi)
    }

    fn takes_prompt(self) -> bool {
        matches!(self, Form::CohereText | Form::DeepSeekText | Form::Jurassic | Form::Llama | Form::MistralText)
    }

    /// The codec of the form's bare JSON.
    pub fn codec(self) -> &'static dyn Codec {
        match self {
            Form::Claude => &claude::Claude,
            Form::MistralChat => &openai::MISTRAL,
            Form::Nova => &nova::Nova,
            Form::OpenAi => &openai::OPENAI,
            Form::ClaudeText => &prompt::CLAUDE,
            Form::CohereChat => &prompt::COMMAND_R,
            Form::CohereText => &prompt::COMMAND,
            Form::DeepSeekText => &prompt::DEEPSEEK,
            Form::Jurassic => &prompt::JURASSIC,
            Form::Llama => &prompt::LLAMA,
            Form::MistralText => &prompt::MISTRAL,
            Form::Titan => &prompt::TITAN,
        }
    }

    /// The wire with answers of this form.
    pub fn wire(self) -> &'static Invoke {
        match self {
            Form::Claude => &Invoke(Some(Form::Claude)),
            Form::ClaudeText => &Invoke(Some(Form::ClaudeText)),
            Form::CohereChat => &Invoke(Some(Form::CohereChat)),
            Form::CohereText => &Invoke(Some(Form::CohereText)),
            Form::DeepSeekText => &Invoke(Some(Form::DeepSeekText)),
            Form::Jurassic => &Invoke(Some(Form::Jurassic)),
            Form::Llama => &Invoke(Some(Form::Llama)),
            Form::MistralChat => &Invoke(Some(Form::MistralChat)),
            Form::MistralText => &Invoke(Some(Form::MistralText)),
            Form::Nova => &Invoke(Some(Form::Nova)),
            Form::OpenAi => &Invoke(Some(Form::OpenAi)),
            Form::Titan => &Invoke(Some(Form::Titan)),
        }
    }
}

/// Messages whose parts say their `type`, or are plain text: Nova's never do.
fn names_kinds(messages: &Node<'_>) -> bool {
    let contents = messages.elements().iter().filter_map(|message| message.get("content"));
    !contents.flat_map(Node::elements).any(|part| part.is_object() && part.get("type").is_none())
}

/// Completions of text, Mistral's chat with its `stop_reason`, or OpenAI's.
fn of_choices(body: &Node<'_>) -> Form {
    let first = body.get("choices").and_then(|choices| choices.elements().first());
    let has = |field: &str| first.is_some_and(|choice| choice.fields().iter().any(|(key, _)| key == field));
    match () {
        () if has("text") => Form::DeepSeekText,
        () if has("stop_reason") && !has("finish_reason") => Form::MistralChat,
        () => Form::OpenAi,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn asked(body: &str, model: &str) -> Option<Form> {
        Form::of_request(&parse(body.as_bytes()).unwrap(), model).ok()
    }

    #[test]
    fn a_bodys_own_fields_tell_its_form_whatever_the_model_is_called() {
        for (body, form) in [
            (r#"{"anthropic_version":"bedrock-2023-05-31","messages":[]}"#, Form::Claude),
            (r#"{"prompt":"\n\nHuman: hi","max_tokens_to_sample":5}"#, Form::ClaudeText),
            (r#"{"schemaVersion":"messages-v1","messages":[]}"#, Form::Nova),
            (r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#, Form::Nova),
            (r#"{"messages":[{"role":"user","content":"hi"}]}"#, Form::OpenAi),
            (r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#, Form::OpenAi),
            (r#"{"inputText":"hi"}"#, Form::Titan),
            (r#"{"message":"hi"}"#, Form::CohereChat),
            (r#"{"prompt":"hi","max_gen_len":5}"#, Form::Llama),
            (r#"{"prompt":"hi","maxTokens":5}"#, Form::Jurassic),
            (r#"{"prompt":"hi","max_tokens":5}"#, Form::MistralText),
        ] {
            assert_eq!(asked(body, "my-alias"), Some(form), "{body}");
        }
        assert_eq!(asked(r#"{"texts":["hi"],"input_type":"search_query"}"#, "cohere.embed-v4:0"), None);
    }

    #[test]
    fn where_fields_do_not_tell_the_model_does() {
        let (chat, prompt) = (r#"{"messages":[{"role":"user","content":"hi"}]}"#, r#"{"prompt":"hi"}"#);
        assert_eq!(asked(chat, "us.anthropic.claude-sonnet-4-20250514-v1:0"), Some(Form::Claude));
        assert_eq!(asked(chat, "mistral.pixtral-large-2502-v1:0"), Some(Form::MistralChat));
        assert_eq!(asked(prompt, "meta.llama3-70b-instruct-v1:0"), Some(Form::Llama));
        assert_eq!(asked(prompt, "cohere.command-light-text-v14"), Some(Form::CohereText));
        assert_eq!(asked(prompt, "deepseek.r1-v1:0"), Some(Form::DeepSeekText));
    }

    #[test]
    fn a_form_suits_its_models_their_kin_and_the_unknown() {
        assert!(Form::Claude.suits("eu.anthropic.claude-haiku-4-5-20251001-v1:0"));
        assert!(Form::ClaudeText.suits("anthropic.claude-instant-v1"));
        assert!(!Form::Claude.suits("amazon.nova-lite-v1:0") && !Form::Llama.suits("mistral.mixtral-8x7b"));
        assert!(Form::Nova.suits("arn:aws:bedrock:us-east-1:1:custom-model-deployment/x"));
    }

    #[test]
    fn models_without_converse_are_known() {
        for model in
            ["amazon.titan-text-express-v1", "ai21.j2-ultra-v1", "arn:aws:bedrock:us-east-1:1:imported-model/x"]
        {
            assert!(needs_invoke(model), "{model}");
        }
        assert!(!needs_invoke("us.anthropic.claude-sonnet-4-20250514-v1:0") && !needs_invoke("cohere.command-r-v1:0"));
    }
}
