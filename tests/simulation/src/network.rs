//! DynamoDB's protocol over simulated connections, one per request: the SDK's HTTP client, and the host of the table.

use crate::dice::Dice;
use aws_sdk_dynamodb::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use std::{io, sync::Arc, time::Duration};
use stores::embedded::Embedded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};

/// The table's host.
pub const TABLE: &str = "table";
const PORT: u16 = 8000;
/// A request that does not arrive as a whole is forgotten after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// The SDK's client, as it is in production but for its HTTP client.
pub fn client() -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(format!("http://{TABLE}:{PORT}"))
        .credentials_provider(Credentials::new("test", "test", None, None, "simulation"))
        .http_client(SharedHttpClient::new(Simulated))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

#[derive(Clone, Debug)]
struct Simulated;

impl HttpClient for Simulated {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Simulated {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(
            async move { exchange(&request).await.map_err(|error| ConnectorError::io(error.into())) },
        )
    }
}

async fn exchange(request: &HttpRequest) -> io::Result<HttpResponse> {
    let body = request.body().bytes().unwrap_or_default();
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let head = format!("POST / HTTP/1.1\r\nx-amz-target: {target}\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect((TABLE, PORT)).await?;
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let (head, body) = parts(&answer).ok_or_else(|| io::Error::other("an answer was cut short"))?;
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let status = StatusCode::try_from(status).map_err(io::Error::other)?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// Head and body, once all of the body is there.
fn parts(message: &[u8]) -> Option<(&str, &[u8])> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&message[..end]).ok()?;
    let length: usize = header(head, "content-length")?.parse().ok()?;
    Some((head, message.get(end + 4..end + 4 + length)?))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// How a request fares at its host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The connection breaks, and nothing is done.
    Unread,
    /// It breaks when all is done [M8].
    Unanswered,
}

/// The table's host: answers requests that arrive, whether or not somebody still waits; a few connections break.
pub async fn serve(engine: Arc<Embedded>, mut dice: Dice) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let engine = Arc::clone(&engine);
        let fate = match dice.within(0..100) {
            0 => Fate::Unread,
            1 | 2 => Fate::Unanswered,
            _ => Fate::Answered,
        };
        tokio::task::spawn_local(async move {
            // A connection that breaks is its client's trouble.
            tokio::time::timeout(PATIENCE, answer(stream, &engine, fate)).await.ok();
        });
    }
}

async fn answer(mut stream: TcpStream, engine: &Embedded, fate: Fate) -> io::Result<()> {
    let mut received = Vec::new();
    let request = loop {
        if let Some((head, body)) = parts(&received) {
            break (header(head, "x-amz-target").unwrap_or_default(), body);
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    };
    if fate == Fate::Unread {
        return Ok(());
    }
    // The engine has a thread of its own, which this one waits for: simulated time stands still meanwhile.
    let answer = futures::executor::block_on(engine.exchange(request.0, request.1));
    if fate == Fate::Unanswered {
        return Ok(());
    }
    let (status, body) = answer.map_err(io::Error::other)?;
    let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    stream.shutdown().await
}
