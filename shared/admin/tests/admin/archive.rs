//! The audit trail as objects: each record once, and nothing removed or changed unseen.

use crate::world::{World, record, start};
use admin::{
    archive::{
        Archive, Unarchived,
        verify::{Problem, Report, verify},
    },
    metrics::Metrics,
    outbox::Record,
};
use async_trait::async_trait;
use domain::{
    KeyId, Usd,
    outward::{ObjectError, Objects},
};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Read,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use stores::{
    audit::Audit,
    calls::{CallImage, CallItem, SequenceNumber},
};

/// Objects in memory; the so-manieth write from now fails, if told so.
#[derive(Default)]
struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    fails: AtomicU32,
}

#[async_trait]
impl Objects for Memory {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ObjectError> {
        let left = self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            return Err(ObjectError { name: name.to_owned(), reason: "told to fail".to_owned() });
        }
        self.objects.lock().unwrap().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ObjectError> {
        Ok(self.objects.lock().unwrap().get(name).cloned())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        Ok(self.objects.lock().unwrap().keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }
}

impl Memory {
    fn names(&self, prefix: &str) -> Vec<String> {
        self.objects.lock().unwrap().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// Every line of every call object.
    fn lines(&self) -> Vec<Value> {
        let objects = self.objects.lock().unwrap();
        let calls = objects.iter().filter(|(name, _)| name.starts_with("audit/dt="));
        let text = calls.map(|(_, bytes)| {
            let mut text = String::new();
            GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
            text
        });
        text.collect::<String>().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn change(&self, name: &str) {
        self.objects.lock().unwrap().get_mut(name).unwrap().push(b' ');
    }

    fn remove(&self, name: &str) {
        self.objects.lock().unwrap().remove(name).unwrap();
    }
}

fn image(n: u64) -> CallImage {
    let record = record(&format!("call_{n}"), Usd::from_pico(n.into()), start().plus_secs(n * 600));
    let new = CallItem {
        key: KeyId::from("key_a"),
        lane: "key_a#0".to_owned(),
        window: "total|free".to_owned(),
        held: record.cost,
        first_cost: record.cost,
        record,
    };
    CallImage { old: None, new }
}

/// Calls ten minutes apart.
fn records(count: u64) -> Vec<Record> {
    let of =
        |n: u64| Record { id: n.to_string(), content: Ok(Some((SequenceNumber::of(u128::from(n) + 1), image(n)))) };
    (0..count).map(of).collect()
}

fn archive(world: &World) -> (Archive, Arc<Memory>) {
    let objects = Arc::new(Memory::default());
    let archive = Archive::new(objects.clone(), world.table.clone(), &world.names, world.clock.clone());
    (archive, objects)
}

fn calls(lines: &[Value]) -> Vec<String> {
    let mut calls: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    calls.sort();
    calls
}

#[tokio::test]
async fn a2_every_record_is_archived_once_however_batches_are_cut_and_repeated() {
    let world = World::new().await;
    let (archive, objects) = archive(&world);
    let records = records(10);
    let mut fresh = 0;
    for (from, to) in [(0, 4), (0, 4), (2, 7), (7, 10), (0, 10)] {
        fresh += archive.take("shardId-1", &records[from..to]).await.unwrap().len();
    }
    assert_eq!(fresh, 10);
    let mut expected: Vec<_> = (0..10).map(|n| format!("call_{n}")).collect();
    expected.sort();
    assert_eq!(calls(&objects.lines()), expected);
    let line = &objects.lines()[0];
    assert_eq!(
        (&line["record"], &line["key_id"], &line["tags"]["app"]),
        (&json!("call"), &json!("key_a"), &json!("tests"))
    );
    let names = objects.names("audit/dt=2026-11-21/hour=12/");
    assert_eq!(
        names,
        ["audit/dt=2026-11-21/hour=12/shardId-1-1-4.ndjson.gz", "audit/dt=2026-11-21/hour=12/shardId-1-5-6.ndjson.gz"]
    );
}

#[tokio::test]
async fn a2_a_batch_whose_object_could_not_be_written_is_archived_when_it_comes_again() {
    let world = World::new().await;
    let (archive, objects) = archive(&world);
    let records = records(8);
    // The first hour's object is written, the second's is not: the whole batch comes again, cut otherwise.
    objects.fails.store(2, Ordering::SeqCst);
    assert!(matches!(archive.take("s", &records).await, Err(Unarchived::Object(_))));
    archive.take("s", &records[..3]).await.unwrap();
    archive.take("s", &records[3..]).await.unwrap();
    close(&world, &archive, 2).await;
    let report = verify(&*objects).await.unwrap();
    assert_eq!((report.records, report.problems.as_slice(), report.unnamed.len()), (8, [].as_slice(), 1));
}

async fn close(world: &World, archive: &Archive, hours: u64) -> u64 {
    world.clock.advance_millis(hours * 3_600_000 + 300_000);
    archive.close().await.unwrap()
}

/// Three hours with objects, and one without.
async fn chained(world: &World) -> Arc<Memory> {
    let (archive, objects) = archive(world);
    let records = records(9);
    for (part, hours) in [(&records[..3], 1), (&records[3..6], 2), (&records[6..], 1)] {
        archive.take("s", part).await.unwrap();
        assert_eq!(close(world, &archive, hours).await, 1);
        assert_eq!(archive.close().await.unwrap(), 0, "an hour is closed once");
    }
    objects
}

#[tokio::test]
async fn a3_a_whole_archive_is_sound_and_says_where_its_chain_ends() {
    let world = World::new().await;
    let objects = chained(&world).await;
    let report = verify(&*objects).await.unwrap();
    assert_eq!((report.digests, report.records, report.is_sound(), report.unnamed.len()), (3, 9, true, 0));
    let last = objects.names("audit/_digests/").pop().unwrap();
    assert_eq!(report.last.unwrap().name, last);
}

async fn problems_after(change: impl FnOnce(&Memory, &[String], &[String])) -> Vec<Problem> {
    let world = World::new().await;
    let objects = chained(&world).await;
    change(&objects, &objects.names("audit/dt="), &objects.names("audit/_digests/"));
    let Report { problems, .. } = verify(&*objects).await.unwrap();
    problems
}

#[tokio::test]
async fn a3_what_is_removed_or_changed_is_named() {
    let names = chained(&World::new().await).await;
    let (calls, digests) = (names.names("audit/dt="), names.names("audit/_digests/"));
    let cases: [(Vec<Problem>, Vec<Problem>); 5] = [
        (problems_after(|objects, calls, _| objects.change(&calls[0])).await, vec![Problem::Changed(calls[0].clone())]),
        (problems_after(|objects, calls, _| objects.remove(&calls[1])).await, vec![Problem::Missing(calls[1].clone())]),
        (problems_after(|objects, _, digests| objects.remove(&digests[1])).await, vec![Problem::DigestMissing(2)]),
        (problems_after(|objects, _, digests| objects.remove(&digests[0])).await, vec![Problem::DigestMissing(1)]),
        (
            problems_after(|objects, _, digests| objects.change(&digests[0])).await,
            vec![Problem::DigestChanged(digests[0].clone())],
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a3_records_of_an_open_hour_are_named_by_no_digest_yet() {
    let world = World::new().await;
    let (archive, objects) = archive(&world);
    archive.take("s", &records(1)).await.unwrap();
    assert_eq!(archive.close().await.unwrap(), 0);
    let report = verify(&*objects).await.unwrap();
    assert_eq!((report.digests, report.unnamed.len(), report.is_sound()), (0, 1, true));
}

/// The ids of the requests whose changes are in the archive, in its order.
fn changes(objects: &Memory) -> Vec<String> {
    let lines = objects.lines();
    let changes = lines.iter().filter(|line| line["record"] == "admin_change");
    changes.map(|line| line["object"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a4_what_admins_changed_is_in_the_archive_once_and_in_the_chain() {
    let world = World::new().await;
    let (archive, objects) = archive(&world);
    let audit = Audit::new(world.table.clone(), world.names.clone());
    let mut keys = Vec::new();
    // Before midnight and after it, with a day in which nothing happens.
    for hours in [0, 11, 2, 30] {
        world.clock.advance_millis(hours * 3_600_000);
        keys.push(format!("key/{}", world.key(json!({ "name": "of the archive" })).await));
        assert_eq!(archive.changes(&audit).await.unwrap(), 0, "the youngest waits");
        world.clock.advance_millis(121_000);
        assert_eq!(archive.changes(&audit).await.unwrap(), 1);
        assert_eq!(archive.changes(&audit).await.unwrap(), 0, "once");
    }
    assert_eq!(changes(&objects), keys);
    let line = &objects.lines()[0];
    assert_eq!((&line["action"], &line["actor"]["kind"]), (&json!("key.create"), &json!("root_admin_key")));
    assert_eq!((&line["before"], &line["after"]["name"]), (&Value::Null, &json!("of the archive")));
    assert!(line["fingerprint"].as_str().unwrap().starts_with("sha256:"), "secrets appear as fingerprints");
    archive.take("s", &records(1)).await.unwrap();
    close(&world, &archive, 1).await;
    let report = verify(&*objects).await.unwrap();
    assert_eq!((report.records, report.is_sound(), report.unnamed.len()), (5, true, 0));
    let name = objects.names("audit/dt=2026-11-21/hour=12/admin-").pop().unwrap();
    objects.change(&name);
    assert_eq!(verify(&*objects).await.unwrap().problems, [Problem::Changed(name)]);
}

#[tokio::test]
async fn a4_changes_come_in_any_number_and_a_run_that_failed_goes_on_where_it_was() {
    let world = World::new().await;
    let (archive, objects) = archive(&world);
    let audit = Audit::new(world.table.clone(), world.names.clone());
    let mut keys = Vec::new();
    for _ in 0..100 {
        keys.push(format!("key/{}", world.key(json!({ "name": "many" })).await));
        world.clock.advance_millis(60_000);
    }
    world.clock.advance_millis(120_000);
    objects.fails.store(2, Ordering::SeqCst);
    assert!(matches!(archive.changes(&audit).await, Err(Unarchived::Object(_))));
    let (one, other) = futures::join!(archive.changes(&audit), archive.changes(&audit));
    assert_eq!(one.unwrap() + other.unwrap(), 100, "two workers at once");
    assert_eq!(changes(&objects), keys);
    close(&world, &archive, 1).await;
    let report = verify(&*objects).await.unwrap();
    assert_eq!((report.records, report.is_sound()), (100, true));
}

#[test]
fn the_dashboard_shows_metrics_that_are_told_and_under_the_dimensions_they_are_told_by() {
    let lines = Metrics::of("gate").lines(&[image(1)], start());
    let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = told.iter().map(|line| &line["_aws"]["CloudWatchMetrics"][0]).collect();
    let schemas: Vec<String> = told
        .iter()
        .map(|metric| {
            let dimensions = metric["Dimensions"][0].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            format!("{{{},{}}}", metric["Namespace"].as_str().unwrap(), dimensions.collect::<Vec<_>>().join(","))
        })
        .collect();
    let names: Vec<&str> =
        told[0]["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
    let dashboard = include_str!("../../../../infra/observability.yaml");
    let searches: Vec<&str> =
        dashboard.split("SEARCH('").skip(1).map(|rest| rest.split('\'').next().unwrap()).collect();
    assert!(!searches.is_empty());
    for search in &searches {
        let (schema, rest) = search.split_once(' ').unwrap();
        assert!(schemas.iter().any(|told| told == schema), "{search}: {schemas:?}");
        let name = rest.split("MetricName=\\\"").nth(1).unwrap().split('\\').next().unwrap();
        assert!(names.contains(&name), "{search}: {names:?}");
    }
    for name in names {
        assert!(searches.iter().any(|search| search.contains(name)), "nobody sees {name}");
    }
}

#[test]
fn x4_metrics_name_so_many_teams_and_call_the_rest_other() {
    let metrics = Metrics::of("gate");
    let of_team = |n: u64| {
        let mut image = image(n);
        image.new.record.team_id = Some(format!("t{n}"));
        image
    };
    let images: Vec<_> = (0..150).map(of_team).collect();
    let lines: Vec<Value> =
        metrics.lines(&images, start()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let teams: Vec<_> = lines.iter().filter(|line| line.get("Team").is_some()).collect();
    let other = teams.iter().find(|line| line["Team"] == "other").unwrap();
    assert_eq!((teams.len(), &other["Calls"]), (101, &json!(50)));
    let model = lines.iter().find(|line| line["Model"] == "echo-1").unwrap();
    assert_eq!((&model["Provider"], &model["Calls"], &model["Gateway"]), (&json!("echo"), &json!(150), &json!("gate")));
    let told = &model["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(told["Dimensions"], json!([["Gateway", "Provider", "Model"]]));
}
