//! What DynamoDB leaves over of a batch, for want of room, is sent again [D6].

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedHttpClient},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use stores::{
    dynamodb::DynamoTable,
    table::{Item, Table, TableError},
};

/// A table that takes so many items of every batch and leaves the rest.
#[derive(Clone, Debug)]
struct Narrow {
    takes: usize,
    taken: Arc<Mutex<Vec<String>>>,
    sizes: Arc<Mutex<Vec<usize>>>,
}

impl Narrow {
    fn new(takes: usize) -> Self {
        Self { takes, taken: Arc::default(), sizes: Arc::default() }
    }

    fn table(&self) -> DynamoTable {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(SharedHttpClient::new(self.clone()));
        DynamoTable(Client::from_conf(config.build()))
    }

    fn answer(&self, request: &HttpRequest) -> Value {
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let requests = body["RequestItems"]["rows"].as_array().unwrap();
        self.sizes.lock().unwrap().push(requests.len());
        let (taken, left) = requests.split_at(self.takes.min(requests.len()));
        let place = |request: &Value| request["PutRequest"]["Item"]["sk"]["S"].as_str().unwrap().to_owned();
        self.taken.lock().unwrap().extend(taken.iter().map(place));
        let left = if left.is_empty() { json!({}) } else { json!({ "rows": left }) };
        json!({ "UnprocessedItems": left })
    }
}

impl HttpClient for Narrow {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Narrow {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = self.answer(&request).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))))
    }
}

fn rows(count: usize) -> Vec<Item> {
    (0..count).map(|n| Item::at("P", format!("{n:03}")).with("n", n as u64)).collect()
}

#[tokio::test(start_paused = true)]
async fn d6_what_a_batch_leaves_over_is_sent_again_and_nothing_else_is() {
    let narrow = Narrow::new(10);
    narrow.table().put_all(&"rows".into(), &rows(40)).await.unwrap();
    assert_eq!(*narrow.sizes.lock().unwrap(), [25, 15, 5, 15, 5]);
    let taken = narrow.taken.lock().unwrap().clone();
    assert_eq!((taken.len(), taken.into_iter().collect::<BTreeSet<_>>().len()), (40, 40));
}

#[tokio::test(start_paused = true)]
async fn d6_a_table_without_any_room_is_throttled_and_asked_no_more_than_four_times() {
    let narrow = Narrow::new(0);
    assert_eq!(narrow.table().put_all(&"rows".into(), &rows(3)).await, Err(TableError::Throttled));
    assert_eq!(*narrow.sizes.lock().unwrap(), [3, 3, 3, 3]);
}
