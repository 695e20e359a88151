//! The one route table: method, template, wire, scope [R1]. Everything else is 404.

use crate::conversation::kept::Asked;
use dialects::bedrock::{embed::embeds, images::makes, rerank::ranks};
use domain::{Api, Dialect, Operation, Service, Wire};
use http::Method;

/// One row of the table.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// Path segments; `{}` takes one segment, percent-decoded once, `{}:verb` one that ends so, and `{_}` one that says
    /// nothing here.
    pub template: &'static [&'static str],
    pub serves: Serves,
    /// What the caller speaks there.
    pub api: Api,
    /// Streamed or not, where the path decides.
    pub stream: Option<bool>,
    pub scope: Scope,
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// The description of the API.
    Described,
    Health,
    Inference(Operation),
    /// The list of models, or one of them.
    Models,
    /// A stored response.
    Response(Asked),
    /// Something beside chat.
    Service,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Whoever holds a live virtual key.
    Key,
    Public,
}

macro_rules! route {
    ($method:ident $($segment:literal)/+ => $serves:expr, $wire:ident, $stream:expr, $scope:ident) => {
        Route { method: Method::$method, template: &[$($segment),+], serves: $serves, api: Api::Chat(Wire::$wire), stream: $stream, scope: Scope::$scope }
    };
}

macro_rules! service {
    ($($segment:literal)/+ => $service:ident) => {
        Route {
            method: Method::POST,
            template: &[$($segment),+],
            serves: Serves::Service,
            api: Api::Service(Service::$service),
            stream: None,
            scope: Scope::Key,
        }
    };
}

const CHAT: Serves = Serves::Inference(Operation::Chat);
const COUNT: Serves = Serves::Inference(Operation::CountTokens);

/// Every route of the client plane.
pub static ROUTES: &[Route] = &[
    route!(POST "v1" / "chat" / "completions" => CHAT, OpenAiChat, None, Key),
    route!(POST "v1" / "completions" => CHAT, OpenAiCompletions, None, Key),
    route!(POST "openai" / "v1" / "chat" / "completions" => CHAT, OpenAiChat, None, Key),
    route!(POST "openai" / "v1" / "completions" => CHAT, OpenAiCompletions, None, Key),
    route!(POST "models" / "chat" / "completions" => CHAT, OpenAiChat, None, Key),
    route!(POST "openai" / "deployments" / "{}" / "chat" / "completions" => CHAT, OpenAiChat, None, Key),
    route!(POST "openai" / "deployments" / "{}" / "completions" => CHAT, OpenAiCompletions, None, Key),
    route!(POST "v1" / "messages" => CHAT, AnthropicMessages, None, Key),
    route!(POST "v1" / "messages" / "count_tokens" => COUNT, AnthropicMessages, Some(false), Key),
    route!(POST "anthropic" / "v1" / "messages" => CHAT, AnthropicMessages, None, Key),
    route!(POST "anthropic" / "v1" / "messages" / "count_tokens" => COUNT, AnthropicMessages, Some(false), Key),
    route!(POST "model" / "{}" / "count-tokens" => COUNT, BedrockConverse, Some(false), Key),
    route!(POST "model" / "{}" / "converse" => CHAT, BedrockConverse, Some(false), Key),
    route!(POST "model" / "{}" / "converse-stream" => CHAT, BedrockConverse, Some(true), Key),
    route!(POST "model" / "{}" / "invoke" => CHAT, BedrockInvoke, Some(false), Key),
    route!(POST "model" / "{}" / "invoke-with-response-stream" => CHAT, BedrockInvoke, Some(true), Key),
    route!(POST "v2" / "chat" => CHAT, CohereChat, None, Key),
    route!(POST "v1beta" / "models" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta" / "models" / "{}" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta" / "models" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1beta" / "models" / "{}" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1beta" / "models" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta" / "models" / "{}" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(GET "v1beta" / "models" => Serves::Models, GeminiGenerate, None, Key),
    route!(GET "v1beta" / "models" / "{}" => Serves::Models, GeminiGenerate, None, Key),
    route!(GET "v1beta" / "models" / "{}" / "{}" => Serves::Models, GeminiGenerate, None, Key),
    route!(POST "v1" / "models" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "models" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1" / "models" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "models" / "{}" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "publishers" / "{_}" / "models" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta1" / "publishers" / "{_}" / "models" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "models" / "{}" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1" / "publishers" / "{_}" / "models" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1beta1" / "publishers" / "{_}" / "models" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1" / "models" / "{}" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "publishers" / "{_}" / "models" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta1" / "publishers" / "{_}" / "models" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "projects" / "{_}" / "locations" / "{_}" / "publishers" / "{_}" / "models" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "projects" / "{_}" / "locations" / "{_}" / "publishers" / "{_}" / "models" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1" / "projects" / "{_}" / "locations" / "{_}" / "publishers" / "{_}" / "models" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta1" / "projects" / "{_}" / "locations" / "{_}" / "publishers" / "{_}" / "models" / "{}:generateContent" => CHAT, GeminiGenerate, Some(false), Key),
    route!(POST "v1beta1" / "projects" / "{_}" / "locations" / "{_}" / "publishers" / "{_}" / "models" / "{}:streamGenerateContent" => CHAT, GeminiGenerate, Some(true), Key),
    route!(POST "v1beta1" / "projects" / "{_}" / "locations" / "{_}" / "publishers" / "{_}" / "models" / "{}:countTokens" => COUNT, GeminiGenerate, Some(false), Key),
    route!(POST "v1" / "responses" => CHAT, OpenAiResponses, None, Key),
    route!(POST "openai" / "v1" / "responses" => CHAT, OpenAiResponses, None, Key),
    route!(POST "openai" / "responses" => CHAT, OpenAiResponses, None, Key),
    route!(POST "v1" / "responses" / "input_tokens" => COUNT, OpenAiResponses, Some(false), Key),
    route!(GET "v1" / "responses" / "{}" => Serves::Response(Asked::Get), OpenAiResponses, None, Key),
    route!(DELETE "v1" / "responses" / "{}" => Serves::Response(Asked::Delete), OpenAiResponses, None, Key),
    route!(POST "v1" / "responses" / "{}" / "cancel" => Serves::Response(Asked::Cancel), OpenAiResponses, None, Key),
    route!(GET "v1" / "responses" / "{}" / "input_items" => Serves::Response(Asked::InputItems), OpenAiResponses, None, Key),
    route!(POST "openai" / "v1" / "responses" / "input_tokens" => COUNT, OpenAiResponses, Some(false), Key),
    route!(GET "openai" / "v1" / "responses" / "{}" => Serves::Response(Asked::Get), OpenAiResponses, None, Key),
    route!(DELETE "openai" / "v1" / "responses" / "{}" => Serves::Response(Asked::Delete), OpenAiResponses, None, Key),
    route!(POST "openai" / "v1" / "responses" / "{}" / "cancel" => Serves::Response(Asked::Cancel), OpenAiResponses, None, Key),
    route!(GET "openai" / "v1" / "responses" / "{}" / "input_items" => Serves::Response(Asked::InputItems), OpenAiResponses, None, Key),
    route!(POST "openai" / "responses" / "input_tokens" => COUNT, OpenAiResponses, Some(false), Key),
    route!(GET "openai" / "responses" / "{}" => Serves::Response(Asked::Get), OpenAiResponses, None, Key),
    route!(DELETE "openai" / "responses" / "{}" => Serves::Response(Asked::Delete), OpenAiResponses, None, Key),
    route!(POST "openai" / "responses" / "{}" / "cancel" => Serves::Response(Asked::Cancel), OpenAiResponses, None, Key),
    route!(GET "openai" / "responses" / "{}" / "input_items" => Serves::Response(Asked::InputItems), OpenAiResponses, None, Key),
    service!("v1" / "responses" / "compact" => OpenAiCompactions),
    service!("v1" / "embeddings" => OpenAiEmbeddings),
    service!("v1" / "rerank" => JinaRerank),
    service!("v1" / "moderations" => OpenAiModerations),
    service!("v1" / "images" / "generations" => OpenAiImages),
    service!("v1" / "images" / "edits" => OpenAiImageEdits),
    service!("v1" / "audio" / "speech" => OpenAiSpeech),
    service!("v1" / "audio" / "transcriptions" => OpenAiTranscriptions),
    service!("v1" / "audio" / "translations" => OpenAiTranslations),
    service!("v2" / "embed" => CohereEmbed),
    service!("v1beta" / "models" / "{}:embedContent" => GeminiEmbed),
    service!("v1beta" / "models" / "{}" / "{}:embedContent" => GeminiEmbed),
    service!("v1beta" / "models" / "{}:batchEmbedContents" => GeminiBatchEmbed),
    service!("v1beta" / "models" / "{}" / "{}:batchEmbedContents" => GeminiBatchEmbed),
    service!("v1" / "models" / "{}:embedContent" => GeminiEmbed),
    service!("v1" / "models" / "{}" / "{}:embedContent" => GeminiEmbed),
    service!("v1" / "models" / "{}:batchEmbedContents" => GeminiBatchEmbed),
    service!("v1" / "models" / "{}" / "{}:batchEmbedContents" => GeminiBatchEmbed),
    service!("v2" / "rerank" => CohereRerank),
    service!("openai" / "v1" / "responses" / "compact" => OpenAiCompactions),
    service!("openai" / "responses" / "compact" => OpenAiCompactions),
    service!("openai" / "v1" / "embeddings" => OpenAiEmbeddings),
    service!("openai" / "v1" / "images" / "generations" => OpenAiImages),
    service!("openai" / "v1" / "images" / "edits" => OpenAiImageEdits),
    service!("openai" / "v1" / "audio" / "speech" => OpenAiSpeech),
    service!("openai" / "v1" / "audio" / "transcriptions" => OpenAiTranscriptions),
    service!("openai" / "v1" / "audio" / "translations" => OpenAiTranslations),
    service!("models" / "embeddings" => OpenAiEmbeddings),
    service!("openai" / "deployments" / "{}" / "embeddings" => OpenAiEmbeddings),
    service!("openai" / "deployments" / "{}" / "images" / "generations" => OpenAiImages),
    service!("openai" / "deployments" / "{}" / "images" / "edits" => OpenAiImageEdits),
    service!("openai" / "deployments" / "{}" / "audio" / "speech" => OpenAiSpeech),
    service!("openai" / "deployments" / "{}" / "audio" / "transcriptions" => OpenAiTranscriptions),
    service!("openai" / "deployments" / "{}" / "audio" / "translations" => OpenAiTranslations),
    route!(GET "v1" / "models" => Serves::Models, OpenAiChat, None, Key),
    route!(GET "v1" / "models" / "{}" => Serves::Models, OpenAiChat, None, Key),
    route!(GET "v1" / "models" / "{}" / "{}" => Serves::Models, OpenAiChat, None, Key),
    route!(GET "openai" / "v1" / "models" => Serves::Models, OpenAiChat, None, Key),
    route!(GET "openai" / "v1" / "models" / "{}" => Serves::Models, OpenAiChat, None, Key),
    route!(GET "openapi.json" => Serves::Described, OpenAiChat, None, Public),
    route!(GET "health" => Serves::Health, OpenAiChat, None, Public),
    route!(GET "health" / "live" => Serves::Health, OpenAiChat, None, Public),
    route!(GET "health" / "ready" => Serves::Health, OpenAiChat, None, Public),
];

/// What a path matched.
pub enum Matched {
    /// The route and what its `{}` segments held, decoded, joined by `/`.
    Route(&'static Route, Option<String>),
    /// The path is known, the method is not.
    WrongMethod,
    /// A segment is not valid percent-encoded UTF-8, or climbs.
    BadPath,
    Nothing,
}

/// Matches a method and a raw path (still percent-encoded) against the table [R2].
pub fn matched(method: &Method, path: &str) -> Matched {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let mut known = false;
    for route in ROUTES.iter().filter(|route| fits(route.template, &segments)) {
        if route.method != *method {
            known = true;
            continue;
        }
        let held = route.template.iter().zip(&segments).filter_map(|(part, segment)| held(part, segment)).map(decoded);
        return match held.collect::<Option<Vec<String>>>() {
            Some(held) if held.is_empty() => Matched::Route(route, None),
            Some(held) => {
                let model = held.join("/");
                Matched::Route(invoked(route, &model), Some(model))
            }
            None => Matched::BadPath,
        };
    }
    if known { Matched::WrongMethod } else { Matched::Nothing }
}

/// InvokeModel of a model that embeds.
static INVOKED_EMBED: Route = service!("model" / "{}" / "invoke" => BedrockEmbed);

/// InvokeModel of a model that makes images.
static INVOKED_IMAGES: Route = service!("model" / "{}" / "invoke" => BedrockImages);

/// InvokeModel of a model that ranks.
static INVOKED_RERANK: Route = service!("model" / "{}" / "invoke" => BedrockRerank);

/// What a route serves of that model: InvokeModel is one path for models that chat, embed, rank or make images.
fn invoked(route: &'static Route, model: &str) -> &'static Route {
    let invokes = route.api == Api::Chat(Wire::BedrockInvoke) && route.stream == Some(false);
    match invokes {
        true if embeds(model) => &INVOKED_EMBED,
        true if makes(model) => &INVOKED_IMAGES,
        true if ranks(model) => &INVOKED_RERANK,
        _ => route,
    }
}

fn fits(template: &[&str], segments: &[&str]) -> bool {
    template.len() == segments.len()
        && template.iter().zip(segments).all(|(part, segment)| {
            part == segment || (*part == "{_}" && !segment.is_empty()) || held(part, segment).is_some()
        })
}

/// What a `{}` takes of a segment: all but the verb behind it.
fn held<'s>(part: &str, segment: &'s str) -> Option<&'s str> {
    segment.strip_suffix(part.strip_prefix("{}")?).filter(|held| !held.is_empty())
}

/// One segment, decoded once. Refused: bad escapes, NUL and other controls, `.` and `..`, a second level of encoding.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    let text = String::from_utf8(bytes).ok()?;
    let climbs = text.split('/').any(|part| part == "." || part == "..");
    let strange = text.contains('%') || text.contains('\\') || text.chars().any(char::is_control);
    (!climbs && !strange).then_some(text)
}

/// What Gemini's paths end in.
const VERBS: [&str; 5] =
    [":generateContent", ":streamGenerateContent", ":countTokens", ":embedContent", ":batchEmbedContents"];

/// The dialect an error is written in when no route matched: the one whose paths look like it.
pub fn dialect_of(path: &str) -> Dialect {
    match () {
        () if path.starts_with("/v1/messages") || path.starts_with("/anthropic/") => Dialect::Anthropic,
        () if path.starts_with("/model/") => Dialect::Bedrock,
        () if path.starts_with("/v1beta") || path.starts_with("/v1/projects/") => Dialect::Gemini,
        () if path.starts_with("/v1/publishers/") => Dialect::Gemini,
        () if path.starts_with("/v1/models/") && VERBS.iter().any(|verb| path.ends_with(verb)) => Dialect::Gemini,
        () if path.starts_with("/v2/") => Dialect::Cohere,
        () => Dialect::OpenAi,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model_of(path: &str) -> Option<String> {
        match matched(&Method::POST, path) {
            Matched::Route(_, model) => model,
            _ => None,
        }
    }

    #[test]
    fn model_segments_are_decoded_once() {
        let arn = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse";
        assert_eq!(model_of(arn).as_deref(), Some("arn:aws:bedrock:us-east-1:1:inference-profile/us.x"));
    }

    #[test]
    fn e6_climbing_and_doubly_encoded_segments_are_refused() {
        for segment in ["..", "%2e%2e", "a%2F..%2Fb", "a%252Fb", "a%00", "%zz", "%f0%28", "a%5cb", "."] {
            let path = format!("/model/{segment}/converse");
            assert!(matches!(matched(&Method::POST, &path), Matched::BadPath), "{segment}");
        }
    }

    #[test]
    fn a_verb_behind_the_model_is_no_part_of_it() {
        for (path, model) in [
            ("/v1beta/models/gemini-2.5-flash:generateContent", Some("gemini-2.5-flash")),
            ("/v1/models/openai/gpt-4o:streamGenerateContent", Some("openai/gpt-4o")),
            ("/v1beta/models/amazon.nova-lite-v1:0:streamGenerateContent", Some("amazon.nova-lite-v1:0")),
            ("/v1beta/models/openai/gpt-4o:countTokens", Some("openai/gpt-4o")),
            ("/v1beta/models/openai%2Fgpt-4o:generateContent", Some("openai/gpt-4o")),
            ("/v1/models/m:generateContent", Some("m")),
            ("/v1/models/openai/gpt-4o:streamGenerateContent", Some("openai/gpt-4o")),
            ("/v1beta1/publishers/google/models/m:countTokens", Some("m")),
            ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", Some("m")),
            ("/v1beta/models/:generateContent", None),
            ("/v1beta/models/m:predict", None),
        ] {
            assert_eq!(model_of(path).as_deref(), model, "{path}");
        }
        assert!(matches!(matched(&Method::POST, "/v1beta/models/%2e%2e:generateContent"), Matched::BadPath));
        assert_eq!(dialect_of("/v1/models/m:countTokens"), Dialect::Gemini);
        assert_eq!(dialect_of("/v1/models/m"), Dialect::OpenAi);
    }

    #[test]
    fn azures_paths_name_the_deployment() {
        for operation in ["chat/completions", "completions"] {
            assert_eq!(model_of(&format!("/openai/deployments/my-gpt/{operation}")).as_deref(), Some("my-gpt"));
        }
        let v1 = matched(&Method::POST, "/openai/v1/chat/completions");
        assert!(matches!(v1, Matched::Route(route, None) if route.api == Api::Chat(Wire::OpenAiChat)));
    }

    #[test]
    fn r1_methods_and_paths_outside_the_table_do_not_match() {
        assert!(matches!(matched(&Method::GET, "/v1/messages"), Matched::WrongMethod));
        for path in ["/", "/v1", "/v1/chat/completions/", "//v1/messages", "/model//converse", "/V1/messages"] {
            assert!(matches!(matched(&Method::POST, path), Matched::Nothing), "{path}");
        }
    }
}
