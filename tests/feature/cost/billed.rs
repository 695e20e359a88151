//! An SDK client that asks the engine what each request would be billed, and adds it up by table and verb.

use aws_sdk_dynamodb::{Client, config::SharedHttpClient};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Requests, and units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub requests: u64,
    pub writes: f64,
    pub reads: f64,
}

/// What was asked, by table and verb.
pub type Bill = BTreeMap<(String, String), Sum>;

/// All of a bill.
pub fn total(bill: &Bill) -> Sum {
    bill.values().fold(Sum::default(), |all, one| Sum {
        requests: all.requests + one.requests,
        writes: all.writes + one.writes,
        reads: all.reads + one.reads,
    })
}

/// Counts what passes.
#[derive(Clone, Debug)]
pub struct Billed {
    inner: SharedHttpClient,
    bill: Arc<Mutex<Bill>>,
}

impl Billed {
    /// The same client, counted.
    pub fn around(client: &Client) -> (Client, Self) {
        let inner = client.config().http_client().unwrap();
        let billed = Self { inner, bill: Arc::default() };
        let config = client.config().to_builder().http_client(SharedHttpClient::new(billed.clone()));
        (Client::from_conf(config.build()), billed)
    }

    /// What was asked since the last look.
    pub fn bill(&self) -> Bill {
        std::mem::take(&mut *self.bill.lock().unwrap())
    }
}

impl HttpClient for Billed {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Counting { inner, bill: self.bill.clone() })
    }
}

#[derive(Debug)]
struct Counting {
    inner: SharedHttpConnector,
    bill: Arc<Mutex<Bill>>,
}

impl HttpConnector for Counting {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let verb = request.headers().get("x-amz-target").unwrap().rsplit('.').next().unwrap().to_owned();
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        *request.body_mut() = SdkBody::from(body.to_string());
        let (answer, bill) = (self.inner.call(request), self.bill.clone());
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let text = answer.body().bytes().unwrap_or_default();
            let mut consumed = serde_json::from_slice::<Value>(text).unwrap();
            let consumed = if answer.status().is_success() {
                consumed["ConsumedCapacity"].take()
            } else {
                refused(&body, &consumed)
            };
            let reads = matches!(verb.as_str(), "GetItem" | "Query" | "BatchGetItem");
            let by_table = if consumed.is_array() { consumed.as_array().unwrap().clone() } else { vec![consumed] };
            for one in by_table.iter().filter(|one| one["TableName"].is_string()) {
                let table = one["TableName"].as_str().unwrap().trim_start_matches("test-").to_owned();
                let mut bill = bill.lock().unwrap();
                let sum = bill.entry((table, verb.clone())).or_default();
                let units = one["CapacityUnits"].as_f64().unwrap();
                sum.requests += 1;
                *(if reads { &mut sum.reads } else { &mut sum.writes }) += units;
            }
            Ok(answer)
        })
    }
}

/// A write that its own condition refused: it is billed as if it were done, and the engine does not say so.
fn refused(request: &Value, answer: &Value) -> Value {
    assert!(answer["__type"].as_str().unwrap().ends_with("ConditionalCheckFailedException"), "{answer}");
    json!({ "TableName": request["TableName"], "CapacityUnits": size(&answer["Item"]).div_ceil(1_024).max(1) })
}

/// Bytes of an item, as DynamoDB counts them: names and texts as they are, numbers by half their digits.
fn size(item: &Value) -> usize {
    let value = |typed: &Value| match (typed["S"].as_str(), typed["N"].as_str()) {
        (Some(text), _) => text.len(),
        (_, Some(number)) => number.len().div_ceil(2) + 1,
        _ => typed.to_string().len(),
    };
    item.as_object().into_iter().flatten().map(|(name, typed)| name.len() + value(typed)).sum()
}
