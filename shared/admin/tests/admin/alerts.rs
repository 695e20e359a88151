//! Budget alerts: told once per key, window and threshold.

use crate::world::{World, usd};
use admin::{
    alerts::{Alert, Alerts},
    notify::{
        NotPublished, Notify, Place, Written,
        delivery::Delivery,
        webhook::{Hook, verifies},
    },
    outbox::Record,
};
use async_trait::async_trait;
use config::alerts::{Format, Webhook};
use domain::{
    Clock, KeyId, Secret,
    group::{Group, GroupKind},
    limit::{Limits, OperatorBudget, ScopeId, ScopeKind},
    outward::Post,
    time::Period,
};
use serde_json::json;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use stores::{
    alerts::Told,
    calls::{CallImage, SequenceNumber},
    groups::Groups,
    keys::Peppers,
};

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
    fn thresholds(&self) -> Vec<String> {
        self.told.lock().unwrap().iter().map(|alert| alert.threshold.clone()).collect()
    }
}

fn job(world: &World) -> (Alerts, Arc<Recording>) {
    let told = Arc::new(Recording::default());
    (alerts(world, told.clone(), vec![50, 80, 100]), told)
}

pub fn alerts(world: &World, notify: Arc<dyn Notify>, shares: Vec<u32>) -> Alerts {
    let (table, keys, ledger) = (world.table.clone(), world.keys.clone(), world.ledger.clone());
    Alerts::new(table, &world.names, keys, groups(world), ledger, notify, shares, world.clock.clone())
}

fn groups(world: &World) -> Groups {
    Groups::new(world.table.clone(), world.names.clone(), Peppers::one(Secret::new("pepper")))
}

pub fn records(images: Vec<CallImage>) -> Vec<Record> {
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
    assert_eq!(told.thresholds(), Vec::<String>::new());
    let second = records(vec![world.spend(&key, "call_2", "0.1").await]);
    for batch in [&second, &second, &first] {
        assert!(alerts.take(batch).await.ids().is_empty());
    }
    assert_eq!(told.thresholds(), ["50%"]);
    let message = serde_json::to_value(&told.told.lock().unwrap()[0]).unwrap();
    let id = message["id"].clone();
    assert!(id.as_str().unwrap().starts_with("alert_"));
    let expected = json!({ "id": id, "event": "threshold_crossed", "event_group": "key", "scope_id": key,
        "scope_name": "ci", "team_id": "t1", "window": "total", "threshold": "50%", "threshold_usd": "5", "spend": "5",
        "max_budget": "10", "soft_budget": null, "projected_exhaustion": null, "at": "2026-11-21T12:00:00.000Z" });
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
    let events: Vec<_> = told.told.lock().unwrap().iter().map(|alert| alert.event.clone()).collect();
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
    assert_eq!(told.thresholds(), Vec::<String>::new());
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
    let told: Vec<_> = told
        .told
        .lock()
        .unwrap()
        .iter()
        .map(|alert| (alert.window.clone(), alert.threshold.clone(), alert.spend.clone()))
        .collect();
    let expected = [("2026-11-22", "50%", "7"), ("2026-11-22", "projected", "7"), ("2026-11-21", "50%", "6")];
    assert_eq!(
        told,
        expected.map(|(window, threshold, spend)| (window.to_owned(), threshold.to_owned(), spend.to_owned()))
    );
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
async fn l5_a_record_that_cannot_be_read_is_left_to_the_rollups_and_holds_nobody_up() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let (alerts, told) = job(&world);
    let poison = json!({ "dynamodb": { "SequenceNumber": "77", "NewImage": { "pk": { "S": "CALL#x" } } } });
    let mut batch = vec![Record::of(&poison)];
    batch.extend(records(vec![world.spend(&key, "call_1", "5").await]));
    assert!(alerts.take(&batch).await.ids().is_empty());
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

#[tokio::test]
async fn m17_what_callers_without_a_kept_key_spend_is_told_of_for_what_stands_above_them() {
    let world = World::new().await;
    let mut team = Group::named(GroupKind::Team, "t1", "Research", world.clock.now());
    team.limits.max_budget = Some(usd("10"));
    groups(&world).create(&team).await.unwrap();
    let (alerts, told) = job(&world);
    // As somebody who came with a token: no key of this id lies in the store.
    let key = world.key(json!({ "team_id": "t1", "max_budget_usd": "10" })).await;
    let batch = records(vec![world.spend_for(&key, "call_1", "6", "t1", "ann").await]);
    world.keys.revoke(&KeyId::from(key.as_str())).await.unwrap();
    for _ in 0..2 {
        assert!(alerts.take(&batch).await.ids().is_empty());
    }
    let told = told.told.lock().unwrap().clone();
    let scopes: Vec<_> = told.iter().map(|alert| (alert.event_group.as_str(), alert.threshold.as_str())).collect();
    assert_eq!(scopes, [("team", "50%")], "not the key, which nobody asks about any more");
}

#[tokio::test]
async fn m17_a_team_s_budget_is_told_of_once_however_many_keys_spend_it() {
    let world = World::new().await;
    let mut team = Group::named(GroupKind::Team, "t1", "Research", world.clock.now());
    team.limits.max_budget = Some(usd("10"));
    team.limits.soft_budget = Some(usd("4"));
    groups(&world).create(&team).await.unwrap();
    let (alerts, told) = job(&world);
    let mut images = Vec::new();
    for n in 0..3 {
        let key = world.key(json!({ "name": format!("k{n}"), "team_id": "t1" })).await;
        images.push(world.spend(&key, &format!("call_{n}"), "2").await);
    }
    let batch = records(images);
    for _ in 0..2 {
        assert!(alerts.take(&batch).await.ids().is_empty());
    }
    assert_eq!(told.thresholds(), ["50%", "soft_budget"]);
    let alert = told.told.lock().unwrap()[0].clone();
    assert_eq!(
        (alert.event_group.as_str(), alert.scope_id.as_str(), alert.scope_name.as_str()),
        ("team", "t1", "Research")
    );
    assert_eq!((alert.spend.as_str(), alert.max_budget.as_deref()), ("6", Some("10")));
}

#[tokio::test]
async fn a_soft_budget_of_a_user_without_a_hard_one_is_told_by_the_counters() {
    let world = World::new().await;
    let mut user = Group::named(GroupKind::User, "ann", "Ann", world.clock.now());
    user.limits.soft_budget = Some(usd("3"));
    user.limits.budget_period = Period::Monthly;
    groups(&world).create(&user).await.unwrap();
    let key = world.key(json!({ "user_id": "ann" })).await;
    let (alerts, told) = job(&world);
    let batch: Vec<_> = records(vec![world.spend(&key, "call_1", "2").await, world.spend(&key, "call_2", "2").await]);
    admin::rollups::take(&world.rollups, "shard", &batch).await;
    alerts.take(&batch).await;
    let alert = told.told.lock().unwrap()[0].clone();
    assert_eq!(
        (alert.event_group.as_str(), alert.threshold.as_str(), alert.spend.as_str()),
        ("user", "soft_budget", "4")
    );
}

#[tokio::test]
async fn a_budget_that_will_not_last_is_told_of_once_with_the_moment_it_ends() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "100", "budget_period": "daily" })).await;
    let (alerts, told) = job(&world);
    alerts.take(&records(vec![world.spend(&key, "call_1", "40").await])).await;
    assert_eq!(told.thresholds(), Vec::<String>::new(), "at noon 40 of 100 is no danger");
    alerts.take(&records(vec![world.spend(&key, "call_2", "20").await])).await;
    alerts.take(&records(vec![world.spend(&key, "call_3", "1").await])).await;
    assert_eq!(told.thresholds(), ["50%", "projected"]);
    let alert = told.told.lock().unwrap()[1].clone();
    assert_eq!(alert.event, "projected_limit_exceeded");
    // 60 in twelve hours are 100 in twenty.
    assert_eq!(alert.projected_exhaustion.as_deref(), Some("2026-11-21T20:00:00.000Z"));
}

/// URL, headers and body.
type Posted = (String, Vec<(&'static str, String)>, Vec<u8>);

/// Remembers what was posted; refuses as often as asked to first.
#[derive(Default)]
struct Inbox {
    posted: Mutex<Vec<Posted>>,
    refusals: AtomicU32,
}

#[async_trait]
impl Post for Inbox {
    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16, String> {
        let left = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return Ok(503);
        }
        self.posted.lock().unwrap().push((url.to_owned(), headers.to_vec(), body));
        Ok(204)
    }
}

impl Inbox {
    fn urls(&self) -> Vec<String> {
        self.posted.lock().unwrap().iter().map(|(url, ..)| url.clone()).collect()
    }
}

fn delivery(world: &World, inbox: &Arc<Inbox>) -> Delivery {
    let hook = |url: &str, format| {
        let webhook = Webhook { url: Secret::new(url), secret: Some(Secret::new("shh")), format };
        Box::new(Hook::new(webhook, inbox.clone())) as Box<dyn Place>
    };
    let places = vec![hook("https://a.example/hook", Format::Json), hook("https://b.example/slack", Format::Slack)];
    Delivery::new(places, world.table.clone(), &world.names, world.clock.clone())
}

#[tokio::test]
async fn m17_e7_what_was_told_reaches_every_webhook_once_signed_and_again_only_where_it_did_not() {
    let world = World::new().await;
    let key = world.key(json!({ "name": "<ci>", "max_budget_usd": "10" })).await;
    let alerts = alerts(&world, Arc::new(Written), vec![50]);
    alerts.take(&records(vec![world.spend(&key, "call_1", "6").await])).await;
    let inbox = Arc::new(Inbox::default());
    inbox.refusals.store(1, Ordering::SeqCst);
    assert_eq!(delivery(&world, &inbox).turn().await.unwrap(), 0, "one of two refused");
    assert_eq!(inbox.urls(), ["https://b.example/slack"]);
    assert_eq!(delivery(&world, &inbox).turn().await.unwrap(), 0, "it is not due yet");
    world.clock.advance_millis(1000);
    // Another process goes on where this one ended.
    assert_eq!(delivery(&world, &inbox).turn().await.unwrap(), 1);
    world.clock.advance_millis(3_600_000);
    assert_eq!(delivery(&world, &inbox).turn().await.unwrap(), 0);
    assert_eq!(inbox.urls(), ["https://b.example/slack", "https://a.example/hook"]);
    let posted = inbox.posted.lock().unwrap().clone();
    let header = |n: usize, name: &str| {
        let (_, headers, _): &Posted = &posted[n];
        headers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
    };
    let sent_at = world.clock.now().millis() - 3_600_000;
    let now = domain::Timestamp::from_millis(sent_at);
    assert!(verifies(&Secret::new("shh"), &header(1, "x-portunus-signature"), &posted[1].2, now));
    let alert: Alert = serde_json::from_slice(&posted[1].2).unwrap();
    assert_eq!((alert.threshold.as_str(), &alert.id), ("50%", &header(1, "x-portunus-alert")));
    let slack: serde_json::Value = serde_json::from_slice(&posted[0].2).unwrap();
    assert_eq!(slack, json!({ "text": "*key &lt;ci&gt;* has spent $6 in total: 50% of its budget of $10." }));
    let told = Told::new(world.table.clone(), &world.names).of_day(world.clock.now()).await.unwrap();
    assert_eq!((told.len(), told[0].due, told[0].delivered.len()), (1, None, 2));
}

#[tokio::test]
async fn m17_a_queue_that_brings_an_alert_again_delivers_it_once() {
    let world = World::new().await;
    let key = world.key(json!({ "max_budget_usd": "10" })).await;
    let (alerts, told) = job(&world);
    alerts.take(&records(vec![world.spend(&key, "call_1", "6").await])).await;
    let body = serde_json::to_string(&told.told.lock().unwrap()[0]).unwrap();
    let message = |id: &str, body: &str| json!({ "messageId": id, "eventSource": "aws:sqs", "body": body });
    let event = json!({ "Records": [message("m1", &body), message("m2", "nonsense")] });
    let inbox = Arc::new(Inbox::default());
    for _ in 0..2 {
        assert_eq!(delivery(&world, &inbox).take(&event).await.ids(), ["m2"]);
    }
    assert_eq!(inbox.urls().len(), 2);
}

#[tokio::test]
async fn m17_budgets_of_models_and_of_the_operator_are_told_of_too() {
    let world = World::new().await;
    let models = json!({ "echo-*": { "max_budget_usd": "4" }, "other": { "max_budget_usd": "4" } });
    let id = world.key(json!({ "name": "ci", "model_budgets": models })).await;
    let key = world.keys.get(&KeyId::from(id.as_str())).await.unwrap().unwrap();
    let of = |kind, scope: &str| OperatorBudget {
        scope: ScopeId::new(kind, scope),
        limits: Limits { max_budget: Some(usd("4")), ..Limits::default() },
    };
    let operators =
        vec![of(ScopeKind::Provider, "echo"), of(ScopeKind::Provider, "else"), of(ScopeKind::Tag, "app=tests")];
    let mut bounds = key.bounds();
    bounds.extend(key.model_bounds().into_iter().take(1).map(|(_, bound)| bound));
    bounds.extend(operators.iter().filter(|budget| budget.scope.id != "else").flat_map(|budget| budget.bounds(1)));
    let told = Arc::new(Recording::default());
    let alerts = alerts(&world, told.clone(), vec![50]).watching(operators, 1);
    let (call, now) = (domain::CallId::from("call_1"), world.clock.now());
    let ask = domain::call::Ask {
        call: &call,
        key: &key,
        bounds: &bounds,
        worst_case: usd("2"),
        ambiguous: usd("0"),
        now,
        lease_until: now.plus_secs(60),
    };
    let held = world.ledger.reserve(&ask).await.unwrap();
    world.ledger.settle(&held, &crate::world::record("call_1", usd("2"), now)).await.unwrap();
    let image = CallImage { old: None, new: world.calls.get(&call).await.unwrap().unwrap() };
    alerts.take(&records(vec![image])).await;
    let whose = |alert: &Alert| format!("{} {} {}", alert.event_group, alert.scope_id, alert.threshold);
    let told: Vec<String> = told.told.lock().unwrap().iter().map(whose).collect();
    assert_eq!(told, [format!("model {id}/echo-* 50%"), "provider echo 50%".into(), "tag app=tests 50%".into()]);
}
