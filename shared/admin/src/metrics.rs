//! Cost, calls and tokens by team and by model as CloudWatch's metrics, in the embedded metric format: lines on stdout
//! that cost no call. Names are bounded: each process tells of so many, the rest is `other` [X4].

use domain::Timestamp;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use stores::{calls::CallImage, rollups::Total};

/// The most teams, and the most models, that one process names.
const MOST_NAMES: usize = 100;
const NAMESPACE: &str = "Portunus";
const UNITS: [(&str, &str); 5] =
    [("CostUsd", "None"), ("Calls", "Count"), ("Errors", "Count"), ("InputTokens", "Count"), ("OutputTokens", "Count")];

/// Writes metrics of one gateway.
pub struct Metrics {
    gateway: String,
    named: Mutex<BTreeSet<Vec<(&'static str, String)>>>,
}

/// What a metric is about: dimensions and their values.
type Dimensions = Vec<(&'static str, String)>;

impl Metrics {
    /// The gateway's name is a dimension of everything.
    pub fn of(gateway: &str) -> Self {
        Self { gateway: gateway.to_owned(), named: Mutex::default() }
    }

    /// One line per team and per model that these records speak of.
    pub fn lines(&self, images: &[CallImage], now: Timestamp) -> Vec<String> {
        let mut sums: BTreeMap<Dimensions, Total> = BTreeMap::new();
        for image in images {
            let total = Total::of_image(image);
            for dimensions in self.dimensions(image) {
                let sum = sums.entry(dimensions).or_default();
                *sum = *sum + total;
            }
        }
        sums.iter().map(|(dimensions, total)| self.line(dimensions, total, now)).collect()
    }

    fn dimensions(&self, image: &CallImage) -> [Dimensions; 2] {
        let record = &image.new.record;
        let team = record.team_id.clone().unwrap_or_else(|| "none".to_owned());
        // A model without a price may be any text that a client wrote.
        let model = if record.unpriced || record.model.is_empty() { "other" } else { &record.model };
        let provider = if record.provider.is_empty() { "none" } else { &record.provider };
        [
            self.bounded(vec![("Team", team)]),
            self.bounded(vec![("Provider", provider.to_owned()), ("Model", model.to_owned())]),
        ]
    }

    /// These dimensions, or `other` where there is no room for one more.
    fn bounded(&self, dimensions: Dimensions) -> Dimensions {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = dimensions.len();
        let has_room = named.iter().filter(|known| known.len() == kind).count() < MOST_NAMES;
        if named.contains(&dimensions) || (has_room && named.insert(dimensions.clone())) {
            return dimensions;
        }
        dimensions.into_iter().map(|(name, _)| (name, "other".to_owned())).collect()
    }

    fn line(&self, dimensions: &Dimensions, total: &Total, now: Timestamp) -> String {
        let names: Vec<&str> = std::iter::once("Gateway").chain(dimensions.iter().map(|(name, _)| *name)).collect();
        let metrics = UNITS.map(|(name, unit)| json!({ "Name": name, "Unit": unit }));
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({ "Timestamp": now.millis(), "CloudWatchMetrics": [
            { "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics } ] }),
        );
        line.insert("Gateway".to_owned(), json!(self.gateway));
        line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(UNITS.iter().map(|(name, _)| ((*name).to_owned(), value(name, total))));
        Value::Object(line).to_string()
    }
}

fn value(name: &str, total: &Total) -> Value {
    match name {
        // The decimal text of an amount is a number as JSON writes them.
        "CostUsd" => serde_json::from_str(&total.cost.to_string()).unwrap_or_default(),
        "Calls" => json!(total.calls as i64),
        "Errors" => json!(total.errors as i64),
        "InputTokens" => json!((total.input + total.cache_read + total.cache_write) as i64),
        _ => json!(total.output as i64),
    }
}
