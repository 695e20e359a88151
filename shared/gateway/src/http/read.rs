//! What a request says, read with limits [I1-I3].

use crate::{
    call::{Asked, Call, Extras, GUARDRAIL, Request as Read},
    identity,
    relay::betas,
};
use axum::{body::Body, extract::Request};
use bytes::{Bytes, BytesMut};
use dialects::{
    anthropic::betas::HEADER as BETAS,
    codec,
    head::{self, Head},
    json::{self, Node},
    service::{Body as Said, offer},
};
use domain::{Api, Dialect, Error, Kind, Operation, Service, Task, Wire, limit::Priority};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::time::{Duration, Instant};

const MAX_URL: usize = 8 << 10;
const MAX_HEADERS: usize = 100;
const MAX_HEADER_VALUE: usize = 8 << 10;
const MAX_HEADER_BLOCK: usize = 32 << 10;
/// The slowest a body may come: bytes a second, after a grace [I2].
const SLOWEST: u64 = 1024;
const GRACE: Duration = Duration::from_secs(10);
/// How far past the limit a body is read, and forgotten, before its sender is cut off.
const HEARD_OUT: u64 = 64 << 20;
/// The most a caller may put into tags: pairs, and bytes each [I1].
const MAX_PAIRS: usize = 16;
const MAX_PAIR_BYTES: usize = 512;

/// Headers that may reach a provider of the caller's own dialect: Anthropic's, and Bedrock's of InvokeModel [H1].
const FORWARDED: [&str; 6] = [
    "anthropic-version",
    GUARDRAIL,
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-trace",
];

/// `x-portunus-timeout-ms`, as a name that is ready to be looked for.
const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-portunus-timeout-ms");

/// Content types of bodies that are blobs to the SDKs of their wire, which then name none, or this one.
const BLOBS: [&str; 2] = ["", "application/octet-stream"];

/// URL and header block within limits.
pub fn head_within_limits(request: &Request) -> Result<(), Error> {
    let url = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if url > MAX_URL {
        return Err(Error::caller(Kind::UrlTooLong, "the URL is longer than 8 KiB"));
    }
    let headers = request.headers();
    let block: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > MAX_HEADERS || block > MAX_HEADER_BLOCK || headers.values().any(|v| v.len() > MAX_HEADER_VALUE) {
        return Err(Error::caller(
            Kind::HeadersTooLarge,
            "the headers are too large: at most 100, 8 KiB each, 32 KiB together",
        ));
    }
    Ok(())
}

/// The `Host` is one that is answered [I8].
pub fn host_allowed(request: &Request, allowed: &[String]) -> Result<(), Error> {
    if allowed.is_empty() {
        return Ok(());
    }
    let host =
        request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).or_else(|| request.uri().host());
    let host = host.unwrap_or("").to_ascii_lowercase();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    if allowed.iter().any(|one| *one == host || one == name) {
        return Ok(());
    }
    Err(Error::caller(Kind::InvalidRequest, "this host name is not served here").with_code("host_not_allowed"))
}

/// JSON, or a form where the path takes one; never compressed [I3]. Returns what divides the parts of a form.
pub fn content(request: &Request, api: Api) -> Result<Option<String>, Error> {
    let text = |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if text(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Error::caller(
            Kind::UnsupportedMediaType,
            "compressed requests are not accepted; send the body as it is",
        ));
    }
    let whole = text(header::CONTENT_TYPE).unwrap_or("");
    let kind = whole.split(';').next().unwrap_or("").trim();
    let (json, form) = accepted(api);
    let invoked = api == Api::Chat(Wire::BedrockInvoke) || api.service().is_some() && api.dialect() == Dialect::Bedrock;
    let blob = invoked && BLOBS.contains(&kind);
    if blob || json && kind.eq_ignore_ascii_case("application/json") {
        return Ok(None);
    }
    if form && kind.eq_ignore_ascii_case("multipart/form-data") {
        return super::form::boundary(whole).map(Some);
    }
    let expected = match (json, form) {
        (true, false) => "application/json",
        (false, _) => "multipart/form-data",
        (true, true) => "application/json or multipart/form-data",
    };
    Err(Error::caller(Kind::UnsupportedMediaType, format!("the content type must be {expected}")))
}

/// Whether a body may be JSON, and whether it may be a form.
fn accepted(api: Api) -> (bool, bool) {
    match api.service().map(Service::task) {
        Some(Task::Transcribe | Task::TranslateSpeech) => (false, true),
        Some(Task::EditImages) => (true, true),
        _ => (true, false),
    }
}

/// What the headers say to the gateway. One walk over those that were sent: they are fewer than those that may be.
pub fn extras(request: &Request) -> Result<Extras, Error> {
    let headers = request.headers();
    let mut extras = Extras {
        credential: identity::credential(headers, request.uri().query())?,
        client_ip: request.extensions().get::<super::ClientIp>().map(|ip| ip.0.clone()),
        ..Extras::default()
    };
    for name in headers.keys() {
        match name.as_str() {
            "x-request-id" => extras.client_request_id = text(headers, name).filter(|id| id.len() <= 128),
            "x-portunus-provider" => extras.provider = text(headers, name),
            "x-portunus-tags" | "x-portunus-metadata" if extras.tags.is_empty() => extras.tags = tags(headers)?,
            "x-portunus-priority" => extras.priority = priority(headers)?,
            BETAS => extras.betas = betas::asked(headers),
            known if FORWARDED.contains(&known) => {
                extras.forward.extend(headers.get(name).map(|value| (name.clone(), value.clone())));
            }
            _ => {}
        }
    }
    Ok(extras)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// `x-portunus-tags: a,b` and `x-portunus-metadata: {json}`, whose numbers and booleans count as their text.
fn tags(headers: &HeaderMap) -> Result<Vec<(String, String)>, Error> {
    let mut tags: Vec<(String, String)> = Vec::new();
    if let Some(value) = headers.get("x-portunus-tags") {
        let list = value.to_str().map_err(|_| bad_header("x-portunus-tags", "printable ASCII"))?;
        tags.extend(
            list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(|tag| (tag.to_owned(), String::new())),
        );
    }
    if let Some(value) = headers.get("x-portunus-metadata") {
        let wrong = || bad_header("x-portunus-metadata", "a JSON object of strings, numbers and booleans");
        let node = json::parse(value.as_bytes()).ok().filter(|node| node.is_object()).ok_or_else(wrong)?;
        for (key, value) in node.fields() {
            tags.push((key.clone().into_owned(), label(value).ok_or_else(wrong)?.to_owned()));
        }
    }
    if tags.len() > MAX_PAIRS || tags.iter().any(|(key, value)| key.len() + value.len() > MAX_PAIR_BYTES) {
        return Err(bad_header("x-portunus-tags", "at most 16 pairs of 512 bytes"));
    }
    Ok(tags)
}

/// What a value says as a label.
fn label<'n>(value: &'n Node<'_>) -> Option<&'n str> {
    match &value.kind {
        json::Kind::String(text) => Some(text),
        json::Kind::Number | json::Kind::Bool(_) => Some(value.raw),
        json::Kind::Null | json::Kind::Array(_) | json::Kind::Object(_) => None,
    }
}

fn bad_header(name: &str, expected: &str) -> Error {
    Error::invalid(name, format!("the header {name} must hold {expected}"))
}

/// `x-portunus-priority`.
fn priority(headers: &HeaderMap) -> Result<Option<Priority>, Error> {
    let Some(value) = headers.get("x-portunus-priority") else { return Ok(None) };
    let named = value.to_str().ok().and_then(Priority::named);
    named.map(Some).ok_or_else(|| bad_header("x-portunus-priority", "high, normal or low"))
}

/// `x-portunus-timeout-ms`.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let Some(value) = headers.get(TIMEOUT_MS) else { return Ok(None) };
    let millis =
        value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok());
    millis
        .filter(|millis| (1..=3_600_000).contains(millis))
        .map(|millis| Some(Duration::from_millis(millis)))
        .ok_or_else(|| bad_header("x-portunus-timeout-ms", "whole milliseconds from 1 to 3600000"))
}

/// The body, checked while it is read: too large is 413, too slow 408. What is too large is heard out within bounds,
/// for whoever is cut off while still sending sees a broken connection instead of the reason.
pub async fn body(body: Body, most: u64) -> Result<Bytes, Error> {
    let mut body = body;
    if body.size_hint().lower() > most + HEARD_OUT {
        return Err(too_large(most));
    }
    let started = Instant::now();
    let (mut first, mut rest): (Option<Bytes>, BytesMut) = (None, BytesMut::new());
    let mut length: u64 = 0;
    loop {
        let until = started + GRACE + Duration::from_secs(length.min(most) / SLOWEST);
        let frame = tokio::time::timeout_at(until.into(), body.frame()).await.map_err(|_| too_slow())?;
        let Some(frame) = frame else { break };
        let frame =
            frame.map_err(|_| Error::caller(Kind::InvalidRequest, "the request body could not be read to its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len() as u64;
        if length > most {
            (first, rest) = (None, BytesMut::new());
            if length > most + HEARD_OUT {
                break;
            }
            continue;
        }
        match first.take() {
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(head) => {
                rest.extend_from_slice(&head);
                rest.extend_from_slice(&data);
            }
        }
    }
    if length > most {
        return Err(too_large(most));
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

fn too_large(most: u64) -> Error {
    Error::caller(
        Kind::TooLarge,
        format!("the request body is larger than {most} bytes; send less, or refer to media by URL or file id"),
    )
}

fn too_slow() -> Error {
    Error::caller(Kind::RequestTimeout, "the request body came too slowly: at least 1 KiB a second is expected")
}

/// The request, read once and strictly.
pub async fn request<'a>(call: &Call, body: &'a Bytes) -> Result<Read<'a>, Error> {
    match (call.api(), call.boundary.clone()?) {
        (Api::Chat(wire), _) => chat(call, wire, body),
        (Api::Service(service), None) => {
            let node = json::parse(body)?;
            node.object()?;
            head::refuse_forbidden(&node)?;
            let ask = offer(service).ask(&Said::Json(&node), &call.envelope())?;
            Ok(of_service(node, Asked { service, ask, form: None }))
        }
        (Api::Service(service), Some(boundary)) => {
            let form = Box::pin(super::form::read(body, &boundary)).await?;
            let ask = offer(service).ask(&Said::Form(&form), &call.envelope())?;
            let nothing = Node { raw: "null", kind: json::Kind::Null };
            Ok(of_service(nothing, Asked { service, ask, form: Some(form) }))
        }
    }
}

fn chat<'a>(call: &Call, wire: Wire, body: &'a Bytes) -> Result<Read<'a>, Error> {
    let node = json::parse(body)?;
    node.object()?;
    head::refuse_forbidden(&node)?;
    let head = match call.operation() {
        Operation::Chat => codec(wire).head(&node, &call.envelope())?,
        Operation::CountTokens => crate::counting::counter(wire)?.head(&node, &call.envelope())?,
    };
    let guarded = is_guarded(call, wire, &node);
    Ok(Read { body: node, head, bytes: body.len(), guarded, asked: None })
}

/// Whether a guardrail of Bedrock's is asked for, in the body or by headers.
fn is_guarded(call: &Call, wire: Wire, body: &Node<'_>) -> bool {
    match wire {
        Wire::BedrockConverse => body.get("guardrailConfig").is_some(),
        Wire::BedrockInvoke => call.extras.forward.iter().any(|(name, _)| name.as_str() == GUARDRAIL),
        _ => false,
    }
}

fn of_service(body: Node<'_>, asked: Asked) -> Read<'_> {
    let head = Head {
        model: asked.ask.model.clone(),
        stream: asked.ask.streams.is_some(),
        metadata: asked.ask.metadata.clone(),
        media: asked.ask.input_images > 0,
        n: 1,
        ..Head::default()
    };
    Read { body, head, bytes: asked.ask.text_bytes, guarded: false, asked: Some(asked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(metadata: &str) -> Result<Vec<(String, String)>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert("x-portunus-tags", HeaderValue::from_static("nightly, eu"));
        headers.insert("x-portunus-metadata", HeaderValue::from_str(metadata).unwrap());
        tags(&headers)
    }

    #[test]
    fn labels_come_from_both_headers_and_numbers_count_as_their_text() {
        let pairs = labelled(r#"{"team":"blue","retry":1.50,"live":true}"#).unwrap();
        let expected = [("nightly", ""), ("eu", ""), ("team", "blue"), ("retry", "1.50"), ("live", "true")];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn labels_that_are_no_labels_are_refused_by_name() {
        for metadata in ["[]", "team=blue", r#"{"a":{}}"#, r#"{"a":null}"#, r#"{"a":"1","a":"2"}"#] {
            let error = labelled(metadata).unwrap_err();
            assert_eq!(error.param.as_deref(), Some("x-portunus-metadata"), "{metadata}");
        }
    }
}
