//! When keys were last used: one write an hour and key, beside the list of calls.

use crate::{
    calls::CallItem,
    table::{Get, Key, Returns, Table, TableError, Update},
};
use domain::{KeyId, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

/// How exact it is.
const EXACT_MS: u64 = 3_600_000;
/// How long it is kept without another use.
const KEPT_SECS: u64 = 400 * 86_400;
/// How many keys are remembered.
const REMEMBERED: usize = 20_000;

/// What was written, as far as this instance knows.
#[derive(Default)]
pub struct Used(Mutex<HashMap<KeyId, Timestamp>>);

impl Used {
    /// Notes the uses of a batch. It is only a hint for people: what cannot be written now is with the next call.
    pub async fn note(&self, table: &dyn Table, quotas: &Arc<str>, calls: impl Iterator<Item = &CallItem>) {
        let mut latest: BTreeMap<&KeyId, Timestamp> = BTreeMap::new();
        for call in calls {
            let at = latest.entry(&call.key).or_default();
            *at = (*at).max(call.record.ended_at);
        }
        for (key, at) in latest.into_iter().filter(|(key, at)| self.is_news(key, *at)) {
            match write(table, quotas, key, at).await {
                Ok(()) => self.remember(key, at),
                Err(error) => tracing::warn!(%key, %error, "when a key was last used was not noted"),
            }
        }
    }

    fn is_news(&self, key: &KeyId, at: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).is_none_or(|last| at.millis_since(*last) >= EXACT_MS)
    }

    fn remember(&self, key: &KeyId, at: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key.clone(), at);
    }
}

/// When a key was last used, to the hour.
pub async fn last(table: &dyn Table, quotas: &Arc<str>, key: &KeyId) -> Result<Option<Timestamp>, TableError> {
    let get = Get { table: Arc::clone(quotas), key: place(key), consistent: false };
    Ok(table.get(&get).await?.and_then(|item| item.moment("at")))
}

async fn write(table: &dyn Table, quotas: &Arc<str>, key: &KeyId, at: Timestamp) -> Result<(), TableError> {
    let update = Update::new(quotas, place(key), "SET #at = :at, #ttl = :ttl")
        .when("attribute_not_exists(#at) OR #at <= :hour_ago")
        .name("#at", "at")
        .name("#ttl", "ttl")
        .value(":at", at)
        .value(":ttl", at.secs() + KEPT_SECS)
        .value(":hour_ago", Timestamp::from_millis(at.millis().saturating_sub(EXACT_MS)));
    match table.update(&update.returning(Returns::Nothing)).await {
        Ok(_) | Err(TableError::ConditionFailed { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn place(key: &KeyId) -> Key {
    Key::new(format!("USED#{key}"), "USED")
}
