//! What every service can do, and the one table of services.
//!
//! A service's request is read once, for what the gateway must know of it; an equal service on both sides passes through.
//! What embeds, ranks, makes images or speaks can also be translated: see [`crate::embedding`], [`crate::rerank`],
//! [`crate::image`] and [`crate::speech`].

use crate::{
    codec::{Envelope, Glance, Will},
    form::Form,
    framing::{Frame, Framing},
    head::copy,
    json::{Node, write},
    malformed::Malformed,
};
use domain::{
    Error, Service, Task,
    media::{Picture, Units},
    tokens::UsageUpdate,
};

mod read;
mod voice;

pub(crate) use read::{edits, model_of, setting};
pub use voice::Voice;

/// One service, from both ends. Pure: no sockets, no clock.
pub trait Offer: Send + Sync {
    /// What the gateway itself must know of a request.
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed>;

    /// The request as it goes to a provider of the same service: copied, with the gateway's will in it.
    fn pass(&self, body: &Node<'_>, will: &Will<'_>) -> String {
        copy(body, &read::edits(body, will))
    }

    /// What an answer tells the gateway: usage, or why it is no answer [U6]. `header` reads a header as a number.
    fn said(&self, body: &Node<'_>, header: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed>;

    /// What an answer that is text and not JSON tells the gateway.
    fn said_in_text(&self, _text: &str) -> Said {
        Said::default()
    }

    /// What one frame of a streamed answer tells the gateway, and the units it reports.
    fn event(&self, _frame: &Frame) -> Result<(Glance, Option<Units>), Malformed> {
        Err(Malformed::invalid("this service does not stream"))
    }
}

/// A request's body.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Form(&'a Form),
    Json(&'a Node<'a>),
}

impl<'a> Body<'a> {
    /// The body of a service that takes JSON only.
    pub fn json(&self) -> Result<&'a Node<'a>, Malformed> {
        match self {
            Body::Json(node) => {
                node.object()?;
                Ok(node)
            }
            Body::Form(_) => Err(Malformed::invalid("this path takes a JSON body, not a form")),
        }
    }

    /// The body of a service that takes forms only.
    pub fn form(&self) -> Result<&'a Form, Malformed> {
        match self {
            Body::Form(form) => Ok(form),
            Body::Json(_) => Err(Malformed::invalid("this path takes a form (multipart/form-data), not JSON")),
        }
    }
}

/// What the gateway must know of a request: how much of anything it can use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The model the caller named.
    pub model: String,
    /// The answer comes in pieces: events, or the bytes of a sound.
    pub streams: Option<Streams>,
    /// The most of every unit it can use.
    pub most: Units,
    /// As much of every unit as it will probably use: what is charged when nobody says.
    pub likely: Units,
    /// Images in the prompt, whose tokens are not bounded by bytes.
    pub input_images: u64,
    /// Bytes of the text in the prompt: an upper bound of its tokens.
    pub text_bytes: usize,
    pub picture: Picture,
    pub metadata: Vec<(String, String)>,
}

/// How an answer that comes in pieces is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Bytes as they are: a sound.
    Bytes,
    /// Server-sent events.
    Events,
}

impl Streams {
    pub fn framing(self) -> Framing {
        match self {
            Streams::Bytes => Framing::Bytes,
            Streams::Events => Framing::Sse,
        }
    }
}

/// What an answer says of itself.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub usage: UsageUpdate,
    /// Units other than tokens, if it says.
    pub units: Units,
    /// The provider reports a failure under a 200.
    pub error: Option<Error>,
}

/// The service's offer: the one table.
pub fn offer(service: Service) -> &'static dyn Offer {
    match service {
        Service::BedrockEmbed => &crate::bedrock::embed::Embed,
        Service::BedrockImageEdits | Service::BedrockImages => &crate::bedrock::images::Images,
        Service::BedrockRerank => &crate::bedrock::rerank::Rerank,
        Service::CohereEmbed => &crate::cohere::embed::Embed,
        Service::CohereRerank => &crate::cohere::rerank::Rerank,
        Service::GeminiBatchEmbed => &crate::gemini::embed::Batch,
        Service::GeminiEmbed => &crate::gemini::embed::Single,
        Service::GeminiImageEdits | Service::GeminiImages => &crate::gemini::images::Images,
        Service::GeminiSpeech => &crate::gemini::speech::Speech,
        Service::ImagenImages => &crate::gemini::imagen::Imagen,
        Service::JinaRerank => &crate::openai::rerank::Jina,
        Service::OpenAiCompactions => &crate::openai::compactions::Compactions,
        Service::OpenAiEmbeddings => &crate::openai::embeddings::Embeddings,
        Service::OpenAiImageEdits => &crate::openai::images::Edits,
        Service::OpenAiImages => &crate::openai::images::Generations,
        Service::OpenAiModerations => &crate::openai::moderations::Moderations,
        Service::OpenAiSpeech => &crate::openai::speech::Speech,
        Service::OpenAiTranscriptions | Service::OpenAiTranslations => &crate::openai::transcriptions::Transcriptions,
        Service::VertexEmbed => &crate::gemini::embed::Predict,
        Service::VoyageEmbeddings => &crate::openai::embeddings::Voyage,
        Service::VoyageRerank => &crate::openai::rerank::Voyage,
    }
}

/// Whether a provider of this service offers it for a model of that name: where one provider has several services for a
/// task, the model says which.
pub fn serves(service: Service, model: &str) -> bool {
    match service {
        Service::BedrockImageEdits => crate::bedrock::images::edits(model),
        Service::BedrockImages => crate::bedrock::images::makes(model),
        Service::GeminiImageEdits | Service::GeminiImages => crate::gemini::images::makes(model),
        Service::GeminiSpeech => crate::gemini::speech::speaks(model),
        Service::ImagenImages => crate::gemini::imagen::makes(model),
        Service::VertexEmbed => !model.contains("gemini-embedding-2"),
        _ => true,
    }
}

/// Whether a caller of one service can be answered by another, for a model of that name.
pub fn translates(from: Service, to: Service, model: &str) -> bool {
    let meet = match from.task() {
        Task::Embed | Task::Rerank => true,
        Task::EditImages => from == Service::OpenAiImageEdits && crate::image::painter(to).is_some(),
        Task::GenerateImages => {
            let of_words = to != Service::BedrockImages || crate::bedrock::images::generates(model);
            from == Service::OpenAiImages && crate::image::painter(to).is_some() && of_words
        }
        Task::Speak => from == Service::OpenAiSpeech && crate::speech::speaker(to).is_some(),
        Task::Compact | Task::Moderate | Task::Transcribe | Task::TranslateSpeech => false,
    };
    meet && from.task() == to.task() && serves(to, model)
}

/// A failure that a provider reports under a 200, in the dialects of OpenAI and those near it.
pub(crate) fn failure(body: &Node<'_>) -> Option<Error> {
    body.get("error").map(|_| crate::openai::error::read_event(body))
}

/// `{"error": …}` as the last event of a stream.
fn error_event(error: &Error, out: &mut Vec<u8>) {
    let event = crate::framing::sse::event(Some("error"), &crate::openai::error::body(error));
    out.extend_from_slice(event.as_bytes());
}

/// A JSON object with one string in it: what short answers of hosts are made of.
pub(crate) fn named(key: &str, text: &str) -> String {
    write::object(|o| {
        o.string(key, text);
    })
}
