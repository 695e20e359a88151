//! Alerts on their way: every place gets each once, as far as it says that it has it, and is asked again until then.
//!
//! On AWS a queue brings alerts, and brings them again; a local server asks the list of what was told.

use super::Place;
use crate::{alerts::Alert, outbox::Failures};
use domain::{Clock, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use stores::{
    Names, Table, TableError,
    alerts::{Told, ToldAlert},
};

/// How long a local server tries: a day.
const PATIENCE_SECS: u64 = 86_400;

/// The places, and what they have.
pub struct Delivery {
    places: Vec<Box<dyn Place>>,
    told: Told,
    clock: Arc<dyn Clock>,
}

impl Delivery {
    pub fn new(places: Vec<Box<dyn Place>>, table: Arc<dyn Table>, names: &Names, clock: Arc<dyn Clock>) -> Self {
        Self { places, told: Told::new(table, names), clock }
    }

    /// Takes a batch of the queue: every message's body is an alert. What did not arrive everywhere comes again.
    pub async fn take(&self, event: &Value) -> Failures {
        let mut failures = Failures::default();
        let messages = event.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for message in messages {
            let text = |name| message.get(name).and_then(Value::as_str).unwrap_or_default();
            let delivered = match serde_json::from_str::<Alert>(text("body")) {
                Ok(alert) => self.deliver(&alert).await,
                Err(_) => Err("the message is no alert".to_owned()),
            };
            if let Err(problem) = delivered {
                tracing::error!(message = text("messageId"), %problem, "an alert was not delivered everywhere");
                failures.add(text("messageId"));
            }
        }
        failures
    }

    /// Delivers what is due by the list, and says how many alerts arrived everywhere.
    ///
    /// # Errors
    /// As the table.
    pub async fn turn(&self) -> Result<usize, TableError> {
        let (now, mut arrived) = (self.clock.now(), 0);
        for told in self.told.due(now).await? {
            let Ok(alert) = serde_json::from_str::<Alert>(&told.text) else {
                self.told.finished(&told.id, told.at).await?;
                continue;
            };
            match self.deliver(&alert).await {
                Ok(()) => arrived += 1,
                Err(problem) => self.postpone(&told, &problem, now).await?,
            }
        }
        Ok(arrived)
    }

    async fn postpone(&self, told: &ToldAlert, problem: &str, now: Timestamp) -> Result<(), TableError> {
        let gives_up = told.at.plus_secs(PATIENCE_SECS) < now;
        tracing::error!(alert = told.id, problem, gives_up, "an alert was not delivered everywhere");
        if gives_up { self.told.finished(&told.id, told.at).await } else { self.told.later(told, now).await }
    }

    /// Delivers an alert to the places that do not have it.
    async fn deliver(&self, alert: &Alert) -> Result<(), String> {
        let unreachable = |error: TableError| error.to_string();
        let at = Timestamp::parse_rfc3339(&alert.at).unwrap_or_default();
        let told = self.told.one(&alert.id, at).await.map_err(unreachable)?;
        let has = |place: &str| told.as_ref().is_some_and(|told| told.delivered.iter().any(|name| name == place));
        let mut failed = Vec::new();
        for place in self.places.iter().filter(|place| !has(&place.name())) {
            let now = self.clock.now();
            match place.deliver(alert, now).await {
                Ok(()) if told.is_some() => {
                    self.told.delivered(&alert.id, at, &place.name(), now).await.map_err(unreachable)?;
                }
                Ok(()) => {}
                Err(problem) => failed.push(problem),
            }
        }
        match failed.is_empty() {
            true if told.is_some() => self.told.finished(&alert.id, at).await.map_err(unreachable),
            true => Ok(()),
            false => Err(failed.join("; ")),
        }
    }
}
