//! What translation loses, through the whole gateway: named in a header, or refused under `strict_translation`.
//!
//! The features are those of the cross tests, and what becomes of each is in `tests/losses.toml`.

use harness::{Portunus, Reply, Setup};
use serde_json::Value;
use std::collections::BTreeSet;

mod asked;
mod losses;

use losses::{Loss, losses};

/// Everything that can be asked on a wire: its name, and the fields that ask for it.
pub type Features = Vec<(&'static str, Value)>;
/// One grey pixel.
pub const PIXEL: &str = "iVBORw0KGgo=";

/// A wire from its caller's end.
struct Inbound {
    wire: &'static str,
    plain: fn() -> Value,
    features: fn() -> Features,
    /// Where a model is asked.
    path: fn(&str) -> String,
}

const INBOUND: [Inbound; 7] = [
    Inbound {
        wire: "anthropic.messages",
        plain: asked::anthropic_messages::plain,
        features: asked::anthropic_messages::features,
        path: |_| "/v1/messages".to_owned(),
    },
    Inbound {
        wire: "bedrock.converse",
        plain: asked::bedrock_converse::plain,
        features: asked::bedrock_converse::features,
        path: |model| harness::converse_path(model, false),
    },
    Inbound {
        wire: "cohere.chat",
        plain: asked::cohere_chat::plain,
        features: asked::cohere_chat::features,
        path: |_| "/v2/chat".to_owned(),
    },
    Inbound {
        wire: "gemini.generate",
        plain: asked::gemini_generate::plain,
        features: asked::gemini_generate::features,
        path: |model| format!("/v1beta/models/{model}:generateContent"),
    },
    Inbound {
        wire: "openai.chat",
        plain: asked::openai_chat::plain,
        features: asked::openai_chat::features,
        path: |_| "/v1/chat/completions".to_owned(),
    },
    Inbound {
        wire: "openai.completions",
        plain: asked::openai_completions::plain,
        features: asked::openai_completions::features,
        path: |_| "/v1/completions".to_owned(),
    },
    Inbound {
        wire: "openai.responses",
        plain: asked::openai_responses::plain,
        features: asked::openai_responses::features,
        path: |_| "/v1/responses".to_owned(),
    },
];

/// A model that takes what is asked for, of a provider that speaks the wire.
fn model(wire: &str, feature: &str) -> &'static str {
    match wire {
        "anthropic.messages" => "up-anthropic/claude-sonnet-4-5",
        "bedrock.converse" => "up-bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "cohere.chat" => "up-cohere/command-a-reasoning-08-2025",
        "gemini.generate" if feature == "effort" => "up-google/gemini-3-pro-preview",
        "gemini.generate" => "up-google/gemini-2.5-flash",
        "openai.completions" => "up-openai/gpt-3.5-turbo-instruct",
        "openai.chat" if feature.contains("effort") || feature.contains("thinking") => "up-openai/gpt-5",
        "openai.chat" => "up-openai/gpt-4.1",
        other => panic!("no provider speaks {other} here"),
    }
}

impl Inbound {
    /// The losses on the way to that wire.
    fn losses(&self, to: &'static str) -> impl Iterator<Item = (&'static str, Value, Loss)> {
        let from = self.wire;
        let lost = losses();
        let find = move |feature: &str| lost.iter().find(|loss| loss.is(feature, from, to)).cloned();
        (self.features)().into_iter().filter_map(move |(name, fields)| Some((name, fields, find(name)?)))
    }

    async fn ask(&self, portunus: &Portunus, model: &str, fields: &Value) -> Reply {
        let mut body = (self.plain)();
        fields.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        if body.get("model").is_some() {
            body["model"] = model.into();
        }
        portunus.post(&(self.path)(model), &body.to_string()).await
    }
}

/// A path with `*` for every place in a list.
fn placeless(path: &str) -> String {
    let place = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    path.split('.').map(|part| if place(part) { "*" } else { part }).collect::<Vec<_>>().join(".")
}

/// What the header names.
fn dropped(reply: &Reply) -> Vec<String> {
    names(reply.header("x-portunus-dropped"))
}

/// What a refusal names.
fn refused(text: &str) -> Vec<String> {
    let named = text.split_once("cannot be told about ").and_then(|(_, rest)| rest.split_once("; leave it out"));
    named.map(|(list, _)| names(list)).unwrap_or_default()
}

fn names(list: &str) -> Vec<String> {
    list.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What a caller loses is named; a strict gateway names the same and asks nobody.
async fn walk(inbound: &Inbound, to: &'static str, lenient: &Portunus, strict: &Portunus) -> usize {
    let mut lost = 0;
    for (feature, fields, loss) in inbound.losses(to) {
        let what = format!("{feature}: {} to {to}", inbound.wire);
        let model = model(to, feature);
        let before = strict.upstream.requests().len();
        let (told, answer) = (inbound.ask(lenient, model, &fields).await, inbound.ask(strict, model, &fields).await);
        if loss.how == "refused" {
            assert_eq!((told.status, answer.status), (400, 400), "{what}: {} {}", told.text(), answer.text());
            continue;
        }
        if loss.named.is_empty() {
            continue;
        }
        let named = refused(&answer.text());
        assert_eq!((answer.status, strict.upstream.requests().len()), (400, before), "{what}: {}", answer.text());
        assert_eq!((told.status, dropped(&told)), (200, named.clone()), "{what}: {}", told.text());
        let known: BTreeSet<String> = named.iter().map(|name| placeless(name)).collect();
        assert!(loss.named.iter().all(|name| known.contains(name)), "{what}: {known:?} and not {:?}", loss.named);
        lost += 1;
    }
    lost
}

/// The wires whose providers are not the caller's own.
const EVERYBODY: [&str; 6] =
    ["anthropic.messages", "bedrock.converse", "cohere.chat", "gemini.generate", "openai.chat", "openai.completions"];

async fn walk_all(wire: &str, own: &[&str]) {
    let inbound = INBOUND.iter().find(|inbound| inbound.wire == wire).unwrap();
    let lenient = Portunus::start().await;
    let strict = Setup::default().with("strict_translation: true\n").start().await;
    for to in EVERYBODY.into_iter().filter(|to| !own.contains(to)) {
        let lost = walk(inbound, to, &lenient, &strict).await;
        println!("{wire} to {to}: {lost} losses named and refused");
        assert!(lost >= 2, "{wire} to {to}: {lost}");
    }
}

#[tokio::test]
async fn what_anthropics_callers_lose_is_named_and_refused_if_strict() {
    walk_all("anthropic.messages", &["anthropic.messages"]).await;
}

#[tokio::test]
async fn what_bedrocks_callers_lose_is_named_and_refused_if_strict() {
    walk_all("bedrock.converse", &["bedrock.converse"]).await;
}

#[tokio::test]
async fn what_coheres_callers_lose_is_named_and_refused_if_strict() {
    walk_all("cohere.chat", &["cohere.chat"]).await;
}

#[tokio::test]
async fn what_geminis_callers_lose_is_named_and_refused_if_strict() {
    walk_all("gemini.generate", &["gemini.generate"]).await;
}

// A provider of OpenAI's dialect takes each of its wires as it is.
#[tokio::test]
async fn what_openais_callers_lose_is_named_and_refused_if_strict() {
    walk_all("openai.chat", &["openai.chat"]).await;
}

#[tokio::test]
async fn what_callers_of_completions_lose_is_named_and_refused_if_strict() {
    walk_all("openai.completions", &["openai.completions"]).await;
}

#[tokio::test]
async fn what_callers_of_responses_lose_is_named_and_refused_if_strict() {
    walk_all("openai.responses", &["openai.chat"]).await;
}
