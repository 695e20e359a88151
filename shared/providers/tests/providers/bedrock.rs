//! Bedrock through the SDK, byte by byte.

use crate::{
    http::{dialer, provider, read},
    server::{Server, Then, chunked, cut_after, whole},
    signature::assert_signed,
};
use ::http::{HeaderName, HeaderValue};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{SharedCredentialsProvider, error::CredentialsError, future::ProvideCredentials};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use bytes::Bytes;
use config::{
    Auth, HostPort, Provider,
    providers::{Aws as Account, AwsCredentials},
};
use dialects::framing::eventstream;
use domain::{ModelName, Operation, Secret, Wire};
use futures::TryStreamExt;
use providers::{Answer, Attempt, Aws, Broken, Failure, Fault, Limits, Upstream, bedrock_sdk::Bedrock};
use std::time::Duration;

const BODY: &[u8] = b"{ \"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\",\"novel\":1.50e-7}]}] }";

fn keys() -> AwsCredentials {
    AwsCredentials::Keys {
        access_key_id: Secret::new("AKIDEXAMPLE"),
        secret_access_key: Secret::new("wJalrXUtnFEMI"),
        session_token: None,
    }
}

/// No credentials of the machine the test runs on are ever looked for.
#[derive(Debug)]
struct Nobody;

impl aws_credential_types::provider::ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> ProvideCredentials<'a>
    where
        Self: 'a,
    {
        ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody")))
    }
}

fn aws(server: &Server) -> Aws {
    let here = HostPort { host: "127.0.0.1".to_owned(), port: server.address.port() };
    let dialer = dialer(server).for_credentials([here]).unwrap();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(dialer.clone())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.url())
        .credentials_provider(SharedCredentialsProvider::new(Nobody))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .build();
    Aws::of(sdk, dialer)
}

fn row(server: &Server) -> Provider {
    let mut row = provider("bedrock", Wire::BedrockConverse, Auth::None);
    row.speaks = vec![Wire::BedrockConverse, Wire::BedrockInvoke];
    row.region = Some("eu-west-2".to_owned());
    row.endpoint_url = Some(server.url().parse().unwrap());
    row
}

async fn bedrock(server: &Server, credentials: AwsCredentials, role_arn: Option<&str>) -> Bedrock {
    let account = Account { credentials, role_arn: role_arn.map(str::to_owned) };
    Bedrock::build(&row(server), &account, &dialer(server), &aws(server)).await.unwrap()
}

async fn send(bedrock: &Bedrock, model: &str, operation: Operation, stream: bool) -> Result<Answer, Failure> {
    send_on(Wire::BedrockConverse, bedrock, model, operation, stream, &[]).await
}

async fn send_on(
    wire: Wire,
    bedrock: &Bedrock,
    model: &str,
    operation: Operation,
    stream: bool,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<Answer, Failure> {
    let (model, body) = (ModelName::from(model), Bytes::from_static(BODY));
    let limits = Limits { first_byte: Duration::from_secs(20), ..Limits::default() };
    bedrock.send(Attempt { wire, operation, model: &model, stream, body, headers, limits }).await
}

#[tokio::test]
async fn dec1_invoked_models_get_exactly_our_bytes_their_headers_and_a_valid_signature() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let bedrock = bedrock(&server, keys(), None).await;
    let arn = "arn:aws:bedrock:eu-west-2:123456789012:imported-model/x";
    let headers = [
        (HeaderName::from_static("x-amzn-bedrock-guardrailidentifier"), HeaderValue::from_static("g-1")),
        (HeaderName::from_static("anthropic-beta"), HeaderValue::from_static("b")),
    ];
    for (model, stream, target) in [
        ("amazon.titan-text-lite-v1", false, "/model/amazon.titan-text-lite-v1/invoke"),
        ("meta.llama3-8b:0", true, "/model/meta.llama3-8b%3A0/invoke-with-response-stream"),
        (arn, false, "/model/arn%3Aaws%3Abedrock%3Aeu-west-2%3A123456789012%3Aimported-model%2Fx/invoke"),
    ] {
        send_on(Wire::BedrockInvoke, &bedrock, model, Operation::Chat, stream, &headers).await.unwrap();
        let request = server.requests().pop().unwrap();
        assert_eq!((&*request.target, &*request.body), (target, BODY));
        assert_eq!(request.header("content-length"), Some(&*BODY.len().to_string()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-amzn-bedrock-guardrailidentifier"), Some("g-1"));
        assert_eq!(request.header("anthropic-beta"), None);
        assert_signed(&request);
    }
    send_on(Wire::BedrockConverse, &bedrock, "m", Operation::Chat, false, &headers).await.unwrap();
    assert_eq!(server.requests().pop().unwrap().header("x-amzn-bedrock-guardrailidentifier"), None);
}

#[tokio::test]
async fn dec1_chunks_come_back_byte_for_byte() {
    let chunks = [
        eventstream::event("chunk", "{\"bytes\":\"eyJub3ZlbCI6MS41MGUtN30=\",\"p\":\"abc\"}"),
        eventstream::exception("modelStreamErrorException", "{\"message\":\"no\"}"),
    ];
    let pieces: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let headers = "content-type: application/vnd.amazon.eventstream\r\n";
    let server = Server::answering(chunked(headers, &pieces), Then::KeepAlive).await;
    let bedrock = bedrock(&server, keys(), None).await;
    let answer = send_on(Wire::BedrockInvoke, &bedrock, "m", Operation::Chat, true, &[]).await.unwrap();
    assert_eq!(read(answer).await, chunks.concat());
}

#[tokio::test]
async fn dec1_exactly_our_bytes_go_out_under_a_valid_signature_whatever_the_model() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let bedrock = bedrock(&server, keys(), None).await;
    let arn = "arn:aws:bedrock:eu-west-2:123456789012:inference-profile/eu.anthropic.claude-v1:0";
    let encoded = "arn%3Aaws%3Abedrock%3Aeu-west-2%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-v1%3A0";
    for (model, segment) in [
        ("amazon.nova-lite-v1", "amazon.nova-lite-v1"),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "global.anthropic.claude-sonnet-4-5-20250929-v1%3A0"),
        (arn, encoded),
        ("%2e%2e/..", "%252e%252e%2F.."),
        ("modèle", "mod%C3%A8le"),
    ] {
        send(&bedrock, model, Operation::Chat, false).await.unwrap();
        let request = server.requests().pop().unwrap();
        assert_eq!(request.target, format!("/model/{segment}/converse"));
        assert_eq!(request.body, BODY);
        assert_eq!(request.header("content-length"), Some(&*BODY.len().to_string()));
        assert_signed(&request);
    }
    for (operation, stream, path) in
        [(Operation::Chat, true, "/model/m/converse-stream"), (Operation::CountTokens, false, "/model/m/count-tokens")]
    {
        send(&bedrock, "m", operation, stream).await.unwrap();
        let request = server.requests().pop().unwrap();
        assert_eq!((&*request.target, &*request.body), (path, BODY));
        assert_signed(&request);
    }
}

#[tokio::test]
async fn dec1_the_answer_comes_back_undecoded_with_its_unknown_fields_and_headers() {
    let body = b"{\"output\": {\"message\":{\"content\":[{\"novel\":{}}]}}, \"usage\":{\"inputTokens\":1e2}}";
    let mut answer = whole("200 OK", "x-amzn-requestid: r-1\r\nx-amzn-novel: yes\r\nx-latin: caf?\r\n", body);
    let at = answer.iter().position(|byte| *byte == b'?').unwrap();
    answer[at] = 0xe9;
    let server = Server::answering(answer, Then::KeepAlive).await;
    let answer = send(&bedrock(&server, keys(), None).await, "m", Operation::Chat, false).await.unwrap();
    assert_eq!(answer.status, 200);
    let text = |name| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!((&*text("x-amzn-requestid"), &*text("x-amzn-novel")), ("r-1", "yes"));
    assert!(!answer.headers.contains_key("x-latin"), "a header that is not UTF-8 is left out");
    assert_eq!(read(answer).await, body);
}

fn frames() -> Vec<Vec<u8>> {
    vec![
        eventstream::event("messageStart", "{\"role\":\"assistant\",\"p\":\"abc\"}"),
        eventstream::event(
            "contentBlockDelta",
            "{\"delta\":{\"text\":\"hi\",\"novel\":1.50e-7},\"contentBlockIndex\":0}",
        ),
        eventstream::event("novelEvent", "{ }"),
        eventstream::exception("modelStreamErrorException", "{\"message\":\"no\"}"),
    ]
}

#[tokio::test]
async fn dec1_frames_come_back_byte_for_byte_with_unknown_events_and_exceptions() {
    let frames = frames();
    let chunks: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let headers = "content-type: application/vnd.amazon.eventstream\r\n";
    let server = Server::answering(chunked(headers, &chunks), Then::KeepAlive).await;
    let answer = send(&bedrock(&server, keys(), None).await, "m", Operation::Chat, true).await.unwrap();
    assert_eq!(answer.headers["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(read(answer).await, frames.concat());
}

#[tokio::test]
async fn u8_what_comes_at_once_is_no_larger_than_the_read_buffer() {
    let server = Server::answering(whole("200 OK", "", &vec![b'x'; 8 << 20]), Then::KeepAlive).await;
    let bedrock = bedrock(&server, keys(), None).await;
    let answer = send(&bedrock, "m", Operation::Chat, true).await.unwrap();
    let chunks: Vec<Bytes> = answer.body.try_collect().await.unwrap();
    assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 8 << 20);
    assert!(chunks.iter().all(|chunk| chunk.len() <= 64 << 10));
    send(&bedrock, "m", Operation::Chat, true).await.unwrap();
    assert_eq!(server.connections(), 1, "a connection serves one call after another");
}

#[tokio::test]
async fn s3_a_stream_cut_inside_a_frame_brings_what_came_and_then_says_so() {
    let frames = frames();
    let half = &frames[1][..frames[1].len() / 2];
    for then in [Then::Close, Then::Reset] {
        let server = Server::answering(cut_after("", &[&frames[0], half]), then).await;
        let mut body = send(&bedrock(&server, keys(), None).await, "m", Operation::Chat, true).await.unwrap().body;
        let mut came = Vec::new();
        let broken = loop {
            match body.try_next().await {
                Ok(Some(bytes)) => came.extend(bytes),
                Ok(None) => panic!("the cut went unnoticed"),
                Err(broken) => break broken,
            }
        };
        assert_eq!(broken, Broken::Reset);
        assert!(frames.concat().starts_with(&came));
    }
}

#[tokio::test]
async fn dec1_refusals_come_back_as_answers_and_cost_one_request_each() {
    for (status, kind) in [
        ("400 Bad Request", "ValidationException:http://internal.amazon.com/"),
        ("403 Forbidden", "AccessDeniedException"),
        ("429 Too Many Requests", "ThrottlingException"),
        ("500 Internal Server Error", "InternalServerException"),
        ("503 Service Unavailable", "ServiceUnavailableException"),
    ] {
        for stream in [false, true] {
            let headers = format!("x-amzn-errortype: {kind}\r\nretry-after: 3\r\n");
            let server = Server::answering(whole(status, &headers, b"{\"message\":\"no\"}"), Then::KeepAlive).await;
            let answer = send(&bedrock(&server, keys(), None).await, "m", Operation::Chat, stream).await.unwrap();
            assert!(status.starts_with(&answer.status.to_string()), "{status}");
            assert_eq!(answer.headers["x-amzn-errortype"], kind);
            assert_eq!(read(answer).await, b"{\"message\":\"no\"}");
            assert_eq!(server.requests().len(), 1, "{status}");
        }
    }
}

#[tokio::test]
async fn a_broken_connection_is_a_failure_and_not_tried_again() {
    let server = Server::answering("", Then::Close).await;
    let failure = send(&bedrock(&server, keys(), None).await, "m", Operation::Chat, false).await.unwrap_err();
    assert_eq!(failure, Failure::after(Fault::Reset));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn u1_headers_that_do_not_come_in_time_end_the_attempt() {
    let server = Server::answering("", Then::Stall).await;
    let bedrock = bedrock(&server, keys(), None).await;
    let (model, limits) =
        (ModelName::from("m"), Limits { first_byte: Duration::from_millis(150), ..Limits::default() });
    let (wire, operation, body) = (Wire::BedrockConverse, Operation::Chat, Bytes::from_static(BODY));
    let sent = bedrock.send(Attempt { wire, operation, model: &model, stream: false, body, headers: &[], limits });
    assert_eq!(sent.await.unwrap_err(), Failure::after(Fault::TimedOut));
}

#[tokio::test]
async fn missing_credentials_are_our_fault_and_nothing_is_sent() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let bedrock = bedrock(&server, AwsCredentials::Chain, None).await;
    let failure = send(&bedrock, "m", Operation::Chat, false).await.unwrap_err();
    assert_eq!(failure, Failure::before(Fault::BadCredentials));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn e4_the_guard_stands_under_the_sdk_too() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let account = Account { credentials: keys(), role_arn: None };
    let strict = providers::Dialer::new(&Default::default()).unwrap();
    let bedrock = Bedrock::build(&row(&server), &account, &strict, &aws(&server)).await.unwrap();
    let failure = send(&bedrock, "m", Operation::Chat, true).await.unwrap_err();
    assert_eq!(failure, Failure::before(Fault::Refused));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn e6_a_model_that_is_a_dot_segment_is_refused() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let bedrock = bedrock(&server, keys(), None).await;
    for model in ["", ".", "..", "a\r\nb"] {
        let failure = send(&bedrock, model, Operation::Chat, false).await.unwrap_err();
        assert_eq!(failure, Failure::before(Fault::BadModel), "{model:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_bedrock_api_key_is_sent_as_a_bearer_token_and_nothing_is_signed() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let bedrock = bedrock(&server, AwsCredentials::Bearer(Secret::new("bedrock-api-key-x")), None).await;
    send(&bedrock, "m", Operation::Chat, false).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer bedrock-api-key-x"));
    assert_eq!((&*request.body, request.header("x-amz-security-token")), (BODY, None));
}

const ASSUMED: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
    <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>role-token</SessionToken>\
    <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

#[tokio::test]
async fn a_role_is_assumed_once_for_many_calls() {
    let server = Server::scripted(|request| {
        let sts = request.target == "/";
        (whole("200 OK", "", if sts { ASSUMED.as_bytes() } else { b"{}" }), Then::KeepAlive)
    })
    .await;
    let bedrock = bedrock(&server, keys(), Some("arn:aws:iam::123456789012:role/bedrock")).await;
    let calls = (0..20).map(|_| send(&bedrock, "m", Operation::Chat, false));
    futures::future::try_join_all(calls).await.unwrap();
    let (sts, calls): (Vec<_>, Vec<_>) = server.requests().into_iter().partition(|request| request.target == "/");
    assert_eq!((sts.len(), calls.len()), (1, 20));
    assert!(sts[0].header("authorization").unwrap().contains("AKIDEXAMPLE"));
    assert!(calls.iter().all(|call| call.header("x-amz-security-token") == Some("role-token")));
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_our_fault_too() {
    let denied = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    let server = Server::answering(whole("403 Forbidden", "", denied), Then::KeepAlive).await;
    let bedrock = bedrock(&server, keys(), Some("arn:aws:iam::123456789012:role/bedrock")).await;
    let failure = send(&bedrock, "m", Operation::Chat, false).await.unwrap_err();
    assert_eq!(failure, Failure::before(Fault::BadCredentials));
}
