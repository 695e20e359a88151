//! What SNS is sent, and what becomes of alerts when it does not answer well.

use crate::{
    alerts::{alerts, records},
    world::World,
};
use admin::{
    alerts::Alert,
    notify::{NotPublished, Notify, delivery::Delivery, sns::Topic},
};
use aws_sdk_sns::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, SharedHttpClient, retry::RetryConfig},
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
use serde_json::json;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use stores::alerts::Told;

/// What becomes of one request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is answered so; 200 tells everybody who subscribed.
    Answered(u16),
    /// It tells everybody, and the answer never comes.
    AnswerLost,
    /// It never arrives.
    Lost,
}

/// The topic's end: requests meet their fates in order, then good ones, and the bodies of those that arrived are kept.
#[derive(Clone, Debug, Default)]
struct Wire {
    fates: Arc<Mutex<VecDeque<Fate>>>,
    sent: Arc<Mutex<Vec<String>>>,
    /// What subscribers got.
    told: Arc<Mutex<Vec<Alert>>>,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Answered(200));
        let lost = || Err(ConnectorError::timeout("no answer came".into()));
        let answered = match fate {
            Fate::Lost => return HttpConnectorFuture::ready(lost()),
            Fate::AnswerLost => lost(),
            Fate::Answered(status) => Ok(answer(status)),
        };
        if matches!(fate, Fate::AnswerLost | Fate::Answered(200)) {
            let message = form(&body).into_iter().find(|(name, _)| name == "Message").unwrap().1;
            self.told.lock().unwrap().push(serde_json::from_str(&message).unwrap());
        }
        self.sent.lock().unwrap().push(body);
        HttpConnectorFuture::ready(answered)
    }
}

fn answer(status: u16) -> HttpResponse {
    let text = match status {
        200 => "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>",
        400 => "<ErrorResponse><Error><Code>Throttled</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
        _ => "<ErrorResponse><Error><Code>InternalError</Code></Error></ErrorResponse>",
    };
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(text))
}

fn topic(status: u16) -> (Topic, Arc<Mutex<Vec<String>>>) {
    let wire = Wire::default();
    wire.fates.lock().unwrap().push_back(Fate::Answered(status));
    (over(&wire), wire.sent)
}

/// A topic behind a wire, without retries of the SDK's own.
fn over(wire: &Wire) -> Topic {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-2"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(SharedHttpClient::new(wire.clone()))
        .build();
    Topic::new(Client::from_conf(config), "arn:aws:sns:eu-west-2:123456789012:alerts")
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

/// Throttled, failed, lost on the way there and on the way back.
const FAULTS: [Fate; 5] = [Fate::Answered(400), Fate::Answered(500), Fate::Lost, Fate::AnswerLost, Fate::Answered(503)];

#[tokio::test]
async fn m17_an_alert_is_published_once_or_more_whatever_the_topic_answers_and_never_lost() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let wire = Wire::default();
    wire.fates.lock().unwrap().extend(FAULTS);
    let alerts = alerts(&world, Arc::new(over(&wire)), vec![50, 80]);
    let batch = records(vec![world.spend(&key, "call_1", "9").await]);
    let mut deliveries = 0;
    while !alerts.take(&batch).await.ids().is_empty() {
        deliveries += 1;
        assert!(deliveries <= FAULTS.len(), "the stream brings the record again until everything was told");
        world.clock.advance_millis(1_000);
    }
    assert_eq!(deliveries, FAULTS.len(), "each fault leaves the record due");
    for _ in 0..3 {
        assert!(alerts.take(&batch).await.ids().is_empty(), "what was told is not told again");
    }
    let told = wire.told.lock().unwrap().clone();
    let thresholds: Vec<_> = told.iter().map(|alert| alert.threshold.as_str()).collect();
    assert_eq!(thresholds, ["50%", "50%", "80%"], "twice where the answer was lost");
    assert_eq!(told[0].id, told[1].id, "and whoever gets it twice knows");
}

#[tokio::test]
async fn m17_a_local_server_delivers_to_a_topic_from_its_list_until_the_topic_takes_it() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let wire = Wire::default();
    wire.fates.lock().unwrap().extend(FAULTS);
    let alerts = alerts(&world, Arc::new(admin::notify::Written), vec![50]);
    assert!(alerts.take(&records(vec![world.spend(&key, "call_1", "6").await])).await.ids().is_empty());
    let turn = async || {
        // A process of its own each time: what is due lies in the table.
        let delivery =
            Delivery::new(vec![Box::new(over(&wire))], world.table.clone(), &world.names, world.clock.clone());
        let arrived = delivery.turn().await.unwrap();
        world.clock.advance_millis(300_000);
        arrived
    };
    for _ in FAULTS {
        assert_eq!(turn().await, 0);
    }
    assert_eq!((turn().await, turn().await), (1, 0), "once it is taken it is not sent again");
    let told = wire.told.lock().unwrap().clone();
    assert_eq!(told.iter().map(|alert| &alert.id).collect::<Vec<_>>(), [&told[0].id; 2]);
    let listed = Told::new(world.table.clone(), &world.names).of_day(crate::world::start()).await.unwrap();
    assert_eq!((listed.len(), listed[0].due, listed[0].tries), (1, None, 5));
}
