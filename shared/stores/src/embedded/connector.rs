//! The SDK's HTTP client, without HTTP: a request's bytes become a [`Job`] for the engine's thread.
//!
//! JSON is read and written here, on the caller's thread, so that the engine's one thread only works the store.

use super::engine::{Answer, Job, Operation, Queue};
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
use dynoxide::DynoxideError;
use serde::Serialize;
use tokio::sync::oneshot;

/// Hands requests to the engine's queue.
#[derive(Clone, Debug)]
pub struct InProcess {
    queue: Queue,
    connector: Option<SharedHttpConnector>,
}

impl InProcess {
    pub fn new(queue: Queue) -> Self {
        let bare = Self { queue, connector: None };
        Self { connector: Some(SharedHttpConnector::new(bare.clone())), ..bare }
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector.clone().unwrap_or_else(|| SharedHttpConnector::new(self.clone()))
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let queue = self.queue.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let (status, body) = exchange(&queue, target, request.body().bytes().unwrap_or_default()).await?;
            response(status, body)
        })
    }
}

/// What DynamoDB would answer to a request for `target`: the status and the body.
pub async fn exchange(queue: &Queue, target: &str, body: &[u8]) -> Result<(u16, Vec<u8>), ConnectorError> {
    let operation = match read(target, body) {
        Ok(operation) => Box::new(operation),
        Err(error) => return Ok((error.status_code(), error.to_json().into_bytes())),
    };
    let (reply, answer) = oneshot::channel();
    queue.send(Job::Run { operation, reply }).map_err(|_| stopped())?;
    Ok(match answer.await.map_err(|_| stopped())? {
        Ok(answer) => (200, write(&answer)),
        Err(error) => (error.status_code(), error.to_json().into_bytes()),
    })
}

fn stopped() -> ConnectorError {
    ConnectorError::io("the embedded database has stopped".into()).never_connected()
}

fn response(status: u16, body: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// The operation that a request's target and body name.
fn read(target: &str, body: &[u8]) -> Result<Operation, DynoxideError> {
    Ok(match target.rsplit_once('.').map_or(target, |(_, name)| name) {
        "BatchWriteItem" => Operation::BatchWriteItem(parse(body)?),
        "CreateTable" => Operation::CreateTable(parse(body)?),
        "DeleteItem" => Operation::DeleteItem(parse(body)?),
        "DescribeTable" => Operation::DescribeTable(parse(body)?),
        "GetItem" => Operation::GetItem(parse(body)?),
        "PutItem" => Operation::PutItem(parse(body)?),
        "Query" => Operation::Query(parse(body)?),
        "TransactWriteItems" => {
            let mut request: dynoxide::actions::transact_write_items::TransactWriteItemsRequest = parse(body)?;
            // The engine keeps each token for ten minutes and walks them all on every call; our transactions
            // are idempotent by their conditions and need none.
            request.client_request_token = None;
            Operation::TransactWriteItems(request)
        }
        "UpdateItem" => Operation::UpdateItem(parse(body)?),
        "UpdateTable" => Operation::UpdateTable(parse(body)?),
        other => return Err(DynoxideError::ValidationException(format!("{other} is not part of the embedded table"))),
    })
}

/// The engine marks validation errors found while reading with a prefix, and leaves their naming to its host.
fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        match message.split_once("VALIDATION:") {
            Some((_, reason)) => DynoxideError::ValidationException(reason.to_owned()),
            None => DynoxideError::SerializationException(message),
        }
    })
}

fn write(answer: &Answer) -> Vec<u8> {
    match answer {
        Answer::BatchWriteItem(answer) => json(answer),
        Answer::CreateTable(answer) => json(answer),
        Answer::DeleteItem(answer) => json(answer),
        Answer::DescribeTable(answer) => json(answer),
        Answer::GetItem(answer) => json(answer),
        Answer::PutAll(answer) => json(answer),
        Answer::PutItem(answer) => json(answer),
        Answer::Query(answer) => json(answer),
        Answer::TransactWriteItems(answer) => json(answer),
        Answer::UpdateItem(answer) => json(answer),
        Answer::UpdateTable(answer) => json(answer),
    }
}

fn json(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).unwrap_or_default()
}
