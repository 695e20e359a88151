//! What every wire can do, and the one table of wires.
//!
//! A codec is both sides of a wire: as *inbound* it reads requests and writes answers, as *outbound* it writes
//! requests and reads answers. Equal wires on both sides need neither: see [`crate::head`].

use crate::{
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
    openai::completions::{completes, only_completes},
};
use domain::{
    Error, Usage, Wire,
    chat::{Request, Response},
    event::Event,
    tokens::UsageUpdate,
};

/// One wire, both directions. Pure: no sockets, no clock.
pub trait Codec: Send + Sync {
    /// How its streams are framed.
    fn framing(&self) -> Framing;

    /// The fields the gateway itself needs, whatever happens to the rest.
    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed>;

    /// The edits that put the gateway's will into a request that otherwise passes through.
    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit>;

    /// Inbound: what the caller means.
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed>;

    /// Outbound: the same, in this wire's words; what it cannot carry is named in [`Encoded::dropped`].
    /// An error is the caller's 400: something that can neither be carried nor left out.
    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error>;

    /// Outbound: what the provider answered. A 200 that is no answer (an error object, no choices) is [`Malformed`] [U6].
    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed>;

    /// Inbound: the same, in this wire's words, as JSON text.
    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String;

    /// Outbound: reads one stream.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Inbound: writes one stream.
    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder>;

    /// What one frame of a stream that passes through tells the gateway.
    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed>;

    /// What an answer that passes through tells the gateway: usage, or why it is no answer [U6].
    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed>;

    /// Inbound: who writes the answers to this request, where their form follows the request's. `None`: this codec.
    fn answering(&self, _body: &Node<'_>, _envelope: &Envelope<'_>) -> Option<&'static dyn Codec> {
        None
    }

    /// What answers repeat of their request, as the text of a JSON object; `None` on wires whose answers repeat nothing.
    fn echo(&self, _body: &Node<'_>) -> Option<String> {
        None
    }

    /// [`Codec::encode_response`] to the request of which `echo` was taken.
    fn encode_response_to(&self, response: &Response, reply: &Reply<'_>, _echo: &str) -> String {
        self.encode_response(response, reply)
    }

    /// [`Codec::encoder`] for the request of which `echo` was taken.
    fn encoder_to(&self, reply: &Reply<'_>, _echo: &str) -> Box<dyn Encoder> {
        self.encoder(reply)
    }

    /// A frame that passes through, with the gateway's own id where the provider's stands; `None` if it has none.
    fn relabel(&self, _frame: &Frame, _call_id: &str, _echo: &str) -> Option<String> {
        None
    }

    /// The same for a whole answer.
    fn relabel_response(&self, _body: &Node<'_>, _call_id: &str, _echo: &str) -> Option<String> {
        None
    }

    /// Whether a request of this wire passes through to this model of a provider that speaks the wire, or must be written
    /// anew because on this wire a body's form follows the model.
    fn passes(&self, _body: &Node<'_>, _model: &str) -> bool {
        true
    }

    /// Outbound: what the headers of a whole answer say about usage, on wires whose bodies need not. `header` reads one as
    /// a number.
    fn usage_in_headers(&self, _header: &dyn Fn(&str) -> Option<u64>) -> UsageUpdate {
        UsageUpdate::default()
    }

    /// Inbound: the headers of a whole answer that say the same.
    fn usage_headers(&self, _usage: &Usage, _latency_ms: u64) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// What the route says beside the body: for Bedrock the path names the model and the kind of answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'a> {
    /// The model in the path.
    pub model: Option<&'a str>,
    /// Streamed or not, where the path decides.
    pub stream: Option<bool>,
}

/// What the gateway wants changed in a request that passes through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Will<'a> {
    /// The provider's name of the model.
    pub model: &'a str,
    /// The output cap to enforce, if one must be [M3].
    pub output_cap: Option<u64>,
    /// Ask for usage at the end of the stream [S6].
    pub stream_usage: bool,
    /// Top-level fields this provider does not take.
    pub drop: &'a [String],
    /// Top-level fields this provider calls otherwise: (ours, theirs).
    pub rename: &'a [(String, String)],
}

/// Whom a translated request goes to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// The provider's name of the model.
    pub model: &'a str,
    /// The model's largest output, where known: fills in a mandatory cap.
    pub max_output: Option<u64>,
    /// The output cap to enforce, if one must be [M3]; replaces the request's own.
    pub output_cap: Option<u64>,
    /// Used where a cap is mandatory and neither the request, the key nor the price table names one.
    pub default_output_cap: u64,
    pub abilities: Abilities,
    /// Betas of Claude to ask for, all of which the provider takes; for wires that name them in the body.
    pub betas: &'a [&'a str],
}

/// What a model can do, where translation depends on it. Unknown models can do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Takes prompt-cache marks.
    pub prompt_caching: bool,
    /// Takes a JSON schema for its answer natively.
    pub response_schema: bool,
    /// Takes `temperature`, `top_p`, `top_k`.
    pub sampling: bool,
    /// Takes `temperature` or `top_p` but not both at once.
    pub one_of_temperature_and_top_p: bool,
    /// Thinks adaptively (an effort instead of a token budget).
    pub adaptive_thinking: bool,
    /// An OpenAI reasoning model: `max_completion_tokens` only, no sampling parameters.
    pub openai_reasoning: bool,
    /// How it is told to think. `None`: as its wire tells any model.
    pub thinking: Option<Thinking>,
    /// The most stop sequences. `None`: as many as its wire's own API takes.
    pub stop_sequences: Option<usize>,
    pub budgets: Budgets,
}

/// The tokens an effort is worth on models that are told to think by a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    pub minimal: u64,
    pub low: u64,
    pub medium: u64,
    pub high: u64,
    pub xhigh: u64,
    pub max: u64,
}

impl Budgets {
    /// Those of the catalogue.
    pub const USUAL: Budgets = Budgets { minimal: 128, low: 1024, medium: 2048, high: 4096, xhigh: 8192, max: 16_384 };

    /// The budget of an effort; a word that nobody knows is worth what is usual.
    pub fn of(&self, effort: &str) -> u64 {
        match effort {
            "minimal" => self.minimal,
            "low" => self.low,
            "high" => self.high,
            "xhigh" => self.xhigh,
            "max" => self.max,
            _ => self.medium,
        }
    }

    /// The hardest effort that a budget is enough for; above `high` only some models know any.
    pub fn effort(&self, budget: u64) -> &'static str {
        match budget {
            _ if budget >= self.high => "high",
            _ if budget >= self.medium => "medium",
            _ if budget >= self.low => "low",
            _ => "minimal",
        }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::USUAL
    }
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// By a budget of tokens in this range; thinking can be turned off where `can_stop`.
    Budget { least: u64, most: u64, can_stop: bool },
    /// By level, of which `least` is the lowest; it never stops. A budget is taken, too.
    Level { least: &'static str },
    /// It does not, and refuses to be asked.
    No,
}

impl Abilities {
    /// A budget of thinking within the model's range, whose lower end is `usual` if nothing is said of it.
    pub fn in_range(&self, budget: u64, usual: u64) -> u64 {
        match self.thinking {
            Some(Thinking::Budget { least, most, .. }) => budget.max(least).min(most),
            _ => budget.max(usual),
        }
    }

    /// The smallest budget of thinking.
    pub fn least_budget(&self, usual: u64) -> u64 {
        self.in_range(0, usual)
    }
}

impl Default for Abilities {
    fn default() -> Self {
        Self {
            prompt_caching: true,
            response_schema: true,
            sampling: true,
            one_of_temperature_and_top_p: false,
            adaptive_thinking: false,
            openai_reasoning: false,
            thinking: None,
            stop_sequences: None,
            budgets: Budgets::default(),
        }
    }
}

/// A request in a wire's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    pub body: String,
    /// What the wire could not carry, as paths in the caller's own words where possible: `logit_bias`, `n`.
    pub dropped: Vec<String>,
}

/// What an answer needs to know that the provider did not say, or said in another dialect's way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply<'a> {
    /// Our id of the call; each wire puts its own prefix before it (`chatcmpl-`, `msg_`).
    pub call_id: &'a str,
    /// The model as the caller named it.
    pub model: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    /// The caller asked for a usage chunk (OpenAI).
    pub stream_usage: bool,
    /// Milliseconds from request to now, for wires that report latency (Bedrock).
    pub latency_ms: u64,
}

/// Frames to events. Holds only what the grammar needs: open blocks, tool indices, usage so far.
pub trait Decoder: Send {
    /// Reads one frame. A malformed one ends the stream [S5].
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed>;

    /// The provider closed the stream: appends what closes open blocks, or says that the stream was cut [S3].
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Truncated>;

    /// The terminal event has been read: whatever follows is ignored [S7].
    fn is_over(&self) -> bool;
}

/// A stream ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

/// Events to the bytes of one stream.
pub trait Encoder: Send {
    /// Writes one event. `Finish` and `Usage` may be held back until [`Encoder::finish`], where the wire's last
    /// events are written; everything else goes out at once.
    fn push(&mut self, event: &Event, out: &mut Vec<u8>);

    /// The last bytes of a whole stream. Called once, after settlement.
    fn finish(&mut self, out: &mut Vec<u8>);

    /// The last bytes of a stream that failed: an error event in the dialect's own form [S4].
    fn fail(&mut self, error: &Error, out: &mut Vec<u8>);

    /// Bytes that keep an idle stream open, where the dialect's SDKs accept one [L3].
    fn keep_alive(&self) -> Option<&'static [u8]>;
}

/// What the gateway learns from a frame or answer that passes through untouched.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// What it says about usage.
    pub usage: UsageUpdate,
    /// It has meaning: the stream has really begun [U6].
    pub meaningful: bool,
    /// A choice finished; the end may come any time.
    pub finished: bool,
    /// The terminal event: what follows is ignored [S7].
    pub terminal: bool,
    /// It carries usage and nothing else, asked for by us: kept from a caller who did not ask [S6].
    pub usage_only: bool,
    /// The provider reports a failure.
    pub error: Option<Error>,
    /// Bytes of generated text, for an estimate if usage never comes [M10].
    pub generated: usize,
}

/// The tool that stands in for structured output on models without it: its schema is the caller's, its input is the
/// answer. Decoders turn calls of it back into text; no caller's tool may have this name.
pub const JSON_OUTPUT_TOOL: &str = "portunus_json_output";

/// Whether a provider that speaks this wire offers this model on it: OpenAI's models either chat or complete.
pub fn offers(wire: Wire, model: &str) -> bool {
    match wire {
        Wire::OpenAiChat | Wire::OpenAiResponses => !only_completes(model),
        Wire::OpenAiCompletions => completes(model),
        _ => true,
    }
}

/// The codec of a wire: the one table.
pub fn codec(wire: Wire) -> &'static dyn Codec {
    match wire {
        Wire::AnthropicMessages => &crate::anthropic::messages::Messages,
        Wire::BedrockConverse => &crate::bedrock::converse::Converse,
        Wire::BedrockInvoke => &crate::bedrock::invoke::INVOKE,
        Wire::CohereChat => &crate::cohere::chat::Chat,
        Wire::GeminiGenerate => &crate::gemini::generate::Generate,
        Wire::OpenAiChat => &crate::openai::chat::Chat,
        Wire::OpenAiCompletions => &crate::openai::completions::Completions,
        Wire::OpenAiResponses => &crate::openai::responses::Responses,
    }
}

/// Tokens estimated from bytes of text: four bytes a token, at least one for anything at all [M10].
pub fn estimate_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

/// The usage a wire reports when the provider did not say: an estimate, marked so elsewhere.
pub fn estimated_usage(input_bytes: usize, generated_bytes: usize) -> Usage {
    Usage { input: estimate_tokens(input_bytes), output: estimate_tokens(generated_bytes), ..Usage::default() }
}
