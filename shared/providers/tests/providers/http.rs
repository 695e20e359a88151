//! Providers over plain HTTP.

use crate::server::{Received, Server, Then, chunked, whole};
use bytes::Bytes;
use config::{Auth, CredentialFrom, HostPort, Provider, Quirks, egress::Egress};
use domain::{ModelName, Operation, Secret, Wire};
use futures::TryStreamExt;
use http::{HeaderName, HeaderValue};
use providers::{Answer, Attempt, Dialer, Failure, Fault, Limits, Upstream, http_upstream::HttpUpstream};

pub fn provider(kind: &str, wire: Wire, auth: Auth) -> Provider {
    Provider {
        name: kind.into(),
        kind: kind.to_owned(),
        speaks: vec![wire],
        services: Vec::new(),
        base_url: None,
        auth,
        credential: CredentialFrom::Written,
        region: None,
        quirks: Quirks::default(),
        headers: Vec::new(),
        endpoint_url: None,
        built_in: false,
    }
}

pub fn dialer(server: &Server) -> Dialer {
    let allow = vec![HostPort { host: "127.0.0.1".to_owned(), port: server.address.port() }];
    Dialer::new(&Egress { allow }).unwrap()
}

pub async fn read(answer: Answer) -> Vec<u8> {
    answer.body.try_fold(Vec::new(), |all, chunk| async move { Ok([all, chunk.to_vec()].concat()) }).await.unwrap()
}

fn upstream(server: &Server, path: &str, mut provider: Provider) -> HttpUpstream {
    provider.base_url = Some(format!("{}{path}", server.url()).parse().unwrap());
    HttpUpstream::build(&provider, &dialer(server), None).unwrap()
}

async fn sent(upstream: &HttpUpstream, operation: Operation, headers: &[(HeaderName, HeaderValue)]) -> Answer {
    let (wire, model) = (upstream.wires()[0], ModelName::from("m"));
    let body = Bytes::from_static(b"{\"novel\":1.50e-7 ,\"model\":\"m\"}");
    let attempt = Attempt { wire, operation, model: &model, stream: false, body, headers, limits: Limits::default() };
    upstream.send(attempt).await.unwrap()
}

fn names(request: &Received) -> Vec<&str> {
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn h1_a_provider_gets_its_own_headers_and_the_body_byte_for_byte() {
    let server = Server::answering(whole("200 OK", "x-request-id: r1\r\n", b"{\"a\": 1.0}"), Then::KeepAlive).await;
    let mut row = provider("openai", Wire::OpenAiChat, Auth::Bearer(Secret::new("sk-live")));
    row.headers.push(("openai-organization".to_owned(), "org".to_owned()));
    let answer = sent(&upstream(&server, "/v1", row), Operation::Chat, &[]).await;
    assert_eq!((answer.status, answer.headers["x-request-id"].as_bytes()), (200, &b"r1"[..]));
    assert_eq!(read(answer).await, b"{\"a\": 1.0}");
    let request = &server.requests()[0];
    assert_eq!((&*request.method, &*request.target), ("POST", "/v1/chat/completions"));
    assert_eq!(request.body, b"{\"novel\":1.50e-7 ,\"model\":\"m\"}");
    assert_eq!(request.header("authorization"), Some("Bearer sk-live"));
    let expected = ["accept", "accept-encoding", "authorization", "content-length", "content-type", "host"];
    assert_eq!(names(request), [&expected[..], &["openai-organization", "user-agent"]].concat());
}

#[tokio::test]
async fn h1_anthropic_gets_a_version_and_the_callers_own_wins() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let key = Auth::Header { name: "x-api-key".to_owned(), value: Secret::new("sk-ant") };
    let upstream = upstream(&server, "", provider("anthropic", Wire::AnthropicMessages, key));
    let own = [
        (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2099-01-01")),
        (HeaderName::from_static("anthropic-beta"), HeaderValue::from_static("a,b")),
    ];
    sent(&upstream, Operation::Chat, &[]).await;
    sent(&upstream, Operation::CountTokens, &own).await;
    let requests = server.requests();
    let said = |nth: usize, name| requests[nth].header(name);
    assert_eq!((&*requests[0].target, said(0, "anthropic-version")), ("/v1/messages", Some("2023-06-01")));
    assert_eq!((said(0, "x-api-key"), said(0, "authorization")), (Some("sk-ant"), None));
    assert_eq!((&*requests[1].target, said(1, "anthropic-version")), ("/v1/messages/count_tokens", Some("2099-01-01")));
    assert_eq!(said(1, "anthropic-beta"), Some("a,b"));
}

#[tokio::test]
async fn any_status_is_an_answer_and_is_asked_for_once() {
    for status in ["400 Bad Request", "401 Unauthorized", "429 Too Many Requests", "503 Unavailable", "529 Overloaded"]
    {
        let server = Server::answering(whole(status, "retry-after: 7\r\n", b"no"), Then::Close).await;
        let answer =
            sent(&upstream(&server, "", provider("p", Wire::OpenAiChat, Auth::None)), Operation::Chat, &[]).await;
        assert!(status.starts_with(&answer.status.to_string()));
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(read(answer).await, b"no");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn s1_a_stream_comes_back_byte_for_byte() {
    let chunks: [&[u8]; 3] = [b"data: {\"a\"", b": 1}\n\n: ping\r\n", b"\ndata: [DONE]\n\n"];
    let server = Server::answering(chunked("content-type: text/event-stream\r\n", &chunks), Then::KeepAlive).await;
    let answer = sent(&upstream(&server, "", provider("p", Wire::OpenAiChat, Auth::None)), Operation::Chat, &[]).await;
    assert_eq!(read(answer).await, chunks.concat());
}

#[tokio::test]
async fn an_operation_the_wire_does_not_have_is_not_sent() {
    let server = Server::answering(whole("200 OK", "", b""), Then::Close).await;
    let upstream = upstream(&server, "", provider("p", Wire::OpenAiChat, Auth::None));
    assert!(!upstream.serves(Wire::OpenAiChat, Operation::CountTokens));
    let model = ModelName::from("m");
    let (wire, operation, body) = (Wire::OpenAiChat, Operation::CountTokens, Bytes::new());
    let limits = Limits::default();
    let attempt = Attempt { wire, operation, model: &model, stream: false, body, headers: &[], limits };
    assert_eq!(upstream.send(attempt).await.unwrap_err(), Failure::before(Fault::Unserved));
    assert_eq!(server.connections(), 0);
}
