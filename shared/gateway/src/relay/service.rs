//! Services: equal ones pass, those that embed, rank, make images or speak can be translated.

use super::{
    attempts::{
        Answered, Failed, Order as Either, Prepared, Relay, Sending, content_type, count, is_json, request_id,
        wrong_content_type,
    },
    carrier::Carrier,
    live::Live,
    meter::Meter,
    raw::Raw,
    whole,
};
use crate::{
    call::{Asked, Charge, Metered, Outcome},
    target::ResolvedTarget,
};
use bytes::Bytes;
use dialects::{
    Malformed,
    codec::{Glance, Will},
    embedding::embedder,
    json::{self, Node},
    rerank::reranker,
    service::{Said, Streams, offer},
    speech::File,
};
use domain::{Error, Service, Task, embedding, rerank};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue};
use providers::Answer;

mod made;

/// Requests of one attempt that are under way at once, where a service takes one input each.
const AT_ONCE: usize = 8;

/// What is sent to a service: one request, or one for each input.
pub struct Order {
    service: Service,
    bodies: Vec<Bytes>,
    content_type: HeaderValue,
    /// The caller's request, where the answer has to be translated.
    translated: Option<Translated>,
}

/// A canonical request.
enum Translated {
    Embed(embedding::Request),
    Images,
    Rerank(rerank::Request),
    /// The file that the sound is to be.
    Speech(File),
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Media types that a service may answer with: no other name a provider gives reaches a caller.
const MEDIA: [&str; 14] = [
    "application/x-subrip",
    "audio/aac",
    "audio/basic",
    "audio/flac",
    "audio/l16",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/pcm",
    "audio/wav",
    "audio/webm",
    "audio/x-wav",
    "text/plain",
    "text/vtt",
];
const BYTES: &str = "application/octet-stream";

impl Relay<'_> {
    /// The request in the words of the target's service.
    pub(super) fn prepare_service(&self, asked: &Asked, target: &ResolvedTarget) -> Result<Prepared, Failed> {
        let service = target.service_for(asked.service).ok_or_else(crate::target::nothing_to_try)?;
        let (order, dropped) = match service == asked.service {
            true => (self.passed(asked, target), Vec::new()),
            false => self.put_otherwise(asked, service, target)?,
        };
        Ok(Prepared { order: Either::Service(order), dropped })
    }

    /// The caller's own words, with another model in them.
    fn passed(&self, asked: &Asked, target: &ResolvedTarget) -> Order {
        let (model, quirks) = (target.model.as_str(), &target.quirks);
        let (body, content_type) = match &asked.form {
            Some(form) => {
                let boundary = boundary();
                let form = form.with_model(model).departing(&quirks.drop, &quirks.rename);
                let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}")).unwrap_or(JSON);
                (form.written(&boundary).into(), kind)
            }
            None => {
                let will = Will { model, drop: &quirks.drop, rename: &quirks.rename, ..Will::default() };
                (offer(asked.service).pass(&self.request.body, &will).into(), JSON)
            }
        };
        Order { service: asked.service, bodies: vec![body], content_type, translated: None }
    }

    /// Another service's words for the same.
    fn put_otherwise(
        &self,
        asked: &Asked,
        service: Service,
        target: &ResolvedTarget,
    ) -> Result<(Order, Vec<String>), Error> {
        let (body, model) = (&self.request.body, target.model.as_str());
        let (bodies, dropped, translated) = match service.task() {
            Task::Embed => {
                let (from, to) = (embedder(asked.service), embedder(service));
                let (from, to) = from.zip(to).ok_or_else(crate::target::nothing_to_try)?;
                let request = from.decode_request(body, &self.call.envelope())?;
                let encoded = to.encode_request(&request, model)?;
                (encoded.bodies, encoded.dropped, Translated::Embed(request))
            }
            Task::EditImages | Task::GenerateImages => made::pictures(asked, body, service, model)?,
            Task::Speak => made::spoken(asked, body, service)?,
            _ => {
                let (from, to) = (reranker(asked.service), reranker(service));
                let (from, to) = from.zip(to).ok_or_else(crate::target::nothing_to_try)?;
                let request = rerank::Request { model: asked.ask.model.clone(), ..from.decode_request(body)? };
                let (body, dropped) = to.encode_request(&request, model);
                (vec![body], dropped, Translated::Rerank(request))
            }
        };
        let bodies = bodies.into_iter().map(Bytes::from).collect();
        Ok((Order { service, bodies, content_type: JSON, translated: Some(translated) }, dropped))
    }

    /// The requests of an attempt and what they brought.
    pub(super) async fn exchange_service(&self, target: &ResolvedTarget, order: Order) -> Result<Answered, Failed> {
        let sendings = order.bodies.iter().map(|body| Sending::Service {
            service: order.service,
            body: body.clone(),
            content_type: order.content_type.clone(),
        });
        let mut sendings: Vec<Sending> = sendings.collect();
        if matches!(order.translated, Some(Translated::Images)) {
            return self.exchange_images(target, order.service, &sendings).await;
        }
        if sendings.len() > 1 {
            return self.exchange_many(target, &order, &sendings).await;
        }
        let sending = sendings.pop().ok_or_else(crate::target::nothing_to_try)?;
        let mut answer = self.accepted(target, &sending).await?;
        let upstream_request_id = request_id(&answer.headers);
        let streams = self.request.asked.as_ref().and_then(|asked| asked.ask.streams);
        let (outcome, content_type) = match streams.filter(|streams| is_streamed(*streams, &answer.headers)) {
            Some(streams) => self.stream_of(order.service, streams, answer).await?,
            None => {
                let body = self.body_of(&mut answer).await?;
                self.whole_of(&order, &answer.headers, body)?
            }
        };
        Ok(Answered { outcome, dropped: Vec::new(), upstream_request_id, content_type })
    }

    /// Sends one request and waits for an answer that is no refusal.
    async fn accepted(&self, target: &ResolvedTarget, sending: &Sending) -> Result<Answer, Failed> {
        let answer = self.send_renewed(target, sending).await?;
        let Sending::Service { service, .. } = sending else { return Ok(answer) };
        match answer.status {
            200..300 => Ok(answer),
            _ => Err(self.refused(service.dialect(), answer).await),
        }
    }

    /// One request for each input, a few at a time; the answers follow each other in the order of the inputs. What has been
    /// answered when one fails is charged as far as it can be known [M10].
    async fn exchange_many(
        &self,
        target: &ResolvedTarget,
        order: &Order,
        sendings: &[Sending],
    ) -> Result<Answered, Failed> {
        let each = sendings.iter().map(|sending| self.one_of_many(target, order.service, sending).boxed());
        let each: Vec<BoxFuture<'_, _>> = each.collect();
        let answers: Result<Vec<_>, Failed> = futures::stream::iter(each).buffered(AT_ONCE).try_collect().await;
        let answers = answers.map_err(paid_in_part)?;
        let upstream_request_id = answers.first().and_then(|(_, id)| id.clone());
        let responses = answers.into_iter().map(|(response, _)| response);
        let response = responses.reduce(embedding::Response::followed_by).unwrap_or_default();
        let mut meter = Meter::default();
        let (input, output) = (response.tokens, response.tokens.map(|_| 0));
        meter.glance(&Glance {
            usage: domain::tokens::UsageUpdate { input, output, ..Default::default() },
            ..Glance::default()
        });
        let outcome = Outcome::Whole { body: self.told(order, &response)?, metered: meter.metered(self.request.bytes) };
        Ok(Answered { outcome, dropped: Vec::new(), upstream_request_id, content_type: None })
    }

    /// The vectors of one input, and the provider's own id of the request.
    async fn one_of_many(
        &self,
        target: &ResolvedTarget,
        service: Service,
        sending: &Sending,
    ) -> Result<(embedding::Response, Option<HeaderValue>), Failed> {
        let mut answer = self.accepted(target, sending).await?;
        let body = self.body_of(&mut answer).await?;
        let node = json::parse_answer(&body).map_err(|problem| lost(&problem))?;
        let said = said(service, &node, &answer.headers)?;
        let embedder = embedder(service).ok_or_else(crate::target::nothing_to_try)?;
        let mut response = embedder.decode_response(&node).map_err(|problem| lost(&problem))?;
        response.tokens = response.tokens.or(said.usage.input);
        Ok((response, request_id(&answer.headers)))
    }

    /// Vectors in the caller's words.
    fn told(&self, order: &Order, response: &embedding::Response) -> Result<Bytes, Failed> {
        let inbound = self.request.asked.as_ref().and_then(|asked| embedder(asked.service));
        match (&order.translated, inbound) {
            (Some(Translated::Embed(asked)), Some(inbound)) => {
                let told = inbound.encode_response(response, asked, self.about.id.as_str());
                told.map(Bytes::from).map_err(|problem| lost(&problem))
            }
            _ => Err(crate::target::nothing_to_try().into()),
        }
    }

    /// An answer in one piece: JSON, or where sounds become words text.
    fn whole_of(
        &self,
        order: &Order,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(Outcome, Option<&'static str>), Failed> {
        if !is_json(headers) {
            return self.text_of(order, headers, body);
        }
        let node = match json::parse_answer(&body) {
            Ok(node) => node,
            // Some hosts send text without saying so.
            Err(_) if is_heard(order.service) && !body.is_empty() => return self.text_of(order, headers, body),
            Err(problem) => return Err(lost(&problem)),
        };
        let said = said(order.service, &node, headers)?;
        let metered = self.metered(&said);
        let body = match &order.translated {
            None => {
                drop(node);
                body
            }
            Some(Translated::Embed(_)) => {
                let embedder = embedder(order.service).ok_or_else(crate::target::nothing_to_try)?;
                let mut response = embedder.decode_response(&node).map_err(|problem| lost(&problem))?;
                response.tokens = response.tokens.or(said.usage.input);
                self.told(order, &response)?
            }
            Some(Translated::Rerank(asked)) => self.ranked(order.service, asked, &node)?,
            Some(Translated::Speech(file)) => return self.sounded(order, *file, &node),
            Some(Translated::Images) => return Err(crate::target::nothing_to_try().into()),
        };
        Ok((Outcome::Whole { body, metered }, None))
    }

    /// A ranking in the caller's words.
    fn ranked(&self, service: Service, asked: &rerank::Request, node: &Node<'_>) -> Result<Bytes, Failed> {
        let inbound = self.request.asked.as_ref().and_then(|asked| reranker(asked.service));
        let (from, to) = reranker(service).zip(inbound).ok_or_else(crate::target::nothing_to_try)?;
        let response = from.decode_response(node).map_err(|problem| lost(&problem))?;
        Ok(to.encode_response(&response, asked, self.about.id.as_str()).into())
    }

    /// Words or subtitles as plain text.
    fn text_of(
        &self,
        order: &Order,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(Outcome, Option<&'static str>), Failed> {
        let kind = media_type(headers);
        let text = std::str::from_utf8(&body).ok().filter(|text| !looks_like_html(text));
        let Some(text) = text.filter(|_| is_heard(order.service) && !kind.starts_with("audio/")) else {
            return Err(wrong_content_type().into());
        };
        let said = offer(order.service).said_in_text(text);
        let metered = Metered { ..self.metered(&said) };
        let kind = if kind == BYTES { "text/plain" } else { kind };
        Ok((Outcome::Whole { body, metered }, Some(kind)))
    }

    fn metered(&self, said: &Said) -> Metered {
        let mut meter = Meter::default();
        meter.glance(&Glance { usage: said.usage, ..Glance::default() });
        if !said.units.is_empty() {
            meter.units(&said.units);
        }
        meter.metered(self.request.bytes)
    }

    /// Reads up to the first piece of the answer [U6].
    async fn stream_of(
        &self,
        service: Service,
        streams: Streams,
        answer: Answer,
    ) -> Result<(Outcome, Option<&'static str>), Failed> {
        let kind = match streams {
            Streams::Events => streams.framing().content_type(),
            Streams::Bytes => media_type(&answer.headers),
        };
        let carrier = Carrier::Raw(Raw::new(offer(service), streams));
        let live = Live::new(answer.body, streams.framing().cutter(), carrier, 0);
        Ok((Outcome::Stream(Box::new(self.begun(live).await?)), Some(kind)))
    }
}

/// What an answer says of itself; a failure under a 200 is a failure.
fn said(service: Service, node: &Node<'_>, headers: &HeaderMap) -> Result<Said, Failed> {
    let said = offer(service).said(node, &|name| count(headers, name)).map_err(|problem| lost(&problem))?;
    match said.error {
        Some(error) => Err(error.into()),
        None => Ok(said),
    }
}

/// Whether the answer comes in the pieces that were asked for; hosts may ignore the wish.
fn is_streamed(streams: Streams, headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    match streams {
        Streams::Events => kind.starts_with(streams.framing().content_type()),
        Streams::Bytes => !kind.contains("json") && !kind.contains("html"),
    }
}

/// Sounds become words there.
fn is_heard(service: Service) -> bool {
    matches!(service.task(), Task::Transcribe | Task::TranslateSpeech)
}

/// The answer's media type, if it is one of those that pass.
fn media_type(headers: &HeaderMap) -> &'static str {
    let kind = content_type(headers).split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    MEDIA.into_iter().find(|known| *known == kind).unwrap_or(BYTES)
}

/// A page of some proxy's, which is no transcript.
fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start().get(..15).unwrap_or("").to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html")
}

/// Some of several requests may have been answered before one failed.
fn paid_in_part(failed: Failed) -> Failed {
    Failed { charge: Charge::Ambiguous, ..failed }
}

fn lost(problem: &Malformed) -> Failed {
    Failed { error: whole::no_answer(problem), charge: Charge::Ambiguous }
}

/// What divides the parts of a form: random, so that no part contains it.
fn boundary() -> String {
    let mut random = [0u8; 16];
    let _ = getrandom::fill(&mut random);
    let mut boundary = String::from("portunus-");
    random.iter().for_each(|byte| boundary.push_str(&format!("{byte:02x}")));
    boundary
}
