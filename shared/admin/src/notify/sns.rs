//! Alerts to one SNS topic: the message is the alert's JSON, its event also an attribute to filter by.

use super::{NotPublished, Notify, Place};
use crate::alerts::Alert;
use async_trait::async_trait;
use aws_sdk_sns::{Client, error::DisplayErrorContext, types::MessageAttributeValue};
use domain::Timestamp;

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic of that ARN.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self { client, arn: arn.into() }
    }
}

#[async_trait]
impl Notify for Topic {
    async fn publish(&self, alert: &Alert) -> Result<(), NotPublished> {
        let event = MessageAttributeValue::builder().data_type("String").string_value(&alert.event).build();
        let event = event.map_err(|_| NotPublished)?;
        let message = serde_json::to_string(alert).map_err(|_| NotPublished)?;
        let request = self.client.publish().topic_arn(&self.arn).subject(subject(alert));
        let answer = request.message(message).message_attributes("event", event).send().await;
        answer.map(drop).map_err(|error| {
            tracing::error!(error = %DisplayErrorContext(error), scope = alert.scope_id, "an alert was not published");
            NotPublished
        })
    }
}

/// A local server delivers to a topic as to any other place.
#[async_trait]
impl Place for Topic {
    fn name(&self) -> String {
        "sns".to_owned()
    }

    async fn deliver(&self, alert: &Alert, _: Timestamp) -> Result<(), String> {
        self.publish(alert).await.map_err(|_| "the topic did not take it".to_owned())
    }
}

/// At most 100 ASCII characters, as e-mail wants it; the key's own name is in the message.
fn subject(alert: &Alert) -> String {
    format!("Portunus: {} {} passed {} ({})", alert.event_group, alert.scope_id, alert.threshold, alert.window)
        .chars()
        .filter(char::is_ascii)
        .take(100)
        .collect()
}
