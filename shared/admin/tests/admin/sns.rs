//! What SNS is sent.

use admin::{
    alerts::Alert,
    notify::{NotPublished, Notify, sns::Topic},
};
use aws_sdk_sns::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, SharedHttpClient, retry::RetryConfig},
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
use std::sync::{Arc, Mutex};

/// Answers every request alike, and keeps their bodies.
#[derive(Clone, Debug)]
struct Wire {
    status: u16,
    sent: Arc<Mutex<Vec<String>>>,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        self.sent.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
        let answer = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>";
        let status = StatusCode::try_from(self.status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer))))
    }
}

fn topic(status: u16) -> (Topic, Arc<Mutex<Vec<String>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-2"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(SharedHttpClient::new(Wire { status, sent: Arc::clone(&sent) }))
        .build();
    (Topic::new(Client::from_conf(config), "arn:aws:sns:eu-west-2:123456789012:alerts"), sent)
}

fn alert() -> Alert {
    Alert {
        id: "alert_0f3a".to_owned(),
        event: "budget_crossed".to_owned(),
        event_group: "key".to_owned(),
        scope_id: "key_0f3a9c2be71d4485".to_owned(),
        scope_name: "r\u{e9}porting".to_owned(),
        team_id: None,
        window: "2026-11".to_owned(),
        threshold: "100%".to_owned(),
        threshold_usd: "25".to_owned(),
        spend: "25.5".to_owned(),
        max_budget: Some("25".to_owned()),
        soft_budget: None,
        projected_exhaustion: None,
        at: "2026-11-21T12:00:00.000Z".to_owned(),
    }
}

/// The fields of a form, decoded.
fn form(body: &str) -> Vec<(String, String)> {
    let uri = format!("/?{body}").parse().unwrap();
    axum::extract::Query::try_from_uri(&uri).unwrap().0
}

#[tokio::test]
async fn an_alert_is_published_as_json_with_its_event_to_filter_by() {
    let (topic, sent) = topic(200);
    topic.publish(&alert()).await.unwrap();
    let sent = sent.lock().unwrap();
    let fields = form(&sent[0]);
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((sent.len(), field("Action")), (1, "Publish"));
    assert_eq!(field("TopicArn"), "arn:aws:sns:eu-west-2:123456789012:alerts");
    assert_eq!(field("Subject"), "Portunus: key key_0f3a9c2be71d4485 passed 100% (2026-11)");
    assert_eq!(field("MessageAttributes.entry.1.Value.StringValue"), "budget_crossed");
    let message: serde_json::Value = serde_json::from_str(field("Message")).unwrap();
    assert_eq!(message, serde_json::to_value(alert()).unwrap());
}

#[tokio::test]
async fn m17_a_topic_that_refuses_leaves_the_alert_due() {
    let (topic, _) = topic(500);
    assert_eq!(topic.publish(&alert()).await, Err(NotPublished));
}
