//! The stages of a call, each a type: what one stage makes is what the next is given.

use crate::{
    budgets::Budgets,
    http::route::{Route, Serves},
    target::ResolvedTarget,
};
use bytes::Bytes;
use dialects::{
    Codec, codec,
    codec::{Encoder, Envelope, Reply},
    form::Form,
    head::Head,
    json::Node,
    service::{Ask, Streams, Voice},
};
use domain::{
    Api, CallId, Dialect, Error, Kind, Operation, Secret, Service, Timestamp, Usage, Usd,
    call::{Reservation, UsageSource},
    chat::Response,
    limit::Priority,
    media::{Picture, Units},
    tokens::Tier,
};
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use stores::limits::{Standing, Taken};

/// Who is asking.
mod caller;

pub use caller::Caller;

/// A request as it came in: route, headers that matter, body still bytes.
pub struct Call {
    pub id: CallId,
    pub route: &'static Route,
    /// The model in the path, decoded once.
    pub path_model: Option<String>,
    pub extras: Extras,
    pub body: Bytes,
    /// What divides the parts of the body, if it is a form; or that it is of a type the path does not take.
    pub boundary: Result<Option<String>, Error>,
    pub received: Received,
    /// When everything must be over: Lambda's deadline less a margin [L2], or the caller's own limit.
    pub deadline: Option<Instant>,
    /// Told once the call's money is held: from then on it may have to be answered before it is done.
    pub progress: Arc<OnceLock<Arc<About>>>,
    /// Told how the caller's rate limits stand.
    pub told: Arc<Telling>,
}

/// How rate limits stood at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub standing: Standing,
    /// A limit that is only observed would have refused the call.
    pub observed: bool,
    pub at: Timestamp,
}

/// What is known last of how rate limits stand; it outlives a call that fails.
#[derive(Debug, Default)]
pub struct Telling(Mutex<Option<Told>>);

impl Telling {
    pub fn tell(&self, told: Told) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    pub fn told(&self) -> Option<Told> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a call came in, on the calendar and on the stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub at: Timestamp,
    pub instant: Instant,
}

impl Call {
    /// What is asked for.
    pub fn operation(&self) -> Operation {
        match self.route.serves {
            Serves::Inference(operation) => operation,
            Serves::Described | Serves::Health | Serves::Models | Serves::Response(_) | Serves::Service => {
                Operation::Chat
            }
        }
    }

    /// What the caller speaks.
    pub fn api(&self) -> Api {
        self.route.api
    }

    /// What the path adds to the body.
    pub fn envelope(&self) -> Envelope<'_> {
        Envelope { model: self.path_model.as_deref(), stream: self.route.stream }
    }
}

/// A header of InvokeModel: asks for a guardrail of Bedrock's.
pub const GUARDRAIL: &str = "x-amzn-bedrock-guardrailidentifier";

/// What the headers of a request say to the gateway; none of it reaches a provider but `forward`.
#[derive(Default)]
pub struct Extras {
    /// The credential, if exactly one was sent.
    pub credential: Option<Secret>,
    /// Where the request came from, by the trusted edge's word [H4].
    pub client_ip: Option<String>,
    /// What the client called it.
    pub client_request_id: Option<String>,
    /// `x-portunus-tags` and `x-portunus-metadata`.
    pub tags: Vec<(String, String)>,
    /// `x-portunus-provider`.
    pub provider: Option<String>,
    /// `x-portunus-priority`.
    pub priority: Option<Priority>,
    /// Headers that may go to a provider of the same dialect [H1].
    pub forward: Vec<(HeaderName, HeaderValue)>,
    /// Betas of Claude that the headers ask for; a provider gets those it takes.
    pub betas: Vec<String>,
}

/// The request, read once.
pub struct Request<'a> {
    pub body: Node<'a>,
    pub head: Head,
    /// Bytes of the text in it: an upper bound of its text tokens.
    pub bytes: usize,
    /// A guardrail of the provider's is asked for.
    pub guarded: bool,
    /// What is asked of a service; `None` asks for chat.
    pub asked: Option<Asked>,
}

impl Request<'_> {
    /// The bytes of the prompt, if a guardrail of the provider's is to check it.
    pub fn guarded_bytes(&self) -> Option<usize> {
        self.guarded.then_some(self.bytes)
    }
}

/// What is asked of a service.
pub struct Asked {
    pub service: Service,
    pub ask: Ask,
    /// The body, if it is a form.
    pub form: Option<Form>,
}

/// Where a call may go, in order, and the most it could cost.
pub struct Plan {
    /// At least one.
    pub targets: Vec<Arc<ResolvedTarget>>,
    /// What bears the call, wherever it goes.
    pub budgets: Budgets,
    /// The model's own settings.
    pub retry: config::Retry,
    pub timeout: config::Timeout,
    /// W: the dearest the plan allows [section 3 of the hardening rules].
    pub worst_case: Usd,
    /// Charged if the call is dispatched and never heard of again.
    pub ambiguous: Usd,
    /// The most prompt tokens the request can be.
    pub input_bound: u64,
    /// The output cap to write into the request, where one must be enforced [M3].
    pub output_cap: Option<u64>,
    /// The most output tokens reserved for; 0 where nothing bounds them.
    pub output_bound: u64,
    /// The bytes of the prompt, if a guardrail of the provider's is to check it.
    pub guarded: Option<usize>,
}

impl Plan {
    /// Does any budget bear it, wherever it goes?
    pub fn is_borne(&self) -> bool {
        self.targets.iter().any(|target| self.budgets.bear(target))
    }
}

/// A call whose money is held.
pub struct Admitted {
    pub caller: Caller,
    pub plan: Plan,
    pub reservation: Reservation,
    /// What it took from its rate limits.
    pub taken: Taken,
    /// The call's fields that its record will name.
    pub about: Arc<About>,
}

/// What stays of a call when its body is gone.
#[derive(Clone)]
pub struct About {
    pub id: CallId,
    pub api: Api,
    /// Writes the answer.
    pub writer: Writer,
    /// What the answer repeats of the request.
    pub echo: Option<Arc<str>>,
    /// What a service will probably use, where nobody says.
    pub likely: Units,
    /// The most it can use.
    pub most: Units,
    /// The images asked for.
    pub picture: Picture,
    pub model: String,
    pub stream: bool,
    pub stream_usage: bool,
    pub tags: Vec<(String, String)>,
    pub client_request_id: Option<String>,
    pub received: Received,
    pub deadline: Option<Instant>,
    pub request_bytes: usize,
    /// A guardrail of the provider's is asked for.
    pub guarded: bool,
    /// There may be images in the prompt.
    pub media: bool,
}

impl About {
    pub fn of(call: &Call, request: &Request<'_>) -> Self {
        let ask = request.asked.as_ref().map(|asked| asked.ask.clone()).unwrap_or_default();
        Self {
            id: call.id.clone(),
            api: call.api(),
            writer: Writer::of(call, request),
            echo: call.api().wire().and_then(|wire| codec(wire).echo(&request.body)).map(Arc::from),
            likely: ask.likely,
            most: ask.most,
            picture: ask.picture,
            model: request.head.model.clone(),
            stream: request.head.stream,
            stream_usage: request.head.stream_usage,
            tags: call.extras.tags.iter().chain(&request.head.metadata).cloned().collect(),
            client_request_id: call.extras.client_request_id.clone(),
            received: call.received,
            deadline: call.deadline,
            request_bytes: request.bytes,
            guarded: request.guarded,
            media: request.head.media,
        }
    }

    /// What an answer in the caller's dialect needs to know.
    pub fn reply(&self) -> Reply<'_> {
        Reply {
            call_id: self.id.as_str(),
            model: &self.model,
            created: self.received.at.secs(),
            stream_usage: self.stream_usage,
            latency_ms: self.received.instant.elapsed().as_millis() as u64,
        }
    }

    pub fn dialect(&self) -> Dialect {
        self.api.dialect()
    }

    /// The stream may be begun before the provider has said anything: its form is known, and has room for an error.
    pub fn begins_early(&self) -> bool {
        self.stream && !matches!(self.writer, Writer::Service(Some(Streams::Bytes)))
    }

    /// What the gateway itself says in the stream.
    pub fn voice(&self) -> Box<dyn Encoder> {
        match self.writer {
            Writer::Chat(codec) => self.encoder(codec),
            Writer::Service(streams) => Box::new(Voice(streams.unwrap_or(Streams::Events))),
        }
    }

    /// Writes the answer as a stream of a chat wire.
    pub fn encoder(&self, codec: &dyn Codec) -> Box<dyn Encoder> {
        match &self.echo {
            Some(echo) => codec.encoder_to(&self.reply(), echo),
            None => codec.encoder(&self.reply()),
        }
    }

    /// Writes the answer as a whole of a chat wire.
    pub fn encode(&self, codec: &dyn Codec, response: &Response) -> String {
        match &self.echo {
            Some(echo) => codec.encode_response_to(response, &self.reply(), echo),
            None => codec.encode_response(response, &self.reply()),
        }
    }

    /// The media type of the stream, unless the provider's own is known.
    pub fn stream_type(&self) -> &'static str {
        match self.writer {
            Writer::Chat(codec) => codec.framing().content_type(),
            Writer::Service(streams) => streams.unwrap_or(Streams::Events).framing().content_type(),
        }
    }
}

/// Who writes an answer.
#[derive(Clone, Copy)]
pub enum Writer {
    Chat(&'static dyn Codec),
    /// The provider itself; or a service's translation, which is always whole.
    Service(Option<Streams>),
}

impl Writer {
    fn of(call: &Call, request: &Request<'_>) -> Self {
        match call.api() {
            Api::Chat(wire) => {
                let codec = codec(wire);
                Writer::Chat(codec.answering(&request.body, &call.envelope()).unwrap_or(codec))
            }
            Api::Service(_) => Writer::Service(request.asked.as_ref().and_then(|asked| asked.ask.streams)),
        }
    }
}

/// What the attempts came to: what was said, by whom, and what it used.
pub struct Relayed {
    pub target: Option<Arc<ResolvedTarget>>,
    pub attempts: u32,
    /// Paths of the request that the translation could not carry.
    pub dropped: Vec<String>,
    /// The provider's own id of the request.
    pub upstream_request_id: Option<HeaderValue>,
    /// The media type of the answer, where it is not the caller's dialect's own.
    pub content_type: Option<&'static str>,
    /// What earlier attempts may have cost [M9].
    pub charged: Usd,
    /// The reservation as it stands after top-ups and moves, if there were any.
    pub topped_up: Option<Reservation>,
    /// Milliseconds spent waiting for providers.
    pub waited_ms: u64,
    pub outcome: Outcome,
}

impl Relayed {
    /// The relay itself broke: what it had done by then is not known.
    pub fn panicked() -> Self {
        let error = Error::gateway(Kind::Internal, "an internal error stopped this call; it was recorded");
        Self {
            target: None,
            attempts: 0,
            dropped: Vec::new(),
            upstream_request_id: None,
            content_type: None,
            charged: Usd::ZERO,
            topped_up: None,
            waited_ms: 0,
            outcome: Outcome::Failed { error, charge: Charge::Ambiguous },
        }
    }
}

/// How the relay ended, or goes on.
#[allow(clippy::large_enum_variant, reason = "made once a call and moved twice")]
pub enum Outcome {
    /// A whole answer, in the caller's dialect.
    Whole { body: Bytes, metered: Metered },
    /// A stream whose first event has been seen; settled in its tail.
    Stream(Box<crate::relay::live::Live>),
    /// Every attempt failed, or the first one that must not be repeated.
    Failed { error: Error, charge: Charge },
}

/// What a failed call still costs [M10].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Refused before anything was done: nothing.
    Nothing,
    /// Dispatched, and the answer lost: the input.
    Ambiguous,
}

/// What an answer used, as far as anyone can tell.
#[derive(Clone, Debug, Default)]
pub struct Metered {
    pub usage: Usage,
    pub source: Option<UsageSource>,
    /// What was used beside tokens, if anybody said.
    pub units: Option<Units>,
    /// The tier that served it, if the provider said.
    pub tier: Option<Tier>,
}

/// What goes back to the caller.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: AnswerBody,
}

/// In one piece, or as it comes.
pub enum AnswerBody {
    Whole(Bytes),
    Stream(Streamed),
}

/// A stream that never yields an error: failures are events in it. Whoever stops reading it early calls
/// [`Abandon::after`] and reads on, so that it is settled.
pub struct Streamed {
    pub stream: BoxStream<'static, Bytes>,
    pub abandon: Arc<Abandon>,
}

/// "Nobody listens any more": how long a stream may still be read to learn its usage [M11].
#[derive(Debug, Default)]
pub struct Abandon {
    at: OnceLock<Instant>,
    told: tokio::sync::Notify,
}

impl Abandon {
    /// The stream is given up `patience` from now.
    pub fn after(&self, patience: Duration) {
        let _ = self.at.set(Instant::now() + patience);
        self.told.notify_waiters();
    }

    /// Whether the stream is given up by now.
    pub fn is_over(&self, now: Instant) -> bool {
        self.at.get().is_some_and(|at| *at <= now)
    }

    /// Waits until the stream is given up; for ever while somebody listens.
    pub async fn given_up(&self) {
        loop {
            let told = self.told.notified();
            if let Some(at) = self.at.get() {
                return tokio::time::sleep_until((*at).into()).await;
            }
            told.await;
        }
    }
}
