//! `echo`: the provider that needs no network. It repeats the last user message, word by word if asked to stream, and
//! reports usage by estimate, in every wire natively.

use crate::{Answer, Attempt, Broken, Failure, Fault, ServiceAttempt, Upstream};
use bytes::Bytes;
use config::Quirks;
use dialects::{
    Codec, Malformed,
    codec::{Envelope, Reply, codec, estimate_tokens},
    json,
};
use domain::{
    Dialect, Operation, Service, Usage, Wire,
    chat::{Block, Choice, Content, FinishReason, Request, Response, Role},
    event::{Delta, Event, Open},
    time::{Clock, SystemClock},
};
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::atomic::{AtomicU64, Ordering};

mod services;

/// The most answers to one request [I5].
const MAX_CHOICES: u32 = 16;

/// The built-in provider.
#[derive(Debug, Default)]
pub struct Echo {
    answered: AtomicU64,
    quirks: Quirks,
}

#[async_trait::async_trait]
impl Upstream for Echo {
    fn wires(&self) -> &[Wire] {
        &[Wire::OpenAiChat, Wire::AnthropicMessages, Wire::BedrockConverse, Wire::BedrockInvoke, Wire::GeminiGenerate]
    }

    fn services(&self) -> &[Service] {
        &[Service::OpenAiEmbeddings, Service::JinaRerank]
    }

    fn region(&self) -> Option<&str> {
        None
    }

    fn serves(&self, wire: Wire, operation: Operation) -> bool {
        operation == Operation::Chat || wire != Wire::OpenAiChat
    }

    fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    async fn send(&self, attempt: Attempt<'_>) -> Result<Answer, Failure> {
        if !self.serves(attempt.wire, attempt.operation) {
            return Err(Failure::before(Fault::Unserved));
        }
        if attempt.operation == Operation::CountTokens {
            return Ok(whole(200, counted(attempt.wire, attempt.body.len())));
        }
        let id = format!("echo{}", self.answered.fetch_add(1, Ordering::Relaxed));
        Ok(chat(&attempt, &id).unwrap_or_else(|malformed| refused(attempt.wire.dialect(), malformed, &id)))
    }

    async fn send_service(&self, attempt: ServiceAttempt<'_>) -> Result<Answer, Failure> {
        let said = match attempt.service {
            Service::OpenAiEmbeddings => services::embedded(&attempt.body),
            Service::JinaRerank => services::ranked(&attempt.body),
            _ => return Err(Failure::before(Fault::Unserved)),
        };
        Ok(said.map_or_else(|malformed| refused(attempt.service.dialect(), malformed, "echo"), |body| whole(200, body)))
    }
}

fn counted(wire: Wire, body: usize) -> String {
    let key = match wire {
        Wire::BedrockConverse => "inputTokens",
        Wire::GeminiGenerate => "totalTokens",
        _ => "input_tokens",
    };
    json::write::object(|object| {
        object.number(key, estimate_tokens(body));
    })
}

fn chat(attempt: &Attempt<'_>, id: &str) -> Result<Answer, Malformed> {
    let body = json::parse(&attempt.body)?;
    let envelope = match attempt.wire {
        Wire::BedrockConverse | Wire::BedrockInvoke | Wire::GeminiGenerate => {
            Envelope { model: Some(attempt.model.as_str()), stream: Some(attempt.stream) }
        }
        _ => Envelope::default(),
    };
    let codec = codec(attempt.wire);
    let request = codec.decode_request(&body, &envelope)?;
    let codec = codec.answering(&body, &envelope).unwrap_or(codec);
    let reply = Reply {
        call_id: id,
        model: attempt.model.as_str(),
        created: SystemClock.now().secs(),
        stream_usage: request.stream_usage,
        latency_ms: 0,
    };
    let echoed = Echoed::of(&request);
    Ok(match attempt.stream {
        true => streamed(codec, &echoed, &reply),
        false => whole(200, codec.encode_response(&echoed.response(&reply), &reply)),
    })
}

/// What is said in answer to one request.
struct Echoed {
    text: String,
    finish: FinishReason,
    choices: u32,
    usage: Usage,
}

impl Echoed {
    fn of(request: &Request) -> Echoed {
        let mut text = last_user_text(request);
        let finish = cut(&mut text, request.max_output_tokens);
        let choices = request.n.unwrap_or(1).clamp(1, MAX_CHOICES);
        let prompt = request.messages.iter().flat_map(|message| &message.content).filter_map(said).map(str::len).sum();
        let output = estimate_tokens(text.len()) * u64::from(choices);
        Echoed { text, finish, choices, usage: Usage { input: estimate_tokens(prompt), output, ..Usage::default() } }
    }

    fn response(&self, reply: &Reply<'_>) -> Response {
        let choice = || Choice {
            content: vec![Block::text(&*self.text)],
            finish: self.finish.clone(),
            stop_sequence: None,
            logprobs: None,
        };
        Response {
            id: Some(reply.call_id.to_owned()),
            model: Some(reply.model.to_owned()),
            created: Some(reply.created),
            choices: (0..self.choices).map(|_| choice()).collect(),
            usage: self.usage.into(),
            ..Response::default()
        }
    }

    fn events(&self, reply: &Reply<'_>) -> Vec<Event> {
        let (id, model) = (Some(reply.call_id.to_owned()), Some(reply.model.to_owned()));
        let mut events = vec![Event::Start { id, model, created: Some(reply.created) }];
        for choice in 0..self.choices {
            events.push(Event::Open { index: choice, choice, block: Open::Text });
            let words = self.text.split_inclusive(char::is_whitespace);
            events.extend(words.map(|word| Event::Delta { index: choice, delta: Delta::Text(word.to_owned()) }));
            events.push(Event::Close { index: choice });
            events.push(Event::Finish { choice, reason: self.finish.clone(), stop_sequence: None });
        }
        events.push(Event::Usage(self.usage.into()));
        events
    }
}

fn last_user_text(request: &Request) -> String {
    let said_by_user = request.messages.iter().rev().filter(|message| message.role == Role::User);
    let texts = said_by_user.map(|message| message.content.iter().filter_map(said).collect::<Vec<_>>().join("\n"));
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

fn said(block: &Block) -> Option<&str> {
    match &block.content {
        Content::Text { text, .. } => Some(text),
        _ => None,
    }
}

/// Cuts the text to the tokens allowed, and says why it ended.
fn cut(text: &mut String, max_tokens: Option<u64>) -> FinishReason {
    let max = usize::try_from(max_tokens.unwrap_or(u64::MAX).saturating_mul(4)).unwrap_or(usize::MAX);
    if text.len() <= max {
        return FinishReason::Stop;
    }
    text.truncate(text.floor_char_boundary(max));
    FinishReason::Length
}

fn streamed(codec: &dyn Codec, echoed: &Echoed, reply: &Reply<'_>) -> Answer {
    let mut encoder = codec.encoder(reply);
    let mut pieces: Vec<Result<Bytes, Broken>> = Vec::new();
    let mut keep = |piece: Vec<u8>| {
        if !piece.is_empty() {
            pieces.push(Ok(piece.into()));
        }
    };
    for event in echoed.events(reply) {
        let mut piece = Vec::new();
        encoder.push(&event, &mut piece);
        keep(piece);
    }
    let mut last = Vec::new();
    encoder.finish(&mut last);
    keep(last);
    Answer { status: 200, headers: typed(codec.framing().content_type()), body: stream::iter(pieces).boxed() }
}

fn whole(status: u16, body: String) -> Answer {
    let body = stream::once(async move { Ok(Bytes::from(body)) });
    Answer { status, headers: typed("application/json"), body: body.boxed() }
}

fn refused(dialect: Dialect, malformed: Malformed, id: &str) -> Answer {
    let rendered = dialects::error::render(dialect, &malformed.into(), id);
    let mut answer = whole(rendered.status, rendered.body);
    for (name, value) in rendered.headers {
        answer.headers.extend(HeaderValue::try_from(value).ok().map(|value| (HeaderName::from_static(name), value)));
    }
    answer
}

fn typed(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}
