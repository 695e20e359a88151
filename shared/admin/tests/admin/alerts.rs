//! Budget alerts: told once per key, window and threshold.

use crate::world::{World, usd};
use admin::{
    alerts::{Alert, Alerts},
    notify::{NotPublished, Notify},
    outbox::Record,
};
use async_trait::async_trait;
use domain::KeyId;
use serde_json::json;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use stores::calls::{CallImage, SequenceNumber};

/// Remembers what it was told; fails as often as asked to first.
#[derive(Default)]
struct Recording {
    told: Mutex<Vec<Alert>>,
    failures: AtomicU32,
}

#[async_trait]
impl Notify for Recording {
    async fn publish(&self, alert: &Alert) -> Result<(), NotPublished> {
        let left = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err(NotPublished);
        }
        self.told.lock().unwrap().push(alert.clone());
        Ok(())
    }
}

impl Recording {
    fn thresholds(&self) -> Vec<&'static str> {
        self.told.lock().unwrap().iter().map(|alert| alert.threshold).collect()
    }
}

fn job(world: &World) -> (Alerts, Arc<Recording>) {
    let told = Arc::new(Recording::default());
    let (keys, ledger) = (Arc::clone(&world.keys), Arc::clone(&world.ledger));
    let alerts = Alerts::new(Arc::clone(&world.table), &world.names, keys, ledger, told.clone(), world.clock.clone());
    (alerts, told)
}

fn records(images: Vec<CallImage>) -> Vec<Record> {
    let numbered = images.into_iter().enumerate();
    numbered
        .map(|(n, image)| Record { id: n.to_string(), content: Ok(Some((SequenceNumber::of(n as u128), image))) })
        .collect()
}

#[tokio::test]
async fn m17_each_threshold_is_told_once_however_often_its_record_comes() {
    let world = World::new().await;
    let key = world.key(json!({ "name": "ci", "max_budget_usd": "10", "team_id": "t1" })).await;
    let (alerts, told) = job(&world);
    let first = records(vec![world.spend(&key, "call_1", "4.9").await]);
    alerts.take(&first).await;
    assert_eq!(told.thresholds(), [""; 0]);
    let second = records(vec![world.spend(&key, "call_2", "0.1").await]);
    for batch in [&second, &second, &first] {
        assert!(alerts.take(batch).await.ids().is_empty());
    }
    assert_eq!(told.thresholds(), ["50%"]);
    let message = serde_json::to_value(&told.told.lock().unwrap()[0]).unwrap();
    let expected = json!({ "event": "threshold_crossed", "event_group": "key", "key_id": key, "key_alias": "ci",
        "team_id": "t1", "window": "total", "threshold": "50%", "threshold_usd": "5", "spend": "5", "max_budget": "10",
        "soft_budget": null, "at": "2026-11-21T12:00:00.000Z" });
    assert_eq!(message, expected);
}

#[tokio::test]
async fn m17_one_call_that_crosses_several_thresholds_tells_each_of_them_once() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10", "soft_budget_usd": "7" })).await;
    let (alerts, told) = job(&world);
    let batch = records(vec![world.spend(&key, "call_1", "10").await]);
    alerts.take(&batch).await;
    alerts.take(&batch).await;
    assert_eq!(told.thresholds(), ["50%", "80%", "100%", "soft_budget"]);
    let events: Vec<_> = told.told.lock().unwrap().iter().map(|alert| alert.event).collect();
    assert_eq!(events, ["threshold_crossed", "threshold_crossed", "budget_crossed", "soft_budget_crossed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m17_workers_that_see_the_same_crossing_at_once_tell_it_once() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let (alerts, told) = job(&world);
    let mut images = Vec::new();
    for n in 0..6 {
        images.push(world.spend(&key, &format!("call_{n}"), "1").await);
    }
    let batches: Vec<_> = images.into_iter().map(|image| records(vec![image])).collect();
    let failed = futures::future::join_all(batches.iter().map(|batch| alerts.take(batch))).await;
    for (batch, _) in batches.iter().zip(failed).filter(|(_, failures)| !failures.ids().is_empty()) {
        assert!(alerts.take(batch).await.ids().is_empty());
    }
    assert_eq!(told.thresholds(), ["50%"]);
}

#[tokio::test]
async fn m17_an_alert_that_could_not_be_published_comes_again_with_its_record() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let (alerts, told) = job(&world);
    told.failures.store(1, Ordering::SeqCst);
    let batch = records(vec![world.spend(&key, "call_1", "6").await]);
    assert_eq!(alerts.take(&batch).await.ids(), ["0"]);
    assert_eq!(told.thresholds(), [""; 0]);
    assert!(alerts.take(&batch).await.ids().is_empty());
    assert_eq!(told.thresholds(), ["50%"]);
}

#[tokio::test]
async fn m17_a_budget_change_tells_again_only_what_moved() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10", "soft_budget_usd": "3" })).await;
    let (alerts, told) = job(&world);
    alerts.take(&records(vec![world.spend(&key, "call_1", "6").await])).await;
    assert_eq!(told.thresholds(), ["50%", "soft_budget"]);
    let path = format!("/admin/v1/keys/{key}");
    assert_eq!(world.patch(&path, json!({ "max_budget_usd": "12" })).await.status, 200);
    alerts.take(&records(vec![world.spend(&key, "call_2", "0.1").await])).await;
    assert_eq!(told.thresholds(), ["50%", "soft_budget", "50%"]);
    assert_eq!(told.told.lock().unwrap()[2].threshold_usd, "6");
}

#[tokio::test]
async fn m16_a_new_window_is_told_anew_and_a_late_record_belongs_to_its_own() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10", "budget_period": "daily" })).await;
    let (alerts, told) = job(&world);
    let late = records(vec![world.spend(&key, "call_1", "6").await]);
    world.clock.advance_millis(86_400_000);
    let next = records(vec![world.spend(&key, "call_2", "7").await]);
    alerts.take(&next).await;
    alerts.take(&late).await;
    let told: Vec<_> =
        told.told.lock().unwrap().iter().map(|alert| (alert.window.clone(), alert.spend.clone())).collect();
    assert_eq!(told, [("2026-11-22".to_owned(), "7".to_owned()), ("2026-11-21".to_owned(), "6".to_owned())]);
}

#[tokio::test]
async fn a_soft_budget_needs_no_hard_one() {
    let world = World::new().await;
    let key = world.key(json!({ "soft_budget_usd": "1" })).await;
    let (alerts, told) = job(&world);
    alerts.take(&records(vec![world.spend(&key, "call_1", "1").await])).await;
    assert_eq!(told.thresholds(), ["soft_budget"]);
    assert_eq!(told.told.lock().unwrap()[0].max_budget, None);
}

#[tokio::test]
async fn l5_a_record_that_cannot_be_read_is_reported_and_holds_nobody_up() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let (alerts, told) = job(&world);
    let poison = json!({ "dynamodb": { "SequenceNumber": "77", "NewImage": { "pk": { "S": "CALL#x" } } } });
    let mut batch = vec![Record::of(&poison)];
    batch.extend(records(vec![world.spend(&key, "call_1", "5").await]));
    assert_eq!(alerts.take(&batch).await.ids(), ["77"]);
    assert_eq!(told.thresholds(), ["50%"]);
}

#[tokio::test]
async fn calls_of_a_key_that_is_gone_tell_nobody() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let (alerts, told) = job(&world);
    let batch = records(vec![world.spend(&key, "call_1", "6").await]);
    world.keys.revoke(&KeyId::from(key.as_str())).await.unwrap();
    assert!(alerts.take(&batch).await.ids().is_empty());
    assert!(told.thresholds().is_empty() && usd("6") > usd("5"));
}
